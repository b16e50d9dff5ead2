package otlp

import (
	"fmt"
	"math"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// TracesJSON decodes an ExportTraceServiceRequest in OTLP/JSON, as Traces does for protobuf.
func (d *Decoder) TracesJSON(b []byte) (spans []span.Span, rejected int, reason string, err error) {
	d.start(b, "ExportTraceServiceRequest")
	if err := d.jsonRequest(&jsonTraces, d.jsonSpan); err != nil {
		return nil, 0, "", err
	}
	return since(d.spans, 0), d.rejected, d.why(), nil
}

// jsonNames is what members are called in the requests of one signal, and in the .proto files.
type jsonNames struct {
	resources, resources2 string
	scopes, scopes2       string
	items, items2         string
}

var (
	jsonTraces  = jsonNames{"resourceSpans", "resource_spans", "scopeSpans", "scope_spans", "spans", "spans"}
	jsonLogs    = jsonNames{"resourceLogs", "resource_logs", "scopeLogs", "scope_logs", "logRecords", "log_records"}
	jsonMetrics = jsonNames{"resourceMetrics", "resource_metrics", "scopeMetrics", "scope_metrics", "metrics", "metrics"}
)

// jsonRequest reads what requests for traces, logs and metrics have in common.
func (d *Decoder) jsonRequest(n *jsonNames, item func(r *span.Resource, sc *span.Scope)) error {
	s := &d.json
	if s.Peek() != '{' { // null is nothing that a client sends
		s.Unexpected("an object")
	}
	if s.Begin('{') {
		for s.More('}') {
			switch s.Key() {
			case n.resources, n.resources2:
				if s.Begin('[') {
					for s.More(']') {
						d.jsonResourceItems(n, item)
					}
				}
			default:
				s.Skip()
			}
		}
	}
	if err := s.End(); err != nil {
		return fmt.Errorf("decode OTLP JSON: %w; send the %s message, encoded as OTLP/JSON and complete", err, d.message)
	}
	return nil
}

func (d *Decoder) jsonResourceItems(n *jsonNames, item func(r *span.Resource, sc *span.Scope)) {
	s := &d.json
	r := d.newResource()
	first, refusal := d.items(), ""
	if s.Begin('{') {
		for s.More('}') {
			switch s.Key() {
			case "resource":
				d.jsonResource(r)
				if refusal == "" {
					refusal = d.refusal
				}
				d.refusal = ""
			case n.scopes, n.scopes2:
				if s.Begin('[') {
					for s.More(']') {
						d.jsonScopeItems(n, r, item)
					}
				}
			case "schemaUrl", "schema_url":
				r.SchemaURL = s.Text()
			default:
				s.Skip()
			}
		}
	}
	d.endResource(r, first, refusal)
}

func (d *Decoder) jsonResource(r *span.Resource) {
	s := &d.json
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		switch s.Key() {
		case "attributes":
			d.jsonShared(&r.Attrs)
		case "droppedAttributesCount", "dropped_attributes_count":
			r.Dropped = s.Uint32()
		default:
			s.Skip()
		}
	}
}

func (d *Decoder) jsonScopeItems(n *jsonNames, r *span.Resource, item func(r *span.Resource, sc *span.Scope)) {
	s := &d.json
	sc := d.newScope()
	first, refusal := d.items(), ""
	if s.Begin('{') {
		for s.More('}') {
			switch s.Key() {
			case "scope":
				d.jsonScope(sc)
				if refusal == "" {
					refusal = d.refusal
				}
				d.refusal = ""
			case n.items, n.items2:
				if s.Begin('[') {
					for s.More(']') {
						item(r, sc)
					}
				}
			case "schemaUrl", "schema_url":
				sc.SchemaURL = s.Text()
			default:
				s.Skip()
			}
		}
	}
	d.endScope(sc, first, refusal)
}

func (d *Decoder) jsonScope(sc *span.Scope) {
	s := &d.json
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		switch s.Key() {
		case "name":
			sc.Name = s.Text()
		case "version":
			sc.Version = s.Text()
		case "attributes":
			d.jsonShared(&sc.Attrs)
		case "droppedAttributesCount", "dropped_attributes_count":
			sc.Dropped = s.Uint32()
		default:
			s.Skip()
		}
	}
}

