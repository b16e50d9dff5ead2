package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/block"
)

// When files of Pebble are damaged, the index of segments may be lost. Their
// blocks are in files of their own, and so the index can be made anew.

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
		err = errors.Join(err, s.unseal(p))
	}
	return err
}

// checkIndex opens a partition for reading only, before Pebble removes what it
// no longer knows, and returns errIndexLost if that would be much.
func (s *Store) checkIndex(p *partition) error {
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
	for _, id := range all {
		if !known[id] {
			return errIndexLost
		}
	}
	return nil
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
