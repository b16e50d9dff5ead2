//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/span"
)

// weft asks weft's own HTTP API.
type weft struct {
	base string // before /api/weft/v1
}

func (w weft) traceURL(id span.TraceID) string { return w.base + "/api/weft/v1/traces/" + id.String() }

func (w weft) searchURL(q workload.Search) string {
	var and []string
	if q.Service >= 0 {
		and = append(and, fmt.Sprintf("service = %q", workload.ServiceName(q.Service)))
	}
	if q.Operation >= 0 {
		and = append(and, fmt.Sprintf("name = %q", workload.OperationName(q.Service, q.Operation)))
	}
	if q.MinDuration > 0 {
		and = append(and, fmt.Sprintf("duration >= %dus", q.MinDuration.Microseconds()))
	}
	if q.User >= 0 {
		and = append(and, fmt.Sprintf("user.id = %q", workload.UserName(q.User)))
	}
	return w.base + "/api/weft/v1/search?" + url.Values{
		"q": {strings.Join(and, " and ")}, "from": {fmt.Sprint(q.From)}, "to": {fmt.Sprint(q.To)}, "limit": {fmt.Sprint(q.Limit)},
	}.Encode()
}

// read reads a trace, or the traces of a search with the spans that matched.
func (w weft) read(body []byte) ([]trace, error) {
	var answer struct {
		TraceID       string
		StartUnixNano int64 `json:",string"`
		Spans         []struct {
			SpanID, ParentSpanID, Name, Service string
			OffsetNanos, DurationNanos          int64
			Attributes                          map[string]any
		}
		Traces []struct {
			TraceID string
			Matches []struct{ SpanID string }
		}
		Partial bool
		Why     string
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w: %.200q", err, body)
	}
	if answer.Partial {
		return nil, fmt.Errorf("the answer is partial: %s", answer.Why)
	}
	if answer.TraceID == "" {
		var out []trace
		for _, t := range answer.Traces {
			id, err := span.ParseTraceID(t.TraceID)
			if err != nil {
				return nil, err
			}
			out = append(out, trace{id: id, spans: make([]foundSpan, len(t.Matches))})
		}
		return out, nil
	}
	id, err := span.ParseTraceID(answer.TraceID)
	if err != nil {
		return nil, err
	}
	tr := trace{id: id, whole: true}
	for _, s := range answer.Spans {
		found := foundSpan{service: s.Service, name: s.Name, start: answer.StartUnixNano + s.OffsetNanos, duration: s.DurationNanos,
			precision: 1, attrs: map[string]string{}}
		if found.id, err = span.ParseID(s.SpanID); err != nil {
			return nil, err
		}
		if s.ParentSpanID != "" {
			if found.parent, err = span.ParseID(s.ParentSpanID); err != nil {
				return nil, err
			}
		}
		for k, v := range s.Attributes {
			found.attrs[k] = fmt.Sprint(v)
		}
		tr.spans = append(tr.spans, found)
	}
	return []trace{tr}, nil
}
