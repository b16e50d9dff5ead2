package store

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A partition holds what arrived in one span of time, by the server's clock,
// in a directory with one Pebble database. Only one partition is written at a
// time, the current one. A partition that is no longer written is sealed: its
// journal is empty, its summary is in the file SEALED, and it is opened for
// reading only, when it is asked for.
type partition struct {
	name  string // of its directory
	path  string
	seq   uint32    // partitions are numbered as they are made
	start time.Time // of the span of time
	end   time.Time

	mu       sync.Mutex
	db       *pebble.DB
	guard    *guard // db's file system
	refs     int
	used     uint64 // s.uses when it was last acquired
	readOnly bool   // opened for reading only
	removed  bool
	damage   error     // why it cannot be read
	metrics  metricSet // see putPoints

	// Guarded by Store.mu.
	sealed   bool
	segments []segmentInfo // ascending ids; append-only. Those of a sealed partition are loaded with it
	summary  summary
	gen      uint32             // the highest generation so far
	ops      map[operation]bool // in the dictionary; nil until the first cut
	aged     time.Time          // see ended
	pending  int                // heads that are not yet cut
}

// summary is what the file SEALED holds.
type summary struct {
	Spans    int64 `json:"spans"`
	Bytes    int64 `json:"bytes"`     // of the directory
	MinStart int64 `json:"min_start"` // the least and the greatest start of a span
	MaxStart int64 `json:"max_start"`
	Sealed   int64 `json:"sealed"` // when it was sealed, by the server's clock, nanoseconds since the Unix epoch
}

const (
	sealedFile  = "SEALED"
	formatFile  = "FORMAT"
	lockFile    = "LOCK"
	dirTime     = "20060102T150405Z"
	doomed      = ".removed"
	partPrefix  = "p"
	readmeFile  = "README"
	maxDictKeys = 20_000 // operations in one partition's dictionary
)

// partitionName is p, eight hex digits of the number, the start and the end in seconds.
func partitionName(seq uint32, start, end time.Time) string {
	return fmt.Sprintf("%s%08x-%s-%s", partPrefix, seq, start.UTC().Format(dirTime), end.UTC().Format(dirTime))
}

func parsePartitionName(name string) (seq uint32, start, end time.Time, ok bool) {
	f := strings.Split(name, "-")
	if len(f) != 3 || len(f[0]) != 9 || !strings.HasPrefix(f[0], partPrefix) {
		return 0, start, end, false
	}
	n, err := strconv.ParseUint(f[0][1:], 16, 32)
	if err != nil {
		return 0, start, end, false
	}
	if start, err = time.Parse(dirTime, f[1]); err != nil {
		return 0, start, end, false
	}
	if end, err = time.Parse(dirTime, f[2]); err != nil || !end.After(start) {
		return 0, start, end, false
	}
	return uint32(n), start, end, true
}

// overlaps reports whether spans that start in [from, to) may be in the
// partition. Called with Store.mu held.
func (p *partition) overlaps(from, to int64) bool {
	if p.sealed {
		return p.summary.MinStart < to && p.summary.MaxStart >= from
	}
	return true
}

// pebbleLogger passes Pebble's messages on.
type pebbleLogger struct {
	s *Store
	p *partition
	g *guard
}

func (l *pebbleLogger) Infof(string, ...any) {}
func (l *pebbleLogger) Errorf(format string, args ...any) {
	l.s.log.Warn("storage engine", "partition", l.p.name, "message", fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble goes on as if nothing had happened if it
// does. A goroutine stays here for good, its locks held; reads do not need
// them, and Open, Write and Close know that the partition has failed.
func (l *pebbleLogger) Fatalf(format string, args ...any) { l.g.die(fmt.Errorf(format, args...)) }

// pebbleOptions are those of every partition.
func (s *Store) pebbleOptions(g *guard, l *pebbleLogger) *pebble.Options {
	o := &pebble.Options{
		FS:        g,
		Cache:     s.cache,
		FileCache: s.files,
		Logger:    l,
		Merger:    s.merger(),
		EventListener: &pebble.EventListener{
			// The default ends the process. A read returns the error besides, and a compaction
			// leaves alone for a while what it could not read.
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.damaged(&DamageError{info.Path, info.Details})
			},
		},
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       4,
		LBaseMaxBytes:               64 << 20,
		MaxConcurrentDownloads:      func() int { return 1 },
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	for i := range o.Levels {
		o.Levels[i].BlockSize = 16 << 10
	}
	o.TargetFileSizes[0] = 8 << 20
	return o
}

// memTableSize holds the journal of a head and what its cut writes, so that a
// journal mostly dies in memory and is never written to a table.
const memTableSize = 8 << 20

// openDB opens the partition's database, or creates it. Called with p.mu held.
func (s *Store) openDB(p *partition, readOnly, create bool) error {
	stuck := make(chan error, 1)
	g := &guard{FS: s.o.FS, waits: s.waits}
	g.failed = func(err error, opening bool) {
		if opening {
			stuck <- err
		} else {
			s.fail(fmt.Errorf("partition %s: %w", p.path, err))
		}
	}
	o := s.pebbleOptions(g, &pebbleLogger{s, p, g})
	o.ReadOnly = readOnly
	o.ErrorIfExists, o.ErrorIfNotExists = create, !create // what is damaged is not to be taken for new
	type result struct {
		db  *pebble.DB
		err error
	}
	opened := make(chan result, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				opened <- result{nil, fmt.Errorf("%v", r)}
			}
		}()
		db, err := pebble.Open(p.path, o)
		if err == nil {
			if err = checkVersion(db, create); err != nil {
				err = errors.Join(err, db.Close())
			}
		}
		opened <- result{db, err}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			return r.err
		}
		if !g.state.CompareAndSwap(guardOpening, guardOpen) {
			return <-stuck
		}
		p.db, p.guard, p.readOnly = r.db, g, readOnly
		return nil
	case err := <-stuck:
		return err // what hangs, hangs for good, and changes nothing any more
	}
}

