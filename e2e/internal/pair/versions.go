package pair

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// A Version is one of the versions of a module that a program is built with.
type Version struct {
	Name    string // "v1.57.0"
	modfile string // "" for the program's go.mod
}

// Versions returns the versions of a module that the test of its integration builds
// the program in dir with: the oldest that the integration is for, which
// oldest.mod beside the program's go.mod names, and the newest that was tested,
// which go.mod names. With WEFT_LONG=1 the latest that the module proxy has is
// the third. It fails the test if these are not what the integration's
// "//weft:when" and "//weft:tested" say.
func Versions(t testing.TB, dir, module string) []Version {
	t.Helper()
	oldest := filepath.Join(dir, "oldest.mod")
	list := []Version{
		{Name: required(t, oldest, module), modfile: absolute(t, oldest)},
		{Name: required(t, filepath.Join(dir, "go.mod"), module)},
	}
	bound, tested := bounds(t, module)
	if bound != list[0].Name {
		t.Errorf("%s: %s is at %s, and the integration is for >=%s", oldest, module, list[0].Name, bound)
	}
	if tested != "" && tested != list[1].Name {
		t.Errorf("%s/go.mod: %s is at %s, and the integration says that it was tested with %s", dir, module, list[1].Name, tested)
	}
	if os.Getenv("WEFT_LONG") == "" {
		return list
	}
	tmp := filepath.Join(t.TempDir(), "latest.mod")
	copyFile(t, filepath.Join(dir, "go.mod"), tmp)
	copyFile(t, filepath.Join(dir, "go.sum"), strings.TrimSuffix(tmp, ".mod")+".sum")
	cmd := exec.Command("go", "get", "-modfile="+tmp, module+"@latest")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	if v := required(t, tmp, module); v != list[1].Name {
		list = append(list, Version{Name: v, modfile: tmp})
	}
	return list
}

// Flags is what the go command needs to build the program with this version.
func (v Version) Flags() []string {
	if v.modfile == "" {
		return nil
	}
	return []string{"-modfile=" + v.modfile}
}

// required returns the version of module that a go.mod requires.
func required(t testing.TB, path, module string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse(path, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Require {
		if r.Mod.Path == module {
			return r.Mod.Version
		}
	}
	t.Fatalf("%s does not require %s", path, module)
	return ""
}

var (
	whenFrom   = regexp.MustCompile(`(?m)^//weft:when v>=(\S+)`)
	testedWith = regexp.MustCompile(`(?m)^//weft:tested (\S+)`)
)

// bounds returns the least version that a file of the integration for module is for,
// and the one that it says it was tested with, "" if it does not say.
func bounds(t testing.TB, module string) (least, tested string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(root(), "integrations", filepath.FromSlash(module), "*.go"))
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range whenFrom.FindAllSubmatch(data, -1) {
			if v := "v" + string(m[1]); least == "" || semver.Compare(v, least) < 0 {
				least = v
			}
		}
		if m := testedWith.FindSubmatch(data); m != nil {
			tested = string(m[1])
		}
	}
	if least == "" {
		t.Fatalf("no file of the integration for %s says \"//weft:when v>=…\"", module)
	}
	return least, tested
}

func absolute(t testing.TB, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}
