// Package patterns has one test for each of the ways in which Go programs hand
// work over that everybody uses, with the libraries that everybody uses. Each says
// what is right: see the comments of the functions in testdata/app.
package patterns

import (
	"fmt"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

// A pattern is run, and has so many spans. None may have a wrong parent; some may
// be without the one that they have.
type pattern struct {
	name  string
	spans int
	lost  int
}

const (
	// unknown is how many it may take to see what a channel is for.
	unknown = 50
	// overlap is how many tasks workers may do while the request that started them
	// goes on.
	overlap = 600
)

func TestPatterns(t *testing.T) {
	app := pair.Build(t, "testdata/app", pair.Toolchains()[0])
	for _, p := range []pattern{
		{"ants", 400 + 2*3*400, 2 * overlap},
		{"ants function", 400 + 3*400, overlap},
		{"errgroup", 200 + 5*200 + 200, 0},
		{"conc", 200 + 6*200 + 200, 0},
		{"singleflight", 400 + 2*400, 0},
		{"rate limit", 200 + 2*200, 0},
		{"fan-in", 400 + 2*400 + 1, 0},
		{"sync.Pool", 400 + 4*400, 0},
		{"free list", 800 + 4*800, unknown},
		{"collector", 400 + 400 + 1, 0},
		{"ticker", 400 + 400, 0},
		{"connections", 400 + 2*400, unknown},
	} {
		t.Run(p.name, func(t *testing.T) {
			out, spans := app.Run(t, nil, p.name)
			if out.Code != 0 || out.Stderr != "" {
				t.Fatalf("exit code %d\n%s", out.Code, out.Stderr)
			}
			p.judge(t, spans)
		})
	}
}

func (p pattern) judge(t *testing.T, spans []watch.Span) {
	t.Helper()
	ids := map[string]string{"": "0"}
	for i := range spans {
		ids[spans[i].SpanID] = fmt.Sprint(spans[i].Int("id"))
	}
	right, lost, wrong := 0, 0, 0
	told := map[string]int{}
	for i := range spans {
		s := &spans[i]
		want, got := s.Str("parents"), ids[s.ParentID]
		switch {
		case got == want:
			right++
		case got == "0":
			lost++
			told[s.Name]++
		default:
			if wrong++; wrong < 10 {
				t.Errorf("%s %d: is a child of %s, not of %s", s.Name, s.Int("id"), got, want)
			}
		}
	}
	if lost > p.lost {
		t.Errorf("%d spans are without their parents, at most %d may be: %v", lost, p.lost, told)
	}
	if len(spans) < p.spans {
		t.Errorf("%d spans, want %d", len(spans), p.spans)
	}
	t.Logf("%d right, %d without parent, %d wrong", right, lost, wrong)
}
