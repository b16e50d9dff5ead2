package analysis

import (
	"cmp"
	"fmt"
	"slices"
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

// Build makes a tree of the spans of one trace. It keeps pointers to them and
// does not change them.
//
// What is odd about a span is in its Warnings: a parent that is not in the
// trace makes it a root; so does a parent that is below it, for the first span
// of such a ring. Where spans share an id, a server's span is below its
// client's, as Zipkin's clients send them, and of others the first one is the
// parent of what names the id.
func Build(spans []span.Span) *Tree {
	b := builder{spans: spans}
	b.parents()
	b.breakRings()
	b.shifts()
	return b.tree()
}

const none = -1

type builder struct {
	spans    []span.Span
	parent   []int32
	first    []int32 // of span i, the children are children[first[i]:first[i+1]]
	children []int32
	shift    []int64
	warnings map[int32][]string
}

func (b *builder) warn(i int32, format string, args ...any) {
	if b.warnings == nil {
		b.warnings = map[int32][]string{}
	}
	b.warnings[i] = append(b.warnings[i], fmt.Sprintf(format, args...))
}

func isServed(k span.Kind) bool { return k == span.KindServer || k == span.KindConsumer }
func isCaller(k span.Kind) bool { return k == span.KindClient || k == span.KindProducer }

// parents finds the parent of each span.
func (b *builder) parents() {
	// same links spans with one id, in the order of their start.
	owner := make(map[span.ID]int32, len(b.spans))
	var shared map[span.ID][]int32
	for i := range b.spans {
		id := b.spans[i].ID
		if j, ok := owner[id]; ok {
			if shared == nil {
				shared = map[span.ID][]int32{}
			}
			if shared[id] == nil {
				shared[id] = []int32{j}
			}
			shared[id] = append(shared[id], int32(i))
			continue
		}
		owner[id] = int32(i)
	}
	caller := map[int32]int32{} // by the server's span: the client's with the same id
	for id, list := range shared {
		slices.SortStableFunc(list, func(x, y int32) int { return cmp.Compare(b.spans[x].Start, b.spans[y].Start) })
		owner[id] = list[0]
		client := slices.IndexFunc(list, func(i int32) bool { return isCaller(b.spans[i].Kind) })
		server := slices.IndexFunc(list, func(i int32) bool { return isServed(b.spans[i].Kind) })
		if client >= 0 && server >= 0 { // what is below the id is below the server
			owner[id] = list[server]
			caller[list[server]] = list[client]
		}
		for _, i := range list {
			if i != owner[id] && (server < 0 || client < 0 || i != list[client]) {
				b.warn(i, "its id %s is that of another span of the trace", id)
			}
		}
	}
	b.parent = make([]int32, len(b.spans))
	for i := range b.spans {
		s := &b.spans[i]
		p, ok := owner[s.Parent]
		c, isShared := caller[int32(i)]
		switch {
		case isShared:
			b.parent[i] = c
		case s.Parent.IsZero():
			b.parent[i] = none
		case !ok:
			b.parent[i] = none
			b.warn(int32(i), "its parent %s is not in the trace", s.Parent)
		case int(p) == i:
			b.parent[i] = none
			b.warn(int32(i), "it is its own parent")
		default:
			b.parent[i] = p
		}
	}
}

// breakRings makes a root of one span of each ring of parents.
func (b *builder) breakRings() {
	const unseen, onPath, done = 0, 1, 2
	state := make([]uint8, len(b.spans))
	var path []int32
	for i := range b.spans {
		path = path[:0]
		at := int32(i)
		for at != none && state[at] == unseen {
			state[at] = onPath
			path = append(path, at)
			at = b.parent[at]
		}
		if at != none && state[at] == onPath {
			first := at // the span of the ring that starts first
			for j := b.parent[at]; j != at; j = b.parent[j] {
				if b.spans[j].Start < b.spans[first].Start || b.spans[j].Start == b.spans[first].Start && j < first {
					first = j
				}
			}
			b.parent[first] = none
			b.warn(first, "its parent %s is below it", b.spans[first].Parent)
		}
		for _, j := range path {
			state[j] = done
		}
	}
	b.first = make([]int32, len(b.spans)+1)
	for _, p := range b.parent {
		if p != none {
			b.first[p+1]++
		}
	}
	for i := range b.spans {
		b.first[i+1] += b.first[i]
	}
	b.children = make([]int32, b.first[len(b.spans)])
	next := slices.Clone(b.first)
	for i, p := range b.parent {
		if p != none {
			b.children[next[p]] = int32(i)
			next[p]++
		}
	}
}

// hostKeys are the resource attributes that tell machines, and so clocks,
// apart, the best one first.
var hostKeys = []string{"host.id", "host.name", "k8s.node.name", "net.host.ip", "ip", "k8s.pod.name", "container.id", "service.instance.id"}

// shifts puts the clocks right, from the roots down.
func (b *builder) shifts() {
	b.shift = make([]int64, len(b.spans))
	hosts := map[*span.Resource]string{}
	host := func(i int32) string {
		r := b.spans[i].Resource
		if r == nil {
			return ""
		}
		h, ok := hosts[r]
		if !ok {
			for _, key := range hostKeys {
				if v, ok := span.Get(r.Attrs, key); ok && v.Text() != "" {
					h = key + "=" + v.Text()
					break
				}
			}
			hosts[r] = h
		}
		return h
	}
	stack := make([]int32, 0, 64)
	for i, p := range b.parent {
		if p == none {
			stack = append(stack, int32(i))
		}
	}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if p := b.parent[i]; p != none {
			if h := host(i); h != "" && h == host(p) {
				b.shift[i] = b.shift[p]
			} else {
				b.shift[i] = b.skew(i, p)
			}
			if b.shift[i] != 0 {
				b.warn(i, "its clock is off: its start was moved by %s", time.Duration(b.shift[i]))
			}
		}
		stack = append(stack, b.children[b.first[i]:b.first[i+1]]...)
	}
}

