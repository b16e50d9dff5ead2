package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/klauspost/compress/s2"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// openDir makes and locks the directory and checks its format.
func (s *Store) openDir() error {
	dir := s.o.Dir
	if err := makeDir(s.o.FS, dir); err != nil {
		return err
	}
	lock, unwritable := s.o.FS.Lock(s.o.FS.PathJoin(dir, lockFile))
	switch err := unwritable; {
	case err == nil:
		s.lock = lock
	case isLocked(err):
		return fmt.Errorf("%w; stop the other weft serve, or give this one another store.dir", ErrLocked)
	case isUnwritable(err):
		s.readOnly = true
		s.lock = noLock{}
	default:
		return err
	}
	if err := s.checkFormat(unwritable); err != nil {
		s.lock.Close()
		return err
	}
	if s.readOnly {
		s.log.Warn("the store's directory cannot be written: it is opened for reading", "dir", dir, "error", unwritable)
	}
	return nil
}

// userName returns who the process is, for messages about permissions.
func userName() string {
	id := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// isLocked reports whether err says that somebody has the lock. POSIX allows
// two errors for that, of which one also stands for missing permissions; those
// come from opening the file and name its path.
func isLocked(err error) bool {
	var path *fs.PathError
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) && !errors.As(err, &path) ||
		strings.Contains(err.Error(), "lock held by current process")
}

// isUnwritable reports whether err says that the place cannot be written.
func isUnwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// checkFormat reads the format's version, or writes it into a new directory. If
// that is not nil, the directory cannot be written.
func (s *Store) checkFormat(unwritable error) error {
	path := s.o.FS.PathJoin(s.o.Dir, formatFile)
	b, err := readFile(s.o.FS, path)
	if errors.Is(err, fs.ErrNotExist) {
		names, err := s.o.FS.List(s.o.Dir)
		if err != nil {
			return err
		}
		for _, n := range names {
			if n != lockFile && !strings.HasPrefix(n, formatFile) && !strings.HasPrefix(n, "lost+found") {
				return fmt.Errorf("the directory has a file %q but no file %s, so it is no store; give an empty directory", n, formatFile)
			}
		}
		if unwritable == nil {
			unwritable = writeFile(s.o.FS, s.o.Dir, formatFile, fmt.Appendf(nil, "weft store %d\n", formatVersion))
		}
		if isUnwritable(unwritable) {
			return fmt.Errorf("there is no store in it yet, and it cannot be written: %w; make it writable by user %s, or set store.dir to another directory", unwritable, userName())
		}
		return unwritable
	}
	if err != nil {
		return err
	}
	f := bytes.Fields(b)
	if len(f) != 3 || string(f[0]) != "weft" || string(f[1]) != "store" {
		return fmt.Errorf("%s does not name a format: %.40q; restore the directory from a backup", path, b)
	}
	if v, err := strconv.Atoi(string(f[2])); err != nil || v != formatVersion {
		return fmt.Errorf("the format is version %.20s; this weft reads version %d: use the weft that wrote it, or a newer one", f[2], formatVersion)
	}
	return nil
}

// recover finds the partitions and replays the journals.
func (s *Store) recover() error {
	if err := s.finishRebuilds(); err != nil {
		return err
	}
	names, err := s.o.FS.List(s.o.Dir)
	if err != nil {
		return err
	}
	slices.Sort(names) // by number
	now := s.o.Clock()
	horizon := now.Add(s.o.Partition)
	for _, name := range names {
		path := s.o.FS.PathJoin(s.o.Dir, name)
		if (strings.HasSuffix(name, doomed) || strings.HasSuffix(name, backupSuffix)) && !s.readOnly {
			if err := s.o.FS.RemoveAll(path); err != nil {
				s.log.Warn("removing an old partition", "partition", path, "error", err)
			}
			continue
		}
		seq, start, end, ok := parsePartitionName(name)
		if !ok {
			continue
		}
		if end.After(horizon) && end.Sub(start) < end.Sub(horizon) && !s.readOnly {
			// The clock was ahead when it was made. Retention would keep it until that time comes.
			width := end.Sub(start)
			start = now.UTC().Truncate(width)
			end = start.Add(width)
			to := partitionName(seq, start, end)
			s.log.Warn("a partition is from the future: the clock was set back; it now counts as of today", "partition", name, "renamed", to)
			if err := s.o.FS.Rename(path, s.o.FS.PathJoin(s.o.Dir, to)); err != nil {
				return err
			}
			if err := syncDir(s.o.FS, s.o.Dir); err != nil {
				return err
			}
			name, path = to, s.o.FS.PathJoin(s.o.Dir, to)
		}
		p := &partition{name: name, path: path, seq: seq, start: start, end: end}
		p.summary = summary{MinStart: math.MaxInt64, MaxStart: math.MinInt64}
		s.nextSeq = max(s.nextSeq, seq+1)
		s.parts = append(s.parts, p)
		if b, err := readFile(s.o.FS, s.o.FS.PathJoin(path, sealedFile)); err == nil {
			err = p.summary.parse(b)
			if err == nil && (s.readOnly || s.marked(p) == nil) {
				p.sealed = true
				continue
			}
			if err != nil {
				s.log.Warn("the summary of a partition is damaged: it is made anew", "file", s.o.FS.PathJoin(path, sealedFile), "error", err)
			}
			p.summary = summary{MinStart: math.MaxInt64, MaxStart: math.MinInt64}
		}
		s.rememberSealed(len(s.parts) - 2)
		if err := s.recoverPartition(p, now); err == errUnfinished {
			s.parts = s.parts[:len(s.parts)-1]
		} else if err != nil {
			p.damage = &DamageError{"partition " + path, err}
			s.damaged(p.damage)
		}
	}
	s.rememberSealed(len(s.parts) - 1)
	return nil
}

