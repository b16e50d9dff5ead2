package agent

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/weft-trace/weft/rt/trace"
)

// record configures rt/trace, lets f make spans, and returns what an encoder makes of them.
func record(t testing.TB, c trace.Config, f func()) *tracepb.TracesData {
	t.Helper()
	drainAll()
	trace.KeepContexts(true)
	t.Cleanup(func() { trace.KeepContexts(false) })
	trace.Configure(c)
	cl := newClock(readClocks)
	f()
	cl.update()
	e := newEncoder([]attribute{{"service.name", "shop"}, {"process.pid", int64(42)}}, cl)
	e.begin(nil)
	trace.Drain(e.add)
	b := e.finish()
	var data tracepb.TracesData
	if err := proto.Unmarshal(b, &data); err != nil {
		t.Fatalf("the official decoder refuses it: %v\n%s", err, hex.Dump(b))
	}
	return &data
}

func drainAll() { trace.Drain(func(*trace.Record) {}) }

func str(k, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

func num(k string, v int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v}}}
}

func id16(id trace.ID) []byte { b, _ := hex.DecodeString(id.String()); return b }

func id8(v uint64) []byte { b, _ := hex.DecodeString(string(trace.AppendHex(nil, v))); return b }

func TestEncode(t *testing.T) {
	var (
		keyStr   = trace.NewKey("test.string")
		keyLong  = trace.NewKey("test.long." + strings.Repeat("k", 150))
		keyInt   = trace.NewKey("test.int")
		keyBool  = trace.NewKey("test.bool")
		keyFloat = trace.NewKey("test.float")
		keyEvent = trace.NewKey("test.event")
		long     = strings.Repeat("déjà ", 800)
	)
	var root, child, grand trace.Context
	data := record(t, trace.Config{ValueLength: 20_000}, func() {
		var s, c, g trace.Span
		s.StartRemote("GET /order/{id}", trace.KindServer, trace.Context{Trace: trace.ID{Hi: 0x4bf92f3577b34da6, Lo: 0xa3ce929d0e0e4736}, Span: 7, Sampled: true, State: "vendor=1,b=2"})
		root = s.Context()
		s.Str(keyStr, "GET")
		s.Int(keyInt, 200)
		s.Int(keyInt, -1)
		c.Start("child", trace.KindClient)
		child = c.Context()
		c.Str(keyStr, "not \xff UTF-8\xc3")
		c.Str(keyLong, long)
		c.Bool(keyBool, true)
		c.Float(keyFloat, math.Pi)
		c.Event(keyEvent)
		c.EventStr(keyStr, "of the event")
		c.Int(keyInt, 1<<62)
		c.EventInt(keyInt, 3)
		c.Event(keyLong)
		c.Error(errors.New("no such order"))
		g.Start("", trace.KindInternal)
		grand = g.Context()
		g.End()
		c.End()
		s.End()
	})
	if !grand.Valid() || !child.Valid() {
		t.Fatal("no contexts")
	}
	rs := data.ResourceSpans[0]
	tid := id16(root.Trace)
	const remoteKnown, remote = 1 << 8, 1 << 9
	want := &tracepb.ResourceSpans{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{str("service.name", "shop"), num("process.pid", 42)}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: scopeName, Version: version},
			Spans: []*tracepb.Span{
				{TraceId: tid, SpanId: id8(grand.Span), ParentSpanId: id8(child.Span), Kind: tracepb.Span_SPAN_KIND_INTERNAL, TraceState: "vendor=1,b=2", Flags: 1 | remoteKnown},
				{
					TraceId: tid, SpanId: id8(child.Span), ParentSpanId: id8(root.Span), Kind: tracepb.Span_SPAN_KIND_CLIENT, TraceState: "vendor=1,b=2", Flags: 1 | remoteKnown, Name: "child",
					Attributes: []*commonpb.KeyValue{
						str("test.string", "not \ufffd UTF-8\ufffd"), str(keyLong.Name(), long),
						{Key: "test.bool", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
						{Key: "test.float", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: math.Pi}}},
						num("test.int", 1<<62), str("error.type", "*errors.errorString"),
					},
					Events: []*tracepb.Span_Event{
						{Name: "test.event", Attributes: []*commonpb.KeyValue{str("test.string", "of the event"), num("test.int", 3)}},
						{Name: keyLong.Name()},
					},
					Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "no such order"},
				},
				{
					TraceId: tid, SpanId: id8(root.Span), ParentSpanId: id8(7), Kind: tracepb.Span_SPAN_KIND_SERVER, TraceState: "vendor=1,b=2", Flags: 1 | remoteKnown | remote, Name: "GET /order/{id}",
					Attributes: []*commonpb.KeyValue{str("test.string", "GET"), num("test.int", -1)},
				},
			},
		}},
	}
	ignore := []cmp.Option{
		protocmp.Transform(),
		protocmp.IgnoreFields(&tracepb.Span{}, "start_time_unix_nano", "end_time_unix_nano"),
		protocmp.IgnoreFields(&tracepb.Span_Event{}, "time_unix_nano"),
	}
	if d := cmp.Diff(want, rs, ignore...); d != "" {
		t.Error(d)
	}
	spans := rs.ScopeSpans[0].Spans
	g, c, s := spans[0], spans[1], spans[2]
	if !(s.StartTimeUnixNano <= c.StartTimeUnixNano && c.StartTimeUnixNano <= g.StartTimeUnixNano && g.StartTimeUnixNano <= g.EndTimeUnixNano &&
		g.EndTimeUnixNano <= c.EndTimeUnixNano && c.EndTimeUnixNano <= s.EndTimeUnixNano && c.Events[0].TimeUnixNano >= c.StartTimeUnixNano) {
		t.Errorf("times are not nested: %v", spans)
	}
}

