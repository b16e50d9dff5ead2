package agent

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/rt/trace"
)

// collector keeps the spans that it gets.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var data tracepb.TracesData
		if err := proto.Unmarshal(b, &data); err != nil {
			t.Error(err)
			w.WriteHeader(400)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range data.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// start runs an agent as begin does, with standard error in a file, and returns what ends it and tells what was written.
func start(t *testing.T, vars map[string]string) (a *agent, end func() string) {
	t.Helper()
	drainAll()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	e, _ := env(vars)
	e.warn = func(l string) { f.WriteString("weft: " + l + "\n") }
	c := readConfig(e)
	a = newAgent(c, e, f)
	trace.KeepContexts(true)
	trace.Configure(a.traceConfig(0))
	go a.run()
	var once sync.Once
	var text string
	end = func() string {
		once.Do(func() {
			a.finish()
			b, _ := os.ReadFile(f.Name())
			text = string(b)
			f.Close()
			trace.Configure(trace.Config{Disabled: true})
			trace.KeepContexts(false)
		})
		return text
	}
	t.Cleanup(func() { end() })
	return a, end
}

func request(sampled bool, name string) trace.ID {
	var s, c trace.Span
	s.StartRemote(name, trace.KindServer, trace.Context{Trace: trace.ID{Hi: 1, Lo: 2}, Span: 3, Sampled: sampled})
	if s.Recording() {
		s.Str(trace.NewKey("http.request.method"), "GET")
		s.Str(trace.NewKey("url.path"), "/a\"b\n\xff")
		s.Str(trace.NewKey("http.route"), "/{x}")
		s.Int(trace.NewKey("http.response.status_code"), 200)
		s.Int(trace.NewKey("http.response.body.size"), 12)
	}
	id := s.Context().Trace
	c.Start("child", trace.KindInternal)
	c.End()
	s.End()
	return id
}

func TestAgent(t *testing.T) {
	c := newCollector(t)
	a, end := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100", "WEFT_DEBUG": "1"})
	const n = 1000
	for range n {
		request(true, "GET /{x}")
	}
	said := end()
	if len(c.spans) != 2*n {
		t.Errorf("%d spans arrived of %d", len(c.spans), 2*n)
	}
	if s := a.stats.snapshot(); s.Exported != 2*n || s.Requests < 2*n/100 || len(s.Dropped) != 0 {
		t.Errorf("%v", s)
	}
	if !strings.Contains(said, "spans of agent.test go to "+c.URL+"/v1/traces\n") || !strings.Contains(said, "2000 exported in ") || !strings.Contains(said, "none lost") {
		t.Errorf("said %s", said)
	}
}

// Records are sent without the program's end, after the delay; and an agent that rests wakes up.
func TestAgentDelay(t *testing.T) {
	c := newCollector(t)
	a, end := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_BSP_SCHEDULE_DELAY": "10"})
	wait := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	for i := range 3 {
		request(true, "GET /")
		wait("spans not sent", func() bool { return a.stats.exported.Load() == uint64(2*i+2) })
		wait("agent does not rest", a.parked.Load)
	}
	a.atExit() // has nothing to wait for
	if said := end(); said != "" {
		t.Errorf("said %q", said)
	}
}

func TestConsole(t *testing.T) {
	_, end := start(t, map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "shop"})
	request(true, "GET /{x}")
	said := end()
	for _, want := range []string{"trace 00000000000000010000000000000002 · ", " · 2 spans · shop\n", "GET /{x} ", "└ child "} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if strings.Contains(said, "\x1b") {
		t.Error("colours in a file")
	}
}

func TestAccessLog(t *testing.T) {
	c := newCollector(t)
	path := filepath.Join(t.TempDir(), "access.log")
	_, end := start(t, map[string]string{"WEFT_ACCESS_LOG": path, "OTEL_EXPORTER_OTLP_ENDPOINT": c.URL})
	request(true, "GET /{x}")
	id := request(false, "GET /{x}")
	end()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	if len(lines) != 2 {
		t.Fatalf("want two lines, sampled or not, got\n%s", b)
	}
	for _, line := range lines {
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if got["trace_id"] != id.String() || got["method"] != "GET" || got["path"] != "/a\"b\n\ufffd" || got["route"] != "/{x}" || got["status"] != 200.0 || got["bytes"] != 12.0 {
			t.Errorf("got %s", line)
		}
		if at, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil || time.Since(at) > time.Hour {
			t.Errorf("time %v, %v", got["time"], err)
		}
		if d := got["duration_ms"].(float64); d < 0 || d > 60e3 {
			t.Errorf("duration %v", d)
		}
	}
	if len(c.spans) != 2 {
		t.Errorf("%d spans exported, want those of the sampled trace only", len(c.spans))
	}
}

func TestAccessLogCannotOpen(t *testing.T) {
	e, warnings := env(map[string]string{"WEFT_ACCESS_LOG": "/no/such/dir/log"})
	a := newAgent(readConfig(e), e, os.Stderr)
	if a.access != nil || len(*warnings) != 1 || !strings.Contains((*warnings)[0], "no access log is written") {
		t.Errorf("warned %q", *warnings)
	}
}

func TestBadPropagator(t *testing.T) {
	e, warnings := env(map[string]string{"OTEL_PROPAGATORS": "tracecontext,smoke"})
	newAgent(readConfig(e), e, os.Stderr)
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], `OTEL_PROPAGATORS="smoke": unknown propagator; left out`) {
		t.Errorf("warned %q", *warnings)
	}
}

// A bug in the agent stops the tracing, not the program.
func TestPanics(t *testing.T) {
	_, end := start(t, map[string]string{"OTEL_TRACES_EXPORTER": "none"})
	end()
	e, warnings := env(nil)
	a := newAgent(readConfig(e), e, os.Stderr)
	a.clock.read = func() anchor { panic("bug") }
	a.run()
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "tracing stopped by a bug in weft: bug") {
		t.Errorf("warned %q", *warnings)
	}
	var s trace.Span
	s.Start("x", trace.KindInternal)
	if s.Recording() {
		t.Error("still recording")
	}
	s.End()
}

// BenchmarkExport is the CPU that the agent takes for each span, from the ring to a collector that throws everything away.
// The collector's own time is in it.
func BenchmarkExport(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer srv.Close()
	e, _ := env(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": srv.URL})
	a := newAgent(readConfig(e), e, os.Stderr)
	trace.Configure(a.traceConfig(0))
	drainAll()
	a.setUp()
	keys := []trace.Key{trace.NewKey("http.request.method"), trace.NewKey("http.route"), trace.NewKey("url.path"), trace.NewKey("http.response.status_code"), trace.NewKey("client.address")}
	b.ReportAllocs()
	b.StopTimer()
	for left := b.N; left > 0; {
		n := min(left, 500)
		benchSpans(n, keys)
		left -= n
		b.StartTimer()
		a.drain()
		if left == 0 {
			a.flush()
		}
		b.StopTimer()
	}
	if got := a.stats.exported.Load(); got != uint64(b.N) {
		b.Errorf("exported %d of %d", got, b.N)
	}
}
