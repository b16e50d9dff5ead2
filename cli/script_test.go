package cli

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/goproxytest"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"weft": func() { os.Exit(Main(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScript runs testdata/script: real builds, plain and woven, of small
// programs. They share the user's build cache, so that a woven standard
// library is compiled once; modules come from testdata/mod and no network is
// used.
func TestScript(t *testing.T) {
	proxy, err := goproxytest.NewServer("testdata/mod", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	gocache, modcache, realproxy := lines[0], lines[1], lines[2]
	weftcache := os.Getenv("WEFT_CACHE")
	if user, err := os.UserCacheDir(); weftcache == "" && err == nil {
		weftcache = filepath.Join(user, "weft")
	}
	// Nobody debugs these programs: without what debuggers read, and with fewer
	// collections, the go command takes a quarter less time. All the same, make ways
	// builds as users do.
	flags, gogc := "-modcacherw -buildvcs=false -ldflags=-w", "400"
	if os.Getenv("WEFT_LONG") != "" {
		flags, gogc = "-modcacherw -buildvcs=false", ""
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, ".home"))
			e.Setenv("GOCACHE", gocache)
			e.Setenv("GOMODCACHE", filepath.Join(e.WorkDir, ".mod"))
			e.Setenv("REALMODCACHE", modcache)
			e.Setenv("REALGOPROXY", realproxy)
			e.Setenv("REALGOROOT", lines[3])
			e.Setenv("REALWEFTCACHE", weftcache)
			e.Setenv("GOPROXY", proxy.URL)
			e.Setenv("GONOSUMDB", "*")
			e.Setenv("GOFLAGS", flags)
			e.Setenv("GOTOOLCHAIN", "local")
			e.Setenv("GOENV", "off")
			e.Setenv("GOTRACEBACK", "single")
			e.Setenv("GOGC", gogc)
			e.Setenv("OTEL_TRACES_EXPORTER", "none")
			e.Setenv("WEFT_CACHE", filepath.Join(e.WorkDir, ".weft"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch name, arg, _ := strings.Cut(cond, ":"); name {
			case "long": // what takes too long for every run
				return os.Getenv("WEFT_LONG") != "", nil
			case "module": // path@version, in the user's module cache or downloaded
				out, err := exec.Command("go", "mod", "download", arg).CombinedOutput()
				if err != nil && os.Getenv("CI") != "" {
					return false, fmt.Errorf("download %s: %s", arg, out)
				}
				return err == nil, nil
			case "root":
				return os.Getuid() == 0, nil
			case "toolchain": // in the user's module cache
				_, err := os.Stat(filepath.Join(modcache, "golang.org", fmt.Sprintf("toolchain@v0.0.1-%s.%s-%s", arg, runtime.GOOS, runtime.GOARCH)))
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"alike":    alike,
			"both":     both,
			"hook":     hook,
			"hooked":   hooked,
			"snapshot": snapshot,
			"same":     same,
			"sub":      sub,
			"ports":    ports,
			"await":    await,
			"post":     post,
		},
	})
}

// snapshot remembers the current directory's files.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: snapshot file")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), list(ts), 0o666))
}

// same fails when the current directory's files are not those of a snapshot,
// byte by byte and with their modification times.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: same file")
	}
	if was, is := ts.ReadFile(args[0]), list(ts); was != string(is) {
		ts.Fatalf("the source tree was changed:\n%s", diff.Diff("before", []byte(was), "after", is))
	}
}

func list(ts *testscript.TestScript) []byte {
	var b bytes.Buffer
	root := ts.MkAbs(".")
	ts.Check(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		st, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %v", rel, st.Mode(), st.ModTime().UnixNano())
		if st.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(data))
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.Bytes()
}

// sub replaces what a regular expression matches in a file, so that goldens
// hold no names of temporary directories.
func sub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: sub regexp replacement file")
	}
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	text := re.ReplaceAllString(ts.ReadFile(args[2]), args[1])
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o666))
}
