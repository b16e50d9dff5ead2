package propagate

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/rt/trace"
)

var all = []string{"tracecontext", "baggage", "b3", "b3multi", "jaeger", "datadog", "xtrace"}

// with configures the formats for one test.
func with(t testing.TB, formats ...string) {
	t.Helper()
	if unknown := Configure(formats); len(unknown) > 0 {
		t.Fatalf("unknown: %v", unknown)
	}
	t.Cleanup(func() { Configure(nil) })
}

// headers makes an http.Header of lines "Key: value".
func headers(lines ...string) http.Header {
	h := http.Header{}
	for _, l := range lines {
		k, v, _ := strings.Cut(l, ": ")
		h.Add(k, v)
	}
	return h
}

// The ids of the specification's examples.
var (
	id    = trace.ID{Hi: 0x4bf92f3577b34da6, Lo: 0xa3ce929d0e0e4736}
	short = trace.ID{Lo: 0xa3ce929d0e0e4736}
)

const (
	idText = "4bf92f3577b34da6a3ce929d0e0e4736"
	sp     = 0x00f067aa0ba902b7
	spText = "00f067aa0ba902b7"
)

func TestExtract(t *testing.T) {
	ok := trace.Context{Trace: id, Span: sp, Sampled: true}
	not := trace.Context{Trace: id, Span: sp}
	open := trace.Context{Trace: id, Span: sp, Deferred: true}
	none := trace.Context{}
	state := func(c trace.Context, s string) trace.Context { c.State = s; return c }
	tp := "traceparent: 00-" + idText + "-" + spText + "-01"
	for _, tt := range []struct {
		format string
		lines  []string
		want   trace.Context
	}{
		// W3C Trace Context, level 2, and the cases of its test suite.
		{"tracecontext", nil, none},
		{"tracecontext", []string{tp}, ok},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText + "-00"}, not},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText + "-03"}, trace.Context{Trace: id, Span: sp, Sampled: true, Random: true}},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText + "-02"}, trace.Context{Trace: id, Span: sp, Random: true}},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText + "-fd"}, ok}, // unknown flags
		{"tracecontext", []string{"traceparent:  \t00-" + idText + "-" + spText + "-01 \t"}, ok},
		{"tracecontext", []string{tp + "-"}, none},
		{"tracecontext", []string{tp + "-what-the-future-will-be-like"}, none},
		{"tracecontext", []string{"traceparent: cc-" + idText + "-" + spText + "-01"}, ok},
		{"tracecontext", []string{"traceparent: cc-" + idText + "-" + spText + "-01-what-the-future-will-be-like"}, ok},
		{"tracecontext", []string{"traceparent: cc-" + idText + "-" + spText + "-01.what-the-future-will-be-like"}, none},
		{"tracecontext", []string{"traceparent: ff-" + idText + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: FE-" + idText + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: .0-" + idText + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 0-" + idText + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 000-" + idText + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + strings.ToUpper(idText) + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + strings.ToUpper(spText) + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + strings.Repeat("0", 32) + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + strings.Repeat("0", 16) + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText[:31] + ".-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText[:15] + ".-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText + "-.0"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText + "-0"}, none},
		{"tracecontext", []string{"traceparent: 00_" + idText + "-" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText + "_" + spText + "-01"}, none},
		{"tracecontext", []string{"traceparent: 00-" + idText + "-" + spText + "_01"}, none},
		{"tracecontext", []string{tp, tp}, none}, // two headers
		{"tracecontext", []string{"tracestate: a=1"}, none},
		{"tracecontext", []string{tp, "tracestate: foo=1,bar=2"}, state(ok, "foo=1,bar=2")},
		{"tracecontext", []string{tp, "tracestate: foo=1", "tracestate: bar=2"}, state(ok, "foo=1,bar=2")},
		{"tracecontext", []string{tp, "tracestate: "}, ok},
		{"tracecontext", []string{tp, "tracestate: , ,"}, ok},
		{"tracecontext", []string{tp, "tracestate: foo=1 \t , \t bar=2, \t baz=3,"}, state(ok, "foo=1 \t , \t bar=2, \t baz=3,")},
		{"tracecontext", []string{tp, "tracestate: foo@=1,bar=2"}, state(ok, "foo@=1,bar=2")},
		{"tracecontext", []string{tp, "tracestate: 0foo@vendor=a b"}, state(ok, "0foo@vendor=a b")},
		{"tracecontext", []string{tp, "tracestate: foo =1"}, ok},
		{"tracecontext", []string{tp, "tracestate: FOO=1"}, ok},
		{"tracecontext", []string{tp, "tracestate: foo.bar=1"}, ok},
		{"tracecontext", []string{tp, "tracestate: @foo=1,bar=2"}, ok},
		{"tracecontext", []string{tp, "tracestate: foo"}, ok},
		{"tracecontext", []string{tp, "tracestate: foo=bar=baz"}, ok},
		{"tracecontext", []string{tp, "tracestate: foo=,bar=3"}, ok},
		{"tracecontext", []string{tp, "tracestate: foo=ä"}, ok},
		{"tracecontext", []string{"traceparent: 00-x", "tracestate: foo=1"}, none},

		// https://github.com/openzipkin/b3-propagation
		{"b3", []string{"b3: " + idText + "-" + spText + "-1-05e3ac9a4f6e3b90"}, ok},
		{"b3", []string{"b3: " + idText + "-" + spText + "-1"}, ok},
		{"b3", []string{"b3: " + idText + "-" + spText + "-d"}, ok},
		{"b3", []string{"b3: " + idText + "-" + spText + "-0"}, not},
		{"b3", []string{"b3: " + idText + "-" + spText}, open},
		{"b3", []string{"b3: " + idText[16:] + "-" + spText + "-1"}, trace.Context{Trace: short, Span: sp, Sampled: true}},
		{"b3", []string{"b3: " + strings.ToUpper(idText) + "-" + spText + "-1"}, ok},
		{"b3", []string{"b3: 0"}, trace.Context{Decided: true}},
		{"b3", []string{"b3: 1"}, trace.Context{Decided: true, Sampled: true}},
		{"b3", []string{"b3: d"}, trace.Context{Decided: true, Sampled: true}},
		{"b3", []string{"b3: x"}, none},
		{"b3", []string{"b3: " + idText + "-" + spText + "-"}, none},
		{"b3", []string{"b3: " + idText + "-" + spText + "-x"}, none},
		{"b3", []string{"b3: " + idText + "-" + spText + "-1-"}, none},
		{"b3", []string{"b3: " + idText + "-" + spText + "-1-xxxxxxxxxxxxxxxx"}, none},
		{"b3", []string{"b3: " + idText + "-0000000000000000-1"}, none},
		{"b3", []string{"b3: " + strings.Repeat("0", 32) + "-" + spText + "-1"}, none},
		{"b3", []string{"b3: " + idText + "_" + spText + "-1"}, none},
		{"b3", []string{"b3: " + idText[:31] + "-" + spText + "-1"}, none},
		{"b3", []string{tp}, none},
		{"b3multi", []string{"X-B3-TraceId: " + idText, "X-B3-SpanId: " + spText, "X-B3-Sampled: 1", "X-B3-ParentSpanId: 05e3ac9a4f6e3b90"}, ok},
		{"b3multi", []string{"X-B3-TraceId: " + idText, "X-B3-SpanId: " + spText, "X-B3-Sampled: true"}, ok},
		{"b3multi", []string{"X-B3-TraceId: " + idText, "X-B3-SpanId: " + spText, "X-B3-Sampled: 0"}, not},
		{"b3multi", []string{"X-B3-TraceId: " + idText, "X-B3-SpanId: " + spText, "X-B3-Flags: 1"}, ok},
		{"b3multi", []string{"X-B3-TraceId: " + idText, "X-B3-SpanId: " + spText}, open},
		{"b3multi", []string{"X-B3-TraceId: " + idText, "X-B3-SpanId: " + spText, "X-B3-Sampled: maybe"}, open},
		{"b3multi", []string{"X-B3-TraceId: " + idText[16:], "X-B3-SpanId: " + spText, "X-B3-Sampled: 1"}, trace.Context{Trace: short, Span: sp, Sampled: true}},
		{"b3multi", []string{"X-B3-TraceId: " + idText, "X-B3-Sampled: 1"}, trace.Context{Decided: true, Sampled: true}},
		{"b3multi", []string{"X-B3-Sampled: 0"}, trace.Context{Decided: true}},
		{"b3multi", []string{"X-B3-TraceId: " + idText + "0", "X-B3-SpanId: " + spText}, none},

		// https://www.jaegertracing.io/docs/1.35/client-libraries/#propagation-format
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0:1"}, ok},
		{"jaeger", []string{"uber-trace-id: " + idText + ":f067aa0ba902b7:0:1"}, ok},
		{"jaeger", []string{"uber-trace-id: " + idText + "%3A" + spText + "%3a0%3A1"}, ok},
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":05e3ac9a4f6e3b90:0"}, not},
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0:2"}, ok}, // debug
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0:03"}, ok},
		{"jaeger", []string{"uber-trace-id: 1:2:0:1"}, trace.Context{Trace: trace.ID{Lo: 1}, Span: 2, Sampled: true}},
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0"}, none},
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0:"}, none},
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0:1:1"}, none},
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0:x"}, none},
		{"jaeger", []string{"uber-trace-id: " + idText + "0:" + spText + ":0:1"}, none},
		{"jaeger", []string{"uber-trace-id: 0:" + spText + ":0:1"}, none},
		{"jaeger", []string{"uber-trace-id: " + idText + ":0:0:1"}, none},
		{"jaeger", []string{"uber-trace-id: ::0:1"}, none},
		{"jaeger", []string{"uber-trace-id: " + idText + ":" + spText + ":0:1", "uberctx-user-ID: 7", "uberctx-a: x y,z", "uberctx-: no"},
			trace.Context{Trace: id, Span: sp, Sampled: true, Baggage: "a=x%20y%2Cz,user-id=7"}},
		{"jaeger", []string{"uberctx-a: 1"}, trace.Context{Baggage: "a=1"}},

		// https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation/
		{"datadog", []string{"x-datadog-trace-id: 11803532876627986230", "x-datadog-parent-id: 67667974448284343", "x-datadog-sampling-priority: 1", "x-datadog-tags: _dd.p.dm=-1,_dd.p.tid=4bf92f3577b34da6"}, ok},
		{"datadog", []string{"x-datadog-trace-id: 11803532876627986230", "x-datadog-parent-id: 67667974448284343", "x-datadog-sampling-priority: 2"}, trace.Context{Trace: short, Span: sp, Sampled: true}},
		{"datadog", []string{"x-datadog-trace-id: 11803532876627986230", "x-datadog-parent-id: 67667974448284343", "x-datadog-sampling-priority: -1"}, trace.Context{Trace: short, Span: sp}},
		{"datadog", []string{"x-datadog-trace-id: 11803532876627986230", "x-datadog-parent-id: 67667974448284343", "x-datadog-tags: _dd.p.tid=4bf92f35"}, trace.Context{Trace: short, Span: sp, Deferred: true}},
		{"datadog", []string{"x-datadog-trace-id: 0", "x-datadog-parent-id: 1"}, none},
		{"datadog", []string{"x-datadog-trace-id: 1", "x-datadog-parent-id: 0"}, none},
		{"datadog", []string{"x-datadog-trace-id: 18446744073709551615", "x-datadog-parent-id: 1"}, trace.Context{Trace: trace.ID{Lo: 1<<64 - 1}, Span: 1, Deferred: true}},
		{"datadog", []string{"x-datadog-trace-id: 18446744073709551616", "x-datadog-parent-id: 1"}, none},
		{"datadog", []string{"x-datadog-trace-id: 1a", "x-datadog-parent-id: 1"}, none},
		{"datadog", []string{"x-datadog-trace-id: -1", "x-datadog-parent-id: 1"}, none},

		{"xtrace", []string{"X-Trace-ID: " + idText, "X-Span-ID: " + spText}, open},
		{"xtrace", []string{"X-Trace-ID: " + idText}, trace.Context{Trace: id, Deferred: true}},
		{"xtrace", []string{"X-Trace-ID: 4BF92F35-77B3-4DA6-A3CE-929D0E0E4736"}, trace.Context{Trace: id, Deferred: true}},
		{"xtrace", []string{"X-Trace-ID: " + idText[16:], "X-Span-ID: 7"}, trace.Context{Trace: short, Deferred: true}},
		{"xtrace", []string{"X-Trace-ID: unknown"}, none},
		{"xtrace", []string{"X-Trace-ID: 1234"}, none},
		{"xtrace", []string{"X-Trace-ID: " + strings.Repeat("0", 32)}, none},
		{"xtrace", []string{"X-Trace-ID: 4BF92F35-77B3-4DA6-A3CE_929D0E0E4736"}, none},
		{"xtrace", []string{"X-Span-ID: " + spText}, none},
	} {
		with(t, tt.format)
		if got := Extract(headers(tt.lines...)); got != tt.want {
			t.Errorf("%s %q:\ngot  %+v\nwant %+v", tt.format, tt.lines, got, tt.want)
		}
	}
}

