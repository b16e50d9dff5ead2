package otlp

import (
	"math"
	"math/rand/v2"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/span"
)

// What the official structs say, as this package's callers should see it: the
// oracle of the differential tests.

func officialValue(v *commonpb.AnyValue) span.Value {
	switch x := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return span.StringValue(x.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return span.BoolValue(x.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return span.IntValue(x.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return span.FloatValue(x.DoubleValue)
	case *commonpb.AnyValue_BytesValue:
		return span.Value{Type: span.Bytes, Str: string(x.BytesValue)}
	case *commonpb.AnyValue_ArrayValue:
		return span.Value{Type: span.Array, Str: marshal(cleanArray(x.ArrayValue))}
	case *commonpb.AnyValue_KvlistValue:
		return span.Value{Type: span.Map, Str: marshal(cleanMap(x.KvlistValue))}
	}
	return span.Value{}
}

func marshal(m proto.Message) string {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// clean removes what the model does not tell apart: a value that is absent
// and one that is empty, and the string indices of profiles.
func clean(v *commonpb.AnyValue) *commonpb.AnyValue {
	switch x := v.GetValue().(type) {
	case nil, *commonpb.AnyValue_StringValueStrindex:
		return nil
	case *commonpb.AnyValue_ArrayValue:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: cleanArray(x.ArrayValue)}}
	case *commonpb.AnyValue_KvlistValue:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: cleanMap(x.KvlistValue)}}
	}
	return v
}

func cleanArray(a *commonpb.ArrayValue) *commonpb.ArrayValue {
	out := &commonpb.ArrayValue{}
	for _, v := range a.GetValues() {
		if v = clean(v); v == nil {
			v = &commonpb.AnyValue{}
		}
		out.Values = append(out.Values, v)
	}
	return out
}

func cleanMap(m *commonpb.KeyValueList) *commonpb.KeyValueList {
	out := &commonpb.KeyValueList{}
	for _, kv := range m.GetValues() {
		out.Values = append(out.Values, &commonpb.KeyValue{Key: kv.GetKey(), Value: clean(kv.GetValue())})
	}
	return out
}

func officialAttrs(kvs []*commonpb.KeyValue) []span.Attr {
	var out []span.Attr
	for _, kv := range kvs {
		out = append(out, span.Attr{Key: kv.GetKey(), Value: officialValue(kv.GetValue())})
	}
	return out
}

func officialResource(r *resourcepb.Resource, schema string) *span.Resource {
	out := &span.Resource{Attrs: officialAttrs(r.GetAttributes()), Dropped: r.GetDroppedAttributesCount(), SchemaURL: schema}
	if v, ok := span.Get(out.Attrs, "service.name"); ok && v.Type == span.String {
		out.Service = v.Str
	}
	return out
}

func officialScope(s *commonpb.InstrumentationScope, schema string) *span.Scope {
	return &span.Scope{Name: s.GetName(), Version: s.GetVersion(), Attrs: officialAttrs(s.GetAttributes()),
		Dropped: s.GetDroppedAttributesCount(), SchemaURL: schema}
}

// officialIDs reports whether ids are as OTLP wants them, those of links and logs may be absent.
func officialIDs(trace, id []byte, t *span.TraceID, i *span.ID, optional bool) bool {
	okT, okI := len(trace) == 16, len(id) == 8
	if okT {
		copy(t[:], trace)
	}
	if okI {
		copy(i[:], id)
	}
	if optional {
		return (okT || len(trace) == 0) && (okI || len(id) == 0)
	}
	return okT && okI && !t.IsZero() && !i.IsZero()
}

func officialSpans(req *tracepb.TracesData) (spans []span.Span, rejected int) {
	for _, rs := range req.GetResourceSpans() {
		r := officialResource(rs.GetResource(), rs.GetSchemaUrl())
		for _, ss := range rs.GetScopeSpans() {
			sc := officialScope(ss.GetScope(), ss.GetSchemaUrl())
			for _, p := range ss.GetSpans() {
				s := span.Span{
					State: p.GetTraceState(), Flags: p.GetFlags(), Name: p.GetName(), Message: p.GetStatus().GetMessage(),
					Start: int64(p.GetStartTimeUnixNano()), Resource: r, Scope: sc, Attrs: officialAttrs(p.GetAttributes()),
					DroppedAttrs: p.GetDroppedAttributesCount(), DroppedEvents: p.GetDroppedEventsCount(), DroppedLinks: p.GetDroppedLinksCount(),
				}
				if k := p.GetKind(); k >= 0 && k <= 5 {
					s.Kind = span.Kind(k)
				}
				if c := p.GetStatus().GetCode(); c >= 0 && c <= 2 {
					s.Status = span.Status(c)
				}
				if p.GetEndTimeUnixNano() > p.GetStartTimeUnixNano() {
					s.Duration = int64(p.GetEndTimeUnixNano() - p.GetStartTimeUnixNano())
				}
				ok := officialIDs(p.GetTraceId(), p.GetSpanId(), &s.TraceID, &s.ID, false)
				ok = ok && (len(p.GetParentSpanId()) == 8 || len(p.GetParentSpanId()) == 0)
				copy(s.Parent[:], p.GetParentSpanId())
				ok = ok && p.GetStartTimeUnixNano() <= math.MaxInt64 && p.GetEndTimeUnixNano() <= math.MaxInt64
				for _, e := range p.GetEvents() {
					ok = ok && e.GetTimeUnixNano() <= math.MaxInt64
					s.Events = append(s.Events, span.Event{Time: int64(e.GetTimeUnixNano()), Name: e.GetName(),
						Attrs: officialAttrs(e.GetAttributes()), Dropped: e.GetDroppedAttributesCount()})
				}
				for _, l := range p.GetLinks() {
					link := span.Link{State: l.GetTraceState(), Flags: l.GetFlags(), Attrs: officialAttrs(l.GetAttributes()), Dropped: l.GetDroppedAttributesCount()}
					ok = officialIDs(l.GetTraceId(), l.GetSpanId(), &link.TraceID, &link.ID, true) && ok
					s.Links = append(s.Links, link)
				}
				if !ok {
					rejected++
					continue
				}
				spans = append(spans, s)
			}
		}
	}
	return spans, rejected
}

