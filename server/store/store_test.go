package store

import (
	"context"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// open opens a store for a test, which closes it.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(testLog{t}, nil))
	}
	if o.Reserve == 0 {
		o.Reserve = -1
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !s.closed.Load() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// firstIndex returns the index of the oldest partition.
func firstIndex(s *Store) *pebble.DB {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.parts[0].db
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}

func write(t testing.TB, s *Store, spans []span.Span) {
	t.Helper()
	if err := s.Write(context.Background(), &Batch{Spans: spans}); err != nil {
		t.Fatal(err)
	}
}

// traces groups spans by trace, in the order in which Trace returns them.
func traces(spans []span.Span) map[span.TraceID][]span.Span {
	m := map[span.TraceID][]span.Span{}
	for _, sp := range spans {
		m[sp.TraceID] = append(m[sp.TraceID], sp)
	}
	for _, s := range m {
		slices.SortStableFunc(s, func(a, b span.Span) int {
			if a.Start != b.Start {
				return int(min(max(a.Start-b.Start, -1), 1))
			}
			return slices.Compare(a.ID[:], b.ID[:])
		})
	}
	return m
}

// checkTraces compares every trace with what the store has.
func checkTraces(t testing.TB, s *Store, spans []span.Span) {
	t.Helper()
	for id, want := range traces(spans) {
		got, err := s.Trace(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(want, got) {
			continue // cmp is slow
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("trace %s: (-want +got)\n%.3000s", id, d)
		}
	}
}

// scanAll returns the spans that match, found by Scan.
func scanAll(t testing.TB, s *Store, sel Selection, match func(*span.Span) bool) (found []span.Span) {
	t.Helper()
	last := int64(math.MaxInt64)
	err := s.Scan(context.Background(), sel, func(b *block.Block, rows []uint32) (bool, error) {
		if m := b.Meta(); m.MaxStart > last {
			t.Errorf("a block up to %d came after one up to %d", m.MaxStart, last)
		} else {
			last = m.MaxStart
		}
		if rows == nil {
			for i := range b.Len() {
				rows = append(rows, uint32(i))
			}
		}
		if !slices.IsSorted(rows) {
			t.Error("rows are not sorted")
		}
		spans, err := b.Spans(rows)
		if err != nil {
			return false, err
		}
		for i := range spans {
			if match(&spans[i]) {
				found = append(found, spans[i])
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func sortSpans(spans []span.Span) []span.Span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b span.Span) int {
		if c := slices.Compare(a.TraceID[:], b.TraceID[:]); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return spans
}

func filter(spans []span.Span, match func(*span.Span) bool) (out []span.Span) {
	for i := range spans {
		if match(&spans[i]) {
			out = append(out, spans[i])
		}
	}
	return out
}

// TestWriteAndRead writes into a store with small heads, so that spans are in
// the head, in a head that waits and in segments, and reads all of them back:
// at once, after Close and Open, and after both again.
func TestWriteAndRead(t *testing.T) {
	o := Options{Dir: t.TempDir(), HeadSpans: 700, BlockRows: 100}
	s := open(t, o)
	g := newGen(1, 300)
	var all []span.Span
	for range 30 {
		b := g.batch(10)
		write(t, s, b)
		all = append(all, b...)
		checkTraces(t, s, b)
	}
	checkTraces(t, s, all)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if n := s.Stats().Heads; n != 0 {
		t.Errorf("after Close and Open: %d heads; want none", n)
	}
	checkTraces(t, s, all)
	more := g.batch(20)
	write(t, s, more)
	all = append(all, more...)
	checkTraces(t, s, all)
	if got, err := s.Trace(context.Background(), span.TraceID{15: 1}); got != nil || err != nil {
		t.Errorf("an unknown trace: %v, %v", got, err)
	}
}

// TestScan compares what Scan finds with a loop over all spans, for selections
// of every kind, on heads and segments at once.
func TestScan(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), HeadSpans: 1500, BlockRows: 128})
	g := newGen(2, 500)
	var all []span.Span
	for range 50 {
		b := g.batch(10)
		write(t, s, b)
		all = append(all, b...)
	}
	mid := genBase - 1800e9
	attr := func(sp *span.Span, key string) span.Value { v, _ := sp.Attr(key); return v }
	svc, op := all[0].Resource.Service, all[0].Name
	user := attr(&all[0], "user.id")
	for name, c := range map[string]struct {
		sel   Selection
		match func(*span.Span) bool
	}{
		"all":       {Selection{}, func(*span.Span) bool { return true }},
		"time":      {Selection{From: mid, To: mid + 600e9}, func(s *span.Span) bool { return s.Start >= mid && s.Start < mid+600e9 }},
		"service":   {Selection{Services: []string{svc}}, func(s *span.Span) bool { return s.Service() == svc }},
		"operation": {Selection{Services: []string{svc}, Names: []string{op}}, func(s *span.Span) bool { return s.Service() == svc && s.Name == op }},
		"name":      {Selection{Names: []string{op, "none"}}, func(s *span.Span) bool { return s.Name == op }},
		"two services": {Selection{Services: []string{svc, "svc-03-checkout"}, Names: []string{op, "POST /api/v1/svc03/resource1/{id}"}}, func(s *span.Span) bool {
			return (s.Service() == svc || s.Service() == "svc-03-checkout") && (s.Name == op || s.Name == "POST /api/v1/svc03/resource1/{id}")
		}},
		"slow": {Selection{MinDuration: 1e8}, func(s *span.Span) bool { return s.Duration >= 1e8 }},
		"slow operation": {Selection{Services: []string{svc}, Names: []string{op}, MinDuration: 2e7, MaxDuration: 1e8}, func(s *span.Span) bool {
			return s.Service() == svc && s.Name == op && s.Duration >= 2e7 && s.Duration <= 1e8
		}},
		"slow service": {Selection{Services: []string{svc}, MinDuration: 5e7}, func(s *span.Span) bool { return s.Service() == svc && s.Duration >= 5e7 }},
		"errors":       {Selection{Errors: true}, func(s *span.Span) bool { return s.Status == span.StatusError }},
		"user": {Selection{Tokens: [][]Token{{ValueToken("user.id", user)}}}, func(s *span.Span) bool {
			return attr(s, "user.id") == user
		}},
		"status and system": {Selection{Tokens: [][]Token{{ValueToken("http.response.status_code", span.FloatValue(204))}, {ValueToken("db.system", span.StringValue("kafka")), ValueToken("db.system", span.StringValue("redis"))}}}, func(s *span.Span) bool {
			sys := attr(s, "db.system").Str
			return attr(s, "http.response.status_code").Int() == 204 && (sys == "kafka" || sys == "redis")
		}},
		"resource": {Selection{Tokens: [][]Token{{ValueToken("host.name", span.StringValue("node-3.eu-west-1.internal"))}}}, func(s *span.Span) bool {
			v, _ := span.Get(s.Resource.Attrs, "host.name")
			return v.Str == "node-3.eu-west-1.internal"
		}},
		"key":     {Selection{Tokens: [][]Token{{KeyToken("thread.id")}}}, func(*span.Span) bool { return true }},
		"no key":  {Selection{Tokens: [][]Token{{KeyToken("nothing")}}}, func(s *span.Span) bool { _, ok := s.Attr("nothing"); return ok }},
		"nothing": {Selection{Services: []string{"nobody"}}, func(s *span.Span) bool { return s.Service() == "nobody" }},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := sortSpans(filter(all, c.match)), sortSpans(scanAll(t, s, c.sel, c.match))
			if reflect.DeepEqual(want, got) {
				return // cmp is slow
			}
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%d spans, want %d (-want +got)\n%.2000s", len(got), len(want), d)
			}
		})
	}
}

