package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/aggregate"
)

// ErrTooMany: a query would return more than fits into memory. Its caller
// should ask for less.
var ErrTooMany = errors.New("too much to return at once: choose a larger step, a shorter range of time or fewer series")

const (
	maxSeriesBuckets = 50_000 // buckets that Series returns, some 500 bytes each
	maxPoints        = 200_000
)

// merger merges the aggregates of a partition. What is corrupt is left out and
// reported.
func (s *Store) merger() *pebble.Merger {
	report := func(key []byte, err error) {
		s.damaged(&DamageError{"a count of calls or a metric under the key " + hex.EncodeToString(key), err})
	}
	return &pebble.Merger{
		Name: aggregate.MergerName,
		Merge: func(key, value []byte) (pebble.ValueMerger, error) {
			return aggregate.NewMerger(key, value, report), nil
		},
	}
}

// learnSeries tells the aggregator which series a partition has that is opened
// for writing again: they count against its limits. Called with s.in held, or
// while the store is opened.
func (s *Store) learnSeries(db *pebble.DB) error {
	for _, class := range []aggregate.Class{aggregate.Operations, aggregate.Edges} {
		coarsest := []byte{byte(class), byte(len(aggregate.Levels) - 1)}
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: coarsest, UpperBound: successor(coarsest)})
		if err != nil {
			return err
		}
		for it.First(); it.Valid(); it.Next() {
			s.agg.Learn(it.Key())
		}
		if err := it.Close(); err != nil {
			return err
		}
	}
	return nil
}

// A cellReader visits the cells of series, those that are cut and those that
// are not: each call that was counted exactly once.
type cellReader struct {
	class    aggregate.Class
	reads    []aggregate.Read // ascending, not overlapping
	services []string         // that the keys of the series begin with, sorted; empty: all
	cut      bool             // only what is cut
	visit    func(series string, start int64, c *aggregate.Cell) error
}

// An edge begins where its client's span does, which may have arrived in the
// partition before: partitions near the range are looked into, too.
const startSlack = int64(time.Hour)

func (s *Store) readCells(ctx context.Context, r *cellReader) (err error) {
	if s.closed.Load() {
		return ErrClosed
	}
	if len(r.reads) == 0 {
		return nil
	}
	from, to := r.reads[0].From, r.reads[len(r.reads)-1].To
	cells := func(c *aggregate.Cells) {
		if r.cut {
			return
		}
		c.Each(r.class, from, to, func(series string, start int64, c *aggregate.Cell) {
			if err == nil && r.wants(series) {
				err = r.visit(series, start, c)
			}
		})
	}
	type source struct {
		part *partition
		db   pebble.Reader
	}
	var sources []source
	var rest []*partition
	defer func() {
		for _, o := range sources {
			if snap, ok := o.db.(*pebble.Snapshot); ok {
				snap.Close()
			}
			s.release(o.part)
		}
	}()

	// One moment for all that changes: the live cells, the heads that wait for their
	// cut, and the partitions into which they will be cut.
	s.in.Lock()
	s.mu.RLock()
	cells(s.agg.Cells())
	var frozen []*head
	for _, h := range s.heads {
		if h != s.head {
			frozen = append(frozen, h)
		}
	}
	for _, p := range s.parts {
		if p.pending == 0 {
			if p.overlaps(sub(from, startSlack), sub(to, -startSlack)) {
				rest = append(rest, p)
			}
		} else if db, e := s.acquire(p); e == nil {
			sources = append(sources, source{p, db.NewSnapshot()})
		}
	}
	s.mu.RUnlock()
	s.in.Unlock()

	for _, h := range frozen {
		// It is still in the list, though its cut may have been committed before the
		// snapshot was taken: then it is there.
		if i := slices.IndexFunc(sources, func(o source) bool { return o.part == h.part }); i >= 0 {
			_, closer, e := sources[i].db.Get(segmentKey(nil, h.gen))
			if e == nil {
				closer.Close()
				continue
			}
		}
		if h.cells != nil {
			cells(h.cells)
		}
	}
	for _, p := range rest {
		if db, e := s.acquire(p); e == nil { // damage is reported where it is found
			sources = append(sources, source{p, db})
		}
	}
	for _, o := range sources {
		for _, read := range r.reads {
			if err == nil && read.From < read.To {
				err = r.read(ctx, s, o.part, o.db, read)
			}
		}
	}
	return err
}

