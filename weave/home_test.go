package weave

import "testing"

func TestHome(t *testing.T) {
	w := &weaving{pkgs: []*Package{
		{ImportPath: "weft/trace", Standard: true},
		{ImportPath: "example.com/weft", Module: &Module{Path: "example.com/weft"}},
		{ImportPath: "weftx/trace"},
	}}
	if h := w.findHome(); h != usualHome {
		t.Errorf("home %q in a build without packages of that name", h)
	}
	w.pkgs = append(w.pkgs, &Package{ImportPath: "weft/x"}, &Package{ImportPath: "a", Module: &Module{Path: "weft_"}})
	h := w.findHome()
	if h != "weft__" {
		t.Fatalf("home %q, want weft__", h)
	}
	src := "package http\n\nimport (\n\t\"weft/trace\"\n\tx `weft/sqltext`\n\t\"net/http\"\n)\n\nvar agent = \"weft/\"\n"
	want := "package http\n\nimport (\n\t\"weft__/trace\"\n\tx \"weft__/sqltext\"\n\t\"net/http\"\n)\n\nvar agent = \"weft/\"\n"
	if got := string(h.imports([]byte(src))); got != want {
		t.Errorf("imports moved:\n%s\nwant:\n%s", got, want)
	}
}
