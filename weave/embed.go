package weave

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The go command reads what //go:embed takes in as it reads all files: through
// the overlay. A program that embeds Go source would find there what weft makes
// of it. So a file that is embedded is left as it is, and no file is added where
// it would be embedded.

// findEmbedded returns the Go files that packages of the build embed: by path,
// the import path of a package that does.
func findEmbedded(pkgs []*Package) map[string]string {
	files := map[string]string{}
	for _, p := range pkgs {
		for _, f := range p.EmbedFiles {
			if path.Ext(f) == ".go" {
				files[p.file(filepath.FromSlash(f))] = p.plainPath()
			}
		}
	}
	return files
}

// spare reports whether a file that weft would edit is left as it is because it
// is embedded, and tells the user.
func (w *weaving) spare(path string) bool {
	by := w.embedded[path]
	if by == "" {
		return false
	}
	line := "weft: " + path + ": left as it is, because " + by + " embeds it"
	if !slices.Contains(w.res.Notes, line) {
		w.note("%s", line)
	}
	return true
}

// spareSources returns those of a target's sources that may be woven, and says
// of the rules for the others why they are not.
func (w *weaving) spareSources(sources []*source, live map[*Rule]*Point) []*source {
	return slices.DeleteFunc(sources, func(s *source) bool {
		by := w.embedded[s.path]
		if by == "" {
			return false
		}
		for r, pt := range live {
			if r.Kind == "field" && s.structLine(r.name) > 0 || r.Kind != "field" && len(s.funcs(r.recv, r.name)) > 0 {
				pt.Why, pt.Odd = "it is in "+filepath.Base(s.path)+", which is left as it is, because "+by+" embeds it", true
			}
		}
		return true
	})
}

// embedder returns the import path of a package that would embed a file if weft
// added it, "" if none would.
func (w *weaving) embedder(path string) string {
	for _, p := range w.pkgs {
		patterns := p.EmbedPatterns
		if w.cfg.Tests && !p.DepOnly {
			patterns = slices.Concat(patterns, p.TestEmbedPatterns, p.XTestEmbedPatterns)
		}
		if len(patterns) > 0 && beneath(path, p.Dir) && slices.ContainsFunc(patterns, func(pattern string) bool { return w.takesIn(p.Dir, pattern, path) }) {
			return p.plainPath()
		}
	}
	return ""
}

// takesIn reports whether a pattern of //go:embed in dir takes in a file beneath
// dir: matches it, or a folder that holds it. Modules in folders stay out, and
// so do hidden files, but for the pattern's own match or after "all:".
func (w *weaving) takesIn(dir, pattern, file string) bool {
	glob, all := strings.CutPrefix(pattern, "all:")
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		return false
	}
	rel = filepath.ToSlash(rel)
	for at := rel; at != "."; at = path.Dir(at) {
		if at != rel && w.exists(filepath.Join(dir, filepath.FromSlash(at), "go.mod")) {
			return false
		}
		if ok, _ := path.Match(glob, at); ok {
			return true
		}
		if base := path.Base(at); !all && (base[0] == '.' || base[0] == '_') {
			return false
		}
	}
	return false
}

// plainPath returns the import path of p, without that of the test that it is
// built for.
func (p *Package) plainPath() string {
	plain, _, _ := strings.Cut(p.ImportPath, " ")
	return plain
}
