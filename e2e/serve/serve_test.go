//go:build linux

// Package serve runs `weft serve` as a process and treats it badly: it is killed, its disk fills up, its files are damaged, its
// clients are hostile. What it acknowledged is there afterwards, once, and what else it did goes on.
//
// The tests take seconds; WEFT_LONG=1 makes them take as long as they should.
package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/bench/client"
	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/span"
)

func long() bool { return os.Getenv("WEFT_LONG") != "" }

var weft string // the binary, built from this checkout

// TestMain builds weft; WEFT=path names a binary to take instead.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weft-e2e-serve-")
	if err != nil {
		panic(err)
	}
	if weft = os.Getenv("WEFT"); weft == "" {
		weft = filepath.Join(dir, "weft")
		cmd := exec.Command("go", "build", "-o", weft, "./cmd/weft")
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			os.RemoveAll(dir)
			fmt.Fprintf(os.Stderr, "build weft: %v\n%s", err, out)
			os.Exit(1)
		}
		os.Chmod(dir, 0o755) // tests that drop privileges run it
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// server is a running weft serve.
type server struct {
	dir               string
	query, grpc, otlp string // addresses
	zipkin            string
	cmd               *exec.Cmd
	stderr            *output
	exited            chan struct{} // closed when it has ended
	err               error         // of its end
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// addresses are loopback ports on which nothing listened a moment ago.
func addresses(t testing.TB, n int) (out []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

// launch starts a server on a directory and does not wait for it.
func launch(t testing.TB, dir string, args ...string) *server {
	t.Helper()
	return launchAs(t, nil, dir, args...)
}

// launchAs does so with the attributes of the process, such as another user.
func launchAs(t testing.TB, attr *syscall.SysProcAttr, dir string, args ...string) *server {
	t.Helper()
	a := addresses(t, 4)
	s := &server{dir: dir, query: a[0], grpc: a[1], otlp: a[2], zipkin: a[3], stderr: &output{}, exited: make(chan struct{})}
	s.cmd = exec.Command(weft, append([]string{"serve", "--store.dir=" + dir, "--listen.http=" + s.query, "--listen.otlp_grpc=" + s.grpc,
		"--listen.otlp_http=" + s.otlp, "--listen.zipkin=" + s.zipkin}, args...)...)
	s.cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	s.cmd.SysProcAttr = attr
	s.cmd.Stderr = s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.exited
		if t.Failed() {
			said := s.stderr.String()
			t.Logf("weft serve said, at the end:\n%s", said[max(0, len(said)-1500):])
		}
	})
	return s
}

// start starts a server and waits until it is ready.
func start(t testing.TB, dir string, args ...string) *server {
	t.Helper()
	s := launch(t, dir, args...)
	s.ready(t)
	return s
}

func (s *server) ready(t testing.TB) {
	t.Helper()
	for range 1200 {
		code, body := s.get("/readyz")
		if code == http.StatusOK || bytes.Contains(body, []byte("the disk is full")) { // then it answers questions only
			return
		}
		select {
		case <-s.exited:
			t.Fatalf("weft serve ended at its start: %v\n%s", s.err, s.stderr)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("weft serve is not ready after a minute\n%s", s.stderr)
}

// kill ends it as a power cut would, as far as a process can tell.
func (s *server) kill() {
	s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.exited
}

// terminate asks it to end and returns how it did.
func (s *server) terminate(t testing.TB) {
	t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		if s.err != nil {
			t.Errorf("after SIGTERM: %v\n%s", s.err, s.stderr)
		}
	case <-time.After(time.Minute):
		t.Errorf("not ended a minute after SIGTERM\n%s", s.stderr)
		s.kill()
	}
}

// refuses waits for a server that is to end by itself with an error, and returns what it said.
func (s *server) refuses(t testing.TB) string {
	t.Helper()
	select {
	case <-s.exited:
		if s.err == nil {
			t.Errorf("ended without an error\n%s", s.stderr)
		}
	case <-time.After(time.Minute):
		t.Errorf("still runs after a minute\n%s", s.stderr)
		s.kill()
	}
	return s.stderr.String()
}

var queries = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}

// get asks the HTTP API; code is 0 if there is no answer.
func (s *server) get(path string) (code int, body []byte) {
	resp, err := queries.Get("http://" + s.query + path)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return resp.StatusCode, body
}

// trace asks for all spans of a trace; none if the server does not know it.
func (s *server) trace(id span.TraceID) (spans []*tracepb.Span, err error) {
	code, body := s.get("/api/weft/v1/traces/" + id.String() + "?format=otlp")
	if code == http.StatusNotFound {
		return nil, nil
	}
	if code != http.StatusOK {
		return nil, fmt.Errorf("trace %s: %d: %.300s", id, code, body)
	}
	var data tracepb.TracesData
	if err := proto.Unmarshal(body, &data); err != nil {
		return nil, fmt.Errorf("trace %s: %w", id, err)
	}
	for _, r := range data.ResourceSpans {
		for _, sc := range r.ScopeSpans {
			spans = append(spans, sc.Spans...)
		}
	}
	return spans, nil
}

