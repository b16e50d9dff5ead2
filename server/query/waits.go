package query

import (
	"context"
	"slices"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/store"
)

// WaitsRequest asks where the time of spans went.
type WaitsRequest struct {
	Query    *Query // nil: every span
	From, To int64  // the span starts in [From, To), nanoseconds since the Unix epoch; To 0: no end
	Limit    int    // routes; 0: 20
	Budget   Budget
}

// WaitsResult is where it went, by route.
type WaitsResult struct {
	Stats
	Routes []analysis.RouteWaits // the one with the longest duration first
	More   bool                  // there are more routes
}

// Waits adds up, for each route, what the spans that match were waiting for.
// Only spans with an account of their time (analysis.KeyRunning) are looked at.
func Waits(ctx context.Context, st *store.Store, req WaitsRequest) (*WaitsResult, error) {
	if req.Limit == 0 {
		req.Limit = 20
	}
	accounted := Has(Field{SpanAttr, analysis.KeyRunning})
	if req.Query != nil {
		accounted = All(req.Query.Expr, accounted)
	}
	s := newScan(New(accounted), req.From, req.To, req.Budget)
	var b analysis.Breakdown
	err := s.run(ctx, st, func(v *view, rows bitset) (bool, error) {
		spans, err := v.Spans(slices.Collect(rows.all()))
		for i := range spans {
			b.Add(&spans[i])
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	res := &WaitsResult{Stats: s.stats, Routes: b.Routes()}
	if len(res.Routes) > req.Limit {
		res.Routes, res.More = res.Routes[:req.Limit], true
	}
	return res, nil
}
