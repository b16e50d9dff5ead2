package block

import (
	"encoding/binary"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/weft-trace/weft/server/span"
)

func sumOf(a, b []byte) uint32 {
	h := xxhash.New()
	h.Write(a)
	h.Write(b)
	return uint32(h.Sum64())
}

// opColumn says which pairs of resource and name there are, and which of them
// each row has.
type opColumn struct {
	resources, names []uint32 // by op
	rows             []uint32
}

func (b *Block) ops() (opColumn, error) {
	return b.src.ops.get(func() (c opColumn, err error) {
		err = b.decode(colOp, func(r *reader) {
			n := r.countOf(b.meta.Rows)
			// what they are ids of is checked where it is known
			c.resources = r.ids(n, b.meta.Rows)
			c.names = r.ids(n, b.meta.Rows)
			c.rows = r.ids(b.meta.Rows, n)
		})
		return c, err
	})
}

func (b *Block) reference(kind byte) (reference, error) {
	if kind == valuesOp {
		c, err := b.ops()
		return reference{c.rows, len(c.names)}, err
	}
	c, err := b.traceRows()
	return reference{c.rows, len(c.table)}, err
}

// traceColumn says which traces there are, which follow one another, and the
// trace of each row.
type traceColumn struct {
	table []span.TraceID
	rows  []uint32
}

func (b *Block) traceRows() (traceColumn, error) {
	return b.src.traces.get(func() (c traceColumn, err error) {
		err = b.decode(colTrace, func(r *reader) {
			n := r.countOf(b.meta.Rows)
			c.rows = make([]uint32, b.meta.Rows)
			at := 0
			for i, k := range r.integers(n) {
				if k == 0 || k > uint64(len(c.rows)-at) {
					r.fail("a trace of %d rows", k)
					return
				}
				for range k {
					c.rows[at] = uint32(i)
					at++
				}
			}
			if at != len(c.rows) {
				r.fail("%d rows of no trace", len(c.rows)-at)
				return
			}
			c.table = make([]span.TraceID, n)
			for half := range 2 {
				for i, v := range r.integers(n) {
					binary.BigEndian.PutUint64(c.table[i][8*half:], v)
				}
			}
		})
		return c, err
	})
}

func (b *Block) decodeTraces() ([]span.TraceID, error) {
	c, err := b.traceRows()
	if err != nil {
		return nil, err
	}
	ids := make([]span.TraceID, len(c.rows))
	for i, k := range c.rows {
		ids[i] = c.table[k]
	}
	return ids, nil
}

func (r *reader) spanIDs(n int) []span.ID {
	if n > len(r.b)/8 {
		r.fail("%d span ids in %d bytes", n, len(r.b))
		return nil
	}
	ids := make([]span.ID, n)
	for i := range ids {
		copy(ids[i][:], r.b[8*i:])
	}
	r.b = r.b[8*n:]
	return ids
}

