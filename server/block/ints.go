package block

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/huff0"
)

// A sequence of unsigned integers is stored in one of three ways; how many
// there are is known from elsewhere.
const (
	intsConst  = 0 // all are the same: it, as a uvarint
	intsPlanes = 1 // the least (uvarint), a divisor (uvarint), the number of planes (byte), and the quotients of the distances from the least, byte by byte from the lowest
	intsTable  = 2 // the distinct values, ascending: how many less one (byte), the first and then the distances (uvarints); and a plane of indexes into them
)

// tableMax is how many values a table may have: what a byte can index.
const tableMax = 256

// ints appends a sequence.
func (e *encoder) ints(dst []byte, v []uint64) []byte {
	if len(v) == 0 {
		return dst
	}
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	if lo == hi {
		return binary.AppendUvarint(append(dst, intsConst), lo)
	}
	e.plane = slices.Grow(e.plane[:0], len(v))[:len(v)]
	if e.table.build(v, lo, hi) {
		n := len(e.table.vals)
		dst = append(dst, intsTable, byte(n-1))
		prev := uint64(0)
		for _, x := range e.table.vals {
			dst = binary.AppendUvarint(dst, x-prev)
			prev = x
		}
		for i, x := range v {
			e.plane[i] = byte(e.table.rank[e.table.slot(x)])
		}
		return e.bytes(dst, e.plane, n)
	}
	div := divisor(v, lo)
	planes := (bits.Len64((hi-lo)/div) + 7) / 8
	dst = append(dst, intsPlanes)
	dst = binary.AppendUvarint(dst, lo)
	dst = binary.AppendUvarint(dst, div)
	dst = append(dst, byte(planes))
	top := (hi - lo) / div
	if div > 1 {
		e.quotients = slices.Grow(e.quotients[:0], len(v))[:len(v)]
		for i, x := range v {
			e.quotients[i] = (x - lo) / div
		}
		v, lo = e.quotients, 0
	}
	for p := range planes {
		shift := 8 * p
		for i, x := range v {
			e.plane[i] = byte((x - lo) >> shift)
		}
		dst = e.bytes(dst, e.plane, int(min(top>>shift, 255))+1)
	}
	return dst
}

// divisor returns what all distances from lo are multiples of. Clocks that
// tick in microseconds make it 1000.
func divisor(v []uint64, lo uint64) uint64 {
	var g uint64
	for _, x := range v {
		a, b := x-lo, g
		for b != 0 {
			a, b = b, a%b
		}
		if g = a; g == 1 {
			break
		}
	}
	return g
}

// valueTable finds the distinct values of a sequence.
type valueTable struct {
	vals []uint64
	keys [4 * tableMax]uint64
	rank [4 * tableMax]uint16 // index into vals, after build; while building plus 1, 0: free
}

func (t *valueTable) slot(x uint64) int {
	i := x * 0x9e3779b97f4a7c15 >> (64 - 10)
	for t.rank[i] != free && t.keys[i] != x {
		i = (i + 1) % uint64(len(t.keys))
	}
	return int(i)
}

const free = 1<<16 - 1

// build reports whether a table makes the sequence smaller.
func (t *valueTable) build(v []uint64, lo, hi uint64) bool {
	if len(v) < 16 {
		return false
	}
	for i := range t.rank {
		t.rank[i] = free
	}
	t.vals = t.vals[:0]
	most := min(tableMax, len(v)/4)
	for _, x := range v {
		if i := t.slot(x); t.rank[i] == free {
			if len(t.vals) == most {
				return false
			}
			t.rank[i], t.keys[i] = 0, x
			t.vals = append(t.vals, x)
		}
	}
	n, span := len(t.vals), bits.Len64(hi-lo)
	table := n * (1 + max(0, span-bits.Len(uint(n)))/7) // bytes, about
	if 8*table+len(v)*packing(n) >= len(v)*8*((span+7)/8) {
		return false
	}
	slices.Sort(t.vals)
	for i, x := range t.vals {
		t.rank[t.slot(x)] = uint16(i)
	}
	return true
}

