package otlp

import (
	"cmp"
	"math"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// Fields as tags, of collector/trace/v1/trace_service.proto,
// trace/v1/trace.proto, resource/v1/resource.proto and common/v1/common.proto.
const (
	tagResourceItems = 1<<3 | wire.TypeBytes // ExportTraceServiceRequest.resource_spans; the same in logs and metrics

	tagResource  = 1<<3 | wire.TypeBytes // ResourceSpans; the same in ResourceLogs, ResourceMetrics
	tagScopes    = 2<<3 | wire.TypeBytes
	tagSchemaURL = 3<<3 | wire.TypeBytes // also of ScopeSpans

	tagScope = 1<<3 | wire.TypeBytes // ScopeSpans; the same in ScopeLogs, ScopeMetrics
	tagItem  = 2<<3 | wire.TypeBytes

	tagResourceAttr    = 1<<3 | wire.TypeBytes
	tagResourceDropped = 2<<3 | wire.TypeVarint

	tagScopeName    = 1<<3 | wire.TypeBytes
	tagScopeVersion = 2<<3 | wire.TypeBytes
	tagScopeAttr    = 3<<3 | wire.TypeBytes
	tagScopeDropped = 4<<3 | wire.TypeVarint

	tagSpanTraceID       = 1<<3 | wire.TypeBytes
	tagSpanID            = 2<<3 | wire.TypeBytes
	tagSpanState         = 3<<3 | wire.TypeBytes
	tagSpanParent        = 4<<3 | wire.TypeBytes
	tagSpanName          = 5<<3 | wire.TypeBytes
	tagSpanKind          = 6<<3 | wire.TypeVarint
	tagSpanStart         = 7<<3 | wire.TypeFixed64
	tagSpanEnd           = 8<<3 | wire.TypeFixed64
	tagSpanAttr          = 9<<3 | wire.TypeBytes
	tagSpanDroppedAttrs  = 10<<3 | wire.TypeVarint
	tagSpanEvent         = 11<<3 | wire.TypeBytes
	tagSpanDroppedEvents = 12<<3 | wire.TypeVarint
	tagSpanLink          = 13<<3 | wire.TypeBytes
	tagSpanDroppedLinks  = 14<<3 | wire.TypeVarint
	tagSpanStatus        = 15<<3 | wire.TypeBytes
	tagSpanFlags         = 16<<3 | wire.TypeFixed32

	tagEventTime    = 1<<3 | wire.TypeFixed64
	tagEventName    = 2<<3 | wire.TypeBytes
	tagEventAttr    = 3<<3 | wire.TypeBytes
	tagEventDropped = 4<<3 | wire.TypeVarint

	tagLinkTraceID = 1<<3 | wire.TypeBytes
	tagLinkID      = 2<<3 | wire.TypeBytes
	tagLinkState   = 3<<3 | wire.TypeBytes
	tagLinkAttr    = 4<<3 | wire.TypeBytes
	tagLinkDropped = 5<<3 | wire.TypeVarint
	tagLinkFlags   = 6<<3 | wire.TypeFixed32

	tagStatusMessage = 2<<3 | wire.TypeBytes
	tagStatusCode    = 3<<3 | wire.TypeVarint
)

// Traces decodes an ExportTraceServiceRequest in protobuf. Spans that are
// invalid by themselves (their ids, say) are left out and counted: rejected
// and reason are for the response's partial success. An error means that b is
// not such a message; there are no spans then.
func (d *Decoder) Traces(b []byte) (spans []span.Span, rejected int, reason string, err error) {
	d.start(b, "ExportTraceServiceRequest")
	if err := d.request(b, d.span); err != nil {
		return nil, 0, "", err
	}
	return since(d.spans, 0), d.rejected, d.why(), nil
}

// An itemFunc decodes a span, log record or metric of a resource and scope.
type itemFunc func(b []byte, r *span.Resource, s *span.Scope) error

// request decodes what requests for traces, logs and metrics have in common.
func (d *Decoder) request(b []byte, item itemFunc) error {
	for i := 0; i < len(b); {
		var tag uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		if tag != tagResourceItems {
			var err error
			if i, err = wire.Skip(b, i, tag); err != nil {
				return d.broken(b, at, err)
			}
			continue
		}
		if data, i = wire.Chunk(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		if err := d.resourceItems(data, item); err != nil {
			return err
		}
	}
	return nil
}

// resourceItems decodes a ResourceSpans, ResourceLogs or ResourceMetrics. The
// resource may come behind what it is of, as any field may.
func (d *Decoder) resourceItems(b []byte, item itemFunc) error {
	r := d.newResource()
	first, refusal := d.items(), ""
	for i := 0; i < len(b); {
		var tag uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagResource, tagScopes, tagSchemaURL:
			if data, i = wire.Chunk(b, i); i < 0 {
				return d.broken(b, at, wire.Cause(i))
			}
			switch tag {
			case tagResource:
				err = d.resource(data, r)
				refusal, d.refusal = cmp.Or(refusal, d.refusal), ""
			case tagScopes:
				err = d.scopeItems(data, r, item)
			case tagSchemaURL:
				r.SchemaURL = wire.Text(data)
			}
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
	}
	d.endResource(r, first, refusal)
	return nil
}

// endResource completes a resource, or takes back all its items, from first on.
func (d *Decoder) endResource(r *span.Resource, first int, refusal string) {
	r.Service = serviceName(r.Attrs)
	if d.refusal = refusal; refusal != "" {
		d.reject(d.truncate(first), "resource of service", r.Service)
	}
	if d.items() == first { // nobody refers to it
		d.nresource--
	}
}

func serviceName(attrs []span.Attr) string {
	v, _ := span.Get(attrs, "service.name")
	if v.Type != span.String {
		return ""
	}
	return v.Str
}

// resource merges a Resource into r.
func (d *Decoder) resource(b []byte, r *span.Resource) error {
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagResourceAttr:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.sharedAttr(&r.Attrs, data)
			}
		case tagResourceDropped:
			if n, i = wire.Uvarint(b, i); i >= 0 {
				r.Dropped = uint32(n)
			}
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	return nil
}

// sharedAttr appends an attribute to those of a resource or scope, which may
// come in several pieces.
func (d *Decoder) sharedAttr(attrs *[]span.Attr, b []byte) error {
	from, ok := own(d, &d.inner, *attrs)
	if !ok {
		return nil
	}
	err := d.attr(&d.inner, from, b)
	*attrs = since(d.inner, from)
	return err
}

// own makes list the last of its arena, for more to be appended, and returns where it starts.
func own[T any](d *Decoder, arena *[]T, list []T) (from int, ok bool) {
	n := len(list)
	if n == 0 {
		return len(*arena), true
	}
	if from = len(*arena) - n; from >= 0 && &(*arena)[from] == &list[0] {
		return from, true
	}
	if d.values()+n > d.limits.Values {
		d.refuse(tooManyValues, d.limits.Values)
		return 0, false
	}
	*arena = append(*arena, list...)
	return len(*arena) - n, true
}

// scopeItems decodes a ScopeSpans, ScopeLogs or ScopeMetrics.
func (d *Decoder) scopeItems(b []byte, r *span.Resource, item itemFunc) error {
	s := d.newScope()
	first, refusal := d.items(), ""
	for i := 0; i < len(b); {
		var tag uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagItem, tagScope, tagSchemaURL:
			if data, i = wire.Chunk(b, i); i < 0 {
				return d.broken(b, at, wire.Cause(i))
			}
			switch tag {
			case tagItem:
				err = item(data, r, s)
			case tagScope:
				err = d.scope(data, s)
				refusal, d.refusal = cmp.Or(refusal, d.refusal), ""
			case tagSchemaURL:
				s.SchemaURL = wire.Text(data)
			}
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
	}
	d.endScope(s, first, refusal)
	return nil
}

// endScope takes back all items of a scope that is refused.
func (d *Decoder) endScope(s *span.Scope, first int, refusal string) {
	if d.refusal = refusal; refusal != "" {
		d.reject(d.truncate(first), "scope", s.Name)
	}
	if d.items() == first {
		d.nscope--
	}
}

// scope merges an InstrumentationScope into s.
func (d *Decoder) scope(b []byte, s *span.Scope) error {
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagScopeName:
			if data, i = wire.Chunk(b, i); i >= 0 {
				s.Name = wire.Text(data)
			}
		case tagScopeVersion:
			if data, i = wire.Chunk(b, i); i >= 0 {
				s.Version = wire.Text(data)
			}
		case tagScopeAttr:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.sharedAttr(&s.Attrs, data)
			}
		case tagScopeDropped:
			if n, i = wire.Uvarint(b, i); i >= 0 {
				s.Dropped = uint32(n)
			}
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	return nil
}

