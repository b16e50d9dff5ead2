package server

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What deploy/ has for weft serve is accepted by it.
func TestDeployed(t *testing.T) {
	files := map[string]string{}
	for _, f := range []string{"systemd", "docker"} {
		files[f] = read(t, "../deploy", f, "serve.yaml")
	}
	_, manifest, _ := strings.Cut(read(t, "../deploy/kubernetes/weft.yaml"), "  serve.yaml: |\n")
	manifest, _, found := strings.Cut(manifest, "\n---\n")
	if !found {
		t.Fatal("deploy/kubernetes/weft.yaml: the ConfigMap is not the first document")
	}
	files["kubernetes"] = strings.ReplaceAll("\n"+manifest, "\n    ", "\n")
	// What is commented out is meant to be used, too.
	_, comment, found := strings.Cut(files["systemd"], "\n#\n")
	if !found {
		t.Fatal("deploy/systemd/serve.yaml: nothing is commented out")
	}
	files["commented"] = regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(comment, "")
	for name, text := range files {
		t.Run(name, func(t *testing.T) {
			text = regexp.MustCompile(`(?m)^ *#.*\n`).ReplaceAllString(text, "")
			n := 0
			text = regexp.MustCompile(`token_file: [^,\s}]+`).ReplaceAllStringFunc(text, func(string) string {
				n++
				return "token_file: " + write(t, fmt.Sprint("token", n), strings.Repeat(fmt.Sprint(n), 32))
			})
			l, err := Load([]string{"--config", write(t, "serve.yaml", text), "--store.dir", t.TempDir()}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(l.Auth.Tokens) != n {
				t.Errorf("%d tokens; want %d", len(l.Auth.Tokens), n)
			}
		})
	}
}

// The guide names every key with its default, and no other.
func TestGuide(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|([^|]*)\\|")
	_, page, _ := strings.Cut(read(t, "../docs/guide/server.md"), "\n## Configuration\n")
	page, _, _ = strings.Cut(page, "\n## ")
	documented := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		documented[m[1]] = strings.Trim(strings.TrimSpace(m[2]), "`")
	}
	var c Config
	for _, k := range c.keys() {
		def, ok := documented[k.name]
		delete(documented, k.name)
		if !ok {
			t.Errorf("the guide has no key %s", k.name)
		} else if def != k.def && k.name != "store.dir" {
			t.Errorf("the guide says that the default of %s is %q; it is %q", k.name, def, k.def)
		}
	}
	for name := range documented {
		t.Errorf("the guide has a key %s, which does not exist", name)
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
