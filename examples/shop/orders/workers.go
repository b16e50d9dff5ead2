package orders

import (
	"errors"
	"log/slog"
	"sync"
)

// ErrBusy says that the workers have more than enough to do.
var ErrBusy = errors.New("too many orders waiting")

// Workers place orders, a few at a time, and confirm them afterwards.
type Workers struct {
	store *Store
	log   *slog.Logger

	jobs   chan job
	placed chan Order

	workers, notifier sync.WaitGroup
}

type job struct {
	order Order
	done  chan<- error
}

// StartWorkers starts n workers on store. Stop ends them.
func StartWorkers(n int, store *Store, log *slog.Logger) *Workers {
	w := &Workers{
		store:  store,
		log:    log,
		jobs:   make(chan job, 4*n),
		placed: make(chan Order, 1024),
	}
	for range n {
		w.workers.Go(w.work)
	}
	w.notifier.Go(w.notify)
	return w
}

// Place hands an order to the workers and waits until one has placed it.
func (w *Workers) Place(o Order) error {
	done := make(chan error, 1)
	select {
	case w.jobs <- job{o, done}:
		return <-done
	default:
		return ErrBusy
	}
}

// Stop ends the workers once they have done what was handed to them.
func (w *Workers) Stop() {
	close(w.jobs)
	w.workers.Wait()
	close(w.placed)
	w.notifier.Wait()
}

func (w *Workers) work() {
	for j := range w.jobs {
		err := w.store.Place(j.order)
		j.done <- err
		if err != nil {
			continue
		}
		w.log.Info("order placed", "order", j.order.ID, "lines", len(j.order.Lines), "cents", j.order.Total())
		select {
		case w.placed <- j.order:
		default:
			w.log.Warn("confirmation dropped", "order", j.order.ID)
		}
	}
}

// notify tells customers that their order was placed. The request that placed
// it has usually been answered by then.
func (w *Workers) notify() {
	for o := range w.placed {
		if err := w.store.Confirm(o); err != nil {
			w.log.Error("confirmation failed", "order", o.ID, "err", err)
			continue
		}
		w.log.Info("confirmation sent", "order", o.ID, "customer", o.Customer)
	}
}
