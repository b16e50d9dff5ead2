package weave

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// What is done to the standard library is the same for every program, and
// takes most of weft's time: it is remembered, with the files that it depends
// on.

// stdMemo is what weaveStd has done.
type stdMemo struct {
	Reads   []stamp
	Files   map[string]stdFile // by path
	Points  []stdPoint         // in the order of the rules
	Notes   []string
	Patched bool
}

// stamp tells whether a file or directory has changed. All but the path is
// zero for one that is not there.
type stamp struct {
	Path string
	Size int64
	Time int64
}

type stdFile struct{ Why, Cached string }

type stdPoint struct {
	Woven []string
	Why   string
	Odd   bool
}

// split returns the integrations for packages of the standard library, and the
// others.
func (w *weaving) split(ins []*Integration) (std, others []*Integration) {
	for _, in := range ins {
		first, _, _ := strings.Cut(in.Target, "/")
		if strings.Contains(first, ".") {
			others = append(others, in)
		} else {
			std = append(std, in)
		}
	}
	return std, others
}

// weaveStd lays the weft runtime and the runtime patch, and weaves the
// integrations for the standard library.
func (w *weaving) weaveStd(ins []*Integration) error {
	key := w.stdKey()
	if key != "" && !w.cfg.Texts && w.recallStd(key, ins) {
		return nil
	}
	w.reads = map[string]bool{}
	defer func() { w.reads = nil }()
	if err := w.patchRuntime(); err != nil {
		return err
	}
	if err := w.layRuntime(); err != nil {
		return err
	}
	if w.needsNoC() {
		if err := w.leaveOutC(); err != nil {
			return err
		}
	}
	if err := w.integrate(ins); err != nil {
		return err
	}
	if key == "" {
		return nil
	}
	m := stdMemo{Files: map[string]stdFile{}, Notes: w.res.Notes, Patched: w.patched}
	for path := range w.reads {
		m.Reads = append(m.Reads, stampOf(path))
	}
	for path, f := range w.files {
		to, err := w.put(f)
		if err != nil {
			return err
		}
		m.Files[path] = stdFile{f.Why, to}
	}
	for _, pt := range w.res.Points {
		m.Points = append(m.Points, stdPoint{pt.Woven, pt.Why, pt.Odd})
	}
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("remember what is woven into std: %w", err)
	}
	return w.cache.PutKey(key, data)
}

// stdKey returns the key of the memo, "" when none may be kept: this weft, and
// this toolchain.
func (w *weaving) stdKey() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	self := stampOf(exe)
	if self.Size == 0 || time.Since(time.Unix(0, self.Time)) < settled {
		return ""
	}
	for path := range w.user {
		if beneath(path, w.tc.GOROOT) {
			return ""
		}
	}
	return hash("std 4", string(w.home), fmt.Sprintf("%v %q", w.needsNoC(), w.tags()), self.Path, fmt.Sprint(self.Size, self.Time), w.tc.GOROOT, w.tc.GOVERSION, w.tc.GOOS, w.tc.GOARCH, fmt.Sprint(w.trimpath, w.cfg.Garble))
}

// recallStd does what weaveStd did before, and reports whether nothing that it
// depended on has changed.
func (w *weaving) recallStd(key string, ins []*Integration) bool {
	data, ok := w.cache.Get(key)
	var m stdMemo
	if !ok || json.Unmarshal(data, &m) != nil {
		return false
	}
	var points []Point
	for _, in := range ins {
		used := slices.ContainsFunc(w.pkgs, func(p *Package) bool { return p.ImportPath == in.Target })
		for _, r := range in.Rules {
			points = append(points, Point{Rule: r, Target: in.Target, Used: used})
		}
	}
	if len(points) != len(m.Points) {
		return false
	}
	for i, pt := range m.Points {
		points[i].Woven, points[i].Why, points[i].Odd = pt.Woven, pt.Why, pt.Odd
	}
	for _, s := range m.Reads {
		if stampOf(s.Path) != s {
			return false
		}
	}
	for _, f := range m.Files {
		if !w.cache.Use(f.Cached) {
			return false
		}
	}
	for path, f := range m.Files {
		w.files[path] = &File{Path: path, Why: f.Why, cached: f.Cached}
	}
	w.res.Points, w.res.Notes, w.patched = points, m.Notes, m.Patched
	return true
}

func stampOf(path string) stamp {
	st, err := os.Stat(path)
	if err != nil {
		return stamp{Path: path}
	}
	return stamp{path, st.Size(), st.ModTime().UnixNano()}
}
