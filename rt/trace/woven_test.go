//go:build !weft

package trace_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-trace/weft/rt/patch"
	"github.com/weft-trace/weft/rt/trace"
)

// TestWoven runs the tests of this package once more, the way it is woven into
// programs: as weft/trace in the standard library, on the patched runtime.
func TestWoven(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the runtime")
	}
	bin := weave(t)
	args := []string{"-test.v=" + map[bool]string{true: "true", false: "false"}[testing.Verbose()]}
	cmd := exec.Command(bin, args...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// weave builds the test binary of weft/trace. With WEFT_KEEP_TEST=path it is
// copied there, to run its benchmarks by hand.
func weave(t *testing.T) string {
	env, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	goroot, version, _ := strings.Cut(strings.TrimSpace(string(env)), "\n")
	if _, ok := patch.For(version); !ok {
		t.Skip("no runtime patch for " + version)
	}
	if strings.Contains(filepath.ToSlash(goroot), "/pkg/mod/") {
		t.Skip("the go command lays nothing over a toolchain that it downloaded")
	}
	dir := t.TempDir()
	overlay, err := patch.WriteOverlay(goroot, version, filepath.Join(dir, "std"))
	if err != nil {
		t.Fatal(err)
	}
	var o struct{ Replace map[string]string }
	text, err := os.ReadFile(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			t.Fatal(err)
		}
		o.Replace[filepath.Join(goroot, "src/weft/trace", f)] = abs
	}
	text, err = json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o666); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "trace.test")
	args := []string{"test", "-c", "-vet=off", "-tags=weft", "-overlay=" + overlay, "-o", bin}
	if trace.RaceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "weft/trace")...)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	if to := os.Getenv("WEFT_KEEP_TEST"); to != "" {
		if out, err := exec.Command("cp", bin, to).CombinedOutput(); err != nil {
			t.Fatalf("%s\n%s", err, out)
		}
	}
	return bin
}
