package otlp

import "github.com/weft-trace/weft/server/span"

const noTrace = "no trace id: weft keeps logs of traces only"

// Logs decodes an ExportLogsServiceRequest in protobuf, as Traces does. Only
// records that name a trace are kept, the others are rejected.
func (d *Decoder) Logs(b []byte) (logs []span.Log, rejected int, reason string, err error) {
	d.start(b, "ExportLogsServiceRequest")
	if err := d.request(b, d.log); err != nil {
		return nil, 0, "", err
	}
	return since(d.logs, 0), d.rejected, d.why(), nil
}

// log decodes a LogRecord and appends it.
func (d *Decoder) log(b []byte, r *span.Resource, sc *span.Scope) error {
	d.logs = append(d.logs, span.Log{Resource: r, Scope: sc})
	l := &d.logs[len(d.logs)-1]
	attrs := len(d.attrs)
	var time, observed uint64
	var trace, id []byte
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = uvarint(b, i); i < 0 {
			return d.broken(b, at, cause(i))
		}
		var err error
		switch tag {
		case tagLogTime:
			time, i = fixed64(b, i)
		case tagLogObserved:
			observed, i = fixed64(b, i)
		case tagLogSeverity:
			n, i = uvarint(b, i)
			l.Severity = severity(n)
		case tagLogLevel:
			if data, i = chunk(b, i); i >= 0 {
				l.Level = text(data)
			}
		case tagLogEventName:
			if data, i = chunk(b, i); i >= 0 {
				l.Event = text(data)
			}
		case tagLogBody:
			if data, i = chunk(b, i); i >= 0 {
				err = d.value(data, &l.Body)
			}
		case tagLogAttr:
			if data, i = chunk(b, i); i >= 0 {
				err = d.attr(&d.attrs, attrs, data)
			}
		case tagLogDropped:
			n, i = uvarint(b, i)
			l.Dropped = uint32(n)
		case tagLogTraceID:
			trace, i = chunk(b, i)
		case tagLogSpan:
			id, i = chunk(b, i)
		default:
			if i, err = skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, at, cause(i))
		}
	}
	if !optionalIDs(trace, id, &l.TraceID, &l.Span) {
		d.refuse("trace id of %d and span id of %d bytes; want 16 and 8", len(trace), len(id))
	}
	d.endLog(l, attrs, time, observed)
	return nil
}

// endLog completes a log record, or takes it back.
func (d *Decoder) endLog(l *span.Log, attrs int, time, observed uint64) {
	if l.TraceID.IsZero() {
		d.refuse(noTrace)
	}
	if time == 0 {
		time = observed
	}
	l.Time = d.time(time)
	if len(d.logs) > d.limits.Items {
		d.refuse("more than %d log records in one request; send smaller batches", d.limits.Items)
	}
	if d.refusal != "" {
		d.reject(1, "log record", "")
		d.logs, d.attrs = d.logs[:len(d.logs)-1], d.attrs[:attrs]
		return
	}
	l.Attrs = since(d.attrs, attrs)
}

// severity is a SeverityNumber; numbers that OTLP does not define mean unknown.
func severity(n uint64) uint8 {
	if s := int32(n); s >= 0 && s <= 24 {
		return uint8(s)
	}
	return 0
}
