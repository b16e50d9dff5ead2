package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weft-trace/weft/weave"
)

// bench runs entries in a directory: src/<name> has their source, hooks/<name>
// their advice, counts what that counts, log what go test printed. The
// directory is the same each time, so that what was compiled once is in the go
// command's cache the next time.
type bench struct {
	dir           string
	weft          string
	commit        string
	parallel      int
	normal, every bool
	progress      io.Writer
	verbose       bool

	std *everyHooks // made when first needed
}

// everyHooks is the advice of mode every.
type everyHooks struct {
	folder   string
	packages []*hooked
	refused  map[string]string // "path point": why it is not woven
}

// row is what came of an entry.
type row struct {
	Name     string
	Kind     string
	Version  string `json:",omitempty"`
	Note     string `json:",omitempty"`
	Commit   string // of weft
	Date     time.Time
	Passed   int // tests that pass plain
	Excluded []string
	Time     time.Duration
	CPU      time.Duration
	Modes    []*modeRow
	Error    string `json:",omitempty"`
}

// modeRow is what came of an entry in one mode.
type modeRow struct {
	Mode        string
	Passed      int
	Functions   int // that have advice
	Ran         int // of those
	Refused     []string
	Inlining    []string // tests that fail without weft, too, when nothing is inlined
	Known       []string // tests that fail, and why
	Unsteady    []string // tests that failed and passed when tried again
	Notes       []string // what weft said
	Differences []string
}

func (r *row) bad() bool {
	return r.Error != "" || slices.ContainsFunc(r.Modes, func(m *modeRow) bool { return len(m.Differences) > 0 })
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// entry runs the tests of an entry.
func (b *bench) entry(ctx context.Context, e *entry) *row {
	r := &row{Name: e.Name, Kind: e.Kind, Version: e.Version, Note: e.Note, Commit: b.commit, Date: time.Now().UTC().Truncate(time.Second)}
	start := time.Now()
	if err := b.tests(ctx, e, r); err != nil {
		r.Error = err.Error()
		b.say("%s: %v", e.Name, err)
	}
	r.Time = time.Since(start)
	return r
}

func (b *bench) tests(ctx context.Context, e *entry, r *row) error {
	name := e.file()
	src := filepath.Join(b.dir, "src", name)
	tmp, err := os.MkdirTemp("", "s-") // short: tests make Unix sockets in it
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	defer keepMode("/")()
	if err := os.RemoveAll(src); err != nil {
		return err
	}
	env := environ(append([]string{"TMPDIR=" + tmp, "GOFLAGS=-mod=mod -modcacherw", "GOWORK=off", "GOTOOLCHAIN=local"}, e.Env...)...)
	b.say("%s %s: fetch", e.Name, e.Version)
	if err := fetch(ctx, e, src, env); err != nil {
		return err
	}
	if e.Module == "" {
		version, err := goCommand(ctx, src, env, "env", "GOVERSION")
		if err != nil {
			return err
		}
		r.Version = strings.TrimSpace(string(version))
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "log"), 0o777); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(b.dir, "log", name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	timeout := e.Timeout
	if timeout == 0 {
		timeout = 15 * time.Minute
	}
	tests := &runner{dir: src, env: env, timeout: timeout, log: log}
	defer func() { r.CPU = tests.cpu }()
	args := append([]string{fmt.Sprintf("-p=%d", b.parallel)}, e.Args...)
	go1 := []string{"go"}

	b.say("%s: plain", e.Name)
	plain, err := tests.run(ctx, go1, append(args, e.Packages...)...)
	if err != nil {
		return err
	}
	excluded := map[test]bool{}
	for t, res := range plain.results {
		if res == "fail" {
			excluded[t] = true
		}
	}
	if down := plain.down(); len(down) > 0 {
		return fmt.Errorf("not one test passes plain in %s; take it off the list", strings.Join(down, ", "))
	}
	c := &comparison{plain: plain, excluded: excluded}
	c.again = func(command []string, failed []test, more ...string) (*outcome, error) {
		all := &outcome{results: map[test]string{}, output: map[test]string{}}
		for _, p := range packagesOf(failed) {
			some := slices.DeleteFunc(slices.Clone(failed), func(t test) bool { return t.Package != p })
			o, err := tests.run(ctx, command, slices.Concat(args, more, only(some), []string{p})...)
			if err != nil {
				return nil, err
			}
			for t, res := range o.results {
				all.results[t] = res
			}
			for t, text := range o.output {
				all.output[t] = text
			}
		}
		return all, nil
	}
	if b.normal {
		b.say("%s: woven", e.Name)
		m := &modeRow{Mode: "normal"}
		r.Modes = append(r.Modes, m)
		if err := b.woven(ctx, e, c, m, tests, append(args, e.Packages...)); err != nil {
			return err
		}
	}
	if b.every && !e.NoEvery {
		m := &modeRow{Mode: "every"}
		r.Modes = append(r.Modes, m)
		hooks, err := b.hooks(ctx, e, src, env)
		if err != nil {
			return err
		}
		b.say("%s: woven, every function", e.Name)
		if err := os.WriteFile(filepath.Join(src, "weft.yaml"), []byte(fmt.Sprintf("hooks: [%q]\n", hooks.folder)), 0o666); err != nil {
			return err
		}
		if err := hooks.clear(); err != nil {
			return err
		}
		if err := b.woven(ctx, e, c, m, tests, append(args, e.Packages...)); err != nil {
			return err
		}
		if err := hooks.count(plain, m); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(src, "weft.yaml")); err != nil {
			return err
		}
	}
	for t := range plain.results {
		switch {
		case excluded[t]:
			r.Excluded = append(r.Excluded, t.String())
		case plain.results[t] == "pass" && t.Name != "":
			r.Passed++
		}
	}
	if r.Passed == 0 {
		return errors.New("not one test passes plain; take it off the list")
	}
	slices.Sort(r.Excluded)
	for _, m := range r.Modes {
		m.Passed = r.Passed - len(m.Inlining) - len(m.Known) - len(m.Differences)
		b.say("%s: %s: %d of %d pass, %d inlining, %d known, %d unsteady, %d differences", e.Name, m.Mode, m.Passed, r.Passed, len(m.Inlining), len(m.Known), len(m.Unsteady), len(m.Differences))
	}
	return os.RemoveAll(src)
}

