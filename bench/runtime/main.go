// Runtime measures what the runtime patch costs: goroutines, channels and timers
// with Go's own runtime and with the patched one. See README.md.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/rt/patch"
)

var (
	rounds = flag.Int("rounds", 9, "rounds; in each, every variant runs once")
	busy   = flag.String("busy", "50ms", "CPU time for each operation")
	goRoot = flag.String("goroot", "", "the toolchain to use (default: that of the go command); one under GOMODCACHE must be named by a symbolic link from elsewhere")
)

// A variant is a binary and the arguments that it is run with.
type variant struct {
	name, binary, context string
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/runtime:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "weft-bench-runtime")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plain, patched := filepath.Join(dir, "plain"), filepath.Join(dir, "patched")
	if err := build(dir, plain, patched); err != nil {
		return err
	}

	variants := []variant{
		{"plain", plain, "none"},
		{"no context", patched, "none"},
		{"in a span", patched, "own"},
		{"inherited context", patched, "inherited"},
	}
	var order []string
	series := make([]map[string]measure.Series, len(variants))
	for i := range series {
		series[i] = make(map[string]measure.Series)
	}
	for range *rounds {
		for i, v := range variants {
			names, err := once(v, series[i])
			if err != nil {
				return err
			}
			order = names
		}
	}

	fmt.Println(measure.Machine())
	table := measure.Head("CPU time, ns", "plain", "no context", "in a span", "inherited context")
	for _, name := range order {
		base := series[0][name]
		row := []string{name, fmt.Sprintf("%.1f", base.Median())}
		for _, s := range series[1:] {
			row = append(row, fmt.Sprintf("%.1f, %s", s[name].Median(), s[name].Over(base).Format("%.2fx")))
		}
		table.Row(row...)
	}
	table.Print(os.Stdout)
	return nil
}

// build makes the program twice.
func build(dir, plain, patched string) error {
	goCommand := "go"
	if *goRoot != "" {
		goCommand = filepath.Join(*goRoot, "bin", "go")
		os.Setenv("GOROOT", *goRoot)
		os.Setenv("GOTOOLCHAIN", "local")
	}
	out, err := exec.Command(goCommand, "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	env := strings.Split(string(out), "\n")
	overlay, err := patch.WriteOverlay(env[0], env[1], filepath.Join(dir, "overlay"))
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"-o", plain},
		{"-o", patched, "-overlay", overlay, "-tags", "patched"},
	} {
		cmd := exec.Command(goCommand, append([]string{"build"}, args...)...)
		cmd.Dir = filepath.Join("bench", "runtime", "program")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	return nil
}

// once runs a variant, adds its figures to series and returns their names.
func once(v variant, series map[string]measure.Series) (names []string, err error) {
	cmd := exec.Command(v.binary, "-context", v.context, "-busy", *busy)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		name, figure, _ := strings.Cut(s.Text(), "\t")
		ns, err := strconv.ParseFloat(figure, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cmd, err)
		}
		names = append(names, name)
		series[name] = append(series[name], ns)
	}
	return names, nil
}
