package weave

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the goldens anew")

// TestEditGoldens weaves the file "before" of each archive with the advice in
// it and with all other rules of a user's package, and compares with "after".
func TestEditGoldens(t *testing.T) {
	archives, err := filepath.Glob("testdata/edit/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("find goldens: %v, %d found", err, len(archives))
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			in := &Integration{Target: "example.com/target", Origin: "hooks"}
			var before, after []byte
			at := -1
			for i, f := range a.Files {
				switch f.Name {
				case "before.go":
					before = f.Data
				case "after.go":
					after, at = f.Data, i
				default:
					if err := in.add(f.Name, f.Data); err != nil {
						t.Fatal(err)
					}
				}
			}
			before = bytes.ReplaceAll(before, []byte("<CR>"), []byte("\r"))
			got := weaveAll(t, "before.go", before, in)
			got = bytes.ReplaceAll(got, []byte("\r"), []byte("<CR>"))
			if *update {
				if at < 0 {
					a.Files = append(a.Files, txtar.File{Name: "after.go"})
					at = len(a.Files) - 1
				}
				a.Files[at].Data = got
				if err := os.WriteFile(name, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(after), string(got)); diff != "" {
				t.Errorf("after.go (-want +got), -update to accept:\n%s", diff)
			}
		})
	}
}

// weaveAll weaves everything that may be woven into one file: the rules of in,
// the ends of adoptions, and the start of the agent.
func weaveAll(t testing.TB, name string, text []byte, in *Integration) []byte {
	t.Helper()
	s, err := parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	s.endLoops(findLoopEnds("example.com/target", []string{name}, map[string][]byte{name: text}, noImports{})[name])
	if in != nil {
		live := map[*Rule]*Point{}
		for _, r := range in.Rules {
			live[r] = &Point{Rule: r}
			if r.Kind == "field" {
				s.addField(r)
			}
		}
		if err := new(weaving).weavePoints(s, in, live); err != nil {
			t.Fatal(err)
		}
	}
	s.startAgent()
	out, err := s.edits.apply(s.text)
	if err != nil {
		t.Fatalf("edit %s: %v", name, err)
	}
	return out
}

// checkEdited fails the test unless after is before with text added within
// lines, and parses.
func checkEdited(t testing.TB, name string, before, after []byte) {
	t.Helper()
	old, edited := bytes.Split(before, []byte("\n")), bytes.Split(after, []byte("\n"))
	if len(old) != len(edited) {
		t.Fatalf("%s has %d lines, %d when woven", name, len(old), len(edited))
	}
	for i := range old {
		if !subsequence(old[i], edited[i]) {
			t.Fatalf("%s:%d is not what it was:\n%s\n%s", name, i+1, old[i], edited[i])
		}
	}
	if _, err := parser.ParseFile(token.NewFileSet(), name, after, parser.SkipObjectResolution); err != nil {
		t.Fatalf("woven %s does not parse: %v\n%s", name, err, after)
	}
}

// subsequence reports whether edited is old with bytes put in; a blank name
// may have been given a name.
func subsequence(old, edited []byte) bool {
	for _, c := range old {
		if c == '_' {
			continue
		}
		i := bytes.IndexByte(edited, c)
		if i < 0 {
			return false
		}
		edited = edited[i+1:]
	}
	return true
}

// everything returns rules for every function of the file, that fit it.
func everything(f *ast.File) *Integration {
	in := &Integration{Target: "example.com/target", Origin: "hooks"}
	seen := map[string]bool{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil || fn.Name.Name == "_" || seen[Receiver(fn)+"."+fn.Name.Name] {
			continue
		}
		seen[Receiver(fn)+"."+fn.Name.Name] = true
		s := &source{imports: importNames(f)}
		var params []param
		for _, o := range s.operands(fn.Recv) {
			params = append(params, param{typ: o.typ})
		}
		for _, o := range append(s.operands(fn.Type.Params), s.operands(fn.Type.Results)...) {
			params = append(params, param{typ: "*" + o.typ})
		}
		enter := params[:len(params)-len(s.operands(fn.Type.Results))]
		state := &param{typ: "*weftState", expr: ast.NewIdent("weftState")}
		in.Rules = append(in.Rules,
			&Rule{Kind: "enter", Advice: "weftEnter", recv: Receiver(fn), name: fn.Name.Name, params: enter, state: state, skips: true},
			&Rule{Kind: "exit", Advice: "weftExit", recv: Receiver(fn), name: fn.Name.Name, params: params, state: state})
	}
	return in
}

// FuzzEdit weaves every function and every loop of any Go file.
func FuzzEdit(f *testing.F) {
	archives, _ := filepath.Glob("testdata/edit/*.txtar")
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(file.Data)
			f.Add(bytes.ReplaceAll(file.Data, []byte("\n"), []byte("\r\n")))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parse("f.go", text)
		if err != nil {
			t.Skip()
		}
		out := weaveAll(t, "f.go", text, everything(s.file))
		checkEdited(t, "f.go", text, out)
	})
}
