package weave

import (
	"bytes"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// The weft runtime has the import paths weft/…, and so might packages of the
// user's: of a module that is called weft. The go command would then find each
// path twice and refuse both, so in such a build the runtime moves.

// home is the first element of the weft runtime's import paths.
type home string

const usualHome home = "weft"

// findHome returns a first element that no package or module of the build has.
func (w *weaving) findHome() home {
	h := usualHome
	for slices.ContainsFunc(w.pkgs, func(p *Package) bool {
		return !p.Standard && (h.holds(p.ImportPath) || p.Module != nil && h.holds(p.Module.Path))
	}) {
		h += "_"
	}
	return h
}

func (h home) holds(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first == string(h)
}

// path returns the import path of a package of the weft runtime, given the
// usual one; any other path stays.
func (h home) path(importPath string) string {
	if rest, ok := strings.CutPrefix(importPath, string(usualHome)+"/"); ok && h != "" {
		return string(h) + "/" + rest
	}
	return importPath
}

// imports returns src, a file that weft lays, with the imports of the weft
// runtime where it is.
func (h home) imports(src []byte) []byte {
	if h == usualHome || h == "" || !bytes.Contains(src, []byte(`"weft/`)) {
		return src
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ImportsOnly|parser.SkipObjectResolution)
	if err != nil {
		return src // the compiler will say so
	}
	var e edits
	for _, spec := range f.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && h.path(p) != p {
			at := fset.File(spec.Pos()).Offset(spec.Path.Pos())
			e.replace(at, at+len(spec.Path.Value), strconv.Quote(h.path(p)))
		}
	}
	out, err := e.apply(src)
	if err != nil {
		return src
	}
	return out
}
