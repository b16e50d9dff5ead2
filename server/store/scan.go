package store

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// Selection says which spans a Scan is after. The zero value of a field does
// not restrict.
type Selection struct {
	From, To    int64 // the span starts in [From, To), nanoseconds since the Unix epoch; To 0: no end
	Services    []string
	Names       []string // of the span; any of them
	Kinds       []span.Kind
	MinDuration int64     // nanoseconds; both bounds are inclusive
	MaxDuration int64     // 0: none
	Errors      bool      // the span's status is an error
	Tokens      [][]Token // for each element, one of its tokens
}

func (sel *Selection) to() int64 {
	if sel.To == 0 {
		return math.MaxInt64
	}
	return sel.To
}

// excludes reports whether no span of a block can match.
func (sel *Selection) excludes(m *block.Meta) bool {
	return m.Rows == 0 || m.MaxStart < sel.From || m.MinStart >= sel.to() || m.MaxDuration < sel.MinDuration || sel.Errors && m.Errors == 0
}

// Scan calls visit with the blocks that may have spans of the selection, and
// the rows to look at: nil means all of them. It is the visitor that checks
// whether a span matches: the rows are a superset, and of a selection only
// From, To, Services, Names, Errors, the durations and Tokens are used to pass
// over blocks.
//
// Blocks come in descending order of Meta().MaxStart, and a block is read only
// when its turn comes. So a visitor that has enough spans newer than the
// block's MaxStart can stop, by returning false. Scan returns visit's error.
//
// A block that cannot be read is reported in the log and in Stats, and passed
// over; so is one whose damage the visitor meets, if it returns that error. A
// span that was sent twice may come twice.
func (s *Store) Scan(ctx context.Context, sel Selection, visit func(b *block.Block, rows []uint32) (more bool, err error)) error {
	if s.closed.Load() {
		return ErrClosed
	}
	v := s.view(sel.From, sel.to())
	defer v.close()
	sc := scan{view: v, sel: &sel}
	defer sc.close()
	if err := sc.plan(); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, rows, err := sc.next()
		if err != nil {
			return err
		}
		if b == nil {
			return nil
		}
		more, err := visit(b, rows)
		if errors.Is(err, block.ErrCorrupt) {
			s.damaged(&DamageError{sc.where, err})
			continue
		}
		if err != nil || !more {
			return err
		}
	}
}

// scan is a Scan at work. Segments are opened in descending order of their
// greatest start, as late as possible; the blocks of the open ones are in a heap.
type scan struct {
	view *view
	sel  *Selection

	pairs    []opHash // operations to look up in the postings
	services []uint32 // services to look up in the postings
	tokens   [][]Token

	closed []segmentAt // segments not yet opened, the next one last
	open   blockHeap
	iters  map[*partView]*pebble.Iterator

	where string // the block that next returned
}

type segmentAt struct {
	part *partView
	info segmentInfo
}

// candidate is a block that may match.
type candidate struct {
	max   int64
	part  *partView // nil: block is the view of a head
	block *block.Block
	at    blockAt
	rows  []uint32
	n     int // rows to look at
}

type blockHeap []candidate

func (h blockHeap) Len() int           { return len(h) }
func (h blockHeap) Less(i, j int) bool { return h[i].max > h[j].max }
func (h blockHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *blockHeap) Push(x any)        { *h = append(*h, x.(candidate)) }
func (h *blockHeap) Pop() any {
	c := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return c
}

// maxPairs is the number of (service, name) pairs up to which the postings are
// used: beyond it, reading them costs more than the blocks that they spare.
const maxPairs = 32

func (sc *scan) plan() error {
	sel := sc.sel
	sc.iters = map[*partView]*pebble.Iterator{}
	sc.tokens = slices.Clone(sel.Tokens)
	switch n := len(sel.Services) * max(1, len(sel.Names)); {
	case n > 0 && n <= maxPairs && len(sel.Names) > 0:
		for _, service := range sel.Services {
			for _, name := range sel.Names {
				sc.pairs = append(sc.pairs, hashOperation(hashService(service), name))
			}
		}
	case len(sel.Services) == 1 && (sel.MinDuration > 0 || sel.MaxDuration > 0):
		sc.services = []uint32{hashService(sel.Services[0])}
	default:
		if len(sel.Services) > 0 {
			var any []Token
			for _, service := range sel.Services {
				any = append(any, ServiceToken(service))
			}
			sc.tokens = append(sc.tokens, any)
		}
		if len(sel.Names) > 0 {
			var any []Token
			for _, name := range sel.Names {
				any = append(any, NameToken(name))
			}
			sc.tokens = append(sc.tokens, any)
		}
	}
	for _, h := range sc.view.heads {
		m := h.block.Meta()
		if !sel.excludes(&m) {
			sc.open = append(sc.open, candidate{max: m.MaxStart, block: h.block, n: m.Rows})
		}
	}
	heap.Init(&sc.open)
	for i := range sc.view.parts {
		pv := &sc.view.parts[i]
		for _, g := range pv.segments {
			if g.max >= sel.From && g.min < sel.to() {
				sc.closed = append(sc.closed, segmentAt{pv, g})
			}
		}
	}
	slices.SortStableFunc(sc.closed, func(a, b segmentAt) int { return cmp.Compare(a.info.max, b.info.max) })
	return nil
}

func (sc *scan) close() {
	for _, it := range sc.iters {
		it.Close()
	}
}

// pop takes the newest of the blocks that are known.
func (sc *scan) pop() candidate { return heap.Pop(&sc.open).(candidate) }

// next returns the next block, nil at the end.
func (sc *scan) next() (*block.Block, []uint32, error) {
	for {
		for len(sc.closed) > 0 {
			last := sc.closed[len(sc.closed)-1]
			if len(sc.open) > 0 && sc.open[0].max >= last.info.max {
				break
			}
			sc.closed = sc.closed[:len(sc.closed)-1]
			if err := sc.openSegment(last); err != nil {
				sc.view.s.damaged(&DamageError{segmentName(last), err})
			}
		}
		if len(sc.open) == 0 {
			return nil, nil, nil
		}
		c := sc.pop()
		if c.part == nil {
			sc.where = "the head"
			return c.block, nil, nil
		}
		sc.where = sc.view.blockName(c.part, c.at.segment, c.at.number)
		b, err := sc.view.block(c.part, c.at.segment, c.at.number)
		if err != nil {
			continue // reported
		}
		return b, c.rows, nil
	}
}
