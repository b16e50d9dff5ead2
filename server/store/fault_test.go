package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/weft-trace/weft/server/span"
)

// faultFS fails operations that write with an error that a test sets.
type faultFS struct {
	*errorfs.FS
	err  atomic.Pointer[error]
	only func(op errorfs.Op) bool // which writes; nil: all
	hits atomic.Int64
}

func newFaultFS(inner vfs.FS, only func(op errorfs.Op) bool) *faultFS {
	f := &faultFS{only: only}
	f.FS = errorfs.Wrap(inner, errorfs.InjectorFunc(func(op errorfs.Op) error {
		err := f.err.Load()
		if err == nil || op.Kind.ReadOrWrite() != errorfs.OpIsWrite || f.only != nil && !f.only(op) {
			return nil
		}
		switch op.Kind {
		case errorfs.OpFileClose, errorfs.OpRemove, errorfs.OpRemoveAll:
			return nil
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpLock:
			if *err == syscall.ENOSPC {
				return nil // need no room
			}
		}
		f.hits.Add(1)
		return &os.PathError{Op: "write", Path: op.Path, Err: *err}
	}))
	return f
}

// ReuseForWrite is here because errorfs does not wrap the file.
func (f *faultFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.FS.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return f.FS.OpenReadWrite(newname, c)
}

func (f *faultFS) set(err error) {
	if err == nil {
		f.err.Store(nil)
		return
	}
	f.err.Store(&err)
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// TestDiskFull fills the disk while spans arrive: writes fail with ErrFull,
// reads go on, and writes work again, by themselves, when there is room. What
// was acknowledged before, meanwhile and after is there, after a restart, too.
func TestDiskFull(t *testing.T) {
	fs := newFaultFS(vfs.NewMem(), nil)
	o := Options{Dir: "store", FS: fs, HeadSpans: 300, BlockRows: 100, Logger: quiet, Reserve: -1}
	s := open(t, o)
	g := newGen(1, 1000)
	var acked []span.Span
	try := func() error {
		b := g.batch(2)
		err := s.Write(context.Background(), &Batch{Spans: b})
		if err == nil {
			acked = append(acked, b...)
		}
		return err
	}
	for round := range 3 {
		for range 40 {
			if err := try(); err != nil {
				t.Fatal(err)
			}
		}
		fs.set(syscall.ENOSPC)
		refused := 0
		var last error
		for range 10 {
			err := try()
			last = err
			if err != nil && !errors.Is(err, ErrFull) && !errors.Is(err, ErrBusy) {
				t.Fatalf("round %d: with the disk full: %v; want ErrFull", round, err)
			}
			if errors.Is(err, ErrFull) {
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("round %d: no ErrFull from ten writes; the last one: %v; hits %d", round, last, fs.hits.Load())
		}
		if !s.Stats().DiskFull {
			t.Error("Stats does not tell that the disk is full")
		}
		checkTraces(t, s, acked)
		fs.set(nil)
		waitFor(t, "writes to work again", func() bool { return try() == nil })
	}
	checkTraces(t, s, acked)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	checkTraces(t, s, acked)
	if d := s.Stats().Damaged; d != 0 {
		t.Errorf("%d damages: %q", d, s.Stats().Damages)
	}
}

// TestOpenDiskFull opens a store while the disk is full: what is there is
// served, the journal included; writes work when there is room again.
func TestOpenDiskFull(t *testing.T) {
	fs := newFaultFS(vfs.NewCrashableMem(), nil)
	o := Options{Dir: "store", FS: fs, HeadSpans: 300, BlockRows: 100, Logger: quiet, Reserve: -1}
	s := open(t, o)
	g := newGen(1, 1000)
	all := g.batch(100)
	for i := 0; i < len(all); i += 20 {
		write(t, s, all[i:i+20])
	}
	crashed := newFaultFS(fs.Unwrap().(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{}), nil)
	o.FS = crashed
	crashed.set(syscall.ENOSPC)
	s = open(t, o)
	checkTraces(t, s, all)
	b := g.batch(2)
	if err := s.Write(context.Background(), &Batch{Spans: b}); !errors.Is(err, ErrFull) {
		t.Errorf("a write with the disk full: %v; want ErrFull", err)
	}
	crashed.set(nil)
	waitFor(t, "writes to work again", func() bool { return s.Write(context.Background(), &Batch{Spans: b}) == nil })
	checkTraces(t, s, append(all, b...))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	checkTraces(t, s, append(all, b...))
	checkOnce(t, s, all)
}

// TestDiskBroken makes the disk fail for good in the middle of writing: every
// write from then on says so and returns, reads go on, Close returns, and the
// next Open has what was acknowledged.
func TestDiskBroken(t *testing.T) {
	for name, only := range map[string]func(op errorfs.Op) bool{
		"everything": nil,
		"log":        func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".log") },
		"manifest":   func(op errorfs.Op) bool { return strings.Contains(op.Path, "MANIFEST") },
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			fs := newFaultFS(mem, only)
			o := Options{Dir: "store", FS: fs, HeadSpans: 300, BlockRows: 100, Logger: quiet, Reserve: -1}
			s := open(t, o)
			g := newGen(1, 1000)
			var acked []span.Span
			for range 40 {
				b := g.batch(2)
				write(t, s, b)
				acked = append(acked, b...)
			}
			fs.set(syscall.EIO)
			var err error
			for range 1000 {
				b := g.batch(2)
				if err = s.Write(context.Background(), &Batch{Spans: b}); err != nil {
					break
				}
				acked = append(acked, b...)
			}
			if !errors.Is(err, ErrReadOnly) || !errors.Is(err, syscall.EIO) && !strings.Contains(err.Error(), "input/output error") {
				t.Errorf("writing to a broken disk: %v; want ErrReadOnly with the cause", err)
			}
			if s.Stats().Failure == nil {
				t.Error("Stats does not tell of the failure")
			}
			checkTraces(t, s, acked)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			o.FS = mem.CrashClone(vfs.CrashCloneCfg{})
			s = open(t, o)
			checkTraces(t, s, acked)
		})
	}
}

