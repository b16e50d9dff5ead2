package weave

import (
	"go/ast"
	"go/token"
)

// mailboxes finds, in one function, where it makes a channel with a buffer from which
// it receives in a loop later on. Who makes a channel for one value waits for an
// answer, the runtime thinks, and is told that this is none.
func (f *loopFinder) mailboxes(body *ast.BlockStmt) {
	made := map[string][]ast.Stmt{} // by the text of what the channel is in
	inspectFunc(body, func(n ast.Node) {
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		}
		for _, st := range list {
			if as, ok := st.(*ast.AssignStmt); ok && len(as.Lhs) == 1 && len(as.Rhs) == 1 && makesOne(as.Rhs[0]) {
				if x := f.place(as.Lhs[0]); x != "" && x != "_" {
					made[x] = append(made[x], st)
				}
			}
		}
	})
	if len(made) == 0 {
		return
	}
	inspectFunc(body, func(loop ast.Node) {
		received := func(x ast.Expr) {
			for _, st := range made[f.place(x)] {
				if st.End() <= loop.Pos() {
					f.ends[f.s.offset(st.End())] = "WeftMailbox(" + f.place(x) + ")"
				}
			}
		}
		switch l := loop.(type) {
		case *ast.RangeStmt:
			received(l.X)
		case *ast.ForStmt:
		default:
			return
		}
		inspectFunc(loop, func(n ast.Node) {
			if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.ARROW {
				received(u.X)
			}
		})
	})
}

// inspectFunc visits n and what is in it, but for function literals.
func inspectFunc(n ast.Node, visit func(ast.Node)) {
	ast.Inspect(n, func(m ast.Node) bool {
		if _, ok := m.(*ast.FuncLit); ok && m != n {
			return false
		}
		if m != nil {
			visit(m)
		}
		return true
	})
}

// makesOne reports whether x makes a channel that may have a buffer for one value.
func makesOne(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok || len(call.Args) != 2 || root(call.Fun) != "make" {
		return false
	}
	if _, ok := ast.Unparen(call.Args[0]).(*ast.ChanType); !ok {
		return false
	}
	size, ok := call.Args[1].(*ast.BasicLit)
	return !ok || size.Value == "1"
}

// place returns the text of x if that is a name, or a chain of them.
func (f *loopFinder) place(x ast.Expr) string {
	for y := x; ; {
		switch z := y.(type) {
		case *ast.Ident:
			return string(f.s.text[f.s.offset(x.Pos()):f.s.offset(x.End())])
		case *ast.SelectorExpr:
			y = z.X
		default:
			return ""
		}
	}
}
