package main

import (
	"math/rand/v2"
	"time"
)

// Elements that hand flows on from channel to channel.

func newPipeline(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	first := newQueue(r)
	in := first
	for range 1 + r.IntN(3) {
		from, to := in, newQueue(r)
		for range 1 + r.IntN(2) {
			go from.each(func(f flow) {
				mark("pipeline, on the way", f.at)
				to.put(f, rand.New(rand.NewPCG(f.seed, 9)))
			})
		}
		in = to
	}
	work(p, in, r, level)
	return func(f flow, r *rand.Rand) { first.put(f.via("pipeline", level, r), r) }
}

func newFanIn(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	out := newQueue(r)
	var in []queue
	for range 2 + r.IntN(3) {
		q := newQueue(r)
		in = append(in, q)
		go q.each(func(f flow) { out.put(f, rand.New(rand.NewPCG(f.seed, 9))) })
	}
	work(p, out, r, level)
	return func(f flow, r *rand.Rand) { in[r.IntN(len(in))].put(f.via("fan-in", level, r), r) }
}

// newUnbounded is a queue without a bound between two channels.
func newUnbounded(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	in, out := make(chan flow), make(chan flow, r.IntN(2))
	go func() {
		var waiting []flow
		for {
			var to chan flow
			var next flow
			if len(waiting) > 0 {
				to, next = out, waiting[0]
			}
			select {
			case f := <-in:
				waiting = append(waiting, f)
			case to <- next:
				waiting = waiting[1:]
			case <-p.quit:
				return
			}
		}
	}()
	go func() {
		for f := range out {
			f.run()
		}
	}()
	return func(f flow, r *rand.Rand) { in <- f.via("unbounded queue", level, r) }
}

// batches receives until there are some, or none has come for a while, and then does
// something with them.
func batches[T any](p *program, in chan T, n int, do func([]T)) {
	tick := time.NewTicker(300 * time.Microsecond)
	defer tick.Stop()
	var batch []T
	for {
		full := false
		select {
		case v := <-in:
			batch = append(batch, v)
			full = len(batch) == n
		case <-tick.C:
			full = len(batch) > 0
		case <-p.quit:
			return
		}
		if full {
			do(batch)
			batch = batch[:0]
		}
	}
}

// newForwardBatches hands what it has collected on one by one.
func newForwardBatches(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	in, out := make(chan *flow, r.IntN(3)), make(chan *flow, r.IntN(2)*10)
	go batches(p, in, 2+r.IntN(4), func(batch []*flow) {
		for _, f := range batch {
			out <- f
		}
	})
	go func() {
		for f := range out {
			f.run()
		}
	}()
	return func(f flow, r *rand.Rand) {
		g := f.via("batches forwarded", level, r)
		in <- &g
	}
}

// newAnew hands on something new for each flow that it has collected.
func newAnew(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	in, out := make(chan *flow, r.IntN(3)), newQueue(r)
	work(p, out, r, level)
	go batches(p, in, 2+r.IntN(3), func(batch []*flow) {
		for _, f := range batch {
			out.put(*f, rand.New(rand.NewPCG(f.seed, 9)))
		}
	})
	return func(f flow, r *rand.Rand) {
		g := f.via("batches handed on anew", level, r)
		in <- &g
	}
}

// newBatchDone does what it has collected, one after the other.
func newBatchDone(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	in := make(chan flow, r.IntN(3))
	go batches(p, in, 2+r.IntN(3), func(batch []flow) {
		for _, f := range batch {
			f.run()
		}
	})
	return func(f flow, r *rand.Rand) { in <- f.via("batches worked off", level, r) }
}

// newBuffered leaves it to somebody else to collect flows until there are some, and
// do one after the other.
func newBuffered(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	in := newQueue(r)
	n := 2 + r.IntN(3)
	go func() {
		var batch []flow
		flush := func() {
			for _, f := range batch {
				f.run()
			}
			batch = batch[:0]
		}
		in.eachSelect(p, func(f flow) {
			if batch = append(batch, f); len(batch) == n {
				flush()
			}
		}, flush)
	}()
	return func(f flow, r *rand.Rand) { in.put(f.via("batches collected by another function", level, r), r) }
}

// newFilter drops what is of no interest, and hands on something new for the rest.
func newFilter(p *program, level int, r *rand.Rand) func(flow, *rand.Rand) {
	type item struct {
		f    *flow
		drop bool
	}
	in, out := make(chan item, r.IntN(3)), make(chan *flow, r.IntN(3))
	go func() {
		for i := range in {
			if i.drop {
				continue
			}
			out <- i.f
		}
	}()
	go func() {
		for f := range out {
			f.run()
		}
	}()
	return func(f flow, r *rand.Rand) {
		if r.IntN(2) == 0 {
			in <- item{drop: true}
		}
		g := f.via("filter", level, r)
		in <- item{f: &g}
	}
}