func TestTracestateLimits(t *testing.T) {
	with(t, "tracecontext")
	tp := "traceparent: 00-" + idText + "-" + spText + "-01"
	list := func(n int, m string) string { return strings.TrimSuffix(strings.Repeat(m+",", n), ",") }
	k, v := strings.Repeat("k", 256), strings.Repeat("v", 256)
	for _, tt := range []struct{ in, want string }{
		{list(32, "a=1"), list(32, "a=1")},
		{list(33, "a=1"), ""},
		{k + "=" + v, k + "=" + v},
		{k + "k=1", ""},
		{"k=v" + v, ""},
		{list(31, "abcdefg="+v[:56]), list(31, "abcdefg="+v[:56])},
		// Too long: members over 128 characters go first, from the end, then the last ones.
		{"a=1," + list(8, "b="+v), "a=1," + list(7, "b="+v)},
		{list(20, "c="+v[:100]) + ",d=" + v, list(19, "c="+v[:100])},
	} {
		c := Extract(headers(tp, "tracestate: "+tt.in))
		if !c.Valid() || c.State != tt.want {
			t.Errorf("tracestate %q:\ngot  %q\nwant %q", tt.in, c.State, tt.want)
		}
		if len(c.State) > maxState {
			t.Errorf("%d bytes", len(c.State))
		}
	}
}

