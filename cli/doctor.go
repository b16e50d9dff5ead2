package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/weft-trace/weft/rt/patch"
	"github.com/weft-trace/weft/weave"
)

var doctorCommand = &command{
	name:  "doctor",
	short: "say what will work here, and what not",
	long: `Doctor looks at the toolchain, the caches and the machine, and says what of weft
will work in the current directory, and what not. "ok" needs no attention,
"note" is good to know, "fail" keeps weft from working; with one, the exit code
is 1.
`,
	run: runDoctor,
}

// diagnosis collects what doctor finds.
type diagnosis struct {
	out    bytes.Buffer
	failed bool
}

func (d *diagnosis) ok(what, format string, args ...any)   { d.line("ok", what, format, args...) }
func (d *diagnosis) note(what, format string, args ...any) { d.line("note", what, format, args...) }
func (d *diagnosis) fail(what, format string, args ...any) {
	d.failed = true
	d.line("fail", what, format, args...)
}

func (d *diagnosis) line(state, what, format string, args ...any) {
	fmt.Fprintf(&d.out, "%-5s %-14s %s\n", state, what, fmt.Sprintf(format, args...))
}

func runDoctor(inv *invocation) (int, error) {
	d := &diagnosis{}
	d.ok("weft", "%s", version())
	cache, err := weave.OpenCache(getenv(inv.env, "WEFT_CACHE"))
	switch {
	case err != nil:
		d.fail("cache", "%v", err)
	default:
		if err := writable(cache.Dir()); err != nil {
			d.fail("cache", "%s cannot be written: %v; set WEFT_CACHE to a directory that can", cache.Dir(), err)
		} else {
			files, bytes := size(cache.Dir())
			d.ok("cache", "%s, %d files, %.1f MB", cache.Dir(), files, float64(bytes)/1e6)
		}
	}
	d.toolchain(inv, cache)
	d.machine()
	if _, err := exec.LookPath("git"); err != nil {
		d.note("git", "not found: the commit of a build is not known (vcs.revision)")
	} else {
		d.ok("git", "found: builds know their commit, unless -buildvcs=false")
	}
	if off := getenv(inv.env, "WEFT_OFF"); off != "" && off != "0" {
		d.note("WEFT_OFF", "set: weft go builds plainly")
	}
	if _, err := inv.stdout.Write(d.out.Bytes()); err != nil {
		return 1, err
	}
	if d.failed {
		return 1, nil
	}
	return 0, nil
}

// toolchain looks at the Go toolchain and the module.
func (d *diagnosis) toolchain(inv *invocation, cache *weave.Cache) {
	tc, err := weave.FindToolchain(inv.dir, inv.env, cache)
	if err != nil {
		d.fail("go", "%v", err)
		return
	}
	d.ok("go", "%s %s/%s in %s", tc.GOVERSION, tc.GOOS, tc.GOARCH, tc.Real)
	if tc.Linked {
		d.note("go", "this toolchain was downloaded by the go command; weft reaches it through links in its cache")
	}
	_, known := patch.For(tc.GOVERSION)
	misfits := patch.Check(tc.GOROOT, tc.GOVERSION)
	switch {
	case !known:
		d.note("goroutines", "weft has no runtime patch for %s (it has go1.%d to go1.%d): traces end where a goroutine starts", tc.GOVERSION, patch.Oldest, patch.Newest)
	case len(misfits) > 0:
		d.note("goroutines", "the runtime patch does not fit this %s: traces end where a goroutine starts", tc.GOVERSION)
	default:
		d.ok("goroutines", "the runtime patch fits: traces follow goroutines, channels and timers")
	}
	for _, m := range misfits {
		d.note("goroutines", "%s", m)
	}
	switch {
	case tc.GOWORK != "" && tc.GOWORK != "off":
		d.ok("module", "workspace %s", tc.GOWORK)
	case tc.GOMOD == "" || tc.GOMOD == os.DevNull:
		d.note("module", "none here: \"weft go run file.go\" and files of std work")
	default:
		mode := ""
		if _, err := os.Stat(filepath.Join(filepath.Dir(tc.GOMOD), "vendor", "modules.txt")); err == nil {
			mode = ", with vendor"
		}
		d.ok("module", "%s%s", tc.GOMOD, mode)
		if set, err := weave.ReadSettings(filepath.Dir(tc.GOMOD)); err != nil {
			d.fail("weft.yaml", "%v", err)
		} else if len(set.Hooks) > 0 {
			d.ok("weft.yaml", "hooks in %s", strings.Join(set.Hooks, ", "))
		}
	}
	if tc.GOFLAGS != "" {
		d.ok("GOFLAGS", "%s", tc.GOFLAGS)
	}
	if strings.Contains(tc.GOFLAGS, "-toolexec") {
		d.note("GOFLAGS", "-toolexec runs on the woven source, too: another tracing tool there would trace twice")
	}
}

// machine looks at the computer, where programs that weft builds may run.
func (d *diagnosis) machine() {
	if runtime.GOOS != "linux" {
		d.note("machine", "%s/%s: woven programs run here; weft is tested on linux", runtime.GOOS, runtime.GOARCH)
		return
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	d.ok("kernel", "linux %s", strings.TrimSpace(string(release)))
	if runtime.GOARCH != "amd64" {
		d.note("clock", "%s: span times come from the system's clock, about 50 ns a span more than from the processor's", runtime.GOARCH)
		return
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	switch flags := string(info); {
	case err != nil:
		d.note("clock", "cannot tell whether the processor's clock is steady: %v", err)
	case strings.Contains(flags, " constant_tsc") && strings.Contains(flags, " nonstop_tsc"):
		d.ok("clock", "the processor's clock is steady (invariant TSC): spans are timed with it")
	default:
		d.note("clock", "the processor's clock is not said to be steady (no invariant TSC): span times come from the system's clock, about 50 ns a span more")
	}
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

func size(dir string) (files int, bytes int64) {
	filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			files++
			bytes += st.Size()
		}
		return nil
	})
	return files, bytes
}