// Lengths of one, two and three bytes, and values at their limits.
func TestEncodeLengths(t *testing.T) {
	key := trace.NewKey("k")
	for _, n := range []int{0, 1, 100, 110, 117, 118, 119, 120, 121, 127, 128, 129, 300, 16_000, 16_200, 16_300, 16_383, 16_384} {
		want := strings.Repeat("x", n)
		data := record(t, trace.Config{ValueLength: 32 << 10}, func() {
			var s trace.Span
			s.Start(want[:min(n, 900)], trace.KindInternal)
			s.Str(key, want)
			s.Fail("", want[:min(n, 4000)])
			s.End()
		})
		s := data.ResourceSpans[0].ScopeSpans[0].Spans[0]
		if s.Name != want[:min(n, 900)] || s.Attributes[0].Value.GetStringValue() != want || len(s.Status.Message) != min(n, 4000) {
			t.Errorf("%d bytes: name %d, attribute %d, message %d", n, len(s.Name), len(s.Attributes[0].Value.GetStringValue()), len(s.Status.Message))
		}
	}
}

func TestEncodeDropped(t *testing.T) {
	key := [3]trace.Key{trace.NewKey("a"), trace.NewKey("b"), trace.NewKey("c")}
	data := record(t, trace.Config{Attributes: 1, Events: 1}, func() {
		var s trace.Span
		s.Start("s", trace.KindInternal)
		for _, k := range key {
			s.Int(k, 1)
			s.Event(k)
		}
		s.End()
	})
	s := data.ResourceSpans[0].ScopeSpans[0].Spans[0]
	if s.DroppedAttributesCount != 2 || s.DroppedEventsCount != 2 || len(s.Attributes) != 1 || len(s.Events) != 1 {
		t.Errorf("got %v", s)
	}
}

// Whatever the strings are, the official decoder takes them.
func FuzzEncode(f *testing.F) {
	f.Add("name", "value", "key", int64(1), 1.5)
	f.Add("\xff", strings.Repeat("\xe4", 200), "\x80", int64(-1), math.Inf(1))
	f.Fuzz(func(t *testing.T, name, value, key string, n int64, x float64) {
		k := trace.NewKey(key)
		data := record(t, trace.Config{}, func() {
			var s trace.Span
			s.Start(name, trace.KindProducer)
			s.Str(k, value)
			s.Event(k)
			s.EventStr(k, value)
			s.EventInt(k, n)
			s.Fail(value, name)
			s.End()
		})
		if len(data.ResourceSpans[0].ScopeSpans[0].Spans) != 1 {
			t.Error("no span")
		}
	})
}

// benchSpans records n spans as a server makes them.
func benchSpans(n int, keys []trace.Key) {
	for range n {
		var s trace.Span
		s.Start("GET /order/{id}", trace.KindServer)
		s.Str(keys[0], "GET")
		s.Str(keys[1], "/order/{id}")
		s.Str(keys[2], "/order/12345")
		s.Int(keys[3], 200)
		s.Str(keys[4], "10.1.2.3")
		s.End()
	}
}

