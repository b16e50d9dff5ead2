package trace

import (
	"math"
	"testing"
)

func TestSampler(t *testing.T) {
	half := ID{1, 1 << 63}    // x = 1<<62 of 1<<63, in the words of the Go SDK: just not below one half
	below := ID{1, 1<<63 - 1} // just below one half
	last := ID{1, math.MaxUint64}
	yes := Context{Trace: half, Span: 1, Sampled: true}
	no := Context{Trace: below, Span: 1}
	for _, tt := range []struct {
		name   string
		ratio  float64
		id     ID
		parent Context
		want   bool
	}{
		{"always_on", 0, last, Context{}, true},
		{"always_on", 0, below, no, true},
		{"always_off", 1, below, Context{}, false},
		{"always_off", 1, half, yes, false},
		{"traceidratio", 0.5, half, Context{}, false},
		{"traceidratio", 0.5, below, Context{}, true},
		{"traceidratio", 0.5, half, yes, false},
		{"traceidratio", 0.5, below, no, true},
		{"traceidratio", 1, last, Context{}, true},
		{"traceidratio", 2, last, Context{}, true},
		{"traceidratio", 0, ID{1, 0}, Context{}, false},
		{"traceidratio", -1, ID{1, 0}, Context{}, false},
		{"traceidratio", math.NaN(), ID{1, 0}, Context{}, false},
		{"traceidratio", 1e-300, ID{1, 2}, Context{}, false},
		{"", 0, last, Context{}, true},
		{"parentbased_always_on", 0, last, Context{}, true},
		{"parentbased_always_on", 0, below, no, false},
		{"parentbased_always_on", 0, half, yes, true},
		{"parentbased_always_off", 1, below, Context{}, false},
		{"parentbased_always_off", 1, half, yes, true},
		{"parentbased_traceidratio", 0.5, half, Context{}, false},
		{"parentbased_traceidratio", 0.5, below, Context{}, true},
		{"parentbased_traceidratio", 0.5, below, no, false},
		{"parentbased_traceidratio", 0.5, half, yes, true},
		// The sender left the decision to us, or made one about a trace that it did not name.
		{"parentbased_traceidratio", 0.5, below, Context{Trace: below, Span: 1, Deferred: true}, true},
		{"parentbased_traceidratio", 0.5, half, Context{Trace: half, Span: 1, Deferred: true}, false},
		{"parentbased_always_on", 0, last, Context{Decided: true}, false},
		{"parentbased_always_off", 0, last, Context{Decided: true, Sampled: true}, true},
		{"always_on", 0, last, Context{Decided: true}, true},
	} {
		s, ok := ParseSampler(tt.name)
		if !ok || tt.name != "" && s.String() != tt.name {
			t.Fatalf("%s is called %s", tt.name, s)
		}
		use(t, Config{Sampler: s, Ratio: tt.ratio})
		if got := sampled(tt.id, &tt.parent); got != tt.want {
			t.Errorf("%s %g: id %v, parent %+v: sampled %t", tt.name, tt.ratio, tt.id, tt.parent, got)
		}
	}
	if _, ok := ParseSampler("always"); ok {
		t.Error("a sampler that does not exist")
	}
}

// New ids are as random as a ratio needs.
func TestRatio(t *testing.T) {
	use(t, Config{Sampler: TraceIDRatio, Ratio: 0.1})
	const n = 100_000
	got := 0
	for range n {
		if sampled(newTraceID(), &Context{}) {
			got++
		}
	}
	// Five standard deviations: once in millions of runs.
	if want, d := 0.1*n, 5*math.Sqrt(n*0.1*0.9); math.Abs(float64(got)-want) > d {
		t.Errorf("%d of %d traces are sampled", got, n)
	}
}
