package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// goCommand runs the go command and returns what it prints.
func goCommand(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// fetch makes dir the root of a module whose packages can be tested: for a
// module of the list a copy that may be written to, whose go.mod knows what its
// tests need; for the standard library a module without packages.
func fetch(ctx context.Context, e *entry, dir string, env []string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	gomod := filepath.Join(dir, "go.mod")
	if e.Module == "" {
		// The tests of the standard library want the GODEBUG of its own version, which the line "go" brings.
		out, err := goCommand(ctx, os.TempDir(), env, "env", "GOVERSION")
		if err != nil {
			return err
		}
		lang := strings.TrimPrefix(version.Lang(strings.TrimSpace(string(out))), "go")
		if lang == "" {
			return fmt.Errorf("the toolchain is %s; the tests of std are run with releases of Go", strings.TrimSpace(string(out)))
		}
		return os.WriteFile(gomod, []byte("module example.com/soundness\n\ngo "+lang+"\n"), 0o666)
	}
	if e.Imported {
		text := fmt.Sprintf("module example.com/soundness\n\ngo 1.25\n\nrequire %s %s\n", e.Module, e.Version)
		if err := os.WriteFile(gomod, []byte(text), 0o666); err != nil {
			return err
		}
		return resolve(ctx, e, dir, env)
	}
	out, err := goCommand(ctx, os.TempDir(), env, "mod", "download", "-json", e.Module+"@"+e.Version)
	if err != nil {
		return err
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		return fmt.Errorf("read where go mod download put %s: %w", e.Module, err)
	}
	err = filepath.WalkDir(m.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(m.Dir, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, rel)
		if d.IsDir() {
			return os.MkdirAll(to, 0o777)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o666)
	})
	if err != nil {
		return fmt.Errorf("copy module %s: %w", e.Module, err)
	}
	if _, err := os.Stat(gomod); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(gomod, []byte("module "+e.Module+"\n\ngo 1.25\n"), 0o666); err != nil {
			return err
		}
	}
	if err := dropReplaces(gomod); err != nil {
		return err
	}
	return resolve(ctx, e, dir, env)
}

// resolve completes go.mod and go.sum: a published module need not have the
// sums of all that its tests depend on.
func resolve(ctx context.Context, e *entry, dir string, env []string) error {
	args := append([]string{"list", "-mod=mod", "-test", "-deps", "-f", "{{.ImportPath}}"}, e.Packages...)
	_, err := goCommand(ctx, dir, env, args...)
	return err
}

// dropReplaces takes the replacements by directories out of a go.mod that are
// not there: they are other modules of the same repository.
func dropReplaces(gomod string) error {
	data, err := os.ReadFile(gomod)
	if err != nil {
		return err
	}
	f, err := modfile.Parse(gomod, data, nil)
	if err != nil {
		return err
	}
	for _, r := range slices.Clone(f.Replace) {
		if r.New.Version != "" || filepath.IsAbs(r.New.Path) {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(gomod), filepath.FromSlash(r.New.Path), "go.mod")); err == nil {
			continue
		}
		if err := f.DropReplace(r.Old.Path, r.Old.Version); err != nil {
			return err
		}
	}
	f.Cleanup()
	out, err := f.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(gomod, out, 0o666)
}
