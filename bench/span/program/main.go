// Program makes spans of one request with many operations: by weft's hooks, by the OpenTelemetry SDK or by
// dd-trace-go, all in this one binary. It prints what a span cost as JSON; bench/span starts it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/DataDog/dd-trace-go/v2/ddtrace/tracer"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/weft-trace/weft/bench/span/program/work"
)

// Result is what one run prints.
type Result struct {
	Woven      bool    // whether the hooks are in the binary
	Spans      int     // made in all, requests too
	Caller     float64 // CPU of the calling thread per operation, ns
	Background float64 // CPU of all other threads per operation, ns: encoding, export, garbage collection
	Allocs     float64 // per operation, by the calling thread
	Bytes      float64 // allocated per operation, by the calling thread
}

// A recorder makes one request of n operations, and gets what was recorded out of the process.
type recorder struct {
	request func(n int)
	flush   func()
	stop    func()
}

func main() {
	var (
		by       = flag.String("by", "none", "none, weft, otel, otlp (otel with its OTLP exporter) or dd")
		state    = flag.String("state", "recorded", "recorded, unsampled or disabled; weft takes it from the environment")
		requests = flag.Int("requests", 40, "requests in a burst, of 100 operations each")
		bursts   = flag.Int("bursts", 100, "how many bursts")
		pause    = flag.Duration("pause", 20*time.Millisecond, "between bursts, for the exporter to keep up")
	)
	flag.Parse()
	r, err := start(*by, *state)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	const operations = 100
	res := Result{Woven: work.Woven()}

	burst := func() {
		for range *requests {
			r.request(operations)
			res.Spans += operations + 1
		}
	}
	rest := func() {
		r.flush()
		time.Sleep(*pause)
	}
	for range 5 { // warm up
		burst()
		rest()
	}

	runtime.LockOSThread()
	var caller time.Duration
	process := processCPU()
	for range *bursts {
		t := threadCPU()
		burst()
		caller += threadCPU() - t
		rest()
	}
	rest()
	process = processCPU() - process
	n := float64(*bursts * *requests * operations)
	res.Caller = float64(caller) / n
	res.Background = float64(process-caller) / n
	runtime.UnlockOSThread()

	// With one P and short bursts hardly anything but the caller runs between the two readings.
	runtime.GOMAXPROCS(1)
	const short = 20
	for range short {
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		r.request(operations)
		runtime.ReadMemStats(&b)
		res.Spans += operations + 1
		res.Allocs += float64(b.Mallocs-a.Mallocs) / (short * operations)
		res.Bytes += float64(b.TotalAlloc-a.TotalAlloc) / (short * operations)
		rest()
	}
	r.stop()
	json.NewEncoder(os.Stdout).Encode(res)
}

func start(by, state string) (r recorder, err error) {
	nothing := func() {}
	r = recorder{flush: nothing, stop: nothing}
	switch by {
	case "none":
		r.request = work.Bare
	case "weft":
		r.request = work.Request
	case "otel", "otlp":
		var provider trace.TracerProvider = noop.NewTracerProvider()
		if state != "disabled" {
			sampler := sdktrace.AlwaysSample()
			if state == "unsampled" {
				sampler = sdktrace.NeverSample()
			}
			var exporter sdktrace.SpanExporter = discard{}
			if by == "otlp" {
				if exporter, err = otlptracehttp.New(context.Background()); err != nil {
					return r, err
				}
			}
			// The queue holds a burst: the default of 2,048 drops most of it, which costs nothing and says nothing.
			sdk := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sampler)), sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(1<<14)))
			r.flush = func() { sdk.ForceFlush(context.Background()) }
			r.stop = func() { sdk.Shutdown(context.Background()) }
			provider = sdk
		}
		t := provider.Tracer("bench")
		r.request = func(n int) { otelRequest(t, n) }
	case "dd":
		if state != "disabled" {
			os.Setenv("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false")
			os.Setenv("DD_REMOTE_CONFIGURATION_ENABLED", "false")
			options := []tracer.StartOption{tracer.WithHTTPClient(&http.Client{Transport: agent{}}), tracer.WithLogStartup(false), tracer.WithLogger(quiet{})}
			if state == "unsampled" {
				options = append(options, tracer.WithSamplerRate(0))
			}
			if err := tracer.Start(options...); err != nil {
				return r, err
			}
			r.flush, r.stop = tracer.Flush, tracer.Stop
		}
		r.request = ddRequest
	default:
		err = fmt.Errorf("-by %s: not known", by)
	}
	return r, err
}

func otelRequest(t trace.Tracer, n int) {
	ctx, span := t.Start(context.Background(), "request")
	for i := range n {
		otelOperation(ctx, t, i)
	}
	span.End()
}

func otelOperation(ctx context.Context, t trace.Tracer, i int) {
	_, span := t.Start(ctx, "operation")
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("http.request.method", "GET"),
			attribute.String("http.route", "/api/v1/users/{id}"),
			attribute.Int("http.response.status_code", 200),
			attribute.Int("db.response.returned_rows", i),
			attribute.Bool("cache.hit", true),
		)
	}
	work.Last = i
}

func ddRequest(n int) {
	span, ctx := tracer.StartSpanFromContext(context.Background(), "request")
	for i := range n {
		ddOperation(ctx, i)
	}
	span.Finish()
}

func ddOperation(ctx context.Context, i int) {
	span, _ := tracer.StartSpanFromContext(ctx, "operation")
	defer span.Finish()
	span.SetTag("http.request.method", "GET")
	span.SetTag("http.route", "/api/v1/users/{id}")
	span.SetTag("http.response.status_code", 200)
	span.SetTag("db.response.returned_rows", i)
	span.SetTag("cache.hit", true)
	work.Last = i
}

// discard exports nowhere.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// agent answers as a Datadog agent does, without a network.
type agent struct{}

func (agent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: r}, nil
}

type quiet struct{}

func (quiet) Log(string) {}
