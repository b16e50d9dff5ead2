package paths

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

func TestGo(t *testing.T) {
	b := newBox()
	as(1, func() { go b.here() })
	b.want(t, 1)

	as(1, func() { go func() { go func() { go b.here() }() }() })
	b.want(t, 1)

	as(1, func() {
		var wg sync.WaitGroup
		wg.Go(b.here)
		wg.Wait()
	})
	b.want(t, 1)

	// A goroutine made from a used one is clean.
	for range 1000 {
		as(7, func() {})
	}
	for range 1000 {
		go b.here()
		b.want(t, 0)
	}
}

func TestGoFlags(t *testing.T) {
	got := newBox()
	as(1, func() {
		runtime.WeftG().Root |= runtime.WeftAdopted
		go func() { got.put(runtime.WeftG().Root & 0xff) }()
	})
	got.want(t, runtime.WeftSampled)

	as(1, func() {
		*runtime.WeftG() = runtime.WeftContext{Root: runtime.WeftMuted}
		go func() { got.put(runtime.WeftG().Root & 0xff) }()
	})
	got.want(t, runtime.WeftMuted)
}

func TestGoSize(t *testing.T) {
	if n := unsafe.Sizeof(runtime.WeftContext{}); n != 32 {
		t.Errorf("a context takes %d bytes, not 32", n)
	}
}

// TestTenThousand: every goroutine that one request starts is in that request,
// while others do the same.
func TestTenThousand(t *testing.T) {
	const each = 10_000
	var wg sync.WaitGroup
	var wrong [4]int
	for r := uint64(1); r <= 3; r++ {
		wg.Go(func() {
			own(r)
			var mu sync.Mutex
			var in sync.WaitGroup
			for range each {
				in.Go(func() {
					if current() != r {
						mu.Lock()
						wrong[r]++
						mu.Unlock()
					}
				})
			}
			in.Wait()
		})
	}
	wg.Wait()
	for r, n := range wrong {
		if n != 0 {
			t.Errorf("request %d: %d of %d goroutines were in another one", r, n, each)
		}
	}
}

// TestOutlive: a goroutine keeps the context that it was born with after its
// request has ended; whether that still counts is for weft/trace to say.
func TestOutlive(t *testing.T) {
	b, ended := newBox(), make(chan struct{})
	as(1, func() {
		go func() {
			<-ended
			b.here()
		}()
	})
	close(ended)
	b.want(t, 1)
}

// A worker receives from c for ever and says where it finds itself.
func worker[T any](b *box, c chan T) {
	ready := make(chan struct{})
	go func() {
		close(ready)
		for range c {
			b.here()
		}
		b.put(99)
	}()
	<-ready
}

func testPool[T any](t *testing.T, cap int, v T, carries bool) {
	t.Run(fmt.Sprintf("%T/%d", v, cap), func(t *testing.T) {
		b, c := newBox(), make(chan T, cap)
		worker(b, c)
		for range 3 {
			for n := uint64(1); n <= 3; n++ {
				as(n, func() { c <- v })
				if carries {
					b.want(t, n)
				} else {
					b.want(t, 0)
				}
			}
			c <- v
			b.want(t, 0)
		}
		close(c)
		b.want(t, 99)
	})
}

// TestPool: a worker that was there before any request is, with each value, in
// the request that sent it, and in none when it was sent by none.
func TestPool(t *testing.T) {
	for _, cap := range []int{0, 1, 2, 100, 5000} {
		testPool(t, cap, 1, true)
		testPool(t, cap, byte(1), true)
		testPool(t, cap, new(int), true)
		testPool(t, cap, "job", true)
		testPool(t, cap, any(1), true)
		testPool(t, cap, func() {}, true)
		testPool(t, cap, [3]int{1, 2, 3}, true)
		testPool(t, cap, struct {
			a byte
			p *int
		}{}, true)
		testPool(t, cap, [300]byte{}, true)
		testPool(t, cap, struct{}{}, false)
		testPool(t, cap, [0]*int{}, false)
	}
}