// span decodes a Span and appends it.
func (d *Decoder) span(b []byte, r *span.Resource, sc *span.Scope) error {
	s, from := d.beginSpan(r, sc)
	var start, end uint64
	var trace, id, parent []byte
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagSpanAttr:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.attr(&d.attrs, from.attrs, data)
			}
		case tagSpanTraceID:
			trace, i = wire.Chunk(b, i)
		case tagSpanID:
			id, i = wire.Chunk(b, i)
		case tagSpanParent:
			parent, i = wire.Chunk(b, i)
		case tagSpanState:
			if data, i = wire.Chunk(b, i); i >= 0 {
				s.State = wire.Text(data)
			}
		case tagSpanName:
			if data, i = wire.Chunk(b, i); i >= 0 {
				s.Name = wire.Text(data)
			}
		case tagSpanKind:
			if n, i = wire.Uvarint(b, i); i >= 0 {
				s.Kind = kind(n)
			}
		case tagSpanStart:
			start, i = wire.Fixed64(b, i)
		case tagSpanEnd:
			end, i = wire.Fixed64(b, i)
		case tagSpanFlags:
			s.Flags, i = wire.Fixed32(b, i)
		case tagSpanStatus:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.status(data, s)
			}
		case tagSpanEvent:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.event(data, from.events)
			}
		case tagSpanLink:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.link(data, from.links)
			}
		case tagSpanDroppedAttrs:
			n, i = wire.Uvarint(b, i)
			s.DroppedAttrs = uint32(n)
		case tagSpanDroppedEvents:
			n, i = wire.Uvarint(b, i)
			s.DroppedEvents = uint32(n)
		case tagSpanDroppedLinks:
			n, i = wire.Uvarint(b, i)
			s.DroppedLinks = uint32(n)
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	if len(trace) == len(s.TraceID) {
		s.TraceID = span.TraceID(trace)
	}
	if len(id) == len(s.ID) {
		s.ID = span.ID(id)
	}
	if len(parent) == len(s.Parent) {
		s.Parent = span.ID(parent)
	}
	if s.TraceID.IsZero() || s.ID.IsZero() || s.Parent.IsZero() && len(parent) > 0 {
		d.checkIDs(trace, id, parent)
	}
	d.endSpan(s, from, start, end)
	return nil
}

