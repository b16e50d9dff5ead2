package ui

import (
	"bytes"
	"compress/gzip"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/module"
)

// What is built fits the policy that it is served with, and any prefix.
func TestDocument(t *testing.T) {
	p := New()
	base := strings.Index(p.document, placeholder)
	if first := regexp.MustCompile(`\s(src|href)=`).FindStringIndex(strings.Replace(p.document, placeholder, strings.Repeat(" ", len(placeholder)), 1)); first == nil || first[0] < base {
		t.Errorf("something is loaded before %s, so from elsewhere:\n%s", placeholder, p.document)
	}
	for _, m := range regexp.MustCompile(`\s(?:src|href)="([^"]*)"`).FindAllStringSubmatch(p.document, -1) {
		if !strings.HasPrefix(m[1], "./") {
			t.Errorf("%s: want a path that starts with ./", m[1])
		}
		if name := strings.TrimPrefix(m[1], "."); name != "/" && p.files[name[1:]] == nil {
			t.Errorf("%s is not there", m[1])
		}
	}
	for _, bad := range []string{`<style`, ` style=`, ` on\w+=`, `<script[^>]*>\s*[^<\s]`, `https?://`} {
		if m := regexp.MustCompile(bad).FindString(p.document); m != "" {
			t.Errorf("the document has %q, which its policy refuses", m)
		}
	}
}

// The files get into a module's zip, from which go install builds.
func TestNames(t *testing.T) {
	folded := map[string]string{}
	for name := range New().files {
		if err := module.CheckFilePath("ui/dist/" + name); err != nil {
			t.Error(err)
		}
		if other, ok := folded[strings.ToLower(name)]; ok {
			t.Errorf("%s and %s are one name to some file systems, and so to the go command", name, other)
		}
		folded[strings.ToLower(name)] = name
	}
}

// What a page loads before it is there stays within what the page has promised:
// it is there at once on a slow line, too. Each page is a script of its own, with
// what it shares with others.
func TestSize(t *testing.T) {
	const most = 150_000
	page := New()
	size := func(data []byte) int {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression) // as gzip -9, what others count with
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
		w.Close()
		return b.Len()
	}
	// Imports at the start of a script are loaded with it, import() is not.
	static := regexp.MustCompile(`(?:from|import)\s*"\./([^"]+\.js)"`)
	var load func(name string, loaded map[string]bool) int
	load = func(name string, loaded map[string]bool) int {
		if loaded[name] {
			return 0
		}
		loaded[name] = true
		f, ok := page.files[name]
		if !ok {
			t.Fatalf("%s: imported, but not there", name)
		}
		sum := size(f.data)
		for _, m := range static.FindAllSubmatch(f.data, -1) {
			sum += load("assets/"+string(m[1]), loaded)
		}
		return sum
	}
	entry := regexp.MustCompile(`src="\./(assets/[^"]+\.js)"`).FindStringSubmatch(page.document)
	if entry == nil {
		t.Fatal("index.html has no script")
	}
	total, largest := 0, 0
	for name, f := range page.files {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		total += size(f.data)
		loaded := map[string]bool{}
		sum := load(entry[1], loaded) + load(name, loaded)
		largest = max(largest, sum)
		if sum > most {
			t.Errorf("%s and what it imports: %d bytes of JavaScript, compressed; want at most %d", name, sum, most)
		}
	}
	t.Logf("at most %d bytes of JavaScript for a page, %d in all, compressed", largest, total)
}

// No file asks another site for anything by itself.
func TestStyles(t *testing.T) {
	styles := 0
	for name, f := range New().files {
		if strings.HasSuffix(name, ".css") {
			styles++
			if m := regexp.MustCompile(`(?i)(@import|url\(\s*["']?(https?:)?//)[^;]*`).Find(f.data); m != nil {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
	if styles == 0 {
		t.Error("there are no style sheets")
	}
}

func TestRoot(t *testing.T) {
	for target, want := range map[string]string{
		"/": "./", "/search": "./", "/search?q=a/b/c": "./", "/trace/x": "../", "/trace/x/": "../../", "/trace/a%2Fb": "../", "/a/b/c/d": "../../../",
	} {
		if got := Root(httptest.NewRequest("GET", target, nil)); got != want {
			t.Errorf("%s: %s; want %s", target, got, want)
		}
	}
}

// A build that cannot be served is noticed, and why.
func TestLoadErrors(t *testing.T) {
	good := "<head>\n" + placeholder + "\n</head>"
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no document":      {map[string]string{"favicon.svg": "<svg/>"}, "index.html is missing"},
		"no base":          {map[string]string{"index.html": "<head></head>"}, "0 times"},
		"two bases":        {map[string]string{"index.html": good + good}, "2 times"},
		"unknown file":     {map[string]string{"index.html": good, "assets/x.wasm": "x"}, "assets/x.wasm: no media type"},
		"nothing is wrong": {map[string]string{"index.html": good, "assets/x.js": "x"}, ""},
	} {
		files := fstest.MapFS{}
		for name, text := range tt.files {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		_, err := load(files)
		if got := err; tt.want == "" && got != nil || tt.want != "" && (got == nil || !strings.Contains(got.Error(), tt.want)) {
			t.Errorf("%s: %v; want %q", name, got, tt.want)
		}
	}
}