// TestReadOnlyDirectory opens a store that cannot be written.
func TestReadOnlyDirectory(t *testing.T) {
	mem := vfs.NewCrashableMem()
	o := Options{Dir: "store", FS: mem, HeadSpans: 300, BlockRows: 100, Logger: quiet, Reserve: -1}
	s := open(t, o)
	g := newGen(1, 1000)
	all := g.batch(100)
	for i := 0; i < len(all); i += 20 {
		write(t, s, all[i:i+20])
	}
	fs := newFaultFS(mem.CrashClone(vfs.CrashCloneCfg{}), nil)
	fs.set(syscall.EROFS)
	o.FS = fs
	s = open(t, o)
	checkTraces(t, s, all)
	if err := s.Write(context.Background(), &Batch{Spans: all[:10]}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("write: %v; want ErrReadOnly", err)
	}
	if !s.Stats().ReadOnly {
		t.Error("Stats does not tell that it is read-only")
	}
	if err := s.Writable(); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Writable: %v; want ErrReadOnly", err)
	}
}

// TestNewUnwritable opens a directory without a store that cannot be written, or
// in which only the lock can.
func TestNewUnwritable(t *testing.T) {
	for _, cause := range []syscall.Errno{syscall.EROFS, syscall.EACCES} {
		for name, only := range map[string]func(errorfs.Op) bool{"all": nil, "format": func(op errorfs.Op) bool { return strings.Contains(op.Path, formatFile) }} {
			mem := vfs.NewMem()
			if err := mem.MkdirAll("store", 0o755); err != nil {
				t.Fatal(err)
			}
			fs := newFaultFS(mem, only)
			fs.set(cause)
			o := Options{Dir: "store", FS: fs, Logger: quiet, Reserve: -1}
			_, err := Open(o)
			if !errors.Is(err, cause) || !strings.Contains(err.Error(), "open the store in store: there is no store in it yet") || !strings.Contains(err.Error(), "make it writable by user "+userName()) {
				t.Errorf("%s, %v: %v; want an error with the cause and what to do", name, cause, err)
			}
			fs.set(nil)
			if s := open(t, o); s.Writable() != nil {
				t.Errorf("%s, %v: when it can be written: %v", name, cause, s.Writable())
			}
		}
	}
}

