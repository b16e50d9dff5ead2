// Soundness runs the own tests of the standard library and of real modules,
// plain and under weft, and compares them test by test: no test that passes
// plain may fail woven.
//
//	go run ./e2e/soundness [-run regexp] [-mode normal,every] [-json] [-v]
//
// There are two modes. In mode normal the tests run as "weft go test" runs them
// for every user. In mode every each function of the tested packages that a
// hook can name has advice besides, at its beginning and at its end, which
// reads all its parameters and results and counts (hooks.go). For the standard
// library that is every function of all its packages at once, not only of the
// tested one; the packages that the runtime itself is built of cannot be
// hooked, they are reached by the runtime patch.
//
// A test that fails plain, at any of several tries, says nothing about weft and
// is left out. A test that fails woven is tried again, twice; if it passes then,
// it is listed as unsteady. In mode every a test that fails is run without weft
// and without inlining, too: if it fails there, it is the inlining of small
// functions that it tests (most count allocations), and weaving those prevents
// inlining as it must. What then remains and has a reason is listed by name
// (known.go). All else is a difference, and the exit code 1.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("soundness", flag.ContinueOnError)
	fs.SetOutput(stderr)
	pattern := fs.String("run", "", "only the entries whose name or kind matches the `regexp`")
	modes := fs.String("mode", "normal,every", "the `modes`")
	asJSON := fs.Bool("json", false, "print a JSON object per entry instead of the table")
	verbose := fs.Bool("v", false, "print what fails as it fails")
	list := fs.Bool("list", false, "list the entries and end")
	keep := fs.String("dir", "", "work in this `directory`, weft-soundness in the user's cache directory by default; logs and results stay there")
	saved := fs.Bool("saved", false, "run nothing: print what came of the last run of each entry")
	weft := fs.String("weft", "", "the weft `binary`; built when not given")
	parallel := fs.Int("p", 1, "as go test's -p")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "soundness: %v\n", err)
		return 2
	}
	re, err := regexp.Compile(*pattern)
	if err != nil {
		return fail(err)
	}
	var chosen []*entry
	for _, e := range entries {
		if re.MatchString(e.Name) || re.MatchString(e.Kind) {
			chosen = append(chosen, e)
		}
	}
	if *list {
		for _, e := range chosen {
			fmt.Fprintf(stdout, "%-12s %s %s %s\n", e.Kind, e.Name, e.Version, e.Note)
		}
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := *keep
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return fail(err)
		}
		dir = filepath.Join(dir, "weft-soundness")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fail(err)
	}
	if !*saved {
		unlock, err := lock(dir)
		if err != nil {
			return fail(err)
		}
		defer unlock()
	}
	b := &bench{dir: dir, weft: *weft, parallel: *parallel, progress: stderr, verbose: *verbose}
	for _, m := range strings.Split(*modes, ",") {
		switch m {
		case "normal":
			b.normal = true
		case "every":
			b.every = true
		default:
			return fail(fmt.Errorf("unknown mode %q; known are normal and every", m))
		}
	}
	b.commit = commit(ctx)
	if *saved {
		b.weft = dir // nothing is woven
	} else if b.weft == "" {
		b.weft = filepath.Join(dir, "weft")
		cmd := exec.CommandContext(ctx, "go", "build", "-o", b.weft, "github.com/weft-trace/weft/cmd/weft")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fail(fmt.Errorf("build weft: %w\n%s", err, out))
		}
	} else if b.weft, err = filepath.Abs(b.weft); err != nil {
		return fail(err)
	}
	totals := filepath.Join(dir, "results", "std total.json")
	all := new(total)
	if data, err := os.ReadFile(totals); err == nil {
		json.Unmarshal(data, all) // else nothing ran before
	}
	var rows []*row
	bad := 0
	for _, e := range chosen {
		r := &row{}
		file := filepath.Join(dir, "results", e.file()+".json")
		if *saved {
			data, err := os.ReadFile(file)
			if err != nil {
				fmt.Fprintf(stderr, "soundness: %s has not run yet\n", e.Name)
				continue
			}
			if err := json.Unmarshal(data, r); err != nil {
				return fail(fmt.Errorf("read %s: %w", file, err))
			}
		} else {
			r = b.entry(ctx, e)
			if ctx.Err() != nil {
				break
			}
			if err := save(file, r); err != nil {
				return fail(err)
			}
			if b.std != nil {
				all = b.std.total(all)
				if err := save(totals, all); err != nil {
					return fail(err)
				}
			}
		}
		rows = append(rows, r)
		if r.bad() {
			bad++
		}
		if *asJSON {
			json.NewEncoder(stdout).Encode(r)
		}
	}
	if !*asJSON {
		printTable(stdout, rows)
		if all.Functions > 0 {
			fmt.Fprintf(stdout, "\nOf the standard library %d functions in %d packages had advice, %d of them ran; %d cannot have advice.\n", all.Functions, all.Packages, all.Ran, all.Refused)
		}
	}
	if bad > 0 || len(rows) < len(chosen) || len(rows) == 0 {
		return 1
	}
	return 0
}

// save writes what came of a run where -saved finds it.
func save(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o666)
}

// lock makes sure that nobody else works in dir: counts would mix.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w; is another run at work there?", dir, err)
	}
	return func() { f.Close() }, nil
}

// commit names the commit that is tested, as far as git knows.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
