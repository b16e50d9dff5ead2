package api

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// maxNames bounds the services, operations and edges of an answer.
const maxNames = 5000

// appendCell writes rate, errors and durations of what was counted in a
// stretch of time.
func appendCell(b []byte, c *aggregate.Cell, length int64) []byte {
	n := c.Count()
	b = append(b, `{"count":`...)
	b = strconv.AppendUint(b, n, 10)
	b = append(b, `,"errors":`...)
	b = strconv.AppendUint(b, c.Errors, 10)
	b = append(b, `,"rate":`...)
	b = reply.AppendFloat(b, float64(n)/(float64(length)/1e9))
	if n > 0 {
		d := &c.Durations
		for _, q := range []struct {
			name string
			n    int64
		}{{"p50", d.Quantile(0.5)}, {"p90", d.Quantile(0.9)}, {"p99", d.Quantile(0.99)}, {"min", d.Min()}, {"max", d.Max()}} {
			b = reply.AppendKey(b, q.name)
			b = strconv.AppendInt(b, q.n, 10)
		}
		b = append(b, `,"sum":`...)
		b = strconv.AppendUint(b, d.Sum(), 10)
	}
	if !c.Slow.IsZero() {
		b = append(b, `,"slowest":`...)
		b = reply.AppendTraceID(b, c.Slow)
	}
	if !c.Failed.IsZero() {
		b = append(b, `,"failed":`...)
		b = reply.AppendTraceID(b, c.Failed)
	}
	return append(b, '}')
}

// entry reports whether spans of the kind are requests to a service, which is
// judged by them if it has any.
func entry(k span.Kind) bool { return k == span.KindServer || k == span.KindConsumer }

// change is what a service or operation did in a time range and in the one
// before it.
type change struct {
	name            string
	now, before     aggregate.Cell
	nowIn, beforeIn aggregate.Cell // of requests to it only
}

// judged returns the cells by which a service is judged, and whether these
// are its requests.
func (c *change) judged() (now, before *aggregate.Cell, requests bool) {
	if c.nowIn.Count() > 0 || c.beforeIn.Count() > 0 {
		return &c.nowIn, &c.beforeIn, true
	}
	return &c.now, &c.before, false
}

// services answers with all services: rate, errors and durations of the
// requests to them, now and in the range of the same length before.
func (a *API) services(c *call) error {
	from, to := c.during()
	step := c.step("step", from, to)
	if c.values.Get("step") == "auto" {
		// Of many services, and for small pictures: from what is kept by the minute.
		step = max(step, int64(time.Minute))
	}
	limit := c.limit("limit", 1000, maxNames)
	if err := c.done(); err != nil {
		return err
	}
	changes, err := a.Store.Overview(c.ctx, from, to)
	if err != nil {
		return err
	}
	byName := map[string]*change{}
	for i := range changes {
		ch := &changes[i]
		s := byName[ch.Service]
		if s == nil {
			s = &change{name: ch.Service}
			byName[ch.Service] = s
		}
		s.now.Merge(&ch.Now)
		s.before.Merge(&ch.Before)
		if entry(ch.Kind) {
			s.nowIn.Merge(&ch.Now)
			s.beforeIn.Merge(&ch.Before)
		}
	}
	list := make([]*change, 0, len(byName))
	for _, s := range byName {
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y *change) int { return cmp.Compare(x.name, y.name) })
	var lines map[string]map[bool][]aggregate.Bucket
	if step > 0 {
		if lines, err = a.sparklines(c, from, to, step); err != nil {
			return err
		}
	}
	b := appendRange(nil, from, to)
	b = append(b, `,"stepNanos":`...)
	b = strconv.AppendInt(b, roundStep(step), 10)
	b = append(b, `,"services":[`...)
	for _, s := range list[:min(limit, len(list))] {
		now, before, requests := s.judged()
		b = append(reply.Comma(b), `{"name":`...)
		b = reply.AppendString(b, s.name)
		b = append(b, `,"of":"`...)
		b = append(b, map[bool]string{true: "requests", false: "spans"}[requests]...)
		b = append(b, `","now":`...)
		b = appendCell(b, now, to-from)
		b = append(b, `,"before":`...)
		b = appendCell(b, before, to-from)
		b = append(b, `,"spans":`...)
		b = strconv.AppendUint(b, s.now.Count(), 10)
		if step > 0 {
			b = append(b, `,"points":`...)
			b = appendBuckets(b, lines[s.name][requests], roundStep(step))
		}
		b = append(b, '}')
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, len(list) > limit)
	return c.bytes("application/json", append(b, '}', '\n'))
}

