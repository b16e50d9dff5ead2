package analysis

import (
	"fmt"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// Tree is a trace with its spans in order: a parent before its children,
// children by their start, each with all that is below it. Times are after the
// adjustment of clocks.
type Tree struct {
	Spans      []Node
	Roots      []int // the spans without a parent in the trace, by their start
	Start, End int64 // of all spans, nanoseconds since the Unix epoch

	outline *Outline
}

// Node is a span in its tree.
type Node struct {
	Span     *span.Span
	Parent   int   // in Tree.Spans; -1: a root
	Children []int // by their start
	Depth    int   // 0: a root
	Offset   int64 // from the start of the trace to that of the span, nanoseconds
	Shift    int64 // what was added to the span's own start to put its clock right, nanoseconds
	Warnings []string
}

// End returns where the span ends, counted from the start of the trace.
func (n *Node) End() int64 { return n.Offset + n.Span.Duration }

// Build makes a tree of the spans of one trace, in the order of Arrange. It
// keeps pointers to them and does not change them. What is odd about a span is
// in its Warnings.
func Build(spans []span.Span) *Tree {
	o := Arrange(columnsOf(spans))
	t := &Tree{Start: o.Start, End: o.End, Spans: make([]Node, len(o.Spans)), outline: o}
	counts := make([]int32, len(o.Spans))
	kids := 0
	for _, p := range o.Parents {
		if p != none {
			counts[p]++
			kids++
		}
	}
	all := make([]int, kids) // of all nodes' Children
	for row := range t.Spans {
		n := &t.Spans[row]
		*n = Node{Span: &spans[o.Spans[row]], Parent: int(o.Parents[row]), Offset: o.Offsets[row], Shift: o.Shift(row)}
		n.Warnings = o.Odd[row].Texts(n.Span, n.Shift)
		n.Children, all = all[:0:counts[row]], all[counts[row]:]
		if n.Parent == none {
			t.Roots = append(t.Roots, row)
			continue
		}
		p := &t.Spans[n.Parent]
		n.Depth = p.Depth + 1
		p.Children = append(p.Children, row) // within its part of all
	}
	return t
}

// Texts returns what is odd about a span in words; shift is what was added to
// its start.
func (o Oddity) Texts(s *span.Span, shift int64) (texts []string) {
	add := func(format string, args ...any) { texts = append(texts, fmt.Sprintf(format, args...)) }
	if o&SharedID != 0 {
		add("its id %s is that of another span of the trace", s.ID)
	}
	if o&ParentMissing != 0 {
		add("its parent %s is not in the trace", s.Parent)
	}
	if o&OwnParent != 0 {
		add("it is its own parent")
	}
	if o&Ring != 0 {
		add("its parent %s is below it", s.Parent)
	}
	if shift != 0 {
		add("its clock is off: its start was moved by %s", time.Duration(shift))
	}
	return texts
}

// columnsOf returns what the tree of spans depends on.
func columnsOf(spans []span.Span) *Columns {
	n := len(spans)
	c := &Columns{
		IDs: make([]span.ID, n), Parents: make([]span.ID, n), Starts: make([]int64, n), Durations: make([]int64, n),
		Kinds: make([]span.Kind, n), Clocks: make([]uint32, n),
	}
	var clocks Clocks
	of := map[*span.Resource]uint32{}
	for i := range spans {
		s := &spans[i]
		c.IDs[i], c.Parents[i], c.Starts[i], c.Durations[i], c.Kinds[i] = s.ID, s.Parent, s.Start, s.Duration, s.Kind
		k, ok := of[s.Resource]
		if !ok {
			k = clocks.Of(s.Resource)
			of[s.Resource] = k
		}
		c.Clocks[i] = k
	}
	return c
}

// hostKeys are the resource attributes that tell machines, and so clocks,
// apart, the best one first.
var hostKeys = []string{"host.id", "host.name", "k8s.node.name", "net.host.ip", "ip", "k8s.pod.name", "container.id", "service.instance.id"}

// Clocks numbers the clocks by which spans are recorded. Its zero value has none.
type Clocks struct {
	numbers map[string]uint32
}

// Of returns the number of a resource's clock; 0: it does not say where it runs.
func (c *Clocks) Of(r *span.Resource) uint32 {
	if r == nil {
		return 0
	}
	for _, key := range hostKeys {
		v, ok := span.Get(r.Attrs, key)
		if !ok || v.Text() == "" {
			continue
		}
		if c.numbers == nil {
			c.numbers = map[string]uint32{}
		}
		host := key + "=" + v.Text()
		if c.numbers[host] == 0 {
			c.numbers[host] = uint32(len(c.numbers)) + 1
		}
		return c.numbers[host]
	}
	return 0
}
