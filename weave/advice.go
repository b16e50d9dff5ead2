package weave

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/weft-trace/weft/integrations"
)

// An Integration is a folder of advice for one package: Go files that are
// compiled into that package, and rules that say where they are called.
type Integration struct {
	Target string // import path of the package
	Origin string // where the folder comes from, for messages
	Rules  []*Rule
	dir    string // the folder on the disk, "" for weft's own
	files  []adviceFile
	tested string // "//weft:tested": the newest version of the module that it was tested with
}

type adviceFile struct {
	name   string
	src    []byte
	when   string         // the file's own "//weft:when"
	clause token.Position // of the word package
}

// A Rule is one directive in the comment of an advice function: what is woven
// where.
//
//	//weft:enter (*DB).Close     calls the function where the method begins
//	//weft:exit (*DB).Close      calls it where the method ends, by return or panic
//	//weft:result (*DB).retry fn has the result of each call of the parameter fn, a
//	                             function with one result, pass through the function
//	//weft:field DB span T       adds the field span of type T to struct DB
//	//weft:when v>=1.2.0 <2.0.0  restricts the rules of its comment to versions of
//	                             the module, or of Go for the standard library;
//	                             above a package clause, those of the file
//	//weft:tested v1.5.0         above a package clause: the newest version that the
//	                             folder was tested with; with a newer one, or none,
//	                             it is left out if it does not compile
//	//weft:target example.com/p  above a package clause: the package, when the
//	                             folder's path does not say it
//
// An advice function takes, in this order and as many as it wants: a state, a
// pointer to a type whose name begins with weft or to a trace.Span, of which
// each call of the join point has one that enter and exit share; the receiver;
// a pointer to each parameter; and, in an exit, a pointer to each result. What
// it writes through a pointer takes effect. A parameter named _ is passed nil.
// An enter that returns true makes the join point return at once. A result advice
// takes the result, by value, after the state, and returns it, or another.
type Rule struct {
	Kind   string // "enter", "exit", "result" or "field"
	Point  string // the join point, such as "(*DB).Close", or the struct of a field
	Advice string // name of the advice function; the field's declaration for a field
	When   string // range of versions, "" for all
	Pos    string // file and line of the directive

	target   string // import path
	recv     string // "", "T" or "*T"
	name     string
	fileWhen string
	state    *param            // nil without a state parameter
	params   []param           // what follows the state, and the value
	callee   string            // the parameter whose calls a result rule is for
	value    *param            // what they return
	skips    bool              // enter returns whether to skip the call
	imports  map[string]string // the advice file's imports, by name
	spans    bool              // its integration makes spans, rather than only asking for the current one
}

// param is a parameter of an advice function: its type in canonical form, and
// as written in the source.
type param struct {
	typ    string
	expr   ast.Expr
	unused bool // it is named _ and of a pointer type: the call passes nil
}

// builtin reads weft's own integrations.
func builtin() ([]*Integration, error) {
	return readIntegrations(integrations.Files, "weft/integrations", "")
}

