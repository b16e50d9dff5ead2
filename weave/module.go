package weave

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
)

// The go command refuses overlays beneath the module cache. A module from
// there that is woven is copied once into weft's cache, edits made, and takes
// the original's place through a replace line of a generated go.mod, or of a
// generated go.work. The user's own files are only read.

// copyModules moves the woven files that lie in the module cache out of the
// overlay and into copies of their modules, and makes the build use those.
func (w *weaving) copyModules() error {
	byDir := map[string][]*File{}
	mods := map[string]*Module{}
	inCache := map[string]bool{}
	for path, f := range w.files {
		if !beneath(path, w.tc.GOMODCACHE) {
			continue
		}
		m := w.moduleOf(path)
		if m == nil {
			return fmt.Errorf("weave %s: no module of this build holds it; please report this", path)
		}
		if m.Main {
			// It cannot take its own place.
			if !inCache[m.Path] {
				w.note("weft: %s is the main module and lies in the module cache, where the go command lets no file be replaced: building it as it is; copy it elsewhere to trace it", m.Path)
			}
			inCache[m.Path] = true
			delete(w.files, path)
			continue
		}
		byDir[m.Dir] = append(byDir[m.Dir], f)
		mods[m.Dir] = m
	}
	if len(mods) == 0 {
		return nil
	}
	copies := map[*Module]string{}
	for dir, files := range byDir {
		to, err := w.copyModule(mods[dir], files)
		if err != nil {
			return err
		}
		copies[mods[dir]] = to
		for _, f := range files {
			delete(w.files, f.Path)
			rel, _ := filepath.Rel(dir, f.Path)
			f.cached = filepath.Join(to, rel)
			w.res.Files = append(w.res.Files, f)
		}
	}
	if w.tc.GOWORK != "" && w.tc.GOWORK != "off" {
		return w.generateWork(copies)
	}
	return w.generateMod(copies)
}

// moduleOf returns the module that holds a file of the module cache.
func (w *weaving) moduleOf(path string) *Module {
	for _, p := range w.pkgs {
		if p.Module != nil && p.Module.Dir != "" && beneath(path, p.Module.Dir) {
			return p.Module
		}
	}
	return nil
}

// copyModule copies a module with the woven files in it, and returns the
// directory of the copy. Each Go file of it begins with a line directive, so
// that stack traces name the files where a plain build has them; with
// -trimpath the go command itself names them alike.
func (w *weaving) copyModule(m *Module, files []*File) (string, error) {
	slices.SortFunc(files, func(a, b *File) int { return strings.Compare(a.Path, b.Path) })
	parts := []string{"module 1", m.Dir, fmt.Sprint(w.trimpath)}
	for path := range w.embedded {
		if beneath(path, m.Dir) {
			parts = append(parts, "embedded "+path)
		}
	}
	slices.Sort(parts[3:])
	woven := map[string][]byte{}
	for _, f := range files {
		text, err := w.read(f.Path)
		if err != nil {
			return "", fmt.Errorf("copy module %s@%s into the cache: %w", m.Path, m.Version, err)
		}
		parts = append(parts, f.Path, string(text))
		woven[f.Path] = text
	}
	name := hash(parts...)[:16]
	top := filepath.Join(w.cache.dir, "mods", name)
	to := filepath.Join(top, filepath.FromSlash(m.Path)+"@"+m.Version)
	if st, err := os.Stat(top); err == nil {
		w.cache.used(top, st)
		return to, nil
	}
	w.progress("copying " + m.Path)
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("copy module %s@%s into the cache: %w", m.Path, m.Version, err)
	}
	if err := os.MkdirAll(filepath.Dir(top), 0o777); err != nil {
		return fail(err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(top), ".tmp-*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(tmp)
	inTmp := filepath.Join(tmp, filepath.FromSlash(m.Path)+"@"+m.Version)
	err = filepath.WalkDir(m.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(m.Dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(inTmp, rel), 0o777)
		}
		data, ok := woven[path]
		if ok {
			delete(woven, path)
		} else if data, err = os.ReadFile(path); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(inTmp, rel), w.withLine(path, data), 0o666)
	})
	for path, data := range woven { // files that weft adds
		rel, _ := filepath.Rel(m.Dir, path)
		if err == nil {
			err = os.WriteFile(filepath.Join(inTmp, rel), w.withLine(path, data), 0o666)
		}
	}
	if err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp, top); err != nil {
		if _, e := os.Stat(top); e != nil {
			return fail(err)
		}
		// Another build was faster with the same copy.
	}
	touch(top, time.Now()) // a copy trimmed too early is made again
	return to, nil
}

