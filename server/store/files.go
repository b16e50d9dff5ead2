package store

import (
	"errors"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// makeDir makes a directory, and those above it, so that they outlive a loss of power.
func makeDir(f vfs.FS, dir string) error {
	var made []string
	for d := dir; ; d = f.PathDir(d) {
		if _, err := f.Stat(d); !errors.Is(err, fs.ErrNotExist) || d == f.PathDir(d) {
			break
		}
		made = append(made, d)
	}
	if made == nil {
		return nil
	}
	if err := f.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, d := range made {
		if err := syncDir(f, f.PathDir(d)); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// writeFile writes a file so that it is there whole or not at all.
func writeFile(fs vfs.FS, dir, name string, data []byte) error {
	tmp := fs.PathJoin(dir, name+".tmp")
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(tmp, fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// dirSize returns the bytes of the files in a directory.
func dirSize(fs vfs.FS, dir string) (n int64) {
	names, err := fs.List(dir)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if fi, err := fs.Stat(fs.PathJoin(dir, name)); err == nil && !fi.IsDir() {
			n += fi.Size()
		}
	}
	return n
}
