package api

import (
	"strconv"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/reply"
)

// appendNode writes which span a node is, as further members of an object.
func appendNode(b []byte, n *analysis.Node) []byte {
	b = append(b, `"spanId":`...)
	b = reply.AppendID(b, n.Span.ID)
	b = append(b, `,"name":`...)
	b = reply.AppendString(b, n.Span.Name)
	b = append(b, `,"service":`...)
	return reply.AppendString(b, n.Span.Service())
}

// criticalPath answers with what the end of a trace waited for.
func (a *API) criticalPath(c *call) error {
	if err := c.done(); err != nil {
		return err
	}
	spans, err := a.spans(c)
	if err != nil {
		return err
	}
	t := analysis.Build(spans)
	p := analysis.CriticalPath(t)
	b := []byte(`{"traceId":`)
	b = reply.AppendTraceID(b, spans[0].TraceID)
	b = append(b, `,"startUnixNano":`...)
	b = reply.AppendQuoted(b, t.Start)
	b = append(b, `,"durationNanos":`...)
	b = strconv.AppendInt(b, t.End-t.Start, 10)
	b = append(b, `,"segments":[`...)
	for _, s := range p.Segments {
		b = append(reply.Comma(b), '{')
		if s.Node >= 0 {
			b = append(appendNode(b, &t.Spans[s.Node]), ',')
		}
		b = append(b, `"fromNanos":`...)
		b = strconv.AppendInt(b, s.From, 10)
		b = append(b, `,"untilNanos":`...)
		b = strconv.AppendInt(b, s.To, 10)
		b = append(b, `,"idle":`...)
		b = strconv.AppendBool(b, s.Idle)
		b = append(b, '}')
	}
	b = append(b, `],"spans":[`...)
	for i, n := range p.PerNode(t) {
		if n == 0 {
			continue
		}
		b = append(reply.Comma(b), '{')
		b = appendNode(b, &t.Spans[i])
		b = append(b, `,"nanos":`...)
		b = append(strconv.AppendInt(b, n, 10), '}')
	}
	return c.bytes("application/json", append(b, "]}\n"...))
}

// compare answers with how two traces differ.
func (a *API) compare(c *call) error {
	x, y := c.required("a"), c.required("b")
	if err := c.done(); err != nil {
		return err
	}
	var trees [2]*analysis.Tree
	for i, s := range []string{x, y} {
		id, err := parseTraceID([]string{"a", "b"}[i], s)
		if err != nil {
			return err
		}
		spans, err := a.spansOf(c, id)
		if err != nil {
			return err
		}
		trees[i] = analysis.Build(spans)
	}
	r := analysis.Compare(trees[0], trees[1])
	b := appendCompared([]byte(`{"a":`), trees[0])
	b = appendCompared(append(b, `,"b":`...), trees[1])
	b = append(b, `,"matched":`...)
	b = strconv.AppendInt(b, int64(r.Matched), 10)
	b = append(b, `,"removed":`...)
	b = strconv.AppendInt(b, int64(r.Removed), 10)
	b = append(b, `,"added":`...)
	b = strconv.AppendInt(b, int64(r.Added), 10)
	b = append(b, `,"spans":[`...)
	for i := range r.Pairs {
		p := &r.Pairs[i]
		n := (*analysis.Node)(nil)
		b = append(reply.Comma(b), '{')
		if p.A >= 0 {
			n = &trees[0].Spans[p.A]
			b = append(b, `"a":`...)
			b = append(appendSide(b, n), ',')
		}
		if p.B >= 0 {
			n = &trees[1].Spans[p.B]
			b = append(b, `"b":`...)
			b = append(appendSide(b, n), ',')
		}
		b = append(b, `"name":`...)
		b = reply.AppendString(b, n.Span.Name)
		b = append(b, `,"service":`...)
		b = reply.AppendString(b, n.Span.Service())
		b = append(b, `,"kind":"`...)
		b = append(b, n.Span.Kind.String()...)
		b = append(b, `","depth":`...)
		b = strconv.AppendInt(b, int64(p.Depth), 10)
		b = append(b, `,"slowerNanos":`...)
		b = strconv.AppendInt(b, p.Slower, 10)
		b = append(b, `,"slowerSelfNanos":`...)
		b = strconv.AppendInt(b, p.SlowerSelf, 10)
		b = append(b, '}')
	}
	b = append(b, `],"operations":[`...)
	for i := range r.Operations {
		o := &r.Operations[i]
		b = append(reply.Comma(b), `{"service":`...)
		b = reply.AppendString(b, o.Service)
		b = append(b, `,"name":`...)
		b = reply.AppendString(b, o.Name)
		b = append(b, `,"kind":"`...)
		b = append(append(b, o.Kind.String()...), '"')
		for _, side := range []struct {
			name           string
			count, errors  int
			duration, self int64
		}{{"a", o.CountA, o.ErrorsA, o.DurationA, o.SelfA}, {"b", o.CountB, o.ErrorsB, o.DurationB, o.SelfB}} {
			b = append(reply.AppendKey(b, side.name), `{"count":`...)
			b = strconv.AppendInt(b, int64(side.count), 10)
			b = append(b, `,"errors":`...)
			b = strconv.AppendInt(b, int64(side.errors), 10)
			b = append(b, `,"durationNanos":`...)
			b = strconv.AppendInt(b, side.duration, 10)
			b = append(b, `,"selfNanos":`...)
			b = strconv.AppendInt(b, side.self, 10)
			b = append(b, '}')
		}
		b = append(b, '}')
	}
	return c.bytes("application/json", append(b, "]}\n"...))
}

