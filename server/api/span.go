package api

import (
	"strconv"

	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// maxSafe is the largest integer that clients which read JSON numbers as
// floating point hold exactly; larger ones are written as strings.
const maxSafe = 1<<53 - 1

// appendValue writes a value as plain JSON.
func appendValue(b []byte, v span.Value) []byte {
	switch v.Type {
	case span.String:
		return reply.AppendString(b, v.Str)
	case span.Int:
		if n := v.Int(); n > maxSafe || n < -maxSafe {
			return reply.AppendQuoted(b, n)
		}
	}
	return v.AppendJSON(b)
}

// appendAttrs writes attributes as an object. Of a key that is there twice,
// which OpenTelemetry forbids, the first value is written.
func appendAttrs(b []byte, attrs []span.Attr) []byte {
	b = append(b, '{')
next:
	for i := range attrs {
		for j := range i {
			if attrs[j].Key == attrs[i].Key {
				continue next
			}
			if j == maxTwice {
				break
			}
		}
		b = reply.AppendKey(b, attrs[i].Key)
		b = appendValue(b, attrs[i].Value)
	}
	return append(b, '}')
}

// maxTwice bounds the search for duplicate keys among the attributes of a
// hostile span: beyond it a duplicate is written twice, and JSON readers take
// the last.
const maxTwice = 256

// writer appends spans. With a base, times are relative to it; without, they
// are absolute.
type writer struct {
	b         []byte
	base      int64
	relative  bool
	resources index[*span.Resource]
	scopes    index[*span.Scope]
}

// index numbers the resources or scopes of an answer.
type index[T comparable] struct {
	ids  map[T]int
	list []T
}

func (x *index[T]) of(v T) int {
	if n, ok := x.ids[v]; ok {
		return n
	}
	if x.ids == nil {
		x.ids = map[T]int{}
	}
	n := len(x.list)
	x.ids[v] = n
	x.list = append(x.list, v)
	return n
}

func (w *writer) time(b []byte, t int64) []byte {
	if w.relative {
		b = append(b, `"offsetNanos":`...)
		return strconv.AppendInt(b, t-w.base, 10)
	}
	b = append(b, `"startUnixNano":`...)
	return reply.AppendQuoted(b, t)
}

// span appends one span. Members that are empty are left out.
func (w *writer) span(s *span.Span) {
	b := append(w.b, '{')
	if !w.relative {
		b = append(b, `"traceId":`...)
		b = append(reply.AppendTraceID(b, s.TraceID), ',')
	}
	b = append(b, `"spanId":`...)
	b = reply.AppendID(b, s.ID)
	if !s.Parent.IsZero() {
		b = append(b, `,"parentSpanId":`...)
		b = reply.AppendID(b, s.Parent)
	}
	b = append(b, `,"name":`...)
	b = reply.AppendString(b, s.Name)
	b = append(b, `,"service":`...)
	b = reply.AppendString(b, s.Service())
	b = append(b, `,"kind":"`...)
	b = append(b, s.Kind.String()...)
	b = append(b, `",`...)
	b = w.time(b, s.Start)
	b = append(b, `,"durationNanos":`...)
	b = strconv.AppendInt(b, s.Duration, 10)
	b = append(b, `,"status":"`...)
	b = append(b, s.Status.String()...)
	b = append(b, '"')
	if s.Message != "" {
		b = append(b, `,"message":`...)
		b = reply.AppendString(b, s.Message)
	}
	b = append(b, `,"resource":`...)
	b = strconv.AppendInt(b, int64(w.resources.of(s.Resource)), 10)
	b = append(b, `,"scope":`...)
	b = strconv.AppendInt(b, int64(w.scopes.of(s.Scope)), 10)
	b = append(b, `,"attributes":`...)
	b = appendAttrs(b, s.Attrs)
	if len(s.Events) > 0 {
		b = append(b, `,"events":[`...)
		for i := range s.Events {
			e := &s.Events[i]
			b = append(reply.Comma(b), '{')
			if w.relative {
				b = append(b, `"offsetNanos":`...)
				b = strconv.AppendInt(b, e.Time-w.base, 10)
			} else {
				b = append(b, `"timeUnixNano":`...)
				b = reply.AppendQuoted(b, e.Time)
			}
			b = append(b, `,"name":`...)
			b = reply.AppendString(b, e.Name)
			b = append(b, `,"attributes":`...)
			b = appendAttrs(b, e.Attrs)
			b = appendCount(b, "droppedAttributes", e.Dropped)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if len(s.Links) > 0 {
		b = append(b, `,"links":[`...)
		for i := range s.Links {
			l := &s.Links[i]
			b = append(reply.Comma(b), `{"traceId":`...)
			b = reply.AppendTraceID(b, l.TraceID)
			b = append(b, `,"spanId":`...)
			b = reply.AppendID(b, l.ID)
			if l.State != "" {
				b = append(b, `,"traceState":`...)
				b = reply.AppendString(b, l.State)
			}
			b = append(b, `,"attributes":`...)
			b = appendAttrs(b, l.Attrs)
			b = appendCount(b, "droppedAttributes", l.Dropped)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if s.State != "" {
		b = append(b, `,"traceState":`...)
		b = reply.AppendString(b, s.State)
	}
	b = appendCount(b, "flags", s.Flags)
	b = appendCount(b, "droppedAttributes", s.DroppedAttrs)
	b = appendCount(b, "droppedEvents", s.DroppedEvents)
	b = appendCount(b, "droppedLinks", s.DroppedLinks)
	w.b = append(b, '}')
}

// appendCount writes a further member of an object, unless it is 0.
func appendCount(b []byte, name string, n uint32) []byte {
	if n == 0 {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendUint(b, uint64(n), 10)
}

// tables appends the resources and scopes that the spans point to, as further
// members of an object.
func (w *writer) tables() {
	b := append(w.b, `,"resources":[`...)
	for _, r := range w.resources.list {
		b = append(reply.Comma(b), `{"service":`...)
		if r == nil {
			r = &span.Resource{}
		}
		b = reply.AppendString(b, r.Service)
		b = append(b, `,"attributes":`...)
		b = appendAttrs(b, r.Attrs)
		b = appendCount(b, "droppedAttributes", r.Dropped)
		if r.SchemaURL != "" {
			b = append(b, `,"schemaUrl":`...)
			b = reply.AppendString(b, r.SchemaURL)
		}
		b = append(b, '}')
	}
	b = append(b, `],"scopes":[`...)
	for _, s := range w.scopes.list {
		if s == nil {
			s = &span.Scope{}
		}
		b = append(reply.Comma(b), `{"name":`...)
		b = reply.AppendString(b, s.Name)
		b = append(b, `,"version":`...)
		b = reply.AppendString(b, s.Version)
		b = append(b, `,"attributes":`...)
		b = appendAttrs(b, s.Attrs)
		b = appendCount(b, "droppedAttributes", s.Dropped)
		if s.SchemaURL != "" {
			b = append(b, `,"schemaUrl":`...)
			b = reply.AppendString(b, s.SchemaURL)
		}
		b = append(b, '}')
	}
	w.b = append(b, ']')
}

// log appends a log record.
func (w *writer) log(l *span.Log) {
	b := append(w.b, `{"timeUnixNano":`...)
	b = reply.AppendQuoted(b, l.Time)
	b = append(b, `,"traceId":`...)
	b = reply.AppendTraceID(b, l.TraceID)
	if !l.Span.IsZero() {
		b = append(b, `,"spanId":`...)
		b = reply.AppendID(b, l.Span)
	}
	if l.Severity != 0 {
		b = appendCount(b, "severity", uint32(l.Severity))
	}
	if l.Level != "" {
		b = append(b, `,"level":`...)
		b = reply.AppendString(b, l.Level)
	}
	if l.Event != "" {
		b = append(b, `,"event":`...)
		b = reply.AppendString(b, l.Event)
	}
	b = append(b, `,"body":`...)
	b = appendValue(b, l.Body)
	b = append(b, `,"attributes":`...)
	b = appendAttrs(b, l.Attrs)
	b = appendCount(b, "droppedAttributes", l.Dropped)
	b = append(b, `,"resource":`...)
	b = strconv.AppendInt(b, int64(w.resources.of(l.Resource)), 10)
	b = append(b, `,"scope":`...)
	b = strconv.AppendInt(b, int64(w.scopes.of(l.Scope)), 10)
	w.b = append(b, '}')
}
