package agent

import (
	"encoding/binary"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/rt/trace"
	"github.com/weft-trace/weft/rt/waterfall"
)

// A console prints each trace of this process as a waterfall, when it is whole and nothing has come for a while.
type console struct {
	waterfall.Assembler
	service string
	out     *os.File
	opt     waterfall.Options
	buf     []byte
}

func newConsole(service string, out *os.File) *console {
	width, color := waterfall.Terminal(out, getenv)
	return &console{
		Assembler: waterfall.Assembler{Local: true, MaxSpans: 5_000, MaxTrace: 2_000},
		service:   service,
		out:       out,
		opt:       waterfall.Options{Width: width, Color: color},
	}
}

func (c *console) add(r *trace.Record, clock *clock) {
	id := waterfall.TraceID{Hi: r.Trace.Hi, Lo: r.Trace.Lo}
	c.print(c.Add(id, convert(r, clock, c.service), time.Now()))
}

// print writes each trace in one piece.
func (c *console) print(traces []waterfall.Trace) {
	for _, t := range traces {
		c.buf = waterfall.Append(c.buf[:0], t, c.opt)
		c.out.Write(append(c.buf, '\n'))
	}
}

// convert makes a span for the waterfall of a record. It copies all strings.
func convert(r *trace.Record, c *clock, service string) waterfall.Span {
	s := waterfall.Span{
		ID: r.Span, Parent: r.Parent, Remote: r.Remote, Kind: int8(r.Kind),
		Start: c.wall(r.Start), End: c.wall(r.End),
		Name: strings.Clone(r.Name), Service: service,
		Failed: r.Status == trace.StatusError, Message: strings.Clone(r.Message),
	}
	var e trace.Entry
	for it := r.Entries(); it.Next(&e); {
		a := waterfall.Attr{Key: e.Key.Name(), Value: value(&e)}
		switch {
		case e.Kind == trace.EntryEvent:
			s.Events = append(s.Events, waterfall.Event{Name: a.Key, Time: c.wall(int64(e.Num))})
		case e.Kind == trace.EntryEventAt:
			s.Events = append(s.Events, waterfall.Event{Name: a.Key, Time: int64(e.Num)})
		case e.Kind == trace.EntryStart:
			s.Start = int64(e.Num)
			s.End = max(s.End, s.Start)
		case e.Kind == trace.EntryEnd:
			s.End = max(int64(e.Num), s.Start)
		case e.Kind == trace.EntryLink:
		case !e.OfEvent:
			s.Attrs = append(s.Attrs, a)
		case len(s.Events) > 0:
			ev := &s.Events[len(s.Events)-1]
			ev.Attrs = append(ev.Attrs, a)
		}
	}
	return s
}

// value is an attribute's value as text, copied.
func value(e *trace.Entry) string {
	switch e.Kind {
	case trace.EntryStr:
		return strings.Clone(e.Str)
	case trace.EntryInt:
		return strconv.FormatInt(int64(e.Num), 10)
	case trace.EntryBool:
		return strconv.FormatBool(e.Num != 0)
	case trace.EntryFloat:
		return strconv.FormatFloat(math.Float64frombits(e.Num), 'g', -1, 64)
	case trace.EntryArray:
		return array(e.Str)
	}
	return ""
}

// array is an encoded ArrayValue of OTLP as text: its elements, separated by
// commas.
func array(m string) string {
	var b []byte
	for len(m) > 1 { // 0x0a, length, AnyValue
		n, size := uvarint(m[1:])
		if size <= 0 || n > uint64(len(m)-1-size) {
			break
		}
		v := m[1+size : 1+size+int(n)]
		m = m[1+size+int(n):]
		if len(b) > 0 {
			b = append(b, ',')
		}
		if len(v) < 2 {
			continue
		}
		num, size := uvarint(v[1:])
		switch {
		case v[0] == 0x0a && size > 0:
			b = append(b, v[1+size:]...)
		case v[0] == 0x10:
			b = strconv.AppendBool(b, num != 0)
		case v[0] == 0x18:
			b = strconv.AppendInt(b, int64(num), 10)
		case v[0] == 0x21 && len(v) == 9:
			b = strconv.AppendFloat(b, math.Float64frombits(binary.LittleEndian.Uint64([]byte(v[1:]))), 'g', -1, 64)
		}
	}
	return string(b)
}

func uvarint(s string) (v uint64, size int) {
	return binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
}
