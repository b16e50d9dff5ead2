package otlp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
)

func example(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func str(k, v string) span.Attr { return span.Attr{Key: k, Value: span.StringValue(v)} }

var (
	exampleResource = &span.Resource{Service: "my.service", Attrs: []span.Attr{str("service.name", "my.service")}}
	exampleScope    = &span.Scope{Name: "my.library", Version: "1.0.0"}
)

// The examples of the specification, after
// https://github.com/open-telemetry/opentelemetry-proto/tree/main/examples.
func TestExamples(t *testing.T) {
	var d Decoder
	trace, _ := span.ParseTraceID("5b8efff798038103d269b633813fc60c")
	id, _ := span.ParseID("eee19b7ec3c1b174")
	parent, _ := span.ParseID("eee19b7ec3c1b173")

	spans, n, reason, err := d.TracesJSON(example(t, "trace.json"))
	if err != nil || n != 0 {
		t.Fatal(n, reason, err)
	}
	if diff := cmp.Diff([]span.Span{{
		TraceID: trace, ID: id, Parent: parent, Name: "I'm a server span", Kind: span.KindServer, Start: 1544712660e9, Duration: 1e9, Resource: exampleResource,
		Scope: &span.Scope{Name: "my.library", Version: "1.0.0", Attrs: []span.Attr{str("my.scope.attribute", "some scope attribute")}},
		Attrs: []span.Attr{str("my.span.attr", "some value")},
	}}, spans); diff != "" {
		t.Error(diff)
	}

	logs, n, reason, err := d.LogsJSON(example(t, "logs.json"))
	if err != nil || n != 1 || reason != "log record: no trace id: weft keeps logs of traces only" {
		t.Fatal(n, reason, err)
	}
	l := logs[0]
	var attrs []string
	for _, a := range l.Attrs {
		attrs = append(attrs, a.Key+"="+a.Value.Text())
	}
	if diff := cmp.Diff([]string{"boolean.attribute=true", "int.attribute=10", "double.attribute=637.704",
		`array.attribute=["many","values"]`, `map.attribute={"some.map.key":"some value"}`}, attrs); diff != "" {
		t.Error(diff)
	}
	l.Attrs = nil
	if diff := cmp.Diff(span.Log{TraceID: trace, Span: id, Time: 1544712660300000000, Severity: 10, Level: "Information",
		Body: span.StringValue("Example log record"), Resource: exampleResource, Scope: exampleScope}, l); diff != "" {
		t.Error(diff)
	}

	points, n, reason, err := d.MetricsJSON(example(t, "metrics.json"))
	if err != nil || n != 0 {
		t.Fatal(n, reason, err)
	}
	const at = 1544712660300000000
	point := func(name string, k aggregate.PointKind, p aggregate.Point) aggregate.Point {
		p.Name, p.Unit, p.Kind, p.Time, p.Resource, p.Scope = name, "1", k, at, exampleResource, exampleScope
		if k != aggregate.Gauge {
			p.Start, p.Temporality = at, aggregate.Delta
		}
		return p
	}
	if diff := cmp.Diff([]aggregate.Point{
		point("my.counter", aggregate.Sum, aggregate.Point{Description: "I am a Counter", Monotonic: true, Value: span.FloatValue(5), Attrs: []span.Attr{str("my.counter.attr", "some value")}}),
		point("my.gauge", aggregate.Gauge, aggregate.Point{Value: span.FloatValue(10)}),
		point("my.histogram", aggregate.HistogramPoint, aggregate.Point{Count: 2, Sum: 2, HasSum: true, HasMin: true, Max: 2, HasMax: true, Bounds: []float64{1}, Counts: []uint64{1, 1}}),
		point("my.exponential.histogram", aggregate.ExponentialPoint, aggregate.Point{Count: 3, Sum: 10, HasSum: true, HasMin: true, Max: 5, HasMax: true,
			ZeroCount: 1, Positive: aggregate.Buckets{Offset: 1, Counts: []uint64{0, 2}}}),
	}, points); diff != "" {
		t.Error(diff)
	}
}

// What senders write that protobuf's own mapping does not.
func TestLenient(t *testing.T) {
	const head, tail = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",`, `}]}]}]}`
	var d Decoder
	for doc, check := range map[string]func(s span.Span) bool{
		`"kind":"SPAN_KIND_CLIENT"`:                   func(s span.Span) bool { return s.Kind == span.KindClient },
		`"kind":"SPAN_KIND_NEW"`:                      func(s span.Span) bool { return s.Kind == span.KindUnspecified },
		`"kind":99`:                                   func(s span.Span) bool { return s.Kind == span.KindUnspecified },
		`"start_time_unix_nano":"7"`:                  func(s span.Span) bool { return s.Start == 7 },
		`"startTimeUnixNano":1.5e3`:                   func(s span.Span) bool { return s.Start == 1500 },
		`"name":null,"attributes":null,"status":null`: func(s span.Span) bool { return s.Name == "" && s.Attrs == nil },
		`"name":"a","name":"b"`:                       func(s span.Span) bool { return s.Name == "b" },
		`"name":"\ud83d\ude00\ud83d\u00e9\/"`:         func(s span.Span) bool { return s.Name == "😀\ufffdé/" },
		"\"name\":\"a\xffb\"":                         func(s span.Span) bool { return s.Name == "a\ufffdb" },
		`"future":{"a":[1,{"b":null}],"c":"}]"}`:      func(s span.Span) bool { return s.Name == "" },
		`"status":{"code":"STATUS_CODE_ERROR"}`:       func(s span.Span) bool { return s.Status == span.StatusError },
		`"parentSpanId":"0000000000000000"`:           func(s span.Span) bool { return s.Parent.IsZero() },
		`"parentSpanId":""`:                           func(s span.Span) bool { return s.Parent.IsZero() },
		`"links":[{"attributes":[{"key":"k"}]}]`:      func(s span.Span) bool { return s.Links[0].Attrs[0] == span.Attr{Key: "k"} },
		`"attributes":[{"value":{"intValue":-5},"key":"k"}]`: func(s span.Span) bool {
			return s.Attrs[0] == span.Attr{Key: "k", Value: span.IntValue(-5)}
		},
		`"attributes":[{"key":"k","value":{"bytesValue":"_-8"}}]`: func(s span.Span) bool { return s.Attrs[0].Value == span.Value{Type: span.Bytes, Str: "\xff\xef"} },
		`"attributes":[{"key":"k","value":{"kvlistValue":{"values":[{"value":{"stringValue":"long enough to move"},"key":"first"}]}}}]`: func(s span.Span) bool {
			return s.Attrs[0].Value.Text() == `{"first":"long enough to move"}`
		},
	} {
		spans, n, reason, err := d.TracesJSON([]byte(head + doc + tail))
		if err != nil || n != 0 || len(spans) != 1 || !check(spans[0]) {
			t.Errorf("%s: %v, %d rejected because %q, %v", doc, spans, n, reason, err)
		}
	}
}

func TestBrokenJSON(t *testing.T) {
	var d Decoder
	for doc, want := range map[string]string{
		``:                      "byte 0 of 0: the end; want an object; send the ExportTraceServiceRequest message",
		`null`:                  "byte 0 of 4: 'n'; want an object",
		`{}x`:                   "byte 2 of 3: 'x'; want the end",
		`{"resourceSpans":[{]}`: "byte 19 of 21: ']'; want a member's name in quotes",
		`{"resourceSpans":{}}`:  "byte 17 of 20: '{'; want an array",
		`{"a":1,}`:              "want a member's name",
		`{"a":01}`:              "want a number",
		`{"a":tru}`:             "want true or false",
		`{"a" 1}`:               "want ':'",
		`{"a":"` + "\n" + `"}`:  "a control character within a string",
		`{"a":"\x"}`:            `\x, which is no escape`,
		`{"a":"\u12G4"}`:        `\u without four hex digits`,
		`{"a":"`:                "the end within a string",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}`:                                 "the number -1; want an integer from 0 to",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"18446744073709551616"}]}]}]}`:               "want an integer from 0 to",
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"now"}]}]}]}`:                                `the string "now"; want a number`,
		`{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":4294967296}]}]}]}`:                                       "want an integer from 0 to 4294967295",
		`{"resourceSpans":[{"resource":{"attributes":[{"value":{"intValue":9223372036854775808}}]}}]}`:                "want a signed integer of 64 bits",
		`{"resourceSpans":[{"resource":{"attributes":[{"value":{"doubleValue":1e999}}]}}]}`:                           "want one of 64 bits",
		`{"resourceSpans":[{"resource":{"attributes":[{"value":{"bytesValue":"*"}}]}}]}`:                              "want base64",
		`{"x":` + strings.Repeat(`[`, 1<<20):                                                                          "nest too deep",
		`{"x":` + strings.Repeat(`{"a":`, 1<<20):                                                                      "nest too deep",
		`{"resourceSpans":[{"resource":{"attributes":[{"value":` + strings.Repeat(`{"arrayValue":{"values":[`, 1<<20): "nest too deep",
	} {
		spans, n, _, err := d.TracesJSON([]byte(doc))
		if err == nil || !strings.Contains(err.Error(), want) || n != 0 || spans != nil {
			t.Errorf("%.90s: %v; want %q", doc, err, want)
		}
	}
}

