package block

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"

	"github.com/weft-trace/weft/server/span"
)

// The header of a block; docs/format/block.md describes all of it.
const (
	magic      = "weftblk\x01" // the last byte is the version
	headerSize = 48
)

// Columns, as the directory names them. Numbers are never used again for something else.
const (
	colTrace    = 1
	colID       = 2
	colParent   = 3
	colStart    = 4
	colDuration = 5
	colOp       = 6
	colName     = 7
	colResource = 8
	colScope    = 9
	colKind     = 10
	colStatus   = 11
	colMessage  = 12
	colState    = 13
	colNumber   = 14 // to 17: flags, dropped attributes, events and links
	colShape    = 18
	colAttr     = 19

	colEvent        = 32 // how many each span has
	colEventTime    = 33
	colEventName    = 34
	colEventDropped = 35
	colEventShape   = 36
	colEventAttr    = 37

	colLink        = 48 // how many each span has
	colLinkTrace   = 49
	colLinkID      = 50
	colLinkState   = 51
	colLinkFlags   = 52
	colLinkDropped = 53
	colLinkShape   = 54
	colLinkAttr    = 55
)

// What stored data may grow to, so that a reader can refuse claims before it
// makes room for them. A writer pads what compresses better than this.
const (
	ratioMost  = 4096     // bytes of text per byte of zstd frame,
	ratioFree  = 64 << 10 // beyond these
	childRatio = 8        // events, links, columns of all shapes, or values of an attribute, per byte of the columns
	rowBytes   = 8        // each row has at least its span id
)

func ratioOK(raw, stored int) bool { return raw <= ratioFree || (raw-ratioFree)/ratioMost < stored }

// encoder holds what encoding a block needs besides the block. It is reused.
type encoder struct {
	zstd *zstd.Encoder
	huff huff0.Scratch
	z    []byte

	table      valueTable
	plane      []byte
	quotients  []uint64
	lens       []uint64
	text       []byte
	pats       interner
	patArena   arena
	patIDs     []uint32
	patNums    [patternNumbers][]uint64
	vals, seq  []uint64
	refs       [2]reference // by op, by trace; none for events and links
	mapped     []uint64
	has        []bool
	parentRows parentTable

	dir  []byte
	data []byte
}

var encoders = sync.Pool{New: func() any {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return &encoder{zstd: z}
}}

// encoderMost is how much memory an encoder may keep for the next block.
const encoderMost = 8 << 20

func (e *encoder) free() {
	if cap(e.data)+cap(e.text)+cap(e.z)+8*cap(e.vals)+8*cap(e.seq) <= encoderMost {
		encoders.Put(e)
	}
}

// column appends a column to the block, whose data is what fill appends.
func (e *encoder) column(id byte, fill func(dst []byte) []byte) {
	e.keyed(id, 0, "", fill)
}

func (e *encoder) keyed(id byte, typ span.Type, key string, fill func(dst []byte) []byte) {
	from := len(e.data)
	e.data = fill(e.data)
	e.dir = append(e.dir, id)
	if isAttr(id) {
		e.dir = append(e.dir, byte(typ))
		e.dir = appendText(e.dir, key)
	}
	e.dir = binary.AppendUvarint(e.dir, uint64(len(e.data)-from))
	e.dir = binary.LittleEndian.AppendUint32(e.dir, sum(e.data[from:]))
}

func isAttr(id byte) bool { return id == colAttr || id == colEventAttr || id == colLinkAttr }

func sum(b []byte) uint32 { return uint32(xxhash.Sum64(b)) }

