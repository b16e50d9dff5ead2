package cli

import (
	"strings"

	"github.com/weft-trace/weft/weave"
)

// testVet is what go test has go vet look for. The go command's own list is
// not to be had from outside; analyzers that a version does not have are left
// out by vetFlags.
var testVet = []string{"atomic", "bool", "buildtags", "directive", "errorsas", "ifaceassert", "nilfunc", "printf", "stringintconv", "tests"}

// vet does the part of go test that looks at the source before it is tested,
// on the source as the user wrote it. go vet cannot run on the woven source:
// the weft runtime's directories are not on the disk. It returns go vet's exit
// code.
func vet(inv *invocation, g *goArgs, cfg weave.Config, res *weave.Result) (int, error) {
	args := []string{"vet"}
	if g.vet != nil {
		switch *g.vet {
		case "off":
			return 0, nil
		case "", "all":
		default:
			for _, name := range strings.Split(*g.vet, ",") {
				args = append(args, "-"+name)
			}
		}
	} else {
		for _, name := range testVet {
			args = append(args, "-"+name)
		}
	}
	if cfg.Overlay != "" {
		args = append(args, "-overlay="+cfg.Overlay)
	}
	if cfg.Modfile != "" {
		args = append(args, "-modfile="+cfg.Modfile)
	}
	args = append(args, g.build...)
	args = append(args, g.packages...)
	return run(inv, res.Toolchain.Cmd(cfg.Dir, args...))
}
