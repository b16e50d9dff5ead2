//go:build linux

// Store sends the same spans of known answers to weft serve and to other backends that take OTLP, one after another, and
// measures what each needs for them and how it answers. See README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
	"github.com/weft-trace/weft/bench/workload"
)

type options struct {
	spans       int64
	perRequest  int
	protocol    string
	gzip        bool
	connections int
	backends    string
	with        []string
	queries     int
	rounds      int
	settle      time.Duration
	dir         string
	jaeger      string
	weftArgs    string
}

func main() {
	var o options
	flag.Int64Var(&o.spans, "spans", 1_000_000, "how many spans to send to each backend")
	flag.IntVar(&o.perRequest, "traces-per-request", 75, "traces of 10 spans in one export request")
	flag.StringVar(&o.protocol, "protocol", "grpc", "OTLP over grpc or http (protobuf)")
	flag.BoolVar(&o.gzip, "gzip", false, "compress the requests")
	flag.IntVar(&o.connections, "connections", 4, "how many clients send at once")
	flag.StringVar(&o.backends, "backends", "weft,jaeger", "which to start here: weft (this checkout's) and jaeger, comma separated; empty for none")
	flag.Func("with", "also a backend that runs already, may be given several times: name=…,pid=…,grpc=host:port,http=URL,dir=…,jaeger=URL or weft=URL of its API", func(s string) error {
		o.with = append(o.with, s)
		return nil
	})
	flag.IntVar(&o.queries, "queries", 200, "how many questions of each kind to ask")
	flag.IntVar(&o.rounds, "rounds", 1, "how many times the backends are started anew, in turn")
	flag.DurationVar(&o.settle, "settle", 2*time.Minute, "how long a backend may take to come to rest after the last span")
	flag.StringVar(&o.dir, "dir", "", "where to put the backends' data; the system's directory for temporary files if empty")
	flag.StringVar(&o.jaeger, "jaeger", "", "a Jaeger binary to use instead of building one")
	flag.StringVar(&o.weftArgs, "weft-args", "", "more arguments of weft serve")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/store:", err)
		os.Exit(1)
	}
}

// figures are what is measured of one backend, a value for each round.
type figures struct {
	name                      string
	perCPU, perCPUAtAck       measure.Series // spans per CPU-second, after settling and at the last acknowledgement
	wall, perSpan             measure.Series // spans per second, bytes on disk
	rss, peak, peakAfter      measure.Series // MiB
	acknowledged, lost, spans int64
	retries                   int64
	notes                     []string
	latencies                 []figuresOf
}

// figuresOf are the figures of one kind of question.
type figuresOf struct {
	name             string
	p50, p99, cpu    measure.Series // ms
	right, asked     int
	spans, want, got int
	wrong            string
}

