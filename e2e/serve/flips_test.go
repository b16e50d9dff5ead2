//go:build linux

package serve

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/bench/workload"
)

// One bit of one file of a store is flipped, again and again, any file, after a kill and after an orderly end. What the server hands out is right;
// what it does not have any more, it told, with the file or the place.
func TestFlips(t *testing.T) {
	rounds := 12
	if long() {
		rounds = 400
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d flips, seed %d", rounds, seed)
	r := rand.New(rand.NewPCG(seed, 0))
	g := lastHour(20_000)
	const traces = 1200
	whole := map[string]string{}
	numbers := map[string][]int64{}
	for _, end := range []string{"killed", "ended"} {
		dir := t.TempDir()
		numbers[end] = before(t, dir, g, 0, 400)
		s := start(t, dir)
		numbers[end] = append(numbers[end], s.fill(t, g, 400, 800)...)
		s.terminate(t)
		s = start(t, dir)
		numbers[end] = append(numbers[end], s.fill(t, g, 800, traces)...)
		if end == "killed" {
			s.kill()
		} else {
			s.terminate(t)
		}
		whole[end] = dir
	}
	hits := map[string][4]int{} // by kind of file: flips, told, of no consequence, ended
	for range rounds {
		end := []string{"killed", "ended"}[r.IntN(2)]
		dir := filepath.Join(t.TempDir(), "store")
		if err := os.CopyFS(dir, os.DirFS(whole[end])); err != nil {
			t.Fatal(err)
		}
		kinds := filesByKind(t, dir)
		names := make([]string, 0, len(kinds))
		for k := range kinds {
			names = append(names, k)
		}
		slices.Sort(names)
		kind := names[r.IntN(len(names))]
		path := kinds[kind][r.IntN(len(kinds[kind]))]
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at, bit := r.IntN(len(b)), r.IntN(8)
		noticeable := inUse(t, path, b, at)
		b[at] ^= 1 << bit
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		h := hits[kind]
		h[0]++
		s := launch(t, dir)
		if !s.readyOrEnded(t) {
			if said := s.stderr.String(); !strings.Contains(said, dir) {
				t.Errorf("%s: %s, bit %d of byte %d of %d: it ended without naming the place:\n%s", end, path, bit, at, len(b), said)
			}
			h[3]++
			hits[kind] = h
			continue
		}
		missing := 0
		for _, n := range numbers[end] {
			found, err := s.check(g, n)
			if err != nil && !strings.Contains(err.Error(), ": 5") {
				t.Fatalf("%s: %s, bit %d of byte %d of %d: %v", end, path, bit, at, len(b), err)
			}
			if err != nil || found != workload.SpansPerTrace {
				missing++
			}
		}
		if code, body := s.get("/api/weft/v1/search?q="); code != http.StatusOK {
			t.Errorf("%s: search: %d: %.200s", path, code, body)
		}
		s.checkAll(t, g, s.fill(t, g, 19_000, 19_050), workload.SpansPerTrace)
		s.terminate(t)
		said := s.stderr.String()
		told := strings.Contains(said, "damaged") && strings.Contains(said, filepath.Base(filepath.Dir(path)))
		switch {
		case told:
			h[1]++
		case missing > 0:
			t.Errorf("%s: %s, bit %d of byte %d of %d: %d of %d traces are missing, and nothing in the log tells of it:\n%s", end, path, bit, at, len(b), missing, len(numbers[end]), said)
		case noticeable:
			t.Errorf("%s: %s, bit %d of byte %d of %d: nothing in the log tells of it:\n%s", end, path, bit, at, len(b), said)
		default:
			h[2]++
		}
		hits[kind] = h
		os.RemoveAll(dir)
	}
	for kind, h := range hits {
		t.Logf("%-10s %3d flips: %3d told, %3d of no consequence, %3d times it ended with an error", kind, h[0], h[1], h[2], h[3])
	}
}

// inUse reports whether a byte is one of the manifest that is in use, or of what the newest log is known to hold for certain, as the file SYNCED
// says: then damage has to be told, even if it does no harm. The zeros that fill a block of 32 KiB of a log up are not.
func inUse(t *testing.T, path string, b []byte, at int) bool {
	t.Helper()
	s, err := os.ReadFile(filepath.Join(filepath.Dir(path), "SYNCED"))
	if err != nil {
		return false
	}
	if s2 := s[4096:]; binary.BigEndian.Uint64(s2[8:]) > binary.BigEndian.Uint64(s[8:]) {
		s = s2
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(s[8*i:]) }
	switch name := filepath.Base(path); name {
	case fmt.Sprintf("%06d.log", n(2)):
		rest := b[at : at-at%32768+min(32768, len(b)-at+at%32768)]
		filler := len(rest) < 19 && len(bytes.Trim(rest, "\x00")) == 0
		return uint64(at) < n(3) && !filler
	case fmt.Sprintf("MANIFEST-%06d", n(4)):
		return uint64(at) < n(5)
	}
	return false
}

// filesByKind returns the files below a directory that hold anything, by what they are.
func filesByKind(t *testing.T, dir string) map[string][]string {
	t.Helper()
	kinds := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() == 0 {
			return err
		}
		name, _, _ := strings.Cut(d.Name(), "-")
		kind := cmp.Or(filepath.Ext(name), name)
		kinds[kind] = append(kinds[kind], path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}