// BenchmarkEncode is one span with five attributes, from the ring into the request.
func BenchmarkEncode(b *testing.B) {
	keys := []trace.Key{trace.NewKey("http.request.method"), trace.NewKey("http.route"), trace.NewKey("url.path"), trace.NewKey("http.response.status_code"), trace.NewKey("client.address")}
	trace.Configure(trace.Config{Alloc: allocRing})
	e := newEncoder([]attribute{{"service.name", "shop"}}, newClock(readClocks))
	e.begin(make([]byte, 0, 1<<20))
	drainAll()
	b.ReportAllocs()
	b.StopTimer()
	size, spans := 0, 0
	for left := b.N; left > 0; {
		n := min(left, 500)
		benchSpans(n, keys)
		left -= n
		e.begin(e.buf)
		e.clock.update()
		b.StartTimer()
		trace.Drain(e.add)
		b.StopTimer()
		size += len(e.buf)
		spans += e.spans
	}
	b.ReportMetric(float64(size)/float64(max(spans, 1)), "bytes/span")
	if spans == 0 {
		b.Fatal("no spans")
	}
}

// What a program says by an API for spans: lists, links, and times of its own.
func TestEncodeManual(t *testing.T) {
	link := trace.Context{Trace: trace.ID{Hi: 1, Lo: 2}, Span: 3, Sampled: true, State: "a=1"}
	long := strings.Repeat("x", 300)
	data := record(t, trace.Config{}, func() {
		var s trace.Span
		s.Start("s", trace.KindInternal)
		s.StartedAt(1000)
		s.Attr(trace.Strs("strs", []string{"a", long, ""}))
		s.Attr(trace.Ints("ints", []int64{1, -1}))
		s.Attr(trace.Bools("none", nil))
		s.LinkTo(link, trace.Bool("b", true), trace.Floats("fs", []float64{0.5}), trace.Attr{Name: "n", Kind: trace.EntryInt, Num: 7})
		s.EventWith("e", 2000, trace.Bools("bs", []bool{true, false}))
		s.EventWith("f", 0, trace.Float("x", 1.5))
		s.End()
	})
	list := func(k string, v ...*commonpb.AnyValue) *commonpb.KeyValue {
		return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: v}}}}
	}
	yes := func(v bool) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}
	}
	float := func(v float64) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v}}
	}
	s := data.ResourceSpans[0].ScopeSpans[0].Spans[0]
	if s.StartTimeUnixNano != 1000 || s.EndTimeUnixNano <= s.Events[0].TimeUnixNano || s.Events[0].TimeUnixNano != 2000 || s.Events[1].TimeUnixNano < 1e18 {
		t.Errorf("start %d, end %d, events %v", s.StartTimeUnixNano, s.EndTimeUnixNano, s.Events)
	}
	want := &tracepb.Span{
		Attributes: []*commonpb.KeyValue{list("strs", str("", "a").Value, str("", long).Value, str("", "").Value), list("ints", num("", 1).Value, num("", -1).Value), list("none")},
		Events: []*tracepb.Span_Event{
			{TimeUnixNano: 2000, Name: "e", Attributes: []*commonpb.KeyValue{list("bs", yes(true), yes(false))}},
			{TimeUnixNano: s.Events[1].TimeUnixNano, Name: "f", Attributes: []*commonpb.KeyValue{{Key: "x", Value: float(1.5)}}},
		},
		Links: []*tracepb.Span_Link{{TraceId: id16(link.Trace), SpanId: id8(3), TraceState: "a=1", Flags: 1,
			Attributes: []*commonpb.KeyValue{{Key: "b", Value: yes(true)}, list("fs", float(0.5)), num("n", 7)}}},
	}
	got := &tracepb.Span{Attributes: s.Attributes, Events: s.Events, Links: s.Links}
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Error(d)
	}
	var texts []string
	trace.KeepContexts(true)
	var span trace.Span
	span.Start("t", trace.KindInternal)
	span.StartedAt(1)
	span.Attr(trace.Strs("strs", []string{"a", long}))
	span.Attr(trace.Floats("fs", []float64{0.5, 2}))
	span.Attr(trace.Bools("bs", []bool{true}))
	span.Attr(trace.Ints("is", []int64{-3}))
	span.EventWith("e", 2)
	span.LinkTo(link)
	span.End()
	cl := newClock(readClocks)
	trace.Drain(func(r *trace.Record) {
		s := convert(r, cl, "")
		for _, a := range s.Attrs {
			texts = append(texts, a.Key+"="+a.Value)
		}
		if s.Start != 1 || len(s.Events) != 1 || s.Events[0].Time != 2 {
			t.Errorf("start %d, events %v", s.Start, s.Events)
		}
	})
	if d := cmp.Diff([]string{"strs=a," + long, "fs=0.5,2", "bs=true", "is=-3"}, texts); d != "" {
		t.Error(d)
	}
}
