//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weft-trace/weft/bench/internal/toolchain"
)

// backend is a running process that takes OTLP and answers questions.
type backend struct {
	name string
	pid  int
	dir  string // of its data; "" is unknown
	grpc string // host:port that takes OTLP over gRPC; "" if none
	http string // URL that takes OTLP over HTTP; "" if none
	apis []namedAPI
	stop func() error // nil for a process that is not ours
}

type namedAPI struct {
	name string
	api
}

// freePort is a port of the loopback interface on which nothing listened a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func freePorts(n int) (addresses []string, err error) {
	for range n {
		a, err := freePort()
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}

// startWeft starts the `weft serve` of this checkout on an empty directory.
func startWeft(tools *toolchain.Toolchain, o options) (*backend, error) {
	dir, err := os.MkdirTemp(o.dir, "bench-weft-")
	if err != nil {
		return nil, err
	}
	a, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--store.dir=" + dir, "--listen.http=" + a[0], "--listen.otlp_grpc=" + a[1], "--listen.otlp_http=" + a[2],
		"--listen.zipkin=off", "--log.level=warn"}
	b := &backend{name: "weft", dir: dir, grpc: a[1], http: "http://" + a[2] + "/v1/traces",
		apis: []namedAPI{{"weft's API", weft{"http://" + a[0]}}, {"Jaeger's API", jaeger{"http://" + a[0]}}}}
	return b, b.start(exec.Command(tools.Weft, append(args, strings.Fields(o.weftArgs)...)...), "http://"+a[0]+"/readyz")
}

// startJaeger builds Jaeger, a tool of the module in bench/store/jaeger, and starts it with Badger on an empty directory.
func startJaeger(tools *toolchain.Toolchain, o options) (*backend, error) {
	here := filepath.Join(tools.Root, "bench", "store", "jaeger")
	bin := o.jaeger
	if bin == "" {
		bin = filepath.Join(tools.Temp, "jaeger")
		if _, err := os.Stat(bin); err != nil {
			fmt.Fprintln(os.Stderr, "building Jaeger: minutes, the first time")
			cmd := exec.Command("go", "build", "-o", bin, "github.com/jaegertracing/jaeger/cmd/jaeger")
			cmd.Dir = here
			if out, err := cmd.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("build Jaeger: %w\n%s", err, out)
			}
		}
	}
	dir, err := os.MkdirTemp(o.dir, "bench-jaeger-")
	if err != nil {
		return nil, err
	}
	a, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, "--config", filepath.Join(here, "config.yaml"))
	cmd.Env = append(os.Environ(), "BENCH_DIR="+dir, "BENCH_QUERY="+a[0], "BENCH_QUERY_GRPC="+a[1], "BENCH_OTLP_GRPC="+a[2], "BENCH_OTLP_HTTP="+a[3])
	b := &backend{name: "Jaeger", dir: dir, grpc: a[2], http: "http://" + a[3] + "/v1/traces",
		apis: []namedAPI{{"Jaeger's API", jaeger{"http://" + a[0]}}}}
	return b, b.start(cmd, "http://"+a[0]+"/api/services")
}

// start runs the process and waits until a GET of ready is answered. Its data goes away when it is stopped.
func (b *backend) start(cmd *exec.Cmd, ready string) error {
	log, err := os.CreateTemp("", "bench-"+strings.ToLower(b.name)+"-log-")
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		os.RemoveAll(b.dir)
		return err
	}
	b.pid = cmd.Process.Pid
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	b.stop = func() error {
		defer os.RemoveAll(b.dir)
		defer os.Remove(log.Name())
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-exited:
			if err != nil {
				return fmt.Errorf("%s ended: %w\n%s", b.name, err, tail(log))
			}
			return nil
		case <-time.After(2 * time.Minute):
			cmd.Process.Kill()
			return fmt.Errorf("%s did not end within two minutes of SIGTERM; it was killed", b.name)
		}
	}
	for range 600 {
		if resp, err := http.Get(ready); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-exited:
			exited <- err
			return fmt.Errorf("%s ended at its start: %v\n%s", b.name, err, tail(log))
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.Join(fmt.Errorf("%s: %s does not answer 200\n%s", b.name, ready, tail(log)), b.stop())
}

// tail is the end of a log.
func tail(log *os.File) string {
	const most = 2000
	info, err := log.Stat()
	if err != nil {
		return err.Error()
	}
	b := make([]byte, min(info.Size(), most))
	n, err := log.ReadAt(b, info.Size()-int64(len(b)))
	if err != nil && err != io.EOF {
		return err.Error()
	}
	return string(b[:n])
}

// external reads the description of a backend that runs already: name=…,pid=…,grpc=host:port,http=URL,dir=…,jaeger=URL,weft=URL.
func external(text string) (*backend, error) {
	b := &backend{}
	for part := range strings.SplitSeq(text, ",") {
		k, v, _ := strings.Cut(part, "=")
		switch k {
		case "name":
			b.name = v
		case "pid":
			var err error
			if b.pid, err = strconv.Atoi(v); err != nil {
				return nil, fmt.Errorf("-with %s: pid: %w", text, err)
			}
		case "dir":
			b.dir = v
		case "grpc":
			b.grpc = v
		case "http":
			b.http = v
		case "jaeger":
			b.apis = append(b.apis, namedAPI{"Jaeger's API", jaeger{strings.TrimSuffix(v, "/")}})
		case "weft":
			b.apis = append(b.apis, namedAPI{"weft's API", weft{strings.TrimSuffix(v, "/")}})
		default:
			return nil, fmt.Errorf("-with %s: unknown %q; known are name, pid, dir, grpc, http, jaeger and weft", text, k)
		}
	}
	if b.name == "" || b.pid == 0 {
		return nil, fmt.Errorf("-with %s: name and pid are needed", text)
	}
	return b, nil
}
