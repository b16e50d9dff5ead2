package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
)

// tally is what a naive computation says of some spans.
type tally struct {
	Count, Errors, Sum uint64
	Max                int64
	Median             int64
}

// tallies computes, for each part of a series and step, the tallies of the
// spans, and checks the medians of cells against them.
func tallies(spans []span.Span, by aggregate.By, step time.Duration) map[string]tally {
	durations := map[string][]int64{}
	out := map[string]tally{}
	for i := range spans {
		s := &spans[i]
		key := fmt.Sprint(by.Of(aggregate.Series{Service: s.Service(), Operation: s.Name, Kind: s.Kind}))
		if step > 0 {
			key += fmt.Sprint(" ", s.Start-s.Start%int64(step))
		}
		n := out[key]
		n.Count++
		n.Sum += uint64(s.Duration)
		n.Max = max(n.Max, s.Duration)
		if s.Status == span.StatusError {
			n.Errors++
		}
		out[key] = n
		durations[key] = append(durations[key], s.Duration)
	}
	for key, d := range durations {
		slices.Sort(d)
		n := out[key]
		n.Median = d[(len(d)+1)/2-1]
		out[key] = n
	}
	return out
}

// tallyOf turns a cell into a tally. The median is want's if it is within the error
// that a histogram may have.
func tallyOf(c *aggregate.Cell, want tally) tally {
	h := &c.Durations
	n := tally{c.Count(), c.Errors, h.Sum(), h.Max(), h.Quantile(0.5)}
	if math.Abs(float64(n.Median-want.Median)) <= 0.5+float64(want.Median)*aggregate.Error(h.Scale())*(1+1e-9) {
		n.Median = want.Median
	}
	return n
}

func within(spans []span.Span, from, to int64) []span.Span {
	return filter(spans, func(s *span.Span) bool { return s.Start >= from && s.Start < to })
}

// checkSeries compares Series and Overview with the spans, for several
// selections and steps.
func checkSeries(t *testing.T, s *Store, spans []span.Span) {
	t.Helper()
	ctx := context.Background()
	h := genBase - 3600e9
	h -= h % 3600e9
	for _, sel := range []aggregate.Selection{
		{},
		{By: aggregate.ByService | aggregate.ByOperation | aggregate.ByKind},
		{By: aggregate.ByService, Step: time.Minute},
		{From: h + 600e9, To: h + 3000e9, Step: 10 * time.Second, Services: []string{"svc-03-checkout", "svc-11-checkout", "svc-1"}},
		{From: h + 610e9, To: h + 2990e9, Step: 5 * time.Minute, Kinds: []span.Kind{span.KindServer}},
		{From: h, To: h + 7200e9, Step: time.Hour, By: aggregate.ByKind, Operations: []string{"GET /api/v1/svc03/resource4/{id}"}},
		{From: h + 1230e9, To: h + 1290e9, By: aggregate.ByOperation},
		{Services: []string{"nobody"}, Step: time.Minute},
		{From: h - 10e9, To: h},
	} {
		want := tallies(within(filter(spans, func(s *span.Span) bool {
			return sel.Match(aggregate.Series{Service: s.Service(), Operation: s.Name, Kind: s.Kind})
		}), sel.From, noEnd(sel.To)), sel.By, sel.Step)
		lines, err := s.Series(ctx, sel)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]tally{}
		for _, l := range lines {
			key := fmt.Sprint(l.Series)
			if sel.Step == 0 {
				got[key] = tallyOf(&l.Total, want[key])
			}
			total := uint64(0)
			for _, b := range l.Buckets {
				k := key + fmt.Sprint(" ", b.Time)
				got[k] = tallyOf(&b.Cell, want[k])
				total += b.Count()
			}
			if sel.Step > 0 && total != l.Total.Count() {
				t.Fatalf("%v: %d calls in buckets, %d in all", l.Series, total, l.Total.Count())
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%+v (-want +got):\n%s", sel, d)
		}
	}
	from, to := h+1800e9, h+2400e9
	all := aggregate.ByService | aggregate.ByOperation | aggregate.ByKind
	now, before := tallies(within(spans, from, to), all, 0), tallies(within(spans, from-600e9, from), all, 0)
	changes, err := s.Overview(ctx, from, to)
	if err != nil {
		t.Fatal(err)
	}
	gotNow, gotBefore := map[string]tally{}, map[string]tally{}
	for _, c := range changes {
		key := fmt.Sprint(c.Series)
		if c.Now.Count() > 0 {
			gotNow[key] = tallyOf(&c.Now, now[key])
		}
		if c.Before.Count() > 0 {
			gotBefore[key] = tallyOf(&c.Before, before[key])
		}
	}
	if d := cmp.Diff(now, gotNow) + cmp.Diff(before, gotBefore); d != "" {
		t.Fatalf("Overview (-want +got):\n%s", d)
	}
}

