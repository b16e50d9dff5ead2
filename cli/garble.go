package cli

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weft-trace/weft/weave"
)

var garbleCommand = &command{
	name:  "garble",
	usage: "<garble command and its arguments>",
	short: "run garble on the woven source",
	long: `Garble runs garble (mvdan.cc/garble), which obfuscates programs, with the
arguments that follow. Its commands build, run and test see the woven source,
with all flags of garble and of the go command; the others run as they are. The
garble command in PATH is the one that runs.

What such a program prints can be read back if it was built with -seed: by
"garble -seed=... reverse", without weft.
`,
	run: runGarble,
}

// garbleFlags says which of garble's own flags take a value.
var garbleFlags = map[string]bool{"literals": false, "tiny": false, "debug": false, "debugdir": true, "seed": true}

// splitGarble takes garble's own flags off the front of args.
func splitGarble(args []string) (own, rest []string) {
	n := 0
	for n < len(args) && strings.HasPrefix(args[n], "-") {
		name, _, hasValue := strings.Cut(strings.TrimLeft(args[n], "-"), "=")
		if n++; garbleFlags[name] && !hasValue {
			n++
		}
	}
	n = min(n, len(args))
	return args[:n], args[n:]
}

func runGarble(inv *invocation) (int, error) {
	exe, err := exec.LookPath("garble")
	if err != nil {
		return 1, fmt.Errorf("find garble: %w; install it with \"go install mvdan.cc/garble@latest\" or put it on PATH", err)
	}
	own, args := splitGarble(inv.args)
	plain := func() (int, error) {
		cmd := exec.Command(exe, inv.args...)
		cmd.Dir, cmd.Env = inv.dir, inv.env
		return run(inv, cmd)
	}
	if off := getenv(inv.env, "WEFT_OFF"); off != "" && off != "0" || len(args) == 0 {
		return plain()
	}
	sub := args[0]
	switch sub {
	case "build", "run", "test":
	case "reverse", "map":
		return 1, fmt.Errorf("garble %s reads the source from the disk, where it is not woven: build with \"weft garble -seed=... build\" and run \"garble -seed=... %s\" without weft", sub, sub)
	default:
		return plain()
	}
	g := parseGo(args)
	cfg := inv.config(g)
	cfg.Flags = append(slices.Clone(cfg.Flags), "-trimpath") // garble's own
	cfg.Garble = true
	progress := newProgress(inv.stderr, getenv(inv.env, "TERM"))
	cfg.Progress, cfg.Log = progress.set, progress
	res, err := weave.Weave(cfg)
	progress.end()
	if err != nil {
		var failed *weave.GoError
		if errors.As(err, &failed) {
			return plain()
		}
		return 1, err
	}
	for _, n := range res.Notes {
		fmt.Fprintln(inv.stderr, n)
	}
	args = append(slices.Clone(own), sub)
	args = append(args, res.Flags...)
	args = append(args, g.flags...)
	args = append(args, inv.execFlags(g, res)...)
	if res.Patterns != nil {
		g.packages = res.Patterns
	}
	args = append(args, g.packages...)
	args = append(args, g.rest...)
	cmd := exec.Command(exe, args...)
	cmd.Dir = cfg.Dir
	// Garble runs the go command that it finds in PATH.
	env := append(slices.Clone(res.Toolchain.Env), res.Env...)
	path := filepath.Dir(res.Toolchain.Command) + string(filepath.ListSeparator) + getenv(env, "PATH")
	cmd.Env = append(env, "PATH="+path, "PWD="+cfg.Dir)
	return run(inv, cmd)
}
