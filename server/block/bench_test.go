package block

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/weft-trace/weft/server/span"
)

// shop makes traces of 10 spans with 8 attributes each, like those of 20
// services with 10 operations each, whose numbers (durations, ids in paths,
// users) are drawn at random: 23 bytes a span of them cannot be compressed.
type shop struct {
	r     *rand.Rand
	n     int64
	total int64
	ops   [20][10]struct{ name, route, method string }
	res   [20]*span.Resource
	scope *span.Scope
}

func newShop(seed uint64, total int64) *shop {
	g := &shop{r: rand.New(rand.NewPCG(seed, 42)), total: total, scope: &span.Scope{Name: "weft/net/http", Version: "0.1.0"}}
	for s := range g.ops {
		name := fmt.Sprintf("svc-%02d-checkout", s)
		for o := range g.ops[s] {
			op := &g.ops[s][o]
			op.method = []string{"GET", "POST", "PUT", "DELETE"}[o%4]
			op.route = fmt.Sprintf("/api/v1/svc%02d/resource%d/{id}", s, o)
			op.name = op.method + " " + op.route
		}
		g.res[s] = &span.Resource{Service: name, Attrs: []span.Attr{
			{Key: "service.name", Value: span.StringValue(name)},
			{Key: "service.version", Value: span.StringValue("1.42." + strconv.Itoa(s))},
			{Key: "host.name", Value: span.StringValue(fmt.Sprintf("node-%d.eu-west-1.internal", s%7))},
			{Key: "k8s.pod.name", Value: span.StringValue(fmt.Sprintf("svc-%02d-checkout-7c9d8f6b5-x%dk", s, s))},
			{Key: "telemetry.sdk.language", Value: span.StringValue("go")},
		}}
	}
	return g
}

func (g *shop) trace(out []span.Span) []span.Span {
	r := g.r
	var tid span.TraceID
	for i := range tid {
		tid[i] = byte(r.Uint32())
	}
	start := 1_800_000_000_000_000_000 + int64(float64(g.n)/float64(g.total)*3595e9) + r.Int64N(1e9)
	g.n++
	user := "user-" + strconv.Itoa(r.IntN(10000))
	first := len(out)
	dur := int64(math.Exp(r.NormFloat64()*0.9+17.5)) + 1e6
	for i := range 10 {
		s, o := r.IntN(20), r.IntN(10)
		op := &g.ops[s][o]
		sp := span.Span{TraceID: tid, Name: op.name, Resource: g.res[s], Scope: g.scope}
		for k, v := 0, r.Uint64()|1; k < 8; k++ {
			sp.ID[k] = byte(v >> (8 * k))
		}
		if i == 0 {
			sp.Start, sp.Duration, sp.Kind = start, dur, span.KindServer
		} else {
			p := &out[first+r.IntN(i)]
			sp.Parent = p.ID
			off := r.Int64N(p.Duration/2 + 1)
			sp.Start = p.Start + off
			sp.Duration = 1 + r.Int64N(p.Duration-off)
			sp.Kind = span.KindServer + span.Kind(i%2)
		}
		code := []int64{200, 200, 200, 200, 200, 200, 200, 201, 204, 404, 500}[r.IntN(11)]
		if code >= 500 {
			sp.Status = span.StatusError
		}
		id := r.IntN(1_000_000)
		sp.Attrs = []span.Attr{
			{Key: "http.request.method", Value: span.StringValue(op.method)},
			{Key: "http.route", Value: span.StringValue(op.route)},
			{Key: "http.response.status_code", Value: span.IntValue(code)},
			{Key: "url.path", Value: span.StringValue("/api/v1/svc/resource/" + strconv.Itoa(id))},
			{Key: "server.address", Value: span.StringValue(fmt.Sprintf("10.0.%d.%d:8080", s, id%16))},
			{Key: "user.id", Value: span.StringValue(user)},
			{Key: "thread.id", Value: span.IntValue(int64(r.IntN(64)))},
			{Key: "db.system", Value: span.StringValue([]string{"postgresql", "mysql", "redis", "kafka"}[r.IntN(4)])},
		}
		out = append(out, sp)
	}
	return out
}

func shopSpans(n int) []span.Span {
	g := newShop(7, int64(n/10)*16)
	spans := make([]span.Span, 0, n)
	for len(spans) < n {
		spans = g.trace(spans)
	}
	return spans
}

func shopBuilder(n int) *Builder {
	b := new(Builder)
	for _, s := range shopSpans(n) {
		b.Add(&s)
	}
	return b
}

const headRows = 65536

func BenchmarkAdd(b *testing.B) {
	spans := shopSpans(headRows)
	b.ReportAllocs()
	for b.Loop() {
		h := new(Builder)
		for i := range spans {
			h.Add(&spans[i])
		}
		b.ReportMetric(float64(h.Size())/float64(h.Len()), "mem-B/span")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/span")
}

func BenchmarkView(b *testing.B) {
	h := shopBuilder(headRows)
	b.ReportAllocs()
	for b.Loop() {
		h.View()
	}
}

// BenchmarkRows cuts a head into blocks of several sizes, and reads one trace
// out of such a block.
func BenchmarkRows(b *testing.B) {
	h := shopBuilder(headRows)
	for _, rows := range []int{1024, 2048, 4096, 8192} {
		b.Run(fmt.Sprint("cut/", rows), func(b *testing.B) {
			b.ReportAllocs()
			var size int
			for b.Loop() {
				size = 0
				for p := range h.Parts(rows) {
					size += len(p.Data)
				}
			}
			b.ReportMetric(float64(size)/float64(h.Len()), "B/span")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*h.Len()), "ns/span")
		})
		data := h.Cut(rows)[2].Data
		b.Run(fmt.Sprint("trace/", rows), func(b *testing.B) {
			b.ReportAllocs()
			want := []uint32{500, 501, 502, 503, 504, 505, 506, 507, 508, 509}
			for b.Loop() {
				o, err := Open(data)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := o.Spans(want); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("columns/", rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o, err := Open(data)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := o.Starts(); err != nil {
					b.Fatal(err)
				}
				if _, err := o.Durations(); err != nil {
					b.Fatal(err)
				}
				if _, err := o.Names(); err != nil {
					b.Fatal(err)
				}
				if _, err := o.Attrs("http.response.status_code"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("all/", rows), func(b *testing.B) {
			for b.Loop() {
				o, err := Open(data)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := o.Spans(all(o)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestColumnSizes prints what each column takes: go test -run ColumnSizes -v.
func TestColumnSizes(t *testing.T) {
	h := shopBuilder(headRows)
	total, n := map[string]int{}, 0
	var names []string
	add := func(name string, size int) {
		if _, ok := total[name]; !ok {
			names = append(names, name)
		}
		total[name] += size
		n += size
	}
	for p := range h.Parts(DefaultRows) {
		o, err := Open(p.Data)
		if err != nil {
			t.Fatal(err)
		}
		left := len(p.Data)
		for _, c := range append(o.src.cols, o.src.sets[0]...) {
			if c.id != 0 {
				add(c.name(), len(c.data))
				left -= len(c.data)
			}
		}
		add("header, directory", left)
	}
	for _, name := range names {
		t.Logf("%-60s %6.3f B/span", name, float64(total[name])/headRows)
	}
	t.Logf("%-60s %6.3f B/span", "all", float64(n)/headRows)
	if per := float64(n) / headRows; per > 40 {
		t.Errorf("%.1f bytes a span; want at most 40", per)
	}
}