// flow is an aggregate.Flow as numbers that can be compared.
type flow struct {
	aggregate.Edge
	Calls, Errors, Sum uint64
}

// flowsOf returns the edges that an Aggregator finds that sees all spans at once, and those of the store.
func flowsOf(t *testing.T, s *Store, spans []span.Span) (want, got map[aggregate.Edge]flow) {
	t.Helper()
	a := aggregate.New(aggregate.Limits{})
	for i := range spans {
		a.Add(&spans[i], genBase)
	}
	want, got = map[aggregate.Edge]flow{}, map[aggregate.Edge]flow{}
	a.Swap().Each(aggregate.Edges, 0, math.MaxInt64, func(series string, _ int64, c *aggregate.Cell) {
		e, err := aggregate.ParseEdge([]byte(series))
		if err != nil {
			t.Fatal(err)
		}
		f := want[e]
		want[e] = flow{e, f.Calls + c.Count(), f.Errors + c.Errors, f.Sum + c.Durations.Sum()}
	})
	flows, err := s.Edges(context.Background(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flows {
		got[f.Edge] = flow{f.Edge, f.Count(), f.Errors, f.Durations.Sum()}
	}
	return want, got
}

func checkEdges(t *testing.T, s *Store, spans []span.Span) {
	t.Helper()
	want, got := flowsOf(t, s, spans)
	if d := cmp.Diff(want, got); d != "" || len(want) < 100 {
		t.Fatalf("%d edges (-want +got):\n%s", len(want), d)
	}
}

// What is asked is the same before any cut, after some, in several partitions,
// and after the store was opened again.
func TestSeries(t *testing.T) {
	clock := newTestClock()
	o := Options{Dir: t.TempDir(), HeadSpans: 700, Clock: clock.now, Retention: -1, Partition: time.Hour}
	s := open(t, o)
	g := newGen(71, 400)
	var spans []span.Span
	for i := range 40 {
		b := g.batch(10)
		write(t, s, b)
		spans = append(spans, b...)
		switch i {
		case 4, 20, 39:
			checkSeries(t, s, spans)
			checkEdges(t, s, spans)
		case 10, 30:
			clock.advance(time.Hour) // another partition
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	checkSeries(t, s, spans)
	checkEdges(t, s, spans)
}

// Every bucket names traces that are what it says they are, in memory and on the disk.
func TestExemplars(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	g := newGen(73, 300)
	ctx := context.Background()
	spans := g.batch(300)
	write(t, s, spans)
	const all = aggregate.ByService | aggregate.ByOperation | aggregate.ByKind
	check := func(disk bool) {
		t.Helper()
		for _, step := range []time.Duration{10 * time.Second, time.Minute} {
			lines, err := s.Series(ctx, aggregate.Selection{Step: step, By: all})
			if err != nil {
				t.Fatal(err)
			}
			buckets, slow := 0, 0
			for _, l := range lines {
				of := filter(spans, func(s *span.Span) bool {
					return l.Series == aggregate.Series{Service: s.Service(), Operation: s.Name, Kind: s.Kind}
				})
				is := func(id span.TraceID, from int64, length time.Duration, match func(*span.Span) bool) bool {
					return slices.ContainsFunc(within(of, from, from+int64(length)), func(s span.Span) bool { return s.TraceID == id && match(&s) })
				}
				for _, b := range l.Buckets {
					buckets++
					if !b.Slow.IsZero() {
						slow++
						if !is(b.Slow, b.Time, step, func(s *span.Span) bool { return s.Duration == b.Durations.Max() }) {
							t.Fatalf("%v at %d: %v is not the slowest", l.Series, b.Time, b.Slow)
						}
					}
					if b.Errors == 0 != b.Failed.IsZero() || b.Errors > 0 &&
						!is(b.Failed, b.Time-b.Time%60e9, time.Minute, func(s *span.Span) bool { return s.Status == span.StatusError }) {
						t.Fatalf("%v at %d: %d errors, %v is not one of them", l.Series, b.Time, b.Errors, b.Failed)
					}
				}
				if l.Total.Slow.IsZero() || l.Total.Errors == 0 != l.Total.Failed.IsZero() {
					t.Fatalf("%v: %d errors, traces %v, %v", l.Series, l.Total.Errors, l.Total.Slow, l.Total.Failed)
				}
			}
			if exact := !disk || step == time.Minute; slow == 0 || exact && slow != buckets {
				t.Errorf("step %v: %d of %d buckets name their slowest call", step, slow, buckets)
			}
		}
	}
	check(false)
	if err := s.flush(ctx); err != nil {
		t.Fatal(err)
	}
	check(true)
}

// Retention takes the aggregates with the spans.
func TestSeriesRetention(t *testing.T) {
	clock := newTestClock()
	s := open(t, Options{Dir: t.TempDir(), HeadSpans: 100, Clock: clock.now, Retention: 2 * time.Hour, Partition: time.Hour})
	g := newGen(72, 100)
	write(t, s, g.batch(50))
	clock.advance(4 * time.Hour)
	late := g.batch(30)
	write(t, s, late)
	waitFor(t, "the first partition to go", func() bool {
		clock.advance(20 * time.Second) // after a jump of the clock retention waits for an hour
		lines, err := s.Series(context.Background(), aggregate.Selection{})
		return err == nil && len(lines) == 1 && lines[0].Total.Count() == uint64(len(late))
	})
	checkSeries(t, s, late)
}

// While spans are written and heads are cut, a reader sees each span exactly
// once: never fewer than were acknowledged before it asked, and never more than were
// sent until it got its answer.
func TestSeriesOnce(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), HeadSpans: 200})
	ctx := context.Background()
	var sent, acked atomic.Int64
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			g := newGen(uint64(80+w), 1000)
			for range 120 {
				b := g.batch(2)
				sent.Add(int64(len(b)))
				if err := s.Write(ctx, &Batch{Spans: b}); err != nil {
					t.Error(err)
					return
				}
				acked.Add(int64(len(b)))
			}
		}()
	}
	queries := atomic.Int64{}
	for range 2 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				low := acked.Load()
				lines, err := s.Series(ctx, aggregate.Selection{})
				high := sent.Load()
				if err != nil {
					t.Error(err)
					return
				}
				n := int64(0)
				for _, l := range lines {
					n += int64(l.Total.Count())
				}
				if n < low || n > high {
					t.Errorf("%d spans counted; %d were acknowledged before and %d sent after", n, low, high)
					return
				}
				queries.Add(1)
			}
		}()
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if queries.Load() < 10 {
		t.Errorf("only %d queries ran meanwhile", queries.Load())
	}
	if st := s.Stats(); st.Damaged != 0 {
		t.Errorf("damage: %q", st.Damages)
	}
}

