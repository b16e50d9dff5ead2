package store

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
)

// acknowledged are the spans whose Write has returned.
type acknowledged struct {
	mu    sync.Mutex
	spans []span.Span
}

func (a *acknowledged) add(spans []span.Span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spans = append(a.spans, spans...)
}

func (a *acknowledged) get() []span.Span {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spans[:len(a.spans):len(a.spans)]
}

// checkOnce checks that every acknowledged span is in the store, and that no
// span is there twice.
func checkOnce(t *testing.T, s *Store, want []span.Span) {
	t.Helper()
	got := map[identity]int{}
	for _, sp := range scanAll(t, s, Selection{}, func(*span.Span) bool { return true }) {
		got[identify(&sp)]++
	}
	for id, n := range got {
		if n != 1 {
			t.Fatalf("span %s of trace %s is there %d times", id.id, id.trace, n)
		}
	}
	for i := range want {
		if got[identify(&want[i])] == 0 {
			t.Fatalf("span %d of %d, %s of trace %s, was acknowledged and is lost", i, len(want), want[i].ID, want[i].TraceID)
		}
	}
	byID := traces(want)
	n := 0
	for id, spans := range byID {
		if n++; n > 20 {
			break
		}
		found, err := s.Trace(context.Background(), id)
		if err != nil || len(found) < len(spans) {
			t.Fatalf("trace %s: %d spans of at least %d, %v", id, len(found), len(spans), err)
		}
	}
}

// checkCounts checks that the aggregates count every span that is in the store exactly once.
func checkCounts(t *testing.T, s *Store) {
	t.Helper()
	want := uint64(len(scanAll(t, s, Selection{}, func(*span.Span) bool { return true })))
	lines, err := s.Series(context.Background(), aggregate.Selection{To: genBase + 3600e9, From: genBase - 2*3600e9, Step: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for i := range lines {
		n += lines[i].Total.Count()
	}
	if n != want {
		t.Errorf("the aggregates count %d spans; there are %d", n, want)
	}
}

// TestCrash loses the power at random moments, again and again on the same
// directory, while several goroutines write and heads are cut, and looks for
// what was acknowledged. What was written and not synced survives at random.
func TestCrash(t *testing.T) {
	rounds, seeds := 5, 12
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 1))
			fs := vfs.NewCrashableMem()
			var acked acknowledged
			for round := range rounds {
				o := Options{Dir: "store", FS: fs, HeadSpans: 150 + r.IntN(300), BlockRows: 50, Reserve: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
				s, err := Open(o)
				if err != nil {
					t.Fatal(err)
				}
				checkOnce(t, s, acked.get())
				if st := s.Stats(); st.Damaged != 0 {
					t.Fatalf("damage after a crash: %q", st.Damages)
				}
				stop := make(chan struct{})
				var wg sync.WaitGroup
				enough := make(chan struct{}, 1000)
				for w := range 3 {
					wg.Add(1)
					go func() {
						defer wg.Done()
						g := newGen(uint64(seed*1000+round*10+w), 1000)
						for {
							select {
							case <-stop:
								return
							default:
							}
							b := g.batch(1 + int(g.r.Int64N(5)))
							if err := s.Write(context.Background(), &Batch{Spans: b}); err != nil {
								t.Error(err)
								return
							}
							acked.add(b)
							select {
							case enough <- struct{}{}:
							default:
							}
						}
					}()
				}
				for range 20 + r.IntN(100) {
					<-enough
				}
				before := acked.get()
				crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
				close(stop)
				wg.Wait()
				if err := s.Close(); err != nil { // of the world in which the power stayed on
					t.Fatal(err)
				}
				fs = crashed
				acked = acknowledged{spans: before}
			}
			s, err := Open(Options{Dir: "store", FS: fs, Reserve: -1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
			if err != nil {
				t.Fatal(err)
			}
			checkOnce(t, s, acked.get())
			checkCounts(t, s)
			if st := s.Stats(); st.Damaged != 0 {
				t.Errorf("damage after a crash: %q", st.Damages)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestCrashAtEachWrite loses the power at each of the first writes to the disk of a store's life, and at some of the later ones: before, while and
// after partitions are made, cut, flushed and sealed. Nothing that is left is damage, and what was acknowledged is there.
func TestCrashAtEachWrite(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	step := int64(1)
	if testing.Short() {
		step = 9
	}
	for at, writes := int64(1), int64(2); at < writes; at += step * (1 + at/100) {
		mem := vfs.NewCrashableMem()
		var acked acknowledged
		var crashed *vfs.MemFS
		var before []span.Span
		var n atomic.Int64
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r}
		fs := newFaultFS(mem, func(errorfs.Op) bool {
			if n.Add(1) == at {
				before = acked.get()
				crashed = mem.CrashClone(cfg)
			}
			return false
		})
		fs.set(io.EOF) // which no operation returns, but it asks for each
		clock := newTestClock()
		o := Options{Dir: "store", FS: fs, HeadSpans: 300, BlockRows: 50, Reserve: -1, Clock: clock.now, Partition: time.Hour, Logger: quiet}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		g := newGen(uint64(at), 1000)
		for i := range 30 {
			b := g.batch(3)
			if err := s.Write(context.Background(), &Batch{Spans: b}); err != nil {
				t.Fatal(err)
			}
			acked.add(b)
			if i == 20 {
				clock.advance(time.Hour)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		writes = n.Load()
		if crashed == nil {
			break
		}
		o.FS = crashed
		if s, err = Open(o); err != nil {
			t.Fatalf("write %d of %d: %v", at, writes, err)
		}
		checkOnce(t, s, before)
		if st := s.Stats(); st.Damaged != 0 {
			t.Errorf("write %d of %d: damage after a crash: %q", at, writes, st.Damages)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
