package debug

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// symbols: the tools that read a binary find the same functions in the same files.
// What of a function's lines has code differs where code was woven in, but none is
// outside of the function.
func symbols(t *testing.T, plain, woven string) {
	functions := []string{"main.main", "main.spin", "main.framesHTTP", "main.(*document).UnmarshalYAML",
		"go.yaml.in/yaml/v3.(*decoder).unmarshal", "net/http.serverHandler.ServeHTTP", "net/http.(*conn).serve", "database/sql.(*DB).retry", "log.(*Logger).output"}
	want, got := addr2line(t, plain, functions), addr2line(t, woven, functions)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("addr2line: plain (-) and woven (+) differ:\n%s", d)
	}
	for i, f := range functions {
		if !strings.HasPrefix(want[i], f+" /") {
			t.Errorf("addr2line: %q is not a line of %s", want[i], f)
		}
	}
	t.Run("objdump", func(t *testing.T) {
		want, got := objdump(t, plain, functions), objdump(t, woven, functions)
		for _, f := range functions {
			if want[f].file == "" || want[f].file != got[f].file || got[f].first != want[f].first || got[f].last != want[f].last {
				t.Errorf("%s: plain %+v, woven %+v", f, want[f], got[f])
			}
		}
	})
}

// addr2line returns the name, file and line that belong to the first instruction of
// each function, by what nm says of where that is.
func addr2line(t *testing.T, exe string, functions []string) []string {
	t.Helper()
	at := map[string]string{}
	for line := range strings.Lines(tool(t, "tool", "nm", exe)) {
		if f := strings.Fields(line); len(f) == 3 && strings.EqualFold(f[1], "t") {
			at[f[2]] = f[0]
		}
	}
	var addresses strings.Builder
	for _, f := range functions {
		if at[f] == "" {
			t.Fatalf("nm does not list %s", f)
		}
		fmt.Fprintf(&addresses, "0x%s\n", at[f])
	}
	cmd := exec.Command("go", "tool", "addr2line", exe)
	cmd.Stdin = strings.NewReader(addresses.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2*len(functions) {
		t.Fatalf("addr2line says %q", out)
	}
	var list []string
	for i := range functions {
		list = append(list, lines[2*i]+" "+lines[2*i+1])
	}
	return list
}

// A listing is where the code of a function comes from: its own file, and the first
// and the last line of that.
type listing struct {
	file        string
	first, last int
}

// objdump disassembles functions. Lines of other files are of inlined calls.
func objdump(t *testing.T, exe string, functions []string) map[string]listing {
	t.Helper()
	var alternatives []string
	for _, f := range functions {
		alternatives = append(alternatives, regexp.QuoteMeta(f))
	}
	found := map[string]listing{}
	name, base := "", ""
	for line := range strings.Lines(tool(t, "tool", "objdump", "-s", "^("+strings.Join(alternatives, "|")+")$", exe)) {
		if m := text.FindStringSubmatch(line); m != nil {
			name, base = m[1], filepath.Base(m[2])
			found[name] = listing{file: m[2]}
			continue
		}
		m := code.FindStringSubmatch(line)
		if m == nil || m[1] != base {
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		l := found[name]
		if l.first == 0 || n < l.first {
			l.first = n
		}
		l.last = max(l.last, n)
		found[name] = l
	}
	return found
}

var (
	text = regexp.MustCompile(`^TEXT (.*)\(SB\) (.*)\n`)
	code = regexp.MustCompile(`^  (\S+):(\d+)\s`)
)

// TestCoverage: what was run is counted in the same blocks.
func TestCoverage(t *testing.T) {
	plain, woven := build(t, app, "local", "-cover")
	profiles := map[string]string{}
	for _, exe := range []string{plain, woven} {
		dir := t.TempDir()
		run(t, exe, []string{"GOCOVERDIR=" + dir}, "frames-own", "frames-module", "frames-http")
		to := filepath.Join(dir, "profile.txt")
		tool(t, "tool", "covdata", "textfmt", "-i="+dir, "-o="+to)
		data, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		profiles[exe] = string(data)
	}
	if d := cmp.Diff(strings.Split(profiles[plain], "\n"), strings.Split(profiles[woven], "\n")); d != "" {
		t.Errorf("plain (-) and woven (+) differ:\n%s", d)
	}
	if !regexp.MustCompile(`(?m)^example\.com/app/frames\.go:\d+\.\d+,\d+\.\d+ \d+ 1$`).MatchString(profiles[plain]) {
		t.Errorf("nothing was counted:\n%s", profiles[plain])
	}
}
