//go:build linux

// Ui measures the web page of weft serve in Chromium: how soon a large trace is there, how smoothly it scrolls, how long a
// search in many spans takes until its answer is on the screen, and how much script is loaded. See README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
)

type options struct {
	chromium string
	rounds   int
	large    int
	largest  int
	spans    int64
	store    string
	only     string
}

func main() {
	var o options
	flag.StringVar(&o.chromium, "chromium", "chromium", "the browser's binary")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each page is opened")
	flag.IntVar(&o.large, "large", 100_000, "spans of the trace that is scrolled")
	flag.IntVar(&o.largest, "largest", 1_000_000, "spans of the trace that is only opened")
	flag.Int64Var(&o.spans, "spans", 10_000_000, "how many spans to search in")
	flag.StringVar(&o.store, "store", "", "search in this store, which has spans of bench/workload, instead of making one")
	flag.StringVar(&o.only, "only", "size,traces,search", "what to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/ui:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	tools, err := toolchain.New()
	if err != nil {
		return err
	}
	defer tools.Close()
	fmt.Printf("%s\n", measure.Machine())
	t := measure.Head("what", "measured", "budget")
	for _, part := range []struct {
		name    string
		measure func(context.Context, *toolchain.Toolchain, options, *measure.Table) error
	}{{"size", sizes}, {"traces", traces}, {"search", searches}} {
		if !strings.Contains(","+o.only+",", ","+part.name+",") {
			continue
		}
		if err := part.measure(ctx, tools, o, t); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Println()
	t.Print(os.Stdout)
	return nil
}

// progress tells on standard error what takes long.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
