package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/weft-trace/weft/server/span"
)

// AppendTracesJSON appends an ExportTraceServiceRequest in OTLP/JSON that
// carries spans, grouped as AppendTraces does.
func AppendTracesJSON(dst []byte, spans []span.Span) []byte {
	g := newGroups(len(spans))
	for i := range spans {
		g.add(spans[i].Resource, spans[i].Scope)
	}
	return g.appendJSON(dst, &jsonTraces, func(dst []byte, i int) []byte { return appendSpanJSON(dst, &spans[i]) })
}

// AppendLogsJSON appends an ExportLogsServiceRequest in OTLP/JSON that carries
// logs, grouped as AppendTraces does.
func AppendLogsJSON(dst []byte, logs []span.Log) []byte {
	g := newGroups(len(logs))
	for i := range logs {
		g.add(logs[i].Resource, logs[i].Scope)
	}
	return g.appendJSON(dst, &jsonLogs, func(dst []byte, i int) []byte { return appendLogJSON(dst, &logs[i]) })
}

// appendJSON appends the request's object; item appends the ith item's.
func (g *groups) appendJSON(dst []byte, n *jsonNames, item func(dst []byte, i int) []byte) []byte {
	dst = append(dst, `{"`+n.resources+`":[`...)
	for i := range g.resources {
		r := &g.resources[i]
		dst = append(dst, `{"resource":{`...)
		dst = appendAttrsJSON(dst, r.resource.Attrs)
		dst = appendUintJSON(dst, "droppedAttributesCount", r.resource.Dropped)
		dst = append(dst, `},"`+n.scopes+`":[`...)
		for _, s := range r.scopes {
			dst = append(dst, `{"scope":{`...)
			dst = appendTextJSON(dst, "name", s.scope.Name)
			dst = appendTextJSON(dst, "version", s.scope.Version)
			dst = appendAttrsJSON(dst, s.scope.Attrs)
			dst = appendUintJSON(dst, "droppedAttributesCount", s.scope.Dropped)
			dst = append(dst, `},"`+n.items+`":[`...)
			for i := s.first; i >= 0; i = g.items[i] {
				dst = append(item(comma(dst), int(i)), '}')
			}
			dst = append(dst, ']')
			dst = append(appendTextJSON(dst, "schemaUrl", s.scope.SchemaURL), '}', ',')
		}
		dst[len(dst)-1] = ']' // there is no group without a scope
		dst = append(appendTextJSON(dst, "schemaUrl", r.resource.SchemaURL), '}', ',')
	}
	if len(g.resources) > 0 {
		dst = dst[:len(dst)-1]
	}
	return append(dst, "]}"...)
}

func appendSpanJSON(dst []byte, s *span.Span) []byte {
	dst = append(dst, `{"traceId":"`...)
	dst = hex.AppendEncode(dst, s.TraceID[:])
	dst = append(dst, `","spanId":"`...)
	dst = hex.AppendEncode(dst, s.ID[:])
	dst = append(dst, '"')
	dst = appendTextJSON(dst, "traceState", s.State)
	if !s.Parent.IsZero() {
		dst = appendIDJSON(dst, "parentSpanId", s.Parent[:])
	}
	dst = appendUintJSON(dst, "flags", s.Flags)
	dst = appendTextJSON(dst, "name", s.Name)
	dst = appendUintJSON(dst, "kind", uint32(s.Kind))
	dst = appendTimeJSON(dst, "startTimeUnixNano", s.Start)
	dst = appendTimeJSON(dst, "endTimeUnixNano", s.End())
	dst = appendAttrsJSON(dst, s.Attrs)
	dst = appendUintJSON(dst, "droppedAttributesCount", s.DroppedAttrs)
	if len(s.Events) > 0 {
		dst = append(appendKeyJSON(dst, "events"), '[')
		for i := range s.Events {
			e := &s.Events[i]
			dst = append(comma(dst), '{')
			dst = appendTimeJSON(dst, "timeUnixNano", e.Time)
			dst = appendTextJSON(dst, "name", e.Name)
			dst = appendAttrsJSON(dst, e.Attrs)
			dst = append(appendUintJSON(dst, "droppedAttributesCount", e.Dropped), '}')
		}
		dst = append(dst, ']')
	}
	dst = appendUintJSON(dst, "droppedEventsCount", s.DroppedEvents)
	if len(s.Links) > 0 {
		dst = append(appendKeyJSON(dst, "links"), '[')
		for i := range s.Links {
			l := &s.Links[i]
			dst = append(comma(dst), '{')
			if !l.TraceID.IsZero() {
				dst = appendIDJSON(dst, "traceId", l.TraceID[:])
			}
			if !l.ID.IsZero() {
				dst = appendIDJSON(dst, "spanId", l.ID[:])
			}
			dst = appendTextJSON(dst, "traceState", l.State)
			dst = appendUintJSON(dst, "flags", l.Flags)
			dst = appendAttrsJSON(dst, l.Attrs)
			dst = append(appendUintJSON(dst, "droppedAttributesCount", l.Dropped), '}')
		}
		dst = append(dst, ']')
	}
	dst = appendUintJSON(dst, "droppedLinksCount", s.DroppedLinks)
	if s.Status != 0 || s.Message != "" {
		dst = append(appendKeyJSON(dst, "status"), '{')
		dst = appendTextJSON(dst, "message", s.Message)
		dst = append(appendUintJSON(dst, "code", uint32(s.Status)), '}')
	}
	return dst
}

