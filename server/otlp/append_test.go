package otlp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/span"
)

// sorted puts items into an order that does not depend on how they were grouped.
func sorted[T any](items []T, id func(T) string) []T {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b T) int { return strings.Compare(id(a), id(b)) })
	return items
}

func spanKey(s span.Span) string {
	return fmt.Sprint(s.TraceID, s.ID, s.Name, s.Resource, s.Scope, s.Start)
}

func logKey(l span.Log) string {
	return fmt.Sprint(l.TraceID, l.Span, l.Event, l.Resource, l.Scope, l.Time)
}

// What the encoders write, both this package and the official one read back without a loss.
func TestAppend(t *testing.T) {
	var d, d2 Decoder
	for seed := range uint64(1000) {
		spans, _, _, err := d.Traces(mustMarshal(t, newRandom(seed).traces()))
		if err != nil {
			t.Fatal(err)
		}
		want := sorted(spans, spanKey)
		b := AppendTraces([]byte("x"), spans)[1:]
		got, n, reason, err := d2.Traces(b)
		if err != nil || n != 0 {
			t.Fatal(n, reason, err)
		}
		same(t, want, sorted(got, spanKey))
		var req tracepb.TracesData
		if err := proto.Unmarshal(b, &req); err != nil {
			t.Fatal(err)
		}
		official, _ := officialSpans(&req)
		same(t, official, got)

		b = AppendTracesJSON([]byte("x"), spans)[1:]
		got, n, reason, err = d2.TracesJSON(b)
		if err != nil || n != 0 {
			t.Fatalf("%d, %s, %v\n%s", n, reason, err, b)
		}
		same(t, want, sorted(got, spanKey))
		req.Reset()
		if err := officialFromJSON(b, &req); err != nil {
			t.Fatal(err)
		}
		official, _ = officialSpans(&req)
		same(t, official, got)
	}
}

func TestAppendLogs(t *testing.T) {
	var d, d2 Decoder
	for seed := range uint64(1000) {
		logs, _, _, err := d.Logs(mustMarshal(t, newRandom(seed).logs()))
		if err != nil {
			t.Fatal(err)
		}
		want := sorted(logs, logKey)
		b := AppendLogs([]byte("x"), logs)[1:]
		got, n, reason, err := d2.Logs(b)
		if err != nil || n != 0 {
			t.Fatal(n, reason, err)
		}
		same(t, want, sorted(got, logKey))
		var req logspb.LogsData
		if err := proto.Unmarshal(b, &req); err != nil {
			t.Fatal(err)
		}
		official, _ := officialLogs(&req)
		same(t, official, got)

		b = AppendLogsJSON([]byte("x"), logs)[1:]
		got, n, reason, err = d2.LogsJSON(b)
		if err != nil || n != 0 {
			t.Fatalf("%d, %s, %v\n%s", n, reason, err, b)
		}
		same(t, want, sorted(got, logKey))
		req.Reset()
		if err := officialFromJSON(b, &req); err != nil {
			t.Fatal(err)
		}
	}
}

// Equal resources and scopes are written once, whether they share memory or not.
func TestAppendGroups(t *testing.T) {
	resource := func(name string) *span.Resource {
		return &span.Resource{Service: name, Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue(name)}}}
	}
	var spans []span.Span
	for i := range 12 {
		s := span.Span{TraceID: span.TraceID{1}, ID: span.ID{byte(i + 1)}, Resource: resource([]string{"a", "b"}[i%2]), Scope: &span.Scope{Name: []string{"x", "y", "z"}[i%3]}}
		spans = append(spans, s)
	}
	spans = append(spans, span.Span{TraceID: span.TraceID{1}, ID: span.ID{13}}) // neither a resource nor a scope
	var req tracepb.TracesData
	if err := proto.Unmarshal(AppendTraces(nil, spans), &req); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, rs := range req.ResourceSpans {
		got.WriteString(rs.Resource.String() + ":")
		for _, ss := range rs.ScopeSpans {
			fmt.Fprintf(&got, " %s%d", ss.Scope.GetName(), len(ss.Spans))
		}
		got.WriteString("\n")
	}
	lines := strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], ": x2 z2 y2") || !strings.HasSuffix(lines[1], ": y2 x2 z2") || lines[2] != ": 1" {
		t.Errorf("got\n%s", got.String())
	}
	var d Decoder
	if back, _, _, err := d.TracesJSON(AppendTracesJSON(nil, spans)); err != nil || len(back) != len(spans) {
		t.Errorf("JSON: %d spans, %v", len(back), err)
	}
}

// Nothing that a span carries can leave a JSON string, or a <script> that JSON was put into.
func TestAppendQuoted(t *testing.T) {
	for in, want := range map[string]string{
		"a\"b\\":     `"a\"b\\"`,
		"\x00\n\x1f": `"\u0000\n\u001f"`,
		"</script>&": `"\u003c/script\u003e\u0026"`,
		"\u2028":     `"\u2028"`,
		"\xff日\xe6":  `"\ufffd日\ufffd"`,
	} {
		if got := appendQuoted(nil, in); !bytes.Equal(got, []byte(want)) {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func BenchmarkAppendTraces(b *testing.B) {
	var d Decoder
	spans, _, _, err := d.Traces(generated(1000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = AppendTraces(buf[:0], spans)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/span")
}

func BenchmarkTracesJSON(b *testing.B) {
	var d Decoder
	spans, _, _, err := d.Traces(generated(1000))
	if err != nil {
		b.Fatal(err)
	}
	req := AppendTracesJSON(nil, spans)
	b.SetBytes(int64(len(req)))
	b.ReportAllocs()
	for b.Loop() {
		spans, _, _, _ = d.TracesJSON(req)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/span")
}
