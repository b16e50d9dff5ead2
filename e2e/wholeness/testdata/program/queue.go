package main

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"time"
)

// A queue is a channel for flows, as values of one of many types.
type queue interface {
	put(f flow, r *rand.Rand)
	each(do func(flow))                                // range
	eachSelect(p *program, do func(flow), idle func()) // select with a tick and an end
	eachReflect(p *program, do func(flow))
	poll(p *program, do func(flow)) // with a default
	get() flow
}

type channel[T any] struct {
	c   chan T
	enc func(flow) T
	dec func(T) flow
}

func (q channel[T]) put(f flow, r *rand.Rand) {
	v := q.enc(f)
	switch r.IntN(4) {
	case 0:
		var never chan int
		select {
		case q.c <- v:
		case <-never:
		}
	case 1:
		select {
		case q.c <- v:
			return
		default:
		}
		q.c <- v
	case 2:
		reflect.ValueOf(q.c).Send(reflect.ValueOf(&v).Elem())
	default:
		q.c <- v
	}
}

func (q channel[T]) get() flow { return q.dec(<-q.c) }

func (q channel[T]) each(do func(flow)) {
	for v := range q.c {
		do(q.dec(v))
	}
}

func (q channel[T]) eachSelect(p *program, do func(flow), idle func()) {
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	var never chan T
	for {
		select {
		case v, ok := <-q.c:
			if !ok {
				return
			}
			do(q.dec(v))
		case <-never:
		case <-tick.C:
			idle()
		case <-p.quit:
			return
		}
	}
}

func (q channel[T]) eachReflect(p *program, do func(flow)) {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(q.c)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(p.quit)},
	}
	for {
		i, v, ok := reflect.Select(cases)
		if i == 1 || !ok {
			return
		}
		do(q.dec(v.Interface().(T)))
	}
}

func (q channel[T]) poll(p *program, do func(flow)) {
	for {
		select {
		case v := <-q.c:
			do(q.dec(v))
			continue
		case <-p.quit:
			return
		default:
		}
		time.Sleep(50 * time.Microsecond)
		runtime.Gosched()
	}
}

// A table gives flows numbers, for channels of numbers.
type table struct {
	mu    sync.Mutex
	flows map[int]flow
	next  int
}

func (t *table) put(f flow) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	t.flows[t.next] = f
	return t.next
}

func (t *table) take(n int) flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.flows[n]
	delete(t.flows, n)
	return f
}

func newQueue(r *rand.Rand) queue {
	size := []int{0, 0, 1, 2, 5, 50, 2000}[r.IntN(7)]
	t := &table{flows: map[int]flow{}}
	switch r.IntN(9) {
	case 0:
		return channel[int]{make(chan int, size), t.put, t.take}
	case 1:
		return channel[flow]{make(chan flow, size), func(f flow) flow { return f }, func(f flow) flow { return f }}
	case 2:
		return channel[any]{make(chan any, size), func(f flow) any { return f }, func(v any) flow { return v.(flow) }}
	case 3:
		return channel[func() flow]{make(chan func() flow, size), func(f flow) func() flow { return func() flow { return f } }, func(v func() flow) flow { return v() }}
	case 4:
		return channel[[40]int]{make(chan [40]int, size), func(f flow) (a [40]int) { a[39] = t.put(f); return a }, func(a [40]int) flow { return t.take(a[39]) }}
	case 5:
		return channel[uint32]{make(chan uint32, size), func(f flow) uint32 { return uint32(t.put(f)) }, func(n uint32) flow { return t.take(int(n)) }}
	case 6:
		return channel[[]flow]{make(chan []flow, size), func(f flow) []flow { return []flow{f} }, func(v []flow) flow { return v[0] }}
	case 7:
		return channel[interface{ get() flow }]{make(chan interface{ get() flow }, size), func(f flow) interface{ get() flow } { return &held{f} }, func(v interface{ get() flow }) flow { return v.get() }}
	}
	return channel[*flow]{make(chan *flow, size), func(f flow) *flow { return &f }, func(f *flow) flow { return *f }}
}

type held struct{ f flow }

func (h *held) get() flow { return h.f }
