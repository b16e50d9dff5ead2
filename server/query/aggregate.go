package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// AggregateRequest says what to count.
type AggregateRequest struct {
	Query    *Query  // nil: every span
	From, To int64   // the span starts in [From, To), nanoseconds since the Unix epoch
	Step     int64   // the length of a point, nanoseconds; 0: no points, only totals
	By       []Field // a group for each combination of their values; none: one group
	Of       Field   // what Sum adds up, an attribute with numbers; zero: Duration
	Limit    int     // groups; those with fewer spans are together in Other; 0: 20
	Budget   Budget
}

// AggregateResult is what was counted.
type AggregateResult struct {
	Stats
	// What was counted: the request's range, or with Source "series" that range
	// widened to whole 10 seconds.
	From, To int64
	Start    int64 // of the first point: a multiple of Step
	Step     int64
	Groups   []Group // the one with the most spans first
	Other    *Group  // the groups beyond the limit; nil: there are none
	// Source is "series" if the answer comes from what was counted when the
	// spans arrived, "spans" if the spans were read.
	Source string
}

// Group is what was counted for one combination of values.
type Group struct {
	Key    []string // one for each of By
	Absent []bool   // whether the spans do not have the field
	Total  Point
	Points []Point // from the result's Start on, Step apart; nil without Step
}

// Point is what was counted of some spans. Durations are in nanoseconds; the
// percentiles are within 1.1 % if the longest duration is less than 1,000 times
// the shortest, and within 9.1 % at worst.
type Point struct {
	Count, Errors int64
	Rate          float64 // spans per second
	P50, P90, P99 int64
	Min, Max      int64
	Sum           float64 // of Of
	N             int64   // spans that had a number in Of
}

const (
	maxPoints  = 11_000 // of one group
	maxGroups  = 2_000  // that are told apart before those with the most spans are known
	maxCells   = 50_000 // points of all groups that are kept, at up to 2.6 KiB
	seriesFrom = int64(10 * time.Minute)
)

// Aggregate counts the spans that match a query: over time, and by the values
// of fields. If only service, name and kind are asked for, and the range is
// a multiple of 10 s or at least ten minutes, the answer comes from the series that are kept of every
// operation, whatever the number of spans.
func Aggregate(ctx context.Context, st *store.Store, req AggregateRequest) (*AggregateResult, error) {
	if req.From >= req.To {
		return nil, fmt.Errorf("aggregate: the range %d to %d is empty; expected its end, which is needed, after its start", req.From, req.To)
	}
	if req.Step < 0 {
		return nil, fmt.Errorf("aggregate: step %d is negative; expected nanoseconds, or 0 for totals only", req.Step)
	}
	if req.Step > 0 && (req.To-1)/req.Step-req.From/req.Step >= maxPoints {
		return nil, fmt.Errorf("aggregate: step %s makes more than %d points; expected a longer one", time.Duration(req.Step), maxPoints)
	}
	if req.Limit == 0 {
		req.Limit = 20
	}
	if req.Of == (Field{}) {
		req.Of = Duration
	}
	a := &aggregation{req: &req, res: &AggregateResult{From: req.From, To: req.To, Step: req.Step}}
	a.scan = newScan(req.Query, req.From, req.To, req.Budget)
	if sel, ok := a.series(); ok {
		done, err := a.fromSeries(ctx, st, sel)
		if done || err != nil {
			return a.res, err
		}
	}
	a.res.From, a.res.To, a.res.Source = req.From, req.To, "spans"
	if req.Step > 0 {
		a.res.Start = req.From - mod(req.From, req.Step)
		a.n = int((req.To-1-a.res.Start)/req.Step) + 1
	}
	a.groups = map[string]*counts{}
	if err := a.run(ctx, st, a.visit); err != nil {
		return nil, err
	}
	a.finish()
	a.res.Stats = a.stats
	return a.res, nil
}

// mod is the remainder, never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

type aggregation struct {
	*scan
	req    *AggregateRequest
	res    *AggregateResult
	n      int // points
	groups map[string]*counts
	other  *counts
	cells  int // in all groups
}

// counts is a group at work.
type counts struct {
	key    []label
	total  tally
	points []*tally // nil: no spans
}

type tally struct {
	errors int64
	sum    float64
	n      int64
	times  aggregate.Histogram
}

func (t *tally) add(d int64, failed bool) {
	t.times.Add(d)
	if failed {
		t.errors++
	}
}

func (t *tally) merge(o *tally) {
	t.errors += o.errors
	t.sum += o.sum
	t.n += o.n
	t.times.Merge(&o.times)
}

func (c *counts) merge(o *counts) {
	c.total.merge(&o.total)
	for i, p := range o.points {
		if p != nil {
			if c.points[i] == nil {
				c.points[i] = new(tally)
			}
			c.points[i].merge(p)
		}
	}
}

