package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

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
				s.damaged(fmt.Errorf("%s is damaged: %w; the next start that can write makes the partition's index anew", info.Path, info.Details))
				s.mark(l.p, fmt.Errorf("%s: %w", info.Path, info.Details))
			},
		},
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       6,
		LBaseMaxBytes:               8 << 20, // a cut's keys overlap the whole of that level: 64 MiB, the default, costs five times the compaction
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
const memTableSize = 16 << 20

// openDB opens the partition's database, or creates it. Called with p.mu held.
func (s *Store) openDB(p *partition, readOnly, create bool) error {
	stuck := make(chan error, 1)
	g := &guard{FS: s.o.FS, dir: p.path, waits: s.waits}
	if !create {
		if err := s.checkEnds(p, g, readOnly); err != nil {
			return err
		}
	}
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
			err = checkVersion(db, create)
			if err == nil && !readOnly && !g.synced.begun() {
				err = g.synced.begin(s.o.FS, p.path)
			}
			if err != nil {
				err = errors.Join(err, db.Close(), g.synced.end())
			}
		}
		opened <- result{db, err}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			g.synced.end()
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

// checkEnds prepares the check of Pebble's files while it reads them, and keeps
// the file SYNCED up to date from then on.
func (s *Store) checkEnds(p *partition, g *guard, readOnly bool) error {
	e, err := readSynced(s.o.FS, p.path)
	if err != nil {
		s.damaged(&DamageError{s.o.FS.PathJoin(p.path, syncedName), err})
	}
	g.opening = &opening{ends: e, keep: !s.readOnly, damaged: s.damaged}
	if err := missingLog(s.o.FS, p.path, e); err != nil {
		s.damaged(err)
		e.log, e.logEnd = 0, 0
	}
	if _, err := s.o.FS.Stat(s.o.FS.PathJoin(p.path, syncedName)); readOnly || err != nil {
		return nil // a partition without the file may be what a crash left of the making of one: it gets the file when it is one
	}
	g.synced.ends = e
	return g.synced.begin(s.o.FS, p.path)
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
		return fmt.Errorf("%w %d; this weft reads version %d: use the weft that wrote it, or a newer one", errVersion, version, formatVersion)
	}
	return nil
}

var errVersion = errors.New("format version")
