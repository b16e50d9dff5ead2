package weave

import (
	"strings"
	"testing"
)

func TestInRange(t *testing.T) {
	tests := []struct {
		when, version string
		want          bool
	}{
		{"", "v1.0.0", true},
		{"v>=1.2.0 <2.0.0", "v1.2.0", true},
		{"v>=1.2.0 <2.0.0", "v1.9.9", true},
		{"v>=1.2.0 <2.0.0", "v2.0.0", false},
		{"v>=1.2.0 <2.0.0", "v1.1.9", false},
		{"v>=1.2.0", "", true}, // replaced by a folder
		{"go>=1.26", "go1.26.8", true},
		{"go>=1.26", "go1.25.9", false},
		{"go<1.27", "go1.26.8 X:nocoverageredesign", true},
		{"go<1.27", "go1.27rc1", false},
		{"go>=1.27", "go1.27rc1", true},
		{"go!=1.26.3", "go1.26.3", false},
		{"v=1.4", "v1.4.0", true},
		{"v>=1.0.0", "v1.0.1-0.20250101000000-abcdefabcdef", true},
		{"go>=1.26", "devel go1.28-abc", false},
	}
	for _, tt := range tests {
		if got := inRange(tt.when, tt.version); got != tt.want {
			t.Errorf("inRange(%q, %q) = %v, want %v", tt.when, tt.version, got, tt.want)
		}
	}
	for _, bad := range []string{"", "1.2", "go", "v>=x", "v~1.2", ">="} {
		if _, err := parseWhen(bad); err == nil {
			t.Errorf("parseWhen(%q) found nothing wrong", bad)
		}
	}
}

func TestResolveTags(t *testing.T) {
	tests := []struct {
		constraint    string
		with, without string // what becomes of the line, "-" for a file that is not laid
	}{
		{"weft", "//", "-"},
		{"!weft", "-", "//"},
		{"linux", "//go:build linux", "//go:build linux"},
		{"weft && linux", "//go:build linux", "-"},
		{"linux && !weft", "-", "//go:build linux"},
		{"weft || linux", "//", "//go:build linux"},
		{"weft && (linux || darwin)", "//go:build linux || darwin", "-"},
		{"!(weft && linux)", "//go:build !linux", "//"},
		{"weft && !race", "//go:build !race", "-"},
	}
	for _, tt := range tests {
		for _, weft := range []bool{true, false} {
			src := "// Copyright.\n\n//go:build " + tt.constraint + "\n\npackage p\n"
			want := tt.without
			if weft {
				want = tt.with
			}
			out, laid := resolveTags([]byte(src), weft)
			switch {
			case laid != (want != "-"):
				t.Errorf("%s, weft %v: laid %v", tt.constraint, weft, laid)
			case laid && string(out) != strings.Replace(src, "//go:build "+tt.constraint, want, 1):
				t.Errorf("%s, weft %v: got\n%s\nwant %s", tt.constraint, weft, out, want)
			}
		}
	}
	// What looks like a constraint behind the package clause is none.
	src := "package p\n\n//go:build weft\n"
	if out, laid := resolveTags([]byte(src), false); !laid || string(out) != src {
		t.Errorf("a comment behind the package clause was taken for a constraint")
	}
}
