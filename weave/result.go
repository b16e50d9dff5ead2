package weave

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// calls returns the calls in fn of the parameter that a result rule names, or an
// error when the rule does not fit fn. That it is a parameter, and is not declared
// again, makes sure that what is woven compiles.
func (s *source) calls(fn *ast.FuncDecl, r *Rule) (list []*ast.CallExpr, err error) {
	typ := ""
	for _, f := range fn.Type.Params.List {
		for _, n := range f.Names {
			if t, ok := f.Type.(*ast.FuncType); ok && n.Name == r.callee && t.Results.NumFields() == 1 {
				typ = typeString(t.Results.List[0].Type, s.imports)
			}
		}
	}
	if typ == "" {
		return nil, fmt.Errorf("it has no parameter %s that is a function with one result", r.callee)
	}
	if typ != r.value.typ {
		return nil, fmt.Errorf("%s takes a %s where %s returns a %s", r.Advice, r.value.typ, r.callee, typ)
	}
	again := false
	declares := func(names ...*ast.Ident) {
		for _, n := range names {
			again = again || n.Name == r.callee
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				if id, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					declares(id)
				}
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if id, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					declares(id)
				}
			}
		case *ast.ValueSpec:
			declares(n.Names...)
		case *ast.TypeSpec:
			declares(n.Name)
		case *ast.Field:
			declares(n.Names...)
		case *ast.GoStmt:
			list = append(list, nil)
		case *ast.DeferStmt:
			list = append(list, nil)
		case *ast.CallExpr:
			// The call of a go or defer statement has no result: it follows its
			// statement.
			if m := len(list); m > 0 && list[m-1] == nil {
				list = list[:m-1]
			} else if id, ok := n.Fun.(*ast.Ident); ok && id.Name == r.callee {
				list = append(list, n)
			}
		}
		return true
	})
	switch {
	case again:
		return nil, fmt.Errorf("it declares another %s", r.callee)
	case len(list) == 0:
		return nil, fmt.Errorf("it does not call %s", r.callee)
	}
	return list, nil
}

// resultHere stands for the call in the text of advice that its result passes
// through.
const resultHere = "\x00"

// passResults puts the text of advice around each call.
func (s *source) passResults(fn *ast.FuncDecl, r *Rule, advice string) {
	calls, err := s.calls(fn, r)
	if err != nil {
		return // advise has asked before
	}
	before, after, _ := strings.Cut(advice, resultHere)
	for _, c := range calls {
		s.edits.insert(s.offset(c.Pos()), before)
		s.edits.insert(s.offset(c.End()), after)
	}
}
