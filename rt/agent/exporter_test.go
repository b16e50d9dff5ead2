package agent

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// exporterTo returns an exporter for what the variables say, and what it reported.
func exporterTo(t *testing.T, vars map[string]string) (*exporter, func() []string) {
	t.Helper()
	e, _ := env(vars)
	c := readConfig(e)
	var mu sync.Mutex
	var lines []string
	e.warn = func(l string) { mu.Lock(); defer mu.Unlock(); lines = append(lines, l) }
	x := newExporter(c, e, &stats{})
	t.Cleanup(x.forget)
	return x, func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), lines...) }
}

func endpoint(url string) map[string]string {
	return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}
}

// settle waits until x has nothing to do.
func settle(t *testing.T, x *exporter) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); x.busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still posting")
		}
	}
}

func lost(x *exporter, cause int) uint64 { return x.stats.lost[cause].Load() }

func TestExport(t *testing.T) {
	var got struct {
		body   []byte
		header http.Header
		path   string
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.body, _ = io.ReadAll(r.Body)
		got.header, got.path = r.Header, r.URL.Path
	}))
	defer srv.Close()
	vars := endpoint(srv.URL)
	vars["OTEL_EXPORTER_OTLP_HEADERS"] = "api-key=secret"
	x, said := exporterTo(t, vars)
	x.send(batch{[]byte("request"), 3})
	settle(t, x)
	if string(got.body) != "request" || got.path != "/v1/traces" || got.header.Get("Api-Key") != "secret" ||
		got.header.Get("Content-Type") != "application/x-protobuf" || got.header.Get("User-Agent") != "weft/"+version || got.header.Get("Content-Encoding") != "" {
		t.Errorf("got %q to %s with %v", got.body, got.path, got.header)
	}
	if x.stats.exported.Load() != 3 || x.stats.exportedBytes.Load() != 7 {
		t.Errorf("%v", x.stats.snapshot())
	}
	if len(said()) != 0 {
		t.Errorf("said %q", said())
	}

	vars["OTEL_EXPORTER_OTLP_COMPRESSION"] = "gzip"
	x, _ = exporterTo(t, vars)
	for range 2 {
		x.send(batch{bytes.Repeat([]byte("request"), 1000), 3})
		settle(t, x)
		z, err := gzip.NewReader(bytes.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(z); len(b) != 7000 || got.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("got %d bytes", len(b))
		}
	}
}

