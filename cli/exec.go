package cli

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/weft-trace/weft/weave"
)

// execName is the subcommand that "weft go run" and "weft go test" have the go
// command run programs with (-exec), when the build's environment is not the
// program's. It is no command for users.
const execName = "-exec"

// execFlags returns the flag that gives programs the environment that they have
// plainly.
func (inv *invocation) execFlags(g *goArgs, res *weave.Result) []string {
	if len(res.Program) == 0 || g.sub != "run" && g.sub != "test" {
		return nil
	}
	tc := res.Toolchain
	if tc.GOOS != runtime.GOOS || tc.GOARCH != runtime.GOARCH {
		return nil // the go command looks for a program that emulates
	}
	self, err := os.Executable()
	if err != nil || strings.ContainsAny(self, `'"`) && strings.Contains(self, `'`) && strings.Contains(self, `"`) {
		return nil // best effort: it can only be said with one kind of quotes
	}
	list := []string{quote(self), execName}
	for _, v := range res.Program {
		list = append(list, quote(v))
	}
	list = append(list, "--")
	if g.exec != "" {
		list = append(list, g.exec)
	}
	return []string{"-exec=" + strings.Join(list, " ")}
}

// quote quotes a word for a flag of the go command that is split at spaces.
func quote(s string) string {
	switch {
	case strings.Contains(s, `'`):
		return `"` + s + `"`
	case strings.ContainsAny(s, " \t\""):
		return `'` + s + `'`
	}
	return s
}

// runExec runs a program in weft's place: arguments are NAME=value or NAME, then
// "--", then the program and its arguments.
func runExec(inv *invocation) int {
	end := slices.Index(inv.args, "--")
	if end < 0 || end+1 >= len(inv.args) {
		fmt.Fprintf(inv.stderr, "weft: %s: no program given\n", execName)
		return 2
	}
	env := inv.env
	for _, v := range inv.args[:end] {
		name, _, set := strings.Cut(v, "=")
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		if set {
			env = append(env, v)
		}
	}
	args := inv.args[end+1:]
	path, err := exec.LookPath(args[0])
	if err == nil {
		err = replaceProcess(path, args, env)
	}
	if err != nil {
		fmt.Fprintf(inv.stderr, "weft: run %s: %v\n", args[0], err)
		return 1
	}
	return 0
}
