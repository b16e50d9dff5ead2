package weave

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompose makes random edits of a text in two passes, and at once.
func TestCompose(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		pass := func(n int) []edit {
			var list []edit
			for at := 0; ; {
				at += r.IntN(4)
				end := at + r.IntN(3)*r.IntN(2)
				if end > n {
					return list
				}
				list = append(list, edit{at, end, strings.Repeat(string(rune('a'+r.IntN(26))), 1+r.IntN(3))})
				at = end
			}
		}
		do := func(text []byte, list []edit) []byte {
			out, err := (&edits{slices.Clone(list)}).apply(text)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		text := []byte("0123456789")
		first := pass(len(text))
		middle := do(text, first)
		var second []edit
		for _, x := range pass(len(middle)) {
			// What replaces text takes either that of the first pass, or what was there before.
			if x.end == x.off || !strings.ContainsFunc(string(middle[x.off:x.end]), func(r rune) bool { return r >= 'a' }) {
				second = append(second, x)
			}
		}
		want := do(middle, second)
		if got := do(text, compose(first, second)); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: %v, then %v: %s, at once %s", seed, first, second, want, got)
		}
	}
}

// TestCoverTool runs Go's cover tool on a woven package: what it says of the
// source is what it says without weft, and what it writes is woven.
func TestCoverTool(t *testing.T) {
	tool, err := exec.Command("go", "tool", "-n", "cover").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := "//go:build !never\n\n// Package p.\npackage p; import _ \"fmt\"\n\nfunc f(_ int) (int, error) { if true { return 1, nil } else if false { return 2, nil }; return 3, nil }\n" +
		"\n//line g.y:7\nfunc g() { f(1) }\n"
	run := func(dir string, woven bool) (text, vars string) {
		in := filepath.Join(dir, "p.go")
		write := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			return path
		}
		write("p.go", src)
		s, err := parse(in, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		live := map[*Rule]*Point{}
		all := everything(s.file)
		for _, r := range all.Rules {
			live[r] = &Point{Rule: r}
		}
		if err := new(weaving).weavePoints(s, all, live); err != nil {
			t.Fatal(err)
		}
		s.startAgent()
		out, err := s.edits.apply(s.text)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]coverFile{in: {Old: in, New: write("woven", string(out))}}
		for _, x := range s.edits.list {
			c := files[in]
			c.Edits = append(c.Edits, coverEdit{x.off, x.end, x.text})
			files[in] = c
		}
		cfg := write("cfg", fmt.Sprintf(`{"PkgPath":"x/p","PkgName":"p","Granularity":"perblock","OutConfig":%q}`, filepath.Join(dir, "outcfg")))
		args := []string{"-pkgcfg", cfg, "-mode", "set", "-var", "v", "-outfilelist", write("list", filepath.Join(dir, "vars.go")+"\n"+filepath.Join(dir, "out.go")+"\n"), in}
		call := func(args []string) error {
			msg, err := exec.Command(strings.TrimSpace(string(tool)), args...).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, msg)
			}
			return err
		}
		c := &coverTool{files: files}
		if !c.parse(args) {
			t.Fatal("the go command's arguments are not understood")
		}
		if c.tmp = t.TempDir(); woven {
			err = c.cover(call)
		} else {
			err = call(args)
		}
		if err != nil {
			t.Fatal(err)
		}
		read := func(name string) string {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return strings.ReplaceAll(string(data), dir, "")
		}
		return read("out.go"), read("vars.go")
	}
	plain, plainVars := run(t.TempDir(), false)
	got, vars := run(t.TempDir(), true)
	if vars != plainVars {
		t.Errorf("the counters of the woven package differ:\n%s\nplain:\n%s", vars, plainVars)
	}
	checkEdited(t, "p.go", []byte(plain), []byte(got))
	for _, want := range []string{`import _ "weft/agent"`, "weftEnter(&weft", "defer weftExit(&weft", "weftp0 int"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in:\n%s", want, got)
		}
	}
}
