package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weft-trace/weft/server/aggregate"
)

// maxMetrics is the number of series of metric points in a partition. The
// points of others are dropped and counted.
const maxMetrics = 20_000

// Points arrive at most that long after, and before, the time they carry;
// others are stored, but no query looks for them there.
const (
	pointsLate  = 24 * time.Hour
	pointsEarly = time.Hour
)

// metricSet is the metrics that a partition has entries of. The zero value is
// that of a partition not yet looked at.
type metricSet struct {
	mu      sync.Mutex
	known   map[aggregate.MetricID]struct{} // nil: not yet loaded
	dropped bool                            // something was, and the log says so
}

// load reads which metrics the partition has. Called with m.mu held.
func (m *metricSet) load(db *pebble.DB) error {
	if m.known != nil {
		return nil
	}
	known := map[aggregate.MetricID]struct{}{}
	prefix := aggregate.AppendMetricPrefix(nil, "")
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: successor(prefix)})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		if id, ok := aggregate.MetricIDOf(it.Key()); ok {
			known[id] = struct{}{}
		}
	}
	if err := it.Close(); err != nil {
		return err
	}
	m.known = known
	return nil
}

// learn notes metrics whose entries have been committed.
func (m *metricSet) learn(ids []aggregate.MetricID) {
	if len(ids) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		m.known[id] = struct{}{}
	}
}

// putPoints adds metric points to a batch that is to be committed to db, the
// partition's. When the batch is committed, p.metrics.learn is to be called with fresh. It
// returns how many points it dropped because the partition has too many metrics.
func (s *Store) putPoints(b *pebble.Batch, db *pebble.DB, p *partition, list []aggregate.Point) (fresh []aggregate.MetricID, dropped int, err error) {
	if len(list) == 0 {
		return nil, 0, nil
	}
	groups := map[aggregate.MetricID][]aggregate.Point{}
	var entry, key []byte
	m := &p.metrics
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(db); err != nil {
		return nil, 0, fmt.Errorf("store metrics: %w", err)
	}
	for i := range list {
		var id aggregate.MetricID
		entry, id = aggregate.AppendMetric(entry[:0], &list[i])
		if _, ok := groups[id]; !ok {
			if _, ok := m.known[id]; !ok {
				if len(m.known)+len(fresh) >= maxMetrics {
					dropped++
					continue
				}
				key = aggregate.AppendMetricKey(key[:0], list[i].Name, id)
				if err := b.Set(key, entry, nil); err != nil {
					return nil, 0, err
				}
				fresh = append(fresh, id)
			}
		}
		point := list[i]
		point.Time = max(point.Time, 0)
		groups[id] = append(groups[id], point)
	}
	if dropped > 0 && !m.dropped {
		m.dropped = true
		s.log.Warn("points of new metrics are dropped: send fewer metrics, or fewer different attributes", "partition", p.name, "metrics", maxMetrics)
	}
	var value []byte
	for id, points := range groups {
		slices.SortStableFunc(points, func(a, b aggregate.Point) int { return cmp.Compare(a.Time, b.Time) })
		for len(points) > 0 {
			window := points[0].Time / int64(aggregate.MetricWindow)
			n := 1
			for n < len(points) && points[n].Time/int64(aggregate.MetricWindow) == window {
				n++
			}
			key = aggregate.AppendPointsKey(key[:0], id, points[0].Time)
			value = aggregate.AppendPoints(value[:0], points[0].Kind, points[:n])
			if err := b.Merge(key, value, nil); err != nil {
				return nil, 0, err
			}
			points = points[n:]
		}
	}
	return fresh, dropped, nil
}

// MetricName is what the metrics of one name have in common, and how many
// series of points they are.
type MetricName struct {
	Name        string
	Unit        string
	Description string
	Kind        aggregate.PointKind
	Temporality aggregate.Temporality
	Monotonic   bool
	Series      int
}

// Metrics lists the metrics that arrived about [from, to), by name: in the
// partitions that hold that time. A To of 0 means no end.
func (s *Store) Metrics(ctx context.Context, from, to int64) ([]MetricName, error) {
	names := map[MetricName]string{}                           // to the description
	series := map[MetricName]map[aggregate.MetricID]struct{}{} // a series may be in several partitions
	err := s.eachMetric(ctx, "", from, to, func(_ *pebble.DB, id aggregate.MetricID, m *aggregate.Metric) error {
		n := MetricName{Name: m.Name, Unit: m.Unit, Kind: m.Kind, Temporality: m.Temporality, Monotonic: m.Monotonic}
		if names[n] == "" {
			names[n] = m.Description
		}
		if series[n] == nil {
			series[n] = map[aggregate.MetricID]struct{}{}
		}
		series[n][id] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]MetricName, 0, len(names))
	for n, description := range names {
		ids := series[n]
		n.Description, n.Series = description, len(ids)
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b MetricName) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Temporality, b.Temporality))
	})
	return out, nil
}

