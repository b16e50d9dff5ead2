package store

import (
	"testing"
	"time"

	"github.com/weft-trace/weft/server/block"
)

// A sample comes to everything, each row once, and each tenth of it is spread
// over the whole time.
func TestSample(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), HeadSpans: 3000, BlockRows: 50})
	g := newGen(3, 2000)
	first, last := int64(1<<62), int64(0)
	for range 2000 {
		spans := g.trace(nil)
		write(t, s, spans)
		for i := range spans {
			first, last = min(first, spans[i].Start), max(last, spans[i].Start)
		}
	}
	seen := map[identity]bool{}
	var parts [][4]int // of the spans so far: how many start in each quarter of the time
	var now [4]int
	share, err := s.Sample(t.Context(), Selection{}, func(b *block.Block, rows []uint32) (bool, error) {
		if rows == nil {
			for i := range b.Len() {
				rows = append(rows, uint32(i))
			}
		}
		spans, err := b.Spans(rows)
		for i := range spans {
			if id := identify(&spans[i]); seen[id] {
				t.Error("a span comes twice")
			} else {
				seen[id] = true
			}
			now[min(3, (spans[i].Start-first)*4/(last-first))]++
		}
		parts = append(parts, now)
		return true, err
	})
	if err != nil || share != 1 || len(seen) != 20_000 {
		t.Fatalf("share %v, %d spans, %v", share, len(seen), err)
	}
	tenth := parts[len(parts)/10]
	for _, n := range tenth {
		if want := (tenth[0] + tenth[1] + tenth[2] + tenth[3]) / 4; n < want/2 || n > 2*want {
			t.Errorf("the first tenth by time: %v", tenth)
			break
		}
	}
	visits := 0
	share, err = s.Sample(t.Context(), Selection{}, func(b *block.Block, rows []uint32) (bool, error) {
		visits++
		return visits <= len(parts)/2, nil
	})
	if err != nil || share < 0.4 || share > 0.6 {
		t.Errorf("half of it is a share of %v, %v", share, err)
	}
	if share, err := s.Sample(t.Context(), Selection{From: last + 1, To: last + int64(time.Hour)}, func(*block.Block, []uint32) (bool, error) { return true, nil }); err != nil || share != 1 {
		t.Errorf("of nothing: a share of %v, %v", share, err)
	}
}

// A trace that is too large for memory is refused before it is read.
func TestLargeTrace(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), HeadSpans: 300, BlockRows: 50})
	spans := newGen(4, 1000).trace(nil)
	for i := range 100 {
		for k := range spans {
			spans[k].TraceID, spans[k].ID[0] = spans[0].TraceID, byte(i)
		}
		write(t, s, spans)
	}
	if got, err := s.trace(t.Context(), spans[0].TraceID, 1000); err != nil || len(got) != 1000 {
		t.Errorf("%d spans, %v", len(got), err)
	}
	if _, err := s.trace(t.Context(), spans[0].TraceID, 999); err != ErrLarge {
		t.Errorf("%v, want %v", err, ErrLarge)
	}
}
