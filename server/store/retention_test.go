package store

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// at makes spans that start about now by the clock.
func at(c *testClock, g *gen, traces int) []span.Span {
	g.base = c.now().UnixNano()
	return g.batch(traces)
}

func partitionCount(s *Store) int { return len(s.Stats().Partitions) }

// TestRetentionAge lets ten days pass with partitions of a day and three days
// of retention.
func TestRetentionAge(t *testing.T) {
	clock := newTestClock()
	clock.t = clock.t.Truncate(24 * time.Hour)
	dir := t.TempDir()
	o := Options{Dir: dir, Clock: clock.now, Retention: 72 * time.Hour, MaxOpen: 1}
	s := open(t, o)
	g := newGen(1, 1000)
	var days [][]span.Span
	for day := range 10 {
		b := at(clock, g, 3)
		days = append(days, b)
		write(t, s, b)
		for h := range 24 { // by the hour: a longer step is a jump of the clock
			clock.advance(59 * time.Minute)
			s.retain()
			clock.advance(time.Minute)
			if h == 12 {
				write(t, s, at(clock, g, 1))
			}
		}
		waitFor(t, "the day to be sealed", func() bool {
			st := s.Stats()
			return len(st.Partitions) > 0 && st.Partitions[len(st.Partitions)-1].Sealed
		})
		if day == 5 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, o)
		}
	}
	s.retain()
	waitFor(t, "old partitions to go", func() bool { return partitionCount(s) <= 4 })
	for day, b := range days {
		got, err := s.Trace(context.Background(), b[0].TraceID)
		if err != nil {
			t.Fatal(err)
		}
		if old := day < 6; old != (len(got) == 0) {
			t.Errorf("day %d: %d spans", day, len(got))
		}
	}
	names, _ := filepath.Glob(filepath.Join(dir, "p*"))
	if len(names) != 4 {
		t.Errorf("directories: %q", names)
	}
}

// TestRetentionSize removes the oldest partitions when the store is too big,
// but never the one that is written.
func TestRetentionSize(t *testing.T) {
	clock := newTestClock()
	s := open(t, Options{Dir: t.TempDir(), Clock: clock.now, Partition: time.Hour, MaxBytes: 1, Retention: -1})
	g := newGen(1, 1000)
	first := at(clock, g, 5)
	write(t, s, first)
	clock.advance(time.Hour)
	second := at(clock, g, 5)
	write(t, s, second)
	waitFor(t, "the first partition to go", func() bool { return partitionCount(s) == 1 })
	if got, err := s.Trace(context.Background(), first[0].TraceID); err != nil || got != nil {
		t.Errorf("in a partition that was removed: %d spans, %v", len(got), err)
	}
	checkTraces(t, s, second)
	s.retain()
	checkTraces(t, s, second)
}

// TestRetentionSizeRolls lets one day bring more than the store may hold: its
// partition gives way to others, and the oldest of them go.
func TestRetentionSizeRolls(t *testing.T) {
	if testing.Short() {
		t.Skip("writes some hundred megabytes")
	}
	clock := newTestClock()
	const size = 64 << 20
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Clock: clock.now, MaxBytes: size, Retention: -1, HeadSpans: 2000, Logger: quiet})
	g := newGen(1, 1000)
	pad := strings.Repeat("x", 1000)
	var last []span.Span
	for i := 0; s.Stats().Removed < 2; i++ {
		if i > 3000 {
			t.Fatal("nothing was removed")
		}
		last = g.batch(10)
		for k := range last {
			b := make([]byte, 0, 1000)
			for range 125 {
				b = append(b, fmt.Sprintf("%08x", g.r.Uint32())...)
			}
			last[k].Attrs = append(last[k].Attrs, span.Attr{Key: "noise", Value: span.StringValue(string(b) + pad)})
		}
		write(t, s, last)
	}
	checkTraces(t, s, last)
	if n := partitionCount(s); n < 3 {
		t.Errorf("%d partitions are left", n)
	}
	total := int64(0)
	for _, p := range s.Stats().Partitions {
		total += p.Bytes
	}
	if total > size+size/2 {
		t.Errorf("%d bytes; want about %d", total, size)
	}
}

// TestRetentionReaders removes a partition while a query reads it.
func TestRetentionReaders(t *testing.T) {
	clock := newTestClock()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Clock: clock.now, Partition: time.Hour, HeadSpans: 50, BlockRows: 20, Retention: -1})
	g := newGen(1, 1000)
	all := at(clock, g, 40)
	for i := 0; i < 400; i += 50 {
		write(t, s, all[i:i+50])
	}
	clock.advance(time.Hour)
	write(t, s, at(clock, g, 1))
	waitFor(t, "the partition to be sealed", func() bool { return s.Stats().Partitions[0].Sealed })
	found := 0
	err := s.Scan(context.Background(), Selection{To: all[0].Start + int64(time.Hour)}, func(b *block.Block, rows []uint32) (bool, error) {
		if found == 0 {
			s.remove(-1, 1)
			if n := partitionCount(s); n != 1 {
				t.Errorf("%d partitions; want 1", n)
			}
			if names, _ := filepath.Glob(filepath.Join(dir, "p*")); len(names) != 2 {
				t.Errorf("directories while the query reads: %q", names)
			}
		}
		found += b.Len()
		ids, err := b.TraceIDs()
		if len(ids) != b.Len() {
			t.Error("a block that cannot be read")
		}
		return true, err
	})
	if err != nil || found < 400 {
		t.Errorf("%d spans, %v", found, err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "p*")); len(names) != 1 {
		t.Errorf("directories when the query has ended: %q", names)
	}
}