// A plane is a sequence of bytes. Its first byte says how many bits of it each
// takes (the upper four bits: 1, 2, 4 or 8, the first value in the lowest
// bits), and how the packed bytes are stored (the lower four).
const (
	planeRaw   = 0 // as they are
	planeSame  = 1 // all are the same: it
	planeHuff1 = 2 // huff0, one stream: length (uvarint), table and stream
	planeHuff4 = 3 // huff0, four streams: likewise
	planeZstd  = 4 // a zstd frame: length (uvarint), frame
)

// packing returns how many bits values below n take.
func packing(n int) int {
	switch {
	case n <= 2:
		return 1
	case n <= 4:
		return 2
	case n <= 16:
		return 4
	}
	return 8
}

// bytes appends a plane of values below n. It may change v.
func (e *encoder) bytes(dst, v []byte, n int) []byte {
	width := packing(n)
	if width < 8 {
		v = pack(v, width)
	}
	tag := byte(width << 4)
	var count [256]uint32
	for _, c := range v {
		count[c]++
	}
	most, squares := uint32(0), uint64(0)
	for _, c := range count {
		most = max(most, c)
		squares += uint64(c) * uint64(c)
	}
	size := uint64(len(v))
	switch {
	case int(most) == len(v):
		return append(dst, tag|planeSame, v[0])
	case len(v) < 32:
	case int(most) > len(v)-len(v)/8 || len(v) > huff0.BlockSizeMax:
		// A Huffman code takes a bit even for what is almost certain.
		e.z = e.zstd.EncodeAll(v, e.z[:0])
		if len(e.z) < len(v) && ratioOK(len(v), len(e.z)) {
			dst = append(dst, tag|planeZstd)
			dst = binary.AppendUvarint(dst, uint64(len(e.z)))
			return append(dst, e.z...)
		}
	case 256*(squares-size) < size*size*75/64:
		// Evenly spread: the squares of the counts of n even bytes add up to n²/256 + n. A code is worth its table
		// from 1/64 of the bytes on; that far from even they add up to a sixth more.
	default:
		method, compress := byte(planeHuff1), huff0.Compress1X
		if len(v) >= 1024 {
			method, compress = planeHuff4, huff0.Compress4X
		}
		e.huff.Reuse = huff0.ReusePolicyNone
		if out, _, err := compress(v, &e.huff); err == nil && len(out) < len(v)-len(v)/64 {
			dst = append(dst, tag|method)
			dst = binary.AppendUvarint(dst, uint64(len(out)))
			return append(dst, out...)
		}
	}
	return append(append(dst, tag|planeRaw), v...)
}

// pack packs values of width bits into bytes, in place.
func pack(v []byte, width int) []byte {
	per := 8 / width
	n := 0
	for i := 0; i < len(v); i += per {
		var b byte
		for k, c := range v[i:min(i+per, len(v))] {
			b |= c << (k * width)
		}
		v[n] = b
		n++
	}
	return v[:n]
}

// integer is what sequences are decoded to.
type integer interface{ uint32 | uint64 | int64 }

// readInts reads a sequence of len(dst) integers.
func readInts[T integer](r *reader, dst []T) {
	if len(dst) == 0 {
		return
	}
	wide := bits.Len64(uint64(^T(0))) // int64 counts as 64
	switch m := r.byte(); m {
	case intsConst:
		v := r.uvarint()
		if bits.Len64(v) > wide {
			r.fail("an integer of more than %d bits, %d", wide, v)
		}
		for i := range dst {
			dst[i] = T(v)
		}
	case intsPlanes:
		lo, div, planes := T(r.uvarint()), T(r.uvarint()), int(r.byte())
		if planes > wide/8 {
			r.fail("%d byte planes; at most %d", planes, wide/8)
			return
		}
		var v [8][]byte
		for p := range planes {
			if v[p] = r.plane(p, len(dst)); r.err != nil {
				return
			}
		}
		join(dst, v[:planes])
		if div != 1 {
			for i := range dst {
				dst[i] = dst[i]*div + lo
			}
		} else if lo != 0 {
			for i := range dst {
				dst[i] += lo
			}
		}
	case intsTable:
		n := int(r.byte()) + 1
		var table [tableMax]T
		prev := uint64(0)
		for i := range n {
			prev += r.uvarint()
			table[i] = T(prev)
		}
		if bits.Len64(prev) > wide {
			r.fail("an integer of more than %d bits, %d", wide, prev)
			return
		}
		plane := r.plane(0, len(dst))
		if r.err != nil {
			return
		}
		plane = plane[:len(dst)]
		for i, c := range plane {
			dst[i] = table[c]
		}
	default:
		r.fail("integers stored in an unknown way, %d", m)
	}
}

