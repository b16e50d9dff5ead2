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
