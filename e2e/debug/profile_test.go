package debug

import (
	"bytes"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// profiles: in profiles of all kinds and in execution traces the program's own
// stacks are those of the plain program.
func profiles(t *testing.T, plain, woven string) {
	dirs := map[string]string{plain: t.TempDir(), woven: t.TempDir()}
	for exe, dir := range dirs {
		run(t, exe, nil, "profiles="+dir)
	}
	compare := func(what string, stacks func(dir string) map[string]bool, shows ...string) {
		t.Run(what, func(t *testing.T) {
			want, got := stacks(dirs[plain]), stacks(dirs[woven])
			if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" {
				t.Errorf("plain (-) and woven (+) differ:\n%s", d)
			}
			all := strings.Join(slices.Sorted(maps.Keys(want)), "\n\n")
			for _, re := range shows {
				if !regexp.MustCompile("(?m)" + re).MatchString(all) {
					t.Errorf("%q does not match what both show:\n%s", re, all)
				}
			}
		})
	}
	const work = `^main\.profiles\.func2 `
	for _, p := range []struct {
		profile string
		own     string // the stacks to compare: those with a frame that matches
		from    string // leave out what this frame calls, and its line
		shows   []string
	}{
		{"cpu", `^main\.spin `, "main.spin", []string{work, `^net/http\.\(\*conn\)\.serve \S+/net/http/server\.go:\d+`}},
		{"goroutine", `^main\.`, "", []string{`^main\.main `, `^net/http\.\(\*conn\)\.serve `, `^go\.yaml\.in/yaml/v3\.Unmarshal \S+/yaml\.go:\d+`}},
		{"allocs", `^main\.allocate `, "", []string{work, `^go\.yaml\.in/yaml/v3\.Unmarshal `}},
		{"heap", `^main\.allocate `, "", []string{work}},
		{"block", `\A(sync\.|runtime\.chan)(.*\n)+main\.(contend|profiles\.func2) `, "", []string{`^main\.contend `, `^net/http\.\(\*conn\)\.serve `}},
		{"mutex", `\Async\.(.*\n)+main\.contend `, "", []string{`^main\.contend \S+/testdata/app/profiles\.go:\d+`}},
	} {
		own := regexp.MustCompile("(?m)" + p.own)
		compare(p.profile, func(dir string) map[string]bool {
			set := map[string]bool{}
			for _, s := range profile(t, filepath.Join(dir, p.profile)) {
				if !own.MatchString(s) {
					continue
				}
				if p.from != "" {
					_, s, _ = strings.Cut("\n"+s, "\n"+p.from+" ")
					_, s, _ = strings.Cut(s, "\n")
					s = p.from + "\n" + s
				}
				set[s] = true
			}
			return set
		}, p.shows...)
	}
	own := regexp.MustCompile(`(?m)^main\.(contend|profiles\.func2\S*) `)
	compare("trace", func(dir string) map[string]bool {
		set := map[string]bool{}
		for _, s := range events(t, filepath.Join(dir, "trace")) {
			if own.MatchString(s) {
				set[s] = true
			}
		}
		return set
	}, `^sleep\n(?:\S+ \S+\n)*main\.contend `, `^chan receive\n`, `^NotExist->Runnable\n(?:\S+ \S+\n)*main\.profiles\.func2 `, `^net/http\.\(\*conn\)\.serve `)
}

// profile returns the stacks of a profile: lines of a function, its file and line.
// Which calls were inlined is left out: a function that is woven is not.
func profile(t *testing.T, file string) (stacks []string) {
	t.Helper()
	args := []string{"tool", "pprof", "-traces", "-lines"}
	if filepath.Base(file) == "heap" {
		args = append(args, "-sample_index=inuse_space")
	}
	for _, block := range strings.Split(tool(t, append(args, file)...), "-----------+-------------------------------------------------------\n")[1:] {
		var frames []string
		for line := range strings.Lines(block) {
			f := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line), " (inline)"))
			if len(f) == 1 { // "bytes:  1MB"
				continue
			}
			if len(f) > 1 && strings.HasSuffix(f[0], ":") {
				continue
			}
			frames = append(frames, strings.Join(f[max(0, len(f)-2):], " "))
		}
		if len(frames) > 0 {
			stacks = append(stacks, strings.Join(frames, "\n"))
		}
	}
	return stacks
}

// events returns, for each goroutine that was created or had to wait, why and the
// stack.
func events(t *testing.T, file string) (stacks []string) {
	t.Helper()
	why := ""
	var frames []string
	for line := range strings.Lines(tool(t, "tool", "trace", "-d=parsed", file)) {
		line = strings.TrimSuffix(line, "\n")
		switch m := transition.FindStringSubmatch(line); {
		case m != nil:
			why, frames = "", nil
			if m[1] == "NotExist->Runnable" {
				why = m[1]
			} else if waits[m[2]] {
				why = m[2]
			}
		case strings.HasPrefix(line, "\t\t") && len(frames) > 0:
			frames[len(frames)-1] += " " + strings.TrimSpace(line)
		case strings.HasPrefix(line, "\t"):
			name, _, _ := strings.Cut(strings.TrimSpace(line), " @ ")
			frames = append(frames, name)
		case strings.HasPrefix(line, "M="):
			why, frames = "", nil
		case line == "" && why != "" && len(frames) > 0:
			stacks = append(stacks, why+"\n"+strings.Join(frames, "\n"))
			frames = nil
		case strings.HasSuffix(line, "Stack="):
			frames = nil
		}
	}
	return stacks
}

var (
	transition = regexp.MustCompile(` StateTransition .*? (\w+->\w+) Reason="(.*)"`)
	waits      = map[string]bool{"sleep": true, "chan receive": true, "chan send": true, "sync": true, "select": true}
)

// tool runs the go command and returns what it prints.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("go", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, &stderr)
	}
	return stdout.String()
}
