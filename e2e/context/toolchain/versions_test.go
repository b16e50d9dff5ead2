package toolchain

import (
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var some = []string{
	"go1.9rc2", "go1.24.13", "go1.25.10", "go1.25.0", "go1.25.9", "go1.25rc1",
	"go1.26.8", "go1.26.0", "go1.26.11", "go1.27.0", "go1.27rc2", "go1.28rc1", "go1.28rc2",
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		name            string
		newest          int
		short           bool
		local           string
		supported, next []string
	}{
		{"first and newest", 27, false, "go1.26.8", []string{"go1.25.0", "go1.25.10", "go1.26.0", "go1.26.8", "go1.26.11", "go1.27.0"}, []string{"go1.28rc2"}},
		{"newest", 27, true, "go1.26.8", []string{"go1.25.10", "go1.26.8", "go1.27.0"}, []string{"go1.28rc2"}},
		{"a release that is not supported", 26, true, "go1.26.8", []string{"go1.25.10", "go1.26.8"}, []string{"go1.27.0", "go1.28rc2"}},
		{"a candidate that is", 28, true, "go1.26.8", []string{"go1.25.10", "go1.26.8", "go1.27.0", "go1.28rc2"}, nil},
		{"a go command that is not", 26, true, "go1.27.0", []string{"go1.25.10", "go1.26.11"}, []string{"go1.27.0", "go1.28rc2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			supported, next := choose(slices.Clone(some), 25, test.newest, test.short, test.local)
			if d := cmp.Diff(test.supported, supported); d != "" {
				t.Errorf("supported: want (-), got (+):\n%s", d)
			}
			if d := cmp.Diff(test.next, next); d != "" {
				t.Errorf("next: want (-), got (+):\n%s", d)
			}
		})
	}
}

func TestToolchains(t *testing.T) {
	here := "." + runtime.GOOS + "-" + runtime.GOARCH
	got := toolchains([]string{"golang.org/toolchain", "v0.0.1-go1.26.8" + here, "v0.0.1-go1.26rc1" + here, "v0.0.1-go1.26.8.plan9-amd64", "v0.0.1-other" + here})
	if d := cmp.Diff([]string{"go1.26.8", "go1.26rc1"}, got); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
}

// TestKnown: what the module proxy says holds the version that these tests need
// least, the first of the oldest minor version that weft supports.
func TestKnown(t *testing.T) {
	if _, err := released(); err != nil && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if list := known(t); !slices.Contains(list, "go1.25.0") {
		t.Errorf("go1.25.0 is not among %q", list)
	}
}