// roundStep is a step as the aggregates have it.
func roundStep(step int64) int64 {
	fine := int64(aggregate.Levels[0].Step)
	return (step + fine - 1) / fine * fine
}

// sparklines reads the points of all services: of requests (true) and of all
// spans.
func (a *API) sparklines(c *call, from, to, step int64) (map[string]map[bool][]aggregate.Bucket, error) {
	lines, err := a.Store.Series(c.ctx, aggregate.Selection{From: from, To: to, Step: time.Duration(step), By: aggregate.ByService | aggregate.ByKind})
	if err != nil {
		return nil, err
	}
	out := map[string]map[bool][]aggregate.Bucket{}
	for i := range lines {
		l := &lines[i]
		s := out[l.Service]
		if s == nil {
			s = map[bool][]aggregate.Bucket{}
			out[l.Service] = s
		}
		s[false] = mergeBuckets(s[false], l.Buckets)
		if entry(l.Kind) {
			s[true] = mergeBuckets(s[true], l.Buckets)
		}
	}
	return out, nil
}

// mergeBuckets adds up two lists of points in the order of time.
func mergeBuckets(a, b []aggregate.Bucket) []aggregate.Bucket {
	if len(a) == 0 {
		return b
	}
	out := make([]aggregate.Bucket, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Time < b[0].Time:
			out, a = append(out, a[0]), a[1:]
		case a[0].Time > b[0].Time:
			out, b = append(out, b[0]), b[1:]
		default:
			sum := aggregate.Bucket{Time: a[0].Time}
			sum.Merge(&a[0].Cell)
			sum.Merge(&b[0].Cell)
			out, a, b = append(out, sum), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// appendBuckets writes the points that are not empty, each with its time.
func appendBuckets(b []byte, list []aggregate.Bucket, step int64) []byte {
	b = append(b, '[')
	for i := range list {
		k := &list[i]
		b = append(reply.Comma(b), `{"startUnixNano":`...)
		b = reply.AppendQuoted(b, k.Time)
		b = append(b, `,"values":`...)
		b = appendCell(b, &k.Cell, step)
		b = append(b, '}')
	}
	return append(b, ']')
}

// operations answers with what a service does: the operations of its
// requests, or with kinds those of other spans.
func (a *API) operations(c *call) error {
	from, to := c.during()
	service := c.required("service")
	kinds := c.kinds("kind")
	limit := c.limit("limit", 1000, maxNames)
	if err := c.done(); err != nil {
		return err
	}
	changes, err := a.Store.Overview(c.ctx, from, to)
	if err != nil {
		return err
	}
	changes = slices.DeleteFunc(changes, func(ch aggregate.Change) bool {
		return ch.Service != service || len(kinds) > 0 && !slices.Contains(kinds, ch.Kind)
	})
	slices.SortFunc(changes, func(x, y aggregate.Change) int {
		return cmp.Or(cmp.Compare(x.Operation, y.Operation), cmp.Compare(x.Kind, y.Kind))
	})
	b := appendRange(nil, from, to)
	b = append(b, `,"service":`...)
	b = reply.AppendString(b, service)
	b = append(b, `,"operations":[`...)
	for i := range changes[:min(limit, len(changes))] {
		ch := &changes[i]
		b = append(reply.Comma(b), `{"name":`...)
		b = reply.AppendString(b, ch.Operation)
		b = append(b, `,"kind":"`...)
		b = append(b, ch.Kind.String()...)
		b = append(b, `","now":`...)
		b = appendCell(b, &ch.Now, to-from)
		b = append(b, `,"before":`...)
		b = appendCell(b, &ch.Before, to-from)
		b = append(b, '}')
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, len(changes) > limit)
	return c.bytes("application/json", append(b, '}', '\n'))
}

// series answers with rate, errors and durations over time, from what was
// counted as spans came in: exact and quick over any range.
func (a *API) series(c *call) error {
	sel := aggregate.Selection{Services: c.all("service"), Operations: c.all("operation"), Kinds: c.kinds("kind")}
	sel.From, sel.To = c.during()
	step := c.step("step", sel.From, sel.To)
	if step == 0 {
		step = autoStep(sel.To - sel.From)
	}
	step = roundStep(step)
	sel.Step = time.Duration(step)
	for _, by := range c.all("by") {
		switch by {
		case "service":
			sel.By |= aggregate.ByService
		case "operation":
			sel.By |= aggregate.ByOperation
		case "kind":
			sel.By |= aggregate.ByKind
		default:
			c.fail("by", "%q; want service, operation or kind, each in a parameter of its own", by)
		}
	}
	limit := c.limit("limit", 100, maxGroups)
	if err := c.done(); err != nil {
		return err
	}
	lines, err := a.Store.Series(c.ctx, sel)
	if err != nil {
		return err
	}
	slices.SortStableFunc(lines, func(x, y aggregate.Line) int { return cmp.Compare(y.Total.Count(), x.Total.Count()) })
	b := appendRange(nil, sel.From, sel.To)
	b = append(b, `,"stepNanos":`...)
	b = strconv.AppendInt(b, step, 10)
	b = append(b, `,"series":[`...)
	for i := range lines[:min(limit, len(lines))] {
		l := &lines[i]
		b = append(reply.Comma(b), '{')
		if sel.By&aggregate.ByService != 0 {
			b = append(b, `"service":`...)
			b = append(reply.AppendString(b, l.Service), ',')
		}
		if sel.By&aggregate.ByOperation != 0 {
			b = append(b, `"operation":`...)
			b = append(reply.AppendString(b, l.Operation), ',')
		}
		if sel.By&aggregate.ByKind != 0 {
			b = append(b, `"kind":"`...)
			b = append(append(b, l.Kind.String()...), '"', ',')
		}
		b = append(b, `"total":`...)
		b = appendCell(b, &l.Total, sel.To-sel.From)
		b = append(b, `,"points":`...)
		b = appendBuckets(b, l.Buckets, step)
		b = append(b, '}')
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, len(lines) > limit)
	return c.bytes("application/json", append(b, '}', '\n'))
}

// graph answers with who calls whom.
func (a *API) graph(c *call) error {
	from, to := c.during()
	service := c.text("service")
	if err := c.done(); err != nil {
		return err
	}
	flows, err := a.Store.Edges(c.ctx, from, to)
	if err != nil {
		return err
	}
	type node struct{ name, typ, system string }
	var nodes []node
	add := func(n node) {
		for i := range nodes {
			if nodes[i].name == n.name && nodes[i].typ == n.typ {
				return
			}
		}
		nodes = append(nodes, n)
	}
	if service != "" {
		flows = slices.DeleteFunc(flows, func(f aggregate.Flow) bool { return f.Client != service && f.Server != service })
	}
	slices.SortStableFunc(flows, func(x, y aggregate.Flow) int { return cmp.Compare(y.Count(), x.Count()) })
	more := len(flows) > maxNames
	flows = flows[:min(maxNames, len(flows))]
	for i := range flows {
		add(node{flows[i].Client, aggregate.ServiceNode.String(), ""})
		n := node{flows[i].Server, flows[i].Node.String(), flows[i].System}
		if flows[i].Node == aggregate.ServiceNode {
			n.system = ""
		}
		add(n)
	}
	b := appendRange(nil, from, to)
	b = append(b, `,"nodes":[`...)
	for _, n := range nodes {
		b = append(reply.Comma(b), `{"name":`...)
		b = reply.AppendString(b, n.name)
		b = append(b, `,"type":"`...)
		b = append(b, n.typ...)
		b = append(b, '"')
		if n.system != "" {
			b = append(b, `,"system":`...)
			b = reply.AppendString(b, n.system)
		}
		b = append(b, '}')
	}
	b = append(b, `],"edges":[`...)
	for i := range flows {
		f := &flows[i]
		b = append(reply.Comma(b), `{"client":`...)
		b = reply.AppendString(b, f.Client)
		b = append(b, `,"server":`...)
		b = reply.AppendString(b, f.Server)
		b = append(b, `,"serverType":"`...)
		b = append(b, f.Node.String()...)
		b = append(b, `","connection":"`...)
		b = append(b, f.Connection.String()...)
		b = append(b, '"')
		if f.System != "" {
			b = append(b, `,"system":`...)
			b = reply.AppendString(b, f.System)
		}
		b = append(b, `,"calls":`...)
		b = appendCell(b, &f.Cell, to-from)
		b = append(b, '}')
	}
	b = append(b, `],"more":`...)
	b = strconv.AppendBool(b, more)
	return c.bytes("application/json", append(b, '}', '\n'))
}