// TestScanReadsLittle shows that a selective scan passes over nearly all blocks.
func TestScanReadsLittle(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), HeadSpans: 5000, BlockRows: 100})
	g := newGen(3, 2000)
	var all []span.Span
	for range 20 {
		b := g.batch(100)
		write(t, s, b)
		all = append(all, b...)
	}
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	user, _ := all[777].Attr("user.id")
	for name, sel := range map[string]Selection{
		"token":    {Tokens: [][]Token{{ValueToken("user.id", user)}}},
		"postings": {Services: []string{all[5].Service()}, Names: []string{all[5].Name}, MinDuration: 5e7},
	} {
		blocks, rowsSeen := 0, 0
		err := s.Scan(context.Background(), sel, func(b *block.Block, rows []uint32) (bool, error) {
			blocks++
			rowsSeen += len(rows)
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if blocks == 0 || blocks > 20 {
			t.Errorf("%s: %d of 200 blocks, %d rows", name, blocks, rowsSeen)
		}
	}
}

// TestNames lists services and operations from heads and segments.
func TestNames(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), HeadSpans: 1000})
	g := newGen(4, 600)
	for range 60 {
		write(t, s, g.batch(10))
	}
	ctx := context.Background()
	services, err := s.Services(ctx, 0, math.MaxInt64)
	if err != nil || len(services) != 20 || services[3] != "svc-03-checkout" {
		t.Errorf("services: %q, %v", services, err)
	}
	ops, err := s.Operations(ctx, "svc-03-checkout", 0, math.MaxInt64)
	if err != nil || len(ops) != 20 { // ten names, client and server
		t.Errorf("%d operations: %v, %v", len(ops), ops, err)
	}
	if ops, err := s.Operations(ctx, "svc-03", 0, math.MaxInt64); err != nil || len(ops) != 0 {
		t.Errorf("operations of a service that is not there: %v, %v", ops, err)
	}
}

