// Program measures operations of Go's runtime. It is built with Go's own runtime
// and with the patched one, and prints what each operation takes of CPU time.
package main

import (
	"flag"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var (
	context = flag.String("context", "none", "what the measuring goroutine is in: none, own or inherited")
	busy    = flag.Duration("busy", 50*time.Millisecond, "how long to repeat each operation")
)

// sink keeps what is made from being optimised away.
var sink any

var operations = []struct {
	name string
	run  func(n int)
}{
	{"go statement", func(n int) {
		var wg sync.WaitGroup
		f := func() { wg.Done() }
		for ; n > 0; n -= 100 {
			wg.Add(100)
			for range 100 {
				go f()
			}
			wg.Wait()
		}
	}},
	{"WaitGroup.Go", func(n int) {
		var wg sync.WaitGroup
		f := func() {}
		for ; n > 0; n -= 100 {
			for range 100 {
				wg.Go(f)
			}
			wg.Wait()
		}
	}},
	{"iter.Pull, next", func(n int) {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for yield(1) {
			}
		})
		defer stop()
		for range n {
			next()
		}
	}},
	{"chan int, buffered, send+receive", func(n int) {
		c := make(chan int, 16)
		for i := range n {
			c <- i
			<-c
		}
	}},
	{"chan *T, buffered, send+receive", func(n int) {
		c, v := make(chan *int, 16), new(int)
		for range n {
			c <- v
			<-c
		}
	}},
	{"chan int, 100 sends, 100 receives", func(n int) {
		c := make(chan int, 100)
		for ; n > 0; n -= 100 {
			for i := range 100 {
				c <- i
			}
			for range 100 {
				<-c
			}
		}
	}},
	{"chan int, unbuffered, to and fro", func(n int) {
		c, d := make(chan int), make(chan int)
		go func() {
			for v := range c {
				d <- v
			}
		}()
		for i := range n {
			c <- i
			<-d
		}
		close(c)
	}},
	{"chan int, buffered, to a worker", func(n int) {
		c, done := make(chan int, 64), make(chan int)
		go func() {
			for range c {
			}
			close(done)
		}()
		for i := range n {
			c <- i
		}
		close(c)
		<-done
	}},
	{"chan struct{}, semaphore", func(n int) {
		c := make(chan struct{}, 16)
		for range n {
			c <- struct{}{}
			<-c
		}
	}},
	{"select, 2 cases, buffered", func(n int) {
		c, d := make(chan int, 1), make(chan int)
		for i := range n {
			select {
			case c <- i:
			case <-d:
			}
			select {
			case <-c:
			case <-d:
			}
		}
	}},
	{"select, default", func(n int) {
		c := make(chan int, 1)
		for i := range n {
			select {
			case c <- i:
			default:
			}
			select {
			case <-c:
			default:
			}
		}
	}},
	{"make(chan struct{})", func(n int) {
		for range n {
			sink = make(chan struct{})
		}
	}},
	{"make(chan int, 1)", func(n int) {
		for range n {
			sink = make(chan int, 1)
		}
	}},
	{"make(chan int, 10)", func(n int) {
		for range n {
			sink = make(chan int, 10)
		}
	}},
	{"make(chan int, 100)", func(n int) {
		for range n {
			sink = make(chan int, 100)
		}
	}},
	{"make(chan int, 1000)", func(n int) {
		for range n {
			sink = make(chan int, 1000)
		}
	}},
	{"make(chan error, 1)", func(n int) {
		for range n {
			sink = make(chan error, 1)
		}
	}},
	{"make(chan int, 1), send, receive", func(n int) {
		for i := range n {
			c := make(chan int, 1)
			sink = c
			c <- i
			<-c
		}
	}},
	{"time.AfterFunc, Stop", func(n int) {
		f := func() {}
		for range n {
			time.AfterFunc(time.Hour, f).Stop()
		}
	}},
	{"time.AfterFunc, runs", func(n int) {
		var wg sync.WaitGroup
		f := wg.Done
		for ; n > 0; n -= 100 {
			wg.Add(100)
			for range 100 {
				time.AfterFunc(0, f)
			}
			wg.Wait()
		}
	}},
	{"time.NewTimer, Stop", func(n int) {
		for range n {
			time.NewTimer(time.Hour).Stop()
		}
	}},
}

// cpu is the CPU time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measure(run func(int)) float64 {
	var wg sync.WaitGroup
	var perOp float64
	wg.Add(1)
	go func() { // on a goroutine of its own, so that what it adopts ends with it
		defer wg.Done()
		switch *context {
		case "own":
			enter(true)
		case "inherited":
			enter(false)
		}
		run(100)
		n := 1000
		for {
			runtime.GC()
			start := cpu()
			run(n)
			took := cpu() - start
			if took >= *busy {
				perOp = float64(took) / float64(n)
				return
			}
			n = int(float64(n) * min(100, 1.2*float64(*busy)/float64(max(took, *busy/100))))
		}
	}()
	wg.Wait()
	return perOp
}

func main() {
	flag.Parse()
	runtime.GOMAXPROCS(1)
	for _, o := range operations {
		fmt.Printf("%s\t%.2f\n", o.name, measure(o.run))
	}
}
