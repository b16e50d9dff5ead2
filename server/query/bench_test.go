package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// benchSpans makes traces of 10 spans with 8 attributes each, spread over an
// hour before the end; one span in ten has an error. 20 services have 10
// operations each, there are 10,000 users.
type benchSpans struct {
	r         *rand.Rand
	resources []*span.Resource
	scope     *span.Scope
}

func newBenchSpans() *benchSpans {
	g := &benchSpans{r: rand.New(rand.NewPCG(1, 42)), scope: &span.Scope{Name: "bench"}}
	for s := range 20 {
		name := fmt.Sprintf("svc-%02d-checkout", s)
		g.resources = append(g.resources, &span.Resource{Service: name, Attrs: []span.Attr{
			{Key: "service.name", Value: span.StringValue(name)},
			{Key: "service.version", Value: span.StringValue("1.42." + strconv.Itoa(s))},
			{Key: "host.name", Value: span.StringValue(fmt.Sprintf("node-%d.eu-west-1.internal", s%7))},
			{Key: "k8s.pod.name", Value: span.StringValue(fmt.Sprintf("svc-%02d-checkout-7c9d8f6b5-x%dk", s, s))},
		}})
	}
	return g
}

func (g *benchSpans) trace(out []span.Span, start int64) []span.Span {
	r := g.r
	var trace span.TraceID
	binary.BigEndian.PutUint64(trace[:8], r.Uint64())
	binary.BigEndian.PutUint64(trace[8:], r.Uint64())
	user := "user-" + strconv.Itoa(r.IntN(10000))
	first := len(out)
	for i := range 10 {
		s, o := r.IntN(20), r.IntN(10)
		method := []string{"GET", "POST", "PUT", "DELETE"}[o%4]
		route := fmt.Sprintf("/api/v1/svc%02d/resource%d/{id}", s, o)
		sp := span.Span{TraceID: trace, Name: method + " " + route, Kind: span.KindServer, Resource: g.resources[s], Scope: g.scope}
		binary.BigEndian.PutUint64(sp.ID[:], r.Uint64()|1)
		if i == 0 {
			sp.Start, sp.Duration = start, int64(math.Exp(r.NormFloat64()*0.9+17.5))+1e6
		} else {
			p := &out[first+r.IntN(i)]
			off := r.Int64N(p.Duration/2 + 1)
			sp.Parent, sp.Start, sp.Duration, sp.Kind = p.ID, p.Start+off, 1+r.Int64N(p.Duration-off), span.Kind(2+i%2)
		}
		code := []int64{200, 200, 200, 200, 200, 200, 200, 201, 204, 404, 500}[r.IntN(11)]
		if code >= 500 {
			sp.Status = span.StatusError
		}
		id := r.IntN(1_000_000)
		sp.Attrs = []span.Attr{
			{Key: "http.request.method", Value: span.StringValue(method)},
			{Key: "http.route", Value: span.StringValue(route)},
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

// BenchmarkStore measures queries over an hour of spans: 1,000,000, or as many
// as the environment's SPANS says. STORE names a directory to keep them in for
// further runs. cpu-ms/op is the whole process's, background work and the garbage collector included.
func BenchmarkStore(b *testing.B) {
	ctx := context.Background()
	n := 1_000_000
	if s := os.Getenv("SPANS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	dir := os.Getenv("STORE")
	if dir == "" {
		dir = b.TempDir()
	}
	end := base + int64(time.Hour)
	st, err := store.Open(store.Options{Dir: dir, NoSync: true, Clock: func() time.Time { return time.Unix(0, end) }})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	first, err := Search(ctx, st, SearchRequest{Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	if len(first.Hits) == 0 {
		g := newBenchSpans()
		var batch []span.Span
		for i := 0; i < n; i += 10 {
			batch = g.trace(batch, base+int64(float64(i)/float64(n)*3595e9)+g.r.Int64N(1e9))
			if len(batch) >= 1000 || i+10 >= n {
				for {
					err := st.Write(ctx, &store.Batch{Spans: batch})
					if err == nil {
						break
					}
					if err != store.ErrBusy {
						b.Fatal(err)
					}
				}
				batch = batch[:0]
			}
		}
	}
	parse := func(text string) *Query {
		q, err := Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		return q
	}
	search := func(text string, by Unit, order Order) func() (Stats, int, error) {
		req := SearchRequest{Query: parse(text), From: base, To: end, Limit: 20, By: by, Order: order, Summaries: true}
		return func() (Stats, int, error) {
			res, err := Search(ctx, st, req)
			if err != nil {
				return Stats{}, 0, err
			}
			return res.Stats, len(res.Hits), nil
		}
	}
	aggregate := func(text string, by ...Field) func() (Stats, int, error) {
		req := AggregateRequest{Query: parse(text), From: base, To: end, Step: 60e9, By: by}
		return func() (Stats, int, error) {
			res, err := Aggregate(ctx, st, req)
			if err != nil {
				return Stats{}, 0, err
			}
			return res.Stats, len(res.Groups), nil
		}
	}
	for _, c := range []struct {
		name string
		run  func() (Stats, int, error)
	}{
		{"search/user", search(`user.id = user-4711`, Traces, Newest)},
		{"search/user-spans", search(`user.id = user-4711`, Spans, Newest)},
		{"search/operation-slow", search(`service = svc-03-checkout name = "GET /api/v1/svc03/resource4/{id}" duration > 200ms`, Traces, Newest)},
		{"search/service-slow", search(`service = svc-03-checkout duration > 500ms`, Traces, Newest)},
		{"search/path", search(`url.path = /api/v1/svc/resource/4711`, Traces, Newest)},
		{"search/path-prefix", search(`url.path ^= /api/v1/svc/resource/471`, Traces, Newest)},
		{"search/in", search(`user.id in (user-1, user-2, user-3) status = error`, Traces, Newest)},
		{"search/or", search(`user.id = user-1 or url.path = /api/v1/svc/resource/5`, Traces, Newest)},
		{"search/broad-errors", search(`status = error`, Traces, Newest)},
		{"search/broad-all", search(``, Traces, Newest)},
		{"search/nothing", search(`user.id = nobody`, Traces, Newest)},
		{"search/text", search(`"resource4711"`, Traces, Newest)},
		{"search/slowest", search(``, Traces, Slowest)},
		{"search/slowest-of-service", search(`service = svc-03-checkout`, Traces, Slowest)},
		{"aggregate/series", aggregate(`service = svc-03-checkout`, Name)},
		{"aggregate/user", aggregate(`user.id = user-4711`, Attr("http.route"))},
		{"aggregate/service-by-code", aggregate(`service = svc-03-checkout`, Attr("http.response.status_code"))},
		{"aggregate/all-by-code", aggregate(``, Attr("http.response.status_code"))},
		{"heatmap/service", func() (Stats, int, error) {
			res, err := HeatMap(ctx, st, HeatMapRequest{Query: parse(`service = svc-03-checkout`), From: base, To: end})
			if err != nil {
				return Stats{}, 0, err
			}
			return res.Stats, len(res.Cells), nil
		}},
		{"differ/slow-of-service", func() (Stats, int, error) {
			res, err := Differ(ctx, st, DifferRequest{Query: parse(`service = svc-03-checkout`), Selected: parse(`duration > 200ms`), From: base, To: end})
			if err != nil {
				return Stats{}, 0, err
			}
			return res.Stats, len(res.Keys), nil
		}},
		{"keys", func() (Stats, int, error) {
			res, err := Keys(ctx, st, KeysRequest{From: base, To: end})
			if err != nil {
				return Stats{}, 0, err
			}
			return res.Stats, len(res.Keys), nil
		}},
		{"values/route", func() (Stats, int, error) {
			res, err := Values(ctx, st, ValuesRequest{Field: Attr("http.route"), From: base, To: end})
			if err != nil {
				return Stats{}, 0, err
			}
			return res.Stats, len(res.Values), nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var stats Stats
			var hits int
			before := processTime()
			for b.Loop() {
				var err error
				if stats, hits, err = c.run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processTime()-before)/float64(b.N)/1e6, "cpu-ms/op")
			b.ReportMetric(float64(stats.Rows), "rows")
			b.ReportMetric(float64(stats.Blocks), "blocks")
			b.ReportMetric(float64(hits), "hits")
			if stats.Partial {
				b.ReportMetric(1, "partial")
			}
		})
	}
}

// processTime is the processor time that the process has used, which other
// processes on the machine do not change much.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
