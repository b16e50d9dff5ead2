package analysis

import (
	"cmp"
	"slices"
)

// Path is a critical path. Its segments follow each other from the start of
// the trace to its end.
type Path struct {
	Segments []Segment
}

// Segment is a length of time that a trace was waiting for one span. Times are
// nanoseconds from the start of the trace.
type Segment struct {
	Node     int // in Tree.Spans; -1: between roots
	From, To int64
	// Idle is whether the span was not running: before its child began that it
	// had handed work to, or after it, when nothing below it had begun.
	Idle bool
}

// PerNode returns the nanoseconds that each span of the tree has on the path.
func (p *Path) PerNode(t *Tree) []int64 {
	sums := make([]int64, len(t.Spans))
	for _, s := range p.Segments {
		if s.Node >= 0 && !s.Idle {
			sums[s.Node] += s.To - s.From
		}
	}
	return sums
}

// CriticalPath returns the critical path of a trace. The essay in the package's
// documentation says what that is.
func CriticalPath(t *Tree) Path {
	var p Path
	t.outline.CriticalPath(func(s Segment) {
		if k := len(p.Segments) - 1; k >= 0 && p.Segments[k].Node == s.Node && p.Segments[k].Idle == s.Idle {
			p.Segments[k].From = s.From
			return
		}
		p.Segments = append(p.Segments, s)
	})
	slices.Reverse(p.Segments)
	return p
}

// SelfTimes returns, for each span of the tree, the nanoseconds in which it was
// running and none of its children was.
func (t *Tree) SelfTimes() []int64 { return t.outline.SelfTimes() }

// CriticalPath calls visit with the segments of the critical path, whose nodes
// are rows, from the end of the trace to its start. A segment may be in several
// pieces that follow one another.
func (o *Outline) CriticalPath(visit func(s Segment)) {
	if len(o.Spans) == 0 {
		return
	}
	// from and to are what a span covers together with all below it.
	from, to := slices.Clone(o.Offsets), make([]int64, len(o.Spans))
	for i := len(o.Spans) - 1; i >= 0; i-- { // children stand after their parents
		to[i] = max(to[i], o.EndOf(i))
		if p := o.Parents[i]; p != none {
			from[p], to[p] = min(from[p], from[i]), max(to[p], to[i])
		}
	}
	// byEnd appends those of the siblings from a row on that take time, the last one to end first.
	byEnd := func(row, end int) (list []int32) {
		for ; row < end; row += int(o.Sizes[row]) {
			if from[row] < to[row] {
				list = append(list, int32(row))
			}
		}
		slices.Reverse(list) // mostly the order already
		slices.SortFunc(list, func(a, b int32) int {
			return cmp.Or(cmp.Compare(to[b], to[a]), cmp.Compare(from[a], from[b]), cmp.Compare(a, b))
		})
		return list
	}
	put := func(node int, a, b int64, idle bool) {
		if a < b {
			visit(Segment{node, a, b, idle})
		}
	}
	// work puts a length of time in which the node waits for no child.
	work := func(node int, a, b int64) {
		if node == none {
			put(node, a, b, true)
			return
		}
		start, end := o.Offsets[node], o.EndOf(node)
		put(node, max(a, end), b, true)
		put(node, max(a, start), min(b, end), false)
		put(node, a, min(b, start), true)
	}
	type frame struct {
		node  int
		now   int64   // what is later is known
		first int64   // where the node begins
		rest  []int32 // children that may have ended before now, the last one to end first
	}
	stack := []frame{{node: none, now: o.End - o.Start, rest: byEnd(0, len(o.Spans))}}
	for len(stack) > 0 {
		f := &stack[len(stack)-1]
		for len(f.rest) > 0 && to[f.rest[0]] > f.now {
			f.rest = f.rest[1:] // still running then
		}
		if len(f.rest) == 0 {
			work(f.node, f.first, f.now)
			stack = stack[:len(stack)-1]
			continue
		}
		c := int(f.rest[0])
		f.rest = f.rest[1:]
		work(f.node, to[c], f.now)
		f.now = from[c]
		stack = append(stack, frame{c, to[c], from[c], byEnd(c+1, c+int(o.Sizes[c]))})
	}
}
