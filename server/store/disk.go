package store

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guard stands between the store and the file system. Pebble ends the process,
// or wedges, when a write to its log or manifest fails. A full disk is no
// reason for either: a patient guard holds such a write back and tries it again
// until there is room. Meanwhile Write returns ErrFull, and reads, which never
// pass here, go on.
type guard struct {
	vfs.FS
	waits   *waits
	patient atomic.Bool // false while a database is opened, which somebody waits for
}

// waits are the writes that wait for room.
type waits struct {
	retry   time.Duration // between two attempts
	n       atomic.Int32
	closing chan struct{} // closed when nothing may wait any more

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when n goes from zero to one
}

func newWaits() *waits {
	return &waits{retry: 100 * time.Millisecond, closing: make(chan struct{}), changed: make(chan struct{})}
}

// full reports whether a write waits for room.
func (w *waits) full() bool { return w.n.Load() > 0 }

// filled returns a channel that is closed when the next write starts to wait.
func (w *waits) filled() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// begin notes that a write waits.
func (w *waits) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n.Add(1) == 1 {
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

// isFull reports whether err says that there is no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// hold runs op until it does not fail for want of room.
func (g *guard) hold(op func() error) error {
	err := op()
	if err == nil || !isFull(err) || !g.patient.Load() {
		return err
	}
	w := g.waits
	w.begin()
	defer w.n.Add(-1)
	t := time.NewTicker(w.retry)
	defer t.Stop()
	for isFull(err) {
		select {
		case <-t.C:
		case <-w.closing:
			return err
		}
		err = op()
	}
	return err
}

// Unwrap lets Pebble find the file system below.
func (g *guard) Unwrap() vfs.FS { return g.FS }

func (g *guard) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, g: g}, nil
}

func (g *guard) Create(name string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = g.hold(func() error { f, err = g.FS.Create(name, c); return err })
	return g.file(f, err)
}

func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (f vfs.File, err error) {
	err = g.hold(func() error { f, err = g.FS.OpenReadWrite(name, c, o...); return err })
	return g.file(f, err)
}

func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = g.hold(func() error { f, err = g.FS.ReuseForWrite(oldname, newname, c); return err })
	return g.file(f, err)
}

func (g *guard) OpenDir(name string) (vfs.File, error) { return g.file(g.FS.OpenDir(name)) }

func (g *guard) Link(oldname, newname string) error {
	return g.hold(func() error { return g.FS.Link(oldname, newname) })
}

func (g *guard) Rename(oldname, newname string) error {
	return g.hold(func() error { return g.FS.Rename(oldname, newname) })
}

func (g *guard) MkdirAll(dir string, perm os.FileMode) error {
	return g.hold(func() error { return g.FS.MkdirAll(dir, perm) })
}

// Lock does nothing: the store has a lock of its own for all its partitions,
// and a directory that cannot be written can still be read.
func (g *guard) Lock(string) (io.Closer, error) { return noLock{}, nil }

type noLock struct{}

func (noLock) Close() error { return nil }

// guardFile is a file open for writing.
type guardFile struct {
	vfs.File
	g *guard
}

func (f *guardFile) Write(p []byte) (n int, err error) {
	err = f.g.hold(func() error {
		k, err := f.File.Write(p[n:])
		n += k
		return err
	})
	return n, err
}

func (f *guardFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.g.hold(func() error {
		k, err := f.File.WriteAt(p[n:], off+int64(n))
		n += k
		return err
	})
	return n, err
}

// Preallocate is a hint: that there is no room for it is no failure.
func (f *guardFile) Preallocate(offset, length int64) error {
	if err := f.File.Preallocate(offset, length); err != nil && !isFull(err) {
		return err
	}
	return nil
}

func (f *guardFile) Sync() error     { return f.g.hold(f.File.Sync) }
func (f *guardFile) SyncData() error { return f.g.hold(f.File.SyncData) }

func (f *guardFile) SyncTo(length int64) (full bool, err error) {
	err = f.g.hold(func() error { full, err = f.File.SyncTo(length); return err })
	return full, err
}
