package store

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// TestBackup backs up a store with sealed and open partitions while spans
// arrive, and restores it: what was acknowledged before is there, nothing twice.
func TestBackup(t *testing.T) {
	clock := newTestClock()
	s := open(t, Options{Dir: t.TempDir(), Clock: clock.now, Partition: time.Hour, HeadSpans: 200, BlockRows: 50})
	g := newGen(1, 1000)
	var before []span.Span
	for range 3 {
		for range 10 {
			b := g.batch(5)
			write(t, s, b)
			before = append(before, b...)
		}
		clock.advance(50 * time.Minute)
	}
	waitFor(t, "a partition to be sealed", func() bool { return s.Stats().Partitions[0].Sealed })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var during acknowledged
	for w := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			g := newGen(uint64(10+w), 1000)
			for {
				select {
				case <-stop:
					return
				default:
					b := g.batch(3)
					if err := s.Write(context.Background(), &Batch{Spans: b}); err != nil {
						t.Error(err)
						return
					}
					during.add(b)
				}
			}
		}()
	}
	for range 3 {
		acked := append(before[:len(before):len(before)], during.get()...)
		var archive bytes.Buffer
		if err := s.Backup(context.Background(), &archive); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "restored")
		if err := Restore(context.Background(), bytes.NewReader(archive.Bytes()), dir); err != nil {
			t.Fatal(err)
		}
		r, err := Open(Options{Dir: dir, Logger: quiet, Clock: clock.now, Partition: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		checkOnce(t, r, acked)
		checkCounts(t, r)
		if st := r.Stats(); st.Damaged != 0 {
			t.Errorf("damage in the restored store: %q", st.Damages)
		}
		write(t, r, g.batch(1))
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if names, _ := filepath.Glob(filepath.Join(s.o.Dir, "*"+backupSuffix)); len(names) != 0 {
		t.Errorf("left behind: %q", names)
	}
}

// TestRestoreRefuses gives Restore what is no backup, or a directory that is in use.
func TestRestoreRefuses(t *testing.T) {
	archive := func(entries ...tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range entries {
			h.Mode = 0o644
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		return b.Bytes()
	}
	format := tar.Header{Name: formatFile, Typeflag: tar.TypeReg}
	part := "p00000000-20260921T140000Z-20260921T150000Z/"
	for want, data := range map[string][]byte{
		"is it whole":              []byte("no archive at all, but long enough to be taken for the beginning of one" + strings.Repeat(".", 600)),
		"it is no backup":          archive(),
		`"../evil"`:                archive(format, tar.Header{Name: "../evil", Typeflag: tar.TypeReg}),
		`"/etc/evil"`:              archive(format, tar.Header{Name: "/etc/evil", Typeflag: tar.TypeReg}),
		`"` + part + `../../evil"`: archive(format, tar.Header{Name: part + "../../evil", Typeflag: tar.TypeReg}),
		`"evil"`:                   archive(format, tar.Header{Name: "evil", Typeflag: tar.TypeReg}),
		`"` + part + `link"`:       archive(format, tar.Header{Name: part + "link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
	} {
		dir := filepath.Join(t.TempDir(), "restored")
		err := Restore(context.Background(), bytes.NewReader(data), dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
		if names, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*")); len(names) != 0 {
			t.Errorf("%s: left behind: %q", want, names)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Restore(context.Background(), bytes.NewReader(archive(format)), dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a directory that is not empty: %v", err)
	}
}

// A new volume has a lost+found, and what a crash left of another try does not matter.
func TestRestoreVolume(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	var archive bytes.Buffer
	if err := s.Backup(context.Background(), &archive); err != nil {
		t.Fatal(err)
	}
	volume := t.TempDir()
	for _, d := range []string{"lost+found", ".restoring/half"} {
		if err := os.MkdirAll(filepath.Join(volume, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := Restore(context.Background(), &archive, volume); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(volume, ".restoring")); !os.IsNotExist(err) {
		t.Errorf(".restoring is still there: %v", err)
	}
	open(t, Options{Dir: volume})
}
