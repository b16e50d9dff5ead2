// Package exit compares how programs end, plain and woven: exit code, signal, standard output and standard error. And
// whatever way it ends, what it recorded has arrived.
package exit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup the programs that are started would ignore it, too
	pair.Main(m)
}

// spans is how many the program records before it ends: a client's and a server's for each of three requests.
const spans = 6

// lossy are the ends at which nobody can flush, or is not meant to: a second signal strikes at once. What the runtime says of
// all goroutines then, its own included, is not compared.
var lossy = map[string]bool{"SIGKILL": true, "SIGTERM twice": true, "concurrent map writes": true, "panic in Error": true}

var ends = []string{
	"return", "exit0", "exit3", "exit255", "exit in a goroutine", "exit in many goroutines", "exit in a deferred function", "exit on a locked thread",
	"log.Fatal", "log.Panic", "panic", "panic error", "panic nil", "panic goexit", "panic in a goroutine", "panic again", "panic in panic", "panic in Error",
	"panic under a lock", "nil pointer", "index", "recovered", "concurrent map writes",
	"SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "SIGTERM twice", "SIGTERM while busy", "SIGTERM and exit", "SIGTERM handled", "SIGTERM handled and reset", "SIGTERM ignored",
	"SIGHUP ignored by the parent", "late SIGTERM", "goroutines",
}

// result is all that others see of a program's end.
type result struct {
	Stdout, Stderr string
	Code           int
	Signal         string
}

func run(t *testing.T, exe string, env []string, args ...string) (result, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, args...)
	if args[0] == "SIGHUP ignored by the parent" {
		cmd = exec.CommandContext(ctx, "sh", append([]string{"-c", `trap "" HUP; exec "$0" "$@"`, exe}, args...)...) // as nohup does
	}
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %v did not end; stderr:\n%s", exe, args, &stderr)
	}
	r := result{Stdout: pair.Scrub(stdout.String()), Stderr: pair.Scrub(stderr.String()), Code: cmd.ProcessState.ExitCode()}
	if args[0] == "panic in Error" || args[0] == "concurrent map writes" {
		r.Stderr, _, _ = strings.Cut(r.Stderr, "\ngoroutine")
	}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		r.Signal = ws.Signal().String()
	}
	return r, time.Since(start)
}

func TestEnds(t *testing.T) {
	for _, tc := range pair.Toolchains() {
		t.Run(tc, func(t *testing.T) {
			plainExe, wovenExe := pair.Build(t, "testdata/app", tc).Paths()
			for _, end := range ends {
				t.Run(end, func(t *testing.T) {
					t.Parallel()
					sink, err := watch.Listen()
					if err != nil {
						t.Fatal(err)
					}
					defer sink.Close()
					env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.URL}
					plain, _ := run(t, plainExe, env, end)
					woven, _ := run(t, wovenExe, env, end)
					if d := cmp.Diff(plain, woven); d != "" {
						t.Errorf("plain (-) and woven (+) differ:\n%s", d)
					}
					if n := sink.Count(); n != spans && !lossy[end] {
						t.Errorf("%d spans arrived, want %d", n, spans)
					}
				})
			}
		})
	}
}

// A program whose goroutines are all asleep is told so by the runtime: weft's own do not count, once they rest.
func TestDeadlock(t *testing.T) {
	plainExe, wovenExe := pair.Build(t, "testdata/app", "local", "-tags=netgo").Paths() // no cgo
	for _, end := range []string{"deadlock", "goexit"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			sink, err := watch.Listen()
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.URL}
			plain, _ := run(t, plainExe, env, end)
			woven, _ := run(t, wovenExe, env, end)
			if d := cmp.Diff(plain, woven); d != "" {
				t.Errorf("plain (-) and woven (+) differ:\n%s", d)
			}
			if !strings.Contains(plain.Stderr, "deadlock!") {
				t.Errorf("the plain program says %s", plain.Stderr)
			}
			if n := sink.Count(); n != spans {
				t.Errorf("%d spans arrived, want %d", n, spans)
			}
		})
	}
}

// With nobody at the default endpoint a woven program ends as the plain one does, too, says nothing, and does not wait.
// With a collector that hangs it waits for a limited time.
func TestEndsUnobserved(t *testing.T) {
	plainExe, wovenExe := pair.Build(t, "testdata/app", "local").Paths()
	ln, err := watch.Listen() // a port where nobody listens
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	for _, end := range []string{"return", "exit3", "panic", "SIGTERM", "log.Fatal"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			plain, _ := run(t, plainExe, nil, end)
			for name, env := range map[string][]string{
				"disabled": {"OTEL_SDK_DISABLED=true"},
				"none":     {"OTEL_TRACES_EXPORTER=none"},
				"default":  {"HTTP_PROXY=" + ln.URL}, // not used for localhost
			} {
				woven, _ := run(t, wovenExe, env, end)
				if d := cmp.Diff(plain, woven); d != "" {
					t.Errorf("%s: plain (-) and woven (+) differ:\n%s", name, d)
				}
			}
		})
	}
}
