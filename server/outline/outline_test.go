package outline

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/block"
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
			for k := range 1 + r.IntN(20) {
				s.Events = append(s.Events, span.Event{Time: s.Start + int64(k*k), Name: "e"})
			}
			r.Shuffle(len(s.Events), func(i, j int) { s.Events[i], s.Events[j] = s.Events[j], s.Events[i] })
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
				int64(got.Covered[i]) != n.Span.Duration-self[i] || got.SelfTime(i) != self[i] || len(got.Warnings(i)) != len(n.Warnings) {
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
		if d.ids[i] != tr.IDs[row] || d.at("start", i) != float64(tr.Offsets[row]) || d.at("duration", i) != float64(tr.Durations[row]) || d.at("covered", i) != float64(tr.Covered[row]) ||
			d.Names[int(d.at("name", i))] != tr.NameTable[tr.Names[row]] || d.Services[int(d.at("service", i))].Name != tr.ServiceTable[tr.Services[row]].Name || d.at("kind", i) != float64(tr.Kinds[row]) || d.at("flags", i) != float64(tr.Flags[row]) {
			t.Fatalf("%+v: row %d differs", sel, row)
		}
	}
	// Every moment of the critical path is that of the row, or of its nearest ancestor.
	length := func(k int) float64 {
		if n := d.at("pathLength", k); n > 0 || d.at("pathRow", k) < 0 {
			return n
		}
		return d.at("duration", int(d.at("pathRow", k)))
	}
	k, begin, until := 0, 0.0, 0.0
	if d.Critical > 0 {
		until = length(0)
	}
	for j, v := range tr.PathRows {
		row, from := int(v>>1), float64(tr.PathFrom[j])
		want := -1
		for p := row; p >= first; p = int(tr.Parents[p]) {
			if i, ok := place[p]; ok {
				want = i
				break
			}
		}
		for until <= from {
			k++
			begin, until = until, until+length(k)
		}
		if begin > from || until < float64(tr.PathUntil(j)) || int(d.at("pathRow", k)) != want || d.at("pathIdle", k) == 1 && v&1 == 0 {
			t.Fatalf("%+v: piece %d of row %d (now %d) is not there", sel, j, row, want)
		}
	}
	if d.Critical != len(d.numbers["pathRow"]) || d.numbers["pathIdle"] != nil && d.Critical != len(d.numbers["pathIdle"]) || d.Critical > 0 && (k != d.Critical-1 || until != float64(d.DurationNanos)) {
		t.Fatalf("%d pieces that end at %v of %d", d.Critical, until, d.DurationNanos)
	}
	// Every event of the rows that are sent is there.
	n := 0
	for i := range d.numbers["eventRow"] {
		row := int(d.at("eventRow", i))
		if i > 0 && (row < int(d.at("eventRow", i-1)) || row == int(d.at("eventRow", i-1)) && d.at("eventTime", i) < d.at("eventTime", i-1)) {
			t.Fatalf("event %d is not in order", i)
		}
		// see random: the first event of a span is when it starts, the others later
		if at := d.at("eventTime", i) - d.at("start", row); i == 0 || row != int(d.at("eventRow", i-1)) {
			n++
			if at != 0 {
				t.Fatalf("event %d: %v after the start of its span", i, at)
			}
		}
	}
	for i := range d.ids {
		if int(d.at("flags", i))&FlagEvents != 0 {
			n--
		}
	}
	if n != 0 {
		t.Fatalf("%d spans too many have events", n)
	}
}

