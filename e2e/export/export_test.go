// Package export runs woven programs and looks at what leaves them: OTLP, the console's waterfalls, the access log, and the
// lines that say that a configuration is wrong.
package export

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

const stdout = "200 outer 200 inner 500 sorry\n\n"

// tree is what the program records.
const tree = `
	client GET
	  server GET /outer/{id}
	    client GET
	      server GET /inner
	client GET!
	  server GET /fails!`

func TestExport(t *testing.T) {
	for _, tc := range pair.Toolchains() {
		t.Run(tc, func(t *testing.T) {
			p := pair.Build(t, "testdata/app", tc)

			t.Run("otlp", func(t *testing.T) {
				_, spans := p.Compare(t, nil, "stderr")
				pair.WantTree(t, spans, tree)
				pair.Conform(t, spans)
				for _, key := range []string{"service.instance.id", "host.name", "process.pid", "process.runtime.name", "process.runtime.version", "telemetry.sdk.name", "telemetry.sdk.version"} {
					if v := spans[0].Resource[key]; v == nil || v == "" {
						t.Errorf("resource has no %s", key)
					}
				}
				if spans[0].Service != "app" || spans[0].Scope != "weft" {
					t.Errorf("service %q, scope %q", spans[0].Service, spans[0].Scope)
				}
			})

			t.Run("gzip", func(t *testing.T) {
				_, spans := p.Compare(t, []string{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_SERVICE_NAME=", "OTEL_RESOURCE_ATTRIBUTES=team=a%20b,service.version=7"})
				pair.WantTree(t, spans, tree)
				if s := spans[0]; s.Service != "app" || s.Resource["team"] != "a b" || s.Resource["service.version"] != "7" {
					t.Errorf("resource %v", s.Resource)
				}
			})

			t.Run("nothing", func(t *testing.T) {
				for _, env := range []string{"OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none", "OTEL_TRACES_SAMPLER=always_off"} {
					if _, spans := p.Compare(t, []string{env}); len(spans) != 0 {
						t.Errorf("%s: %d spans", env, len(spans))
					}
				}
			})

			t.Run("bad configuration", func(t *testing.T) {
				out, spans := p.Run(t, []string{"OTEL_TRACES_SAMPLER=rarely", "OTEL_BSP_SCHEDULE_DELAY=soon", "OTEL_PROPAGATORS=tracecontext,smoke",
					"OTEL_EXPORTER_OTLP_COMPRESSION=lzma", "OTEL_TRACES_EXPORTER=otlp,jaeger", "WEFT_ACCESS_LOG=/no/such/directory/log"})
				if out.Stdout != stdout || out.Code != 0 {
					t.Errorf("exit code %d, stdout %s", out.Code, out.Stdout)
				}
				want := []string{`OTEL_TRACES_EXPORTER="jaeger"`, `OTEL_TRACES_SAMPLER="rarely"`, `OTEL_EXPORTER_OTLP_COMPRESSION="lzma"`, `OTEL_BSP_SCHEDULE_DELAY="soon"`, `OTEL_PROPAGATORS="smoke"`, `WEFT_ACCESS_LOG="/no/such/directory/log"`}
				lines := strings.Split(strings.TrimSpace(out.Stderr), "\n")
				if len(lines) != len(want) {
					t.Fatalf("says\n%s", out.Stderr)
				}
				for i := range want {
					if !strings.HasPrefix(lines[i], "weft: "+want[i]+": ") {
						t.Errorf("says %q, want %s", lines[i], want[i])
					}
				}
				pair.WantTree(t, spans, tree)
			})

			t.Run("console", func(t *testing.T) {
				out, spans := p.Run(t, []string{"OTEL_TRACES_EXPORTER=console"})
				if len(spans) != 0 || out.Stdout != stdout {
					t.Errorf("%d spans sent, stdout %s", len(spans), out.Stdout)
				}
				for _, want := range []string{
					`(?m)^trace [0-9a-f]{32} · \d\d:\d\d:\d\d\.\d{3} · \S+ · 4 spans · app$`, `(?m)^trace .* · 2 spans · 2 errors · app$`,
					`(?m)^└ GET /outer/\{id\} +[╺━╸]+`, `(?m)^    └ GET /inner +[╺━╸]+ .* 200`, `(?m)^└ ✗ GET /fails .* 500`,
				} {
					if !regexp.MustCompile(want).MatchString(out.Stderr) {
						t.Errorf("no %s in\n%s", want, out.Stderr)
					}
				}
			})

			t.Run("access log", func(t *testing.T) {
				// Also of requests that are not sampled.
				for _, sampler := range []string{"always_on", "always_off"} {
					path := filepath.Join(t.TempDir(), "access.log")
					p.Compare(t, []string{"WEFT_ACCESS_LOG=" + path, "OTEL_TRACES_SAMPLER=" + sampler})
					b, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					type entry struct {
						Time, Trace_ID, Span_ID, Method, Path, Route, Client, User_Agent string
						Status, Bytes                                                    int
						Duration_MS                                                      float64
					}
					var got []entry
					for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
						var e entry
						if err := d.Decode(&e); err != nil {
							t.Fatalf("%v in\n%s", err, b)
						}
						got = append(got, e)
					}
					if len(got) != 3 {
						t.Fatalf("%s: %d lines, want 3:\n%s", sampler, len(got), b)
					}
					byPath := map[string]entry{}
					for _, e := range got {
						byPath[e.Path] = e
						if len(e.Trace_ID) != 32 || len(e.Span_ID) != 16 || e.Method != "GET" || e.Client == "" || e.User_Agent != "Go-http-client/1.1" || e.Time == "" || e.Duration_MS <= 0 {
							t.Errorf("%s: %+v", sampler, e)
						}
					}
					if e := byPath["/outer/7"]; e.Route != "/outer/{id}" || e.Status != 200 || e.Bytes != len("outer 200 inner") {
						t.Errorf("%s: %+v", sampler, e)
					}
					if e := byPath["/fails"]; e.Status != 500 || e.Trace_ID == byPath["/inner"].Trace_ID {
						t.Errorf("%s: %+v", sampler, e)
					}
					if byPath["/inner"].Trace_ID != byPath["/outer/7"].Trace_ID {
						t.Errorf("%s: two traces, want one", sampler)
					}
				}
			})
		})
	}
}

// What is set when the program is linked.
func TestLinked(t *testing.T) {
	p := pair.Build(t, "testdata/app", "local", "-ldflags=-X weft/agent.serviceName=linked -X weft/agent.serviceVersion=1.2.3 -X weft/agent.resourceAttributes=team=a")
	_, spans := p.Compare(t, []string{"OTEL_SERVICE_NAME="})
	if s := spans[0]; s.Service != "linked" || s.Resource["service.version"] != "1.2.3" || s.Resource["team"] != "a" {
		t.Errorf("resource %v", s.Resource)
	}
}

// A test binary exports what its tests recorded.
func TestTestBinary(t *testing.T) {
	sink, err := watch.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	cmd := exec.Command(pair.Weft(t), "go", "test", "-count=1", ".")
	cmd.Dir = "testdata/app"
	cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL, "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pair.WantTree(t, sink.Spans(), tree)
	if s := sink.Spans()[0].Service; s != "export.test" {
		t.Errorf("service %q", s)
	}
}
