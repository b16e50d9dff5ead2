package aggregate

import (
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
	if len(value) == 0 {
		return fmt.Errorf("aggregate: empty value")
	}
	if value[0] != version {
		return fmt.Errorf("aggregate: version %d of the format; this program knows %d", value[0], version)
	}
	if scratch == nil {
		scratch = new(Cell)
	}
	next := uint64(0)
	for b := value[1:]; len(b) > 0; {
		r := reader{b: b}
		gap := r.uvarint()
		if r.bad || gap >= maxOffset || next+gap >= maxOffset {
			return fmt.Errorf("aggregate: %w", r.err("bucket"))
		}
		rest, err := scratch.decode(r.b)
		if err != nil {
			return fmt.Errorf("aggregate: bucket %d: %w", next+gap, err)
		}
		visit(int(next+gap), scratch)
		next += gap + 1
		b = rest
	}
	return nil
}

// window is what a value of class Operations or Edges holds, decoded.
type window struct {
	cells   [maxOffset]Cell
	scratch Cell
}

// add merges a value. When there is an error, nothing was added.
func (w *window) add(value []byte) error {
	// Twice, because a value that breaks off in the middle must not be added by half.
	if err := EachCell(value, &w.scratch, func(int, *Cell) {}); err != nil {
		return err
	}
	return EachCell(value, &w.scratch, func(bucket int, c *Cell) { w.cells[bucket].Merge(c) })
}

func (w *window) append(b []byte) []byte {
	b = append(b, version)
	next := 0
	for i := range w.cells {
		if w.cells[i].Count() == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(i-next))
		b = w.cells[i].Append(b)
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
// ever. It is left out, and Report is told. A single operand is not looked at:
// it stays as it is until a reader says what is wrong with it.
type Merger struct {
	key    []byte
	single []byte // the only operand so far
	merged interface {
		add(value []byte) error
		append(b []byte) []byte
	}
	report func(key []byte, err error)
}

// NewMerger returns a Merger with one operand. Report may be nil.
func NewMerger(key, value []byte, report func(key []byte, err error)) *Merger {
	return &Merger{key: append([]byte(nil), key...), single: append([]byte(nil), value...), report: report}
}

// MergeNewer adds an operand.
func (m *Merger) MergeNewer(value []byte) error { return m.add(value) }

// MergeOlder adds an operand.
func (m *Merger) MergeOlder(value []byte) error { return m.add(value) }

func (m *Merger) add(value []byte) error {
	if m.merged == nil {
		if len(m.key) > 0 && Class(m.key[0]) == Metrics {
			m.merged = new(points)
		} else {
			m.merged = new(window)
		}
		m.operand(m.single)
	}
	m.operand(value)
	return nil
}

func (m *Merger) operand(value []byte) {
	if err := m.merged.add(value); err != nil && m.report != nil {
		m.report(m.key, fmt.Errorf("what one write counted is left out: %w", err))
	}
}

// Finish returns the merged value.
func (m *Merger) Finish(includesBase bool) ([]byte, io.Closer, error) {
	if m.merged == nil {
		return m.single, nil, nil
	}
	return m.merged.append(nil), nil, nil
}
