package weave

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A goroutine that receives from a channel takes on the trace context of the
// sender, which is right for a worker and wrong for a collector: a main that
// gathers results would stay in the trace of the last one. So in the user's
// own packages weft ends an adoption where the loop that received ends, and
// after each receive of a main, init or test function. It also ends where a
// value that was received in a loop is put by with others: a batcher would be in
// the trace of the last one of each batch. And a channel that is made where it is
// received from in a loop is none for answers, which the runtime would take it for.
//
// The call is an ordinary statement after the loop's closing brace, or after the
// statement that puts the value by, or makes the channel. It cannot make code stop
// compiling: it declares nothing, so no goto jumps over it; it comes after a
// statement of a list, so labels, breaks and fallthroughs stay what they were; and
// it never follows a loop that the language calls terminating, so no function
// misses a return.

const loopVersion = "loop 5" // changes when the same files would be woven otherwise

// loopEnds gives, by file, calls of package runtime by the offset at which they come.
type loopEnds map[string]map[int]string

// endLoops weaves the ends of adoptions into the user's own packages.
func (w *weaving) endLoops() error {
	if !w.patched || w.cfg.Cover {
		return nil
	}
	for _, p := range w.pkgs {
		if !p.own() || p.isTest() {
			continue
		}
		sets := [][]string{p.sources()}
		if w.cfg.Tests && !p.DepOnly {
			// The tests of the package are checked with it, those outside it alone.
			var in, out []string
			for _, f := range p.TestGoFiles {
				in = append(in, p.file(f))
			}
			for _, f := range p.XTestGoFiles {
				out = append(out, p.file(f))
			}
			sets[0] = append(sets[0], in...)
			sets = append(sets, out)
		}
		for _, files := range sets {
			if err := w.endLoopsIn(p, files); err != nil {
				return err
			}
		}
	}
	return nil
}

// endLoopsIn weaves one package, or its external tests. What a file becomes is
// remembered by its size and time of change, so that in a build where nothing
// changed no file is read.
func (w *weaving) endLoopsIn(p *Package, files []string) error {
	if len(files) == 0 {
		return nil
	}
	// memo is the key for what the files become.
	memo, known := w.memoKey(p, files)
	for depth := 0; known && depth <= deepest; depth++ {
		if w.recall(w.memoDepth(memo, p, depth)) {
			return nil
		}
	}
	texts := make(map[string][]byte, len(files))
	interesting := false
	for _, f := range files {
		text, err := w.read(f)
		if err != nil {
			return nil // the go command will say why
		}
		texts[f] = text
		interesting = interesting || receives(text)
	}
	var ends loopEnds
	depth := 0 // how deep the imports are that the outcome depends on
	if interesting {
		ends = findLoopEnds(p.ImportPath, files, texts, noImports{}, importer{w, 1, &depth}, importer{w, deepest, &depth})
	}
	laid := map[string]string{} // by path, the file in the cache
	for _, f := range files {
		calls := ends[filepath.Base(f)]
		if len(calls) == 0 || w.spare(f) {
			continue
		}
		s, err := parse(f, texts[f])
		if err != nil {
			continue
		}
		s.endLoops(calls)
		if err := w.layEdits(s, loopWhy); err != nil {
			return err
		}
		if laid[f], err = w.put(w.files[f]); err != nil {
			return err
		}
	}
	if memo == "" {
		return nil
	}
	data, err := json.Marshal(laid)
	if err != nil {
		return fmt.Errorf("keep the loops of %s: %w", p.ImportPath, err)
	}
	return w.cache.PutKey(w.memoDepth(memo, p, depth), data)
}

const loopWhy = "ends of adoptions"

// settled is how old a file must be for its size and time to tell its content:
// a younger one may change again within the clock's tick.
const settled = 2 * time.Second

// memoKey returns the key under which the outcome for the files is kept, ""
// when it may not be, and whether it may be used.
func (w *weaving) memoKey(p *Package, files []string) (key string, use bool) {
	parts := []string{loopVersion, w.tc.GOVERSION, p.ImportPath, fmt.Sprint(w.trimpath, w.cfg.Garble)}
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil || w.files[f] != nil || w.embedded[f] != "" || time.Since(st.ModTime()) < settled {
			return "", false
		}
		if _, ok := w.user[f]; ok {
			return "", false
		}
		parts = append(parts, f, strconv.FormatInt(st.Size(), 10), strconv.FormatInt(st.ModTime().UnixNano(), 10))
	}
	return hash(parts...), !w.cfg.Texts
}

