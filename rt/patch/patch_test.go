package patch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/context/toolchain"
)

// TestAnchors makes every edit on the first and the newest release of each
// supported Go version.
func TestAnchors(t *testing.T) {
	for _, version := range toolchain.Versions(t, Oldest, Newest, false) {
		t.Run(version, func(t *testing.T) {
			tc := toolchain.Get(t, version)
			overlay, err := WriteOverlay(tc.Root, tc.Version, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(overlay); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNext: what there is of Go that has no patch yet. It names each anchor that
// does not hold, and when all do, what the compiler says. A release candidate does
// not fail: there is time until the release.
func TestNext(t *testing.T) {
	next := toolchain.Next(t, Newest)
	if len(next) == 0 {
		t.Skipf("there is nothing newer than go1.%d", Newest)
	}
	for _, version := range next {
		t.Run(version, func(t *testing.T) {
			tc := toolchain.Get(t, version)
			report := t.Errorf
			if toolchain.Candidate(version) {
				report = t.Logf
			}
			misfits := Check(tc.Root, tc.Version)
			if len(misfits) == 0 {
				misfits = compile(t, tc, Newest)
			}
			for _, m := range misfits {
				report("%s: %s", version, m)
			}
			report("%s is not supported yet: %d of %d edits do not hold; a table for it in edits.go, and Newest, are to be changed", version, len(misfits), count(Newest))
		})
	}
}

// compile compiles what the patch of a minor version edits, and returns what the
// compiler says.
func compile(t *testing.T, tc toolchain.Toolchain, minor int) []string {
	t.Helper()
	pkgs := forMinor(minor)
	overlay, err := writeOverlay(pkgs, tc.Root, tc.Version, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay=" + overlay, "--"}
	for importPath := range pkgs {
		args = append(args, importPath)
	}
	cmd := tc.Command(args...)
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	return nil
}

// count is how many edits there are.
func count(minor int) (n int) {
	for _, p := range forMinor(minor) {
		for _, edits := range p.Edits {
			n += len(edits)
		}
	}
	return n
}

// TestCheck: the edits for Go 1.25 do not all hold for the newest version; that
// which does not is named, and no other.
func TestCheck(t *testing.T) {
	versions := toolchain.Versions(t, Newest, Newest, true)
	if len(versions) == 0 {
		t.Skipf("go1.%d cannot be had", Newest)
	}
	tc := toolchain.Get(t, versions[0])
	const want = `time/sleep.go: anchor "\treturn (*Timer)(newTimer(when(d), 0, goFunc, f, nil))\n" occurs 0 times, not 1`
	if got := check(tc.Root, 25); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, version := range []string{tc.Version, "go1.99", "devel go1.99-0123456789"} {
		if got := Check(tc.Root, version); len(got) != 0 {
			t.Errorf("%s: %q", version, got)
		}
	}
	if said := compile(t, tc, 25+1); len(said) != 0 {
		t.Errorf("compiler: %q", said)
	}
}

// TestLines: no edit changes the number of lines, so that positions stay.
func TestLines(t *testing.T) {
	for minor := Oldest; minor <= Newest; minor++ {
		for importPath, p := range forMinor(minor) {
			for base, edits := range p.Edits {
				for _, e := range edits {
					if strings.Count(e.Old, "\n") != strings.Count(e.New, "\n") {
						t.Errorf("go1.%d: %s/%s: %q: number of lines changes", minor, importPath, base, e.Old)
					}
				}
			}
		}
	}
}

// TestFiles: added files are ready to be compiled, and cannot collide with Go's.
func TestFiles(t *testing.T) {
	for importPath, p := range forMinor(Newest) {
		for base, text := range p.Files {
			if !strings.HasPrefix(base, "weft_") {
				t.Errorf("%s/%s: no prefix weft_", importPath, base)
			}
			if first, _, _ := strings.Cut(text, "\n"); strings.Contains(first, "weft") {
				t.Errorf("%s/%s: tag is left: %s", importPath, base, first)
			}
		}
	}
}

func TestFor(t *testing.T) {
	for version, want := range map[string]bool{
		"go1.25":                      true,
		"go1.25.0":                    true,
		"go1.26.8":                    true,
		"go1.26.8 X:nogreenteagc":     true,
		"go1.26.8-distro1":            true,
		"go1.27rc1":                   true,
		"go1.24.13":                   false,
		"go1.28":                      false,
		"go1.260":                     false,
		"go2.26":                      false,
		"devel go1.27-0123456789 Fri": false,
		"":                            false,
	} {
		if _, ok := For(version); ok != want {
			t.Errorf("For(%q): %v, want %v", version, ok, want)
		}
	}
}

// TestApply: an error names each anchor that does not hold, and none that does.
func TestApply(t *testing.T) {
	edits := []Edit{{Old: "one", New: "1"}, {Old: "two", New: "2"}, {Old: "three", New: "3", N: 2}}
	got, err := Apply([]byte("one three two three"), edits)
	if err != nil || string(got) != "1 3 2 3" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = Apply([]byte("one one two three"), edits)
	if err == nil || !strings.Contains(err.Error(), `"one" occurs 2 times, not 1`) ||
		!strings.Contains(err.Error(), `"three" occurs 1 times, not 2`) || strings.Contains(err.Error(), `"two"`) {
		t.Error(err)
	}
}

// TestUnknown: what a new Go version breaks is named anchor by anchor.
func TestUnknown(t *testing.T) {
	root := t.TempDir()
	for importPath, p := range forMinor(Newest) {
		dir := filepath.Join(root, "src", filepath.FromSlash(importPath))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for base := range p.Edits {
			if err := os.WriteFile(filepath.Join(dir, base), []byte("package changed\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err := WriteOverlay(root, "go1.27", t.TempDir())
	if err == nil {
		t.Fatal("no error")
	}
	for importPath, p := range forMinor(Newest) {
		for base := range p.Edits {
			if !strings.Contains(err.Error(), importPath+"/"+base) {
				t.Errorf("%s/%s is not named", importPath, base)
			}
		}
	}
}
