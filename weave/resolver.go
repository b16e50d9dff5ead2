package weave

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The agent brings package net along, and net brings the C library's resolver.
// A program that had neither would become one that needs the C library at run
// time, which is not there in an image made from scratch, and in which Go no
// longer notices a deadlock. Into such a program net is woven as it is when
// there is no C compiler.

const resolverWhy = "no C library, because the program has none"

// needsNoC reports whether what is built has nothing to do with C, and no net
// of its own.
func (w *weaving) needsNoC() bool {
	return !slices.ContainsFunc(w.pkgs, func(p *Package) bool {
		path, _, _ := strings.Cut(p.ImportPath, " ")
		return path == "runtime/cgo" || path == "net"
	})
}

// leaveOutC settles the tag cgo in package net.
func (w *weaving) leaveOutC() error {
	dir := filepath.Join(w.tc.GOROOT, "src", "net")
	w.reads[dir] = true
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil // the go command will say why
	}
	for _, e := range list {
		if filepath.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		text, err := w.read(path)
		if err != nil || !bytes.Contains(text, []byte("cgo")) {
			continue
		}
		out, ok := resolveTag(text, "cgo", false)
		if !ok {
			out = []byte("//go:build ignore\n\npackage net\n")
		}
		if bytes.Equal(out, text) {
			continue
		}
		if err := w.lay(path, text, out, resolverWhy); err != nil {
			return err
		}
	}
	return nil
}