// Outlines of large traces are kept, until spans come in, and no more of them than the bound allows.
func TestKept(t *testing.T) {
	spans := random(rand.New(rand.NewPCG(5, 6)), 3000)
	rd := open(t, store.Options{BlockRows: 50, HeadSpans: 1000}, spans)
	read := func() *Trace {
		tr, err := rd.Read(t.Context(), traceID)
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	var a *Trace
	for a == nil || a != read() { // until no head is on its way to the disk
		a = read()
	}
	late := spans[0]
	late.ID, late.Start = span.ID{0: 9}, late.Start+5
	write(t, rd.Store, []span.Span{late})
	b := read()
	if b == a || b.Count != a.Count+1 || b.Tag() == a.Tag() {
		t.Errorf("with a late span: %d spans, before %d; tags %d and %d", b.Count, a.Count, b.Tag(), a.Tag())
	}
	if _, _, s, err := rd.Span(t.Context(), traceID, late.ID, -1); err != nil || s == nil || s.Start != late.Start {
		t.Errorf("the late span is %+v, %v", s, err)
	}
	if len(rd.kept) != 1 {
		t.Errorf("%d outlines are kept", len(rd.kept))
	}
	rd.CacheBytes = a.Size() / 2
	write(t, rd.Store, spans[:1]) // a repetition; the version may change, the tag may not
	if c := read(); c.Tag() != b.Tag() {
		t.Error("another tag without another span")
	}
	rd.mu.Lock()
	rd.kept = nil
	rd.mu.Unlock()
	if read(); len(rd.kept) != 0 {
		t.Error("an outline beyond the bound is kept")
	}
	if tr, err := rd.Read(t.Context(), span.TraceID{1}); tr != nil || err != nil {
		t.Errorf("a trace that is not there: %v, %v", tr, err)
	}
}

// Many ask at once, for the outline and for spans, while more come in.
func TestAtOnce(t *testing.T) {
	spans := random(rand.New(rand.NewPCG(11, 12)), 4000)
	rd := open(t, store.Options{BlockRows: 50, HeadSpans: 1000}, spans[:3000])
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				tr, err := rd.Read(t.Context(), traceID)
				if err != nil || len(tr.IDs) < 1000 {
					t.Errorf("%v", err)
					return
				}
				tr.Fold(Selection{Limit: 100, Under: -1})
				row := len(tr.IDs) / 2
				if _, _, s, err := rd.Span(t.Context(), traceID, tr.IDs[row], -1); err != nil || s == nil || s.ID != tr.IDs[row] {
					t.Errorf("span %s: %v, %v", tr.IDs[row], s, err)
				}
				all := func(_ *block.Block, rows []uint32) ([]uint32, error) { return rows, nil }
				if now, rows, err := rd.Match(t.Context(), traceID, all); err != nil || len(rows) != len(now.IDs) || len(rows) < len(tr.IDs) {
					t.Errorf("%d rows match, %v", len(rows), err)
				}
			}
		})
	}
	for part := range slices.Chunk(spans[3000:], 100) {
		write(t, rd.Store, part)
	}
	wg.Wait()
}

