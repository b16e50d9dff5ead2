package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// A Batch is what one request brings. Write copies what it keeps, so that
// everything in it may be reused when Write has returned.
type Batch struct {
	Spans  []span.Span
	Traces []byte // the OTLP protobuf (ExportTraceServiceRequest) that Spans were decoded from; nil: Write makes one
	Logs   []span.Log
	Points []aggregate.Point
}

// busyWait is how long Write waits for a head to be cut before it returns ErrBusy.
const busyWait = 2 * time.Second

// The first byte of a journal record's value says what follows.
const recordTraces = 1 // OTLP protobuf of spans, compressed with S2

type buffers struct{ raw, packed []byte }

var bufferPool = sync.Pool{New: func() any { return new(buffers) }}

// free gives the buffers back, unless a huge request made them huge.
func (b *buffers) free() {
	if cap(b.raw)+cap(b.packed) <= 4<<20 {
		bufferPool.Put(b)
	}
}

// Write stores a batch. When it returns nil, the batch is on the disk (unless
// Options.NoSync) and every query finds it.
//
// It returns an error that is ErrBusy, ErrFull, ErrReadOnly or ErrClosed (by
// errors.Is), or ctx's. After an error the batch may or may not turn up later:
// a client that sends it again does not double its spans.
func (s *Store) Write(ctx context.Context, b *Batch) error {
	if len(b.Spans) == 0 && len(b.Logs) == 0 && len(b.Points) == 0 {
		return nil
	}
	s.life.RLock()
	defer s.life.RUnlock()
	if err := s.writable(); err != nil {
		return err
	}
	buf := bufferPool.Get().(*buffers)
	defer buf.free()
	var record []byte
	if len(b.Spans) > 0 {
		raw := b.Traces
		if raw == nil {
			buf.raw = otlp.AppendTraces(buf.raw[:0], b.Spans)
			raw = buf.raw
		}
		if len(raw) > maxRecord {
			return fmt.Errorf("store a batch of %d bytes: it has more than %d; send smaller ones", len(raw), maxRecord)
		}
		if n := 1 + s2.MaxEncodedLen(len(raw)); cap(buf.packed) < n {
			buf.packed = make([]byte, n)
		}
		buf.packed = buf.packed[:cap(buf.packed)]
		buf.packed[0] = recordTraces
		record = buf.packed[:1+len(s2.Encode(buf.packed[1:], raw))]
	}
	// Logs and points are encoded later; what they take on the way is about this much.
	size := int64(len(record)) + 256*int64(len(b.Logs)) + 128*int64(len(b.Points))
	if s.inFlight.Add(size) > s.o.InFlight && s.inFlight.Load() > size {
		s.inFlight.Add(-size)
		s.counters.busy.Add(1)
		return fmt.Errorf("store %d spans: %d bytes wait for the disk: %w", len(b.Spans), s.inFlight.Load(), ErrBusy)
	}

	c, err := s.take(ctx, b, record)
	if err != nil {
		s.inFlight.Add(-size)
		return err
	}
	c.size = size
	filled := s.waits.filled()
	if s.waits.full() {
		filled = closedChan
	}
	// The committer takes c even if nobody waits for it any more: a cut of its head waits for it.
	select {
	case s.commits <- c:
	case <-s.failed:
		s.inFlight.Add(-size)
		s.release(c.part)
		return s.refusal()
	}
	select {
	case err = <-c.done:
	case <-filled:
		select {
		case err = <-c.done:
		case <-time.After(time.Second):
			err = ErrFull
		}
	case <-s.failed:
		err = s.refusal()
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("store %d spans: %w", len(b.Spans), err)
	}
	s.counters.spans.Add(int64(len(b.Spans)))
	return c.refused
}

// putOthers puts logs and metric points into the commit. They need no journal:
// they are stored as they come.
func (s *Store) putOthers(c *commit, b *Batch) error {
	if err := s.putLogs(c.batch, b.Logs); err != nil {
		return err
	}
	fresh, dropped, err := s.putPoints(c.batch, c.db, c.part, b.Points)
	c.metrics = fresh
	s.counters.pointsDropped.Add(int64(dropped))
	return err
}