func appendLogJSON(dst []byte, l *span.Log) []byte {
	dst = append(dst, '{')
	dst = appendTimeJSON(dst, "timeUnixNano", l.Time)
	dst = appendUintJSON(dst, "severityNumber", uint32(l.Severity))
	dst = appendTextJSON(dst, "severityText", l.Level)
	dst = appendTextJSON(dst, "eventName", l.Event)
	if l.Body.Type != span.Empty {
		dst = AppendValueJSON(appendKeyJSON(dst, "body"), l.Body)
	}
	dst = appendAttrsJSON(dst, l.Attrs)
	dst = appendUintJSON(dst, "droppedAttributesCount", l.Dropped)
	if !l.TraceID.IsZero() {
		dst = appendIDJSON(dst, "traceId", l.TraceID[:])
	}
	if !l.Span.IsZero() {
		dst = appendIDJSON(dst, "spanId", l.Span[:])
	}
	return dst
}

func appendAttrsJSON(dst []byte, attrs []span.Attr) []byte {
	if len(attrs) == 0 {
		return dst
	}
	dst = append(appendKeyJSON(dst, "attributes"), '[')
	for i := range attrs {
		dst = appendAttrJSON(comma(dst), attrs[i])
	}
	return append(dst, ']')
}

func appendAttrJSON(dst []byte, a span.Attr) []byte {
	dst = appendQuoted(append(dst, `{"key":`...), a.Key)
	if a.Value.Type != span.Empty {
		dst = AppendValueJSON(append(dst, `,"value":`...), a.Value)
	}
	return append(dst, '}')
}

// AppendValueJSON appends v as an AnyValue of OTLP/JSON: an object that names
// the type. ([span.Value.AppendJSON] writes plain JSON.)
func AppendValueJSON(dst []byte, v span.Value) []byte {
	switch v.Type {
	case span.String:
		dst = appendQuoted(append(dst, `{"stringValue":`...), v.Str)
	case span.Bool:
		dst = strconv.AppendBool(append(dst, `{"boolValue":`...), v.Bool())
	case span.Int:
		dst = strconv.AppendInt(append(dst, `{"intValue":"`...), v.Int(), 10)
		dst = append(dst, '"')
	case span.Float:
		dst = append(dst, `{"doubleValue":`...)
		switch f := v.Float(); {
		case math.IsNaN(f):
			dst = append(dst, `"NaN"`...)
		case math.IsInf(f, 1):
			dst = append(dst, `"Infinity"`...)
		case math.IsInf(f, -1):
			dst = append(dst, `"-Infinity"`...)
		default:
			dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
		}
	case span.Bytes:
		dst = append(dst, `{"bytesValue":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, []byte(v.Str)), '"')
	case span.Array:
		dst = append(dst, `{"arrayValue":{"values":[`...)
		for e := range v.Elements() {
			dst = AppendValueJSON(comma(dst), e)
		}
		dst = append(dst, `]}`...)
	case span.Map:
		dst = append(dst, `{"kvlistValue":{"values":[`...)
		for a := range v.Fields() {
			dst = appendAttrJSON(comma(dst), a)
		}
		dst = append(dst, `]}`...)
	default:
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// comma appends a comma unless the object or array has just been opened.
func comma(dst []byte) []byte {
	if c := dst[len(dst)-1]; c != '{' && c != '[' {
		return append(dst, ',')
	}
	return dst
}

// appendKeyJSON appends a member's name, which needs no escaping.
func appendKeyJSON(dst []byte, key string) []byte {
	dst = append(comma(dst), '"')
	dst = append(dst, key...)
	return append(dst, '"', ':')
}

func appendTextJSON(dst []byte, key, s string) []byte {
	if s == "" {
		return dst
	}
	return appendQuoted(appendKeyJSON(dst, key), s)
}

func appendUintJSON(dst []byte, key string, n uint32) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendUint(appendKeyJSON(dst, key), uint64(n), 10)
}

// appendTimeJSON appends 64 bits, which protobuf's JSON mapping has as a string.
func appendTimeJSON(dst []byte, key string, n int64) []byte {
	if n == 0 {
		return dst
	}
	dst = append(appendKeyJSON(dst, key), '"')
	return append(strconv.AppendUint(dst, uint64(n), 10), '"')
}

func appendIDJSON(dst []byte, key string, id []byte) []byte {
	dst = append(appendKeyJSON(dst, key), '"')
	return append(hex.AppendEncode(dst, id), '"')
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string. What HTML or JavaScript could take
// for its own is escaped, as encoding/json does; what is not UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				dst = append(append(dst, s[from:i]...), `\ufffd`...)
				from = i + 1
			case r == '\u2028' || r == '\u2029':
				dst = append(append(dst, s[from:i]...), `\u202`...)
				dst = append(dst, hexDigits[r&15])
				from = i + n
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
