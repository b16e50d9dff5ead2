package jaeger

import (
	"io"
	"math"
	"strconv"
	"time"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// unnamed is what Jaeger's clients see for spans without a service name: the
// name that OpenTelemetry's SDKs give to a service that has none.
const unnamed = "unknown_service"

// maxSafe is the largest integer that JavaScript's numbers hold exactly;
// Jaeger writes larger ones as strings.
const maxSafe = 1<<53 - 1

// appendTraceID writes a trace id as Jaeger does: 16 digits if its high half
// is zero.
func appendTraceID(b []byte, id span.TraceID) []byte {
	var zero [8]byte
	if [8]byte(id[:8]) == zero {
		return reply.AppendID(b, span.ID(id[8:]))
	}
	return reply.AppendTraceID(b, id)
}

// chunk is how much of an answer is put together before it is sent.
const chunk = 64 << 10

// encoder writes traces in the JSON that Jaeger's UI reads. It is reused for
// the traces of one answer.
type encoder struct {
	w         io.Writer
	err       error // of the first Write that failed
	b         []byte
	process   []byte
	ids       map[*span.Resource]int
	processes map[string]int // encoded process -> its number
	order     []string
}

// flush sends what there is, if it is at least so much. The last byte stays:
// what comes next looks at it to see whether it needs a comma.
func (e *encoder) flush(least int) {
	if len(e.b) < max(least, 1) {
		return
	}
	keep := 0
	if least > 0 {
		keep = 1
	}
	n := len(e.b) - keep
	if e.err == nil {
		_, e.err = e.w.Write(e.b[:n])
	}
	e.b = append(e.b[:0], e.b[n:]...)
}

// trace appends a trace, its spans top down.
func (e *encoder) trace(spans []span.Span, raw bool) {
	e.ids, e.processes, e.order = map[*span.Resource]int{}, map[string]int{}, e.order[:0]
	e.b = append(e.b, `{"traceID":`...)
	e.b = appendTraceID(e.b, spans[0].TraceID)
	e.b = append(e.b, `,"spans":[`...)
	t := analysis.Build(spans)
	for i := range t.Spans {
		e.b = reply.Comma(e.b)
		shift := t.Spans[i].Shift
		if raw {
			shift = 0
		}
		e.span(t.Spans[i].Span, shift)
		e.flush(chunk)
	}
	e.b = append(e.b, `],"processes":{`...)
	for i, p := range e.order {
		e.b = reply.AppendKey(e.b, "p"+strconv.Itoa(i+1))
		e.b = append(e.b, p...)
	}
	e.b = append(e.b, `},"warnings":null}`...)
	e.flush(chunk)
}

func (e *encoder) span(s *span.Span, shift int64) {
	b := append(e.b, `{"traceID":`...)
	b = appendTraceID(b, s.TraceID)
	b = append(b, `,"spanID":`...)
	b = reply.AppendID(b, s.ID)
	if f := s.Flags & 0xff; f != 0 {
		b = append(b, `,"flags":`...)
		b = strconv.AppendUint(b, uint64(f), 10)
	}
	b = append(b, `,"operationName":`...)
	b = reply.AppendString(b, s.Name)
	b = append(b, `,"references":[`...)
	if !s.Parent.IsZero() {
		b = append(b, `{"refType":"CHILD_OF","traceID":`...)
		b = appendTraceID(b, s.TraceID)
		b = append(b, `,"spanID":`...)
		b = append(reply.AppendID(b, s.Parent), '}')
	}
	for i := range s.Links {
		l := &s.Links[i]
		b = append(reply.Comma(b), `{"refType":"FOLLOWS_FROM","traceID":`...)
		b = appendTraceID(b, l.TraceID)
		b = append(b, `,"spanID":`...)
		b = append(reply.AppendID(b, l.ID), '}')
	}
	b = append(b, `],"startTime":`...)
	b = strconv.AppendInt(b, micros(s.Start+shift), 10)
	b = append(b, `,"duration":`...)
	b = strconv.AppendInt(b, s.Duration/1000, 10)
	b = append(b, `,"tags":[`...)
	b = appendTags(b, s)
	b = append(b, `],"logs":[`...)
	for i := range s.Events {
		ev := &s.Events[i]
		b = append(reply.Comma(b), `{"timestamp":`...)
		b = strconv.AppendInt(b, micros(ev.Time+shift), 10)
		b = append(b, `,"fields":[`...)
		if ev.Name != "" {
			b = appendText(b, "event", ev.Name)
		}
		for j := range ev.Attrs {
			b = appendTag(b, ev.Attrs[j].Key, ev.Attrs[j].Value)
		}
		b = append(b, "]}"...)
	}
	b = append(b, `],"processID":"p`...)
	b = strconv.AppendInt(b, int64(e.number(s.Resource)), 10)
	b = append(b, `","warnings":`...)
	e.b = append(appendWarnings(b, s, shift), '}')
}

// micros is a time in microseconds, never before 1970: Jaeger's times are
// unsigned.
func micros(ns int64) int64 { return max(ns, 0) / 1000 }

// appendTags writes what OpenTelemetry's specification makes of a span in
// Jaeger's model (trace/sdk_exporters/jaeger.md): its attributes, and as tags
// its scope, kind, status and tracestate. An attribute of the same name as one
// of these yields to it.
func appendTags(b []byte, s *span.Span) []byte {
	if sc := s.Scope; sc != nil {
		if sc.Name != "" {
			b = appendText(b, "otel.scope.name", sc.Name)
			b = appendText(b, "otel.library.name", sc.Name) // Jaeger's UI reads the older name
		}
		if sc.Version != "" {
			b = appendText(b, "otel.scope.version", sc.Version)
			b = appendText(b, "otel.library.version", sc.Version)
		}
	}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		switch a.Key {
		case "span.kind":
			if s.Kind != span.KindUnspecified {
				continue
			}
		case "error":
			if s.Status == span.StatusError {
				continue
			}
		case "otel.status_code":
			if s.Status != span.StatusUnset {
				continue
			}
		}
		b = appendTag(b, a.Key, a.Value)
	}
	if s.Kind != span.KindUnspecified {
		b = appendText(b, "span.kind", s.Kind.String())
	}
	switch s.Status {
	case span.StatusOK:
		b = appendText(b, "otel.status_code", "OK")
	case span.StatusError:
		b = appendText(b, "otel.status_code", "ERROR")
		b = appendTag(b, "error", span.BoolValue(true))
	}
	if s.Message != "" {
		b = appendText(b, "otel.status_description", s.Message)
	}
	if s.State != "" {
		b = appendText(b, "w3c.tracestate", s.State)
	}
	return b
}

