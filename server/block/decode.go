package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"

	"github.com/weft-trace/weft/server/span"
)

// ErrCorrupt is what errors of data that is not a block, or was damaged, wrap.
var ErrCorrupt = errors.New("corrupt block; restore the store from a backup, or remove what names it")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}

// source is an encoded block.
type source struct {
	once sync.Once
	load func() ([]byte, error)
	err  error
	cols []stored // the columns that are there once, by number
	data []byte
	sets [3][]stored // attribute columns of spans, events, links

	size atomic.Int64 // of the data and what was decoded, about

	// what others are made of, and is enough for some rows
	ops       lazy[opColumn]
	traces    lazy[traceColumn]
	names     lazy[*list]
	resources lazy[[]string]
}

// stored is a column in the data.
type stored struct {
	id   byte // 0: not there
	typ  span.Type
	key  string
	data []byte
	sum  uint32
}

// Open returns the block that data encodes, which it keeps. It checks header
// and directory; columns are checked when they are decoded.
func Open(data []byte) (*Block, error) {
	b := &Block{src: &source{}}
	meta, err := b.src.open(data)
	if err != nil {
		return nil, err
	}
	b.meta = meta
	b.src.once.Do(func() {})
	return b, nil
}

// Lazy returns a block of which only meta is known. load is called once, when
// a column is first asked for.
func Lazy(meta Meta, load func() ([]byte, error)) *Block {
	return &Block{meta: meta, src: &source{load: load}}
}

// ready loads the data of a lazy block.
func (b *Block) ready() error {
	s := b.src
	s.once.Do(func() {
		data, err := s.load()
		if err == nil {
			var m Meta
			if m, err = s.open(data); err == nil && m != b.meta {
				err = corrupt("its header says %+v, what names it says %+v", m, b.meta)
			}
		}
		s.err, s.load = err, nil
	})
	return s.err
}

const lastColumn = colLinkAttr

func (s *source) open(data []byte) (Meta, error) {
	if len(data) < headerSize || string(data[:len(magic)-1]) != magic[:len(magic)-1] {
		return Meta{}, corrupt("%d bytes that do not begin as a block", len(data))
	}
	if v := data[len(magic)-1]; v != magic[len(magic)-1] {
		return Meta{}, fmt.Errorf("block of version %d, this program reads version %d; use the program that wrote it, or a later one", v, magic[len(magic)-1])
	}
	r := reader{b: data[len(magic):headerSize]}
	m := Meta{Rows: int(r.u32()), Errors: int(r.u32()), MinStart: int64(r.u64()), MaxStart: int64(r.u64()), MaxDuration: int64(r.u64())}
	size, check := int(r.u32()), r.u32()
	if size > len(data)-headerSize {
		return Meta{}, corrupt("a directory of %d bytes in a block of %d", size, len(data))
	}
	dir, rest := data[headerSize:headerSize+size], data[headerSize+size:]
	if sumOf(data[:headerSize-4], dir) != check {
		return Meta{}, corrupt("the checksum of the header is wrong")
	}
	if m.Rows > len(rest)/rowBytes {
		return Meta{}, corrupt("%d rows in %d bytes", m.Rows, len(data))
	}
	if m.Errors > m.Rows {
		return Meta{}, corrupt("%d errors in %d rows", m.Errors, m.Rows)
	}
	return m, s.directory(dir, rest)
}

func (s *source) directory(dir, data []byte) error {
	r := newReader(dir)
	defer r.free()
	b := r.blob()
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes after it", len(r.b))
	}
	if r.err != nil {
		return fmt.Errorf("directory of a block: %w", r.err)
	}
	s.cols = make([]stored, lastColumn+1)
	s.data = data
	s.size.Store(int64(len(data)))
	for d := (&reader{b: b}); len(d.b) > 0; {
		c := stored{id: d.byte()}
		if isAttr(c.id) {
			c.typ = d.typ()
			c.key = d.text()
		}
		size := d.uvarint32()
		c.sum = d.u32()
		if d.err == nil && int(size) > len(data) {
			d.fail("column %d of %d bytes, but %d are left", c.id, size, len(data))
		}
		if d.err != nil {
			return fmt.Errorf("directory of a block: %w", d.err)
		}
		c.data, data = data[:size:size], data[size:]
		switch {
		case c.id == colAttr:
			s.sets[0] = append(s.sets[0], c)
		case c.id == colEventAttr:
			s.sets[1] = append(s.sets[1], c)
		case c.id == colLinkAttr:
			s.sets[2] = append(s.sets[2], c)
		case c.id == 0 || c.id > lastColumn || s.cols[c.id].id != 0:
			return corrupt("directory: column %d is unknown, or there twice", c.id)
		default:
			s.cols[c.id] = c
		}
	}
	for _, c := range data {
		if c != 0 {
			return corrupt("bytes after the last column that are not 0")
		}
	}
	return nil
}

// decode calls read with the data of a column. Without the column it is
// called only if the column is always there.
func (b *Block) decode(id byte, read func(r *reader)) error {
	if err := b.ready(); err != nil {
		return err
	}
	c := &b.src.cols[id]
	if c.id == 0 {
		return corrupt("column %d is missing", id)
	}
	b.src.size.Add(8 * int64(b.meta.Rows))
	return c.read(read)
}

// has reports whether a column that may be left out is there.
func (b *Block) has(id byte) (bool, error) {
	if err := b.ready(); err != nil {
		return false, err
	}
	return b.src.cols[id].id != 0, nil
}

func (c *stored) read(read func(r *reader)) error {
	if sum(c.data) != c.sum {
		return corrupt("the checksum of column %s is wrong", c.name())
	}
	r := newReader(c.data)
	defer r.free()
	read(r)
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes too many", len(r.b))
	}
	if r.err != nil {
		return fmt.Errorf("column %s: %w", c.name(), r.err)
	}
	return nil
}

func (c *stored) name() string {
	if isAttr(c.id) {
		return fmt.Sprintf("%d, %q of type %s", c.id, c.key[:min(len(c.key), 64)], c.typ)
	}
	return fmt.Sprint(c.id)
}

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
