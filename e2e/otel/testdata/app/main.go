// Command app does one thing with the OpenTelemetry API, by the name given to it.
// It prints nothing that depends on who records its spans.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var scenarios = map[string]func(){}

// woven is set when the test runs the woven program alone: it may then fail if
// nobody records its spans.
var woven = os.Getenv("WANT_SPANS") != ""

var tracer = otel.Tracer("app/tracer", trace.WithInstrumentationVersion("1.2.3"))

var background = context.Background()

func main() {
	log.SetFlags(0)
	run, ok := scenarios[os.Args[1]]
	if !ok {
		log.Fatalf("no scenario %q", os.Args[1])
	}
	run()
	if exported.file != nil {
		check(exported.file.Close())
	}
}

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

// expect fails a woven program if something is not as it should be.
func expect(ok bool, format string, args ...any) {
	if woven && !ok {
		log.Fatalf("app: "+format, args...)
	}
}

// serve runs h on a loopback port and returns its URL.
func serve(h http.HandlerFunc) (url string, stop func()) {
	s := httptest.NewServer(h)
	return s.URL, s.Close
}

// get sends a request with ctx.
func get(ctx context.Context, c *http.Client, url string) string {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	check(err)
	resp, err := c.Do(req)
	check(err)
	b, err := io.ReadAll(resp.Body)
	check(err)
	check(resp.Body.Close())
	return string(b)
}

// request has f called for one request to a server.
func request(f http.HandlerFunc) {
	url, stop := serve(f)
	defer stop()
	fmt.Println(get(background, http.DefaultClient, url+"/path"))
}

// leaf is a server that answers.
func leaf() (url string, stop func()) {
	return serve(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "leaf") })
}

// exported is where the program's own SDK exports to: a file with a line for each
// span, in the form of the test's.
var exported struct {
	sync.Mutex
	file *os.File
}

type span struct {
	TraceID, SpanID, ParentID, Kind, Name string
	Remote                                bool
	Start, End                            int64
}

type exporter struct{}

func (exporter) Shutdown(context.Context) error { return nil }

func (exporter) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	exported.Lock()
	defer exported.Unlock()
	for _, s := range spans {
		out := span{
			TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(), Kind: s.SpanKind().String(), Name: s.Name(),
			Remote: s.Parent().IsRemote(), Start: s.StartTime().UnixNano(), End: s.EndTime().UnixNano(),
		}
		if s.Parent().SpanID().IsValid() {
			out.ParentID = s.Parent().SpanID().String()
		}
		check(json.NewEncoder(exported.file).Encode(out))
	}
	return nil
}

// install installs an SDK.
func install(options ...sdk.TracerProviderOption) *sdk.TracerProvider {
	var err error
	exported.file, err = os.Create(os.Getenv("SDK_SPANS"))
	check(err)
	tp := sdk.NewTracerProvider(append([]sdk.TracerProviderOption{sdk.WithSyncer(exporter{})}, options...)...)
	otel.SetTracerProvider(tp)
	return tp
}
