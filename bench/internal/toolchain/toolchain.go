// Package toolchain builds the benchmarks' programs: plain, by `go build`, and woven, by the `weft go build` of this
// checkout; and it reads what a process cost from the kernel.
package toolchain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Toolchain is the go command and the weft that was built from this checkout.
type Toolchain struct {
	Root string // of this checkout
	Temp string // removed by Close
	Weft string // path of the binary
}

// New builds weft into a temporary directory; the environment's WEFT names a binary to take instead.
func New() (*Toolchain, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if filepath.Base(mod) != "go.mod" {
		return nil, errors.New("run this inside the checkout of weft")
	}
	t := &Toolchain{Root: filepath.Dir(mod)}
	if t.Temp, err = os.MkdirTemp("", "weft-bench-"); err != nil {
		return nil, err
	}
	if t.Weft = os.Getenv("WEFT"); t.Weft != "" {
		return t, nil
	}
	t.Weft = filepath.Join(t.Temp, "weft")
	cmd := exec.Command("go", "build", "-o", t.Weft, "./cmd/weft")
	cmd.Dir = t.Root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Close()
		return nil, fmt.Errorf("build weft: %w\n%s", err, out)
	}
	return t, nil
}

// Close removes the temporary directory.
func (t *Toolchain) Close() { os.RemoveAll(t.Temp) }

// Build compiles the main package in dir to a file of that name in Temp, and returns its path.
func (t *Toolchain) Build(dir, name string, woven bool) (string, error) {
	bin := filepath.Join(t.Temp, name)
	cmd := t.Command(woven, "build", "-o", bin, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return bin, nil
}

// Command is `go args…` or `weft go args…`.
func (t *Toolchain) Command(woven bool, args ...string) *exec.Cmd {
	if woven {
		return exec.Command(t.Weft, append([]string{"go"}, args...)...)
	}
	return exec.Command("go", args...)
}

// Cost is what a finished command and all that it started took.
type Cost struct {
	Wall, CPU time.Duration
	MaxRSS    int64 // bytes, of the greatest single process among them
}

// Run runs cmd to its end.
func Run(cmd *exec.Cmd) (Cost, error) {
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &out
	}
	start := time.Now()
	err := cmd.Run()
	c := Cost{Wall: time.Since(start)}
	if cmd.ProcessState != nil {
		c.CPU, c.MaxRSS = Used(cmd.ProcessState)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out.Bytes())
	}
	return c, nil
}

// Used is the CPU time of a process that has ended, with that of its children, and the greatest resident set in bytes.
func Used(p *os.ProcessState) (cpu time.Duration, maxRSS int64) {
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		maxRSS = int64(u.Maxrss) << 10
	}
	return p.UserTime() + p.SystemTime(), maxRSS
}

// Process is a running process on Linux, by its id.
type Process int

// CPU is the time that its threads ran so far, in nanoseconds as the scheduler counts them. Go programs keep their threads.
func (p Process) CPU() (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", int(p)))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += time.Duration(n)
	}
	if sum == 0 {
		return 0, fmt.Errorf("/proc/%d/task: no thread has run", int(p))
	}
	return sum, nil
}

// RSS is the resident set now and at its greatest, in bytes.
func (p Process) RSS() (now, most int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", int(p)))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			most = n << 10
		}
	}
	return now, most, nil
}
