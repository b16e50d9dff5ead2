package query

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// fieldText is a field's value as groups show it, "-" if it is absent.
func fieldText(s *span.Span, f Field) string {
	get := func(lists ...[]span.Attr) string {
		for _, l := range lists {
			if v, ok := span.Get(l, f.Key); ok {
				return "=" + v.Text()
			}
		}
		return "-"
	}
	switch f {
	case Service:
		return "=" + s.Service()
	case Name:
		return "=" + s.Name
	case Kind:
		return "=" + s.Kind.String()
	case Status:
		return "=" + s.Status.String()
	}
	switch f.Scope {
	case SpanAttr:
		return get(s.Attrs)
	case ResourceAttr:
		return get(s.Resource.Attrs)
	}
	return get(s.Attrs, s.Resource.Attrs)
}

// Aggregates and heat maps count what a plain loop over all spans does.
func TestAggregateAgainstReference(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(14, 15))
	w := &world{r: r}
	st := openStore(t, 300, 16)
	spans := w.spans(1500)
	for i := range spans { // over two minutes
		spans[i].Start = base + r.Int64N(120e9)
	}
	write(t, st, spans)
	sources := map[string]int{}
	for range 100 {
		q := New(randomExpr(r, 1))
		fields := []Field{Service, Name, Kind, Status, Attr("a"), {SpanAttr, "b"}, {ResourceAttr, "a"}}
		if r.IntN(3) == 0 { // what the series may know
			fields = fields[:3]
			q = New(OneOf(pick(r, []Field{Service, Name}), StringValue(pick(r, names)), StringValue("query")))
		}
		var by []Field
		for range r.IntN(3) {
			by = append(by, pick(r, fields))
		}
		req := AggregateRequest{Query: q, From: base, To: base + 120e9, Step: pick(r, []int64{0, 10e9, 60e9, 7e9}), By: by, Of: Attr("a"), Limit: 10_000}
		if r.IntN(2) == 0 || len(fields) == 3 {
			req.Of = Field{}
		}
		res, err := Aggregate(ctx, st, req)
		if err != nil || res.Partial {
			t.Fatal(err, res)
		}
		sources[res.Source]++
		type sum struct {
			count, errors, n int64
			sum              float64
			points           map[int64]int64
		}
		want := map[string]*sum{}
		total := int64(0)
		for i := range spans {
			s := &spans[i]
			if !reference(q.Expr, s) {
				continue
			}
			total++
			key := ""
			for _, f := range by {
				key += fieldText(s, f) + "|"
			}
			x := want[key]
			if x == nil {
				x = &sum{points: map[int64]int64{}}
				want[key] = x
			}
			x.count++
			if s.Status == span.StatusError {
				x.errors++
			}
			if req.Of == (Field{}) {
				x.sum += float64(s.Duration)
				x.n++
			} else if v, ok := span.Get(append(slices.Clone(s.Attrs), s.Resource.Attrs...), "a"); ok {
				if f, ok := v.Number(); ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
					x.sum += f
					x.n++
				}
			}
			if req.Step > 0 {
				x.points[(s.Start-res.Start)/req.Step]++
			}
		}
		if len(by) == 0 && len(want) == 0 {
			want[""] = &sum{}
		}
		if len(res.Groups) != len(want) {
			t.Fatalf("%s by %v: %d groups, want %d", q, by, len(res.Groups), len(want))
		}
		for _, g := range res.Groups {
			key := ""
			for i := range g.Key {
				if g.Absent[i] {
					key += "-|"
				} else {
					key += "=" + g.Key[i] + "|"
				}
			}
			x := want[key]
			if x == nil || x.count != g.Total.Count || x.errors != g.Total.Errors || x.n != g.Total.N || math.Abs(x.sum-g.Total.Sum) > 1e-9*math.Abs(x.sum) {
				t.Fatalf("%s by %v, from %s: group %s is %+v, want %+v", q, by, res.Source, key, g.Total, x)
			}
			for i, p := range g.Points {
				if p.Count != x.points[int64(i)] {
					t.Fatalf("%s by %v, step %d, from %s: group %s, point %d: %d, want %d", q, by, req.Step, res.Source, key, i, p.Count, x.points[int64(i)])
				}
			}
		}

		heat, err := HeatMap(ctx, st, HeatMapRequest{Query: q, From: base, To: base + 120e9, Columns: 1 + r.IntN(50), PerDecade: 1 + r.IntN(10)})
		if err != nil {
			t.Fatal(err)
		}
		inCells := int64(0)
		for _, column := range heat.Cells {
			for _, c := range column {
				inCells += c.Count
				if c.Count > 0 && len(c.Exemplars) == 0 || c.Errors > c.Count {
					t.Fatalf("cell %+v", c)
				}
			}
		}
		if inCells != total {
			t.Fatalf("%s: %d spans in the heat map, want %d", q, inCells, total)
		}
	}
	if sources["series"] < 10 || sources["spans"] < 10 {
		t.Errorf("answers came from %v", sources)
	}
}

// However many groups there are, those that are told apart are bounded, and the
// rest is in other.
func TestAggregateManyGroups(t *testing.T) {
	st := openStore(t, 5000, 100)
	var spans []span.Span
	for i := range 3000 {
		spans = append(spans, span.Span{
			TraceID: span.TraceID{1, 14: byte(i >> 8), 15: byte(i)}, ID: span.ID{1}, Start: base, Duration: 5, Resource: &span.Resource{}, Scope: &span.Scope{},
			Attrs: []span.Attr{{Key: "id", Value: span.IntValue(int64(i))}},
		})
	}
	write(t, st, spans)
	res, err := Aggregate(context.Background(), st, AggregateRequest{From: base, To: base + 1, By: []Field{Attr("id")}, Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Groups) != 5 || res.Other == nil || res.Other.Total.Count != 2995 || !res.Partial {
		t.Errorf("%d groups, other %+v, partial %v", len(res.Groups), res.Other, res.Partial)
	}
}

// An operation that was counted among "…" because there are too many is not
// answered from the series, but from the spans.
func TestAggregateBeyondSeries(t *testing.T) {
	st := openStore(t, 100_000, 100)
	var spans []span.Span
	const n = 20_000
	for i := range n {
		spans = append(spans, span.Span{
			TraceID: span.TraceID{1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}, ID: span.ID{1}, Name: fmt.Sprint("op ", i), Start: base, Duration: 5,
			Resource: &span.Resource{Service: "s"}, Scope: &span.Scope{},
		})
	}
	for len(spans) > 0 {
		if err := st.Write(context.Background(), &store.Batch{Spans: spans[:1000]}); err != nil {
			t.Fatal(err)
		}
		spans = spans[1000:]
	}
	res, err := Aggregate(context.Background(), st, AggregateRequest{Query: New(Compare(Name, Equal, StringValue(fmt.Sprint("op ", n-1)))), From: base, To: base + int64(10*time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := st.Series(context.Background(), aggregate.Selection{From: base, To: base + int64(10*time.Second), Operations: []string{aggregate.Other}})
	if err != nil || len(lines) == 0 {
		t.Fatalf("no operation was beyond the limits (%v): the test proves nothing", err)
	}
	if res.Groups[0].Total.Count != 1 || res.Source != "spans" {
		t.Errorf("%d spans from %s, want 1 from spans", res.Groups[0].Total.Count, res.Source)
	}
}
