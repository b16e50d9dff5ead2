package api

import (
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// metrics answers with the metrics that programs sent over OTLP.
func (a *API) metrics(c *call) error {
	from, to := c.during()
	prefix := c.text("prefix")
	limit := c.limit("limit", 1000, maxNames)
	if err := c.done(); err != nil {
		return err
	}
	list, err := a.Store.Metrics(c.ctx, from, to)
	if err != nil {
		return err
	}
	b := append(appendRange(nil, from, to), `,"metrics":[`...)
	n := 0
	for i := range list {
		m := &list[i]
		if !strings.HasPrefix(m.Name, prefix) {
			continue
		}
		if n++; n > limit {
			continue
		}
		b = append(reply.Comma(b), `{"name":`...)
		b = reply.AppendString(b, m.Name)
		b = append(b, `,"unit":`...)
		b = reply.AppendString(b, m.Unit)
		b = append(b, `,"description":`...)
		b = reply.AppendString(b, m.Description)
		b = append(b, `,"kind":"`...)
		b = append(b, m.Kind.String()...)
		b = append(b, `","temporality":"`...)
		b = append(b, m.Temporality.String()...)
		b = append(b, `","monotonic":`...)
		b = strconv.AppendBool(b, m.Monotonic)
		b = append(b, `,"series":`...)
		b = strconv.AppendInt(b, int64(m.Series), 10)
		b = append(b, '}')
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, n > limit)
	return c.bytes("application/json", append(b, '}', '\n'))
}

// metricPoints answers with the points of one metric, a series for each
// combination of attributes.
func (a *API) metricPoints(c *call) error {
	sel := aggregate.PointSelection{Name: c.required("name")}
	sel.From, sel.To = c.during()
	step := c.step("step", sel.From, sel.To)
	sel.Step = time.Duration(step)
	if s := c.text("service"); s != "" {
		sel.Attrs = append(sel.Attrs, span.Attr{Key: "service.name", Value: span.StringValue(s)})
	}
	for _, v := range c.all("attribute") {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			c.fail("attribute", "%q; want key=value", v)
		}
		sel.Attrs = append(sel.Attrs, span.Attr{Key: key, Value: span.StringValue(value)})
	}
	limit := c.limit("limit", 100, maxGroups)
	if err := c.done(); err != nil {
		return err
	}
	lines, err := a.Store.Points(c.ctx, sel)
	if err != nil {
		return err
	}
	var w writer
	w.b = append(appendRange(nil, sel.From, sel.To), `,"name":`...)
	w.b = reply.AppendString(w.b, sel.Name)
	w.b = append(w.b, `,"stepNanos":`...)
	w.b = strconv.AppendInt(w.b, step, 10)
	w.b = append(w.b, `,"series":[`...)
	for i := range lines[:min(limit, len(lines))] {
		w.metric(&lines[i])
	}
	w.b = append(w.b, ']')
	w.tables()
	w.b = append(w.b, `,"more":`...)
	w.b = strconv.AppendBool(w.b, len(lines) > limit)
	return c.bytes("application/json", append(w.b, '}', '\n'))
}

func (w *writer) metric(l *aggregate.PointLine) {
	b := append(reply.Comma(w.b), `{"kind":"`...)
	b = append(b, l.Kind.String()...)
	b = append(b, `","temporality":"`...)
	b = append(b, l.Temporality.String()...)
	b = append(b, `","monotonic":`...)
	b = strconv.AppendBool(b, l.Monotonic)
	b = append(b, `,"unit":`...)
	b = reply.AppendString(b, l.Unit)
	b = append(b, `,"attributes":`...)
	b = appendAttrs(b, l.Attrs)
	b = append(b, `,"resource":`...)
	b = strconv.AppendInt(b, int64(w.resources.of(l.Resource)), 10)
	b = append(b, `,"scope":`...)
	b = strconv.AppendInt(b, int64(w.scopes.of(l.Scope)), 10)
	b = append(b, `,"points":[`...)
	for i := range l.Points {
		b = appendMetricPoint(reply.Comma(b), l.Metric, &l.Points[i])
	}
	w.b = append(b, ']', '}')
}

func appendMetricPoint(b []byte, m *aggregate.Metric, p *aggregate.Point) []byte {
	b = append(b, `{"timeUnixNano":`...)
	b = reply.AppendQuoted(b, p.Time)
	if p.Start != 0 {
		b = append(b, `,"startUnixNano":`...)
		b = reply.AppendQuoted(b, p.Start)
	}
	if p.Flags&aggregate.NoRecordedValue != 0 {
		return append(b, `,"ended":true}`...)
	}
	number := func(name string, f float64) {
		b = reply.AppendKey(b, name)
		b = reply.AppendFloat(b, f)
	}
	counts := func(name string, list []uint64) {
		b = append(reply.AppendKey(b, name), '[')
		for _, n := range list {
			b = strconv.AppendUint(reply.Comma(b), n, 10)
		}
		b = append(b, ']')
	}
	switch m.Kind {
	case aggregate.Gauge, aggregate.Sum:
		b = append(b, `,"value":`...)
		return append(appendValue(b, p.Value), '}')
	}
	b = append(b, `,"count":`...)
	b = strconv.AppendUint(b, p.Count, 10)
	if p.HasSum || m.Kind == aggregate.Summary {
		number("sum", p.Sum)
	}
	if p.HasMin {
		number("min", p.Min)
	}
	if p.HasMax {
		number("max", p.Max)
	}
	switch m.Kind {
	case aggregate.HistogramPoint:
		b = append(b, `,"bounds":[`...)
		for _, f := range m.Bounds {
			b = reply.AppendFloat(reply.Comma(b), f)
		}
		b = append(b, ']')
		counts("counts", p.Counts)
	case aggregate.ExponentialPoint:
		b = append(b, `,"scale":`...)
		b = strconv.AppendInt(b, int64(p.Scale), 10)
		b = append(b, `,"zeroCount":`...)
		b = strconv.AppendUint(b, p.ZeroCount, 10)
		number("zeroThreshold", p.ZeroThreshold)
		b = append(b, `,"positiveOffset":`...)
		b = strconv.AppendInt(b, int64(p.Positive.Offset), 10)
		counts("positiveCounts", p.Positive.Counts)
		b = append(b, `,"negativeOffset":`...)
		b = strconv.AppendInt(b, int64(p.Negative.Offset), 10)
		counts("negativeCounts", p.Negative.Counts)
	case aggregate.Summary:
		b = append(b, `,"quantiles":[`...)
		for _, q := range p.Quantiles {
			b = append(reply.Comma(b), `{"quantile":`...)
			b = reply.AppendFloat(b, q.Quantile)
			b = append(b, `,"value":`...)
			b = append(reply.AppendFloat(b, q.Value), '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}
