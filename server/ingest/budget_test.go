package ingest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudgetOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100, time.Minute, 10)
		held, err := b.acquire(t.Context(), 80)
		if err != nil {
			t.Fatal(err)
		}
		var order []int64
		var leases []*lease
		var mu sync.Mutex
		for _, n := range []int64{50, 10, 60} { // 10 would fit, but 50 was first
			go func() {
				l, err := b.acquire(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				order, leases = append(order, n), append(leases, l)
			}()
			synctest.Wait()
		}
		if used, waiting, _ := b.inFlight(); used != 80 || waiting != 3 {
			t.Errorf("%d bytes in flight, %d wait; want 80 and 3", used, waiting)
		}
		held.release()
		synctest.Wait()
		mu.Lock()
		slices.Sort(order) // both at once
		if !slices.Equal(order, []int64{10, 50}) {
			t.Errorf("granted %v; want 50 and 10", order)
		}
		leases[0].release()
		leases[1].release()
		leases[0].release() // twice is no harm
		mu.Unlock()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(order) != 3 {
			t.Errorf("granted %v; want all three", order)
		}
		leases[2].release()
	})
}

func TestBudgetTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100, time.Second, 2)
		held, _ := b.acquire(t.Context(), 1000) // clipped to the whole
		begin := time.Now()
		if _, err := b.acquire(t.Context(), 1); err != errBusy || time.Since(begin) != time.Second {
			t.Errorf("%v after %v; want errBusy after a second", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := b.acquire(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v; want the context's error", err)
		}
		for range 2 {
			go b.acquire(t.Context(), 1)
		}
		synctest.Wait()
		begin = time.Now()
		if _, err := b.acquire(t.Context(), 1); err != errBusy || time.Since(begin) != 0 {
			t.Errorf("the third to wait: %v after %v; want errBusy at once", err, time.Since(begin))
		}
		time.Sleep(2 * time.Second) // of the bubble's clock
		if held.grow(101) != true {
			t.Error("a lease of everything cannot be asked to be more")
		}
		held.release()
		if used, waiting, _ := b.inFlight(); used != 0 || waiting != 0 {
			t.Errorf("%d bytes in flight, %d wait; want none", used, waiting)
		}
	})
}

// A large request that gives up must let a small one behind it through.
func TestBudgetGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100, time.Minute, 10)
		held, _ := b.acquire(t.Context(), 80)
		ctx, cancel := context.WithCancel(t.Context())
		go b.acquire(ctx, 90)
		synctest.Wait()
		granted := make(chan *lease, 1)
		go func() {
			l, _ := b.acquire(t.Context(), 10)
			granted <- l
		}()
		synctest.Wait()
		cancel()
		(<-granted).release()
		held.release()
	})
}

// Who arrives slowly has the room until others need it.
func TestBudgetRevokesSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100, time.Minute, 10)
		var cut []string
		receive := func(name string, n, want, got int64) *lease {
			l, err := b.acquire(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			l.arriving(want, func() { cut = append(cut, name) })
			l.got.Store(got)
			return l
		}
		fast := receive("fast", 40, 1000, 900)
		slow := receive("slow", 30, 1000, 100)
		slowest := receive("slowest", 30, 1000, 0)
		time.Sleep(time.Hour)
		if len(cut) != 0 {
			t.Errorf("cut %v while nobody waited", cut)
		}
		fast.got.Store(1000)
		fast.start = time.Now()
		done := make(chan *lease)
		go func() {
			l, err := b.acquire(t.Context(), 60)
			if err != nil {
				t.Error(err)
			}
			done <- l
		}()
		synctest.Wait()
		if !slices.Equal(cut, []string{"slowest"}) {
			t.Errorf("cut %v; want the slowest first", cut)
		}
		if !slowest.arrived() {
			t.Error("the lease does not say that it was revoked")
		}
		slowest.release()
		time.Sleep(slowCheck)
		synctest.Wait()
		if !slices.Equal(cut, []string{"slowest", "slow"}) {
			t.Errorf("cut %v; want the slow one, too, and not the fast one", cut)
		}
		slow.arrived()
		slow.release()
		l := <-done
		if fast.arrived() {
			t.Error("the fast one was revoked")
		}
		fast.release()
		l.release()
		if used, _, revoked := b.inFlight(); used != 0 || revoked != 2 {
			t.Errorf("%d bytes in flight, %d revoked; want 0 and 2", used, revoked)
		}
	})
}

// Whatever is asked and given back, the budget is not exceeded and nothing of
// it is lost.
func TestBudgetRandom(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(1000, 50*time.Millisecond, 5)
			var wg sync.WaitGroup
			for k := range uint64(20) {
				r := rand.New(rand.NewPCG(seed, k))
				wg.Go(func() {
					for range 100 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(100))*time.Millisecond)
						l, err := b.acquire(ctx, 1+r.Int64N(600))
						cancel()
						if err != nil {
							continue
						}
						if r.IntN(2) == 0 {
							l.arriving(1000, func() {})
							time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
							l.arrived()
						}
						l.grow(r.Int64N(1200))
						if used, _, _ := b.inFlight(); used > b.size || used < l.n {
							t.Errorf("%d of %d bytes in flight, one lease has %d", used, b.size, l.n)
						}
						time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
						l.shrink(r.Int64N(600))
						l.release()
					}
				})
			}
			wg.Wait()
			if used, waiting, _ := b.inFlight(); used != 0 || waiting != 0 || len(b.receiving) != 0 {
				t.Errorf("at the end %d bytes are in flight, %d wait, %d are received", used, waiting, len(b.receiving))
			}
		})
	}
}
