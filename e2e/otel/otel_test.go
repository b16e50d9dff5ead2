// Package otel tests what weft makes of programs that use the OpenTelemetry API,
// with and without an SDK of their own.
package otel

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

// says is the line in which weft tells that there is an SDK.
const says = "weft: this program has an OpenTelemetry SDK, which exports the spans that the program makes; weft's own, in the same traces, go to "

var scenarios = []struct {
	name string
	tree string // of weft's spans and the SDK's, those marked [sdk]
	sdk  bool   // the program has an SDK that records
	test func(t *testing.T, spans []watch.Span)
}{
	{name: "everything", tree: `
		producer everything!
		  internal child
		internal root`, test: everything},
	{name: "current", tree: `
		client GET
		  server renamed!
		    internal own`, test: current},
	{name: "below", tree: `
		client GET
		  server GET
		    internal a
		      client GET
		        server GET
		      client b
		        client GET
		          server GET
		    internal c`, test: func(t *testing.T, spans []watch.Span) {
		pair.Attrs(t, pair.One(t, spans, "internal", "a"), map[string]any{"otel.scope.name": "app/tracer", "otel.scope.version": "1.2.3"})
	}},
	{name: "elsewhere", tree: `
		client GET
		  server GET
		    internal a
		      client GET
		        server GET
		      internal child of a
		    internal b
		      client GET
		        server GET
		      internal child of b
		    client GET
		      server GET
		internal next`},
	{name: "jobs", test: func(t *testing.T, spans []watch.Span) {
		jobs := map[string]string{}
		for _, s := range spans {
			if strings.HasPrefix(s.Name, "job ") {
				jobs[strings.TrimPrefix(s.Name, "job ")] = s.SpanID
			}
		}
		if len(spans) != 6 || len(watch.Traces(spans)) != 3 {
			t.Errorf("want 6 spans in 3 traces:\n%s", pair.Tree(spans))
		}
		for _, s := range spans {
			if job, ok := strings.CutPrefix(s.Name, "part of "); ok && s.ParentID != jobs[job] {
				t.Errorf("%s is not a child of its job:\n%s", s.Name, pair.Tree(spans))
			}
		}
	}},
	{name: "pool", tree: task("0") + task("1") + task("2")},
	{name: "baggage"},
	{name: "propagate", tree: `
		client GET
		  server GET
		    internal own
		consumer message`, test: func(t *testing.T, spans []watch.Span) {
		if m := pair.One(t, spans, "consumer", "message"); m.TraceID != "01020000000000000000000000000000" || m.ParentID != "0300000000000000" {
			t.Errorf("the message is in trace %s below %s", m.TraceID, m.ParentID)
		}
	}},
	{name: "noop", tree: `
		client GET
		  server GET`, test: func(t *testing.T, spans []watch.Span) {
		for _, s := range spans {
			pair.Attrs(t, s, map[string]any{"own": nil})
		}
	}},
	{name: "panic", tree: `internal panics`, test: func(t *testing.T, spans []watch.Span) {
		if e := spans[0].Event("exception"); e == nil || e.Attrs["exception.type"] != "string" || e.Attrs["exception.message"] != "boom" {
			t.Errorf("events %v", spans[0].Events)
		}
	}},
	{name: "concurrent", test: concurrent},
	{name: "otelhttp", tree: `
		client HTTP GET
		  server GET /path/{id}
		    client HTTP GET
		      server GET
		    client GET
		      server GET`, test: func(t *testing.T, spans []watch.Span) {
		s := pair.One(t, spans, "server", "GET /path/{id}")
		pair.Attrs(t, s, map[string]any{"inside": true, "http.route": "/path/{id}", "otel.scope.name": "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"})
	}},
	{name: "sdk", sdk: true, tree: `
		client GET
		  server GET
		    internal a [sdk]
		      client GET
		        server GET
		      internal b [sdk]
		        client GET
		          server GET
		    client GET
		      server GET
		internal root [sdk]
		internal alone [sdk]
		  client GET
		    server GET
		client GET
		  server GET`, test: func(t *testing.T, spans []watch.Span) {
		for _, s := range spans {
			if s.Kind == "server" && s.Str("url.path") == "/path" {
				pair.Attrs(t, s, map[string]any{"weft's": true, "mine": nil})
			}
		}
	}},
	{name: "sdk-otelhttp", sdk: true, tree: doubled, test: remoteParents},
	{name: "sdk-otelhttp-alone", sdk: true, tree: doubled, test: remoteParents},
	{name: "sdk-sampler", tree: `
		client GET
		  server GET
		    client GET
		      server GET
		    client GET
		      server GET
		    client GET
		      server GET
		client GET
		  server GET
		client GET
		  server GET`},
	{name: "sdk-exporter", sdk: true, tree: `
		server GET
		server GET
		server GET`},
	{name: "sdk-concurrent", sdk: true, test: concurrent},
}

