package analysis

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/weft-trace/weft/server/span"
)

// Columns are the spans of one trace by columns, in any order, as far as their
// tree depends on them. All have the same length.
type Columns struct {
	IDs, Parents []span.ID
	Starts       []int64 // nanoseconds since the Unix epoch
	Durations    []int64
	Kinds        []span.Kind
	// Clocks say which spans were recorded by the same clock: those with the same
	// number, unless that is 0.
	Clocks []uint32
	// Once says that spans with the same id, start and kind are one that was sent
	// more than once, which the tree has once.
	Once bool
}

// Outline is the tree of a trace by columns. Its rows are the spans in order: a
// parent before its children, children by their start, each with all that is
// below it. Times are after the adjustment of clocks.
type Outline struct {
	Start, End int64 // of all spans, nanoseconds since the Unix epoch

	Spans     []int32 // which of Columns each row is
	Parents   []int32 // the row; -1: a root
	Sizes     []int32 // how many rows the span and all below it have: its next sibling, if it has one, is so far away
	Offsets   []int64 // from the start of the trace, nanoseconds
	Durations []int64
	Shifts    []int64 // what was added to the span's own start to put its clock right; nil: nothing to any
	Odd       []Oddity
}

// Oddity is a set of what is odd about a span's place in its trace.
type Oddity uint8

const (
	ParentMissing Oddity = 1 << iota // its parent is not in the trace
	OwnParent                        // it is its own parent
	Ring                             // its parent is below it
	SharedID                         // its id is that of another span
)

// Shift returns what was added to the start of a row.
func (o *Outline) Shift(row int) int64 {
	if o.Shifts == nil {
		return 0
	}
	return o.Shifts[row]
}

// EndOf returns where a row ends, counted from the start of the trace.
func (o *Outline) EndOf(row int) int64 { return o.Offsets[row] + o.Durations[row] }

const none = -1

// again marks, instead of a parent, a span that is there already.
const again = -2

// arranger makes an Outline.
type arranger struct {
	*Columns
	parent   []int32 // of span i: a span, none or again
	first    []int32 // of span i, the children are children[first[i]:first[i+1]]
	children []int32
	odd      []Oddity
}

// Arrange makes the outline of the spans of one trace, which it does not change.
//
// A parent that is not in the trace makes a span a root; so does a parent that
// is below it, for the first span of such a ring. Where spans share an id, a
// server's span is below its client's, as Zipkin's clients send them, and of
// others the first one is the parent of what names the id.
func Arrange(c *Columns) *Outline {
	a := arranger{Columns: c, odd: make([]Oddity, len(c.IDs))}
	a.findParents()
	a.breakRings()
	a.findChildren()
	return a.order()
}

func isServed(k span.Kind) bool { return k == span.KindServer || k == span.KindConsumer }
func isCaller(k span.Kind) bool { return k == span.KindClient || k == span.KindProducer }

// idTable finds spans by their id.
type idTable struct {
	ids   []span.ID
	slots []int32 // a span's number + 1
	shift int
	by    uint64 // random, so that nobody can send ids that meet in one place
}

func newIDTable(ids []span.ID) *idTable {
	bits := 4
	for 1<<bits < 2*len(ids) {
		bits++
	}
	return &idTable{ids: ids, slots: make([]int32, 1<<bits), shift: 64 - bits, by: rand.Uint64() | 1}
}

// slot returns where an id is, or belongs.
func (t *idTable) slot(id span.ID) int {
	h := binary.LittleEndian.Uint64(id[:]) * t.by
	k := int((h ^ h>>32) * 0x9e3779b97f4a7c15 >> t.shift)
	for t.slots[k] != 0 && t.ids[t.slots[k]-1] != id {
		k = (k + 1) & (len(t.slots) - 1)
	}
	return k
}

