package debug

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/e2e/internal/pair"
)

// TestLines: tests that fail, with helpers, in handlers, in panics and while
// fuzzing, name the lines that they name under "go test".
func TestLines(t *testing.T) {
	test := func(command ...string) string {
		cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], "test", "-count=1", "-v", "-coverprofile="+t.TempDir()+"/c", ".")...)
		cmd.Dir = "testdata/lines"
		cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none", "GOWORK=off", "GOFLAGS=")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); !errors.As(err, new(*exec.ExitError)) {
			t.Fatalf("%s: %v, want a failing test\n%s", cmd, err, &out)
		}
		return durations.ReplaceAllString(scrub(out.String()), "")
	}
	want, got := test("go"), test(pair.Weft(t), "go")
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("plain (-) and woven (+) differ:\n%s", d)
	}
	for _, re := range []string{`lines_test\.go:\d+: here`, `lines_test\.go:\d+: in a helper: 418`, `lines_test\.go:\d+: in a handler of /`,
		`lines_test\.go:\d+: log`, `lines_test\.go:\d+: fuzzed 1`, `source=/\S+/lines_test\.go:\d+ msg=slog`, `/testdata/lines/lines_test\.go:\d+\n`, `panic: assignment to entry in nil map`} {
		if !regexp.MustCompile(re).MatchString(want) {
			t.Errorf("%q does not match what both show:\n%s", re, want)
		}
	}
}

var durations = regexp.MustCompile(`\(?\d+\.\d+s\)?`)

// TestCgo: frames above a call from C, and a panic in one.
func TestCgo(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	plain, woven := build(t, "testdata/cgo", "local")
	for _, args := range [][]string{nil, {"panic"}} {
		shown := same(t, plain, woven, nil, args...)
		for _, re := range []string{`main\.fromC`, `main\._Cfunc_callGo`, `/testdata/cgo/main\.go:\d+`} {
			if !regexp.MustCompile(re).MatchString(shown) {
				t.Errorf("%q does not match what both show:\n%s", re, shown)
			}
		}
	}
}