// After the power was lost, the aggregates count each span that the store has
// exactly once, acknowledged or not.
func TestSeriesCrash(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	for seed := range 6 {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		fs := vfs.NewCrashableMem()
		clock := newTestClock()
		for round := range 6 {
			s, err := Open(Options{
				Dir: "store", FS: fs, HeadSpans: 150, BlockRows: 50, Reserve: -1, Logger: quiet, Clock: clock.now, Partition: time.Hour, Retention: -1,
			})
			if err != nil {
				t.Fatal(err)
			}
			spans := scanAll(t, s, Selection{}, func(*span.Span) bool { return true })
			checkSeries(t, s, spans)
			// A call of which one end was cut and the other had not come is forgotten, none is counted twice.
			want, got := flowsOf(t, s, spans)
			for e, f := range got {
				if f.Calls > want[e].Calls || f.Errors > want[e].Errors {
					t.Fatalf("%v: %d calls, %d errors; the spans have %d, %d", e, f.Calls, f.Errors, want[e].Calls, want[e].Errors)
				}
			}
			g := newGen(uint64(1000+seed*100+round), 1000)
			for range 10 + r.IntN(20) {
				write(t, s, g.batch(3))
				if r.IntN(10) == 0 {
					clock.advance(time.Hour)
				}
			}
			crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: rand.New(rand.NewPCG(uint64(seed), uint64(round)))})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			fs = crashed
		}
	}
}