// TestClockJumps lets the clock jump by days and years in both directions, and
// checks that nothing is lost, also after a restart with the right clock.
func TestClockJumps(t *testing.T) {
	clock := newTestClock()
	o := Options{Dir: t.TempDir(), Clock: clock.now, Retention: 72 * time.Hour}
	s := open(t, o)
	g := newGen(1, 1000)
	var all []span.Span
	step := func(d time.Duration) {
		t.Helper()
		clock.advance(d)
		b := at(clock, g, 2)
		write(t, s, b)
		all = append(all, b...)
		s.retain()
		checkTraces(t, s, all)
	}
	const year = 365 * 24 * time.Hour
	for _, d := range []time.Duration{0, -50 * year, 50 * year, 3 * 24 * time.Hour, -3 * 24 * time.Hour, 20 * year, -20 * year, time.Minute} {
		step(d)
	}
	waitFor(t, "all heads to be cut", func() bool { return s.Stats().Heads == 1 })
	s.retain()
	checkTraces(t, s, all)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		clock.advance(10 * time.Minute)
		s = open(t, o)
		s.sealEnded()
		s.retain()
		checkTraces(t, s, all)
	}
	// An hour later everything is trusted again, and nothing is old.
	clock.advance(50 * time.Minute)
	s.retain()
	clock.advance(50 * time.Minute)
	s.retain()
	checkTraces(t, s, all)
	// Four days later what was made in the future and in 1970 has aged like the rest.
	for range 24 * 5 {
		clock.advance(time.Hour - time.Second)
		s.retain()
	}
	if p := s.Stats().Partitions; len(p) > 1 { // the last one is the current one
		t.Errorf("%d partitions are still there: %v", len(p), p)
	}
}

// TestSealed checks that a sealed partition is passed over without being
// opened when its spans are of another time, and opened when asked for.
func TestSealed(t *testing.T) {
	clock := newTestClock()
	o := Options{Dir: t.TempDir(), Clock: clock.now, Partition: time.Hour, MaxOpen: 1, Retention: -1}
	s := open(t, o)
	g := newGen(1, 1000)
	var all []span.Span
	for range 4 {
		b := at(clock, g, 5)
		write(t, s, b)
		all = append(all, b...)
		clock.advance(3 * time.Hour)
	}
	waitFor(t, "all partitions to be sealed", func() bool {
		s.wakeCutter()
		for _, p := range s.Stats().Partitions {
			if !p.Sealed {
				return false
			}
		}
		return true
	})
	opened := func() (n int) {
		for _, p := range s.Stats().Partitions {
			if p.Open {
				n++
			}
		}
		return n
	}
	s.trim()
	waitFor(t, "partitions to be closed", func() bool { return opened() <= 1 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if n := opened(); n != 0 {
		t.Errorf("%d partitions open after Open; want none", n)
	}
	day := clock.now().UnixNano()
	scanAll(t, s, Selection{From: day - int64(30*time.Minute), To: day}, func(*span.Span) bool { return true })
	if n := opened(); n != 0 {
		t.Errorf("%d partitions open after a scan of a time without spans; want none", n)
	}
	checkTraces(t, s, all)
	if n := len(scanAll(t, s, Selection{To: math.MaxInt64}, func(*span.Span) bool { return true })); n != len(all) {
		t.Errorf("Scan found %d spans; want %d", n, len(all))
	}
}

// TestFormatVersion refuses what a newer weft wrote, and what is no store.
func TestFormatVersion(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{
		"weft store 2\n": "version 2; this weft reads version 1",
		"nonsense":       "does not name a format",
		"weft store x":   "version x",
	} {
		if err := os.WriteFile(filepath.Join(dir, formatFile), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir, Logger: quiet}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", content, err, want)
		}
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: other, Logger: quiet}); err == nil || !strings.Contains(err.Error(), "it is no store") {
		t.Errorf("a directory with other files: %v", err)
	}
}

// TestRetry sends requests again after their head was cut, and after a
// restart: they count once.
func TestRetry(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	s := open(t, o)
	b := newGen(1, 100).batch(20)
	write(t, s, b)
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	write(t, s, b)
	if d := s.Stats().Duplicates; d != 200 {
		t.Errorf("%d duplicates; want 200", d)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
		write(t, s, b)
		if d := s.Stats().Duplicates; d != 200 {
			t.Errorf("after a restart: %d duplicates; want 200", d)
		}
	}
	checkCounts(t, s)
	checkOnce(t, s, b)
}

// TestRetryAcrossPartitions sends a request again that came just before the end
// of its partition, to a store that was restarted just after.
func TestRetryAcrossPartitions(t *testing.T) {
	clock := newTestClock()
	o := Options{Dir: t.TempDir(), Clock: clock.now, Partition: time.Hour}
	s := open(t, o)
	g := newGen(1, 100)
	b := g.batch(20)
	write(t, s, b)
	clock.advance(time.Hour)
	write(t, s, g.batch(1))
	waitFor(t, "the first partition to be sealed", func() bool {
		st := s.Stats()
		return len(st.Partitions) == 2 && st.Partitions[0].Sealed
	})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
		write(t, s, b)
		if d := s.Stats().Duplicates; d != 200 {
			t.Errorf("%d duplicates; want 200", d)
		}
	}
	checkOnce(t, s, b)
	checkCounts(t, s)
}
