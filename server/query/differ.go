package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weft-trace/weft/server/store"
)

// DifferRequest says which spans to compare with which.
type DifferRequest struct {
	Query    *Query // the spans that are compared; nil: every span
	Selected *Query // those of them that are selected; nil: only Box counts
	Box      *Box   // of a heat map; what is selected lies in it, too
	Rest     *Box   // what the selected ones are compared with lies in it; nil: all others
	From, To int64  // the span starts in [From, To), nanoseconds since the Unix epoch; To 0: no end
	Limit    int    // keys; 0: 20
	Values   int    // of a key; 0: 5
	Budget   Budget
}

// Box is a part of a heat map.
type Box struct {
	From, To    int64 // the span starts in [From, To); To 0: no end
	MinDuration int64 // the bounds are inclusive
	MaxDuration int64 // 0: none
}

// DifferResult is what tells the selected spans from the rest.
type DifferResult struct {
	Stats
	Selected, Rest int64           // spans
	Keys           []KeyDifference // the greatest score first; those without a difference are left out
}

// KeyDifference is how the values of one field differ.
type KeyDifference struct {
	Field  Field
	Score  float64 // the greatest of its values
	Values []ValueDifference
	More   bool // it has more values than could be counted: rare ones are missing, and counts may be too low by a little
}

// ValueDifference is how often a value is among the selected spans and the rest.
type ValueDifference struct {
	Value                    string
	Absent                   bool  // the spans that do not have the field
	Selected, Rest           int64 // spans with it
	SelectedShare, RestShare float64
	// Score is how much the shares differ at least, with 99 % confidence: 0 to 1
	// if the value is more frequent among the selected spans, 0 to -1 if it is
	// rarer. A difference that few spans can make by chance has a score of 0.
	Score float64
}

const (
	maxKeys     = 500  // fields that are compared
	maxDistinct = 2000 // values of a field that are counted
)

// Differ compares spans: which values of which fields are more or less frequent
// among the selected ones than among the rest. Fields that the selection itself
// names are left out.
func Differ(ctx context.Context, st *store.Store, req DifferRequest) (*DifferResult, error) {
	if req.Selected == nil && req.Box == nil {
		return nil, fmt.Errorf("differences: nothing is selected; expected a query or a box")
	}
	if req.Limit == 0 {
		req.Limit = 20
	}
	if req.Values == 0 {
		req.Values = 5
	}
	d := &difference{fields: map[Field]*frequencies{}, named: map[Field]bool{}}
	if req.Selected != nil && req.Selected.Expr != nil {
		d.expr = arrange(req.Selected.Expr)
		d.names(req.Selected.Expr)
	}
	box, against := req.Box.whole(), req.Rest.whole()
	s := newScan(req.Query, req.From, req.To, req.Budget)
	d.stats = &s.stats
	err := s.run(ctx, st, func(v *view, rows bitset) (bool, error) {
		chosen := v.bits()
		defer v.drop(chosen)
		copy(chosen, rows)
		if req.Box != nil {
			if err := box.keep(v, chosen); err != nil {
				return false, err
			}
		}
		if d.expr != nil {
			if err := d.expr.eval(v, chosen); err != nil {
				return false, err
			}
		}
		if req.Rest != nil {
			rest := v.bits()
			defer v.drop(rest)
			copy(rest, rows)
			if err := against.keep(v, rest); err != nil {
				return false, err
			}
			rest.or(chosen)
			rows.and(rest)
		}
		return true, d.count(v, rows, chosen)
	})
	if err != nil {
		return nil, err
	}
	res := d.result(req.Limit, req.Values)
	res.Stats = s.stats
	return res, nil
}

// whole returns the box with its open ends made great; of nil it is everything.
func (b *Box) whole() Box {
	box := Box{From: math.MinInt64}
	if b != nil {
		box = *b
	}
	box.To = endOf(box.To)
	if box.MaxDuration == 0 {
		box.MaxDuration = math.MaxInt64
	}
	return box
}

// keep keeps the rows that lie in the box.
func (b *Box) keep(v *view, rows bitset) error {
	starts, err := v.Starts()
	if err := keep(rows, starts, err, func(t int64) bool { return t >= b.From && t < b.To }); err != nil {
		return err
	}
	durations, err := v.Durations()
	return keep(rows, durations, err, func(t int64) bool { return t >= b.MinDuration && t <= b.MaxDuration })
}

type difference struct {
	expr     Expr // nil: all
	stats    *Stats
	named    map[Field]bool // by the selection
	fields   map[Field]*frequencies
	selected int64
	rest     int64
	tally    [][2]int64 // by label, of one block
}

// frequencies are how often the values of one field occur. When there are too
// many values, the rarest are dropped by lossy counting (Manku and Motwani,
// VLDB 2002): no count is too low by more than floor, which is at most the
// number of spans divided by maxDistinct.
type frequencies struct {
	values map[string]*frequency
	has    [2]int64 // spans that have the field
	floor  int64
}

type frequency struct {
	n      [2]int64 // selected, rest
	missed int64    // floor when the value was last taken up: it may have been dropped before
}

// names notes the fields that an expression looks at.
func (d *difference) names(e Expr) {
	switch e := e.(type) {
	case And:
		for _, x := range e.List {
			d.names(x)
		}
	case Or:
		for _, x := range e.List {
			d.names(x)
		}
	case Not:
		d.names(e.Expr)
	case *Cond:
		d.named[e.Field] = true
		if e.Field.Scope == Either {
			d.named[Field{SpanAttr, e.Field.Key}] = true
			d.named[Field{ResourceAttr, e.Field.Key}] = true
		}
	}
}

