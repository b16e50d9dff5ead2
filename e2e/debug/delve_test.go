package debug

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// delve is the version of the debugger, which is compiled for the test: some 20
// seconds the first time.
const delve = "github.com/go-delve/delve/cmd/dlv@v1.27.2"

// TestDelve debugs the plain and the woven program by the same commands: breakpoints
// by line and by function in the program, in a hooked function of a module and in a
// hooked method of net/http, then steps from there. Delve shows the same.
func TestDelve(t *testing.T) {
	dlv := installDelve(t)
	plain, woven := build(t, app, "local", "-ldflags=", "-gcflags=example.com/...=-N -l", "-gcflags=go.yaml.in/...=-N -l", "-gcflags=net/http=-N -l")
	std := strings.TrimSpace(tool(t, "env", "GOROOT")) + "/src/"
	yaml := moduleDir(t, app, "go.yaml.in/yaml/v3") + "/"
	parse := line(t, app+"/frames.go", "if err := yaml.Unmarshal(")
	serve := line(t, std+"net/http/server.go", "func (sh serverHandler) ServeHTTP(")
	unmarshal := line(t, yaml+"yaml.go", "func Unmarshal(")

	t.Run("own", func(t *testing.T) {
		shows(t, alike(t, dlv, plain, woven, "frames-module",
			fmt.Sprintf("break frames.go:%d", parse), "continue", "next", "list", "stack", "stepout", "locals"),
			fmt.Sprintf(`> \[Breakpoint 1\] main\.parse\(\) \S+/testdata/app/frames\.go:%d `, parse),
			`=> *\d+:\s+if err := yaml\.Unmarshal`, `runtime\.main`)
	})
	t.Run("module", func(t *testing.T) {
		shows(t, alike(t, dlv, plain, woven, "frames-module",
			fmt.Sprintf("break frames.go:%d", parse), "continue", "step", "print in", "list", "stack", "next", "step", "stack", "print in", "stepout", "stepout", "next"),
			fmt.Sprintf(`> go\.yaml\.in/yaml/v3\.Unmarshal\(\) %syaml\.go:%d `, yaml, unmarshal),
			fmt.Sprintf(`> go\.yaml\.in/yaml/v3\.Unmarshal\(\) %syaml\.go:%d `, yaml, unmarshal+1),
			`> go\.yaml\.in/yaml/v3\.unmarshal\(\)`, `\[\]uint8 len: 1, cap: 1, \[49\]`)
	})
	t.Run("std", func(t *testing.T) {
		shows(t, alike(t, dlv, plain, woven, "request",
			fmt.Sprintf("break %snet/http/server.go:%d", std, serve), "continue", "print req.Method", "print sh.srv.Addr", "list", "stack", "next", "next", "next", "locals",
			"break main.request.func1", "continue", "stack", "goroutines -t 2 -with userloc testdata/app"),
			fmt.Sprintf(`> \[Breakpoint 1\] net/http\.serverHandler\.ServeHTTP\(\) %snet/http/server\.go:%d `, std, serve),
			fmt.Sprintf(`> net/http\.serverHandler\.ServeHTTP\(\) %snet/http/server\.go:%d `, std, serve+1),
			`"GET"`, `net/http\.\(\*conn\)\.serve`, `> \[Breakpoint 2\] main\.request\.func1\(\)`)
	})
	t.Run("advice", func(t *testing.T) {
		// Who steps from the first line of a hooked function comes to the hook, whose
		// source is there, and out of it to the function.
		got := session(t, dlv, woven, "frames-module", "break go.yaml.in/yaml/v3.Unmarshal", "continue", "step", "stepout", "next")
		shows(t, got,
			fmt.Sprintf(`> \[Breakpoint 1\] go\.yaml\.in/yaml/v3\.Unmarshal\(\) %syaml\.go:%d (.*\n)+> go\.yaml\.in/yaml/v3\.weftUnmarshal\(\) \S+/hooks/go\.yaml\.in/yaml/v3/unmarshal\.go:\d+ (.*\n)+`+
				`> go\.yaml\.in/yaml/v3\.Unmarshal\(\) %syaml\.go:%d (.*\n)+> go\.yaml\.in/yaml/v3\.Unmarshal\(\) %syaml\.go:%d `, yaml, unmarshal, yaml, unmarshal+1, yaml, unmarshal+2),
			`=> +\d+:\s+func weftUnmarshal`)
	})
}

// installDelve compiles the debugger.
func installDelve(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "install", delve)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return filepath.Join(dir, "dlv")
	}
	if path, e := exec.LookPath("dlv"); e == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	t.Skipf("no debugger: %s: %v\n%s", cmd, err, out)
	return ""
}

// alike fails the test if the sessions of the plain and the woven program differ.
func alike(t *testing.T, dlv, plain, woven, scenario string, commands ...string) string {
	t.Helper()
	want, got := session(t, dlv, plain, scenario, commands...), session(t, dlv, woven, scenario, commands...)
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("plain (-) and woven (+) differ:\n%s", d)
	}
	return want
}

func shows(t *testing.T, text string, res ...string) {
	t.Helper()
	for _, re := range res {
		if !regexp.MustCompile("(?m)^.*" + re).MatchString(text) {
			t.Errorf("%q does not match what delve shows:\n%s", re, text)
		}
	}
}

// session runs a scenario of a program in the debugger, gives it commands, and
// returns what it prints, without what varies.
func session(t *testing.T, dlv, exe, scenario string, commands ...string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(script, []byte(strings.Join(commands, "\n")+"\nexit\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, dlv, "exec", exe, "--allow-non-terminal-interactive=true", "--init", script, "--", scenario)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none", "XDG_CONFIG_HOME="+t.TempDir(), "GOMAXPROCS=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &out)
	}
	s := out.String()
	for _, v := range delveVaries {
		s = v.re.ReplaceAllString(s, v.with)
	}
	return s
}

var delveVaries = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\x1b\[[0-9;]*m`), ""},
	{regexp.MustCompile(`(?m)^weft\d+ = .*\n`), ""}, // what enter and exit of advice share is a local variable
	{regexp.MustCompile(`0x[0-9a-f]+`), "0x"},
	{regexp.MustCompile(`goroutine\(\d+\)`), "goroutine(N)"},
	{regexp.MustCompile(`(?m)^([* ] )Goroutine \d+ `), "${1}Goroutine N "},
	{regexp.MustCompile(` \(thread \d+\)`), ""},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
}

// line returns the number of the line of a file that holds text.
func line(t *testing.T, file, text string) int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := bytes.Cut(data, []byte(text))
	if !ok {
		t.Fatalf("%s: no line with %q", file, text)
	}
	return 1 + bytes.Count(before, []byte("\n"))
}

// moduleDir returns where a module lies that the one in dir needs.
func moduleDir(t *testing.T, dir, module string) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-mod=mod", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return strings.TrimSpace(string(out))
}