// wants reports whether a series is of one of the services.
func (r *cellReader) wants(series string) bool {
	if len(r.services) == 0 {
		return true
	}
	i, ok := slices.BinarySearchFunc(r.services, series, comparePrefix)
	return ok && i < len(r.services)
}

// comparePrefix compares a service with the one that a series begins with.
func comparePrefix(service, series string) int {
	n := min(len(service), len(series))
	if c := cmp.Compare(service, series[:n]); c != 0 || n < len(service) {
		return cmp.Or(c, 1)
	}
	if n < len(series) && series[n] == 0 {
		return 0
	}
	return -1 // the series' service goes on
}

// read visits what a partition has in one range and level.
func (r *cellReader) read(ctx context.Context, s *Store, p *partition, db pebble.Reader, read aggregate.Read) error {
	level := aggregate.Levels[read.Level]
	it, err := db.NewIter(&pebble.IterOptions{
		LowerBound: aggregate.AppendWindow(nil, r.class, read.Level, read.From),
		UpperBound: successor(aggregate.AppendWindow(nil, r.class, read.Level, read.To-1)),
	})
	if err != nil {
		return err
	}
	defer it.Close()
	var scratch aggregate.Cell
	var seek []byte
	n := 0
	for ok := it.First(); ok; {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		_, start, series, err := aggregate.ParseKey(it.Key())
		if err != nil {
			s.damaged(&DamageError{"partition " + p.path, err})
			ok = it.Next()
			continue
		}
		name := string(series)
		if !r.wants(name) {
			// On to the next service that is wanted, or to the next window.
			window := it.Key()[:len(it.Key())-len(series)]
			i, _ := slices.BinarySearchFunc(r.services, name, comparePrefix)
			if i < len(r.services) {
				seek = append(append(append(seek[:0], window...), r.services[i]...), 0)
			} else {
				seek = append(seek[:0], successor(window)...)
			}
			ok = it.SeekGE(seek)
			continue
		}
		value, err := it.ValueAndErr()
		if err == nil {
			var visitErr error
			err = aggregate.EachCell(value, &scratch, func(bucket int, c *aggregate.Cell) {
				at := start + int64(bucket)*int64(level.Step)
				if at >= read.From && at < read.To && visitErr == nil {
					visitErr = r.visit(name, at, c)
				}
			})
			if visitErr != nil {
				return visitErr
			}
		}
		if err != nil { // the others are worth showing
			s.damaged(&DamageError{fmt.Sprintf("the series %q in partition %s", name, p.path), err})
		}
		ok = it.Next()
	}
	return it.Error()
}

// lend calls visit with the minutes around what r has read in buckets of 10 s,
// for the traces that these have not.
func (s *Store) lend(ctx context.Context, r *cellReader, visit func(series string, start int64, c *aggregate.Cell)) error {
	minute := int64(aggregate.Levels[1].Step)
	minutes := &cellReader{class: r.class, services: r.services, cut: true}
	minutes.visit = func(series string, start int64, c *aggregate.Cell) error {
		visit(series, start, c)
		return nil
	}
	for _, read := range r.reads {
		if read.Level == 0 {
			to := read.To - read.To%minute
			if to < read.To && to < math.MaxInt64-minute { // else it is the end of time
				to += minute
			}
			minutes.reads = append(minutes.reads, aggregate.Read{Level: 1, From: read.From - read.From%minute, To: to})
		}
	}
	return s.readCells(ctx, minutes)
}

// sub subtracts without wrapping around.
func sub(a, b int64) int64 {
	d := a - b
	if b > 0 && d > a {
		return math.MinInt64
	}
	if b < 0 && d < a {
		return math.MaxInt64
	}
	return d
}

