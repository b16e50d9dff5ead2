package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// TestManyValues writes spans in which forty attributes have a value of their
// own in every span, and every span its own name and service: the index stays
// bounded, and what is looked for is still found.
func TestManyValues(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), BlockRows: 512})
	var all []span.Span
	for i := range 6000 {
		sp := span.Span{Name: fmt.Sprintf("GET /item/%d", i), Kind: span.KindServer, Start: genBase + int64(i), Duration: int64(i), Scope: genScope}
		sp.TraceID[15], sp.TraceID[14], sp.TraceID[0] = byte(i), byte(i>>8), 1
		sp.ID = span.ID{7: 1}
		service := fmt.Sprintf("service-%d", i)
		sp.Resource = &span.Resource{Service: service, Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue(service)}}}
		for k := range 40 {
			sp.Attrs = append(sp.Attrs, span.Attr{Key: fmt.Sprintf("key.%d", k), Value: span.StringValue(fmt.Sprintf("value %d of %d", k, i))})
		}
		sp.Attrs = append(sp.Attrs, span.Attr{Key: "color", Value: span.StringValue([]string{"red", "blue"}[i/3000])})
		all = append(all, sp)
	}
	for i := 0; i < len(all); i += 500 {
		write(t, s, all[i:i+500])
	}
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	size, unindexed := 0, 0
	it, err := firstIndex(s).NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for it.First(); it.Valid(); it.Next() {
		switch it.Key()[0] {
		case keyTokens:
			size += len(it.Value())
		case keySegment:
			h, err := parseHeader(it.Value())
			if err != nil {
				t.Fatal(err)
			}
			unindexed += len(h.unindexed)
		}
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	if unindexed == 0 || unindexed > 40*int(s.Stats().Cuts) {
		t.Errorf("%d keys are not indexed by value", unindexed)
	}
	if limit := 4 * (tokensPerRow*len(all) + tokensSpare*int(s.Stats().Cuts)); size > limit {
		t.Errorf("tokens take %d bytes; want at most %d", size, limit)
	}
	for _, i := range []int{0, 2999, 5999} {
		for name, sel := range map[string]Selection{
			"value":     {Tokens: [][]Token{{ValueToken("key.17", all[i].Attrs[17].Value)}}},
			"name":      {Names: []string{all[i].Name}},
			"service":   {Services: []string{all[i].Service()}},
			"operation": {Services: []string{all[i].Service()}, Names: []string{all[i].Name}, MinDuration: all[i].Duration},
		} {
			found := scanAll(t, s, sel, func(sp *span.Span) bool { return sp.TraceID == all[i].TraceID })
			if len(found) != 1 {
				t.Errorf("span %d by %s: found %d times", i, name, len(found))
			}
		}
	}
	// The key with few values is indexed as ever.
	rows := 0
	err = s.Scan(context.Background(), Selection{Tokens: [][]Token{{ValueToken("color", span.StringValue("red"))}}}, func(b *block.Block, _ []uint32) (bool, error) {
		rows += b.Len()
		return true, nil
	})
	if err != nil || rows > 4200 {
		t.Errorf("a value that half of the spans have: %d of 6,000 rows to look at, %v", rows, err)
	}
}

// TestManyKeys writes spans of which each has keys of its own.
func TestManyKeys(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), BlockRows: 512})
	var all []span.Span
	for i := range 2000 {
		sp := span.Span{Name: "GET", Start: genBase + int64(i), Resource: &span.Resource{}, Scope: genScope, TraceID: span.TraceID{0: 1, 14: byte(i >> 8), 15: byte(i)}, ID: span.ID{1}}
		for k := range 12 {
			sp.Attrs = append(sp.Attrs, span.Attr{Key: fmt.Sprintf("key.%d.%d", i, k), Value: span.IntValue(int64(k))})
		}
		all = append(all, sp)
	}
	write(t, s, all)
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	found := scanAll(t, s, Selection{Tokens: [][]Token{{ValueToken("key.1234.5", span.IntValue(5))}}}, func(sp *span.Span) bool {
		_, ok := sp.Attr("key.1234.5")
		return ok
	})
	if len(found) != 1 {
		t.Errorf("found %d times", len(found))
	}
}

