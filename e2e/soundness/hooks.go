package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-trace/weft/weave"
)

// Advice for every function of a package, in the form in which users write
// theirs: files for a folder that weft.yaml names. Enter and exit take the
// receiver and pointers to all parameters and results, read what the pointers
// point to, and count. What they count lies in a file that all processes of a
// test map into their memory, so that nothing is lost when one is killed, and
// the tested package needs no import that it has not, or could not have.

// A pkg is what is asked of the go command about a package.
type pkg struct {
	Dir        string
	ImportPath string
	Name       string
	Standard   bool
	GoFiles    []string
	CgoFiles   []string
	ImportMap  map[string]string
	Module     *struct{ Path string }
}

// A hooked package is one with advice for all its functions.
type hooked struct {
	path   string
	points []string // join points, in the order of their counts
	counts string   // the file they are counted in
	ran    []bool   // which of them ran in any entry
}

// hooker writes advice.
type hooker struct {
	dir    string            // the hooks folder
	counts string            // where counts lie
	goroot string            // of the toolchain that compiles the advice
	names  map[string]string // names of packages by import path
}

// low reports whether a package may be below syscall and sync/atomic. Those of
// the FIPS module are not, and may import no internal package but their own.
func (p *pkg) low() bool {
	return p.Standard && !strings.HasPrefix(p.ImportPath, "crypto/internal/fips140/") && p.ImportPath != "crypto/internal/fips140"
}

// atomics is how advice counts, by whether it is for a low package.
var atomics = map[bool]struct{ path, add, typ string }{
	false: {"sync/atomic", "AddUint32", "uint32"},
	true:  {"internal/runtime/atomic", "Xadd", "int32"},
}

// write writes the advice for all functions of p.
func (h *hooker) write(p *pkg) (*hooked, error) {
	out := &hooked{path: p.ImportPath}
	dir := filepath.Join(h.dir, filepath.FromSlash(p.ImportPath))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var files []*ast.File
	fset := token.NewFileSet()
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	types := typeParams(files)
	for i, f := range files {
		text := h.advice(p, f, types, out)
		if text == nil {
			continue
		}
		// The name says nothing of an operating system: the go command has chosen the file.
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("every%d.go", i)), text, 0o666); err != nil {
			return nil, err
		}
	}
	if len(out.points) == 0 {
		return out, nil
	}
	sum := sha256.Sum256([]byte(p.ImportPath + "\n" + strings.Join(out.points, "\n")))
	out.counts = filepath.Join(h.counts, fmt.Sprintf("%x", sum[:10]))
	return out, os.WriteFile(filepath.Join(dir, "counts.go"), h.counters(p, out), 0o666)
}

// advice returns the advice for the functions of one file, nil for none.
func (h *hooker) advice(p *pkg, f *ast.File, types map[string]*ast.FieldList, out *hooked) []byte {
	var b bytes.Buffer
	used := map[string]bool{} // import specs, as written
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil || fn.Name.Name == "_" {
			continue
		}
		point := fn.Name.Name
		if recv := weave.Receiver(fn); recv != "" {
			point = "(" + recv + ")." + point
		} else if fn.Recv.NumFields() > 0 {
			continue
		}
		if slices.Contains(out.points, point) {
			continue // another init
		}
		k := len(out.points)
		out.points = append(out.points, point)
		var ops *operands
		if !p.Standard || !withC(f) {
			ops = h.operands(p, f, fn, types)
		}
		if ops == nil {
			ops = &operands{}
		}
		for spec := range ops.specs {
			used[spec] = true
		}
		fmt.Fprintf(&b, "//weft:enter %s\nfunc weftEveryEnter%d%s(weftC *weftEveryCall%s) {\n\tweftC.k = %d\n\tweft_atomic.%s(&weftEveryCounts[%d], 1)%s\n}\n\n",
			point, k, ops.enterTypes, ops.enter, k+1, atomics[p.low()].add, 3*k, ops.enterBody)
		fmt.Fprintf(&b, "//weft:exit %s\nfunc weftEveryExit%d%s(weftC *weftEveryCall%s) {\n\tif weftC.k != %d {\n\t\tweft_atomic.%s(&weftEveryCounts[%d], 1)\n\t}\n\tweft_atomic.%s(&weftEveryCounts[%d], 1)%s\n}\n\n",
			point, k, ops.exitTypes, ops.exit, k+1, atomics[p.low()].add, 3*k+2, atomics[p.low()].add, 3*k+1, ops.exitBody)
	}
	if b.Len() == 0 {
		return nil
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "//go:build weft\n\npackage %s\n\nimport weft_atomic %q\n", p.Name, atomics[p.low()].path)
	for _, spec := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(&head, "import %s\n", spec)
	}
	head.WriteByte('\n')
	return append(head.Bytes(), b.Bytes()...)
}

