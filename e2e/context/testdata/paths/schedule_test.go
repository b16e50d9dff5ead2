package paths

import (
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A schedule is a network of worker pools through which tasks of many requests
// pass at random: from pool to pool by channels of random size, to goroutines,
// timers and iterators. Each task knows which request it is of.
type schedule struct {
	stages []chan task
	k      tasks
	open   sync.WaitGroup // tasks that have not finished
}

type task struct {
	request uint64
	stage   int // may go on to later stages only, so that there is no deadlock
	steps   int
	seed    uint64
}

func newSchedule(r *rand.Rand, stages int) *schedule {
	s := new(schedule)
	for range stages {
		s.stages = append(s.stages, make(chan task, []int{0, 0, 1, 2, 7, 64}[r.IntN(6)]))
	}
	for _, c := range s.stages {
		for range 1 + r.IntN(4) {
			switch quit := make(chan struct{}); r.IntN(3) {
			case 0:
				go func() {
					for w := range c {
						s.run(w)
					}
				}()
			case 1:
				go func() {
					tick := time.NewTicker(time.Millisecond)
					defer tick.Stop()
					for {
						select {
						case w, ok := <-c:
							if !ok {
								return
							}
							s.run(w)
						case <-tick.C:
						case <-quit:
						}
					}
				}()
			case 2: // a loop that passes on to a goroutine for each
				go func() {
					for w := range c {
						go s.run(w)
					}
				}()
			}
		}
	}
	return s
}

func (s *schedule) run(w task) {
	defer s.open.Done()
	r := rand.New(rand.NewPCG(w.seed, w.request))
	s.k.check(w.request)
	for w.steps > 0 {
		w.steps--
		next := w
		next.seed = r.Uint64()
		next.steps /= 2
		switch r.IntN(10) {
		case 0:
			s.open.Add(1)
			go s.run(next)
		case 1:
			s.open.Add(1)
			time.AfterFunc(time.Duration(r.IntN(50))*time.Microsecond, func() { s.run(next) })
		case 2:
			runtime.Gosched()
		case 3: // a span of its own, inside of which nothing is adopted
			saved := *runtime.WeftG()
			runtime.WeftG().Root |= runtime.WeftOwn
			own := make(chan int, 1)
			go as(w.request+1, func() { own <- 1 })
			<-own
			s.k.check(w.request)
			*runtime.WeftG() = saved
		case 4:
			pull, stop := iter.Pull(func(yield func(int) bool) {
				s.k.check(w.request)
				yield(1)
				s.k.check(w.request)
			})
			pull()
			stop()
		case 5: // ask a goroutine, and wait for the answer
			answer := make(chan uint64)
			go func() { answer <- current() }()
			if got := <-answer; got != w.request {
				s.k.check(got)
			}
		default:
			if w.stage+1 >= len(s.stages) {
				continue
			}
			next.stage = w.stage + 1 + r.IntN(len(s.stages)-w.stage-1)
			s.open.Add(1)
			if c := s.stages[next.stage]; r.IntN(2) == 0 {
				c <- next
			} else {
				var never chan int
				select {
				case c <- next:
				case <-never:
				}
			}
		}
		s.k.check(w.request)
	}
}

func (s *schedule) wait() {
	s.open.Wait()
	for _, c := range s.stages {
		close(c)
	}
}

var seed = flag.Uint64("seed", 0, "of the random schedules; 0 is another one each time")

// TestSchedule: whatever the schedule, a task is in its own request, or now and then
// in none, and never in another.
func TestSchedule(t *testing.T) {
	n := 200
	if testing.Short() {
		n = 20
	}
	var right, none int
	for range n {
		x := *seed
		if x == 0 {
			x = rand.Uint64()
		}
		r := rand.New(rand.NewPCG(x, 0))
		s := newSchedule(r, 2+r.IntN(6))
		var clients sync.WaitGroup
		for c := range 4 {
			from := r.Uint64()
			clients.Go(func() {
				r := rand.New(rand.NewPCG(from, 0))
				for i := range 10 {
					w := task{request: uint64(1 + c*1000 + 2*i), steps: 1 + r.IntN(20), seed: r.Uint64()}
					own(w.request)
					w.stage = r.IntN(len(s.stages))
					s.open.Add(1)
					s.stages[w.stage] <- w
				}
			})
		}
		clients.Wait()
		s.wait()
		right, none = right+s.k.right, none+s.k.none
		if s.k.wrong != 0 {
			t.Fatalf("-seed=%d: %d right, %d wrong, %d without a request", x, s.k.right, s.k.wrong, s.k.none)
		}
	}
	if none > right/100 {
		t.Errorf("%d right, %d without a request", right, none)
	}
}

// TestSynctest: contexts travel in a bubble of testing/synctest as outside.
func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, direct, buffered := newBox(), make(chan int), make(chan int, 5)
		go func() {
			for range direct {
				b.here()
			}
		}()
		go func() {
			for range buffered {
				b.here()
			}
		}()
		for n := uint64(1); n <= 3; n++ {
			as(n, func() { direct <- 1 })
			b.want(t, n)
			as(n, func() { buffered <- 1 })
			b.want(t, n)
			as(n, func() { time.AfterFunc(time.Hour, b.here) })
			time.Sleep(2 * time.Hour)
			b.want(t, n)
			<-time.After(time.Minute)
			synctest.Wait()
		}
		close(direct)
		close(buffered)
	})
}