// doubled is what otelhttp gives with an SDK: each request once at each end.
const doubled = `
	client HTTP GET [sdk]
	  server * [sdk]
	    client HTTP GET [sdk]
	      server GET
	    client GET
	      server GET`

func task(n string) string {
	return `
		client GET
		  server GET
		    internal task ` + n + `
		      client GET
		        server GET
		      internal work ` + n + `
		        client GET
		          server GET`
}

func TestOpenTelemetry(t *testing.T) {
	for _, tc := range pair.Toolchains() {
		for _, v := range pair.Versions(t, "testdata/app", "go.opentelemetry.io/otel/trace") {
			t.Run(tc+" "+v.Name, func(t *testing.T) {
				app := pair.Build(t, "testdata/app", tc, v.Flags()...)
				for _, sc := range scenarios {
					t.Run(sc.name, func(t *testing.T) {
						file := filepath.Join(t.TempDir(), "spans")
						compare(t, app, file, sc.name)
						out, spans := app.Run(t, []string{"SDK_SPANS=" + file, "WANT_SPANS=1"}, sc.name)
						if out.Code != 0 {
							t.Errorf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
						}
						if n := strings.Count(out.Stderr, says); sc.sdk && n != 1 || !sc.sdk && n != 0 {
							t.Errorf("it says %d times that there is an SDK: %s", n, out.Stderr)
						}
						spans = append(spans, exported(t, file)...)
						if sc.tree != "" {
							wantTree(t, spans, sc.tree)
						}
						if sc.test != nil {
							sc.test(t, spans)
						}
					})
				}
			})
		}
	}
}

// compare fails the test if the program does not print the same, woven, but for the line about the SDK.
func compare(t *testing.T, app *pair.Program, file, scenario string) {
	t.Helper()
	plainExe, wovenExe := app.Paths()
	run := func(exe string) (string, string) {
		cmd := exec.CommandContext(t.Context(), exe, scenario)
		cmd.Env = append(os.Environ(), "SDK_SPANS="+file, "OTEL_TRACES_EXPORTER=none")
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%s %s: %v\n%s", exe, scenario, err, &stderr)
		}
		return stdout.String(), stderr.String()
	}
	plainOut, plainErr := run(plainExe)
	wovenOut, wovenErr := run(wovenExe)
	wovenErr = strings.ReplaceAll(wovenErr, says+"nowhere\n", "")
	if d := cmp.Diff(pair.Scrub(plainOut+plainErr), pair.Scrub(wovenOut+wovenErr)); d != "" {
		t.Errorf("plain (-) and woven (+) differ:\n%s", d)
	}
}

// Under the race detector, spans that everybody uses.
func TestOpenTelemetryRace(t *testing.T) {
	if os.Getenv("WEFT_LONG") == "" {
		t.Skip("WEFT_LONG is not set: it compiles everything for the race detector")
	}
	app := pair.Build(t, "testdata/app", "local", "-race")
	for _, sc := range []string{"concurrent", "sdk-concurrent", "current", "elsewhere", "jobs", "pool", "sdk", "sdk-otelhttp", "otelhttp"} {
		out, _ := app.Run(t, []string{"SDK_SPANS=" + filepath.Join(t.TempDir(), "spans"), "WANT_SPANS=1"}, sc)
		if out.Code != 0 {
			t.Errorf("%s: exit code %d, stderr:\n%s", sc, out.Code, out.Stderr)
		}
	}
}

// otelgrpc doubles nothing that weft records of gRPC.
func TestOpenTelemetryRPC(t *testing.T) {
	if os.Getenv("WEFT_LONG") == "" {
		t.Skip("WEFT_LONG is not set: it compiles gRPC twice")
	}
	app := pair.Build(t, "testdata/rpc", "local")
	for _, sc := range []struct{ name, tree string }{
		{"api", `
			internal all
			  client grpc.health.v1.Health/Check
			    server grpc.health.v1.Health/Check
			      internal work
			  client grpc.health.v1.Health/Watch
			    server grpc.health.v1.Health/Watch`},
		{"sdk", `
			internal all [sdk]
			  client grpc.health.v1.Health/Check [sdk]
			    server grpc.health.v1.Health/Check [sdk]
			      internal work [sdk]
			  client grpc.health.v1.Health/Watch [sdk]
			    server grpc.health.v1.Health/Watch [sdk]`},
	} {
		file := filepath.Join(t.TempDir(), "spans")
		compare(t, app, file, sc.name)
		out, spans := app.Run(t, []string{"SDK_SPANS=" + file}, sc.name)
		if out.Code != 0 {
			t.Errorf("%s: exit code %d, stderr:\n%s", sc.name, out.Code, out.Stderr)
		}
		wantTree(t, append(spans, exported(t, file)...), sc.tree)
	}
}