func TestBaggage(t *testing.T) {
	with(t, "baggage")
	member := "k=" + strings.Repeat("v", 100)
	for _, tt := range []struct{ lines, want []string }{
		{nil, nil},
		{[]string{"baggage: key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"},
			[]string{"key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"}},
		{[]string{"baggage: userId=alice", "baggage: isProduction=false"}, []string{"userId=alice,isProduction=false"}},
		{[]string{"baggage: a=1\x00"}, nil},
		{[]string{"baggage: a=1\r\nx: y"}, nil},
		{[]string{"baggage: " + strings.Repeat("a=1,", 63) + "b=2"}, []string{strings.Repeat("a=1,", 63) + "b=2"}},
		{[]string{"baggage: " + strings.Repeat("a=1,", 63) + "b=2,c=3,d=4"}, []string{strings.Repeat("a=1,", 63) + "b=2"}},
		{[]string{"baggage: k=" + strings.Repeat("v", 8190)}, []string{"k=" + strings.Repeat("v", 8190)}},
		{[]string{"baggage: k=" + strings.Repeat("v", 8191)}, nil},
		{[]string{"baggage: " + member + ",k=" + strings.Repeat("v", 8191)}, []string{member}},
	} {
		c := Extract(headers(tt.lines...))
		if got := c.Baggage; got != strings.Join(tt.want, "") {
			t.Errorf("%.80q:\ngot  %.80q\nwant %.80q", tt.lines, got, tt.want)
		}
		// Baggage goes on without a trace.
		h := http.Header{}
		Inject(c, h)
		if diff := cmp.Diff(tt.want, h["Baggage"]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestInject(t *testing.T) {
	with(t, all...)
	c := trace.Context{Trace: id, Span: sp, Sampled: true, Random: true, State: "a=1", Baggage: "user=7;p,x-y = z"}
	h := headers("Accept: */*", "traceparent: old", "x-b3-flags: 1", "X-Trace-ID: old", "X-Trace-ID: older")
	Inject(c, h)
	want := headers(
		"Accept: */*",
		"traceparent: 00-"+idText+"-"+spText+"-03",
		"tracestate: a=1",
		"baggage: user=7;p,x-y = z",
		"b3: "+idText+"-"+spText+"-1",
		"X-B3-TraceId: "+idText, "X-B3-SpanId: "+spText, "X-B3-Sampled: 1",
		"uber-trace-id: "+idText+":"+spText+":0:1", "uberctx-user: 7", "uberctx-x-y: z",
		"x-datadog-trace-id: 11803532876627986230", "x-datadog-parent-id: 67667974448284343",
		"x-datadog-sampling-priority: 1", "x-datadog-tags: _dd.p.tid=4bf92f3577b34da6",
		"X-Trace-ID: "+idText, "X-Span-ID: "+spText,
	)
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}

	// An unsampled trace without tracestate, over what another context left.
	Inject(trace.Context{Trace: short, Span: sp, Baggage: "b=1"}, h)
	for k, v := range map[string]string{
		"Traceparent": "00-" + strings.Repeat("0", 16) + idText[16:] + "-" + spText + "-00", "Tracestate": "",
		"Baggage": "user=7;p,x-y = z", // whoever set it wants that
		"B3":      strings.Repeat("0", 16) + idText[16:] + "-" + spText + "-0", "X-B3-Sampled": "0",
		"Uber-Trace-Id":               strings.Repeat("0", 16) + idText[16:] + ":" + spText + ":0:0",
		"X-Datadog-Sampling-Priority": "0", "X-Datadog-Tags": "",
	} {
		if got := h.Get(k); got != v {
			t.Errorf("%s: %q, want %q", k, got, v)
		}
	}

	// Nothing without a trace.
	before := h.Clone()
	Inject(trace.Context{}, h)
	Inject(trace.Context{Trace: id}, h)
	Inject(trace.Context{}, nil)
	if diff := cmp.Diff(before, h); diff != "" {
		t.Error(diff)
	}
	// What is added to a header does not reach the text of others.
	h.Add("Traceparent", "x")
	h.Add("X-B3-Traceid", "x")
	if len(h["X-B3-Spanid"]) != 1 || h.Get("X-B3-Spanid") != spText {
		t.Errorf("%v", h)
	}
}

func TestConfigure(t *testing.T) {
	w3c := "traceparent: 00-" + idText + "-" + spText + "-01"
	b3 := "b3: " + idText[16:] + "-" + spText + "-0"
	for _, tt := range []struct {
		names   []string
		unknown []string
		lines   []string
		want    trace.Context
	}{
		{nil, nil, []string{w3c, b3, "baggage: a=1"}, trace.Context{Trace: id, Span: sp, Sampled: true, Baggage: "a=1"}},
		{[]string{" "}, nil, []string{w3c}, trace.Context{Trace: id, Span: sp, Sampled: true}},
		{[]string{"none"}, nil, []string{w3c, "baggage: a=1"}, trace.Context{}},
		{[]string{"ottrace"}, []string{"ottrace"}, []string{w3c}, trace.Context{Trace: id, Span: sp, Sampled: true}},
		{[]string{"xray", "b3", "B3"}, []string{"xray", "B3"}, []string{w3c, b3}, trace.Context{Trace: short, Span: sp}},
		{[]string{"tracecontext", " b3", "tracecontext"}, nil, []string{w3c, b3}, trace.Context{Trace: id, Span: sp, Sampled: true}},
		{[]string{"b3", "tracecontext"}, nil, []string{w3c, b3}, trace.Context{Trace: short, Span: sp}},
		// The first one that is valid, and no decision that has no trace.
		{[]string{"b3", "tracecontext"}, nil, []string{w3c, "b3: 0"}, trace.Context{Trace: id, Span: sp, Sampled: true}},
		{[]string{"b3", "b3multi"}, nil, []string{"b3: 0", "X-B3-Sampled: 1"}, trace.Context{Decided: true}},
		{[]string{"b3", "tracecontext"}, nil, []string{"traceparent: x", "tracestate: a=1", b3}, trace.Context{Trace: short, Span: sp}},
		{[]string{"tracecontext", "baggage", "jaeger"}, nil, []string{w3c, "baggage: a=1", "uberctx-b: 2"}, trace.Context{Trace: id, Span: sp, Sampled: true, Baggage: "a=1,b=2"}},
	} {
		if diff := cmp.Diff(tt.unknown, Configure(tt.names)); diff != "" {
			t.Errorf("%q: unknown %s", tt.names, diff)
		}
		if got := Extract(headers(tt.lines...)); got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.names, got, tt.want)
		}
	}
	Configure(nil)
}