// What the collector answers, what becomes of the spans, and what is said about it.
func TestAnswers(t *testing.T) {
	partial := func(rejected uint64, msg string) string {
		p := append(binary.AppendUvarint([]byte{0x08}, rejected), 0x12, byte(len(msg)))
		p = append(p, msg...)
		return string(append([]byte{0x0a, byte(len(p))}, p...))
	}
	for _, c := range []struct {
		name     string
		answers  []func(http.ResponseWriter)
		exported uint64
		cause    int
		lost     uint64
		attempts int32
		said     []string
	}{
		{"retried", []func(http.ResponseWriter){status(503), status(429), status(200)}, 5, 0, 0, 3, []string{"status 503 Service Unavailable", "works again"}},
		{"retry after", []func(http.ResponseWriter){func(w http.ResponseWriter) { w.Header().Set("Retry-After", "1"); w.WriteHeader(502) }, status(202)}, 5, 0, 0, 2, []string{"status 502", "works again"}},
		{"bad request", []func(http.ResponseWriter){func(w http.ResponseWriter) { http.Error(w, "no\nsuch \x1b[2Jthing", 400) }}, 0, lostRefused, 5, 1, []string{"status 400 Bad Request: no such [2Jthing; the program goes on"}},
		{"internal error", []func(http.ResponseWriter){status(500)}, 0, lostRefused, 5, 1, []string{"status 500"}},
		{"unauthorized", []func(http.ResponseWriter){status(401)}, 0, lostRefused, 5, 1, []string{"status 401"}},
		{"redirect", []func(http.ResponseWriter){func(w http.ResponseWriter) { w.Header().Set("Location", "http://127.0.0.1:1/"); w.WriteHeader(307) }}, 0, lostRefused, 5, 1, []string{"status 307"}},
		{"partial", []func(http.ResponseWriter){func(w http.ResponseWriter) { io.WriteString(w, partial(2, "too old")) }}, 3, lostRejected, 2, 1, nil},
		{"partial, absurd", []func(http.ResponseWriter){func(w http.ResponseWriter) { io.WriteString(w, partial(1<<63, "")) }}, 0, lostRejected, 5, 1, nil},
		{"garbage", []func(http.ResponseWriter){func(w http.ResponseWriter) { io.WriteString(w, "\xff\xff<html>") }}, 5, 0, 0, 1, nil},
		{"long answer", []func(http.ResponseWriter){func(w http.ResponseWriter) { w.Write(make([]byte, 10<<20)) }}, 5, 0, 0, 1, nil},
		{"hung up", []func(http.ResponseWriter){hijack(""), hijack("HTTP/1.1 "), hijack("SSH-2.0-OpenSSH\r\n\r\n"), hijack("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), status(200)}, 5, 0, 0, 5, []string{"EOF", "works again"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				n := int(attempts.Add(1))
				c.answers[min(n, len(c.answers))-1](w)
			}))
			defer srv.Close()
			x, said := exporterTo(t, endpoint(srv.URL))
			x.send(batch{[]byte("request"), 5})
			settle(t, x)
			if got := x.stats.exported.Load(); got != c.exported {
				t.Errorf("exported %d, want %d", got, c.exported)
			}
			if got := lost(x, c.cause); got != c.lost {
				t.Errorf("lost %d (%s), want %d", got, lostNames[c.cause], c.lost)
			}
			if attempts.Load() != c.attempts {
				t.Errorf("%d attempts, want %d", attempts.Load(), c.attempts)
			}
			lines := said()
			if len(lines) != len(c.said) {
				t.Fatalf("said %q", lines)
			}
			for i := range lines {
				if !strings.Contains(lines[i], c.said[i]) {
					t.Errorf("said %q, want %q", lines[i], c.said[i])
				}
			}
		})
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

// hijack answers with raw bytes and closes the connection.
func hijack(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(c, text)
			c.Close()
		}
	}
}

// hang accepts connections and never answers.
func hang(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	})
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	}()
	return "http://" + ln.Addr().String()
}

// A collector that hangs makes the queue full: memory stays bounded, the oldest goes, and every span is accounted for.
func TestQueueBounded(t *testing.T) {
	vars := endpoint(hang(t))
	vars["WEFT_MEMORY_LIMIT"] = "4MiB" // a quarter of it for the queue
	x, _ := exporterTo(t, vars)
	const n, size = 100, 100 << 10
	for range n {
		x.send(batch{make([]byte, size), 7})
		x.mu.Lock()
		if x.bytes > 1<<20+size {
			t.Errorf("%d bytes held", x.bytes)
		}
		x.mu.Unlock()
	}
	if got := lost(x, lostQueueFull); got < 7*(n-12) {
		t.Errorf("lost %d", got)
	}
	start := time.Now()
	x.flush(200 * time.Millisecond)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("flush took %v", d)
	}
	settle(t, x)
	if got := lost(x, lostQueueFull) + lost(x, lostAtExit); got != 7*n {
		t.Errorf("accounted for %d spans of %d", got, 7*n)
	}
}

func TestQueueOfSpans(t *testing.T) {
	vars := endpoint(hang(t))
	vars["OTEL_BSP_MAX_QUEUE_SIZE"] = "10"
	x, _ := exporterTo(t, vars)
	for range 10 {
		x.send(batch{[]byte("x"), 5})
	}
	if got := lost(x, lostQueueFull); got < 30 {
		t.Errorf("lost %d", got)
	}
	x.flush(0)
	settle(t, x)
}

