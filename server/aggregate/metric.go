package aggregate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// Metric is one series of metric points: what its points have in common.
type Metric struct {
	Name        string
	Unit        string
	Description string // not part of what makes two series different
	Kind        PointKind
	Temporality Temporality
	Monotonic   bool
	Resource    *span.Resource
	Scope       *span.Scope
	Attrs       []span.Attr
	Bounds      []float64 // of a HistogramPoint
}

// MetricID identifies a Metric in a partition.
type MetricID [16]byte

// MetricWindow is the range of time whose points of one metric have one key.
const MetricWindow = time.Hour

// MaxWindowPoints is the number of points of a metric that are kept in a
// MetricWindow: two a second. Of more, the earliest.
const MaxWindowPoints = 7200

// The second byte of a key of class Metrics.
const (
	metricEntry  = 's' // a Metric
	metricPoints = 'p' // its points in a window; merged
)

// AppendMetricPrefix appends the start of the keys of all metrics, or with a
// name of those of that name.
func AppendMetricPrefix(b []byte, name string) []byte {
	b = append(b, byte(Metrics), metricEntry)
	if name == "" {
		return b
	}
	return append(append(b, clean(name)...), 0)
}

// AppendMetricKey appends the key of a metric.
func AppendMetricKey(b []byte, name string, id MetricID) []byte {
	b = append(append(b, byte(Metrics), metricEntry), clean(name)...)
	return append(append(b, 0), id[:]...)
}

// MetricIDOf returns the id in a key that AppendMetricKey made.
func MetricIDOf(key []byte) (id MetricID, ok bool) {
	n := len(key) - len(id)
	if n < 3 || key[n-1] != 0 || key[0] != byte(Metrics) || key[1] != metricEntry {
		return id, false
	}
	return MetricID(key[n:]), true
}

