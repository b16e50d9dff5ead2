// Http measures what weft costs a server under load, and whether every span arrives. See README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
)

// A load is a path and how many spans a request to it makes.
type load struct {
	name, path string
	spans      int64
}

var loads = []load{
	{"tiny", "/hello", 1},
	{"order", "/order/7", 4},
}

var (
	rounds      = flag.Int("rounds", 3, "how many times the servers are started anew")
	turns       = flag.Int("turns", 6, "how many times in a round each server is loaded, in turn")
	seconds     = flag.Int("seconds", 2, "how long each turn lasts")
	connections = flag.Int("connections", 32, "how many wrk keeps busy")
	pin         = flag.Bool("pin", runtime.NumCPU() > 1, "keep the server on one half of the cores, wrk and the sink on the other")
	only        = flag.String("load", "", "only this load: tiny or order")
	collector   = flag.String("collector", "sink", "sink: counts what it is sent; none: nothing listens there")
	byhand      = flag.Bool("byhand", true, "also the same program traced by hand with the OpenTelemetry SDK")
	extra       = flag.String("with", "", "more variants: name=path of a binary of the same program, comma separated")
	environ     = flag.String("env", "", "more environment for the woven servers: K=V, comma separated")
)

// A variant is one build of the program, and what was measured of it, by load.
type variant struct {
	name string
	bin  string
	got  map[string]*figures
}

type figures struct {
	cpu, rate, p50, p99, idle, rss measure.Series // µs per request, requests per second, µs, µs, MiB, MiB
	spans, want, bytes             int64
	said                           map[string]int // lines on stderr
	tree                           []string       // the spans of one request, alone
	whole                          bool           // whether they are one trace with as many spans as there should be
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/http:", err)
		os.Exit(1)
	}
}

func run() error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("%w: install it, for example by apt-get install wrk or brew install wrk", err)
	}
	tools, err := toolchain.New()
	if err != nil {
		return err
	}
	defer tools.Close()
	here := filepath.Join(tools.Root, "bench", "http")
	variants := []*variant{{name: "plain"}, {name: "woven"}}
	if *byhand {
		variants = append(variants, &variant{name: "by hand"})
	}
	for _, v := range variants {
		dir := filepath.Join(here, "app")
		if v.name == "by hand" {
			dir = filepath.Join(here, "byhand")
		}
		if v.bin, err = tools.Build(dir, "app-"+v.name, v.name == "woven"); err != nil {
			return err
		}
	}
	for _, w := range strings.FieldsFunc(*extra, func(r rune) bool { return r == ',' }) {
		name, bin, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("-with %s: want name=path", w)
		}
		variants = append(variants, &variant{name: name, bin: bin})
	}
	for _, v := range variants {
		v.got = map[string]*figures{}
	}
	script := filepath.Join(tools.Temp, "report.lua")
	if err := os.WriteFile(script, []byte(report), 0o644); err != nil {
		return err
	}
	server, rest := "", ""
	if *pin {
		if _, err := exec.LookPath("taskset"); err != nil {
			return fmt.Errorf("%w: give -pin=false", err)
		}
		n := runtime.NumCPU()
		server, rest = fmt.Sprintf("0-%d", (n+1)/2-1), fmt.Sprintf("%d-%d", (n+1)/2, n-1)
		// The sink is in this process; wrk inherits it.
		if out, err := exec.Command("taskset", "-acp", rest, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
			return fmt.Errorf("taskset: %w\n%s", err, out)
		}
	}
	fmt.Println(measure.Machine())
	fmt.Printf("%d rounds of %d turns of %d s, %d connections, server on cores %s, wrk and sink on %s, collector: %s\n",
		*rounds, *turns, *seconds, *connections, or(server, "all"), or(rest, "all"), *collector)

	for round := range *rounds {
		for _, l := range loads {
			if *only != "" && *only != l.name {
				continue
			}
			if err := compare(variants, l, server, script, round); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			for _, v := range variants {
				f := v.got[l.name]
				fmt.Fprintf(os.Stderr, "round %d %-6s %-8s %6.1f us/request %7.0f req/s p99 %6.0f us\n", round+1, l.name, v.name,
					f.cpu[len(f.cpu)-*turns:].Median(), f.rate[len(f.rate)-*turns:].Median(), f.p99[len(f.p99)-*turns:].Median())
			}
		}
	}

	for _, l := range loads {
		base := variants[0].got[l.name]
		if base == nil {
			continue
		}
		fmt.Printf("\nGET %s\n\n", l.path)
		t := measure.Head("build", "CPU per request, µs", "x plain", "requests/s", "x plain", "p50, µs", "p99, µs", "RSS idle, MiB", "RSS most, MiB", "spans delivered")
		for _, v := range variants {
			f := v.got[l.name]
			delivered := "-"
			if f.spans > 0 || v != variants[0] {
				delivered = fmt.Sprintf("%d of %d (%.2f %%), %.0f B each", f.spans, f.want, 100*float64(f.spans)/float64(max(f.want, 1)), float64(f.bytes)/float64(max(f.spans, 1)))
			}
			t.Row(v.name, f.cpu.Format("%.1f"), f.cpu.Over(base.cpu).Format("%.3f"), f.rate.Format("%.0f"), f.rate.Over(base.rate).Format("%.3f"),
				f.p50.Format("%.0f"), f.p99.Format("%.0f"), f.idle.Format("%.1f"), f.rss.Format("%.1f"), delivered)
		}
		t.Print(os.Stdout)
		for _, v := range variants[1:] {
			if f := v.got[l.name]; !f.whole && *collector == "sink" {
				fmt.Printf("\n%s: one request is not one trace of %d spans:\n    %s\n", v.name, l.spans, strings.Join(f.tree, "\n    "))
			}
		}
		for _, v := range variants {
			for _, line := range slices.Sorted(maps.Keys(v.got[l.name].said)) {
				fmt.Printf("%s said %dx: %s\n", v.name, v.got[l.name].said[line], line)
			}
		}
	}
	return nil
}

