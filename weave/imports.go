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
// packages import: the types of their declarations. Mostly one package deep is
// enough to tell whether what pool.Results() returns is a channel; where a method
// or a type comes from further away, all that is imported has to be read.
type imports struct {
	byPath  map[string]*Package
	types   map[importKey]*types.Package
	stamped map[importKey]string
}

type importKey struct {
	path  string
	depth int
}

// deepest is the depth of importers without an end.
const deepest = 2

func (w *weaving) packageOf(path string) *Package {
	if w.imports.byPath == nil {
		w.imports.byPath = make(map[string]*Package, len(w.pkgs))
		w.imports.types = map[importKey]*types.Package{}
		w.imports.stamped = map[importKey]string{}
		for _, p := range w.pkgs {
			w.imports.byPath[p.ImportPath] = p
		}
	}
	return w.imports.byPath[path]
}

// exports returns a text that changes when the declarations of a package may
// have changed, and with depth those of what it imports.
func (w *weaving) exports(path string, depth int) string {
	p := w.packageOf(path)
	if p == nil || p.Standard {
		return ""
	}
	key := importKey{path, depth}
	text, ok := w.imports.stamped[key]
	if ok {
		return text
	}
	var b strings.Builder
	if p.own() {
		for _, f := range p.sources() {
			fmt.Fprintln(&b, stampOf(f))
		}
	} else {
		fmt.Fprintln(&b, p.Dir) // names the version
	}
	if depth == deepest {
		for _, path := range p.Imports {
			fmt.Fprintln(&b, w.exports(path, depth))
		}
	}
	text = hash(b.String())
	w.imports.stamped[key] = text
	return text
}

// importer finds the types of packages, to a depth.
type importer struct {
	w     *weaving
	depth int
	asked *int // is set to depth when there is something to import
}

// Import implements types.Importer. The standard library is not read: the few
// channels that it hands out carry signals, not work.
func (i importer) Import(path string) (*types.Package, error) {
	*i.asked = i.depth
	w := i.w
	p := w.packageOf(path)
	if p == nil || p.Standard {
		return nil, errNoImport
	}
	key := importKey{path, i.depth}
	if known, ok := w.imports.types[key]; ok {
		if known == nil {
			return nil, errNoImport
		}
		return known, nil
	}
	w.imports.types[key] = nil
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
	if i.depth == deepest {
		conf.Importer = i
	}
	pkg, _ := conf.Check(path, fset, files, nil) // errors are expected: not everything is imported
	if pkg == nil {
		return nil, errNoImport
	}
	pkg.MarkComplete()
	w.imports.types[key] = pkg
	return pkg, nil
}

// noImports is an importer that finds nothing.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errNoImport }

var errNoImport = errors.New("not imported")