// Points returns the points of the metrics that a selection asks for. A To of 0
// means no end. If there are too many, the error is ErrTooMany.
func (s *Store) Points(ctx context.Context, sel aggregate.PointSelection) ([]aggregate.PointLine, error) {
	to := noEnd(sel.To)
	lines := map[aggregate.MetricID]*aggregate.PointLine{}
	total := 0
	err := s.eachMetric(ctx, sel.Name, sel.From, to, func(db *pebble.DB, id aggregate.MetricID, m *aggregate.Metric) error {
		if !sel.Match(m) {
			return nil
		}
		it, err := db.NewIter(&pebble.IterOptions{
			LowerBound: aggregate.AppendPointsKey(nil, id, sel.From),
			UpperBound: successor(aggregate.AppendPointsKey(nil, id, to-1)),
		})
		if err != nil {
			return err
		}
		defer it.Close()
		for it.First(); it.Valid(); it.Next() {
			value, err := it.ValueAndErr()
			var points []aggregate.Point
			if err == nil {
				points, err = aggregate.ParsePoints(value)
			}
			if err != nil {
				s.damaged(&DamageError{fmt.Sprintf("points of the metric %q", m.Name), err})
				continue
			}
			points = slices.DeleteFunc(points, func(p aggregate.Point) bool { return p.Time < sel.From || p.Time >= to })
			if len(points) == 0 {
				continue
			}
			if total += len(points); total > maxPoints {
				return fmt.Errorf("points of %q: more than %d: %w", sel.Name, maxPoints, ErrTooMany)
			}
			if lines[id] == nil {
				lines[id] = &aggregate.PointLine{Metric: m}
			}
			lines[id].Points = append(lines[id].Points, points...)
		}
		return it.Error()
	})
	if err != nil {
		return nil, err
	}
	ids := make([]aggregate.MetricID, 0, len(lines))
	for id := range lines {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b aggregate.MetricID) int { return slices.Compare(a[:], b[:]) })
	out := make([]aggregate.PointLine, 0, len(ids))
	for _, id := range ids {
		l := lines[id]
		// A point that was sent again after the partition had changed is in both.
		slices.SortStableFunc(l.Points, func(a, b aggregate.Point) int { return cmp.Compare(a.Time, b.Time) })
		l.Points = slices.CompactFunc(l.Points, func(a, b aggregate.Point) bool { return a.Time == b.Time })
		l.Thin(sel.Step)
		out = append(out, *l)
	}
	return out, nil
}

// eachMetric calls visit with the metrics called name, or all, of the
// partitions that hold points of [from, to).
func (s *Store) eachMetric(ctx context.Context, name string, from, to int64, visit func(db *pebble.DB, id aggregate.MetricID, m *aggregate.Metric) error) error {
	if s.closed.Load() {
		return ErrClosed
	}
	to = noEnd(to)
	near := func(p *partition) bool {
		return sub(p.start.UnixNano(), int64(pointsLate)) < to && sub(p.end.UnixNano(), -int64(pointsEarly)) > from
	}
	return s.eachPartition(near, func(p *partition, db *pebble.DB) error {
		prefix := aggregate.AppendMetricPrefix(nil, name)
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: successor(prefix)})
		if err != nil {
			return err
		}
		defer it.Close()
		for it.First(); it.Valid(); it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			id, ok := aggregate.MetricIDOf(it.Key())
			if !ok {
				continue
			}
			value, err := it.ValueAndErr()
			var m *aggregate.Metric
			if err == nil {
				m, err = aggregate.ParseMetric(value)
			}
			if err != nil {
				s.damaged(&DamageError{"a metric in partition " + p.path, err})
				continue
			}
			if err := visit(db, id, m); err != nil {
				return err
			}
		}
		return it.Error()
	})
}

// eachPartition calls visit with every partition that can be read, the oldest first.
func (s *Store) eachPartition(want func(p *partition) bool, visit func(p *partition, db *pebble.DB) error) error {
	s.mu.RLock()
	parts := slices.Clone(s.parts)
	s.mu.RUnlock()
	for _, p := range parts {
		if !want(p) {
			continue
		}
		db, err := s.acquire(p)
		if err != nil {
			continue // reported where it was found
		}
		err = visit(p, db)
		s.release(p)
		if err != nil {
			return err
		}
	}
	return nil
}
