package watch

import (
	"encoding/hex"
	"fmt"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Span is one received span as plain Go values.
type Span struct {
	TraceID  string // 32 lower-case hex digits
	SpanID   string // 16 lower-case hex digits
	ParentID string // 16 lower-case hex digits, "" for the root of a trace
	State    string // W3C tracestate
	Flags    uint32 // OTLP span flags: bit 0 sampled, bits 8 and 9 whether the parent is remote

	Name    string
	Kind    string // "internal", "server", "client", "producer", "consumer", or "" if unspecified
	Service string // the resource's service.name
	Scope   string // name of the instrumentation scope
	Start   time.Time
	End     time.Time

	// Attribute values are string, int64, float64, bool, []byte, []any, map[string]any or nil.
	Attrs    map[string]any
	Resource map[string]any // shared by the spans of one resource; not to be changed

	Events []Event
	Links  []Link

	Error         bool   // status code is ERROR
	OK            bool   // status code is OK, set by the program
	Message       string // status message
	DroppedAttrs  int    // attributes, events and links that the sender had to drop
	DroppedEvents int
	DroppedLinks  int
}

// Event is something that happened at one moment of a span.
type Event struct {
	Name  string
	Time  time.Time
	Attrs map[string]any
}

// Link points from a span to a span of another trace, or of another part of the same one.
type Link struct {
	TraceID string
	SpanID  string
	Attrs   map[string]any
}

// Duration is the time between the span's start and its end.
func (s *Span) Duration() time.Duration { return s.End.Sub(s.Start) }

// Str returns the attribute called key as a string, "" if it is absent.
func (s *Span) Str(key string) string {
	v, ok := s.Attrs[key]
	if !ok || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// Int returns the attribute called key if it is an integer, else 0.
func (s *Span) Int(key string) int64 {
	n, _ := s.Attrs[key].(int64)
	return n
}

// Event returns the first event called name, or nil.
func (s *Span) Event(name string) *Event {
	for i := range s.Events {
		if s.Events[i].Name == name {
			return &s.Events[i]
		}
	}
	return nil
}

// String is a short form for messages of tests.
func (s *Span) String() string {
	status := ""
	if s.Error {
		status = " error"
	}
	return fmt.Sprintf("%s/%s<-%s %s %q %s%s %v", s.TraceID, s.SpanID, s.ParentID, s.Kind, s.Name, s.Duration(), status, s.Attrs)
}

// appendSpans converts what one request carried.
func appendSpans(dst []Span, data *tracepb.TracesData) []Span {
	for _, rs := range data.GetResourceSpans() {
		resource := attrs(rs.GetResource().GetAttributes())
		service, _ := resource["service.name"].(string)
		for _, ss := range rs.GetScopeSpans() {
			for _, p := range ss.GetSpans() {
				s := Span{
					TraceID:       hex.EncodeToString(p.GetTraceId()),
					SpanID:        hex.EncodeToString(p.GetSpanId()),
					ParentID:      hex.EncodeToString(p.GetParentSpanId()),
					State:         p.GetTraceState(),
					Flags:         p.GetFlags(),
					Name:          p.GetName(),
					Kind:          kindName(p.GetKind()),
					Service:       service,
					Scope:         ss.GetScope().GetName(),
					Start:         time.Unix(0, int64(p.GetStartTimeUnixNano())),
					End:           time.Unix(0, int64(p.GetEndTimeUnixNano())),
					Attrs:         attrs(p.GetAttributes()),
					Resource:      resource,
					Error:         p.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
					OK:            p.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_OK,
					Message:       p.GetStatus().GetMessage(),
					DroppedAttrs:  int(p.GetDroppedAttributesCount()),
					DroppedEvents: int(p.GetDroppedEventsCount()),
					DroppedLinks:  int(p.GetDroppedLinksCount()),
				}
				if s.ParentID == "0000000000000000" {
					s.ParentID = ""
				}
				for _, e := range p.GetEvents() {
					s.Events = append(s.Events, Event{e.GetName(), time.Unix(0, int64(e.GetTimeUnixNano())), attrs(e.GetAttributes())})
				}
				for _, l := range p.GetLinks() {
					s.Links = append(s.Links, Link{hex.EncodeToString(l.GetTraceId()), hex.EncodeToString(l.GetSpanId()), attrs(l.GetAttributes())})
				}
				dst = append(dst, s)
			}
		}
	}
	return dst
}

// kinds are the names of span kinds by OTLP value.
var kinds = [...]string{"", "internal", "server", "client", "producer", "consumer"}

func kindName(k tracepb.Span_SpanKind) string {
	if k < 0 || int(k) >= len(kinds) {
		return ""
	}
	return kinds[k]
}

func attrs(kvs []*commonpb.KeyValue) map[string]any {
	if len(kvs) == 0 {
		return nil
	}
	m := make(map[string]any, len(kvs))
	for _, kv := range kvs {
		m[kv.GetKey()] = value(kv.GetValue())
	}
	return m
}

func value(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BytesValue:
		return v.BytesValue
	case *commonpb.AnyValue_ArrayValue:
		a := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, e := range v.ArrayValue.GetValues() {
			a = append(a, value(e))
		}
		return a
	case *commonpb.AnyValue_KvlistValue:
		return attrs(v.KvlistValue.GetValues())
	}
	return nil
}
