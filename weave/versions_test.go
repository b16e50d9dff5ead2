package weave

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/context/toolchain"
	"github.com/weft-trace/weft/rt/patch"
)

// long says whether to try the first release of each minor version of Go, too,
// and to compile on all.
var long = os.Getenv("WEFT_LONG") != ""

// A goVersion is a version of Go to weave for.
type goVersion struct {
	Version string
	local   bool // that of the go command
}

// versions returns those that weft supports.
func versions(t *testing.T) []goVersion {
	t.Helper()
	own := toolchain.Get(t, "").Version
	var list []goVersion
	for _, v := range toolchain.Versions(t, patch.Oldest, patch.Newest, !long) {
		list = append(list, goVersion{v, v == own})
	}
	return list
}

// Root is GOROOT.
func (v goVersion) Root(t *testing.T) string { return toolchain.Get(t, v.Version).Root }

// Toolchain is the version as the weaver knows it.
func (v goVersion) Toolchain(t *testing.T) *Toolchain {
	tc := toolchain.Get(t, v.Version)
	return &Toolchain{Command: filepath.Join(tc.Root, "bin", "go"), Env: append(os.Environ(), tc.Env...), GOROOT: tc.Root}
}

// module writes a module that every supported version of Go takes, and returns
// its directory.
func module(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"go.mod": "module example.com/prog\n\ngo 1.25\n"}
	if program != "" {
		files["main.go"] = program
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const usesAll = `package main

import (
	_ "database/sql"
	_ "log"
	_ "log/slog"
	_ "net/http"
)

func main() {}
`

// TestJoinPoints: on each version of Go, all rules for the standard library that
// are for it find their join points.
func TestJoinPoints(t *testing.T) {
	for _, v := range toolchain.Versions(t, patch.Oldest, patch.Newest, false) {
		t.Run(v, func(t *testing.T) {
			res := weaveFor(t, v)
			for _, n := range res.Notes {
				t.Errorf("%s: %s", v, n)
			}
			woven := map[string]bool{}
			for _, pt := range res.Points {
				woven[pt.Target] = woven[pt.Target] || len(pt.Woven) > 0
			}
			for _, target := range []string{"net/http", "database/sql", "log", "log/slog"} {
				if !woven[target] {
					t.Errorf("%s: nothing is woven into %s", v, target)
				}
			}
		})
	}
}

// TestNextJoinPoints names the join points that a version of Go that weft does not
// support yet breaks. It never fails for a release candidate.
func TestNextJoinPoints(t *testing.T) {
	next := toolchain.Next(t, patch.Newest)
	if len(next) == 0 {
		t.Skipf("there is nothing newer than go1.%d", patch.Newest)
	}
	for _, v := range next {
		t.Run(v, func(t *testing.T) {
			res := weaveFor(t, v)
			for _, n := range res.Notes {
				if strings.Contains(n, "is not known to this weft") {
					continue // rt/patch has a test of its own
				}
				if toolchain.Candidate(v) {
					t.Logf("%s: %s", v, n)
				} else {
					t.Errorf("%s: %s", v, n)
				}
			}
		})
	}
}

// weaveFor weaves a program that uses all integrations for the standard library.
func weaveFor(t *testing.T, version string) *Result {
	t.Helper()
	tc := toolchain.Get(t, version)
	env := setenv(setenv(os.Environ(), "GOFLAGS", ""), "GOWORK", "off")
	if version != toolchain.Get(t, "").Version {
		// As the go command would have it: in the module cache, behind GOTOOLCHAIN.
		env = setenv(env, "GOTOOLCHAIN", version)
	}
	res, err := Weave(Config{Dir: module(t, usesAll), Env: env, Patterns: []string{"."}, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Toolchain.GOVERSION; got != tc.Version {
		t.Fatalf("wove for %s", got)
	}
	return res
}