// memoDepth returns the key for an outcome that depends on imports to a depth.
func (w *weaving) memoDepth(memo string, p *Package, depth int) string {
	parts := []string{memo, strconv.Itoa(depth)}
	if depth > 0 {
		for _, path := range p.Imports {
			parts = append(parts, w.exports(path, depth))
		}
	}
	return hash(parts...)
}

// recall lays what was remembered under key, and reports whether all of it was
// there.
func (w *weaving) recall(key string) bool {
	data, ok := w.cache.Get(key)
	laid := map[string]string{}
	if !ok || json.Unmarshal(data, &laid) != nil {
		return false
	}
	for _, to := range laid {
		if !w.cache.Use(to) {
			return false
		}
	}
	for path, to := range laid {
		w.files[path] = &File{Path: path, Why: loopWhy, cached: to}
	}
	return true
}

// endLoops weaves the calls.
func (s *source) endLoops(calls map[int]string) {
	if len(calls) == 0 {
		return
	}
	alias := s.addImport("runtime")
	for off, call := range calls {
		s.edits.insert(off, "; "+alias+"."+call)
	}
}

// receives reports whether text can hold a receive: other files need not be
// parsed.
func receives(text []byte) bool {
	return bytes.Contains(text, []byte("<-")) || bytes.Contains(text, []byte("range"))
}

// findLoopEnds finds, in the files of a package, where adoptions end. What the
// package imports is looked up in imports, one after the other.
func findLoopEnds(path string, files []string, texts map[string][]byte, imports ...types.Importer) loopEnds {
	fset := token.NewFileSet()
	var asts []*ast.File
	var sources []*source
	var ranges []ast.Expr // operands of range that may be channels
	for _, f := range files {
		s, err := parseInto(fset, f, texts[f])
		if err != nil {
			return loopEnds{} // the compiler will say why
		}
		asts = append(asts, s.file)
		sources = append(sources, s)
		ast.Inspect(s.file, func(n ast.Node) bool {
			if r, ok := n.(*ast.RangeStmt); ok && r.Value == nil && mayBeChannel(r.X) {
				ranges = append(ranges, r.X)
			}
			return true
		})
	}
	var channels map[ast.Expr]bool
	if len(ranges) > 0 {
		channels = findChannels(path, fset, asts, ranges, imports)
	}
	ends := loopEnds{}
	for _, s := range sources {
		f := &loopFinder{s: s, channels: channels, test: strings.HasSuffix(s.path, "_test.go"), ends: map[int]string{}}
		for _, d := range s.file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				f.collector = fn.Recv == nil && collector(fn.Name.Name, f.test)
				f.block(fn.Body.List)
				f.mailboxes(fn.Body)
				f.collector = false
			}
			// Function literals anywhere are functions of their own.
			ast.Inspect(d, func(n ast.Node) bool {
				if lit, ok := n.(*ast.FuncLit); ok {
					f.block(lit.Body.List)
					f.mailboxes(lit.Body)
				}
				return true
			})
		}
		ends[filepath.Base(s.path)] = f.ends
	}
	return ends
}

// mayBeChannel reports whether x could be a channel by its form.
func mayBeChannel(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.BasicLit, *ast.CompositeLit, *ast.FuncLit, *ast.BinaryExpr, *ast.SliceExpr:
		return false
	case *ast.CallExpr:
		id, ok := x.Fun.(*ast.Ident)
		return !ok || id.Name != "len" && id.Name != "cap" && id.Name != "min" && id.Name != "max"
	}
	return true
}

// collector reports whether a function of this name gathers what others did
// rather than work for them.
func collector(name string, test bool) bool {
	if name == "main" || name == "init" {
		return true
	}
	return test && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Benchmark") || strings.HasPrefix(name, "Example"))
}

// findChannels returns those of exprs that are channels. Most packages tell
// that by themselves; the packages that they import, and those that these
// import, are read only when something remains unknown.
func findChannels(path string, fset *token.FileSet, files []*ast.File, exprs []ast.Expr, imports []types.Importer) map[ast.Expr]bool {
	channels := map[ast.Expr]bool{}
	for _, imp := range imports {
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
		conf := types.Config{Importer: imp, Error: func(error) {}, FakeImportC: true}
		conf.Check(path, fset, files, info) // errors are expected: not everything is imported
		unknown := false
		for _, x := range exprs {
			t := info.Types[x].Type
			if t == nil || t == types.Typ[types.Invalid] {
				unknown = true
				continue
			}
			_, channels[x] = t.Underlying().(*types.Chan)
		}
		if !unknown {
			break
		}
	}
	return channels
}

