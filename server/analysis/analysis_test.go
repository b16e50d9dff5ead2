package analysis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/span"
)

// hosts are the resources of the processes in the tests.
var hosts = map[string]*span.Resource{}

func host(name string) *span.Resource {
	if hosts[name] == nil {
		service, _, _ := strings.Cut(name, "@")
		hosts[name] = &span.Resource{Service: service, Attrs: []span.Attr{{Key: "host.name", Value: span.StringValue(name)}}}
	}
	return hosts[name]
}

// sp makes a span: its id and its parent's, kind, start, duration, process and name.
func sp(id, parent int, kind span.Kind, start, duration int64, process, name string) span.Span {
	s := span.Span{Kind: kind, Start: 1e18 + start, Duration: duration, Resource: host(process), Scope: &span.Scope{}, Name: name}
	s.TraceID[15] = 1
	s.ID[7], s.ID[6] = byte(id), byte(id>>8)
	s.Parent[7], s.Parent[6] = byte(parent), byte(parent>>8)
	return s
}

// draw writes a tree as text: depth, name, offset and duration, shift, warnings.
func draw(t *Tree) string {
	var b strings.Builder
	for i := range t.Spans {
		n := &t.Spans[i]
		fmt.Fprintf(&b, "%s%s %d+%d", strings.Repeat("  ", n.Depth), n.Span.Name, n.Offset, n.Span.Duration)
		if n.Shift != 0 {
			fmt.Fprintf(&b, " shift %d", n.Shift)
		}
		for _, w := range n.Warnings {
			fmt.Fprintf(&b, " (%s)", w)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const (
	internal = span.KindInternal
	server   = span.KindServer
	client   = span.KindClient
	producer = span.KindProducer
	consumer = span.KindConsumer
)

func TestBuild(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans []span.Span
		want  string
	}{
		{"nothing", nil, ""},
		{"in any order, children by start", []span.Span{
			sp(3, 1, internal, 50, 10, "a", "late"), sp(2, 1, internal, 10, 20, "a", "early"), sp(4, 2, internal, 12, 5, "a", "below"), sp(1, 0, server, 0, 100, "a", "root"),
		}, `
root 0+100
  early 10+20
    below 12+5
  late 50+10
`},
		{"a parent that is not there, two roots", []span.Span{
			sp(1, 0, server, 10, 5, "a", "root"), sp(2, 9, internal, 0, 5, "a", "orphan"), sp(3, 2, internal, 1, 1, "a", "its child"),
		}, `
orphan 0+5 (its parent 0000000000000009 is not in the trace)
  its child 1+1
root 10+5
`},
		{"rings", []span.Span{
			sp(1, 3, internal, 5, 5, "a", "one"), sp(2, 1, internal, 6, 5, "a", "two"), sp(3, 2, internal, 7, 5, "a", "three"), sp(4, 4, internal, 0, 5, "a", "self"), sp(5, 3, internal, 8, 1, "a", "tail"),
		}, `
self 0+5 (it is its own parent)
one 5+5 (its parent 0000000000000003 is below it)
  two 6+5
    three 7+5
      tail 8+1
`},
		{"one id for client and server, as Zipkin has it", []span.Span{
			sp(1, 0, server, 0, 100, "a@1", "root"), sp(2, 1, server, 20, 20, "b@2", "serve"), sp(2, 1, client, 10, 40, "a@1", "call"), sp(3, 2, internal, 25, 5, "b@2", "work"),
		}, `
root 0+100
  call 10+40
    serve 20+20
      work 25+5
`},
		{"one id for two spans", []span.Span{
			sp(1, 0, server, 0, 100, "a", "root"), sp(2, 1, internal, 20, 20, "a", "second"), sp(2, 1, internal, 10, 20, "a", "first"), sp(3, 2, internal, 12, 5, "a", "below"),
		}, `
root 0+100
  first 10+20
    below 12+5
  second 20+20 (its id 0000000000000002 is that of another span of the trace)
`},
		{"a server's clock is late: half of the difference is the way there", []span.Span{
			sp(1, 0, client, 0, 100, "a@1", "call"), sp(2, 1, server, 5000, 60, "b@2", "serve"), sp(3, 2, internal, 5010, 10, "b@2", "work"), sp(4, 2, client, 5020, 10, "b@2", "call c"), sp(5, 4, server, 40, 4, "c@3", "serve c"),
		}, `
call 0+100
  serve 20+60 shift -4980 (its clock is off: its start was moved by -4.98µs)
    work 30+10 shift -4980 (its clock is off: its start was moved by -4.98µs)
    call c 40+10 shift -4980 (its clock is off: its start was moved by -4.98µs)
      serve c 40+4
`},
		{"longer than its parent: only the start is put right", []span.Span{
			sp(1, 0, client, 100, 10, "a@1", "call"), sp(2, 1, server, 50, 60, "b@2", "serve"),
		}, `
call 0+10
  serve 0+60 shift 50 (its clock is off: its start was moved by 50ns)
`},
		{"one host: what looks odd is so", []span.Span{
			sp(1, 0, client, 100, 10, "a@1", "call"), sp(2, 1, server, 50, 20, "a@1", "serve"),
		}, `
call 50+10
  serve 0+20
`},
		{"work that goes on after its parent has no wrong clock", []span.Span{
			sp(1, 0, producer, 0, 10, "a@1", "send"), sp(2, 1, consumer, 500, 5, "b@2", "receive"), sp(3, 1, internal, 5, 50, "c@3", "background"),
		}, `
send 0+10
  background 5+50
  receive 500+5
`},
	} {
		tree := Build(c.spans)
		if d := cmp.Diff(strings.TrimPrefix(c.want, "\n"), draw(tree)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		checkTree(t, tree, len(c.spans))
	}
}

// checkTree checks what holds of every tree.
func checkTree(t *testing.T, tree *Tree, spans int) {
	t.Helper()
	if len(tree.Spans) != spans {
		t.Fatalf("%d spans in the tree of %d", len(tree.Spans), spans)
	}
	seen := map[*span.Span]bool{}
	for i := range tree.Spans {
		n := &tree.Spans[i]
		if seen[n.Span] {
			t.Fatal("a span is there twice")
		}
		seen[n.Span] = true
		if n.Parent == -1 != slices.Contains(tree.Roots, i) || n.Parent == -1 && n.Depth != 0 {
			t.Fatalf("span %d: parent %d, depth %d, roots %v", i, n.Parent, n.Depth, tree.Roots)
		}
		if n.Parent >= 0 && (n.Parent >= i || !slices.Contains(tree.Spans[n.Parent].Children, i) || n.Depth != tree.Spans[n.Parent].Depth+1) {
			t.Fatalf("span %d: parent %d", i, n.Parent)
		}
		if n.Offset != n.Span.Start+n.Shift-tree.Start || n.Offset < 0 || n.End() > tree.End-tree.Start {
			t.Fatalf("span %d: from %d to %d of %d", i, n.Offset, n.End(), tree.End-tree.Start)
		}
		if !slices.IsSortedFunc(n.Children, func(a, b int) int { return int(tree.Spans[a].Offset - tree.Spans[b].Offset) }) {
			t.Fatalf("span %d: children are not sorted", i)
		}
	}
}

func drawPath(t *Tree, p Path) string {
	var list []string
	for _, s := range p.Segments {
		name := "-"
		if s.Node >= 0 {
			name = t.Spans[s.Node].Span.Name
		}
		if s.Idle {
			name = "(" + name + ")"
		}
		list = append(list, fmt.Sprintf("%s %d-%d", name, s.From, s.To))
	}
	return strings.Join(list, ", ")
}

func TestCriticalPath(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans []span.Span
		want  string
	}{
		{"nothing", nil, ""},
		{"one", []span.Span{sp(1, 0, server, 0, 10, "a", "r")}, "r 0-10"},
		{"no time", []span.Span{sp(1, 0, server, 0, 0, "a", "r"), sp(2, 1, server, 0, 0, "a", "x")}, ""},
		{"one after the other", []span.Span{
			sp(1, 0, server, 0, 100, "a", "r"), sp(2, 1, internal, 10, 20, "a", "x"), sp(3, 1, internal, 40, 50, "a", "y"), sp(4, 3, internal, 50, 10, "a", "z"),
		}, "r 0-10, x 10-30, r 30-40, y 40-50, z 50-60, y 60-90, r 90-100"},
		{"of parallel ones the last to end", []span.Span{
			sp(1, 0, server, 0, 100, "a", "r"), sp(2, 1, internal, 10, 70, "a", "long"), sp(3, 1, internal, 11, 60, "a", "short"), sp(4, 1, internal, 5, 80, "a", "longest"),
		}, "r 0-5, longest 5-85, r 85-100"},
		{"what still ran when the next one began was not waited for", []span.Span{
			sp(1, 0, server, 0, 100, "a", "r"), sp(2, 1, internal, 0, 30, "a", "x"), sp(3, 1, internal, 10, 50, "a", "overlaps"), sp(4, 1, internal, 40, 60, "a", "y"),
		}, "x 0-30, r 30-40, y 40-100"},
		{"a child goes on after its parent", []span.Span{
			sp(1, 0, server, 0, 20, "a", "r"), sp(2, 1, internal, 10, 90, "a", "async"), sp(3, 2, internal, 60, 90, "a", "more"),
		}, "r 0-10, async 10-60, more 60-150"},
		{"a message lies in a queue", []span.Span{
			sp(1, 0, producer, 0, 10, "a", "send"), sp(2, 1, consumer, 50, 10, "b", "receive"),
		}, "send 0-10, (send) 10-50, receive 50-60"},
		{"two roots", []span.Span{
			sp(1, 0, server, 0, 10, "a", "r"), sp(2, 0, server, 30, 10, "a", "s"),
		}, "r 0-10, (-) 10-30, s 30-40"},
		{"a child that begins before its parent", []span.Span{
			sp(1, 0, server, 20, 30, "a", "r"), sp(2, 1, internal, 0, 10, "a", "x"),
		}, "x 0-10, (r) 10-20, r 20-50"},
	} {
		tree := Build(c.spans)
		if got := drawPath(tree, CriticalPath(tree)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// randomTrace makes spans that point to each other in every possible way.
func randomTrace(r *rand.Rand, n int) []span.Span {
	spans := make([]span.Span, n)
	for i := range spans {
		parent := r.IntN(n + 2)
		if r.IntN(3) > 0 {
			parent = r.IntN(i + 1) // a tree, mostly
		}
		id := i + 1
		if r.IntN(10) == 0 {
			id = 1 + r.IntN(n)
		}
		spans[i] = sp(id, parent, span.Kind(r.IntN(6)), int64(r.IntN(60)), int64(r.IntN(40)), fmt.Sprintf("s%d@%d", r.IntN(3), r.IntN(2)), fmt.Sprint("op", r.IntN(4)))
	}
	return spans
}

// atMoment finds what the trace waits for at one moment by the definition: a
// node is asked about the time before a point at which it is known.
func atMoment(t *Tree, node int, children []int, until, moment int64) (int, bool) {
	var from, to func(i int) int64
	from = func(i int) int64 {
		v := t.Spans[i].Offset
		for _, c := range t.Spans[i].Children {
			v = min(v, from(c))
		}
		return v
	}
	to = func(i int) int64 {
		v := t.Spans[i].End()
		for _, c := range t.Spans[i].Children {
			v = max(v, to(c))
		}
		return v
	}
	last := -1
	for _, c := range children {
		if from(c) == to(c) || to(c) > until {
			continue
		}
		if last < 0 || to(c) > to(last) || to(c) == to(last) && (from(c) < from(last) || from(c) == from(last) && c < last) {
			last = c
		}
	}
	switch {
	case last < 0 || moment >= to(last):
		idle := node < 0 || moment < t.Spans[node].Offset || moment >= t.Spans[node].End()
		return node, idle
	case moment >= from(last):
		return atMoment(t, last, t.Spans[last].Children, to(last), moment)
	}
	return atMoment(t, node, children, from(last), moment)
}

func TestRandomTraces(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		spans := randomTrace(r, 1+r.IntN(20))
		before := slices.Clone(spans)
		tree := Build(spans)
		if d := cmp.Diff(before, spans); d != "" {
			t.Fatalf("the spans were changed: %s", d)
		}
		checkTree(t, tree, len(spans))

		path := CriticalPath(tree)
		at := int64(0)
		for _, s := range path.Segments {
			if s.From != at || s.To <= s.From {
				t.Fatalf("segments %s", drawPath(tree, path))
			}
			for m := s.From; m < s.To; m++ {
				if node, idle := atMoment(tree, -1, tree.Roots, tree.End-tree.Start, m); node != s.Node || idle != s.Idle {
					t.Fatalf("at %d: node %d idle %v, path says %d %v\n%s%s", m, node, idle, s.Node, s.Idle, draw(tree), drawPath(tree, path))
				}
			}
			at = s.To
		}
		if at != tree.End-tree.Start {
			t.Fatalf("the path ends at %d of %d", at, tree.End-tree.Start)
		}

		for i, self := range tree.SelfTimes() {
			n := &tree.Spans[i]
			want := int64(0)
			for m := n.Offset; m < n.End(); m++ {
				covered := slices.ContainsFunc(n.Children, func(c int) bool { return tree.Spans[c].Offset <= m && m < tree.Spans[c].End() })
				if !covered {
					want++
				}
			}
			if self != want {
				t.Fatalf("self time %d, want %d\n%s", self, want, draw(tree))
			}
		}

		other := Build(randomTrace(r, 1+r.IntN(20)))
		c := Compare(tree, other)
		var inA, inB []int
		for _, p := range c.Pairs {
			if p.A >= 0 {
				inA = append(inA, p.A)
			}
			if p.B >= 0 {
				inB = append(inB, p.B)
			}
			if p.A >= 0 && p.B >= 0 && operationOf(tree.Spans[p.A].Span) != operationOf(other.Spans[p.B].Span) {
				t.Fatalf("unlike spans are a pair: %+v", p)
			}
		}
		slices.Sort(inA)
		slices.Sort(inB)
		if !slices.Equal(inA, seq(len(tree.Spans))) || !slices.Equal(inB, seq(len(other.Spans))) {
			t.Fatalf("not every span is in one pair: %v %v", inA, inB)
		}
		if c.Matched+c.Removed != len(tree.Spans) || c.Matched+c.Added != len(other.Spans) {
			t.Fatalf("%d matched, %d removed of %d, %d added of %d", c.Matched, c.Removed, len(tree.Spans), c.Added, len(other.Spans))
		}
		if same := Compare(tree, tree); same.Matched != len(tree.Spans) || len(same.Pairs) != len(tree.Spans) {
			t.Fatalf("a trace differs from itself: %+v", same)
		}
	}
}

func seq(n int) (s []int) {
	for i := range n {
		s = append(s, i)
	}
	return s
}

func TestCompare(t *testing.T) {
	a := Build([]span.Span{
		sp(1, 0, server, 0, 100, "a", "GET"), sp(2, 1, client, 10, 20, "a", "select"), sp(3, 1, client, 40, 20, "a", "select"), sp(4, 1, internal, 70, 10, "a", "cache"), sp(5, 4, internal, 71, 2, "a", "hash"),
	})
	b := Build([]span.Span{
		sp(1, 0, server, 0, 250, "a", "GET"), sp(2, 1, client, 10, 20, "a", "select"), sp(3, 1, client, 40, 90, "a", "select"), sp(4, 1, client, 140, 80, "a", "select"), sp(5, 1, internal, 5, 1, "a", "log"),
	})
	c := Compare(a, b)
	var got []string
	for _, p := range c.Pairs {
		name, in := "", "both"
		if p.A >= 0 {
			name = a.Spans[p.A].Span.Name
		}
		if p.B >= 0 {
			name = b.Spans[p.B].Span.Name
		}
		if p.A < 0 {
			in = "added"
		} else if p.B < 0 {
			in = "removed"
		}
		got = append(got, fmt.Sprintf("%s%s %s %+d %+d", strings.Repeat("  ", p.Depth), name, in, p.Slower, p.SlowerSelf))
	}
	want := []string{"GET both +150 +9", "  log added +0 +0", "  select both +0 +0", "  select both +70 +70", "  select added +0 +0", "  cache removed +0 +0", "    hash removed +0 +0"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if c.DurationA != 100 || c.DurationB != 250 || c.Matched != 3 || c.Added != 2 || c.Removed != 2 {
		t.Errorf("%+v", c)
	}
	if o := c.Operations[0]; o != (OperationChange{Service: "a", Name: "select", Kind: client, CountA: 2, CountB: 3, DurationA: 40, DurationB: 190, SelfA: 40, SelfB: 190}) {
		t.Errorf("%+v", o)
	}
}

// Two requests that run at the same time end up in another order each time:
// what they call tells them apart.
func TestCompareSwappedSiblings(t *testing.T) {
	trace := func(first, second string) *Tree {
		return Build([]span.Span{
			sp(1, 0, server, 0, 100, "a", "POST"),
			sp(2, 1, client, 10, 20, "a", "POST"), sp(3, 2, server, 11, 15, first, "POST /"+first), sp(4, 3, client, 12, 5, first, "query"),
			sp(5, 1, client, 11, 20, "a", "POST"), sp(6, 5, server, 12, 15, second, "POST /"+second),
		})
	}
	c := Compare(trace("quotes", "stock"), trace("stock", "quotes"))
	if c.Matched != 5 || c.Removed != 1 || c.Added != 1 { // the query is below the other service
		t.Errorf("%d matched, %d removed, %d added", c.Matched, c.Removed, c.Added)
	}
}

func TestWaits(t *testing.T) {
	account := func(s span.Span, route string, running int64, more ...span.Attr) span.Span {
		s.Attrs = append(more, span.Attr{Key: KeyRunning, Value: span.IntValue(running)})
		if route != "" {
			s.Attrs = append(s.Attrs, span.Attr{Key: "http.route", Value: span.StringValue(route)})
		}
		return s
	}
	wait := func(reason string, n int64) span.Attr {
		return span.Attr{Key: PrefixWait + reason, Value: span.IntValue(n)}
	}
	got := Waits([]span.Span{
		account(sp(1, 0, server, 0, 100, "a", "GET /"), "/", 10, wait("mutex", 30), wait("network", 50), span.Attr{Key: KeyRunnable, Value: span.IntValue(10)}),
		account(sp(2, 0, server, 0, 200, "a", "GET /"), "/", 20, wait("network", 180), span.Attr{Key: "weft.wait.odd", Value: span.StringValue("x")}),
		account(sp(3, 0, internal, 0, 500, "a", "tick"), "", 500),
		sp(4, 0, server, 0, 900, "a", "GET /other"),
	})
	want := []RouteWaits{
		{Service: "a", Route: "tick", Spans: 1, Duration: 500, Running: 500},
		{Service: "a", Route: "/", Spans: 2, Duration: 300, Running: 30, Runnable: 10, Waits: []Wait{{"network", 2, 230}, {"mutex", 1, 30}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := Waits(nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// bigTrace is a trace of n spans: bushy, with a chain n/10 deep.
func bigTrace(n int) []span.Span {
	r := rand.New(rand.NewPCG(1, 1))
	spans := make([]span.Span, n)
	for i := range spans {
		s := sp(0, 0, span.Kind(1+r.IntN(5)), int64(i), int64(2*n-2*i), fmt.Sprintf("s%d@%d", i%20, i%20), fmt.Sprint("op", i%50))
		s.ID[0], s.ID[1], s.ID[2], s.ID[3] = byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
		s.ID[7] = 1
		if i > 0 {
			p := i - 1
			if i > n/10 {
				p = r.IntN(i)
			}
			s.Parent = spans[p].ID
			s.Start, s.Duration = spans[p].Start+1, r.Int64N(spans[p].Duration+1)
		}
		spans[i] = s
	}
	return spans
}

func BenchmarkTrace(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000, 1_000_000} {
		spans := bigTrace(n)
		b.Run(fmt.Sprint("spans=", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				t := Build(spans)
				CriticalPath(t)
				t.SelfTimes()
			}
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	t := Build(bigTrace(100_000))
	for b.Loop() {
		Compare(t, t)
	}
}
