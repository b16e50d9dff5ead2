package store

import (
	"sync"
	"time"
)

// clockWatch notices when the clock jumps. Retention by age trusts the clock,
// and a clock that is wrong for a minute must not cost a week of data: after a
// jump forward, retention by age waits until the clock has gone on for a while.
//
// A machine that was asleep or off jumps, too. So a jump counts only from half
// of the retention on: a shorter one, if it is wrong, costs less than that.
type clockWatch struct {
	mu      sync.Mutex
	last    time.Time
	settled time.Time // retention by age waits until then
}

const clockSettle = time.Hour

// trusted reports whether retention by age may act. newest is the end of the
// newest partition before the current one, which is about where the clock was
// when the store was open last.
func (c *clockWatch) trusted(now, newest time.Time, maxAge time.Duration) (ok, jumped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	if last.IsZero() {
		last = newest
	}
	c.last = now
	if !last.IsZero() && now.Sub(last) > max(maxAge/2, clockSettle) {
		c.settled = now.Add(clockSettle)
		jumped = true
	}
	if now.Add(clockSettle).Before(c.settled) { // back again
		c.settled = time.Time{}
	}
	return !now.Before(c.settled), jumped
}

// sealEnded seals the partitions that are no longer written.
func (s *Store) sealEnded() {
	s.mu.Lock()
	var ended []*partition
	now := s.now()
	for _, p := range s.parts {
		if !p.mu.TryLock() { // somebody opens it, which may take long: the next round
			continue
		}
		ok := !p.sealed && p.damage == nil && !p.removed && p.db != nil
		p.mu.Unlock()
		if !ok || p.pending > 0 {
			continue
		}
		if p == s.current {
			if p.covers(now) || s.head != nil && s.head.part == p {
				continue
			}
			s.current = nil
		}
		ended = append(ended, p)
	}
	s.mu.Unlock()
	for _, p := range ended {
		if err := s.seal(p); err != nil && err.Error() != p.unsealed { // tried every second: on a full disk, for instance
			s.log.Warn("sealing a partition; it is tried again", "partition", p.path, "error", err)
			p.unsealed = err.Error()
		}
	}
}

// With retention by size, the current partition gives way to another one when
// it has that share of the size, at least that many bytes: what is written is
// never removed, so partitions must be small against the whole.
const (
	rollShare = 8
	rollLeast = 8 << 20
)

// retain applies the retention of the options.
func (s *Store) retain() { s.remove(s.o.Retention, s.o.MaxBytes) }

// remove removes the partitions that are past their age, and the oldest ones as
// long as the store is too big. It never removes the one that is written.
func (s *Store) remove(maxAge time.Duration, maxBytes int64) {
	now := s.o.Clock()
	s.mu.Lock()
	var newest time.Time
	for _, p := range s.parts {
		if p != s.current && p.end.After(newest) {
			newest = p.end
		}
	}
	trusted, jumped := s.clock.trusted(now, newest, maxAge)
	if jumped && maxAge > 0 {
		s.log.Warn("the clock went far forward: in case that it is wrong, retention by age waits for an hour", "now", now)
	}
	var total int64
	sizes := make([]int64, len(s.parts))
	if maxBytes > 0 {
		for i, p := range s.parts {
			sizes[i] = s.partitionSize(p)
			total += sizes[i]
			if p == s.current && sizes[i] > max(maxBytes/rollShare, rollLeast) {
				p.rolled = true
			}
		}
	}
	var gone []*partition
	keep := s.parts[:0:0]
	for i, p := range s.parts {
		removable := p != s.current && p.pending == 0 && p.mu.TryLock() // else somebody opens it: the next round
		if removable {
			removable = p.sealed || p.damage != nil
			p.mu.Unlock()
		}
		age := trusted && maxAge > 0 && now.Sub(p.ended(now, s.o.Partition)) > maxAge
		size := maxBytes > 0 && total > maxBytes
		if !removable || !age && !size {
			keep = append(keep, p)
			continue
		}
		total -= sizes[i]
		why := "it is past its age"
		if !age {
			why = "the store is too big"
		}
		s.log.Info("removing a partition", "partition", p.name, "why", why)
		gone = append(gone, p)
	}
	s.parts = keep
	s.mu.Unlock()
	for _, p := range gone {
		p.mu.Lock()
		p.removed = true
		idle := p.refs == 0
		p.mu.Unlock()
		if idle {
			s.discard(p)
		}
	}
}

// ended returns the time from which the age of a partition counts: its end, or
// when it was sealed, whichever is later, because its times are wrong if the
// clock was when it was made. A time in the future becomes now, once, so that
// it ages from then on. Called with Store.mu held.
func (p *partition) ended(now time.Time, width time.Duration) time.Time {
	if p.aged.IsZero() {
		p.aged = p.end
		if p.sealed {
			if t := time.Unix(0, p.summary.Sealed); t.After(p.aged) {
				p.aged = t
			}
		}
	}
	if p.aged.After(now.Add(width)) {
		p.aged = now
	}
	return p.aged
}

// partitionSize returns the bytes of a partition's directory. That of a sealed
// one does not change. Called with Store.mu held.
func (s *Store) partitionSize(p *partition) int64 {
	if p.sealed && p.summary.Bytes > 0 {
		return p.summary.Bytes
	}
	return dirSize(s.o.FS, p.path)
}

// discard closes a removed partition that nobody reads any more and removes its
// directory. The new name makes sure that what a crash leaves is not taken for
// a partition.
func (s *Store) discard(p *partition) {
	s.closeDB(p)
	to := p.path + doomed
	if err := s.o.FS.Rename(p.path, to); err != nil {
		s.log.Warn("removing a partition", "partition", p.path, "error", err)
		return
	}
	if err := s.o.FS.RemoveAll(to); err != nil {
		s.log.Warn("removing a partition", "partition", to, "error", err)
	}
	s.counters.removed.Add(1)
}