func TestAllocations(t *testing.T) {
	with(t, "tracecontext", "baggage", "b3", "b3multi", "datadog", "xtrace")
	c := trace.Context{Trace: id, Span: sp, Sampled: true, State: "a=1,b=2", Baggage: "a=1"}
	h := http.Header{}
	Inject(c, h)
	if n := testing.AllocsPerRun(100, func() { Extract(h) }); n != 0 {
		t.Errorf("Extract: %v allocations", n)
	}
	with(t, "tracecontext")
	c.State = ""
	if n := testing.AllocsPerRun(100, func() { Inject(c, h) }); n != 1 {
		t.Errorf("Inject: %v allocations", n)
	}
}

// FuzzExtract: no header makes Extract panic, what it returns is in bounds, and
// comes back the same after a trip through Inject.
func FuzzExtract(f *testing.F) {
	f.Add(uint8(0), "00-"+idText+"-"+spText+"-01", "a=1,b=2", "a=1", "")
	f.Add(uint8(1), idText+"-"+spText+"-1-05e3ac9a4f6e3b90", "0", "", "")
	f.Add(uint8(2), idText, spText, "1", "1")
	f.Add(uint8(3), idText+":"+spText+"%3A0:1", "x y", "z;,", "")
	f.Add(uint8(4), "18446744073709551615", "12", "-1", "a=b,_dd.p.tid=4bf92f3577b34da6")
	f.Add(uint8(5), spText, spText, " ", "0")
	f.Add(uint8(5), "4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", spText, "", "")
	f.Fuzz(func(t *testing.T, format uint8, a, b, c, d string) {
		format %= 6
		name := []string{"tracecontext", "b3", "b3multi", "jaeger", "datadog", "xtrace"}[format]
		keys := [][4]string{
			{"Traceparent", "Tracestate", "Baggage", "Tracestate"},
			{"B3", "B3", "Baggage", "Baggage"},
			{"X-B3-Traceid", "X-B3-Spanid", "X-B3-Sampled", "X-B3-Flags"},
			{"Uber-Trace-Id", "Uberctx-A", "Uberctx-B-C", "Baggage"},
			{"X-Datadog-Trace-Id", "X-Datadog-Parent-Id", "X-Datadog-Sampling-Priority", "X-Datadog-Tags"},
			{"X-Trace-Id", "X-Span-Id", "Baggage", "Baggage"},
		}[format]
		with(t, name, "baggage")
		h := http.Header{}
		for i, v := range []string{a, b, c, d} {
			if v != "" {
				h[keys[i]] = append(h[keys[i]], v)
			}
		}
		got := Extract(h)
		if len(got.State) > maxState || len(got.Baggage) > maxBaggage {
			t.Fatalf("%d and %d bytes", len(got.State), len(got.Baggage))
		}
		if strings.ContainsAny(got.State+got.Baggage, "\x00\r\n") {
			t.Fatalf("%+v would not be a header", got)
		}
		if got.Valid() && got.Decided {
			t.Fatalf("%+v", got)
		}
		if !got.Valid() {
			return
		}
		out := http.Header{}
		Inject(got, out)
		again := Extract(out)
		// What is passed on is decided, and not every format has a bit for Random.
		got.Deferred, again.Deferred = false, false
		if name == "xtrace" {
			again.Sampled = got.Sampled
		}
		if name == "jaeger" {
			// Keys of baggage lose their case, and it is there twice.
			again.Baggage = got.Baggage
		}
		if got != again {
			t.Fatalf("%+v became %+v by way of %v", got, again, out)
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	h := http.Header{}
	Inject(trace.Context{Trace: id, Span: sp, Sampled: true, State: "a=1,b=2"}, h)
	b.ReportAllocs()
	for range b.N {
		Extract(h)
	}
}

func BenchmarkExtractNone(b *testing.B) {
	h := headers("Accept: */*", "User-Agent: x")
	for range b.N {
		Extract(h)
	}
}

func BenchmarkInject(b *testing.B) {
	h := http.Header{}
	c := trace.Context{Trace: id, Span: sp, Sampled: true}
	b.ReportAllocs()
	for range b.N {
		Inject(c, h)
	}
}
