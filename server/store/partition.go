package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"
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

	marked atomic.Bool // see mark

	unsealed string // the cutter's: why sealing failed last

	// Guarded by Store.mu.
	sealed   bool
	rolled   bool          // it is full: another one is to take its place before its time is over
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

// append appends what is in the file: the summary, and a line with its checksum.
func (m *summary) append(dst []byte) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	dst = append(append(dst, b...), '\n')
	return fmt.Appendf(dst, "%016x\n", xxhash.Sum64(dst)), nil
}

// parse reads the file. Stores of the first days have no checksum in it.
func (m *summary) parse(b []byte) error {
	line, sum, _ := bytes.Cut(b, []byte{'\n'})
	if want := xxhash.Sum64(b[:min(len(b), len(line)+1)]); len(sum) > 0 && string(sum) != fmt.Sprintf("%016x\n", want) {
		return errors.New("its checksum is wrong")
	}
	return json.Unmarshal(line, m)
}

const (
	sealedFile  = "SEALED"
	formatFile  = "FORMAT"
	lockFile    = "LOCK"
	dirTime     = "20060102T150405Z"
	doomed      = ".removed"
	partPrefix  = "p"
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
			if damagesIndex(err) && !s.readOnly {
				err = errors.Join(fmt.Errorf("%w; the next start of weft serve makes it anew", err), s.unseal(p))
			}
			p.damage = &DamageError{"partition " + p.path, err}
			s.damaged(p.damage)
			return nil, p.damage
		}
	}
	p.refs++
	p.used = s.uses.Add(1)
	return p.db, nil
}

// unseal makes the next start look after the partition.
func (s *Store) unseal(p *partition) error {
	if err := s.o.FS.Remove(s.o.FS.PathJoin(p.path, sealedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
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
		if err := errors.Join(p.db.Close(), p.guard.synced.end()); err != nil {
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
			err = errors.Join(err, p.db.Close(), p.guard.synced.end())
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
	b, err := sum.append(nil)
	if err == nil {
		err = writeFile(s.o.FS, p.path, sealedFile, b)
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