// check compares what the server has of a trace with what was sent. It returns the number of spans that are there; what is there
// must be right, and there once.
func (s *server) check(g *workload.Generator, number int64) (int, error) {
	id := g.TraceID(number)
	spans, err := s.trace(id)
	if err != nil {
		return 0, err
	}
	found := map[span.ID]*tracepb.Span{}
	for _, sp := range spans {
		if len(sp.SpanId) != 8 || !bytes.Equal(sp.TraceId, id[:]) {
			return 0, fmt.Errorf("trace %s: holds span %x of trace %x", id, sp.SpanId, sp.TraceId)
		}
		if found[span.ID(sp.SpanId)] != nil {
			return 0, fmt.Errorf("trace %s: span %x is there twice", id, sp.SpanId)
		}
		found[span.ID(sp.SpanId)] = sp
	}
	for _, want := range g.Model(number) {
		got := found[want.ID]
		if got == nil {
			continue
		}
		delete(found, want.ID)
		if got.Name != want.Name || int64(got.StartTimeUnixNano) != want.Start || int64(got.EndTimeUnixNano) != want.End() ||
			len(got.Attributes) != len(want.Attrs) || !want.Parent.IsZero() && !bytes.Equal(got.ParentSpanId, want.Parent[:]) {
			return 0, fmt.Errorf("trace %s: span %s is %v; want %+v", id, want.ID, got, want)
		}
		for i, a := range want.Attrs {
			if kv := got.Attributes[i]; kv.Key != a.Key || text(kv.Value) != a.Value.Text() {
				return 0, fmt.Errorf("trace %s: span %s: attribute %d is %v; want %s=%s", id, want.ID, i, kv, a.Key, a.Value.Text())
			}
		}
	}
	if len(found) > 0 {
		return 0, fmt.Errorf("trace %s: %d spans that were never sent", id, len(found))
	}
	return len(spans), nil
}

func text(v *commonpb.AnyValue) string {
	if n, ok := v.Value.(*commonpb.AnyValue_IntValue); ok {
		return fmt.Sprint(n.IntValue)
	}
	return v.GetStringValue()
}

// checkAll checks many traces, several at a time, and fails the test for each that has not want spans.
func (s *server) checkAll(t testing.TB, g *workload.Generator, numbers []int64, want int) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	failures := 0
	for part := range 4 {
		wg.Go(func() {
			g := workload.New(g.Workload)
			for i := part; i < len(numbers); i += 4 {
				n, err := s.check(g, numbers[i])
				if err == nil && n != want {
					err = fmt.Errorf("trace %s (number %d): %d spans; want %d", g.TraceID(numbers[i]), numbers[i], n, want)
				}
				if err != nil {
					mu.Lock()
					if failures++; failures <= 5 {
						t.Error(err)
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if failures > 5 {
		t.Errorf("and %d more traces of %d", failures-5, len(numbers))
	}
}

// load sends a workload, or a part of it, until it is told to stop.
type load struct {
	g          workload.Workload
	perRequest int64

	mu           sync.Mutex
	next         int64
	acknowledged []int64        // numbers of traces
	unsure       []int64        // first numbers of requests that were not answered
	refused      map[string]int // answers other than "busy", by text
	busy         int
}

func newLoad(w workload.Workload, perRequest int64) *load {
	return &load{g: w, perRequest: perRequest, refused: map[string]int{}}
}

// run sends over one connection until the context ends, the connection breaks or the workload is used up. Requests that the
// server was too busy for are sent again.
func (l *load) run(ctx context.Context, c *client.Client) {
	g := workload.New(l.g)
	var body []byte
	for ctx.Err() == nil {
		l.mu.Lock()
		from := l.next
		to := min(from+l.perRequest, l.g.Traces)
		l.next = to
		l.mu.Unlock()
		if from == to {
			return
		}
		body = g.AppendRequest(body[:0], from, to, nil)
		for {
			rejected, err := c.Export(ctx, body)
			l.mu.Lock()
			switch {
			case err == nil && rejected == 0:
				for n := from; n < to; n++ {
					l.acknowledged = append(l.acknowledged, n)
				}
			case err == nil:
				l.refused[fmt.Sprintf("%d spans rejected", rejected)]++
			case errors.Is(err, client.ErrBusy) && !broken(err):
				l.busy++
			default:
				l.unsure = append(l.unsure, from)
				if ctx.Err() == nil && !broken(err) {
					l.refused[err.Error()]++
				}
			}
			l.mu.Unlock()
			if err == nil {
				break
			}
			if ctx.Err() != nil || !errors.Is(err, client.ErrBusy) || broken(err) {
				return
			}
		}
	}
}

// broken reports whether an error is that of a connection, rather than an answer.
func broken(err error) bool {
	text := err.Error()
	for _, s := range []string{"connection refused", "connection reset", "broken pipe", "EOF", "error reading from server", "connection error", "closed", "GOAWAY"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// connect returns clients of both protocols.
func (s *server) connect(t testing.TB) []*client.Client {
	t.Helper()
	g, err := client.GRPC(s.grpc, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	z, err := client.GRPC(s.grpc, client.Options{Gzip: true})
	if err != nil {
		t.Fatal(err)
	}
	return []*client.Client{g, z, client.HTTP("http://"+s.otlp+"/v1/traces", client.Options{}),
		client.HTTP("http://"+s.otlp+"/v1/traces", client.Options{Gzip: true})}
}
