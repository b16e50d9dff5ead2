package aggregate

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A duration lies in its bucket, at every scale.
func TestBucket(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(d int64) {
		t.Helper()
		for scale := MinScale; scale <= MaxScale; scale++ {
			i := bucket(d) >> (MaxScale - scale)
			lower, upper := Bound(scale, i-1), Bound(scale, i)
			if f := float64(d); f <= lower*(1-1e-14) || f > upper*(1+1e-14) {
				t.Fatalf("%d at scale %d: bucket %d is (%v, %v]", d, scale, i, lower, upper)
			}
		}
	}
	for d := int64(1); d < 100_000; d++ {
		check(d)
	}
	for range 200_000 {
		check(r.Int64()>>r.IntN(63) | 1)
	}
	check(math.MaxInt64)
	for k := range 63 { // the upper bound belongs to a bucket, the lower one does not
		if got, want := bucket(1<<k), int32(k<<MaxScale-1); got != want {
			t.Errorf("2^%d is in bucket %d, want %d", k, got, want)
		}
		if k > 5 {
			if got, want := bucket(1<<k+1), int32(k<<MaxScale); got != want {
				t.Errorf("2^%d+1 is in bucket %d, want %d", k, got, want)
			}
		}
	}
}

// randomDurations returns durations as they occur, and as they do not.
func randomDurations(r *rand.Rand, n int) []int64 {
	out := make([]int64, n)
	shape := r.IntN(5)
	for i := range out {
		switch shape {
		case 0:
			out[i] = int64(math.Exp(r.NormFloat64()*1.5 + 14)) // around a millisecond
		case 1:
			out[i] = r.Int64N(10)
		case 2:
			out[i] = r.Int64() >> r.IntN(63)
		case 3:
			out[i] = 1_000_000 + r.Int64N(1000)
		case 4:
			out[i] = max(0, int64(r.NormFloat64()*50e6)) // half of them zero
		}
	}
	return out
}

func histogramOf(durations []int64) *Histogram {
	h := new(Histogram)
	for _, d := range durations {
		h.Add(d)
	}
	return h
}

func TestQuantileError(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		all := randomDurations(r, 1+r.IntN(3000))
		h := histogramOf(all)
		slices.Sort(all)
		if h.Count() != uint64(len(all)) || h.Min() != all[0] || h.Max() != all[len(all)-1] {
			t.Fatalf("count, min, max = %d, %d, %d; want %d, %d, %d", h.Count(), h.Min(), h.Max(), len(all), all[0], all[len(all)-1])
		}
		for _, q := range []float64{0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
			rank := max(1, int(math.Ceil(q*float64(len(all)))))
			exact, got := float64(all[rank-1]), float64(h.Quantile(q))
			if allowed := exact*Error(h.Scale())*(1+1e-9) + 0.5; math.Abs(got-exact) > allowed {
				t.Fatalf("quantile %v of %d durations at scale %d: %v, exact %v, off by more than %v", q, len(all), h.Scale(), got, exact, allowed)
			}
		}
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		min, max int64
		scale    int
	}{
		{1, 1, 4}, {1_000_000, 1_000_000_000, 4}, {1000, 990_000_000, 4}, {1024, 1 << 30, 3}, {1, 1e12, 3}, {1, math.MaxInt64, 2},
	} {
		if h := histogramOf([]int64{c.min, c.max}); h.Scale() != c.scale {
			t.Errorf("%d to %d: scale %d, want %d", c.min, c.max, h.Scale(), c.scale)
		}
	}
	if e := Error(MaxScale); e < 0.0218 || e > 0.0220 {
		t.Errorf("Error(%d) = %v; its comment says 2.2 %%", MaxScale, e)
	}
}

// Whatever the order and the grouping, the same durations make the same bytes,
// and the histogram is the best that MaxBuckets allows.
func TestMergeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		var all []int64
		for range 1 + r.IntN(4) { // several shapes at once
			all = append(all, randomDurations(r, 1+r.IntN(200))...)
		}
		want := histogramOf(all).Append(nil)
		if h := histogramOf(all); h.Count() > h.Zeros() && int(h.hi-h.lo) >= MaxBuckets {
			t.Fatalf("%d buckets", h.hi-h.lo+1)
		}
		for range 3 {
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			parts := []*Histogram{new(Histogram)}
			for rest := all; len(rest) > 0; {
				n := 1 + r.IntN(len(rest))
				part := histogramOf(rest[:n])
				if r.IntN(2) == 0 { // through the encoding, or not
					part = decoded(t, part)
				}
				parts, rest = append(parts, part), rest[n:]
			}
			for len(parts) > 1 { // any two of them, until one is left
				i, j := r.IntN(len(parts)), r.IntN(len(parts))
				if i == j {
					continue
				}
				parts[i].Merge(parts[j])
				parts = slices.Delete(parts, j, j+1)
			}
			if got := parts[0].Append(nil); !bytes.Equal(got, want) {
				t.Fatalf("%d durations in another order: %x, want %x", len(all), got, want)
			}
		}
	}
}

