package api

import (
	"strconv"

	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/reply"
)

// Limits of a search.
const (
	defaultLimit = 20
	maxLimit     = 1000
	maxMatches   = 100
)

// appendStats writes what a query looked at, as further members of an object.
func appendStats(b []byte, s *query.Stats) []byte {
	b = append(b, `,"partial":`...)
	b = strconv.AppendBool(b, s.Partial)
	if s.Why != "" {
		b = append(b, `,"why":`...)
		b = reply.AppendString(b, s.Why)
	}
	if s.Share > 0 && s.Share < 1 {
		b = append(b, `,"share":`...)
		b = reply.AppendFloat(b, s.Share)
	}
	b = append(b, `,"scannedSpans":`...)
	b = strconv.AppendInt(b, s.Rows, 10)
	b = append(b, `,"scannedBlocks":`...)
	b = strconv.AppendInt(b, s.Blocks, 10)
	b = append(b, `,"elapsedNanos":`...)
	return strconv.AppendInt(b, int64(s.Elapsed), 10)
}

// appendRange writes the time range that was searched, as the first members of
// an object.
func appendRange(b []byte, from, to int64) []byte {
	b = append(b, `{"fromUnixNano":`...)
	b = reply.AppendQuoted(b, from)
	b = append(b, `,"toUnixNano":`...)
	return reply.AppendQuoted(b, to)
}

// search answers with traces in which a span matches, or with the spans.
func (a *API) search(c *call) error {
	req := query.SearchRequest{Query: c.query("q"), Cursor: c.text("cursor"), Summaries: true}
	req.From, req.To = c.during()
	req.Limit = c.limit("limit", defaultLimit, maxLimit)
	req.Matches = c.limit("matches", 3, maxMatches)
	if c.choice("by", "traces", "spans") == "spans" {
		req.By = query.Spans
		req.Summaries = false
	}
	if c.choice("order", "newest", "slowest") == "slowest" {
		req.Order = query.Slowest
	}
	if err := c.done(); err != nil {
		return err
	}
	res, err := query.Search(c.ctx, a.Store, req)
	if err != nil {
		return err
	}
	w := writer{b: appendRange(nil, req.From, req.To)}
	w.b = append(w.b, `,"query":`...)
	w.b = reply.AppendString(w.b, req.Query.String())
	if req.By == query.Spans {
		w.b = append(w.b, `,"spans":[`...)
		for i := range res.Hits {
			w.b = reply.Comma(w.b)
			w.span(&res.Hits[i].Spans[0])
		}
	} else {
		w.b = append(w.b, `,"traces":[`...)
		for i := range res.Hits {
			if h := &res.Hits[i]; h.Trace != nil {
				w.b = reply.Comma(w.b)
				w.hit(h)
			}
		}
	}
	w.b = append(w.b, ']')
	w.tables()
	if res.Cursor != "" {
		w.b = append(w.b, `,"cursor":`...)
		w.b = reply.AppendString(w.b, res.Cursor)
	}
	w.b = appendStats(w.b, &res.Stats)
	return c.bytes("application/json", append(w.b, '}', '\n'))
}

// hit appends a trace with those of its spans that matched.
func (w *writer) hit(h *query.Hit) {
	b := append(w.b, `{"traceId":`...)
	s := h.Trace
	b = reply.AppendTraceID(b, s.ID)
	b = append(b, `,"rootService":`...)
	b = reply.AppendString(b, s.RootService)
	b = append(b, `,"rootName":`...)
	b = reply.AppendString(b, s.RootName)
	b = append(b, `,"startUnixNano":`...)
	b = reply.AppendQuoted(b, s.Start)
	b = append(b, `,"durationNanos":`...)
	b = strconv.AppendInt(b, s.Duration, 10)
	b = append(b, `,"spanCount":`...)
	b = strconv.AppendInt(b, int64(s.Spans), 10)
	b = append(b, `,"errorCount":`...)
	b = strconv.AppendInt(b, int64(s.Errors), 10)
	b = append(b, `,"services":`...)
	b = appendServices(b, s.Services)
	b = append(b, `,"matched":`...)
	b = strconv.AppendInt(b, int64(h.Matched), 10)
	b = append(b, `,"matches":[`...)
	w.b = b
	for i := range h.Spans {
		w.b = reply.Comma(w.b)
		w.span(&h.Spans[i])
	}
	w.b = append(w.b, ']', '}')
}

// parse says whether a query is well formed, and how weft reads it.
func (a *API) parse(c *call) error {
	q := c.query("q")
	if err := c.done(); err != nil {
		return err
	}
	return c.json(map[string]string{"query": q.String()})
}