// recoverPartition opens a partition that was not sealed and replays its journal.
func (s *Store) recoverPartition(p *partition, now time.Time) error {
	var err error
	if !s.readOnly {
		if err = s.marked(p); err == nil {
			err = s.checkIndex(p)
		}
	}
	if err == nil {
		err = s.openPartition(p)
	}
	if damagesIndex(err) && !s.readOnly {
		if failed := s.rebuild(p, err); failed == nil {
			err = s.openPartition(p)
		} else if failed == errUnfinished {
			err = failed
		} else {
			err = fmt.Errorf("%w; making it anew: %w", err, failed)
		}
	}
	if err != nil {
		return err
	}
	for _, g := range p.segments {
		p.summary.add(g)
		p.gen = max(p.gen, g.id)
	}
	s.remember(p)
	current := !p.readOnly && p.covers(now.UnixNano())
	if current {
		if err := s.learnSeries(p.db); err != nil {
			return err
		}
	}
	if err := s.replay(p, now); err != nil {
		return err
	}
	if err := s.reindex(p, now); err != nil {
		return err
	}
	if current {
		s.current = p
	}
	return nil
}

// openPartition opens a partition that was not sealed and reads which segments it has.
func (s *Store) openPartition(p *partition) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err = s.openDB(p, s.readOnly, false)
	if !s.readOnly && (isFull(err) || isUnwritable(err)) {
		s.log.Warn("a partition cannot be written now: it is opened for reading", "partition", p.path, "error", err)
		err = s.openDB(p, true, false)
	}
	if err != nil {
		return err
	}
	if p.segments, err = loadSegments(p.db); err != nil {
		err = errors.Join(err, p.db.Close(), p.guard.synced.end())
		p.db = nil
	}
	return err
}

// remember puts the spans of the newest segments into seen, so that requests
// that are sent again after a restart are known, although a cut took them out
// of the journal before.
func (s *Store) remember(p *partition) {
	var newest []uint32
	for _, g := range p.segments[max(0, len(p.segments)-2):] {
		if g.rows <= 2*s.o.HeadSpans {
			newest = append(newest, g.id)
		}
	}
	s.rememberSegments(p, newest)
}

// rememberSealed does the same for a partition that was sealed, before the one
// after it is recovered: a request may have come just before a partition's end,
// and be sent again just after.
func (s *Store) rememberSealed(i int) {
	if i < 0 || !s.parts[i].sealed {
		return
	}
	segments, err := segmentFiles(s.o.FS, s.parts[i].path)
	if err != nil {
		return // whoever reads the partition reports it
	}
	s.rememberSegments(s.parts[i], segments[max(0, len(segments)-2):])
}

func (s *Store) rememberSegments(p *partition, segments []uint32) {
	for _, id := range segments {
		s.seen.swap()
		// Damage is met, and reported, by whoever reads the spans themselves.
		eachBlock(s.o.FS, s.o.FS.PathJoin(p.path, blocksName(id)), func(b *block.Block) error {
			traces, err := b.TraceIDs()
			if err != nil {
				return err
			}
			ids, err := b.IDs()
			if err != nil {
				return err
			}
			starts, err := b.Starts()
			if err != nil {
				return err
			}
			kinds, err := b.Kinds()
			if err != nil {
				return err
			}
			for i := range traces {
				s.seen.add(&span.Span{TraceID: traces[i], ID: ids[i], Start: starts[i], Kind: kinds[i]})
			}
			return nil
		})
	}
}

// replay makes heads of what is in a partition's journal.
func (s *Store) replay(p *partition, now time.Time) error {
	it, err := p.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyJournal}, UpperBound: []byte{keyJournal + 1}})
	if err != nil {
		return err
	}
	var h *head
	done := func() {
		if h != nil {
			s.freeze(h)
		}
	}
	// What is in the journal was acknowledged, whatever the limits are today. Spans without
	// valid ids were rejected when they came in; they are rejected again.
	dec := otlp.Decoder{Limits: otlp.NoLimits}
	records, spans := 0, 0
	for it.First(); it.Valid(); it.Next() {
		gen, seq, ok := parseJournalKey(it.Key())
		if !ok {
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			break
		}
		if h == nil || h.gen != gen {
			done()
			if _, err := s.acquire(p); err != nil {
				return errors.Join(err, it.Close())
			}
			h = &head{gen: gen, part: p, born: now.UnixNano(), stuck: p.readOnly}
			p.gen = max(p.gen, gen)
			p.pending++
			s.heads = append(s.heads, h)
		}
		h.seq = seq + 1
		got, err := decodeRecord(&dec, v)
		if err != nil {
			s.damaged(&DamageError{fmt.Sprintf("journal record %d of generation %d in partition %s", seq, gen, p.path), err})
			continue
		}
		h.add(got, s.seen, s.agg, now.UnixNano())
		records++
		spans += len(got)
	}
	done()
	if err := it.Close(); err != nil {
		return err
	}
	if records > 0 {
		s.log.Info("replayed the journal", "partition", p.name, "records", records, "spans", spans)
	}
	return nil
}

// decodeRecord decodes a journal record. What it returns is valid until the next call.
func decodeRecord(dec *otlp.Decoder, v []byte) ([]span.Span, error) {
	if len(v) == 0 || v[0] != recordTraces {
		return nil, errors.New("unknown kind of record")
	}
	if n, err := s2.DecodedLen(v[1:]); err != nil || n > maxRecord {
		return nil, fmt.Errorf("broken length")
	}
	raw, err := s2.Decode(nil, v[1:])
	if err != nil {
		return nil, err
	}
	spans, _, _, err := dec.Traces(raw)
	return spans, err
}
