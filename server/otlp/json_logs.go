package otlp

import (
	"math"

	"github.com/weft-trace/weft/server/span"
)

// LogsJSON decodes an ExportLogsServiceRequest in OTLP/JSON, as Logs does for protobuf.
func (d *Decoder) LogsJSON(b []byte) (logs []span.Log, rejected int, reason string, err error) {
	d.start(b, "ExportLogsServiceRequest")
	if err := d.jsonRequest(&jsonLogs, d.jsonLog); err != nil {
		return nil, 0, "", err
	}
	return since(d.logs, 0), d.rejected, d.why(), nil
}

var severityNames = func() []string {
	names := []string{"UNSPECIFIED"}
	for _, level := range []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"} {
		names = append(names, level, level+"2", level+"3", level+"4")
	}
	return names
}()

// jsonLog reads a LogRecord and appends it.
func (d *Decoder) jsonLog(r *span.Resource, sc *span.Scope) {
	s := &d.json
	d.logs = append(d.logs, span.Log{Resource: r, Scope: sc})
	l := &d.logs[len(d.logs)-1]
	attrs := len(d.attrs)
	var time, observed uint64
	if s.Begin('{') {
		for s.More('}') {
			switch s.Key() {
			case "timeUnixNano", "time_unix_nano":
				time = s.Uint(math.MaxUint64)
			case "observedTimeUnixNano", "observed_time_unix_nano":
				observed = s.Uint(math.MaxUint64)
			case "severityNumber", "severity_number":
				l.Severity = severity(s.Enum("SEVERITY_NUMBER_", severityNames))
			case "severityText", "severity_text":
				l.Level = s.Text()
			case "eventName", "event_name":
				l.Event = s.Text()
			case "body":
				l.Body = d.jsonValue()
			case "attributes":
				d.jsonAttrs(&d.attrs, attrs)
			case "droppedAttributesCount", "dropped_attributes_count":
				l.Dropped = s.Uint32()
			case "flags":
				s.Uint32()
			case "traceId", "trace_id":
				d.jsonID(l.TraceID[:], "trace id")
			case "spanId", "span_id":
				d.jsonID(l.Span[:], "span id")
			default:
				s.Skip()
			}
		}
	}
	d.endLog(l, attrs, time, observed)
}
