// Span measures what one span costs: recorded, unsampled and disabled, by weft, by the OpenTelemetry SDK and by
// dd-trace-go. See README.md.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/sink"
	"github.com/weft-trace/weft/bench/internal/toolchain"
)

var (
	rounds = flag.Int("rounds", 5, "how many times each variant is run, in turn")
	bursts = flag.Int("bursts", 100, "of 4,000 operations each, for every variant and round")
	only   = flag.String("by", "", "only these, comma separated: weft, otel, otlp, dd")
	keep   = flag.String("keep", "", "copy the woven program here, to profile it")
)

// result is what the program prints: see program/main.go.
type result struct {
	Woven                             bool
	Spans                             int
	Caller, Background, Allocs, Bytes float64
}

type variant struct {
	by, state string
	env       []string
	exports   bool

	caller, background, allocs, bytes measure.Series
	spans, delivered                  int64
	said                              string
}

var variants = []*variant{
	{by: "none", state: "-"},
	{by: "weft", state: "recorded", exports: true},
	{by: "otel", state: "recorded"},
	{by: "otlp", state: "recorded", exports: true},
	{by: "dd", state: "recorded"},
	{by: "weft", state: "unsampled", env: []string{"OTEL_TRACES_SAMPLER=always_off"}},
	{by: "otel", state: "unsampled"},
	{by: "dd", state: "unsampled"},
	{by: "weft", state: "disabled", env: []string{"OTEL_SDK_DISABLED=true"}},
	{by: "otel", state: "disabled"},
	{by: "dd", state: "disabled"},
}

var names = map[string]string{
	"none": "nothing",
	"weft": "weft, exported by OTLP",
	"otel": "OpenTelemetry SDK, exported nowhere",
	"otlp": "OpenTelemetry SDK, exported by OTLP",
	"dd":   "dd-trace-go, answered in the process",
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/span:", err)
		os.Exit(1)
	}
}

func run() error {
	tools, err := toolchain.New()
	if err != nil {
		return err
	}
	defer tools.Close()
	bin, err := tools.Build(filepath.Join(tools.Root, "bench", "span", "program"), "program", true)
	if err != nil {
		return err
	}
	if *keep != "" {
		if out, err := exec.Command("cp", bin, *keep).CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	run := slices.DeleteFunc(slices.Clone(variants), func(v *variant) bool {
		return *only != "" && v.by != "none" && !slices.Contains(strings.Split(*only, ","), v.by)
	})
	fmt.Println(measure.Machine())
	fmt.Printf("%d rounds of %d operations\n", *rounds, *bursts*4000)
	for round := range *rounds {
		for _, v := range run {
			if err := v.measure(bin); err != nil {
				return fmt.Errorf("%s, %s: %w", v.by, v.state, err)
			}
			fmt.Fprintf(os.Stderr, "round %d %-4s %-9s %7.1f ns caller, %7.1f ns background\n", round+1, v.by, v.state, v.caller[round], v.background[round])
		}
	}

	nothing := run[0]
	fmt.Println()
	t := measure.Head("tracer", "state", "caller, ns per span", "x weft", "allocations", "bytes", "background, ns per span", "delivered")
	weft := map[string]measure.Series{}
	for _, v := range run {
		caller, background, over, delivered := v.caller, v.background, "", ""
		if v != nothing {
			caller, background = caller.Minus(nothing.caller), background.Minus(nothing.background)
			if v.by == "weft" {
				weft[v.state] = caller
			}
			if len(weft[v.state]) > 0 && weft[v.state].Median() >= 0.5 {
				over = caller.Over(weft[v.state]).Format("%.1f")
			}
		}
		if v.exports {
			delivered = fmt.Sprintf("%d of %d", v.delivered, v.spans)
		}
		t.Row(names[v.by], v.state, caller.Format("%.1f"), over, fmt.Sprintf("%.2f", v.allocs.Median()), fmt.Sprintf("%.0f", v.bytes.Median()), background.Format("%.0f"), delivered)
	}
	t.Print(os.Stdout)
	for _, v := range run {
		if v.said != "" {
			fmt.Printf("%s, %s, said: %s\n", v.by, v.state, strings.TrimSpace(v.said))
		}
	}
	return nil
}

// measure runs the program once.
func (v *variant) measure(bin string) error {
	s, err := sink.Start()
	if err != nil {
		return err
	}
	defer s.Close()
	cmd := exec.Command(bin, "-by", v.by, "-state", v.state, "-bursts", strconv.Itoa(*bursts))
	cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+s.URL)
	switch v.by {
	case "weft":
		cmd.Env = append(cmd.Env, v.env...)
	case "otel", "otlp", "none":
		// weft is in the binary too, but out of the way. The SDK's own sampler is set in the program, and it does not read
		// the variable; dd-trace-go does, and has to run beside an idle weft.
		cmd.Env = append(cmd.Env, "OTEL_SDK_DISABLED=true")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.String())
	}
	var r result
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return fmt.Errorf("%w\n%s", err, stdout.String())
	}
	if v.by == "weft" && !r.Woven {
		return fmt.Errorf("the hooks were not woven into the program; see weft explain in bench/span/program")
	}
	v.said = stderr.String()
	v.caller = append(v.caller, r.Caller)
	v.background = append(v.background, r.Background)
	v.allocs = append(v.allocs, r.Allocs)
	v.bytes = append(v.bytes, r.Bytes)
	v.spans += int64(r.Spans)
	v.delivered += s.Settle(200*time.Millisecond, 2*time.Second)
	return s.Err()
}
