package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/span"
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

// newSpans converts what one request carried. Nothing of it stays referred to.
func newSpans(decoded []span.Span) []Span {
	spans := make([]Span, len(decoded))
	resources := map[*span.Resource]map[string]any{}
	for i := range decoded {
		p := &decoded[i]
		resource, ok := resources[p.Resource]
		if !ok {
			resource = attrs(p.Resource.Attrs)
			resources[p.Resource] = resource
		}
		s := Span{
			TraceID:       p.TraceID.String(),
			SpanID:        p.ID.String(),
			State:         strings.Clone(p.State),
			Flags:         p.Flags,
			Name:          strings.Clone(p.Name),
			Service:       strings.Clone(p.Resource.Service),
			Scope:         strings.Clone(p.Scope.Name),
			Start:         time.Unix(0, p.Start),
			End:           time.Unix(0, p.End()),
			Attrs:         attrs(p.Attrs),
			Resource:      resource,
			Error:         p.Status == span.StatusError,
			OK:            p.Status == span.StatusOK,
			Message:       strings.Clone(p.Message),
			DroppedAttrs:  int(p.DroppedAttrs),
			DroppedEvents: int(p.DroppedEvents),
			DroppedLinks:  int(p.DroppedLinks),
		}
		if !p.Parent.IsZero() {
			s.ParentID = p.Parent.String()
		}
		if p.Kind != span.KindUnspecified {
			s.Kind = p.Kind.String()
		}
		for _, e := range p.Events {
			s.Events = append(s.Events, Event{strings.Clone(e.Name), time.Unix(0, e.Time), attrs(e.Attrs)})
		}
		for _, l := range p.Links {
			s.Links = append(s.Links, Link{l.TraceID.String(), l.ID.String(), attrs(l.Attrs)})
		}
		spans[i] = s
	}
	return spans
}

func attrs(list []span.Attr) map[string]any {
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]any, len(list))
	for _, a := range list {
		m[strings.Clone(a.Key)] = value(a.Value)
	}
	return m
}

func value(v span.Value) any {
	switch v.Type {
	case span.String:
		return strings.Clone(v.Str)
	case span.Bool:
		return v.Bool()
	case span.Int:
		return v.Int()
	case span.Float:
		return v.Float()
	case span.Bytes:
		return []byte(v.Str)
	case span.Array:
		a := []any{}
		for e := range v.Elements() {
			a = append(a, value(e))
		}
		return a
	case span.Map:
		m := map[string]any{}
		for a := range v.Fields() {
			m[strings.Clone(a.Key)] = value(a.Value)
		}
		return m
	}
	return nil
}