// encode returns the bytes of a block in memory whose traces are contiguous.
func (e *encoder) encode(b *Block) []byte {
	e.dir, e.data = e.dir[:0], e.data[:0]
	n := b.meta.Rows
	traces := b.traces.v
	e.refs = [2]reference{}

	// the references
	traceRows := make([]uint32, n)
	var firsts []uint32 // row of each trace
	for i := range traces {
		if i == 0 || traces[i] != traces[i-1] {
			firsts = append(firsts, uint32(i))
		}
		traceRows[i] = uint32(len(firsts) - 1)
	}
	e.column(colTrace, func(dst []byte) []byte {
		dst = binary.AppendUvarint(dst, uint64(len(firsts)))
		e.vals = e.vals[:0]
		for k, f := range firsts {
			end := uint32(n)
			if k+1 < len(firsts) {
				end = firsts[k+1]
			}
			e.vals = append(e.vals, uint64(end-f))
		}
		dst = e.ints(dst, e.vals)
		for half := range 2 {
			e.vals = e.vals[:0]
			for _, f := range firsts {
				e.vals = append(e.vals, binary.BigEndian.Uint64(traces[f][8*half:]))
			}
			dst = e.ints(dst, e.vals)
		}
		return dst
	})
	e.column(colID, func(dst []byte) []byte { return appendIDs(dst, b.ids.v) })
	e.column(colParent, func(dst []byte) []byte { return e.parents(dst, b, firsts) })
	e.column(colStart, func(dst []byte) []byte {
		starts := b.starts.v
		e.vals, e.seq = e.vals[:0], e.seq[:0]
		prev := b.meta.MinStart
		for i, s := range starts {
			if firsts[traceRows[i]] == uint32(i) {
				e.vals = append(e.vals, uint64(s-prev))
				prev = s
			} else {
				e.seq = append(e.seq, uint64(s-starts[i-1]))
			}
		}
		dst = e.ints(dst, e.vals)
		return e.ints(dst, e.seq)
	})
	e.column(colDuration, func(dst []byte) []byte {
		e.vals = e.vals[:0]
		for _, d := range b.durations.v {
			e.vals = append(e.vals, uint64(d))
		}
		return e.ints(dst, e.vals)
	})
	ops := e.ops(b)
	e.refs = [2]reference{ops, {traceRows, len(firsts)}}

	e.texts(colName, b.names.v.Dict, nil)
	e.column(colResource, func(dst []byte) []byte {
		return e.blobs(dst, len(b.resources.v.table), func(dst []byte, i int) []byte { return appendResource(dst, b.resources.v.table[i]) })
	})
	e.column(colScope, func(dst []byte) []byte {
		dst = e.blobs(dst, len(b.scopes.v.table), func(dst []byte, i int) []byte { return appendScope(dst, b.scopes.v.table[i]) })
		return e.rowIDs(dst, b.scopes.v.ids, nil, len(b.scopes.v.table))
	})
	e.column(colKind, func(dst []byte) []byte {
		e.vals = e.vals[:0]
		for _, k := range b.kinds.v {
			e.vals = append(e.vals, uint64(k))
		}
		return e.values(dst, e.vals, nil, 0)
	})
	e.column(colStatus, func(dst []byte) []byte {
		e.vals = e.vals[:0]
		for _, s := range b.statuses.v {
			e.vals = append(e.vals, uint64(s))
		}
		return e.values(dst, e.vals, nil, 0)
	})
	e.strings(colMessage, b.messages.v)
	e.strings(colState, b.states.v)
	for i := range b.nums {
		e.numbers(byte(colNumber+i), &b.nums[i].v, n)
	}
	t := b.tables.v
	e.attributes(colShape, &t.spans)
	e.refs = [2]reference{}
	e.events(b)
	e.links(b)
	return e.finish(b)
}

// finish puts header, directory and data together.
func (e *encoder) finish(b *Block) []byte {
	dir := e.blob(nil, e.dir)
	most := max(len(b.eventTimes.v), len(b.linkIDs.v))
	for _, a := range []*attributes{&b.tables.v.spans, &b.tables.v.events, &b.tables.v.links} {
		n := 0
		for _, s := range a.shapes {
			n += len(s)
		}
		most = max(most, n)
		for i := range a.cols {
			most = max(most, len(a.cols[i].col.v.Rows))
		}
	}
	padded := max(len(e.data), (most+childRatio-1)/childRatio)
	size := headerSize + len(dir) + padded
	out := make([]byte, 0, size)
	out = append(out, magic...)
	out = binary.LittleEndian.AppendUint32(out, uint32(b.meta.Rows))
	out = binary.LittleEndian.AppendUint32(out, uint32(b.meta.Errors))
	out = binary.LittleEndian.AppendUint64(out, uint64(b.meta.MinStart))
	out = binary.LittleEndian.AppendUint64(out, uint64(b.meta.MaxStart))
	out = binary.LittleEndian.AppendUint64(out, uint64(b.meta.MaxDuration))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(dir)))
	h := xxhash.New()
	h.Write(out)
	h.Write(dir)
	out = binary.LittleEndian.AppendUint32(out, uint32(h.Sum64()))
	out = append(out, dir...)
	out = append(out, e.data...)
	return out[:size]
}

