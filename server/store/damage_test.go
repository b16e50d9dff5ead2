package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
)

// clone is a copy of a file system, as if the process had been killed. What a test does to it, it does not do to the first one.
func clone(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// overwrite replaces a file's content.
func overwrite(t *testing.T, fs vfs.FS, path string, data []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write(slices.Clone(data)) // with the race detector on it overwrites what it is given
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// engineFiles returns the paths of the only partition's files of a kind, the newest last.
func engineFiles(t *testing.T, fs vfs.FS, kind engineKind) (dir string, paths []string) {
	t.Helper()
	names, err := fs.List("store")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if _, _, _, ok := parsePartitionName(n); ok {
			dir = fs.PathJoin("store", n)
		}
	}
	if names, err = fs.List(dir); err != nil {
		t.Fatal(err)
	}
	newest := uint64(0)
	for _, n := range names {
		if k, number := engineFile(n); k == kind {
			if number > newest {
				newest = number
				paths = append(paths, fs.PathJoin(dir, n))
			} else {
				paths = append([]string{fs.PathJoin(dir, n)}, paths...)
			}
		}
	}
	return dir, paths
}

func content(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
		t.Fatal(err)
	}
	return b
}

// stored is what a test wrote into a store.
type stored struct {
	o      Options
	spans  []span.Span
	logs   int // records of one trace
	points int // of one gauge
}

var damageTrace = span.TraceID{1, 15: 1}

