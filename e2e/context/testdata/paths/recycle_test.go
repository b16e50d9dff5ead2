package paths

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// A pool of workers in the requests 1 to n: each task says which request it
// belongs to and is compared with what its worker finds.
type tasks struct {
	mu           sync.Mutex
	right, wrong int
	none         int
}

func (k *tasks) check(want uint64) {
	got := current()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch got {
	case want:
		k.right++
	case 0:
		k.none++
	default:
		k.wrong++
	}
}

// reportSome is report for what costs the context of some tasks, until it is known
// for what it is.
func (k *tasks) reportSome(t *testing.T, total, some int) {
	t.Helper()
	if k.wrong != 0 || k.right < total-some {
		t.Errorf("%d right, %d wrong, %d without a request; want %d right and none wrong", k.right, k.wrong, k.none, total-some)
	}
}

func (k *tasks) report(t *testing.T, total int) {
	t.Helper()
	if k.right != total {
		t.Errorf("%d right, %d wrong, %d without a request; want %d right", k.right, k.wrong, k.none, total)
	}
}

// TestFreeList: handlers that take a buffer from a list and put it back are not
// thereby in the request that had the buffer before, nor are their children.
func TestFreeList(t *testing.T) {
	type buffer []byte
	for _, prefilled := range []bool{true, false} {
		t.Run(fmt.Sprint("prefilled=", prefilled), func(t *testing.T) {
			free := make(chan buffer, 8)
			if prefilled {
				for range cap(free) {
					free <- make(buffer, 10)
				}
			}
			const total = 2000
			var k tasks
			work := make(chan uint64)
			var workers sync.WaitGroup
			for range 4 {
				workers.Go(func() {
					for n := range work {
						k.check(n)
						var b buffer
						select {
						case b = <-free:
						default:
							b = make(buffer, 10)
						}
						b = append(b[:0], 1)
						other := make(chan int, 1) // as a call to anything would
						go func() { other <- 1 }()
						<-other
						other <- 1
						<-other
						k.check(n) // still
						select {
						case free <- b:
						default:
						}
					}
				})
			}
			as(1, func() {
				for n := uint64(1); n <= total; n++ {
					own(n)
					work <- n
				}
			})
			close(work)
			workers.Wait()
			if !prefilled {
				// A list that fills up lazily looks like a queue until the first buffer
				// comes back from somebody who had taken it from there.
				if k.wrong > 2*cap(free)+8 {
					t.Errorf("%d of %d wrong", k.wrong, 2*total)
				}
				return
			}
			k.reportSome(t, 2*total, 20)
		})
	}
}

// TestFreeListWaiting covers the direct path: somebody waits for a buffer, and
// gets it from the hands of whoever gives it back.
func TestFreeListWaiting(t *testing.T) {
	free := make(chan *int, 1)
	free <- new(int)
	const total = 2000
	var k tasks
	work := make(chan uint64)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for n := range work {
				b := <-free
				other := make(chan *int, 2)
				for range 5 {
					other <- b
					<-other
				}
				k.check(n)
				free <- b
			}
		})
	}
	as(1, func() {
		for n := uint64(1); n <= total; n++ {
			own(n)
			work <- n
		}
	})
	close(work)
	workers.Wait()
	k.reportSome(t, total, 20)
}

// TestSemaphore: a channel of tokens, none of which is anybody's own.
func TestSemaphore(t *testing.T) {
	testSemaphore(t, true)
	testSemaphore(t, 7)
	testSemaphore(t, struct{}{})
}

func testSemaphore[T any](t *testing.T, token T) {
	t.Run(fmt.Sprintf("%T", token), func(t *testing.T) {
		sem := make(chan T, 3)
		const total = 1000
		var k tasks
		var wg sync.WaitGroup
		for n := uint64(1); n <= total; n++ {
			as(n, func() {
				wg.Go(func() {
					sem <- token
					runtime.Gosched()
					<-sem
					k.check(n)
				})
			})
		}
		wg.Wait()
		// The first tokens that go round may mislead.
		if k.right < total-10 {
			t.Errorf("%d right, %d wrong, %d without of %d", k.right, k.wrong, k.none, total)
		}
	})
}

