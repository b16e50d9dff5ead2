package lines

import (
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

func check(t *testing.T, url string) {
	t.Helper()
	if code, err := Get(url); code != 200 || err != nil {
		t.Errorf("in a helper: %d, %v", code, err != nil)
	}
	inner(t)
}

func inner(t testing.TB) {
	t.Helper()
	t.Log("in a helper of a helper")
}

func TestLines(t *testing.T) {
	t.Log("here")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Logf("in a handler of %s", r.URL.Path)
		inner(t)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer srv.Close()
	check(t, srv.URL)
	t.Run("sub", func(t *testing.T) {
		t.Cleanup(func() { t.Log("in a cleanup") })
		func() {
			t.Helper()
			t.Error("in a closure")
		}()
		check(t, srv.URL)
		t.Fatal("end")
	})
	log.New(os.Stdout, "", log.Lshortfile).Print("log")
	slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{AddSource: true, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})).Info("slog")
}

func FuzzLines(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, n int) {
		t.Errorf("fuzzed %d", n)
	})
}

// Examples run last.
func ExampleGet() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer srv.Close()
	_, _ = Get(srv.URL)
	var m map[string]int
	m["x"] = 1
	// Output: it has none
}
