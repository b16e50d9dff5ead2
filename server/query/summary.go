package query

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"strings"

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
		if k := (spanKey{s.ID, s.Start, s.Kind}); t.seen.add(k) {
			t.service(s.Service()).Spans++
			t.add(candidateRoot{s.ID, s.Parent, s.Start, s.Name, s.Service()}, s.Duration)
			if s.Status == span.StatusError {
				t.service(s.Service()).Errors++
			}
		}
	}
	if len(spans) == 0 {
		return Summary{}
	}
	return *t.summary(spans[0].TraceID)
}

// traceReader reads of a trace what its summary needs, and which of its spans
// match a search. A trace may have millions of spans: little is kept of each.
type traceReader struct {
	search   *search // nil: matches are not wanted
	seen     keySet
	services map[string]*ServiceCount
	spans    int
	start    int64
	end      int64
	root     *candidateRoot  // the first span without a parent, if there is one
	others   []candidateRoot // until there is: the other spans, up to maxOthers
	earliest candidateRoot   // of all spans
	matched  int
	matches  []found // the first ones in the search's order, sorted
	last     int64   // the least position.first of all matches
}

// spanKey tells spans of a trace apart.
type spanKey struct {
	id    span.ID
	start int64
	kind  span.Kind
}

// candidateRoot is a span that may be the one that began the trace.
type candidateRoot struct {
	id, parent span.ID
	start      int64
	name       string
	service    string
}

// maxOthers is how many spans are kept in case that none is without a parent.
const maxOthers = 100_000

// keySet is a set of spans. It keeps 64 bits of each, hashed with a seed that
// no client knows: in a trace of a million spans two have the same once in ten
// million times.
type keySet struct {
	seed  maphash.Seed
	slots []uint64 // open addressing; 0 is empty
	n     int
}

// add reports whether the span was not in the set.
func (s *keySet) add(k spanKey) bool {
	if 2*(s.n+1) > len(s.slots) {
		old := s.slots
		if old == nil {
			s.seed = maphash.MakeSeed()
		}
		s.slots = make([]uint64, max(32, 2*len(old)))
		for _, h := range old {
			if h != 0 {
				s.slots[s.slot(h)] = h
			}
		}
	}
	h := max(1, maphash.Comparable(s.seed, k))
	i := s.slot(h)
	if s.slots[i] == h {
		return false
	}
	s.slots[i] = h
	s.n++
	return true
}

func (s *keySet) slot(h uint64) int {
	i := int(h) & (len(s.slots) - 1)
	for s.slots[i] != 0 && s.slots[i] != h {
		i = (i + 1) & (len(s.slots) - 1)
	}
	return i
}

func newTraceReader(s *search) *traceReader {
	return &traceReader{search: s, services: map[string]*ServiceCount{}}
}

func (t *traceReader) service(name string) *ServiceCount {
	c := t.services[name]
	if c == nil {
		c = &ServiceCount{Name: strings.Clone(name)} // of a block
		t.services[c.Name] = c
	}
	return c
}

// add adds a span that is not a repetition.
func (t *traceReader) add(s candidateRoot, duration int64) {
	if t.spans == 0 {
		t.start, t.end = s.start, s.start+duration
	}
	if t.spans == 0 || s.start < t.earliest.start {
		t.earliest = s
	}
	t.spans++
	t.start, t.end = min(t.start, s.start), max(t.end, s.start+duration)
	switch {
	case s.parent.IsZero():
		if t.root == nil || s.start < t.root.start {
			t.root = &s
		}
		t.others = nil
	case t.root == nil && len(t.others) < maxOthers:
		t.others = append(t.others, s)
	}
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
	counts := make([]*ServiceCount, len(services.Dict))
	for _, r := range rows {
		k := spanKey{ids[r], starts[r], kinds[r]}
		if !t.seen.add(k) {
			continue
		}
		c := counts[services.IDs[r]]
		if c == nil {
			c = t.service(services.At(int(r)))
			counts[services.IDs[r]] = c
		}
		c.Spans++
		if statuses[r] == span.StatusError {
			c.Errors++
		}
		t.add(candidateRoot{k.id, parents[r], k.start, names.At(int(r)), services.At(int(r))}, durations[r])
		if t.search != nil && match.has(r) {
			t.match(found{position{firsts[r], starts[r], traces[r], ids[r], kinds[r]}, b, r, nil})
		}
	}
	return nil
}

// match takes note of a span that matches.
func (t *traceReader) match(f found) {
	if t.matched == 0 || f.first < t.last {
		t.last = f.first
	}
	t.matched++
	most := t.search.req.Matches
	if len(t.matches) == most && (most == 0 || f.compare(&t.matches[most-1].position) >= 0) {
		return
	}
	i, _ := slices.BinarySearchFunc(t.matches, &f.position, func(f found, p *position) int { return f.compare(p) })
	if len(t.matches) == most {
		t.matches = t.matches[:most-1]
	}
	t.matches = slices.Insert(t.matches, i, f)
}

// within keeps the rows that match the search, whatever the page.
func (s *search) within(v *view, rows bitset) error {
	whole := *s.scan
	whole.from, whole.to = s.cursor.from, endOf(s.cursor.to)
	return whole.filter(v, rows)
}

func (t *traceReader) summary(id span.TraceID) *Summary {
	sum := &Summary{ID: id, Spans: t.spans}
	if t.spans == 0 {
		return sum
	}
	sum.Start, sum.Duration = t.start, t.end-t.start
	root := t.orphan()
	if t.root != nil {
		root = *t.root
	}
	sum.RootName, sum.RootService = root.name, root.service
	for _, c := range t.services {
		sum.Services = append(sum.Services, *c)
		sum.Errors += c.Errors
	}
	slices.SortFunc(sum.Services, func(a, b ServiceCount) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Name, b.Name))
	})
	return sum
}

// orphan returns what began a trace in which all spans have a parent: the first
// one whose parent is not there, or in a ring, or among very many, just the
// first one.
func (t *traceReader) orphan() candidateRoot {
	root, found := t.earliest, false
	if len(t.others) == maxOthers {
		return root
	}
	ids := make(map[span.ID]bool, len(t.others))
	for i := range t.others {
		ids[t.others[i].id] = true
	}
	for _, s := range t.others {
		if !ids[s.parent] && (!found || s.start < root.start) {
			root, found = s, true
		}
	}
	return root
}
