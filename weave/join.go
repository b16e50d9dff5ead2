package weave

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"path"
	"slices"
	"strings"
)

// source is a parsed file of a package under the weaver's hands.
type source struct {
	path    string
	text    []byte
	fset    *token.FileSet
	file    *ast.File
	home    home // of the weft runtime; "" for the usual one
	imports map[string]string
	edits   edits
	added   map[string]string // import path -> alias, of imports that weft adds
}

// parse reads a file for weaving. A file that does not parse is left alone:
// the compiler will say why.
func parse(path string, text []byte) (*source, error) {
	return parseInto(token.NewFileSet(), path, text)
}

func parseInto(fset *token.FileSet, path string, text []byte) (*source, error) {
	f, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{path: path, text: text, fset: fset, file: f, imports: importNames(f)}, nil
}

// offset returns the byte offset of pos, whatever //line directives say.
func (s *source) offset(pos token.Pos) int { return s.fset.File(pos).Offset(pos) }

// addImport makes importPath known in the file under a name that no program
// uses, on the line of the package clause, and returns that name.
func (s *source) addImport(importPath string) string {
	importPath = s.home.path(importPath)
	if alias, ok := s.added[importPath]; ok {
		return alias
	}
	if s.added == nil {
		s.added = map[string]string{}
	}
	alias := "weft_" + path.Base(importPath)
	if s.imports[alias] == importPath { // added by an earlier pass over the file
		s.added[importPath] = alias
		return alias
	}
	for s.taken(alias) {
		alias += "_"
	}
	s.added[importPath] = alias
	s.edits.insert(s.offset(s.file.Name.End()), fmt.Sprintf("; import %s %q", alias, importPath))
	return alias
}

// taken reports whether a name that weft wants to introduce occurs in the file,
// or in what weft has added to it.
func (s *source) taken(name string) bool {
	if bytes.Contains(s.text, []byte(name)) {
		return true
	}
	return slices.ContainsFunc(s.edits.list, func(e edit) bool { return strings.Contains(e.text, name) })
}

// funcs returns the declarations that a rule names.
func (s *source) funcs(recv, name string) []*ast.FuncDecl {
	var list []*ast.FuncDecl
	for _, d := range s.file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name && Receiver(fn) == recv {
			list = append(list, fn)
		}
	}
	return list
}

// Receiver returns "T" or "*T" for a method of T, whose type parameters are
// left out, as a rule names it; "" for a function, and for what is no receiver.
func Receiver(fn *ast.FuncDecl) string {
	if fn.Recv.NumFields() == 0 {
		return ""
	}
	star, x := "", fn.Recv.List[0].Type
	for {
		switch y := x.(type) {
		case *ast.StarExpr:
			star, x = "*", y.X
		case *ast.ParenExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.IndexListExpr:
			x = y.X
		case *ast.Ident:
			return star + y.Name
		default:
			return ""
		}
	}
}

// operand is a receiver, parameter or result of a join point.
type operand struct {
	name string // its name, "" or "_" when it has none
	typ  string
	pos  token.Pos // where its name stands, or would
}

// operands lists the fields of a signature in order.
func (s *source) operands(fl *ast.FieldList) []operand {
	if fl == nil {
		return nil
	}
	var list []operand
	for _, f := range fl.List {
		typ := typeString(f.Type, s.imports)
		if len(f.Names) == 0 {
			list = append(list, operand{"", typ, f.Type.Pos()})
		}
		for _, n := range f.Names {
			list = append(list, operand{n.Name, typ, n.Pos()})
		}
	}
	return list
}

// nameAll gives each operand a name, editing the signature where it has none.
func (s *source) nameAll(fl *ast.FieldList, ops []operand, prefix string) {
	if fl == nil || len(ops) == 0 {
		return
	}
	bare := !fl.Opening.IsValid() // a single result without parentheses
	for i := range ops {
		o := &ops[i]
		name := fmt.Sprintf("weft%s%d", prefix, i)
		for bytes.Contains(s.text, []byte(name)) {
			name += "_"
		}
		switch o.name {
		case "":
			text := name + " "
			if bare {
				text = "(" + text
			}
			s.edits.insert(s.offset(o.pos), text)
			if bare {
				s.edits.insert(s.offset(fl.End()), ")")
			}
			o.name = name
		case "_":
			off := s.offset(o.pos)
			s.edits.replace(off, off+1, name)
			o.name = name
		}
	}
}

