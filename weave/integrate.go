package weave

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// integrate weaves the integrations whose target is in the build, or is in the
// standard library: the agent itself may pull that in.
func (w *weaving) integrate(ins []*Integration) error {
	for _, in := range ins {
		before := maps.Clone(w.files)
		if err := w.integrateOne(in); err != nil {
			return err
		}
		if w.patched || in.dir != "" || len(w.files) == len(before) {
			continue
		}
		// A Go version that weft does not know may have another net/http. Its
		// program is built all the same.
		ok, err := w.compiles(in.Target)
		if err != nil {
			return err
		}
		if !ok {
			w.files = before
			for i := range w.res.Points {
				if pt := &w.res.Points[i]; pt.Target == in.Target {
					pt.Woven, pt.Why = nil, "the advice does not compile with "+w.tc.GOVERSION
				}
			}
			w.note("weft: %s: the advice does not compile with %s: building without it; see \"weft doctor\"", in.Target, w.tc.GOVERSION)
		}
	}
	return nil
}

// compiles reports whether a package of the standard library compiles as it is
// woven so far. The answer is kept in the cache.
func (w *weaving) compiles(target string) (bool, error) {
	overlay, err := w.writeOverlay()
	if err != nil {
		return false, err
	}
	key := hash("compiles", w.tc.GOVERSION, w.tc.GOROOT, w.tc.GOOS, w.tc.GOARCH, overlay, target)
	if answer, ok := w.cache.Get(key); ok {
		return string(answer) == "yes", nil
	}
	w.progress("trying the advice for " + target)
	answer := "yes"
	if _, err := w.tc.Output(w.cfg.Dir, "build", "-overlay="+overlay, "--", target); err != nil {
		answer = "no"
	}
	return answer == "yes", w.cache.PutKey(key, []byte(answer))
}

// target finds the package that advice for path is compiled into: its
// directory, its source files and its version.
func (w *weaving) target(path string) (dir string, files []string, version string, ok bool) {
	for _, p := range w.pkgs {
		if p.ImportPath != path || p.Standard || p.Dir == "" { // the go command has not found it, and will say so
			continue
		}
		if p.Module != nil {
			version = p.Module.Version
			if p.Module.Replace != nil {
				version = p.Module.Replace.Version
			}
		}
		return p.Dir, p.sources(), version, true
	}
	dir = filepath.Join(w.tc.GOROOT, "src", filepath.FromSlash(path))
	if w.reads != nil {
		w.reads[dir] = true
	}
	list, err := os.ReadDir(dir)
	if err != nil || strings.Contains(path, ".") && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
		return "", nil, "", false
	}
	for _, e := range list {
		if n := e.Name(); strings.HasSuffix(n, ".go") && !strings.HasSuffix(n, "_test.go") {
			files = append(files, filepath.Join(dir, n))
		}
	}
	return dir, files, w.tc.GOVERSION, len(files) > 0
}

