package otlp

import (
	"fmt"
	"math"

	"github.com/weft-trace/weft/server/span"
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
	if s.peek() != '{' { // null is nothing that a client sends
		s.unexpected("an object")
	}
	if s.begin('{') {
		for s.more('}') {
			switch s.key() {
			case n.resources, n.resources2:
				if s.begin('[') {
					for s.more(']') {
						d.jsonResourceItems(n, item)
					}
				}
			default:
				s.skip()
			}
		}
	}
	s.end()
	if s.fault != nil {
		return fmt.Errorf("decode OTLP JSON: byte %d of %d: %w; send the %s message, encoded as OTLP/JSON and complete",
			min(s.at, d.size), d.size, s.fault, d.message)
	}
	return nil
}

func (d *Decoder) jsonResourceItems(n *jsonNames, item func(r *span.Resource, sc *span.Scope)) {
	s := &d.json
	r := d.newResource()
	first, refusal := d.items(), ""
	if s.begin('{') {
		for s.more('}') {
			switch s.key() {
			case "resource":
				d.jsonResource(r)
				if refusal == "" {
					refusal = d.refusal
				}
				d.refusal = ""
			case n.scopes, n.scopes2:
				if s.begin('[') {
					for s.more(']') {
						d.jsonScopeItems(n, r, item)
					}
				}
			case "schemaUrl", "schema_url":
				r.SchemaURL = s.str()
			default:
				s.skip()
			}
		}
	}
	d.endResource(r, first, refusal)
}

func (d *Decoder) jsonResource(r *span.Resource) {
	s := &d.json
	if !s.begin('{') {
		return
	}
	for s.more('}') {
		switch s.key() {
		case "attributes":
			d.jsonShared(&r.Attrs)
		case "droppedAttributesCount", "dropped_attributes_count":
			r.Dropped = s.uint32()
		default:
			s.skip()
		}
	}
}

func (s *scanner) uint32() uint32 { return uint32(s.uint(math.MaxUint32)) }

func (d *Decoder) jsonScopeItems(n *jsonNames, r *span.Resource, item func(r *span.Resource, sc *span.Scope)) {
	s := &d.json
	sc := d.newScope()
	first, refusal := d.items(), ""
	if s.begin('{') {
		for s.more('}') {
			switch s.key() {
			case "scope":
				d.jsonScope(sc)
				if refusal == "" {
					refusal = d.refusal
				}
				d.refusal = ""
			case n.items, n.items2:
				if s.begin('[') {
					for s.more(']') {
						item(r, sc)
					}
				}
			case "schemaUrl", "schema_url":
				sc.SchemaURL = s.str()
			default:
				s.skip()
			}
		}
	}
	d.endScope(sc, first, refusal)
}

func (d *Decoder) jsonScope(sc *span.Scope) {
	s := &d.json
	if !s.begin('{') {
		return
	}
	for s.more('}') {
		switch s.key() {
		case "name":
			sc.Name = s.str()
		case "version":
			sc.Version = s.str()
		case "attributes":
			d.jsonShared(&sc.Attrs)
		case "droppedAttributesCount", "dropped_attributes_count":
			sc.Dropped = s.uint32()
		default:
			s.skip()
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
	if s.begin('{') {
		for s.more('}') {
			switch s.key() {
			case "traceId", "trace_id":
				d.jsonID(sp.TraceID[:], "trace id")
			case "spanId", "span_id":
				d.jsonID(sp.ID[:], "span id")
			case "parentSpanId", "parent_span_id":
				d.jsonID(sp.Parent[:], "parent span id")
			case "traceState", "trace_state":
				sp.State = s.str()
			case "flags":
				sp.Flags = s.uint32()
			case "name":
				sp.Name = s.str()
			case "kind":
				sp.Kind = kind(s.enum("SPAN_KIND_", kindNames))
			case "startTimeUnixNano", "start_time_unix_nano":
				start = s.uint(math.MaxUint64)
			case "endTimeUnixNano", "end_time_unix_nano":
				end = s.uint(math.MaxUint64)
			case "attributes":
				d.jsonAttrs(&d.attrs, from.attrs)
			case "droppedAttributesCount", "dropped_attributes_count":
				sp.DroppedAttrs = s.uint32()
			case "events":
				d.jsonEvents(from.events)
			case "droppedEventsCount", "dropped_events_count":
				sp.DroppedEvents = s.uint32()
			case "links":
				d.jsonLinks(from.links)
			case "droppedLinksCount", "dropped_links_count":
				sp.DroppedLinks = s.uint32()
			case "status":
				d.jsonStatus(sp)
			default:
				s.skip()
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
	str := d.json.str()
	clear(id)
	if str == "" {
		return
	}
	ok := len(str) == 2*len(id)
	for i := 0; ok && i < len(id); i++ {
		high, low := unhex(str[2*i]), unhex(str[2*i+1])
		ok = high|low < 16
		id[i] = high<<4 | low
	}
	if !ok {
		d.refuse("%s %q; want %d hex digits", what, clip(str), 2*len(id))
	}
}

func (d *Decoder) jsonStatus(sp *span.Span) {
	s := &d.json
	if !s.begin('{') {
		return
	}
	for s.more('}') {
		switch s.key() {
		case "message":
			sp.Message = s.str()
		case "code":
			sp.Status = statusCode(s.enum("STATUS_CODE_", statusNames))
		default:
			s.skip()
		}
	}
}

func (d *Decoder) jsonEvents(from int) {
	s := &d.json
	if !s.begin('[') {
		return
	}
	for s.more(']') {
		if !d.room(len(d.events)-from, d.limits.Events, "events") {
			s.skip()
			continue
		}
		var e span.Event
		attrs := len(d.inner)
		if s.begin('{') {
			for s.more('}') {
				switch s.key() {
				case "timeUnixNano", "time_unix_nano":
					e.Time = d.time(s.uint(math.MaxUint64))
				case "name":
					e.Name = s.str()
				case "attributes":
					d.jsonAttrs(&d.inner, attrs)
				case "droppedAttributesCount", "dropped_attributes_count":
					e.Dropped = s.uint32()
				default:
					s.skip()
				}
			}
		}
		e.Attrs = since(d.inner, attrs)
		d.events = append(d.events, e)
	}
}

func (d *Decoder) jsonLinks(from int) {
	s := &d.json
	if !s.begin('[') {
		return
	}
	for s.more(']') {
		if !d.room(len(d.links)-from, d.limits.Links, "links") {
			s.skip()
			continue
		}
		d.links = append(d.links, span.Link{})
		l := &d.links[len(d.links)-1]
		attrs := len(d.inner)
		if s.begin('{') {
			for s.more('}') {
				switch s.key() {
				case "traceId", "trace_id":
					d.jsonID(l.TraceID[:], "a link's trace id")
				case "spanId", "span_id":
					d.jsonID(l.ID[:], "a link's span id")
				case "traceState", "trace_state":
					l.State = s.str()
				case "flags":
					l.Flags = s.uint32()
				case "attributes":
					d.jsonAttrs(&d.inner, attrs)
				case "droppedAttributesCount", "dropped_attributes_count":
					l.Dropped = s.uint32()
				default:
					s.skip()
				}
			}
		}
		l.Attrs = since(d.inner, attrs)
	}
}
