package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-trace/weft/weave"
)

// toolName is the subcommand through which the go command runs the tools of the
// toolchain in builds that count statements (-toolexec). It is no command for
// users.
const toolName = "-tool"

// coverFlag returns the flag that has the go command run its tools through weft,
// and those through the program of a -toolexec that the user gave, which it
// takes out of g.
func coverFlag(g *goArgs, res *weave.Result) []string {
	self, err := os.Executable()
	if err != nil || res.Cover == "" {
		return nil
	}
	users := ""
	for _, f := range weave.SplitFlags(res.Toolchain.GOFLAGS) {
		if name, value, ok := strings.Cut(strings.TrimLeft(f, "-"), "="); ok && name == "toolexec" {
			users = value
		}
	}
	for i := 0; i < len(g.flags); i++ {
		name, value, ok := strings.Cut(strings.TrimLeft(g.flags[i], "-"), "=")
		if name != "toolexec" {
			continue
		}
		n := 1
		if !ok && i+1 < len(g.flags) {
			value, n = g.flags[i+1], 2
		}
		users, g.flags = value, slices.Delete(slices.Clone(g.flags), i, i+n)
		i--
	}
	words := []string{quote(self), toolName, quote(res.Cover), strconv.Itoa(len(weave.SplitFlags(users)))}
	if users != "" {
		words = append(words, users)
	}
	return []string{"-toolexec=" + strings.Join(words, " ")}
}

// runTool runs a tool of the toolchain: arguments are the file for the cover
// tool, how many words the user's own -toolexec has, these words, and the tool
// and its arguments.
func runTool(inv *invocation) int {
	n := -1
	if len(inv.args) > 2 {
		n, _ = strconv.Atoi(inv.args[1])
	}
	if n < 0 || len(inv.args) < 2+n+1 {
		fmt.Fprintf(inv.stderr, "weft: %s: no tool given\n", toolName)
		return 2
	}
	spec, users, tool, args := inv.args[0], inv.args[2:2+n], inv.args[2+n], inv.args[3+n:]
	run := func(args []string) error {
		words := append(append(slices.Clone(users), tool), args...)
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = inv.env, inv.stdin, inv.stdout, inv.stderr
		return cmd.Run()
	}
	var err error
	switch name := strings.TrimSuffix(filepath.Base(tool), ".exe"); {
	case name != "cover":
		err = run(args)
	case len(args) == 1 && strings.HasPrefix(args[0], "-V"):
		// The go command keeps what the tool writes under what it says of itself.
		var out bytes.Buffer
		stdout := inv.stdout
		inv.stdout = &out
		err = run(args)
		fmt.Fprintf(stdout, "%s weft 1\n", strings.TrimRight(out.String(), "\r\n"))
	default:
		err = weave.CoverTool(spec, args, run)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	}
	fmt.Fprintf(inv.stderr, "weft: run %s: %v\n", filepath.Base(tool), err)
	return 1
}