// TestPoolLazy: workers started inside the first request serve the others.
func TestPoolLazy(t *testing.T) {
	for _, cap := range []int{0, 1, 10} {
		b, c := newBox(), make(chan int, cap)
		as(1, func() {
			worker(b, c)
			c <- 1
		})
		b.want(t, 1)
		as(2, func() { c <- 2 })
		b.want(t, 2)
		c <- 3
		b.want(t, 0)
		as(1, func() { c <- 1 })
		b.want(t, 1)
	}
}

// TestBuffer: each value in a buffer has a context of its own, those of senders
// that wait for room included, and however receiving and sending take turns.
func TestBuffer(t *testing.T) {
	for _, cap := range []int{1, 2, 3, 10, 1000} {
		t.Run(fmt.Sprint(cap), func(t *testing.T) {
			b, c := newBox(), make(chan uint64, cap)
			total := uint64(3*cap + 5)
			var sending sync.WaitGroup
			sending.Go(func() {
				var waiting sync.WaitGroup
				for n := range total {
					n++
					if n%4 == 0 {
						n = 0 // some of no request
					}
					waiting.Go(func() {
						if n != 0 {
							own(n)
						}
						c <- n
					})
				}
				waiting.Wait()
				close(c)
			})
			for range total {
				go func() {
					n := <-c
					if current() != n {
						b.put(n)
					} else {
						b.put(0)
					}
				}()
				b.want(t, 0)
			}
			sending.Wait()
		})
	}
}

// TestBufferLong: of very many different contexts in one buffer some are lost;
// none is wrong, and once the buffer is empty all is as before.
func TestBufferLong(t *testing.T) {
	const cap = 5000
	c := make(chan uint64, cap)
	for range 2 {
		as(1, func() {
			for n := uint64(1); n <= cap; n++ {
				own(n)
				c <- n
			}
		})
		var lost, wrong int
		as(1, func() {
			forget()
			for range cap {
				n := <-c
				switch current() {
				case n:
				case 0:
					lost++
				default:
					wrong++
				}
			}
		})
		if wrong != 0 || lost != cap-1023 {
			t.Errorf("%d wrong, %d lost of %d", wrong, lost, cap)
		}
	}
}

func TestSelect(t *testing.T) {
	b := newBox()
	direct, buffered, quit := make(chan int), make(chan int, 3), make(chan struct{})
	go func() {
		for {
			select {
			case <-direct:
			case <-buffered:
			case <-time.After(time.Hour):
			case <-quit:
				b.here()
				return
			}
			b.here()
		}
	}()
	as(1, func() { direct <- 1 })
	b.want(t, 1)
	as(2, func() { buffered <- 1 })
	b.want(t, 2)
	as(3, func() {
		select {
		case direct <- 1:
		case <-quit:
		}
	})
	b.want(t, 3)
	as(4, func() {
		select {
		case buffered <- 1:
		case <-quit:
		}
	})
	b.want(t, 4)
	as(5, func() {
		select {
		case buffered <- 1:
		default:
		}
	})
	b.want(t, 5)
	close(quit)
	b.want(t, 0) // it was done with what it had received
}

// TestSelectBuffered covers the branches of select that find a buffer with room
// or with values in it.
func TestSelectBuffered(t *testing.T) {
	b, c, d := newBox(), make(chan int, 2), make(chan *int, 2)
	var never chan int
	for n := uint64(1); n <= 4; n++ {
		as(n, func() {
			select {
			case c <- 1:
			case <-never:
			}
			select {
			case d <- nil:
			case <-never:
			}
		})
		for range 2 {
			go func() {
				select {
				case <-c:
				case <-d:
				}
				b.here()
			}()
			b.want(t, n)
		}
	}
}

func TestReflect(t *testing.T) {
	b, direct, buffered := newBox(), make(chan int), make(chan int, 3)
	worker(b, direct)
	one := reflect.ValueOf(1)
	as(1, func() { reflect.ValueOf(direct).Send(one) })
	b.want(t, 1)
	as(2, func() { reflect.ValueOf(buffered).Send(one) })
	as(3, func() { reflect.ValueOf(buffered).TrySend(one) })
	as(4, func() {
		reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectSend, Chan: reflect.ValueOf(buffered), Send: one}})
	})
	for n := uint64(2); n <= 4; n++ {
		go func() {
			reflect.ValueOf(buffered).Recv()
			b.here()
		}()
		b.want(t, n)
	}
	made := reflect.MakeChan(reflect.TypeFor[chan int](), 20)
	as(5, func() { made.Send(one) })
	go func() {
		reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: made}})
		b.here()
	}()
	b.want(t, 5)
}

