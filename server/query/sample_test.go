package query

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/span"
)

// cellsOf returns the counts of a heat map by time and duration.
func cellsOf(m *HeatMapResult) (cells map[[2]int64]int64, spans int64) {
	cells = map[[2]int64]int64{}
	for i := range m.Cells {
		for j, c := range m.Cells[i] {
			if c.Count > 0 {
				cells[[2]int64{int64(i), m.Bounds[j]}] = c.Count
				spans += c.Count
			}
		}
	}
	return cells, spans
}

// What is counted evenly until a budget is used up is a sample: no more than
// there is, the share of it that is told, and of every part of the range. With
// budget enough it is everything.
func TestSample(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	st := openStore(t, 1000, 20)
	spans := (&world{r: r}).spans(20_500)
	for i := range spans {
		spans[i].Start = base + int64(i)*1000
	}
	write(t, st, spans)
	for _, text := range []string{"", "status = error", "service = " + spans[0].Service(), "duration > 3ns", "name = nothing", "trace = " + spans[5].TraceID.String()} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(b Budget) *HeatMapResult {
			m, err := HeatMap(t.Context(), st, HeatMapRequest{Query: q, From: base, To: base + 20_500_000, Columns: 10, PerDecade: 3, Budget: b})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		whole := ask(Budget{})
		cells, all := cellsOf(whole)
		matching := 0
		for i := range spans {
			if q.Match(&spans[i]) {
				matching++
			}
		}
		if int(all) != matching {
			t.Errorf("%s: %d spans, want %d", text, all, matching)
		}
		even, n := cellsOf(ask(Budget{Even: true}))
		if diff := cmp.Diff(cells, even); diff != "" || n != all {
			t.Errorf("%s: evenly, with time for all: %s", text, diff)
		}
		m := ask(Budget{Even: true, Rows: 4000})
		some, n := cellsOf(m)
		if m.Share < 1 != m.Partial || m.Share < 1 && m.Why == "" {
			t.Errorf("%s: share %v, partial %v, %q", text, m.Share, m.Partial, m.Why)
		}
		for at, n := range some {
			if n > cells[at] {
				t.Errorf("%s: %d spans at %v of %d", text, n, at, cells[at])
			}
		}
		if all < 2000 {
			continue // too few to tell
		}
		if m.Share > 0.9 {
			t.Errorf("%s: share %v with a fifth of the budget", text, m.Share)
		}
		if want := m.Share * float64(all); math.Abs(float64(n)-want) > want/5 {
			t.Errorf("%s: a share of %v has %d of %d spans", text, m.Share, n, all)
		}
		for column := range m.Cells {
			var n, of int64
			for j := range m.Cells[column] {
				n += m.Cells[column][j].Count
			}
			for at, k := range cells {
				if at[0] == int64(column) {
					of += k
				}
			}
			if want := m.Share * float64(of); math.Abs(float64(n)-want) > want/2+20 {
				t.Errorf("%s: column %d has %d of %d spans, of a share of %v", text, column, n, of, m.Share)
			}
		}
	}
}

// Two windows are compared, and nothing else.
func TestDifferRest(t *testing.T) {
	st := openStore(t, 200, 20)
	spans := (&world{r: rand.New(rand.NewPCG(23, 24))}).spans(600)
	for i := range spans {
		s := &spans[i]
		s.Start, s.Duration = base+int64(i), 10
		s.Attrs = []span.Attr{{Key: "third", Value: span.StringValue([]string{"first", "second", "last"}[i/200])}}
	}
	write(t, st, spans)
	for _, c := range []struct {
		rest       *Box
		n          int64
		values     []string
		restShares []float64
	}{
		{nil, 400, []string{"first", "last", "second"}, []float64{0.5, 0, 0.5}},
		{&Box{From: base, To: base + 200}, 200, []string{"first", "last"}, []float64{1, 0}},
		{&Box{From: base + 300, To: base + 600}, 100, []string{"last", "second"}, []float64{0, 1}}, // what is selected is not of the rest
	} {
		res, err := Differ(t.Context(), st, DifferRequest{Box: &Box{From: base + 400, To: base + 600}, Rest: c.rest, From: base, To: base + 600})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(res.Keys, func(k KeyDifference) bool { return k.Field == Field{SpanAttr, "third"} })
		if res.Selected != 200 || res.Rest != c.n || i < 0 {
			t.Fatalf("%+v: %d and %d spans, keys %+v", c.rest, res.Selected, res.Rest, res.Keys)
		}
		values := slices.Clone(res.Keys[i].Values)
		slices.SortFunc(values, func(a, b ValueDifference) int { return strings.Compare(a.Value, b.Value) })
		for k, v := range values {
			if len(values) != len(c.values) || v.Value != c.values[k] || v.RestShare != c.restShares[k] {
				t.Errorf("%+v: %+v", c.rest, values)
				break
			}
		}
	}
}