func or(s, t string) string {
	if s == "" {
		return t
	}
	return s
}

// compare starts a server of each variant and loads them in turn: the others idle meanwhile.
func compare(variants []*variant, l load, cores, script string, round int) (err error) {
	var servers []*server
	defer func() {
		for _, s := range servers {
			s.kill()
		}
	}()
	for _, v := range variants {
		f := v.got[l.name]
		if f == nil {
			f = &figures{said: map[string]int{}}
			v.got[l.name] = f
		}
		s, err := start(v, f, l, cores)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		servers = append(servers, s)
		if _, err := wrk(script, s.url+l.path, time.Second); err != nil { // warm up
			return err
		}
	}
	for turn := range *turns {
		order := slices.Clone(servers)
		if (round+turn)%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			if err := s.turn(script); err != nil {
				return fmt.Errorf("%s: %w", s.variant.name, err)
			}
		}
	}
	time.Sleep(1500 * time.Millisecond) // what is left to export belongs to the requests
	for _, s := range servers {
		if err := s.end(); err != nil {
			return fmt.Errorf("%s: %w", s.variant.name, err)
		}
	}
	return nil
}

type result struct {
	Requests, Micros, Errors, P50, P99 float64
}

const report = `
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\nREPORT {"Requests":%d,"Micros":%d,"Errors":%d,"P50":%d,"P99":%d}\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`

func wrk(script, url string, d time.Duration) (r result, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), d+30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(*connections), "-d"+strconv.Itoa(int(d.Seconds()))+"s", "-s", script, url).CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	_, tail, ok := strings.Cut(string(out), "\nREPORT ")
	if !ok {
		return r, fmt.Errorf("wrk printed no report\n%s", out)
	}
	return r, json.NewDecoder(strings.NewReader(tail)).Decode(&r)
}
