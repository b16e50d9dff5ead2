package store

import (
	"hash/maphash"
	"sync"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// A head collects spans in memory until it is cut. Its generation is the
// number of the segment that the cut makes of it, and names its journal.
type head struct {
	gen  uint32
	part *partition // acquired as long as the head lives
	born int64      // when it was made, nanoseconds since the Unix epoch by Options.Clock

	// Guarded by Store.in as long as the head is the current one; then they are the cutter's.
	builder block.Builder
	seen    *seen        // nil when the head takes no more spans
	seq     uint32       // of the next journal record
	last    *block.Block // the last view of it; final when the head takes no more spans

	// writers are the journal records on their way to the disk: a cut waits for
	// them, because it deletes the journal.
	writers sync.WaitGroup

	stuck bool  // its partition could not be opened for writing: the next start cuts it
	size  int   // of the builder, when the head took no more spans
	ended int64 // when that was

	cells *aggregate.Cells // what was counted of its spans; nil as long as it is the current one

	// segment is set before the cut is committed.
	segment segmentInfo
}

// full reports whether the head is to be cut.
func (h *head) full(o *Options, now int64) bool {
	n := h.builder.Len()
	return n >= o.HeadSpans || h.builder.Size() >= o.HeadBytes || n > 0 && now-h.born >= int64(o.HeadAge)
}

// add adds the spans that are not yet in the head, and counts them.
func (h *head) add(spans []span.Span, agg *aggregate.Aggregator, now int64) (duplicates int) {
	for i := range spans {
		sp := &spans[i]
		if !h.seen.add(sp) {
			duplicates++
			continue
		}
		h.builder.Add(sp)
		agg.Add(sp, now)
	}
	return duplicates
}

// view returns what is in the head. Called with Store.in held, or when the
// head takes no more spans.
func (h *head) view() *block.Block {
	if h.last == nil || h.seen != nil && h.last.Len() != h.builder.Len() {
		h.last = h.builder.View()
	}
	return h.last
}

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

// seen is a set of identities: a hash table with open addressing.
type seen struct {
	seed  maphash.Seed // so that no client can make spans that collide
	list  []identity
	table []uint32 // index into list, plus 1
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), table: make([]uint32, 1<<12)} }

func (s *seen) slot(id *identity) int {
	h := int(maphash.Comparable(s.seed, *id)) & (len(s.table) - 1)
	for s.table[h] != 0 && s.list[s.table[h]-1] != *id {
		h = (h + 1) & (len(s.table) - 1)
	}
	return h
}

// add reports whether the span was not in the set.
func (s *seen) add(sp *span.Span) bool {
	id := identify(sp)
	h := s.slot(&id)
	if s.table[h] != 0 {
		return false
	}
	s.list = append(s.list, id)
	s.table[h] = uint32(len(s.list))
	if 2*len(s.list) > len(s.table) {
		s.table = make([]uint32, 2*len(s.table))
		for i := range s.list {
			s.table[s.slot(&s.list[i])] = uint32(i + 1)
		}
	}
	return true
}

func (s *seen) reset() {
	s.list = s.list[:0]
	clear(s.table)
}
