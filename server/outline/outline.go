// Package outline makes the picture of a trace without reading the trace: the
// tree with its times, names and errors, but no attributes, events or logs. Of
// a trace with more spans than anybody can look at it chooses those that matter
// (Fold), and it encodes what it chose by columns (docs/format/columns.md).
//
// # Memory
//
// A trace of a million spans takes 75 MB as an outline, about 170 MB more while that
// is made, and 100 MB more while 100,000 of its spans are chosen and encoded. So at
// most Reader.MaxSpans spans of a trace are looked at (of one with more the
// shortest are left out, and that is said), one outline of a large trace is made
// at a time, and those that are kept share Reader.CacheBytes.
package outline

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/span"
)

// Trace is the outline of a trace. Its columns have a value for each row of
// the embedded Outline. It does not change.
type Trace struct {
	ID span.TraceID
	*analysis.Outline

	IDs      []span.ID
	Kinds    []span.Kind
	Flags    []uint8
	Names    []uint32  // in NameTable
	Services []uint32  // in ServiceTable
	Covered  []float32 // the nanoseconds in which children were running
	// The critical path: piece k is row PathRows[k]/2 (negative: between roots),
	// idle if PathRows[k] is odd, from PathFrom[k] to where the next one begins,
	// the last one to the end of the trace.
	PathRows []int32
	PathFrom []int64

	// Events, the first ones of each span and not all of very many: which span
	// each is of, as in Outline.Spans, those of a span one after another by time, and when by that span's clock.
	EventSpans []int32
	EventTimes []int64

	NameTable    []string
	ServiceTable []Service // the one with the most spans first

	Root   int // the row that the trace began with
	Count  int // the trace's spans; more than there are rows if it is Partial
	Errors int
	Odd    [5]int // how many spans have each of the warnings
	// Partial says that the trace has so many spans that the shortest were left out.
	Partial bool

	version uint64
	tag     uint64   // another one when spans come in
	ends    []uint32 // by block: the number of spans up to its end. Outline.Spans counts through all blocks
}

// Service is a service of the trace.
type Service struct {
	Name          string
	Spans, Errors int
}

// Flags of a span.
const (
	FlagError = 1 << iota
	FlagOK
	FlagEvents
	FlagLinks
	FlagParentMissing
	FlagClock
	FlagWarnings
	FlagLogs
)

// What can be odd about a span, in the order of Trace.Odd.
var oddities = [5]struct {
	bit  analysis.Oddity // 0: the clock
	code string
}{
	{analysis.ParentMissing, "parent-missing"},
	{analysis.OwnParent, "own-parent"},
	{analysis.Ring, "ring"},
	{analysis.SharedID, "id-shared"},
	{0, "clock"},
}

// Warnings returns the codes of what is odd about a row.
func (t *Trace) Warnings(row int) (codes []string) {
	for _, o := range oddities {
		if o.bit != 0 && t.Outline.Odd[row]&o.bit != 0 || o.bit == 0 && t.Shift(row) != 0 {
			codes = append(codes, o.code)
		}
	}
	return codes
}

// Find returns the row of a span. Of several with the same id it is the one
// that has the others below it, or the first one.
func (t *Trace) Find(id span.ID) (row int, ok bool) {
	first := -1
	for i := range t.IDs {
		if t.IDs[i] != id {
			continue
		}
		if t.Outline.Odd[i]&analysis.SharedID == 0 {
			return i, true
		}
		if first < 0 {
			first = i
		}
	}
	return max(first, 0), first >= 0
}

// Tag is another number when spans of the trace came in or went.
func (t *Trace) Tag() uint64 { return t.tag }

// Why says why an outline is Partial.
func (t *Trace) Why() string {
	return fmt.Sprintf("of the %d spans of the trace the %d longest were looked at; errors and services are counted among these only", t.Count, len(t.IDs))
}

// Size is how many bytes of memory the outline takes, about.
func (t *Trace) Size() int {
	n := int(unsafe.Sizeof(*t)) + len(t.IDs)*rowBytes + 12*len(t.PathRows) + 12*len(t.EventSpans) + 4*len(t.ends)
	if t.Shifts != nil {
		n += 8 * len(t.Shifts)
	}
	for _, s := range t.NameTable {
		n += 16 + len(s)
	}
	return n + 48*len(t.ServiceTable)
}

// rowBytes is what a row takes in the columns of a Trace, without shifts.
const rowBytes = 8 + 1 + 1 + 4 + 4 + 4 + 4 + 4 + 4 + 8 + 8 + 1

// finish makes of what was read in the order of blocks what is in the order of rows.
func (t *Trace) finish(r *read) {
	t.Outline = analysis.Arrange(&r.Columns)
	n := len(t.Outline.Spans)
	t.IDs, t.Kinds, t.Flags = make([]span.ID, n), make([]span.Kind, n), make([]uint8, n)
	t.Names, t.Services = make([]uint32, n), make([]uint32, n)
	t.tag = uint64(n)
	for row, i := range t.Outline.Spans {
		t.IDs[row], t.Kinds[row], t.Names[row], t.Services[row] = r.IDs[i], r.Kinds[i], r.names[i], r.services[i]
		flags, odd := r.flags[i], t.Outline.Odd[row]
		if odd != 0 {
			flags |= FlagWarnings
			for k, o := range oddities {
				if odd&o.bit != 0 {
					t.Odd[k]++
				}
			}
		}
		if odd&analysis.ParentMissing != 0 {
			flags |= FlagParentMissing
		}
		if t.Shift(row) != 0 {
			flags |= FlagClock | FlagWarnings
			t.Odd[len(t.Odd)-1]++
		}
		t.Flags[row] = flags
		s := &t.ServiceTable[r.services[i]]
		s.Spans++
		if flags&FlagError != 0 {
			s.Errors++
			t.Errors++
		}
		t.tag = (t.tag ^ idNumber(r.IDs[i])) * 0x9e3779b97f4a7c15
		t.tag ^= t.tag >> 29
		if r.source != nil {
			t.Outline.Spans[row] = int32(r.source[i])
		}
	}
	t.rootRow()
	t.sortServices()
	t.Covered = make([]float32, n)
	for row, self := range t.SelfTimes() {
		t.Covered[row] = float32(t.Durations[row] - self)
	}
	t.CriticalPath(func(s analysis.Segment) {
		row := int32(s.Node) * 2
		if s.Idle {
			row++
		}
		if k := len(t.PathRows) - 1; k >= 0 && t.PathRows[k] == row {
			t.PathFrom[k] = s.From
			return
		}
		t.PathRows, t.PathFrom = append(t.PathRows, row), append(t.PathFrom, s.From)
	})
	slices.Reverse(t.PathRows)
	slices.Reverse(t.PathFrom)
	t.PathRows, t.PathFrom = slices.Clip(t.PathRows), slices.Clip(t.PathFrom)
}

// PathUntil returns where piece k of the critical path ends.
func (t *Trace) PathUntil(k int) int64 {
	if k+1 < len(t.PathFrom) {
		return t.PathFrom[k+1]
	}
	return t.End - t.Start
}
