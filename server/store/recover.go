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
	lock, err := s.o.FS.Lock(s.o.FS.PathJoin(dir, lockFile))
	switch {
	case err == nil:
		s.lock = lock
	case isLocked(err):
		return fmt.Errorf("%w; stop the other weft serve, or give this one another store.dir", ErrLocked)
	case isUnwritable(err):
		s.readOnly = true
		s.lock = noLock{}
		s.log.Warn("the store's directory cannot be written: it is opened for reading", "dir", dir, "error", err)
	default:
		return err
	}
	if err := s.checkFormat(); err != nil {
		s.lock.Close()
		return err
	}
	return nil
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

// checkFormat reads the format's version, or writes it into a new directory.
func (s *Store) checkFormat() error {
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
		if s.readOnly {
			return nil
		}
		return writeFile(s.o.FS, s.o.Dir, formatFile, fmt.Appendf(nil, "weft store %d\n", formatVersion))
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
			if err := json.Unmarshal(b, &p.summary); err == nil {
				p.sealed = true
				continue
			}
			s.log.Warn("the summary of a partition cannot be read: it is made anew", "partition", path, "error", err)
		}
		if err := s.recoverPartition(p, now); err != nil {
			p.damage = &DamageError{"partition " + path, err}
			s.damaged(p.damage)
		}
	}
	return nil
}

// recoverPartition opens a partition that was not sealed and replays its journal.
func (s *Store) recoverPartition(p *partition, now time.Time) error {
	if !s.readOnly {
		if err := s.salvage(p); err != nil {
			return err
		}
	}
	p.mu.Lock()
	err := s.openDB(p, s.readOnly, false)
	if !s.readOnly && (isFull(err) || isUnwritable(err)) {
		s.log.Warn("a partition cannot be written now: it is opened for reading", "partition", p.path, "error", err)
		err = s.openDB(p, true, false)
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	p.segments, err = loadSegments(p.db)
	if err != nil {
		return errors.Join(err, p.db.Close())
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

// remember puts the spans of the newest segments into seen, so that requests
// that are sent again after a restart are known, although a cut took them out
// of the journal before.
func (s *Store) remember(p *partition) {
	for _, g := range p.segments[max(0, len(p.segments)-2):] {
		if g.rows > 2*s.o.HeadSpans {
			continue
		}
		s.seen.swap()
		// Damage is met, and reported, by whoever reads the spans themselves.
		eachBlock(s.o.FS, s.o.FS.PathJoin(p.path, blocksName(g.id)), func(b *block.Block) error {
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

// reindex makes heads of the segments whose index is lost: Pebble takes a
// damaged tail of its manifest for the end, and forgets what came after it.
func (s *Store) reindex(p *partition, now time.Time) error {
	known := map[uint32]bool{}
	for _, g := range p.segments {
		known[g.id] = true
	}
	for _, h := range s.heads {
		if h.part == p {
			known[h.gen] = true
		}
	}
	segs, err := lost(s.o.FS, p.path, func(id uint32) bool { return known[id] })
	if err != nil {
		return err
	}
	for _, id := range segs {
		path := s.o.FS.PathJoin(p.path, blocksName(id))
		if p.readOnly {
			s.damaged(&DamageError{path, errors.New("its index is lost; it is made anew by a start that can write")})
			continue
		}
		h := &head{gen: id, part: p, born: now.UnixNano()}
		err := eachBlock(s.o.FS, path, func(b *block.Block) error {
			rows := make([]uint32, b.Len())
			for i := range rows {
				rows[i] = uint32(i)
			}
			spans, err := b.Spans(rows)
			if err == nil {
				h.add(spans, s.seen, s.agg, now.UnixNano())
			}
			return err
		})
		if err != nil {
			// What could be read is indexed; the file stays as it is, for whoever can mend it.
			s.damaged(&DamageError{path, err})
			if err := s.o.FS.Rename(path, path+".damaged"); err != nil {
				return err
			}
		}
		n := h.builder.Len()
		s.freeze(h)
		if n > 0 {
			if err := s.cut(h); err != nil { // one after the other: there may be thousands
				return err
			}
			p.segments = append(p.segments, h.segment)
			p.summary.add(h.segment)
		}
		p.gen = max(p.gen, id)
		s.damaged(fmt.Errorf("the index of segment %d in partition %s was lost; it was made anew from its %d spans", id, p.path, n))
	}
	slices.SortFunc(p.segments, func(a, b segmentInfo) int { return cmp.Compare(a.id, b.id) })
	return nil
}

// checkSealed checks that a sealed partition has the index of all its
// segments. If not, it is no longer sealed: the next start makes the index anew.
func (s *Store) checkSealed(p *partition, segments []segmentInfo) error {
	known := map[uint32]bool{}
	for _, g := range segments {
		known[g.id] = true
	}
	segs, err := lost(s.o.FS, p.path, func(id uint32) bool { return known[id] })
	if err != nil || len(segs) == 0 {
		return err
	}
	err = fmt.Errorf("that of %d segments is lost; restart weft serve to make it anew", len(segs))
	if !s.readOnly {
		err = errors.Join(err, s.o.FS.Remove(s.o.FS.PathJoin(p.path, sealedFile)))
	}
	return err
}

// salvage links the files of a partition whose index is lost to a directory
// beside it, before Pebble, which no longer knows them, removes what is more
// than blocks: logs and metric points cannot be made anew.
func (s *Store) salvage(p *partition) error {
	all, err := lost(s.o.FS, p.path, func(uint32) bool { return false })
	if err != nil || len(all) == 0 {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := s.openDB(p, true, false); err != nil {
		return err
	}
	known, err := knownSegments(p.db)
	err = errors.Join(err, p.db.Close())
	p.db = nil
	if err != nil {
		return err
	}
	missing := 0
	for _, id := range all {
		if !known[id] {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	to := p.path + ".salvaged"
	s.damaged(fmt.Errorf("partition %s lost the index of %d segments; its files as they were found are in %s: logs and metrics that are missing now can only come from there or from a backup", p.path, missing, to))
	if _, err := s.o.FS.Stat(to); err == nil {
		return nil // an earlier start did it
	}
	return s.linkAll(p.path, to, func(string) bool { return true })
}

// knownSegments returns the segments that have a header or a journal.
func knownSegments(db pebble.Reader) (map[uint32]bool, error) {
	known := map[uint32]bool{}
	segments, err := loadSegments(db)
	if err != nil {
		return nil, err
	}
	for _, g := range segments {
		known[g.id] = true
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyJournal}, UpperBound: []byte{keyJournal + 1}})
	if err != nil {
		return nil, err
	}
	for ok := it.First(); ok; {
		gen, _, valid := parseJournalKey(it.Key())
		if !valid {
			ok = it.Next()
			continue
		}
		known[gen] = true
		_, upper := journalBounds(gen)
		ok = it.SeekGE(upper)
	}
	return known, it.Close()
}