// comparison holds what plain tests do.
type comparison struct {
	plain    *outcome
	excluded map[test]bool
	again    func(command []string, tests []test, more ...string) (*outcome, error)
}

// failing returns the tests that passed plain and did not in o; of a test whose
// subtests are among them, only those. For tests that went down with their
// package the package stands.
func (c *comparison) failing(o *outcome, among []test) []test {
	var list []test
	for t, res := range c.plain.results {
		if res == "fail" || c.excluded[t] || o.results[t] == res || among != nil && !slices.ContainsFunc(among, func(a test) bool { return a.Package == t.Package && (a.Name == "" || a.top() == t.top()) }) {
			continue
		}
		if res == "skip" && o.results[t] == "pass" {
			continue
		}
		if t.Name == "" && res == "pass" && o.results[t] == "fail" && slices.ContainsFunc(keysOf(c.plain.results), func(u test) bool {
			return u.Package == t.Package && u.Name != "" && (o.results[u] == "fail")
		}) {
			continue // it fails because a test does
		}
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b test) int { return strings.Compare(a.String(), b.String()) })
	down := map[string]bool{} // packages of which nothing passed: they do not compile, or end at once
	for t := range c.plain.results {
		if t.Name == "" && slices.Contains(list, t) {
			down[t.Package] = true
		}
	}
	for t, res := range o.results {
		if res == "pass" {
			down[t.Package] = false
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(t test) bool {
		return down[t.Package] && t.Name != "" || slices.ContainsFunc(list, func(u test) bool {
			return u.Package == t.Package && t.Name != "" && strings.HasPrefix(u.Name, t.Name+"/")
		})
	})
}

