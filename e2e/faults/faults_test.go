// Package faults runs woven programs against collectors that are down, slow, full, broken or hanging. The program goes on as
// if nothing were, what it loses is counted, and its memory stays bounded.
package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

// totals are what the program says at its end with WEFT_DEBUG=1.
type totals struct {
	recorded, exported, requests, lost int
	causes                             map[string]int
}

var totalsLine = regexp.MustCompile(`(?m)^weft: (\d+) spans recorded, (\d+) exported in (\d+) requests \(\d+ bytes\), (none lost|lost: (.*))$`)

func readTotals(t *testing.T, stderr string) totals {
	t.Helper()
	m := totalsLine.FindStringSubmatch(stderr)
	if m == nil {
		t.Fatalf("no totals in\n%s", stderr)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	out := totals{recorded: number(m[1]), exported: number(m[2]), requests: number(m[3]), causes: map[string]int{}}
	for part := range strings.SplitSeq(m[5], ", ") {
		if name, n, ok := strings.Cut(part, "="); ok {
			out.causes[name] = number(n)
			out.lost += number(n)
		}
	}
	return out
}

func answer(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); w.WriteHeader(code) }
}

// raw listens, and has f talk to each connection.
func raw(t *testing.T, f func(net.Conn)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() { f(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "http://" + ln.Addr().String()
}

func handler(t *testing.T, h http.HandlerFunc) string {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestFaults(t *testing.T) {
	p := pair.Build(t, "testdata/app", "local")
	const requests = 400
	for _, c := range []struct {
		name      string
		collector func(t *testing.T) string
		env       []string
		delivered bool   // all of it, in the end
		cause     string // else: of the loss
		says      string // on standard error, besides the totals
	}{
		{name: "healthy", collector: func(t *testing.T) string { return handler(t, answer(200)) }, delivered: true},
		{name: "down", collector: func(t *testing.T) string {
			srv := httptest.NewServer(nil)
			srv.Close()
			return srv.URL
		}, cause: "exit", says: "connection refused"},
		{name: "no such host", collector: func(*testing.T) string { return "http://collector.invalid:4318" }, cause: "exit", says: "cannot export spans to http://collector.invalid:4318/v1/traces"},
		{name: "slow", collector: func(t *testing.T) string {
			gate := make(chan struct{})
			var once sync.Once
			return handler(t, func(w http.ResponseWriter, r *http.Request) {
				// The first answer comes when the second request's bytes would, at the end of the program.
				io.Copy(io.Discard, r.Body)
				once.Do(func() { close(gate) })
				<-gate
			})
		}, delivered: true},
		{name: "400", collector: func(t *testing.T) string { return handler(t, answer(400)) }, cause: "refused", says: "status 400 Bad Request"},
		{name: "404", collector: func(t *testing.T) string { return handler(t, answer(404)) }, cause: "refused", says: "status 404 Not Found"},
		{name: "500", collector: func(t *testing.T) string { return handler(t, answer(500)) }, cause: "refused", says: "status 500"},
		{name: "503", collector: func(t *testing.T) string { return handler(t, answer(503)) }, cause: "exit", says: "status 503"},
		{name: "503 at times", collector: func(t *testing.T) string {
			var n atomic.Int32
			return handler(t, func(w http.ResponseWriter, r *http.Request) {
				if io.Copy(io.Discard, r.Body); n.Add(1)%2 == 1 {
					w.WriteHeader(503)
				}
			})
		}, env: []string{"OTEL_BSP_SCHEDULE_DELAY=10"}, delivered: true, says: "status 503"},
		{name: "garbage", collector: func(t *testing.T) string {
			return raw(t, func(c net.Conn) {
				fmt.Fprint(c, "220 smtp.example.com ESMTP\r\n")
				io.Copy(io.Discard, c)
			})
		}, cause: "exit", says: "cannot export"},
		{name: "hanging", collector: func(t *testing.T) string { return raw(t, func(c net.Conn) { io.Copy(io.Discard, c) }) }, cause: "exit"},
		{name: "not reading", collector: func(t *testing.T) string { return raw(t, func(net.Conn) {}) }, cause: "exit"},
		{name: "half closing", collector: func(t *testing.T) string {
			return raw(t, func(c net.Conn) {
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
		}, cause: "exit"},
		{name: "closing in the middle", collector: func(t *testing.T) string {
			return raw(t, func(c net.Conn) {
				bufio.NewReader(c).ReadString('\n')
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			})
		}, cause: "exit", says: "cannot export"},
		{name: "endless answer", collector: func(t *testing.T) string {
			return raw(t, func(c net.Conn) {
				bufio.NewReader(c).ReadString('\n')
				for line := "HTTP/1.1 200 OK\r\n"; ; line = "X-More: and more\r\n" {
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			})
		}, cause: "exit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.collector(t), "WEFT_DEBUG=1"}, c.env...)
			out, _ := p.Run(t, env, strconv.Itoa(requests))
			if out.Stdout != fmt.Sprintf("served %d\n", requests) || out.Code != 0 {
				t.Errorf("exit code %d, stdout %s", out.Code, out.Stdout)
			}
			got := readTotals(t, out.Stderr)
			if got.recorded != 2*requests || got.exported+got.lost != got.recorded {
				t.Errorf("%d recorded, %d exported and %d lost", got.recorded, got.exported, got.lost)
			}
			if c.delivered && got.lost != 0 {
				t.Errorf("lost %v", got.causes)
			}
			if !c.delivered && got.causes[c.cause] != got.recorded {
				t.Errorf("lost %v, want all by %s", got.causes, c.cause)
			}
			if !strings.Contains(out.Stderr, c.says) {
				t.Errorf("does not say %q:\n%s", c.says, out.Stderr)
			}
			for line := range strings.Lines(out.Stderr) {
				if !strings.HasPrefix(line, "weft: ") {
					t.Errorf("says %s", line)
				}
			}
			if n := strings.Count(out.Stderr, "cannot export"); n > 1 {
				t.Errorf("said %d times that it cannot export:\n%s", n, out.Stderr)
			}
		})
	}
}

// A collector that hangs, and far more spans than there is room for: memory stays bounded and every span is accounted for.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("puts load on the machine")
	}
	p := pair.Build(t, "testdata/app", "local")
	const requests = 60_000
	hanging := raw(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	kib := func(env ...string) (int, string) {
		out, _ := p.Run(t, env, strconv.Itoa(requests), "memory")
		var served, n int
		if _, err := fmt.Sscanf(out.Stdout, "served %d\nKiB %d\n", &served, &n); err != nil || served != requests {
			t.Fatalf("%v in %s\n%s", err, out.Stdout, out.Stderr)
		}
		return n, out.Stderr
	}
	none, _ := kib("OTEL_SDK_DISABLED=true")
	for _, limit := range []int{32, 8} {
		with, stderr := kib("OTEL_EXPORTER_OTLP_ENDPOINT="+hanging, "WEFT_DEBUG=1", fmt.Sprintf("WEFT_MEMORY_LIMIT=%dMiB", limit))
		got := readTotals(t, stderr)
		t.Logf("limit %d MiB: %d KiB more than the %d KiB with tracing disabled; %d spans recorded, lost %v", limit, with-none, none, got.recorded, got.causes)
		// The code of an HTTP client and its stacks are not in the limit, but in the default all is.
		if more, most := (with-none)/1024, min(limit+4, 32); more > most {
			t.Errorf("%d MiB more than without tracing, with a limit of %d", more, limit)
		}
		if got.exported != 0 || got.causes["queue_full"] == 0 || got.lost+got.exported < 2*requests {
			t.Errorf("%d requests, but %d exported and %v lost", requests, got.exported, got.causes)
		}
	}
}

// Every span of a busy program arrives at a healthy collector.
func TestAllDelivered(t *testing.T) {
	p := pair.Build(t, "testdata/app", "local")
	sink, err := watch.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	const requests = 20_000
	sink.CountOnly = true
	out, _ := p.Run(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.URL}, strconv.Itoa(requests))
	if out.Stderr != "" {
		t.Errorf("says %s", out.Stderr)
	}
	if sink.Count() != 2*requests {
		t.Errorf("%d spans arrived, want %d", sink.Count(), 2*requests)
	}
}
