// Package toolchain finds the Go toolchains that tests of the runtime patch run
// on. They come as the go command gets them: by GOTOOLCHAIN, from the module
// proxy.
package toolchain

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Toolchain is a Go installation.
type Toolchain struct {
	Version string   // such as "go1.26.8"
	Root    string   // GOROOT
	Env     []string // what its go command needs
}

// Get returns a toolchain by its version, or the go command's if that is "". The
// test is skipped if it cannot be had, or fails where $CI is set.
func Get(t testing.TB, version string) Toolchain {
	t.Helper()
	cmd := exec.Command("go", "env", "GOROOT", "GOVERSION")
	cmd.Env = os.Environ()
	if version == local(t) {
		version = ""
	}
	if version != "" {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+version)
	}
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("toolchain %s: %v", version, err)
		}
		t.Skipf("toolchain %s cannot be downloaded: %v", version, err)
	}
	f := strings.Fields(string(out))
	tc := Toolchain{Version: f[1], Root: f[0]}
	if version != "" {
		// A toolchain that the go command downloaded lies beneath GOMODCACHE, over
		// which it refuses to lay anything. A symbolic link to it does not.
		link := filepath.Join(t.TempDir(), version)
		if err := os.Symlink(tc.Root, link); err != nil {
			t.Fatal(err)
		}
		tc.Root = link
	}
	tc.Env = []string{"GOROOT=" + tc.Root, "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off"}
	return tc
}

// Command returns a go command of the toolchain.
func (tc Toolchain) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(tc.Root, "bin", "go"), args...)
	cmd.Env = append(os.Environ(), tc.Env...)
	return cmd
}