func (a *aggregation) newCounts(key []label) *counts {
	return &counts{key: key, points: make([]*tally, a.n)}
}

// group returns the group of a key, which is that of the rest if there are too many.
func (a *aggregation) group(key []label) *counts {
	var b strings.Builder
	for _, l := range key {
		fmt.Fprintf(&b, "%d:%t:%s", len(l.text), l.none, l.text)
	}
	if c := a.groups[b.String()]; c != nil {
		return c
	}
	if len(a.groups) >= maxGroups || a.cells >= maxCells {
		a.stats.partial("there are more groups than can be told apart; the rest of them is in other")
		if a.other == nil {
			a.other = a.newCounts(nil)
		}
		return a.other
	}
	c := a.newCounts(slices.Clone(key))
	a.groups[b.String()] = c
	return c
}

func (a *aggregation) visit(v *view, rows bitset) (bool, error) {
	durations, err := v.Durations()
	if err != nil {
		return false, err
	}
	statuses, err := v.Statuses()
	if err != nil {
		return false, err
	}
	var starts []int64
	if a.n > 0 {
		if starts, err = v.Starts(); err != nil {
			return false, err
		}
	}
	// combos are the combinations of values in this block: that of a row is
	// combos[of[row]], made of one field after the other.
	combos, of := [][]label{nil}, make([]uint32, v.n)
	for _, f := range a.req.By {
		l, err := v.labels(f, rows)
		if err != nil {
			return false, err
		}
		next, known := [][]label{}, map[uint64]uint32{}
		for row := range rows.all() {
			pair := uint64(of[row])<<32 | uint64(l.ids[row])
			id, ok := known[pair]
			if !ok {
				id = uint32(len(next))
				known[pair] = id
				next = append(next, append(slices.Clone(combos[of[row]]), l.dict[l.ids[row]]))
			}
			of[row] = id
		}
		combos = next
	}
	var numbers []float64 // NaN: none
	if a.req.Of != Duration {
		if numbers, err = v.numbers(a.req.Of, rows); err != nil {
			return false, err
		}
	}
	groups := make([]*counts, len(combos))
	for row := range rows.all() {
		c := groups[of[row]]
		if c == nil {
			c = a.group(combos[of[row]])
			groups[of[row]] = c
		}
		d, failed := durations[row], statuses[row] == span.StatusError
		number := float64(d)
		if numbers != nil {
			number = numbers[row]
		}
		c.total.add(d, failed)
		c.total.number(number)
		if a.n > 0 {
			i := (starts[row] - a.res.Start) / a.req.Step
			if c.points[i] == nil {
				c.points[i] = new(tally)
				a.cells++
			}
			c.points[i].add(d, failed)
			c.points[i].number(number)
		}
	}
	return true, nil
}

func (t *tally) number(f float64) {
	if f == f {
		t.sum += f
		t.n++
	}
}

// numbers returns the field's number in each row, NaN if it has none.
func (v *view) numbers(f Field, rows bitset) ([]float64, error) {
	out := make([]float64, v.n)
	l, err := v.labels(f, rows)
	if err != nil {
		return nil, err
	}
	of := make([]float64, len(l.dict))
	for i, x := range l.dict {
		of[i] = math.NaN()
		if x.typ == span.Int || x.typ == span.Float {
			if n, ok := parseNumber(x.text); ok {
				of[i], _ = n.Number()
			}
		}
	}
	for row := range rows.all() {
		out[row] = of[l.ids[row]]
	}
	return out, nil
}

// finish makes the result: the largest groups, and the rest of them in one.
func (a *aggregation) finish() {
	list := make([]*counts, 0, len(a.groups))
	for _, c := range a.groups {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y *counts) int {
		return cmp.Or(cmp.Compare(y.total.times.Count(), x.total.times.Count()), slices.CompareFunc(x.key, y.key, func(a, b label) int {
			return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(boolInt(a.none), boolInt(b.none)))
		}))
	})
	if len(a.req.By) == 0 && len(list) == 0 { // no span is an answer, too
		list = append(list, a.newCounts(nil))
	}
	limit := min(len(list), a.req.Limit)
	for _, c := range list[limit:] {
		if a.other == nil {
			a.other = a.newCounts(nil)
		}
		a.other.merge(c)
	}
	for _, c := range list[:limit] {
		a.res.Groups = append(a.res.Groups, a.made(c))
	}
	if a.other != nil {
		g := a.made(a.other)
		a.res.Other = &g
	}
}

