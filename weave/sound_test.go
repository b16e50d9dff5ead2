package weave

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEditsStd weaves every function and every loop of the standard library
// and its tests, on each version of Go: what comes out parses and has every line
// where it was. In a short test, and on other versions than that of the go
// command unless WEFT_LONG is set, it is every twentieth file.
func TestEditsStd(t *testing.T) {
	for _, v := range versions(t) {
		t.Run(v.Version, func(t *testing.T) {
			editsStd(t, filepath.Join(v.Root(t), "src"), testing.Short() || !v.local && !long)
		})
	}
}

func editsStd(t *testing.T, root string, some bool) {
	n := 0
	err := filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		if n++; some && n%20 != 0 {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s, err := parse(path, text)
		if err != nil {
			return nil
		}
		checkEdited(t, path, text, weaveAll(t, filepath.Base(path), text, everything(s.file)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 1000 {
		t.Errorf("wove %d files, not the standard library", n)
	}
}

// advised is what the rules of everything call: advice for any join point.
const advised = `
type weftState struct{ _ int }

func weftEnter(*weftState, ...any) bool { return false }
func weftExit(*weftState, ...any)       {}
`

// TestEditsCompile weaves every function and every loop of real packages, and
// compiles what comes out. With WEFT_LONG set it does so, for packages of the
// standard library, on every version of Go.
func TestEditsCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a good part of the standard library")
	}
	std := []string{"net/http/...", "go/...", "encoding/...", "database/...", "text/...", "html/...", "log/...", "archive/...", "image/..."}
	modules := []string{"golang.org/x/mod/...", "go.yaml.in/yaml/v3", "github.com/google/go-cmp/...", "github.com/rogpeppe/go-internal/..."}
	t.Run("local", func(t *testing.T) {
		editsCompile(t, &Toolchain{Command: "go", Env: os.Environ(), GOROOT: goroot(t)}, ".", append(std, modules...))
	})
	if !long {
		return
	}
	for _, v := range versions(t) {
		t.Run(v.Version, func(t *testing.T) {
			editsCompile(t, v.Toolchain(t), module(t, ""), std)
		})
	}
}

func editsCompile(t *testing.T, tc *Toolchain, home string, patterns []string) {
	pkgs, err := load(tc, home, nil, patterns, false)
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	// Files of the module cache cannot be overlaid: those packages are laid as
	// packages of the standard library that no file on disk knows of.
	virtual := map[string]string{}
	for _, p := range pkgs {
		if !p.Standard && !p.own() {
			virtual[p.ImportPath] = "weave_test/" + p.ImportPath
		}
	}
	imports := regexp.MustCompile(`"[^"\n]+"`)
	runtimeCall := regexp.MustCompile(`weft_runtime\.Weft\w+\(([^)]*)\)`)
	overlay := overlayFile{Replace: map[string]string{}}
	var targets []string
	put := func(path string, text []byte) {
		to := filepath.Join(temp, fmt.Sprintf("%d.go", len(overlay.Replace)))
		if err := os.WriteFile(to, text, 0o666); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[path] = to
	}
	for _, p := range pkgs {
		virtualPath := virtual[p.ImportPath]
		if p.own() || p.DepOnly && virtualPath == "" || strings.Contains(p.ImportPath, "internal/runtime") {
			continue
		}
		dir, target := p.Dir, p.ImportPath
		if virtualPath != "" {
			dir, target = filepath.Join(tc.GOROOT, "src", filepath.FromSlash(virtualPath)), virtualPath
		}
		targets = append(targets, target)
		files := p.sources()
		texts := map[string][]byte{}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			texts[f] = text
		}
		ends := findLoopEnds(p.ImportPath, files, texts, noImports{})
		for _, f := range files {
			s, err := parse(f, texts[f])
			if err != nil {
				t.Fatal(err)
			}
			live := map[*Rule]*Point{}
			in := everything(s.file)
			unsafeToBox(s.file, in)
			for _, r := range in.Rules {
				live[r] = &Point{Rule: r}
			}
			if err := new(weaving).weavePoints(s, in, live); err != nil {
				t.Fatal(err)
			}
			s.endLoops(ends[filepath.Base(f)])
			out, err := s.edits.apply(s.text)
			if err != nil {
				t.Fatal(err)
			}
			checkEdited(t, f, s.text, out)
			// An unpatched runtime has none of the calls that loops get; any other will do.
			text := runtimeCall.ReplaceAllString(string(out), "weft_runtime.KeepAlive($1)")
			text = strings.ReplaceAll(text, "weft_runtime.KeepAlive()", "weft_runtime.KeepAlive(nil)")
			if virtualPath != "" {
				text = imports.ReplaceAllStringFunc(text, func(m string) string {
					if v, ok := virtual[strings.Trim(m, `"`)]; ok {
						return `"` + v + `"`
					}
					return m
				})
			}
			put(filepath.Join(dir, filepath.Base(f)), []byte(text))
		}
		put(filepath.Join(dir, "weft_advised.go"), []byte("package "+p.Name+"\n"+advised))
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(file, data, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Logf("compiling %d packages, %d files", len(targets), len(overlay.Replace))
	cmd := tc.Cmd(home, append([]string{"build", "-overlay=" + file, "--"}, targets...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("compile the woven packages: %v\n%s", err, out)
	}
}

// unsafeToBox drops the rules for functions that the test's own advice cannot
// be called in: it makes interfaces and defers, which functions with compiler
// directives may not.
func unsafeToBox(f *ast.File, in *Integration) {
	bad := map[string]bool{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Doc == nil {
			continue
		}
		for _, c := range fn.Doc.List {
			if strings.HasPrefix(c.Text, "//go:") && !strings.HasPrefix(c.Text, "//go:noinline") && !strings.HasPrefix(c.Text, "//go:linkname") {
				bad[Receiver(fn)+"."+fn.Name.Name] = true
			}
		}
	}
	rules := in.Rules[:0]
	for _, r := range in.Rules {
		if !bad[r.recv+"."+r.name] {
			rules = append(rules, r)
		}
	}
	in.Rules = rules
}

func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
