package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Summary is what a list of traces shows of one.
type Summary struct {
	ID          span.TraceID
	RootService string // of the span that began it: the first one without a parent, or else the first one whose parent is not there
	RootName    string
	Start       int64 // of its first span, nanoseconds since the Unix epoch
	Duration    int64 // from there to the end of the span that ends last, nanoseconds
	Spans       int
	Errors      int            // spans with StatusError
	Services    []ServiceCount // by the number of spans, the most first
}

// ServiceCount is a service's part in a trace.
type ServiceCount struct {
	Name          string
	Spans, Errors int
}

// Summarize returns the summary of a trace from all of its spans, in any order.
func Summarize(spans []span.Span) Summary {
	t := newTraceReader(nil)
	for i := range spans {
		s := &spans[i]
		t.add(spanBrief{s.ID, s.Parent, s.Kind, s.Status, s.Start, s.Duration, s.Name, s.Service()})
	}
	if len(spans) == 0 {
		return Summary{}
	}
	return *t.summary(spans[0].TraceID)
}

// traceReader reads of a trace what its summary needs, and which of its spans
// match a search.
type traceReader struct {
	search   *search // nil: matches are not wanted
	spans    []spanBrief
	seen     map[spanKey]bool
	matching []found
}

type spanKey struct {
	id    span.ID
	start int64
	kind  span.Kind
}

type spanBrief struct {
	id, parent      span.ID
	kind            span.Kind
	status          span.Status
	start, duration int64
	name, service   string
}

func newTraceReader(s *search) *traceReader {
	return &traceReader{search: s, seen: map[spanKey]bool{}}
}

// add adds a span, unless it is a repetition.
func (t *traceReader) add(s spanBrief) bool {
	k := spanKey{s.id, s.start, s.kind}
	if t.seen[k] {
		return false
	}
	t.seen[k] = true
	t.spans = append(t.spans, s)
	return true
}

func (t *traceReader) read(ctx context.Context, st *store.Store, id span.TraceID) error {
	return st.ScanTrace(ctx, id, func(b *block.Block, rows []uint32) error {
		return t.block(b, rows)
	})
}

func (t *traceReader) block(b *block.Block, rows []uint32) error {
	v := newView(b)
	defer v.close()
	match := v.bits()
	defer v.drop(match)
	var firsts []int64
	starts, err := b.Starts()
	if err != nil {
		return err
	}
	durations, err := b.Durations()
	if err != nil {
		return err
	}
	if t.search != nil {
		for _, r := range rows {
			match.set(r)
		}
		if err := t.search.within(v, match); err != nil {
			return err
		}
		firsts = starts
		if t.search.req.Order == Slowest {
			firsts = durations
		}
	}
	ids, err := b.IDs()
	if err != nil {
		return err
	}
	parents, err := b.Parents()
	if err != nil {
		return err
	}
	kinds, err := b.Kinds()
	if err != nil {
		return err
	}
	statuses, err := b.Statuses()
	if err != nil {
		return err
	}
	names, err := b.Names()
	if err != nil {
		return err
	}
	services, err := b.Services()
	if err != nil {
		return err
	}
	traces, err := b.TraceIDs()
	if err != nil {
		return err
	}
	for _, r := range rows {
		i := int(r)
		fresh := t.add(spanBrief{ids[r], parents[r], kinds[r], statuses[r], starts[r], durations[r], names.At(i), services.At(i)})
		if fresh && t.search != nil && match.has(r) {
			t.matching = append(t.matching, found{position{firsts[r], starts[r], traces[r], ids[r], kinds[r]}, b, r, nil})
		}
	}
	return nil
}

// within keeps the rows that match the search, whatever the page.
func (s *search) within(v *view, rows bitset) error {
	whole := *s.scan
	whole.from, whole.to = s.cursor.from, endOf(s.cursor.to)
	return whole.filter(v, rows)
}

func (t *traceReader) summary(id span.TraceID) *Summary {
	sum := &Summary{ID: id, Spans: len(t.spans)}
	if len(t.spans) == 0 {
		return sum
	}
	ids := make(map[span.ID]bool, len(t.spans))
	for i := range t.spans {
		ids[t.spans[i].id] = true
	}
	// rank says how well a span does for the root: the lower the better.
	rank := func(s *spanBrief) int {
		switch {
		case s.parent.IsZero():
			return 0
		case !ids[s.parent]:
			return 1
		}
		return 2
	}
	services := map[string]*ServiceCount{}
	var root *spanBrief
	best := 0
	end := t.spans[0].start
	sum.Start = t.spans[0].start
	for i := range t.spans {
		s := &t.spans[i]
		sum.Start, end = min(sum.Start, s.start), max(end, s.start+s.duration)
		c := services[s.service]
		if c == nil {
			c = &ServiceCount{Name: s.service}
			services[s.service] = c
		}
		c.Spans++
		if s.status == span.StatusError {
			c.Errors++
			sum.Errors++
		}
		if r := rank(s); root == nil || r < best || r == best && s.start < root.start {
			root, best = s, r
		}
	}
	sum.Duration = end - sum.Start
	sum.RootService, sum.RootName = root.service, root.name
	for _, c := range services {
		sum.Services = append(sum.Services, *c)
	}
	slices.SortFunc(sum.Services, func(a, b ServiceCount) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Name, b.Name))
	})
	return sum
}
