package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/weft-trace/weft/bench/internal/sink"
	"github.com/weft-trace/weft/bench/internal/toolchain"
)

// A server is one running process of a variant, with a sink of its own.
type server struct {
	variant *variant
	load    load
	got     *figures

	sink    *sink.Sink
	cmd     *exec.Cmd
	stdout  *bufio.Scanner
	stderr  strings.Builder
	process toolchain.Process
	url     string

	before   int64         // spans that came before the first request
	cpu      time.Duration // at the beginning of the last turn
	requests float64       // in the last turn
}

// start starts the program, waits until it serves, and looks at one request.
func start(v *variant, f *figures, l load, cores string) (s *server, err error) {
	s = &server{variant: v, load: l, got: f}
	if s.sink, err = sink.Start(); err != nil {
		return nil, err
	}
	endpoint := s.sink.URL
	if *collector == "none" {
		endpoint = "http://127.0.0.1:1"
	}
	s.cmd = exec.Command(v.bin)
	if cores != "" {
		s.cmd = exec.Command("taskset", "-c", cores, v.bin)
	}
	s.cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_SERVICE_NAME=app")
	if v.name == "by hand" {
		// Else the spans from before the load would arrive five seconds later and be counted with the requests'.
		s.cmd.Env = append(s.cmd.Env, "OTEL_BSP_SCHEDULE_DELAY=500")
	}
	s.cmd.Env = append(s.cmd.Env, strings.FieldsFunc(*environ, func(r rune) bool { return r == ',' })...)
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.process = toolchain.Process(s.cmd.Process.Pid)
	s.stdout = bufio.NewScanner(stdout)
	if !s.stdout.Scan() {
		s.kill()
		return nil, fmt.Errorf("no address on stdout\n%s", s.stderr.String())
	}
	s.url = s.stdout.Text()

	// What the program does before it serves makes spans too (it fills its database): they are not the requests'.
	s.before = s.sink.Settle(1500*time.Millisecond, 10*time.Second)
	idle, _, err := s.process.RSS()
	if err == nil {
		s.got.idle = append(s.got.idle, float64(idle)/(1<<20))
		err = s.look()
	}
	if err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.sink.Close()
}

// turn loads the server once.
func (s *server) turn(script string) error {
	if err := s.account(); err != nil {
		return err
	}
	r, err := wrk(script, s.url+s.load.path, time.Duration(*seconds)*time.Second)
	if err != nil {
		return err
	}
	if r.Errors != 0 || r.Requests == 0 {
		return fmt.Errorf("wrk: %+v", r)
	}
	s.requests = r.Requests
	s.got.rate = append(s.got.rate, r.Requests/(r.Micros/1e6))
	s.got.p50 = append(s.got.p50, r.P50)
	s.got.p99 = append(s.got.p99, r.P99)
	return nil
}

// account takes the CPU time since the beginning of the last turn. So what is exported after a turn counts for it.
func (s *server) account() error {
	cpu, err := s.process.CPU()
	if err != nil {
		return err
	}
	if s.requests > 0 {
		s.got.cpu = append(s.got.cpu, float64((cpu-s.cpu).Nanoseconds())/1e3/s.requests)
	}
	s.cpu, s.requests = cpu, 0
	return nil
}

// end stops the program and counts.
func (s *server) end() error {
	if err := s.account(); err != nil {
		return err
	}
	_, most, err := s.process.RSS()
	if err != nil {
		return err
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	var hellos, orders, stocks int64
	if !s.stdout.Scan() {
		return fmt.Errorf("no count on stdout\n%s", s.stderr.String())
	}
	if _, err := fmt.Sscan(s.stdout.Text(), &hellos, &orders, &stocks); err != nil {
		return fmt.Errorf("count on stdout: %q: %w", s.stdout.Text(), err)
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, s.stderr.String())
	}
	if err := s.sink.Err(); err != nil {
		return err
	}
	f := s.got
	f.rss = append(f.rss, float64(most)/(1<<20))
	f.want += max(hellos, orders) * s.load.spans
	f.spans += s.sink.Spans() - s.before
	f.bytes += s.sink.Bytes()
	for line := range strings.Lines(s.stderr.String()) {
		f.said[strings.TrimSpace(line)]++
	}
	return nil
}

// look sends one request alone and keeps its spans as a tree, one line each.
func (s *server) look() error {
	s.sink.Keep(true)
	defer s.sink.Keep(false)
	r, err := http.Get(s.url + s.load.path)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || r.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s (%v)", s.load.path, r.Status, body, err)
	}
	s.sink.Settle(1500*time.Millisecond, 10*time.Second)
	spans := s.sink.Kept()
	var tree []string
	var under func(parent, indent string)
	under = func(parent, indent string) {
		for _, sp := range spans {
			if sp.Parent == parent {
				tree = append(tree, indent+sp.Name)
				under(sp.ID, indent+"  ")
			}
		}
	}
	under("", "")
	traces := map[string]bool{}
	for _, sp := range spans {
		traces[sp.Trace] = true
	}
	s.got.whole = len(traces) == 1 && len(tree) == int(s.load.spans) && len(spans) == len(tree)
	if len(tree) > 12 {
		tree = append(tree[:12], "…")
	}
	s.got.tree = append(tree, fmt.Sprintf("(%d spans in %d traces)", len(spans), len(traces)))
	return nil
}
