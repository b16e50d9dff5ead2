package query

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Unit is what a search counts and lists.
type Unit uint8

const (
	Traces Unit = iota // a trace is listed once, however many of its spans match
	Spans
)

// Order is the order of a search's hits.
type Order uint8

const (
	Newest  Order = iota // by the start of the matching span, the newest one of a trace; the latest first
	Slowest              // by its duration, the longest one of a trace; the longest first. All that matches is read
)

// MaxLimit is the greatest number of hits of one page.
const MaxLimit = 10_000

// SearchRequest says what to search for.
type SearchRequest struct {
	Query     *Query // nil: every span
	From, To  int64  // the span starts in [From, To), nanoseconds since the Unix epoch; To 0: no end
	Limit     int    // hits of a page; 0: 20
	By        Unit
	Order     Order
	Cursor    string // "": the first page; else the last result's. It holds From and To: those of the request are not used then
	Matches   int    // By Traces: matching spans that a hit lists at most; 0: 3
	Summaries bool   // whether hits have Trace
	Budget    Budget
}

// SearchResult is one page.
type SearchResult struct {
	Stats
	Hits   []Hit
	Cursor string // of the next page; "": this is the last one
}

// Hit is a matching span, or a trace with matching spans.
type Hit struct {
	Spans   []span.Span // By Spans the one; By Traces the first ones in the search's order
	Matched int         // the trace's spans that match and start in the range; By Spans 1
	Trace   *Summary    // nil without Summaries
}

// position is the place of a span in a search's order.
type position struct {
	first int64 // start or duration, by the order
	start int64
	trace span.TraceID
	id    span.ID
	kind  span.Kind
}

// compare returns -1 if p comes before o. Of two spans with equal positions,
// one is a repetition of the other.
func (p *position) compare(o *position) int {
	return cmp.Or(
		cmp.Compare(o.first, p.first), cmp.Compare(o.start, p.start),
		bytes.Compare(p.trace[:], o.trace[:]), bytes.Compare(p.id[:], o.id[:]), cmp.Compare(p.kind, o.kind))
}

// above is the place before all spans whose first is at most n.
func above(n int64) position {
	if n == math.MaxInt64 {
		return position{first: n, start: math.MaxInt64}
	}
	p := position{first: n + 1, start: math.MinInt64, kind: 255}
	for i := range p.trace {
		p.trace[i] = 255
	}
	for i := range p.id {
		p.id[i] = 255
	}
	return p
}

// found is a matching span.
type found struct {
	position
	block *block.Block
	row   uint32
	span  *span.Span // By Spans: read as soon as its block was looked at, so that no block is kept
}

// search is a Search at work.
type search struct {
	*scan
	req    *SearchRequest
	cursor cursor
	limit  int // hits to find: those of the page, and one to know whether there is another page

	top    []found // sorted. By Traces: the first one of each
	places map[span.TraceID]position
}

// Search returns a page of the spans, or traces, that match a query. A page
// follows on the one before: whatever arrives in between, no span that was
// there is left out or listed twice. What arrives late belongs to the pages
// that are not yet read, if it sorts there.
//
// A trace is listed again only if one of its spans that sorts after the pages
// so far arrived after it was listed, or if it is one of more than 1,000 listed
// traces that go on.
func Search(ctx context.Context, st *store.Store, req SearchRequest) (*SearchResult, error) {
	s := &search{req: &req, limit: req.Limit}
	if s.limit == 0 {
		s.limit = 20
	}
	if s.limit < 0 || s.limit > MaxLimit {
		return nil, fmt.Errorf("search: limit %d; expected 1 to %d", req.Limit, MaxLimit)
	}
	if req.Matches == 0 {
		req.Matches = 3
	}
	s.cursor = cursor{from: req.From, to: req.To, after: above(math.MaxInt64)}
	s.cursor.after.first, s.cursor.after.start = math.MaxInt64, math.MaxInt64
	s.cursor.print = fingerprint(req.Query.String(), fmt.Sprint(req.By, req.Order))
	first := req.Cursor == ""
	if !first {
		c, err := parseCursor(req.Cursor, s.cursor.print)
		if err != nil {
			return nil, err
		}
		s.cursor = c
	}
	s.scan = newScan(req.Query, s.cursor.from, s.cursor.to, req.Budget)
	page := s.limit
	s.limit++
	if req.By == Traces {
		s.places = map[span.TraceID]position{}
	}
	if req.Order == Newest {
		if !first && s.cursor.after.first < math.MaxInt64 {
			s.to = min(s.to, s.cursor.after.first+1)
		}
		s.enough = func(m block.Meta) bool {
			return len(s.top) == s.limit && s.top[s.limit-1].first > m.MaxStart
		}
	}
	if err := s.find(ctx, st); err != nil {
		return nil, err
	}
	res := &SearchResult{}
	next := s.cut(page)
	damaged := st.Damaged()
	if err := s.list(ctx, st, res); err != nil {
		return nil, err
	}
	s.stats.damage(st.Damaged() - damaged)
	if next != nil {
		s.cursor.after = *next
		s.cursor.prune(req.Order)
		res.Cursor = s.cursor.String()
	}
	res.Stats = s.stats
	return res, nil
}