func appendIDs(dst []byte, ids []span.ID) []byte {
	dst = slices.Grow(dst, 8*len(ids))
	for i := range ids {
		dst = append(dst, ids[i][:]...)
	}
	return dst
}

// ops writes which pairs of resource and name there are, and which of them
// each row has. Much of a span is a function of that pair.
func (e *encoder) ops(b *Block) reference {
	res, names := b.resources.v.ids, b.names.v.IDs
	ids := make(map[uint64]uint32, 256)
	rows := make([]uint32, len(res))
	var opRes, opNames []uint32
	for i := range res {
		k := uint64(res[i])<<32 | uint64(names[i])
		id, ok := ids[k]
		if !ok {
			id = uint32(len(opRes))
			ids[k] = id
			opRes, opNames = append(opRes, res[i]), append(opNames, names[i])
		}
		rows[i] = id
	}
	e.column(colOp, func(dst []byte) []byte {
		dst = binary.AppendUvarint(dst, uint64(len(opRes)))
		dst = e.ids(dst, opRes, len(b.resources.v.table))
		dst = e.ids(dst, opNames, len(b.names.v.Dict))
		return e.ids(dst, rows, len(opRes))
	})
	return reference{rows, len(opRes)}
}

// texts appends a dictionary, and if ids is not nil the ids of the rows.
func (e *encoder) texts(id byte, dict []string, ids []uint32) {
	e.column(id, func(dst []byte) []byte {
		dst = binary.AppendUvarint(dst, uint64(len(dict)))
		dst = e.list(dst, dict)
		if ids != nil {
			dst = e.rowIDs(dst, ids, nil, len(dict))
		}
		return dst
	})
}

// strings appends a column that is left out if all are empty.
func (e *encoder) strings(id byte, s Strings) {
	if len(s.Dict) > 1 || len(s.Dict) == 1 && s.Dict[0] != "" {
		e.texts(id, s.Dict, s.IDs)
	}
}

// numbers appends a column that is left out if all are 0.
func (e *encoder) numbers(id byte, c *sparse, n int) {
	if len(c.rows) == 0 {
		return
	}
	e.column(id, func(dst []byte) []byte {
		e.vals = slices.Grow(e.vals[:0], n)[:n]
		clear(e.vals)
		for i, r := range c.rows {
			e.vals[r] = uint64(c.vals[i])
		}
		return e.values(dst, e.vals, nil, 0)
	})
}

// blobs appends n strings that are not text: no patterns are looked for.
func (e *encoder) blobs(dst []byte, n int, fill func(dst []byte, i int) []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(n))
	if n == 0 {
		return dst
	}
	e.lens, e.text = e.lens[:0], e.text[:0]
	for i := range n {
		from := len(e.text)
		e.text = fill(e.text, i)
		e.lens = append(e.lens, uint64(len(e.text)-from))
	}
	dst = e.ints(dst, e.lens)
	return e.blob(dst, e.text)
}

// blob appends bytes: their number, shifted left by one, plus 1 if a zstd frame
// follows, with the number of its bytes, instead of themselves.
func (e *encoder) blob(dst, text []byte) []byte {
	if len(text) >= 32 {
		e.z = e.zstd.EncodeAll(text, e.z[:0])
		if len(e.z) < len(text) {
			for !ratioOK(len(text), len(e.z)) {
				// a skippable frame pads it: see ratioMost
				pad := min(len(text)/ratioMost+1-len(e.z), 1<<20)
				e.z = append(e.z, 0x50, 0x2a, 0x4d, 0x18)
				e.z = binary.LittleEndian.AppendUint32(e.z, uint32(max(pad, 0)))
				e.z = append(e.z, make([]byte, max(pad, 0))...)
			}
			dst = binary.AppendUvarint(dst, uint64(len(text))<<1|1)
			dst = binary.AppendUvarint(dst, uint64(len(e.z)))
			return append(dst, e.z...)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(text))<<1)
	return append(dst, text...)
}
