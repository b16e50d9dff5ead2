package store

import (
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
	frozen  bool         // it takes no more spans
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

// add adds the spans that are not yet in the store, as far as seen knows, and counts them.
func (h *head) add(spans []span.Span, seen *seen, agg *aggregate.Aggregator, now int64) (duplicates int) {
	for i := range spans {
		sp := &spans[i]
		if !seen.add(sp) {
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
	if h.last == nil || !h.frozen && h.last.Len() != h.builder.Len() {
		h.last = h.builder.View()
	}
	return h.last
}
