package block

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weft-trace/weft/server/span"
)

// ErrCorrupt is what errors of data that is not a block, or was damaged, wrap.
var ErrCorrupt = errors.New("corrupt block")

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
