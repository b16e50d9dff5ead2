// Package cli is the command line of weft: a file per subcommand.
package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// invocation is one run of weft: what it was called with.
type invocation struct {
	args   []string // after the subcommand
	env    []string
	dir    string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// command is a subcommand.
type command struct {
	name  string
	usage string // its arguments
	short string // one line for the overview
	long  string // what "weft help" says of it
	run   func(*invocation) (int, error)
}

func commands() []*command {
	return []*command{goCommand, garbleCommand, diffCommand, explainCommand, watchCommand, serveCommand, searchCommand, traceCommand, servicesCommand, storeCommand, doctorCommand,
		versionCommand, helpCommand()}
}

// Main runs weft with the arguments after its name and returns its exit code:
// that of the go command for "weft go", 2 for a wrong use of weft, and 1 for
// what failed.
func Main(args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(stderr, "weft: find the current directory: %v\n", err)
		return 1
	}
	// The shell's name for the directory, as the go command prefers it, too.
	for _, e := range env {
		if pwd, ok := strings.CutPrefix(e, "PWD="); ok && pwd != dir && filepath.IsAbs(pwd) {
			a, err1 := os.Stat(pwd)
			b, err2 := os.Stat(dir)
			if err1 == nil && err2 == nil && os.SameFile(a, b) {
				dir = pwd
			}
		}
	}
	inv := &invocation{env: env, dir: dir, stdin: stdin, stdout: stdout, stderr: stderr}
	if len(args) == 0 {
		fmt.Fprint(stderr, overview())
		return 2
	}
	name, rest := args[0], args[1:]
	if name == execName {
		inv.args = rest
		return runExec(inv)
	}
	if name == toolName {
		inv.args = rest
		return runTool(inv)
	}
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			inv.args = rest
			if c.name != "go" && c.name != "garble" && c.name != "watch" && c.name != "serve" && len(rest) > 0 && (rest[0] == "-h" || rest[0] == "-help" || rest[0] == "--help") {
				c, inv.args = helpCommand(), []string{name}
			}
			code, err := c.run(inv)
			if err != nil {
				fmt.Fprintf(stderr, "weft: %v\n", err)
				if code == 0 {
					code = 1
				}
			}
			return code
		}
	}
	fmt.Fprintf(stderr, "weft: unknown command %q; run \"weft help\"\n", name)
	return 2
}