func (w *weaving) integrateOne(in *Integration) error {
	used := slices.ContainsFunc(w.pkgs, func(p *Package) bool { return p.ImportPath == in.Target })
	points := make([]Point, len(in.Rules))
	for i, r := range in.Rules {
		points[i] = Point{Rule: r, Target: in.Target, Used: used}
	}
	defer func() { w.res.Points = append(w.res.Points, points...) }()
	dir, files, version, ok := w.target(in.Target)
	if !ok {
		for i := range points {
			points[i].Why = "the package is not in this build"
		}
		return nil
	}
	if w.cfg.skip[in.Target] {
		for i := range points {
			points[i].Why = "the advice does not compile with this version"
		}
		return nil
	}
	not := map[string]bool{} // files that are not for this build
	for _, f := range in.files {
		// What weft has for modules differs by version alone.
		not[f.name] = (in.dir != "" || w.reads != nil) && !w.builds(f.name, f.src)
		if by := w.embedder(filepath.Join(dir, laidName(f.name))); by != "" && !not[f.name] {
			for i := range points {
				points[i].Why, points[i].Odd = by+" embeds the folder's files, and would embed the advice", used
			}
			return w.report(points)
		}
	}
	// The rules that apply to this version.
	live := map[*Rule]*Point{}
	for i, r := range in.Rules {
		switch {
		case not[r.file()]:
			points[i].Why = fmt.Sprintf("its file is not for %s/%s, or for other build tags", w.tc.GOOS, w.tc.GOARCH)
		case !inRange(r.fileWhen, version):
			points[i].Why = fmt.Sprintf("its file is for %s, this is %s", r.fileWhen, version)
		case !inRange(r.When, version):
			points[i].Why = fmt.Sprintf("it is for %s, this is %s", r.When, version)
		default:
			live[r] = &points[i]
		}
	}
	if len(live) == 0 && len(points) > 0 && used {
		w.outside(in, version)
	}
	std := beneath(dir, w.tc.GOROOT) // all files of the directory; otherwise they are as the go command lists them
	var sources []*source
	for _, path := range files {
		text, err := w.read(path)
		if err != nil {
			continue
		}
		if !mentions(text, live) || std && !w.builds(filepath.Base(path), text) {
			continue
		}
		if s, err := parse(path, text); err == nil {
			s.home = w.home
			sources = append(sources, s)
		}
	}
	if version == "" {
		w.fit(in, sources, live, not)
	}
	sources = w.spareSources(sources, live)
	// Fields first: without one, the advice that uses it does not compile, so
	// nothing of this folder can be woven.
	for _, r := range in.Rules {
		pt := live[r]
		if pt == nil || r.Kind != "field" {
			continue
		}
		for _, s := range sources {
			if line := s.addField(r); line > 0 {
				pt.Woven = append(pt.Woven, fmt.Sprintf("%s:%d", s.path, line))
			}
		}
		if len(pt.Woven) == 0 {
			if pt.Odd = true; pt.Why == "" {
				pt.Why = strings.TrimSpace(fmt.Sprintf("struct %s not found in %s %s", r.Point, in.Target, version))
			}
			for _, other := range live {
				if other != pt {
					other.Woven, other.Why, other.Odd = nil, "its integration needs the field "+r.Advice+" of "+r.Point+", which cannot be added", true
				}
			}
			return w.report(points)
		}
	}
	for _, s := range sources {
		if err := w.weavePoints(s, in, live); err != nil {
			return err
		}
	}
	for _, s := range sources {
		if err := w.layEdits(s, "advice for "+in.Target); err != nil {
			return err
		}
	}
	// Advice that nothing calls could only keep the package from compiling: it
	// may be for another version, or the package may have no files in this build.
	woven := len(points) == 0 || slices.ContainsFunc(points, func(pt Point) bool { return len(pt.Woven) > 0 })
	for _, f := range in.files {
		if !woven || !inRange(f.when, version) || not[f.name] {
			continue
		}
		path := filepath.Join(dir, laidName(f.name))
		for w.exists(path) {
			path = filepath.Join(dir, "weft_"+filepath.Base(path))
		}
		src, from := f.src, ""
		if in.dir != "" {
			if err := w.clash(in, f, dir); err != nil {
				return err
			}
			from = filepath.Join(in.dir, f.name)
		}
		if from != "" && !w.trimpath {
			// Messages and stack traces name the user's file.
			line := fmt.Sprintf("/*line %s:%d:%d*/", from, f.clause.Line, f.clause.Column)
			src = slices.Insert(slices.Clone(src), f.clause.Offset, []byte(line)...)
		}
		if err := w.lay(path, nil, w.home.imports(src), "advice for "+in.Target); err != nil {
			return err
		}
		w.files[path].from = from
	}
	for i := range points {
		if pt := &points[i]; live[pt.Rule] != nil && len(pt.Woven) == 0 && pt.Why == "" {
			pt.Why, pt.Odd = strings.TrimSpace(fmt.Sprintf("join point %s not found in %s %s", pt.Rule.Point, in.Target, version)), true
		}
	}
	return w.report(points)
}

// weavePoints weaves the enter and exit rules that find their join point in s.
func (w *weaving) weavePoints(s *source, in *Integration, live map[*Rule]*Point) error {
	byPoint := map[string][]*Rule{}
	var order []string
	for _, r := range in.Rules {
		if live[r] == nil || r.Kind == "field" {
			continue
		}
		key := r.recv + "." + r.name
		if byPoint[key] == nil {
			order = append(order, key)
		}
		byPoint[key] = append(byPoint[key], r)
	}
	for _, key := range order {
		rules := byPoint[key]
		for _, fn := range s.funcs(rules[0].recv, rules[0].name) {
			fitted, misfits := s.advise(fn, rules)
			for _, r := range fitted {
				pt := live[r]
				pt.Woven = append(pt.Woven, fmt.Sprintf("%s:%d", s.path, s.fset.PositionFor(fn.Pos(), false).Line))
			}
			for r, err := range misfits {
				pt := live[r]
				pt.Why, pt.Odd = "join point "+r.Point+" has another shape: "+err.Error(), true
			}
		}
	}
	return nil
}

// report tells the user, in one line per rule, what should have matched.
func (w *weaving) report(points []Point) error {
	for _, pt := range points {
		if pt.Odd && len(pt.Woven) == 0 {
			w.note("weft: %s: %s; run \"weft explain %s\"", pt.Rule.Pos, pt.Why, pt.Target)
		}
	}
	return nil
}

// mentions reports whether text could hold a join point of the rules: most
// files of a package need not be parsed.
func mentions(text []byte, live map[*Rule]*Point) bool {
	for r := range live {
		if bytes.Contains(text, []byte(r.name)) {
			return true
		}
	}
	return false
}
