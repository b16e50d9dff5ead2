package store

import (
	"errors"
	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/block"
)

// view is the store at one moment, for a query: what was cut before that
// moment is in parts, what was not is in heads, and nothing is in both.
type view struct {
	s     *Store
	heads []headView
	parts []partView // by number
	files map[fileAt]*blocksFile
}

type headView struct {
	head  *head
	block *block.Block
}

type partView struct {
	part     *partition
	db       *pebble.DB
	sealed   bool
	segments []segmentInfo // ascending; not to be changed
}

// view returns the heads and the partitions that may have spans that start in
// [from, to). The caller calls close when done.
func (s *Store) view(from, to int64) *view {
	v := &view{s: s}
	s.in.Lock()
	s.mu.RLock()
	for _, h := range s.heads {
		if b := h.view(); b.Len() > 0 {
			v.heads = append(v.heads, headView{h, b})
		}
	}
	s.in.Unlock()
	for _, p := range s.parts {
		if p.overlaps(from, to) {
			v.parts = append(v.parts, partView{part: p, sealed: p.sealed, segments: p.segments})
		}
	}
	s.mu.RUnlock()
	open := v.parts[:0]
	for _, pv := range v.parts {
		if v.open(&pv) {
			open = append(open, pv)
		}
	}
	v.parts = open
	return v
}

// open acquires a partition of the view. It is false if the partition is
// damaged or gone: the query does without it.
func (v *view) open(pv *partView) bool {
	db, err := v.s.acquire(pv.part)
	if err != nil {
		if !errors.Is(err, errGone) {
			v.s.damaged(err)
		}
		return false
	}
	pv.db = db
	if pv.segments == nil && pv.sealed {
		segments, err := loadSegments(db)
		if err == nil {
			err = v.s.checkSealed(pv.part, segments)
		}
		if err != nil {
			v.s.damaged(&DamageError{"the index of partition " + pv.part.path, err})
		}
		pv.segments = segments
		v.s.mu.Lock()
		pv.part.segments = segments
		v.s.mu.Unlock()
	}
	return true
}

func (v *view) close() {
	for _, f := range v.files {
		f.f.Close()
	}
	for _, p := range v.parts {
		v.s.release(p.part)
	}
}
