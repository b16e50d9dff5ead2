package block

import (
	"slices"
	"sync/atomic"
)

// How a column of values is stored: the kind of reference that they are a
// function of, and what ids are relative to.
const (
	valuesRows  = 0 // a value per row
	valuesOp    = 1 // a value per op, in the order in which the rows that have a value name them first
	valuesTrace = 2 // a value per trace, likewise
	valuesFresh = 4 // bit: an id is stored as its distance from the next new one, which is 0 for an id that was not there before
)

// reference is a column that others may be a function of.
type reference struct {
	rows []uint32
	n    int // values
}

// values appends a column of values of the rows in rows (nil: all). If dict is
// not 0, the values are ids below it, in the order of their first row.
func (e *encoder) values(dst []byte, v []uint64, rows []uint32, dict int) []byte {
	tag := byte(valuesRows)
	if len(v) > 0 && !same(v) {
		for i := range e.refs {
			if r := &e.refs[i]; r.rows != nil && 2*r.n <= len(v) && e.function(r, v, rows) {
				tag, v = byte(valuesOp+i), e.seq
				break
			}
		}
	}
	if 2*dict > len(v) && len(v) > 16 {
		tag |= valuesFresh
		next := uint64(0)
		e.seq = append(e.seq[:0], v...)
		for i, x := range v {
			e.seq[i] = next - x
			if x == next {
				next++
			}
		}
		v = e.seq
	}
	return e.ints(append(dst, tag), v)
}

func same(v []uint64) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

// function reports whether v is a function of r, and sets e.seq to its values.
func (e *encoder) function(r *reference, v []uint64, rows []uint32) bool {
	e.mapped = slices.Grow(e.mapped[:0], r.n)[:r.n]
	e.has = slices.Grow(e.has[:0], r.n)[:r.n]
	clear(e.has)
	seq := e.seq[:0]
	for i, x := range v {
		row := uint32(i)
		if rows != nil {
			row = rows[i]
		}
		switch k := r.rows[row]; {
		case !e.has[k]:
			e.has[k], e.mapped[k] = true, x
			seq = append(seq, x)
		case e.mapped[k] != x:
			e.seq = seq
			return false
		}
	}
	e.seq = seq
	return true
}

// ids appends ids below dict that are not of rows.
func (e *encoder) ids(dst []byte, ids []uint32, dict int) []byte {
	refs := e.refs
	e.refs = [2]reference{}
	dst = e.rowIDs(dst, ids, nil, dict)
	e.refs = refs
	return dst
}

func (e *encoder) rowIDs(dst []byte, ids, rows []uint32, dict int) []byte {
	e.vals = e.vals[:0]
	for _, id := range ids {
		e.vals = append(e.vals, uint64(id))
	}
	return e.values(dst, e.vals, rows, dict)
}

// readValues reads a column of values into dst, of which value i is that of
// rows[i]. If dict is not negative, they are ids below it. b is nil for what
// is not of a block's rows.
func readValues[T integer](r *reader, b *Block, dst []T, rows []uint32, dict int) {
	tag := r.byte()
	seq := dst
	switch kind := tag &^ valuesFresh; kind {
	case valuesRows:
	case valuesOp, valuesTrace:
		if b == nil {
			r.fail("values by op or trace where there is none")
			return
		}
		ref, err := b.reference(kind)
		if err != nil {
			r.err = err
			return
		}
		// dst gets indexes into seq first, plus 1 in r.of
		r.of = slices.Grow(r.of[:0], ref.n)[:ref.n]
		clear(r.of)
		n := uint32(0)
		for i := range dst {
			row := uint32(i)
			if rows != nil {
				row = rows[i]
			}
			k := ref.rows[row]
			if r.of[k] == 0 {
				n++
				r.of[k] = n
			}
			dst[i] = T(r.of[k] - 1)
		}
		seq = make([]T, n)
	default:
		r.fail("values stored in an unknown way, %d", tag)
	}
	readInts(r, seq)
	if r.err != nil {
		return
	}
	if tag&valuesFresh != 0 {
		next := T(0)
		for i, d := range seq {
			if d > next {
				r.fail("an id %d before the first", d-next)
				return
			}
			seq[i] = next - d
			if d == 0 {
				next++
			}
		}
	}
	if dict >= 0 {
		most := T(0)
		for _, id := range seq {
			most = max(most, id)
		}
		if len(seq) > 0 && uint64(most) >= uint64(dict) {
			r.fail("an id of %d where %d are known", most, dict)
			return
		}
	}
	if tag&^valuesFresh != valuesRows {
		for i, k := range dst {
			dst[i] = seq[k]
		}
	}
}

// rowIDs reads a column of n ids.
func (r *reader) rowIDs(b *Block, n int, rows []uint32, dict int) []uint32 {
	if len(r.b) >= 3 && r.b[0] == valuesRows && r.b[1] == intsConst && r.b[2] == 0 && (n == 0 || dict > 0) && n > 0 {
		r.b = r.b[3:]
		return zeros(n)
	}
	ids := make([]uint32, n)
	readValues(r, b, ids, rows, dict)
	return ids
}

// ids reads n ids that are not of rows.
func (r *reader) ids(n, dict int) []uint32 { return r.rowIDs(nil, n, nil, dict) }

var zeroRows atomic.Pointer[[]uint32]

// zeros returns n zeros, which are shared.
func zeros(n int) []uint32 {
	if z := zeroRows.Load(); z != nil && len(*z) >= n {
		return (*z)[:n:n]
	}
	z := make([]uint32, n)
	zeroRows.Store(&z)
	return z
}

// below checks that ids are below n.
func (r *reader) below(ids []uint32, n int) {
	for _, id := range ids {
		if int(id) >= n {
			r.fail("an id of %d where %d are known", id, n)
			return
		}
	}
}
