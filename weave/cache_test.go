package weave

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestCachePut(t *testing.T) {
	c, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("woven\n"), 10_000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			path, err := c.Put(data, "-main.go")
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read back %d bytes, %v; want %d", len(got), err, len(data))
			}
		})
	}
	wg.Wait()
	if left, _ := filepath.Glob(filepath.Join(c.Dir(), "files", "*", ".tmp-*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
	// A file that was damaged is written anew.
	path, err := c.Put(data, "-main.go")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:5], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(data, "-main.go"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, data) {
		t.Errorf("a damaged file was kept")
	}
}

// TestCacheYoung keeps files from looking new to the go command, which would
// not index the packages that they are in.
func TestCacheYoung(t *testing.T) {
	c, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path, err := c.Put([]byte("x"), ".go")
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(st.ModTime()); age < settled {
		t.Errorf("a new file looks %v old, want more than %v", age, settled)
	}
}

func TestCacheTrim(t *testing.T) {
	c, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	put := func(name string, age time.Duration) string {
		t.Helper()
		path, err := c.Put([]byte(name), ".go")
		if err != nil {
			t.Fatal(err)
		}
		at := now.Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mod := func(name string, age time.Duration) string {
		t.Helper()
		path := filepath.Join(c.Dir(), "mods", name)
		if err := os.MkdirAll(filepath.Join(path, "sub"), 0o777); err != nil {
			t.Fatal(err)
		}
		at := now.Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const day = 24 * time.Hour
	gone := []string{put("old", 11*day), mod("oldmod", 11*day)}
	kept := []string{put("new", 8*day), mod("newmod", 8*day)}
	check := func(when string, paths []string, want bool) {
		t.Helper()
		for _, p := range paths {
			if _, err := os.Stat(p); (err == nil) != want {
				t.Errorf("%s: %s is there: %v, want %v", when, p, err == nil, want)
			}
		}
	}
	if err := c.Trim(now); err != nil {
		t.Fatal(err)
	}
	check("first", gone, false)
	check("first", kept, true)
	// It looks once a day only.
	gone = []string{put("late", 20*day)}
	if err := c.Trim(now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	check("an hour later", gone, true)
	if err := c.Trim(now.Add(25 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	check("a day later", gone, false)
	check("a day later", kept, true)
	// Use keeps.
	old := put("used", 30*day)
	if !c.Use(old) {
		t.Fatal("a file in the cache is not found")
	}
	if err := c.Trim(now.Add(50 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	check("after use", []string{old}, true)
}

func TestHash(t *testing.T) {
	seen := map[string]string{}
	for _, parts := range [][]string{nil, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"ab"}, {"a", "b"}, {"1:a"}, {"1", "a"}} {
		h, text := hash(parts...), fmt.Sprintf("%q", parts)
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", text, other)
		}
		seen[h] = text
	}
}