// woven runs the tests of an entry under weft and compares.
func (b *bench) woven(ctx context.Context, e *entry, c *comparison, m *modeRow, tests *runner, args []string) error {
	weft := []string{b.weft, "go"}
	o, err := tests.run(ctx, weft, args...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(o.stderr) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "weft: ") || strings.Contains(line, filepath.Join(b.dir, "hooks")):
		case strings.Contains(line, "plain build"), strings.Contains(line, "without goroutine context"), strings.Contains(line, "does not compile"):
			m.Differences = append(m.Differences, line) // the tests were not woven, or in part
		default:
			m.Notes = append(m.Notes, line)
		}
	}
	first := c.failing(o, nil)
	failed := first
	for try := 0; try < 2 && len(failed) > 0; try++ {
		b.say("%s: %d fail, try again", e.Name, len(failed))
		again, err := c.again(weft, failed)
		if err != nil {
			return err
		}
		failed = c.failing(again, failed)
		for t, text := range again.output {
			o.output[t] = text
		}
	}
	if len(first) > 0 { // flaky without weft, too?
		for try := 0; try < 3; try++ {
			again, err := c.again([]string{"go"}, first)
			if err != nil {
				return err
			}
			for _, t := range c.failing(again, first) {
				if slices.Contains(first, t) {
					c.excluded[t] = true
				}
			}
		}
	}
	ok := func(t test) bool { return c.excluded[t] }
	first, failed = slices.DeleteFunc(first, ok), slices.DeleteFunc(failed, ok)
	for _, t := range first {
		if !slices.Contains(failed, t) {
			m.Unsteady = append(m.Unsteady, t.String())
		}
	}
	if m.Mode == "every" && len(failed) > 0 {
		pattern := "all"
		if e.Module != "" {
			pattern = e.Module + "/..."
		}
		again, err := c.again([]string{"go"}, failed, "-gcflags="+pattern+"=-l")
		if err != nil {
			return err
		}
		for _, t := range c.failing(again, failed) {
			if i := slices.Index(failed, t); i >= 0 {
				failed = slices.Delete(failed, i, i+1)
				m.Inlining = append(m.Inlining, t.String())
			}
		}
	}
	for _, t := range failed {
		if why := reason(m.Mode, t); why != "" {
			m.Known = append(m.Known, t.String()+": "+why)
			continue
		}
		m.Differences = append(m.Differences, t.String())
		if b.verbose {
			fmt.Fprintf(b.progress, "--- %s\n%s\n", t, o.output[t])
		}
	}
	return nil
}