var (
	kindNames   = []string{"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
	statusNames = []string{"UNSET", "OK", "ERROR"}
)

// jsonSpan reads a Span and appends it.
func (d *Decoder) jsonSpan(r *span.Resource, sc *span.Scope) {
	s := &d.json
	sp, from := d.beginSpan(r, sc)
	var start, end uint64
	if s.Begin('{') {
		for s.More('}') {
			switch s.Key() {
			case "traceId", "trace_id":
				d.jsonID(sp.TraceID[:], "trace id")
			case "spanId", "span_id":
				d.jsonID(sp.ID[:], "span id")
			case "parentSpanId", "parent_span_id":
				d.jsonID(sp.Parent[:], "parent span id")
			case "traceState", "trace_state":
				sp.State = s.Text()
			case "flags":
				sp.Flags = s.Uint32()
			case "name":
				sp.Name = s.Text()
			case "kind":
				sp.Kind = kind(s.Enum("SPAN_KIND_", kindNames))
			case "startTimeUnixNano", "start_time_unix_nano":
				start = s.Uint(math.MaxUint64)
			case "endTimeUnixNano", "end_time_unix_nano":
				end = s.Uint(math.MaxUint64)
			case "attributes":
				d.jsonAttrs(&d.attrs, from.attrs)
			case "droppedAttributesCount", "dropped_attributes_count":
				sp.DroppedAttrs = s.Uint32()
			case "events":
				d.jsonEvents(from.events)
			case "droppedEventsCount", "dropped_events_count":
				sp.DroppedEvents = s.Uint32()
			case "links":
				d.jsonLinks(from.links)
			case "droppedLinksCount", "dropped_links_count":
				sp.DroppedLinks = s.Uint32()
			case "status":
				d.jsonStatus(sp)
			default:
				s.Skip()
			}
		}
	}
	switch {
	case sp.TraceID.IsZero():
		d.refuse("no trace id, or one of zeros only; want 32 random hex digits")
	case sp.ID.IsZero():
		d.refuse("no span id, or one of zeros only; want 16 random hex digits")
	}
	d.endSpan(sp, from, start, end)
}

// jsonID reads an id, which OTLP/JSON writes in hex. An empty one is none.
func (d *Decoder) jsonID(id []byte, what string) {
	str := d.json.Text()
	clear(id)
	if str == "" {
		return
	}
	ok := len(str) == 2*len(id)
	for i := 0; ok && i < len(id); i++ {
		high, low := wire.Unhex(str[2*i]), wire.Unhex(str[2*i+1])
		ok = high|low < 16
		id[i] = high<<4 | low
	}
	if !ok {
		d.refuse("%s %q; want %d hex digits", what, clip(str), 2*len(id))
	}
}

func (d *Decoder) jsonStatus(sp *span.Span) {
	s := &d.json
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		switch s.Key() {
		case "message":
			sp.Message = s.Text()
		case "code":
			sp.Status = statusCode(s.Enum("STATUS_CODE_", statusNames))
		default:
			s.Skip()
		}
	}
}

func (d *Decoder) jsonEvents(from int) {
	s := &d.json
	if !s.Begin('[') {
		return
	}
	for s.More(']') {
		if !d.room(len(d.events)-from, d.limits.Events, "events") {
			s.Skip()
			continue
		}
		var e span.Event
		attrs := len(d.inner)
		if s.Begin('{') {
			for s.More('}') {
				switch s.Key() {
				case "timeUnixNano", "time_unix_nano":
					e.Time = d.time(s.Uint(math.MaxUint64))
				case "name":
					e.Name = s.Text()
				case "attributes":
					d.jsonAttrs(&d.inner, attrs)
				case "droppedAttributesCount", "dropped_attributes_count":
					e.Dropped = s.Uint32()
				default:
					s.Skip()
				}
			}
		}
		e.Attrs = since(d.inner, attrs)
		d.events = append(d.events, e)
	}
}

func (d *Decoder) jsonLinks(from int) {
	s := &d.json
	if !s.Begin('[') {
		return
	}
	for s.More(']') {
		if !d.room(len(d.links)-from, d.limits.Links, "links") {
			s.Skip()
			continue
		}
		d.links = append(d.links, span.Link{})
		l := &d.links[len(d.links)-1]
		attrs := len(d.inner)
		if s.Begin('{') {
			for s.More('}') {
				switch s.Key() {
				case "traceId", "trace_id":
					d.jsonID(l.TraceID[:], "a link's trace id")
				case "spanId", "span_id":
					d.jsonID(l.ID[:], "a link's span id")
				case "traceState", "trace_state":
					l.State = s.Text()
				case "flags":
					l.Flags = s.Uint32()
				case "attributes":
					d.jsonAttrs(&d.inner, attrs)
				case "droppedAttributesCount", "dropped_attributes_count":
					l.Dropped = s.Uint32()
				default:
					s.Skip()
				}
			}
		}
		l.Attrs = since(d.inner, attrs)
	}
}