// findParents finds the parent of each span.
func (a *arranger) findParents() {
	owners := newIDTable(a.IDs)
	a.parent = make([]int32, len(a.IDs))
	var shared map[span.ID][]int32 // spans with one id, by start
	for i, id := range a.IDs {
		k := owners.slot(id)
		j := owners.slots[k] - 1
		if j < 0 {
			owners.slots[k] = int32(i) + 1
			continue
		}
		list := shared[id]
		if list == nil {
			list = []int32{j}
		}
		if a.Once && slices.ContainsFunc(list, func(j int32) bool { return a.Starts[i] == a.Starts[j] && a.Kinds[i] == a.Kinds[j] }) {
			a.parent[i] = again
			continue
		}
		if shared == nil {
			shared = map[span.ID][]int32{}
		}
		shared[id] = append(list, int32(i))
	}
	caller := map[int32]int32{} // by the server's span: the client's with the same id
	for id, list := range shared {
		slices.SortStableFunc(list, func(x, y int32) int { return cmp.Compare(a.Starts[x], a.Starts[y]) })
		owner := list[0]
		client := slices.IndexFunc(list, func(i int32) bool { return isCaller(a.Kinds[i]) })
		server := slices.IndexFunc(list, func(i int32) bool { return isServed(a.Kinds[i]) })
		if client >= 0 && server >= 0 { // what is below the id is below the server
			owner = list[server]
			caller[owner] = list[client]
		}
		owners.slots[owners.slot(id)] = owner + 1
		for _, i := range list {
			if i != owner && (server < 0 || client < 0 || i != list[client]) {
				a.odd[i] |= SharedID
			}
		}
	}
	var last span.ID // siblings often follow one another
	found := int32(none)
	for i := range a.parent {
		if a.parent[i] == again {
			continue
		}
		if len(caller) > 0 {
			if c, ok := caller[int32(i)]; ok {
				a.parent[i] = c
				continue
			}
		}
		id := a.Parents[i]
		if id.IsZero() {
			a.parent[i] = none
			continue
		}
		if id != last {
			last, found = id, owners.slots[owners.slot(id)]-1
		}
		switch {
		case found < 0:
			a.odd[i] |= ParentMissing
		case int(found) == i:
			a.odd[i] |= OwnParent
			a.parent[i] = none
			continue
		}
		a.parent[i] = found
	}
}

// breakRings makes a root of one span of each ring of parents.
func (a *arranger) breakRings() {
	const unseen, onPath, done = 0, 1, 2
	state := make([]uint8, len(a.parent))
	var path []int32
	for i := range a.parent {
		path = path[:0]
		at := int32(i)
		for at >= 0 && state[at] == unseen {
			state[at] = onPath
			path = append(path, at)
			at = a.parent[at]
		}
		if at >= 0 && state[at] == onPath {
			first := at // the span of the ring that starts first
			for j := a.parent[at]; j != at; j = a.parent[j] {
				if cmp.Or(cmp.Compare(a.Starts[j], a.Starts[first]), bytes.Compare(a.IDs[j][:], a.IDs[first][:]), cmp.Compare(j, first)) < 0 {
					first = j
				}
			}
			a.parent[first] = none
			a.odd[first] |= Ring
		}
		for _, j := range path {
			state[j] = done
		}
	}
}

func (a *arranger) findChildren() {
	a.first = make([]int32, len(a.parent)+2)
	next := a.first[1:] // while they are counted and placed, all are one further on
	for _, p := range a.parent {
		if p >= 0 {
			next[p+1]++
		}
	}
	for i := range a.parent {
		next[i+1] += next[i]
	}
	a.children = make([]int32, next[len(a.parent)])
	for i, p := range a.parent {
		if p >= 0 {
			a.children[next[p]] = int32(i)
			next[p]++
		}
	}
	a.first = a.first[:len(a.parent)+1]
}

