package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/s2"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/otlp"
)

// rebuiltSuffix ends the name of the directory in which a partition is made
// anew, salvagedSuffix that of the one in which it was found.
const (
	rebuiltSuffix  = ".rebuilt"
	salvagedSuffix = ".salvaged"

	markFile = "DAMAGED" // it is in a partition that the next start is to make anew
)

// errIndexLost: Pebble forgot segments, because its manifest says less than it did.
var errIndexLost = errors.New("the index of some segments is lost")

// errUnfinished: the partition was being made when a crash came, nothing was in it, and it was removed.
var errUnfinished = errors.New("unfinished")

// damagesIndex reports whether an error of opening a partition says that
// Pebble's files are damaged, and not that the disk fails, the process has no
// more files, or a newer weft wrote them.
func damagesIndex(err error) bool {
	var errno syscall.Errno
	switch {
	case err == nil || errors.Is(err, errVersion) || strings.Contains(err.Error(), "unknown format major version"):
		return false
	case errors.Is(err, fs.ErrNotExist):
		return true
	}
	return !errors.As(err, &errno)
}

// mark makes the next start make a partition anew, because a part of its index cannot be read.
func (s *Store) mark(p *partition, cause error) {
	if s.readOnly || !p.marked.CompareAndSwap(false, true) {
		return
	}
	if err := writeFile(s.o.FS, p.path, markFile, []byte(cause.Error()+"\n")); err != nil {
		s.log.Warn("marking a partition as damaged, for the next start to make it anew", "partition", p.path, "error", err)
	}
}

// marked returns an error if a partition is to be made anew.
func (s *Store) marked(p *partition) error {
	if b, err := readFile(s.o.FS, s.o.FS.PathJoin(p.path, markFile)); err == nil {
		return fmt.Errorf("when it was open last: %s", bytes.TrimSpace(b))
	}
	return nil
}

// rebuild makes a partition anew whose Pebble files are damaged: the journal,
// logs and metrics from every record and table that can be read, whether Pebble
// would still have read them or not. Which of them it would have is what nobody
// knows any more; but each of those entries stands for itself, and to have it
// from two places does no harm. All else, the index and the counts of calls, the
// caller makes anew from the blocks. The files stay as they are, in a directory
// beside it.
func (s *Store) rebuild(p *partition, cause error) error {
	// A database that is open waits for room, which nobody here can make.
	need := uint64(dirSize(s.o.FS, p.path)/2 + 4*memTableSize)
	if u, err := s.o.FS.GetDiskUsage(s.o.Dir); err == nil && u.AvailBytes < need {
		return fmt.Errorf("%d MiB are free, and up to %d may be needed: free some space and restart weft serve", u.AvailBytes>>20, need>>20)
	}
	s.log.Warn("a partition is made anew, which takes a while", "partition", p.path, "because", cause)
	tmp := p.path + rebuiltSuffix
	if err := s.o.FS.RemoveAll(tmp); err != nil {
		return err
	}
	if err := s.linkAll(p.path, tmp, func(name string) bool { return strings.HasSuffix(name, ".blocks") }); err != nil {
		return err
	}
	names, err := s.o.FS.List(p.path)
	if err != nil {
		return err
	}
	slices.Sort(names)

	q := &partition{name: p.name, path: tmp}
	q.mu.Lock()
	err = s.openDB(q, false, true)
	q.mu.Unlock()
	if err != nil {
		return err
	}
	c := &collector{s: s, part: q, db: q.db, batch: q.db.NewBatch()}
	for _, name := range names {
		path := s.o.FS.PathJoin(p.path, name)
		var err error
		if kind, number := engineFile(name); kind == logFile {
			err = c.log(path, number)
		} else if strings.HasSuffix(name, ".sst") {
			err = c.table(path)
		}
		if err != nil {
			// Or a crash came while it was written.
			s.log.Warn("a file of a damaged partition cannot be read to its end", "file", path, "error", err)
		}
	}
	err = c.flush(0)
	if err == nil {
		err = s.unite(q)
	}
	err = errors.Join(err, c.err)
	var kept [3]int
	if err == nil {
		for i, class := range collected {
			n, e := countKeys(q.db, class)
			kept[i], err = n, errors.Join(err, e)
		}
		err = errors.Join(err, q.db.Flush())
	}
	if err = errors.Join(err, q.db.Close(), q.guard.synced.end()); err != nil {
		return err
	}
	if kept == [3]int{} && !slices.Contains(names, syncedName) && !slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, ".blocks") }) {
		if err := errors.Join(s.o.FS.RemoveAll(p.path), s.o.FS.RemoveAll(tmp)); err != nil {
			return err
		}
		return errUnfinished
	}
	to := p.path + salvagedSuffix
	for n := 2; ; n++ {
		if _, err := s.o.FS.Stat(to); err != nil {
			break
		}
		to = fmt.Sprintf("%s%s%d", p.path, salvagedSuffix, n)
	}
	for _, step := range []func() error{
		func() error { return syncDir(s.o.FS, tmp) },
		func() error { return syncDir(s.o.FS, s.o.Dir) },
		func() error { return s.o.FS.Rename(p.path, to) },
		func() error { return syncDir(s.o.FS, s.o.Dir) },
		func() error { return s.o.FS.Rename(tmp, p.path) }, // see finishRebuilds
		func() error { return syncDir(s.o.FS, s.o.Dir) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	s.damaged(fmt.Errorf("partition %s is damaged: %w; it was made anew: spans from their blocks, %d entries of the journal, %d of logs and %d of metrics from what could be read of %d logs and tables; the files as they were found are in %s",
		p.path, cause, kept[0], kept[1], kept[2], c.files, to))
	return nil
}

// A collector puts what can be read of Pebble's files into another database.
type collector struct {
	s     *Store
	part  *partition
	db    *pebble.DB
	batch *pebble.Batch
	err   error // of writing

	files int // that were read
}

// collected are the classes of keys that nothing else can be made from.
var collected = [...]byte{keyJournal, keyLogs, byte(aggregate.Metrics)}

func countKeys(db *pebble.DB, class byte) (n int, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{class}, UpperBound: []byte{class + 1}})
	if err != nil {
		return 0, err
	}
	for it.First(); it.Valid(); it.Next() {
		n++
	}
	return n, it.Close()
}