// withC reports whether a file is left out, or is another, where there is no C:
// weft brings the standard library without it into programs without it, and
// advice for such a file must do for both.
func withC(f *ast.File) bool {
	for _, g := range f.Comments {
		for _, c := range g.List {
			if c.Pos() < f.Package && strings.HasPrefix(c.Text, "//go:build ") && strings.Contains(c.Text, "cgo") {
				return true
			}
		}
	}
	return slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"C"` })
}

// operands is the part of an advice that depends on the join point's
// signature.
type operands struct {
	enter, exit           string          // parameters
	enterTypes, exitTypes string          // type parameters
	enterBody, exitBody   string          // what is done with them
	specs                 map[string]bool // imports that the types need
}

// operands returns nil when types of the signature cannot be written in
// another file.
func (h *hooker) operands(p *pkg, f *ast.File, fn *ast.FuncDecl, types map[string]*ast.FieldList) *operands {
	ops := &operands{specs: map[string]bool{}}
	var enter, exit, enterBody, exitBody bytes.Buffer
	ok := true
	n := 0
	list := func(fl *ast.FieldList, star string, to ...*bytes.Buffer) {
		if fl == nil {
			return
		}
		for _, fd := range fl.List {
			typ := fd.Type
			if e, is := typ.(*ast.Ellipsis); is {
				typ = &ast.ArrayType{Elt: e.Elt}
			}
			text, fits := h.typeText(p, f, typ, ops.specs)
			ok = ok && fits
			for range max(1, len(fd.Names)) {
				for i := 0; i < len(to); i += 2 {
					fmt.Fprintf(to[i], ", weftP%d %s%s", n, star, text)
					if star != "" {
						fmt.Fprintf(to[i+1], "\n\t_ = *weftP%d", n)
					}
				}
				n++
			}
		}
	}
	list(fn.Recv, "", &enter, &enterBody, &exit, &exitBody)
	list(fn.Type.Params, "*", &enter, &enterBody, &exit, &exitBody)
	list(fn.Type.Results, "*", &exit, &exitBody)
	if !ok {
		return nil
	}
	ops.enter, ops.exit, ops.enterBody, ops.exitBody = enter.String(), exit.String(), enterBody.String(), exitBody.String()
	tps := fn.Type.TypeParams
	if fn.Recv.NumFields() > 0 {
		var fits bool
		if tps, fits = receiverTypeParams(fn, types); !fits {
			return nil
		}
	}
	if tps.NumFields() == 0 {
		return ops
	}
	var tp bytes.Buffer
	for i, fd := range tps.List {
		text, fits := h.typeText(p, f, fd.Type, ops.specs)
		if !fits {
			return nil
		}
		for j, name := range fd.Names {
			if name.Name == "_" || !inferred(name.Name, fn.Recv, fn.Type.Params) && !inferred(name.Name, tps) {
				return nil
			}
			if i+j > 0 {
				tp.WriteString(", ")
			}
			tp.WriteString(name.Name)
		}
		tp.WriteString(" " + text)
	}
	ops.enterTypes = "[" + tp.String() + "]"
	ops.exitTypes = ops.enterTypes
	return ops
}

// inferred reports whether a type parameter occurs in the types of a list.
func inferred(name string, lists ...*ast.FieldList) bool {
	found := false
	for _, fl := range lists {
		if fl == nil {
			continue
		}
		for _, fd := range fl.List {
			ast.Inspect(fd.Type, func(n ast.Node) bool {
				id, ok := n.(*ast.Ident)
				found = found || ok && id.Name == name
				return true
			})
		}
	}
	return found
}

// typeParams returns the type parameters of the generic types of a package.
func typeParams(files []*ast.File) map[string]*ast.FieldList {
	types := map[string]*ast.FieldList{}
	for _, f := range files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				for _, s := range g.Specs {
					if ts := s.(*ast.TypeSpec); ts.TypeParams.NumFields() > 0 {
						types[ts.Name.Name] = ts.TypeParams
					}
				}
			}
		}
	}
	return types
}

// receiverTypeParams returns the type parameters that a method's receiver
// names, with the constraints of the type's own. Where the two lists name them
// differently, the constraints would have to be rewritten: it gives up.
func receiverTypeParams(fn *ast.FuncDecl, types map[string]*ast.FieldList) (*ast.FieldList, bool) {
	x := fn.Recv.List[0].Type
	if s, ok := x.(*ast.StarExpr); ok {
		x = s.X
	}
	var args []ast.Expr
	switch y := x.(type) {
	case *ast.IndexExpr:
		x, args = y.X, []ast.Expr{y.Index}
	case *ast.IndexListExpr:
		x, args = y.X, y.Indices
	default:
		return nil, true
	}
	id, ok := x.(*ast.Ident)
	if !ok || types[id.Name] == nil {
		return nil, false
	}
	i := 0
	for _, fd := range types[id.Name].List {
		for _, name := range fd.Names {
			if arg, ok := args[i].(*ast.Ident); !ok || arg.Name != name.Name || name.Name == "_" {
				return nil, false
			}
			i++
		}
	}
	return types[id.Name], true
}

// typeText prints a type of f for another file of the package, and notes the
// imports that it needs.
func (h *hooker) typeText(p *pkg, f *ast.File, x ast.Expr, specs map[string]bool) (string, bool) {
	ok := true
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			id, is := n.X.(*ast.Ident)
			if !is {
				ok = false
				return false
			}
			spec := h.importSpec(p, f, id.Name)
			if spec == "" {
				ok = false
			} else {
				specs[spec] = true
			}
			return false
		case *ast.Ident:
			for _, s := range f.Imports {
				// What is not a name of the language may come from a dot import.
				ok = ok && (s.Name == nil || s.Name.Name != ".")
			}
		}
		return true
	})
	var b bytes.Buffer
	if err := printer.Fprint(&b, token.NewFileSet(), x); err != nil {
		return "", false
	}
	return b.String(), ok
}

// importSpec returns the import of f that has a name, "" for none.
func (h *hooker) importSpec(p *pkg, f *ast.File, name string) string {
	for _, s := range f.Imports {
		target, err := strconv.Unquote(s.Path.Value)
		if err != nil || target == "C" {
			continue
		}
		if s.Name != nil {
			if s.Name.Name == name {
				return name + " " + s.Path.Value
			}
			continue
		}
		if to := p.ImportMap[target]; to != "" {
			target = to
		}
		if known := h.names[target]; known == name || known == "" && path.Base(target) == name {
			return name + " " + s.Path.Value
		}
	}
	return ""
}

// counters returns the file that holds a package's counts.
func (h *hooker) counters(p *pkg, out *hooked) []byte {
	var b bytes.Buffer
	n := 3 * len(out.points)
	fmt.Fprintf(&b, "//go:build weft\n\npackage %s\n\nimport weft_atomic %q\n", p.Name, atomics[p.low()].path)
	body := mapFile
	if p.low() {
		sys := "internal/runtime/syscall/linux"
		if _, err := os.Stat(filepath.Join(h.goroot, "src", filepath.FromSlash(sys))); err != nil {
			sys = "internal/runtime/syscall"
		}
		body = mapFileStd
		fmt.Fprintf(&b, "import weft_unsafe \"unsafe\"\nimport weft_sys %q\n\n", sys)
		c := calls[runtime.GOARCH]
		body = strings.NewReplacer("OPENAT", c.openat, "MMAP", c.mmap, "CLOSE", c.close).Replace(body)
	} else {
		fmt.Fprintf(&b, "import weft_unsafe \"unsafe\"\nimport weft_sys \"syscall\"\n\n")
	}
	fmt.Fprintf(&b, `type weftEveryCall struct{ k uint32 }

const weftEveryN = %d

var weftEveryFirst [weftEveryN]uint32
var weftEveryCounts = &weftEveryFirst

`, n)
	add := atomics[p.low()]
	b.WriteString(strings.NewReplacer("COUNTS", out.counts, "ADD", add.add, "TYPE", add.typ).Replace(body))
	return b.Bytes()
}

// mapFile maps the file of the counts, and adds what was counted before. A
// process that may not goes on counting for itself.
const mapFile = `func init() {
	fd, err := weft_sys.Open("COUNTS", weft_sys.O_RDWR|weft_sys.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	if mem, err := weft_sys.Mmap(fd, 0, weftEveryN*4, weft_sys.PROT_READ|weft_sys.PROT_WRITE, weft_sys.MAP_SHARED); err == nil {
		weftEveryMapped((*[weftEveryN]uint32)(weft_unsafe.Pointer(&mem[0])))
	}
	weft_sys.Close(fd)
}

func weftEveryMapped(to *[weftEveryN]uint32) {
	weftEveryCounts = to
	for i, n := range weftEveryFirst {
		if n != 0 {
			weft_atomic.ADD(&to[i], TYPE(n)) // other processes count, too
		}
	}
}
`

// mapFileStd is the same for packages that syscall may depend on.
const mapFileStd = `func init() {
	name := []byte("COUNTS\x00")
	fd, _, errno := weft_sys.Syscall6(OPENAT, ^uintptr(99), uintptr(weft_unsafe.Pointer(&name[0])), 0x80002, 0, 0, 0)
	if errno != 0 {
		return
	}
	if mem, _, errno := weft_sys.Syscall6(MMAP, 0, weftEveryN*4, 3, 1, fd, 0); errno == 0 {
		weftEveryMapped((*[weftEveryN]uint32)(*(*weft_unsafe.Pointer)(weft_unsafe.Pointer(&mem))))
	}
	weft_sys.Syscall6(CLOSE, fd, 0, 0, 0, 0, 0)
}

func weftEveryMapped(to *[weftEveryN]uint32) {
	weftEveryCounts = to
	for i, n := range weftEveryFirst {
		if n != 0 {
			weft_atomic.ADD(&to[i], TYPE(n)) // other processes count, too
		}
	}
}
`

// calls holds the numbers of Linux's system calls.
var calls = map[string]struct{ openat, mmap, close string }{
	"amd64": {"257", "9", "3"},
	"arm64": {"56", "222", "57"},
}

// linux reports whether the advice of mode every can be made here.
const linux = runtime.GOOS == "linux" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64")