// spanMarks is how full the arenas are before a span.
type spanMarks struct{ attrs, inner, events, links int }

func (d *Decoder) beginSpan(r *span.Resource, sc *span.Scope) (*span.Span, spanMarks) {
	d.spans = append(d.spans, span.Span{Resource: r, Scope: sc})
	return &d.spans[len(d.spans)-1], spanMarks{len(d.attrs), len(d.inner), len(d.events), len(d.links)}
}

// endSpan completes a span, or takes it back.
func (d *Decoder) endSpan(s *span.Span, from spanMarks, start, end uint64) {
	d.times(s, start, end)
	if len(d.spans) > d.limits.Items {
		d.refuse("more than %d spans in one request; send smaller batches", d.limits.Items)
	}
	if d.refusal != "" {
		d.reject(1, "span", s.Name)
		d.spans = d.spans[:len(d.spans)-1]
		d.attrs, d.inner, d.events, d.links = d.attrs[:from.attrs], d.inner[:from.inner], d.events[:from.events], d.links[:from.links]
		return
	}
	s.Attrs, s.Events, s.Links = since(d.attrs, from.attrs), since(d.events, from.events), since(d.links, from.links)
}

// checkIDs refuses the current span if an id is not what OTLP says: 16 and 8
// bytes, not all zero; a parent may be empty, or zero as some senders write it.
func (d *Decoder) checkIDs(trace, id, parent []byte) {
	switch {
	case len(trace) != 16:
		d.refuse("trace id of %d bytes; want 16", len(trace))
	case span.TraceID(trace).IsZero():
		d.refuse("trace id of zeros only; want a random one")
	case len(id) != 8:
		d.refuse("span id of %d bytes; want 8", len(id))
	case span.ID(id).IsZero():
		d.refuse("span id of zeros only; want a random one")
	case len(parent) != 8 && len(parent) != 0:
		d.refuse("parent span id of %d bytes; want 8, or none for a root", len(parent))
	}
}

