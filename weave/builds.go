package weave

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// builds reports whether the go command would compile a file of this name and
// text: it may be for another system, or for tags that this build does not have.
func (w *weaving) builds(name string, text []byte) bool {
	if !strings.Contains(name, "_") && !bytes.Contains(text, []byte("//go:build")) && !bytes.Contains(text, []byte("+build")) {
		return true
	}
	return matches(*w.context(), name, text)
}

func matches(ctxt build.Context, name string, text []byte) bool {
	ctxt.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	ok, err := ctxt.MatchFile("", name)
	return ok || err != nil // the go command will say what is wrong with it
}

// context asks the go command which tags this build has, when that matters for the
// first time.
func (w *weaving) context() *build.Context {
	if w.ctxt != nil {
		return w.ctxt
	}
	ctxt := build.Default
	ctxt.GOOS, ctxt.GOARCH = w.tc.GOOS, w.tc.GOARCH
	const ask = "{{context.CgoEnabled}}\n{{join context.BuildTags \",\"}}\n{{join context.ToolTags \",\"}}\n{{join context.ReleaseTags \",\"}}"
	if out, err := w.tc.Output(w.cfg.Dir, slices.Concat([]string{"list", "-f", ask}, w.cfg.Flags, []string{"--", "unsafe"})...); err == nil {
		if lines := strings.Split(string(out), "\n"); len(lines) >= 4 {
			ctxt.CgoEnabled = lines[0] == "true"
			ctxt.BuildTags, ctxt.ToolTags, ctxt.ReleaseTags = strings.Split(lines[1], ","), strings.Split(lines[2], ","), strings.Split(lines[3], ",")
		}
	}
	w.ctxt = &ctxt
	return w.ctxt
}

// tags are the flags and variables that context depends on, as they are given.
func (w *weaving) tags() []string {
	list := []string{getenv(w.tc.Env, "GOEXPERIMENT"), getenv(w.tc.Env, "CGO_ENABLED")}
	flags := slices.Concat(SplitFlags(w.tc.GOFLAGS), w.cfg.Flags)
	for i, f := range flags {
		switch name, _, hasValue := strings.Cut(strings.TrimLeft(f, "-"), "="); name {
		case "tags":
			list = append(list, f)
			if !hasValue && i+1 < len(flags) {
				list = append(list, flags[i+1])
			}
		case "race", "msan", "asan":
			list = append(list, f)
		}
	}
	return list
}

// laidName is the name that a file of advice has in the package that it is
// compiled into. What the go command reads from a name, that the file is a test or
// for one system, it reads after the first underscore: one in front of
// "windows.go" would give that name a meaning that it does not have.
func laidName(name string) string {
	first, _, _ := strings.Cut(strings.TrimSuffix(name, ".go"), "_")
	nowhere := build.Context{GOOS: "nowhere", GOARCH: "nowhere", Compiler: "gc"}
	if first == "test" || !matches(nowhere, "weft_"+first+".go", []byte("package p\n")) {
		return "weft" + name
	}
	return "weft_" + name
}

// clash says which name of a file of hooks is one of weft's own in the package:
// the compiler would name files that the user has never seen.
func (w *weaving) clash(in *Integration, f adviceFile, dir string) error {
	own := map[string]bool{}
	for path, laid := range w.files {
		if filepath.Dir(path) != dir || !strings.HasPrefix(filepath.Base(path), "weft") || laid.from != "" {
			continue
		}
		if text, err := w.read(path); err == nil {
			for _, d := range declared(path, text) {
				own[d.name] = true
			}
		}
	}
	for _, pt := range w.res.Points {
		if pt.Target == in.Target && pt.Rule.Kind == "field" && len(pt.Woven) > 0 {
			own[pt.Rule.Point+"."+fieldName(pt.Rule)] = true
		}
	}
	const says = "%s: weft itself declares %s in package %s; give it another name in the hook"
	for _, d := range declared(in.Origin+"/"+f.name, f.src) {
		if own[d.name] {
			return fmt.Errorf(says, d.pos, d.name, in.Target)
		}
	}
	for _, r := range in.Rules {
		if name := r.Point + "." + fieldName(r); r.Kind == "field" && r.file() == f.name && own[name] {
			return fmt.Errorf(says, r.Pos, name, in.Target)
		}
	}
	return nil
}

// fieldName is the name of the field that a field rule adds.
func fieldName(r *Rule) string {
	name, _, _ := strings.Cut(r.Advice, " ")
	return name
}

// A declaration is a name that a file declares for its package, a method's with
// its type in front, and where.
type declaration struct{ name, pos string }

func declared(path string, text []byte) (list []declaration) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	add := func(id *ast.Ident, of string) {
		if id.Name == "_" || of == "" && id.Name == "init" {
			return
		}
		at := fset.PositionFor(id.Pos(), false)
		list = append(list, declaration{of + id.Name, fmt.Sprintf("%s:%d", path, at.Line)})
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			of := ""
			if d.Recv != nil {
				of = strings.TrimPrefix(Receiver(d), "*") + "."
			}
			add(d.Name, of)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					add(spec.Name, "")
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						add(id, "")
					}
				}
			}
		}
	}
	return list
}
