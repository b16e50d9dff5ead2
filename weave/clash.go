package weave

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

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