func (b *Block) decodeIDs() (ids []span.ID, err error) {
	err = b.decode(colID, func(r *reader) { ids = r.spanIDs(b.meta.Rows) })
	return ids, err
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

func (b *Block) decodeStarts() ([]int64, error) {
	c, err := b.traceRows()
	if err != nil {
		return nil, err
	}
	starts := make([]int64, len(c.rows))
	err = b.decode(colStart, func(r *reader) {
		firsts := make([]int64, len(c.table))
		readInts(r, firsts)
		rest := r.integers(len(starts) - len(firsts))
		if r.err != nil {
			return
		}
		first, now, trace := b.meta.MinStart, int64(0), -1
		for i, t := range c.rows {
			if int(t) != trace {
				trace = int(t)
				first += firsts[trace]
				now = first
			} else {
				now += int64(rest[i-trace-1])
			}
			starts[i] = now
		}
	})
	return starts, err
}

func (b *Block) decodeDurations() ([]int64, error) {
	durations := make([]int64, b.meta.Rows)
	err := b.decode(colDuration, func(r *reader) { readInts(r, durations) })
	return durations, err
}

// small reads a column of values of a byte.
func small[T ~uint8](b *Block, id byte) (out []T, err error) {
	err = b.decode(id, func(r *reader) {
		v := r.rowIDs(b, b.meta.Rows, nil, 256)
		out = make([]T, len(v))
		for i, x := range v {
			out[i] = T(x)
		}
	})
	return out, err
}

func (b *Block) decodeKinds() ([]span.Kind, error)      { return small[span.Kind](b, colKind) }
func (b *Block) decodeStatuses() ([]span.Status, error) { return small[span.Status](b, colStatus) }

// rawNames are the names that ops name.
func (b *Block) rawNames() (*list, error) {
	return b.src.names.get(func() (l *list, err error) {
		ops, err := b.ops()
		if err != nil {
			return nil, err
		}
		err = b.decode(colName, func(r *reader) {
			l = r.list(r.countOf(b.meta.Rows))
			r.below(ops.names, l.len())
		})
		return l, err
	})
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

func (b *Block) decodeNames() (Strings, error) {
	l, err := b.rawNames()
	if err != nil {
		return Strings{}, err
	}
	ops, err := b.ops()
	if err != nil {
		return Strings{}, err
	}
	return Strings{IDs: ops.expand(ops.names), Dict: l.strings()}, nil
}

// expand returns by row what is given by op.
func (c *opColumn) expand(byOp []uint32) []uint32 {
	ids := make([]uint32, len(c.rows))
	for i, op := range c.rows {
		ids[i] = byOp[op]
	}
	return ids
}

var noText = []string{""}

// strings reads a column of strings that may be left out.
func (b *Block) strings(id byte, rows int, ref *Block) (s Strings, err error) {
	if has, err := b.has(id); err != nil || !has {
		return Strings{IDs: zeros(rows), Dict: noText}, err
	}
	err = b.decode(id, func(r *reader) {
		s.Dict = r.list(r.countOf(rows)).strings()
		s.IDs = r.rowIDs(ref, rows, nil, len(s.Dict))
	})
	return s, err
}

func (b *Block) decodeMessages() (Strings, error) { return b.strings(colMessage, b.meta.Rows, b) }
func (b *Block) decodeStates() (Strings, error)   { return b.strings(colState, b.meta.Rows, b) }

// blobs reads strings that are not text.
func (r *reader) blobs(most int) []string {
	n := r.countOf(most)
	if n == 0 {
		return nil
	}
	return r.plain(n).strings()
}

// rawResources are the resources that ops name, encoded.
func (b *Block) rawResources() ([]string, error) {
	return b.src.resources.get(func() (list []string, err error) {
		ops, err := b.ops()
		if err != nil {
			return nil, err
		}
		err = b.decode(colResource, func(r *reader) {
			list = r.blobs(b.meta.Rows)
			r.below(ops.resources, len(list))
		})
		return list, err
	})
}

func decodeResource(s string) (*span.Resource, error) {
	r := &reader{b: unsafe.Slice(unsafe.StringData(s), len(s))} // reads only
	res := r.resource()
	if r.err == nil && len(r.b) > 0 {
		r.fail("a resource with %d bytes too many", len(r.b))
	}
	return res, r.err
}

// serviceOf returns the name of the service of an encoded resource.
func serviceOf(s string) (string, error) {
	r := &reader{b: unsafe.Slice(unsafe.StringData(s), len(s))} // reads only
	name := r.text()
	return name, r.err
}

func (b *Block) decodeResources() (c resourceColumn, err error) {
	list, err := b.rawResources()
	if err != nil {
		return c, err
	}
	ops, err := b.ops()
	if err != nil {
		return c, err
	}
	c.table = make([]*span.Resource, len(list))
	for i, s := range list {
		if c.table[i], err = decodeResource(s); err != nil {
			return resourceColumn{}, err
		}
	}
	c.ids = ops.expand(ops.resources)
	return c, nil
}

func (b *Block) decodeScopes() (c scopeColumn, err error) {
	err = b.decode(colScope, func(r *reader) {
		for _, s := range r.blobs(b.meta.Rows) {
			e := &reader{b: unsafe.Slice(unsafe.StringData(s), len(s))} // reads only
			c.table = append(c.table, e.scope())
			if e.err != nil || len(e.b) > 0 {
				r.fail("scope %d: %w", len(c.table)-1, e.err)
				return
			}
		}
		c.ids = r.rowIDs(b, b.meta.Rows, nil, len(c.table))
	})
	return c, err
}

// number returns one of the numbers that most spans do not have.
func (b *Block) number(i int) (sparse, error) {
	return b.nums[i].get(func() (sparse, error) { return b.numbers(byte(colNumber+i), b.meta.Rows, b) })
}

func (b *Block) numbers(id byte, rows int, ref *Block) (c sparse, err error) {
	if has, err := b.has(id); err != nil || !has {
		return sparse{}, err
	}
	err = b.decode(id, func(r *reader) {
		v := make([]uint32, rows)
		readValues(r, ref, v, nil, -1)
		for i, x := range v {
			c.add(i, x)
		}
	})
	return c, err
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

func (b *Block) ends(id byte) (ends []uint32, err error) {
	if has, err := b.has(id); err != nil || !has {
		return nil, err
	}
	err = b.decode(id, func(r *reader) {
		v := make([]uint64, b.meta.Rows)
		readValues(r, b, v, nil, -1)
		ends = make([]uint32, len(v))
		most := b.most()
		n := uint64(0)
		for i, k := range v {
			if k > most || n+k > most {
				r.fail("%d events or links in %d bytes", n+k, len(b.src.data))
				return
			}
			n += k
			ends[i] = uint32(n)
		}
	})
	return ends, err
}

func (b *Block) decodeEventEnds() ([]uint32, error) { return b.ends(colEvent) }
func (b *Block) decodeLinkEnds() ([]uint32, error)  { return b.ends(colLink) }

func (b *Block) decodeEventTimes() ([]int64, error) {
	ends, err := b.EventRows()
	if err != nil || ends == nil {
		return nil, err
	}
	starts, err := b.Starts()
	if err != nil {
		return nil, err
	}
	times := make([]int64, ends[len(ends)-1])
	err = b.decode(colEventTime, func(r *reader) {
		v := r.integers(len(times))
		k := uint32(0)
		for row, end := range ends {
			for ; k < end; k++ {
				times[k] = starts[row] + unzigzag(v[k])
			}
		}
	})
	return times, err
}

func (b *Block) eventCount() (int, error) {
	ends, err := b.EventRows()
	if err != nil || ends == nil {
		return 0, err
	}
	return int(ends[len(ends)-1]), nil
}

func (b *Block) decodeEventNames() (Strings, error) {
	n, err := b.eventCount()
	if err != nil || n == 0 {
		return Strings{}, err
	}
	return b.strings(colEventName, n, nil)
}

func (b *Block) decodeEventDropped() (sparse, error) {
	n, err := b.eventCount()
	if err != nil || n == 0 {
		return sparse{}, err
	}
	return b.numbers(colEventDropped, n, nil)
}

func (b *Block) linkCount() (int, error) {
	ends, err := b.LinkRows()
	if err != nil || ends == nil {
		return 0, err
	}
	return int(ends[len(ends)-1]), nil
}

func (b *Block) decodeLinkTraces() ([]span.TraceID, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return nil, err
	}
	ids := make([]span.TraceID, n)
	err = b.decode(colLinkTrace, func(r *reader) {
		for half := range 2 {
			for i, v := range r.integers(n) {
				binary.BigEndian.PutUint64(ids[i][8*half:], v)
			}
		}
	})
	return ids, err
}

func (b *Block) decodeLinkIDs() (ids []span.ID, err error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return nil, err
	}
	err = b.decode(colLinkID, func(r *reader) { ids = r.spanIDs(n) })
	return ids, err
}

func (b *Block) decodeLinkStates() (Strings, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return Strings{}, err
	}
	return b.strings(colLinkState, n, nil)
}

func (b *Block) decodeLinkFlags() (sparse, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return sparse{}, err
	}
	return b.numbers(colLinkFlags, n, nil)
}

func (b *Block) decodeLinkDropped() (sparse, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return sparse{}, err
	}
	return b.numbers(colLinkDropped, n, nil)
}

// most returns how many children of rows there may be in the data: see childRatio.
func (b *Block) most() uint64 { return childRatio * uint64(len(b.src.data)) }