// skew returns what to add to the times of a span so that it fits its parent, whose clock is right by now.
func (b *builder) skew(child, parent int32) int64 {
	c, p := &b.spans[child], &b.spans[parent]
	start := p.Start + b.shift[parent]
	switch {
	case c.Start >= start && c.End() <= start+p.Duration:
		return 0
	case c.Duration <= p.Duration && p.Kind == span.KindClient && c.Kind == span.KindServer:
		return start + (p.Duration-c.Duration)/2 - c.Start
	case c.Start < start:
		return start - c.Start
	}
	return 0
}

// tree puts the spans into order.
func (b *builder) tree() *Tree {
	t := &Tree{Spans: make([]Node, 0, len(b.spans))}
	start := func(i int32) int64 { return b.spans[i].Start + b.shift[i] }
	byStart := func(x, y int32) int {
		return cmp.Or(cmp.Compare(start(x), start(y)), slices.Compare(b.spans[x].ID[:], b.spans[y].ID[:]), cmp.Compare(x, y))
	}
	var roots []int32
	for i, p := range b.parent {
		if p == none {
			roots = append(roots, int32(i))
		}
		if s, e := start(int32(i)), start(int32(i))+b.spans[i].Duration; i == 0 {
			t.Start, t.End = s, e
		} else {
			t.Start, t.End = min(t.Start, s), max(t.End, e)
		}
	}
	slices.SortFunc(roots, byStart)
	type frame struct{ i, parent int32 }
	var stack []frame
	push := func(list []int32, parent int32) {
		for k := len(list) - 1; k >= 0; k-- {
			stack = append(stack, frame{list[k], parent})
		}
	}
	push(roots, none)
	all := make([]int, len(b.children)) // of all nodes' Children
	used := 0
	for len(stack) > 0 {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		kids := b.children[b.first[f.i]:b.first[f.i+1]]
		slices.SortFunc(kids, byStart)
		n := Node{Span: &b.spans[f.i], Parent: int(f.parent), Offset: start(f.i) - t.Start, Shift: b.shift[f.i], Warnings: b.warnings[f.i]}
		at := len(t.Spans)
		if n.Parent == none {
			t.Roots = append(t.Roots, at)
		} else {
			p := &t.Spans[n.Parent]
			n.Depth = p.Depth + 1
			p.Children = append(p.Children, at) // within its part of all
		}
		n.Children = all[used : used : used+len(kids)]
		used += len(kids)
		t.Spans = append(t.Spans, n)
		push(kids, int32(at))
	}
	return t
}
