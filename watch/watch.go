package watch

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weft-trace/weft/rt/waterfall"
	"github.com/weft-trace/weft/server/span"
)

const usage = `usage: weft watch [flags]

Listens for traces over OTLP/HTTP and prints each one as a waterfall when it is
complete and quiet. Programs built by weft send there by themselves; others need
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 (http/protobuf or http/json).
Ctrl-C prints what is left, and a summary.

Flags:
`

// DefaultAddr is where weft watch listens unless told otherwise: where programs send to unless told otherwise.
const DefaultAddr = "127.0.0.1:4318"

// watcher is one run of weft watch.
type watcher struct {
	addr     string
	limit    int
	service  string
	match    string
	min      time.Duration
	minSpans int
	errors   bool

	stdout, stderr io.Writer
	opt            waterfall.Options
	traces         waterfall.Assembler

	shown, spans, failed int
	services             map[string]bool
}

// Main is the command "weft watch" with the arguments after these words. It returns the exit code.
func Main(args, env []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, env, stdout, stderr)
}

func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	w := &watcher{stdout: stdout, stderr: stderr, services: map[string]bool{}}
	// Programs send what they have about once a second: what belongs together comes within that time.
	w.traces = waterfall.Assembler{Quiet: 1500 * time.Millisecond, MaxSpans: 200_000, MaxTrace: 20_000}
	fs := flag.NewFlagSet("weft watch", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		io.WriteString(fs.Output(), usage)
		fs.PrintDefaults()
	}
	fs.StringVar(&w.addr, "addr", DefaultAddr, "listen on `host:port`; port 0 takes a free one")
	fs.IntVar(&w.limit, "n", 0, "exit after `N` traces")
	fs.StringVar(&w.service, "service", "", "show only traces that the service called `name` takes part in")
	fs.StringVar(&w.match, "match", "", "show only traces with `text` in a span's name, a service or an attribute")
	fs.DurationVar(&w.min, "min", 0, "show only traces that take at least this `duration`, such as 100ms")
	fs.IntVar(&w.minSpans, "min-spans", 0, "show only traces of at least `N` spans")
	fs.BoolVar(&w.errors, "errors", false, "show only traces with an error")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "weft watch: unexpected argument %q; run \"weft watch -h\"\n", fs.Arg(0))
		return 2
	}
	if f, ok := stdout.(*os.File); ok {
		w.opt.Width, w.opt.Color = waterfall.Terminal(f, getenv(env))
	}

	ln, err := net.Listen("tcp", w.addr)
	if err != nil {
		fmt.Fprintf(stderr, "weft watch: %v; another collector may be running: choose another address with -addr\n", err)
		return 1
	}
	arrived := make(chan []Span, 16)
	srv := &http.Server{Handler: &Receiver{OnSpans: func(s []Span) {
		select {
		case arrived <- s:
		case <-ctx.Done():
		}
	}}, ReadHeaderTimeout: 10 * time.Second}
	go srv.Serve(ln)
	defer srv.Close()
	fmt.Fprintf(stderr, "weft watch: listening on http://%s\n", ln.Addr())

	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case spans := <-arrived:
			w.take(spans)
		case <-tick.C:
			w.show(w.traces.Ready(time.Now()))
		case <-ctx.Done():
			for len(arrived) > 0 {
				w.take(<-arrived)
			}
			w.show(w.traces.Flush())
			w.summary()
			return 0
		}
		if w.done() {
			w.summary()
			return 0
		}
	}
}

func (w *watcher) done() bool { return w.limit > 0 && w.shown >= w.limit }

// take puts spans where their traces are put together.
func (w *watcher) take(spans []Span) {
	now := time.Now()
	for i := range spans {
		id, s := forWaterfall(&spans[i])
		w.show(w.traces.Add(id, s, now))
	}
}

// show prints the traces that pass the filters.
func (w *watcher) show(traces []waterfall.Trace) {
	for _, t := range traces {
		if w.done() || !w.wanted(t) {
			continue
		}
		w.shown++
		w.spans += len(t.Spans) + t.Dropped
		failed := false
		for _, s := range t.Spans {
			w.services[s.Service] = true
			failed = failed || s.Failed
		}
		if failed {
			w.failed++
		}
		w.stdout.Write(append(waterfall.Append(nil, t, w.opt), '\n'))
	}
}

func (w *watcher) wanted(t waterfall.Trace) bool {
	if len(t.Spans)+t.Dropped < w.minSpans {
		return false
	}
	start, end := t.Spans[0].Start, t.Spans[0].End
	failed, service, match := !w.errors, w.service == "", w.match == ""
	for _, s := range t.Spans {
		start, end = min(start, s.Start), max(end, s.End)
		failed = failed || s.Failed
		service = service || s.Service == w.service
		match = match || strings.Contains(s.Name, w.match) || strings.Contains(s.Service, w.match) ||
			slices.ContainsFunc(s.Attrs, func(a waterfall.Attr) bool { return strings.Contains(a.Value, w.match) })
	}
	return failed && service && match && time.Duration(end-start) >= w.min
}

// summary says in one line what was shown.
func (w *watcher) summary() {
	fmt.Fprintf(w.stderr, "weft watch: traces %d, spans %d, services %d, traces with errors %d\n", w.shown, w.spans, len(w.services), w.failed)
}

// forWaterfall converts s.
func forWaterfall(s *Span) (id waterfall.TraceID, out waterfall.Span) {
	kind, _ := span.ParseKind(s.Kind)
	id.Hi, _ = strconv.ParseUint(s.TraceID[:16], 16, 64)
	id.Lo, _ = strconv.ParseUint(s.TraceID[16:], 16, 64)
	out = waterfall.Span{
		Name: s.Name, Service: s.Service, Failed: s.Error, Message: s.Message,
		Start: s.Start.UnixNano(), End: s.End.UnixNano(),
		Remote: s.Flags&(1<<9) != 0,
		Kind:   int8(kind),
		Attrs:  sorted(s.Attrs),
	}
	out.ID, _ = strconv.ParseUint(s.SpanID, 16, 64)
	out.Parent, _ = strconv.ParseUint(s.ParentID, 16, 64)
	for _, e := range s.Events {
		out.Events = append(out.Events, waterfall.Event{Name: e.Name, Time: e.Time.UnixNano(), Attrs: sorted(e.Attrs)})
	}
	return id, out
}

func sorted(attrs map[string]any) []waterfall.Attr {
	out := make([]waterfall.Attr, 0, len(attrs))
	for k, v := range attrs {
		out = append(out, waterfall.Attr{Key: k, Value: fmt.Sprint(v)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

func getenv(env []string) func(string) string {
	return func(name string) string {
		for i := len(env) - 1; i >= 0; i-- {
			if v, ok := strings.CutPrefix(env[i], name+"="); ok {
				return v
			}
		}
		return ""
	}
}
