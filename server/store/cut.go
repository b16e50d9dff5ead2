package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/block"
)

// maxBlocks is the greatest number of blocks in a segment: a block's number has two bytes.
const maxBlocks = 1 << 16

// detach ends a head's time as the current one. Called with s.in and s.mu held.
func (s *Store) detach(h *head) {
	s.head = nil
	s.freeze(h)
	s.wakeCutter()
}

// freeze ends the taking of spans. What the aggregates counted since the last
// call is the head's.
func (s *Store) freeze(h *head) {
	h.view()
	h.frozen = true
	s.seen.swap()
	h.size, h.ended = h.builder.Size(), s.now()
	h.cells = s.agg.Swap()
}

func (s *Store) wakeCutter() {
	select {
	case s.cuts <- struct{}{}:
	default:
	}
}

// housekeeping is how often the cutter looks whether a head is old, or a
// partition past its retention, when nothing wakes it.
const housekeeping = time.Second

// cutter cuts heads in the order in which they were made, seals partitions and
// applies retention.
func (s *Store) cutter() {
	defer s.stopped.Done()
	t := time.NewTicker(housekeeping)
	defer t.Stop()
	for {
		select {
		case <-s.cuts:
		case <-t.C:
		case <-s.stop:
			return
		}
		s.detachFull()
		for s.cutNext() {
		}
		if s.failing() {
			return
		}
		s.sealEnded()
		s.retain()
		s.trim()
	}
}

// detachFull takes the current head out of use if it is full, old, or of a
// partition whose time is over.
func (s *Store) detachFull() {
	now := s.now()
	s.in.Lock()
	defer s.in.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.head
	if h == nil || h.builder.Len() == 0 || s.waiting() >= maxWaiting {
		return
	}
	if h.full(&s.o, now) || !h.part.covers(now) {
		s.detach(h)
	}
}

// flush cuts everything that is in memory.
func (s *Store) flush(ctx context.Context) error {
	s.in.Lock()
	s.mu.Lock()
	if s.head != nil {
		s.detach(s.head)
	}
	s.mu.Unlock()
	s.in.Unlock()
	for {
		s.mu.RLock()
		n, busy := s.waiting(), s.busy
		s.mu.RUnlock()
		if n == 0 {
			return nil
		}
		s.wakeCutter()
		select {
		case <-busy:
		case <-s.failed:
			return s.refusal()
		case <-s.waits.filled():
			return ErrFull
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waiting returns how many heads wait to be cut. Called with s.mu held.
func (s *Store) waiting() (n int) {
	for _, h := range s.heads {
		if h != s.head && !h.stuck {
			n++
		}
	}
	return n
}

// cutNext cuts the oldest head that takes no more spans. It reports whether there was one.
func (s *Store) cutNext() bool {
	s.mu.RLock()
	var h *head
	if i := slices.IndexFunc(s.heads, func(h *head) bool { return !h.stuck }); i >= 0 && s.heads[i] != s.head {
		h = s.heads[i]
	}
	s.mu.RUnlock()
	if h == nil || s.failing() {
		return false
	}
	h.writers.Wait()
	begin := time.Now()
	err := s.cut(h)
	if s.failing() {
		return false
	}
	if err != nil {
		// Not the disk but the data, or a mistake of ours: the journal stays, and the next start tries again.
		s.damaged(&DamageError{fmt.Sprintf("partition %s: the head of generation %d, kept in the journal,", h.part.path, h.gen), err})
	}
	s.counters.cuts.Add(1)
	s.counters.cutNanos.Add(int64(time.Since(begin)))
	s.mu.Lock()
	p := h.part
	if err == nil && h.segment.rows > 0 {
		p.segments = append(p.segments, h.segment)
		p.summary.add(h.segment)
	}
	s.heads = slices.DeleteFunc(slices.Clone(s.heads), func(o *head) bool { return o == h })
	p.pending--
	close(s.busy)
	s.busy = make(chan struct{})
	s.mu.Unlock()
	s.release(p)
	return true
}

func (m *summary) add(g segmentInfo) {
	m.Spans += int64(g.rows)
	m.MinStart, m.MaxStart = min(m.MinStart, g.min), max(m.MaxStart, g.max)
}

// cut writes a head's segment.
func (s *Store) cut(h *head) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cut: %v", r)
		}
	}()
	s.linking.Lock()
	defer s.linking.Unlock()
	p := h.part
	p.mu.Lock()
	db := p.db
	p.mu.Unlock()
	batch := db.NewBatch()
	defer batch.Close()
	set := func(k, v []byte) error { return batch.Set(k, v, nil) }
	if h.builder.Len() > 0 {
		file, err := createBlocks(p.guard, p.path, h.gen)
		if err != nil {
			return err
		}
		header, err := s.indexer.build(h.gen, &h.builder, s.o.BlockRows, file, set)
		if err = errors.Join(err, file.finish()); err != nil {
			return err
		}
		h.segment = header.info(h.gen)
		if err := set(segmentKey(nil, h.gen), header.append(nil)); err != nil {
			return err
		}
		if err := s.addOperations(p, db, s.indexer.postings.kinds, set); err != nil {
			return err
		}
	}
	if err := h.cells.Flush(func(k, v []byte) error { return batch.Merge(k, v, nil) }); err != nil {
		return err
	}
	lower, upper := journalBounds(h.gen)
	if err := batch.DeleteRange(lower, upper, nil); err != nil {
		return err
	}
	if err := s.commitCut(db, batch); err != nil {
		s.fail(err)
		return err
	}
	// The journal is gone from the memtable's contents with the flush: it never reaches a table.
	if _, err := db.AsyncFlush(); err != nil {
		s.log.Warn("flush after a cut", "partition", p.name, "error", err)
	}
	return nil
}

