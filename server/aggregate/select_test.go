package aggregate

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	h := t0 - t0%int64(time.Hour)
	for name, c := range map[string]struct {
		from, to int64
		step     time.Duration
		want     []Read
	}{
		"an hour":          {h, h + 3600e9, 0, []Read{{2, h, h + 3600e9}}},
		"nothing":          {h, h, 0, nil},
		"backwards":        {h, h - 1, 0, nil},
		"a nanosecond":     {h + 1, h + 2, 0, []Read{{0, h, h + 10e9}}},
		"no end":           {1<<63 - 1 - 20e9, 1<<63 - 1, 0, []Read{{0, 1<<63 - 1 - 26854775807, 1<<63 - 1 - 6854775807}}},
		"fine step":        {h, h + 3600e9, 10 * time.Second, []Read{{0, h, h + 3600e9}}},
		"step of 90 s":     {h, h + 3600e9, 90 * time.Second, []Read{{0, h, h + 3600e9}}},
		"step of a minute": {h + 30e9, h + 120e9, time.Minute, []Read{{0, h + 30e9, h + 60e9}, {1, h + 60e9, h + 120e9}}},
		"ragged": {h - 70e9, h + 7200e9 + 61e9, 0, []Read{
			{0, h - 70e9, h - 60e9}, {1, h - 60e9, h}, {2, h, h + 7200e9}, {1, h + 7200e9, h + 7260e9}, {0, h + 7260e9, h + 7270e9},
		}},
	} {
		if diff := cmp.Diff(c.want, Operations.Plan(c.from, c.to, c.step)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff([]Read{{1, h - 60e9, h + 120e9}}, Edges.Plan(h-10e9, h+70e9, 0)); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
	r := rand.New(rand.NewPCG(51, 52))
	for range 2000 {
		from := r.Int64() >> r.IntN(60)
		to := from + min(r.Int64()>>r.IntN(60), 1<<63-1-from)
		step := []time.Duration{0, 10 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, time.Hour, 90 * time.Minute}[r.IntN(7)]
		at := from - from%10e9
		for _, p := range Operations.Plan(from, to, step) {
			s := int64(Levels[p.Level].Step)
			if p.From != at || p.From%s != 0 || p.To%s != 0 || p.To <= p.From || step%Levels[p.Level].Step != 0 {
				t.Fatalf("Plan(%d, %d, %v): %v", from, to, step, Operations.Plan(from, to, step))
			}
			at = p.To
		}
		if to > from && (at < to && at < 1<<63-1-10e9 || at-to >= 10e9) {
			t.Fatalf("Plan(%d, %d, %v) ends at %d", from, to, step, at)
		}
	}
}
