package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weft-trace/weft/weave"
)

// go test vets what it tests. On the woven source it cannot: go vet enters the
// directory of each package, and those of the weft runtime are not on the disk.
// So the woven tests run with -vet=off, and weft runs go vet before them, on
// the source as the user wrote it. A package with findings is not tested and
// fails, as with go test itself.

// testVet is what go test has go vet look for, a list that the go command does
// not tell; all of them exist since Go 1.25.
var testVet = []string{"atomic", "bool", "buildtags", "directive", "errorsas", "ifaceassert", "nilfunc", "printf", "slog", "stringintconv", "tests"}

// vetting is the outcome of go vet before a go test.
type vetting struct {
	findings map[string][]string // lines by import path
	failed   []string            // the import paths, in the order of the packages
	all      bool                // no package is left to test
	other    string              // what go vet said when it found that it cannot vet
}

// vet runs go vet for a go test and takes the packages with findings out of
// the packages that g tests.
func vet(g *goArgs, cfg weave.Config, res *weave.Result) (*vetting, error) {
	v := &vetting{findings: map[string][]string{}}
	args := []string{"vet"}
	switch {
	case g.vet == nil:
		for _, name := range testVet {
			args = append(args, "-"+name)
		}
	case *g.vet == "off":
		return v, nil
	case *g.vet != "" && *g.vet != "all":
		for _, name := range strings.Split(*g.vet, ",") {
			args = append(args, "-"+name)
		}
	}
	if slices.Contains(g.flags, "-n") {
		return v, nil
	}
	if cfg.Overlay != "" {
		args = append(args, "-overlay="+cfg.Overlay)
	}
	if cfg.Modfile != "" {
		args = append(args, "-modfile="+cfg.Modfile)
	}
	for i := 0; i < len(g.build); i++ {
		switch name, _, hasValue := strings.Cut(strings.TrimLeft(g.build[i], "-"), "="); name {
		case "cover":
		case "covermode", "coverpkg":
			if !hasValue {
				i++
			}
		default:
			args = append(args, g.build[i])
		}
	}
	args = append(args, "--")
	args = append(args, g.packages...)
	_, err := res.Toolchain.Output(cfg.Dir, args...)
	var failed *weave.GoError
	switch {
	case err == nil:
		return v, nil
	case !errors.As(err, &failed):
		return nil, err
	}
	v.sort(failed.Stderr, cfg, res)
	if v.other != "" {
		return v, nil
	}
	v.all = len(v.failed) == len(res.Packages)
	if !v.all {
		g.packages = g.packages[:0]
		for _, p := range res.Packages {
			if v.findings[p.ImportPath] == nil {
				g.packages = append(g.packages, p.ImportPath)
			}
		}
	}
	return v, nil
}

// sort finds the package of each line that go vet printed. Output that is not
// a list of findings means that the packages do not compile, which building
// the tests will say again, and better.
func (v *vetting) sort(stderr string, cfg weave.Config, res *weave.Result) {
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		file, _, ok := strings.Cut(line, ":")
		if !filepath.IsAbs(file) {
			file = filepath.Join(cfg.Dir, file)
		}
		i := slices.IndexFunc(res.Packages, func(p *weave.Package) bool { return p.Dir == filepath.Dir(file) })
		if !ok || i < 0 || strings.HasPrefix(line, "vet:") {
			v.other, v.findings, v.failed = stderr, map[string][]string{}, nil
			return
		}
		path := res.Packages[i].ImportPath
		if rel, err := filepath.Rel(cfg.Dir, file); err == nil && !strings.HasPrefix(line, ".") && !strings.HasPrefix(rel, "..") && !strings.ContainsRune(rel, filepath.Separator) {
			line = "./" + line
		}
		v.findings[path] = append(v.findings[path], line)
	}
	for _, p := range res.Packages {
		if v.findings[p.ImportPath] != nil {
			v.failed = append(v.failed, p.ImportPath)
		}
	}
}

// report prints what go vet found, in the words of go test.
func (v *vetting) report(inv *invocation, g *goArgs) {
	for _, path := range v.failed {
		fmt.Fprintf(inv.stderr, "# %s\n# [%s]\n%s", path, path, strings.Join(v.findings[path], ""))
	}
	if slices.Contains(g.flags, "-json") {
		return
	}
	for _, path := range v.failed {
		fmt.Fprintf(inv.stdout, "FAIL\t%s [build failed]\n", path)
	}
	if v.all {
		fmt.Fprintln(inv.stdout, "FAIL")
	}
}

// end returns the exit code of go test, given that of the woven tests.
func (v *vetting) end(inv *invocation, code int) int {
	if code != 0 {
		return code
	}
	if len(v.failed) > 0 {
		fmt.Fprintln(inv.stdout, "FAIL")
		return 1
	}
	if v.other != "" {
		io.WriteString(inv.stderr, v.other)
		return 1
	}
	return 0
}
