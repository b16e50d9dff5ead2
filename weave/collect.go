package weave

import (
	"go/ast"
	"go/token"
	"slices"
)

// A receivingLoop is a loop in which values are received.
type receivingLoop struct {
	got      map[string]bool // the variables that they are in
	declared map[string]bool // all variables that are declared in it
}

// receiving returns what is received in the loop n.
func (f *loopFinder) receiving(n ast.Node) *receivingLoop {
	l := &receivingLoop{map[string]bool{}, map[string]bool{}}
	note := func(into map[string]bool, x ast.Expr) {
		if id, ok := x.(*ast.Ident); ok && id.Name != "_" {
			into[id.Name] = true
		}
	}
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.FuncLit:
			return false
		case *ast.RangeStmt:
			if m == n && f.channels[m.X] && m.Key != nil {
				note(l.got, m.Key)
			}
			if m.Tok == token.DEFINE {
				for _, x := range []ast.Expr{m.Key, m.Value} {
					note(l.declared, x)
				}
			}
		case *ast.AssignStmt:
			if len(m.Rhs) == 1 && isReceive(m.Rhs[0]) {
				note(l.got, m.Lhs[0])
			}
			if m.Tok == token.DEFINE {
				for _, x := range m.Lhs {
					note(l.declared, x)
				}
			}
		case *ast.ValueSpec:
			for _, id := range m.Names {
				note(l.declared, id)
			}
		}
		return true
	})
	return l
}

// collects reports whether st puts a value that was received in the loop by with
// others: appends it to a slice that is older than the turn of the loop, or pushes
// it into a list or a heap.
func (l *receivingLoop) collects(st ast.Stmt) bool {
	call, args := (*ast.CallExpr)(nil), []ast.Expr(nil)
	switch st := st.(type) {
	case *ast.AssignStmt:
		if len(st.Lhs) != 1 || len(st.Rhs) != 1 || l.declared[root(st.Lhs[0])] {
			return false
		}
		call, _ = st.Rhs[0].(*ast.CallExpr)
		if call == nil || len(call.Args) < 2 || root(call.Fun) != "append" {
			return false
		}
		args = call.Args[1:]
	case *ast.ExprStmt:
		call, _ = st.X.(*ast.CallExpr)
		if call == nil {
			return false
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		switch x := root(sel); {
		case x == "heap" && sel.Sel.Name == "Push" && len(call.Args) == 2:
			args = call.Args[1:]
		case (sel.Sel.Name == "PushBack" || sel.Sel.Name == "PushFront") && len(call.Args) == 1 && !l.declared[x]:
			args = call.Args
		}
	}
	return slices.ContainsFunc(args, l.received)
}

// received reports whether x is, or holds, something that was received, and not what
// a function has made of it.
func (l *receivingLoop) received(x ast.Expr) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr, *ast.FuncLit:
			return false
		case *ast.SelectorExpr:
			found = found || l.got[root(n)]
			return false
		case *ast.KeyValueExpr:
			found = found || l.received(n.Value)
			return false
		case *ast.Ident:
			found = found || l.got[n.Name]
		case *ast.UnaryExpr:
			found = found || isReceive(n)
		}
		return !found
	})
	return found
}

// isReceive reports whether x receives.
func isReceive(x ast.Expr) bool {
	u, ok := ast.Unparen(x).(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW && !signal(u.X)
}

// root returns the name with which x begins, "" if it begins otherwise.
func root(x ast.Expr) string {
	for {
		switch y := x.(type) {
		case *ast.Ident:
			return y.Name
		case *ast.SelectorExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.StarExpr:
			x = y.X
		case *ast.ParenExpr:
			x = y.X
		default:
			return ""
		}
	}
}
