package query

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// openStore opens a store of small heads and blocks.
func openStore(t *testing.T, headSpans, blockRows int) *store.Store {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir(), HeadSpans: headSpans, BlockRows: blockRows, NoSync: true, Clock: func() time.Time { return time.Unix(0, base) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func write(t *testing.T, st *store.Store, spans []span.Span) {
	t.Helper()
	for len(spans) > 0 {
		n := min(len(spans), 50)
		for {
			err := st.Write(context.Background(), &store.Batch{Spans: spans[:n]})
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrBusy) {
				t.Fatal(err)
			}
		}
		spans = spans[n:]
	}
}

// world makes spans with distinct ids and many equal starts, for the store.
type world struct {
	r *rand.Rand
	n uint32
}

func (w *world) spans(n int) []span.Span {
	list := randomSpans(w.r, n)
	for i := range list {
		s := &list[i]
		w.n++
		s.ID = span.ID{1, 0, 0, 0, byte(w.n >> 24), byte(w.n >> 16), byte(w.n >> 8), byte(w.n)}
		s.TraceID = span.TraceID{15: 1 + byte(w.r.IntN(40))}
		s.Start += base
		seen := map[string]bool{}
		s.Attrs = slices.DeleteFunc(s.Attrs, func(a span.Attr) bool { // a key is there once, as it should
			again := seen[a.Key]
			seen[a.Key] = true
			return again
		})
		for k := range s.Attrs { // what a decoder lets in is UTF-8
			s.Attrs[k].Value.Str = cleanText(s.Attrs[k].Value)
		}
	}
	return list
}

func cleanText(v span.Value) string {
	if v.Type == span.String {
		return strings.ToValidUTF8(v.Str, "?")
	}
	return v.Str
}

type placed struct {
	position
	span *span.Span
}

// ordered returns the matching spans as a search by spans has them.
func ordered(spans []span.Span, q *Query, order Order, from, to int64) (list []placed) {
	for i := range spans {
		s := &spans[i]
		if !reference(q.Expr, s) || s.Start < from || s.Start >= to {
			continue
		}
		p := placed{position{s.Start, s.Start, s.TraceID, s.ID, s.Kind}, s}
		if order == Slowest {
			p.first = s.Duration
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b placed) int { return a.compare(&b.position) })
	return list
}

// Searches find, in order and page by page, exactly what a plain filter over
// all spans does, wherever the spans are: in heads, in blocks, on their way.
func TestSearchAgainstReference(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(9, 10))
	w := &world{r: r}
	st := openStore(t, 300, 16)
	spans := w.spans(2000)
	write(t, st, spans)
	found := 0
	for range 60 {
		q := New(randomExpr(r, 2))
		from, to := base+int64(r.IntN(500)), base+500+int64(r.IntN(600))
		order, limit := Order(r.IntN(2)), pick(r, []int{1, 7, 100, 3000})
		want := ordered(spans, q, order, from, to)
		var got []string
		req := SearchRequest{Query: q, From: from, To: to, By: Spans, Order: order, Limit: limit}
		for page := 0; page < 30; page++ {
			res, err := Search(ctx, st, req)
			if err != nil || res.Partial {
				t.Fatalf("%s: %v %+v", q, err, res)
			}
			for _, h := range res.Hits {
				got = append(got, h.Spans[0].ID.String())
			}
			if res.Cursor != "" && len(res.Hits) != limit {
				t.Fatalf("%s: a page of %d, not the last one, limit %d", q, len(res.Hits), limit)
			}
			if req.Cursor = res.Cursor; req.Cursor == "" {
				break
			}
		}
		var names []string
		for _, p := range want {
			names = append(names, p.span.ID.String())
		}
		if req.Cursor != "" { // stopped in the middle
			names = names[:min(len(names), len(got))]
		}
		if !slices.Equal(got, names) {
			t.Fatalf("%s, order %d, limit %d:\ngot  %v\nwant %v", q, order, limit, got, names)
		}
		found += len(got)

		// By traces: a trace stands where its first span does, and knows all that match.
		res, err := Search(ctx, st, SearchRequest{Query: q, From: from, To: to, Order: order, Limit: limit, Matches: 2, Summaries: true})
		if err != nil {
			t.Fatal(err)
		}
		var traces []span.TraceID
		matched := map[span.TraceID][]*span.Span{}
		for _, p := range want {
			if matched[p.trace] == nil {
				traces = append(traces, p.trace)
			}
			matched[p.trace] = append(matched[p.trace], p.span)
		}
		if len(res.Hits) != min(limit, len(traces)) || (res.Cursor != "") != (len(traces) > limit) {
			t.Fatalf("%s: %d traces, want %d of %d, cursor %q", q, len(res.Hits), limit, len(traces), res.Cursor)
		}
		for i, h := range res.Hits {
			m := matched[traces[i]]
			if h.Trace.ID != traces[i] || h.Matched != len(m) || len(h.Spans) != min(2, len(m)) {
				t.Fatalf("%s: trace %d is %s with %d of %d, want %s with %d", q, i, h.Trace.ID, len(h.Spans), h.Matched, traces[i], len(m))
			}
			for k := range h.Spans {
				if h.Spans[k].ID != m[k].ID {
					t.Fatalf("%s: trace %s lists %s as %d, want %s", q, h.Trace.ID, h.Spans[k].ID, k, m[k].ID)
				}
			}
			var all []span.Span
			for _, s := range spans {
				if s.TraceID == traces[i] {
					all = append(all, s)
				}
			}
			if want := Summarize(all); fmt.Sprint(want) != fmt.Sprint(*h.Trace) {
				t.Fatalf("summary\n%+v\nwant\n%+v", *h.Trace, want)
			}
		}
	}
	if found < 2_000 {
		t.Errorf("only %d hits: the test proves little", found)
	}
}