// An operand of Merge is not changed.
func TestMergeOperand(t *testing.T) {
	a, b := histogramOf([]int64{1, 1e12}), histogramOf([]int64{1000, 1001})
	before := b.Append(nil)
	a.Merge(b)
	b.Merge(new(Histogram))
	if got := b.Append(nil); !bytes.Equal(got, before) {
		t.Errorf("%x after it was merged into another, before %x", got, before)
	}
}

func TestSumStops(t *testing.T) {
	h := histogramOf([]int64{math.MaxInt64, math.MaxInt64, math.MaxInt64})
	if h.Sum() != math.MaxUint64 {
		t.Errorf("sum %d, want that it stops at %d", h.Sum(), uint64(math.MaxUint64))
	}
}

func TestNegative(t *testing.T) {
	if h := histogramOf([]int64{-5}); h.Zeros() != 1 || h.Min() != 0 || h.Max() != 0 || h.Sum() != 0 {
		t.Errorf("a duration below zero does not count as zero: %+v", h)
	}
}

func decoded(t *testing.T, h *Histogram) *Histogram {
	t.Helper()
	b := h.Append(nil)
	out := histogramOf([]int64{7, 1e15}) // memory that was used before
	rest, err := out.decode(append(b, "rest"...))
	if err != nil {
		t.Fatalf("decode %x: %v", b, err)
	}
	if string(rest) != "rest" {
		t.Fatalf("decode %x: %q is left over", b, rest)
	}
	if again := out.Append(nil); !bytes.Equal(again, b) {
		t.Fatalf("%x came back as %x", b, again)
	}
	return out
}

// The bytes are those that docs/format/aggregate.md explains.
func TestHistogramFormat(t *testing.T) {
	for _, c := range []struct {
		durations []int64
		want      string
	}{
		{nil, "00"},
		{[]int64{1500}, "01" + "dc0b"},
		{[]int64{2000, 0, 1500}, "03" + "00" + "dc0b" + "f403"},
		{[]int64{0, 0, 0, 0, 0, 0, 0, 0, 0}, "84" + "09" + "00" + "00" + "00" + "00"},
		{[]int64{1, 1, 1, 1, 1, 1, 1, 1, 2}, "80" + "02" + "01" + "01" + "0a" + "1c" + "03" + "0c"},
		{[]int64{0, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1_000_000_000}, "84" + "01" + "02" + "00" + "8094ebdc03" + "d8caebdc03" + "1b" + "9d01" + "03" + "bb02"},
	} {
		if got := hex.EncodeToString(histogramOf(c.durations).Append(nil)); got != c.want {
			t.Errorf("%v: %s, want %s", c.durations, got, c.want)
		}
	}
}

func FuzzHistogram(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		f.Add(histogramOf(randomDurations(r, 1+r.IntN(50))).Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Histogram
		rest, err := h.decode(b)
		if err != nil {
			return
		}
		if len(rest) > len(b) {
			t.Fatal("more is left over than there was")
		}
		if h.Count() > 0 && (h.Quantile(0.5) < h.Min() || h.Quantile(0.5) > h.Max() || h.Min() > h.Max()) {
			t.Fatalf("median %d is not between %d and %d", h.Quantile(0.5), h.Min(), h.Max())
		}
		sum := h.Zeros()
		for _, n := range h.Buckets() {
			sum += n
		}
		if sum != h.Count() {
			t.Fatalf("count %d, in buckets %d", h.Count(), sum)
		}
		decoded(t, &h)
		other := histogramOf([]int64{5, 1e9})
		other.Merge(&h)
		if other.Count() != h.Count()+2 {
			t.Fatalf("%d after a merge with 2, before %d", other.Count(), h.Count())
		}
	})
}

func BenchmarkHistogramAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	d := make([]int64, 4096)
	for i := range d {
		d[i] = int64(math.Exp(r.NormFloat64() + 14))
	}
	var h Histogram
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Add(d[i&4095])
	}
}