func (a *aggregation) made(c *counts) Group {
	g := Group{Total: c.total.point(a.res.To - a.res.From)}
	for _, l := range c.key {
		g.Key = append(g.Key, l.text)
		g.Absent = append(g.Absent, l.none)
	}
	for i, p := range c.points {
		if p == nil {
			g.Points = append(g.Points, Point{})
			continue
		}
		// The first and the last point may be cut short by the range.
		start := a.res.Start + int64(i)*a.req.Step
		g.Points = append(g.Points, p.point(min(start+a.req.Step, a.res.To)-max(start, a.res.From)))
	}
	return g
}

// point returns what was counted over a length of time.
func (t *tally) point(length int64) Point {
	return Point{
		Count: int64(t.times.Count()), Errors: t.errors, Rate: float64(t.times.Count()) / (float64(length) / 1e9),
		P50: t.times.Quantile(0.5), P90: t.times.Quantile(0.9), P99: t.times.Quantile(0.99), Min: t.times.Min(), Max: t.times.Max(),
		Sum: t.sum, N: t.n,
	}
}

// series returns what to ask the series for, if they have the answer.
func (a *aggregation) series() (sel aggregate.Selection, ok bool) {
	const fine = int64(10 * time.Second)
	r := a.req
	if r.Of != Duration || r.From < 0 || r.Step%fine != 0 || (r.From%fine != 0 || r.To%fine != 0) && r.To-r.From < seriesFrom {
		return sel, false
	}
	for _, f := range r.By {
		switch f {
		case Service:
			sel.By |= aggregate.ByService
		case Name:
			sel.By |= aggregate.ByOperation
		case Kind:
			sel.By |= aggregate.ByKind
		default:
			return sel, false
		}
	}
	l := noLimits
	if a.expr != nil {
		list := []Expr{a.expr}
		if and, ok := a.expr.(And); ok {
			list = and.List
		}
		for _, e := range list {
			c, ok := e.(*Cond)
			if !ok || c.Field != Service && c.Field != Name && c.Field != Kind || c.literals() == nil || slices.Contains(c.literals(), "") {
				return sel, false
			}
		}
		l = a.limits
	}
	if l.never || tooLong(l.services) || tooLong(l.names) {
		return sel, false
	}
	sel.From, sel.To, sel.Step = r.From, r.To, time.Duration(r.Step)
	sel.Services, sel.Operations, sel.Kinds = l.services, l.names, l.kinds
	return sel, true
}

func tooLong(list []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return len(s) > aggregate.MaxName || strings.IndexByte(s, 0) >= 0 })
}

// fromSeries answers from the series. It does not if some of what is asked for
// was counted in the series of those that are too many.
func (a *aggregation) fromSeries(ctx context.Context, st *store.Store, sel aggregate.Selection) (done bool, err error) {
	const fine = int64(10 * time.Second)
	wanted := sel
	if sel.Services != nil {
		wanted.Services = append(slices.Clone(sel.Services), aggregate.Other)
		wanted.By |= aggregate.ByService
	}
	if sel.Operations != nil {
		wanted.Operations = append(slices.Clone(sel.Operations), aggregate.Other)
		wanted.By |= aggregate.ByOperation
	}
	damaged := st.Damaged()
	lines, err := st.Series(ctx, wanted)
	if err != nil {
		return false, err
	}
	a.stats.damage(st.Damaged() - damaged)
	r := a.req
	a.res.From, a.res.To = r.From-r.From%fine, r.To+mod(-r.To, fine)
	a.res.Source = "series"
	if r.Step > 0 {
		a.res.Start = r.From - r.From%r.Step
		a.n = int((a.res.To-1-a.res.Start)/r.Step) + 1
	}
	a.groups = map[string]*counts{}
	for i := range lines {
		line := &lines[i]
		if sel.Services != nil && line.Service == aggregate.Other || sel.Operations != nil && line.Operation == aggregate.Other {
			return false, nil
		}
		var key []label
		for _, f := range r.By {
			switch f {
			case Service:
				key = append(key, label{text: line.Service, typ: span.String})
			case Name:
				key = append(key, label{text: line.Operation, typ: span.String})
			case Kind:
				key = append(key, label{text: line.Kind.String(), typ: span.String})
			}
		}
		c := a.group(key)
		c.total.cell(&line.Total)
		for j := range line.Buckets {
			b := &line.Buckets[j]
			i := (b.Time - a.res.Start) / max(r.Step, 1)
			if i < 0 || i >= int64(len(c.points)) {
				continue
			}
			if c.points[i] == nil {
				c.points[i] = new(tally)
			}
			c.points[i].cell(&b.Cell)
		}
	}
	a.finish()
	a.stats.Elapsed = time.Since(a.began)
	a.res.Stats = a.stats
	return true, nil
}

func (t *tally) cell(c *aggregate.Cell) {
	t.errors += int64(c.Errors)
	t.sum += float64(c.Durations.Sum())
	t.n += int64(c.Count())
	t.times.Merge(&c.Durations)
}
