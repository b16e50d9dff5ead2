package debug

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump: what the runtime prints on SIGQUIT, at each level of GOTRACEBACK, has the
// same goroutines with the same stacks. Goroutines of the runtime itself are left
// out, and that of weft's agent, which counts as one: it shows where those do.
func dump(t *testing.T, plain, woven string) {
	for _, level := range []string{"single", "all", "system"} {
		t.Run(level, func(t *testing.T) {
			want, got := quit(t, plain, level), quit(t, woven, level)
			if d := cmp.Diff(own(want), own(got)); d != "" {
				t.Errorf("plain (-) and woven (+) differ:\n%s", d)
			}
			for _, re := range []string{`(?m)^main\.quit`, `/testdata/app/panics\.go:\d+`, `/yaml/v3@v[^/]+/yaml\.go:\d+`, `/net/http/server\.go:\d+`, `(?m)^created by main\.quit`} {
				if !regexp.MustCompile(re).MatchString(strings.Join(own(want), "\n\n")) {
					t.Errorf("%q does not match what both show:\n%s", re, strings.Join(own(want), "\n\n"))
				}
			}
			agents := slices.DeleteFunc(slices.Clone(got), func(g string) bool { return !strings.Contains(g, "weft/agent") })
			if len(agents) > 1 {
				t.Errorf("%d goroutines of the agent, want one at most:\n%s", len(agents), strings.Join(agents, "\n\n"))
			}
			for _, g := range got {
				if strings.Contains(g, "weft") && !slices.Contains(agents, g) {
					t.Errorf("weft shows:\n%s", g)
				}
			}
		})
	}
}

// crashes: a panic shows the same, with all goroutines and the runtime's frames.
func crashes(t *testing.T, plain, woven string) {
	args := []string{"traceback=system", "panic-module"}
	want, got := strings.Split(run(t, plain, nil, args...), "\n\n"), strings.Split(run(t, woven, nil, args...), "\n\n")
	if d := cmp.Diff(own(want), own(got)); d != "" || len(own(want)) == 0 {
		t.Errorf("plain (-) and woven (+) differ:\n%s\n%s", d, want)
	}
	if !strings.Contains(strings.Join(own(want), ""), "runtime.main(…)") {
		t.Errorf("no frames of the runtime:\n%s", want)
	}
}

// quit runs a program until its goroutines wait, sends SIGQUIT, and returns the
// goroutines that it prints.
func quit(t *testing.T, exe, level string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), exe, "quit")
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none", "GOTRACEBACK="+level)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Errorf("program says %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Error(err)
	}
	_, _ = io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("program ended with %v", cmd.ProcessState)
	}
	list := strings.Split(scrub(stderr.String()), "\n\n")
	slices.Sort(list)
	return list
}

// own returns the goroutines that run the program's code, or net/http's for it, but
// for the one that said that the program is ready.
func own(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(g string) bool {
		return strings.Contains(g, "\nmain.announce") || !strings.HasPrefix(g, "goroutine N") || !strings.Contains(g, "\nmain.") && !strings.Contains(g, "\nnet/http.")
	})
}