// TestLongTrace cuts a trace that needs several blocks, beside one that shares
// the low half of its id.
func TestLongTrace(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), BlockRows: 64})
	var all []span.Span
	for i := range 1000 {
		sp := span.Span{Name: "step", Start: genBase + int64(i), Resource: &span.Resource{}, Scope: genScope, ID: span.ID{6: byte(i >> 8), 7: byte(i), 0: 1}}
		sp.TraceID = span.TraceID{0: 1, 15: 9}
		if i%10 == 0 {
			sp.TraceID = span.TraceID{0: 2, 15: 9}
		}
		all = append(all, sp)
	}
	write(t, s, all)
	checkTraces(t, s, all)
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	checkTraces(t, s, all)
}

// TestConcurrent does everything at once, for the race detector and to see that
// a reader finds a trace from the moment at which it was acknowledged.
func TestConcurrent(t *testing.T) {
	clock := newTestClock()
	s := open(t, Options{Dir: t.TempDir(), Clock: clock.now, HeadSpans: 400, BlockRows: 64, MaxOpen: 1, MaxBytes: 40 << 20})
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	var acked acknowledged
	for w := range 3 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			g := newGen(uint64(w), 1000)
			for range 60 {
				b := g.batch(3)
				if err := s.Write(context.Background(), &Batch{Spans: b}); err != nil {
					t.Error(err)
					return
				}
				acked.add(b)
			}
		}()
	}
	run := func(f func(r *rand.Rand)) {
		readers.Add(1)
		go func() {
			defer readers.Done()
			r := rand.New(rand.NewPCG(1, 2))
			for {
				select {
				case <-stop:
					return
				default:
					f(r)
				}
			}
		}()
	}
	ctx := context.Background()
	run(func(r *rand.Rand) {
		spans := acked.get()
		if len(spans) == 0 {
			return
		}
		sp := spans[r.IntN(len(spans))]
		got, err := s.Trace(ctx, sp.TraceID)
		if err != nil || !slices.ContainsFunc(got, func(f span.Span) bool { return f.ID == sp.ID }) {
			t.Errorf("an acknowledged span is not found: %d spans, %v", len(got), err)
		}
	})
	run(func(*rand.Rand) {
		before := len(acked.get())
		seen := map[identity]bool{}
		err := s.Scan(ctx, Selection{}, func(b *block.Block, _ []uint32) (bool, error) {
			rows := make([]uint32, b.Len())
			for i := range rows {
				rows[i] = uint32(i)
			}
			spans, err := b.Spans(rows)
			for i := range spans {
				if id := identify(&spans[i]); seen[id] {
					t.Error("a span comes twice")
				} else {
					seen[id] = true
				}
			}
			return true, err
		})
		if err != nil || len(seen) < before {
			t.Errorf("%d spans of at least %d, %v", len(seen), before, err)
		}
	})
	run(func(*rand.Rand) {
		s.Stats()
		s.retain()
		s.trim()
		if _, err := s.Services(ctx, 0, 1<<62); err != nil {
			t.Error(err)
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	checkOnce(t, s, acked.get())
}

// FuzzIndex feeds the readers of the index with anything: they return errors,
// and never more than they were given.
func FuzzIndex(f *testing.F) {
	h := segmentHeader{blocks: []block.Meta{{Rows: 3, MinStart: 5, MaxStart: 9, MaxDuration: 7, Errors: 1}}, sizes: []uint32{100}, unindexed: []uint32{1, 2}}
	f.Add(h.append(nil))
	f.Add(appendTokens(nil, []uint32{1 << 16, 1<<16 | 1, 5<<16 | 3}, 8))
	l := postingList{op: 42, rows: []uint32{1, 300, 70000}, levels: []byte{1, 2, 3}}
	f.Add(l.append(nil))
	f.Fuzz(func(t *testing.T, v []byte) {
		if h, err := parseHeader(v); err == nil {
			again, err := parseHeader(h.append(nil))
			if d := cmp.Diff(h.blocks, again.blocks); d != "" || err != nil {
				t.Errorf("a header differs after a round trip: %v\n%s", err, d)
			}
		}
		for _, blocks := range []int{1, 7, 64, 300} {
			set := newBlockSet(blocks)
			if err := findToken(v, 5, blocks, set); err == nil && set.count() > blocks {
				t.Errorf("%d of %d blocks", set.count(), blocks)
			}
		}
		n := 0
		if eachPosting(v, func(uint32) bool { return true }, 0, 255, func(uint32) { n++ }); n > len(v) {
			t.Errorf("%d rows out of %d bytes", n, len(v))
		}
		parseTraceEntry(v, func(uint16) {})
	})
}
