// Build measures what weft adds to builds, to binaries and to the start of a program. See README.md.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weft-trace/weft/bench/internal/measure"
	"github.com/weft-trace/weft/bench/internal/toolchain"
)

var (
	dir      = flag.String("dir", "", "the module whose main package is built (default: bench/http/app)")
	clean    = flag.Int("clean", 1, "rounds of clean builds, each with an empty build cache; 0 uses the default one and leaves them out")
	rounds   = flag.Int("rounds", 7, "rounds of incremental and no-change builds")
	packages = flag.Int("packages", 1000, "size of the generated program that shows weft's own step; 0 leaves it out")
	keep     = flag.String("keep", "", "only write the generated program to this directory, to profile weft on it")
	starts   = flag.Int("starts", 40, "rounds of program starts; 0 leaves them out")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/build:", err)
		os.Exit(1)
	}
}

func run() error {
	if *keep != "" {
		return generate(*keep, *packages)
	}
	tools, err := toolchain.New()
	if err != nil {
		return err
	}
	defer tools.Close()
	if *dir == "" {
		*dir = filepath.Join(tools.Root, "bench", "http", "app")
	}
	fmt.Println(measure.Machine())

	// The program is copied, because a file of it will be touched.
	src := filepath.Join(tools.Temp, "src")
	if err := os.CopyFS(src, os.DirFS(*dir)); err != nil {
		return err
	}
	app, err := newSubject(tools, "app", src, *clean > 0)
	if err != nil {
		return err
	}
	if err := app.builds(*clean, *rounds); err != nil {
		return err
	}
	app.print("The program of "+rel(tools.Root, *dir), *clean > 0)

	empty := filepath.Join(tools.Temp, "empty")
	if err := write(empty, "go.mod", "module empty\n\ngo 1.26\n"); err != nil {
		return err
	}
	if err := write(empty, "main.go", "package main\n\nfunc main() {}\n"); err != nil {
		return err
	}
	nothing, err := newSubject(tools, "empty", empty, *clean > 0)
	if err != nil {
		return err
	}
	if err := nothing.builds(0, 1); err != nil {
		return err
	}
	if err := sizes(app, nothing); err != nil {
		return err
	}
	if *starts > 0 {
		if err := startTimes(app, nothing); err != nil {
			return err
		}
	}
	if *packages > 0 {
		big := filepath.Join(tools.Temp, "big")
		if err := generate(big, *packages); err != nil {
			return err
		}
		s, err := newSubject(tools, "big", big, *clean > 0)
		if err != nil {
			return err
		}
		if err := s.builds(0, *rounds); err != nil {
			return err
		}
		out, err := output(big, "go", "list", "-deps", ".")
		if err != nil {
			return err
		}
		s.print(fmt.Sprintf("A generated program of %d packages, all but the standard library's in the main module", len(slices.Collect(strings.Lines(out)))), false)
	}
	return nil
}

// A subject is one program, built both ways.
type subject struct {
	tools *toolchain.Toolchain
	dir   string
	bin   [2]string // plain, woven
	main  []byte    // of main.go
	cache bool      // whether each way has a build cache of its own
	touch int

	kinds [3][2]kind // clean, touched, same; plain, woven
}

type kind struct{ wall, cpu, rss measure.Series }

const (
	cleanBuild = iota
	touchedBuild
	sameBuild
)

func newSubject(tools *toolchain.Toolchain, name, dir string, cache bool) (*subject, error) {
	s := &subject{tools: tools, dir: dir, cache: cache}
	for i := range s.bin {
		s.bin[i] = filepath.Join(tools.Temp, name+[]string{"-plain", "-woven"}[i])
	}
	var err error
	s.main, err = os.ReadFile(filepath.Join(dir, "main.go"))
	return s, err
}

