package aggregate

import (
	"time"

	"github.com/weft-trace/weft/server/span"
)

// By is the set of parts of a Series by which a Selection tells series apart.
type By uint8

const (
	ByService By = 1 << iota
	ByOperation
	ByKind
)

// Selection asks for the calls of operations over time.
type Selection struct {
	From, To   int64         // nanoseconds since the Unix epoch; [From, To), widened to whole buckets of 10 s
	Step       time.Duration // of the buckets in the answer: rounded up to a multiple of 10 s; 0: no buckets, only totals
	Services   []string      // any of them; empty: all
	Operations []string      // any of them; empty: all
	Kinds      []span.Kind   // any of them; empty: all
	By         By            // what makes a line of its own; 0: all calls in one line
}

// Line is one series over time. The parts of Series that the Selection does not
// tell apart are zero.
type Line struct {
	Series
	Total   Cell
	Buckets []Bucket // in ascending order, those with calls only
}

// Bucket is what a series counted in a Step from Time on, in nanoseconds since
// the Unix epoch. Time is a multiple of the step.
type Bucket struct {
	Time int64
	Cell
}

// Change is what a series counted in a range of time, and in the range of the
// same length before it.
type Change struct {
	Series
	Now, Before Cell
}

// Flow is what went over an edge of the service graph.
type Flow struct {
	Edge
	Cell
}

// Match reports whether the selection asks for a series.
func (s *Selection) Match(o Series) bool {
	return among(s.Services, o.Service) && among(s.Operations, o.Operation) && among(s.Kinds, o.Kind)
}

func among[T comparable](set []T, v T) bool {
	for i := range set {
		if set[i] == v {
			return true
		}
	}
	return len(set) == 0
}

// Of returns the part of a series that By tells apart.
func (b By) Of(s Series) (out Series) {
	if b&ByService != 0 {
		out.Service = s.Service
	}
	if b&ByOperation != 0 {
		out.Operation = s.Operation
	}
	if b&ByKind != 0 {
		out.Kind = s.Kind
	}
	return out
}

// Read is a range of time to read at one level: its ends are multiples of the
// level's step.
type Read struct {
	Level    int
	From, To int64
}

// Plan returns how to read [from, to) with buckets of the given step, 0 meaning
// that buckets do not matter: the coarsest levels that fit, finer ones only
// where from and to cut a coarse bucket. The ranges ascend, do not overlap, and cover
// [from, to) widened to multiples of the step of the class's finest level.
func (c Class) Plan(from, to int64, step time.Duration) (reads []Read) {
	finest := c.Finest()
	fine := int64(Levels[finest].Step)
	from = max(from, 0)
	from -= from % fine
	last := (1<<63 - 1) / fine * fine // the bucket that starts there is cut short: it is not read
	if to = min(to, last); to%fine > 0 {
		to += fine - to%fine
	}
	var cover func(level int, from, to int64)
	cover = func(level int, from, to int64) {
		if from >= to {
			return
		}
		s := int64(Levels[level].Step)
		if step%Levels[level].Step != 0 && level > finest {
			cover(level-1, from, to)
			return
		}
		begin, end := from-from%s, to-to%s
		if begin < from && begin < end {
			begin += s
		}
		if begin >= end {
			cover(level-1, from, to) // never at the finest level, where both are multiples
			return
		}
		cover(level-1, from, begin)
		reads = append(reads, Read{level, begin, end})
		cover(level-1, end, to)
	}
	cover(len(Levels)-1, from, to)
	return reads
}
