package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

var patterns = map[string]func(){
	"ants":          antsPool,
	"ants function": antsFunc,
	"errgroup":      limitedGroup,
	"conc":          concPool,
	"singleflight":  flight,
	"rate limit":    rateLimited,
	"fan-in":        fanIn,
	"sync.Pool":     syncPool,
	"free list":     freeList,
	"collector":     collector,
	"ticker":        ticker,
	"connections":   connections,
}

// antsPool: a task is a part of the request that submitted it. Workers are started
// by requests, and in none with the tasks of others until that one is over.
func antsPool() {
	p, err := ants.NewPool(100)
	if err != nil {
		panic(err)
	}
	defer p.Release()
	each(400, func(at where) {
		var tasks sync.WaitGroup
		for range 3 {
			tasks.Add(1)
			err := p.Submit(func() {
				defer tasks.Done()
				mark("task", at)
				tasks.Go(func() { mark("task, go", at) })
			})
			if err != nil {
				panic(err)
			}
		}
		tasks.Wait()
	})
}

// antsFunc: so is an argument that was given to a pool with one function.
func antsFunc() {
	type task struct {
		at   where
		done *sync.WaitGroup
	}
	p, err := ants.NewPoolWithFunc(100, func(v any) {
		t := v.(task)
		defer t.done.Done()
		mark("task", t.at)
	})
	if err != nil {
		panic(err)
	}
	defer p.Release()
	each(400, func(at where) {
		var tasks sync.WaitGroup
		for range 3 {
			tasks.Add(1)
			if err := p.Invoke(task{at, &tasks}); err != nil {
				panic(err)
			}
		}
		tasks.Wait()
	})
}

// limitedGroup: whoever had to wait for the limit goes on in its own request.
func limitedGroup() {
	each(200, func(at where) {
		g, ctx := errgroup.WithContext(context.Background())
		g.SetLimit(2)
		for range 5 {
			g.Go(func() error {
				mark("task", at)
				return ctx.Err()
			})
		}
		if err := g.Wait(); err != nil {
			panic(err)
		}
		mark("after", at)
	})
}

// concPool: the pools and streams of conc, of which each request has its own.
func concPool() {
	each(200, func(at where) {
		var wg conc.WaitGroup
		wg.Go(func() { mark("conc.WaitGroup", at) })
		p := pool.NewWithResults[int]().WithMaxGoroutines(2)
		for i := range 5 {
			p.Go(func() int {
				mark("conc.Pool", at)
				return i
			})
		}
		if n := len(p.Wait()); n != 5 {
			panic(fmt.Sprint(n, " results"))
		}
		wg.Wait()
		mark("after", at)
	})
}

// flight: the call is a part of the request that makes it; the others wait, and go
// on in their own.
func flight() {
	var group singleflight.Group
	each(400, func(at where) {
		var both sync.WaitGroup
		both.Go(func() {
			_, err, _ := group.Do("a", func() (any, error) {
				mark("call", at)
				return nil, nil
			})
			if err != nil {
				panic(err)
			}
			mark("Do, after", at)
		})
		both.Go(func() {
			<-group.DoChan("b", func() (any, error) {
				mark("call", at)
				return nil, nil
			})
			mark("DoChan, after", at)
		})
		both.Wait()
	})
}
