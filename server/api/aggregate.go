package api

import (
	"strconv"
	"time"

	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/reply"
)

// Limits of aggregates.
const (
	maxGroups  = 1000
	maxPoints  = 11_000 // of a series: at one a second three hours, at one a minute a week
	maxBy      = 4
	maxColumns = 1000
)

// step reads the distance of a series' points: a duration, or "auto" for about
// 120 points, a round number of seconds apart.
func (c *call) step(name string, from, to int64) int64 {
	v := c.text(name)
	var step int64
	switch v {
	case "":
		return 0
	case "auto":
		step = autoStep(to - from)
	default:
		d, problem := parseDuration(v)
		if problem != "" || d <= 0 {
			c.fail(name, "%q; want a duration such as 10s, or auto", v)
			return 0
		}
		step = int64(d)
	}
	if n := (to - from + step - 1) / step; n > maxPoints {
		c.fail(name, "%s makes %d points of this time range; at most %d", v, n, maxPoints)
	}
	return step
}

// steps are round numbers of seconds, multiples of the windows in which the
// store has its aggregates.
var steps = []int64{10, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800}

func autoStep(length int64) int64 {
	want := length / 120 / int64(time.Second)
	for _, s := range steps {
		if s >= want {
			return s * int64(time.Second)
		}
	}
	return steps[len(steps)-1] * int64(time.Second)
}

// aggregate answers with rate, errors and percentiles of the spans that match,
// by attribute and over time.
func (a *API) aggregate(c *call) error {
	req := query.AggregateRequest{Query: c.query("q"), By: c.fields("by"), Limit: c.limit("limit", 20, maxGroups), Budget: c.budget()}
	req.From, req.To = c.during()
	req.Step = c.step("step", req.From, req.To)
	if of := c.fields("of"); len(of) > 1 {
		c.fail("of", "%d fields; want one", len(of))
	} else if len(of) == 1 {
		req.Of = of[0]
	}
	if len(req.By) > maxBy {
		c.fail("by", "%d fields; at most %d", len(req.By), maxBy)
	}
	if err := c.done(); err != nil {
		return err
	}
	res, err := query.Aggregate(c.ctx, a.Store, req)
	if err != nil {
		return err
	}
	b := appendRange(nil, res.From, res.To)
	b = append(b, `,"startUnixNano":`...)
	b = reply.AppendQuoted(b, res.Start)
	b = append(b, `,"stepNanos":`...)
	b = strconv.AppendInt(b, res.Step, 10)
	b = append(b, `,"source":`...)
	b = reply.AppendString(b, res.Source)
	b = append(b, `,"by":[`...)
	for _, f := range req.By {
		b = reply.AppendString(reply.Comma(b), f.String())
	}
	b = append(b, `],"groups":[`...)
	for i := range res.Groups {
		b = appendGroup(reply.Comma(b), &res.Groups[i])
	}
	b = append(b, ']')
	if res.Other != nil {
		b = append(b, `,"other":`...)
		b = appendGroup(b, res.Other)
	}
	b = appendStats(b, &res.Stats)
	return c.bytes("application/json", append(b, '}', '\n'))
}

func appendGroup(b []byte, g *query.Group) []byte {
	b = append(b, `{"key":[`...)
	for i, k := range g.Key {
		b = reply.Comma(b)
		if i < len(g.Absent) && g.Absent[i] {
			b = append(b, "null"...)
		} else {
			b = reply.AppendString(b, k)
		}
	}
	b = append(b, `],"total":`...)
	b = appendPoint(b, &g.Total)
	b = append(b, `,"points":[`...)
	for i := range g.Points {
		b = appendPoint(reply.Comma(b), &g.Points[i])
	}
	return append(b, "]}"...)
}

func appendPoint(b []byte, p *query.Point) []byte {
	b = append(b, `{"count":`...)
	b = strconv.AppendInt(b, p.Count, 10)
	b = append(b, `,"errors":`...)
	b = strconv.AppendInt(b, p.Errors, 10)
	b = append(b, `,"rate":`...)
	b = reply.AppendFloat(b, p.Rate)
	for _, v := range []struct {
		name string
		n    int64
	}{{"p50", p.P50}, {"p90", p.P90}, {"p99", p.P99}, {"min", p.Min}, {"max", p.Max}} {
		b = reply.AppendKey(b, v.name)
		b = strconv.AppendInt(b, v.n, 10)
	}
	b = append(b, `,"sum":`...)
	b = reply.AppendFloat(b, p.Sum)
	b = append(b, `,"n":`...)
	b = strconv.AppendInt(b, p.N, 10)
	return append(b, '}')
}

