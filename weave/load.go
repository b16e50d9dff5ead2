package weave

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Package is what weft asks the go command about a package.
type Package struct {
	Dir          string
	ImportPath   string
	Name         string
	ForTest      string
	Goroot       bool
	Standard     bool
	DepOnly      bool
	Incomplete   bool
	Module       *Module
	Imports      []string
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string

	EmbedPatterns      []string
	EmbedFiles         []string
	TestEmbedPatterns  []string
	XTestEmbedPatterns []string

	ours bool // of a module that is the user's own by being named at a version
}

// Module is the module of a Package.
type Module struct {
	Path    string
	Version string
	Main    bool
	Dir     string
	GoMod   string
	Replace *Module
}

const packageFields = "-json=Dir,ImportPath,Name,ForTest,Goroot,Standard,DepOnly,Incomplete,Module,Imports,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,EmbedPatterns,EmbedFiles,TestEmbedPatterns,XTestEmbedPatterns"

// load lists the packages that the go command would build, dependencies
// included. A package that does not load is listed as far as it goes: the
// build itself will say what is wrong with it, in the go command's own words.
func load(t *Toolchain, dir string, flags, patterns []string, tests bool) ([]*Package, error) {
	args := []string{"list", "-e", "-deps", packageFields}
	if tests {
		args = append(args, "-test")
	}
	args = append(args, flags...)
	args = append(args, "--")
	args = append(args, patterns...)
	out, err := t.Output(dir, args...)
	if err != nil {
		return nil, err
	}
	var list []*Package
	for dec := json.NewDecoder(bufio.NewReader(bytes.NewReader(out))); ; {
		p := new(Package)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the output of go list: %w", err)
		}
		list = append(list, p)
	}
}

// isTest reports whether p is a test variant or a generated test main.
func (p *Package) isTest() bool { return p.ForTest != "" || strings.HasSuffix(p.ImportPath, ".test") }

// own reports whether p is the user's own code: in a main module, a module of
// the workspace or one named at a version, or outside any module.
func (p *Package) own() bool {
	return !p.Standard && (p.Module == nil || p.Module.Main || p.ours)
}

// sources returns the paths of the files that make up p, tests not included.
func (p *Package) sources() []string {
	var paths []string
	for _, f := range p.GoFiles {
		paths = append(paths, p.file(f))
	}
	for _, f := range p.CgoFiles {
		paths = append(paths, p.file(f))
	}
	return paths
}

func (p *Package) file(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.Dir, name)
}