// fill writes requests of spans, logs and points, cuts what it wrote so far after each of the first ones, and ends when
// so many bytes of the newest log were synced.
func fill(t *testing.T, mem *vfs.MemFS, cuts int, journal uint64) (*Store, *stored) {
	t.Helper()
	clock := newTestClock()
	o := Options{Dir: "store", FS: mem, Clock: clock.now, Logger: quiet, Reserve: -1, BlockRows: 50, HeadSpans: 1 << 20}
	s, w := open(t, o), &stored{o: o}
	g := newGen(1, 2000)
	scope := &span.Scope{Name: "log/slog"}
	for i := 0; ; i++ {
		b := &Batch{Spans: g.batch(1 + int(g.r.Int64N(15)))}
		w.logs++
		b.Logs = []span.Log{{TraceID: damageTrace, Time: genBase + int64(w.logs), Body: span.StringValue(fmt.Sprint("message ", w.logs)), Resource: b.Spans[0].Resource, Scope: scope}}
		b.Points = []aggregate.Point{gauge(1, genBase+int64(w.points)*1e9, int64(w.points))}
		w.points++
		if err := s.Write(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		w.spans = append(w.spans, b.Spans...)
		if i < cuts {
			if err := s.flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		dir, _ := engineFiles(t, mem, logFile)
		if e, err := readSynced(mem, dir); err != nil {
			t.Fatal(err)
		} else if i >= cuts && e.logEnd >= journal {
			return s, w
		}
	}
}

// told is what a store said and had after something was damaged.
type told struct {
	spans, logs, points int // missing
	damages             []string
	log                 string
}

func (a told) missing() int { return a.spans + a.logs + a.points }

// names reports whether a message names the file.
func (a told) names(path string) bool {
	return slices.ContainsFunc(a.damages, func(d string) bool { return strings.Contains(d, path) })
}

// reopen opens a store of which something was damaged.
func (w *stored) reopen(t *testing.T, fs vfs.FS) (a told) {
	t.Helper()
	var log syncBuffer
	o := w.o
	o.FS, o.Logger = fs, slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	found := map[identity]int{}
	for _, sp := range scanAll(t, s, Selection{}, func(*span.Span) bool { return true }) {
		found[identify(&sp)]++
	}
	for i := range w.spans {
		switch n := found[identify(&w.spans[i])]; n {
		case 0:
			a.spans++
		case 1:
		default:
			t.Errorf("span %s is there %d times", w.spans[i].ID, n)
		}
	}
	checkCounts(t, s)
	ctx := context.Background()
	logs, err := s.Logs(ctx, damageTrace)
	if err != nil {
		t.Error(err)
	}
	lines, err := s.Points(ctx, aggregate.PointSelection{Name: "go.goroutine.count", From: genBase - 1e9, To: genBase + 3600e9})
	if err != nil {
		t.Error(err)
	}
	a.logs, a.points = w.logs-len(logs), w.points
	for _, l := range lines {
		a.points -= len(l.Points)
	}
	a.damages = s.Stats().Damages
	more := newGen(77, 10).batch(3)
	write(t, s, more)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	o.Logger = quiet
	s = open(t, o)
	checkTraces(t, s, more)
	checkCounts(t, s)
	if d := s.Stats().Damages; d != nil {
		t.Errorf("the second start tells of damage, too: %q; the first one: %q", d, a.damages)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	a.log = log.String()
	return a
}

// rounds is how many times a test damages something.
func rounds(n int) int {
	if testing.Short() {
		return max(3, n/12)
	}
	return n
}

// TestLogDamage damages the logs of a store that was killed, or closed: a flip of any bit of what was synced is told, with the file
// and the place, and costs no more than the block that it hits; what is behind may be anything, and costs nothing.
func TestLogDamage(t *testing.T) {
	for name, closed := range map[string]bool{"killed": false, "closed": true} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			s, w := fill(t, mem, 3, 100_000)
			if closed {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			whole := clone(mem)
			if a := w.reopen(t, clone(whole)); a.missing() != 0 || a.damages != nil {
				t.Fatalf("before: %+v", a)
			}
			dir, logs := engineFiles(t, whole, logFile)
			if !closed { // else it is empty: closing cuts, and a cut flushes
				testNewestLog(t, w, whole, dir, logs[len(logs)-1])
			}
			r := rand.New(rand.NewPCG(9, 9))
			for _, path := range logs { // Pebble may need them no more
				data := content(t, whole, path)
				if len(data) == 0 {
					continue
				}
				told := 0
				for range rounds(30) {
					fs := clone(whole)
					bad := slices.Clone(data)
					bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
					overwrite(t, fs, path, bad)
					a := w.reopen(t, fs)
					if a.missing() > 0 && !a.names(path) {
						t.Errorf("a flip in %s: %+v", path, a)
					}
					if a.names(path) {
						told++
					}
				}
				t.Logf("%s: %d of %d flips in %d bytes are told", path, told, rounds(30), len(data))
			}
		})
	}
}

func testNewestLog(t *testing.T, w *stored, whole *vfs.MemFS, dir, path string) {
	e, err := readSynced(whole, dir)
	data := content(t, whole, path)
	end := int(e.logEnd)
	if _, number := engineFile(path[len(dir)+1:]); err != nil || end < 2*chunkBlock || end > len(data) || e.log != number {
		t.Fatalf("%s is synced up to %+v of %d bytes, %v; want some blocks", path, e, len(data), err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	lost := told{}
	for range rounds(120) {
		at, bit := r.IntN(end), r.IntN(8)
		fs := clone(whole)
		bad := slices.Clone(data)
		bad[at] ^= 1 << bit
		overwrite(t, fs, path, bad)
		a := w.reopen(t, fs)
		lost.spans, lost.logs, lost.points = lost.spans+a.spans, lost.logs+a.logs, lost.points+a.points
		if padded(data[:end], at) {
			continue
		}
		if !a.names(path) || !strings.Contains(a.log, "lost: ") {
			t.Errorf("bit %d of byte %d of %d: nobody was told: %+v", bit, at, end, a)
		}
		if a.missing() > 0 && strings.Contains(a.log, "lost: nothing") {
			t.Errorf("byte %d of %d: %+v", at, end, a)
		}
		if a.logs > 25 {
			t.Errorf("byte %d of %d: too much is missing: %+v", at, end, a)
		}
		if string(content(t, fs, path+damagedSuffix)) != string(bad) {
			t.Error("the file as it was is not kept")
		}
	}
	t.Logf("flips in %d bytes: of %d requests each with %d spans, a log and a point, %d, %d and %d are lost by all flips together", end, w.logs, len(w.spans)/w.logs, lost.spans, lost.logs, lost.points)
	for range rounds(30) {
		fs := clone(whole)
		bad := slices.Clone(data[:end])
		for range r.IntN(3 * chunkBlock) {
			bad = append(bad, byte(r.IntN(256)))
		}
		overwrite(t, fs, path, bad)
		if a := w.reopen(t, fs); a.missing() != 0 || a.damages != nil {
			t.Errorf("%d bytes of garbage behind the end: %+v", len(bad)-end, a)
		}
	}
	for range rounds(30) {
		at := r.IntN(end)
		fs := clone(whole)
		overwrite(t, fs, path, data[:at])
		if a := w.reopen(t, fs); !a.names(path) {
			t.Errorf("cut off at %d of %d: %+v", at, end, a)
		}
	}
	fs := clone(whole)
	if err := fs.Remove(path); err != nil {
		t.Fatal(err)
	}
	if a := w.reopen(t, fs); !a.names(path) || a.missing() == 0 {
		t.Errorf("gone: %+v", a)
	}
}

// TestOldLogDamage damages a log that is not the newest and was not flushed: it was closed, so there is no part of it that may be missing.
func TestOldLogDamage(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s, w := fill(t, mem, 0, 1000)
	_, logs := engineFiles(t, mem, logFile)
	path := logs[len(logs)-1]
	for g := newGen(2, 2000); logs[len(logs)-1] == path; _, logs = engineFiles(t, mem, logFile) {
		b := g.batch(10)
		write(t, s, b)
		w.spans = append(w.spans, b...)
	}
	killed := clone(mem)
	if a := w.reopen(t, clone(killed)); a.missing() != 0 || a.damages != nil {
		t.Fatalf("before: %+v", a)
	}
	data := content(t, killed, path)
	end := len(bytes.TrimRight(data, "\x00"))
	r := rand.New(rand.NewPCG(21, 22))
	check := func(what string, bad []byte) {
		t.Helper()
		fs := clone(killed)
		overwrite(t, fs, path, bad)
		if a := w.reopen(t, fs); !a.names(path) || a.missing() > 0 && strings.Contains(a.log, "lost: nothing") {
			t.Errorf("%s of %d: %+v", what, end, a)
		}
	}
	for range rounds(40) {
		at := r.IntN(end)
		if bad := slices.Clone(data); !padded(data, at) {
			bad[at] ^= 1 << r.IntN(8)
			check(fmt.Sprint("byte ", at), bad)
		}
	}
	for range rounds(20) {
		at := r.IntN(end)
		check(fmt.Sprint("cut off at ", at), data[:at])
	}
	check("empty", nil)
	t.Logf("%d bytes of %s, %d spans", end, path, len(w.spans))
}

// padded reports whether a byte of a log is part of no chunk.
func padded(log []byte, at int) bool {
	for i := at; ; i++ {
		if i%chunkBlock == 0 && i > at {
			return true
		}
		if i == len(log) || log[i] != 0 || at%chunkBlock < chunkBlock-promiseHeader {
			return false
		}
	}
}