// TestLimit is the way of golang.org/x/sync/errgroup: as many goroutines as there
// are tokens, started from several requests.
func TestLimit(t *testing.T) {
	const each = 500
	var k tasks
	var requests sync.WaitGroup
	sem := make(chan struct{}, 4)
	for r := uint64(1); r <= 4; r++ {
		requests.Go(func() {
			own(r)
			var group sync.WaitGroup
			for range each {
				sem <- struct{}{}
				group.Go(func() {
					k.check(r)
					<-sem
					k.check(r)
				})
			}
			group.Wait()
		})
	}
	requests.Wait()
	k.report(t, 2*4*each)
}

// TestPoolSubmit is the way of ants and similar pools: a list of idle workers,
// each with a channel of its own, from which the submitter takes one.
func TestPoolSubmit(t *testing.T) {
	type idle struct{ task chan func() }
	var mu sync.Mutex
	var free []*idle
	var k tasks
	var done sync.WaitGroup
	submit := func(f func()) {
		mu.Lock()
		var w *idle
		if n := len(free); n > 0 {
			w, free = free[n-1], free[:n-1]
		}
		mu.Unlock()
		if w == nil {
			w = &idle{make(chan func(), 1)}
			go func() {
				for f := range w.task {
					f()
					mu.Lock()
					free = append(free, w)
					mu.Unlock()
				}
			}()
		}
		w.task <- f
	}
	const total = 2000
	done.Add(total)
	for n := uint64(1); n <= total; n++ {
		as(n, func() {
			submit(func() {
				defer done.Done()
				k.check(n)
			})
		})
	}
	done.Wait()
	k.report(t, total)
}

// TestFanIn: many producers, one consumer, which is with each value where that
// comes from.
func TestFanIn(t *testing.T) {
	for _, cap := range []int{0, 1, 16, 200} {
		const total = 1000
		in := make([]chan uint64, 4)
		out := make(chan uint64, cap)
		var forward, consumer sync.WaitGroup
		for i := range in {
			in[i] = make(chan uint64, cap)
			forward.Go(func() {
				for v := range in[i] {
					out <- v
				}
			})
		}
		var k tasks
		consumer.Go(func() {
			for v := range out {
				k.check(v)
			}
		})
		as(1, func() {
			for n := uint64(1); n <= total; n++ {
				own(n)
				in[n%4] <- n
			}
		})
		for _, c := range in {
			close(c)
		}
		forward.Wait()
		close(out)
		consumer.Wait()
		k.report(t, total)
	}
}

// TestCollector: an adoption ends with the next value, with WeftLoopEnd, which
// the weaver puts after loops that receive, and never reaches further.
func TestCollector(t *testing.T) {
	b, results := newBox(), make(chan int, 3)
	for n := uint64(1); n <= 3; n++ {
		as(n, func() { results <- 1 })
	}
	go func() {
		for range 3 {
			<-results
		}
		b.here()
		runtime.WeftLoopEnd()
		b.here()
		go b.here()
	}()
	b.want(t, 3)
	b.want(t, 0)
	b.want(t, 0)

	// A loop that adopted nothing loses nothing.
	as(4, func() {
		runtime.WeftLoopEnd()
		b.here()
		go func() {
			runtime.WeftLoopEnd()
			b.here()
		}()
	})
	b.want(t, 4)
	b.want(t, 4)
}

// TestCollectorInside: a goroutine of a request that collects results of the same
// request stays in it, in the span that it was born in.
func TestCollectorInside(t *testing.T) {
	b, results := newBox(), make(chan int)
	as(1, func() {
		go func() {
			<-results
			b.put(runtime.WeftG().Span)
			runtime.WeftLoopEnd()
			b.here()
			<-results // of another request
			runtime.WeftLoopEnd()
			b.here()
		}()
		runtime.WeftG().Span = 77 // a child of span 1
		results <- 1
		b.want(t, 1)
		b.want(t, 1)
	})
	as(2, func() { results <- 1 })
	b.want(t, 0)
}

// TestRetry shows what is not covered: a worker that puts a failed task back
// where it has taken it from makes its queue look like a free list. The tasks
// then have no request; never a wrong one.
func TestRetry(t *testing.T) {
	type task struct {
		request uint64
		failed  bool
	}
	queue := make(chan *task, 10)
	var k tasks
	var done, workers sync.WaitGroup
	const total = 500
	done.Add(total)
	for range 2 {
		workers.Go(func() {
			for w := range queue {
				k.check(w.request)
				if w.request%100 == 0 && !w.failed {
					w.failed = true
					queue <- w
					continue
				}
				done.Done()
			}
		})
	}
	for n := uint64(1); n <= total; n++ {
		as(n, func() { queue <- &task{request: n} })
	}
	done.Wait()
	close(queue)
	workers.Wait()
	if k.wrong != 0 {
		t.Errorf("%d wrong, %d right, %d without", k.wrong, k.right, k.none)
	}
}

