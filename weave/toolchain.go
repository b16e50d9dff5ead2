package weave

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Toolchain is the Go toolchain that will build the program, and what it says
// of the place where it runs.
type Toolchain struct {
	Command string   // the go command to run
	Env     []string // the environment to run it in
	Linked  bool     // GOROOT is weft's likeness of a toolchain in the module cache
	Real    string   // the toolchain's own directory; GOROOT unless Linked

	GOROOT     string
	GOVERSION  string // such as "go1.26.8"
	GOMODCACHE string
	GOMOD      string // path of the main module's go.mod; "" or os.DevNull without one
	GOWORK     string // path of go.work; "" or "off" without one
	GOFLAGS    string
	GOOS       string
	GOARCH     string

	log io.Writer // gets the lines about downloads, when not nil
}

// FindToolchain asks the go command in the PATH of env which toolchain it runs
// in dir. A toolchain that the go command downloaded lies in the module cache,
// where it refuses overlays; such a one is reached through links in cache.
func FindToolchain(dir string, env []string, cache *Cache) (*Toolchain, error) {
	return findToolchain(dir, env, cache, nil)
}

func findToolchain(dir string, env []string, cache *Cache, log io.Writer) (*Toolchain, error) {
	command, err := lookPath("go", env)
	if err != nil {
		return nil, fmt.Errorf("find the go command: %w; install Go or put it on PATH", err)
	}
	t := &Toolchain{Command: command, Env: env, log: log}
	out, err := t.Output(dir, "env", "-json", "GOROOT", "GOVERSION", "GOMODCACHE", "GOMOD", "GOWORK", "GOFLAGS", "GOOS", "GOARCH")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, t); err != nil {
		return nil, fmt.Errorf("read the output of go env: %w", err)
	}
	t.Real = t.GOROOT
	if beneath(t.GOROOT, t.GOMODCACHE) && cache != nil {
		if err := t.link(cache); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Cmd returns the go command with args, ready to run in dir.
func (t *Toolchain) Cmd(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(t.Command, args...)
	cmd.Dir = dir
	cmd.Env = setenv(t.Env, "PWD", dir) // the go command prefers this name of the directory
	return cmd
}

// Output runs the go command with args in dir and returns what it prints.
func (t *Toolchain) Output(dir string, args ...string) ([]byte, error) {
	cmd := t.Cmd(dir, args...)
	stderr := downloads{log: t.log}
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return out, &GoError{Args: args, Stderr: stderr.text.String(), Code: exit.ExitCode()}
		}
		return out, fmt.Errorf("run go %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// downloads keeps what the go command prints, and passes on what it says of
// downloads as it says it: the build that follows will find them done.
type downloads struct {
	text bytes.Buffer
	log  io.Writer
	said int // how much of the buffer has been looked at
}

func (d *downloads) Write(p []byte) (int, error) {
	n, _ := d.text.Write(p)
	for d.log != nil {
		line := d.text.Bytes()[d.said:]
		end := bytes.IndexByte(line, '\n')
		if end < 0 {
			break
		}
		if line = line[:end+1]; bytes.HasPrefix(line, []byte("go: downloading ")) {
			d.log.Write(line)
		}
		d.said += end + 1
	}
	return n, nil
}

// GoError is a failure of the go command, which has explained itself.
type GoError struct {
	Args   []string
	Stderr string
	Code   int
}

func (e *GoError) Error() string {
	return fmt.Sprintf("go %s: %s", e.Args[0], strings.TrimSpace(e.Stderr))
}

// Minor returns the language version of a Go version: "go1.26" for
// "go1.26.8" and "go1.26rc1".
func Minor(goVersion string) string {
	v, _, _ := strings.Cut(goVersion, " ")
	rest, ok := strings.CutPrefix(v, "go1.")
	if !ok {
		return v
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	return "go1." + rest[:n]
}

// beneath reports whether path lies in the tree of dir.
func beneath(path, dir string) bool {
	if dir == "" {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func getenv(env []string, key string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], key+"="); ok {
			return v
		}
	}
	return ""
}

// setenv returns env with key set to value; env itself is not changed.
func setenv(env []string, key, value string) []string {
	out := make([]string, 0, len(env)+1)
	for _, e := range env {
		if !strings.HasPrefix(e, key+"=") {
			out = append(out, e)
		}
	}
	return append(out, key+"="+value)
}

// lookPath finds a command in the PATH of env.
func lookPath(name string, env []string) (string, error) {
	if exe, err := exec.LookPath(name); getenv(env, "PATH") == os.Getenv("PATH") {
		return exe, err
	}
	for _, dir := range filepath.SplitList(getenv(env, "PATH")) {
		if exe, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(exe) {
			return exe, nil
		}
	}
	return "", fmt.Errorf("no %s in PATH", name)
}
