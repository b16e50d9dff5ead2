package orders

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"example.com/shop/server"
)

// Handler serves orders over HTTP.
func Handler(s *Store, w *Workers, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(rw http.ResponseWriter, r *http.Request) { place(w, log, rw, r) })
	mux.HandleFunc("GET /orders/{id}", func(rw http.ResponseWriter, r *http.Request) { show(s, log, rw, r) })
	return mux
}

func place(w *Workers, log *slog.Logger, rw http.ResponseWriter, r *http.Request) {
	var o Order
	if err := json.NewDecoder(http.MaxBytesReader(rw, r.Body, 1<<20)).Decode(&o); err != nil {
		server.Fail(rw, http.StatusBadRequest, err)
		return
	}
	if err := o.Check(); err != nil {
		server.Fail(rw, http.StatusBadRequest, err)
		return
	}
	o.ID = rand.Text()

	switch err := w.Place(o); {
	case errors.Is(err, ErrOutOfStock):
		log.Warn("order refused", "customer", o.Customer, "err", err)
		server.Fail(rw, http.StatusConflict, err)
	case errors.Is(err, ErrBusy):
		server.Fail(rw, http.StatusServiceUnavailable, err)
	case err != nil:
		log.Error("order failed", "customer", o.Customer, "err", err)
		server.Fail(rw, http.StatusInternalServerError, errors.New("order failed"))
	default:
		server.Reply(rw, http.StatusCreated, o)
	}
}

func show(s *Store, log *slog.Logger, rw http.ResponseWriter, r *http.Request) {
	o, err := s.Order(r.PathValue("id"))
	switch {
	case errors.Is(err, ErrUnknown):
		server.Fail(rw, http.StatusNotFound, err)
	case err != nil:
		log.Error("read order failed", "err", err)
		server.Fail(rw, http.StatusInternalServerError, errors.New("read order failed"))
	default:
		server.Reply(rw, http.StatusOK, o)
	}
}