// While more arrives between the pages, nothing that was there is left out or
// listed twice.
func TestPagesWhileDataArrives(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 11))
		w := &world{r: r}
		st := openStore(t, 150, 8)
		before := w.spans(600)
		write(t, st, before)
		q := New(pick(r, []Expr{nil, Compare(Status, Equal, StringValue("error")), Text{"get"}}))
		by, order := Unit(seed%2), Order(seed/2%2)
		seen := map[string]int{}
		var last *position
		req := SearchRequest{Query: q, From: base, By: by, Order: order, Limit: 1 + r.IntN(20), Matches: 1}
		for page := 0; ; page++ {
			if page > 2000 {
				t.Fatal("no end")
			}
			res, err := Search(ctx, st, req)
			if err != nil || res.Partial {
				t.Fatal(err, res)
			}
			for _, h := range res.Hits {
				s := &h.Spans[0]
				p := position{s.Start, s.Start, s.TraceID, s.ID, s.Kind}
				if order == Slowest {
					p.first = s.Duration
				}
				if by == Spans {
					if last != nil && last.compare(&p) >= 0 {
						t.Fatalf("page %d is not after the one before", page)
					}
					last = &p
					seen[s.ID.String()]++
				} else {
					seen[s.TraceID.String()]++
				}
			}
			if req.Cursor = res.Cursor; req.Cursor == "" {
				break
			}
			if page < 20 {
				late := w.spans(40)
				for i := range late {
					late[i].TraceID[0] = 1 // traces of their own: what joins a listed trace may list it again
					late[i].Start = base + int64(r.IntN(1000))
				}
				write(t, st, late)
			}
		}
		for id, n := range seen {
			if n > 1 && !strings.HasPrefix(id, "01000000000000000000") { // more of a late trace may come later still
				t.Errorf("seed %d: %s is listed %d times", seed, id, n)
			}
		}
		for _, p := range ordered(before, q, order, base, base+1000) {
			id := p.id.String()
			if by == Traces {
				id = p.trace.String()
			}
			if seen[id] == 0 {
				t.Errorf("seed %d: %s is not listed", seed, id)
			}
		}
	}
}

