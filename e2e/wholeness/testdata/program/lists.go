package main

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Elements that hold things that are used again, and limits. Whoever takes one
// goes on where it was.

// newFreeList looks whether there is a buffer, and makes one if not.
func newFreeList(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	free := make(chan []byte, 1+r.IntN(8))
	if r.IntN(2) == 0 {
		for range cap(free) {
			free <- make([]byte, 8)
		}
	}
	return func(f flow, r *rand.Rand) {
		var b []byte
		select {
		case b = <-free:
		default:
			b = make([]byte, 8)
		}
		mark("free list, taker", f.at)
		pause(r)
		switch r.IntN(3) {
		case 0:
			b = make([]byte, 2*len(b)) // another one
		case 1:
			b = b[:4:4]
		}
		select {
		case free <- b[:cap(b)]:
		default:
		}
	}
}

// newBlockingList makes a limited number of buffers, when they are first wanted.
func newBlockingList(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	type buffer struct{ text []byte }
	free := make(chan *buffer, 1+r.IntN(3))
	var made atomic.Int64
	swap := r.IntN(2) == 0
	return func(f flow, r *rand.Rand) {
		var b *buffer
		if made.Add(1) <= int64(cap(free)) {
			b = new(buffer)
		} else {
			b = <-free
		}
		mark("free list, blocking, taker", f.at)
		pause(r)
		if swap && r.IntN(2) == 0 {
			b = new(buffer)
		}
		free <- b
	}
}

// newGiveBack has buffers that another goroutine puts back than had taken them.
func newGiveBack(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	type packet struct {
		b []byte
		f flow
	}
	free, full := make(chan []byte, 4), make(chan packet, 2)
	for range cap(free) {
		free <- make([]byte, 8)
	}
	go func() {
		for x := range full {
			x.f.run()
			free <- x.b
		}
	}()
	return func(f flow, r *rand.Rand) {
		b := <-free
		mark("free list, others give back, taker", f.at)
		full <- packet{b, f.via("free list, others give back", level, r)}
	}
}

// newConnections is a pool of connections, made when there is none.
func newConnections(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	type conn struct{ uses int }
	idle := make(chan *conn, 1+r.IntN(3))
	return func(f flow, r *rand.Rand) {
		var c *conn
		select {
		case c = <-idle:
		case <-time.After(time.Duration(r.IntN(100)) * time.Microsecond):
			c = new(conn)
		}
		mark("connections, taker", f.at)
		c.uses++
		pause(r)
		select {
		case idle <- c:
		default:
		}
	}
}

func newSyncPool(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	pool := sync.Pool{New: func() any { return new([64]byte) }}
	return func(f flow, r *rand.Rand) {
		b := pool.Get()
		mark("sync.Pool, taker", f.at)
		pool.Put(b)
	}
}

func newSemaphore(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	sem := make(chan int, 1+r.IntN(3))
	return func(f flow, r *rand.Rand) {
		sem <- 1
		pause(r)
		mark("semaphore of numbers, inside", f.at)
		<-sem
	}
}

func newLock(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	state := make(chan int, 1)
	state <- 0
	return func(f flow, r *rand.Rand) {
		n := <-state
		mark("lock with a value, inside", f.at)
		pause(r)
		state <- n + 1
	}
}

// newLimiter hands out tokens at a rate.
func newLimiter(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	tokens := make(chan time.Time, r.IntN(4))
	go func() {
		tick := time.NewTicker(50 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case t := <-tick.C:
				select {
				case tokens <- t:
				case <-p.quit:
					return
				}
			case <-p.quit:
				return
			}
		}
	}()
	return func(f flow, r *rand.Rand) {
		<-tokens
		mark("rate limiter, let through", f.at)
	}
}
