package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The examples of Newcombe's paper, table II, method 10.
func TestNewcombe(t *testing.T) {
	for _, c := range []struct {
		a, n, b, m int64
		low, high  float64
	}{
		{56, 70, 48, 80, 0.0524, 0.3339},
		{9, 10, 3, 10, 0.1705, 0.8090},
		{6, 7, 2, 7, 0.0582, 0.8062},
		{5, 56, 0, 29, -0.0381, 0.1926},
		{0, 10, 0, 20, -0.1611, 0.2775},
		{10, 10, 0, 20, 0.6791, 1},
	} {
		low, high := newcombe(c.a, c.n, c.b, c.m, 1.959964)
		if math.Abs(low-c.low) > 0.00006 || math.Abs(high-c.high) > 0.00006 {
			t.Errorf("%d/%d - %d/%d: %.4f to %.4f; want %.4f to %.4f", c.a, c.n, c.b, c.m, low, high, c.low, c.high)
		}
	}
}

// However many values there are, memory is bounded, what is frequent is kept,
// and no count is wrong by more than floor, nor floor by more than its bound.
func TestFrequencies(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	fr := &frequencies{values: map[string]*frequency{}}
	truth := map[string]int64{}
	const n = 300_000
	for i := range n {
		v := fmt.Sprint("id-", i)
		if i%50 == 0 {
			v = fmt.Sprint("often-", r.IntN(20))
		}
		truth[v]++
		fr.add(v, [2]int64{1, 0})
		if len(fr.values) > maxDistinct {
			t.Fatalf("%d values are kept", len(fr.values))
		}
	}
	if fr.floor == 0 || fr.floor > n/maxDistinct {
		t.Errorf("floor %d", fr.floor)
	}
	for v, c := range fr.values {
		if c.n[0] > truth[v] || c.n[0]+fr.floor < truth[v] {
			t.Errorf("%s: %d, in truth %d, floor %d", v, c.n[0], truth[v], fr.floor)
		}
	}
	for i := range 20 {
		if v := fmt.Sprint("often-", i); fr.values[v] == nil {
			t.Errorf("%s was dropped, which is there %d times", v, truth[v])
		}
	}
}
