package weave

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
)

// "go run pkg@version" and "go install pkg@version" build a module of the module
// cache without a main module. There, nothing could be replaced by a woven copy.
// So weft makes a main module that requires it, with a workspace around, and names
// that by GOWORK: the current directory stays what it is, and the main package is
// still one of its module at its version, which is what the program tells of
// itself.

// AtVersion reports whether the packages named on the command line of go run or
// go install are to be taken at a version, whatever the current module is.
func AtVersion(patterns []string) bool {
	return len(patterns) > 0 && strings.Contains(patterns[0], "@") && !filepath.IsAbs(patterns[0]) &&
		patterns[0] != "." && !strings.HasPrefix(patterns[0], "./") && !strings.HasPrefix(patterns[0], "../")
}

// requireVersions makes the main module for w's patterns and lets the build use
// it. Errors are those of the go command.
func (w *weaving) requireVersions() error {
	w.progress("resolving " + strings.Join(w.cfg.Patterns, " "))
	fail := func(err error) error { return fmt.Errorf("require %s: %w", strings.Join(w.cfg.Patterns, " "), err) }
	if err := os.MkdirAll(filepath.Join(w.cache.dir, "mods"), 0o777); err != nil {
		return fail(err)
	}
	tmp, err := os.MkdirTemp(filepath.Join(w.cache.dir, "mods"), ".tmp-*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(tmp)
	// The go line is the lowest with a complete go.mod; go get raises it to what
	// the module says, and that decides about GODEBUG.
	if err := os.WriteFile(filepath.Join(tmp, "go.mod"), []byte("module weft.invalid/run\n\ngo 1.17\n"), 0o666); err != nil {
		return fail(err)
	}
	get := *w.tc
	get.Env = setenv(w.tc.Env, "GOWORK", "off")
	if _, err := get.Output(tmp, append([]string{"get", "-modfile=", "--"}, w.cfg.Patterns...)...); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(tmp, "go.mod"))
	if err != nil {
		return fail(err)
	}
	f, err := modfile.Parse("go.mod", mod, nil)
	if err != nil {
		return fail(err)
	}
	sum, err := os.ReadFile(filepath.Join(tmp, "go.sum"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(err)
	}
	dir := filepath.Join(w.cache.dir, "mods", hash("run 2", string(mod), string(sum))[:16])
	if st, err := os.Stat(dir); err == nil {
		w.cache.used(dir, st)
	} else {
		work := "go " + f.Go.Version + "\n\nuse .\n"
		for i, path := range pruned(&get, tmp, f) {
			empty := fmt.Sprint("pruned", i)
			work += fmt.Sprintf("\nreplace %s => ./%s\n", modfile.AutoQuote(path), empty)
			if err := os.Mkdir(filepath.Join(tmp, empty), 0o777); err != nil {
				return fail(err)
			}
			if err := os.WriteFile(filepath.Join(tmp, empty, "go.mod"), []byte("module "+modfile.AutoQuote(path)+"\n"), 0o666); err != nil {
				return fail(err)
			}
		}
		if err := os.WriteFile(filepath.Join(tmp, "go.work"), []byte(work), 0o666); err != nil {
			return fail(err)
		}
		if err := os.Rename(tmp, dir); err == nil {
			touch(dir, time.Now())
		} else if _, e := os.Stat(dir); e != nil { // otherwise another build was faster
			return fail(err)
		}
	}
	// The toolchain that the module asks for.
	gowork := filepath.Join(dir, "go.work")
	if w.tc, err = findToolchain(w.cfg.Dir, setenv(w.cfg.Env, "GOWORK", gowork), w.cache, w.cfg.Log); err != nil {
		return err
	}
	w.res.Toolchain = w.tc
	w.cfg.Patterns = slices.Clone(w.cfg.Patterns)
	for i, p := range w.cfg.Patterns {
		w.cfg.Patterns[i], _, _ = strings.Cut(p, "@")
	}
	w.cfg.Flags = append(slices.Clone(w.cfg.Flags), "-mod=readonly")
	w.res.Patterns = w.cfg.Patterns
	w.useWork(gowork)
	return nil
}

// pruned returns the modules that f, the go.mod in dir, has no need of, and that may
// have packages of those that it requires: before a module was split in two, say.
// Without a workspace the go command does not look into them. In one it does, and
// finds such packages twice.
func pruned(tc *Toolchain, dir string, f *modfile.File) (paths []string) {
	out, _ := tc.Output(dir, "list", "-modfile=", "-mod=mod", "-m", "all") // without the list, the build may still succeed
	for line := range strings.Lines(string(out)) {
		path, _, ok := strings.Cut(line, " ")
		needed, twice := false, false
		for _, r := range f.Require {
			needed = needed || r.Mod.Path == path
			twice = twice || strings.HasPrefix(r.Mod.Path, path+"/") || strings.HasPrefix(path, r.Mod.Path+"/")
		}
		if ok && !needed && twice {
			paths = append(paths, path)
		}
	}
	return paths
}

// ownVersions makes the modules of the packages named the user's own, and lets
// the go command explain what it would not run or install.
func (w *weaving) ownVersions() error {
	own := map[string]bool{}
	for _, p := range w.pkgs {
		if p.DepOnly {
			continue
		}
		if p.Name != "main" || p.Module == nil || p.Standard {
			return &GoError{Args: []string{"list"}, Stderr: p.ImportPath + " is not a main package of a module"}
		}
		own[p.Module.Path] = true
		text, err := os.ReadFile(p.Module.GoMod)
		if err != nil {
			return fmt.Errorf("read the go.mod of %s: %w", p.Module.Path, err)
		}
		f, err := modfile.Parse(p.Module.GoMod, text, nil)
		if err == nil && len(f.Replace)+len(f.Exclude) > 0 {
			return &GoError{Args: []string{"list"}, Stderr: p.Module.Path + " has a go.mod with replace or exclude lines"}
		}
	}
	for _, p := range w.pkgs {
		p.ours = p.Module != nil && own[p.Module.Path]
	}
	return nil
}