// TestBegan: a goroutine that has begun a trace, and left it, does not come back
// into it by an answer. Weft/trace leaves it with the trace id, without a span.
func TestBegan(t *testing.T) {
	for _, cap := range []int{0, 1, 3} {
		b, answers := newBox(), make(chan int, cap)
		as(1, func() {
			go as(1, func() { answers <- 1 })
			*runtime.WeftG() = runtime.WeftContext{TraceHi: 1, TraceLo: 1}
			<-answers
			b.put(runtime.WeftG().Span)
			go func() { b.put(runtime.WeftG().TraceLo) }() // it passes nothing on
			b.want(t, 0)
			b.want(t, 0)
			go as(2, func() { answers <- 1 })
			<-answers // nor into another one: it has work of its own
			b.put(runtime.WeftG().Span)
			b.want(t, 0)
		})
	}
}

// TestIdleWorkers: workers report by sending the channel on which they take a
// task. The one who gives it to them stays where he is.
func TestIdleWorkers(t *testing.T) {
	idle := make(chan chan uint64, 4)
	var k tasks
	var done sync.WaitGroup
	for range 4 {
		mine := make(chan uint64)
		go func() {
			for {
				idle <- mine
				k.check(<-mine)
				done.Done()
			}
		}()
	}
	const total = 1000
	done.Add(total)
	for n := uint64(1); n <= total; n++ {
		as(n, func() {
			go func() {
				worker := <-idle
				worker <- n
			}()
		})
	}
	done.Wait()
	k.report(t, total)
}

// TestConnPool: whoever looks whether there is a connection to reuse, and makes
// one if not, stays in its own request.
func TestConnPool(t *testing.T) {
	type conn struct{ uses int }
	pool := make(chan *conn, 3)
	work := make(chan uint64)
	var k tasks
	var workers sync.WaitGroup
	for range 6 {
		workers.Go(func() {
			for n := range work {
				var c *conn
				select {
				case c = <-pool:
				default:
					c = new(conn)
				}
				runtime.Gosched()
				k.check(n)
				select {
				case pool <- c:
				default:
				}
				k.check(n)
			}
		})
	}
	const total = 1000
	as(1, func() {
		for n := uint64(1); n <= total; n++ {
			own(n)
			work <- n
		}
	})
	close(work)
	workers.Wait()
	k.reportSome(t, 2*total, 100)
}

// TestPolling shows what is not covered: a worker that only ever looks whether there
// is work, as others look whether there is something to use again, is in no request.
func TestPolling(t *testing.T) {
	work := make(chan uint64, 10)
	var k tasks
	var done sync.WaitGroup
	const total = 500
	done.Add(total)
	go func() {
		for seen := 0; seen < total; {
			select {
			case n := <-work:
				k.check(n)
				seen++
				done.Done()
			default:
				runtime.Gosched()
			}
		}
	}()
	for n := uint64(1); n <= total; n++ {
		as(n, func() { work <- n })
	}
	done.Wait()
	if k.wrong != 0 || k.none != total {
		t.Errorf("%d right, %d wrong, %d without a request; want all without", k.right, k.wrong, k.none)
	}
}

// TestLockWithValue: a channel that holds what it protects.
func TestLockWithValue(t *testing.T) {
	state := make(chan int, 1)
	state <- 0
	work := make(chan uint64)
	var k tasks
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for n := range work {
				v := <-state
				k.check(n)
				runtime.Gosched()
				state <- v + 1
				k.check(n)
			}
		})
	}
	const total = 1000
	as(1, func() {
		for n := uint64(1); n <= total; n++ {
			own(n)
			work <- n
		}
	})
	close(work)
	workers.Wait()
	k.reportSome(t, 2*total, 20)
	if v := <-state; v != total {
		t.Errorf("state %d, want %d", v, total)
	}
}

