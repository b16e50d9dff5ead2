package weave

import (
	"go/build"
	"testing"
)

// What the go command reads from a file's name it reads from the name under which
// the file is laid, too, and nothing more.
func TestLaidName(t *testing.T) {
	systems := []build.Context{
		{GOOS: "linux", GOARCH: "amd64", Compiler: "gc"},
		{GOOS: "windows", GOARCH: "amd64", Compiler: "gc"},
		{GOOS: "linux", GOARCH: "arm64", Compiler: "gc"},
		{GOOS: "js", GOARCH: "wasm", Compiler: "gc"},
	}
	for name, want := range map[string]string{
		"server.go":        "weft_server.go",
		"test.go":          "wefttest.go",
		"windows.go":       "weftwindows.go",
		"arm64.go":         "weftarm64.go",
		"linux_amd64.go":   "weftlinux_amd64.go",
		"dial_windows.go":  "weft_dial_windows.go",
		"dial_js_wasm.go":  "weft_dial_js_wasm.go",
		"tests_of_tags.go": "weft_tests_of_tags.go",
	} {
		laid := laidName(name)
		if laid != want {
			t.Errorf("laidName(%q) = %q, want %q", name, laid, want)
		}
		for _, ctxt := range systems {
			if was, is := matches(ctxt, name, []byte("package p\n")), matches(ctxt, laid, []byte("package p\n")); was != is {
				t.Errorf("%s is built for %s/%s: %v, but %s: %v", name, ctxt.GOOS, ctxt.GOARCH, was, laid, is)
			}
		}
	}
}

func TestMatches(t *testing.T) {
	ctxt := build.Context{GOOS: "linux", GOARCH: "amd64", Compiler: "gc", BuildTags: []string{"mine"}, ReleaseTags: []string{"go1.25", "go1.26"}}
	for constraint, want := range map[string]bool{
		"linux": true, "unix": true, "!linux": false, "darwin || mine": true, "mine && yours": false,
		"go1.26": true, "go1.27": false, "cgo": false, "": true,
	} {
		text := "package p\n"
		if constraint != "" {
			text = "//go:build " + constraint + "\n\n" + text
		}
		if got := matches(ctxt, "a.go", []byte(text)); got != want {
			t.Errorf("%q is for linux/amd64 with tag mine: %v, want %v", constraint, got, want)
		}
	}
}
