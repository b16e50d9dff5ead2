// Package context tests the runtime patch by itself: programs built with nothing
// of weft but the patch, on each Go version that it supports.
package context

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/e2e/context/toolchain"
	"github.com/weft-trace/weft/rt/patch"
)

// long says whether everything is to be tried: every Go version, and long storms.
// It takes a quarter of an hour, most of it for compiling std.
var long = os.Getenv("WEFT_LONG") != ""

// build compiles a program of testdata, or with test set its tests, with the
// patch or plain, and returns the name of the binary.
func build(t *testing.T, tc toolchain.Toolchain, dir string, patched bool, args ...string) string {
	t.Helper()
	temp := t.TempDir()
	bin := filepath.Join(temp, filepath.Base(dir))
	if patched {
		overlay, err := patch.WriteOverlay(tc.Root, tc.Version, filepath.Join(temp, "overlay"))
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "-overlay", overlay, "-tags", "patched")
	}
	cmd := tc.Command(append(args, "-o", bin, ".")...)
	cmd.Dir = filepath.Join("testdata", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return bin
}

// run runs a test binary and passes on what it says when it fails.
func run(t *testing.T, env []string, bin string, args ...string) {
	t.Helper()
	cmd := exec.Command(bin, append(args, "-test.timeout=5m")...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		if len(out) > 1<<14 {
			out = append(out[:1<<14:1<<14], "\n…"...)
		}
		t.Errorf("%s %s: %v\n%s", strings.Join(env, " "), cmd, err, out)
	}
}

// TestPaths runs the tests in testdata/paths on each supported minor version of
// Go; with WEFT_LONG set, on the first and the newest release of each.
func TestPaths(t *testing.T) {
	for _, version := range toolchain.Versions(t, patch.Oldest, patch.Newest, !long) {
		t.Run(version, func(t *testing.T) {
			tc := toolchain.Get(t, version)
			run(t, nil, build(t, tc, "paths", true, "test", "-c"))
		})
	}
}

func TestRace(t *testing.T) {
	tc := toolchain.Get(t, "")
	bin := build(t, tc, "paths", true, "test", "-c", "-race")
	run(t, nil, bin, "-test.short")
	if long {
		run(t, []string{"GOMAXPROCS=4"}, bin, "-test.run=Storm|Schedule", "-storm=3s", "-test.short")
	}
}

// TestStorm runs all paths at once with the runtime's own checks switched on.
func TestStorm(t *testing.T) {
	tc := toolchain.Get(t, "")
	bin := build(t, tc, "paths", true, "test", "-c")
	checks, storm := []string{"clobberfree=1,gccheckmark=1"}, "-storm=1s"
	if long {
		storm = "-storm=10s"
		checks = append(checks,
			"",
			"clobberfree=1",
			"gccheckmark=1",
			"gcstoptheworld=1",
			"gcstoptheworld=2",
			"asyncpreemptoff=1",
			"gcshrinkstackoff=1",
		)
	}
	for _, godebug := range checks {
		run(t, []string{"GODEBUG=" + godebug, "GOGC=10"}, bin, "-test.run=Storm|Buffer|Pool", storm)
	}
}

// TestLockRanks builds with the runtime's check of the order of its locks.
func TestLockRanks(t *testing.T) {
	if !long {
		t.Skip("WEFT_LONG is not set")
	}
	tc := toolchain.Get(t, "")
	tc.Env = append(tc.Env, "GOEXPERIMENT=staticlockranking")
	bin := build(t, tc, "paths", true, "test", "-c")
	run(t, nil, bin, "-test.short", "-storm=2s")
}

// TestEnds: however a program ends, its output and its exit status are those of
// the plain one, and the agent has been told in time.
func TestEnds(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup the programs that are started would ignore it, too
	tc := toolchain.Get(t, "")
	plain, patched := build(t, tc, "ends", false, "build"), build(t, tc, "ends", true, "build")
	for _, test := range []struct {
		how, agent string
		seen       string
	}{
		{"return", "", ""},
		{"exit", "", ""},
		{"panic", "", "panic\n"},
		{"panic-error", "", "panic\n"},
		{"panic-string", "", "panic\n"},
		{"panic-nil", "", "panic\n"},
		{"nil-pointer", "", "panic\n"},
		{"index", "", "panic\n"},
		{"divide", "", "panic\n"},
		{"map", "", "panic\n"},
		{"conversion", "", "panic\n"},
		{"panic-go", "", "panic\n"},
		{"panic-defer", "", "panic\n"},
		{"repanic", "", "panic\n"},
		{"panic-Error", "", ""},
		{"closed", "", "panic\n"},
		{"deadlock", "", ""},
		{"goexit", "", ""},
		{"overflow", "", ""},
		{"fatal", "", ""},
		{"TERM", "well", "signal\n"},
		{"TERM", "late", "signal\n"},
		{"TERM", "", ""},
		{"INT", "well", "signal\n"},
		{"HUP", "well", "signal\n"},
		{"QUIT", "well", ""},
		{"KILL", "well", ""},
		{"TERM-go", "well", "signal\n"},
		{"TERM-busy", "well", "signal\n"},
		{"TERM-busy", "late", "signal\n"},
		{"TERM-return", "late", "*"},
		{"TERM-exit", "late", "*"},
		{"TERM-notify", "well", ""},
		{"TERM-ignore", "well", ""},
		{"TERM-reset", "well", "signal\n"},
		{"PIPE", "well", ""},
	} {
		t.Run(test.how+"/"+test.agent, func(t *testing.T) {
			seen := filepath.Join(t.TempDir(), "seen")
			env := append(os.Environ(), "SEEN="+seen, "AGENT="+test.agent)
			want, got := end(t, plain, test.how, env), end(t, patched, test.how, env)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("plain (-) and patched (+) differ:\n%s", diff)
			}
			b, err := os.ReadFile(seen)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if test.seen != "*" && string(b) != test.seen {
				t.Errorf("agent saw %q, want %q", b, test.seen)
			}
		})
	}
	t.Run("second signal", func(t *testing.T) {
		// The first one is held, the second strikes at once; plain, the first does.
		env := append(os.Environ(), "SEEN="+filepath.Join(t.TempDir(), "seen"), "AGENT=late")
		if got := end(t, patched, "TERM-twice", env).Status; got != "signal: interrupt" {
			t.Errorf("ended by %q", got)
		}
	})
}

// An ending is what others see of the end of a program.
type ending struct {
	Stdout, Stderr, Status string
}

func end(t *testing.T, bin, how string, env []string) ending {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(bin, how)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	cmd.WaitDelay = 30 * time.Second
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	text := stderr.String()
	if how == "fatal" || how == "QUIT" || how == "overflow" || how == "panic-Error" {
		text, _, _ = strings.Cut(text, "\n") // what the goroutines do varies
	}
	for _, v := range varies {
		text = v.ReplaceAllString(text, "·")
	}
	return ending{stdout.String(), text, cmd.ProcessState.String()}
}

// Numbers of goroutines, addresses and offsets in code vary between builds.
var varies = []*regexp.Regexp{
	regexp.MustCompile(`goroutine \d+( gp=0x[0-9a-f]+ m=\d+( mp=0x[0-9a-f]+)?)?`),
	regexp.MustCompile(`0x[0-9a-f]+`),
	regexp.MustCompile(`\S*/(hooks_\w+|main)\.go:\d+`),
}