// add adds an entry, if it is one that nothing else can be made from.
func (c *collector) add(key, value []byte) {
	if len(key) == 0 || slices.Index(collected[:], key[0]) < 0 || c.err != nil {
		return
	}
	if _, metric := aggregate.MetricIDOf(key); key[0] == byte(aggregate.Metrics) && !metric {
		c.err = c.batch.Merge(key, value, nil) // points: what several places have of them is united
	} else {
		c.err = c.batch.Set(key, value, nil)
	}
	if c.err == nil {
		c.err = c.flush(1 << 20)
	}
}

// flush commits what was added, if it is more than so many bytes.
func (c *collector) flush(size int) error {
	if c.batch.Len() <= size {
		return nil
	}
	if err := c.batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	c.batch = c.db.NewBatch()
	return nil
}

func (c *collector) log(path string, number uint64) error {
	f, err := c.s.o.FS.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer f.Close()
	c.files++
	_, err = readRecords(f, false, number, func(record []byte) {
		if len(record) < batchrepr.HeaderLen {
			return
		}
		for r := batchrepr.Read(record); ; {
			kind, key, value, ok, err := r.Next()
			if !ok || err != nil {
				return
			}
			if kind == pebble.InternalKeyKindSet || kind == pebble.InternalKeyKindMerge {
				c.add(key, value)
			}
		}
	})
	return err
}

func (c *collector) table(path string) (err error) {
	defer func() {
		if r := recover(); r != nil { // Pebble trusts what a checksum covers
			err = fmt.Errorf("%v", r)
		}
	}()
	f, err := c.s.o.FS.Open(path, vfs.RandomReadsOption)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	g := &guard{FS: c.s.o.FS, waits: c.s.waits}
	o := c.s.pebbleOptions(g, &pebbleLogger{c.s, c.part, g})
	o.EnsureDefaults()
	r, err := sstable.NewReader(context.Background(), readable, o.MakeReaderOptions())
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	defer r.Close()
	c.files++
	for _, class := range collected {
		it, e := r.NewIter(sstable.NoTransforms, []byte{class}, []byte{class + 1}, sstable.AssertNoBlobHandles)
		if e != nil {
			err = e
			continue
		}
		for kv := it.First(); kv != nil; kv = it.Next() {
			if k := kv.Kind(); k != pebble.InternalKeyKindSet && k != pebble.InternalKeyKindMerge && k != pebble.InternalKeyKindSetWithDelete {
				continue
			}
			value, _, e := kv.Value(nil)
			if e != nil {
				err = e
				break
			}
			c.add(kv.K.UserKey, value)
		}
		if e := it.Error(); e != nil {
			err = e
		}
		it.Close()
	}
	return err
}

// unite puts the blocks of the segments that also have a journal into that, and
// removes them: nobody knows any more which of the two has all of the
// generation's spans. Replaying drops those that are there twice.
func (s *Store) unite(p *partition) error {
	known, err := knownSegments(p.db)
	if err != nil {
		return err
	}
	all, err := lost(s.o.FS, p.path, func(id uint32) bool { return !known[id] })
	if err != nil {
		return err
	}
	for _, gen := range all {
		path := s.o.FS.PathJoin(p.path, blocksName(gen))
		seq := ^uint32(0) // from the end on, where no request ever was
		err := eachBlock(s.o.FS, path, func(b *block.Block) error {
			rows := make([]uint32, b.Len())
			for i := range rows {
				rows[i] = uint32(i)
			}
			spans, err := b.Spans(rows)
			if err != nil {
				return err
			}
			record := append([]byte{recordTraces}, s2.Encode(nil, otlp.AppendTraces(nil, spans))...)
			err = p.db.Set(journalKey(nil, gen, seq), record, pebble.NoSync)
			seq--
			return err
		})
		if err != nil {
			s.log.Warn("a file of blocks cannot be read to its end; the journal may have what comes then", "file", path, "error", err)
		}
		if err := s.o.FS.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// finishRebuilds puts partitions that were made anew in their place, if a crash
// came before that, and removes what a crash left half made.
func (s *Store) finishRebuilds() error {
	names, err := s.o.FS.List(s.o.Dir)
	if err != nil || s.readOnly {
		return err
	}
	for _, name := range names {
		place, ok := strings.CutSuffix(name, rebuiltSuffix)
		if !ok {
			continue
		}
		made := s.o.FS.PathJoin(s.o.Dir, name)
		if slices.Contains(names, place) {
			err = errors.Join(err, s.o.FS.RemoveAll(made))
		} else {
			err = errors.Join(err, s.o.FS.Rename(made, s.o.FS.PathJoin(s.o.Dir, place)), syncDir(s.o.FS, s.o.Dir))
		}
	}
	return err
}
