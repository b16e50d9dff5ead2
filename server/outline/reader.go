package outline

import (
	"context"
	"slices"
	"sync"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Reader reads the outlines of traces, and keeps those of large ones. Fields
// are set before the first use. It is safe for concurrent use.
type Reader struct {
	Store      *store.Store
	MaxSpans   int // of a trace that are looked at: the longest; 0: 2,000,000
	CacheBytes int // of all outlines that are kept; 0: 128 MiB

	once  sync.Once
	large chan struct{} // held while the outline of a large trace is made

	mu   sync.Mutex
	kept []*Trace // the one that was used last stands last
}

// A trace in more than largeBlocks blocks is large: it is worth keeping, and
// none of them is made beside another one.
const largeBlocks = 16

func (rd *Reader) init() {
	rd.large = make(chan struct{}, 1)
	if rd.MaxSpans == 0 {
		rd.MaxSpans = 2_000_000
	}
	if rd.CacheBytes == 0 {
		rd.CacheBytes = 128 << 20
	}
}

// Read returns the outline of a trace, nil if there is no such trace.
func (rd *Reader) Read(ctx context.Context, id span.TraceID) (*Trace, error) {
	f, err := rd.Store.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return rd.of(ctx, f, id)
}

// of returns the outline of a trace that was found.
func (rd *Reader) of(ctx context.Context, f *store.Found, id span.TraceID) (*Trace, error) {
	rd.once.Do(rd.init)
	if f.Len() == 0 {
		return nil, nil
	}
	if f.Len() <= largeBlocks {
		return rd.read(ctx, f, id)
	}
	if t := rd.cached(id, f.Version()); t != nil {
		return t, nil
	}
	select {
	case rd.large <- struct{}{}:
		defer func() { <-rd.large }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if t := rd.cached(id, f.Version()); t != nil { // made meanwhile
		return t, nil
	}
	t, err := rd.read(ctx, f, id)
	if err == nil && t != nil {
		rd.keep(t)
	}
	return t, err
}

// read reads the blocks of a trace and makes its outline.
func (rd *Reader) read(ctx context.Context, f *store.Found, id span.TraceID) (*Trace, error) {
	// A trace in many blocks fills them.
	r := newRead(min(256+max(0, f.Len()-2)*1024, rd.MaxSpans))
	t := &Trace{ID: id, version: f.Version(), ends: make([]uint32, f.Len())}
	for i := range t.ends {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := f.Visit(i, r.block); err != nil {
			return nil, err
		}
		if len(r.IDs) > rd.MaxSpans+rd.MaxSpans/4 {
			r.drop(rd.MaxSpans)
		}
		t.ends[i] = uint32(r.seen)
	}
	if len(r.IDs) > rd.MaxSpans {
		r.drop(rd.MaxSpans)
	}
	if len(r.IDs) == 0 {
		return nil, nil
	}
	t.Partial = r.source != nil
	t.NameTable, t.EventSpans, t.EventTimes = r.table, r.eventSpans, r.eventTimes
	for _, name := range r.serviceList {
		t.ServiceTable = append(t.ServiceTable, Service{Name: name})
	}
	t.finish(r)
	t.Count = len(t.IDs)
	if t.Partial {
		t.Count = r.seen
	}
	return t, nil
}

// cached returns the outline of a trace if it is kept and current.
func (rd *Reader) cached(id span.TraceID, version uint64) *Trace {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	i := slices.IndexFunc(rd.kept, func(t *Trace) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	t := rd.kept[i]
	rd.kept = slices.Delete(rd.kept, i, i+1)
	if t.version != version {
		return nil
	}
	rd.kept = append(rd.kept, t)
	return t
}

// keep keeps an outline, and forgets those that were not used for longest if
// they are too large together. One that is too large by itself is not kept.
func (rd *Reader) keep(t *Trace) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	rd.kept = append(rd.kept, t)
	size := 0
	for i, k := range slices.Backward(rd.kept) {
		if size += k.Size(); size > rd.CacheBytes {
			rd.kept = slices.Delete(rd.kept, 0, i+1)
			break
		}
	}
}

// Span returns a span in full, with its row, or nil if the trace does not have
// it. If several have its id it is the one in row of, or if there is none, as
// for a negative number, the one that Trace.Find finds.
func (rd *Reader) Span(ctx context.Context, id span.TraceID, spanID span.ID, of int) (t *Trace, row int, s *span.Span, err error) {
	f, err := rd.Store.Find(ctx, id)
	if err != nil {
		return nil, 0, nil, err
	}
	defer f.Close()
	t, err = rd.of(ctx, f, id)
	if err != nil || t == nil {
		return t, 0, nil, err
	}
	row, ok := of, of >= 0 && of < len(t.IDs) && t.IDs[of] == spanID
	if !ok {
		row, ok = t.Find(spanID)
	}
	if !ok {
		return t, 0, nil, nil
	}
	i, at := t.place(row)
	err = f.Visit(i, func(b *block.Block, rows []uint32) error {
		got, err := b.Span(int(rows[at]))
		s = &got
		return err
	})
	return t, row, s, err
}

// place returns the block of a row, and which of the trace's rows there it is.
func (t *Trace) place(row int) (block, at int) {
	n := uint32(t.Outline.Spans[row])
	block, _ = slices.BinarySearch(t.ends, n+1)
	if block > 0 {
		n -= t.ends[block-1]
	}
	return block, int(n)
}

// Match returns the rows of the spans that a function finds, in order. It is
// called with each block that has spans of the trace, and their rows there, and
// returns which of these rows they are.
func (rd *Reader) Match(ctx context.Context, id span.TraceID, match func(b *block.Block, rows []uint32) ([]uint32, error)) (*Trace, []int32, error) {
	f, err := rd.Store.Find(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	t, err := rd.of(ctx, f, id)
	if err != nil || t == nil {
		return t, nil, err
	}
	matching := make([]bool, t.ends[len(t.ends)-1])
	for i := range t.ends {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		err := f.Visit(i, func(b *block.Block, rows []uint32) error {
			got, err := match(b, rows)
			if err != nil {
				return err
			}
			first := 0
			if i > 0 {
				first = int(t.ends[i-1])
			}
			for _, r := range got {
				k, _ := slices.BinarySearch(rows, r)
				matching[first+k] = true
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	var rows []int32
	for row, n := range t.Outline.Spans {
		if matching[n] {
			rows = append(rows, int32(row))
		}
	}
	return t, rows, nil
}
