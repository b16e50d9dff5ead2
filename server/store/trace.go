package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// MaxTrace is how many spans Trace returns at most. With all that they have, so
// many take about a gigabyte.
const MaxTrace = 1_000_000

// ErrLarge: a trace has more than MaxTrace spans. ScanTrace reads it.
var ErrLarge = fmt.Errorf("the trace has more than %d spans, which is too much for one answer", MaxTrace)

// Trace returns the spans of a trace by start, nil if there are none. A span
// that was sent twice is there once.
func (s *Store) Trace(ctx context.Context, id span.TraceID) ([]span.Span, error) {
	return s.trace(ctx, id, MaxTrace)
}

func (s *Store) trace(ctx context.Context, id span.TraceID, most int) ([]span.Span, error) {
	var spans []span.Span
	err := s.ScanTrace(ctx, id, func(b *block.Block, rows []uint32) error {
		if len(spans)+len(rows) > most {
			return ErrLarge
		}
		got, err := b.Spans(rows)
		if err != nil {
			return err
		}
		spans = append(spans, got...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(spans, func(a, b span.Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), slices.Compare(a.ID[:], b.ID[:]))
	})
	return dropTwins(spans), nil
}

// dropTwins drops spans that are there twice. Spans are sorted by start and id.
func dropTwins(spans []span.Span) []span.Span {
	return slices.CompactFunc(spans, func(a, b span.Span) bool { return identify(&a) == identify(&b) })
}

// ScanTrace calls visit with the blocks that hold spans of a trace and their
// rows there, until visit returns an error, which it then returns unless it is
// damage of the block (block.ErrCorrupt), which is reported in the log and in
// Stats, and passed over. A span that was sent twice may be in two blocks.
func (s *Store) ScanTrace(ctx context.Context, id span.TraceID, visit func(b *block.Block, rows []uint32) error) error {
	f, err := s.Find(ctx, id)
	if err != nil {
		return err
	}
	defer f.Close()
	for i := range f.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.Visit(i, visit); err != nil {
			return err
		}
	}
	return nil
}

// Found says in which blocks a trace is, at one moment. It is not safe for
// concurrent use.
type Found struct {
	id      span.TraceID
	view    *view
	heads   []headRows
	blocks  []foundBlock
	version uint64
}

type headRows struct {
	block *block.Block
	rows  []uint32
}

type foundBlock struct {
	part *partView
	at   blockAt
}

// Find looks a trace up. It reads the index, not the blocks. The caller closes
// what it returns.
func (s *Store) Find(ctx context.Context, id span.TraceID) (*Found, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	v := s.view(math.MinInt64, math.MaxInt64)
	f := &Found{id: id, view: v}
	h := xxhash.New()
	note := func(n ...uint64) {
		var b [8]byte
		for _, n := range n {
			binary.LittleEndian.PutUint64(b[:], n)
			h.Write(b[:])
		}
	}
	for _, head := range v.heads {
		rows, err := head.block.TraceRows(id)
		if err != nil {
			f.Close()
			return nil, err
		}
		if rows != nil {
			f.heads = append(f.heads, headRows{head.block, rows})
			note(uint64(head.head.part.seq), uint64(head.head.gen), uint64(len(rows)))
		}
	}
	for i := len(v.parts) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			f.Close()
			return nil, err
		}
		pv := &v.parts[i]
		at, err := v.traceBlocks(pv, id)
		if err != nil {
			s.damaged(&DamageError{"the trace table of partition " + pv.part.path, err})
		}
		for _, a := range at {
			f.blocks = append(f.blocks, foundBlock{pv, a})
			note(uint64(pv.part.seq), uint64(a.segment)<<16|uint64(a.number))
		}
	}
	f.version = h.Sum64()
	return f, nil
}

// Version is another number when spans of the trace came in or went, and in
// general when some were moved from memory to the disk: as long as it is the
// same, the same blocks have the same rows of the trace.
func (f *Found) Version() uint64 { return f.version }

// Len is the number of blocks that have spans of the trace. What the index says
// of a trace is more than there is if another trace's id has the same hash.
func (f *Found) Len() int { return len(f.heads) + len(f.blocks) }

// Visit calls visit with block i, of Len, and the rows there, unless there are
// none, and returns its error. Damage of the block (block.ErrCorrupt) is
// reported in the log and in Stats instead, and passed over.
func (f *Found) Visit(i int, visit func(b *block.Block, rows []uint32) error) error {
	if i < len(f.heads) {
		return visit(f.heads[i].block, f.heads[i].rows)
	}
	a := f.blocks[i-len(f.heads)]
	b, err := f.view.block(a.part, a.at.segment, a.at.number)
	if err != nil {
		return nil // reported
	}
	rows, err := b.TraceRows(f.id)
	if err == nil && rows != nil {
		err = visit(b, rows)
	}
	if errors.Is(err, block.ErrCorrupt) {
		f.view.s.damaged(&DamageError{f.view.blockName(a.part, a.at.segment, a.at.number), err})
		return nil
	}
	return err
}

// Close ends the use of the store.
func (f *Found) Close() { f.view.close() }

// blockAt names a block of a partition.
type blockAt struct {
	segment uint32
	number  uint16
}

// traceBlocks looks a trace up in a partition's trace table. What it found
// before an error is returned with the error.
func (v *view) traceBlocks(pv *partView, id span.TraceID) (at []blockAt, err error) {
	lower := tracePrefix(make([]byte, 0, 16), id)
	it, err := pv.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: successor(lower)})
	if err != nil {
		return nil, err
	}
	for it.First(); it.Valid(); it.Next() {
		k := it.Key()
		if len(k) != len(lower)+4 {
			continue
		}
		seg, _ := parseSegmentKey(k[len(lower)-1:])
		if !pv.has(seg) {
			continue // cut after the view was made: its head is in the view
		}
		value, err := it.ValueAndErr()
		if err != nil {
			break
		}
		if err := parseTraceEntry(value, func(n uint16) { at = append(at, blockAt{seg, n}) }); err != nil {
			it.Close()
			return at, err
		}
	}
	return at, it.Close()
}

// has reports whether a segment is in the view.
func (pv *partView) has(seg uint32) bool {
	_, ok := slices.BinarySearchFunc(pv.segments, seg, func(g segmentInfo, id uint32) int { return cmp.Compare(g.id, id) })
	return ok
}