// checkVersion reads the version of the format that a partition has, or writes
// it into a new one.
func checkVersion(db *pebble.DB, create bool) error {
	if create {
		return db.Set([]byte{keyFormat}, binary.AppendUvarint(nil, formatVersion), pebble.Sync)
	}
	v, closer, err := db.Get([]byte{keyFormat})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil // a crash came between its making and the first write, or its manifest is damaged
	}
	if err != nil {
		return err
	}
	version, n := binary.Uvarint(v)
	closer.Close()
	if n <= 0 || version != formatVersion {
		return fmt.Errorf("format version %d; this weft reads version %d: use the weft that wrote it, or a newer one", version, formatVersion)
	}
	return nil
}

// acquire returns the partition's database, opening it if it is not open. The
// caller calls release when done with it.
func (s *Store) acquire(p *partition) (*pebble.DB, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.damage != nil {
		return nil, p.damage
	}
	if p.removed {
		return nil, fmt.Errorf("partition %s was removed: %w", p.name, errGone)
	}
	if p.db == nil {
		if err := s.openDB(p, true, false); err != nil {
			p.damage = &DamageError{"partition " + p.path, err}
			s.damaged(p.damage)
			return nil, p.damage
		}
	}
	p.refs++
	p.used = s.uses.Add(1)
	return p.db, nil
}

var errGone = errors.New("it was past its retention")

// release gives back what acquire returned.
func (s *Store) release(p *partition) {
	p.mu.Lock()
	p.refs--
	idle := p.refs == 0 && p.removed
	p.mu.Unlock()
	if idle {
		s.discard(p)
	}
}

// closeDB closes the database if nobody uses it.
func (s *Store) closeDB(p *partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.db != nil && p.refs == 0 && !s.failing() {
		if err := p.db.Close(); err != nil {
			s.log.Warn("closing a partition", "partition", p.name, "error", err)
		}
		p.db = nil
	}
}

// trim closes the sealed partitions that were not used for longest, so that no
// more than Options.MaxOpen are open.
func (s *Store) trim() {
	s.mu.RLock()
	parts := slices.DeleteFunc(slices.Clone(s.parts), func(p *partition) bool { return !p.sealed })
	s.mu.RUnlock()
	type idle struct { // a sealed partition that is open
		part *partition
		used uint64
	}
	var open []idle
	for _, p := range parts {
		p.mu.Lock()
		if p.db != nil {
			open = append(open, idle{p, p.used})
		}
		p.mu.Unlock()
	}
	slices.SortFunc(open, func(a, b idle) int { return cmp.Compare(a.used, b.used) })
	for len(open) > s.o.MaxOpen {
		s.closeDB(open[0].part)
		open = open[1:]
	}
}

// create makes a new, current partition for the time now. Called with s.mu held.
func (s *Store) create(now time.Time) (*partition, error) {
	start := now.UTC().Truncate(s.o.Partition)
	p := &partition{seq: s.nextSeq, start: start, end: start.Add(s.o.Partition)}
	p.summary = summary{MinStart: math.MaxInt64, MaxStart: math.MinInt64}
	p.name = partitionName(p.seq, p.start, p.end)
	p.path = s.o.FS.PathJoin(s.o.Dir, p.name)
	p.mu.Lock()
	defer p.mu.Unlock()
	err := s.openDB(p, false, true)
	if err == nil {
		err = syncDir(s.o.FS, s.o.Dir)
	}
	s.nextSeq++ // also after a failure: what it left is not to be in the way
	if err != nil {
		err = fmt.Errorf("make partition %s: %w", p.path, err)
		if p.db != nil {
			err = errors.Join(err, p.db.Close())
		}
		return nil, errors.Join(err, s.o.FS.RemoveAll(p.path))
	}
	s.parts = append(s.parts, p)
	return p, nil
}

// loadSegments reads the segments' headers.
func loadSegments(db pebble.Reader) (segments []segmentInfo, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{keySegment}, UpperBound: []byte{keySegment + 1}})
	if err != nil {
		return nil, err
	}
	for it.First(); it.Valid(); it.Next() {
		id, ok := parseSegmentKey(it.Key())
		if !ok {
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			it.Close()
			return nil, err
		}
		h, err := parseHeader(v)
		if err != nil {
			it.Close()
			return nil, fmt.Errorf("segment %d: %w", id, err)
		}
		segments = append(segments, h.info(id))
	}
	return segments, it.Close()
}

// seal ends the writing of a partition: it flushes it, writes its summary and
// closes it; the next reader opens it again, for reading only.
func (s *Store) seal(p *partition) error {
	p.mu.Lock()
	db := p.db
	p.mu.Unlock()
	if db != nil && !p.readOnly {
		if err := db.Flush(); err != nil {
			return fmt.Errorf("seal partition %s: %w", p.path, err)
		}
	}
	s.mu.Lock()
	sum := p.summary
	s.mu.Unlock()
	sum.Sealed = s.now()
	sum.Bytes = dirSize(s.o.FS, p.path)
	b, err := json.Marshal(sum)
	if err == nil {
		err = writeFile(s.o.FS, p.path, sealedFile, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("seal partition %s: %w", p.path, err)
	}
	s.mu.Lock()
	p.summary = sum
	p.ops = nil
	p.aged = time.Time{}
	p.sealed = true
	s.mu.Unlock()
	s.closeDB(p)
	return nil
}

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
