// Package patch holds the edits that make Go's own runtime carry a trace context
// with each goroutine, and the files that go with them.
//
// An edit is anchored in a piece of the original text that must occur exactly
// once. What differs between Go versions is data: an edit says from which minor
// version on, and up to which, it holds. No edit changes the number of lines of a
// file, so positions in stack traces and profiles stay what they are.
//
// docs/design/context.md explains what the patch does and why it is sound.
package patch

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// The Go versions, go1.Oldest to go1.Newest, that the edits were verified on.
const (
	Oldest = 25
	Newest = 27
)

// Edit replaces Old, which must occur exactly N times (1 when 0), by New. Old
// and New have equally many newlines.
type Edit struct {
	Old, New string
	N        int
}

// Package is what happens to one std package.
type Package struct {
	Edits map[string][]Edit // by base file name, such as "proc.go"; in order
	Files map[string]string // whole files added: base name to text
}

//go:embed src
var src embed.FS

// For returns the patch for a Go version, as "go env GOVERSION" prints it, by
// import path; ok is false when that version is not known.
func For(goVersion string) (pkgs map[string]Package, ok bool) {
	minor, ok := minorVersion(goVersion)
	if !ok || minor < Oldest || minor > Newest {
		return nil, false
	}
	return forMinor(minor), true
}

// minorVersion is 26 for "go1.26", "go1.26.8", "go1.26rc1" or "go1.26.8 X:foo".
// Unreleased versions ("devel go1.28-…") are not known.
func minorVersion(goVersion string) (int, bool) {
	m := versionRE.FindStringSubmatch(goVersion)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

var versionRE = regexp.MustCompile(`^go1\.([0-9]+)(?:[. -]|rc|$)`)

func forMinor(minor int) map[string]Package {
	pkgs := make(map[string]Package)
	for _, f := range files {
		importPath, base := path.Split(f.name)
		importPath = path.Clean(importPath)
		p, ok := pkgs[importPath]
		if !ok {
			p = Package{Edits: make(map[string][]Edit), Files: added(importPath)}
			pkgs[importPath] = p
		}
		for _, e := range f.edits {
			if (e.from == 0 || e.from <= minor) && (e.to == 0 || minor <= e.to) {
				p.Edits[base] = append(p.Edits[base], Edit{Old: e.old, New: e.new})
			}
		}
	}
	return pkgs
}

// added returns the files to add to a package, ready to be laid: the tag weft,
// which keeps them out of this module's own build, is resolved.
func added(importPath string) map[string]string {
	list, err := src.ReadDir(path.Join("src", importPath))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		panic(err)
	}
	m := make(map[string]string, len(list))
	for _, f := range list {
		text, err := src.ReadFile(path.Join("src", importPath, f.Name()))
		if err != nil {
			panic(err)
		}
		m[f.Name()] = resolveTag(string(text))
	}
	return m
}

// resolveTag takes the tag weft out of the build constraint on the first line.
func resolveTag(text string) string {
	first, rest, _ := strings.Cut(text, "\n")
	switch constraint, ok := strings.CutPrefix(first, "//go:build weft"); {
	case !ok:
	case constraint == "":
		first = "//"
	default:
		first = "//go:build " + strings.TrimPrefix(constraint, " && ")
	}
	return first + "\n" + rest
}

// Apply returns text with the edits made. The error names every anchor that does
// not hold.
func Apply(text []byte, edits []Edit) ([]byte, error) {
	var errs []error
	for _, e := range edits {
		want := max(e.N, 1)
		if got := bytes.Count(text, []byte(e.Old)); got != want {
			errs = append(errs, fmt.Errorf("anchor %q occurs %d times, not %d", e.Old, got, want))
			continue
		}
		text = bytes.ReplaceAll(text, []byte(e.Old), []byte(e.New))
	}
	return text, errors.Join(errs...)
}