// TestClosed: a closed channel gives what is in its buffer with contexts, and that
// there is no more ends them; it changes nothing for those who got none from it.
func TestClosed(t *testing.T) {
	b, c := newBox(), make(chan int, 2)
	as(1, func() {
		c <- 1
		close(c)
	})
	go func() {
		<-c
		b.here()
		<-c
		b.here()
	}()
	b.want(t, 1)
	b.want(t, 0)

	d := make(chan int)
	ready := newBox()
	go func() {
		own(2)
		runtime.WeftG().Root &^= runtime.WeftOwn
		ready.put(0)
		<-d
		b.here()
	}()
	ready.get()
	as(3, func() { close(d) })
	b.want(t, 2)
}

// TestOwn: a goroutine inside a span of its own stays in it.
func TestOwn(t *testing.T) {
	for _, cap := range []int{0, 1} {
		c := make(chan int, cap)
		b := newBox()
		as(1, func() {
			go as(2, func() { c <- 1 })
			<-c
			b.here()
		})
		b.want(t, 1)
	}
}

// TestMuted: weft's own goroutines neither adopt nor pass on by channels.
func TestMuted(t *testing.T) {
	for _, cap := range []int{0, 1} {
		b, c := newBox(), make(chan int, cap)
		worker(b, c)
		as(1, func() { c <- 1 })
		b.want(t, 1)
		as(1, func() {
			*runtime.WeftG() = runtime.WeftContext{Root: runtime.WeftMuted}
			c <- 1
		})
		b.want(t, 0)
		d := make(chan int, cap)
		go as(1, func() { d <- 1 })
		as(2, func() {
			*runtime.WeftG() = runtime.WeftContext{Root: runtime.WeftMuted}
			<-d
			b.put(runtime.WeftG().Root)
		})
		b.want(t, runtime.WeftMuted)
	}
}

func TestPipeline(t *testing.T) {
	for _, cap := range []int{0, 1, 64} {
		b, first, second := newBox(), make(chan int, cap), make(chan string, cap)
		go func() {
			for range first {
				second <- "x"
			}
		}()
		go func() {
			for range second {
				b.here()
			}
		}()
		for n := uint64(1); n <= 5; n++ {
			as(n, func() { first <- 1 })
			b.want(t, n)
		}
	}
}

// TestTicks: timer channels carry nothing and end nothing.
func TestTicks(t *testing.T) {
	b, c := newBox(), make(chan int)
	go func() {
		<-c
		<-time.After(time.Millisecond)
		tick := time.NewTicker(time.Millisecond)
		<-tick.C
		tick.Stop()
		time.Sleep(time.Millisecond)
		b.here()
	}()
	as(1, func() { c <- 1 })
	b.want(t, 1)

	var timer *time.Timer
	as(1, func() { timer = time.NewTimer(time.Millisecond) })
	go func() {
		<-timer.C
		b.here()
	}()
	b.want(t, 0)
}

func TestTimeAfterFunc(t *testing.T) {
	b := newBox()
	as(1, func() { time.AfterFunc(time.Millisecond, b.here) })
	b.want(t, 1)
	time.AfterFunc(time.Millisecond, b.here)
	b.want(t, 0)

	// The context of creation, also when another request resets the timer.
	var timer *time.Timer
	as(1, func() { timer = time.AfterFunc(time.Hour, b.here) })
	as(2, func() { timer.Reset(0) })
	b.want(t, 1)

	// Timers run by a busy goroutine of another request do not take its context.
	as(3, func() {
		var done bool
		var mu sync.Mutex
		time.AfterFunc(0, func() {
			mu.Lock()
			done = true
			mu.Unlock()
		})
		for {
			mu.Lock()
			if done {
				mu.Unlock()
				break
			}
			mu.Unlock()
			runtime.Gosched()
		}
		if current() != 3 {
			t.Errorf("a timer changed the context of the goroutine it interrupted: %d", current())
		}
	})
}