// exported reads what the program's own SDK has exported.
func exported(t *testing.T, file string) (spans []watch.Span) {
	t.Helper()
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	for dec.More() {
		var s struct {
			watch.Span
			Start, End int64
		}
		if err := dec.Decode(&s); err != nil {
			t.Fatal(err)
		}
		s.Span.Start, s.Span.End = time.Unix(0, s.Start), time.Unix(0, s.End)
		s.Span.Attrs = map[string]any{sdkMark: true}
		spans = append(spans, s.Span)
	}
	return spans
}

const sdkMark = "sdk"

// wantTree compares the tree of spans; * stands for any name.
func wantTree(t *testing.T, spans []watch.Span, want string) {
	t.Helper()
	got := strings.ReplaceAll(pair.Tree(spans, sdkMark), " sdk=true", " [sdk]")
	var lines []string
	for _, l := range strings.Split(want, "\n") {
		if l = strings.TrimLeft(l, "\t"); l != "" {
			lines = append(lines, l)
		}
	}
	gotLines := strings.Split(strings.TrimSpace(got), "\n")
	for i, l := range lines {
		if before, after, ok := strings.Cut(l, "*"); ok && i < len(gotLines) && strings.HasPrefix(gotLines[i], before) && strings.HasSuffix(gotLines[i], after) {
			lines[i] = gotLines[i]
		}
	}
	if d := cmp.Diff(lines, gotLines); d != "" {
		t.Errorf("spans: want (-), got (+):\n%s", d)
	}
	ids := map[string]bool{}
	for _, s := range spans {
		if ids[s.SpanID] {
			t.Errorf("span id %s occurs twice", s.SpanID)
		}
		ids[s.SpanID] = true
	}
}

func everything(t *testing.T, spans []watch.Span) {
	s := pair.One(t, spans, "producer", "everything")
	start := time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)
	if !s.Start.Equal(start) || !s.End.Equal(start.Add(2*time.Second)) {
		t.Errorf("it lasts from %v to %v", s.Start, s.End)
	}
	want := map[string]any{
		"bool": true, "int": int64(-2), "float": 0.5, "string": "grüße", "empty": "", "bools": []any{true, false}, "ints": []any{int64(3), int64(4)},
		"floats": []any{1.5}, "strings": []any{"a", "b"}, "otel.scope.name": "app/tracer", "otel.scope.version": "1.2.3",
	}
	if d := cmp.Diff(want, s.Attrs); d != "" {
		t.Errorf("attributes:\n%s", d)
	}
	if s.Message != "description" {
		t.Errorf("the status says %q", s.Message)
	}
	if len(s.Events) != 2 || s.Events[0].Name != "event" || !s.Events[0].Time.Equal(start.Add(time.Second)) || s.Events[1].Name != "exception" {
		t.Fatalf("events %v", s.Events)
	}
	if d := cmp.Diff(map[string]any{"list": []any{"x"}}, s.Events[0].Attrs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{"exception.type": "*errors.errorString", "exception.message": "recorded", "again": true}, s.Events[1].Attrs); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]watch.Link{{TraceID: "01000000000000000000000000000000", SpanID: "0200000000000000", Attrs: map[string]any{"of": "link"}}}, s.Links); d != "" {
		t.Error(d)
	}
	if c := pair.One(t, spans, "internal", "child"); !c.OK || c.TraceID != s.TraceID {
		t.Errorf("the child's status is not OK, or it is in another trace")
	}
	if r := pair.One(t, spans, "internal", "root"); r.TraceID == s.TraceID {
		t.Error("a new root is in the old trace")
	}
}

func current(t *testing.T, spans []watch.Span) {
	s := pair.One(t, spans, "server", "renamed")
	pair.Attrs(t, s, map[string]any{"from": "handler", "background": true, "beside": true, "mine": nil, "url.path": "/changed"})
	if s.Message != "of the program" {
		t.Errorf("the status says %q", s.Message)
	}
	if e := s.Event("event"); e == nil || e.Attrs["n"] != int64(1) {
		t.Errorf("events %v", s.Events)
	}
	if e := s.Event("exception"); e == nil || e.Attrs["exception.message"] != "in a goroutine" {
		t.Errorf("events %v", s.Events)
	}
	pair.Attrs(t, pair.One(t, spans, "internal", "own"), map[string]any{"mine": true})
}

// concurrent checks what is the same however the goroutines are scheduled.
func concurrent(t *testing.T, spans []watch.Span) {
	own := map[string]watch.Span{}
	requests := 0
	for _, s := range spans {
		switch s.Name {
		case "own":
			own[s.SpanID] = s
		case "GET":
			if s.Kind == "client" {
				requests++
			}
		}
	}
	if len(own) != 20 || requests != 20 {
		t.Errorf("%d spans of the program's and %d requests, want 20", len(own), requests)
	}
	for _, s := range spans {
		if s.Name == "child" && own[s.ParentID].TraceID != s.TraceID {
			t.Errorf("a child is in another trace than its parent, or has another one")
		}
	}
}

func remoteParents(t *testing.T, spans []watch.Span) {
	if n := len(watch.Traces(spans)); n != 1 {
		t.Errorf("%d traces, want 1", n)
	}
}
