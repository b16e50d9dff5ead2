package store

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// backupSuffix ends the name of the directory in which a backup collects links
// to a partition's files. What a crash leaves of it is removed by Open.
const backupSuffix = ".backup"

// Backup writes the store as it is now, as a tar archive, while writes go on:
// everything that was acknowledged before the call is in it. It needs next to
// no room on the disk: files are linked, not copied.
//
// Partitions that cannot be read are left out; the error says which, after
// everything else was written. The archive ends regularly then, and can be
// restored.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if s.readOnly || s.failing() {
		return fmt.Errorf("back up the store: %w", s.refusal())
	}
	if s.waits.full() {
		return fmt.Errorf("back up the store: %w", ErrFull)
	}
	s.backups.Lock() // one at a time: they use the same directories
	defer s.backups.Unlock()
	t := tar.NewWriter(w)
	if err := s.addFile(t, formatFile, s.o.FS.PathJoin(s.o.Dir, formatFile)); err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	s.mu.RLock()
	parts := slices.Clone(s.parts)
	s.mu.RUnlock()
	var left []error
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("back up the store: %w", err)
		}
		if err := s.backupPartition(ctx, t, p); err != nil {
			var d *DamageError
			if !errors.As(err, &d) && !errors.Is(err, errGone) {
				return fmt.Errorf("back up partition %s: %w", p.name, err)
			}
			if !errors.Is(err, errGone) {
				left = append(left, fmt.Errorf("partition %s is not in the backup: %w", p.name, err))
			}
		}
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("back up the store: %w", err)
	}
	return errors.Join(left...)
}

