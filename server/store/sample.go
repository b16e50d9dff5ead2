package store

import (
	"context"
	"errors"
	"math/bits"

	"github.com/weft-trace/weft/server/block"
)

// A head comes in headParts parts, or more of maxPart rows.
const (
	headParts = 16
	maxPart   = 1024
)

// Sample calls visit as Scan does, but with the blocks in an order of which
// every beginning is spread evenly over all of them, whatever their age: who
// stops early has seen a sample. A head comes in parts.
//
// It returns which share of the rows to look at were visited: 1 if all were.
func (s *Store) Sample(ctx context.Context, sel Selection, visit func(b *block.Block, rows []uint32) (more bool, err error)) (share float64, err error) {
	if s.closed.Load() {
		return 0, ErrClosed
	}
	v := s.view(sel.From, sel.to())
	defer v.close()
	sc := scan{view: v, sel: &sel}
	defer sc.close()
	if err := sc.plan(); err != nil {
		return 0, err
	}
	for _, at := range sc.closed {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := sc.openSegment(at); err != nil {
			s.damaged(&DamageError{segmentName(at), err})
		}
	}
	list := make([]candidate, 0, len(sc.open))
	all := 0
	for len(sc.open) > 0 { // by time
		c := sc.pop()
		all += c.n
		if c.part != nil {
			list = append(list, c)
			continue
		}
		size := min(c.n/headParts+1, maxPart)
		for from := 0; from < c.n; from += size {
			part := c
			part.n = min(size, c.n-from)
			part.rows = make([]uint32, part.n)
			for i := range part.rows {
				part.rows[i] = uint32(from + i)
			}
			list = append(list, part)
		}
	}
	if all == 0 {
		return 1, nil
	}
	visited := 0
	for _, i := range evenOrder(len(list)) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		c, where := &list[i], "the head"
		b := c.block
		if c.part != nil {
			where = v.blockName(c.part, c.at.segment, c.at.number)
			if b, err = v.block(c.part, c.at.segment, c.at.number); err != nil {
				visited += c.n
				continue // reported
			}
		}
		more, err := visit(b, c.rows)
		if errors.Is(err, block.ErrCorrupt) {
			s.damaged(&DamageError{where, err})
		} else if err != nil || !more {
			return float64(visited) / float64(all), err
		}
		visited += c.n
	}
	return 1, nil
}

// evenOrder returns the numbers below n in the order of their bits turned round.
func evenOrder(n int) []int {
	k := bits.Len(uint(max(n-1, 0)))
	list := make([]int, 0, n)
	for i := range 1 << k {
		if j := int(bits.Reverse64(uint64(i)) >> (64 - k)); j < n {
			list = append(list, j)
		}
	}
	return list
}