// random builds messages of the official structs.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 1))} }

func many[T any](r random, max int, f func() T) []T {
	var out []T
	for range r.IntN(max + 1) {
		out = append(out, f())
	}
	return out
}

func (r random) str() string {
	return []string{"", "a", "http.route", "GET /x/{id}", "日本語", "a\"b\\c\n\x00\u2028</script>", "service.name", "k"}[r.IntN(8)]
}

func (r random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// id is mostly a good id of n bytes.
func (r random) id(n int) []byte {
	switch r.IntN(40) {
	case 0:
		return nil
	case 1:
		return make([]byte, n)
	case 2:
		return r.bytes(n - 1)
	}
	return r.bytes(n)
}

func (r random) u32() uint32 { return []uint32{0, 0, 1, 300, math.MaxUint32}[r.IntN(5)] }

func (r random) time() uint64 {
	switch r.IntN(60) {
	case 0:
		return math.MaxUint64 - uint64(r.IntN(3))
	case 1:
		return 0
	}
	return 1_700_000_000_000_000_000 + uint64(r.IntN(1e9))
}

func (r random) value(depth int) *commonpb.AnyValue {
	n := 9
	if depth == 0 {
		n = 6
	}
	switch r.IntN(n) {
	case 0:
		return nil
	case 1:
		return &commonpb.AnyValue{}
	case 2:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: r.IntN(2) == 0}}
	case 3:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: []int64{0, -1, 7, math.MinInt64, math.MaxInt64}[r.IntN(5)]}}
	case 4:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: []float64{0, 1.5, -1e300, math.Inf(1), math.Inf(-1), math.NaN(), 5e-324}[r.IntN(7)]}}
	case 5:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: r.bytes(r.IntN(5))}}
	case 6:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: many(r, 4, func() *commonpb.AnyValue {
			if v := r.value(depth - 1); v != nil {
				return v
			}
			return &commonpb.AnyValue{}
		})}}}
	case 7:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: r.attrs(depth - 1)}}}
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: r.str()}}
}

func (r random) attrs(depth int) []*commonpb.KeyValue {
	return many(r, 5, func() *commonpb.KeyValue { return &commonpb.KeyValue{Key: r.str(), Value: r.value(depth)} })
}

func (r random) resource() *resourcepb.Resource {
	if r.IntN(8) == 0 {
		return nil
	}
	return &resourcepb.Resource{Attributes: r.attrs(2), DroppedAttributesCount: r.u32(),
		EntityRefs: many(r, 1, func() *commonpb.EntityRef { return &commonpb.EntityRef{Type: r.str(), IdKeys: []string{r.str()}} })}
}

func (r random) scope() *commonpb.InstrumentationScope {
	if r.IntN(8) == 0 {
		return nil
	}
	return &commonpb.InstrumentationScope{Name: r.str(), Version: r.str(), Attributes: r.attrs(1), DroppedAttributesCount: r.u32()}
}

func (r random) traces() *tracepb.TracesData {
	return &tracepb.TracesData{ResourceSpans: many(r, 3, func() *tracepb.ResourceSpans {
		return &tracepb.ResourceSpans{Resource: r.resource(), SchemaUrl: r.str(), ScopeSpans: many(r, 3, func() *tracepb.ScopeSpans {
			return &tracepb.ScopeSpans{Scope: r.scope(), SchemaUrl: r.str(), Spans: many(r, 4, func() *tracepb.Span {
				s := &tracepb.Span{
					TraceId: r.id(16), SpanId: r.id(8), ParentSpanId: r.id(8), TraceState: r.str(), Flags: r.u32(), Name: r.str(),
					Kind: tracepb.Span_SpanKind(r.IntN(8) - 1), StartTimeUnixNano: r.time(), EndTimeUnixNano: r.time(),
					Attributes: r.attrs(3), DroppedAttributesCount: r.u32(), DroppedEventsCount: r.u32(), DroppedLinksCount: r.u32(),
					Events: many(r, 3, func() *tracepb.Span_Event {
						return &tracepb.Span_Event{TimeUnixNano: r.time(), Name: r.str(), Attributes: r.attrs(2), DroppedAttributesCount: r.u32()}
					}),
					Links: many(r, 3, func() *tracepb.Span_Link {
						return &tracepb.Span_Link{TraceId: r.id(16), SpanId: r.id(8), TraceState: r.str(), Flags: r.u32(), Attributes: r.attrs(2), DroppedAttributesCount: r.u32()}
					}),
				}
				if r.IntN(2) == 0 {
					s.Status = &tracepb.Status{Message: r.str(), Code: tracepb.Status_StatusCode(r.IntN(5) - 1)}
				}
				return s
			})}
		})}
	})}
}

func mustMarshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
