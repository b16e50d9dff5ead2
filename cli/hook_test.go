package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// hook writes hooks that give functions of a package spans of their names,
// and the weft.yaml that names them, into the current directory.
//
//	hook import/path name point...
func hook(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: hook import/path name point...")
	}
	dir := ts.MkAbs(filepath.Join("hooks", filepath.FromSlash(args[0])))
	ts.Check(os.MkdirAll(dir, 0o777))
	ts.Check(os.WriteFile(ts.MkAbs("weft.yaml"), []byte("hooks: [hooks]\n"), 0o666))
	var b strings.Builder
	fmt.Fprintf(&b, "//go:build weft\n\npackage %s\n\nimport \"weft/trace\"\n", args[1])
	for i, point := range args[2:] {
		fmt.Fprintf(&b, "\n//weft:enter %s\nfunc weftIn%d(s *trace.Span) { s.Start(%q, trace.KindInternal) }\n", point, i, args[1]+"."+point)
		fmt.Fprintf(&b, "\n//weft:exit %s\nfunc weftOut%d(s *trace.Span) { s.End() }\n", point, i)
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "spans.go"), []byte(b.String()), 0o666))
}

// hooked fails unless weft explain says of every hook that hook wrote that it
// is woven. Arguments are build flags and packages.
func hooked(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: hooked [argument...]")
	}
	n := 0
	ts.Check(filepath.WalkDir(ts.MkAbs("hooks"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "spans.go" {
			n += strings.Count(ts.ReadFile(path), "\n//weft:")
		}
		return err
	}))
	ts.Check(ts.Exec("weft", append([]string{"explain"}, args...)...))
	for _, fate := range hookLine.FindAllStringSubmatch(ts.ReadFile("stdout"), -1) {
		if !strings.HasPrefix(fate[1], "woven: ") {
			ts.Fatalf("a hook is not woven: %s", strings.TrimSpace(fate[0]))
		}
		n--
	}
	if n != 0 {
		ts.Fatalf("weft explain names %d fewer hooks than there are", n)
	}
}

var hookLine = regexp.MustCompile(`(?m)^.* weft(?:In|Out)\d+ +(.*)$`)
