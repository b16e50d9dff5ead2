package otlp

import (
	"math"
	"math/rand/v2"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/aggregate"
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

func officialLogs(req *logspb.LogsData) (logs []span.Log, rejected int) {
	for _, rl := range req.GetResourceLogs() {
		r := officialResource(rl.GetResource(), rl.GetSchemaUrl())
		for _, sl := range rl.GetScopeLogs() {
			sc := officialScope(sl.GetScope(), sl.GetSchemaUrl())
			for _, p := range sl.GetLogRecords() {
				l := span.Log{Time: int64(p.GetTimeUnixNano()), Level: p.GetSeverityText(), Event: p.GetEventName(), Body: officialValue(p.GetBody()),
					Attrs: officialAttrs(p.GetAttributes()), Dropped: p.GetDroppedAttributesCount(), Resource: r, Scope: sc}
				if l.Time == 0 {
					l.Time = int64(p.GetObservedTimeUnixNano())
				}
				if n := p.GetSeverityNumber(); n >= 0 && n <= 24 {
					l.Severity = uint8(n)
				}
				if !officialIDs(p.GetTraceId(), p.GetSpanId(), &l.TraceID, &l.Span, true) || l.TraceID.IsZero() || l.Time < 0 {
					rejected++
					continue
				}
				logs = append(logs, l)
			}
		}
	}
	return logs, rejected
}

// officialPoint is what the data points of OTLP's metrics have in common.
type officialPoint interface {
	GetAttributes() []*commonpb.KeyValue
	GetStartTimeUnixNano() uint64
	GetTimeUnixNano() uint64
	GetFlags() uint32
}

func officialPoints(req *metricspb.MetricsData) (points []aggregate.Point, rejected int) {
	var m *metricspb.Metric
	var common aggregate.Point
	add := func(o officialPoint, ok bool, p aggregate.Point) {
		p.Name, p.Unit, p.Description = m.GetName(), m.GetUnit(), m.GetDescription()
		p.Kind, p.Temporality, p.Monotonic = common.Kind, common.Temporality, common.Monotonic
		p.Resource, p.Scope = common.Resource, common.Scope
		p.Attrs, p.Flags = officialAttrs(o.GetAttributes()), o.GetFlags()
		p.Start, p.Time = int64(o.GetStartTimeUnixNano()), int64(o.GetTimeUnixNano())
		if p.Name == "" || p.Start < 0 || p.Time <= 0 || !ok && p.Flags&1 == 0 {
			rejected++
			return
		}
		points = append(points, p)
	}
	set := func(k aggregate.PointKind, t metricspb.AggregationTemporality, monotonic bool) {
		common.Kind, common.Temporality, common.Monotonic = k, 0, monotonic
		if t == 1 || t == 2 {
			common.Temporality = aggregate.Temporality(t)
		}
	}
	for _, rm := range req.GetResourceMetrics() {
		common.Resource = officialResource(rm.GetResource(), rm.GetSchemaUrl())
		for _, sm := range rm.GetScopeMetrics() {
			common.Scope = officialScope(sm.GetScope(), sm.GetSchemaUrl())
			for _, m = range sm.GetMetrics() {
				switch {
				case m.GetGauge() != nil || m.GetSum() != nil:
					list := m.GetGauge().GetDataPoints()
					set(aggregate.Gauge, 0, false)
					if s := m.GetSum(); s != nil {
						list = s.GetDataPoints()
						set(aggregate.Sum, s.GetAggregationTemporality(), s.GetIsMonotonic())
					}
					for _, o := range list {
						var p aggregate.Point
						switch x := o.GetValue().(type) {
						case *metricspb.NumberDataPoint_AsInt:
							p.Value = span.IntValue(x.AsInt)
						case *metricspb.NumberDataPoint_AsDouble:
							p.Value = span.FloatValue(x.AsDouble)
						}
						add(o, p.Value.Type != span.Empty, p)
					}
				case m.GetHistogram() != nil:
					set(aggregate.HistogramPoint, m.GetHistogram().GetAggregationTemporality(), false)
					for _, o := range m.GetHistogram().GetDataPoints() {
						ok := len(o.BucketCounts)+len(o.ExplicitBounds) == 0 || len(o.BucketCounts) == len(o.ExplicitBounds)+1
						for i, b := range o.ExplicitBounds {
							ok = ok && b == b && (i == 0 || b > o.ExplicitBounds[i-1])
						}
						add(o, ok, aggregate.Point{Count: o.GetCount(), Sum: o.GetSum(), Min: o.GetMin(), Max: o.GetMax(),
							HasSum: o.Sum != nil, HasMin: o.Min != nil, HasMax: o.Max != nil, Bounds: o.GetExplicitBounds(), Counts: o.GetBucketCounts()})
					}
				case m.GetExponentialHistogram() != nil:
					set(aggregate.ExponentialPoint, m.GetExponentialHistogram().GetAggregationTemporality(), false)
					for _, o := range m.GetExponentialHistogram().GetDataPoints() {
						add(o, true, aggregate.Point{Count: o.GetCount(), Sum: o.GetSum(), Min: o.GetMin(), Max: o.GetMax(),
							HasSum: o.Sum != nil, HasMin: o.Min != nil, HasMax: o.Max != nil,
							Scale: o.GetScale(), ZeroCount: o.GetZeroCount(), ZeroThreshold: o.GetZeroThreshold(),
							Positive: aggregate.Buckets{Offset: o.GetPositive().GetOffset(), Counts: o.GetPositive().GetBucketCounts()},
							Negative: aggregate.Buckets{Offset: o.GetNegative().GetOffset(), Counts: o.GetNegative().GetBucketCounts()}})
					}
				case m.GetSummary() != nil:
					set(aggregate.Summary, 0, false)
					for _, o := range m.GetSummary().GetDataPoints() {
						p := aggregate.Point{Count: o.GetCount(), Sum: o.GetSum()}
						for _, q := range o.GetQuantileValues() {
							p.Quantiles = append(p.Quantiles, aggregate.Quantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
						}
						add(o, true, p)
					}
				}
			}
		}
	}
	return points, rejected
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
		return r.bytes(n - 4)
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

func (r random) logs() *logspb.LogsData {
	return &logspb.LogsData{ResourceLogs: many(r, 3, func() *logspb.ResourceLogs {
		return &logspb.ResourceLogs{Resource: r.resource(), SchemaUrl: r.str(), ScopeLogs: many(r, 3, func() *logspb.ScopeLogs {
			return &logspb.ScopeLogs{Scope: r.scope(), SchemaUrl: r.str(), LogRecords: many(r, 4, func() *logspb.LogRecord {
				l := &logspb.LogRecord{ObservedTimeUnixNano: r.time(), SeverityNumber: logspb.SeverityNumber(r.IntN(28) - 1), SeverityText: r.str(),
					Body: r.value(3), Attributes: r.attrs(3), DroppedAttributesCount: r.u32(), Flags: r.u32(), TraceId: r.id(16), SpanId: r.id(8), EventName: r.str()}
				if r.IntN(3) > 0 {
					l.TimeUnixNano = r.time()
				}
				return l
			})}
		})}
	})}
}

func (r random) float() float64 {
	return []float64{0, 1.5, -2, 1e300, math.Inf(1), 0.1}[r.IntN(6)]
}

func (r random) floatOrNil() *float64 {
	if r.IntN(2) == 0 {
		return nil
	}
	return proto.Float64(r.float())
}

func (r random) numbers() []*metricspb.NumberDataPoint {
	return many(r, 3, func() *metricspb.NumberDataPoint {
		p := &metricspb.NumberDataPoint{Attributes: r.attrs(1), StartTimeUnixNano: r.time(), TimeUnixNano: r.time(), Flags: r.u32(),
			Exemplars: many(r, 1, func() *metricspb.Exemplar {
				return &metricspb.Exemplar{TraceId: r.id(16), FilteredAttributes: r.attrs(1)}
			})}
		switch r.IntN(5) {
		case 0:
		case 1, 2:
			p.Value = &metricspb.NumberDataPoint_AsInt{AsInt: int64(r.Uint64())}
		default:
			p.Value = &metricspb.NumberDataPoint_AsDouble{AsDouble: r.float()}
		}
		return p
	})
}

func (r random) buckets() *metricspb.ExponentialHistogramDataPoint_Buckets {
	if r.IntN(3) == 0 {
		return nil
	}
	return &metricspb.ExponentialHistogramDataPoint_Buckets{Offset: int32(r.Uint32()), BucketCounts: many(r, 5, func() uint64 { return r.Uint64() >> r.IntN(64) })}
}

func (r random) metrics() *metricspb.MetricsData {
	return &metricspb.MetricsData{ResourceMetrics: many(r, 2, func() *metricspb.ResourceMetrics {
		return &metricspb.ResourceMetrics{Resource: r.resource(), SchemaUrl: r.str(), ScopeMetrics: many(r, 3, func() *metricspb.ScopeMetrics {
			return &metricspb.ScopeMetrics{Scope: r.scope(), SchemaUrl: r.str(), Metrics: many(r, 4, r.metric)}
		})}
	})}
}

func (r random) metric() *metricspb.Metric {
	m := &metricspb.Metric{Name: r.str(), Description: r.str(), Unit: r.str(), Metadata: r.attrs(1)}
	t := metricspb.AggregationTemporality(r.IntN(4))
	switch r.IntN(6) {
	case 0:
		m.Data = &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: r.numbers()}}
	case 1:
		m.Data = &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: r.numbers(), AggregationTemporality: t, IsMonotonic: r.IntN(2) == 0}}
	case 2:
		m.Data = &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{AggregationTemporality: t, DataPoints: many(r, 3, func() *metricspb.HistogramDataPoint {
			p := &metricspb.HistogramDataPoint{Attributes: r.attrs(1), StartTimeUnixNano: r.time(), TimeUnixNano: r.time(), Flags: r.u32(),
				Count: r.Uint64(), Sum: r.floatOrNil(), Min: r.floatOrNil(), Max: r.floatOrNil()}
			for n := r.IntN(6); len(p.BucketCounts) < n; {
				p.BucketCounts = append(p.BucketCounts, r.Uint64()>>r.IntN(64))
				if len(p.BucketCounts) > 1 || r.IntN(20) == 0 {
					p.ExplicitBounds = append(p.ExplicitBounds, float64(len(p.ExplicitBounds))*1.5)
				}
			}
			return p
		})}}
	case 3:
		m.Data = &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{AggregationTemporality: t, DataPoints: many(r, 3, func() *metricspb.ExponentialHistogramDataPoint {
			return &metricspb.ExponentialHistogramDataPoint{Attributes: r.attrs(1), StartTimeUnixNano: r.time(), TimeUnixNano: r.time(), Flags: r.u32(),
				Count: r.Uint64(), Sum: r.floatOrNil(), Min: r.floatOrNil(), Max: r.floatOrNil(), Scale: int32(r.Uint32()), ZeroCount: r.Uint64(),
				ZeroThreshold: r.float(), Positive: r.buckets(), Negative: r.buckets()}
		})}}
	case 4:
		m.Data = &metricspb.Metric_Summary{Summary: &metricspb.Summary{DataPoints: many(r, 3, func() *metricspb.SummaryDataPoint {
			return &metricspb.SummaryDataPoint{Attributes: r.attrs(1), StartTimeUnixNano: r.time(), TimeUnixNano: r.time(), Flags: r.u32(),
				Count: r.Uint64(), Sum: r.float(), QuantileValues: many(r, 3, func() *metricspb.SummaryDataPoint_ValueAtQuantile {
					return &metricspb.SummaryDataPoint_ValueAtQuantile{Quantile: r.Float64(), Value: r.float()}
				})}
		})}}
	}
	return m
}

func mustMarshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
