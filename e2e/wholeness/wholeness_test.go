// Package wholeness runs random programs that know the true parent of every span,
// and compares that with what weft recorded. A span may have the true parent, or
// none, which begins a trace of its own; it must never have a wrong one.
package wholeness

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

// long says whether to try many programs, and the runtime's own checks.
var long = os.Getenv("WEFT_LONG") != ""

// A score says what became of the spans of one element.
type score struct {
	found int // the true parent
	lost  int // none, where there is a true one
	roots int // none, rightly
	near  int // another span of the same request
	wrong int // a span of another request
	cut   int // the parent was not received: nothing is known
}

func (s *score) add(t *score) {
	s.found += t.found
	s.lost += t.lost
	s.roots += t.roots
	s.near += t.near
	s.wrong += t.wrong
	s.cut += t.cut
}

type scores map[string]*score

// judge compares the spans with what they say themselves. The number of a span
// is in its attribute id, those of the parents that are right in parents.
func judge(spans []watch.Span, into scores) (wrong []string) {
	slices.SortFunc(spans, func(a, b watch.Span) int { return int(a.Int("id") - b.Int("id")) })
	numbers := map[string]int64{}
	type known struct {
		name   string
		parent string // the true one
	}
	all := map[string]known{}
	for i := range spans {
		id := spans[i].Int("id")
		numbers[spans[i].SpanID] = id
		best, _, _ := strings.Cut(spans[i].Str("parents"), ",")
		all[fmt.Sprint(id)] = known{spans[i].Name, best}
	}
	request := func(id string) string {
		for all[id].parent != "0" && all[id].parent != "" {
			id = all[id].parent
		}
		return id
	}
	for i := range spans {
		s := &spans[i]
		if into[s.Name] == nil {
			into[s.Name] = new(score)
		}
		score := into[s.Name]
		parents := strings.Split(s.Str("parents"), ",")
		got, known := int64(0), true
		if s.ParentID != "" {
			got, known = numbers[s.ParentID]
		}
		switch {
		case !known:
			score.cut++
		case got != 0 && slices.Contains(parents, strconv.FormatInt(got, 10)):
			score.found++
		case got != 0 && parents[0] != "0" && request(fmt.Sprint(got)) == request(parents[0]):
			score.near++
		case got != 0:
			score.wrong++
			wrong = append(wrong, fmt.Sprintf("%s %d: is a child of %s %d, not of %s %s", s.Name, s.Int("id"), all[fmt.Sprint(got)].name, got, all[parents[0]].name, strings.Join(parents, " or ")))
		case parents[0] == "0":
			score.roots++
		default:
			score.lost++
		}
	}
	return wrong
}

func (s scores) sum() *score {
	sum := new(score)
	for _, t := range s {
		sum.add(t)
	}
	return sum
}

func (s scores) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-38s %8s %8s %8s %8s %8s %8s %8s\n", "spans", "found", "near", "lost", "share", "none", "wrong", "cut")
	row := func(name string, s *score) {
		share := "–"
		if n := s.found + s.near + s.lost; n > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(s.found)/float64(n))
		}
		fmt.Fprintf(&b, "%-38s %8d %8d %8d %8s %8d %8d %8d\n", name, s.found, s.near, s.lost, share, s.roots, s.wrong, s.cut)
	}
	var names []string
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		row(name, s[name])
	}
	row("all", s.sum())
	return b.String()
}

// first is the seed of the first program: WEFT_SEED, or another one each time.
func first(t *testing.T) uint64 {
	if s := os.Getenv("WEFT_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("WEFT_SEED is %q, not a number", s)
		}
		return n
	}
	return rand.Uint64N(1 << 40)
}

// count is how many programs to run: WEFT_PROGRAMS, or n.
func count(t *testing.T, n int) int {
	if s := os.Getenv("WEFT_PROGRAMS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("WEFT_PROGRAMS is %q, not a number", s)
		}
	}
	return n
}

