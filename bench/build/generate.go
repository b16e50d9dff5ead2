package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// generate writes a module whose main package depends on about n packages: the standard library's that a service uses,
// and the rest its own, each of four files. The main module's packages are the ones that weft looks into most.
func generate(dir string, n int) error {
	const std = 200 // about what net/http, database/sql and encoding/json bring
	if err := write(dir, "go.mod", "module big\n\ngo 1.26\n"); err != nil {
		return err
	}
	own := max(n-std, 1)
	for i := range own {
		pkg := fmt.Sprintf("p%04d", i)
		var imports, uses strings.Builder
		for _, j := range []int{i - 1, i - 7, i / 2} { // a tree, some breadth and depth
			if j < 0 || j >= i || strings.Contains(imports.String(), fmt.Sprintf("p%04d\"", j)) {
				continue
			}
			fmt.Fprintf(&imports, "\t\"big/p%04d\"\n", j)
			fmt.Fprintf(&uses, "\tn += p%04d.Sum(n)\n", j)
		}
		if err := write(dir, pkg+"/sum.go", fmt.Sprintf("package %s\n\nimport (\n\t\"errors\"\n%s)\n\nvar errEmpty = errors.New(\"empty\")\n\n// Sum adds up.\nfunc Sum(n int) int {\n\tif n > 3 {\n\t\treturn n\n\t}\n%s\treturn n\n}\n", pkg, imports.String(), uses.String())); err != nil {
			return err
		}
		for f := range 3 {
			var body strings.Builder
			fmt.Fprintf(&body, "package %s\n", pkg)
			for k := range 12 {
				fmt.Fprintf(&body, part, f, k)
			}
			if err := write(dir, fmt.Sprintf("%s/part%d.go", pkg, f), body.String()); err != nil {
				return err
			}
		}
	}
	var imports, uses strings.Builder
	for i := range own {
		fmt.Fprintf(&imports, "\t\"big/p%04d\"\n", i)
		fmt.Fprintf(&uses, "\tn += p%04d.Sum(n)\n", i)
	}
	return write(dir, "main.go", fmt.Sprintf("package main\n\nimport (\n\t\"database/sql\"\n\t\"encoding/json\"\n\t\"net/http\"\n\t\"os\"\n\n%s)\n\nfunc main() {\n\tn := len(os.Args)\n%s\tjson.NewEncoder(os.Stdout).Encode(n)\n\tsql.Open(\"\", \"\")\n\thttp.ListenAndServe(\"\", nil)\n}\n", imports.String(), uses.String()))
}

// part is a few declarations such as programs have; the goroutine and the receiving loop are what weft looks for.
const part = `
// Worker%[1]d_%[2]d collects.
type Worker%[1]d_%[2]d struct {
	in   chan int
	seen map[string]int
}

// Run takes what is sent until the channel is closed.
func (w *Worker%[1]d_%[2]d) Run(name string) (n int, err error) {
	if name == "" {
		return 0, errEmpty
	}
	go func() {
		for i := range 10 {
			w.in <- i
		}
		close(w.in)
	}()
	for v := range w.in {
		w.seen[name] += v
		n++
	}
	return n, nil
}
`

func write(dir, name, text string) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return string(out), nil
}

func rel(root, path string) string {
	if r, err := filepath.Rel(root, path); err == nil {
		return r
	}
	return path
}
