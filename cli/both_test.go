package cli

import (
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/testscript"
)

// both runs a command twice, plain and woven: "go" becomes "weft go", and each
// % in its arguments becomes "plain" or "woven", to name what the two runs
// write. It fails unless both end with the same exit code and print the same,
// in what varies says must not vary, and the current directory's files are
// what they were. -not leaves out what a regular expression matches. The
// output that later commands see is the woven one; the plain one is in the
// files plain.out and plain.err of $WORK.
//
//	both [-not regexp]... command [argument...]
func both(ts *testscript.TestScript, neg bool, args []string) {
	var not []*regexp.Regexp
	for len(args) > 1 && args[0] == "-not" {
		re, err := regexp.Compile("(?m)" + args[1])
		ts.Check(err)
		not, args = append(not, re), args[2:]
	}
	if len(args) == 0 {
		ts.Fatalf("usage: both [-not regexp]... command [argument...]")
	}
	before := list(ts)
	type outcome struct{ exit, stdout, stderr string }
	var was, is outcome
	for _, o := range []struct {
		name string
		to   *outcome
	}{{"plain", &was}, {"woven", &is}} {
		cmd := make([]string, len(args))
		for i, a := range args {
			cmd[i] = strings.ReplaceAll(a, "%", o.name)
		}
		if cmd[0] == "go" && o.name == "woven" {
			cmd = append([]string{"weft"}, cmd...)
		}
		exit := "exit status 0"
		if err := ts.Exec(cmd[0], cmd[1:]...); err != nil {
			exit = err.Error()
		}
		*o.to = outcome{exit, ts.ReadFile("stdout"), ts.ReadFile("stderr")}
		if (exit != "exit status 0") != neg {
			ts.Fatalf("the %s command: %s", o.name, exit)
		}
		if after := list(ts); string(after) != string(before) {
			ts.Fatalf("the %s command changed the source tree:\n%s", o.name, diff.Diff("before", before, "after", after))
		}
	}
	work := ts.Getenv("WORK")
	ts.Check(os.WriteFile(work+"/plain.out", []byte(was.stdout), 0o666))
	ts.Check(os.WriteFile(work+"/plain.err", []byte(was.stderr), 0o666))
	for _, x := range []struct{ what, was, is string }{{"exit code", was.exit, is.exit}, {"stdout", was.stdout, is.stdout}, {"stderr", was.stderr, is.stderr}} {
		if a, b := steady(ts, x.was, not), steady(ts, x.is, not); a != b {
			ts.Fatalf("the woven %s differs:\n%s", x.what, diff.Diff("plain", []byte(a), "woven", []byte(b)))
		}
	}
}

// alike compares two files, or what the last command printed, as both does.
func alike(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: alike file file")
	}
	a, b := steady(ts, ts.ReadFile(args[0]), nil), steady(ts, ts.ReadFile(args[1]), nil)
	if (a != b) != neg {
		ts.Fatalf("%s and %s:\n%s", args[0], args[1], diff.Diff(args[0], []byte(a), args[1], []byte(b)))
	}
}

// varies is what may differ from one run of the same program to the next.
var varies = []struct {
	re *regexp.Regexp
	by string
}{
	// A function with advice is seldom inlined, and an inlined one has no offset in a stack trace.
	{regexp.MustCompile(`(?m)^(\S+)\([^()\n]*\)\n\t`), "$1()\n\t"},
	{regexp.MustCompile(`(?m) \+0x[0-9a-f]+$`), ""},
	{regexp.MustCompile(`0x[0-9a-f]+\??`), "0xN"},
	{regexp.MustCompile(`goroutine \d+`), "goroutine N"},
	{regexp.MustCompile(`go-build\d+(/b\d+)?`), "go-build"},
	{regexp.MustCompile(`\d+\.\d+s\b|\(cached\)`), "Ns"},
	{regexp.MustCompile(`[ \t]*\d+[ \t]+[\d.]+ ns/op`), " N ns/op"},
	{regexp.MustCompile(`"(Time|Elapsed)":("[^"]*"|[\d.]+),?`), ""},
}

// steady replaces in text what varies, and what -not gives.
func steady(ts *testscript.TestScript, text string, not []*regexp.Regexp) string {
	work := ts.Getenv("WORK")
	for _, name := range []string{"plain", "woven"} {
		text = strings.ReplaceAll(text, work+"/"+name, work+"/%")
	}
	for _, v := range varies {
		text = v.re.ReplaceAllString(text, v.by)
	}
	for _, re := range not {
		text = re.ReplaceAllString(text, "")
	}
	return text
}