// hooks writes the advice of mode every: for the packages of the entry's
// module, or for all of the standard library.
func (b *bench) hooks(ctx context.Context, e *entry, src string, env []string) (*everyHooks, error) {
	if e.Module == "" && b.std != nil {
		return b.std, nil
	}
	name, patterns := e.file(), e.Packages
	if e.Module == "" {
		name, patterns = "std", []string{"std"}
	}
	b.say("%s: advice for every function", name)
	low := map[string]bool{"unsafe": true}
	out, err := goCommand(ctx, src, env, "list", "-deps", "runtime")
	if err != nil {
		return nil, err
	}
	for _, path := range strings.Fields(string(out)) {
		low[path] = true
	}
	root, err := goCommand(ctx, src, env, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	out, err = goCommand(ctx, src, env, append([]string{"list", "-e", "-test", "-deps", "-json=Dir,ImportPath,Name,Standard,GoFiles,CgoFiles,ImportMap,Module"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	h := &hooker{dir: filepath.Join(b.dir, "hooks", name), counts: filepath.Join(b.dir, "counts"), goroot: strings.TrimSpace(string(root)), names: map[string]string{}}
	if err := os.RemoveAll(h.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(h.counts, 0o777); err != nil {
		return nil, err
	}
	var list []*pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the output of go list: %w", err)
		}
		h.names[p.ImportPath] = p.Name
		own := p.Module != nil && p.Module.Path == e.Module
		if e.Module == "" {
			own = p.Standard && !low[p.ImportPath]
		}
		if own && !strings.ContainsAny(p.ImportPath, " ") && !strings.HasSuffix(p.ImportPath, ".test") {
			list = append(list, p)
		}
	}
	every := &everyHooks{folder: h.dir, refused: map[string]string{}}
	for _, p := range list {
		out, err := h.write(p)
		if err != nil {
			return nil, fmt.Errorf("write advice for %s: %w", p.ImportPath, err)
		}
		if len(out.points) > 0 {
			every.packages = append(every.packages, out)
		}
	}
	// What weft makes of it.
	set := filepath.Join(src, "weft.yaml")
	if err := os.WriteFile(set, []byte(fmt.Sprintf("hooks: [%q]\n", h.dir)), 0o666); err != nil {
		return nil, err
	}
	defer os.Remove(set)
	builds := e.Packages
	if e.Module == "" {
		builds = []string{"net"} // a program without it, and without C, is built without its files that need C
	}
	res, err := weave.Weave(weave.Config{Dir: src, Env: env, Patterns: builds, Tests: true})
	if err != nil {
		return nil, err
	}
	built := map[string]bool{} // a std package's files for other systems are woven, too
	for _, p := range list {
		for _, f := range slices.Concat(p.GoFiles, p.CgoFiles) {
			built[filepath.Join(p.Dir, f)] = true
		}
	}
	for _, pt := range res.Points {
		if strings.HasPrefix(pt.Rule.Pos, h.dir) && !slices.ContainsFunc(pt.Woven, func(at string) bool { return built[at[:strings.LastIndexByte(at, ':')]] }) {
			every.refused[pt.Target+" "+pt.Rule.Point] = pt.Why
		}
	}
	if e.Module == "" {
		b.std = every
	}
	return every, nil
}

// clear makes the files that the advice counts in.
func (h *everyHooks) clear() error {
	for _, p := range h.packages {
		if err := os.WriteFile(p.counts, make([]byte, 12*len(p.points)), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// count reads what ran: of the tested packages for the entry, of all packages
// for the end of the table.
func (h *everyHooks) count(plain *outcome, m *modeRow) error {
	for _, p := range h.packages {
		_, tested := plain.results[test{Package: p.path}]
		data, err := os.ReadFile(p.counts)
		if err != nil {
			return err
		}
		if p.ran == nil {
			p.ran = make([]bool, len(p.points))
		}
		for i, point := range p.points {
			if why := h.refused[p.path+" "+point]; why != "" {
				if tested {
					m.Refused = append(m.Refused, p.path+" "+point+": "+why)
				}
				continue
			}
			begins, ends, wrong := binary.NativeEndian.Uint32(data[12*i:]), binary.NativeEndian.Uint32(data[12*i+4:]), binary.NativeEndian.Uint32(data[12*i+8:])
			p.ran[i] = p.ran[i] || begins > 0
			if tested {
				m.Functions++
				if begins > 0 {
					m.Ran++
				}
			}
			if ends > begins || wrong > 0 {
				m.Differences = append(m.Differences, fmt.Sprintf("%s %s: its advice ran %d times at the begin, %d times at the end, %d times with the state of another call", p.path, point, begins, ends, wrong))
			}
		}
	}
	return nil
}

// A total says how many functions of how many packages have advice, and how
// many of them ran in any entry.
type total struct {
	Packages, Functions, Refused, Ran int
	Names                             map[string][]string // what ran
}

// total adds what ran to what had run before, in earlier runs.
func (h *everyHooks) total(before *total) *total {
	t := &total{Names: map[string][]string{}}
	for _, p := range h.packages {
		t.Packages++
		for i, point := range p.points {
			if h.refused[p.path+" "+point] != "" {
				t.Refused++
				continue
			}
			t.Functions++
			if p.ran != nil && p.ran[i] || slices.Contains(before.Names[p.path], point) {
				t.Ran++
				t.Names[p.path] = append(t.Names[p.path], point)
			}
		}
	}
	return t
}

// keepMode returns a function that gives a file the mode it has now: tests that
// run as root change more than they mean to.
func keepMode(path string) func() {
	st, err := os.Stat(path)
	return func() {
		if now, e := os.Stat(path); err == nil && e == nil && now.Mode() != st.Mode() {
			os.Chmod(path, st.Mode().Perm())
		}
	}
}

func packagesOf(tests []test) []string {
	var list []string
	for _, t := range tests {
		if !slices.Contains(list, t.Package) {
			list = append(list, t.Package)
		}
	}
	return list
}

func keysOf(m map[test]string) []test {
	list := make([]test, 0, len(m))
	for t := range m {
		list = append(list, t)
	}
	return list
}