// withLine puts a line directive in front of a Go file that is copied from
// path, unless the program embeds it: what it reads there must be what it was.
func (w *weaving) withLine(path string, data []byte) []byte {
	if filepath.Ext(path) != ".go" || w.trimpath || w.embedded[path] != "" {
		return data
	}
	bom := []byte("\ufeff")
	data = bytes.TrimPrefix(data, bom) // it may only stand first
	return append([]byte("//line "+path+":1\n"), data...)
}

// generateMod writes a go.mod that replaces modules by their copies, its
// go.sum beside it, and makes the build use it.
func (w *weaving) generateMod(copies map[*Module]string) error {
	path := w.modfile
	if path == "" {
		path = w.tc.GOMOD
	}
	data, err := w.read(path)
	if err != nil {
		return fmt.Errorf("read go.mod: %w", err)
	}
	f, err := modfile.Parse(path, data, nil)
	if err != nil {
		return fmt.Errorf("read go.mod: %w", err)
	}
	for _, m := range sorted(copies) {
		if err := f.AddReplace(m.Path, m.Version, copies[m], ""); err != nil {
			return fmt.Errorf("replace %s in a copy of go.mod: %w", m.Path, err)
		}
	}
	f.Cleanup()
	out, err := f.Format()
	if err != nil {
		return fmt.Errorf("write a copy of go.mod: %w", err)
	}
	sum, err := w.read(strings.TrimSuffix(path, ".mod") + ".sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read go.sum: %w", err)
	}
	key := hash("modfile", string(out), string(sum))
	if _, err := w.cache.put(key, sum, ".sum"); err != nil {
		return err
	}
	to, err := w.cache.put(key, out, ".mod")
	if err != nil {
		return err
	}
	w.modfile = to
	return nil
}

// generateWork does the same with a go.work.
func (w *weaving) generateWork(copies map[*Module]string) error {
	path := w.tc.GOWORK
	data, err := w.read(path)
	if err != nil {
		return fmt.Errorf("read go.work: %w", err)
	}
	f, err := modfile.ParseWork(path, data, nil)
	if err != nil {
		return fmt.Errorf("read go.work: %w", err)
	}
	dir := filepath.Dir(path)
	absolute := func(p string) string {
		if filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, filepath.FromSlash(p))
	}
	for _, u := range slices.Clone(f.Use) {
		old := u.Path
		if err := f.DropUse(old); err != nil {
			return fmt.Errorf("copy go.work: %w", err)
		}
		if err := f.AddUse(absolute(old), u.ModulePath); err != nil {
			return fmt.Errorf("copy go.work: %w", err)
		}
	}
	for _, r := range slices.Clone(f.Replace) {
		if r.New.Version == "" {
			if err := f.AddReplace(r.Old.Path, r.Old.Version, absolute(r.New.Path), ""); err != nil {
				return fmt.Errorf("copy go.work: %w", err)
			}
		}
	}
	for _, m := range sorted(copies) {
		if err := f.AddReplace(m.Path, m.Version, copies[m], ""); err != nil {
			return fmt.Errorf("replace %s in a copy of go.work: %w", m.Path, err)
		}
	}
	f.Cleanup()
	out := modfile.Format(f.Syntax)
	sum, err := w.read(path + ".sum")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read go.work.sum: %w", err)
	}
	key := hash("work", string(out), string(sum))
	if _, err := w.cache.put(key, sum, ".work.sum"); err != nil {
		return err
	}
	to, err := w.cache.put(key, out, ".work")
	if err != nil {
		return err
	}
	w.useWork(to)
	return nil
}

// useWork makes the build use a go.work of weft's, and hides it from programs
// that it runs: they may run the go command themselves.
func (w *weaving) useWork(path string) {
	w.res.Env = []string{"GOWORK=" + path}
	w.res.Program = []string{"GOWORK"}
	if was := getenv(w.cfg.Env, "GOWORK"); was != "" {
		w.res.Program[0] += "=" + was
	}
}

func sorted(copies map[*Module]string) []*Module {
	list := make([]*Module, 0, len(copies))
	for m := range copies {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *Module) int { return strings.Compare(a.Path+"@"+a.Version, b.Path+"@"+b.Version) })
	return list
}
