package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

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

// growingLogs calls grow after each read of a log.
type growingLogs struct {
	vfs.FS
	grow func()
}

func (fs *growingLogs) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.Open(name, o...)
	if kind, _ := engineFile(fs.PathBase(name)); err == nil && kind == logFile && fs.grow != nil {
		return &growingLog{f, fs}, nil
	}
	return f, err
}

type growingLog struct {
	vfs.File
	fs *growingLogs
}

func (f *growingLog) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.fs.grow()
	return n, err
}

// TestBackupOfGrowingLog: what is written while the log is copied, here after each of
// its first blocks in turn, makes no damage of what the copy has.
func TestBackupOfGrowingLog(t *testing.T) {
	clock, fs := newTestClock(), &growingLogs{FS: vfs.Default}
	s := open(t, Options{Dir: t.TempDir(), FS: fs, Clock: clock.now, HeadSpans: 4000})
	g := newGen(1, 1000)
	var acked []span.Span
	fill := func(n int) (spans []span.Span) {
		for range n {
			b := g.batch(20)
			write(t, s, b)
			spans = append(spans, b...)
		}
		return spans
	}
	acked = fill(50) // the log is then one that was used before, and as long from the start
	for block := range 8 {
		reads := 0
		var during []span.Span
		fs.grow = func() {
			if reads == block {
				during = fill(8)
			}
			reads++
		}
		var archive bytes.Buffer
		if err := s.Backup(context.Background(), &archive); err != nil {
			t.Fatal(err)
		}
		fs.grow = nil
		checkSynced(t, s)
		dir := filepath.Join(t.TempDir(), "restored")
		if err := Restore(context.Background(), bytes.NewReader(archive.Bytes()), dir); err != nil {
			t.Fatal(err)
		}
		r := open(t, Options{Dir: dir, Clock: clock.now})
		checkOnce(t, r, acked)
		if st := r.Stats(); st.Damaged != 0 {
			t.Errorf("damage in the restored store: %q", st.Damages)
		}
		acked = append(acked, during...)
	}
}

// checkSynced reports an error if SYNCED says that more of a log is there than is.
func checkSynced(t *testing.T, s *Store) {
	t.Helper()
	s.mu.RLock()
	parts := slices.Clone(s.parts)
	s.mu.RUnlock()
	for _, p := range parts {
		p.mu.Lock()
		says := p.guard.synced.now()
		p.mu.Unlock()
		f, err := s.o.FS.Open(filepath.Join(p.path, logName(says.log)))
		if err != nil {
			t.Fatal(err)
		}
		is, err := readRecords(f, false, says.log, nil)
		if err = errors.Join(err, f.Close()); err != nil || is.end < int64(says.logEnd) {
			t.Errorf("log %d of %d bytes, synced up to %d: %v", says.log, is.end, says.logEnd, err)
		}
	}
}

// TestTrimLog: the copy of a log that was written to meanwhile ends before the first
// gap, unless what is there was synced before.
func TestTrimLog(t *testing.T) {
	const number = 7
	var log []byte
	var at []int // where the records end
	for range 5 {
		log = appendRecord(log, number, bytes.Repeat([]byte("record"), 2000))
		at = append(at, len(log))
	}
	gap := bytes.Clone(log)
	clear(gap[at[1]:chunkBlock]) // what the first block had not when it was copied
	for _, c := range []struct {
		name   string
		log    []byte
		synced ends
		want   int
	}{
		{"whole, but not closed", log, ends{log: number, logEnd: uint64(at[1])}, at[4]},
		{"a gap behind what was synced", gap, ends{log: number, logEnd: uint64(at[1])}, at[1]},
		{"a gap in a log that was begun later", gap, ends{log: number - 1, logEnd: 1 << 30}, at[1]},
		{"a gap in what was synced", gap, ends{log: number, logEnd: uint64(at[2])}, len(gap)},
		{"closed", append(bytes.Clone(log), trailer(number)...), ends{log: number, logEnd: uint64(at[4])}, at[4] + numberHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := &Store{o: Options{FS: fs}}
			for name, data := range map[string][]byte{logName(number - 1): []byte("older"), logName(number): c.log} {
				if err := writeFile(fs, "", name, bytes.Clone(data)); err != nil { // with -race a memory file spoils what it is given
					t.Fatal(err)
				}
			}
			if err := s.trimLog("", c.synced); err != nil {
				t.Fatal(err)
			}
			got, err := readFile(fs, logName(number))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.log[:c.want]) {
				t.Errorf("%d bytes, want %d of %d", len(got), c.want, len(c.log))
			}
			if names, err := fs.List(""); err != nil || len(names) != 2 {
				t.Errorf("files: %q, %v", names, err)
			}
		})
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
