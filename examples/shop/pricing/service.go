package pricing

import (
	"errors"
	"log/slog"
	"net/http"

	"example.com/shop/server"
)

// Handler serves the catalogue over HTTP.
func Handler(c *Catalogue, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()

	mux.HandleFunc("GET /prices/{sku}", func(w http.ResponseWriter, r *http.Request) {
		p, err := c.Product(r.PathValue("sku"))
		switch {
		case errors.Is(err, ErrUnknown):
			server.Fail(w, http.StatusNotFound, err)
		case err != nil:
			log.Error("price lookup failed", "sku", r.PathValue("sku"), "err", err)
			server.Fail(w, http.StatusInternalServerError, errors.New("price lookup failed"))
		default:
			server.Reply(w, http.StatusOK, p)
		}
	})

	mux.HandleFunc("GET /prices/{sku}/lows", func(w http.ResponseWriter, r *http.Request) {
		days, err := c.LowestEver(r.PathValue("sku"))
		if err != nil {
			log.Error("price history failed", "sku", r.PathValue("sku"), "err", err)
			server.Fail(w, http.StatusInternalServerError, errors.New("price history failed"))
			return
		}
		server.Reply(w, http.StatusOK, map[string]int{"days": days})
	})

	return mux
}