// readIntegrations reads the folders of fsys that hold Go files. The target of
// a folder is its path, unless a "//weft:target" above a package clause in it
// says otherwise. root is where fsys lies on the disk, "" for nowhere.
func readIntegrations(fsys fs.FS, origin, root string) ([]*Integration, error) {
	folders := map[string]*Integration{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		dir := path.Dir(name)
		if base := d.Name(); base[0] == '_' || base[0] == '.' {
			return nil // as the go command has it: an editor's, or put aside
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(path.Base(name), "embed.go") && dir == "." {
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		in := folders[dir]
		if in == nil {
			in = &Integration{Target: dir, Origin: path.Join(origin, dir)}
			if root != "" {
				in.dir = filepath.Join(root, filepath.FromSlash(dir))
			}
			folders[dir] = in
		}
		return in.add(path.Base(name), src)
	})
	if err != nil {
		return nil, err
	}
	list := make([]*Integration, 0, len(folders))
	for _, in := range folders {
		list = append(list, in)
	}
	for _, in := range list {
		spans := root != "" || slices.ContainsFunc(in.files, func(f adviceFile) bool { return bytes.Contains(f.src, []byte("trace.Span")) })
		for _, r := range in.Rules {
			r.spans = spans
		}
	}
	slices.SortFunc(list, func(a, b *Integration) int { return strings.Compare(a.Target, b.Target) })
	return list, nil
}

// add reads one file of advice and its directives.
func (in *Integration) add(name string, src []byte) error {
	where := path.Join(in.Origin, name)
	src, ok := resolveTags(src, true)
	if !ok {
		return nil
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, where, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("read advice: %w", err)
	}
	af := adviceFile{name: name, src: src, clause: fset.PositionFor(f.Package, false)}
	for _, g := range f.Comments {
		if g.Pos() > f.Package {
			break
		}
		for _, c := range g.List {
			if arg, ok := directive(c.Text, "when"); ok {
				af.when = arg
			}
			if arg, ok := directive(c.Text, "target"); ok {
				in.Target = arg
			}
			if arg, ok := directive(c.Text, "tested"); ok {
				in.tested = arg
			}
		}
	}
	imports := importNames(f)
	for _, decl := range f.Decls {
		var doc *ast.CommentGroup
		fn, _ := decl.(*ast.FuncDecl)
		if fn != nil {
			doc = fn.Doc
		} else if g, ok := decl.(*ast.GenDecl); ok {
			doc = g.Doc
		}
		if doc == nil {
			continue
		}
		if err := in.directives(fset, doc, fn, af.when, imports); err != nil {
			return err
		}
	}
	// A field needs no declaration of its own, so its directive may also stand
	// alone, between declarations.
	attached := map[*ast.CommentGroup]bool{}
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			attached[d.Doc] = true
		case *ast.GenDecl:
			attached[d.Doc] = true
		}
	}
	for _, g := range f.Comments {
		if !attached[g] && (f.Doc == nil || g != f.Doc) {
			if err := in.directives(fset, g, nil, af.when, imports); err != nil {
				return err
			}
		}
	}
	in.files = append(in.files, af)
	return nil
}

// directives reads the directives of one comment; fn is the function it
// documents, if any.
func (in *Integration) directives(fset *token.FileSet, doc *ast.CommentGroup, fn *ast.FuncDecl, fileWhen string, imports map[string]string) error {
	var rules []*Rule
	when := ""
	for _, c := range doc.List {
		verb, ok := strings.CutPrefix(c.Text, "//weft:")
		if !ok {
			continue
		}
		at := fset.Position(c.Pos())
		pos := at.Filename + ":" + strconv.Itoa(at.Line)
		verb, arg, _ := strings.Cut(verb, " ")
		arg = strings.TrimSpace(arg)
		r := &Rule{Kind: verb, Pos: pos, target: in.Target, fileWhen: fileWhen, imports: imports}
		switch verb {
		case "tested":
			if fn != nil || !semver.IsValid(arg) {
				return fmt.Errorf("%s: read directive %q: want //weft:tested v1.2.3 above a package clause", pos, c.Text)
			}
			continue
		case "when":
			when = arg
			if _, err := parseWhen(arg); err != nil {
				return fmt.Errorf("%s: %w", pos, err)
			}
			continue
		case "field":
			name, decl, ok := strings.Cut(arg, " ")
			if !ok {
				return fmt.Errorf("%s: read directive %q: want //weft:field Struct name Type", pos, c.Text)
			}
			typ, err := parser.ParseExpr(strings.TrimSpace(decl[strings.IndexByte(strings.TrimSpace(decl)+" ", ' '):]))
			if err != nil {
				return fmt.Errorf("%s: read directive %q: want //weft:field Struct name Type", pos, c.Text)
			}
			r.Point, r.name, r.Advice = name, name, strings.TrimSpace(decl)
			r.params = []param{{typ: typeString(typ, imports), expr: typ}}
		case "enter", "exit", "result":
			if fn == nil || fn.Recv != nil {
				return fmt.Errorf("%s: read directive %q: it must stand right above a function without receiver", pos, c.Text)
			}
			if verb == "result" {
				arg, r.callee, _ = strings.Cut(arg, " ")
				if r.callee = strings.TrimSpace(r.callee); !token.IsIdentifier(r.callee) {
					return fmt.Errorf("%s: read directive %q: want //weft:result (*T).Method parameter", pos, c.Text)
				}
			}
			r.Point, r.Advice = arg, fn.Name.Name
			var err error
			if r.recv, r.name, err = parsePoint(arg); err != nil {
				return fmt.Errorf("%s: %w", pos, err)
			}
			if err := r.signature(fn, imports); err != nil {
				return fmt.Errorf("%s: %w", pos, err)
			}
		default:
			return fmt.Errorf("%s: unknown directive //weft:%s; known are enter, exit, result, field and when", pos, verb)
		}
		rules = append(rules, r)
	}
	for _, r := range rules {
		r.When = when
	}
	in.Rules = append(in.Rules, rules...)
	return nil
}

