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

// guard stands between a partition's Pebble and the file system. Pebble ends
// the process when a write to its log or its manifest fails. So it never hears
// of one: when the disk is full, the guard holds the write back and tries it
// again until there is room, and Write returns ErrFull meanwhile; when the disk
// fails in any other way, or is full while the database is opened, the write
// never returns, nor does any later one, and failed is called. Reads do not
// pass here and do not wait for writes, so they go on.
type guard struct {
	vfs.FS
	dir    string // of the partition
	waits  *waits
	failed func(err error, opening bool) // called once
	state  atomic.Int32

	opening *opening // nil: files are not checked
	synced  syncedFile
}

// The states of a guard.
const (
	guardOpening = iota // somebody waits for the database to be opened
	guardOpen
	guardDead // no write returns any more
)

// waits are the writes that wait for room.
type waits struct {
	retry time.Duration // between two attempts
	n     atomic.Int32

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when n goes from zero to one
}

func newWaits() *waits {
	return &waits{retry: 100 * time.Millisecond, changed: make(chan struct{})}
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
	g.gate()
	err := op()
	if isFull(err) && g.state.Load() == guardOpen {
		err = g.waits.wait(op)
	}
	return g.check(err)
}

// gate returns as long as the guard is not dead: a database that is given up
// must not change its files any more.
func (g *guard) gate() {
	if g.state.Load() == guardDead {
		select {}
	}
}

// check returns nil, or never.
func (g *guard) check(err error) error {
	if err != nil {
		g.die(err)
	}
	return nil
}

// die does not return.
func (g *guard) die(err error) {
	if was := g.state.Swap(guardDead); was != guardDead {
		g.failed(err, was == guardOpening)
	}
	select {}
}

// wait runs op again and again until it does not fail for want of room.
func (w *waits) wait(op func() error) error {
	w.begin()
	defer w.n.Add(-1)
	t := time.NewTicker(w.retry)
	defer t.Stop()
	for {
		<-t.C
		if err := op(); err == nil || !isFull(err) {
			return err
		}
	}
}

// Unwrap lets Pebble find the file system below.
func (g *guard) Unwrap() vfs.FS { return g.FS }

func (g *guard) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	w := &guardFile{File: f, g: g}
	w.kind, w.number = g.engineFile(name)
	return w, nil
}

func (g *guard) Create(name string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = g.hold(func() error { f, err = g.FS.Create(name, c); return err })
	return g.file(name, f, err)
}

func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (f vfs.File, err error) {
	err = g.hold(func() error { f, err = g.FS.OpenReadWrite(name, c, o...); return err })
	return g.file("", f, err)
}

func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (f vfs.File, err error) {
	g.forget(oldname)
	err = g.hold(func() error { f, err = g.FS.ReuseForWrite(oldname, newname, c); return err })
	return g.file(newname, f, err)
}

func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	return g.file("", f, err)
}

// forget is called before a file goes.
func (g *guard) forget(name string) {
	if kind, number := g.engineFile(name); kind == logFile {
		g.synced.forget(number)
	}
}

// engineFile says what a file is to the partition. What Pebble copies for a backup
// has the same names in another directory.
func (g *guard) engineFile(name string) (engineKind, uint64) {
	if name == "" || g.FS.PathDir(name) != g.dir {
		return otherFile, 0
	}
	return engineFile(g.FS.PathBase(name))
}

// The following can fail for other reasons than the disk, which Pebble wants to
// hear; only for want of room they wait.

func (g *guard) Link(oldname, newname string) error {
	return g.room(func() error { return g.FS.Link(oldname, newname) })
}

func (g *guard) Rename(oldname, newname string) error {
	return g.room(func() error { return g.FS.Rename(oldname, newname) })
}

func (g *guard) MkdirAll(dir string, perm os.FileMode) error {
	return g.room(func() error { return g.FS.MkdirAll(dir, perm) })
}

func (g *guard) Remove(name string) error {
	g.gate()
	g.forget(name)
	return g.room(func() error { return g.FS.Remove(name) })
}

func (g *guard) RemoveAll(name string) error {
	return g.room(func() error { return g.FS.RemoveAll(name) })
}

func (g *guard) room(op func() error) error {
	g.gate()
	err := op()
	if isFull(err) {
		if g.state.Load() != guardOpen {
			g.die(err)
		}
		err = g.waits.wait(op)
	}
	return err
}

// Lock does nothing: the store has a lock of its own for all its partitions,
// and a directory that cannot be written can still be read.
func (g *guard) Lock(string) (io.Closer, error) { return noLock{}, nil }

type noLock struct{}

func (noLock) Close() error { return nil }

// guardFile is a file open for writing.
type guardFile struct {
	vfs.File
	g       *guard
	kind    engineKind
	number  uint64
	written atomic.Uint64
}

func (f *guardFile) Write(p []byte) (n int, err error) {
	err = f.g.hold(func() error {
		k, err := f.File.Write(p[n:])
		n += k
		return err
	})
	f.written.Add(uint64(n))
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
	f.g.gate()
	if err := f.File.Preallocate(offset, length); !isFull(err) {
		return f.g.check(err)
	}
	return nil
}

// A sync that failed, even for want of room, is never tried again: the system
// may have dropped what it could not write, and the next sync would succeed
// without it.
func (f *guardFile) Sync() error     { return f.sync(f.File.Sync) }
func (f *guardFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *guardFile) sync(op func() error) error {
	end := f.written.Load()
	err := f.g.check(op())
	if f.kind != otherFile {
		f.g.synced.note(f.kind, f.number, end)
	}
	return err
}

func (f *guardFile) SyncTo(length int64) (full bool, err error) {
	full, err = f.File.SyncTo(length)
	return full, f.g.check(err)
}