// find reads what may be among the top ones.
func (s *search) find(ctx context.Context, st *store.Store) error {
	if s.req.Order == Newest {
		return s.run(ctx, st, s.visit)
	}
	// Most blocks have no span among the slowest ones, which is seen without
	// reading them, if it is known how slow those are. So only spans above a high
	// bound are looked for first, then all above a lower one, until they are enough.
	l := s.limits
	s.limits.max = min(l.max, s.cursor.after.first)
	for least := s.slow(ctx, st); l.min <= s.limits.max; least /= 4 {
		if least < int64(time.Millisecond) || least <= l.min {
			least = l.min
		}
		if s.limits.min = least; least > s.limits.max {
			continue // nothing can be that slow
		}
		if err := s.run(ctx, st, s.visit); err != nil {
			return err
		}
		if least == l.min || s.out || len(s.top) == s.limit && s.top[s.limit-1].first >= least {
			return nil
		}
	}
	return nil
}

// slow returns a duration that about twice as many spans exceed as are looked
// for, if all spans of the query's services and operations fulfil it.
func (s *search) slow(ctx context.Context, st *store.Store) int64 {
	l := &s.limits
	lines, err := st.Series(ctx, aggregate.Selection{From: s.from, To: s.to, Services: l.services, Operations: l.names, Kinds: l.kinds})
	if err != nil || len(lines) == 0 {
		return int64(time.Hour)
	}
	h := &lines[0].Total.Durations
	type bucket struct {
		least int64
		n     uint64
	}
	var buckets []bucket
	for i, n := range h.Buckets() {
		if b := aggregate.Bound(h.Scale(), i-1); b < math.MaxInt64 {
			buckets = append(buckets, bucket{int64(b), n})
		}
	}
	enough := uint64(2 * s.limit)
	for _, b := range slices.Backward(buckets) {
		if b.least > l.max {
			continue
		}
		if b.n >= enough {
			return b.least
		}
		enough -= b.n
	}
	return 0
}

// visit puts the matching rows of a block among the top ones.
func (s *search) visit(v *view, rows bitset) (more bool, err error) {
	starts, err := v.Starts()
	if err != nil {
		return false, err
	}
	firsts := starts
	if s.req.Order == Slowest {
		if firsts, err = v.Durations(); err != nil {
			return false, err
		}
	}
	for row := range rows.all() {
		if len(s.top) == s.limit && firsts[row] < s.top[s.limit-1].first || firsts[row] > s.cursor.after.first {
			rows.unset(row)
		}
	}
	if rows.empty() {
		return true, nil
	}
	traces, err := v.TraceIDs()
	if err != nil {
		return false, err
	}
	ids, err := v.IDs()
	if err != nil {
		return false, err
	}
	kinds, err := v.Kinds()
	if err != nil {
		return false, err
	}
	for row := range rows.all() {
		f := found{position{firsts[row], starts[row], traces[row], ids[row], kinds[row]}, v.Block, row, nil}
		if f.compare(&s.cursor.after) > 0 && !s.cursor.listed(f.trace) {
			s.add(f)
		}
	}
	return true, s.keep(v.Block)
}

