package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
)

// gauge makes a point of process n's goroutines.
func gauge(n int, at int64, value int64) aggregate.Point {
	return aggregate.Point{
		Name: "go.goroutine.count", Unit: "{goroutine}", Description: "Goroutines that exist.", Kind: aggregate.Gauge,
		Resource: &span.Resource{Service: "shop", Attrs: []span.Attr{
			{Key: "service.name", Value: span.StringValue("shop")}, {Key: "service.instance.id", Value: span.StringValue(fmt.Sprint("p", n))},
		}},
		Scope: &span.Scope{Name: "weft"}, Time: at, Value: span.IntValue(value),
	}
}

func TestPoints(t *testing.T) {
	clock := newTestClock()
	o := Options{Dir: t.TempDir(), Clock: clock.now, Partition: time.Hour, Retention: 3 * time.Hour}
	s := open(t, o)
	ctx := context.Background()
	r := rand.New(rand.NewPCG(91, 92))
	want := map[string][]int64{} // by instance, 10 s apart from begin on
	begin := genBase
	at := begin
	for i := range 500 {
		var points []aggregate.Point
		for n := range 3 {
			v := r.Int64N(1000)
			points = append(points, gauge(n, at, v))
			want[fmt.Sprint("p", n)] = append(want[fmt.Sprint("p", n)], v)
		}
		histogram := aggregate.Point{
			Name: "go.schedule.duration", Unit: "s", Kind: aggregate.HistogramPoint, Temporality: aggregate.Cumulative, Resource: points[0].Resource,
			Scope: points[0].Scope, Time: at, Start: begin, Count: uint64(i), Counts: []uint64{uint64(i), 0}, Bounds: []float64{1},
		}
		points = append(points, histogram)
		for range 1 + i%2 { // every second request comes twice
			if err := s.Write(ctx, &Batch{Points: points}); err != nil {
				t.Fatal(err)
			}
		}
		at += 10e9
		clock.advance(10 * time.Second)
	}
	check := func() {
		t.Helper()
		names, err := s.Metrics(ctx, begin, at)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]MetricName{
			{Name: "go.goroutine.count", Unit: "{goroutine}", Description: "Goroutines that exist.", Kind: aggregate.Gauge, Series: 3},
			{Name: "go.schedule.duration", Unit: "s", Kind: aggregate.HistogramPoint, Temporality: aggregate.Cumulative, Series: 1},
		}, names); d != "" {
			t.Fatalf("names (-want +got):\n%s", d)
		}
		for _, step := range []time.Duration{0, time.Minute} {
			lines, err := s.Points(ctx, aggregate.PointSelection{Name: "go.goroutine.count", From: begin, To: at, Step: step})
			if err != nil {
				t.Fatal(err)
			}
			if len(lines) != 3 {
				t.Fatalf("%d lines; want 3", len(lines))
			}
			for _, l := range lines {
				id, _ := span.Get(l.Resource.Attrs, "service.instance.id")
				var times, wantTimes, values, wantValues []int64
				for _, p := range l.Points {
					times, values = append(times, p.Time), append(values, p.Value.Int())
				}
				for i, v := range want[id.Str] {
					time := begin + int64(i)*10e9
					if k := len(wantTimes) - 1; step > 0 && k >= 0 && wantTimes[k]/int64(step) == time/int64(step) {
						wantTimes[k], wantValues[k] = time, v
						continue
					}
					wantTimes, wantValues = append(wantTimes, time), append(wantValues, v)
				}
				if d := cmp.Diff(wantTimes, times) + cmp.Diff(wantValues, values); d != "" {
					t.Fatalf("%s, step %v (-want +got):\n%s", id.Str, step, d)
				}
			}
		}
		one, err := s.Points(ctx, aggregate.PointSelection{
			Name: "go.goroutine.count", From: begin + 100e9, To: begin + 130e9,
			Attrs: []span.Attr{{Key: "service.instance.id", Value: span.StringValue("p1")}},
		})
		if err != nil || len(one) != 1 || len(one[0].Points) != 3 || one[0].Points[0].Value.Int() != want["p1"][10] {
			t.Fatalf("points of p1: %v, %v", one, err)
		}
		h, err := s.Points(ctx, aggregate.PointSelection{Name: "go.schedule.duration"})
		if err != nil || len(h) != 1 || len(h[0].Points) != 500 || h[0].Points[499].Counts[0] != 499 || h[0].Bounds[0] != 1 || h[0].Points[3].Start != begin {
			t.Fatalf("histogram: %v", err)
		}
		if none, err := s.Points(ctx, aggregate.PointSelection{Name: "go"}); err != nil || len(none) != 0 {
			t.Fatalf("a part of the name: %v, %v", none, err)
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	check()
}