// Of a trace with too many spans the longest are looked at, and what is at the top.
func TestPartial(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	spans := make([]span.Span, 5000)
	for i := range spans {
		s := &spans[i]
		*s = span.Span{TraceID: traceID, ID: span.ID{6: byte((i + 1) >> 8), 7: byte(i + 1)}, Name: "op", Start: 1e18 + int64(i), Resource: resources[0], Scope: &span.Scope{}}
		if i > 0 {
			p := &spans[r.IntN(i)]
			s.Parent, s.Start, s.Duration = p.ID, p.Start+1, 1+r.Int64N(1e6)
		}
	}
	rd := open(t, store.Options{BlockRows: 100, HeadSpans: 1000}, spans)
	rd.MaxSpans = 700
	tr, err := rd.Read(t.Context(), traceID)
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.IDs) != 700 || !tr.Partial || tr.Count != 5000 || tr.IDs[tr.Root] != spans[0].ID {
		t.Fatalf("%d rows of %d, partial %v, root %s", len(tr.IDs), tr.Count, tr.Partial, tr.IDs[tr.Root])
	}
	durations := make([]int64, 0, len(spans))
	for _, s := range spans {
		durations = append(durations, s.Duration)
	}
	slices.Sort(durations)
	for row, d := range tr.Durations {
		if row != tr.Root && d < durations[len(durations)-700] {
			t.Errorf("row %d of %d ns is there instead of longer ones", row, d)
		}
		_, got, s, err := rd.Span(t.Context(), traceID, tr.IDs[row], row)
		if err != nil || got != row || s.ID != tr.IDs[row] || s.Duration != d {
			t.Fatalf("row %d: %+v, %v", row, s, err)
		}
	}
	head, rest, err := tr.Encode(tr.Fold(Selection{Limit: 100, Under: -1}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := decode(append(head, rest...)); err != nil || !d.Partial || d.Why == "" || d.SpanCount != 5000 || d.Rows != 100 {
		t.Errorf("%+v, %v", d, err)
	}
	for range 100 {
		checkRows(t, r, tr)
	}
}

// Of many short siblings that do not all fit, as many are chosen at the start as at the end.
func TestFoldEvenly(t *testing.T) {
	const n = 20_000
	var spans []span.Span
	add := func(id, parent int, start, d int64) {
		s := span.Span{TraceID: traceID, Name: "op", Start: 1e18 + start, Duration: d, Resource: resources[0], Scope: &span.Scope{}}
		s.ID[5], s.ID[6], s.ID[7] = byte(id>>16), byte(id>>8), byte(id)
		s.Parent[5], s.Parent[6], s.Parent[7] = byte(parent>>16), byte(parent>>8), byte(parent)
		spans = append(spans, s)
	}
	add(1, 0, 0, 4*n*100)
	add(2, 1, 0, n*100)       // a loop of n short ones
	add(3, 1, n*100, 3*n*100) // and one three times as long, of ones that take three times as long
	for i := range n {
		add(10+2*i, 2, int64(i*100), 90)
		add(11+2*i, 3, int64(n*100+i*300), 270)
	}
	rd := open(t, store.Options{}, spans)
	tr, err := rd.Read(t.Context(), traceID)
	if err != nil {
		t.Fatal(err)
	}
	rows := tr.Fold(Selection{Limit: 4003, Under: -1})
	var loops [2][10]int
	for _, row := range rows.List {
		if d := tr.Durations[row]; d <= 270 {
			loop := int(d / 270)
			at := tr.Offsets[row]
			if loop == 1 {
				at = (at - n*100) / 3
			}
			loops[loop][at*10/(n*100)]++
		}
	}
	for loop, tenths := range loops {
		sum := 0
		for _, k := range tenths {
			sum += k
		}
		for _, k := range tenths {
			if k < sum/10-sum/50 || k > sum/10+sum/50 {
				t.Errorf("loop %d: %v", loop, tenths)
				break
			}
		}
		// A quarter of what is left is chosen for the critical path, which goes through both.
		if loop == 1 && sum < 2*(len(rows.List)-sum) {
			t.Errorf("of the longer loop %d are chosen, of %d", sum, len(rows.List))
		}
	}
}

// The answers in testdata are read as long as there are readers of version 1.
func TestGolden(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	spans := random(r, 30)
	for len(spans) < 60 { // two shapes in one trace
		for _, s := range random(r, 30) {
			s.ID[0], s.Parent[0] = 1, 1
			spans = append(spans, s)
		}
	}
	for name, sel := range map[string]Selection{"whole": {Limit: 100, Under: -1}, "folded": {Limit: 9, Under: -1, Reveal: []int{20}}, "under": {Limit: 3, Under: 1}} {
		rd := open(t, store.Options{}, spans)
		tr, err := rd.Read(t.Context(), traceID)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, err := tr.Encode(tr.Fold(sel), map[span.ID]bool{tr.IDs[2]: true})
		if err != nil {
			t.Fatal(err)
		}
		got := append(head, rest...)
		d, err := decode(got)
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/v1-" + name
		if *update {
			if err := os.WriteFile(file+".columns", got, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file+".txt", []byte(d.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file + ".columns")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		old, err := decode(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), old.String()); diff != "" {
			t.Errorf("%s is not what its text says: %s", file, diff)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: another answer; if that is meant, go test ./server/outline -update: %s", file, cmp.Diff(old.String(), d.String()))
		}
	}
}

var update = flag.Bool("update", false, "write the files in testdata anew")
