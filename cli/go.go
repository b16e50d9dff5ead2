package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/weft-trace/weft/weave"
)

var goCommand = &command{
	name:  "go",
	usage: "<go command and its arguments>",
	short: "run the go command on the woven source",
	long: `Go runs the go command with the arguments that follow. The subcommands that
compile a program, build, install, run, test, and list when it is asked to
compile (-export, -compiled), see the woven source; all others run as they
are. All flags of the go command work as they do without weft, -overlay,
-modfile and those in GOFLAGS among them.

go test runs go vet as ever, on the source as it stands: go vet is a step of
its own before the woven tests are built. -vet is honoured.

No file of the program is changed. Edited files go to weft's cache (WEFT_CACHE),
woven and plain builds share Go's own build cache without mixing, and
WEFT_OFF=1 builds plainly.
`,
	run: runGo,
}

// runGo runs the go command. Subcommands that compile see the woven source,
// all others pass through as they are.
func runGo(inv *invocation) (int, error) {
	g := parseGo(inv.args)
	if off := getenv(inv.env, "WEFT_OFF"); off != "" && off != "0" || !g.weaves() {
		return plainGo(inv)
	}
	cfg := inv.config(g)
	progress := newProgress(inv.stderr, getenv(inv.env, "TERM"))
	cfg.Progress, cfg.Log = progress.set, progress
	res, err := weave.Weave(cfg)
	progress.end()
	if err != nil {
		var failed *weave.GoError
		if errors.As(err, &failed) {
			// The go command refuses what the user asked for, and says it best.
			code, err := plainGo(inv)
			if code == 0 && err == nil {
				fmt.Fprintf(inv.stderr, "weft: list packages: %v: this was a plain build; please report this\n", failed)
			}
			return code, err
		}
		return 1, err
	}
	for _, n := range res.Notes {
		fmt.Fprintln(inv.stderr, n)
	}
	args := append([]string{g.sub}, res.Flags...)
	var vetted *vetting
	if g.sub == "test" {
		args = append(args, "-vet=off")
		if vetted, err = vet(g, cfg, res); err != nil {
			return 1, err
		}
		vetted.report(inv, g)
		if vetted.all {
			return 1, nil
		}
	}
	args = append(args, coverFlag(g, res)...)
	args = append(args, g.flags...)
	if cfg.Versions {
		args = append(args, "-mod=readonly") // whatever GOFLAGS says of the current module
	}
	args = append(args, inv.execFlags(g, res)...)
	if res.Patterns != nil {
		g.packages = res.Patterns
	}
	args = append(args, g.packages...)
	args = append(args, g.rest...)
	cmd := res.Toolchain.Cmd(cfg.Dir, args...)
	cmd.Env = append(cmd.Env, res.Env...)
	if len(res.Copies) > 0 && g.sub != "run" { // what go run prints is the program's, too
		names := &renamer{to: inv.stderr, dir: cfg.Dir, copies: res.Copies}
		defer names.flush()
		of := *inv
		of.stderr, inv = names, &of
	}
	code, err := run(inv, cmd)
	if vetted != nil && err == nil {
		code = vetted.end(inv, code)
	}
	return code, err
}

// weaves reports whether the subcommand compiles what weft weaves.
func (g *goArgs) weaves() bool {
	switch g.sub {
	case "build", "install", "run", "test":
		return !slices.Contains(g.flags, "-h") && !slices.Contains(g.flags, "-help") && !slices.Contains(g.flags, "--help")
	case "list":
		return g.list
	}
	return false
}

// config returns what is to be woven for a go command line.
func (inv *invocation) config(g *goArgs) weave.Config {
	cfg := weave.Config{
		Dir:      inv.dir,
		Env:      inv.env,
		Flags:    g.build,
		Patterns: g.packages,
		Tests:    g.sub == "test" || g.sub == "list" && slices.Contains(g.flags, "-test"),
		Cover:    g.cover,
		Overlay:  g.overlay,
		Modfile:  g.modfile,
		CacheDir: getenv(inv.env, "WEFT_CACHE"),
		Versions: (g.sub == "run" || g.sub == "install") && weave.AtVersion(g.packages),
	}
	if g.chdir != "" {
		cfg.Dir = g.chdir
		if !filepath.IsAbs(cfg.Dir) {
			cfg.Dir = filepath.Join(inv.dir, cfg.Dir)
		}
	}
	return cfg
}

// plainGo runs the go command with the very arguments that weft was given.
func plainGo(inv *invocation) (int, error) {
	exe, err := exec.LookPath("go")
	if err != nil {
		return 1, fmt.Errorf("find the go command: %w; install Go or put it on PATH", err)
	}
	cmd := exec.Command(exe, inv.args...)
	cmd.Dir = inv.dir
	cmd.Env = inv.env
	return run(inv, cmd)
}

// run runs a command in weft's place: with its input and output, and with the
// signals that weft gets. It returns the exit code.
func run(inv *invocation, cmd *exec.Cmd) (int, error) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inv.stdin, inv.stdout, inv.stderr
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("run %s: %w", filepath.Base(cmd.Path), err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			// An interrupt from the terminal has reached the go command
			// already, as a member of the same process group; a second one
			// does it no harm.
			cmd.Process.Signal(s)
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
					return 128 + int(ws.Signal()), nil // as a shell would say it
				}
				return max(exit.ExitCode(), 1), nil
			}
			if err != nil {
				return 1, fmt.Errorf("run %s: %w", filepath.Base(cmd.Path), err)
			}
			return 0, nil
		}
	}
}

func getenv(env []string, key string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], key+"="); ok {
			return v
		}
	}
	return ""
}
