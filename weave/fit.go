package weave

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// Which of an integration's files are for a module is said by its version. There
// are modules without one, those that a folder replaces and those that are the
// main module themselves, and modules newer than any that the advice was tested
// with.

// fit decides which of the rules of in, and so which of its files, are for a module
// whose version nobody knows: those of files all of whose rules find their join
// points as they expect them. It adds the names of the files that are not to not.
func (w *weaving) fit(in *Integration, sources []*source, live map[*Rule]*Point, not map[string]bool) {
	why := map[string]string{}
	for _, r := range in.Rules {
		if r.fileWhen == "" && r.When == "" || live[r] == nil {
			continue
		}
		if err := findable(r, sources); err == nil {
			continue
		} else if r.When != "" {
			live[r].Why = fmt.Sprintf("it is for %s, the module's version is not known, and %v", r.When, err)
			delete(live, r)
		} else if name := r.file(); !not[name] {
			not[name], why[name] = true, err.Error()
		}
	}
	for _, r := range in.Rules {
		if name := r.file(); not[name] && live[r] != nil {
			live[r].Why = fmt.Sprintf("its file is for %s, the module's version is not known, and %s", r.fileWhen, why[name])
			delete(live, r)
		}
	}
}

// file is the name of the file that holds the rule.
func (r *Rule) file() string {
	name, _, _ := strings.Cut(path.Base(r.Pos), ":")
	return name
}

// findable says why a rule has no join point in the sources; nil if it has one.
func findable(r *Rule, sources []*source) error {
	for _, s := range sources {
		if r.Kind == "field" {
			if s.structLine(r.name) > 0 {
				return nil
			}
			continue
		}
		for _, fn := range s.funcs(r.recv, r.name) {
			return fits(r, s.operands(fn.Recv), s.operands(fn.Type.Params), s.operands(fn.Type.Results))
		}
	}
	return fmt.Errorf("%s is not found", r.Point)
}

// structLine is the line of a struct, 0 if it is not in this file.
func (s *source) structLine(name string) int {
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			if ts := spec.(*ast.TypeSpec); ts.Name.Name == name {
				if _, ok := ts.Type.(*ast.StructType); ok {
					return s.fset.PositionFor(ts.Pos(), false).Line
				}
			}
		}
	}
	return 0
}

// outside tells the user, in one line for a module, that the advice for it is for
// other versions.
func (w *weaving) outside(in *Integration, version string) {
	module := in.Target
	for _, p := range w.pkgs {
		if p.ImportPath == in.Target && p.Module != nil {
			module = p.Module.Path
		}
	}
	head := "weft: " + module + " " + version + ": "
	if in.dir != "" || slices.ContainsFunc(w.res.Notes, func(n string) bool { return strings.HasPrefix(n, head) }) {
		return
	}
	var ranges []string
	for _, r := range in.Rules {
		ranges = append(ranges, r.fileWhen)
	}
	w.note("%sbuilding without its spans, which are for %s; see \"weft explain %s\"", head, around(ranges), in.Target)
}

// around is the range of versions from the least to the greatest bound of ranges.
func around(ranges []string) string {
	var least, most *bound
	for _, s := range ranges {
		bounds, err := parseWhen(s)
		if err != nil {
			continue
		}
		for _, b := range bounds {
			switch b.op {
			case ">", ">=":
				if least == nil || semver.Compare(b.version, least.version) < 0 {
					least = &b
				}
			case "<", "<=":
				if most == nil || semver.Compare(b.version, most.version) > 0 {
					most = &b
				}
			}
		}
	}
	var list []string
	for _, b := range []*bound{least, most} {
		if b != nil {
			list = append(list, b.op+b.version)
		}
	}
	if len(list) == 0 {
		return "other versions"
	}
	return strings.Join(list, " ")
}

// A trial is a module that is woven by advice that was not tested with it: a newer
// one than the advice's "//weft:tested", or one without a version.
type trial struct {
	module, version string
	targets         []string // the packages of it that are woven
}

func (w *weaving) trials(ins []*Integration) (list []*trial) {
	byModule := map[string]*trial{}
	for _, in := range ins {
		woven := slices.ContainsFunc(w.res.Points, func(pt Point) bool { return pt.Target == in.Target && len(pt.Woven) > 0 })
		if in.tested == "" || !woven {
			continue
		}
		for _, p := range w.pkgs {
			if p.ImportPath != in.Target || p.Module == nil {
				continue
			}
			v := p.Module.Version
			if p.Module.Replace != nil {
				v = p.Module.Replace.Version
			}
			if v != "" && semver.Compare(v, in.tested) <= 0 {
				continue
			}
			t := byModule[p.Module.Path]
			if t == nil {
				t = &trial{module: p.Module.Path, version: v}
				byModule[t.module] = t
				list = append(list, t)
			}
			t.targets = append(t.targets, in.Target)
		}
	}
	return list
}

// try compiles what is to be tried, and returns the packages that are better left
// alone. The go command has the outcome in its cache for the build, and weft its
// answer, unless the module is a folder, which may change.
func (w *weaving) try(ins []*Integration) (bad map[string]bool, err error) {
	tc := *w.tc
	for _, e := range w.res.Env {
		name, value, _ := strings.Cut(e, "=")
		tc.Env = setenv(tc.Env, name, value)
	}
	flags := slices.Concat(w.res.Flags, w.cfg.Flags)
	for _, t := range w.trials(ins) {
		key := hash(slices.Concat([]string{"try 1", tc.GOVERSION, tc.GOROOT, tc.GOOS, tc.GOARCH, t.version}, w.res.Env, t.targets, flags)...)
		answer, known := w.cache.Get(key)
		if !known || t.version == "" {
			w.progress("trying the advice for " + t.module)
			answer = []byte("yes")
			if _, err := tc.Output(w.cfg.Dir, slices.Concat([]string{"build"}, flags, []string{"--"}, t.targets)...); err != nil {
				answer = []byte("no")
			}
			if err := w.cache.PutKey(key, answer); err != nil {
				return nil, err
			}
		}
		if string(answer) == "yes" {
			continue
		}
		if bad == nil {
			bad = map[string]bool{}
		}
		for _, target := range t.targets {
			bad[target] = true
		}
		w.note("weft: %s: the advice for it does not compile with this version, which it was not tested with: building without its spans", strings.TrimSpace(t.module+" "+t.version))
	}
	return bad, nil
}