// appendCompared writes which trace one side of a comparison is.
func appendCompared(b []byte, t *analysis.Tree) []byte {
	root, errors, _ := sumUp(t)
	b = append(b, `{"traceId":`...)
	b = reply.AppendTraceID(b, root.TraceID)
	b = append(b, `,"rootService":`...)
	b = reply.AppendString(b, root.Service())
	b = append(b, `,"rootName":`...)
	b = reply.AppendString(b, root.Name)
	b = append(b, `,"startUnixNano":`...)
	b = reply.AppendQuoted(b, t.Start)
	b = append(b, `,"durationNanos":`...)
	b = strconv.AppendInt(b, t.End-t.Start, 10)
	b = append(b, `,"spanCount":`...)
	b = strconv.AppendInt(b, int64(len(t.Spans)), 10)
	b = append(b, `,"errorCount":`...)
	return append(strconv.AppendInt(b, int64(errors), 10), '}')
}

func appendSide(b []byte, n *analysis.Node) []byte {
	b = append(b, `{"spanId":`...)
	b = reply.AppendID(b, n.Span.ID)
	b = append(b, `,"offsetNanos":`...)
	b = strconv.AppendInt(b, n.Offset, 10)
	b = append(b, `,"durationNanos":`...)
	b = strconv.AppendInt(b, n.Span.Duration, 10)
	b = append(b, `,"status":"`...)
	b = append(b, n.Span.Status.String()...)
	return append(b, `"}`...)
}

// waits answers with where the time of requests went, by route.
func (a *API) waits(c *call) error {
	req := query.WaitsRequest{Query: c.query("q"), Limit: c.limit("limit", 20, maxGroups)}
	req.From, req.To = c.during()
	if err := c.done(); err != nil {
		return err
	}
	res, err := query.Waits(c.ctx, a.Store, req)
	if err != nil {
		return err
	}
	b := appendRange(nil, req.From, req.To)
	b = append(b, `,"routes":[`...)
	for i := range res.Routes {
		r := &res.Routes[i]
		b = append(reply.Comma(b), `{"service":`...)
		b = reply.AppendString(b, r.Service)
		b = append(b, `,"route":`...)
		b = reply.AppendString(b, r.Route)
		b = append(b, `,"spans":`...)
		b = strconv.AppendInt(b, int64(r.Spans), 10)
		b = append(b, `,"durationNanos":`...)
		b = strconv.AppendInt(b, r.Duration, 10)
		b = append(b, `,"runningNanos":`...)
		b = strconv.AppendInt(b, r.Running, 10)
		b = append(b, `,"runnableNanos":`...)
		b = strconv.AppendInt(b, r.Runnable, 10)
		b = append(b, `,"waits":[`...)
		for _, w := range r.Waits {
			b = append(reply.Comma(b), `{"reason":`...)
			b = reply.AppendString(b, w.Reason)
			b = append(b, `,"spans":`...)
			b = strconv.AppendInt(b, int64(w.Spans), 10)
			b = append(b, `,"nanos":`...)
			b = append(strconv.AppendInt(b, w.Time, 10), '}')
		}
		b = append(b, "]}"...)
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, res.More)
	b = appendStats(b, &res.Stats)
	return c.bytes("application/json", append(b, '}', '\n'))
}
