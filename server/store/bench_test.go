package store

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// benchSpans is how many spans the benchmarks write: STORE_BENCH_SPANS, or a million.
func benchSpans() int {
	if n, err := strconv.Atoi(os.Getenv("STORE_BENCH_SPANS")); err == nil {
		return n
	}
	return 1_000_000
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rss returns the resident memory now and at its peak, in MiB.
func rss() (now, peak float64) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			now = kb / 1024
		case "VmHWM:":
			peak = kb / 1024
		}
	}
	return now, peak
}

// BenchmarkIngest writes STORE_BENCH_SPANS spans in requests of 100 (ten
// traces of ten), OTLP decoding included, from STORE_BENCH_WRITERS goroutines.
// It reports spans per second of CPU time (making the requests is measured
// apart and taken off), bytes per span on the disk after Close, and latencies
// of queries.
func BenchmarkIngest(b *testing.B) {
	writers := 8
	if n, err := strconv.Atoi(os.Getenv("STORE_BENCH_WRITERS")); err == nil {
		writers = n
	}
	perRequest := 100
	if n, err := strconv.Atoi(os.Getenv("STORE_BENCH_REQUEST")); err == nil {
		perRequest = n
	}
	total := benchSpans()
	for range b.N {
		dir := b.TempDir()
		if d := os.Getenv("STORE_BENCH_DIR"); d != "" {
			dir = filepath.Join(d, fmt.Sprint(time.Now().UnixNano()))
			defer os.RemoveAll(dir)
		}
		o := Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)}
		s, err := Open(o)
		if err != nil {
			b.Fatal(err)
		}
		var made time.Duration
		cpu0, t0 := cpuTime(), time.Now()
		type request struct{ body []byte }
		requests := make(chan request, 64)
		var wg sync.WaitGroup
		for range writers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				var d otlp.Decoder
				for r := range requests {
					spans, _, _, err := d.Traces(r.body)
					if err == nil {
						err = s.Write(context.Background(), &Batch{Spans: spans, Traces: r.body})
					}
					if err != nil {
						b.Error(err)
					}
				}
			}()
		}
		g := newGen(7, int64(total/10))
		var samples []span.TraceID
		var spans []span.Span
		runtime.LockOSThread()
		for n := 0; n < total; n += perRequest {
			c := threadCPU()
			spans = spans[:0]
			for range perRequest / 10 {
				spans = g.trace(spans)
			}
			samples = append(samples, spans[0].TraceID)
			body := otlp.AppendTraces(nil, spans)
			made += threadCPU() - c
			requests <- request{body}
		}
		runtime.UnlockOSThread()
		close(requests)
		wg.Wait()
		_, peak := rss()
		if err := s.flush(context.Background()); err != nil {
			b.Fatal(err)
		}
		cpu, wall := cpuTime()-cpu0-made, time.Since(t0)
		runtime.GC()
		now, _ := rss()
		reportQueries(b, s, samples)
		st := s.Stats()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		size := int64(0)
		filepath.Walk(dir, func(_ string, fi os.FileInfo, err error) error {
			if err == nil && !fi.IsDir() {
				size += fi.Size()
			}
			return nil
		})
		b.ReportMetric(float64(total)/cpu.Seconds(), "spans/CPU-s")
		b.ReportMetric(float64(total)/wall.Seconds(), "spans/s")
		b.ReportMetric(float64(size)/float64(total), "B/span")
		b.ReportMetric(peak, "MiB-peak")
		b.ReportMetric(now, "MiB-after")
		b.ReportMetric(float64(st.Groups), "fsyncs")
		b.ReportMetric(float64(st.CutTime.Milliseconds())/float64(st.Cuts), "ms/cut")
		b.ReportMetric(0, "ns/op")
	}
}

// threadCPU is the CPU time of the calling thread.
func threadCPU() time.Duration {
	const rusageThread = 1
	var u syscall.Rusage
	if err := syscall.Getrusage(rusageThread, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportQueries measures the queries that the goals name.
func reportQueries(b *testing.B, s *Store, samples []span.TraceID) {
	ctx := context.Background()
	median := func(name string, n int, f func(i int)) {
		var took []time.Duration
		for i := range n {
			t := time.Now()
			f(i)
			took = append(took, time.Since(t))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"-ms")
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, name+"-p95-ms")
	}
	median("by-id", 200, func(i int) {
		got, err := s.Trace(ctx, samples[(i*7919)%len(samples)])
		if err != nil || len(got) != 10 {
			b.Fatalf("trace: %d spans, %v", len(got), err)
		}
	})
	// The slow spans of one operation: about one span in 100,000.
	sel := Selection{From: genBase - 3600e9, To: genBase, Services: []string{"svc-03-checkout"}, Names: []string{"POST /api/v1/svc03/resource1/{id}"}, MinDuration: 300e6}
	found, blocks := 0, 0
	median("search", 20, func(int) {
		found, blocks = 0, 0
		err := s.Scan(ctx, sel, func(bl *block.Block, rows []uint32) (bool, error) {
			blocks++
			durations, err := bl.Durations()
			if err != nil {
				return false, err
			}
			services, _ := bl.Services()
			names, _ := bl.Names()
			starts, _ := bl.Starts()
			for _, r := range rows {
				if durations[r] >= sel.MinDuration && services.At(int(r)) == sel.Services[0] && names.At(int(r)) == sel.Names[0] && starts[r] >= sel.From {
					found++
				}
			}
			return found < 20, nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(float64(found), "search-found")
	b.ReportMetric(float64(blocks), "search-blocks")
	token := Selection{From: genBase - 3600e9, To: genBase, Tokens: [][]Token{{ValueToken("url.path", span.StringValue("/api/v1/svc/resource/4711"))}}}
	median("attr", 20, func(int) {
		blocks = 0
		err := s.Scan(ctx, token, func(bl *block.Block, rows []uint32) (bool, error) {
			blocks++
			_, err := bl.Attrs("url.path")
			return true, err
		})
		if err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(float64(blocks), "attr-blocks")
	median("broad", 20, func(int) {
		n := 0
		err := s.Scan(ctx, Selection{From: genBase - 3600e9, To: genBase}, func(bl *block.Block, rows []uint32) (bool, error) {
			n += bl.Len()
			return n < 200, nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
	median("services", 20, func(int) {
		if names, err := s.Services(ctx, 0, math.MaxInt64); err != nil || len(names) != 20 {
			b.Fatal(names, err)
		}
	})
}
