package orders

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/shop/database/databasetest"
)

var quiet = slog.New(slog.DiscardHandler)

func openStore(t *testing.T, db string) *Store {
	t.Helper()
	s, err := OpenStore(db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestPlaceAndShow(t *testing.T) {
	for name, db := range databasetest.Names(t, filepath.Join(t.TempDir(), "orders.db")) {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, db)
			w := StartWorkers(2, s, quiet)
			defer w.Stop()
			srv := httptest.NewServer(Handler(s, w, quiet))
			defer srv.Close()

			status, placed := post(t, srv.URL, `{"customer":"Ada","lines":[{"sku":"mug","quantity":2,"cents":1450},{"sku":"rug","quantity":1,"cents":24900}]}`)
			if status != http.StatusCreated || placed.ID == "" || placed.Total() != 27800 {
				t.Fatalf("place: status %d, order %+v", status, placed)
			}

			resp, err := http.Get(srv.URL + "/orders/" + placed.ID)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var shown Order
			if err := json.NewDecoder(resp.Body).Decode(&shown); err != nil || shown.Customer != "Ada" || len(shown.Lines) != 2 {
				t.Errorf("show: %+v, %v", shown, err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "orders.db"))
	w := StartWorkers(1, s, quiet)
	defer w.Stop()
	srv := httptest.NewServer(Handler(s, w, quiet))
	defer srv.Close()

	for body, want := range map[string]int{
		`{`:                                      http.StatusBadRequest,
		`{"lines":[{"sku":"mug","quantity":1}]}`: http.StatusBadRequest,
		`{"customer":"Ada"}`:                     http.StatusBadRequest,
		`{"customer":"Ada","lines":[{"sku":"mug","quantity":0}]}`:  http.StatusBadRequest,
		`{"customer":"Ada","lines":[{"sku":"sofa","quantity":9}]}`: http.StatusConflict,
	} {
		if got, _ := post(t, srv.URL, body); got != want {
			t.Errorf("%s: status %d, want %d", body, got, want)
		}
	}
	resp, err := http.Get(srv.URL + "/orders/none")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("unknown order: status %d", resp.StatusCode)
	}
}

// However many customers want it, stock is sold once.
func TestStockIsSoldOnce(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "orders.db"))
	w := StartWorkers(4, s, quiet)
	var mu sync.Mutex
	var sold, refused, busy int
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			err := w.Place(Order{ID: string(rune('a' + i)), Customer: "Ada", Lines: []Line{{SKU: "sofa", Quantity: 1}}})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				sold++
			case errors.Is(err, ErrOutOfStock):
				refused++
			case errors.Is(err, ErrBusy):
				busy++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.Stop()

	if sold != 3 || sold+refused+busy != 12 {
		t.Errorf("of 3 sofas, %d sold, %d refused, %d busy", sold, refused, busy)
	}
	var confirmed int
	if err := s.db.QueryRow(`SELECT count(*) FROM confirmation`).Scan(&confirmed); err != nil || confirmed != sold {
		t.Errorf("%d confirmations, %v; want %d", confirmed, err, sold)
	}
}

func post(t *testing.T, url, body string) (status int, o Order) {
	t.Helper()
	resp, err := http.Post(url+"/orders", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusCreated {
		if err := json.Unmarshal(buf.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode, o
}
