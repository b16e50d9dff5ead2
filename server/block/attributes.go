package block

import (
	"encoding/binary"

	"github.com/weft-trace/weft/server/span"
)

// attributes appends the shapes and the columns of a table.
func (e *encoder) attributes(id byte, a *attributes) {
	if len(a.cols) == 0 {
		return // every row's shape is the empty one
	}
	e.column(id, func(dst []byte) []byte {
		dst = binary.AppendUvarint(dst, uint64(len(a.shapes)))
		e.vals = e.vals[:0]
		for _, s := range a.shapes {
			e.vals = append(e.vals, uint64(len(s)))
		}
		dst = e.ints(dst, e.vals)
		e.vals = e.vals[:0]
		for _, s := range a.shapes {
			for _, c := range s {
				e.vals = append(e.vals, uint64(c))
			}
		}
		dst = e.ints(dst, e.vals)
		return e.rowIDs(dst, a.rows.v, nil, len(a.shapes))
	})
	for i := range a.cols {
		c := a.cols[i].col.v
		e.keyed(id+1, c.Type, c.Key, func(dst []byte) []byte {
			all := byte(0)
			if c.Rows == nil {
				all = 1
			}
			dst = append(dst, all)
			switch {
			case isText(c.Type):
				dst = binary.AppendUvarint(dst, uint64(len(c.Dict)))
				dst = e.list(dst, c.Dict)
				dst = e.rowIDs(dst, c.IDs, c.Rows, len(c.Dict))
			case isNum(c.Type):
				dst = e.values(dst, c.Nums, c.Rows, 0)
			}
			return dst
		})
	}
}

// decodeTables says which attributes there are; shapes and columns are decoded when they are needed.
func (b *Block) decodeTables() (*tables, error) {
	if err := b.ready(); err != nil {
		return nil, err
	}
	t := new(tables)
	for i, a := range []*attributes{&t.spans, &t.events, &t.links} {
		a.set = i
		a.cols = make([]attribute, len(b.src.sets[i]))
		for k, c := range b.src.sets[i] {
			a.cols[k].key, a.cols[k].typ = c.key, c.typ
		}
	}
	return t, nil
}

// length returns how many rows a set of attributes has.
func (b *Block) length(a *attributes) (int, error) {
	var ends []uint32
	var err error
	switch a.set {
	case 0:
		return b.meta.Rows, nil
	case 1:
		ends, err = b.EventRows()
	default:
		ends, err = b.LinkRows()
	}
	if err != nil || ends == nil {
		return 0, err
	}
	return int(ends[len(ends)-1]), nil
}

// shapes returns the shape of each row.
func (b *Block) shapes(a *attributes) ([]uint32, error) {
	return a.rows.get(func() (rows []uint32, err error) {
		n, err := b.length(a)
		if err != nil {
			return nil, err
		}
		id := [...]byte{colShape, colEventShape, colLinkShape}[a.set]
		if has, err := b.has(id); err != nil || !has {
			a.shapes = [][]uint32{nil}
			return zeros(n), err
		}
		err = b.decode(id, func(r *reader) {
			lens := make([]uint64, r.countOf(n))
			readInts(r, lens)
			total := uint64(0)
			most := b.most()
			for _, l := range lens {
				if total += l; l > most || total > most {
					r.fail("shapes of %d columns in %d bytes", total, len(b.src.data))
					return
				}
			}
			cols := make([]uint64, total)
			readInts(r, cols)
			flat := make([]uint32, total)
			for i, c := range cols {
				if c >= uint64(len(a.cols)) {
					r.fail("a shape with column %d of %d", c, len(a.cols))
					return
				}
				flat[i] = uint32(c)
			}
			for _, l := range lens {
				a.shapes, flat = append(a.shapes, flat[:l:l]), flat[l:]
			}
			var ref *Block
			if a.set == 0 {
				ref = b
			}
			rows = r.rowIDs(ref, n, nil, len(lens))
		})
		return rows, err
	})
}

// rawColumn is a column of attributes whose strings are not made yet.
type rawColumn struct {
	Column
	list *list // instead of Dict
}

// value is Column.Value.
func (c *rawColumn) value(i int) span.Value {
	if c.list != nil {
		return span.Value{Type: c.Type, Str: c.list.at(int(c.IDs[i]))}
	}
	return c.Column.Value(i)
}

// raw returns column i of a set of attributes.
func (b *Block) raw(a *attributes, i int) (*rawColumn, error) {
	return a.cols[i].raw.get(func() (*rawColumn, error) {
		n, err := b.length(a)
		if err != nil {
			return nil, err
		}
		s := &b.src.sets[a.set][i]
		c := &rawColumn{Column: Column{Key: s.key, Type: s.typ}}
		err = s.read(func(r *reader) {
			if r.byte() != 1 {
				if c.Rows, r.err = b.rowsOf(a, uint32(i)); r.err != nil {
					return
				}
				n = len(c.Rows)
			}
			var ref *Block
			if a.set == 0 {
				ref = b
			}
			switch {
			case isText(c.Type):
				c.list = r.list(r.countOf(n))
				c.IDs = r.rowIDs(ref, n, c.Rows, c.list.len())
			case isNum(c.Type):
				c.Nums = make([]uint64, n)
				readValues(r, ref, c.Nums, c.Rows, -1)
			}
		})
		if err != nil {
			return nil, err
		}
		b.src.size.Add(int64(4*len(c.Rows) + 4*len(c.IDs) + 8*len(c.Nums) + c.list.size()))
		return c, nil
	})
}

// column returns column i of a set of attributes.
func (b *Block) column(a *attributes, i int) (*Column, error) {
	return a.cols[i].col.get(func() (*Column, error) {
		r, err := b.raw(a, i)
		if err != nil {
			return nil, err
		}
		c := r.Column
		if r.list != nil {
			c.Dict = r.list.strings()
			b.src.size.Add(int64(16*len(c.Dict) + r.list.size()))
		}
		return &c, nil
	})
}

// anyColumn returns column i of a set of attributes, with its strings made if
// they are already, or if many is set.
func (b *Block) anyColumn(a *attributes, i int, many bool) (*rawColumn, error) {
	if many || a.cols[i].col.done.Load() {
		c, err := b.column(a, i)
		if err != nil {
			return nil, err
		}
		return &rawColumn{Column: *c}, nil
	}
	return b.raw(a, i)
}

// rowsOf returns the rows whose shape has a column, as often as it has it.
func (b *Block) rowsOf(a *attributes, col uint32) ([]uint32, error) {
	rows, err := b.shapes(a)
	if err != nil {
		return nil, err
	}
	times := make([]int, len(a.shapes))
	for i, s := range a.shapes {
		for _, c := range s {
			if c == col {
				times[i]++
			}
		}
	}
	n, most := 0, int(b.most())
	for _, s := range rows {
		if n += times[s]; n > most {
			return nil, corrupt("%d values and more of an attribute in %d bytes", n, len(b.src.data))
		}
	}
	out := make([]uint32, 0, n)
	for row, s := range rows {
		for range times[s] {
			out = append(out, uint32(row))
		}
	}
	return out, nil
}

// most returns how many children of rows there may be in the data: see childRatio.
func (b *Block) most() uint64 { return childRatio * uint64(len(b.src.data)) }
