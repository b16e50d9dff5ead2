package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/weft-trace/weft/rt/waterfall"
	"github.com/weft-trace/weft/server/span"
)

var traceCommand = &command{
	name:  "trace",
	usage: "[flags] id",
	short: "draw one trace of a server",
	long: `Trace asks a server, "weft serve", for a trace and draws it as a waterfall. The
thick parts of the bars are the critical path: what the trace's end waited
for. Spans that failed are red, and say why.

	-rows 500     how many spans at most
	-json         print what the server answers
	-server URL   the server, or unix:/path; WEFT_SERVER, or http://127.0.0.1:16686

"weft search" lists the ids of traces; leading zeros may be left out. If the
server wants a token, it is taken from WEFT_TOKEN. PEM files for TLS: WEFT_CA (its
authority), WEFT_CERT and WEFT_KEY (to show it).
`,
	run: runTrace,
}

// wholeTrace is a trace as /traces/{id} answers.
type wholeTrace struct {
	StartUnixNano nanos
	Spans         []struct {
		SpanID, ParentSpanID       string
		Name, Service, Kind        string
		OffsetNanos, DurationNanos int64
		Status, Message            string
		Attributes                 members
		ShiftNanos                 int64
		Flags                      uint32
		Events                     []struct {
			Name        string
			OffsetNanos int64
			Attributes  members
		}
	}
}

// criticalPath is that of /traces/{id}/critical-path.
type criticalPath struct {
	Segments []struct {
		SpanID                string
		FromNanos, UntilNanos int64
	}
}

// members are those of a JSON object in their order.
type members []waterfall.Attr

func (m *members) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	keys := make([]string, 0, len(raw))
	for k := range raw {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		text := string(raw[k])
		var s string
		if json.Unmarshal(raw[k], &s) == nil {
			text = s
		}
		*m = append(*m, waterfall.Attr{Key: k, Value: text})
	}
	return nil
}

func runTrace(inv *invocation) (int, error) {
	a := newAsking(inv, "trace")
	rows := a.flags.Int("rows", 500, "")
	if err := a.parse(); err != nil {
		return 2, err
	}
	if len(a.args) != 1 {
		return 2, fmt.Errorf("trace: want one trace id, have %d arguments; \"weft search\" lists ids", len(a.args))
	}
	id, err := span.ParseTraceID(a.args[0])
	if err != nil {
		return 2, err
	}
	ctx, stop := interruptible()
	defer stop()
	path := "/traces/" + url.PathEscape(id.String())
	if a.json {
		body, err := a.client.get(ctx, path, nil)
		if err != nil {
			return 1, err
		}
		return 0, printJSON(a, body)
	}
	var t wholeTrace
	if err := a.client.into(ctx, path, nil, &t); err != nil {
		return 1, err
	}
	var critical criticalPath
	if err := a.client.into(ctx, path+"/critical-path", nil, &critical); err != nil {
		return 1, err
	}
	out := waterfall.Append(nil, t.draw(id, &critical), waterfall.Options{Width: a.width, Color: a.color, MaxRows: *rows, Today: now()})
	if len(critical.Segments) > 0 && len(t.Spans) > 1 {
		legend := "█ the critical path: what the end of the trace waited for\n"
		if a.color {
			legend = ansiDim + legend[:len(legend)-1] + ansiReset + "\n"
		}
		out = append(out, legend...)
	}
	_, err = inv.stdout.Write(out)
	return 0, err
}

// draw makes of the answer what the waterfall is drawn from.
func (t *wholeTrace) draw(id span.TraceID, critical *criticalPath) waterfall.Trace {
	out := waterfall.Trace{Spans: make([]waterfall.Span, 0, len(t.Spans))}
	out.ID.Hi, _ = strconv.ParseUint(id.String()[:16], 16, 64)
	out.ID.Lo, _ = strconv.ParseUint(id.String()[16:], 16, 64)
	byID := make(map[string]int, len(t.Spans))
	base := int64(t.StartUnixNano)
	for i := range t.Spans {
		s := &t.Spans[i]
		w := waterfall.Span{Name: s.Name, Service: s.Service, Start: base + s.OffsetNanos, End: base + s.OffsetNanos + s.DurationNanos,
			Failed: s.Status == "error", Message: s.Message, Attrs: s.Attributes, Remote: s.Flags&0x300 == 0x300}
		w.ID, _ = strconv.ParseUint(s.SpanID, 16, 64)
		w.Parent, _ = strconv.ParseUint(s.ParentSpanID, 16, 64)
		if k, ok := span.ParseKind(s.Kind); ok {
			w.Kind = int8(k)
		}
		for _, e := range s.Events {
			w.Events = append(w.Events, waterfall.Event{Name: e.Name, Time: base + e.OffsetNanos, Attrs: e.Attributes})
		}
		if _, twice := byID[s.SpanID]; !twice {
			byID[s.SpanID] = i
		}
		out.Spans = append(out.Spans, w)
	}
	for _, seg := range critical.Segments {
		if i, ok := byID[seg.SpanID]; ok {
			from := base + seg.FromNanos - t.Spans[i].ShiftNanos
			out.Spans[i].Critical = append(out.Spans[i].Critical, waterfall.Section{Start: from, End: from + seg.UntilNanos - seg.FromNanos})
		}
	}
	return out
}