// Metrics without end fill a partition's limit. The rest is dropped and counted, the known
// ones go on.
func TestMetricLimit(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	ctx := context.Background()
	send := func(from, to int) {
		t.Helper()
		var points []aggregate.Point
		for n := from; n < to; n++ {
			points = append(points, gauge(n, genBase, int64(n)))
		}
		if err := s.Write(ctx, &Batch{Points: points}); err != nil {
			t.Fatal(err)
		}
	}
	send(0, maxMetrics-5)
	send(maxMetrics-100, maxMetrics+20)
	if n := s.counters.pointsDropped.Load(); n != 20 {
		t.Errorf("%d points dropped; want 20", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir}) // the limit counts what is there
	send(7, 8)
	send(maxMetrics+30, maxMetrics+31)
	if n := s.counters.pointsDropped.Load(); n != 1 {
		t.Errorf("%d points dropped after another Open; want 1", n)
	}
	var names []MetricName
	for range 2 {
		var err error
		if names, err = s.Metrics(ctx, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(names) != 1 || names[0].Series != maxMetrics {
		t.Errorf("%v; want %d series", names, maxMetrics)
	}
}

func TestPointsTooMany(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	ctx := context.Background()
	for n := range 30 {
		var points []aggregate.Point
		for i := range aggregate.MaxWindowPoints {
			points = append(points, gauge(n, genBase-genBase%3600e9+int64(i), 1))
		}
		if err := s.Write(ctx, &Batch{Points: points}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Points(ctx, aggregate.PointSelection{Name: "go.goroutine.count"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("%v, want ErrTooMany", err)
	}
}

// Points and logs whose Write has returned are there after a power loss, once.
func TestOthersCrash(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx := context.Background()
	r := rand.New(rand.NewPCG(95, 96))
	fs := vfs.NewCrashableMem()
	id := span.TraceID{1, 15: 1}
	resource, scope := &span.Resource{Service: "shop"}, &span.Scope{}
	n := 0
	for round := range 10 {
		s, err := Open(Options{Dir: "store", FS: fs, Reserve: -1, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		logs, err := s.Logs(ctx, id)
		if err != nil || len(logs) != n {
			t.Fatalf("round %d: %d log records, %v; want %d", round, len(logs), err, n)
		}
		lines, err := s.Points(ctx, aggregate.PointSelection{Name: "go.goroutine.count"})
		if err != nil || n > 0 && (len(lines) != 1 || len(lines[0].Points) != n) {
			t.Fatalf("round %d: %d lines, %v; want 1 of %d points", round, len(lines), err, n)
		}
		for i := range n {
			if logs[i].Body.Int() != int64(i) || lines[0].Points[i].Value.Int() != int64(i) {
				t.Fatalf("round %d: record or point %d is another", round, i)
			}
		}
		for range r.IntN(20) {
			at := time.Now().UnixNano()
			b := &Batch{
				Points: []aggregate.Point{gauge(0, at, int64(n))},
				Logs:   []span.Log{{TraceID: id, Time: at, Body: span.IntValue(int64(n)), Resource: resource, Scope: scope}},
			}
			if err := s.Write(ctx, b); err != nil {
				t.Fatal(err)
			}
			n++
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		fs = crashed
	}
}