// TestTwoStores opens a directory twice, in one process and in two.
func TestTwoStores(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_LOCKED"); dir != "" {
		_, err := Open(Options{Dir: dir, Logger: quiet})
		os.Stdout.WriteString("open: " + err.Error() + "\n")
		if !errors.Is(err, ErrLocked) {
			os.Exit(1)
		}
		return
	}
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir, Logger: quiet}); !errors.Is(err, ErrLocked) {
		t.Errorf("in the same process: %v; want ErrLocked", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestTwoStores", "-test.v")
	cmd.Env = append(os.Environ(), "STORE_TEST_LOCKED="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("in use by another process")) {
		t.Errorf("in another process: %v\n%s", err, out)
	}
}

// TestDamage destroys files of one partition, one after the other, and checks
// that Open works, that the damage is named, and that all that the file did not
// hold is still served.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	clock := newTestClock()
	o := Options{Dir: dir, HeadSpans: 500, BlockRows: 100, Logger: quiet, Clock: clock.now, Partition: time.Hour}
	g := newGen(1, 1000)
	s := open(t, o)
	damaged, healthy := g.batch(100), g.batch(100)
	write(t, s, damaged[:500])
	write(t, s, damaged[500:])
	clock.advance(time.Hour)
	write(t, s, healthy)
	waitFor(t, "the first partition to be sealed", func() bool { return s.Stats().Partitions[0].Sealed })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	pristine := os.DirFS(dir)
	parts, _ := filepath.Glob(filepath.Join(dir, "p*"))
	if len(parts) != 2 {
		t.Fatalf("%d partitions: %q", len(parts), parts)
	}
	for i, part := range parts {
		bad, good := damaged, healthy
		if i == 1 {
			bad, good = healthy, damaged
		}
		files, _ := filepath.Glob(filepath.Join(part, "*"))
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for how, content := range map[string][]byte{"flipped": flip(content), "truncated": content[:len(content)/2], "empty": {}, "missing": nil} {
				t.Run(fmt.Sprintf("%d %s %s", i, filepath.Base(file), how), func(t *testing.T) {
					o := o
					o.Dir = filepath.Join(t.TempDir(), "copy")
					if err := os.CopyFS(o.Dir, pristine); err != nil {
						t.Fatal(err)
					}
					file := filepath.Join(o.Dir, filepath.Base(part), filepath.Base(file))
					if content == nil {
						err = os.Remove(file)
					} else {
						err = os.WriteFile(file, content, 0o644)
					}
					if err != nil {
						t.Fatal(err)
					}
					checkDamage(t, o, bad, good, filepath.Base(part))
				})
			}
		}
	}
}

// checkDamage opens a store of which a partition, which held the spans in bad,
// is damaged. Those in good must be there; what is missing of the others must
// be told.
func checkDamage(t *testing.T, o Options, bad, good []span.Span, part string) {
	t.Helper()
	var log syncBuffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	checkTraces(t, s, good)
	found := 0
	ours := map[identity]bool{}
	for i := range bad {
		ours[identify(&bad[i])] = true
	}
	scanAll(t, s, Selection{}, func(sp *span.Span) bool {
		if ours[identify(sp)] {
			found++
		}
		return false
	})
	lost := 0
	for id, want := range traces(bad) {
		got, err := s.Trace(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		lost += len(want) - len(got)
	}
	if lost > 0 || found != len(bad) {
		if st := s.Stats(); st.Damaged == 0 || !strings.Contains(log.String(), part) {
			t.Errorf("lost %d by id, found %d of %d by scan, and nobody was told: %q", lost, found, len(bad), st.Damages)
		}
	}
	write(t, s, newGen(99, 10).batch(1))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func flip(b []byte) []byte {
	b = bytes.Clone(b)
	for i := len(b) / 7; i < len(b); i += max(1, len(b)/5) {
		b[i] ^= 0x5a
	}
	return b
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
