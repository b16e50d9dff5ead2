package store

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// Postings tell for every operation of a service which rows of a segment are
// its spans, and about how long each took, so that a search for the slow spans
// of one operation reads only blocks that have some.

// durationLevel is a duration on a scale of four steps to an octave: coarse
// enough for one byte, and the order is kept, so that a bound on durations
// becomes a bound on levels that lets through at most a fourth too much.
func durationLevel(d int64) byte {
	if d <= 0 {
		return 0
	}
	n := bits.Len64(uint64(d)) // 1 to 63
	if n <= 2 {
		return byte(d) // 1, 2, 3
	}
	return byte(4*(n-2) + int(uint64(d)>>(n-3))&3)
}

// operation is an operation of a service as the dictionary has it.
type operation struct {
	service string
	name    string
	kind    span.Kind
}

// postingList is what a segment's postings have of one operation.
type postingList struct {
	op     opHash
	rows   []uint32 // of the segment
	levels []byte
}

// postingsBuilder collects the postings of a segment. It is reused.
type postingsBuilder struct {
	byOp  map[opHash]int
	lists []postingList
	n     int

	local map[uint64]int // of a block: service id, name id -> list
	kinds map[operation]struct{}
}

func (p *postingsBuilder) reset() {
	if p.byOp == nil {
		p.byOp = map[opHash]int{}
		p.local = map[uint64]int{}
	}
	clear(p.byOp)
	p.kinds = map[operation]struct{}{}
	if cap(p.lists) > 1<<14 {
		p.lists = nil
	}
	p.n = 0
}

// add adds a block whose first row is the segment's row first.
func (p *postingsBuilder) add(b *block.Block, first uint32) error {
	services, err := b.Services()
	if err != nil {
		return err
	}
	names, err := b.Names()
	if err != nil {
		return err
	}
	durations, err := b.Durations()
	if err != nil {
		return err
	}
	kinds, err := b.Kinds()
	if err != nil {
		return err
	}
	clear(p.local)
	for row, sid := range services.IDs {
		nid := names.IDs[row]
		k := uint64(sid)<<40 | uint64(nid)<<8 | uint64(kinds[row])
		i, ok := p.local[k]
		if !ok {
			service, name := services.Dict[sid], names.Dict[nid]
			i = p.list(hashOperation(hashService(service), name))
			p.local[k] = i
			p.kinds[operation{service, name, kinds[row]}] = struct{}{}
		}
		l := &p.lists[i]
		l.rows = append(l.rows, first+uint32(row))
		l.levels = append(l.levels, durationLevel(durations[row]))
	}
	return nil
}

func (p *postingsBuilder) list(op opHash) int {
	i, ok := p.byOp[op]
	if ok {
		return i
	}
	i = p.n
	p.n++
	if i == len(p.lists) {
		p.lists = append(p.lists, postingList{})
	}
	l := &p.lists[i]
	l.op, l.rows, l.levels = op, l.rows[:0], l.levels[:0]
	p.byOp[op] = i
	return i
}

// encode calls put with every key and value of the segment, ascending.
func (p *postingsBuilder) encode(seg uint32, put func(key, value []byte) error) error {
	lists := p.lists[:p.n]
	order := make([]*postingList, len(lists))
	for i := range lists {
		order[i] = &lists[i]
	}
	bucket := func(l *postingList) int { return int(l.op.serviceBucket())<<8 | int(l.op.operationBucket()) }
	slices.SortFunc(order, func(a, b *postingList) int {
		if d := bucket(a) - bucket(b); d != 0 {
			return d
		}
		return int(int64(a.op.rest()) - int64(b.op.rest()))
	})
	var key, value []byte
	for i := 0; i < len(order); {
		j := i
		value = value[:0]
		for ; j < len(order) && bucket(order[j]) == bucket(order[i]); j++ {
			value = order[j].append(value)
		}
		op := order[i].op
		key = postingsKey(key[:0], op.serviceBucket(), op.operationBucket(), seg)
		if err := put(key, value); err != nil {
			return err
		}
		i = j
	}
	return nil
}

// append appends the list: the rest of the hash, the number of rows, the bytes
// of the gaps between them, the gaps, the levels.
func (l *postingList) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, l.op.rest())
	dst = binary.AppendUvarint(dst, uint64(len(l.rows)))
	size := 0
	prev := uint32(0)
	for _, r := range l.rows {
		size += varintLen(r - prev)
		prev = r
	}
	dst = binary.AppendUvarint(dst, uint64(size))
	prev = 0
	for _, r := range l.rows {
		dst = binary.AppendUvarint(dst, uint64(r-prev))
		prev = r
	}
	return append(dst, l.levels...)
}

func varintLen(v uint32) int { return (bits.Len32(v|1) + 6) / 7 }

var errPostings = errors.New("broken postings")

// eachPosting calls yield for the rows of the lists in v that match. any: every
// operation of the bucket.
func eachPosting(v []byte, match func(rest uint32) bool, lo, hi byte, yield func(row uint32)) error {
	r := reader{b: v}
	for len(r.b) > 0 {
		rest := r.bytes(4)
		n := r.uvarint()
		gaps := r.bytes(r.uvarint())
		levels := r.bytes(n)
		if r.bad {
			return errPostings
		}
		if !match(binary.BigEndian.Uint32(rest)) {
			continue
		}
		g := reader{b: gaps}
		row := uint64(0)
		for _, level := range levels {
			row += g.uvarint()
			if level >= lo && level <= hi {
				yield(uint32(row))
			}
		}
		if g.bad || row > 1<<32-1 {
			return errPostings
		}
	}
	return nil
}
