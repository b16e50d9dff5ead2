package block

import (
	"encoding/binary"
	"slices"
	"sync"
	"unsafe"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"

	"github.com/weft-trace/weft/server/span"
)

// reader reads encoded data; the first failure stays in err, and what is read
// after it is zero.
type reader struct {
	b        []byte
	err      error
	huff     *huff0.Scratch
	bufs     [8][]byte // by plane
	unpacked [8][]byte
	nums     []uint64
	of       []uint32
}

var readers = sync.Pool{New: func() any { return new(reader) }}

func newReader(b []byte) *reader {
	r := readers.Get().(*reader)
	r.b, r.err = b, nil
	return r
}

// readerMost is how much scratch memory a reader may keep for the next.
const readerMost = 1 << 20

func (r *reader) free() {
	r.b = nil
	size := 8*cap(r.nums) + 4*cap(r.of)
	for p := range r.bufs {
		size += cap(r.bufs[p]) + cap(r.unpacked[p])
	}
	if size <= readerMost {
		readers.Put(r)
	}
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = corrupt(format, args...)
	}
	r.b = nil
}

func (r *reader) next(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("it ends %d bytes early", n-len(r.b))
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if v := r.next(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.next(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if v := r.next(8); v != nil {
		return binary.LittleEndian.Uint64(v)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("a broken integer")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// u32v reads a uvarint of at most 32 bits.
func (r *reader) u32v() uint32 {
	v := r.uvarint()
	if v > 1<<32-1 {
		r.fail("an integer of more than 32 bits, %d", v)
		return 0
	}
	return uint32(v)
}

// uvarint32 reads a uvarint below 2^31: a length.
func (r *reader) uvarint32() uint32 {
	v := r.uvarint()
	if v > 1<<31-1 {
		r.fail("a length of %d", v)
		return 0
	}
	return uint32(v)
}

// count reads how many things follow, of which each takes size bytes at least.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.fail("a count of %d in %d bytes", n, len(r.b))
		return 0
	}
	return int(n)
}

// countOf reads a count of at most most.
func (r *reader) countOf(most int) int {
	n := r.uvarint()
	if n > uint64(most) {
		r.fail("a count of %d where %d are possible", n, most)
		return 0
	}
	return int(n)
}

// text reads a string, which shares the memory that is read: only for what is
// never written again.
func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail("a string of %d bytes, %d are left", n, len(r.b))
		return ""
	}
	v := r.next(int(n))
	return unsafe.String(unsafe.SliceData(v), len(v))
}

func (r *reader) typ() span.Type {
	t := span.Type(r.byte())
	if t > span.Map {
		r.fail("an attribute of unknown type %d", t)
		return 0
	}
	return t
}

// scratch returns n bytes for plane p.
func (r *reader) scratch(p, n int) []byte {
	r.bufs[p] = slices.Grow(r.bufs[p][:0], n)[:n]
	return r.bufs[p]
}

// integers returns n integers that are valid until the next call.
func (r *reader) integers(n int) []uint64 {
	r.nums = slices.Grow(r.nums[:0], n)[:n]
	readInts(r, r.nums)
	if r.err != nil {
		clear(r.nums)
	}
	return r.nums
}

var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return d
})

// unzstd appends what a frame holds to dst, which must be size bytes.
func (r *reader) unzstd(dst, frame []byte, size int) []byte {
	if r.err != nil {
		return nil
	}
	if !ratioOK(size, len(frame)) {
		r.fail("%d bytes in a frame of %d", size, len(frame))
		return nil
	}
	dst = slices.Grow(dst, size)
	out, err := zstdDecoder().DecodeAll(frame, dst[:len(dst):len(dst)+size]) // never more than the capacity
	if err != nil || len(out)-len(dst) != size {
		r.fail("a frame of %d bytes gave %d: %v", size, len(out)-len(dst), err)
		return nil
	}
	return out
}

// blob reads bytes. They are a copy.
func (r *reader) blob() []byte {
	v := r.uvarint()
	n := v >> 1
	if v&1 == 0 {
		if n > uint64(len(r.b)) {
			r.fail("%d bytes, %d are left", n, len(r.b))
			return nil
		}
		return slices.Clone(r.next(int(n)))
	}
	if n > 1<<31-1 {
		r.fail("%d bytes", n)
		return nil
	}
	return r.unzstd(nil, r.next(int(r.uvarint32())), int(n))
}