func appendText(b []byte, key, text string) []byte {
	return appendTag(b, key, span.StringValue(text))
}

func appendTag(b []byte, key string, v span.Value) []byte {
	b = append(reply.Comma(b), `{"key":`...)
	b = reply.AppendString(b, key)
	b = append(b, `,"type":"`...)
	switch v.Type {
	case span.Bool:
		b = append(b, `bool","value":`...)
		b = strconv.AppendBool(b, v.Bool())
	case span.Int:
		b = append(b, `int64","value":`...)
		if n := v.Int(); n > maxSafe || n < -maxSafe {
			b = reply.AppendQuoted(b, n)
		} else {
			b = strconv.AppendInt(b, n, 10)
		}
	case span.Float:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			b = append(b, `string","value":`...)
			b = reply.AppendString(b, v.Text())
		} else {
			b = append(b, `float64","value":`...)
			b = reply.AppendFloat(b, f)
		}
	case span.Bytes:
		b = append(b, `binary","value":`...)
		b = reply.AppendString(b, v.Text())
	default:
		b = append(b, `string","value":`...)
		b = reply.AppendString(b, v.Text())
	}
	return append(b, '}')
}

func appendWarnings(b []byte, s *span.Span, shift int64) []byte {
	if shift == 0 && s.DroppedAttrs == 0 && s.DroppedEvents == 0 && s.DroppedLinks == 0 {
		return append(b, "null"...)
	}
	b = append(b, '[')
	if shift != 0 {
		b = reply.AppendString(b, "the clock of this process differs: times shifted by "+time.Duration(shift).String())
	}
	for _, d := range []struct {
		n    uint32
		what string
	}{{s.DroppedAttrs, "attributes"}, {s.DroppedEvents, "events"}, {s.DroppedLinks, "links"}} {
		if d.n != 0 {
			b = reply.AppendString(reply.Comma(b), "the program dropped "+strconv.FormatUint(uint64(d.n), 10)+" "+d.what+" of this span")
		}
	}
	return append(b, ']')
}

// number returns the number of a resource among the trace's processes, from 1;
// resources with the same contents are one.
func (e *encoder) number(r *span.Resource) int {
	if n, ok := e.ids[r]; ok {
		return n
	}
	p := append(e.process[:0], `{"serviceName":`...)
	p = reply.AppendString(p, serviceName(r))
	p = append(p, `,"tags":[`...)
	if r != nil {
		for i := range r.Attrs {
			if a := &r.Attrs[i]; a.Key != "service.name" {
				p = appendTag(p, a.Key, a.Value)
			}
		}
	}
	p = append(p, "]}"...)
	e.process = p
	n, ok := e.processes[string(p)]
	if !ok {
		e.order = append(e.order, string(p))
		n = len(e.order)
		e.processes[e.order[n-1]] = n
	}
	e.ids[r] = n
	return n
}

func serviceName(r *span.Resource) string {
	if r == nil || r.Service == "" {
		return unnamed
	}
	return r.Service
}
