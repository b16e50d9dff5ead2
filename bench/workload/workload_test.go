package workload

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/span"
)

var small = Workload{Seed: 7, Traces: 3000, End: 1_790_000_000_000_000_000}

// What is sent, read by the official decoder, is what Model says.
func TestRequest(t *testing.T) {
	g := New(small)
	b := g.AppendRequest(nil, 10, 85, nil)
	if again := New(small).AppendRequest(nil, 10, 85, nil); !bytes.Equal(b, again) {
		t.Error("two generators of one workload differ")
	}
	var req tracepb.TracesData // on the wire the same as an ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &req); err != nil {
		t.Fatal(err)
	}
	if canonical, err := proto.Marshal(&req); err != nil || len(canonical) != len(b) {
		t.Errorf("%d bytes, the official encoder needs %d (%v)", len(b), len(canonical), err)
	}
	got := map[span.ID]span.Span{}
	for _, rs := range req.ResourceSpans {
		r := &span.Resource{Attrs: attrs(rs.Resource.Attributes)}
		v, _ := span.Get(r.Attrs, "service.name")
		r.Service = v.Str
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				m := span.Span{
					TraceID: span.TraceID(s.TraceId), ID: span.ID(s.SpanId), Name: s.Name, Kind: span.Kind(s.Kind),
					Start: int64(s.StartTimeUnixNano), Duration: int64(s.EndTimeUnixNano - s.StartTimeUnixNano),
					Attrs: attrs(s.Attributes), Resource: r, Scope: &span.Scope{Name: ss.Scope.Name, Version: ss.Scope.Version},
				}
				if s.ParentSpanId != nil {
					m.Parent = span.ID(s.ParentSpanId)
				}
				if s.Status != nil {
					m.Status = span.Status(s.Status.Code)
				}
				got[m.ID] = m
			}
		}
	}
	want := map[span.ID]span.Span{}
	for n := int64(10); n < 85; n++ {
		for _, s := range g.Model(n) {
			want[s.ID] = s
		}
	}
	if len(want) != 750 {
		t.Fatalf("%d distinct span ids in 75 traces", len(want))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func attrs(in []*commonpb.KeyValue) (out []span.Attr) {
	for _, kv := range in {
		v := span.StringValue(kv.Value.GetStringValue())
		if n, ok := kv.Value.Value.(*commonpb.AnyValue_IntValue); ok {
			v = span.IntValue(n.IntValue)
		}
		out = append(out, span.Attr{Key: kv.Key, Value: v})
	}
	return out
}

func TestNumber(t *testing.T) {
	for _, seed := range []uint64{0, 7, 1 << 63} {
		w := Workload{Seed: seed, Traces: 1 << 40}
		for _, n := range []int64{0, 1, 2, 12345678, 1<<40 - 1} {
			id := w.TraceID(n)
			if got, ok := w.Number(id); got != n || !ok {
				t.Errorf("seed %d: trace %d has id %s, which is read as %d, %v", seed, n, id, got, ok)
			}
			id[rand.IntN(16)] ^= 1
			if got, ok := w.Number(id); ok {
				t.Errorf("seed %d: id %s is of none, but is read as %d", seed, hex.EncodeToString(id[:]), got)
			}
		}
		if _, ok := w.Number(w.TraceID(w.Traces)); ok {
			t.Error("a trace past the end is read")
		}
	}
}

// The answers that are collected are those that a look at every span gives.
func TestAnswers(t *testing.T) {
	g, a := New(small), NewAnswers(small)
	g.AppendRequest(nil, 0, small.Traces, a)
	if a.Spans() != small.Spans() {
		t.Errorf("%d spans added; want %d", a.Spans(), small.Spans())
	}
	brute := func(q Search) (found []int64) {
		var tr [SpansPerTrace]Span
		for n := range small.Traces {
			g.Trace(n, &tr)
			if slices.ContainsFunc(tr[:], func(s Span) bool { return q.Match(&s) }) {
				found = append(found, n)
			}
		}
		return found
	}
	for i := range 20 {
		for _, ask := range []func(int) (Search, []int64){a.Slow, a.User} {
			q, want := ask(i)
			if got := brute(q); !slices.Equal(got, want) {
				t.Errorf("%v: %v; want %v", q, got, want)
			}
			if len(want) >= q.Limit {
				t.Errorf("%v: %d traces match, which the limit hides", q, len(want))
			}
		}
		if q := a.Broad(i); len(brute(q)) < 2*q.Limit {
			t.Errorf("%v: not broad", q)
		}
	}
	if q, want := a.Slow(0); len(want) < 10 || q.MinDuration%time.Microsecond != 0 {
		t.Errorf("%v: %d traces", q, len(want))
	}
}

func TestWindow(t *testing.T) {
	g := New(small)
	var tr [SpansPerTrace]Span
	for _, n := range []int64{0, small.Traces / 2, small.Traces - 1} {
		g.Trace(n, &tr)
		if tr[0].Start < small.From() || tr[0].Start >= small.End {
			t.Errorf("trace %d starts at %d, outside of [%d, %d)", n, tr[0].Start, small.From(), small.End)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	w := Workload{Traces: 1 << 30, End: small.End}
	g, a := New(w), NewAnswers(w)
	var buf []byte
	for i := range b.N {
		buf = g.AppendRequest(buf[:0], int64(i)*75, int64(i+1)*75, a)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/750, "ns/span")
	b.ReportMetric(float64(len(buf))/750, "B/span")
}