func TestRejectedJSON(t *testing.T) {
	const good = `{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}`
	var d Decoder
	for bad, want := range map[string]string{
		`{"name":"n","spanId":"b7ad6b7169203331"}`:                                   `span "n": no trace id, or one of zeros only; want 32 random hex digits`,
		`{"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"b7ad6b7169203331"}`:         `span: trace id "CvdlGRbNQ92ESOshHIAxnA=="; want 32 hex digits`,
		`{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7"}`:               `span: span id "b7"; want 16 hex digits`,
		`{"traceId":"0af7651916cd43dd8448eb211c80319c"}`:                             `span: no span id`,
		strings.Replace(good, `}`, `,"startTimeUnixNano":"9223372036854775808"}`, 1): "span: start 9223372036854775808 and end 0: a time beyond the year 2262",
		strings.Replace(good, `}`, `,"links":[{"spanId":"x"}]}`, 1):                  `span: a link's span id "x"; want 16 hex digits`,
	} {
		spans, n, reason, err := d.TracesJSON([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[` + good + `,` + bad + `,` + good + `]}]}]}`))
		if err != nil || n != 1 || len(spans) != 2 || !strings.HasPrefix(reason, want) {
			t.Errorf("%s: %d spans, %d rejected because %q, %v; want %q", bad, len(spans), n, reason, err, want)
		}
	}
}

// What JSON says is what protobuf says: the encoders of one read by the other's decoder.
func TestSameInBoth(t *testing.T) {
	var d, dj Decoder
	for seed := range uint64(300) {
		spans, _, _, err := d.Traces(mustMarshal(t, newRandom(seed).traces()))
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, _, _, err := dj.TracesJSON(AppendTracesJSON(nil, spans))
		if err != nil {
			t.Fatal(err)
		}
		var req tracepb.TracesData
		if err := officialFromJSON(AppendTracesJSON(nil, fromJSON), &req); err != nil {
			t.Fatal(err)
		}
		want, _ := officialSpans(&req)
		same(t, want, fromJSON)
	}
}

func TestJSONAllocations(t *testing.T) {
	var d, dj Decoder
	spans, _, _, err := d.Traces(generated(1000))
	if err != nil {
		t.Fatal(err)
	}
	doc := AppendTracesJSON(nil, spans)
	if n := testing.AllocsPerRun(10, func() {
		if spans, _, _, err := dj.TracesJSON(doc); err != nil || len(spans) != 1000 {
			t.Fatal(len(spans), err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per request of 1,000 spans; want 0", n)
	}
}
