//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/span"
)

// jaeger asks Jaeger's HTTP API v1, which weft and VictoriaTraces speak as well.
type jaeger struct {
	base string // before /api/traces
}

func (j jaeger) traceURL(id span.TraceID) string { return j.base + "/api/traces/" + id.String() }

func (j jaeger) searchURL(q workload.Search) string {
	v := url.Values{
		"start":    {fmt.Sprint(q.From / 1000)}, // microseconds
		"end":      {fmt.Sprint(q.To/1000 + 1)},
		"lookback": {"custom"},
		"limit":    {fmt.Sprint(q.Limit)},
	}
	if q.Service >= 0 {
		v.Set("service", workload.ServiceName(q.Service))
	}
	if q.Operation >= 0 {
		v.Set("operation", workload.OperationName(q.Service, q.Operation))
	}
	if q.MinDuration > 0 {
		v.Set("minDuration", fmt.Sprintf("%dus", q.MinDuration/time.Microsecond))
	}
	if q.User >= 0 {
		v.Set("tags", fmt.Sprintf(`{"user.id":%q}`, workload.UserName(q.User)))
	}
	return j.base + "/api/traces?" + v.Encode()
}

func (j jaeger) read(body []byte) ([]trace, error) {
	var answer struct {
		Data []struct {
			TraceID string
			Spans   []struct {
				TraceID, SpanID, OperationName, ProcessID string
				References                                []struct{ RefType, SpanID string }
				StartTime, Duration                       int64 // microseconds
				Tags                                      []struct {
					Key   string
					Value any
				}
			}
			Processes map[string]struct{ ServiceName string }
		}
		Errors []struct{ Msg string }
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, fmt.Errorf("read the answer: %w: %.200q", err, body)
	}
	if len(answer.Errors) > 0 {
		return nil, fmt.Errorf("the answer is an error: %s", answer.Errors[0].Msg)
	}
	var out []trace
	for _, t := range answer.Data {
		id, err := span.ParseTraceID(t.TraceID)
		if err != nil {
			return nil, err
		}
		tr := trace{id: id, whole: true}
		for _, s := range t.Spans {
			found := foundSpan{service: t.Processes[s.ProcessID].ServiceName, name: s.OperationName, start: s.StartTime * 1000,
				duration: s.Duration * 1000, precision: 1000, attrs: map[string]string{}}
			if found.id, err = span.ParseID(s.SpanID); err != nil {
				return nil, err
			}
			for _, r := range s.References {
				if r.RefType == "CHILD_OF" {
					if found.parent, err = span.ParseID(r.SpanID); err != nil {
						return nil, err
					}
				}
			}
			for _, tag := range s.Tags {
				found.attrs[tag.Key] = fmt.Sprint(tag.Value)
			}
			tr.spans = append(tr.spans, found)
		}
		out = append(out, tr)
	}
	return out, nil
}
