package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// locked is a writer for what several goroutines write.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// loopback is a configuration with every listener on a free port of loopback.
func loopback(t testing.TB) Config {
	return Config{
		Listen:   Listen{HTTP: "127.0.0.1:0", OTLPGRPC: "127.0.0.1:0", OTLPHTTP: "127.0.0.1:0", Zipkin: "127.0.0.1:0"},
		Store:    Store{Dir: t.TempDir()},
		Shutdown: Shutdown{Grace: Duration(10 * time.Second)},
	}
}

// run starts a server, waits until it is ready, and stops it at the end.
func run(t testing.TB, c Config, o Options) *Server {
	t.Helper()
	s, err := Start(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.stopping.Load() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-s.Failed():
		t.Fatal(err)
	}
	return s
}

// request returns an export request with one span of a trace.
func request(t testing.TB, n byte) []byte {
	t.Helper()
	b, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: "service.name", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "shop"}}}}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{
			TraceId: bytes.Repeat([]byte{n}, 16), SpanId: bytes.Repeat([]byte{n}, 8), Name: "GET /", Kind: tracepb.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: uint64(time.Now().UnixNano()), EndTimeUnixNano: uint64(time.Now().UnixNano()) + 1000,
		}}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func frame(b []byte) []byte {
	f := make([]byte, 5, 5+len(b))
	binary.BigEndian.PutUint32(f[1:], uint32(len(b)))
	return append(f, b...)
}

// h2c returns a client of HTTP/2 without TLS.
func h2c() *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: tr}
}

// endpoint is something that can be asked, with the scope that it needs.
type endpoint struct {
	key, method, path string
	contentType       string
	body              func(testing.TB) []byte
	scope             Scope // "": nobody is asked
	status            int   // when it is allowed
}

