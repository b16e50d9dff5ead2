package main

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"time"
)

// Kinds of elements, made once and used by many flows.
var makers = []maker{
	{name: "pool", make: newPool},
	{name: "pool that polls", make: newPollers},
	{name: "pool, a goroutine each", make: newSpawners},
	{name: "pool of idle workers", make: newIdleList},
	{name: "channel of channels", make: newIdleChannels},
	{name: "channel of idle workers", make: newIdlePointers},
	{name: "dispatcher", make: newDispatcher},
	{name: "pipeline", make: newPipeline},
	{name: "fan-in", make: newFanIn},
	{name: "unbounded queue", make: newUnbounded},
	{name: "batches forwarded", make: newForwardBatches},
	{name: "batches handed on anew", make: newAnew},
	{name: "batches worked off", make: newBatchDone},
	{name: "filter", make: newFilter},
	{name: "retry queue", make: newRetry},
	{name: "two priorities", make: newPriorities},
	{name: "mailbox of its own", make: newMailbox},
	{name: "collector", make: newCollector},
	{name: "pooled jobs", make: newPooledJobs},

	{name: "server", make: newServer},
	{name: "batcher", make: newBatcher},
	{name: "multiplexed connection", make: newMux},
	{name: "singleflight", make: newFlight},

	{name: "free list", make: newFreeList},
	{name: "free list, blocking", make: newBlockingList},
	{name: "connections", make: newConnections},
	{name: "sync.Pool", make: newSyncPool},
	{name: "semaphore of numbers", make: newSemaphore},
	{name: "lock with a value", make: newLock},
	{name: "rate limiter", make: newLimiter},
}

// known are the kinds that weft is known to get wrong. They are tried by themselves,
// as what goes wrong in one place is seen in all that follow.
var known = []maker{
	{name: "queue in memory", make: newMemoryQueue},
	{name: "batches collected by another function", make: newBuffered},
	{name: "free list, others give back", make: newGiveBack},
}

func newPool(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	q := newQueue(r)
	for range 1 + r.IntN(4) {
		work(p, q, r, level)
	}
	return func(f flow, r *rand.Rand) { q.put(f.via("pool", level, r), r) }
}

// work starts a worker, perhaps as a part of a flow. What it does of its own
// accord is its own or that flow's.
func work(p *program, q queue, r *rand.Rand, level int) {
	kind := r.IntN(3)
	go func() {
		switch kind {
		case 0:
			q.each(flow.run)
		case 1:
			q.eachSelect(p, flow.run, func() { runtime.Gosched() })
		case 2:
			q.eachReflect(p, flow.run)
		}
	}()
}

func newPollers(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	q := newQueue(r)
	go q.poll(p, flow.run)
	return func(f flow, r *rand.Rand) { q.put(f.via("pool that polls", level, r), r) }
}

func newSpawners(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	q := newQueue(r)
	go q.each(func(f flow) { go f.run() })
	return func(f flow, r *rand.Rand) { q.put(f.via("pool, a goroutine each", level, r), r) }
}

// newIdleList is the way of ants and fasthttp: each worker has a channel, and idle ones are
// in a list. Workers are started when there is none.
func newIdleList(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	var mu sync.Mutex
	var idle []chan func()
	size := r.IntN(2)
	return func(f flow, r *rand.Rand) {
		mu.Lock()
		var c chan func()
		if n := len(idle); n > 0 {
			c, idle = idle[n-1], idle[:n-1]
		}
		mu.Unlock()
		if c == nil {
			c = make(chan func(), size)
			go func() {
				for do := range c {
					do()
					mu.Lock()
					idle = append(idle, c)
					mu.Unlock()
				}
			}()
		}
		c <- f.via("pool of idle workers", level, r).run
	}
}

func newIdleChannels(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	n := 1 + r.IntN(3)
	idle := make(chan chan flow, r.IntN(2)*n)
	inside := r.IntN(2) == 0
	for range n {
		c := make(chan flow)
		go func() {
			if inside {
				c = make(chan flow)
			}
			for {
				select {
				case idle <- c:
				case <-p.quit:
					return
				}
				select {
				case f := <-c:
					f.run()
				case <-p.quit:
					return
				}
			}
		}()
	}
	return func(f flow, r *rand.Rand) {
		g := f.via("channel of channels", level, r)
		c := <-idle
		c <- g
	}
}