// loopFinder walks the statements of one function at a time.
type loopFinder struct {
	s         *source
	channels  map[ast.Expr]bool
	test      bool
	collector bool           // in a main, init or test function, outside loops
	in        *receivingLoop // nil outside of such loops
	ends      map[int]string
}

func (f *loopFinder) end(n ast.Node) { f.ends[f.s.offset(n.End())] = "WeftLoopEnd()" }

// block walks a list of statements.
func (f *loopFinder) block(list []ast.Stmt) {
	for _, st := range list {
		f.stmt(st, "")
	}
}

// stmt walks one statement of a list; label is its label.
func (f *loopFinder) stmt(st ast.Stmt, label string) {
	switch st := st.(type) {
	case *ast.LabeledStmt:
		f.stmt(st.Stmt, st.Label.Name)
	case *ast.ForStmt:
		f.loop(st, st.Body, f.receives(st.Init) || f.receives(st.Cond) || f.receives(st.Post) || f.receives(st.Body),
			st.Cond != nil || breaks(st.Body, label))
	case *ast.RangeStmt:
		f.loop(st, st.Body, f.channels[st.X] || f.receives(st.Body), true)
	case *ast.BlockStmt:
		f.block(st.List)
	case *ast.IfStmt:
		if f.collector && (f.receives(st.Init) || f.receives(st.Cond)) {
			f.end(st)
		}
		f.block(st.Body.List)
		if st.Else != nil {
			f.stmt(st.Else, "")
		}
	case *ast.SwitchStmt:
		if f.collector && (f.receives(st.Init) || f.receives(st.Tag)) {
			f.end(st)
		}
		f.block(st.Body.List)
	case *ast.TypeSwitchStmt:
		f.block(st.Body.List)
	case *ast.CaseClause:
		f.block(st.Body)
	case *ast.SelectStmt:
		f.block(st.Body.List)
		if f.collector && len(st.Body.List) > 0 && f.receives(st) {
			f.end(st) // a function without results never misses a return
		}
	case *ast.CommClause:
		f.block(st.Body)
	case *ast.ExprStmt, *ast.AssignStmt, *ast.DeclStmt, *ast.SendStmt:
		switch {
		case f.collector && f.receives(st):
			f.end(st)
		case f.in != nil && f.in.collects(st):
			f.ends[f.s.offset(st.End())] = "WeftCollected()"
		}
	}
}

// loop handles a loop that is a statement of a list.
func (f *loopFinder) loop(n ast.Node, body *ast.BlockStmt, receives, ends bool) {
	if receives && ends {
		f.end(n)
	}
	collector, in := f.collector, f.in
	f.collector = false
	if receives {
		f.in = f.receiving(n)
	}
	f.block(body.List)
	f.collector, f.in = collector, in
}

// receives reports whether a receive that may carry a context stands directly
// in n: not in an inner loop, which ends its own adoptions, nor in a function
// literal.
func (f *loopFinder) receives(n ast.Node) bool {
	if n == nil {
		return false
	}
	found, root := false, n
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ForStmt, *ast.RangeStmt:
			return n == root
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && !signal(n.X) {
				found = true
			}
		}
		return !found
	})
	return found
}

// signal reports whether a receive from x is known to carry nothing, by the
// names that everybody uses: context.Context's Done, time's After and Tick,
// and the C of a timer. A loop that only waits for those has adopted nothing,
// and ending an adoption there would end the one its goroutine works under.
func signal(x ast.Expr) bool {
	switch x := ast.Unparen(x).(type) {
	case *ast.CallExpr:
		sel, ok := x.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		if sel.Sel.Name == "Done" && len(x.Args) == 0 {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		return ok && id.Name == "time" && (sel.Sel.Name == "After" || sel.Sel.Name == "Tick")
	case *ast.SelectorExpr:
		return x.Sel.Name == "C"
	}
	return false
}

// breaks reports whether body holds a break that leaves its loop, which has
// the label.
func breaks(body *ast.BlockStmt, label string) bool {
	found := false
	var walk func(n ast.Node, inner bool)
	walk = func(n ast.Node, inner bool) {
		ast.Inspect(n, func(m ast.Node) bool {
			if m == n {
				return true
			}
			switch m := m.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
				walk(m, true)
				return false
			case *ast.BranchStmt:
				if m.Tok == token.BREAK && (m.Label == nil && !inner || m.Label != nil && m.Label.Name == label) {
					found = true
				}
			}
			return !found
		})
	}
	walk(body, false)
	return found
}
