package weave

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
)

// imports holds what weft has found out about the packages that the user's own
// packages import: the types of their declarations, one package deep. That is
// enough to tell whether what pool.Results() returns is a channel.
type imports struct {
	byPath  map[string]*Package
	types   map[string]*types.Package
	stamped map[string]string
}

func (w *weaving) packageOf(path string) *Package {
	if w.imports.byPath == nil {
		w.imports.byPath = make(map[string]*Package, len(w.pkgs))
		w.imports.types = map[string]*types.Package{}
		w.imports.stamped = map[string]string{}
		for _, p := range w.pkgs {
			w.imports.byPath[p.ImportPath] = p
		}
	}
	return w.imports.byPath[path]
}

// exports returns a text that changes when the declarations of a package may
// have changed.
func (w *weaving) exports(path string) string {
	p := w.packageOf(path)
	switch {
	case p == nil, p.Standard:
		return ""
	case !p.own():
		return p.Dir // names the version
	}
	text, ok := w.imports.stamped[path]
	if !ok {
		var b strings.Builder
		for _, f := range p.sources() {
			fmt.Fprintln(&b, stampOf(f))
		}
		text = b.String()
		w.imports.stamped[path] = text
	}
	return text
}

// Import implements types.Importer. The standard library is not read: the few
// channels that it hands out carry signals, not work.
func (w *weaving) Import(path string) (*types.Package, error) {
	p := w.packageOf(path)
	if p == nil || p.Standard {
		return nil, errNoImport
	}
	if known, ok := w.imports.types[path]; ok {
		if known == nil {
			return nil, errNoImport
		}
		return known, nil
	}
	w.imports.types[path] = nil
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.sources() {
		text, err := w.read(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: noImports{}, Error: func(error) {}, FakeImportC: true, IgnoreFuncBodies: true}
	pkg, _ := conf.Check(path, fset, files, nil) // errors are expected: nothing is imported
	if pkg == nil {
		return nil, errNoImport
	}
	pkg.MarkComplete()
	w.imports.types[path] = pkg
	return pkg, nil
}

// noImports is an importer that finds nothing.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errNoImport }

var errNoImport = errors.New("not imported")
