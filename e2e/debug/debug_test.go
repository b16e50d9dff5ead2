// Package debug tests what someone sees who debugs a woven program: the same
// functions, files and lines as in the plain one, for the program's own code, for
// that of a module from the module cache, and for the standard library.
package debug

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/e2e/context/toolchain"
	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/rt/patch"
)

func TestMain(m *testing.M) { pair.Main(m) }

// long says whether to compile the whole of std in other ways, and to try every
// version of Go. It takes some minutes.
var long = os.Getenv("WEFT_LONG") != ""

const app = "testdata/app"

// build builds a program of testdata plain and woven.
func build(t *testing.T, dir, toolchain string, flags ...string) (plain, woven string) {
	t.Helper()
	return pair.Build(t, dir, toolchain, flags...).Paths()
}

// same fails the test if what the plain and the woven program print, or how they
// end, differs.
func same(t *testing.T, plain, woven string, env []string, args ...string) (shown string) {
	t.Helper()
	want, got := run(t, plain, env, args...), run(t, woven, env, args...)
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("app %s: plain (-) and woven (+) differ:\n%s", strings.Join(args, " "), d)
	}
	return want
}

// run runs a program and returns what it prints, without what varies from run to
// run, and its status.
func run(t *testing.T, exe string, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(append(os.Environ(), "OTEL_TRACES_EXPORTER=none"), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s did not end; it says\n%s", cmd, &out)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return scrub(out.String()) + cmd.ProcessState.String() + "\n"
}

// scrub takes out of a text what differs between two runs of one binary, or
// between two binaries of the same source: addresses and offsets in code, values of
// arguments, numbers of goroutines, ports, times. Files, lines and names of
// functions stay.
func scrub(s string) string {
	for _, v := range varies {
		s = v.re.ReplaceAllString(s, v.with)
	}
	return s
}

var varies = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m) \+0x[0-9a-f]+( fp=0x[0-9a-f]+ sp=0x[0-9a-f]+ pc=0x[0-9a-f]+)?$`), ""},
	{regexp.MustCompile(`0x[0-9a-f]+`), "0x"},
	{regexp.MustCompile(`(?m)^([\w./*()\[\]{}·-]+\()[^)]*\)$`), "$1…)"}, // the arguments of a frame
	{regexp.MustCompile(`goroutine \d+( gp=0x m=\w+( mp=0x)?)?`), "goroutine N"},
	{regexp.MustCompile(`_cgoexp_[0-9a-f]{12}_`), "_cgoexp_"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`(?m) trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16}`), ""},
}

// scenarios are those of testdata/app that compare as they are, each with
// something that it must show, so that none can be empty.
var scenarios = []struct {
	args  []string
	shows string // regular expressions, one a line
}{
	{[]string{"frames-own"}, `
		main\.framesOwn \S+/testdata/app/frames\.go:\d+
		main\.\(\*method\)\.Pointer \S+/testdata/app/frames\.go:\d+
		slices\.SortFunc\S* \S+/src/slices/sort\.go:\d+`},
	{[]string{"frames-module"}, `
		go\.yaml\.in/yaml/v3\.Unmarshal \S+/go\.yaml\.in/yaml/v3@v[^/]+/yaml\.go:\d+`},
	{[]string{"frames-goroutines"}, `
		in a worker:
		runtime\.goexit \S+/src/runtime/asm_\w+\.s:\d+`},
	{[]string{"frames-http"}, `
		net/http\.\(\*conn\)\.serve \S+/src/net/http/server\.go:\d+
		net/http\.\(\*Client\)\.do \S+/src/net/http/client\.go:\d+
		while dialing:`},
	{[]string{"frames-sql"}, `
		database/sql\.\(\*DB\)\.retry \S+/src/database/sql/sql\.go:\d+
		scanner\.Scan:`},
	{[]string{"logs"}, `
		log logs\.go:\d+: Println
		log /\S+/testdata/app/logs\.go:\d+: Output
		source=/\S+/testdata/app/logs\.go:\d+ msg=LogAttrs
		Infof logs\.go \d+ main\.logger\.Infof true
		in a log's writer:`},
	{[]string{"stacks"}, `
		handler, module:
		runtime error: integer divide by zero
		/src/net/http/server\.go:\d+
		/yaml/v3@v[^/]+/decode\.go:\d+`},
	{[]string{"panic=text"}, `
		^panic: text
		/testdata/app/main\.go:\d+
		exit status 2`},
	{[]string{"panic-error=text"}, `
		wrapped: text`},
	{[]string{"panic-module"}, `
		/yaml/v3@v[^/]+/yaml\.go:\d+`},
	{[]string{"panic-goroutine"}, `
		created by main\.\S+ in goroutine`},
	{[]string{"panic-handler"}, `
		http: panic serving`},
	{[]string{"panic-in-request"}, `
		SIGSEGV
		created by main\.\S+ in goroutine`},
	{[]string{"panic-sql"}, `
		database/sql\.\(\*DB\)\.retry
		in the driver`},
	{[]string{"repanic"}, `
		again: `},
	{[]string{"traceback=none", "panic=text"}, `panic: text`},
}

// TestDebugging looks at one program in all ways.
func TestDebugging(t *testing.T) {
	plain, woven := build(t, app, "local", "-ldflags=") // with DWARF
	for _, way := range []struct {
		name string
		look func(t *testing.T, plain, woven string)
	}{
		{"stacks", stacks},
		{"crashes", crashes},
		{"dump", dump},
		{"profiles", profiles},
		{"symbols", symbols},
	} {
		t.Run(way.name, func(t *testing.T) { way.look(t, plain, woven) })
	}
}

// stacks: callers, stack traces, lines of logs and panics name what they name in
// the plain program, frame by frame.
func stacks(t *testing.T, plain, woven string) {
	for _, s := range scenarios {
		t.Run(strings.Join(s.args, ","), func(t *testing.T) {
			shown := same(t, plain, woven, nil, s.args...)
			for re := range strings.Lines(strings.TrimSpace(s.shows)) {
				if !regexp.MustCompile("(?m)" + strings.TrimSpace(re)).MatchString(shown) {
					t.Errorf("%q does not match what both show:\n%s", re, shown)
				}
			}
		})
	}
}

// TestVersions: on the newest release of each minor version of Go a woven server
// shows the files of std and of modules where they are, and its trace is whole. With
// WEFT_LONG set all is compared with the plain program, on the first and the newest
// release of each; that compiles std twice for each.
func TestVersions(t *testing.T) {
	for _, v := range toolchain.Versions(t, patch.Oldest, patch.Newest, !long) {
		t.Run(v, func(t *testing.T) {
			tc := toolchain.Get(t, v)
			var p *pair.Program
			if long {
				p = pair.Build(t, app, v)
				plain, woven := p.Paths()
				stacks(t, plain, woven)
			} else {
				p = pair.Weave(t, app, v)
			}
			out, spans := p.Run(t, nil, "request")
			pair.Conform(t, spans)
			pair.WantTree(t, spans, `
				client GET
				  server GET
				    internal unmarshal
				    internal unmarshal`)
			for _, re := range []string{
				`main\.request\.func1 \S+/testdata/app/frames\.go:\d+\n`,
				`go\.yaml\.in/yaml/v3\.Unmarshal \S+/go\.yaml\.in/yaml/v3@v[^/]+/yaml\.go:\d+\n`,
				`net/http\.\(\*conn\)\.serve ` + regexp.QuoteMeta(real(t, tc.Root)) + `/src/net/http/server\.go:\d+\n`,
				`runtime\.goexit ` + regexp.QuoteMeta(real(t, tc.Root)) + `/src/runtime/asm_\w+\.s:\d+\n`,
			} {
				if !regexp.MustCompile(re).MatchString(out.Stdout) {
					t.Errorf("%q does not match what it shows:\n%s", re, out.Stdout)
				}
			}
			if strings.Contains(out.Stdout, "weft") && !strings.Contains(tc.Root, "weft") {
				t.Errorf("weft shows:\n%s", out.Stdout)
			}
		})
	}
}

// real is a directory without the symbolic links on the way to it.
func real(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFlags does the same with what is given to the compiler for debugging, and
// with what is left out for reproducible builds.
func TestFlags(t *testing.T) {
	if !long {
		t.Skip("WEFT_LONG is not set")
	}
	for _, flag := range []string{"-gcflags=all=-N -l", "-trimpath", "-race", "-ldflags=-s -w"} {
		t.Run(flag, func(t *testing.T) {
			plain, woven := build(t, app, "local", flag)
			for _, s := range scenarios {
				same(t, plain, woven, nil, s.args...)
			}
		})
	}
}