// Series returns what operations counted over time: their calls, errors and
// durations, of all spans that were stored, in buckets by the start of the span. It
// reads as fine as the selection's step and range need. A To of 0 means no end.
// If there is too much to return, the error is ErrTooMany.
func (s *Store) Series(ctx context.Context, sel aggregate.Selection) ([]aggregate.Line, error) {
	fine := aggregate.Levels[0].Step
	step := (sel.Step + fine - 1) / fine * fine
	type line struct {
		aggregate.Line
		buckets map[int64]*aggregate.Cell
	}
	lines := map[aggregate.Series]*line{}
	known := map[string]*line{} // nil: not selected
	buckets := 0
	r := &cellReader{class: aggregate.Operations, reads: aggregate.Operations.Plan(sel.From, noEnd(sel.To), step), services: sorted(sel.Services)}
	r.visit = func(series string, start int64, c *aggregate.Cell) error {
		l, ok := known[series]
		if !ok {
			o, err := aggregate.ParseSeries([]byte(series))
			if err != nil {
				s.damaged(&DamageError{"a series of operations", err})
			} else if sel.Match(o) {
				o = sel.By.Of(o)
				if l = lines[o]; l == nil {
					l = &line{Line: aggregate.Line{Series: o}, buckets: map[int64]*aggregate.Cell{}}
					lines[o] = l
				}
			}
			known[series] = l
		}
		if l == nil {
			return nil
		}
		l.Total.Merge(c)
		if step > 0 {
			at := start - start%int64(step)
			b := l.buckets[at]
			if b == nil {
				if buckets++; buckets > maxSeriesBuckets {
					return fmt.Errorf("series: more than %d buckets: %w", maxSeriesBuckets, ErrTooMany)
				}
				b = new(aggregate.Cell)
				l.buckets[at] = b
			}
			b.Merge(c)
		}
		return nil
	}
	if err := s.readCells(ctx, r); err != nil {
		return nil, err
	}
	err := s.lend(ctx, r, func(series string, start int64, c *aggregate.Cell) {
		l := known[series]
		if l == nil {
			return
		}
		l.Total.Lend(c)
		if step < aggregate.Levels[1].Step && step > 0 {
			for at := start - start%int64(step); at < start+int64(aggregate.Levels[1].Step); at += int64(step) {
				if b := l.buckets[at]; b != nil {
					b.Lend(c)
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	out := make([]aggregate.Line, 0, len(lines))
	for _, l := range lines {
		for at, c := range l.buckets {
			l.Buckets = append(l.Buckets, aggregate.Bucket{Time: at, Cell: *c})
		}
		slices.SortFunc(l.Buckets, func(a, b aggregate.Bucket) int { return cmp.Compare(a.Time, b.Time) })
		out = append(out, l.Line)
	}
	slices.SortFunc(out, func(a, b aggregate.Line) int { return compareSeries(a.Series, b.Series) })
	return out, nil
}

// Overview returns, for each operation, what it counted in [from, to), widened
// to whole buckets of 10 s, and in the range of the same length before that.
func (s *Store) Overview(ctx context.Context, from, to int64) ([]aggregate.Change, error) {
	now := aggregate.Operations.Plan(from, to, 0)
	if len(now) == 0 {
		return nil, nil
	}
	from, to = now[0].From, now[len(now)-1].To
	changes := map[string]*aggregate.Change{}
	r := &cellReader{class: aggregate.Operations, reads: append(aggregate.Operations.Plan(sub(from, to-from), from, 0), now...)}
	r.visit = func(series string, start int64, c *aggregate.Cell) error {
		ch := changes[series]
		if ch == nil {
			o, err := aggregate.ParseSeries([]byte(series))
			if err != nil {
				s.damaged(&DamageError{"a series of operations", err})
				return nil
			}
			ch = &aggregate.Change{Series: o}
			changes[series] = ch
		}
		if start < from {
			ch.Before.Merge(c)
		} else {
			ch.Now.Merge(c)
		}
		return nil
	}
	if err := s.readCells(ctx, r); err != nil {
		return nil, err
	}
	err := s.lend(ctx, r, func(series string, start int64, c *aggregate.Cell) {
		if ch := changes[series]; ch != nil && start < from {
			ch.Before.Lend(c)
		} else if ch != nil {
			ch.Now.Lend(c)
		}
	})
	if err != nil {
		return nil, err
	}
	out := make([]aggregate.Change, 0, len(changes))
	for _, c := range changes {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b aggregate.Change) int { return compareSeries(a.Series, b.Series) })
	return out, nil
}

func compareSeries(a, b aggregate.Series) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Kind, b.Kind))
}

func noEnd(to int64) int64 {
	if to == 0 {
		return math.MaxInt64
	}
	return to
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}

// Others returns how many spans were counted under aggregate.Other since Open,
// because a partition has too many services or operations.
func (s *Store) Others() uint64 {
	s.in.Lock()
	defer s.in.Unlock()
	return s.agg.Others()
}