// maxRecord is the greatest request in bytes. A batch of Pebble's holds 4 GiB.
const maxRecord = 256 << 20

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// take adds a batch to the head and makes the commit that it becomes.
func (s *Store) take(ctx context.Context, b *Batch, record []byte) (*commit, error) {
	var timeout <-chan time.Time
	for {
		c, seq, wait, full, err := s.enter(b, record != nil)
		if err != nil {
			return nil, err
		}
		if wait == nil {
			if full {
				s.wakeCutter()
			}
			c.batch = c.db.NewBatchWithSize(len(record) + 64)
			if record != nil {
				// Cannot fail: batches fail only when they are used after their end.
				if err := c.batch.Set(journalKey(nil, c.head.gen, seq), record, nil); err != nil {
					return nil, err
				}
			}
			if err := s.putOthers(c, b); err != nil {
				if record == nil {
					c.batch.Close()
					s.release(c.part)
					return nil, err
				}
				// The spans are in the head, so they have to go on; the client hears of what did not.
				c.refused = err
			}
			return c, nil
		}
		if timeout == nil {
			t := time.NewTimer(busyWait)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-wait:
		case <-timeout:
			s.counters.busy.Add(1)
			return nil, fmt.Errorf("store %d spans: %d heads wait to be cut: %w", len(b.Spans), maxWaiting, ErrBusy)
		case <-s.failed:
			return nil, s.refusal()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// enter adds a batch to the current head, if it has spans. It returns the
// commit, the number of its journal record, and whether the head is full now;
// or what to wait for.
func (s *Store) enter(b *Batch, spans bool) (c *commit, seq uint32, wait <-chan struct{}, full bool, err error) {
	now := s.now()
	s.in.Lock()
	defer s.in.Unlock()
	defer func() {
		// A mistake of ours: the head may have half of a span, and a lock that stayed locked would stop everything.
		if r := recover(); r != nil {
			err = fmt.Errorf("add %d spans to the head: %v", len(b.Spans), r)
			s.fail(err)
		}
	}()
	h, wait, err := s.currentHead(now)
	if err != nil || wait != nil {
		return nil, 0, wait, false, err
	}
	c = &commit{part: h.part, done: make(chan error, 1)}
	if c.db, err = s.acquire(h.part); err != nil {
		return nil, 0, nil, false, err
	}
	if spans {
		s.counters.duplicates.Add(int64(h.add(b.Spans, s.seen, s.agg, now)))
		seq = h.seq
		h.seq++
		h.writers.Add(1)
		c.head = h
	}
	return c, seq, nil, h.full(&s.o, now), nil
}

// currentHead returns the head that takes spans now. If the current one is
// full and too many wait to be cut, it returns a channel to wait for instead.
// Called with s.in held.
func (s *Store) currentHead(now int64) (*head, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.head; h != nil {
		roll := !h.part.covers(now)
		if !roll && !h.full(&s.o, now) {
			return h, nil, nil
		}
		if h.builder.Len() == 0 && h.seq == 0 { // nothing to cut
			s.heads = s.heads[:len(s.heads)-1]
			h.part.pending--
			s.release(h.part)
		} else if s.waiting() >= maxWaiting {
			return nil, s.busy, nil
		}
		s.detach(h)
		if roll {
			s.current = nil
		}
	}
	h, err := s.newHead(now)
	return h, nil, err
}

// newHead makes a head the current one. Called with s.in and s.mu held.
func (s *Store) newHead(now int64) (*head, error) {
	p := s.current
	if p == nil || !p.covers(now) {
		var err error
		if p, err = s.create(time.Unix(0, now)); err != nil {
			if isFull(err) {
				err = fmt.Errorf("%w (%w)", ErrFull, err)
			}
			return nil, err
		}
		s.current = p
		s.agg.Roll()
		s.wakeCutter() // to seal the one before
	}
	if _, err := s.acquire(p); err != nil {
		return nil, err
	}
	p.gen++
	p.pending++
	h := &head{gen: p.gen, part: p, born: now}
	s.head = h
	s.heads = append(s.heads, h)
	return h, nil
}

// covers reports whether what arrives at that time goes into the partition.
// Called with Store.mu held.
func (p *partition) covers(now int64) bool {
	return !p.rolled && now >= p.start.UnixNano() && now < p.end.UnixNano()
}

// writable returns nil if a write may be tried.
func (s *Store) writable() error {
	err := s.Writable()
	if err == ErrFull {
		s.counters.full.Add(1)
	}
	return err
}

// refusal is why nothing can be written any more.
func (s *Store) refusal() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	if s.closed.Load() {
		return ErrClosed
	}
	return fmt.Errorf("%w: the directory %s cannot be written; check its permissions and mount options, then restart", ErrReadOnly, s.o.Dir)
}

// now is the time by the store's clock.
func (s *Store) now() int64 { return s.o.Clock().UnixNano() }

// roomGauge watches the free bytes of the disk, asking the system not more
// than four times a second.
type roomGauge struct {
	asked atomic.Int64 // by the process's own clock
	below atomic.Bool
}

var started = time.Now()

func (g *roomGauge) low(s *Store) bool {
	if s.o.Reserve < 0 {
		return false
	}
	now := int64(time.Since(started)) + 1
	last := g.asked.Load()
	if last != 0 && now-last < int64(250*time.Millisecond) || !g.asked.CompareAndSwap(last, now) {
		return g.below.Load()
	}
	u, err := s.o.FS.GetDiskUsage(s.o.Dir)
	if err != nil {
		return false // not known on this file system: the guard waits when it is full
	}
	reserve := uint64(s.o.Reserve)
	if reserve == 0 {
		reserve = min(u.TotalBytes/20, 128<<20)
	}
	low := u.AvailBytes < reserve
	g.below.Store(low)
	return low
}