var storm = flag.Duration("storm", 200*time.Millisecond, "how long TestStorm goes on")

// TestStorm: all paths at once, with a collector that never rests, while the
// number of Ps changes. That nothing crashes is what it is about; and no context
// is torn or wrong.
func TestStorm(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	stop := make(chan struct{})
	var running sync.WaitGroup
	background := func(f func()) {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	background(func() { runtime.GC() })
	background(func() {
		runtime.GOMAXPROCS(1 + rand.IntN(8))
		time.Sleep(5 * time.Millisecond)
	})
	background(func() { // channels that are dropped with contexts in them
		as(1+rand.Uint64N(1000), func() {
			for _, cap := range []int{1, 2, 5, 30, 700} {
				c, d, e := make(chan byte, cap), make(chan *int, cap), make(chan [40]byte, cap)
				for range min(cap, 20) {
					own(1 + rand.Uint64N(1000))
					c <- 1
					d <- new(int)
					e <- [40]byte{}
				}
				if cap > 2 {
					<-c
					<-d
					<-e
				}
			}
		})
	})
	background(func() { // deep stacks, which grow and shrink while they wait
		c := make(chan [64]int)
		as(1+rand.Uint64N(1000), func() {
			go func() { deep(50, func() { c <- [64]int{} }) }()
			deep(rand.IntN(200), func() { <-c })
		})
	})
	var k tasks
	background(func() {
		s := newSchedule(rand.New(rand.NewPCG(rand.Uint64(), 0)), 5)
		for range 20 {
			w := task{request: 1 + 2*rand.Uint64N(1000), stage: rand.IntN(5), steps: 1 + rand.IntN(20), seed: rand.Uint64()}
			own(w.request)
			s.open.Add(1)
			s.stages[w.stage] <- w
			forget()
		}
		s.wait()
		k.mu.Lock()
		k.wrong += s.k.wrong
		k.right += s.k.right
		k.mu.Unlock()
	})
	time.Sleep(*storm)
	close(stop)
	running.Wait()
	if k.wrong != 0 {
		t.Error(fmt.Sprint(k.wrong, " of ", k.right+k.wrong, " in a wrong request"))
	}
	t.Log(k.right, "contexts checked")
}

func deep(n int, f func()) {
	var frame [100]byte
	if n == 0 {
		f()
	} else {
		deep(n-1, f)
	}
	runtime.KeepAlive(&frame)
}
