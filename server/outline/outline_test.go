package outline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

var traceID = span.TraceID{15: 1}

// open returns a reader of a store that holds the spans.
func open(t testing.TB, o store.Options, spans []span.Span) *Reader {
	t.Helper()
	o.Dir, o.Logger, o.Retention, o.NoSync = t.TempDir(), slog.New(slog.NewTextHandler(io.Discard, nil)), -1, true
	st, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	write(t, st, spans)
	return &Reader{Store: st}
}

func write(t testing.TB, st *store.Store, spans []span.Span) {
	t.Helper()
	for part := range slices.Chunk(spans, 5000) {
		if err := st.Write(context.Background(), &store.Batch{Spans: part}); err != nil {
			t.Fatal(err)
		}
	}
}

var resources []*span.Resource

func init() {
	for i := range 6 {
		attrs := []span.Attr{{Key: "service.name", Value: span.StringValue(fmt.Sprint("s", i/2))}}
		if i != 5 {
			attrs = append(attrs, span.Attr{Key: "host.name", Value: span.StringValue(fmt.Sprint("h", i%3))})
		}
		resources = append(resources, &span.Resource{Service: fmt.Sprint("s", i/2), Attrs: attrs})
	}
}

// random makes spans that point to each other in every possible way.
func random(r *rand.Rand, n int) []span.Span {
	spans := make([]span.Span, n)
	shape := r.IntN(4)
	for i := range spans {
		s := &spans[i]
		parent := r.IntN(i + 1) // 0: none
		switch shape {
		case 0:
			parent = i // a chain
		case 1:
			parent = min(i, 1) // all below one
		case 2:
			parent = r.IntN(n + 3) // anything: rings, missing ones
		}
		id := i + 1
		if shape != 1 && r.IntN(20) == 0 {
			id = 1 + r.IntN(n)
		}
		*s = span.Span{
			TraceID: traceID, Name: fmt.Sprint("op", r.IntN(5)), Kind: span.Kind(r.IntN(6)), Start: 1e18 + int64(r.IntN(1000)), Duration: int64(r.IntN(300)) * int64(r.IntN(2)),
			Status: span.Status(max(0, r.IntN(12)-9)), Resource: resources[r.IntN(len(resources))], Scope: &span.Scope{},
		}
		s.ID[6], s.ID[7] = byte(id>>8), byte(id)
		s.Parent[6], s.Parent[7] = byte(parent>>8), byte(parent)
		if r.IntN(9) == 0 {
			s.Events = []span.Event{{Time: s.Start, Name: "e"}}
		}
		if r.IntN(9) == 0 {
			s.Links = []span.Link{{TraceID: traceID}}
		}
	}
	return spans
}

// An outline is the tree that is made of whole spans, whatever blocks these are in.
func TestOutline(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		spans := random(r, 1+r.IntN(400))
		for range r.IntN(3) { // sent twice
			spans = append(spans, spans[r.IntN(len(spans))])
		}
		rd := open(t, store.Options{BlockRows: 1 + r.IntN(100), HeadSpans: 20 + r.IntN(200)}, spans)
		whole, err := rd.Store.Trace(t.Context(), traceID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rd.Read(t.Context(), traceID)
		if err != nil {
			t.Fatal(err)
		}
		want := analysis.Build(whole)
		if len(got.IDs) != len(want.Spans) || got.Start != want.Start || got.End != want.End || got.Count != len(whole) {
			t.Fatalf("round %d: %d rows from %d to %d, want %d from %d to %d", round, len(got.IDs), got.Start, got.End, len(want.Spans), want.Start, want.End)
		}
		self, errors := want.SelfTimes(), 0
		for i := range want.Spans {
			n := &want.Spans[i]
			flags := map[span.Status]uint8{span.StatusError: FlagError, span.StatusOK: FlagOK}[n.Span.Status]
			for flag, set := range map[uint8]bool{FlagEvents: n.Span.Events != nil, FlagLinks: n.Span.Links != nil, FlagClock: n.Shift != 0, FlagWarnings: n.Warnings != nil, FlagParentMissing: got.Outline.Odd[i]&analysis.ParentMissing != 0} {
				if set {
					flags |= flag
				}
			}
			errors += int(flags & FlagError)
			if got.IDs[i] != n.Span.ID || int(got.Parents[i]) != n.Parent || got.Offsets[i] != n.Offset || got.Durations[i] != n.Span.Duration || got.Shift(i) != n.Shift ||
				got.NameTable[got.Names[i]] != n.Span.Name || got.ServiceTable[got.Services[i]].Name != n.Span.Service() || got.Kinds[i] != n.Span.Kind || got.Flags[i] != flags ||
				int64(got.Self[i]) != self[i] || got.SelfTime(i) != self[i] || len(got.Warnings(i)) != len(n.Warnings) {
				t.Fatalf("round %d: row %d: %s, want %+v, flags %b, want %b", round, i, got.IDs[i], n, got.Flags[i], flags)
			}
			_, row, s, err := rd.Span(t.Context(), traceID, n.Span.ID, i)
			if err != nil || row != i || s.ID != n.Span.ID || s.Start != n.Span.Start || s.Name != n.Span.Name || s.Kind != n.Span.Kind || s.Duration != n.Span.Duration || len(s.Events) != len(n.Span.Events) {
				t.Fatalf("round %d: span of row %d: row %d, %+v, want %+v", round, i, row, s, n.Span)
			}
		}
		if got.Errors != errors {
			t.Fatalf("%d errors, want %d", got.Errors, errors)
		}
		path := analysis.CriticalPath(want)
		for k, p := range path.Segments {
			if v := got.PathRows[k]; int(v>>1) != p.Node || v&1 == 1 != p.Idle || got.PathFrom[k] != p.From || got.PathUntil(k) != p.To {
				t.Fatalf("round %d: piece %d: %d, want %+v", round, k, v, p)
			}
		}
		for range 30 {
			checkRows(t, r, got)
		}
		rd.Store.Close()
	}
}