// heatMap answers with how many spans there were by time and duration.
func (a *API) heatMap(c *call) error {
	req := query.HeatMapRequest{Query: c.query("q"), Columns: c.limit("columns", 120, maxColumns), PerDecade: c.limit("perDecade", 6, 40), Budget: c.budget()}
	req.From, req.To = c.during()
	if err := c.done(); err != nil {
		return err
	}
	res, err := query.HeatMap(c.ctx, a.Store, req)
	if err != nil {
		return err
	}
	b := appendRange(nil, req.From, req.To)
	b = append(b, `,"startUnixNano":`...)
	b = reply.AppendQuoted(b, res.Start)
	b = append(b, `,"stepNanos":`...)
	b = strconv.AppendInt(b, res.Step, 10)
	b = append(b, `,"boundsNanos":[`...)
	for _, n := range res.Bounds {
		b = strconv.AppendInt(reply.Comma(b), n, 10)
	}
	// Most cells are empty: only the others are written.
	b = append(b, `],"cells":[`...)
	for column := range res.Cells {
		for row := range res.Cells[column] {
			cell := &res.Cells[column][row]
			if cell.Count == 0 {
				continue
			}
			b = append(reply.Comma(b), `{"column":`...)
			b = strconv.AppendInt(b, int64(column), 10)
			b = append(b, `,"row":`...)
			b = strconv.AppendInt(b, int64(row), 10)
			b = append(b, `,"count":`...)
			b = strconv.AppendInt(b, cell.Count, 10)
			b = append(b, `,"errors":`...)
			b = strconv.AppendInt(b, cell.Errors, 10)
			b = append(b, `,"exemplars":[`...)
			for _, id := range cell.Exemplars {
				b = reply.AppendTraceID(reply.Comma(b), id)
			}
			b = append(b, "]}"...)
		}
	}
	b = append(b, ']')
	b = appendStats(b, &res.Stats)
	return c.bytes("application/json", append(b, '}', '\n'))
}

// differences answers with what tells the selected spans from the rest.
func (a *API) differences(c *call) error {
	req := query.DifferRequest{Query: c.query("q"), Limit: c.limit("limit", 20, 200), Values: c.limit("values", 5, 50), Budget: c.budget()}
	req.From, req.To = c.during()
	if s := c.text("selected"); s != "" {
		req.Selected = c.query("selected")
	}
	box := &query.Box{MinDuration: c.duration("minDuration"), MaxDuration: c.duration("maxDuration")}
	boxFrom := c.time("boxFrom", time.Unix(0, req.From))
	boxTo := c.time("boxTo", time.Unix(0, req.To))
	box.From, box.To = boxFrom.UnixNano(), boxTo.UnixNano()
	if c.values.Has("restFrom") || c.values.Has("restTo") {
		from, to := c.time("restFrom", time.Unix(0, req.From)), c.time("restTo", time.Unix(0, req.To))
		if req.Rest = (&query.Box{From: from.UnixNano(), To: to.UnixNano()}); req.Rest.From >= req.Rest.To {
			c.fail("restFrom", "not before restTo")
		}
	} else {
		c.known = append(c.known, "restFrom", "restTo")
	}
	boxed := false
	for _, name := range []string{"boxFrom", "boxTo", "minDuration", "maxDuration"} {
		boxed = boxed || c.values.Has(name)
	}
	if boxed {
		req.Box = box
		if box.From >= box.To {
			c.fail("boxFrom", "not before boxTo")
		}
		if box.MaxDuration != 0 && box.MinDuration > box.MaxDuration {
			c.fail("minDuration", "longer than maxDuration")
		}
	}
	if req.Selected == nil && !boxed {
		c.fail("selected", "missing; say which spans to compare with the rest, by a query (selected=status = error) or by a box (minDuration, maxDuration, boxFrom, boxTo)")
	}
	if err := c.done(); err != nil {
		return err
	}
	res, err := query.Differ(c.ctx, a.Store, req)
	if err != nil {
		return err
	}
	b := appendRange(nil, req.From, req.To)
	b = append(b, `,"selected":`...)
	b = strconv.AppendInt(b, res.Selected, 10)
	b = append(b, `,"rest":`...)
	b = strconv.AppendInt(b, res.Rest, 10)
	b = append(b, `,"keys":[`...)
	for i := range res.Keys {
		k := &res.Keys[i]
		b = append(reply.Comma(b), `{"field":`...)
		b = reply.AppendString(b, k.Field.String())
		b = append(b, `,"score":`...)
		b = reply.AppendFloat(b, k.Score)
		b = append(b, `,"values":[`...)
		for j := range k.Values {
			v := &k.Values[j]
			b = append(reply.Comma(b), `{"value":`...)
			if v.Absent {
				b = append(b, "null"...)
			} else {
				b = reply.AppendString(b, v.Value)
			}
			b = append(b, `,"selected":`...)
			b = strconv.AppendInt(b, v.Selected, 10)
			b = append(b, `,"rest":`...)
			b = strconv.AppendInt(b, v.Rest, 10)
			b = append(b, `,"selectedShare":`...)
			b = reply.AppendFloat(b, v.SelectedShare)
			b = append(b, `,"restShare":`...)
			b = reply.AppendFloat(b, v.RestShare)
			b = append(b, `,"score":`...)
			b = reply.AppendFloat(b, v.Score)
			b = append(b, '}')
		}
		b = append(b, `],"more":`...)
		b = strconv.AppendBool(b, k.More)
		b = append(b, '}')
	}
	b = append(b, ']')
	b = appendStats(b, &res.Stats)
	return c.bytes("application/json", append(b, '}', '\n'))
}

