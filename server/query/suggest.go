package query

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// KeysRequest asks which fields spans have.
type KeysRequest struct {
	Query    *Query // nil: of every span
	From, To int64  // the span starts in [From, To), nanoseconds since the Unix epoch; To 0: no end
	Prefix   string // of the key, or of the field as it is written
	Limit    int    // 0: 100
	Budget   Budget // by default 200,000 spans and 1 s: suggestions need not be complete
}

// KeysResult are the fields that spans have.
type KeysResult struct {
	Stats
	Keys []KeyCount // the most frequent first
}

// KeyCount is a field, the type of most of its values, and how many spans have it.
type KeyCount struct {
	Field Field
	Type  span.Type
	Spans int64
}

// ValuesRequest asks for the values of a field.
type ValuesRequest struct {
	Query    *Query // nil: of every span
	Field    Field
	From, To int64
	Prefix   string // of the value
	Limit    int    // 0: 100
	Budget   Budget // as KeysRequest's
}

// ValuesResult are the values of a field.
type ValuesResult struct {
	Stats
	Values []ValueCount // the most frequent first
	More   bool         // there are more, or so many that rare ones were not counted
}

// ValueCount is a value and how many spans have it.
type ValueCount struct {
	Value string
	Type  span.Type
	Spans int64
}

func (b Budget) forSuggestions() Budget {
	return Budget{Rows: cmp.Or(b.Rows, 200_000), Time: cmp.Or(b.Time, time.Second)}
}

// Keys returns the fields of the spans that match, from the newest ones on.
// Intrinsic fields, which every span has, are not among them.
func Keys(ctx context.Context, st *store.Store, req KeysRequest) (*KeysResult, error) {
	if req.Limit == 0 {
		req.Limit = 100
	}
	type column struct {
		f Field
		t span.Type
	}
	counts := map[column]int64{}
	s := newScan(req.Query, req.From, req.To, req.Budget.forSuggestions())
	wanted := func(f Field) bool {
		return f.Scope != Intrinsic && (strings.HasPrefix(f.Key, req.Prefix) || strings.HasPrefix(f.String(), req.Prefix))
	}
	err := s.run(ctx, st, func(v *view, rows bitset) (bool, error) {
		fields, err := v.fields()
		if err != nil {
			return false, err
		}
		fields = append(fields, Field{ResourceAttr, "service.name"})
		events, err := v.EventKeys()
		if err != nil {
			return false, err
		}
		for _, k := range events {
			fields = append(fields, Field{EventAttr, k})
		}
		for _, f := range fields {
			if !wanted(f) {
				continue
			}
			if len(counts) >= maxDistinct {
				s.stats.partial("there are more than %d keys", maxDistinct)
				break
			}
			l, err := v.labels(f, rows)
			if err != nil {
				return false, err
			}
			for row := range rows.all() {
				if id := l.ids[row]; id != 0 {
					counts[column{f, l.dict[id].typ}]++
				}
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	byField := map[Field]*KeyCount{}
	most := map[Field]int64{}
	for c, n := range counts {
		k := byField[c.f]
		if k == nil {
			k = &KeyCount{Field: c.f}
			byField[c.f] = k
		}
		k.Spans += n
		if n > most[c.f] || n == most[c.f] && c.t < k.Type {
			most[c.f], k.Type = n, c.t
		}
	}
	res := &KeysResult{Stats: s.stats}
	for _, k := range byField {
		res.Keys = append(res.Keys, *k)
	}
	slices.SortFunc(res.Keys, func(a, b KeyCount) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Field.Key, b.Field.Key), cmp.Compare(a.Field.Scope, b.Field.Scope))
	})
	res.Keys = res.Keys[:min(len(res.Keys), req.Limit)]
	return res, nil
}

// Values returns the values of a field of the spans that match, from the newest ones on.
func Values(ctx context.Context, st *store.Store, req ValuesRequest) (*ValuesResult, error) {
	if req.Limit == 0 {
		req.Limit = 100
	}
	fr := &frequencies{values: map[string]*frequency{}}
	types := map[string]span.Type{}
	q := req.Query
	if req.Field.Scope != Intrinsic { // the index knows which blocks have the key
		var e Expr
		if q != nil {
			e = q.Expr
		}
		q = New(All(e, Has(req.Field)))
	}
	s := newScan(q, req.From, req.To, req.Budget.forSuggestions())
	var tally []int64
	err := s.run(ctx, st, func(v *view, rows bitset) (bool, error) {
		l, err := v.labels(req.Field, rows)
		if err != nil {
			return false, err
		}
		tally = slices.Grow(tally[:0], len(l.dict))[:len(l.dict)]
		clear(tally)
		for row := range rows.all() {
			tally[l.ids[row]]++
		}
		for id := 1; id < len(tally); id++ {
			if x := l.dict[id]; tally[id] > 0 && strings.HasPrefix(x.text, req.Prefix) {
				fr.add(x.text, [2]int64{tally[id]})
				if _, ok := types[x.text]; !ok && len(types) < maxDistinct {
					types[strings.Clone(x.text)] = x.typ
				}
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	res := &ValuesResult{Stats: s.stats, More: fr.floor > 0}
	for value, n := range fr.values {
		t, ok := types[value]
		if !ok {
			t = span.String
		}
		res.Values = append(res.Values, ValueCount{value, t, n.n[0]})
	}
	slices.SortFunc(res.Values, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Value, b.Value))
	})
	if len(res.Values) > req.Limit {
		res.Values, res.More = res.Values[:req.Limit], true
	}
	return res, nil
}
