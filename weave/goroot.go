package weave

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A toolchain that the go command downloaded lies in the module cache, and the go
// command refuses overlays there. So weft makes a likeness of it: directories of
// symbolic links, and the go command itself under a second name, which finds
// GOROOT by where it lies. The environment needs no change, for the go command
// nor for the programs that it runs.
//
// The linker writes GOROOT into programs: into the paths of the standard library's
// files, and for runtime.GOROOT. In the likeness it is a script that calls the
// toolchain's linker with the toolchain's own directory for GOROOT.

// link makes t run through a likeness of its toolchain.
func (t *Toolchain) link(cache *Cache) error {
	top := filepath.Join(cache.dir, "goroot", hash("goroot 2", t.GOROOT)[:8])
	root := filepath.Join(top, t.GOVERSION)
	if _, err := os.Stat(root); err != nil {
		if err := likeness(t.GOROOT, top, root); err != nil {
			return fmt.Errorf("link to the toolchain %s: %w", t.GOROOT, err)
		}
	}
	t.Linked = true
	t.GOROOT = root
	t.Command = filepath.Join(root, "bin", filepath.Base(t.Command))
	if runtime.GOOS == "windows" || getenv(t.Env, "GOROOT") != "" {
		t.Env = setenv(setenv(t.Env, "GOROOT", root), "GOTOOLCHAIN", "local")
	}
	return nil
}

// likeness makes root like the directory of the toolchain real. Others may be
// doing the same.
func likeness(real, top, root string) error {
	if err := os.MkdirAll(top, 0o777); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return os.Symlink(real, root)
	}
	tmp, err := os.MkdirTemp(top, ".tmp-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o777&^umask); err != nil {
		return err
	}
	tools := filepath.Join("pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH)
	for _, dir := range []string{"", "bin", "pkg", filepath.Join("pkg", "tool"), tools} {
		if err := linkAll(filepath.Join(real, dir), filepath.Join(tmp, dir)); err != nil {
			return err
		}
	}
	goCommand := filepath.Join("bin", "go")
	if err := sameFile(filepath.Join(real, goCommand), filepath.Join(tmp, goCommand)); err != nil {
		return err
	}
	if err := script(filepath.Join(tools, "link"), real, tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, root); err != nil {
		if _, e := os.Stat(root); e != nil {
			return err
		}
	}
	return nil
}

// linkAll makes to a directory of links to what is in from; if to was a link
// itself, it is replaced.
func linkAll(from, to string) error {
	list, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if st, err := os.Lstat(to); err == nil && st.Mode()&os.ModeSymlink != 0 {
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	for _, e := range list {
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// sameFile replaces the link at to by the file from itself, or by a copy of it
// where that lies on another disk.
func sameFile(from, to string) error {
	if err := os.Remove(to); err != nil {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o777)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}

// script replaces the link to the linker by a script that tells the linker where
// GOROOT really is. With -trimpath the go command gives it none.
func script(link, real, tmp string) error {
	const sh = "/bin/sh"
	if _, err := os.Stat(sh); err != nil {
		return nil // stack traces name std's files by the likeness
	}
	word := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	text := "#!" + sh + "\n[ -z \"$GOROOT\" ] || export GOROOT=" + word(real) + "\nexec " + word(filepath.Join(real, link)) + " \"$@\"\n"
	path := filepath.Join(tmp, link)
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o777)
}