// order puts the spans into order, and their clocks right on the way.
func (a *arranger) order() *Outline {
	type frame struct {
		start  int64 // put right
		i      int32
		parent int32 // row
	}
	var stack []frame // of siblings, the first one is on top
	sort := func(siblings []frame) {
		slices.SortFunc(siblings, func(y, x frame) int {
			return cmp.Or(cmp.Compare(x.start, y.start), bytes.Compare(a.IDs[x.i][:], a.IDs[y.i][:]), cmp.Compare(x.i, y.i))
		})
	}
	n := 0
	for i, p := range slices.Backward(a.parent) {
		if p != again {
			n++
		}
		if p == none {
			stack = append(stack, frame{a.Starts[i], int32(i), none})
		}
	}
	sort(stack)
	o := &Outline{
		Spans: make([]int32, 0, n), Parents: make([]int32, 0, n), Sizes: make([]int32, n),
		Offsets: make([]int64, 0, n), Durations: make([]int64, 0, n), Odd: make([]Oddity, 0, n),
	}
	for len(stack) > 0 {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		row, shift, end := len(o.Spans), f.start-a.Starts[f.i], f.start+a.Durations[f.i]
		if row == 0 {
			o.Start, o.End = f.start, end
		} else {
			o.Start, o.End = min(o.Start, f.start), max(o.End, end)
		}
		if shift != 0 && o.Shifts == nil {
			o.Shifts = make([]int64, n)
		}
		if o.Shifts != nil {
			o.Shifts[row] = shift
		}
		o.Spans = append(o.Spans, f.i)
		o.Parents = append(o.Parents, f.parent)
		o.Offsets = append(o.Offsets, f.start)
		o.Durations = append(o.Durations, a.Durations[f.i])
		o.Odd = append(o.Odd, a.odd[f.i])
		below := len(stack)
		for _, c := range slices.Backward(a.children[a.first[f.i]:a.first[f.i+1]]) { // mostly by start already
			start := a.Starts[c]
			if k := a.Clocks[c]; k != 0 && k == a.Clocks[f.i] {
				start += shift
			} else {
				start += a.skew(c, f.i, shift)
			}
			stack = append(stack, frame{start, c, int32(row)})
		}
		if len(stack) > below+1 {
			sort(stack[below:])
		}
	}
	for row := n - 1; row >= 0; row-- {
		o.Offsets[row] -= o.Start
		o.Sizes[row]++
		if p := o.Parents[row]; p >= 0 {
			o.Sizes[p] += o.Sizes[row]
		}
	}
	return o
}

// skew returns what to add to the times of a span so that it fits its parent,
// whose clock was put right by a shift.
func (a *arranger) skew(child, parent int32, shift int64) int64 {
	start, took := a.Starts[parent]+shift, a.Durations[parent]
	from, d := a.Starts[child], a.Durations[child]
	switch {
	case from >= start && from+d <= start+took:
		return 0
	case d <= took && a.Kinds[parent] == span.KindClient && a.Kinds[child] == span.KindServer:
		return start + (took-d)/2 - from
	case from < start:
		return start - from
	}
	return 0
}

// SelfTimes returns, for each row, the nanoseconds in which it was running and
// none of its children was.
func (o *Outline) SelfTimes() []int64 {
	self := slices.Clone(o.Durations)
	covered := slices.Clone(o.Offsets) // up to here, by the children so far
	for row, p := range o.Parents {
		if p < 0 {
			continue
		}
		from, until := max(o.Offsets[row], covered[p]), min(o.EndOf(row), o.EndOf(int(p)))
		if from < until {
			self[p] -= until - from
			covered[p] = until
		}
	}
	return self
}

// SelfTime is that of one row.
func (o *Outline) SelfTime(row int) int64 {
	self, covered := o.Durations[row], o.Offsets[row]
	for c, end := row+1, row+int(o.Sizes[row]); c < end; c += int(o.Sizes[c]) {
		from, until := max(o.Offsets[c], covered), min(o.EndOf(c), o.EndOf(row))
		if from < until {
			self -= until - from
			covered = until
		}
	}
	return self
}