// Nobody listens where nobody said that there would be a collector: not a word, and no attempt for each request.
func TestAbsentByDefault(t *testing.T) {
	ln, _ := net.Listen("tcp", "127.0.0.1:0")
	ln.Close()
	x, said := exporterTo(t, nil)
	x.endpoint = "http://" + ln.Addr().String()
	for range 100 {
		x.send(batch{[]byte("x"), 5})
	}
	settle(t, x)
	for range 100 {
		x.send(batch{[]byte("x"), 5})
	}
	settle(t, x)
	if got := lost(x, lostNoCollector); got != 1000 || len(said()) != 0 {
		t.Errorf("lost %d, said %q", got, said())
	}
	if n := x.stats.requests.Load(); n > 100 {
		t.Errorf("%d attempts", n)
	}
	// The same with a collector that somebody named is said once, and the end of the program does not wait for it.
	x, said = exporterTo(t, endpoint("http://"+ln.Addr().String()))
	for range 10 {
		x.send(batch{[]byte("x"), 5})
	}
	start := time.Now()
	x.flush(10 * time.Second)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("flush took %v", d)
	}
	settle(t, x)
	if lines := said(); len(lines) != 1 || !strings.Contains(lines[0], "connection refused") {
		t.Errorf("said %q", lines)
	}
	if got := lost(x, lostAtExit); got != 50 {
		t.Errorf("lost %d", got)
	}
}

// What waits for the next attempt is sent at the end of the program, at once.
func TestFlushHurries(t *testing.T) {
	var up atomic.Bool
	refused := make(chan struct{}, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(503)
			refused <- struct{}{}
		}
	}))
	defer srv.Close()
	x, _ := exporterTo(t, endpoint(srv.URL))
	x.send(batch{[]byte("x"), 5})
	x.send(batch{[]byte("y"), 6})
	<-refused
	up.Store(true)
	x.flush(20 * time.Second)
	if got := x.stats.exported.Load(); got != 11 {
		t.Errorf("exported %d", got)
	}
}

func TestTLS(t *testing.T) {
	var peer atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { peer.Store(int32(len(r.TLS.PeerCertificates))) }))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	defer srv.Close()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", "CERTIFICATE", srv.Certificate().Raw)

	vars := endpoint(srv.URL)
	vars["OTEL_EXPORTER_OTLP_CERTIFICATE"] = ca
	x, said := exporterTo(t, vars)
	x.send(batch{[]byte("x"), 1})
	settle(t, x)
	if x.stats.exported.Load() != 1 {
		t.Errorf("not exported: %q", said())
	}

	// Files that cannot be read are named.
	vars["OTEL_EXPORTER_OTLP_CERTIFICATE"] = filepath.Join(dir, "none.pem")
	vars["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"] = ca
	_, said = exporterTo(t, vars)
	if lines := said(); len(lines) != 2 || !strings.Contains(lines[0], "none.pem") || !strings.Contains(lines[1], "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE") {
		t.Errorf("said %q", lines)
	}
}

// A peer that speaks out of turn is nothing that the program's own logger hears of.
func TestUnsolicited(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	idle, closed := make(chan bool), make(chan bool)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		io.WriteString(c, "220 smtp.example.com ESMTP\r\n")
		go io.Copy(io.Discard, c)
		if c, err = ln.Accept(); err != nil {
			return
		}
		r := bufio.NewReader(c)
		if req, err := http.ReadRequest(r); err == nil {
			io.Copy(io.Discard, req.Body)
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		<-idle
		io.WriteString(c, "nobody asked for this\r\n")
		io.Copy(io.Discard, r)
		close(closed)
	}()
	x, _ := exporterTo(t, endpoint("http://"+ln.Addr().String()))
	x.send(batch{[]byte("x"), 1})
	settle(t, x)
	if x.stats.exported.Load() != 1 {
		t.Error("not exported")
	}
	idle <- true
	<-closed
	if logged.Len() > 0 {
		t.Errorf("logged %s", &logged)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "100000": time.Minute, "soon": 0,
		now.Add(7 * time.Second).Format(http.TimeFormat): 7 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", v, got, want)
		}
	}
}

func FuzzPartialSuccess(f *testing.F) {
	f.Add([]byte("\x0a\x04\x08\x02\x12\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, _ := partialSuccess(b); n < 0 {
			t.Errorf("%d spans rejected", n)
		}
	})
}
