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
