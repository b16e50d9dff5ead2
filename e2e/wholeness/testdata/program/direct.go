package main

import (
	"context"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// directs is the elements that a flow makes for itself.
var directs []element

func init() { directs = makeDirects() }

func makeDirects() []element {
	return []element{
		direct{"go", func(f flow, level int, r *rand.Rand) { go f.via("go", level, r).run() }},
		direct{"WaitGroup", func(f flow, level int, r *rand.Rand) {
			var wg sync.WaitGroup
			for range 1 + r.IntN(3) {
				wg.Go(f.via("WaitGroup", level, r).run)
			}
			wg.Wait()
		}},
		direct{"limited group", func(f flow, level int, r *rand.Rand) {
			sem := make(chan struct{}, 2)
			var wg sync.WaitGroup
			for range 1 + r.IntN(4) {
				sem <- struct{}{}
				g := f.via("limited group", level, r)
				wg.Go(func() {
					g.run()
					<-sem
				})
			}
			wg.Wait()
		}},
		direct{"AfterFunc", func(f flow, level int, r *rand.Rand) {
			time.AfterFunc(time.Duration(r.IntN(300))*time.Microsecond, f.via("AfterFunc", level, r).run)
		}},
		direct{"context.AfterFunc", func(f flow, level int, r *rand.Rand) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(300))*time.Microsecond)
			context.AfterFunc(ctx, f.via("context.AfterFunc", level, r).run)
			if r.IntN(2) == 0 {
				go cancel()
			} else {
				time.AfterFunc(time.Second, cancel)
			}
		}},
		direct{"iter.Pull", func(f flow, level int, r *rand.Rand) {
			next, stop := iter.Pull(func(yield func(int) bool) {
				for i := range 2 {
					mark("iter.Pull, iterator", f.at)
					if !yield(i) {
						return
					}
				}
			})
			next()
			mark("iter.Pull, between", f.at)
			next()
			stop()
		}},
		direct{"results", func(f flow, level int, r *rand.Rand) { // of its own goroutines
			n := 1 + r.IntN(4)
			results := make(chan int, r.IntN(2)*n)
			for range n {
				g := f.via("results", level, r)
				go func() {
					g.run()
					results <- 1
				}()
			}
			for range n {
				<-results
				mark("results, in the loop", f.at)
			}
		}},
		direct{"results, in spans", func(f flow, level int, r *rand.Rand) {
			results := make(chan int)
			for range 2 {
				go span("results, in spans", func(me where) { results <- 1 }, f.at)
			}
			for range 2 {
				<-results
			}
		}},
		direct{"generator", func(f flow, level int, r *rand.Rand) {
			values := make(chan int)
			go func() {
				for i := range 3 {
					mark("generator", f.at)
					values <- i
				}
				close(values)
			}()
			for range values {
				mark("generator, in the loop", f.at)
			}
		}},
		direct{"timeout", func(f flow, level int, r *rand.Rand) {
			answer := make(chan int, 1)
			g := f.via("timeout", level, r)
			go func() {
				g.run()
				answer <- 1
			}()
			select {
			case <-answer:
			case <-time.After(time.Duration(r.IntN(100)) * time.Microsecond):
			}
		}},
		direct{"panic", func(f flow, level int, r *rand.Rand) {
			g := f.via("panic", level, r)
			defer func() {
				if x := recover(); x != nil {
					mark("panic, recovered", f.at)
				}
			}()
			g.run()
			panic("on purpose")
		}},
		direct{"Goexit", func(f flow, level int, r *rand.Rand) {
			g := f.via("Goexit", level, r)
			go func() {
				defer g.run()
				runtime.Goexit()
			}()
		}},
		direct{"outlive", func(f flow, level int, r *rand.Rand) {
			g := f.via("outlive", level, r)
			pause := time.Duration(r.IntN(2000)) * time.Microsecond
			go func() {
				time.Sleep(pause)
				g.run()
			}()
		}},
		direct{"panic in a worker", func(f flow, level int, r *rand.Rand) {
			jobs := make(chan flow)
			go func() {
				for g := range jobs {
					func() {
						defer func() { recover() }()
						g.run()
						panic("on purpose")
					}()
				}
			}()
			jobs <- f.via("panic in a worker", level, r)
			close(jobs)
		}},
	}
}

type direct struct {
	label string
	do    func(f flow, level int, r *rand.Rand)
}

func (d direct) name() string                        { return d.label }
func (d direct) use(f flow, level int, r *rand.Rand) { d.do(f, level, r) }
