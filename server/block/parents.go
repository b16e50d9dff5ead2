package block

import (
	"encoding/binary"

	"github.com/weft-trace/weft/server/span"
)

// How the id of a parent is stored.
const (
	parentNone  = 0 // the span has none
	parentOther = 1 // it is not in the block's rows of the trace: the id follows the codes
	parentRow   = 2 // from here on: 2 + the zigzag of how many rows before this one it is
)

func (e *encoder) parents(dst []byte, b *Block, firsts []uint32) []byte {
	ids, parents := b.ids.v, b.parents.v
	e.vals = e.vals[:0]
	var others []span.ID
	for k, first := range firsts {
		end := uint32(len(ids))
		if k+1 < len(firsts) {
			end = firsts[k+1]
		}
		e.parentRows.build(ids[first:end])
		for i := first; i < end; i++ {
			p := parents[i]
			if p.IsZero() {
				e.vals = append(e.vals, parentNone)
			} else if row, ok := e.parentRows.find(p, ids[first:end]); ok {
				e.vals = append(e.vals, parentRow+zigzag(int64(i-first)-int64(row)))
			} else {
				e.vals = append(e.vals, parentOther)
				others = append(others, p)
			}
		}
	}
	return appendIDs(e.ints(dst, e.vals), others)
}

// parentTable finds the row of a span id in a trace.
type parentTable struct {
	slots []uint32 // row+1
	shift int
}

const parentScan = 12 // traces up to this size are just searched

func (t *parentTable) build(ids []span.ID) {
	if len(ids) <= parentScan {
		return
	}
	bits := 5
	for 1<<bits < 2*len(ids) {
		bits++
	}
	t.shift = 64 - bits
	if cap(t.slots) < 1<<bits {
		t.slots = make([]uint32, 1<<bits)
	}
	t.slots = t.slots[:1<<bits]
	clear(t.slots)
	for i, id := range ids {
		k := t.hash(id)
		for t.slots[k] != 0 && ids[t.slots[k]-1] != id {
			k = (k + 1) & (len(t.slots) - 1)
		}
		if t.slots[k] == 0 {
			t.slots[k] = uint32(i) + 1
		}
	}
}

func (t *parentTable) hash(id span.ID) int {
	return int(binary.LittleEndian.Uint64(id[:]) * 0x9e3779b97f4a7c15 >> t.shift)
}

func (t *parentTable) find(id span.ID, ids []span.ID) (int, bool) {
	if len(ids) <= parentScan {
		for i := range ids {
			if ids[i] == id {
				return i, true
			}
		}
		return 0, false
	}
	for k := t.hash(id); t.slots[k] != 0; k = (k + 1) & (len(t.slots) - 1) {
		if i := int(t.slots[k] - 1); ids[i] == id {
			return i, true
		}
	}
	return 0, false
}

func (b *Block) decodeParents() ([]span.ID, error) {
	ids, err := b.IDs()
	if err != nil {
		return nil, err
	}
	parents := make([]span.ID, b.meta.Rows)
	err = b.decode(colParent, func(r *reader) {
		codes := r.integers(len(parents))
		n := 0
		for _, c := range codes {
			if c == parentOther {
				n++
			}
		}
		others := r.spanIDs(n)
		if r.err != nil {
			return
		}
		for i, c := range codes {
			switch c {
			case parentNone:
			case parentOther:
				parents[i], others = others[0], others[1:]
			default:
				k := int64(i) - unzigzag(c-parentRow)
				if k < 0 || k >= int64(len(ids)) {
					r.fail("row %d has its parent in row %d of %d", i, k, len(ids))
					return
				}
				parents[i] = ids[k]
			}
		}
	})
	return parents, err
}
