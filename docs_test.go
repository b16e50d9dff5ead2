package weft_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every page's links lead somewhere.
func TestDocLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(withoutCode(read(t, page)), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = path.Join(path.Dir(page), target)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Errorf("%s: link to %s: no such file", page, m[1])
				continue
			}
			if anchor != "" && !info.IsDir() && !slices.Contains(anchors(read(t, file)), anchor) {
				t.Errorf("%s: link to %s: no such heading; there are %v", page, m[1], anchors(read(t, file)))
			}
		}
	}
}

// The Chinese pages are kept in step with the English ones: the same headings,
// the same code, the same tables.
func TestDocsInStep(t *testing.T) {
	pairs := map[string]string{"README.md": "README.zh-CN.md"}
	guide, err := filepath.Glob("docs/guide/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range guide {
		pairs[filepath.ToSlash(page)] = path.Join("docs/guide/zh-CN", filepath.Base(page))
	}
	for en, zh := range pairs {
		a, b := shape(read(t, en)), shape(read(t, zh))
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Errorf("%s and %s differ from here on:\n%s\n%s", en, zh, at(a, i), at(b, i))
				break
			}
		}
	}
}

// The page on configuration names every variable that weft reads, and no other.
// Those for traces alone are covered by one sentence.
func TestConfigurationIsComplete(t *testing.T) {
	const page, tracesOnly = "docs/guide/configuration.md", "OTEL_EXPORTER_OTLP_TRACES_"
	var (
		variable = regexp.MustCompile(`\b(?:OTEL|WEFT)_[A-Z0-9_]*[A-Z0-9]\b`)
		whole    = regexp.MustCompile(`"((?:OTEL|WEFT)_[A-Z0-9_]*[A-Z0-9])=?"`)
		prefix   = regexp.MustCompile(`"(OTEL_[A-Z0-9_]*_)"`)
		suffix   = regexp.MustCompile(`[^.]first\("([A-Z_]+)"\)`)
	)
	inCode := map[string]string{}
	for _, root := range []string{"rt", "integrations", "weave", "cli", "watch", "cmd"} {
		walk(t, root, func(file string) {
			if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return
			}
			code := read(t, file)
			for _, m := range whole.FindAllStringSubmatch(code, -1) {
				inCode[m[1]] = file
			}
			for _, p := range prefix.FindAllStringSubmatch(code, -1) {
				for _, s := range suffix.FindAllStringSubmatch(code, -1) {
					inCode[p[1]+s[1]] = file
				}
			}
		})
	}
	inDocs := map[string]bool{}
	for _, n := range variable.FindAllString(read(t, page), -1) {
		inDocs[n] = true
	}
	for n, file := range inCode {
		if !inDocs[n] && !strings.HasPrefix(n, tracesOnly) {
			t.Errorf("%s reads %s, which is not in %s", file, n, page)
		}
	}
	for n := range inDocs {
		if _, ok := inCode[n]; !ok {
			t.Errorf("%s names %s, which no code reads", page, n)
		}
	}
}

// pages returns all pages for people.
func pages(t *testing.T) (pages []string) {
	t.Helper()
	walk(t, ".", func(file string) {
		if strings.HasSuffix(file, ".md") {
			pages = append(pages, file)
		}
	})
	return pages
}

func walk(t *testing.T, root string, visit func(file string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if !d.IsDir() {
			visit(filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func withoutCode(text string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		} else if !code {
			b.WriteString(line)
		}
	}
	return b.String()
}

// anchors returns what a page's headings are called in links.
func anchors(text string) (anchors []string) {
	for line := range strings.Lines(withoutCode(text)) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
		anchors = append(anchors, strings.ReplaceAll(heading, " ", "-"))
	}
	return anchors
}

// shape returns what must be the same in every language: levels of headings,
// code blocks, and the first cells of tables where they are code.
func shape(text string) (shape []string) {
	code := false
	cell := regexp.MustCompile("^\\| *(`[^|`]+`) *\\|")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			code = !code
			shape = append(shape, line)
		case code:
			// A comment may be translated.
			line, _, _ = strings.Cut(line, "# ")
			shape = append(shape, strings.TrimRight(line, " "))
		case strings.HasPrefix(line, "#"):
			shape = append(shape, line[:strings.Index(line+" ", " ")])
		default:
			if m := cell.FindStringSubmatch(line); m != nil {
				shape = append(shape, m[1])
			}
		}
	}
	return shape
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}
