package weft_test

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/weft-trace/weft/"

// What rt/ and integrations/ import is compiled into other people's programs,
// and into packages deep inside the standard library. So the weft runtime
// imports the standard library and itself only; rt/trace, which everything
// imports, next to nothing.
func TestRuntimeImports(t *testing.T) {
	std := stdPackages(t)
	leaf := map[string][]string{
		"rt/trace":     {"unsafe", "sync", "sync/atomic", "runtime"},
		"rt/propagate": {"strings", "strconv", "unicode", "unicode/utf8", "sync", "sync/atomic", "unsafe"},
		"rt/sqltext":   {"strings", "strconv", "unicode", "unicode/utf8"},
	}
	dirs := goDirs(t, "rt")
	if len(dirs) == 0 {
		t.Fatal("no packages in rt/")
	}
	for dir, imports := range dirs {
		if dir == "rt" || strings.HasPrefix(dir, "rt/patch") {
			continue // part of the weft tool, not of woven programs
		}
		allowed, isLeaf := leaf[dir]
		for _, imp := range imports {
			switch {
			case strings.HasPrefix(imp, module+"rt/"):
				if dir == "rt/trace" {
					t.Errorf("%s imports %s: it is what the others import", dir, imp)
				}
			case isLeaf:
				if !slices.Contains(allowed, imp) && !(dir == "rt/trace" && strings.HasPrefix(imp, "internal/")) {
					t.Errorf("%s imports %s: may only import %v", dir, imp, allowed)
				}
			case !std[imp]:
				t.Errorf("%s imports %s, which is not in the standard library", dir, imp)
			}
		}
	}
}

// Advice becomes part of the package it is for. What it imports, directly or
// through the weft runtime, must not import that package in turn: the go
// command would find an import cycle in a program that it knows nothing of.
func TestAdviceImports(t *testing.T) {
	std := stdPackages(t)
	runtimeDirs := goDirs(t, "rt")
	advice := goDirs(t, "integrations")
	delete(advice, "integrations")
	if len(advice) == 0 {
		t.Fatal("no packages in integrations/")
	}
	known := map[string][]string{}
	deps := func(imp string) []string {
		if _, ok := known[imp]; !ok {
			known[imp] = goList(t, "-deps", imp)
		}
		return known[imp]
	}
	for dir, imports := range advice {
		target := strings.TrimPrefix(dir, "integrations/")
		if !std[target] {
			continue // a module's package: the go command finds cycles there
		}
		var check func(from string, imports []string)
		check = func(from string, imports []string) {
			for _, imp := range imports {
				own, isWeft := strings.CutPrefix(imp, "weft/")
				if !isWeft {
					own, isWeft = strings.CutPrefix(imp, module+"rt/")
				}
				if isWeft {
					next, ok := runtimeDirs["rt/"+own]
					if !ok {
						t.Errorf("%s imports %s: no such package", from, imp)
						continue
					}
					check(from+" -> "+imp, next)
				} else if imp == target || imp != "unsafe" && slices.Contains(deps(imp), target) {
					t.Errorf("%s imports %s, which imports %s: a cycle", from, imp, target)
				}
			}
		}
		check(dir, imports)
	}
}

// woven selects the files that are compiled into a program woven with the
// runtime patch: without those whose build constraint says !weft.
func woven(t *testing.T, file *ast.File) bool {
	t.Helper()
	for _, group := range file.Comments {
		for _, c := range group.List {
			if c.Pos() > file.Package || !constraint.IsGoBuild(c.Text) {
				continue
			}
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				t.Fatal(err)
			}
			// A tag other than weft may be set or not.
			with := func(others bool) bool {
				return expr.Eval(func(tag string) bool { return tag == "weft" || others })
			}
			return with(true) || with(false)
		}
	}
	return true
}

// goDirs returns, for each folder below root, what its woven Go files import.
func goDirs(t *testing.T, root string) map[string][]string {
	t.Helper()
	dirs := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), "_")) {
			if d != nil && d.IsDir() && err == nil {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		if !woven(t, file) {
			return nil
		}
		dir := path.Dir(filepath.ToSlash(name))
		if dirs[dir] == nil {
			dirs[dir] = []string{}
		}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(dirs[dir], imp) {
				dirs[dir] = append(dirs[dir], imp)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func stdPackages(t *testing.T) map[string]bool {
	t.Helper()
	std := map[string]bool{"unsafe": true}
	for _, p := range goList(t, "std") {
		std[p] = true
	}
	return std
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}
