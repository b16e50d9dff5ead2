package store

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/span"
)

var update = flag.Bool("update", false, "write testdata anew: only before the format is released, and with a new version after")

// goldenSpans are those of the store in testdata/v1: the first 20 traces are in
// a sealed partition, the next 20 in a segment of another one, 10 in its journal.
func goldenSpans() []span.Span { return newGen(2026, 50).batch(50) }

// writeGolden makes testdata/v1, by copying a store that is not closed.
func writeGolden(t *testing.T, to string) {
	clock := newTestClock()
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, Clock: clock.now, Partition: time.Hour, BlockRows: 50})
	spans := goldenSpans()
	write(t, s, spans[:200])
	clock.advance(time.Hour)
	write(t, s, spans[200:400])
	waitFor(t, "the first partition to be sealed", func() bool { return s.Stats().Partitions[0].Sealed })
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	write(t, s, spans[400:])
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
}

// TestGoldenStore reads a store that version 1 of the format wrote.
func TestGoldenStore(t *testing.T) {
	golden := filepath.Join("testdata", "v1")
	if *update {
		writeGolden(t, golden)
	}
	dir := filepath.Join(t.TempDir(), "v1")
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	clock := newTestClock()
	clock.advance(time.Hour)
	s := open(t, Options{Dir: dir, Clock: clock.now, Partition: time.Hour})
	checkTraces(t, s, goldenSpans())
	checkOnce(t, s, goldenSpans())
	checkCounts(t, s)
	for _, sp := range goldenSpans()[:3] {
		user, _ := sp.Attr("user.id")
		match := func(f *span.Span) bool { return f.ID == sp.ID }
		for name, sel := range map[string]Selection{
			"token":    {Tokens: [][]Token{{ValueToken("user.id", user)}}},
			"postings": {Services: []string{sp.Service()}, Names: []string{sp.Name}, MinDuration: sp.Duration, MaxDuration: sp.Duration},
		} {
			if n := len(scanAll(t, s, sel, match)); n != 1 {
				t.Errorf("by %s: found %d times", name, n)
			}
		}
	}
	if d := s.Stats().Damages; d != nil {
		t.Errorf("damage: %q", d)
	}
}

// TestGoldenKeys compares the keys and values of the index, byte by byte, with
// testdata/v1-index.txt: what docs/format/store.md describes.
func TestGoldenKeys(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), BlockRows: 20})
	write(t, s, newGen(2026, 50).batch(5))
	if err := s.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	it, err := firstIndex(s).NewIter(&pebble.IterOptions{LowerBound: []byte("a"), UpperBound: []byte("z")})
	if err != nil {
		t.Fatal(err)
	}
	for it.First(); it.Valid(); it.Next() {
		key := fmt.Sprintf("%c %x", it.Key()[0], it.Key()[1:])
		value := it.Value()
		if it.Key()[0] == keySegment {
			// The sizes of the blocks are the compressor's, which may get better.
			h, err := parseHeader(value)
			if err != nil {
				t.Fatal(err)
			}
			clear(h.sizes)
			value = h.append(nil)
		}
		fmt.Fprintf(&b, "%s = %x\n", key, value)
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "v1-index.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("(-want +got)\n%.3000s", d)
	}
}

// TestTokenHash pins the hash of tokens.
func TestTokenHash(t *testing.T) {
	for _, c := range []struct {
		got, want uint32
	}{
		{ValueToken("user.id", span.StringValue("user-1")).value, 0x89b2b08e},
		{ValueToken("user.id", span.StringValue("user-1")).key, KeyToken("user.id").value},
		{ValueToken("n", span.IntValue(500)).value, ValueToken("n", span.StringValue("500")).value},
		{ValueToken("n", span.FloatValue(500)).value, ValueToken("n", span.StringValue("500")).value},
		{ServiceToken("shop").value, ValueToken("service.name", span.StringValue("shop")).value},
	} {
		if c.got != c.want {
			t.Errorf("%#x; want %#x", c.got, c.want)
		}
	}
}

// TestDurationLevels checks the scale of the postings at every octave.
func TestDurationLevels(t *testing.T) {
	last := byte(0)
	for shift := range 63 {
		for _, d := range []int64{1<<shift - 1, 1 << shift, 1<<shift + 1<<shift/4, 1<<shift + 1<<shift/2} {
			l := durationLevel(d)
			if l < last {
				t.Errorf("level of %d is %d, that of a smaller one was %d", d, l, last)
			}
			last = l
		}
	}
	if durationLevel(1<<63-1) < last || durationLevel(-5) != 0 || durationLevel(3) != 3 || durationLevel(4) != 4 || durationLevel(7) != 7 || durationLevel(8) != 8 || durationLevel(10) != 9 {
		t.Error("levels are not those of docs/format/store.md")
	}
}