// builds runs clean builds, then rounds of builds after a change and after none.
func (s *subject) builds(clean, rounds int) error {
	for round := range clean {
		for i := range 2 {
			way := (i + round) % 2
			if err := os.RemoveAll(s.gocache(way)); err != nil {
				return err
			}
			if err := os.RemoveAll(s.gocache(way) + "-weft"); err != nil {
				return err
			}
			if err := s.build(cleanBuild, way); err != nil {
				return err
			}
		}
	}
	for way := range 2 { // fill the caches
		if _, err := s.run(way); err != nil {
			return err
		}
	}
	for round := range rounds {
		for i := range 2 {
			way := (i + round) % 2
			s.touch++
			// A new variable changes the package's object file, so that the program is linked again, too.
			text := fmt.Appendf(slices.Clone(s.main), "\nvar Touched = \"%d\"\n", s.touch)
			if err := os.WriteFile(filepath.Join(s.dir, "main.go"), text, 0o644); err != nil {
				return err
			}
			if err := s.build(touchedBuild, way); err != nil {
				return err
			}
			if err := s.build(sameBuild, way); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *subject) gocache(way int) string {
	return filepath.Join(s.tools.Temp, "cache-"+[]string{"plain", "woven"}[way])
}

func (s *subject) build(k, way int) error {
	c, err := s.run(way)
	if err != nil {
		return err
	}
	f := &s.kinds[k][way]
	f.wall = append(f.wall, c.Wall.Seconds())
	f.cpu = append(f.cpu, c.CPU.Seconds())
	f.rss = append(f.rss, float64(c.MaxRSS)/(1<<20))
	fmt.Fprintf(os.Stderr, "%s %s %s: %.2f s, CPU %.2f s\n", filepath.Base(s.dir), []string{"clean", "touched", "same"}[k],
		[]string{"plain", "woven"}[way], c.Wall.Seconds(), c.CPU.Seconds())
	return nil
}

func (s *subject) run(way int) (toolchain.Cost, error) {
	cmd := s.tools.Command(way == 1, "build", "-o", s.bin[way], ".")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "PWD="+s.dir)
	if s.cache {
		cmd.Env = append(cmd.Env, "GOCACHE="+s.gocache(way), "WEFT_CACHE="+s.gocache(way)+"-weft")
	}
	return toolchain.Run(cmd)
}

func (s *subject) print(title string, clean bool) {
	fmt.Printf("\n%s\n\n", title)
	t := measure.Head("build", "CPU plain, s", "CPU woven, s", "x plain", "wall plain, s", "wall woven, s", "woven - plain, s", "largest process, woven, MiB")
	for k, name := range []string{"clean", "one file touched", "nothing changed"} {
		if k == cleanBuild && !clean {
			continue
		}
		p, w := s.kinds[k][0], s.kinds[k][1]
		t.Row(name, p.cpu.Format("%.2f"), w.cpu.Format("%.2f"), w.cpu.Over(p.cpu).Format("%.2f"), p.wall.Format("%.2f"), w.wall.Format("%.2f"),
			w.wall.Minus(p.wall).Format("%+.2f"), w.rss.Format("%.0f"))
	}
	t.Print(os.Stdout)
}

// sizes compares the binaries.
func sizes(app, empty *subject) error {
	fmt.Println("\nBinary size")
	fmt.Println()
	t := measure.Head("program", "plain, MB", "woven, MB", "woven - plain, MB")
	for _, s := range []struct {
		name string
		*subject
	}{{"net/http and SQL", app}, {"func main() {}", empty}} {
		var mb [2]float64
		for way := range mb {
			info, err := os.Stat(s.bin[way])
			if err != nil {
				return err
			}
			mb[way] = float64(info.Size()) / 1e6
		}
		t.Row(s.name, fmt.Sprintf("%.2f", mb[0]), fmt.Sprintf("%.2f", mb[1]), fmt.Sprintf("%+.2f", mb[1]-mb[0]))
	}
	t.Print(os.Stdout)
	return nil
}

// startTimes compares how long a program takes that ends at once, and one until it listens.
func startTimes(app, empty *subject) error {
	var wall, cpu [2][2]measure.Series
	for round := range *starts {
		for i := range 2 {
			way := (i + round) % 2
			c, err := toolchain.Run(exec.Command(empty.bin[way]))
			if err != nil {
				return err
			}
			wall[0][way] = append(wall[0][way], c.Wall.Seconds()*1e3)
			cpu[0][way] = append(cpu[0][way], c.CPU.Seconds()*1e3)
			c, err = listen(app.bin[way])
			if err != nil {
				return err
			}
			wall[1][way] = append(wall[1][way], c.Wall.Seconds()*1e3)
			cpu[1][way] = append(cpu[1][way], c.CPU.Seconds()*1e3)
		}
	}
	fmt.Println("\nProgram start")
	fmt.Println()
	t := measure.Head("from start to", "plain, ms", "woven, ms", "woven - plain, ms", "CPU plain, ms", "CPU woven, ms")
	for k, name := range []string{"end of func main() {}", "the server listens"} {
		t.Row(name, wall[k][0].Format("%.2f"), wall[k][1].Format("%.2f"), fmt.Sprintf("%+.2f", wall[k][1].Minus(wall[k][0]).Median()),
			cpu[k][0].Format("%.2f"), cpu[k][1].Format("%.2f"))
	}
	t.Print(os.Stdout)
	return nil
}

// listen starts a server, waits for the address that it prints and kills it.
func listen(bin string) (c toolchain.Cost, err error) {
	cmd := exec.Command(bin)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return c, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return c, err
	}
	printed := bufio.NewScanner(out).Scan()
	c.Wall = time.Since(start)
	cmd.Process.Kill()
	cmd.Wait()
	if !printed {
		return c, fmt.Errorf("%s printed no address", bin)
	}
	c.CPU, c.MaxRSS = toolchain.Used(cmd.ProcessState)
	return c, nil
}
