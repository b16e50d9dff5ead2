package store

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// Trace returns the spans of a trace by start, nil if there are none. A span
// that was sent twice is there once.
func (s *Store) Trace(ctx context.Context, id span.TraceID) ([]span.Span, error) {
	var spans []span.Span
	err := s.ScanTrace(ctx, id, func(b *block.Block, rows []uint32) error {
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
	if s.closed.Load() {
		return ErrClosed
	}
	v := s.view(math.MinInt64, math.MaxInt64)
	defer v.close()
	one := func(b *block.Block) error {
		ids, err := b.TraceIDs()
		if err != nil {
			return err
		}
		var rows []uint32
		for i := range ids {
			if ids[i] == id {
				rows = append(rows, uint32(i))
			}
		}
		if rows == nil {
			return nil
		}
		return visit(b, rows)
	}
	for _, h := range v.heads {
		if err := one(h.block); err != nil {
			return err
		}
	}
	for i := len(v.parts) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, err := v.traceBlocks(&v.parts[i], id)
		if err != nil {
			s.damaged(&DamageError{"the trace table of partition " + v.parts[i].part.path, err})
		}
		for _, a := range at {
			b, err := v.block(&v.parts[i], a.segment, a.number)
			if err != nil {
				continue // reported
			}
			if err := one(b); errors.Is(err, block.ErrCorrupt) {
				s.damaged(&DamageError{v.blockName(&v.parts[i], a.segment, a.number), err})
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

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