func run(o options) error {
	switch {
	case runtime.GOOS != "linux":
		return errors.New("this reads /proc; run it on Linux")
	case o.protocol != "grpc" && o.protocol != "http":
		return fmt.Errorf("-protocol %s: want grpc or http", o.protocol)
	case o.spans < 10*workload.SpansPerTrace*200 || o.perRequest < 1 || o.queries < 1 || o.connections < 1:
		return fmt.Errorf("-spans %d: want at least 20000, so that every search has answers; and at least one of everything else", o.spans)
	}
	tools, err := toolchain.New()
	if err != nil {
		return err
	}
	defer tools.Close()
	fmt.Println(measure.Machine())
	gzip := ""
	if o.gzip {
		gzip = ", gzip"
	}
	fmt.Printf("%d spans, %d a trace, %d attributes each, %d traces a request, OTLP over %s%s, %d connections\n\n",
		o.spans, workload.SpansPerTrace, workload.Attributes, o.perRequest, o.protocol, gzip, o.connections)

	var starts []func() (*backend, error)
	for name := range strings.SplitSeq(o.backends, ",") {
		switch name {
		case "":
		case "weft":
			starts = append(starts, func() (*backend, error) { return startWeft(tools, o) })
		case "jaeger":
			starts = append(starts, func() (*backend, error) { return startJaeger(tools, o) })
		default:
			return fmt.Errorf("-backends %s: unknown; known are weft and jaeger, others can be given by -with", name)
		}
	}
	for _, text := range o.with {
		starts = append(starts, func() (*backend, error) { return external(text) })
	}
	all := make([]*figures, len(starts))
	for range o.rounds {
		for i, start := range starts {
			b, err := start()
			if err != nil {
				return err
			}
			if all[i] == nil {
				all[i] = &figures{name: b.name}
			}
			err = drive(b, o, all[i])
			if b.stop != nil {
				err = errors.Join(err, b.stop())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
		}
	}
	report(all)
	return nil
}

// drive sends a workload to one backend and asks it.
func drive(b *backend, o options, f *figures) error {
	// The last hour, ending now: backends drop what is older than they keep, and search the recent past.
	w := workload.Workload{Seed: 7, Traces: o.spans / workload.SpansPerTrace, End: time.Now().UnixNano()}
	answers := workload.NewAnswers(w)
	before, err := cpu(b.pid)
	if err != nil {
		return err
	}
	var empty int64
	if b.dir != "" {
		if empty, err = diskUsed(b.dir); err != nil {
			return err
		}
	}
	s, err := send(b, w, o, answers)
	if err != nil {
		return err
	}
	acknowledged, err := cpu(b.pid)
	if err != nil {
		return err
	}
	settled, err := settle(b.pid, b.dir, o.settle)
	if err != nil {
		return err
	}
	if !settled {
		f.notes = append(f.notes, fmt.Sprintf("%s had not come to rest %v after the last span", b.name, o.settle))
	}
	after, err := cpu(b.pid)
	if err != nil {
		return err
	}
	now, peak, err := rss(b.pid)
	if err != nil {
		return err
	}
	spans := float64(s.acknowledged)
	f.acknowledged, f.lost, f.spans, f.retries = f.acknowledged+s.acknowledged, f.lost+s.lost+s.rejected, f.spans+w.Spans(), f.retries+s.retries
	if s.why != "" {
		f.notes = append(f.notes, fmt.Sprintf("%s refused: %s", b.name, s.why))
	}
	f.wall = append(f.wall, spans/s.wall.Seconds())
	f.perCPUAtAck = append(f.perCPUAtAck, spans/(acknowledged-before).Seconds())
	f.perCPU = append(f.perCPU, spans/(after-before).Seconds())
	f.rss, f.peak = append(f.rss, mib(now)), append(f.peak, mib(peak))
	if b.dir != "" {
		used, err := diskUsed(b.dir)
		if err != nil {
			return err
		}
		f.perSpan = append(f.perSpan, float64(used-empty)/spans)
	}
	for _, api := range b.apis {
		if err := question(b, api, answers, o, f); err != nil {
			return err
		}
	}
	_, peak, err = rss(b.pid)
	f.peakAfter = append(f.peakAfter, mib(peak))
	return err
}

// question asks a backend through one API.
func question(b *backend, api namedAPI, answers *workload.Answers, o options, f *figures) error {
	a := &asker{api: api.api, pid: b.pid, answers: answers}
	a.client.Timeout = 5 * time.Minute
	for _, ask := range []func() (latency, error){
		func() (latency, error) { return a.byID(o.queries) },
		func() (latency, error) { return a.exactly("slow spans of an operation", o.queries, answers.Slow) },
		func() (latency, error) { return a.exactly("a user's spans in a service", o.queries, answers.User) },
		func() (latency, error) { return a.broadly("any 20 of an operation", o.queries, answers.Broad) },
	} {
		l, err := ask()
		if err != nil {
			return err
		}
		f.add(api.name+": "+l.name, l)
	}
	return nil
}

func (f *figures) add(name string, l latency) {
	var q *figuresOf
	for i := range f.latencies {
		if f.latencies[i].name == name {
			q = &f.latencies[i]
		}
	}
	if q == nil {
		f.latencies = append(f.latencies, figuresOf{name: name})
		q = &f.latencies[len(f.latencies)-1]
	}
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	q.p50, q.p99, q.cpu = append(q.p50, ms(l.quantile(0.5))), append(q.p99, ms(l.quantile(0.99))), append(q.cpu, ms(l.cpu))
	q.right, q.asked = q.right+l.right, q.asked+len(l.times)
	q.spans, q.want, q.got = q.spans+l.spans, q.want+l.want, q.got+l.got
	if q.wrong == "" {
		q.wrong = l.wrong
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func report(all []*figures) {
	t := measure.Head("backend", "spans per CPU-second", "at the last acknowledgement", "spans per second", "bytes per span on disk", "RSS, MiB", "peak", "peak after queries", "acknowledged", "refused", "retries")
	for _, f := range all {
		t.Row(f.name, f.perCPU.Format("%.0f"), f.perCPUAtAck.Format("%.0f"), f.wall.Format("%.0f"), f.perSpan.Format("%.1f"), f.rss.Format("%.0f"), f.peak.Format("%.0f"), f.peakAfter.Format("%.0f"),
			fmt.Sprintf("%d of %d", f.acknowledged, f.spans), fmt.Sprint(f.lost), fmt.Sprint(f.retries))
	}
	t.Print(os.Stdout)
	fmt.Println()
	t = measure.Head("backend", "question", "p50, ms", "p99, ms", "CPU, ms each", "right answers", "spans found")
	for _, f := range all {
		for _, q := range f.latencies {
			found := fmt.Sprint(q.spans)
			if q.want > 0 {
				found = fmt.Sprintf("%d of %d", q.got, q.want)
			}
			t.Row(f.name, q.name, q.p50.Format("%.2f"), q.p99.Format("%.2f"), q.cpu.Format("%.2f"), fmt.Sprintf("%d of %d", q.right, q.asked), found)
		}
	}
	t.Print(os.Stdout)
	fmt.Println()
	for _, f := range all {
		for _, n := range f.notes {
			fmt.Println("-", n)
		}
		for _, q := range f.latencies {
			if q.wrong != "" {
				fmt.Printf("- %s, %s: the first wrong answer: %s\n", f.name, q.name, q.wrong)
			}
		}
	}
}
