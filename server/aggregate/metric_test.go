package aggregate

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/span"
)

func randomPoints(r *rand.Rand, kind PointKind, n int) []Point {
	counts := func(n int) (c []uint64) {
		for range n {
			c = append(c, r.Uint64()>>r.IntN(64))
		}
		return c
	}
	float := func() float64 {
		return []float64{0, 1.5, -3, math.Inf(1), r.NormFloat64() * 1e9, math.Floor(r.Float64() * 100)}[r.IntN(6)]
	}
	out := make([]Point, n)
	for i := range out {
		p := Point{Kind: kind, Time: t0 + int64(i)*10e9 + r.Int64N(1e6), Start: t0 - 5}
		if r.IntN(10) == 0 {
			p.Start = r.Int64()
		}
		switch kind {
		case Gauge, Sum:
			switch r.IntN(5) {
			case 0:
				p.Value = span.FloatValue(float())
			case 1:
				p.Flags = NoRecordedValue
			default:
				p.Value = span.IntValue(r.Int64() >> r.IntN(64))
			}
		case Summary:
			p.Count, p.Sum, p.HasSum = r.Uint64(), float(), true
			for range r.IntN(3) {
				p.Quantiles = append(p.Quantiles, Quantile{r.Float64(), float()})
			}
		default:
			p.Count, p.HasSum, p.HasMin, p.HasMax = r.Uint64()>>r.IntN(64), r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
			if p.HasSum {
				p.Sum = float()
			}
			if p.HasMin {
				p.Min = float()
			}
			if p.HasMax {
				p.Max = float()
			}
			if kind == HistogramPoint {
				p.Counts = counts(r.IntN(3) * 5)
				break
			}
			p.Scale, p.ZeroCount, p.ZeroThreshold = int32(r.IntN(30))-10, r.Uint64()>>r.IntN(64), math.Abs(float())
			p.Positive = Buckets{int32(r.Uint32()), counts(r.IntN(4))}
			p.Negative = Buckets{int32(r.Uint32()), counts(r.IntN(4))}
		}
		out[i] = p
	}
	return out
}

func TestPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	for kind := Gauge; kind <= Summary; kind++ {
		for range 50 {
			want := randomPoints(r, kind, 1+r.IntN(40))
			shuffled := slices.Clone(want)
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			got, err := ParsePoints(AppendPoints(nil, kind, shuffled))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%v (-want +got):\n%s", kind, diff)
			}
		}
	}
}

// Points come in several requests, some twice, one time with two values: in
// whatever order they are merged, the bytes are the same.
func TestPointsMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(63, 64))
	for kind := Gauge; kind <= Summary; kind++ {
		list := randomPoints(r, kind, 60)
		twin := randomPoints(r, kind, 1)[0]
		twin.Time = list[7].Time
		list = append(list, list[3], list[5], twin)
		key := AppendPointsKey(nil, MetricID{1}, t0)
		want := AppendPoints(nil, kind, slices.Clone(list))
		if points, err := ParsePoints(want); err != nil || len(points) != 60 {
			t.Fatalf("%d points, %v; want 60", len(points), err)
		}
		for range 20 {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			db := store{}
			for rest := list; len(rest) > 0; {
				n := 1 + r.IntN(len(rest))
				db.merge(key, AppendPoints(nil, kind, slices.Clone(rest[:n])))
				rest = rest[n:]
			}
			if got := db.read(t, r)[string(key)]; !bytes.Equal(got, want) {
				t.Fatalf("%v: %x, want %x", kind, got, want)
			}
		}
	}
}

// A sender of too many points fills its window and nothing else.
func TestWindowPoints(t *testing.T) {
	var list []Point
	for i := range MaxWindowPoints + 100 {
		list = append(list, Point{Kind: Gauge, Time: t0 + int64(i), Value: span.IntValue(int64(i))})
	}
	got, err := ParsePoints(AppendPoints(nil, Gauge, list))
	if err != nil || len(got) != MaxWindowPoints || got[len(got)-1].Time != t0+MaxWindowPoints-1 {
		t.Errorf("%d points, %v; want the first %d", len(got), err, MaxWindowPoints)
	}
}

func TestPointsFormat(t *testing.T) {
	for _, c := range []struct {
		kind PointKind
		list []Point
		want string
	}{
		{Gauge, []Point{{Time: 5, Value: span.IntValue(-3)}, {Time: 15, Value: span.IntValue(4)}}, "0101" + "040505" + "040a0e"},
		{Sum, []Point{{Time: 5, Start: 2, Value: span.FloatValue(1)}, {Time: 6, Start: 2, Flags: 1}}, "0102" + "090504" + "bfe003" + "02010" + "1"},
		{HistogramPoint, []Point{{Time: 5, Count: 3, Counts: []uint64{1, 2}}, {Time: 6, Count: 3, Counts: []uint64{2, 1}}}, "0103" + "00050602" + "0102" + "8001" + "00" + "0201"},
	} {
		if got := hex.EncodeToString(AppendPoints(nil, c.kind, c.list)); got != c.want {
			t.Errorf("%v: %s, want %s", c.kind, got, c.want)
		}
	}
}

