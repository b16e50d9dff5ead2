package query

import (
	"math/rand/v2"
	"testing"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// Random queries select the same spans of random blocks, in memory and cut, as
// a plain evaluator over the spans does.
func TestEvalAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	matched := 0
	for range 40 {
		spans := randomSpans(r, 1+r.IntN(150))
		var b block.Builder
		for i := range spans {
			b.Add(&spans[i])
		}
		blocks := []*block.Block{b.View()}
		for _, p := range b.Cut(64) {
			stored, err := block.Open(p.Data)
			if err != nil {
				t.Fatal(err)
			}
			blocks = append(blocks, stored)
		}
		rows := make([][]span.Span, len(blocks))
		for i, b := range blocks {
			for row := range b.Len() {
				s, err := b.Span(row)
				if err != nil {
					t.Fatal(err)
				}
				rows[i] = append(rows[i], s)
			}
		}
		for range 200 {
			q := New(randomExpr(r, 3))
			prepared := arrange(q.Expr)
			l := q.Expr.limits(false)
			for i, b := range blocks {
				v := newView(b)
				set := v.bits()
				set.fill(v.n)
				if r.IntN(2) == 0 { // candidates
					for row := range v.n {
						if r.IntN(3) > 0 {
							set.unset(uint32(row))
						}
					}
				}
				candidates := append(bitset{}, set...)
				if err := prepared.eval(v, set); err != nil {
					t.Fatal(err)
				}
				for row := range rows[i] {
					s := &rows[i][row]
					want := reference(q.Expr, s)
					if got := q.Match(s); got != want {
						t.Fatalf("%s\nMatch %v, want %v: %+v", q, got, want, s)
					}
					if got := set.has(uint32(row)); got != (want && candidates.has(uint32(row))) {
						t.Fatalf("%s\nblock %d row %d: %v, want %v: %+v", q, i, row, got, want, s)
					}
					if want {
						matched++
						if msg := l.leavesOut(s); msg != "" {
							t.Fatalf("%s\nmatches, but its limits leave it out: %s: %+v", q, msg, s)
						}
					}
				}
				v.drop(set)
				v.close()
			}
		}
	}
	if matched < 30_000 {
		t.Errorf("only %d matches: the test proves little", matched)
	}
}