// times sets a span's start and duration from OTLP's times.
func (d *Decoder) times(s *span.Span, start, end uint64) {
	if start > math.MaxInt64 || end > math.MaxInt64 {
		d.refuse("start %d and end %d: a time beyond the year 2262; want nanoseconds since 1970", start, end)
		return
	}
	s.Start = int64(start)
	if end > start {
		s.Duration = int64(end - start)
	}
}

// kind is a SpanKind; numbers that OTLP does not define mean unspecified.
func kind(n uint64) span.Kind {
	if k := int32(n); k >= 0 && k <= int32(span.KindConsumer) {
		return span.Kind(k)
	}
	return span.KindUnspecified
}

// status merges a Status into s. Codes that OTLP does not define mean unset.
func (d *Decoder) status(b []byte, s *span.Span) error {
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		switch tag {
		case tagStatusMessage:
			if data, i = wire.Chunk(b, i); i >= 0 {
				s.Message = wire.Text(data)
			}
		case tagStatusCode:
			n, i = wire.Uvarint(b, i)
			s.Status = statusCode(n)
		default:
			var err error
			if i, err = wire.Skip(b, i, tag); err != nil {
				return d.broken(b, at, err)
			}
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	return nil
}

func statusCode(n uint64) span.Status {
	if c := int32(n); c >= 0 && c <= int32(span.StatusError) {
		return span.Status(c)
	}
	return span.StatusUnset
}

// event decodes an Event of the span whose events start at from.
func (d *Decoder) event(b []byte, from int) error {
	if !d.room(len(d.events)-from, d.limits.Events, "events") {
		return nil
	}
	d.events = append(d.events, span.Event{})
	e := &d.events[len(d.events)-1]
	attrs := len(d.inner)
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagEventTime:
			n, i = wire.Fixed64(b, i)
			e.Time = d.time(n)
		case tagEventName:
			if data, i = wire.Chunk(b, i); i >= 0 {
				e.Name = wire.Text(data)
			}
		case tagEventAttr:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.attr(&d.inner, attrs, data)
			}
		case tagEventDropped:
			n, i = wire.Uvarint(b, i)
			e.Dropped = uint32(n)
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	e.Attrs = since(d.inner, attrs)
	return nil
}

// time is a moment within the current item.
func (d *Decoder) time(n uint64) int64 {
	if n > math.MaxInt64 {
		d.refuse("time %d is beyond the year 2262; want nanoseconds since 1970", n)
		return 0
	}
	return int64(n)
}

// link decodes a Link of the span whose links start at from. Its ids may be
// missing: OTLP keeps such links for their attributes.
func (d *Decoder) link(b []byte, from int) error {
	if !d.room(len(d.links)-from, d.limits.Links, "links") {
		return nil
	}
	d.links = append(d.links, span.Link{})
	l := &d.links[len(d.links)-1]
	attrs := len(d.inner)
	var trace, id []byte
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagLinkTraceID:
			trace, i = wire.Chunk(b, i)
		case tagLinkID:
			id, i = wire.Chunk(b, i)
		case tagLinkState:
			if data, i = wire.Chunk(b, i); i >= 0 {
				l.State = wire.Text(data)
			}
		case tagLinkAttr:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.attr(&d.inner, attrs, data)
			}
		case tagLinkDropped:
			n, i = wire.Uvarint(b, i)
			l.Dropped = uint32(n)
		case tagLinkFlags:
			l.Flags, i = wire.Fixed32(b, i)
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	if !optionalIDs(trace, id, &l.TraceID, &l.ID) {
		d.refuse("a link's trace id of %d and span id of %d bytes; want 16 and 8", len(trace), len(id))
	}
	l.Attrs = since(d.inner, attrs)
	return nil
}

// optionalIDs sets ids that may be absent. It reports false if one has a wrong length.
func optionalIDs(trace, id []byte, t *span.TraceID, i *span.ID) bool {
	if len(trace) == len(t) {
		*t = span.TraceID(trace)
	}
	if len(id) == len(i) {
		*i = span.ID(id)
	}
	return (len(trace) == 0 || len(trace) == len(t)) && (len(id) == 0 || len(id) == len(i))
}

// room reports whether the current item may hold one more of what; it has n.
func (d *Decoder) room(n, limit int, what string) bool {
	if n >= limit {
		d.refuse("more than %d %s; set a limit in the sender", limit, what)
		return false
	}
	if d.values() >= d.limits.Values {
		d.refuse(tooManyValues, d.limits.Values)
		return false
	}
	return true
}

const tooManyValues = "the request holds more than %d attributes, events and links; send smaller batches"