func (s *Store) commitCut(db *pebble.DB, batch *pebble.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cut: %v", r)
		}
	}()
	return db.Apply(batch, pebble.Sync)
}

// indexer makes the index of a segment. It is the cutter's alone, and reused.
type indexer struct {
	postings postingsBuilder
	tokens   tokensBuilder
	traces   []traceEntry
}

// traceEntry says that a trace has spans in blocks number first and following.
type traceEntry struct {
	low    uint64 // the low 8 bytes of the id
	first  uint16
	blocks uint16
}

// build writes the blocks to the file, calls set with the keys and values of
// the index, and returns the segment's header.
func (x *indexer) build(seg uint32, b *block.Builder, rows int, file *blocksWriter, set func(k, v []byte) error) (h segmentHeader, err error) {
	x.postings.reset()
	x.tokens.reset()
	x.traces = x.traces[:0]
	row := uint32(0)
	for part := range b.Parts(rows) {
		n := len(h.blocks)
		if n == maxBlocks {
			return h, fmt.Errorf("a head of %d spans has more than %d blocks", b.Len(), maxBlocks)
		}
		h.blocks = append(h.blocks, part.Block.Meta())
		h.firstRows = append(h.firstRows, row)
		row += uint32(part.Block.Len())
		if len(part.Data) > maxBlockSize {
			return h, fmt.Errorf("a block of %d bytes", len(part.Data))
		}
		h.sizes = append(h.sizes, uint32(len(part.Data)))
		if err := file.add(part.Data); err != nil {
			return h, err
		}
		if err := x.postings.add(part.Block, h.firstRows[n]); err != nil {
			return h, err
		}
		if err := x.tokens.add(part.Block, uint16(n)); err != nil {
			return h, err
		}
		if err := x.addTraces(part.Block, uint16(n)); err != nil {
			return h, err
		}
	}
	if err := x.encodeTraces(seg, set); err != nil {
		return h, err
	}
	if err := x.postings.encode(seg, set); err != nil {
		return h, err
	}
	x.tokens.finish(int(row), &h)
	if h.noTokens {
		return h, nil
	}
	return h, x.tokens.encode(seg, len(h.blocks), set)
}

func (x *indexer) addTraces(b *block.Block, n uint16) error {
	ids, err := b.TraceIDs()
	if err != nil {
		return err
	}
	for i := range ids {
		if i > 0 && ids[i] == ids[i-1] {
			continue
		}
		low := binary.BigEndian.Uint64(ids[i][8:])
		if k := len(x.traces) - 1; k >= 0 && x.traces[k].low == low && x.traces[k].first+x.traces[k].blocks == n {
			x.traces[k].blocks++ // goes on in this block
			continue
		}
		x.traces = append(x.traces, traceEntry{low, n, 1})
	}
	return nil
}

// encodeTraces writes the trace table: the value is the trace's block, or a
// list of pairs, a block and how many there are from it on.
func (x *indexer) encodeTraces(seg uint32, set func(k, v []byte) error) error {
	slices.SortStableFunc(x.traces, func(a, b traceEntry) int {
		switch {
		case a.low < b.low:
			return -1
		case a.low > b.low:
			return 1
		}
		return 0
	})
	var key, value []byte
	for i := 0; i < len(x.traces); {
		j := i
		for j < len(x.traces) && x.traces[j].low == x.traces[i].low {
			j++
		}
		value = value[:0]
		if j == i+1 && x.traces[i].blocks == 1 {
			value = binary.AppendUvarint(value, uint64(x.traces[i].first))
		} else {
			for _, t := range x.traces[i:j] {
				value = binary.AppendUvarint(value, uint64(t.first))
				value = binary.AppendUvarint(value, uint64(t.blocks))
			}
		}
		key = binary.BigEndian.AppendUint64(append(key[:0], keyTrace), x.traces[i].low)
		key = binary.BigEndian.AppendUint32(key, seg)
		if err := set(key, value); err != nil {
			return err
		}
		i = j
	}
	return nil
}

// parseTraceEntry calls yield with the numbers of the blocks that a value of the trace table names.
func parseTraceEntry(v []byte, yield func(block uint16)) error {
	r := reader{b: v}
	for len(r.b) > 0 {
		first, n := r.uvarint(), uint64(1)
		if len(r.b) > 0 {
			n = r.uvarint()
		}
		if r.bad || first+n > maxBlocks || n > maxBlocks {
			return errTraceEntry
		}
		for ; n > 0; n-- {
			yield(uint16(first))
			first++
		}
	}
	return nil
}

var errTraceEntry = errors.New("broken entry of the trace table")