// count adds the rows of a block to all fields.
func (d *difference) count(v *view, rows, chosen bitset) error {
	n := int64(chosen.count())
	d.selected += n
	d.rest += int64(rows.count()) - n
	fields, err := v.fields()
	if err != nil {
		return err
	}
	for _, f := range fields {
		if d.named[f] {
			continue
		}
		fr := d.fields[f]
		if fr == nil {
			if len(d.fields) >= maxKeys {
				d.stats.partial("there are more than %d fields; the rest of them was not compared", maxKeys)
				continue
			}
			fr = &frequencies{values: map[string]*frequency{}}
			d.fields[f] = fr
		}
		l, err := v.labels(f, rows)
		if err != nil {
			return err
		}
		if cap(d.tally) < len(l.dict) {
			d.tally = make([][2]int64, 2*len(l.dict))
		}
		tally := d.tally[:len(l.dict)]
		clear(tally)
		for row := range rows.all() {
			tally[l.ids[row]][boolInt(!chosen.has(row))]++
		}
		for id, n := range tally[1:] {
			if n != [2]int64{} {
				fr.add(l.dict[id+1].text, n)
			}
		}
	}
	return nil
}

func (fr *frequencies) add(value string, n [2]int64) {
	fr.has[0] += n[0]
	fr.has[1] += n[1]
	c := fr.values[value]
	if c == nil {
		c = &frequency{missed: fr.floor}
		fr.values[strings.Clone(value)] = c // the block's memory would stay with it
	}
	c.n[0] += n[0]
	c.n[1] += n[1]
	for len(fr.values) > maxDistinct {
		fr.floor++
		for v, c := range fr.values {
			if c.n[0]+c.n[1]+c.missed <= fr.floor {
				delete(fr.values, v)
			}
		}
	}
}

// fields returns the fields that the spans of a block may have.
func (v *view) fields() ([]Field, error) {
	list := []Field{Service, Name, Kind, Status, ScopeName, EventName}
	keys, err := v.Keys()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		list = append(list, Field{SpanAttr, k})
	}
	_, table, err := v.Resources()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, r := range table {
		for _, a := range r.Attrs {
			if !seen[a.Key] && a.Key != "service.name" { // which is Service
				seen[a.Key] = true
				list = append(list, Field{ResourceAttr, a.Key})
			}
		}
	}
	return list, nil
}

func (d *difference) result(limit, values int) *DifferResult {
	res := &DifferResult{Selected: d.selected, Rest: d.rest}
	for f, fr := range d.fields {
		k := KeyDifference{Field: f, More: fr.floor > 0}
		put := func(value string, absent bool, n [2]int64) {
			v := ValueDifference{Value: value, Absent: absent, Selected: n[0], Rest: n[1]}
			v.SelectedShare, v.RestShare = share(n[0], d.selected), share(n[1], d.rest)
			if v.Score = difScore(n[0], d.selected, n[1], d.rest); v.Score != 0 {
				k.Values = append(k.Values, v)
			}
		}
		for value, n := range fr.values {
			put(value, false, n.n)
		}
		if none := [2]int64{d.selected - fr.has[0], d.rest - fr.has[1]}; none[0] > 0 || none[1] > 0 {
			put("", true, none)
		}
		if k.Values == nil {
			continue
		}
		slices.SortFunc(k.Values, func(a, b ValueDifference) int {
			return cmp.Or(cmp.Compare(math.Abs(b.Score), math.Abs(a.Score)), cmp.Compare(b.Score, a.Score), cmp.Compare(a.Value, b.Value))
		})
		k.Score = math.Abs(k.Values[0].Score)
		k.Values = k.Values[:min(len(k.Values), values)]
		res.Keys = append(res.Keys, k)
	}
	slices.SortFunc(res.Keys, func(a, b KeyDifference) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Field.Scope, b.Field.Scope), cmp.Compare(a.Field.Key, b.Field.Key))
	})
	res.Keys = res.Keys[:min(len(res.Keys), limit)]
	return res
}

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// confidence is how many standard deviations 99 % of a normal distribution lie within.
const confidence = 2.576

// difScore returns the bound nearest to zero of the confidence interval for
// the difference of two shares, a of n and b of m: 0 if the interval includes zero.
func difScore(a, n, b, m int64) float64 {
	low, high := newcombe(a, n, b, m, confidence)
	switch {
	case low > 0:
		return low
	case high < 0:
		return high
	}
	return 0
}

// newcombe returns the confidence interval of z standard deviations for the
// difference of two proportions. It is Newcombe's hybrid score interval
// (Statistics in Medicine 17, 873-890, 1998, method 10), which unlike the
// textbook one holds for few spans and for shares of 0 and 1.
func newcombe(a, n, b, m int64, z float64) (low, high float64) {
	if n == 0 || m == 0 {
		return -1, 1
	}
	p, q := share(a, n), share(b, m)
	pl, pu := wilson(p, float64(n), z)
	ql, qu := wilson(q, float64(m), z)
	return p - q - math.Hypot(p-pl, qu-q), p - q + math.Hypot(pu-p, q-ql)
}

// wilson returns Wilson's score interval of a proportion p of n.
func wilson(p, n, z float64) (low, high float64) {
	mid := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (mid-half)/(1+z*z/n)), min(1, (mid+half)/(1+z*z/n))
}