// backupPartition links a partition's files into a directory of their own, and
// writes that to the archive. The cutter waits while it links.
func (s *Store) backupPartition(ctx context.Context, t *tar.Writer, p *partition) error {
	db, err := s.acquire(p)
	if err != nil {
		return err
	}
	defer s.release(p)
	dir := p.path + backupSuffix
	if err := s.o.FS.RemoveAll(dir); err != nil {
		return err
	}
	defer s.o.FS.RemoveAll(dir)
	if err := s.link(p, db, dir); err != nil {
		return err
	}
	names, err := s.o.FS.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.addFile(t, path.Join(p.name, name), s.o.FS.PathJoin(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// link makes a consistent copy of a partition out of links: Pebble's checkpoint,
// then the files of the segments that are in it. A segment's file is there
// before its header is, and is never changed, so those that are cut meanwhile
// do no harm; but one that a cut is writing must not be linked and change later.
func (s *Store) link(p *partition, db *pebble.DB, dir string) error {
	s.linking.Lock()
	defer s.linking.Unlock()
	p.mu.Lock()
	readOnly := p.readOnly
	p.mu.Unlock()
	if readOnly {
		// Pebble makes no checkpoints of what it may not write, but then its files do not change either.
		return s.linkAll(p.path, dir, func(string) bool { return true })
	}
	synced := p.guard.synced.now()
	if err := db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return err
	}
	if err := s.trimLog(dir, synced); err != nil {
		return err
	}
	return s.linkAll(p.path, dir, func(name string) bool { return strings.HasSuffix(name, ".blocks") || name == sealedFile })
}

// trimLog cuts the newest log of a checkpoint where it can no longer be read. Pebble
// copies it while writes go on, and its room is there before what is written into
// it: the copy of one block may lack what the writes had that the next block's has.
// Nothing of that had been acknowledged when the backup began. What cannot be read
// of what was synced before is damaged, and left for Open to report.
func (s *Store) trimLog(dir string, synced ends) error {
	names, err := s.o.FS.List(dir)
	if err != nil {
		return err
	}
	number := uint64(0)
	for _, name := range names {
		if kind, n := engineFile(name); kind == logFile {
			number = max(number, n)
		}
	}
	if number == 0 {
		return nil
	}
	log := s.o.FS.PathJoin(dir, logName(number))
	f, err := s.o.FS.Open(log, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	is, err := readRecords(f, false, number, nil)
	if err = errors.Join(err, f.Close()); err != nil || is.whole || number == synced.log && is.end < int64(synced.logEnd) {
		return err
	}
	if f, err = s.o.FS.Open(log, vfs.SequentialReadsOption); err != nil {
		return err
	}
	defer f.Close()
	cut := log + ".cut"
	to, err := s.o.FS.Create(cut, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.CopyN(to, f, is.end)
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	return s.o.FS.Rename(cut, log)
}

func (s *Store) linkAll(from, to string, want func(name string) bool) error {
	names, err := s.o.FS.List(from)
	if err != nil {
		return err
	}
	if err := s.o.FS.MkdirAll(to, 0o750); err != nil {
		return err
	}
	for _, name := range names {
		src := s.o.FS.PathJoin(from, name)
		if fi, err := s.o.FS.Stat(src); err != nil || fi.IsDir() || !want(name) {
			continue
		}
		if err := vfs.LinkOrCopy(s.o.FS, src, s.o.FS.PathJoin(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// addFile adds one file to an archive.
func (s *Store) addFile(t *tar.Writer, name, from string) error {
	f, err := s.o.FS.Open(from, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: fi.Size(), Mode: 0o640, ModTime: time.Unix(fi.ModTime().Unix(), 0), Format: tar.FormatPAX}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(t, f, fi.Size()); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return nil
}

// maxRestoreFile bounds the size of one file of an archive.
const maxRestoreFile = 1 << 40

// Restore makes a store out of what Backup wrote, in a directory that must be
// empty or not exist; a file system's own lost+found does not count, so a new
// volume will do. After an error the directory is as it was. What a crash
// leaves is no store, and does not keep Restore from another try.
func Restore(ctx context.Context, r io.Reader, dir string) (err error) {
	fail := func(err error) error { return fmt.Errorf("restore the store to %s: %w", dir, err) }
	entries, err := os.ReadDir(dir)
	existed := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" && e.Name() != restoring {
			return fail(fmt.Errorf("the directory is not empty: it has %q; give an empty one", e.Name()))
		}
	}
	// Beneath dir, and not beside it: dir may be where a volume is mounted.
	tmp := filepath.Join(dir, restoring)
	if err := os.RemoveAll(tmp); err != nil {
		return fail(err)
	}
	if err := makeDir(vfs.Default, tmp); err != nil {
		return fail(err)
	}
	defer func() {
		if err = errors.Join(err, os.RemoveAll(tmp)); err != nil && !existed {
			os.Remove(dir)
		}
	}()
	if err := unpack(ctx, r, tmp); err != nil {
		return fail(err)
	}
	unpacked, err := os.ReadDir(tmp)
	if err != nil {
		return fail(err)
	}
	// The file that makes it a store comes last.
	if i := slices.IndexFunc(unpacked, func(e fs.DirEntry) bool { return e.Name() == formatFile }); i >= 0 {
		unpacked = append(slices.Delete(slices.Clone(unpacked), i, i+1), unpacked[i])
	}
	for i, e := range unpacked {
		to := filepath.Join(dir, e.Name())
		if e.Name() == formatFile {
			err = syncDir(vfs.Default, dir)
		}
		if err = errors.Join(err, os.Rename(filepath.Join(tmp, e.Name()), to)); err != nil {
			for _, moved := range unpacked[:i] {
				err = errors.Join(err, os.RemoveAll(filepath.Join(dir, moved.Name())))
			}
			return fail(err)
		}
	}
	if err := syncDir(vfs.Default, dir); err != nil {
		return fail(err)
	}
	return nil
}

// restoring is the directory that Restore unpacks to.
const restoring = ".restoring"

// unpack unpacks an archive. It takes nothing but what Backup puts into one:
// regular files, at most one directory deep, with plain names.
func unpack(ctx context.Context, r io.Reader, dir string) error {
	t := tar.NewReader(r)
	format := false
	dirs := map[string]bool{}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w; is it whole, and not compressed?", err)
		}
		parent, name := path.Split(h.Name)
		parent = strings.TrimSuffix(parent, "/")
		_, _, _, ok := parsePartitionName(parent)
		if h.Typeflag != tar.TypeReg || h.Size < 0 || h.Size > maxRestoreFile || !plainName(name) || parent != "" && !ok || parent == "" && name != formatFile {
			return fmt.Errorf("the archive has an entry %q that no backup has; it is not one", h.Name)
		}
		format = format || h.Name == formatFile
		to := filepath.Join(dir, parent)
		if !dirs[to] {
			if err := os.MkdirAll(to, 0o750); err != nil {
				return err
			}
			dirs[to] = true
		}
		if err := unpackFile(t, filepath.Join(to, name), h.Size); err != nil {
			return err
		}
	}
	if !format {
		return fmt.Errorf("the archive has no file %s; it is no backup", formatFile)
	}
	for d := range dirs {
		if err := syncDir(vfs.Default, d); err != nil {
			return err
		}
	}
	return syncDir(vfs.Default, dir)
}

// plainName reports whether a name is made of letters, digits and the signs that the store's files have.
func plainName(name string) bool {
	ok := func(c rune) bool {
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '-' || c == '_'
	}
	return name != "" && name != "." && name != ".." && strings.IndexFunc(name, func(c rune) bool { return !ok(c) }) < 0
}

func unpackFile(r io.Reader, to string, size int64) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
