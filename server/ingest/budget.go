package ingest

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// budget bounds the bytes of all requests in flight together, whichever
// protocol they came by. A request holds a lease from before its body is read
// until it is stored or refused, so memory is bounded by the budget and not by
// the number of clients.
//
// A request that finds the budget used up waits, in order of arrival, for a
// bounded time, among a bounded number. While somebody waits, a lease whose
// request arrives too slowly is revoked: a slow client has room as long as
// nobody else needs it, and cannot hold the others up.
type budget struct {
	size       int64
	wait       time.Duration // how long a request waits at most
	maxWaiters int

	mu        sync.Mutex
	used      int64
	waiters   list.List // of *waiter
	receiving map[*lease]struct{}
	revoked   int64 // leases taken from slow clients, since the start
}

type waiter struct {
	n     int64
	ready chan struct{} // closed when n is granted
}

const (
	// A request still arriving is slow, and its lease may be revoked, when at
	// its rate so far it will take longer than slowTotal, but not before slowGrace
	// is over.
	slowGrace = time.Second
	slowTotal = 10 * time.Second
	// How often one who waits looks for slow ones.
	slowCheck = 100 * time.Millisecond
)

// errBusy says that the budget is used up. The client is to try again.
var errBusy = errors.New("too many bytes of requests in flight; try again later")

func newBudget(size int64, wait time.Duration, maxWaiters int) *budget {
	return &budget{size: size, wait: wait, maxWaiters: maxWaiters, receiving: map[*lease]struct{}{}}
}

// lease is a request's part of the budget.
type lease struct {
	b     *budget
	n     int64
	start time.Time
	want  int64        // bytes that are to arrive
	got   atomic.Int64 // bytes that did
	cut   func()       // ends the reading of the request; called with b.mu held
	slow  bool         // revoked because it arrived too slowly
}

// acquire returns a lease of n bytes, or errBusy, or the context's error.
func (b *budget) acquire(ctx context.Context, n int64) (*lease, error) {
	n = min(n, b.size)
	b.mu.Lock()
	if b.waiters.Len() == 0 && b.used+n <= b.size {
		b.used += n
		b.mu.Unlock()
		return &lease{b: b, n: n}, nil
	}
	if b.waiters.Len() >= b.maxWaiters || b.wait <= 0 {
		b.revoke()
		b.mu.Unlock()
		return nil, errBusy
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	e := b.waiters.PushBack(w)
	b.revoke()
	b.mu.Unlock()

	timeout := time.NewTimer(b.wait)
	defer timeout.Stop()
	check := time.NewTicker(slowCheck)
	defer check.Stop()
	for {
		err := errBusy
		select {
		case <-w.ready:
			return &lease{b: b, n: n}, nil
		case <-check.C:
			b.mu.Lock()
			b.revoke()
			b.mu.Unlock()
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-timeout.C:
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case <-w.ready: // granted in the same moment
			if err == errBusy {
				return &lease{b: b, n: n}, nil
			}
			b.used -= n
		default:
			b.waiters.Remove(e)
		}
		b.grant() // one behind may fit where this one did not
		return nil, err
	}
}

// grant gives what is free to those who wait, in order.
func (b *budget) grant() {
	for e := b.waiters.Front(); e != nil; e = b.waiters.Front() {
		w := e.Value.(*waiter)
		if b.used+w.n > b.size {
			return
		}
		b.used += w.n
		b.waiters.Remove(e)
		close(w.ready)
	}
}

// revoke ends the slowest request still arriving, if one is slow.
func (b *budget) revoke() {
	now := time.Now()
	var slowest *lease
	var longest time.Duration
	for l := range b.receiving {
		since := now.Sub(l.start)
		if since < slowGrace {
			continue
		}
		total := time.Duration(float64(since) * float64(max(l.want, 1)) / float64(max(l.got.Load(), 1)))
		if total < 0 { // overflow: as good as never
			total = 1<<63 - 1
		}
		if total > slowTotal && total > longest {
			slowest, longest = l, total
		}
	}
	if slowest != nil {
		delete(b.receiving, slowest)
		slowest.slow = true
		b.revoked++
		slowest.cut()
	}
}

// arriving says that want bytes are about to be read, and that cut ends that.
func (l *lease) arriving(want int64, cut func()) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.start, l.want, l.cut = time.Now(), want, cut
	l.b.receiving[l] = struct{}{}
}

// arrived says that the request was read, or never will be. It reports whether
// the lease was revoked meanwhile. After it cut is not called.
func (l *lease) arrived() (revoked bool) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	delete(l.b.receiving, l)
	return l.slow
}

// grow makes the lease at least n bytes without waiting: one who holds a part
// of the budget and waits for more would hold up the others.
func (l *lease) grow(n int64) bool {
	n = min(n, l.b.size)
	if n <= l.n {
		return true
	}
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.b.used+n-l.n > l.b.size {
		return false
	}
	l.b.used += n - l.n
	l.n = n
	return true
}

// shrink gives back what exceeds n bytes.
func (l *lease) shrink(n int64) {
	if n >= l.n {
		return
	}
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	l.b.used -= l.n - n
	l.n = n
	l.b.grant()
}

// release gives the lease back. It may be called twice.
func (l *lease) release() { l.shrink(0) }

// inFlight returns the bytes leased, the requests that wait, and how many
// leases were revoked.
func (b *budget) inFlight() (used int64, waiting int, revoked int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.waiters.Len(), b.revoked
}