// checkRows folds a trace and checks what must hold of any answer.
func checkRows(t *testing.T, r *rand.Rand, tr *Trace) {
	t.Helper()
	sel := Selection{Limit: 1 + r.IntN(len(tr.IDs)+3), Under: -1}
	if r.IntN(2) == 0 {
		sel.Under = r.IntN(len(tr.IDs))
	}
	for range r.IntN(4) {
		sel.Reveal = append(sel.Reveal, r.IntN(len(tr.IDs)))
	}
	rows := tr.Fold(sel)
	head, rest, err := tr.Encode(rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := tr.Encode(tr.Fold(sel), nil)
	if err != nil || !bytes.Equal(again, head) {
		t.Fatalf("%+v: another answer the second time, %v", sel, err)
	}
	d, err := decode(append(head, rest...))
	if err != nil {
		t.Fatal(err)
	}
	first, end := 0, len(tr.IDs)
	if sel.Under >= 0 {
		first, end = sel.Under, sel.Under+int(tr.Sizes[sel.Under])
	}
	if d.Rows != len(d.ids) || d.Rows+d.Hidden != end-first || d.SpanCount != tr.Count {
		t.Fatalf("%+v: %d rows, %d ids, %d hidden of %d", sel, d.Rows, len(d.ids), d.Hidden, end-first)
	}
	revealed := 0
	at := make([]int, d.Rows) // row of the whole
	place := map[int]int{}
	for i := range d.ids {
		at[i] = i
		if d.numbers["at"] != nil {
			at[i] = int(d.at("at", i))
		}
		place[at[i]] = i
	}
	for _, row := range sel.Reveal {
		if row < first || row >= end {
			continue
		}
		for p := row; p >= first; p = int(tr.Parents[p]) {
			if _, ok := place[p]; !ok {
				t.Fatalf("%+v: row %d is not sent", sel, p)
			}
			revealed++
		}
	}
	if d.Rows > sel.Limit+revealed || d.Rows < min(sel.Limit, end-first) {
		t.Fatalf("%+v: %d rows of %d", sel, d.Rows, end-first)
	}
	below := make([]int, d.Rows)
	for i := d.Rows - 1; i >= 0; i-- {
		row := at[i]
		if i > 0 && at[i-1] >= row || row < first || row >= end {
			t.Fatalf("%+v: row %d after %d", sel, row, at[max(0, i-1)])
		}
		p := int(d.at("parent", i))
		if want := int(tr.Parents[row]); want < first {
			if p != -1 {
				t.Fatalf("%+v: row %d has a parent", sel, row)
			}
		} else if p < 0 || at[p] != want { // closed upwards
			t.Fatalf("%+v: row %d: parent %d, want row %d", sel, row, p, want)
		} else {
			below[p] += below[i] + 1
		}
		if int(d.at("hidden", i))+below[i]+1 != int(tr.Sizes[row]) {
			t.Fatalf("%+v: row %d: %v hidden and %d below, want %d together", sel, row, d.at("hidden", i), below[i], tr.Sizes[row]-1)
		}
		if d.ids[i] != tr.IDs[row] || d.at("start", i) != float64(tr.Offsets[row]) || d.at("duration", i) != float64(tr.Durations[row]) || d.at("self", i) != float64(tr.Self[row]) ||
			d.Names[int(d.at("name", i))] != tr.NameTable[tr.Names[row]] || d.Services[int(d.at("service", i))].Name != tr.ServiceTable[tr.Services[row]].Name || d.at("kind", i) != float64(tr.Kinds[row]) || d.at("flags", i) != float64(tr.Flags[row]) {
			t.Fatalf("%+v: row %d differs", sel, row)
		}
	}
	// Every moment of the critical path is that of the row, or of its nearest ancestor.
	if d.Critical != len(d.numbers["pathRow"]) || d.Critical != len(d.numbers["pathIdle"]) {
		t.Fatalf("%d pieces, want %d", len(d.numbers["pathRow"]), d.Critical)
	}
	k := 0
	for j, v := range tr.PathRows {
		row, from, until := int(v>>1), float64(tr.PathFrom[j]), float64(tr.PathUntil(j))
		want := -1
		if sel.Under >= 0 && (row < first || row >= end) {
			continue
		}
		for row >= 0 {
			if i, ok := place[row]; ok {
				want = i
				break
			}
			row = int(tr.Parents[row])
		}
		for k < d.Critical && d.at("pathUntil", k) <= from {
			k++
		}
		if k == d.Critical || d.at("pathFrom", k) > from || d.at("pathUntil", k) < until || int(d.at("pathRow", k)) != want {
			t.Fatalf("%+v: piece %d from %v until %v of row %d is not there", sel, j, from, until, want)
		}
	}
}
