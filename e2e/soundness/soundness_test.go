package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSoundness runs the cheapest entry in both modes.
func TestSoundness(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and tests a module three times")
	}
	if !linux {
		t.Skip("what every function's advice counts is mapped with Linux's system calls")
	}
	var stdout, stderr bytes.Buffer
	code := run([]string{"-json", "-v", "-run", `^golang\.org/x/sync$`, "-dir", t.TempDir()}, &stdout, &stderr)
	if code == 2 || strings.Contains(stdout.String(), "mod download") {
		if os.Getenv("CI") != "" {
			t.Fatal(stdout.String(), stderr.String())
		}
		t.Skipf("the module proxy does not answer: %s", stdout.String())
	}
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	var r row
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Passed < 20 || len(r.Modes) != 2 {
		t.Fatalf("%d tests pass, in %d modes: %s", r.Passed, len(r.Modes), stdout.String())
	}
	if every := r.Modes[1]; every.Functions < 15 || every.Ran < 15 {
		t.Errorf("%d functions are woven, %d of them ran; want nearly all of 18", every.Functions, every.Ran)
	}
}

// TestComparison compares outcomes.
func TestComparison(t *testing.T) {
	plain := &outcome{results: map[test]string{
		{"p", ""}: "pass", {"p", "TestA"}: "pass", {"p", "TestA/x"}: "pass", {"p", "TestB"}: "pass", {"p", "TestC"}: "skip",
		{"q", ""}: "pass", {"q", "TestD"}: "pass",
		{"r", ""}: "fail", {"r", "TestE"}: "fail", {"r", "TestF"}: "pass",
	}}
	c := &comparison{plain: plain, excluded: map[test]bool{}}
	tests := []struct {
		name  string
		woven map[test]string
		want  []string
	}{
		{"same", plain.results, nil},
		{"subtest", map[test]string{
			{"p", ""}: "fail", {"p", "TestA"}: "fail", {"p", "TestA/x"}: "fail", {"p", "TestB"}: "pass", {"p", "TestC"}: "skip",
			{"q", ""}: "pass", {"q", "TestD"}: "pass", {"r", ""}: "fail", {"r", "TestE"}: "fail", {"r", "TestF"}: "pass",
		}, []string{"p TestA/x"}},
		{"skipped", map[test]string{
			{"p", ""}: "pass", {"p", "TestA"}: "pass", {"p", "TestA/x"}: "pass", {"p", "TestB"}: "skip", {"p", "TestC"}: "pass",
			{"q", ""}: "pass", {"q", "TestD"}: "pass", {"r", ""}: "fail", {"r", "TestE"}: "fail", {"r", "TestF"}: "pass",
		}, []string{"p TestB"}},
		{"crash", map[test]string{
			{"p", ""}: "fail", {"p", "TestA"}: "pass", {"p", "TestA/x"}: "pass",
			{"q", ""}: "pass", {"q", "TestD"}: "pass", {"r", ""}: "fail", {"r", "TestE"}: "fail", {"r", "TestF"}: "pass",
		}, []string{"p", "p TestB", "p TestC"}},
		{"does not compile", map[test]string{
			{"p", ""}: "fail",
			{"q", ""}: "pass", {"q", "TestD"}: "pass", {"r", ""}: "fail", {"r", "TestE"}: "fail", {"r", "TestF"}: "pass",
		}, []string{"p"}},
		{"plainly bad", map[test]string{
			{"p", ""}: "pass", {"p", "TestA"}: "pass", {"p", "TestA/x"}: "pass", {"p", "TestB"}: "pass", {"p", "TestC"}: "skip",
			{"q", ""}: "pass", {"q", "TestD"}: "pass", {"r", ""}: "fail", {"r", "TestE"}: "pass", {"r", "TestF"}: "fail",
		}, []string{"r TestF"}},
	}
	for _, tt := range tests {
		var got []string
		for _, f := range c.failing(&outcome{results: tt.woven}, nil) {
			got = append(got, f.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestHooker writes advice for every function of a package with all that makes
// types hard to write elsewhere.
func TestHooker(t *testing.T) {
	dir := t.TempDir()
	src := `package p

import (
	"io"
	str "strings"
	. "sort"
)

type T[K comparable, V any] struct{ k K; v V }

func (t *T[K, V]) Get(k K, _ ...V) (V, error) { return t.v, nil }
func (t *T[A, B]) Other() {}
func (t T[_, _]) Blank() {}
func Map[S ~[]E, E any](s S, f func(E) io.Reader) []io.Reader { return nil }
func New[V any]() (v V) { return }
func Plain(b *str.Builder, n, m int) (err error) { return nil }
func NoBody()
func _() {}
func init() {}
func init() {}
`
	file := filepath.Join(dir, "p.go")
	for _, dot := range []bool{true, false} {
		text := src
		if !dot {
			text = strings.Replace(src, `. "sort"`, "", 1)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		h := &hooker{dir: filepath.Join(dir, "hooks"), counts: dir, names: map[string]string{"io": "io", "strings": "strings"}}
		out, err := h.write(&pkg{Dir: dir, ImportPath: "example.com/p", Name: "p", GoFiles: []string{"p.go"}})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"(*T).Get", "(*T).Other", "(T).Blank", "Map", "New", "Plain", "init"}
		if !slices.Equal(out.points, want) {
			t.Fatalf("points %q, want %q", out.points, want)
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "hooks/example.com/p/every0.go"), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		params := map[string]int{}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				params[fn.Name.Name] = fn.Type.Params.NumFields()
			}
		}
		wantParams := map[string]int{
			"weftEveryEnter0": 4, "weftEveryExit0": 6, // the state, t, k, _, and both results
			"weftEveryEnter1": 1, "weftEveryExit1": 1, // other names than its type has
			"weftEveryEnter2": 1, "weftEveryExit2": 1,
			"weftEveryEnter3": 3, "weftEveryExit3": 4,
			"weftEveryEnter4": 1, "weftEveryExit4": 1, // V cannot be inferred where it begins
			"weftEveryEnter5": 4, "weftEveryExit5": 5,
			"weftEveryEnter6": 1, "weftEveryExit6": 1,
		}
		for name, n := range wantParams {
			if dot {
				n = min(n, 1) // what a name means is not known
			}
			if params[name] != n {
				t.Errorf("dot import %v: %s has %d parameters, want %d", dot, name, params[name], n)
			}
		}
	}
}