// join puts integers together from their bytes, the lowest first.
func join[T integer](dst []T, v [][]byte) {
	n := len(dst)
	switch len(v) {
	case 0:
		clear(dst)
	case 1:
		for i, c := range v[0][:n] {
			dst[i] = T(c)
		}
	case 2:
		a, b := v[0][:n], v[1][:n]
		for i := range dst {
			dst[i] = T(a[i]) | T(b[i])<<8
		}
	case 3:
		a, b, c := v[0][:n], v[1][:n], v[2][:n]
		for i := range dst {
			dst[i] = T(a[i]) | T(b[i])<<8 | T(c[i])<<16
		}
	default:
		a, b, c, d := v[0][:n], v[1][:n], v[2][:n], v[3][:n]
		for i := range dst {
			dst[i] = T(a[i]) | T(b[i])<<8 | T(c[i])<<16 | T(d[i])<<24
		}
		for p := 4; p < len(v); p++ {
			shift := 8 * p
			for i, c := range v[p][:n] {
				dst[i] |= T(c) << shift
			}
		}
	}
}

// plane reads plane p, of n bytes. It is valid until plane p is read again.
func (r *reader) plane(p, n int) []byte {
	tag := r.byte()
	width := int(tag >> 4)
	if width != 1 && width != 2 && width != 4 && width != 8 {
		r.fail("a plane of %d bits", width)
		return nil
	}
	packed := (n*width + 7) / 8
	var out []byte
	switch tag & 15 {
	case planeRaw:
		out = r.next(packed)
	case planeSame:
		c := r.byte()
		out = r.scratch(p, packed)
		for i := range out {
			out[i] = c
		}
	case planeHuff1, planeHuff4:
		in := r.next(int(r.uvarint32()))
		if r.err != nil {
			return nil
		}
		if packed > huff0.BlockSizeMax {
			r.fail("a Huffman code of %d bytes", packed)
			return nil
		}
		out = r.scratch(p, packed)
		s, in, err := huff0.ReadTable(in, r.huff)
		r.huff = s
		if err != nil {
			r.fail("a Huffman table: %w", err)
			return nil
		}
		if tag&15 == planeHuff1 {
			out, err = s.Decoder().Decompress1X(out[:0:packed], in)
		} else {
			out, err = s.Decoder().Decompress4X(out[:packed:packed], in)
		}
		if err != nil || len(out) != packed {
			r.fail("a Huffman code of %d bytes gave %d: %v", packed, len(out), err)
			return nil
		}
	case planeZstd:
		if out = r.unzstd(r.bufs[p][:0], r.next(int(r.uvarint32())), packed); r.err == nil {
			r.bufs[p] = out
		}
	default:
		r.fail("a plane stored in an unknown way, %d", tag&15)
	}
	if r.err != nil {
		return nil
	}
	if width < 8 {
		out = r.unpack(p, out, n, width)
	}
	return out
}

// spread1, spread2 and spread4 are the values that are packed in a byte, one per byte.
var spread1, spread2, spread4 [256]uint64

func init() {
	for b := range uint64(256) {
		for k := range 8 {
			spread1[b] |= b >> k & 1 << (8 * k)
		}
		for k := range 4 {
			spread2[b] |= b >> (2 * k) & 3 << (8 * k)
		}
		spread4[b] = b&15 | b>>4<<8
	}
}

// unpack is the inverse of pack.
func (r *reader) unpack(p int, packed []byte, n, width int) []byte {
	out := slices.Grow(r.unpacked[p][:0], n+8)[:n+8] // room for all that the last byte holds
	r.unpacked[p] = out
	le, o := binary.LittleEndian, out
	switch width {
	case 1:
		for _, b := range packed {
			le.PutUint64(o, spread1[b])
			o = o[8:]
		}
	case 2:
		for _, b := range packed {
			le.PutUint32(o, uint32(spread2[b]))
			o = o[4:]
		}
	case 4:
		for _, b := range packed {
			le.PutUint16(o, uint16(spread4[b]))
			o = o[2:]
		}
	}
	return out[:n]
}
