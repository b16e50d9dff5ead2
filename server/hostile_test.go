package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// raw opens a connection to a listener and sends text.
func (s *Server) raw(t *testing.T, key, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, r, err := s.dial(t, key, text)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

// dial is raw for goroutines.
func (s *Server) dial(t *testing.T, key, text string) (net.Conn, *bufio.Reader, error) {
	c, err := net.Dial("tcp", s.Addr(key).String())
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(c, text) // the server may close before all is sent
	return c, bufio.NewReader(c), nil
}

var listeners = []string{"listen.http", "listen.otlp_grpc", "listen.otlp_http", "listen.zipkin"}

// well fails the test unless every listener answers as usual.
func (s *Server) well(t *testing.T) {
	t.Helper()
	for _, e := range endpoints() {
		if got, _, b := s.ask(t, http.DefaultClient, e); got != e.status {
			t.Errorf("afterwards %s %s: %d %.100q; want %d", e.key, e.path, got, b, e.status)
		}
	}
}

// Headers without end, in all the ways that there are.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	s := run(t, loopback(t), Options{})
	many := strings.Repeat("X-A: b\r\n", 100_000)
	// All at a time: net/http waits half a second before it closes a connection
	// of HTTP/1 that it refused, and a second with HTTP/2.
	var clients sync.WaitGroup
	for _, key := range listeners {
		for name, text := range map[string]string{
			"100,000 headers": "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" + many + "\r\n",
			"a long header":   "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
			"a long path":     "POST /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"no end":          "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 1<<20),
			"garbage":         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00\xff", 5000) + "\r\n\r\n",
			"no host":         "GET / HTTP/1.1\r\n\r\n",
			"two lengths":     "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
			"smuggling":       "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
			"negative length": "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
			"huge length":     "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: 99999999999999999999\r\n\r\n",
		} {
			clients.Go(func() {
				_, r, err := s.dial(t, key, text)
				if err != nil {
					t.Errorf("%s: %s: %v", key, name, err)
					return
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					return // closed, or reset because more was on its way than was read
				}
				if resp.StatusCode < 400 || resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
					t.Errorf("%s: %s: %s", key, name, resp.Status)
				}
				if _, err := io.Copy(io.Discard, r); err != nil && !strings.Contains(err.Error(), "reset") {
					t.Errorf("%s: %s: the connection was not closed: %v", key, name, err)
				}
			})
		}
		// HTTP/2: the same list of headers, and one that goes on for ever.
		req, _ := http.NewRequest("POST", s.url(key)+"/v1/traces", bytes.NewReader(nil))
		for i := range 10_000 {
			req.Header.Add(fmt.Sprint("X-", i), "b")
		}
		if resp, err := h2c().Do(req); err == nil {
			if resp.Body.Close(); resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: HTTP/2 with 10,000 headers: %s; want 431", key, resp.Status)
			}
		}
		const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
		headers := "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82" // HEADERS of stream 1 that do not end
		goOn := "\x00\x40\x00\x09\x00\x00\x00\x00\x01" + strings.Repeat("\x82", 1<<14)
		clients.Go(func() {
			_, r, err := s.dial(t, key, preface+headers+strings.Repeat(goOn, 1000))
			if err == nil {
				_, err = io.Copy(io.Discard, r) // until the server closes
			}
			if err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("%s: HTTP/2 headers without end: the connection was not closed: %v", key, err)
			}
		})
	}
	clients.Wait()
	s.well(t)
}

// Paths that try to get out, or to another route.
func TestHostilePaths(t *testing.T) {
	c := loopback(t)
	c.Auth.Tokens.Set(`[{name: r, token: read-0123456789abcdef, scopes: [read]}]`)
	s := run(t, c, Options{})
	for _, path := range []string{
		"/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/api/weft/v1/../../../etc/passwd", "/healthz/../metrics", "/healthz/..%2fmetrics",
		"/healthz%2f..%2fdebug/pprof/", "//debug/pprof/", "/./metrics", "/%00", "/api/traces/..%2f..%2f..%2fetc%2fpasswd", "/login/../debug/pprof/cmdline", "/HEALTHZ/../metrics", "/healthz;/metrics",
		"/healthz?/../metrics", "/login\\..\\metrics",
	} {
		_, r := s.raw(t, "listen.http", "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		b, _ := io.ReadAll(resp.Body)
		open := path == "/healthz?/../metrics" // is /healthz
		if resp.StatusCode == 200 && !open || bytes.Contains(b, []byte("root:")) || bytes.Contains(b, []byte("weft_")) || bytes.Contains(b, []byte("goroutine")) {
			t.Errorf("%s without a token: %d %.100q", path, resp.StatusCode, b)
		}
	}
	// The backup and the profiles ask for more than read, however they are written.
	for _, path := range []string{
		"/api/weft/v1/backup", "/api/weft/v1/backup/", "/api/weft/v1//backup", "/api/weft/v1/./backup", "/api/weft/v1/backup?x", "/api/weft/v1/%62ackup", "/api/weft/v1/services/../backup",
		"/debug/pprof/", "/debug/pprof/heap", "/debug//pprof/heap", "/debug/pprof/%68eap", "/tempo/../debug/pprof/heap", "/debug/pprof",
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			_, r := s.raw(t, "listen.http", method+" "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: Bearer read-0123456789abcdef\r\n\r\n")
			resp, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
				continue
			}
			if resp.StatusCode < 300 {
				t.Errorf("%s %s with the scope read: %s", method, path, resp.Status)
			}
		}
	}
}

// More connections than are allowed: those that are open go on, others are
// closed, and there is room again when some end.
func TestConnectionLimit(t *testing.T) {
	c := loopback(t)
	c.Limits.Connections = 3
	s := run(t, c, Options{})
	const get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	ask := func(c net.Conn, r *bufio.Reader) error {
		if _, err := io.WriteString(c, get); err != nil {
			return err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		io.Copy(io.Discard, resp.Body)
		return nil
	}
	var conns []net.Conn
	var readers []*bufio.Reader
	for range 3 {
		c, r := s.raw(t, "listen.http", "")
		if err := ask(c, r); err != nil {
			t.Fatal(err)
		}
		conns, readers = append(conns, c), append(readers, r)
	}
	if c, r := s.raw(t, "listen.http", ""); ask(c, r) == nil {
		t.Error("a fourth connection was served")
	}
	for i := range conns {
		if err := ask(conns[i], readers[i]); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	conns[0].Close()
	for end := time.Now().Add(time.Minute); ; {
		if c, r := s.raw(t, "listen.http", ""); ask(c, r) == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no connection is served after one was closed")
		}
	}
	if n := s.listeners[0].refused.Load(); n == 0 {
		t.Error("no refused connection was counted")
	}
}

// Clients that open connections and say nothing, or half of something, lose
// them, and hold up nobody meanwhile.
func TestSilentClients(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the time that a client has for its headers")
	}
	t.Parallel()
	c := loopback(t)
	c.Limits.ReadTimeout = Duration(time.Second)
	s := run(t, c, Options{})
	var readers []*bufio.Reader
	for _, key := range listeners {
		for _, text := range []string{"", "GET", "GET / HTTP/1.1\r\nHost: loc", "PRI * HTTP/2.0\r\n\r\n", "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
			"POST /api/weft/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n{"} {
			_, r := s.raw(t, key, text)
			readers = append(readers, r)
		}
	}
	s.well(t)
	for i, r := range readers {
		if _, err := io.Copy(io.Discard, r); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("client %d: %v; want its connection closed", i, err)
		}
	}
}
