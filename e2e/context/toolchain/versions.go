package toolchain

import (
	"bytes"
	"context"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Versions returns the versions of Go, go1.oldest to go1.newest, to test on, in
// order: the first and the newest release of each minor version that is known to
// the module proxy, and that of the go command itself. If short, there is one of
// each minor version, the newest, and the go command's own stands for its own.
func Versions(t testing.TB, oldest, newest int, short bool) []string {
	t.Helper()
	supported, _ := choose(known(t), oldest, newest, short, local(t))
	return supported
}

// All returns the first and the newest release of each minor version, go1.oldest
// to go1.newest, that can be had.
func All(oldest, newest int) ([]string, error) {
	list, err := released()
	if err != nil {
		list, err = cached(err)
	}
	supported, _ := choose(list, oldest, newest, false, "")
	return supported, err
}

// Next returns the newest version of each minor version after go1.newest: what
// there is of Go that weft does not support yet. Release candidates count where
// there is no release.
func Next(t testing.TB, newest int) []string {
	t.Helper()
	_, next := choose(known(t), newest+1, newest, false, local(t))
	return next
}

// Candidate reports whether a version precedes the release of its minor version.
func Candidate(v string) bool {
	return strings.Contains(v, "rc") || strings.Contains(v, "beta")
}

// choose picks from what there is.
func choose(known []string, oldest, newest int, short bool, local string) (supported, next []string) {
	minors := map[int][]string{}
	for _, v := range known {
		if n := minor(v); n >= oldest {
			minors[n] = append(minors[n], v)
		}
	}
	if n := minor(local); n >= oldest && n <= newest {
		if short {
			minors[n] = nil
		}
		supported = append(supported, local)
	}
	for n, list := range minors {
		slices.SortFunc(list, version.Compare)
		if released := slices.DeleteFunc(slices.Clone(list), Candidate); len(released) > 0 {
			list = released
		}
		if len(list) == 0 {
			continue
		}
		last := list[len(list)-1]
		switch {
		case n > newest:
			next = append(next, last)
		case short:
			supported = append(supported, last)
		default:
			supported = append(supported, list[0], last)
		}
	}
	slices.SortFunc(supported, version.Compare)
	slices.SortFunc(next, version.Compare)
	return slices.Compact(supported), next
}

// minor is 26 for "go1.26.8" and "go1.26rc1", and -1 for what is no version of Go 1.
func minor(v string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(version.Lang(v), "go1."))
	if err != nil {
		return -1
	}
	return n
}

// known returns the versions that can be had. Without a module proxy those are
// the ones in the module cache, which is an error where $CI is set.
func known(t testing.TB) []string {
	t.Helper()
	list, err := released()
	if err == nil {
		return list
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("list the versions of Go: %v", err)
	}
	if list, err = cached(err); err != nil {
		t.Skip(err)
	}
	t.Logf("no module proxy: testing on the toolchains that the module cache has, %s", strings.Join(list, " "))
	return list
}

// released asks the module proxy, once, which toolchains there are for this
// platform.
var released = sync.OnceValues(func() ([]string, error) {
	dir, err := os.MkdirTemp("", "weft-versions-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module versions\n"), 0o666); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-versions", "golang.org/toolchain")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, bytes.TrimSpace(stderr.Bytes()))
	}
	list := toolchains(strings.Fields(string(out)))
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: none for %s/%s", cmd, runtime.GOOS, runtime.GOARCH)
	}
	return list, nil
})

// cached returns the toolchains that were downloaded before; why is the reason for
// asking, for the error when there are none.
func cached(why error) ([]string, error) {
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, err
	}
	dirs, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "golang.org", "toolchain@*"))
	if err != nil {
		return nil, err
	}
	for i, d := range dirs {
		_, dirs[i], _ = strings.Cut(filepath.Base(d), "@")
	}
	list := toolchains(dirs)
	if len(list) == 0 {
		return nil, fmt.Errorf("no versions of Go: %w; and the module cache has none", why)
	}
	return list, nil
}

// toolchains takes from versions of module golang.org/toolchain, such as
// v0.0.1-go1.26.8.linux-amd64, the versions of Go that there are for this platform.
func toolchains(versions []string) []string {
	var list []string
	for _, v := range versions {
		v, ok := strings.CutSuffix(v, "."+runtime.GOOS+"-"+runtime.GOARCH)
		if _, v, found := strings.Cut(v, "-"); ok && found && version.IsValid(v) {
			list = append(list, v)
		}
	}
	return list
}

// local is the version of the go command.
func local(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	v, _, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	return v
}