// A search that may read little at a time says so, and its pages still come to
// everything.
func TestSearchBudget(t *testing.T) {
	ctx := context.Background()
	r := rand.New(rand.NewPCG(12, 13))
	w := &world{r: r}
	o := store.Options{Dir: t.TempDir(), HeadSpans: 100, BlockRows: 10, NoSync: true, Clock: func() time.Time { return time.Unix(0, base) }}
	st, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	spans := w.spans(1000)
	// One start a span, and traces that do not overlap: then every page can make headway.
	for i := range spans {
		spans[i].Start = base + int64(i)
		spans[i].TraceID = span.TraceID{0: 1, 15: byte(i / 10)}
	}
	write(t, st, spans)
	if err := st.Close(); err != nil { // cuts all
		t.Fatal(err)
	}
	st, err = store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var got []span.ID
	partial := 0
	req := SearchRequest{Query: New(Compare(Status, Equal, StringValue("error"))), From: base, By: Spans, Limit: 50, Budget: Budget{Rows: 30}}
	for {
		res, err := Search(ctx, st, req)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range res.Hits {
			got = append(got, h.Spans[0].ID)
		}
		if res.Partial {
			partial++
			if !strings.Contains(res.Why, "stopped after") {
				t.Errorf("why: %q", res.Why)
			}
		}
		if req.Cursor = res.Cursor; req.Cursor == "" {
			break
		}
	}
	var want []span.ID
	for _, p := range ordered(spans, req.Query, Newest, base, base+1000) {
		want = append(want, p.id)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d spans, want %d", len(got), len(want))
	}
	if partial < 5 {
		t.Errorf("%d partial pages: the budget did nothing", partial)
	}
}

func TestSearchErrors(t *testing.T) {
	st := openStore(t, 100, 10)
	w := &world{r: rand.New(rand.NewPCG(1, 1))}
	write(t, st, w.spans(100))
	ctx := context.Background()
	res, err := Search(ctx, st, SearchRequest{By: Spans, Limit: 1})
	if err != nil || res.Cursor == "" {
		t.Fatal(err, res)
	}
	for _, c := range []string{"x", "AAAA", res.Cursor[:20], res.Cursor + "AAAA", strings.Repeat("A", 1<<20)} {
		if _, err := Search(ctx, st, SearchRequest{By: Spans, Limit: 1, Cursor: c}); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %.30s: %v", c, err)
		}
	}
	if _, err := Search(ctx, st, SearchRequest{By: Spans, Order: Slowest, Cursor: res.Cursor}); !errors.Is(err, ErrCursor) {
		t.Errorf("cursor of another order: %v", err)
	}
	if _, err := Search(ctx, st, SearchRequest{Limit: MaxLimit + 1}); err == nil {
		t.Error("limit too large: no error")
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	for name, call := range map[string]func() error{
		"search": func() error { _, err := Search(stopped, st, SearchRequest{}); return err },
		"aggregate": func() error {
			_, err := Aggregate(stopped, st, AggregateRequest{To: 1, By: []Field{Status}})
			return err
		},
		"heat map": func() error { _, err := HeatMap(stopped, st, HeatMapRequest{To: 1}); return err },
		"differ":   func() error { _, err := Differ(stopped, st, DifferRequest{Selected: New(Has(Name))}); return err },
		"keys":     func() error { _, err := Keys(stopped, st, KeysRequest{}); return err },
		"values":   func() error { _, err := Values(stopped, st, ValuesRequest{Field: Name}); return err },
		"waits":    func() error { _, err := Waits(stopped, st, WaitsRequest{}); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that has ended: %v", name, err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Search(ctx, st, SearchRequest{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed store: %v", err)
	}
}

// A span that was sent twice, once before its block was cut and once after, is one hit.
func TestSearchRepeatedSpan(t *testing.T) {
	st := openStore(t, 10, 4)
	w := &world{r: rand.New(rand.NewPCG(2, 2))}
	spans := w.spans(30)
	write(t, st, spans)
	write(t, st, spans)
	for _, by := range []Unit{Spans, Traces} {
		res, err := Search(context.Background(), st, SearchRequest{By: by, Limit: 100, Matches: 100})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, h := range res.Hits {
			n += len(h.Spans)
			if h.Matched != len(h.Spans) {
				t.Errorf("matched %d, listed %d", h.Matched, len(h.Spans))
			}
		}
		if n != len(spans) {
			t.Errorf("%d spans, want %d", n, len(spans))
		}
	}
}
