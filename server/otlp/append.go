package otlp

import (
	"encoding/binary"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// Fields of logs/v1/logs.proto as tags.
const (
	tagLogTime      = 1<<3 | wire.TypeFixed64
	tagLogSeverity  = 2<<3 | wire.TypeVarint
	tagLogLevel     = 3<<3 | wire.TypeBytes
	tagLogBody      = 5<<3 | wire.TypeBytes
	tagLogAttr      = 6<<3 | wire.TypeBytes
	tagLogDropped   = 7<<3 | wire.TypeVarint
	tagLogTraceID   = 9<<3 | wire.TypeBytes
	tagLogSpan      = 10<<3 | wire.TypeBytes
	tagLogObserved  = 11<<3 | wire.TypeFixed64
	tagLogEventName = 12<<3 | wire.TypeBytes
)

// AppendTraces appends an ExportTraceServiceRequest in protobuf that carries
// spans. Those of equal resources and scopes are put together, in the order in
// which they come; otherwise [Decoder.Traces] gives back what went in.
func AppendTraces(dst []byte, spans []span.Span) []byte {
	g := newGroups(len(spans))
	for i := range spans {
		g.add(spans[i].Resource, spans[i].Scope)
	}
	return g.appendRequest(dst, func(dst []byte, i int) []byte { return appendSpan(dst, &spans[i]) })
}

// AppendLogs appends an ExportLogsServiceRequest in protobuf that carries
// logs, as AppendTraces does.
func AppendLogs(dst []byte, logs []span.Log) []byte {
	g := newGroups(len(logs))
	for i := range logs {
		g.add(logs[i].Resource, logs[i].Scope)
	}
	return g.appendRequest(dst, func(dst []byte, i int) []byte { return appendLog(dst, &logs[i]) })
}

// groups puts items together by resource and scope, in order of first appearance.
type groups struct {
	resources []resourceGroup
	items     []int32 // the next item of the same group, -1 for the last

	resource map[*span.Resource]int32 // index into resources
	equal    map[string]int32         // the same by content
	scope    map[scopeKey]*scopeGroup
	equals   map[string]*scopeGroup

	last         *scopeGroup // where the item before went
	lastResource *span.Resource
	lastScope    *span.Scope
	key          []byte
}

type resourceGroup struct {
	resource *span.Resource
	scopes   []*scopeGroup
}

type scopeGroup struct {
	scope       *span.Scope
	first, last int32
}

type scopeKey struct {
	resource int32
	scope    *span.Scope
}

var (
	noResource = new(span.Resource)
	noScope    = new(span.Scope)
)

func newGroups(n int) *groups {
	return &groups{
		items:    make([]int32, 0, n),
		resource: map[*span.Resource]int32{}, equal: map[string]int32{},
		scope: map[scopeKey]*scopeGroup{}, equals: map[string]*scopeGroup{},
	}
}

// add puts the next item into the group of its resource and scope.
func (g *groups) add(r *span.Resource, s *span.Scope) {
	if r == nil {
		r = noResource
	}
	if s == nil {
		s = noScope
	}
	i := int32(len(g.items))
	g.items = append(g.items, -1)
	if g.last == nil || r != g.lastResource || s != g.lastScope {
		g.last, g.lastResource, g.lastScope = g.find(r, s), r, s
	}
	if g.last.first < 0 {
		g.last.first = i
	} else {
		g.items[g.last.last] = i
	}
	g.last.last = i
}

func (g *groups) find(r *span.Resource, s *span.Scope) *scopeGroup {
	ri, ok := g.resource[r]
	if !ok {
		g.key = appendString(appendResource(g.key[:0], r), r.SchemaURL)
		if ri, ok = g.equal[string(g.key)]; !ok {
			ri = int32(len(g.resources))
			g.resources = append(g.resources, resourceGroup{resource: r})
			g.equal[string(g.key)] = ri
		}
		g.resource[r] = ri
	}
	sg, ok := g.scope[scopeKey{ri, s}]
	if !ok {
		g.key = binary.AppendUvarint(g.key[:0], uint64(ri))
		g.key = appendString(appendScope(g.key, s), s.SchemaURL)
		if sg, ok = g.equals[string(g.key)]; !ok {
			sg = &scopeGroup{scope: s, first: -1}
			g.resources[ri].scopes = append(g.resources[ri].scopes, sg)
			g.equals[string(g.key)] = sg
		}
		g.scope[scopeKey{ri, s}] = sg
	}
	return sg
}

// appendRequest appends the request's message; item appends the content of the ith item.
func (g *groups) appendRequest(dst []byte, item func(dst []byte, i int) []byte) []byte {
	for i := range g.resources {
		r := &g.resources[i]
		dst = append(dst, tagResourceItems)
		at := len(dst)
		dst = append(dst, tagResource)
		dst = prefixLength(appendResource(dst, r.resource), at+1)
		for _, s := range r.scopes {
			dst = append(dst, tagScopes)
			at := len(dst)
			dst = append(dst, tagScope)
			dst = prefixLength(appendScope(dst, s.scope), at+1)
			for n := s.first; n >= 0; n = g.items[n] {
				dst = append(dst, tagItem)
				at := len(dst)
				dst = prefixLength(item(dst, int(n)), at)
			}
			dst = prefixLength(appendText(dst, tagSchemaURL, s.scope.SchemaURL), at)
		}
		dst = prefixLength(appendText(dst, tagSchemaURL, r.resource.SchemaURL), at)
	}
	return dst
}

func appendResource(dst []byte, r *span.Resource) []byte {
	dst = appendAttrs(dst, tagResourceAttr, r.Attrs)
	return appendNumber(dst, tagResourceDropped, uint64(r.Dropped))
}

func appendScope(dst []byte, s *span.Scope) []byte {
	dst = appendText(dst, tagScopeName, s.Name)
	dst = appendText(dst, tagScopeVersion, s.Version)
	dst = appendAttrs(dst, tagScopeAttr, s.Attrs)
	return appendNumber(dst, tagScopeDropped, uint64(s.Dropped))
}

func appendSpan(dst []byte, s *span.Span) []byte {
	dst = append(append(dst, tagSpanTraceID, byte(len(s.TraceID))), s.TraceID[:]...)
	dst = append(append(dst, tagSpanID, byte(len(s.ID))), s.ID[:]...)
	dst = appendText(dst, tagSpanState, s.State)
	if !s.Parent.IsZero() {
		dst = append(append(dst, tagSpanParent, byte(len(s.Parent))), s.Parent[:]...)
	}
	dst = appendText(dst, tagSpanName, s.Name)
	dst = appendNumber(dst, tagSpanKind, uint64(s.Kind))
	dst = appendFixed64(dst, tagSpanStart, uint64(s.Start))
	dst = appendFixed64(dst, tagSpanEnd, uint64(s.End()))
	dst = appendAttrs(dst, tagSpanAttr, s.Attrs)
	dst = appendNumber(dst, tagSpanDroppedAttrs, uint64(s.DroppedAttrs))
	for i := range s.Events {
		e := &s.Events[i]
		dst = append(dst, tagSpanEvent)
		at := len(dst)
		dst = appendFixed64(dst, tagEventTime, uint64(e.Time))
		dst = appendText(dst, tagEventName, e.Name)
		dst = appendAttrs(dst, tagEventAttr, e.Attrs)
		dst = appendNumber(dst, tagEventDropped, uint64(e.Dropped))
		dst = prefixLength(dst, at)
	}
	dst = appendNumber(dst, tagSpanDroppedEvents, uint64(s.DroppedEvents))
	for i := range s.Links {
		l := &s.Links[i]
		dst = append(dst, tagSpanLink)
		at := len(dst)
		dst = appendIDs(dst, tagLinkTraceID, l.TraceID, tagLinkID, l.ID)
		dst = appendText(dst, tagLinkState, l.State)
		dst = appendAttrs(dst, tagLinkAttr, l.Attrs)
		dst = appendNumber(dst, tagLinkDropped, uint64(l.Dropped))
		dst = appendFlags(dst, tagLinkFlags, l.Flags)
		dst = prefixLength(dst, at)
	}
	dst = appendNumber(dst, tagSpanDroppedLinks, uint64(s.DroppedLinks))
	if s.Status != 0 || s.Message != "" {
		dst = append(dst, tagSpanStatus)
		at := len(dst)
		dst = appendText(dst, tagStatusMessage, s.Message)
		dst = prefixLength(appendNumber(dst, tagStatusCode, uint64(s.Status)), at)
	}
	return appendFlags(dst, tagSpanFlags, s.Flags)
}

func appendLog(dst []byte, l *span.Log) []byte {
	dst = appendFixed64(dst, tagLogTime, uint64(l.Time))
	dst = appendNumber(dst, tagLogSeverity, uint64(l.Severity))
	dst = appendText(dst, tagLogLevel, l.Level)
	if l.Body.Type != span.Empty {
		dst = append(dst, tagLogBody)
		at := len(dst)
		dst = prefixLength(AppendValue(dst, l.Body), at)
	}
	dst = appendAttrs(dst, tagLogAttr, l.Attrs)
	dst = appendNumber(dst, tagLogDropped, uint64(l.Dropped))
	dst = appendIDs(dst, tagLogTraceID, l.TraceID, tagLogSpan, l.Span)
	return appendText(dst, tagLogEventName, l.Event)
}

func appendAttrs(dst []byte, tag byte, attrs []span.Attr) []byte {
	for i := range attrs {
		a := &attrs[i]
		value := valueSize(a.Value) // most of what a span has: not worth moving bytes for their length
		size := textSize(a.Key)
		if a.Value.Type != span.Empty {
			size += 1 + wire.Size(uint64(value)) + value
		}
		dst = binary.AppendUvarint(append(dst, tag), uint64(size))
		dst = appendText(dst, tagKey, a.Key)
		if a.Value.Type != span.Empty {
			dst = binary.AppendUvarint(append(dst, tagValue), uint64(value))
			dst = AppendValue(dst, a.Value)
		}
	}
	return dst
}

// textSize is how much appendText appends.
func textSize(s string) int {
	if s == "" {
		return 0
	}
	return 1 + wire.Size(uint64(len(s))) + len(s)
}

// valueSize is how much AppendValue appends.
func valueSize(v span.Value) int {
	switch v.Type {
	case span.Bool:
		return 2
	case span.Int:
		return 1 + wire.Size(v.Num)
	case span.Float:
		return 9
	case span.String, span.Bytes, span.Array, span.Map:
		return 1 + wire.Size(uint64(len(v.Str))) + len(v.Str)
	}
	return 0
}

// AppendValue appends the protobuf encoding of v as an AnyValue, without a
// length; nothing for Empty.
func AppendValue(dst []byte, v span.Value) []byte {
	switch v.Type {
	case span.String:
		return appendString(append(dst, tagString), v.Str)
	case span.Bool:
		return append(dst, tagBool, boolByte(v.Num != 0))
	case span.Int:
		return binary.AppendUvarint(append(dst, tagInt), v.Num)
	case span.Float:
		return binary.LittleEndian.AppendUint64(append(dst, tagDouble), v.Num)
	case span.Array:
		return appendString(append(dst, tagArray), v.Str)
	case span.Map:
		return appendString(append(dst, tagMap), v.Str)
	case span.Bytes:
		return appendString(append(dst, tagBytes), v.Str)
	}
	return dst
}

// The fields of proto3: a zero value is not written.

func appendText(dst []byte, tag byte, s string) []byte {
	if s == "" {
		return dst
	}
	return appendString(append(dst, tag), s)
}

func appendNumber(dst []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return binary.AppendUvarint(append(dst, tag), n)
}

func appendFixed64(dst []byte, tag byte, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return binary.LittleEndian.AppendUint64(append(dst, tag), n)
}

// appendFlags appends a fixed32, whose tag may have two bytes.
func appendFlags(dst []byte, tag uint64, n uint32) []byte {
	if n == 0 {
		return dst
	}
	return binary.LittleEndian.AppendUint32(binary.AppendUvarint(dst, tag), n)
}

func appendIDs(dst []byte, tagTrace byte, t span.TraceID, tagID byte, id span.ID) []byte {
	if !t.IsZero() {
		dst = append(append(dst, tagTrace, byte(len(t))), t[:]...)
	}
	if !id.IsZero() {
		dst = append(append(dst, tagID, byte(len(id))), id[:]...)
	}
	return dst
}
