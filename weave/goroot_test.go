package weave

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestLikeness makes a likeness of a toolchain: its go command says that GOROOT is
// there, its linker is told where it really is, and -trimpath's empty GOROOT stays
// empty.
func TestLikeness(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a link there")
	}
	real := filepath.Join(t.TempDir(), "it's a go")
	tools := filepath.Join(real, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH)
	for _, dir := range []string{tools, filepath.Join(real, "bin"), filepath.Join(real, "src", "fmt")} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		filepath.Join(tools, "link"):                "#!/bin/sh\necho \"$GOROOT|$1|$2\"\n",
		filepath.Join(tools, "compile"):             "#!/bin/sh\n",
		filepath.Join(real, "bin", "go"):            "#!/bin/sh\n",
		filepath.Join(real, "VERSION"):              "go1.99",
		filepath.Join(real, "src", "fmt", "fmt.go"): "package fmt",
	} {
		if err := os.WriteFile(name, []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cache, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tc := &Toolchain{Command: "go", GOROOT: real, Real: real, GOVERSION: "go1.99"}
	for range 2 { // the second finds it there
		if err := tc.link(cache); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(tc.GOROOT, "src", "fmt", "fmt.go")); err != nil || string(text) != "package fmt" {
			t.Errorf("fmt.go: %q, %v", text, err)
		}
		if st, err := os.Lstat(tc.Command); err != nil || !st.Mode().IsRegular() {
			t.Errorf("the go command is no file of its own: %v, %v", st, err)
		}
		tc.GOROOT = real
	}
	if err := tc.link(cache); err != nil {
		t.Fatal(err)
	}
	for goroot, want := range map[string]string{tc.GOROOT: real + "|a b|c", "": "|a b|c"} {
		cmd := exec.Command(filepath.Join(tc.GOROOT, strings.TrimPrefix(tools, real), "link"), "a b", "c")
		cmd.Env = append(os.Environ(), "GOROOT="+goroot)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("the linker with GOROOT=%s got %q, want %q; %v", goroot, got, want, err)
		}
	}
}
