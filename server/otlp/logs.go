package otlp

import (
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

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
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagLogTime:
			time, i = wire.Fixed64(b, i)
		case tagLogObserved:
			observed, i = wire.Fixed64(b, i)
		case tagLogSeverity:
			n, i = wire.Uvarint(b, i)
			l.Severity = severity(n)
		case tagLogLevel:
			if data, i = wire.Chunk(b, i); i >= 0 {
				l.Level = wire.Text(data)
			}
		case tagLogEventName:
			if data, i = wire.Chunk(b, i); i >= 0 {
				l.Event = wire.Text(data)
			}
		case tagLogBody:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.value(data, &l.Body)
			}
		case tagLogAttr:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.attr(&d.attrs, attrs, data)
			}
		case tagLogDropped:
			n, i = wire.Uvarint(b, i)
			l.Dropped = uint32(n)
		case tagLogTraceID:
			trace, i = wire.Chunk(b, i)
		case tagLogSpan:
			id, i = wire.Chunk(b, i)
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