func TestMetric(t *testing.T) {
	p := Point{
		Name: "process.runtime.go.goroutines", Unit: "{goroutine}", Description: "how many there are", Kind: HistogramPoint,
		Temporality: Cumulative, Monotonic: true, Bounds: []float64{0.5, 1, 10},
		Attrs:    []span.Attr{{Key: "b", Value: span.IntValue(-5)}, {Key: "a", Value: span.BoolValue(true)}},
		Resource: &span.Resource{Service: "shop", Attrs: text("service.name", "shop", "host.name", "h1"), SchemaURL: "s"},
		Scope:    &span.Scope{Name: "weft", Version: "1", Attrs: text("x", "y")},
	}
	b, id := AppendMetric(nil, &p)
	m, err := ParseMetric(b)
	if err != nil {
		t.Fatal(err)
	}
	want := &Metric{
		Name: p.Name, Unit: p.Unit, Description: p.Description, Kind: p.Kind, Temporality: p.Temporality, Monotonic: true, Bounds: p.Bounds,
		Attrs:    []span.Attr{{Key: "a", Value: span.BoolValue(true)}, {Key: "b", Value: span.IntValue(-5)}},
		Resource: &span.Resource{Service: "shop", Attrs: text("host.name", "h1", "service.name", "shop"), SchemaURL: "s"}, Scope: p.Scope,
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	same, other := p, p
	same.Attrs = []span.Attr{p.Attrs[1], p.Attrs[0]}
	same.Description = "in other words"
	if _, id2 := AppendMetric([]byte("before"), &same); id2 != id {
		t.Error("the order of attributes and the description make another metric")
	}
	other.Unit = "1"
	if _, id2 := AppendMetric(nil, &other); id2 == id {
		t.Error("the unit makes no other metric")
	}
	for i := range b {
		if _, err := ParseMetric(b[:i]); err == nil {
			t.Errorf("the first %d of %d bytes are no error", i, len(b))
		}
	}
	key := AppendMetricKey(nil, p.Name, id)
	if got, ok := MetricIDOf(key); !ok || got != id || !bytes.HasPrefix(key, AppendMetricPrefix(nil, p.Name)) || !bytes.HasPrefix(key, AppendMetricPrefix(nil, "")) {
		t.Errorf("key %x", key)
	}
	for _, c := range []struct {
		sel  PointSelection
		want bool
	}{
		{PointSelection{Name: p.Name}, true},
		{PointSelection{Name: "process"}, false},
		{PointSelection{Name: p.Name, Attrs: text("host.name", "h1", "x", "y")}, true},
		{PointSelection{Name: p.Name, Attrs: text("host.name", "h2")}, false},
		{PointSelection{Name: p.Name, Attrs: []span.Attr{{Key: "b", Value: span.IntValue(-5)}}}, true},
		{PointSelection{Name: p.Name, Attrs: text("b", "-5")}, false},
	} {
		if got := c.sel.Match(m); got != c.want {
			t.Errorf("%v matches: %v", c.sel, got)
		}
	}
}

func TestThin(t *testing.T) {
	at := func(s int64, n int64) Point {
		return Point{Kind: Sum, Time: t0 - t0%60e9 + s*1e9, Value: span.IntValue(n), Count: uint64(n)}
	}
	line := PointLine{&Metric{Kind: Sum, Temporality: Cumulative}, []Point{at(0, 1), at(10, 2), at(59, 5), at(60, 6), at(130, 9)}}
	line.Thin(time.Minute)
	if diff := cmp.Diff([]Point{at(59, 5), at(60, 6), at(130, 9)}, line.Points); diff != "" {
		t.Errorf("cumulative (-want +got):\n%s", diff)
	}
	line = PointLine{&Metric{Kind: Sum, Temporality: Delta}, []Point{at(0, 1), at(10, 2), at(59, 5), at(60, 6)}}
	line.Thin(time.Minute)
	if diff := cmp.Diff([]Point{at(59, 8), at(60, 6)}, line.Points); diff != "" {
		t.Errorf("delta (-want +got):\n%s", diff)
	}
	// Exponential deltas of two scales: 3 in (1, 2^.5], 4 in (2, 2^1.5] and 5 in (1, 2].
	a := Point{Kind: ExponentialPoint, Time: t0, Count: 7, Scale: 1, Positive: Buckets{0, []uint64{3, 0, 4}}, HasSum: true, Sum: 1}
	b := Point{Kind: ExponentialPoint, Time: t0, Count: 6, Scale: 0, Positive: Buckets{0, []uint64{5}}, ZeroCount: 1, HasSum: true, Sum: 2}
	want := Point{Kind: ExponentialPoint, Time: t0, Count: 13, Scale: 0, Positive: Buckets{0, []uint64{8, 4}}, ZeroCount: 1, HasSum: true, Sum: 3}
	for _, list := range [][]Point{{a, b}, {b, a}} {
		line = PointLine{&Metric{Kind: ExponentialPoint, Temporality: Delta}, list}
		line.Thin(time.Minute)
		if diff := cmp.Diff([]Point{want}, line.Points); diff != "" {
			t.Errorf("exponential (-want +got):\n%s", diff)
		}
	}
}

func FuzzPoints(f *testing.F) {
	r := rand.New(rand.NewPCG(65, 66))
	for kind := Gauge; kind <= Summary; kind++ {
		f.Add(AppendPoints(nil, kind, randomPoints(r, kind, 5)))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		list, err := ParsePoints(value)
		if err != nil {
			return
		}
		once := AppendPoints(nil, PointKind(value[1]), list)
		again, err := ParsePoints(once)
		if err != nil {
			t.Fatalf("%x came back as %x: %v", value, once, err)
		}
		if twice := AppendPoints(nil, PointKind(value[1]), again); !bytes.Equal(once, twice) {
			t.Fatalf("%x, then %x", once, twice)
		}
	})
}

func FuzzMetric(f *testing.F) {
	p := Point{Name: "n", Kind: Gauge, Resource: &span.Resource{Attrs: text("a", "b")}, Scope: &span.Scope{}, Attrs: text("c", "d")}
	b, _ := AppendMetric(nil, &p)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMetric(b)
		if err == nil && (m.Resource == nil || m.Scope == nil) {
			t.Fatal("no resource or scope")
		}
	})
}
