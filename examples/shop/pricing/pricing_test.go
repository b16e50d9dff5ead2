package pricing

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"example.com/shop/database/databasetest"
)

func TestClientAndService(t *testing.T) {
	for name, db := range databasetest.Names(t, filepath.Join(t.TempDir(), "pricing.db")) {
		t.Run(name, func(t *testing.T) {
			c, err := OpenCatalogue(db)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			srv := httptest.NewServer(Handler(c, slog.New(slog.DiscardHandler)))
			defer srv.Close()
			client := NewClient(srv.URL)

			if p, err := client.Product("mug"); err != nil || p.Cents != 1450 {
				t.Errorf("mug: got %+v, %v; want 1450 cents", p, err)
			}
			if _, err := client.Product("unicorn"); !errors.Is(err, ErrUnknown) {
				t.Errorf("unicorn: got %v, want ErrUnknown", err)
			}
			if _, err := client.Product("gift-card"); err == nil || errors.Is(err, ErrUnknown) {
				t.Errorf("gift card without a price: got %v, want an error of the service", err)
			}
			if days, err := client.LowestEver("mug"); err != nil || days < 2 {
				t.Errorf("price history: got %d days, %v", days, err)
			}
		})
	}
}

func TestSchemaIsAppliedOnce(t *testing.T) {
	db := filepath.Join(t.TempDir(), "pricing.db")
	for range 2 {
		c, err := OpenCatalogue(db)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := c.db.QueryRow(`SELECT count(*) FROM price_history WHERE sku = 'mug'`).Scan(&n); err != nil || n != 1000 {
			t.Errorf("price history of the mug: %d days, %v; want 1000", n, err)
		}
		c.Close()
	}
}
