package aggregate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// version is the first byte of every value of class Operations and Edges.
const version = 1

// maxOffset is the number of buckets in a window of the level that has the most.
const maxOffset = 60

// EachCell calls visit for each cell of a value, in ascending order of its
// bucket: the number of steps of the key's level after the start of its
// window. The cell is valid until visit returns. Scratch is memory to use
// again; nil is none.
func EachCell(value []byte, scratch *Cell, visit func(bucket int, c *Cell)) error {
	if scratch == nil {
		scratch = new(Cell)
	}
	var broken error
	err := split(value, func(bucket int, cell []byte) {
		if broken != nil {
			return
		}
		if err := scratch.parse(cell); err != nil {
			broken = fmt.Errorf("aggregate: bucket %d: %w", bucket, err)
			return
		}
		visit(bucket, scratch)
	})
	if broken != nil {
		return broken
	}
	return err
}

// split calls visit with the bucket and the encoding of each cell of a value.
func split(value []byte, visit func(bucket int, cell []byte)) error {
	if len(value) == 0 {
		return fmt.Errorf("aggregate: empty value")
	}
	if value[0] != version {
		return fmt.Errorf("aggregate: version %d of the format; this program knows %d", value[0], version)
	}
	next := uint64(0)
	for r := (reader{b: value[1:]}); len(r.b) > 0; {
		gap := r.uvarint()
		if r.bad || gap >= maxOffset || next+gap >= maxOffset {
			return fmt.Errorf("aggregate: %w", r.err("bucket"))
		}
		cell := r.bytes(r.uvarint())
		if r.bad || len(cell) == 0 {
			return fmt.Errorf("aggregate: %w", r.err("cell"))
		}
		visit(int(next+gap), cell)
		next += gap + 1
	}
	return nil
}

// appendCell appends a cell's encoding after the gap since the bucket next and
// its length.
func appendCell(b []byte, gap int, cell []byte) []byte {
	b = binary.AppendUvarint(b, uint64(gap))
	b = binary.AppendUvarint(b, uint64(len(cell)))
	return append(b, cell...)
}

// window is what a value of class Operations or Edges holds. Most buckets come
// from one operand only: their cells are not decoded.
type window struct {
	single [maxOffset][]byte // the encoding of a bucket's only operand so far
	merged [maxOffset]*Cell  // of a bucket with several
	cells  []Cell            // where merged point to, as long as there is room
	other  Cell
	report func(error)
}

// add merges a value. Of a value that breaks off, what comes before is merged.
func (w *window) add(value []byte) error {
	return split(value, func(bucket int, cell []byte) {
		if w.single[bucket] == nil && w.merged[bucket] == nil {
			w.single[bucket] = cell
			return
		}
		if first := w.single[bucket]; first != nil {
			w.single[bucket] = nil
			w.merged[bucket] = w.newCell()
			w.merge(bucket, first)
		}
		w.merge(bucket, cell)
	})
}

func (w *window) newCell() *Cell {
	if len(w.cells) == 0 {
		w.cells = make([]Cell, 4)
	}
	c := &w.cells[0]
	w.cells = w.cells[1:]
	return c
}

// merge adds an encoded cell to the merged one of its bucket.
func (w *window) merge(bucket int, cell []byte) {
	if err := w.other.parse(cell); err != nil {
		if w.report != nil {
			w.report(fmt.Errorf("bucket %d: %w", bucket, err))
		}
		return
	}
	w.merged[bucket].Merge(&w.other)
}

func (w *window) append(b []byte) []byte {
	b = append(b, version)
	next := 0
	var cell []byte
	for i := range w.single {
		switch {
		case w.single[i] != nil:
			b = appendCell(b, i-next, w.single[i])
		case w.merged[i] != nil && w.merged[i].Count() > 0:
			cell = w.merged[i].append(cell[:0], true)
			b = appendCell(b, i-next, cell)
		default:
			continue
		}
		next = i + 1
	}
	return b
}

// MergerName is what a Pebble database with merged aggregates records. Another
// meaning of the merged values needs another name.
const MergerName = "weft.aggregate.1"

// Merger merges the values of one key. It is what Pebble calls a ValueMerger.
// The merge is associative and commutative: the same operands in any order and
// grouping give the same bytes.
//
// An operand that is corrupt must not stop the database's compactions for
// ever. What of it cannot be read is left out, and Report is told. Cells that
// need not be merged are not looked at: they stay as they are until a reader
// says what is wrong with them.
type Merger struct {
	key    []byte
	values [][]byte // the operands
	report func(key []byte, err error)
}

// NewMerger returns a Merger with one operand. Report may be nil.
func NewMerger(key, value []byte, report func(key []byte, err error)) *Merger {
	return &Merger{key: bytes.Clone(key), values: [][]byte{bytes.Clone(value)}, report: report}
}

// MergeNewer adds an operand.
func (m *Merger) MergeNewer(value []byte) error {
	m.values = append(m.values, bytes.Clone(value))
	return nil
}

// MergeOlder adds an operand.
func (m *Merger) MergeOlder(value []byte) error { return m.MergeNewer(value) }

// Finish returns the merged value.
func (m *Merger) Finish(includesBase bool) ([]byte, io.Closer, error) {
	if len(m.values) == 1 {
		return m.values[0], nil, nil
	}
	report := func(err error) {
		if m.report != nil {
			m.report(m.key, fmt.Errorf("a part of what was counted is left out: %w", err))
		}
	}
	if len(m.key) > 0 && Class(m.key[0]) == Metrics {
		var p points
		for _, v := range m.values {
			if err := p.add(v); err != nil {
				report(err)
			}
		}
		return p.append(nil), nil, nil
	}
	w := window{report: report}
	for _, v := range m.values {
		if err := w.add(v); err != nil {
			report(err)
		}
	}
	return w.append(nil), nil, nil
}