// A series of more buckets than fit into memory is an error that says what to do.
func TestSeriesTooMany(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	var spans []span.Span
	for i := range maxSeriesBuckets + 10 {
		spans = append(spans, span.Span{
			TraceID: span.TraceID{1, byte(i), byte(i >> 8), byte(i >> 16)}, ID: span.ID{1}, Name: "op", Kind: span.KindServer,
			Start: genBase + int64(i)*10e9, Resource: &span.Resource{}, Scope: &span.Scope{},
		})
	}
	write(t, s, spans)
	if _, err := s.Series(context.Background(), aggregate.Selection{Step: time.Second}); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v, want ErrTooMany", err)
	}
	lines, err := s.Series(context.Background(), aggregate.Selection{Step: time.Hour})
	if err != nil || len(lines) != 1 || lines[0].Total.Count() != uint64(len(spans)) {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Series(ctx, aggregate.Selection{}); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Operations without end count under one name, and the store says how many spans that were.
func TestOthers(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	ctx := context.Background()
	var spans []span.Span
	for i := range 2100 {
		spans = append(spans, span.Span{
			TraceID: span.TraceID{1, byte(i), byte(i >> 8)}, ID: span.ID{1}, Name: fmt.Sprint("GET /", i), Kind: span.KindServer,
			Start: genBase, Resource: &span.Resource{Service: "a"}, Scope: &span.Scope{},
		})
	}
	write(t, s, spans)
	lines, err := s.Series(ctx, aggregate.Selection{Operations: []string{aggregate.Other}})
	if err != nil || len(lines) != 1 || lines[0].Total.Count() != 100 || s.Others() != 100 {
		t.Errorf("%d lines, %v, %d others; want 100 calls", len(lines), err, s.Others())
	}
}

// A value that cannot be read takes nothing else with it, and is reported.
func TestSeriesDamage(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx := context.Background()
	spans := newGen(74, 100).batch(100)
	write(t, s, spans)
	if err := s.flush(ctx); err != nil {
		t.Fatal(err)
	}
	db, err := s.acquire(s.current)
	if err != nil {
		t.Fatal(err)
	}
	defer s.release(s.current)
	// One series loses its hours: the key of every level and window that it has.
	bad := aggregate.Series{Service: spans[0].Service(), Operation: spans[0].Name, Kind: spans[0].Kind}
	it, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var keys [][]byte
	for it.SeekGE([]byte("R")); it.Valid() && it.Key()[0] == 'R'; it.Next() {
		if _, _, series, err := aggregate.ParseKey(it.Key()); err == nil && string(series) == string(aggregate.AppendSeries(nil, bad)) {
			keys = append(keys, slices.Clone(it.Key()))
		}
	}
	if err := it.Close(); err != nil || len(keys) < 3 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, k := range keys {
		if err := db.Set(k, []byte{1, 0, 3, 9, 9, 9}, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := filter(spans, func(s *span.Span) bool {
		return aggregate.Series{Service: s.Service(), Operation: s.Name, Kind: s.Kind} != bad
	})
	lines, err := s.Series(ctx, aggregate.Selection{})
	if err != nil || len(lines) != 1 || lines[0].Total.Count() != uint64(len(want)) {
		t.Errorf("%v, %v; want the %d calls of the other series", lines, err, len(want))
	}
	if st := s.Stats(); st.Damaged == 0 {
		t.Error("nobody is told of the damage")
	}
}