// keep reads the spans of a block that are among the top ones.
func (s *search) keep(b *block.Block) error {
	if s.req.By == Traces { // traces are read as a whole
		for i := range s.top {
			s.top[i].block = nil
		}
		return nil
	}
	var at []int
	for i := range s.top {
		if s.top[i].block == b {
			at = append(at, i)
			s.top[i].block = nil
		}
	}
	if at == nil {
		return nil
	}
	slices.SortFunc(at, func(x, y int) int { return cmp.Compare(s.top[x].row, s.top[y].row) })
	rows := make([]uint32, len(at))
	for k, i := range at {
		rows[k] = s.top[i].row
	}
	spans, err := b.Spans(rows)
	if err != nil {
		s.top = slices.DeleteFunc(s.top, func(f found) bool { return f.span == nil })
		return err
	}
	for k, i := range at {
		s.top[i].span = &spans[k]
	}
	return nil
}

func (s *search) add(f found) {
	if len(s.top) == s.limit && f.compare(&s.top[s.limit-1].position) >= 0 {
		return
	}
	at := func(p *position) (int, bool) {
		return slices.BinarySearchFunc(s.top, p, func(f found, p *position) int { return f.compare(p) })
	}
	if s.places != nil {
		if p, ok := s.places[f.trace]; ok {
			if f.compare(&p) >= 0 {
				return
			}
			i, _ := at(&p)
			s.top = slices.Delete(s.top, i, i+1)
		}
		s.places[f.trace] = f.position
	}
	i, same := at(&f.position)
	if same {
		return
	}
	if len(s.top) == s.limit {
		delete(s.places, s.top[s.limit-1].trace)
		s.top = s.top[:s.limit-1]
	}
	s.top = slices.Insert(s.top, i, f)
}

// cut leaves a page of the top ones, and returns the place after which the
// next one begins, nil if there is none.
func (s *search) cut(page int) (next *position) {
	if s.out {
		// What was not read may belong between what was found.
		if s.req.Order == Slowest {
			s.top = s.top[:min(page, len(s.top))]
			return nil
		}
		sure := slices.IndexFunc(s.top, func(f found) bool { return f.first <= s.bound })
		if sure < 0 {
			sure = len(s.top)
		}
		place := above(s.bound)
		switch {
		case sure > page: // as if nothing were missing
		case sure > 0:
			s.top = s.top[:sure]
			return &place
		case len(s.top) == 0 && s.cursor.after.compare(&place) < 0:
			return &place
		default:
			s.top = s.top[:min(page, len(s.top))]
			s.stats.partial("hits that are newer may be missing, and there is no next page")
			return nil
		}
	}
	if len(s.top) <= page {
		return nil
	}
	s.top = s.top[:page]
	return &s.top[page-1].position
}

// list makes the hits of what was found.
func (s *search) list(ctx context.Context, st *store.Store, res *SearchResult) error {
	res.Hits = make([]Hit, len(s.top))
	if s.req.By == Spans {
		for i, f := range s.top {
			res.Hits[i] = Hit{Spans: []span.Span{*f.span}, Matched: 1}
		}
		if !s.req.Summaries {
			return nil
		}
		known := map[span.TraceID]*Summary{}
		for i := range res.Hits {
			id := s.top[i].trace
			if known[id] == nil {
				t := newTraceReader(nil)
				if err := t.read(ctx, st, id); err != nil {
					return err
				}
				known[id] = t.summary(id)
			}
			res.Hits[i].Trace = known[id]
		}
		return nil
	}
	// A trace's spans may be in several blocks, of which the scan did not read
	// all. The trace itself is read, and has the last word.
	for i := range s.top {
		t := newTraceReader(s)
		if err := t.read(ctx, st, s.top[i].trace); err != nil {
			return err
		}
		h := &res.Hits[i]
		h.Matched = t.matched
		for _, f := range t.matches {
			sp, err := f.block.Span(int(f.row))
			if err != nil {
				s.stats.partial("a span cannot be read: %v", err)
				continue
			}
			h.Spans = append(h.Spans, sp)
		}
		if t.matched > 0 {
			s.cursor.add(s.top[i].trace, t.last)
		}
		if s.req.Summaries {
			h.Trace = t.summary(s.top[i].trace)
		}
	}
	res.Hits = slices.DeleteFunc(res.Hits, func(h Hit) bool { return h.Matched == 0 }) // removed by retention in between
	return nil
}
