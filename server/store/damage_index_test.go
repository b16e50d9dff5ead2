package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestManifestDamage damages the list of Pebble's files: it is told, and everything is there all the same.
func TestManifestDamage(t *testing.T) {
	for name, closed := range map[string]bool{"killed": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			s, w := fill(t, mem, 12, 30_000)
			if closed {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			whole := clone(mem)
			dir, manifests := engineFiles(t, whole, manifestFile)
			e, err := readSynced(whole, dir)
			path := whole.PathJoin(dir, fmt.Sprintf("MANIFEST-%06d", e.manifest))
			data := content(t, whole, path)
			if err != nil || !slices.Contains(manifests, path) || e.manifestEnd != uint64(len(data)) {
				t.Fatalf("%q, %d bytes, %+v, %v", manifests, len(data), e, err)
			}
			if a := w.reopen(t, clone(whole)); a.missing() != 0 || a.damages != nil {
				t.Fatalf("before: %+v", a)
			}
			check := func(what string, bad []byte) {
				t.Helper()
				fs := clone(whole)
				if bad == nil {
					if err := fs.Remove(path); err != nil {
						t.Fatal(err)
					}
				} else {
					overwrite(t, fs, path, bad)
				}
				a := w.reopen(t, fs)
				if !a.names(dir) || bad != nil && !a.names(path) || a.missing() != 0 {
					t.Errorf("%s of %d: %+v", what, len(data), a)
				}
				if bad != nil {
					if kept := content(t, fs, fs.PathJoin(dir+salvagedSuffix, fs.PathBase(path))); string(kept) != string(bad) {
						t.Errorf("%s: the file as it was is not kept", what)
					}
				}
			}
			r := rand.New(rand.NewPCG(8, 8))
			for range rounds(30) {
				bad := slices.Clone(data)
				at := r.IntN(len(bad))
				bad[at] ^= 1 << r.IntN(8)
				check(fmt.Sprint("byte ", at), bad)
			}
			for range rounds(10) {
				at := r.IntN(len(data))
				check(fmt.Sprint("cut off at ", at), data[:at:at])
			}
			check("gone", nil)
			check("empty", []byte{})
		})
	}
}

// TestTableDamage damages Pebble's tables. What is read of them is checked, so this is noticed when the index is used, and the
// next start makes it anew.
func TestTableDamage(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s, w := fill(t, mem, 12, 1000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole := clone(mem)
	dir, _ := engineFiles(t, whole, logFile)
	names, err := whole.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".sst") })
	r := rand.New(rand.NewPCG(11, 12))
	late := 0
	for range rounds(60) {
		fs := clone(whole)
		path := fs.PathJoin(dir, names[r.IntN(len(names))])
		bad := content(t, fs, path)
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		overwrite(t, fs, path, bad)
		o := w.o
		o.FS = fs
		s := open(t, o)
		lost := 0
		for id, want := range traces(w.spans) {
			got, err := s.Trace(context.Background(), id)
			if err != nil || len(got) != len(want) {
				lost++
			}
		}
		st := s.Stats()
		if lost > 0 && st.Damaged == 0 {
			t.Errorf("%d traces are lost, and nobody was told", lost)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if lost == 0 {
			continue
		}
		late++
		if a := w.reopen(t, fs); a.spans != 0 {
			t.Errorf("%d traces were lost; at the next start %+v", lost, a)
		}
	}
	t.Logf("%d flips, %d were found when traces were read", rounds(60), late)
}