// advise weaves the enter and exit rules of one join point into fn. It returns
// an error for each rule that does not fit, and weaves the others.
func (s *source) advise(fn *ast.FuncDecl, rules []*Rule) (fitted []*Rule, misfits map[*Rule]error) {
	misfits = map[*Rule]error{}
	if err := refuses(fn); err != nil {
		for _, r := range rules {
			misfits[r] = err
		}
		return nil, misfits
	}
	recv, params, results := s.operands(fn.Recv), s.operands(fn.Type.Params), s.operands(fn.Type.Results)
	var needParams, needResults bool
	for _, r := range rules {
		err := fits(r, recv, params, results)
		if err == nil && r.Kind == "result" {
			_, err = s.calls(fn, r)
		}
		if err != nil {
			misfits[r] = err
			continue
		}
		fitted = append(fitted, r)
		needParams = needParams || len(r.params) > len(recv)
		needResults = needResults || len(r.params) > len(recv)+len(params) || r.skips
	}
	if len(fitted) == 0 {
		return nil, misfits
	}
	needRecv := false
	for _, r := range fitted {
		needRecv = needRecv || len(r.params) > 0
	}
	if needRecv && len(recv) > 0 {
		s.nameAll(fn.Recv, recv, "r")
	}
	if needParams {
		s.nameAll(fn.Type.Params, params, "p")
	}
	if needResults {
		s.nameAll(fn.Type.Results, results, "q")
	}
	call := func(r *Rule, state string) string {
		var args []string
		if state != "" {
			args = append(args, "&"+state)
		}
		if r.value != nil {
			args = append(args, resultHere)
		}
		for i, p := range r.params {
			switch n := i - len(recv); {
			case p.unused:
				// A variable whose address is taken lives on the stack or the heap, and a deferred call keeps
				// all its arguments in the frame: what is of no use costs nothing.
				args = append(args, "nil")
			case n < 0:
				args = append(args, recv[i].name)
			case n < len(params):
				args = append(args, "&"+params[n].name)
			default:
				args = append(args, "&"+results[n-len(params)].name)
			}
		}
		return r.Advice + "(" + strings.Join(args, ", ") + ")"
	}
	var b strings.Builder
	var passes []func() // a call may stand right after the brace: the text there comes first
	n := 0
	for i := 0; i < len(fitted); i++ {
		r := fitted[i]
		group := []*Rule{r}
		state := ""
		if earlier(fitted[:i], r) {
			continue
		}
		for _, o := range fitted[i+1:] {
			if together(r, o) {
				group = append(group, o)
			}
		}
		if r.state != nil {
			for {
				n++
				if state = fmt.Sprintf("weft%d", n); !bytes.Contains(s.text, []byte(state)) {
					break
				}
			}
			fmt.Fprintf(&b, " var %s %s;", state, s.stateType(r))
		}
		for _, r := range group {
			if r.Kind == "exit" {
				fmt.Fprintf(&b, " defer %s;", call(r, state))
			}
		}
		for _, r := range group {
			switch {
			case r.Kind == "enter" && r.skips:
				fmt.Fprintf(&b, " if %s { return };", call(r, state))
			case r.Kind == "enter":
				fmt.Fprintf(&b, " %s;", call(r, state))
			case r.Kind == "result":
				passes = append(passes, func() { s.passResults(fn, r, call(r, state)) })
			}
		}
	}
	s.edits.insert(s.offset(fn.Body.Lbrace)+1, b.String())
	for _, pass := range passes {
		pass()
	}
	return fitted, misfits
}

// refuses returns why no advice may be called in fn, if so: it has no body, or
// a directive promises the compiler and the linker that it does little.
func refuses(fn *ast.FuncDecl) error {
	if fn.Body == nil {
		return errors.New("it has no body in Go")
	}
	if fn.Doc == nil {
		return nil
	}
	for _, c := range fn.Doc.List {
		switch word, _, _ := strings.Cut(c.Text, " "); word {
		case "//go:nosplit", "//go:systemstack", "//go:nowritebarrier", "//go:nowritebarrierrec", "//go:yeswritebarrierrec", "//go:cgo_unsafe_args":
			return fmt.Errorf("it is marked %s, and advice needs more stack than that may leave", word)
		}
	}
	return nil
}