// AppendPointsKey appends the key of the points of a metric at t, nanoseconds
// since the Unix epoch.
func AppendPointsKey(b []byte, id MetricID, t int64) []byte {
	b = append(append(b, byte(Metrics), metricPoints), id[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(max(t, 0)/int64(MetricWindow)))
}

// AppendMetric appends the encoding of the metric that a point belongs to,
// described in docs/format/aggregate.md, and returns its id, which is a hash of all but
// the description.
func AppendMetric(b []byte, p *Point) ([]byte, MetricID) {
	begin := len(b)
	b = append(b, version, byte(p.Kind), byte(p.Temporality))
	if p.Monotonic {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = appendText(b, p.Name)
	b = appendText(b, p.Unit)
	b = appendAttrs(b, p.Attrs)
	b = appendAttrs(b, p.Resource.Attrs)
	b = appendText(b, p.Resource.SchemaURL)
	b = appendText(b, p.Scope.Name)
	b = appendText(b, p.Scope.Version)
	b = appendAttrs(b, p.Scope.Attrs)
	b = appendText(b, p.Scope.SchemaURL)
	if p.Kind != HistogramPoint {
		b = append(b, 0)
	} else {
		b = binary.AppendUvarint(b, uint64(len(p.Bounds)))
		for _, f := range p.Bounds {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
		}
	}
	sum := sha256.Sum256(b[begin:])
	return appendText(b, p.Description), MetricID(sum[:16])
}

// ParseMetric reads what AppendMetric made. The result has no memory in common
// with b.
func ParseMetric(b []byte) (*Metric, error) {
	r := reader{b: b}
	if v := r.byte(); v != version {
		return nil, fmt.Errorf("metric: version %d of the format; this program knows %d", v, version)
	}
	m := &Metric{Kind: PointKind(r.byte()), Temporality: Temporality(r.byte()), Monotonic: r.byte() != 0}
	m.Resource, m.Scope = new(span.Resource), new(span.Scope)
	m.Name, m.Unit = r.text(), r.text()
	m.Attrs = r.attrs()
	m.Resource.Attrs = r.attrs()
	m.Resource.SchemaURL = r.text()
	if v, ok := span.Get(m.Resource.Attrs, "service.name"); ok {
		m.Resource.Service = v.Str
	}
	m.Scope.Name, m.Scope.Version = r.text(), r.text()
	m.Scope.Attrs = r.attrs()
	m.Scope.SchemaURL = r.text()
	n := r.uvarint()
	if n > uint64(len(r.b))/8 {
		return nil, fmt.Errorf("metric %q: %w", m.Name, r.err("bounds"))
	}
	for range n {
		m.Bounds = append(m.Bounds, r.float())
	}
	m.Description = r.text()
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("metric %q: %w", m.Name, r.err("attributes"))
	}
	return m, nil
}

// appendAttrs appends attributes in the order of their keys: it is not part of
// what makes two series different.
func appendAttrs(b []byte, attrs []span.Attr) []byte {
	byKey := func(x, y span.Attr) int { return strings.Compare(x.Key, y.Key) }
	if !slices.IsSortedFunc(attrs, byKey) {
		attrs = slices.Clone(attrs)
		slices.SortStableFunc(attrs, byKey)
	}
	b = binary.AppendUvarint(b, uint64(len(attrs)))
	for i := range attrs {
		v := &attrs[i].Value
		b = append(appendText(b, attrs[i].Key), byte(v.Type))
		switch v.Type {
		case span.Bool, span.Int, span.Float:
			b = binary.AppendUvarint(b, v.Num)
		default:
			b = appendText(b, v.Str)
		}
	}
	return b
}

func (r *reader) attrs() (attrs []span.Attr) {
	n := r.uvarint()
	if n > uint64(len(r.b)) { // each has three bytes or more
		r.bad, r.b = true, nil
		return nil
	}
	for range n {
		a := span.Attr{Key: r.text()}
		a.Value.Type = span.Type(r.byte())
		switch a.Value.Type {
		case span.Bool, span.Int, span.Float:
			a.Value.Num = r.uvarint()
		default:
			a.Value.Str = r.text()
		}
		if r.bad {
			return nil
		}
		attrs = append(attrs, a)
	}
	return attrs
}

func (r *reader) float() float64 {
	b := r.bytes(8)
	if len(b) < 8 {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// PointSelection asks for the points of metrics over time.
type PointSelection struct {
	Name     string        // of the metric
	From, To int64         // nanoseconds since the Unix epoch; [From, To)
	Step     time.Duration // one point for each: the last, or of a delta the sum; 0: every point
	Attrs    []span.Attr   // each must be an attribute of the point, its scope or its resource
}

// Match reports whether the selection asks for a metric.
func (s *PointSelection) Match(m *Metric) bool {
	if m.Name != s.Name {
		return false
	}
	for _, a := range s.Attrs {
		ok := false
		for _, attrs := range [][]span.Attr{m.Attrs, m.Resource.Attrs, m.Scope.Attrs} {
			if v, has := span.Get(attrs, a.Key); has && v == a.Value {
				ok = true
				break
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// PointLine is a metric with points in ascending order of their time. What the
// points have in common with the metric is set in the metric only.
type PointLine struct {
	*Metric
	Points []Point
}

// Thin leaves one point for each step, on multiples of it: of deltas their sum,
// else the last. Points must be in ascending order of their time.
func (l *PointLine) Thin(step time.Duration) {
	if step <= 0 {
		return
	}
	out := l.Points[:0]
	for _, p := range l.Points {
		k := len(out) - 1
		if k < 0 || out[k].Time/int64(step) != p.Time/int64(step) {
			out = append(out, p)
		} else if l.Temporality != Delta || !out[k].plus(&p) {
			out[k] = p
		}
	}
	l.Points = out
}

// plus adds the delta that follows p. It reports whether it could.
func (p *Point) plus(o *Point) bool {
	if (p.Flags|o.Flags)&NoRecordedValue != 0 || p.Kind != o.Kind {
		return false
	}
	switch p.Kind {
	case Sum:
		switch {
		case p.Value.Type == span.Int && o.Value.Type == span.Int:
			p.Value.Num += o.Value.Num
		default:
			a, _ := p.Value.Number()
			b, _ := o.Value.Number()
			p.Value = span.FloatValue(a + b)
		}
	case HistogramPoint:
		if len(p.Counts) != len(o.Counts) {
			return false
		}
		for i, n := range o.Counts {
			p.Counts[i] += n
		}
	case ExponentialPoint:
		if p.ZeroThreshold != o.ZeroThreshold {
			return false
		}
		o := *o
		for p.Scale > o.Scale {
			p.Positive, p.Negative = p.Positive.halve(), p.Negative.halve()
			p.Scale--
		}
		for o.Scale > p.Scale {
			o.Positive, o.Negative = o.Positive.halve(), o.Negative.halve()
			o.Scale--
		}
		pos, ok1 := p.Positive.plus(o.Positive)
		neg, ok2 := p.Negative.plus(o.Negative)
		if !ok1 || !ok2 {
			return false
		}
		p.Positive, p.Negative = pos, neg
		p.ZeroCount += o.ZeroCount
	default:
		return false
	}
	p.Count += o.Count
	p.Sum += o.Sum
	p.HasSum = p.HasSum && o.HasSum
	p.Min, p.HasMin = min(p.Min, o.Min), p.HasMin && o.HasMin
	p.Max, p.HasMax = max(p.Max, o.Max), p.HasMax && o.HasMax
	p.Time = o.Time
	return true
}

// halve returns the buckets at a scale lower by one.
func (b Buckets) halve() (out Buckets) {
	out.Offset = b.Offset >> 1
	for i, n := range b.Counts {
		k := int((int64(b.Offset)+int64(i))>>1 - int64(out.Offset))
		if k == len(out.Counts) {
			out.Counts = append(out.Counts, 0)
		}
		out.Counts[k] += n
	}
	return out
}

// plus returns the sum of buckets of one scale, unless they are so far apart
// that it would be huge.
func (b Buckets) plus(o Buckets) (Buckets, bool) {
	if len(b.Counts) == 0 {
		return o, true
	}
	if len(o.Counts) == 0 {
		return b, true
	}
	lo := min(int64(b.Offset), int64(o.Offset))
	hi := max(int64(b.Offset)+int64(len(b.Counts)), int64(o.Offset)+int64(len(o.Counts)))
	if hi-lo > 1<<12 {
		return b, false
	}
	out := Buckets{Offset: int32(lo), Counts: make([]uint64, hi-lo)}
	for i, n := range b.Counts {
		out.Counts[int64(b.Offset)-lo+int64(i)] += n
	}
	for i, n := range o.Counts {
		out.Counts[int64(o.Offset)-lo+int64(i)] += n
	}
	return out, true
}
