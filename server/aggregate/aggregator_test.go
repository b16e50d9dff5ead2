package aggregate

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/span"
)

const t0 = int64(1_790_000_000_000_000_000) // a moment in 2026

// store is what a Pebble database with a Merger does, in a map. Operands are
// kept and merged when they are read, in a random grouping.
type store map[string][][]byte

func (s store) merge(key, value []byte) error {
	s[string(key)] = append(s[string(key)], bytes.Clone(value))
	return nil
}

func (s store) read(t *testing.T, r *rand.Rand) map[string][]byte {
	t.Helper()
	report := func(key []byte, err error) { t.Errorf("key %x: %v", key, err) }
	out := map[string][]byte{}
	for key, operands := range s {
		operands = slices.Clone(operands)
		r.Shuffle(len(operands), func(i, j int) { operands[i], operands[j] = operands[j], operands[i] })
		for len(operands) > 1 { // compactions: of two or more operands, anywhere
			n := 2 + r.IntN(len(operands)-1)
			m := NewMerger([]byte(key), operands[0], report)
			for _, o := range operands[1:n] {
				if r.IntN(2) == 0 {
					m.MergeNewer(o)
				} else {
					m.MergeOlder(o)
				}
			}
			v, _, err := m.Finish(r.IntN(2) == 0)
			if err != nil {
				t.Fatal(err)
			}
			operands = append(operands[n:], bytes.Clone(v))
		}
		out[key] = operands[0]
	}
	return out
}

