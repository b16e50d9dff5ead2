// Command data sends what the page is looked at and tested with to any OTLP
// endpoint:
//
//   - system: a company of twelve services under load, over the past hours,
//     with databases, a cache, queues and services of others; one of them got a
//     version minutes ago that is slow on half of its instances;
//   - special: traces of which each is an edge case: forty levels, one span,
//     clocks that differ, parents that are missing, names without an end;
//   - large: traces of 10,000 and 100,000 spans;
//   - hostile: spans in which every text is an attempt to run a script, to turn
//     the text around it, or to break a query that is made of it.
//
// The same seed gives the same traces. What it sent it prints as JSON: the
// names of the traces and their ids.
//
//	go run ./ui/test/data -sets system,special,large,hostile -live
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	endpoint string
	token    string
	seed     uint64
	sets     string
	traces   string
	history  time.Duration
	rate     float64
	slowFor  time.Duration
	live     bool
	spans    int
	ago      time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.endpoint, "endpoint", "http://127.0.0.1:4318", "base URL of OTLP over HTTP")
	flag.StringVar(&o.token, "token", "", "token with the scope write, if the server asks for one")
	flag.Uint64Var(&o.seed, "seed", 1, "another seed gives other traces, with other ids")
	flag.StringVar(&o.sets, "sets", "system", "what to send: system, special, large, hostile")
	flag.StringVar(&o.traces, "traces", "", "single traces of the sets special, large and hostile, by their names")
	flag.DurationVar(&o.history, "history", 3*time.Hour, "how far back the system goes; 0: not at all")
	flag.Float64Var(&o.rate, "rate", 1, "requests a second to the system")
	flag.DurationVar(&o.slowFor, "slow", 12*time.Minute, "how long ago the slow version was installed; 0: never")
	flag.BoolVar(&o.live, "live", false, "go on with the system until interrupted")
	flag.IntVar(&o.spans, "spans", 0, "send one trace of this many spans, called \"spans\"")
	flag.DurationVar(&o.ago, "ago", time.Minute, "how long ago the newest of the single traces started")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "data:", err)
		os.Exit(1)
	}
}

// sets are the single traces.
var sets = map[string][]single{"special": special, "large": large, "hostile": hostile}

func run(ctx context.Context, o options) error {
	chosen, system, err := choose(o)
	if err != nil {
		return err
	}
	out := newSender(o.endpoint, o.token)
	defer out.close()
	now := time.Now()
	ids := map[string]string{}

	var world *company
	if system {
		world = newCompany(o.seed, o.rate, now, o.slowFor)
		if err := world.past(ctx, out, o.history); err != nil {
			return err
		}
		maps.Copy(ids, world.ids)
	}
	for i, s := range chosen {
		// Each a second before the one sent after it.
		t := newTrace(s.name, o.seed, now.Add(-o.ago-time.Duration(len(chosen)-1-i)*time.Second))
		s.make(t)
		ids[s.name] = t.id.String()
		maps.Copy(ids, t.others)
		if err := out.send(ctx, t.spans, t.logs); err != nil {
			return fmt.Errorf("send the trace %q: %w", s.name, err)
		}
	}
	if err := out.flush(ctx); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"now": now.UnixMilli(), "spans": out.spans, "traces": ids}); err != nil {
		return err
	}
	if world != nil && o.live {
		return world.live(ctx, out)
	}
	return nil
}

// choose reads -sets, -traces and -spans.
func choose(o options) (chosen []single, system bool, err error) {
	byName := map[string]single{}
	for _, set := range sets {
		for _, s := range set {
			byName[s.name] = s
		}
	}
	switch {
	case o.spans > 0:
		return []single{{"spans", func(t *trace) { t.tree(o.spans) }}}, false, nil
	case o.traces != "":
		for name := range strings.SplitSeq(o.traces, ",") {
			s, ok := byName[name]
			if !ok {
				return nil, false, fmt.Errorf("-traces: no trace is called %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(byName)), ", "))
			}
			chosen = append(chosen, s)
		}
		return chosen, false, nil
	}
	for name := range strings.SplitSeq(o.sets, ",") {
		switch set, ok := sets[name]; {
		case ok:
			chosen = append(chosen, set...)
		case name == "system":
			system = true
		default:
			return nil, false, fmt.Errorf("-sets: no set is called %q; there are system, %s", name, strings.Join(slices.Sorted(maps.Keys(sets)), ", "))
		}
	}
	return chosen, system, nil
}
