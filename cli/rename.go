package cli

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
)

// A renamer passes on what the go command says of a build, and names the user's
// files where the compiler names weft's copies of them.
type renamer struct {
	to     io.Writer
	dir    string            // names beneath it are relative to it, as the go command's are
	copies map[string]string // of weave.Result
	line   []byte            // what has been written of the current line
}

func (r *renamer) Write(p []byte) (int, error) {
	for n := len(p); ; {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			r.line = append(r.line, p...)
			return n, nil
		}
		r.line, p = append(r.line, p[:i+1]...), p[i+1:]
		if err := r.flush(); err != nil {
			return n - len(p), err
		}
	}
}

// flush passes on the current line, whole or not.
func (r *renamer) flush() error {
	_, err := io.WriteString(r.to, r.renamed(string(r.line)))
	r.line = r.line[:0]
	return err
}

// renamed replaces the name that a message begins with. The go command shortens
// names, but not beyond weft's cache.
func (r *renamer) renamed(line string) string {
	text := strings.TrimLeft(line, "\t")
	name, at, ok := strings.Cut(text, ".go:")
	if !ok || at == "" || at[0] < '0' || at[0] > '9' || strings.Contains(name, ": ") {
		return line
	}
	for copied, path := range r.copies {
		if !strings.HasSuffix(filepath.ToSlash(name)+".go", "/"+copied) {
			continue
		}
		if rel, err := filepath.Rel(r.dir, path); err == nil && filepath.IsLocal(rel) {
			if path = rel; filepath.Base(rel) == rel {
				path = "." + string(filepath.Separator) + rel
			}
		}
		return line[:len(line)-len(text)] + path + ":" + at
	}
	return line
}
