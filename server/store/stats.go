package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// counters count since Open.
type counters struct {
	spans      atomic.Int64
	duplicates atomic.Int64
	busy       atomic.Int64
	full       atomic.Int64
	groups     atomic.Int64
	cuts       atomic.Int64
	cutNanos   atomic.Int64
	unlisted   atomic.Int64
	removed    atomic.Int64

	pointsDropped atomic.Int64

	mu      sync.Mutex
	damages []string
	damaged int64
}

// maxDamages is how many damages Stats lists.
const maxDamages = 32

// damage counts a damage. It is false if the same was met before, or if there were too many.
func (c *counters) damage(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.damaged++
	text := err.Error()
	if len(c.damages) >= maxDamages || slices.Contains(c.damages, text) {
		return false
	}
	c.damages = append(c.damages, text)
	return true
}

// Damaged returns how many reads met damage since Open: a query that passed over
// some is between two different numbers.
func (s *Store) Damaged() int64 {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	return s.counters.damaged
}

// Writable returns nil if a Write may be tried, and otherwise why not: an
// ErrFull, ErrReadOnly or ErrClosed. Unlike Stats it waits for no lock and reads
// no directory, so it may be asked at any time.
func (s *Store) Writable() error {
	switch {
	case s.closed.Load() || s.readOnly || s.failing():
		return s.refusal()
	case s.waits.full() || s.room.low(s):
		return ErrFull
	}
	return nil
}

// Stats is the state of a store, for /metrics. Counters count since Open.
type Stats struct {
	Spans         int64 // acknowledged
	Duplicates    int64 // of those, spans that were there already
	Busy          int64 // batches refused with ErrBusy
	Full          int64 // batches refused with ErrFull
	PointsDropped int64 // metric points dropped because a partition has too many metrics
	Groups        int64 // writes of the journal; several batches share one

	Heads     int           // in memory, the current one included
	HeadSpans int           // in them
	HeadBytes int64         // their memory, about
	InFlight  int64         // bytes of batches that wait for the disk
	CutLag    time.Duration // age of the oldest head that waits to be cut
	Cuts      int64
	CutTime   time.Duration // all cuts together

	Partitions []PartitionStats // oldest first
	Removed    int64            // partitions that retention removed
	Unlisted   int64            // operations that the dictionary had no room for

	DiskFull bool     // writes are refused with ErrFull
	ReadOnly bool     // writes are refused with ErrReadOnly
	Failure  error    // why, if something went wrong while the store was open
	Damaged  int64    // reads that met damage
	Damages  []string // the first of them, each once
}

// PartitionStats is the state of a partition.
type PartitionStats struct {
	Name       string
	Start, End time.Time
	Spans      int64 // without those of the heads
	Segments   int   // 0 as long as a sealed partition was not read
	Bytes      int64 // of the directory
	MinStart   int64 // of a span; valid if there are spans
	MaxStart   int64
	Sealed     bool
	Open       bool
	Damage     error
}

// Stats returns the state of the store. It reads the directory's sizes; a few
// calls a minute cost nothing.
func (s *Store) Stats() Stats {
	c := &s.counters
	st := Stats{
		Spans: c.spans.Load(), Duplicates: c.duplicates.Load(), Busy: c.busy.Load(), Full: c.full.Load(), Groups: c.groups.Load(), PointsDropped: c.pointsDropped.Load(),
		Cuts: c.cuts.Load(), CutTime: time.Duration(c.cutNanos.Load()), Removed: c.removed.Load(), Unlisted: c.unlisted.Load(),
		InFlight: s.inFlight.Load(), DiskFull: s.waits.full() || s.room.below.Load(), ReadOnly: s.readOnly || s.failing(),
	}
	if err := s.failure.Load(); err != nil {
		st.Failure = *err
	}
	c.mu.Lock()
	st.Damaged, st.Damages = c.damaged, append([]string(nil), c.damages...)
	c.mu.Unlock()

	now := s.now()
	s.in.Lock()
	s.mu.RLock()
	for _, h := range s.heads {
		st.Heads++
		st.HeadSpans += h.view().Len()
		if h == s.head {
			st.HeadBytes += int64(h.builder.Size())
		} else {
			st.HeadBytes += int64(h.size)
			st.CutLag = max(st.CutLag, time.Duration(now-h.ended))
		}
	}
	s.in.Unlock()
	parts := slices.Clone(s.parts)
	for _, p := range parts {
		st.Partitions = append(st.Partitions, PartitionStats{
			Name: p.name, Start: p.start, End: p.end, Spans: p.summary.Spans, Segments: len(p.segments),
			MinStart: p.summary.MinStart, MaxStart: p.summary.MaxStart, Bytes: s.partitionSize(p), Sealed: p.sealed,
		})
	}
	s.mu.RUnlock()
	for i, p := range parts {
		p.mu.Lock() // not with s.mu held: opening a partition takes long
		st.Partitions[i].Open, st.Partitions[i].Damage = p.db != nil, p.damage
		p.mu.Unlock()
	}
	return st
}