// cells decodes what a store has of one class and level.
func (s store) cells(t *testing.T, r *rand.Rand, class Class, level int) map[string]map[int64]*Cell {
	t.Helper()
	out := map[string]map[int64]*Cell{}
	for key, value := range s.read(t, r) {
		if Class(key[0]) != class || int(key[1]) != level {
			continue
		}
		_, start, series, err := ParseKey([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		if out[string(series)] == nil {
			out[string(series)] = map[int64]*Cell{}
		}
		if err := EachCell(value, nil, func(bucket int, c *Cell) {
			n := new(Cell)
			n.Merge(c)
			out[string(series)][start+int64(bucket)*int64(Levels[level].Step)] = n
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// plain is a cell as numbers that can be compared.
type plain struct {
	Count, Errors, Sum uint64
	Min, Max           int64
	Slow, Failed       span.TraceID
	Durations          string
}

func plainOf(c *Cell) plain {
	h := &c.Durations
	return plain{c.Count(), c.Errors, h.Sum(), h.Min(), h.Max(), c.Slow, c.Failed, string(h.Append(nil))}
}

// naive computes the cells of a level from the spans themselves.
func naive(spans []span.Span, step time.Duration) map[string]map[int64]plain {
	type cell struct {
		p plain
		h Histogram
	}
	cells := map[string]map[int64]*cell{}
	for i := range spans {
		s := &spans[i]
		key := string(AppendSeries(nil, Series{s.Service(), s.Name, s.Kind}))
		at := s.Start - s.Start%int64(step)
		if cells[key] == nil {
			cells[key] = map[int64]*cell{}
		}
		c := cells[key][at]
		if c == nil {
			c = &cell{p: plain{Min: s.Duration, Max: -1}}
			cells[key][at] = c
		}
		p := &c.p
		p.Count++
		p.Sum += uint64(s.Duration)
		p.Min = min(p.Min, s.Duration)
		if s.Duration > p.Max || s.Duration == p.Max && string(s.TraceID[:]) < string(p.Slow[:]) {
			p.Max, p.Slow = s.Duration, s.TraceID
		}
		if s.Status == span.StatusError {
			if p.Errors++; p.Errors == 1 || string(s.TraceID[:]) < string(p.Failed[:]) {
				p.Failed = s.TraceID
			}
		}
		c.h.Add(s.Duration)
	}
	out := map[string]map[int64]plain{}
	for key, row := range cells {
		out[key] = map[int64]plain{}
		for at, c := range row {
			c.p.Durations = string(c.h.Append(nil))
			out[key][at] = c.p
		}
	}
	return out
}

func randomSpans(r *rand.Rand, n int) []span.Span {
	resources := []*span.Resource{{Service: "shop"}, {Service: "cart"}, {Service: ""}}
	out := make([]span.Span, n)
	for i := range out {
		s := &out[i]
		for k := range s.TraceID {
			s.TraceID[k] = byte(r.Uint32())
		}
		for k := range s.ID {
			s.ID[k] = byte(r.Uint32())
		}
		s.Name = fmt.Sprintf("GET /%d", r.IntN(4))
		s.Kind = []span.Kind{span.KindServer, span.KindInternal}[r.IntN(2)]
		s.Resource = resources[r.IntN(3)]
		s.Start = t0 + r.Int64N(int64(3*time.Hour))
		if r.IntN(3) == 0 { // a few busy buckets
			s.Start = t0 + r.Int64N(int64(20*time.Second))
		}
		if r.IntN(50) == 0 { // clocks that are wrong
			s.Start = []int64{0, 1, 1<<63 - 1, t0 + int64(400*24*time.Hour), t0 - int64(4000*24*time.Hour)}[r.IntN(5)]
		}
		s.Duration = r.Int64N(int64(10*time.Millisecond)) >> r.IntN(20)
		if r.IntN(5) == 0 {
			s.Status = span.StatusError
		}
	}
	return out
}

// Any order, any moments of Swap: the levels hold exactly what the spans say.
func TestOperations(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	spans := randomSpans(r, 4000)
	for range 3 {
		r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		db, a := store{}, New(Limits{})
		for i := range spans {
			a.Add(&spans[i], t0)
			if r.IntN(500) == 0 || i == len(spans)-1 {
				if err := a.Swap().Flush(db.merge); err != nil {
					t.Fatal(err)
				}
			}
		}
		for level, l := range Levels {
			got := map[string]map[int64]plain{}
			for series, row := range db.cells(t, r, Operations, level) {
				got[series] = map[int64]plain{}
				for at, c := range row {
					got[series][at] = plainOf(c)
				}
			}
			want := naive(spans, l.Step)
			for _, row := range want {
				for at, p := range row {
					if level == 0 { // whose traces are not kept
						p.Slow, p.Failed = span.TraceID{}, span.TraceID{}
					}
					row[at] = p
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("level %v (-naive +got):\n%s", l.Step, diff)
			}
		}
	}
}

// What Each shows of cells that are not flushed is what Flush writes.
func TestEach(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	spans := randomSpans(r, 500)
	a := New(Limits{})
	for i := range spans {
		a.Add(&spans[i], t0)
	}
	from, to := t0-t0%int64(10*time.Second), t0-t0%int64(10*time.Second)+int64(time.Hour)
	want := naive(spans, 10*time.Second)
	for _, row := range want {
		maps.DeleteFunc(row, func(at int64, _ plain) bool { return at < from || at >= to })
	}
	maps.DeleteFunc(want, func(_ string, row map[int64]plain) bool { return len(row) == 0 })
	got := map[string]map[int64]plain{}
	a.Cells().Each(Operations, from, to, func(series string, start int64, c *Cell) {
		if got[series] == nil {
			got[series] = map[int64]plain{}
		}
		got[series][start] = plainOf(c)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-naive +got):\n%s", diff)
	}
}

func TestLend(t *testing.T) {
	cell := func(slow, failed byte, durations ...int64) *Cell {
		c := &Cell{Slow: span.TraceID{slow}, Failed: span.TraceID{failed}}
		for _, d := range durations {
			c.Durations.Add(d)
		}
		if failed > 0 {
			c.Errors = 1
		}
		return c
	}
	around := cell(1, 2, 10, 20, 30)
	failing := cell(0, 0, 5)
	failing.Errors = 1
	for name, c := range map[string]struct {
		c            *Cell
		slow, failed byte
	}{
		"the longest call": {cell(0, 0, 5, 30), 1, 0},
		"another call":     {cell(0, 0, 5), 0, 0},
		"with errors":      {failing, 0, 2},
		"known":            {cell(7, 8, 30), 7, 8},
		"empty":            {new(Cell), 0, 0},
	} {
		c.c.Lend(around)
		if c.c.Slow != (span.TraceID{c.slow}) || c.c.Failed != (span.TraceID{c.failed}) {
			t.Errorf("%s: %v, %v; want %d, %d", name, c.c.Slow, c.c.Failed, c.slow, c.failed)
		}
	}
}

// Names without end fill the limits and then count as Other; no span is lost.
func TestLimits(t *testing.T) {
	a := New(Limits{Services: 3, Operations: 10, Series: 25})
	n := 0
	add := func(service, name string) {
		a.Add(&span.Span{TraceID: span.TraceID{1}, ID: span.ID{byte(n), byte(n >> 8), 1}, Name: name, Start: t0, Resource: &span.Resource{Service: service}}, t0)
		n++
	}
	for i := range 50 {
		add("a", fmt.Sprint("op", i))
	}
	for i := range 50 {
		add("b", fmt.Sprint("op", i))
		add("c", fmt.Sprint("op", i))
		add(fmt.Sprint("service", i), "op")
	}
	for range 20 {
		add("a", "op3") // known: not affected
	}
	counts := map[Series]uint64{}
	a.Cells().Each(Operations, 0, 1<<62, func(series string, _ int64, c *Cell) {
		s, err := ParseSeries([]byte(series))
		if err != nil {
			t.Fatal(err)
		}
		counts[s] += c.Count()
	})
	total, others := uint64(0), uint64(0)
	for s, c := range counts {
		total += c
		if s.Operation == Other {
			others += c
		}
	}
	if total != uint64(n) {
		t.Errorf("%d spans counted of %d", total, n)
	}
	if others != a.Others() {
		t.Errorf("Others() = %d, but %d are counted as %s", a.Others(), others, Other)
	}
	for s, want := range map[Series]uint64{
		{Service: "a", Operation: "op3"}:   21,
		{Service: "a", Operation: Other}:   40,
		{Service: Other, Operation: Other}: 50,
	} {
		if counts[s] != want {
			t.Errorf("%v: %d, want %d", s, counts[s], want)
		}
	}
	if len(counts) > 25+4 {
		t.Errorf("%d series; the limit is 25 and one for each of 4 services", len(counts))
	}
	a.Swap()
	a.Roll()
	add("a", "new")
	a.Cells().Each(Operations, 0, 1<<62, func(series string, _ int64, c *Cell) {
		if s, _ := ParseSeries([]byte(series)); s != (Series{Service: "a", Operation: "new"}) {
			t.Errorf("after Roll a new operation counts as %v", s)
		}
	})
}

// What a partition had counts against its limits after it was opened again.
func TestLearn(t *testing.T) {
	a := New(Limits{Operations: 2})
	for _, name := range []string{"x", "y"} {
		a.Learn(AppendSeries(AppendWindow(nil, Operations, 2, t0), Series{Service: "a", Operation: name}))
	}
	a.Learn([]byte("R")) // not a key
	for i, name := range []string{"x", "z"} {
		a.Add(&span.Span{ID: span.ID{byte(i), 1}, TraceID: span.TraceID{1}, Name: name, Resource: &span.Resource{Service: "a"}}, t0)
	}
	var got []string
	a.Cells().Each(Operations, 0, 1, func(series string, _ int64, _ *Cell) {
		s, _ := ParseSeries([]byte(series))
		got = append(got, s.Operation)
	})
	slices.Sort(got)
	if diff := cmp.Diff([]string{"x", Other}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("ä", 300)
	a := New(Limits{})
	a.Add(&span.Span{ID: span.ID{1}, TraceID: span.TraceID{1}, Name: long, Resource: &span.Resource{Service: "a\x00b"}}, t0)
	a.Cells().Each(Operations, 0, 1, func(series string, _ int64, _ *Cell) {
		s, err := ParseSeries([]byte(series))
		if err != nil {
			t.Fatal(err)
		}
		if s.Service != "a\uFFFDb" || s.Operation != strings.Repeat("ä", 128) {
			t.Errorf("%q, %q", s.Service, s.Operation)
		}
	})
}

// What of an operand is corrupt is named and left out; the rest stays.
func TestMergerCorrupt(t *testing.T) {
	a := New(Limits{})
	for i := range int64(3) {
		a.Add(&span.Span{ID: span.ID{byte(i), 1}, TraceID: span.TraceID{1}, Name: "x", Start: t0 + i*10e9, Duration: 1000, Resource: &span.Resource{Service: "a"}}, t0)
	}
	var key, good []byte
	a.Swap().Flush(func(k, v []byte) error {
		if key == nil {
			key, good = bytes.Clone(k), bytes.Clone(v)
		}
		return nil
	})
	flip := func(i int, c byte) []byte { b := bytes.Clone(good); b[i] = c; return b }
	for name, c := range map[string]struct {
		bad  []byte
		want uint64
	}{
		"empty": {nil, 6}, "version": {flip(0, 9), 6}, "short": {good[:len(good)-1], 6 + 2}, "long": {append(bytes.Clone(good), 1), 6 + 3},
		"bucket": {flip(1, 200), 6}, "histogram": {flip(len(good)-3, 0x7f), 6 + 2}, "traces": {flip(3, 3), 6 + 2},
	} {
		for _, order := range [][][]byte{{c.bad, good, good}, {good, c.bad, good}, {good, good, c.bad}} {
			var named []string
			m := NewMerger(key, order[0], func(k []byte, err error) { named = append(named, fmt.Sprintf("%x %v", k, err)) })
			m.MergeNewer(order[1])
			m.MergeOlder(order[2])
			v, _, err := m.Finish(true)
			if err != nil {
				t.Fatal(err)
			}
			count := uint64(0)
			if err := EachCell(v, nil, func(_ int, c *Cell) { count += c.Count() }); err != nil || count != c.want {
				t.Errorf("%s: %d calls, %v; want %d", name, count, err, c.want)
			}
			if len(named) != 1 || !strings.HasPrefix(named[0], fmt.Sprintf("%x ", key)) {
				t.Errorf("%s: reported %q; want one report with the key", name, named)
			}
		}
	}
}

func FuzzCells(f *testing.F) {
	a := New(Limits{})
	r := rand.New(rand.NewPCG(15, 16))
	for _, s := range randomSpans(r, 200) {
		a.Add(&s, t0)
	}
	a.Swap().Flush(func(_, v []byte) error { f.Add(bytes.Clone(v)); return nil })
	f.Fuzz(func(t *testing.T, value []byte) {
		if EachCell(value, nil, func(int, *Cell) {}) != nil {
			var w window
			w.add(value)
			w.add(value) // all its cells are merged, or left out
			if err := EachCell(w.append(nil), nil, func(int, *Cell) {}); err != nil {
				t.Fatalf("what is left of %x twice: %v", value, err)
			}
			return
		}
		m := NewMerger([]byte("R"), value, nil)
		m.MergeNewer(value)
		twice, _, _ := m.Finish(true)
		counts := map[int]uint64{}
		EachCell(value, nil, func(bucket int, c *Cell) { counts[bucket] = 2 * c.Count() })
		if err := EachCell(twice, nil, func(bucket int, c *Cell) { counts[bucket] -= c.Count() }); err != nil {
			t.Fatalf("%x twice is %x: %v", value, twice, err)
		}
		for bucket, n := range counts {
			if n != 0 {
				t.Fatalf("%x twice is %x: bucket %d differs by %d", value, twice, bucket, n)
			}
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(AppendSeries(AppendWindow(nil, Operations, 0, t0), Series{"a", "b", 2}))
	f.Add(AppendEdge(AppendWindow(nil, Edges, 1, t0), Edge{"a", "b", HTTP, ServiceNode, "grpc"}))
	f.Fuzz(func(t *testing.T, key []byte) {
		level, start, rest, err := ParseKey(key)
		if err != nil {
			return
		}
		head := AppendWindow(nil, Class(key[0]), level, start)
		if s, err := ParseSeries(rest); err == nil {
			if again := AppendSeries(bytes.Clone(head), s); !bytes.Equal(again, key) && strings.IndexByte(s.Operation, 0) < 0 {
				t.Fatalf("%x, then %x", key, again)
			}
		}
		if e, err := ParseEdge(rest); err == nil {
			if again := AppendEdge(bytes.Clone(head), e); !bytes.Equal(again, key) {
				t.Fatalf("%x, then %x", key, again)
			}
		}
	})
}