func endpoints() []endpoint {
	trace := func(t testing.TB) []byte { return request(t, 1) }
	none := func(testing.TB) []byte { return nil }
	empty := func(testing.TB) []byte { return []byte("{}") }
	list := func(testing.TB) []byte { return []byte("[]") }
	call := func(t testing.TB) []byte { return frame(request(t, 1)) }
	nothing := func(testing.TB) []byte { return frame(nil) }
	const pb, js, grpc = "application/x-protobuf", "application/json", "application/grpc"
	return []endpoint{
		{"listen.otlp_grpc", "POST", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", grpc, call, ScopeWrite, 200},
		{"listen.otlp_grpc", "POST", "/opentelemetry.proto.collector.logs.v1.LogsService/Export", grpc, nothing, ScopeWrite, 200},
		{"listen.otlp_grpc", "POST", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", grpc, nothing, ScopeWrite, 200},
		{"listen.otlp_grpc", "POST", "/no.such.Service/Method", grpc, nothing, ScopeWrite, 501},
		{"listen.otlp_http", "POST", "/v1/traces", pb, trace, ScopeWrite, 200},
		{"listen.otlp_http", "POST", "/v1/traces", js, empty, ScopeWrite, 200},
		{"listen.otlp_http", "POST", "/v1/logs", js, empty, ScopeWrite, 200},
		{"listen.otlp_http", "POST", "/v1/metrics", js, empty, ScopeWrite, 200},
		{"listen.otlp_http", "POST", "/nothing", js, empty, ScopeWrite, 404},
		{"listen.zipkin", "POST", "/api/v2/spans", js, list, ScopeWrite, 202},
		{"listen.http", "GET", "/", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/metrics", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/nothing", "", none, ScopeRead, 404},
		{"listen.http", "GET", "/api/services", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/api/v3/services", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/api/traces/0123456789abcdef", "", none, ScopeRead, 404},
		{"listen.http", "GET", "/api/weft/v1/services", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/api/weft/v1/search", "", none, ScopeRead, 200},
		{"listen.http", "POST", "/api/weft/v1/search", "application/x-www-form-urlencoded", none, ScopeRead, 200},
		{"listen.http", "GET", "/api/weft/v1/stats", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/api/weft/v1/backup", "", none, ScopeAdmin, 200},
		{"listen.http", "GET", "/api/weft/v1/export?format=otlp", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/tempo/api/echo", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/tempo/api/search/tags", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/debug/pprof/", "", none, ScopeAdmin, 200},
		{"listen.http", "GET", "/debug/pprof/cmdline", "", none, ScopeAdmin, 200},
		{"listen.http", "GET", "/debug/pprof/heap", "", none, ScopeAdmin, 200},
		{"listen.http", "GET", "/healthz", "", none, "", 200},
		{"listen.http", "GET", "/readyz", "", none, "", 200},
		{"listen.http", "GET", "/login", "", none, "", 200},
		{"listen.http", "GET", "/login.css", "", none, "", 200},
		{"listen.http", "GET", "/favicon.svg", "", none, "", 200},
		{"listen.http", "GET", "/assets/nothing.js", "", none, "", 404},
		{"listen.http", "GET", "/session", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/search", "", none, ScopeRead, 200},
		{"listen.http", "GET", "/trace/0123456789abcdef0123456789abcdef", "", none, ScopeRead, 200},
	}
}

// ask makes a request, and returns the answer's status, that of gRPC as its equivalent of HTTP.
func (s *Server) ask(t testing.TB, c *http.Client, e endpoint, header ...string) (int, *http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(e.method, s.url(e.key)+e.path, bytes.NewReader(e.body(t)))
	if err != nil {
		t.Fatal(err)
	}
	if e.contentType != "" {
		req.Header.Set("Content-Type", e.contentType)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	if e.key == "listen.otlp_grpc" && c == http.DefaultClient {
		c = h2c()
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	status := resp.StatusCode
	if e.contentType == "application/grpc" {
		code := resp.Header.Get("Grpc-Status") + resp.Trailer.Get("Grpc-Status")
		var ok bool
		if status, ok = map[string]int{"0": 200, "16": 401, "7": 403, "12": 501}[code]; !ok {
			t.Errorf("%s: gRPC status %q %q", e.path, code, resp.Header.Get("Grpc-Message"))
		}
	}
	return status, resp, b
}

// Every endpoint of every protocol, with every kind of credentials.
func TestAuthMatrix(t *testing.T) {
	const read, write, admin, both = "read-0123456789abcdef", "write-0123456789abcdef", "admin-0123456789abcdef", "both-0123456789abcdef"
	c := loopback(t)
	if err := c.Auth.Tokens.Set(fmt.Sprintf(`[{name: r, token: %s, scopes: [read]}, {name: w, token: %s, scopes: [write]}, {name: a, token: %s, scopes: [admin]}, {name: b, token: %s, scopes: [write, read]}]`, read, write, admin, both)); err != nil {
		t.Fatal(err)
	}
	s := run(t, c, Options{})
	for _, who := range []struct {
		name   string
		header []string
		scopes string // what it may, "" is nothing
		known  bool
	}{
		{"nobody", nil, "", false},
		{"unknown token", []string{"Authorization", "Bearer nope-0123456789abcdef"}, "", false},
		{"empty token", []string{"Authorization", "Bearer "}, "", false},
		{"other scheme", []string{"Authorization", "Basic " + read}, "", false},
		{"token without scheme", []string{"Authorization", read}, "", false},
		{"prefix of a token", []string{"Authorization", "Bearer " + read[:len(read)-1]}, "", false},
		{"read", []string{"Authorization", "Bearer " + read}, "read", true},
		{"read, lower case", []string{"Authorization", "bearer " + read}, "read", true},
		{"read, cookie", []string{"Cookie", cookie + "=" + read}, "read", true},
		{"write", []string{"Authorization", "Bearer " + write}, "write", true},
		{"admin", []string{"Authorization", "Bearer " + admin}, "read write admin", true},
		{"both", []string{"Authorization", "Bearer " + both}, "read write", true},
	} {
		t.Run(who.name, func(t *testing.T) {
			for _, e := range endpoints() {
				want := e.status
				if e.scope != "" && !strings.Contains(who.scopes, string(e.scope)) {
					want = http.StatusForbidden
					if !who.known {
						want = http.StatusUnauthorized
					}
				}
				got, resp, body := s.ask(t, http.DefaultClient, e, who.header...)
				if got != want {
					t.Errorf("%s %s: %d %.200q; want %d", e.method, e.path, got, body, want)
				}
				if got == 401 && resp.StatusCode == 401 && resp.Header.Get("WWW-Authenticate") == "" && e.key != "listen.zipkin" {
					t.Errorf("%s: no WWW-Authenticate", e.path)
				}
				for _, secret := range []string{read, write, admin, both} {
					if bytes.Contains(body, []byte(secret)) {
						t.Errorf("%s shows a token", e.path)
					}
				}
			}
		})
	}
}

// Without tokens, on loopback, everything is allowed: but not to the pages of
// other sites.
func TestPlaces(t *testing.T) {
	c := loopback(t)
	c.Listen.Hosts = List{"weft.example"}
	s := run(t, c, Options{})
	port := s.Addr("listen.http").(*net.TCPAddr).Port
	for _, tt := range []struct {
		name   string
		header []string
		get    bool // allowed
		post   bool
	}{
		{"a program", nil, true, true},
		{"localhost", []string{"Host", fmt.Sprint("localhost:", port)}, true, true},
		{"subdomain of localhost", []string{"Host", "weft.localhost"}, true, true},
		{"IPv6", []string{"Host", "[::1]:16686"}, true, true},
		{"another address of the machine, by a tunnel", []string{"Host", "192.168.0.7:8080"}, true, true},
		{"configured host", []string{"Host", "weft.example:443"}, true, true},
		{"configured host, absolute", []string{"Host", "WEFT.example."}, true, true},
		{"rebound name", []string{"Host", "evil.example"}, false, false},
		{"rebound name with the port", []string{"Host", fmt.Sprint("evil.example:", port)}, false, false},
		{"name that starts as an address", []string{"Host", "127.0.0.1.evil.example"}, false, false},
		{"name that ends as localhost", []string{"Host", "evil-localhost"}, false, false},
		{"own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", fmt.Sprint("http://127.0.0.1:", port)}, true, true},
		{"own page, older browser", []string{"Origin", s.url("listen.http")}, true, false}, // the other listeners have other ports
		{"typed address", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, true, true},
		{"link from another site", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, true, false},
		{"script of another site", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Origin", "https://evil.example"}, false, false},
		{"form of another site, older browser", []string{"Origin", "https://evil.example"}, true, false},
		{"sandboxed page", []string{"Origin", "null"}, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, e := range endpoints() {
				want := e.status
				allowed := tt.get
				if e.method == "POST" {
					allowed = tt.post
					if e.key == "listen.http" && tt.name == "own page, older browser" {
						allowed = true
					}
				}
				got, resp, body := s.ask(t, http.DefaultClient, e, tt.header...)
				refused := got == 403 || got == 421
				if allowed && got != want || !allowed && !refused {
					t.Errorf("%s %s %s: %d %.100q; want %d, or it refused: %v", e.method, e.key, e.path, got, body, want, !allowed)
				}
				if resp.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: other sites may read it", e.path)
				}
			}
		})
	}
}

func TestSecurityHeaders(t *testing.T) {
	s := run(t, loopback(t), Options{Version: "v1"})
	for _, e := range endpoints() {
		_, resp, _ := s.ask(t, http.DefaultClient, e)
		if got := resp.Header.Get("Server"); got != "weft" {
			t.Errorf("%s: Server %q", e.path, got)
		}
		if e.key != "listen.http" {
			continue
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-",
		} {
			if got := resp.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q; want %q", e.path, name, got, want)
			}
		}
	}
}

func TestPathPrefix(t *testing.T) {
	c := loopback(t)
	c.PathPrefix = "/weft"
	s := run(t, c, Options{})
	for path, want := range map[string]int{
		"/weft/": 200, "/weft": 200, "/weft/healthz": 200, "/weft/api/services": 200, "/healthz": 404, "/weftx/healthz": 404, "/": 404, "/api/services": 404,
		"/weft/../healthz": 404, "/weft/nothing": 404,
	} {
		resp, err := http.Get(s.url("listen.http") + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d; want %d", path, resp.StatusCode, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := run(t, loopback(t), Options{Version: `v"1"`})
	for _, e := range endpoints() {
		s.ask(t, http.DefaultClient, e)
	}
	resp, err := http.Get(s.url("listen.http") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	for _, want := range []string{
		`weft_build_info{version="v\"1\"",go="` + runtime.Version() + `"} 1`,
		`weft_ingest_requests_total{protocol="otlp_grpc",signal="traces",outcome="accepted"} 1`,
		`weft_ingest_requests_total{protocol="otlp_http",signal="traces",outcome="accepted"} 2`,
		`weft_ingest_items_total{protocol="otlp_grpc",signal="traces"} 1`,
		`weft_ingest_in_flight_bytes 0`,
		`weft_ready 1`,
		`weft_store_spans_total 2`,
		`weft_store_other_spans_total 0`,
		`weft_http_requests_total{route="/healthz",status="2xx"} 1`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	// The format: every sample follows the type of its name, which comes once.
	sample := regexp.MustCompile(`^([a-z_]+)(\{([a-z_]+="([^"\\]|\\.)*",?)+\})? [-+0-9.e]+$`)
	typed, last := map[string]bool{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			if typed[name] {
				t.Errorf("%s has two types", name)
			}
			typed[name], last = true, name
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		if m := sample.FindStringSubmatch(line); m == nil || m[1] != last {
			t.Errorf("sample %q after the type of %s", line, last)
		}
	}
}

// Spans of operations beyond those that are counted by name are a metric.
func TestMetricsOthers(t *testing.T) {
	s := run(t, loopback(t), Options{})
	spans := make([]span.Span, 2010)
	for i := range spans {
		spans[i] = span.Span{
			TraceID: span.TraceID{1, byte(i), byte(i >> 8)}, ID: span.ID{1}, Name: fmt.Sprint("GET /", i), Kind: span.KindServer,
			Start: time.Now().UnixNano(), Resource: &span.Resource{Service: "shop"}, Scope: &span.Scope{},
		}
	}
	if err := s.write(t.Context(), &store.Batch{Spans: spans}); err != nil {
		t.Fatal(err)
	}
	_, _, text := s.ask(t, http.DefaultClient, endpoint{key: "listen.http", method: "GET", path: "/metrics", body: func(testing.TB) []byte { return nil }})
	if !strings.Contains(string(text), "\nweft_store_other_spans_total 10\n") {
		t.Errorf("weft_store_other_spans_total is not 10 in\n%s", text)
	}
}

// A store that cannot be written answers questions, and weft says so. A
// directory without one is an error.
func TestUnwritable(t *testing.T) {
	stored := loopback(t)
	s := run(t, stored, Options{})
	s.ask(t, http.DefaultClient, endpoints()[4])
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty := loopback(t)
	unwritable(t, stored.Store.Dir, empty.Store.Dir)

	if err := Run(t.Context(), empty, Options{}); err == nil || !strings.Contains(err.Error(), empty.Store.Dir) || !strings.Contains(err.Error(), "make it writable by user ") {
		t.Errorf("an empty directory: %v; want an error that names it and says what to do", err)
	}
	var out locked
	s = run(t, stored, Options{Stdout: &out, Version: "v1"})
	text := ""
	for text == "" { // it is written right after
		text = out.String()
	}
	if want := "weft v1 only answers questions and takes no traces: the store is read-only: the directory " + stored.Store.Dir + " cannot be written"; !strings.HasPrefix(text, want) || strings.Contains(text, "Point") {
		t.Errorf("the greeting is\n%s\nwant %s, and nothing about sending", text, want)
	}
	none := func(testing.TB) []byte { return nil }
	if status, _, b := s.ask(t, http.DefaultClient, endpoint{key: "listen.http", method: "GET", path: "/readyz", body: none}); status != 503 || !strings.Contains(string(b), stored.Store.Dir) {
		t.Errorf("readyz: %d %s; want 503 and the directory", status, b)
	}
	if _, _, b := s.ask(t, http.DefaultClient, endpoint{key: "listen.http", method: "GET", path: "/api/services", body: none}); !strings.Contains(string(b), "shop") {
		t.Errorf("services: %s; want the one that was sent before", b)
	}
}

// unwritable takes the permission to write from directories until the test
// ends. The superuser, who needs none, is somebody else until then.
func unwritable(t *testing.T, dirs ...string) {
	t.Helper()
	const mayRead, mayEnter = 0o444, 0o555
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			mode := os.FileMode(mayRead)
			if d.IsDir() {
				mode = mayEnter
				t.Cleanup(func() { os.Chmod(path, 0o700) })
			}
			return os.Chmod(path, mode)
		})
		if err == nil {
			err = os.Chmod(filepath.Dir(dir), mayEnter|0o200) // of t.TempDir
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	if err := syscall.Setresuid(-1, nobody, -1); err != nil {
		t.Skip("to be somebody else:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Setresuid(-1, 0, -1); err != nil {
			panic(err) // the tests that follow need it
		}
	})
}

func TestGreeting(t *testing.T) {
	var out locked
	c := loopback(t)
	c.Listen.Zipkin = "off"
	s := run(t, c, Options{Stdout: &out, Version: "v1"})
	<-s.Ready()
	text := ""
	for text == "" { // it is written right after
		text = out.String()
	}
	if first, _, _ := strings.Cut(text, "\n"); first != "weft v1 takes traces. Open "+s.url("listen.http") {
		t.Errorf("the greeting starts with %q; want the page's address", first)
	}
	for _, want := range []string{s.url("listen.http"), s.url("listen.otlp_grpc"), "Zipkin     off", c.Store.Dir, "kept for 7d", "WEFT_SERVER=" + s.url("listen.http"), "OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url("listen.otlp_http")} {
		if !strings.Contains(text, want) {
			t.Errorf("the greeting\n%s\nlacks %q", text, want)
		}
	}
}

// A port that is taken is named with the key to change, and who has it.
func TestPortTaken(t *testing.T) {
	s := run(t, loopback(t), Options{})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, tt := range []struct {
		addr net.Addr
		want string
	}{
		{s.Addr("listen.http"), "another weft serve runs there"},
		{s.Addr("listen.otlp_grpc"), "another weft serve runs there"},
		{s.Addr("listen.zipkin"), "another weft serve runs there"},
		{silent.Addr(), "is in use; stop that, or set listen.zipkin to another address"},
	} {
		c := loopback(t)
		c.Listen.Zipkin = Address(tt.addr.String())
		_, err := Start(c, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "listen.zipkin: "+tt.addr.String()) {
			t.Errorf("%v; want the key, %v and %q", err, tt.addr, tt.want)
		}
	}
	// Nothing is left listening.
	c := loopback(t)
	c.Listen.HTTP = "127.0.0.1:0"
	c.Listen.Zipkin = "192.0.2.1:9411"
	c.Auth.Insecure = "on"
	if _, err := Start(c, Options{}); err == nil || !strings.Contains(err.Error(), "no address of this machine") {
		t.Errorf("%v; want that the address is not this machine's", err)
	}
}

func TestStoreTaken(t *testing.T) {
	c := loopback(t)
	run(t, c, Options{})
	s, err := Start(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-s.Failed(); err == nil || !strings.Contains(err.Error(), "in use by another process") || !strings.Contains(err.Error(), c.Store.Dir) {
		t.Errorf("%v; want that the directory is in use", err)
	}
	resp, err := http.Get(s.url("listen.http") + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 503 || !strings.Contains(string(b), "the store is being opened") {
		t.Errorf("readyz: %d %s; want 503", resp.StatusCode, b)
	}
	if got, _, _ := s.ask(t, http.DefaultClient, endpoints()[4]); got != 503 {
		t.Errorf("an export: %d; want 503", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// A request in flight is finished; then nothing listens any more.
func TestShutdownGraceful(t *testing.T) {
	c := loopback(t)
	s := run(t, c, Options{})
	body := request(t, 1)
	conn, err := net.Dial("tcp", s.Addr("listen.otlp_http").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n", len(body))
	conn.Write(body[:10])
	for { // until the handler has it
		if n, _, _ := s.receiver.InFlight(); n > 0 {
			break
		}
		runtime.Gosched()
	}
	done := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		done <- s.Shutdown(ctx)
	}()
	for { // until it does not listen any more
		other, err := net.Dial("tcp", s.Addr("listen.otlp_http").String())
		if err != nil {
			break
		}
		other.Close()
	}
	conn.Write(body[10:])
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("%v, %v; want 200", resp, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	again := run(t, c, Options{})
	if _, _, b := again.ask(t, http.DefaultClient, endpoint{key: "listen.http", method: "GET", path: "/api/services", body: func(testing.TB) []byte { return nil }}); !strings.Contains(string(b), "shop") {
		t.Errorf("services after a restart: %s; want the one that was sent", b)
	}
}

// A request that does not end is ended.
func TestShutdownForced(t *testing.T) {
	s := run(t, loopback(t), Options{})
	conn, err := net.Dial("tcp", s.Addr("listen.otlp_http").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\nx")
	for {
		if n, _, _ := s.receiver.InFlight(); n > 0 {
			break
		}
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	c := loopback(t)
	path := filepath.Join(t.TempDir(), "weft.sock")
	c.Listen.HTTP = Address("unix:" + path)
	dial := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	for range 2 { // the second time where the first was
		s, err := Start(c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		<-s.Ready()
		resp, err := dial.Get("http://localhost/healthz")
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		if _, err := Start(c, Options{}); err == nil || !strings.Contains(err.Error(), "another weft serve") {
			t.Errorf("%v; want that the socket is in use", err)
		}
		dial.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		s.Shutdown(ctx)
		cancel()
	}
	// One that a crash left.
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	run(t, c, Options{})
}

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := run(t, loopback(t), Options{Notify: path})
	b := make([]byte, 100)
	n, _ := conn.Read(b)
	if string(b[:n]) != "READY=1" {
		t.Errorf("%q; want READY=1", b[:n])
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.Shutdown(ctx)
	n, _ = conn.Read(b)
	if string(b[:n]) != "STOPPING=1" {
		t.Errorf("%q; want STOPPING=1", b[:n])
	}
}

func TestLog(t *testing.T) {
	var out locked
	c := loopback(t)
	c.Log = Log{Level: "debug", Format: "json"}
	s := run(t, c, Options{Stderr: &out})
	s.ask(t, http.DefaultClient, endpoint{key: "listen.http", method: "GET", path: "/healthz", body: func(testing.TB) []byte { return nil }})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.Shutdown(ctx)
	seen := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		var e struct{ Msg, Path string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		seen[e.Msg+e.Path] = true
	}
	for _, want := range []string{"ready", "request/healthz", "stopping", "stopped"} {
		if !seen[want] {
			t.Errorf("no %q in the log:\n%s", want, out.String())
		}
	}
}
