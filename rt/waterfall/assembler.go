package waterfall

import (
	"slices"
	"time"
)

// Assembler puts spans together into traces. A trace is given out when all parents of its spans are there and nothing has come
// for a while, or when it has waited too long. Memory is bounded by the number of spans held: when there is no room, the
// trace that has been quiet for longest is given out as it is. The zero value works. Not for concurrent use.
type Assembler struct {
	Local    bool          // parents in other processes are not waited for
	Quiet    time.Duration // a whole trace is given out this long after its last span; 0: 200 ms
	Hold     time.Duration // an incomplete trace is given out this long after its last span; 0: 10 s
	MaxSpans int           // spans held at most; 0: 20,000
	MaxTrace int           // spans held of one trace at most, the rest are counted; 0: 5,000

	open  map[TraceID]*assembly
	order []*assembly // by first arrival
	held  int
}

type assembly struct {
	Trace
	last    time.Time // when its last span came
	ids     map[uint64]bool
	wanted  map[uint64]int // parents that are not there, and by how many spans
	hasRoot bool
}

// Add takes a span. Traces that had to make room are returned.
func (a *Assembler) Add(id TraceID, s Span, now time.Time) []Trace {
	if a.open == nil {
		a.open = map[TraceID]*assembly{}
	}
	t := a.open[id]
	if t == nil {
		t = &assembly{Trace: Trace{ID: id}, ids: map[uint64]bool{}, wanted: map[uint64]int{}}
		a.open[id] = t
		a.order = append(a.order, t)
	}
	t.last = now
	if len(t.Spans) >= or(a.MaxTrace, 5_000) {
		// A span that completes the trace still does.
		t.Dropped++
		t.arrived(s, a.Local)
		return nil
	}
	t.Spans = append(t.Spans, s)
	t.arrived(s, a.Local)
	a.held++
	var out []Trace
	for a.held > or(a.MaxSpans, 20_000) {
		oldest := 0
		for i, t := range a.order {
			if t.last.Before(a.order[oldest].last) {
				oldest = i
			}
		}
		out = append(out, a.take(oldest))
	}
	return out
}

func (t *assembly) arrived(s Span, local bool) {
	t.ids[s.ID] = true
	delete(t.wanted, s.ID)
	switch {
	case s.Parent == 0 || local && s.Remote:
		t.hasRoot = true
	case !t.ids[s.Parent]:
		t.wanted[s.Parent]++
	}
}

// Ready returns the traces that can be shown at this moment, in the order in which they began to arrive.
func (a *Assembler) Ready(now time.Time) []Trace {
	var out []Trace
	for i := 0; i < len(a.order); {
		t := a.order[i]
		wait := or(a.Hold, 10*time.Second)
		if t.hasRoot && len(t.wanted) == 0 {
			wait = or(a.Quiet, 200*time.Millisecond)
		}
		if now.Sub(t.last) >= wait {
			out = append(out, a.take(i))
		} else {
			i++
		}
	}
	return out
}

// Flush returns all traces, whole or not.
func (a *Assembler) Flush() []Trace {
	var out []Trace
	for len(a.order) > 0 {
		out = append(out, a.take(0))
	}
	return out
}

// Held is the number of spans held.
func (a *Assembler) Held() int { return a.held }

func (a *Assembler) take(i int) Trace {
	t := a.order[i]
	a.order = slices.Delete(a.order, i, i+1)
	delete(a.open, t.ID)
	a.held -= len(t.Spans)
	return t.Trace
}

func or[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