// TestRetryInside: workers that a request has started put their first tasks back, so the
// queue looks like a free list. Whoever comes to it later does not stay in that request
// when it gets tasks of another.
func TestRetryInside(t *testing.T) {
	b, queue := newBox(), make(chan *int, 10)
	as(1, func() {
		queue <- new(int)
		queue <- new(int)
		var first sync.WaitGroup
		first.Go(func() {
			for range 2 {
				queue <- <-queue
			}
		})
		first.Wait()
		<-queue
		<-queue
		as(2, func() { queue <- new(int) })
		go func() {
			<-queue
			b.here()
		}()
		b.want(t, 0)
	})
}

// TestLockFirst: a value in a channel for one that has come back once is one that is
// used again: whoever takes it next does not go on where it was.
func TestLockFirst(t *testing.T) {
	b, state := newBox(), make(chan int, 1)
	state <- 0
	as(1, func() { state <- 1 + <-state })
	go func() {
		<-state
		b.here()
	}()
	b.want(t, 0)
}

// TestCollected: a value that is put by with others ends the adoption that came with
// it, for this turn of the loop, and only for who has received it.
func TestCollected(t *testing.T) {
	b, jobs := newBox(), make(chan int, 4)
	for n := uint64(1); n <= 3; n++ {
		as(n, func() { jobs <- 1 })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-jobs
		runtime.WeftCollected()
		b.here()
		<-jobs
		b.here()
		collects() // a task that collects things of its own
		b.here()
		func() { <-jobs }()
		runtime.WeftCollected()
		b.here()
	}()
	for _, want := range []uint64{0, 2, 2, 0} {
		b.want(t, want)
	}
	<-done
	as(4, func() {
		runtime.WeftCollected()
		b.here()
		go func() {
			runtime.WeftCollected()
			b.here()
		}()
		b.want(t, 4)
		b.want(t, 4)
	})
}

//go:noinline
func collects() (all []int) {
	results := make(chan int, 2)
	results <- 1
	results <- 2
	for range 2 {
		all = append(all, <-results)
		runtime.WeftCollected()
	}
	return all
}

// TestMailbox: the first value of a channel for one, to a goroutine of a request that
// made it, is an answer, unless it is said to be work.
func TestMailbox(t *testing.T) {
	for _, mailbox := range []bool{false, true} {
		b, made := newBox(), make(chan struct{})
		var box chan int
		as(1, func() {
			go func() {
				box = make(chan int, 1)
				if mailbox {
					runtime.WeftMailbox(box)
				}
				close(made)
				<-box
				b.here()
			}()
			<-made
			as(2, func() { box <- 1 })
			if mailbox {
				b.want(t, 0)
			} else {
				b.want(t, 1)
			}
		})
	}
	var none chan int
	runtime.WeftMailbox(none)
	runtime.WeftMailbox(make(chan int))
	runtime.WeftMailbox(make(chan int, 2))
}

// TestCondWoken: a goroutine of a request that another request wakes may be a worker
// that is fed in memory, and has no context from then on.
func TestCondWoken(t *testing.T) {
	for name, c := range map[string]struct {
		by, want  uint64
		own       bool
		broadcast bool
	}{
		"same request":                {by: 1, want: 1},
		"same request, broadcast":     {by: 1, want: 1, broadcast: true},
		"another request":             {by: 2, want: 0},
		"another request, broadcast":  {by: 2, want: 0, broadcast: true},
		"no request":                  {by: 0, want: 0},
		"another request, in a span":  {by: 2, want: 1, own: true},
		"no request, in a span, both": {by: 0, want: 1, own: true, broadcast: true},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			cond := sync.NewCond(&mu)
			ready, waits := false, false
			got := make(chan struct{})
			var at uint64
			as(1, func() {
				go func() {
					defer close(got)
					if c.own {
						own(1)
					}
					mu.Lock()
					for !ready {
						waits = true
						cond.Wait()
					}
					mu.Unlock()
					at = current()
				}()
				for waiting := false; !waiting; runtime.Gosched() {
					mu.Lock()
					waiting = waits // once Wait has let go of the lock
					mu.Unlock()
				}
				wake := func() {
					mu.Lock()
					ready = true
					mu.Unlock()
					if c.broadcast {
						cond.Broadcast()
					} else {
						cond.Signal()
					}
				}
				switch c.by {
				case 0:
					free := make(chan struct{})
					go func() {
						defer close(free)
						forget()
						wake()
					}()
					<-free
				case 1:
					wake()
				default:
					as(c.by, wake)
				}
				<-got
			})
			if at != c.want {
				t.Errorf("goroutine is in request %d, want %d", at, c.want)
			}
		})
	}
}
