package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A test is a test, example or fuzz test of a package; without a name it is the
// package's test binary as a whole, which may fail on its own.
type test struct{ Package, Name string }

func (t test) String() string {
	if t.Name == "" {
		return t.Package
	}
	return t.Package + " " + t.Name
}

// top returns the test without its subtests.
func (t test) top() string {
	name, _, _ := strings.Cut(t.Name, "/")
	return name
}

// outcome is what became of the tests of one run of go test.
type outcome struct {
	results map[test]string // "pass", "fail" or "skip"
	output  map[test]string // what those that did not pass have printed
	stderr  string
	cpu     time.Duration
}

// a runner runs go test in one directory.
type runner struct {
	dir     string
	env     []string
	timeout time.Duration // for the test binary of one package
	cpu     time.Duration // that all runs took, the tests' and the compiler's
	log     io.Writer     // nil, or where everything goes
}

// run runs a command line of go test, without "test" and -json.
func (r *runner) run(ctx context.Context, command []string, args ...string) (*outcome, error) {
	line := slices.Concat(command, []string{"test", "-json", "-count=1", "-vet=off", fmt.Sprintf("-timeout=%s", r.timeout)}, args)
	if r.log != nil {
		fmt.Fprintf(r.log, "\n+ %s\n", strings.Join(line, " "))
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir, cmd.Env = r.dir, r.env
	cmd.WaitDelay = 10 * time.Second
	ownGroup(cmd)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if r.log != nil {
		cmd.Stderr = io.MultiWriter(&stderr, r.log)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	out := &outcome{results: map[test]string{}, output: map[test]string{}}
	lines := bufio.NewReader(pipe)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			out.add(line, r.log)
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("run %s: %w", strings.Join(line, " "), err)
	}
	out.stderr, out.cpu = stderr.String(), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	r.cpu += out.cpu
	if err != nil && len(out.results) == 0 {
		return nil, fmt.Errorf("run %s: %w\n%s", strings.Join(line, " "), err, out.stderr)
	}
	return out, ctx.Err()
}

// pointer matches an address in the name of a subtest: it is another each time.
var pointer = regexp.MustCompile(`0x[0-9a-f]{6,}`)

// add takes in one event of go test -json.
func (o *outcome) add(line []byte, log io.Writer) {
	var e struct{ Action, Package, Test, Output, ImportPath string }
	if json.Unmarshal(line, &e) != nil {
		if log != nil {
			log.Write(line)
		}
		return
	}
	if e.Package == "" {
		e.Package, _, _ = strings.Cut(e.ImportPath, " ")
	}
	t := test{e.Package, pointer.ReplaceAllString(e.Test, "0x…")}
	switch e.Action {
	case "pass", "fail", "skip":
		o.results[t] = e.Action
		if e.Action != "fail" {
			delete(o.output, t)
		}
	case "output", "build-output":
		const most = 16 << 10
		text := o.output[t] + e.Output
		if len(text) > most {
			text = text[len(text)-most:]
		}
		o.output[t] = text
		if log != nil {
			io.WriteString(log, e.Output)
		}
	}
}

// down returns the packages that fail without that a test passes.
func (o *outcome) down() []string {
	passed := map[string]bool{}
	for t, res := range o.results {
		passed[t.Package] = passed[t.Package] || res == "pass"
	}
	var list []string
	for t, res := range o.results {
		if t.Name == "" && res == "fail" && !passed[t.Package] {
			list = append(list, t.Package)
		}
	}
	slices.Sort(list)
	return list
}

// only returns the arguments that run some tests and no others.
func only(tests []test) []string {
	var names []string
	for _, t := range tests {
		if t.Name == "" {
			return nil // all of the package
		}
		if name := regexp.QuoteMeta(t.top()); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return []string{"-run=^(" + strings.Join(names, "|") + ")$"}
}

// environ returns the environment of this process with some variables set; a
// variable that is given without "=" is left out.
func environ(vars ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "WEFT_") || strings.HasPrefix(name, "OTEL_") || name == "GOFLAGS" || slices.Contains(vars, name)
	})
	for _, v := range vars {
		if strings.Contains(v, "=") {
			env = append(env, v)
		}
	}
	return env
}
