package cli

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/weft-trace/weft/weave"
)

var diffCommand = &command{
	name:  "diff",
	usage: "[-all] [build flags] [packages]",
	short: "print what is woven, as a unified diff",
	long: `Diff prints, as a unified diff, every file that the go command sees otherwise
than the disk has it when it builds the packages (the one in the current
directory by default): edits of the program and of the standard library, and
the files that weft adds. The sources of the weft runtime itself, added as
packages weft/…, are only named; -all prints them, too.

Nothing is built and nothing is changed.
`,
	run: runDiff,
}

// inspect weaves for the subcommands that only look: with the arguments of go
// build, and the package in the current directory when none is named.
func (inv *invocation) inspect() (*weave.Result, weave.Config, error) {
	g := parseGo(append([]string{"build"}, inv.args...))
	cfg := inv.config(g)
	cfg.Texts = true
	res, err := weave.Weave(cfg)
	if err != nil {
		return nil, cfg, err
	}
	for _, n := range res.Notes {
		fmt.Fprintln(inv.stderr, n)
	}
	return res, cfg, nil
}

func runDiff(inv *invocation) (int, error) {
	all := false
	if len(inv.args) > 0 && strings.TrimLeft(inv.args[0], "-") == "all" && inv.args[0] != "all" {
		all, inv.args = true, inv.args[1:]
	}
	res, cfg, err := inv.inspect()
	if err != nil {
		return 1, err
	}
	var out bytes.Buffer
	var laid []string
	runtime := filepath.Join(res.Toolchain.GOROOT, "src", "weft") + string(filepath.Separator)
	for _, f := range res.Files {
		name := shortPath(res, cfg, f.Path)
		if strings.HasPrefix(f.Path, runtime) && !all {
			laid = append(laid, name)
			continue
		}
		old := "a/" + name
		if f.Old == nil {
			old = "/dev/null"
		}
		out.Write(diff.Diff(old, f.Old, "b/"+name, f.New))
	}
	if len(laid) > 0 {
		fmt.Fprintf(&out, "# and %d files of the weft runtime, from %s to %s; -all prints them\n", len(laid), laid[0], laid[len(laid)-1])
	}
	_, err = inv.stdout.Write(out.Bytes())
	return 0, err
}

// shortPath names a file the way a reader thinks of it: relative to the
// current directory, to the standard library or to the module cache.
func shortPath(res *weave.Result, cfg weave.Config, path string) string {
	for _, root := range []struct{ dir, name string }{
		{filepath.Join(res.Toolchain.GOROOT, "src"), "std"},
		{res.Toolchain.GOMODCACHE, "mod"},
		{cfg.Dir, ""},
	} {
		if rel, err := filepath.Rel(root.dir, path); err == nil && root.dir != "" && !strings.HasPrefix(rel, "..") {
			return filepath.ToSlash(filepath.Join(root.name, rel))
		}
	}
	return filepath.ToSlash(path)
}
