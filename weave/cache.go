package weave

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Cache keeps what weft writes: edited files, overlays, module copies and
// links to toolchains, below one directory. Its files are named by their
// contents, written to a temporary name and renamed, and never changed, so any
// number of builds may use one Cache at once. The go command reads the files
// after weft has named them in an overlay, so files in use are kept: Trim
// removes only what no build has asked for in days.
type Cache struct {
	dir string
}

// OpenCache returns the cache in dir, which is made when it is missing. An
// empty dir means the user's cache directory.
func OpenCache(dir string) (*Cache, error) {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find a cache directory: %w; set WEFT_CACHE to one", err)
		}
		dir = filepath.Join(user, "weft")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the cache directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the cache directory: %w; set WEFT_CACHE to one that can be written", err)
	}
	return &Cache{dir: dir}, nil
}

// Dir returns the directory of the cache.
func (c *Cache) Dir() string { return c.dir }

// refresh is how old a file may look before its use is recorded again; it
// saves a system call per file in nearly every build.
const refresh = time.Hour

// Put stores data and returns the absolute path of a file that holds it, whose
// name ends in ext. A file that is there already is used as it is.
func (c *Cache) Put(data []byte, ext string) (string, error) {
	sum := sha256.Sum256(data)
	return c.put(hex.EncodeToString(sum[:]), data, ext)
}

func (c *Cache) put(name string, data []byte, ext string) (string, error) {
	path := c.path(name, ext)
	if st, err := os.Stat(path); err == nil && st.Size() == int64(len(data)) {
		c.used(path, st)
		return path, nil
	}
	if err := writeFile(path, data); err != nil {
		return "", fmt.Errorf("write to the cache: %w; set WEFT_CACHE to a directory that can be written", err)
	}
	return path, nil
}

// Get returns what was stored under a key by PutKey, or false.
func (c *Cache) Get(key string) ([]byte, bool) {
	path := c.path(key, ".v")
	st, err := os.Stat(path)
	if err != nil {
		return nil, false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	c.used(path, st)
	return data, true
}

// Use reports whether a file that Put has returned is still there, and keeps
// it from being trimmed.
func (c *Cache) Use(path string) bool {
	st, err := os.Stat(path)
	if err == nil {
		c.used(path, st)
	}
	return err == nil
}

// PutKey stores data under a key, which must be a hash of everything that data
// was made of.
func (c *Cache) PutKey(key string, data []byte) error {
	_, err := c.put(key, data, ".v")
	return err
}

func (c *Cache) path(name, ext string) string {
	return filepath.Join(c.dir, "files", name[:2], name[2:]+ext)
}

func (c *Cache) used(path string, st fs.FileInfo) {
	if now := time.Now(); now.Sub(st.ModTime()) > refresh {
		touch(path, now) // best effort: a file trimmed too early is written again
	}
}

// touch gives path the time of its last use, a minute early: the go command
// does not index packages with files of the last seconds, and up to Go 1.26.0
// it takes an unindexed package that only an overlay knows for missing.
func touch(path string, now time.Time) error {
	t := now.Add(-time.Minute)
	return os.Chtimes(path, t, t)
}

// writeFile writes data to path in one step: readers see all of it or nothing.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".tmp-*")
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o777); err == nil {
			tmp, err = os.CreateTemp(dir, ".tmp-*")
		}
	}
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if e := tmp.Chmod(0o666 &^ umask); err == nil {
		err = e
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = touch(tmp.Name(), time.Now())
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

const (
	umask     = 0o022
	trimEvery = 24 * time.Hour
	trimAfter = 10 * 24 * time.Hour
)

// Trim removes the files and module copies that no build has used for ten
// days. It looks at most once a day, and costs one Stat otherwise.
func (c *Cache) Trim(now time.Time) error {
	mark := filepath.Join(c.dir, "trimmed")
	if st, err := os.Stat(mark); err == nil && now.Sub(st.ModTime()) < trimEvery && now.After(st.ModTime().Add(-trimEvery)) {
		return nil
	}
	if err := writeFile(mark, []byte("weft last trimmed this cache when this file was written\n")); err != nil {
		return fmt.Errorf("trim the cache: %w", err)
	}
	old := now.Add(-trimAfter)
	err := filepath.WalkDir(filepath.Join(c.dir, "files"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if st, err := d.Info(); err == nil && st.ModTime().Before(old) {
			os.Remove(path)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("trim the cache: %w", err)
	}
	mods, err := os.ReadDir(filepath.Join(c.dir, "mods"))
	if err != nil {
		return nil
	}
	for _, d := range mods {
		if st, err := d.Info(); err == nil && st.ModTime().Before(old) {
			os.RemoveAll(filepath.Join(c.dir, "mods", d.Name()))
		}
	}
	return nil
}

// hash returns a hash of parts that no other list of parts has.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write([]byte(p))
	}
	return strings.ToLower(hex.EncodeToString(h.Sum(nil)))
}