// together reports whether two rules of one join point share a state, or have
// none: their exits are deferred before their enters are called, so that an
// exit also runs when the call is skipped.
func together(a, b *Rule) bool {
	if a.folder() != b.folder() || (a.state == nil) != (b.state == nil) {
		return false
	}
	return a.state == nil || a.state.typ == b.state.typ
}

func earlier(list []*Rule, r *Rule) bool {
	for _, o := range list {
		if together(o, r) {
			return true
		}
	}
	return false
}

// folder returns where the rule comes from, without file and line.
func (r *Rule) folder() string {
	return path.Dir(r.Pos)
}

// stateType returns the state's type as it is written in the woven file.
func (s *source) stateType(r *Rule) string {
	return s.typeText(r.state.expr, r.imports)
}

// typeText prints a type of the advice for use in this file, importing what it
// names.
func (s *source) typeText(x ast.Expr, imports map[string]string) string {
	var names []*ast.Ident
	ast.Inspect(x, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && imports[id.Name] != "" {
				names = append(names, id)
			}
		}
		return true
	})
	old := make([]string, len(names))
	for i, id := range names {
		old[i] = id.Name
		id.Name = s.addImport(imports[id.Name])
	}
	var b strings.Builder
	printer.Fprint(&b, token.NewFileSet(), x)
	for i, id := range names {
		id.Name = old[i]
	}
	return b.String()
}

// fits compares the advice's parameters with the join point's.
func fits(r *Rule, recv, params, results []operand) error {
	var want []string
	for _, o := range recv {
		want = append(want, o.typ)
	}
	for _, o := range params {
		want = append(want, "*"+o.typ)
	}
	if r.Kind == "exit" {
		for _, o := range results {
			want = append(want, "*"+o.typ)
		}
	}
	if len(r.params) > len(want) {
		return fmt.Errorf("%s takes %d operands, the join point has %d", r.Advice, len(r.params), len(want))
	}
	for i, p := range r.params {
		if p.typ != want[i] && !generic(recv, params, results) {
			return fmt.Errorf("%s takes a %s where the join point has a %s", r.Advice, p.typ, want[i])
		}
	}
	return nil
}

// generic reports whether types of the join point cannot be compared by name,
// because they are of a generic type.
func generic(lists ...[]operand) bool {
	for _, l := range lists {
		for _, o := range l {
			if strings.Contains(o.typ, "[") && len(l) > 0 && strings.HasSuffix(strings.TrimLeft(o.typ, "*[]"), "]") {
				return true
			}
		}
	}
	return false
}

// addField weaves a field rule into the struct it names, and returns the
// struct's line, 0 when it is not in this file.
func (s *source) addField(r *Rule) int {
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			ts := spec.(*ast.TypeSpec)
			st, ok := ts.Type.(*ast.StructType)
			if !ok || ts.Name.Name != r.name {
				continue
			}
			name, _, _ := strings.Cut(r.Advice, " ")
			text := name + " " + s.typeText(r.params[0].expr, r.imports) + " "
			closing := s.fset.PositionFor(st.Fields.Closing, false).Line
			if n := len(st.Fields.List); n > 0 && s.fset.PositionFor(st.Fields.List[n-1].End(), false).Line == closing {
				text = "; " + text
			}
			s.edits.insert(s.offset(st.Fields.Closing), text)
			return s.fset.PositionFor(ts.Pos(), false).Line
		}
	}
	return 0
}

// startAgent makes the file's program start the agent.
func (s *source) startAgent() {
	s.edits.insert(s.offset(s.file.Name.End()), fmt.Sprintf(`; import _ %q`, s.home.path("weft/agent")))
}

// keepName makes the compiler's messages name the file where the user has it:
// for an overlay they would name the copy. Debug information and stack traces
// are right either way. With -trimpath, where the name would make the outcome
// depend on the directory, messages do name the copy.
func (s *source) keepName() {
	at := s.fset.PositionFor(s.file.Package, false)
	s.edits.list = slices.Insert(s.edits.list, 0, edit{at.Offset, at.Offset, fmt.Sprintf("/*line %s:%d:%d*/", s.path, at.Line, at.Column)})
}