// signature reads the parameters of the advice function.
func (r *Rule) signature(fn *ast.FuncDecl, imports map[string]string) error {
	first := true
	for _, f := range fn.Type.Params.List {
		star, pointer := f.Type.(*ast.StarExpr)
		for i := range max(1, len(f.Names)) {
			p := param{typ: typeString(f.Type, imports), expr: f.Type}
			p.unused = pointer && (len(f.Names) == 0 || f.Names[i].Name == "_")
			if first {
				first = false
				if pointer && isState(star.X, imports) {
					r.state = &param{typ: p.typ, expr: star.X}
					continue
				}
			}
			r.params = append(r.params, p)
		}
	}
	if r.Kind == "result" {
		if res := fn.Type.Results; len(r.params) == 0 || res.NumFields() != 1 || typeString(res.List[0].Type, imports) != r.params[0].typ {
			return fmt.Errorf("advice %s: it must take the result and return one of the same type", fn.Name.Name)
		}
		r.value, r.params = &r.params[0], r.params[1:]
		return nil
	}
	if res := fn.Type.Results; res.NumFields() > 0 {
		if id, ok := res.List[0].Type.(*ast.Ident); r.Kind != "enter" || res.NumFields() != 1 || !ok || id.Name != "bool" {
			return fmt.Errorf("advice %s: only enter advice may return anything, and only whether to skip the call (bool)", fn.Name.Name)
		}
		r.skips = true
	}
	return nil
}

// isState reports whether a pointer to x, as first parameter, is the state
// that enter and exit share: a type whose name starts with weft, or a span.
func isState(x ast.Expr, imports map[string]string) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return strings.HasPrefix(x.Name, "weft")
	case *ast.StarExpr:
		return isState(x.X, imports)
	case *ast.IndexExpr:
		return isState(x.X, imports)
	case *ast.SelectorExpr:
		id, ok := x.X.(*ast.Ident)
		return ok && imports[id.Name] == "weft/trace" && x.Sel.Name == "Span"
	}
	return false
}

// parsePoint splits "(*T).Name", "(T).Name" or "Name".
func parsePoint(s string) (recv, name string, err error) {
	name = s
	if rest, ok := strings.CutPrefix(s, "("); ok {
		if recv, name, ok = strings.Cut(rest, ")."); !ok {
			return "", "", fmt.Errorf("read join point %q: want Func, (T).Method or (*T).Method", s)
		}
	}
	if !token.IsIdentifier(name) || recv != "" && !token.IsIdentifier(strings.TrimPrefix(recv, "*")) {
		return "", "", fmt.Errorf("read join point %q: want Func, (T).Method or (*T).Method", s)
	}
	return recv, name, nil
}

