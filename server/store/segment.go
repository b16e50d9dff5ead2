package store

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/weft-trace/weft/server/block"
)

// A segment is what one cut wrote: the blocks of one head and their index.
// Its number is the generation of the head.

// segmentInfo is what the store keeps in memory of every segment of an open partition.
type segmentInfo struct {
	id   uint32
	rows int
	min  int64 // the least and the greatest start of a span
	max  int64
}

// segmentHeader is the value of the segment's key.
type segmentHeader struct {
	blocks    []block.Meta
	sizes     []uint32 // of each block in the segment's file, in bytes
	firstRows []uint32 // the row in the segment of each block's first row; made, not stored
	unindexed []uint32 // hashes of keys whose values are not among the tokens, ascending
	noTokens  bool     // there are no tokens at all: too many keys
}

const flagNoTokens = 1

// maxBlockSize bounds what a reader allocates because a header says so.
const maxBlockSize = 1 << 30

func (h *segmentHeader) append(dst []byte) []byte {
	var flags uint64
	if h.noTokens {
		flags |= flagNoTokens
	}
	dst = binary.AppendUvarint(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(len(h.blocks)))
	var prev int64
	for i, b := range h.blocks {
		dst = binary.AppendUvarint(dst, uint64(h.sizes[i]))
		dst = binary.AppendUvarint(dst, uint64(b.Rows))
		dst = binary.AppendVarint(dst, b.MinStart-prev)
		dst = binary.AppendUvarint(dst, uint64(b.MaxStart-b.MinStart))
		dst = binary.AppendUvarint(dst, uint64(b.MaxDuration))
		dst = binary.AppendUvarint(dst, uint64(b.Errors))
		prev = b.MinStart
	}
	dst = binary.AppendUvarint(dst, uint64(len(h.unindexed)))
	for _, k := range h.unindexed {
		dst = binary.BigEndian.AppendUint32(dst, k)
	}
	return dst
}

var errHeader = errors.New("broken segment header")

func parseHeader(v []byte) (h segmentHeader, err error) {
	r := reader{b: v}
	flags := r.uvarint()
	h.noTokens = flags&flagNoTokens != 0
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)) || n > maxBlocks {
		return h, errHeader
	}
	h.blocks = make([]block.Meta, n)
	h.sizes = make([]uint32, n)
	h.firstRows = make([]uint32, n)
	var prev int64
	var row uint64
	for i := range h.blocks {
		b := &h.blocks[i]
		size := r.uvarint()
		rows := r.uvarint()
		b.MinStart = prev + r.varint()
		b.MaxStart = b.MinStart + int64(r.uvarint())
		b.MaxDuration = int64(r.uvarint())
		errs := r.uvarint()
		prev = b.MinStart
		if size > maxBlockSize || rows > math.MaxInt32 || errs > rows || row+rows > math.MaxUint32 {
			return h, errHeader
		}
		b.Rows, b.Errors = int(rows), int(errs)
		h.sizes[i] = uint32(size)
		h.firstRows[i] = uint32(row)
		row += rows
	}
	n = r.uvarint()
	if r.bad || uint64(len(r.b)) != 4*n {
		return h, errHeader
	}
	for ; n > 0; n-- {
		h.unindexed = append(h.unindexed, binary.BigEndian.Uint32(r.b))
		r.b = r.b[4:]
	}
	return h, nil
}

func (h *segmentHeader) info(id uint32) segmentInfo {
	s := segmentInfo{id: id, min: math.MaxInt64, max: math.MinInt64}
	for _, b := range h.blocks {
		s.rows += b.Rows
		s.min, s.max = min(s.min, b.MinStart), max(s.max, b.MaxStart)
	}
	return s
}

// reader reads numbers and remembers whether one was broken.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}
