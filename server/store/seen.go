package store

import (
	"hash/maphash"

	"github.com/weft-trace/weft/server/span"
)

// identity is what makes two spans the same: a client that sends a request
// again must not double its spans. Kind is in it because a Zipkin client and
// server share a span's id.
type identity struct {
	trace span.TraceID
	id    span.ID
	start int64
	kind  span.Kind
}

func identify(sp *span.Span) identity { return identity{sp.TraceID, sp.ID, sp.Start, sp.Kind} }

// seen is the set of the spans that came last, those of the current head and of
// the one before, after a restart, too: a client sends a request again when its
// answer was late or lost, which is soon.
//
// It keeps 64 bits of each identity, hashed with a seed that no client knows.
// That two of 131,072 spans share them happens once in 10^14 spans: once in
// about a thousand years at 2,000 spans a second.
type seen struct {
	seed  maphash.Seed
	table []uint64 // open addressing; 0 is empty
	now   []uint64 // of the current generation
	last  []uint64 // of the one before
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), table: make([]uint64, 1<<12)} }

// add reports whether the span was not in the set.
func (s *seen) add(sp *span.Span) bool {
	h := max(1, maphash.Comparable(s.seed, identify(sp)))
	if !s.put(h) {
		return false
	}
	s.now = append(s.now, h)
	if n := len(s.now) + len(s.last); 2*n > len(s.table) {
		s.rebuild(2 * len(s.table))
	}
	return true
}

func (s *seen) put(h uint64) bool {
	mask := uint64(len(s.table) - 1)
	i := h & mask
	for s.table[i] != 0 {
		if s.table[i] == h {
			return false
		}
		i = (i + 1) & mask
	}
	s.table[i] = h
	return true
}

// swap begins a new generation: the one before the current one is forgotten.
func (s *seen) swap() {
	s.last, s.now = s.now, s.last[:0]
	s.rebuild(len(s.table))
}

func (s *seen) rebuild(size int) {
	if size == len(s.table) {
		clear(s.table)
	} else {
		s.table = make([]uint64, size)
	}
	for _, h := range s.last {
		s.put(h)
	}
	for _, h := range s.now {
		s.put(h)
	}
}
