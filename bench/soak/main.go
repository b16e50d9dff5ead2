//go:build linux

// Soak writes tens of millions of spans into weft's store, in process, and reports what they cost as the store grows. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/soak/endure"
	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/store"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/soak:", err)
		os.Exit(1)
	}
}

func run() error {
	spans := flag.Int64("spans", 50_000_000, "how many spans to write; with -hours what passes in them")
	samples := flag.Int64("samples", 10, "how many samples to take; with -hours one each hour")
	questions := flag.Int("questions", 100, "how many questions of each kind to ask at a sample")
	hours := flag.Int("hours", 0, "simulate that many hours: the store's clock follows the spans; 0 writes everything under the real clock")
	retention := flag.Duration("retention", 6*time.Hour, "with -hours: how long spans are kept")
	partition := flag.Duration("partition", time.Hour, "with -hours: the span of time of a partition")
	dir := flag.String("dir", "", "where to put the store; the system's directory for temporary files if empty")
	cpuProfile := flag.String("cpuprofile", "", "write a profile of the CPU to this file")
	memProfile := flag.String("memprofile", "", "write a profile of the heap, taken at the last sample, to this file")
	flag.Parse()
	temp, err := os.MkdirTemp(*dir, "weft-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	o := endure.Options{
		Workload:  workload.Workload{Seed: 7, Traces: *spans / workload.SpansPerTrace, End: time.Now().UnixNano()},
		Samples:   *samples,
		Questions: *questions,
		Store:     store.Options{Dir: temp},
	}
	if *hours > 0 {
		o.Samples, o.Simulate = int64(*hours), true
		o.Workload.Window = time.Duration(*hours) * time.Hour
		o.Workload.End = o.Workload.End / int64(24*time.Hour) * int64(24*time.Hour) // midnight
		o.Store.Retention, o.Store.Partition = *retention, *partition
	}
	if *cpuProfile != "" {
		f, err := os.Create(*cpuProfile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Println(measure.Machine())
	start := time.Now()
	o.Each = func(s endure.Sample) {
		fmt.Fprintf(os.Stderr, "%v: %d spans, by id %v, %v by wall clock\n", time.Now().Format(time.TimeOnly), s.Spans, s.ByID.P50, time.Since(start).Round(time.Second))
		if *memProfile != "" && s.Spans == o.Workload.Spans() {
			if err := writeHeap(*memProfile); err != nil {
				fmt.Fprintln(os.Stderr, "bench/soak:", err)
			}
		}
	}
	all, err := endure.Run(ctx, o)
	if len(all) == 0 {
		return err
	}
	fmt.Printf("\n%d of %d spans in %v\n\n", all[len(all)-1].Spans, o.Workload.Spans(), time.Since(start).Round(time.Second))
	endure.Table(all, *hours > 0).Print(os.Stdout)
	for _, s := range all {
		for _, l := range []endure.Latency{s.ByID, s.Gone, s.Slow, s.User, s.Broad} {
			if l.Wrong != "" {
				fmt.Printf("- at %d spans: %d of %d wrong: %s\n", s.Spans, l.Asked-l.Right, l.Asked, l.Wrong)
			}
		}
	}
	return err
}

func writeHeap(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}
