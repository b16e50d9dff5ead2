package weave

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/weft-trace/weft/rt"
	"github.com/weft-trace/weft/rt/patch"
)

const rtImport = `"github.com/weft-trace/weft/rt/`

// layRuntime adds the weft runtime to the overlay, as packages of the standard
// library that no file on disk knows of: rt/trace becomes weft/trace.
func (w *weaving) layRuntime() error {
	return fs.WalkDir(rt.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && (d.Name() == "testdata" || name == "patch") {
				return fs.SkipDir
			}
			return err
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := rt.Files.ReadFile(name)
		if err != nil {
			return err
		}
		src, ok := resolveTags(src, w.patched)
		if !ok {
			return nil
		}
		src = bytes.ReplaceAll(src, []byte(rtImport), []byte(`"weft/`))
		return w.lay(filepath.Join(w.tc.GOROOT, "src", string(w.home), filepath.FromSlash(name)), nil, w.home.imports(src), "the weft runtime")
	})
}

// patchRuntime edits the standard library so that goroutines carry a trace
// context. Without a patch for this version of Go, or when the source is not
// the one that the patch was made for, nothing is edited and the build goes on
// without goroutine context.
func (w *weaving) patchRuntime() error {
	pkgs, ok := patch.For(w.tc.GOVERSION)
	if !ok {
		w.note("weft: %s is not known to this weft: building without goroutine context, so a trace ends where a goroutine starts; see \"weft doctor\"", w.tc.GOVERSION)
		return nil
	}
	type laid struct {
		path     string
		old, new []byte
	}
	var all []laid
	for path, pkg := range pkgs {
		dir := filepath.Join(w.tc.GOROOT, "src", filepath.FromSlash(path))
		for base, list := range pkg.Edits {
			file := filepath.Join(dir, base)
			src, err := w.read(file)
			if err == nil {
				var out []byte
				if out, err = applyPatch(src, list); err == nil {
					all = append(all, laid{file, src, out})
					continue
				}
			}
			w.note("weft: patch %s/%s of %s: %v: building without goroutine context; see \"weft doctor\"", path, base, w.tc.GOVERSION, err)
			return nil
		}
		for base, text := range pkg.Files {
			all = append(all, laid{filepath.Join(dir, base), nil, []byte(text)})
		}
	}
	w.patched = true
	for _, l := range all {
		if err := w.lay(l.path, l.old, l.new, "the runtime patch"); err != nil {
			return err
		}
	}
	return nil
}

// applyPatch makes the edits of one file, each of which must find its anchor
// as often as it says and keep every line where it is.
func applyPatch(src []byte, list []patch.Edit) ([]byte, error) {
	for _, e := range list {
		want := max(e.N, 1)
		if n := bytes.Count(src, []byte(e.Old)); n != want {
			return nil, fmt.Errorf("anchor %q found %d times, not %d", clip(e.Old), n, want)
		}
		if strings.Count(e.Old, "\n") != strings.Count(e.New, "\n") {
			return nil, fmt.Errorf("anchor %q: the edit moves lines", clip(e.Old))
		}
		src = bytes.ReplaceAll(src, []byte(e.Old), []byte(e.New))
	}
	return src, nil
}

func clip(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return s
}