func directive(comment, verb string) (string, bool) {
	arg, ok := strings.CutPrefix(comment, "//weft:"+verb+" ")
	return strings.TrimSpace(arg), ok
}

// importNames returns the import paths of f by the names they have in it. The
// name of an import without one is guessed from its path, which is enough to
// compare types of the same package.
func importNames(f *ast.File) map[string]string {
	names := make(map[string]string, len(f.Imports))
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if spec.Name != nil {
			names[spec.Name.Name] = p
			continue
		}
		base := path.Base(p)
		if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
			base = path.Base(path.Dir(p))
		}
		names[base] = p
	}
	return names
}

// typeString prints a type in a form that is equal for equal types: imported
// packages by path, any as interface{}.
func typeString(x ast.Expr, imports map[string]string) string {
	var b strings.Builder
	writeType(&b, x, imports)
	return b.String()
}

func writeType(b *strings.Builder, x ast.Expr, imports map[string]string) {
	list := func(fl *ast.FieldList) {
		b.WriteByte('(')
		for _, f := range fl.List {
			for range max(1, len(f.Names)) {
				writeType(b, f.Type, imports)
				b.WriteByte(',')
			}
		}
		b.WriteByte(')')
	}
	switch x := x.(type) {
	case *ast.Ident:
		if x.Name == "any" {
			b.WriteString("interface{}")
			return
		}
		b.WriteString(x.Name)
	case *ast.ParenExpr:
		writeType(b, x.X, imports)
	case *ast.StarExpr:
		b.WriteByte('*')
		writeType(b, x.X, imports)
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok {
			if p, ok := imports[id.Name]; ok {
				b.WriteString(strconv.Quote(p))
			} else {
				b.WriteString(id.Name)
			}
		}
		b.WriteByte('.')
		b.WriteString(x.Sel.Name)
	case *ast.Ellipsis:
		b.WriteString("[]")
		writeType(b, x.Elt, imports)
	case *ast.ArrayType:
		b.WriteByte('[')
		if x.Len != nil {
			writeType(b, x.Len, imports)
		}
		b.WriteByte(']')
		writeType(b, x.Elt, imports)
	case *ast.BasicLit:
		b.WriteString(x.Value)
	case *ast.MapType:
		b.WriteString("map[")
		writeType(b, x.Key, imports)
		b.WriteByte(']')
		writeType(b, x.Value, imports)
	case *ast.ChanType:
		fmt.Fprintf(b, "chan%d ", x.Dir)
		writeType(b, x.Value, imports)
	case *ast.FuncType:
		b.WriteString("func")
		list(x.Params)
		if x.Results != nil {
			list(x.Results)
		}
	case *ast.InterfaceType:
		if x.Methods.NumFields() == 0 {
			b.WriteString("interface{}")
			return
		}
		b.WriteString("interface{")
		for _, f := range x.Methods.List {
			for _, n := range f.Names {
				b.WriteString(n.Name)
			}
			writeType(b, f.Type, imports)
			b.WriteByte(';')
		}
		b.WriteByte('}')
	case *ast.StructType:
		b.WriteString("struct{")
		for _, f := range x.Fields.List {
			for _, n := range f.Names {
				b.WriteString(n.Name + " ")
			}
			writeType(b, f.Type, imports)
			b.WriteByte(';')
		}
		b.WriteByte('}')
	case *ast.IndexExpr:
		writeType(b, x.X, imports)
		b.WriteByte('[')
		writeType(b, x.Index, imports)
		b.WriteByte(']')
	case *ast.IndexListExpr:
		writeType(b, x.X, imports)
		b.WriteByte('[')
		for _, i := range x.Indices {
			writeType(b, i, imports)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "%T", x)
	}
}
