//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/weft-trace/weft/bench/client"
	"github.com/weft-trace/weft/bench/internal/toolchain"
	"github.com/weft-trace/weft/bench/workload"
)

// server is a running weft serve.
type server struct {
	url, otlp string
	cmd       *exec.Cmd
	said      bytes.Buffer
	remove    string // its directory, if it is ours
}

// freePorts are addresses on which nothing listened a moment ago.
func freePorts() (addresses [2]string, err error) {
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return addresses, err
		}
		defer l.Close()
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}

// startServer starts weft on a directory, a new one if dir is empty.
func startServer(ctx context.Context, tools *toolchain.Toolchain, dir string) (*server, error) {
	s := &server{}
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "weft-bench-store-"); err != nil {
			return nil, err
		}
		s.remove = dir
	}
	addresses, err := freePorts()
	if err != nil {
		return nil, err
	}
	s.url, s.otlp = "http://"+addresses[0]+"/", "http://"+addresses[1]
	s.cmd = exec.Command(tools.Weft, "serve", "--store.dir", dir, "--listen.http", addresses[0], "--listen.otlp_http", addresses[1], "--listen.otlp_grpc", "off", "--listen.zipkin", "off",
		"--store.retention.age", "off", "--log.level", "warn")
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	return s, s.start(ctx)
}

var soon = &http.Client{Timeout: 5 * time.Second}

func (s *server) start(ctx context.Context) error {
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); ; {
		resp, err := soon.Get(s.url + "readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		if ctx.Err() != nil || time.Now().After(end) {
			s.stop()
			return fmt.Errorf("weft serve does not start: %w\n%s", err, s.said.Bytes())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
	if s.remove != "" {
		os.RemoveAll(s.remove)
	}
}

// api asks for JSON.
func (s *server) api(path string, result any) error {
	resp, err := http.Get(s.url + "api/weft/v1/" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(result)
}

// sendTrace sends one trace of so many spans and returns its id.
func (s *server) sendTrace(ctx context.Context, data string, spans int) (id string, err error) {
	out, err := exec.CommandContext(ctx, data, "-endpoint", s.otlp, "-spans", fmt.Sprint(spans), "-seed", fmt.Sprint(spans)).Output()
	if err != nil {
		return "", fmt.Errorf("send a trace of %d spans: %w", spans, err)
	}
	var said struct{ Traces struct{ Spans string } }
	return said.Traces.Spans, json.Unmarshal(out, &said)
}

// sendWorkload sends spans of known shape, spread over the last hour.
func (s *server) sendWorkload(ctx context.Context, spans int64) error {
	c := client.HTTP(s.otlp+"/v1/traces", client.Options{})
	defer c.Close()
	g := workload.New(workload.Workload{Traces: spans / workload.SpansPerTrace, End: time.Now().UnixNano()})
	const each = 400
	var body []byte
	for at := int64(0); at < g.Traces; at += each {
		if at%(each*2500) == 0 {
			progress("%d of %d spans sent", at*workload.SpansPerTrace, g.Spans())
		}
		body = g.AppendRequest(body[:0], at, min(at+each, g.Traces), nil)
		if rejected, _, err := c.ExportPatiently(ctx, body); err != nil || rejected > 0 {
			return fmt.Errorf("send spans: %d rejected: %w", rejected, err)
		}
	}
	return nil
}

// settle waits until the server has used no CPU for two seconds: until it has cut and compacted what it was sent.
func (s *server) settle(ctx context.Context) error {
	p := toolchain.Process(s.cmd.Process.Pid)
	last, err := p.CPU()
	for quiet := 0; err == nil && quiet < 4; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		var now time.Duration
		if now, err = p.CPU(); now-last < 20*time.Millisecond {
			quiet++
		} else {
			quiet = 0
		}
		last = now
	}
	return err
}
