//go:build linux

package serve

import (
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/store"
)

// Files of the store are damaged: bytes in their middle flipped, or their end cut off. The server either ends with an error that
// names the place, or serves the rest; it says what it lost, hands out nothing wrong, and takes new spans. Only what was in
// the journal alone is lost: the next start has everything that is in blocks.
func TestCorrupt(t *testing.T) {
	// Traces of yesterday, those of today, and some for the damaged store.
	yesterdays, todays, more := int64(900), int64(1_100), int64(200)
	if long() {
		yesterdays, todays, more = 7_000, 8_000, 1_000
	}
	for _, test := range []struct {
		name, pattern string // of the files' names
		kill          bool   // so that there is a journal
		damage        func(b []byte) []byte
	}{
		{"sstable", "*.sst", false, flip},
		{"sstable cut off", "*.sst", false, halve},
		{"sstable gone", "*.sst", false, nil},
		{"journal", "*.log", true, flip},
		{"journal cut off", "*.log", true, halve},
		{"manifest", "MANIFEST-*", false, flip},
		{"manifest cut off", "MANIFEST-*", false, halve},
		{"manifest gone", "MANIFEST-*", false, nil},
		{"options", "OPTIONS-*", false, flip},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := lastHour(20_000)
			dir := t.TempDir()
			yesterday := before(t, dir, g, 0, yesterdays)
			s := start(t, dir)
			today := s.fill(t, g, yesterdays, yesterdays+todays)
			if test.kill {
				s.kill()
			} else {
				s.terminate(t)
			}
			files := newest(t, dir, test.pattern)
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err == nil && test.damage == nil {
					err = os.Remove(f)
				} else if err == nil {
					err = os.WriteFile(f, test.damage(b), 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			s = launch(t, dir)
			if !s.readyOrEnded(t) {
				said := s.stderr.String()
				if !strings.Contains(said, dir) {
					t.Errorf("it ended without naming the place:\n%s", said)
				}
				t.Logf("it ended: %s", lastLine(said))
				return
			}
			s.checkAll(t, g, yesterday, workload.SpansPerTrace) // the other partition is whole
			s.checkAll(t, g, s.fill(t, g, yesterdays+todays, yesterdays+todays+more), workload.SpansPerTrace)
			missing, failed := 0, 0
			for _, n := range today {
				// What is there must be right: check compares it.
				found, err := s.check(g, n)
				switch {
				case err != nil && strings.Contains(err.Error(), ": 5"):
					failed++
				case err != nil:
					t.Fatal(err)
				case found != workload.SpansPerTrace:
					missing++
				}
			}
			said := s.stderr.String()
			t.Logf("%d files damaged; of %d traces %d are missing, %d are answered with an error", len(files), len(today), missing, failed)
			if missing+failed > 0 && !strings.Contains(said, "damaged") {
				t.Errorf("nothing in the log tells of it:\n%s", said)
			}
			for line := range strings.Lines(said) {
				if strings.Contains(line, "damaged") {
					t.Logf("it says: %s", line)
					break
				}
			}
			// What the options say weft does not need, and an old log or table nobody may need; all else is told, even if it does no harm.
			if last := files[len(files)-1]; test.pattern != "OPTIONS-*" && !strings.Contains(said, last) && !strings.Contains(said, filepath.Dir(last)+" is damaged") {
				t.Errorf("%s is not named:\n%s", last, said)
			}
			for _, path := range []string{"/api/services", "/api/weft/v1/search?q=", "/metrics"} {
				if code, body := s.get(path); code != http.StatusOK {
					t.Errorf("GET %s: %d: %.200s", path, code, body)
				}
			}
			s.terminate(t)
			if test.pattern == "*.log" {
				return // that the journal had what is missing nothing else has
			}
			s = start(t, dir)
			s.checkAll(t, g, today, workload.SpansPerTrace) // from the blocks, which are whole
			s.terminate(t)
		})
	}
}

// before makes a store with a partition of yesterday.
func before(t *testing.T, dir string, g *workload.Generator, from, to int64) (numbers []int64) {
	t.Helper()
	st, err := store.Open(store.Options{Dir: dir, Clock: func() time.Time { return time.Now().Add(-25 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	var d otlp.Decoder
	for at := from; at < to; at += 100 {
		body := g.AppendRequest(nil, at, at+100, nil)
		spans, rejected, reason, err := d.Traces(body)
		if rejected != 0 || err != nil {
			t.Fatal(rejected, reason, err)
		}
		if err := st.Write(t.Context(), &store.Batch{Spans: spans, Traces: body}); err != nil {
			t.Fatal(err)
		}
		for n := at; n < at+100; n++ {
			numbers = append(numbers, n)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return numbers
}

// newest returns the files of a pattern in the directory that was written last.
func newest(t *testing.T, dir, pattern string) []string {
	t.Helper()
	byDir := map[string][]string{}
	last, when := "", time.Time{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ok, _ := filepath.Match(pattern, d.Name()); !ok {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		parent := filepath.Dir(path)
		byDir[parent] = append(byDir[parent], path)
		if info.ModTime().After(when) {
			last, when = parent, info.ModTime()
		}
		return nil
	})
	if err != nil || last == "" {
		t.Fatalf("no file %s below %s (%v)", pattern, dir, err)
	}
	return byDir[last]
}

func flip(b []byte) []byte {
	r := rand.New(rand.NewPCG(1, uint64(len(b))))
	for range 1 + len(b)/2000 {
		b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
	}
	return b
}

func halve(b []byte) []byte { return b[:len(b)/2] }

// readyOrEnded waits until the server is ready, and reports false if it ended instead.
func (s *server) readyOrEnded(t testing.TB) bool {
	t.Helper()
	for range 1200 {
		if code, _ := s.get("/readyz"); code == http.StatusOK {
			return true
		}
		select {
		case <-s.exited:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("weft serve is neither ready nor ended after a minute\n%s", s.stderr)
	return false
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
