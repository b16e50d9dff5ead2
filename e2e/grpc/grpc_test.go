package grpc

import (
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

const module = "google.golang.org/grpc"

// Each scenario runs plain and woven, must look the same from outside, and have
// recorded these spans: a tree with the status and the path of each, and what
// check finds.
var scenarios = []struct {
	name  string
	tree  string
	check func(t *testing.T, spans []watch.Span)
}{
	{
		name: "unary",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			client grpc.testing.TestService/UnaryCall rpc.response.status_code=OK
			  server grpc.testing.TestService/UnaryCall rpc.response.status_code=OK
			client grpc.testing.TestService/UnaryCall! rpc.response.status_code=NOT_FOUND
			  server grpc.testing.TestService/UnaryCall rpc.response.status_code=NOT_FOUND
			client grpc.testing.TestService/UnaryCall! rpc.response.status_code=INTERNAL
			  server grpc.testing.TestService/UnaryCall! rpc.response.status_code=INTERNAL
			client grpc.testing.TestService/UnaryCall! rpc.response.status_code=UNKNOWN
			  server grpc.testing.TestService/UnaryCall! rpc.response.status_code=UNKNOWN
			client grpc.testing.TestService/UnaryCall! rpc.response.status_code=77
			  server grpc.testing.TestService/UnaryCall rpc.response.status_code=77
			client grpc.testing.TestService/UnimplementedCall! rpc.response.status_code=UNIMPLEMENTED
			  server grpc.testing.TestService/UnimplementedCall! rpc.response.status_code=UNIMPLEMENTED`,
		check: func(t *testing.T, spans []watch.Span) {
			ok := pair.One(t, spans, "client", "grpc.testing.TestService/EmptyCall")
			pair.Attrs(t, ok, map[string]any{"rpc.system.name": "grpc", "rpc.method": "grpc.testing.TestService/EmptyCall",
				"server.address": "127.0.0.1", "server.port": "*", "network.peer.address": "127.0.0.1", "network.peer.port": ok.Attrs["server.port"],
				"error.type": nil, "rpc.request.resend_count": nil})
			served := pair.One(t, spans, "server", "grpc.testing.TestService/EmptyCall")
			pair.Attrs(t, served, map[string]any{"rpc.system.name": "grpc", "rpc.method": "grpc.testing.TestService/EmptyCall",
				"server.address": "127.0.0.1", "server.port": ok.Attrs["server.port"], "client.address": "127.0.0.1", "client.port": "*",
				"network.peer.address": "127.0.0.1", "network.peer.port": served.Attrs["client.port"], "error.type": nil, "rpc.method_original": nil})
			for _, s := range spans {
				switch code := s.Str("rpc.response.status_code"); {
				case s.Error && s.Str("error.type") != code:
					t.Errorf("%s %s has error.type %q, want %q", s.Kind, s.Name, s.Str("error.type"), code)
				case s.Error && code == "INTERNAL" && s.Message != "broken":
					t.Errorf("%s %s has message %q", s.Kind, s.Name, s.Message)
				}
			}
		},
	},
	{
		name: "streams",
		tree: `
			client grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK
			  server grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK
			client grpc.testing.TestService/StreamingInputCall rpc.response.status_code=OK
			  server grpc.testing.TestService/StreamingInputCall rpc.response.status_code=OK
			client grpc.testing.TestService/FullDuplexCall rpc.response.status_code=OK
			  server grpc.testing.TestService/FullDuplexCall rpc.response.status_code=OK
			client grpc.testing.TestService/StreamingOutputCall! rpc.response.status_code=DATA_LOSS
			  server grpc.testing.TestService/StreamingOutputCall! rpc.response.status_code=DATA_LOSS`,
		check: func(t *testing.T, spans []watch.Span) {
			s := pair.One(t, spans, "client", "grpc.testing.TestService/FullDuplexCall")
			pair.Attrs(t, s, map[string]any{"server.address": "127.0.0.1", "network.peer.address": "127.0.0.1", "network.peer.port": s.Attrs["server.port"]})
		},
	},
	{
		name: "cancel",
		tree: `
			client grpc.testing.TestService/FullDuplexCall! rpc.response.status_code=CANCELLED
			  server grpc.testing.TestService/FullDuplexCall rpc.response.status_code=CANCELLED
			client grpc.testing.TestService/StreamingOutputCall! rpc.response.status_code=CANCELLED
			  server grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=CANCELLED`,
	},
	{
		name: "deadline",
		tree: `
			client grpc.testing.TestService/UnaryCall rpc.response.status_code=OK
			  server grpc.testing.TestService/UnaryCall rpc.response.status_code=OK
			client grpc.testing.TestService/UnaryCall! rpc.response.status_code=DEADLINE_EXCEEDED
			  server grpc.testing.TestService/UnaryCall rpc.response.status_code=ABORTED
			client grpc.testing.TestService/EmptyCall! rpc.response.status_code=CANCELLED`,
	},
	{
		name: "retry",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			  server grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			client grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			  server grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			  server grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			  server grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			  server grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE`,
		check: func(t *testing.T, spans []watch.Span) {
			for _, s := range spans {
				if s.Kind != "client" {
					continue
				}
				want := 2
				if s.Error {
					want = 3
				}
				if s.Int("rpc.request.resend_count") != int64(want) || len(s.Events) != want {
					t.Errorf("sent again %d times, %d events, want %d", s.Int("rpc.request.resend_count"), len(s.Events), want)
				}
				for i, e := range s.Events {
					if e.Name != "rpc.retry" || e.Attrs["rpc.client.attempt"] != int64(i+2) || e.Attrs["error.type"] != "UNAVAILABLE" || e.Attrs["error.message"] != "not yet" {
						t.Errorf("event %d is %s %v", i, e.Name, e.Attrs)
					}
				}
			}
		},
	},
	{
		name: "metadata",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK`,
		check: sent("11111111111111111111111111111111", "2222222222222222"),
	},
	{
		name: "parent",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			client grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK
			  server grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK`,
		check: sent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),
	},
	{
		name: "interceptor",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  client GET
			    server GET url.path=/client-unary
			  server grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			    client GET
			      server GET url.path=/server-unary
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			    client GET
			      server GET url.path=/server-unary
			client grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK
			  client GET
			    server GET url.path=/client-stream
			  internal within
			    server grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK
			      client GET
			        server GET url.path=/server-stream
			client grpc.testing.TestService/FullDuplexCall! rpc.response.status_code=PERMISSION_DENIED
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK`,
		check: func(t *testing.T, spans []watch.Span) {
			// It has been followed to its end.
			s := pair.One(t, spans, "client", "grpc.testing.TestService/StreamingOutputCall")
			pair.Attrs(t, s, map[string]any{"network.peer.address": "127.0.0.1"})
			for _, inner := range spans {
				if inner.Str("url.path") == "/server-stream" && s.End.Before(inner.End) {
					t.Errorf("the stream's span ends %v before what its handler does", inner.End.Sub(s.End))
				}
			}
		},
	},
	{
		// What the connection needs is in no request's trace.
		name: "request",
		tree: `
			client GET
			  server GET url.path=/one` + inRequest + `
			client GET
			  server GET url.path=/resolver
			client GET
			  server GET url.path=/dialer
			client GET
			  server GET url.path=/two` + inRequest,
		check: func(t *testing.T, spans []watch.Span) {
			if n := len(watch.Traces(spans)); n != 4 {
				t.Errorf("%d traces, want 4", n)
			}
		},
	},
	{
		// net/http's span is the server's, and ours inside of it what only gRPC knows.
		name: "servehttp",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server POST /grpc.testing.TestService/EmptyCall url.path=/grpc.testing.TestService/EmptyCall
			    internal grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			      client GET
			        server GET url.path=/inside
			client grpc.testing.TestService/UnaryCall! rpc.response.status_code=INTERNAL
			  server POST /grpc.testing.TestService/UnaryCall url.path=/grpc.testing.TestService/UnaryCall
			    internal grpc.testing.TestService/UnaryCall! rpc.response.status_code=INTERNAL`,
	},
	{
		name: "recover",
		tree: `
			client grpc.testing.TestService/UnaryCall! rpc.response.status_code=INTERNAL
			  server grpc.testing.TestService/UnaryCall! rpc.response.status_code=INTERNAL`,
	},
	{
		name: "memory",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK`,
		check: func(t *testing.T, spans []watch.Span) {
			for _, s := range spans {
				pair.Attrs(t, s, map[string]any{"server.address": "memory", "server.port": nil, "network.peer.address": nil, "network.peer.port": nil})
			}
		},
	},
	{
		name: "health",
		tree: `
			client grpc.health.v1.Health/Check rpc.response.status_code=OK
			  server grpc.health.v1.Health/Check rpc.response.status_code=OK`,
	},
	{
		name: "unknown",
		tree: `
			client grpc.testing.TestService/Nothing! rpc.response.status_code=UNIMPLEMENTED
			  server grpc! rpc.response.status_code=UNIMPLEMENTED rpc.method_original=grpc.testing.TestService/Nothing
			client no.Such/Thing! rpc.response.status_code=UNIMPLEMENTED
			  server grpc! rpc.response.status_code=UNIMPLEMENTED rpc.method_original=no.Such/Thing
			client nonsense! rpc.response.status_code=UNIMPLEMENTED
			  server grpc! rpc.response.status_code=UNIMPLEMENTED rpc.method_original=nonsense
			client no.Such/Thing rpc.response.status_code=OK
			  server no.Such/Thing rpc.response.status_code=OK`,
	},
	{
		name: "workers",
		tree: `
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK`,
	},
	{
		name: "waiting",
		tree: `
			client grpc.testing.TestService/EmptyCall! rpc.response.status_code=UNAVAILABLE
			client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			  server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK`,
	},
}

const inRequest = `
			    client grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			      server grpc.testing.TestService/EmptyCall rpc.response.status_code=OK
			        client GET
			          server GET url.path=/inside-0
			        client GET
			          server GET url.path=/inside-1
			    client grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK
			      server grpc.testing.TestService/StreamingOutputCall rpc.response.status_code=OK
			    client GET
			      server GET url.path=/received
			    client GET
			      server GET url.path=/received`

// sent checks that every client span is a child of the span that the program has
// named in its metadata.
func sent(trace, parent string) func(t *testing.T, spans []watch.Span) {
	return func(t *testing.T, spans []watch.Span) {
		for _, s := range spans {
			if s.TraceID != trace || s.Kind == "client" && s.ParentID != parent {
				t.Errorf("%s %s is in trace %s below %s, want %s below %s", s.Kind, s.Name, s.TraceID, s.ParentID, trace, parent)
			}
		}
	}
}

func TestGRPC(t *testing.T) {
	for _, tc := range pair.Toolchains() {
		for _, v := range pair.Versions(t, "testdata/app", module) {
			t.Run(tc+"/"+v.Name, func(t *testing.T) {
				if strings.HasPrefix(tc, "go1.25") && len(v.Flags()) == 0 {
					t.Skip(module + " " + v.Name + " wants Go 1.26")
				}
				app := pair.Build(t, "testdata/app", tc, v.Flags()...)
				testScenarios(t, app)
				t.Run("panic", func(t *testing.T) { testPanic(t, app) })
				t.Run("wire", func(t *testing.T) { testWire(t, app) })
				t.Run("unsampled", func(t *testing.T) { testUnsampled(t, app) })
			})
		}
	}
}

func testScenarios(t *testing.T, app *pair.Program) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			out, spans := app.Compare(t, nil, sc.name)
			if out.Code != 0 {
				t.Fatalf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
			}
			pair.Conform(t, spans)
			pair.WantTree(t, spans, sc.tree, "rpc.response.status_code", "rpc.method_original", "url.path")
			if sc.check != nil {
				sc.check(t, spans)
			}
		})
	}
}

// A panic that nobody recovers ends the program as ever, and is told of. The client's
// span is open then.
func testPanic(t *testing.T, app *pair.Program) {
	out, spans := app.Compare(t, nil, "panic")
	if out.Code != 2 || !strings.Contains(out.Stderr, "panic: boom") {
		t.Fatalf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
	}
	s := pair.One(t, spans, "server", "grpc.testing.TestService/UnaryCall")
	if e := s.Event("exception"); !s.Error || e == nil || e.Attrs["exception.message"] != "boom" {
		t.Errorf("the span is %v", &s)
	}
}

// The headers are those of OTEL_PROPAGATORS.
func testWire(t *testing.T, app *pair.Program) {
	for propagators, want := range map[string]string{
		"": `traceparent=\[00-T-S-03\]
traceparent=\[00-T-S-03\] x-trace-id=\[mine\]`,
		"b3,xtrace": `b3=\[T-S-1\] x-span-id=\[S\] x-trace-id=\[T\]
b3=\[T-S-1\] tracestate=\[a=b\] x-span-id=\[S\] x-trace-id=\[T\]`,
		"none": `
tracestate=\[a=b\] x-trace-id=\[mine\]`,
	} {
		out, spans := app.Run(t, []string{"OTEL_PROPAGATORS=" + propagators}, "wire")
		want = strings.NewReplacer("T", "[0-9a-f]{32}", "S", "[0-9a-f]{16}").Replace(want)
		if ok, err := regexp.MatchString("^"+want+"\n$", out.Stdout); !ok || err != nil {
			t.Errorf("with %q the server gets\n%s, want\n%s", propagators, out.Stdout, want)
		}
		if len(spans) != 4 {
			t.Errorf("%d spans, want 4", len(spans))
		}
	}
}

// What is not recorded is said to be so.
func testUnsampled(t *testing.T, app *pair.Program) {
	off := []string{"OTEL_TRACES_SAMPLER=always_off"}
	out, spans := app.Run(t, off, "wire")
	if ok, _ := regexp.MatchString(`^traceparent=\[00-[0-9a-f]{32}-[0-9a-f]{16}-02\]\n`, out.Stdout); !ok || len(spans) != 0 {
		t.Errorf("the server gets\n%s, %d spans", out.Stdout, len(spans))
	}
	for _, sc := range []string{"unary", "streams", "cancel", "request"} {
		if _, spans := app.Compare(t, off, sc); len(spans) != 0 {
			t.Errorf("%s: %d spans", sc, len(spans))
		}
	}
}

// A version that the advice is not for is left as it is, and that is said once.
func TestOutOfRange(t *testing.T) {
	before, err := filepath.Abs("testdata/app/before.mod")
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), "app")
	cmd := exec.Command(pair.Weft(t), "go", "build", "-modfile="+before, "-o", exe, ".")
	cmd.Dir = "testdata/app"
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const want = `weft: google.golang.org/grpc v1.56.3: building without its spans, which are for >=v1.57.0 <v2.0.0; see "weft explain google.golang.org/grpc"`
	said := regexp.MustCompile("(?m)^weft: google.*$").FindAllString(string(out), -1)
	if len(said) != 1 || said[0] != want {
		t.Errorf("the build says\n%s\nwant\n%s", out, want)
	}
	run := exec.Command(exe, "unary")
	run.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if out, err := run.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "empty ok\n") {
		t.Errorf("the program ends with %v and says\n%s", err, out)
	}
}

// Under the race detector the scenarios are run many times.
func TestRace(t *testing.T) {
	if os.Getenv("WEFT_LONG") == "" {
		t.Skip("WEFT_LONG is not set: it builds with -race twice")
	}
	for _, v := range pair.Versions(t, "testdata/app", module) {
		t.Run(v.Name, func(t *testing.T) {
			app := pair.Build(t, "testdata/app", "local", append(v.Flags(), "-race")...)
			for range 10 {
				testScenarios(t, app)
			}
		})
	}
}
