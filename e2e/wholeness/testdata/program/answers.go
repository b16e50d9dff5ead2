package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Elements that are asked something and answer. What the asker does next goes
// on where it was.

// replies gives the channels on which answers come: new ones, or used ones.
type replies struct {
	kind int
	pool sync.Pool
}

func (p *replies) get() chan int {
	switch p.kind {
	case 0:
		return make(chan int, 1)
	case 1:
		return make(chan int)
	}
	if c, _ := p.pool.Get().(chan int); c != nil {
		return c
	}
	return make(chan int, 1)
}

func (p *replies) put(c chan int) {
	if p.kind == 2 {
		p.pool.Put(c)
	}
}

type question struct {
	at     where
	answer chan int
}

// newServer answers one question after another.
func newServer(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	questions := make(chan question, r.IntN(3))
	answers := &replies{kind: r.IntN(3)}
	for range 1 + r.IntN(2) {
		go func() {
			for q := range questions {
				mark("server", q.at)
				q.answer <- 1
			}
		}()
	}
	return func(f flow, r *rand.Rand) {
		c := answers.get()
		questions <- question{f.at, c}
		<-c
		mark("server, answered", f.at)
		answers.put(c)
	}
}

// newBatcher does the work of several flows in one go.
func newBatcher(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	questions := make(chan question, r.IntN(10))
	answers := &replies{kind: r.IntN(3)}
	go batches(p, questions, 2+r.IntN(5), func(batch []question) {
		var of []where
		for i := range batch {
			of = append(of, batch[len(batch)-1-i].at)
		}
		mark("batch", append(of, 0)...)
		for _, q := range batch {
			q.answer <- 1
		}
	})
	return func(f flow, r *rand.Rand) {
		c := answers.get()
		questions <- question{f.at, c}
		<-c
		mark("batcher, answered", f.at)
		answers.put(c)
	}
}

// newMux is a connection for many, with a goroutine that writes and one that
// reads, to which the answers come in another order.
func newMux(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	var mu sync.Mutex
	pending := map[int]question{}
	var wire []int
	next := 0
	moved := sync.NewCond(&mu)
	writes := make(chan int, r.IntN(5))
	answers := &replies{kind: r.IntN(3)}
	go func() { // writes
		for id := range writes {
			mu.Lock()
			wire = append(wire, id)
			mu.Unlock()
			moved.Signal()
		}
	}()
	mix := r.Uint64()
	go func() { // reads
		r := rand.New(rand.NewPCG(mix, 7))
		for {
			mu.Lock()
			for len(wire) == 0 {
				moved.Wait()
			}
			i := r.IntN(len(wire))
			id := wire[i]
			wire[i] = wire[len(wire)-1]
			wire = wire[:len(wire)-1]
			q := pending[id]
			delete(pending, id)
			mu.Unlock()
			q.answer <- id
		}
	}()
	return func(f flow, r *rand.Rand) {
		c := answers.get()
		mu.Lock()
		next++
		id := next
		pending[id] = question{f.at, c}
		mu.Unlock()
		writes <- id
		<-c
		mark("multiplexed connection, answered", f.at)
		answers.put(c)
	}
}

// newFlight lets those who want the same thing wait for the first of them.
func newFlight(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	var mu sync.Mutex
	var waiting []chan int
	busy := false
	return func(f flow, r *rand.Rand) {
		c := make(chan int, 1)
		mu.Lock()
		waiting = append(waiting, c)
		first := !busy
		busy = true
		mu.Unlock()
		if first {
			at := f.at
			go func() {
				mark("singleflight, the call", at)
				time.Sleep(20 * time.Microsecond)
				mu.Lock()
				all := waiting
				waiting, busy = nil, false
				mu.Unlock()
				for _, c := range all {
					c <- 1
				}
			}()
		}
		<-c
		mark("singleflight, answered", f.at)
	}
}
