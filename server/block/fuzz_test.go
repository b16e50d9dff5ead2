package block

import (
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/weft-trace/weft/server/span"
)

// readAll reads all that a block has, by rows and by columns, and returns the
// first error.
func readAll(b *Block) error {
	rows := all(b)
	_, err := b.Spans(rows[:min(len(rows), 3)]) // the way for few rows
	if err != nil {
		return err
	}
	for i := 0; i < len(rows); i += 256 { // a few at a time: as much as their attributes take is kept
		if _, err := b.Spans(rows[i:min(i+256, len(rows))]); err != nil {
			return err
		}
	}
	for _, set := range []struct {
		keys  func() ([]string, error)
		attrs func(string) ([]*Column, error)
	}{{b.Keys, b.Attrs}, {b.EventKeys, b.EventAttrs}, {b.LinkKeys, b.LinkAttrs}} {
		keys, err := set.keys()
		if err != nil {
			return err
		}
		for _, k := range keys {
			cols, err := set.attrs(k)
			if err != nil {
				return err
			}
			for _, c := range cols {
				for i := range max(len(c.IDs), len(c.Nums)) {
					c.Value(i)
				}
			}
		}
	}
	if _, err := b.TraceIDs(); err != nil {
		return err
	}
	_, err = b.Services()
	return err
}

// reseal makes the checksums of a block right again, so that what was changed
// is read. It returns nil if the block's frame is broken.
func reseal(data []byte) []byte {
	data = slices.Clone(data)
	if len(data) < headerSize {
		return nil
	}
	size := int(binary.LittleEndian.Uint32(data[40:]))
	if size < 0 || size > len(data)-headerSize {
		return nil
	}
	r := newReader(data[headerSize : headerSize+size])
	dir := r.blob()
	if r.err != nil || len(r.b) != 0 {
		return nil
	}
	cols := data[headerSize+size:]
	for d := (&reader{b: dir}); len(d.b) > 0; {
		if id := d.byte(); isAttr(id) {
			d.typ()
			d.text()
		}
		n := int(d.uvarint32())
		if d.err != nil || len(d.b) < 4 || n > len(cols) {
			return nil
		}
		binary.LittleEndian.PutUint32(d.b, sum(cols[:n]))
		d.next(4)
		cols = cols[n:]
	}
	stored := binary.AppendUvarint(nil, uint64(len(dir))<<1)
	out := slices.Clone(data[:headerSize])
	binary.LittleEndian.PutUint32(out[40:], uint32(len(stored)+len(dir)))
	out = append(append(out, stored...), dir...)
	h := xxhash.New()
	h.Write(out[:headerSize-4])
	h.Write(out[headerSize:])
	binary.LittleEndian.PutUint32(out[headerSize-4:], uint32(h.Sum64()))
	return append(out, data[headerSize+size:]...)
}

// FuzzOpen opens what it is given, and the same with right checksums: an error
// or spans, but no panic, and no memory beyond what the bytes can stand for.
func FuzzOpen(f *testing.F) {
	for seed := range uint64(6) {
		r := newRandom(seed)
		b := new(Builder)
		for range 12 {
			s := r.span()
			b.Add(&s)
		}
		for _, p := range b.Cut(8) {
			f.Add(p.Data)
		}
	}
	for p := range shopBuilder(60).Parts(0) {
		f.Add(p.Data)
		f.Add(reseal(p.Data)) // its directory is plain, so that mutations reach it
	}
	f.Add(exceptions(10, 5).Cut(0)[0].Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, reseal(data)} {
			b, err := Open(data)
			if err != nil {
				continue
			}
			if err := readAll(b); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error that does not say corrupt: %v", err)
			}
		}
	})
}

// exceptions makes n spans with events that all look alike.
func exceptions(n, events int) *Builder {
	b := new(Builder)
	res, scope := &span.Resource{Service: "a", Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue("a")}}}, &span.Scope{}
	for i := range n {
		s := span.Span{TraceID: span.TraceID{1}, ID: span.ID{byte(i + 1)}, Name: "x", Resource: res, Scope: scope}
		for range events {
			s.Events = append(s.Events, span.Event{Name: "exception", Attrs: []span.Attr{{Key: "exception.type", Value: span.StringValue("E")}}})
		}
		b.Add(&s)
	}
	return b
}

// Every bit of a block matters: a flipped one is an error, wherever it is.
func TestCorrupt(t *testing.T) {
	padded := exceptions(1, 2000).Cut(0)[0].Data
	b := new(Builder)
	r := newRandom(3)
	for range 12 {
		s := r.span()
		b.Add(&s)
	}
	for _, data := range [][]byte{b.Cut(0)[0].Data, padded} {
		flip(t, data)
	}
}

func flip(t *testing.T, data []byte) {
	for i := range data {
		bad := slices.Clone(data)
		bad[i] ^= 1 << (i % 8)
		o, err := Open(bad)
		if err == nil {
			err = readAll(o)
		}
		if err == nil {
			t.Fatalf("byte %d of %d changed and nobody noticed", i, len(data))
		}
		if i != len(magic)-1 && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d changed: error does not say corrupt: %v", i, err)
		}
		if o, err := Open(data[:i]); err == nil && readAll(o) == nil {
			t.Fatalf("cut to %d of %d bytes and nobody noticed", i, len(data))
		}
	}
}

// A few bytes that claim to be much do not make a reader allocate much.
func TestClaims(t *testing.T) {
	data := reseal(shopBuilder(300).Cut(0)[0].Data)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tried := 0
	for i := headerSize; i < len(data); i += 3 {
		bad := slices.Clone(data)
		copy(bad[i:], "\xff\xff\xff\xff\x07") // 2^31-1 as a uvarint
		bad = reseal(bad)
		if bad == nil {
			continue
		}
		if o, err := Open(bad); err == nil {
			readAll(o)
		}
		tried++
	}
	runtime.ReadMemStats(&after)
	per := (after.TotalAlloc - before.TotalAlloc) / uint64(tried)
	t.Logf("%d blocks, %d bytes allocated each, %d bytes long", tried, per, len(data))
	if per > 4<<20 {
		t.Errorf("%d bytes allocated for a block of %d; want at most 4 MiB", per, len(data))
	}
}
