// Package pair builds a program twice, with the go command and with "weft go",
// runs both and compares what they print. What a woven program records arrives at
// a receiver of its own.
package pair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/e2e/context/toolchain"
	"github.com/weft-trace/weft/rt/patch"
	"github.com/weft-trace/weft/watch"
)

// Toolchains is the Go versions that the tests of integrations run on, as values
// of GOTOOLCHAIN: those in WEFT_TEST_TOOLCHAINS, where "all" is the first and the
// newest release of each minor version, or else the one that runs the tests.
func Toolchains() []string {
	switch s := os.Getenv("WEFT_TEST_TOOLCHAINS"); s {
	case "":
		return []string{"local"}
	case "all":
		list, err := toolchain.All(patch.Oldest, patch.Newest)
		if err != nil {
			panic(fmt.Sprintf("WEFT_TEST_TOOLCHAINS=all: %v", err))
		}
		return list
	default:
		return strings.Fields(s)
	}
}

// A Program is one program, built plain and woven.
type Program struct {
	Toolchain    string
	plain, woven string
}

// bin is the directory that holds what is built, until Main removes it: each program
// once, for all tests of a package. It is a new one, so nothing that is there is old.
var bin = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "weft-e2e-")
	if err != nil {
		panic(err)
	}
	return dir
})

var weft = sync.OnceValues(func() (string, error) {
	exe := filepath.Join(bin(), "weft")
	cmd := exec.Command("go", "build", "-ldflags=-w", "-o", exe, "./cmd/weft")
	cmd.Dir = root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build weft: %w\n%s", err, out)
	}
	return exe, nil
})

// root is the directory of this repository.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../..")
}

// Main is the TestMain of packages that use this one: it removes what Build left.
func Main(m *testing.M) {
	code := m.Run()
	os.RemoveAll(bin())
	os.Exit(code)
}

// Build builds the module in dir with both commands, unless that was done before
// with the same flags. A weaver that has anything to say, such as of a join point
// that it did not find, fails the test.
func Build(t testing.TB, dir, toolchain string, flags ...string) *Program {
	t.Helper()
	p := Weave(t, dir, toolchain, flags...)
	compile(t, dir, toolchain, p.plain, flags, "go")
	return p
}

// Weave builds the module in dir with weft alone, for programs of which the woven
// one says enough.
func Weave(t testing.TB, dir, toolchain string, flags ...string) *Program {
	t.Helper()
	p := place(dir, toolchain, flags)
	if said := compile(t, dir, toolchain, p.woven, flags, Weft(t), "go"); said != "" {
		t.Errorf("weft go build %s in %s says:\n%s", strings.Join(flags, " "), dir, said)
	}
	return p
}

var (
	builds sync.Mutex
	places = map[string]int{}
)

// place returns where a program is built to: plain and woven under the same name,
// which is part of what a program prints of itself.
func place(dir, toolchain string, flags []string) *Program {
	builds.Lock()
	defer builds.Unlock()
	key := strings.Join(append([]string{dir, toolchain}, flags...), "\x00")
	n, ok := places[key]
	if !ok {
		n = len(places)
		places[key] = n
	}
	at := filepath.Join(bin(), strconv.Itoa(n))
	return &Program{toolchain, filepath.Join(at, "plain", "app"), filepath.Join(at, "woven", "app")}
}

// compile has a command build the module in dir to a file, unless that is there,
// and returns what it says.
func compile(t testing.TB, dir, toolchain, out string, flags []string, command ...string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if _, err := os.Stat(out); err == nil {
		return ""
	}
	args := append(append(command[1:], "build", "-o", out), flags...)
	cmd := exec.Command(command[0], append(args, ".")...)
	cmd.Dir = dir
	// What only debuggers read takes the linker a third of its time, and flags may ask
	// for it; to collect garbage seldom saves the go command as much.
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+toolchain, "GOWORK=off", "GOFLAGS=-mod=mod -ldflags=-w", "GOGC=400")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, &stderr)
	}
	return downloads.ReplaceAllString(stderr.String(), "")
}

var downloads = regexp.MustCompile(`(?m)^(go: downloading .*|weft: (loading|weaving|laying).*)\n`)

// An Output is what a program did that others can see.
type Output struct {
	Stdout, Stderr string
	Code           int
}

// Compare runs both programs and fails the test if they differ in what they
// print, after Scrub and but for the trace ids of log lines, or in how they exit. It
// returns the woven one's output and
// the spans that it sent.
func (p *Program) Compare(t testing.TB, env []string, args ...string) (Output, []watch.Span) {
	t.Helper()
	plain, _ := p.run(t, p.plain, env, args)
	woven, spans := p.run(t, p.woven, env, args)
	woven.Stdout, woven.Stderr = ids.ReplaceAllString(woven.Stdout, ""), ids.ReplaceAllString(woven.Stderr, "")
	if d := cmp.Diff(plain, woven); d != "" {
		t.Errorf("app %s: plain (-) and woven (+) differ:\n%s", strings.Join(args, " "), d)
	}
	return woven, spans
}

// ids is what package log and log/slog add to what is logged inside a span.
var ids = regexp.MustCompile(`( |(,))"?trace_id"?[=:]"?[0-9a-f]{32}"?[ ,]"?span_id"?[=:]"?[0-9a-f]{16}"?`)

// Run runs the woven program alone.
func (p *Program) Run(t testing.TB, env []string, args ...string) (Output, []watch.Span) {
	t.Helper()
	return p.run(t, p.woven, env, args)
}

func (p *Program) run(t testing.TB, exe string, env, args []string) (Output, []watch.Span) {
	t.Helper()
	sink, err := watch.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL, "OTEL_SERVICE_NAME=app")
	cmd.Env = append(cmd.Env, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %s did not end; stderr:\n%s", exe, strings.Join(args, " "), &stderr)
	}
	return Output{Scrub(stdout.String()), Scrub(stderr.String()), cmd.ProcessState.ExitCode()}, sink.Spans()
}

var scrubs = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`0x[0-9a-f]+\??`), "0xADDR"},
	{regexp.MustCompile(`\+0xADDR`), ""},
	{regexp.MustCompile(`(127\.0\.0\.1|\[::1\]|localhost):\d+`), "$1:PORT"},
	{regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(\.\d+)?`), "TIME"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`goroutine \d+`), "goroutine N"},
	{regexp.MustCompile(`(?m)^(\S+\().*\)$`), "$1…)"}, // arguments in a traceback
	// Where the standard library lies; the weaver's own tests look at that.
	{regexp.MustCompile(`(?m)^\t\S+/src/((runtime|net|internal)/)`), "\tGOROOT/src/$1"},
}

// Scrub replaces what differs from run to run: addresses, ports, times.
func Scrub(s string) string {
	for _, r := range scrubs {
		s = r.re.ReplaceAllString(s, r.with)
	}
	return s
}
