// Package zipkin decodes Zipkin's v2 spans (https://zipkin.io/zipkin-api/), in
// JSON and in protobuf, into the server's model, by the mapping that
// OpenTelemetry specifies
// (https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/), read
// backwards:
//
//	traceId, id, parentId   ids; 64-bit trace ids get leading zeros
//	kind                    the kind; none is internal
//	timestamp, duration     microseconds; a span without a timestamp takes that of its first annotation
//	localEndpoint           resource attribute service.name; span attributes network.local.address and .port
//	remoteEndpoint          span attributes peer.service, network.peer.address and .port
//	annotations             events; "name":{"key":"value"} is an event with attributes
//	tag error               status error; its value is the message, unless it says just "true"
//	tag otel.status_code    the status, and otel.status_description its message
//	tag otel.scope.name     the scope, and otel.scope.version; otel.library.* too, as they were called
//	tag w3c.tracestate      the trace state
//	other tags              span attributes, all of them strings
//
// Zipkin's instrumentation lets a server span have the id of the client span
// that called it (shared: true), where the model wants one id per span. Such a
// server span gets an id of its own, which depends on nothing but its trace
// and its old id, and becomes the child of the client span; spans of its
// service in the same request that name the old id as their parent follow it.
package zipkin

import (
	"encoding/binary"
	"fmt"
	"math"
	"mime"
	"net/netip"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// Limits of one request; what goes beyond is rejected.
const (
	maxSpans       = 1 << 17
	maxTags        = 1024 - 5 // of one span: with the endpoints' attributes what OTLP may have, see otlp.Limits
	maxAnnotations = 8192     // of one span
	maxValues      = 1 << 20
)

// Decode decodes a list of spans in the given content type, application/json
// or application/x-protobuf. Spans that are invalid by themselves are left out
// and counted: rejected and reason say how many, and why the first of them
// was. An error means that b is no list of spans at all. Strings alias b,
// which must not change for as long as the spans are in use.
func Decode(b []byte, contentType string) (spans []span.Span, rejected int, reason string, err error) {
	media, _, _ := mime.ParseMediaType(contentType)
	d := decoder{in: b, resources: map[string]*span.Resource{}, scopes: map[scope]*span.Scope{}}
	switch media {
	case "application/json":
		err = d.json()
	case "application/x-protobuf":
		err = d.protobuf()
	default:
		return nil, 0, "", fmt.Errorf("content type %q: want application/json or application/x-protobuf", media[:min(len(media), 64)])
	}
	if err != nil {
		return nil, 0, "", err
	}
	d.unshare()
	if d.rejected > 1 {
		d.reason = fmt.Sprintf("%s; %d were rejected, this is the first", d.reason, d.rejected)
	}
	return d.spans, d.rejected, d.reason, nil
}

// decoder holds what one call of Decode makes.
type decoder struct {
	in        []byte
	spans     []span.Span
	attrs     []span.Attr
	inner     []span.Attr // of events
	events    []span.Event
	resources map[string]*span.Resource // by service
	scopes    map[scope]*span.Scope
	shared    []shared
	rejected  int
	reason    string
	s         wire.Scanner
}

type scope struct{ name, version string }

// zspan is a span as Zipkin has it.
type zspan struct {
	trace       span.TraceID
	id, parent  span.ID
	kind        span.Kind
	name        string
	timestamp   uint64 // microseconds since 1970
	duration    uint64 // microseconds
	local       endpoint
	remote      endpoint
	tags        int // where its tags start in decoder.attrs, and its annotations in events
	annotations int
	inner       int
	shared      bool
	refusal     string // why it is rejected, "" if it is not
}

type endpoint struct {
	service, ip string
	port        uint16
}

// shared is a server span that has got an id of its own.
type shared struct {
	old   span.ID
	index int
}

func (d *decoder) begin() zspan {
	return zspan{kind: span.KindInternal, tags: len(d.attrs), annotations: len(d.events), inner: len(d.inner)}
}

func (z *zspan) refuse(format string, args ...any) {
	if z.refusal == "" {
		z.refusal = fmt.Sprintf(format, args...)
	}
}

// room reports whether z may have one more of what.
func (d *decoder) room(z *zspan, n, limit int, what string) bool {
	switch {
	case n >= limit:
		z.refuse("more than %d %s", limit, what)
	case len(d.attrs)+len(d.inner)+len(d.events) >= maxValues:
		z.refuse("the request holds more than %d tags and annotations; send smaller batches", maxValues)
	default:
		return true
	}
	return false
}

func (d *decoder) tag(z *zspan, key, value string) {
	if d.room(z, len(d.attrs)-z.tags, maxTags, "tags") {
		d.attrs = append(d.attrs, span.Attr{Key: key, Value: span.StringValue(value)})
	}
}

func (d *decoder) annotation(z *zspan, timestamp uint64, value string) {
	switch {
	case timestamp > math.MaxInt64/1000:
		z.refuse("annotation at %d: want microseconds since 1970", timestamp)
	case d.room(z, len(d.events)-z.annotations, maxAnnotations, "annotations"):
		e := span.Event{Time: int64(timestamp) * 1000, Name: value}
		d.eventAttrs(&e)
		d.events = append(d.events, e)
	}
}

// end turns z into a span, or rejects it.
func (d *decoder) end(z *zspan) {
	events := d.events[z.annotations:len(d.events):len(d.events)]
	if z.timestamp == 0 {
		for i := range events {
			if t := uint64(events[i].Time) / 1000; t > 0 && (z.timestamp == 0 || t < z.timestamp) {
				z.timestamp = t
			}
		}
	}
	switch {
	case z.trace.IsZero():
		z.refuse("no traceId")
	case z.id.IsZero():
		z.refuse("no id")
	case z.timestamp == 0:
		z.refuse("neither a timestamp nor an annotation that has one")
	case z.timestamp > math.MaxInt64/1000 || z.duration > math.MaxInt64/1000-z.timestamp:
		z.refuse("timestamp %d and duration %d: want microseconds since 1970", z.timestamp, z.duration)
	case len(d.spans) >= maxSpans:
		z.refuse("more than %d spans in one request; send smaller batches", maxSpans)
	}
	if z.refusal != "" {
		if d.rejected++; d.rejected == 1 {
			d.reason = fmt.Sprintf("span %q: %s", z.name[:min(len(z.name), 64)], z.refusal)
		}
		d.attrs, d.events, d.inner = d.attrs[:z.tags], d.events[:z.annotations], d.inner[:z.inner]
		return
	}
	s := span.Span{
		TraceID: z.trace, ID: z.id, Parent: z.parent, Name: z.name, Kind: z.kind,
		Start: int64(z.timestamp) * 1000, Duration: int64(z.duration) * 1000, Resource: d.resource(z.local.service),
	}
	if len(events) > 0 {
		s.Events = events
	}
	if s.Parent == s.ID {
		s.Parent = span.ID{}
	}
	d.tags(&s, z)
	if z.shared && z.kind == span.KindServer {
		s.Parent = s.ID
		s.ID = sharedID(s.TraceID, s.ID)
		d.shared = append(d.shared, shared{z.id, len(d.spans)})
	}
	d.spans = append(d.spans, s)
}

func (d *decoder) resource(service string) *span.Resource {
	r := d.resources[service]
	if r == nil {
		r = &span.Resource{Service: service}
		if service != "" {
			r.Attrs = []span.Attr{{Key: "service.name", Value: span.StringValue(service)}}
		}
		d.resources[service] = r
	}
	return r
}

// tags gives s what z's tags and endpoints say. What has a place of its own
// in the model is no attribute any more.
func (d *decoder) tags(s *span.Span, z *zspan) {
	tags := unique(d.attrs[z.tags:])
	var sc scope
	var code, description, failure string
	failed := false
	kept := tags[:0]
	for _, t := range tags {
		v := t.Value.Str
		switch t.Key {
		case "otel.scope.name":
			sc.name = v
		case "otel.library.name":
			sc.name = or(sc.name, v)
		case "otel.scope.version":
			sc.version = v
		case "otel.library.version":
			sc.version = or(sc.version, v)
		case "otel.status_code":
			code = strings.TrimPrefix(v, "STATUS_CODE_")
		case "otel.status_description":
			description = v
		case "w3c.tracestate":
			s.State = v
		case "error":
			if v == "false" {
				kept = append(kept, t)
				continue
			}
			failed = true
			if v != "true" {
				failure = v
			}
		default:
			kept = append(kept, t)
		}
	}
	switch {
	case code == "OK":
		s.Status = span.StatusOK
	case code == "ERROR" || failed:
		s.Status = span.StatusError
		s.Message = or(description, failure)
	}
	d.attrs = d.attrs[:z.tags+len(kept)]
	d.add(z, "network.local.address", span.StringValue(z.local.ip), z.local.ip != "")
	d.add(z, "network.local.port", span.IntValue(int64(z.local.port)), z.local.port != 0)
	d.add(z, "peer.service", span.StringValue(z.remote.service), z.remote.service != "")
	d.add(z, "network.peer.address", span.StringValue(z.remote.ip), z.remote.ip != "")
	d.add(z, "network.peer.port", span.IntValue(int64(z.remote.port)), z.remote.port != 0)
	if len(d.attrs) > z.tags {
		s.Attrs = d.attrs[z.tags:len(d.attrs):len(d.attrs)]
	}
	s.Scope = d.scopes[sc]
	if s.Scope == nil {
		s.Scope = &span.Scope{Name: sc.name, Version: sc.version}
		d.scopes[sc] = s.Scope
	}
}

// add appends an attribute that is no tag, unless there is a tag of that name.
func (d *decoder) add(z *zspan, key string, v span.Value, has bool) {
	if !has {
		return
	}
	if _, ok := span.Get(d.attrs[z.tags:], key); !ok {
		d.attrs = append(d.attrs, span.Attr{Key: key, Value: v})
	}
}

// unique removes all but the last of equal keys: tags are a map.
func unique(tags []span.Attr) []span.Attr {
	if len(tags) < 2 {
		return tags
	}
	last := make(map[string]int, len(tags))
	for i := range tags {
		last[tags[i].Key] = i
	}
	if len(last) == len(tags) {
		return tags
	}
	kept := tags[:0]
	for i, t := range tags {
		if last[t.Key] == i {
			kept = append(kept, t)
		}
	}
	return kept
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// eventAttrs takes an annotation that OpenTelemetry's exporters wrote apart:
// "name":{"key":"value",…}. Any other value is a name as it is.
func (d *decoder) eventAttrs(e *span.Event) {
	if !strings.HasPrefix(e.Name, `"`) || !strings.HasSuffix(e.Name, "}") {
		return
	}
	var s wire.Scanner
	s.Reset([]byte("{" + e.Name + "}"))
	s.Begin('{')
	s.More('}')
	name, from := s.Key(), len(d.inner)
	for ok := s.Begin('{'); ok && s.More('}'); {
		if len(d.inner)-from >= maxTags || len(d.inner) >= maxValues {
			d.inner = d.inner[:from]
			return
		}
		a := span.Attr{Key: s.Key()}
		switch c := s.Peek(); {
		case c == '"':
			a.Value = span.StringValue(s.Text())
		case c == 't' || c == 'f':
			a.Value = span.BoolValue(s.Bool())
		case c == '-' || '0' <= c && c <= '9':
			a.Value = number(s.Float())
		default:
			s.Skip()
		}
		d.inner = append(d.inner, a)
	}
	if s.More('}') || s.End() != nil {
		d.inner = d.inner[:from]
		return
	}
	e.Name = name
	if len(d.inner) > from {
		e.Attrs = d.inner[from:len(d.inner):len(d.inner)]
	}
}

// number is an integer if it can be one.
func number(f float64) span.Value {
	if n := int64(f); float64(n) == f && math.Abs(f) < 1<<53 {
		return span.IntValue(n)
	}
	return span.FloatValue(f)
}

// sharedID is the id that a server span gets which shares that of its caller.
func sharedID(t span.TraceID, old span.ID) (id span.ID) {
	var b [32]byte
	copy(b[:], t[:])
	copy(b[16:], old[:])
	copy(b[24:], "shared")
	binary.BigEndian.PutUint64(id[:], max(1, xxhash.Sum64(b[:])))
	return id
}

// unshare lets the children of server spans with new ids follow them.
func (d *decoder) unshare() {
	if len(d.shared) == 0 {
		return
	}
	type key struct {
		trace    span.TraceID
		id       span.ID
		resource *span.Resource
	}
	servers := make(map[key]int, len(d.shared))
	for _, sh := range d.shared {
		s := &d.spans[sh.index]
		servers[key{s.TraceID, sh.old, s.Resource}] = sh.index
	}
	for i := range d.spans {
		s := &d.spans[i]
		if server, ok := servers[key{s.TraceID, s.Parent, s.Resource}]; ok && server != i && s.Parent != (span.ID{}) {
			s.Parent = d.spans[server].ID
		}
	}
}

// address is an IP address of 4 or 16 bytes as text, "" if it is none.
func address(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return ""
	}
	return a.String()
}