// keys answers with the fields that spans have, for suggestions.
func (a *API) keys(c *call) error {
	req := query.KeysRequest{Query: c.query("q"), Prefix: c.text("prefix"), Limit: c.limit("limit", 100, 10_000)}
	req.From, req.To = c.during()
	if err := c.done(); err != nil {
		return err
	}
	res, err := query.Keys(c.ctx, a.Store, req)
	if err != nil {
		return err
	}
	b := appendRange(nil, req.From, req.To)
	b = append(b, `,"keys":[`...)
	for i := range res.Keys {
		k := &res.Keys[i]
		b = append(reply.Comma(b), `{"field":`...)
		b = reply.AppendString(b, k.Field.String())
		b = append(b, `,"scope":"`...)
		b = append(b, scopes[k.Field.Scope]...)
		b = append(b, `","type":"`...)
		b = append(b, k.Type.String()...)
		b = append(b, `","spans":`...)
		b = strconv.AppendInt(b, k.Spans, 10)
		b = append(b, '}')
	}
	b = append(b, ']')
	b = appendStats(b, &res.Stats)
	return c.bytes("application/json", append(b, '}', '\n'))
}

// scopes names where a field is looked for.
var scopes = map[query.Scope]string{query.Intrinsic: "intrinsic", query.Either: "span or resource", query.SpanAttr: "span",
	query.ResourceAttr: "resource", query.EventAttr: "event", query.ScopeAttr: "scope"}

// fieldValues answers with the values that a field has, for suggestions.
func (a *API) fieldValues(c *call) error {
	req := query.ValuesRequest{Query: c.query("q"), Prefix: c.text("prefix"), Limit: c.limit("limit", 100, 10_000)}
	req.From, req.To = c.during()
	if fields := c.fields("field"); len(fields) == 1 {
		req.Field = fields[0]
	} else {
		c.fail("field", "want one field, such as service or http.route")
	}
	if err := c.done(); err != nil {
		return err
	}
	res, err := query.Values(c.ctx, a.Store, req)
	if err != nil {
		return err
	}
	b := appendRange(nil, req.From, req.To)
	b = append(b, `,"field":`...)
	b = reply.AppendString(b, req.Field.String())
	b = append(b, `,"values":[`...)
	for i := range res.Values {
		v := &res.Values[i]
		b = append(reply.Comma(b), `{"value":`...)
		b = reply.AppendString(b, v.Value)
		b = append(b, `,"type":"`...)
		b = append(b, v.Type.String()...)
		b = append(b, `","spans":`...)
		b = strconv.AppendInt(b, v.Spans, 10)
		b = append(b, '}')
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, res.More)
	b = appendStats(b, &res.Stats)
	return c.bytes("application/json", append(b, '}', '\n'))
}
