package aggregate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/span"
)

func text(kv ...string) (attrs []span.Attr) {
	for i := 0; i < len(kv); i += 2 {
		attrs = append(attrs, span.Attr{Key: kv[i], Value: span.StringValue(kv[i+1])})
	}
	return attrs
}

func id(n uint64) (i span.ID) {
	binary.BigEndian.PutUint64(i[:], n)
	return i
}

// mk makes a span of trace 1 that starts at t0 and takes ms milliseconds.
func mk(service string, kind span.Kind, own, parent uint64, ms int64, attrs ...string) span.Span {
	return span.Span{
		TraceID: span.TraceID{1}, ID: id(own), Parent: id(parent), Name: "op", Kind: kind, Start: t0,
		Duration: ms * int64(time.Millisecond), Resource: &span.Resource{Service: service}, Attrs: text(attrs...),
	}
}

func failing(s span.Span) span.Span { s.Status = span.StatusError; return s }

type count struct {
	Edge
	Calls, Errors uint64
	Ms            uint64 // sum of the durations
}

func edgesOf(t *testing.T, cells ...*Cells) (out []count) {
	t.Helper()
	sums := map[Edge]count{}
	for _, c := range cells {
		c.Each(Edges, 0, 1<<63-1, func(series string, _ int64, c *Cell) {
			e, err := ParseEdge([]byte(series))
			if err != nil {
				t.Fatal(err)
			}
			n := sums[e]
			sums[e] = count{e, n.Calls + c.Count(), n.Errors + c.Errors, n.Ms + c.Durations.Sum()/1e6}
		})
	}
	for _, c := range sums {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b count) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

// Each case in every order of its spans, with a Swap between any two of them
// and, for good measure, a Roll.
func TestEdges(t *testing.T) {
	const server, client, internal, producer, consumer = span.KindServer, span.KindClient, span.KindInternal, span.KindProducer, span.KindConsumer
	linked := mk("mailer", consumer, 3, 0, 7)
	linked.Start += 40e6
	linked.Links = []span.Link{{TraceID: span.TraceID{1}, ID: id(2)}}
	behind := mk("mailer", consumer, 3, 2, 7, "messaging.system", "kafka")
	behind.Start += 25e6
	remote := mk("b", internal, 3, 2, 5)
	remote.Flags = 0x300
	for name, c := range map[string]struct {
		spans []span.Span
		want  []count
	}{
		"http": {
			[]span.Span{mk("a", server, 1, 0, 30), mk("a", client, 2, 1, 20, "http.request.method", "GET", "server.address", "b.local"), mk("b", server, 3, 2, 10)},
			[]count{{Edge{"a", "b", HTTP, ServiceNode, ""}, 1, 0, 20}},
		},
		"error at the server's end": {
			[]span.Span{mk("a", client, 2, 1, 20, "http.method", "GET"), failing(mk("b", server, 3, 2, 10))},
			[]count{{Edge{"a", "b", HTTP, ServiceNode, ""}, 1, 1, 20}},
		},
		"error at the client's end": {
			[]span.Span{failing(mk("a", client, 2, 1, 20, "rpc.system", "grpc")), mk("b", server, 3, 2, 10)},
			[]count{{Edge{"a", "b", RPC, ServiceNode, "grpc"}, 1, 1, 20}},
		},
		"two attempts of one client span": {
			[]span.Span{mk("a", client, 2, 1, 20, "http.method", "GET"), mk("b", server, 3, 2, 10), mk("b", server, 4, 2, 10)},
			[]count{{Edge{"a", "b", HTTP, ServiceNode, ""}, 2, 0, 40}},
		},
		"instances of one service": {
			[]span.Span{mk("a", client, 2, 1, 20, "rpc.system.name", "grpc"), mk("a", server, 3, 2, 10)},
			[]count{{Edge{"a", "a", RPC, ServiceNode, "grpc"}, 1, 0, 20}},
		},
		"no client span": {
			[]span.Span{mk("a", internal, 2, 1, 20), mk("b", server, 3, 2, 10, "http.request.method", "GET")},
			[]count{{Edge{"a", "b", HTTP, ServiceNode, ""}, 1, 0, 10}},
		},
		"no client and no server span": {
			[]span.Span{mk("a", internal, 2, 1, 20), remote},
			[]count{{Edge{"a", "b", Unknown, ServiceNode, ""}, 1, 0, 5}},
		},
		"parent in the same service": {
			[]span.Span{mk("a", internal, 2, 1, 20), mk("a", server, 3, 2, 10)}, nil,
		},
		"parent never arrives": {
			[]span.Span{mk("b", server, 3, 2, 10, "http.method", "GET")}, nil,
		},
		"messages to two consumers": {
			[]span.Span{mk("a", producer, 2, 1, 1, "messaging.system", "kafka", "messaging.destination.name", "mails"), behind, mk("audit", consumer, 4, 2, 3)},
			[]count{{Edge{"a", "audit", Messaging, ServiceNode, "kafka"}, 1, 0, 0}, {Edge{"a", "mailer", Messaging, ServiceNode, "kafka"}, 1, 0, 25}},
		},
		"consumer with a link": {
			[]span.Span{mk("a", producer, 2, 1, 1, "messaging.system", "nats"), linked},
			[]count{{Edge{"a", "mailer", Messaging, ServiceNode, "nats"}, 1, 0, 40}},
		},
		"queue without a consumer": {
			[]span.Span{mk("a", producer, 2, 1, 4, "messaging.system", "kafka", "messaging.destination.name", "mails")},
			[]count{{Edge{"a", "mails", Messaging, QueueNode, "kafka"}, 1, 0, 4}},
		},
		"database": {
			[]span.Span{mk("a", client, 2, 1, 20, "db.system.name", "postgresql", "db.namespace", "orders", "server.address", "pg-1"), mk("a", client, 3, 1, 5, "db.system", "redis")},
			[]count{{Edge{"a", "orders", Database, DatabaseNode, "postgresql"}, 1, 0, 20}, {Edge{"a", "redis", Database, DatabaseNode, "redis"}, 1, 0, 5}},
		},
		"database that is a service": {
			[]span.Span{
				mk("a", client, 2, 1, 20, "db.system", "mysql", "http.request.method", "POST"), mk("b", server, 3, 2, 10),
				mk("c", server, 4, 3, 5, "db.system", "mysql"),
			},
			[]count{
				{Edge{"a", "b", HTTP, ServiceNode, ""}, 1, 0, 20}, {Edge{"a", "mysql", Database, DatabaseNode, "mysql"}, 1, 0, 20},
				{Edge{"b", "c", Unknown, ServiceNode, ""}, 1, 0, 5},
			},
		},
		"peers without spans": {
			[]span.Span{
				mk("a", client, 2, 1, 1, "http.request.method", "GET", "server.address", "api.example.com", "server.port", "443"),
				mk("a", client, 3, 1, 1, "http.method", "GET", "net.peer.name", "pay", "net.peer.port", "8080"),
				mk("a", client, 4, 1, 1, "http.url", "http://me:secret@old.example:81/x?y"),
				mk("a", client, 5, 1, 1, "peer.service", "billing", "server.address", "10.0.0.1", "rpc.system", "grpc"),
				mk("a", client, 6, 1, 1), // says nothing of its peer
			},
			[]count{
				{Edge{"a", "api.example.com", HTTP, ExternalNode, ""}, 1, 0, 1},
				{Edge{"a", "billing", RPC, ExternalNode, "grpc"}, 1, 0, 1},
				{Edge{"a", "old.example:81", HTTP, ExternalNode, ""}, 1, 0, 1},
				{Edge{"a", "pay:8080", HTTP, ExternalNode, ""}, 1, 0, 1},
			},
		},
		"zipkin: both ends share an id": {
			[]span.Span{mk("a", client, 2, 1, 20, "http.method", "GET", "peer.service", "B"), mk("b", server, 2, 1, 10)},
			[]count{{Edge{"a", "b", HTTP, ServiceNode, ""}, 1, 0, 20}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			permute(c.spans, func(order []span.Span) {
				a := New(Limits{})
				var cells []*Cells
				for i := range order {
					a.Add(&order[i], t0+int64(i))
					cells = append(cells, a.Swap())
					a.Roll()
				}
				// Time passes: what is still waiting is given up.
				late := mk("later", internal, 99, 98, 1)
				a.Add(&late, t0+int64(31*time.Second))
				if diff := cmp.Diff(c.want, edgesOf(t, append(cells, a.Swap())...)); diff != "" {
					t.Fatalf("order %v (-want +got):\n%s", order, diff)
				}
			})
		})
	}
}

func permute(s []span.Span, f func([]span.Span)) {
	var rec func(int)
	rec = func(k int) {
		if k == len(s) {
			f(s)
			return
		}
		for i := k; i < len(s); i++ {
			s[k], s[i] = s[i], s[k]
			rec(k + 1)
			s[k], s[i] = s[i], s[k]
		}
	}
	rec(0)
}

// With Zipkin's shared ids the parent of both ends is known too: one call
// counts once, in any order.
func TestSharedIDOnce(t *testing.T) {
	spans := []span.Span{
		mk("a", span.KindServer, 1, 0, 30), mk("a", span.KindClient, 2, 1, 20, "http.method", "GET"), mk("b", span.KindServer, 2, 1, 10, "http.method", "GET"),
	}
	permute(spans, func(order []span.Span) {
		a := New(Limits{})
		for i := range order {
			a.Add(&order[i], t0)
		}
		got := edgesOf(t, a.Swap())
		if len(got) != 1 || got[0].Calls != 1 || got[0].Client != "a" || got[0].Server != "b" {
			t.Errorf("%v", got)
		}
	})
}

// A client that sends its spans a second time, after they were cut, changes nothing.
func TestSentTwice(t *testing.T) {
	a := New(Limits{})
	var cells []*Cells
	for range 2 {
		for _, s := range []span.Span{
			mk("a", span.KindInternal, 1, 0, 30), mk("a", span.KindClient, 2, 1, 20, "http.method", "GET"), mk("b", span.KindServer, 3, 2, 10),
			mk("c", span.KindServer, 2, 1, 10), // shares its id with the client's
		} {
			a.Add(&s, t0)
		}
		cells = append(cells, a.Swap())
	}
	if got := edgesOf(t, cells...); len(got) != 2 || got[0].Calls != 1 || got[1].Calls != 1 {
		t.Errorf("edges %v", got)
	}
	counts := map[string]uint64{}
	for _, c := range cells {
		c.Each(Operations, 0, 1<<62, func(series string, _ int64, c *Cell) { counts[series] += c.Count() })
	}
	if len(counts) != 4 {
		t.Errorf("%d operations; want 4", len(counts))
	}
	for series, n := range counts {
		if n != 1 {
			t.Errorf("%q: %d calls; want 1", series, n)
		}
	}
	// Spans with one id that start at different times are kept, so they count.
	for _, kind := range []span.Kind{span.KindInternal, span.KindClient} {
		b := New(Limits{})
		for _, later := range []int64{0, 1, 0, 1} {
			s := mk("a", kind, 1, 0, 30)
			s.Start += later
			b.Add(&s, t0)
		}
		b.Cells().Each(Operations, 0, 1<<62, func(_ string, _ int64, c *Cell) {
			if c.Count() != 2 {
				t.Errorf("%v: %d calls of two spans", kind, c.Count())
			}
		})
	}
}

// Random call trees, their spans shuffled and cut at random: the edges are
// those of the trees.
func TestEdgesOfTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	services := []string{"a", "b", "c", "d", "e"}
	want := map[Edge]count{}
	var spans []span.Span
	next := uint64(1)
	var serve func(service string, parent uint64, depth int)
	serve = func(service string, parent uint64, depth int) {
		own := next
		next++
		s := mk(service, span.KindServer, own, parent, 5)
		if depth == 0 {
			s.Parent = span.ID{}
		}
		spans = append(spans, s)
		for range r.IntN(4) {
			if depth > 3 {
				return
			}
			c := mk(service, span.KindClient, next, own, r.Int64N(50), "rpc.system", "grpc")
			next++
			to := services[r.IntN(len(services))]
			e := Edge{service, to, RPC, ServiceNode, "grpc"}
			n := want[e]
			n.Edge = e
			n.Calls++
			n.Ms += uint64(c.Duration / 1e6)
			if r.IntN(4) == 0 {
				c = failing(c)
				n.Errors++
			}
			want[e] = n
			spans = append(spans, c)
			serve(to, next-1, depth+1)
		}
	}
	for len(spans) < 20_000 {
		serve(services[r.IntN(len(services))], 0, 0)
	}
	r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	a := New(Limits{})
	var cells []*Cells
	for i := range spans {
		a.Add(&spans[i], t0)
		if r.IntN(1000) == 0 {
			cells = append(cells, a.Swap())
		}
	}
	got := map[Edge]count{}
	for _, c := range edgesOf(t, append(cells, a.Swap())...) {
		got[c.Edge] = c
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// A set of recent spans keeps the newest ones.
func TestRecent(t *testing.T) {
	a := New(Limits{})
	g := &a.graph
	const n = recentSets * recentWays / 8 // so few that hardly a set is full
	for i := range uint64(n) {
		g.remember(g.key(&span.TraceID{1}, &span.ID{byte(i), byte(i >> 8), byte(i >> 16), 1}), recentSpan{key: g.key(&span.TraceID{1}, &span.ID{byte(i), byte(i >> 8), byte(i >> 16), 1})})
	}
	lost := 0
	for i := range uint64(n) {
		if g.find(g.key(&span.TraceID{1}, &span.ID{byte(i), byte(i >> 8), byte(i >> 16), 1})) == nil {
			lost++
		}
	}
	if lost > n/500 { // five or more of half a span on average
		t.Errorf("%d of %d spans are lost", lost, n)
	}
	for i := range uint64(2 * recentWays) { // all in one set
		g.remember(1, recentSpan{key: i<<1 | 1})
	}
	for i := range uint64(2 * recentWays) {
		in := false
		for _, r := range g.set(1) {
			in = in || r.key == i<<1|1
		}
		if want := i >= recentWays; in != want {
			t.Errorf("span %d of %d: is there %v, want %v", i, 2*recentWays, in, want)
		}
	}
}

// The tables stay within their limit, the oldest leave first, and a peer that
// was given up is counted.
func TestWaitingLimit(t *testing.T) {
	a := New(Limits{Waiting: 300})
	for i := range uint64(10_000) {
		s := mk("a", span.KindClient, 2*i+1, 0, 1, "peer.service", "x")
		a.Add(&s, t0)
		s = mk("b", span.KindServer, 2*i+2, 1_000_000+i, 1)
		a.Add(&s, t0)
	}
	if a.graph.calls.len() != 300 || a.graph.begun.len() != 300 {
		t.Errorf("%d calls and %d begun spans wait; want 300", a.graph.calls.len(), a.graph.begun.len())
	}
	s := mk("b", span.KindServer, 99_999, 2*9_999+1, 1) // child of the newest
	a.Add(&s, t0)
	want := []count{{Edge{"a", "b", Unknown, ServiceNode, ""}, 1, 0, 1}, {Edge{"a", "x", Unknown, ExternalNode, ""}, 9_700, 0, 9_700}}
	if diff := cmp.Diff(want, edgesOf(t, a.Swap())); diff != "" {
		t.Error(diff)
	}
}

func TestEdgeLimit(t *testing.T) {
	a := New(Limits{Edges: 10})
	for i := range uint64(100) {
		s := mk("a", span.KindClient, i+1, 0, 1, "db.system", "x", "db.namespace", fmt.Sprint("db", i))
		a.Add(&s, t0)
	}
	got := edgesOf(t, a.Swap())
	calls := uint64(0)
	for _, c := range got {
		calls += c.Calls
	}
	if len(got) != 11 || calls != 100 {
		t.Errorf("%d edges with %d calls; want 10 and one for the others, 100 calls", len(got), calls)
	}
}

// ring against a plain list.
func TestRing(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	var g ring[int]
	type item struct {
		key       uint64
		n         int
		forgotten bool
	}
	var list []item
	for n := range 200_000 {
		key := uint64(r.IntN(600))<<1 | 1
		switch {
		case len(list) > 500 || len(list) > 0 && r.IntN(3) == 0:
			if got := g.drop(); got != list[0].n {
				t.Fatalf("dropped %d, want %d", got, list[0].n)
			}
			list = list[1:]
		case r.IntN(10) == 0:
			g.forget(key)
			for i := range list {
				list[i].forgotten = list[i].forgotten || list[i].key == key
			}
		default:
			g.add(key, 0, n)
			list = append(list, item{key: key, n: n})
		}
		var want, got []int
		for i := range list {
			if list[i].key == key && !list[i].forgotten {
				want = append(want, list[i].n)
			}
		}
		slices.Reverse(want)
		for seq, ok := g.get(key); ok; seq, ok = g.after(seq) {
			got = append(got, *g.at(seq))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("step %d, key %d: %v, want %v", n, key, got, want)
		}
		if g.len() != len(list) {
			t.Fatalf("%d items, want %d", g.len(), len(list))
		}
	}
}