// TestNamesWithZeros lists a service whose name has the bytes that keys are made of.
func TestNamesWithZeros(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	names := []string{"a", "a\x00b", "a\x01", "a\x01\x01b"}
	for i, name := range names {
		sp := newGen(uint64(i), 1).batch(1)[:1]
		sp[0].Resource = &span.Resource{Service: name, Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue(name)}}}
		sp[0].Name = "operation of " + name
		write(t, s, sp)
	}
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Services(context.Background(), 0, math.MaxInt64)
	if d := cmp.Diff(names, got); d != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, d)
	}
	for _, name := range names {
		ops, err := s.Operations(context.Background(), name, 0, math.MaxInt64)
		if err != nil || len(ops) != 1 || ops[0].Name != "operation of "+name {
			t.Errorf("operations of %q: %v, %v", name, ops, err)
		}
	}
}

// TestTwice sends requests again: to the same head, and to another one.
func TestTwice(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	g := newGen(5, 20)
	b := g.batch(20)
	write(t, s, b)
	write(t, s, b)
	if d := s.Stats().Duplicates; d != 200 {
		t.Errorf("%d duplicates; want 200", d)
	}
	checkTraces(t, s, b)
	if n := len(scanAll(t, s, Selection{}, func(*span.Span) bool { return true })); n != 200 {
		t.Errorf("Scan found %d spans; want 200", n)
	}
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	write(t, s, b)
	checkTraces(t, s, b)
}

// TestHeadAge cuts a head because of its age, by the store's clock.
func TestHeadAge(t *testing.T) {
	clock := newTestClock()
	s := open(t, Options{Dir: t.TempDir(), Clock: clock.now})
	g := newGen(6, 20)
	b := g.batch(5)
	write(t, s, b)
	clock.advance(11 * time.Minute)
	more := g.batch(5)
	write(t, s, more)
	waitFor(t, "the old head to be cut", func() bool { return s.Stats().Cuts == 1 })
	checkTraces(t, s, append(b, more...))
}