func newIdlePointers(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	type worker struct{ jobs chan flow }
	n := 1 + r.IntN(3)
	idle := make(chan *worker, n)
	for range n {
		w := &worker{make(chan flow, 1)}
		go func() {
			for {
				idle <- w
				f := <-w.jobs
				f.run()
			}
		}()
	}
	return func(f flow, r *rand.Rand) {
		g := f.via("channel of idle workers", level, r)
		w := <-idle
		mark("channel of idle workers, taker", f.at)
		w.jobs <- g
	}
}

func newDispatcher(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	in := newQueue(r)
	var out []queue
	for range 1 + r.IntN(3) {
		q := newQueue(r)
		out = append(out, q)
		work(p, q, r, level)
	}
	go func() {
		i := 0
		in.each(func(f flow) {
			i++
			out[i%len(out)].put(f, rand.New(rand.NewPCG(f.seed, 9)))
		})
	}()
	return func(f flow, r *rand.Rand) { in.put(f.via("dispatcher", level, r), r) }
}

func newRetry(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	type task struct {
		f     flow
		tries int
	}
	q := make(chan *task, 10000)
	for range 1 + r.IntN(3) {
		go func() {
			for t := range q {
				if t.tries > 0 {
					t.tries--
					mark("retry queue, failed", t.f.at)
					q <- t
					continue
				}
				t.f.run()
			}
		}()
	}
	return func(f flow, r *rand.Rand) { q <- &task{f.via("retry queue", level, r), r.IntN(3) / 2} }
}

func newPriorities(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	high, low := make(chan flow, r.IntN(5)), make(chan *flow, r.IntN(5))
	for range 1 + r.IntN(2) {
		go func() {
			for {
				select {
				case f := <-high:
					f.run()
					continue
				default:
				}
				select {
				case f := <-high:
					f.run()
				case f := <-low:
					f.run()
				case <-p.quit:
					return
				}
			}
		}()
	}
	return func(f flow, r *rand.Rand) {
		g := f.via("two priorities", level, r)
		if r.IntN(2) == 0 {
			high <- g
		} else {
			low <- &g
		}
	}
}

// newMailbox has workers that make the channel that they receive from.
func newMailbox(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	size := []int{0, 1, 2, 10}[r.IntN(4)]
	var mu sync.Mutex
	var boxes []chan flow
	var ready sync.WaitGroup
	for range 1 + r.IntN(2) {
		ready.Add(1)
		go func() {
			box := make(chan flow, size)
			mu.Lock()
			boxes = append(boxes, box)
			mu.Unlock()
			ready.Done()
			for f := range box {
				f.run()
			}
		}()
	}
	ready.Wait()
	return func(f flow, r *rand.Rand) {
		boxes[r.IntN(len(boxes))] <- f.via("mailbox of its own", level, r)
	}
}

// newCollector gathers results of all flows in one goroutine.
func newCollector(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	results := make(chan where, r.IntN(10))
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case at := <-results:
				mark("collector", at)
			case <-p.quit:
				return
			}
		}
	}()
	return func(f flow, r *rand.Rand) {
		g := f.via("collector, sender", level, r)
		go func() {
			g.steps(g.label)
			results <- g.at
			mark("collector, sender, after", g.at)
			p.open.Done()
		}()
	}
}

// newPooledJobs uses the structs that jobs lie in again.
func newPooledJobs(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	var free sync.Pool
	q := make(chan *held, r.IntN(10))
	for range 1 + r.IntN(3) {
		go func() {
			for h := range q {
				f := h.f
				free.Put(h)
				f.run()
			}
		}()
	}
	return func(f flow, r *rand.Rand) {
		h, _ := free.Get().(*held)
		if h == nil {
			h = new(held)
		}
		h.f = f.via("pooled jobs", level, r)
		q <- h
	}
}

// newMemoryQueue hands work over in memory.
func newMemoryQueue(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	var mu sync.Mutex
	var waiting []flow
	cond := sync.NewCond(&mu)
	go func() {
		for {
			mu.Lock()
			for len(waiting) == 0 {
				cond.Wait()
			}
			f := waiting[0]
			waiting = waiting[1:]
			mu.Unlock()
			f.run()
		}
	}()
	return func(f flow, r *rand.Rand) {
		g := f.via("queue in memory", level, r)
		mu.Lock()
		waiting = append(waiting, g)
		mu.Unlock()
		cond.Signal()
	}
}