func TestContextAfterFunc(t *testing.T) {
	b := newBox()
	ctx, cancel := context.WithCancel(context.Background())
	as(1, func() { context.AfterFunc(ctx, b.here) })
	as(2, func() {
		cancel()
		if current() != 2 {
			t.Errorf("the canceller is in request %d", current())
		}
	})
	b.want(t, 1)
	context.AfterFunc(ctx, b.here)
	b.want(t, 0)
	ctx, cancel = context.WithCancel(context.Background())
	context.AfterFunc(ctx, b.here)
	as(2, cancel)
	b.want(t, 0)
}

// TestPull: an iterator runs in the context of whoever asks for its next value,
// and does not change that.
func TestPull(t *testing.T) {
	seq := func(yield func(uint64) bool) {
		for yield(current()) {
		}
	}
	var next func() (uint64, bool)
	var stop func()
	as(1, func() { next, stop = iter.Pull(seq) })
	for n := uint64(1); n <= 3; n++ {
		as(n, func() {
			if v, _ := next(); v != n {
				t.Errorf("iterator is in request %d, want %d", v, n)
			}
			if current() != n {
				t.Errorf("caller is in request %d, want %d", current(), n)
			}
		})
	}
	if v, _ := next(); v != 0 {
		t.Errorf("iterator is in request %d, want none", v)
	}
	stop()

	// One iterator that pulls from another.
	outer, stop := iter.Pull(func(yield func(uint64) bool) {
		inner, stop := iter.Pull(seq)
		defer stop()
		for {
			v, _ := inner()
			if v != current() || !yield(v) {
				return
			}
		}
	})
	for n := uint64(1); n <= 3; n++ {
		as(n, func() {
			if v, ok := outer(); v != n || !ok {
				t.Errorf("nested iterator is in request %d (%v), want %d", v, ok, n)
			}
		})
	}
	stop()

	// A span of the iterator's own outlasts a yield, and its caller is not in it.
	mine, stop := iter.Pull(func(yield func(uint64) bool) {
		own(9)
		for yield(current()) {
		}
	})
	defer stop()
	for n := uint64(1); n <= 3; n++ {
		runtime.WeftG()
		as(n, func() {
			if v, _ := mine(); v != 9 || current() != n {
				t.Errorf("iterator is in %d, caller in %d; want 9 and %d", v, current(), n)
			}
		})
	}
}

func TestCleanup(t *testing.T) {
	b := newBox()
	as(1, func() {
		x := new([100]int)
		runtime.AddCleanup(x, func(int) { b.here() }, 0)
		runtime.KeepAlive(x)
		y := new([100]int)
		runtime.SetFinalizer(y, func(*[100]int) { b.here() })
		runtime.KeepAlive(y)
	})
	runtime.GC()
	runtime.GC()
	b.want(t, 0)
	b.want(t, 0)
}

// TestCond shows what is not covered: work handed over in memory, without a
// channel, has no context. It does not get a wrong one either.
func TestCond(t *testing.T) {
	b, queue := newBox(), newBox()
	go func() {
		queue.get()
		b.here()
	}()
	as(1, func() { queue.put(1) })
	b.want(t, 0)
}

// TestHidden: goroutines that a muted one starts are weft's own, and the program
// does not see them; a goroutine that is muted for a while is still the program's.
func TestHidden(t *testing.T) {
	before := runtime.NumGoroutine()
	stop, b := make(chan struct{}), newBox()
	saved := runtime.WeftSwap(runtime.WeftContext{Root: runtime.WeftMuted})
	go func() {
		go func() {
			b.put(runtime.WeftG().Root)
			<-stop
			b.put(0)
		}()
		b.put(runtime.WeftG().Root)
		<-stop
		b.put(0)
	}()
	during := runtime.NumGoroutine() // others may end at any time
	runtime.WeftSwap(saved)
	b.want(t, runtime.WeftMuted)
	b.want(t, runtime.WeftMuted)
	if after := runtime.NumGoroutine(); during > before || after > before {
		t.Errorf("%d goroutines, while muted %d, then %d", before, during, after)
	}
	dump := make([]byte, 1<<20)
	if dump := string(dump[:runtime.Stack(dump, true)]); strings.Count(dump, "TestHidden") != 1 {
		t.Errorf("dump shows what is hidden:\n%s", dump)
	}
	close(stop)
	b.get()
	b.get()
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