// try runs programs with the seeds from seed on, adds up what became of their
// spans, and says which have a wrong parent, unless known to.
func try(t *testing.T, app *pair.Program, env []string, seed uint64, n int, into scores, known bool, args ...string) {
	t.Helper()
	told := 0
	for i := range uint64(n) {
		out, spans := app.Run(t, env, append(args, "-seed", fmt.Sprint(seed+i))...)
		if out.Code != 0 || out.Stderr != "" {
			t.Fatalf("WEFT_SEED=%d: exit code %d\n%s", seed+i, out.Code, out.Stderr)
		}
		if len(spans) == 0 {
			t.Fatalf("WEFT_SEED=%d: no spans", seed+i)
		}
		for _, w := range judge(spans, into) {
			if told++; told <= 10 && !known {
				t.Errorf("WEFT_SEED=%d: %s", seed+i, w)
			}
		}
	}
}

// build builds the programs. They do not print anything, so only the woven one matters.
func build(t *testing.T, flags ...string) *pair.Program {
	t.Helper()
	return pair.Build(t, "testdata/program", pair.Toolchains()[0], flags...)
}

// TestPrograms runs programs of all elements.
func TestPrograms(t *testing.T) {
	app := build(t)
	n := 10
	if long {
		n = 300
	}
	seed, n, all := first(t), count(t, n), scores{}
	try(t, app, nil, seed, n, all, false)
	t.Logf("WEFT_SEED=%d WEFT_PROGRAMS=%d\n%s", seed, n, all)
	sum := all.sum()
	if sum.found < sum.lost {
		t.Errorf("only %d of %d spans have their true parent", sum.found, sum.found+sum.lost)
	}
}

// TestElements runs programs of one kind of elements at a time, which are made
// before the first request, or inside the first one that comes along.
func TestElements(t *testing.T) {
	if !long {
		t.Skip("WEFT_LONG is not set")
	}
	app := build(t)
	seed, n, all := first(t), count(t, 20), scores{}
	out, _ := app.Run(t, nil, "-list")
	for _, kind := range strings.Split(strings.TrimSpace(out.Stdout), "\n") {
		label := kind
		kind, known := strings.CutPrefix(kind, "known: ")
		for _, start := range []string{"before", "inside"} {
			t.Run(kind+"/"+start, func(t *testing.T) {
				one := scores{}
				try(t, app, nil, seed, n, one, known, "-only", kind, "-start", start)
				all[label+", "+start] = one.sum()
			})
		}
	}
	t.Logf("WEFT_SEED=%d WEFT_PROGRAMS=%d, programs of one kind of elements\n%s", seed, n, all)
}

// TestChecks runs programs under the race detector and the runtime's own checks.
func TestChecks(t *testing.T) {
	if !long {
		t.Skip("WEFT_LONG is not set")
	}
	seed := first(t)
	for _, check := range []struct {
		name  string
		flags []string
		env   []string
		n     int
	}{
		{"race", []string{"-race"}, nil, 50},
		{"gccheckmark", nil, []string{"GODEBUG=gccheckmark=1", "GOGC=10"}, 50},
		{"gcstoptheworld", nil, []string{"GODEBUG=gcstoptheworld=1", "GOGC=10"}, 50},
		{"clobberfree", nil, []string{"GODEBUG=clobberfree=1", "GOGC=10"}, 50},
		{"one P", nil, []string{"GOMAXPROCS=1"}, 50},
		{"eight Ps", nil, []string{"GOMAXPROCS=8"}, 50},
	} {
		t.Run(check.name, func(t *testing.T) {
			all, n := scores{}, count(t, check.n)
			try(t, build(t, check.flags...), check.env, seed, n, all, false)
			sum := all.sum()
			t.Logf("%s: WEFT_SEED=%d WEFT_PROGRAMS=%d\n%s", check.name, seed, n, scores{check.name: sum})
		})
	}
}
