package otlp

import (
	"math"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// Fields of metrics/v1/metrics.proto as tags.
const (
	tagMetricName        = 1<<3 | wire.TypeBytes
	tagMetricDescription = 2<<3 | wire.TypeBytes
	tagMetricUnit        = 3<<3 | wire.TypeBytes
	tagMetricGauge       = 5<<3 | wire.TypeBytes // a oneof, from here on
	tagMetricSum         = 7<<3 | wire.TypeBytes
	tagMetricHistogram   = 9<<3 | wire.TypeBytes
	tagMetricExponential = 10<<3 | wire.TypeBytes
	tagMetricSummary     = 11<<3 | wire.TypeBytes

	tagPoints      = 1<<3 | wire.TypeBytes // of Gauge, Sum, Histogram, ExponentialHistogram, Summary
	tagTemporality = 2<<3 | wire.TypeVarint
	tagMonotonic   = 3<<3 | wire.TypeVarint

	tagPointStart = 2<<3 | wire.TypeFixed64 // of every kind of point, as are the next
	tagPointTime  = 3<<3 | wire.TypeFixed64
	tagPointCount = 4<<3 | wire.TypeFixed64 // of histograms and summaries
	tagPointSum   = 5<<3 | wire.TypeFixed64

	tagNumberDouble = 4<<3 | wire.TypeFixed64
	tagNumberInt    = 6<<3 | wire.TypeFixed64
	tagNumberAttr   = 7<<3 | wire.TypeBytes // also of a summary
	tagNumberFlags  = 8<<3 | wire.TypeVarint

	tagHistogramCounts      = 6<<3 | wire.TypeBytes // packed
	tagHistogramCount       = 6<<3 | wire.TypeFixed64
	tagHistogramBounds      = 7<<3 | wire.TypeBytes
	tagHistogramBound       = 7<<3 | wire.TypeFixed64
	tagHistogramAttr        = 9<<3 | wire.TypeBytes
	tagHistogramFlags       = 10<<3 | wire.TypeVarint // also of an exponential histogram
	tagHistogramMin         = 11<<3 | wire.TypeFixed64
	tagHistogramMax         = 12<<3 | wire.TypeFixed64
	tagExponentialAttr      = 1<<3 | wire.TypeBytes
	tagExponentialScale     = 6<<3 | wire.TypeVarint
	tagExponentialZeroCount = 7<<3 | wire.TypeFixed64
	tagExponentialPositive  = 8<<3 | wire.TypeBytes
	tagExponentialNegative  = 9<<3 | wire.TypeBytes
	tagExponentialMin       = 12<<3 | wire.TypeFixed64
	tagExponentialMax       = 13<<3 | wire.TypeFixed64
	tagExponentialThreshold = 14<<3 | wire.TypeFixed64

	tagBucketsOffset = 1<<3 | wire.TypeVarint
	tagBucketsCounts = 2<<3 | wire.TypeBytes // packed
	tagBucketsCount  = 2<<3 | wire.TypeVarint

	tagSummaryQuantile  = 6<<3 | wire.TypeBytes
	tagQuantileQuantile = 1<<3 | wire.TypeFixed64
	tagQuantileValue    = 2<<3 | wire.TypeFixed64
)

// Metrics decodes an ExportMetricsServiceRequest in protobuf, as Traces does,
// into a point for every data point. Exemplars and the metadata of metrics are
// left out. A point is rejected if it has no name, time or value, or if its
// buckets do not fit its bounds.
func (d *Decoder) Metrics(b []byte) (points []aggregate.Point, rejected int, reason string, err error) {
	d.start(b, "ExportMetricsServiceRequest")
	if err := d.request(b, d.metric); err != nil {
		return nil, 0, "", err
	}
	return since(d.points, 0), d.rejected, d.why(), nil
}

// A metric is what the points of one metric have in common.
type metric struct {
	name, unit, description string
	kind                    aggregate.PointKind
	temporality             aggregate.Temporality
	monotonic               bool
	resource                *span.Resource
	scope                   *span.Scope
	first                   int // of its points
	rejected                int // points that were rejected before the name was known
	refusal                 string
}

// set makes k the kind of the metric: the last one counts, the points of others are dropped.
func (d *Decoder) set(m *metric, k aggregate.PointKind) {
	if m.kind != k {
		d.points = d.points[:m.first]
		m.kind, m.temporality, m.monotonic, m.rejected, m.refusal = k, 0, false, 0, ""
	}
}

// metric decodes a Metric and appends its points.
func (d *Decoder) metric(b []byte, r *span.Resource, sc *span.Scope) error {
	m := metric{resource: r, scope: sc, first: len(d.points)}
	for i := 0; i < len(b); {
		var tag uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		var k aggregate.PointKind
		switch tag {
		case tagMetricName, tagMetricDescription, tagMetricUnit:
			if data, i = wire.Chunk(b, i); i < 0 {
				return d.broken(b, at, wire.Cause(i))
			}
			switch tag {
			case tagMetricName:
				m.name = wire.Text(data)
			case tagMetricDescription:
				m.description = wire.Text(data)
			case tagMetricUnit:
				m.unit = wire.Text(data)
			}
		case tagMetricGauge:
			k = aggregate.Gauge
		case tagMetricSum:
			k = aggregate.Sum
		case tagMetricHistogram:
			k = aggregate.HistogramPoint
		case tagMetricExponential:
			k = aggregate.ExponentialPoint
		case tagMetricSummary:
			k = aggregate.Summary
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if k != 0 {
			if data, i = wire.Chunk(b, i); i < 0 {
				return d.broken(b, at, wire.Cause(i))
			}
			d.set(&m, k)
			err = d.data(data, &m)
		}
		if err != nil {
			return err
		}
	}
	d.endMetric(&m)
	return nil
}

// endMetric completes the points of a metric.
func (d *Decoder) endMetric(m *metric) {
	if m.name == "" && len(d.points) > m.first {
		d.refuse("a metric without a name; name it in the sender")
		m.refusal, m.rejected = d.refusal, m.rejected+d.truncate(m.first)
	}
	if m.rejected > 0 {
		d.refusal = m.refusal
		d.reject(m.rejected, "metric", m.name)
	}
	for i := m.first; i < len(d.points); i++ {
		p := &d.points[i]
		p.Name, p.Unit, p.Description = m.name, m.unit, m.description
		p.Kind, p.Temporality, p.Monotonic = m.kind, m.temporality, m.monotonic
	}
}

// data decodes a Gauge, Sum, Histogram, ExponentialHistogram or Summary.
func (d *Decoder) data(b []byte, m *metric) error {
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		var err error
		switch {
		case tag == tagPoints:
			if data, i = wire.Chunk(b, i); i >= 0 {
				err = d.point(data, m)
			}
		case tag == tagTemporality && m.kind != aggregate.Gauge && m.kind != aggregate.Summary:
			n, i = wire.Uvarint(b, i)
			m.temporality = temporality(n)
		case tag == tagMonotonic && m.kind == aggregate.Sum:
			n, i = wire.Uvarint(b, i)
			m.monotonic = n != 0
		default:
			if i, err = wire.Skip(b, i, tag); err != nil {
				err = d.broken(b, at, err)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	return nil
}

// temporality is an AggregationTemporality; numbers that OTLP does not define mean unspecified.
func temporality(n uint64) aggregate.Temporality {
	if t := int32(n); t >= 0 && t <= int32(aggregate.Cumulative) {
		return aggregate.Temporality(t)
	}
	return aggregate.TemporalityUnspecified
}

// marks is how full the arenas are before an item.
type marks struct{ attrs, inner, floats, counts, quantiles int }

func (d *Decoder) mark() marks {
	return marks{len(d.attrs), len(d.inner), len(d.floats), len(d.counts), len(d.quantiles)}
}

// beginPoint appends a point.
func (d *Decoder) beginPoint(m *metric) *aggregate.Point {
	d.points = append(d.points, aggregate.Point{Resource: m.resource, Scope: m.scope})
	return &d.points[len(d.points)-1]
}

// endPoint completes a point, or takes it back.
func (d *Decoder) endPoint(m *metric, p *aggregate.Point, at marks, start, time uint64) {
	p.Start, p.Time = d.time(start), d.time(time)
	switch {
	case d.refusal != "":
	case time == 0:
		d.refuse("a data point without a time; set time_unix_nano")
	case p.Flags&aggregate.NoRecordedValue != 0:
	case (m.kind == aggregate.Gauge || m.kind == aggregate.Sum) && p.Value.Type == span.Empty:
		d.refuse("a data point without a value; set as_int or as_double")
	case len(p.Counts) != len(p.Bounds)+1 && len(p.Counts)+len(p.Bounds) > 0:
		d.refuse("%d bucket counts for %d bounds; want one more than bounds", len(p.Counts), len(p.Bounds))
	case !ascending(p.Bounds):
		d.refuse("bounds of buckets that do not ascend; sort them")
	}
	if len(d.points) > d.limits.Items {
		d.refuse("more than %d data points in one request; send smaller batches", d.limits.Items)
	}
	if d.refusal == "" {
		p.Attrs = since(d.attrs, at.attrs)
		return
	}
	if m.refusal == "" {
		m.refusal = d.refusal
	}
	m.rejected++
	d.refusal = ""
	d.points = d.points[:len(d.points)-1]
	d.attrs, d.inner = d.attrs[:at.attrs], d.inner[:at.inner]
	d.floats, d.counts, d.quantiles = d.floats[:at.floats], d.counts[:at.counts], d.quantiles[:at.quantiles]
}

func ascending(bounds []float64) bool {
	for i, f := range bounds {
		if math.IsNaN(f) || i > 0 && f <= bounds[i-1] {
			return false
		}
	}
	return true
}

// point decodes a data point of m's kind and appends it.
func (d *Decoder) point(b []byte, m *metric) error {
	at := d.mark()
	p := d.beginPoint(m)
	var start, time uint64
	for i := 0; i < len(b); {
		var tag uint64
		field := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, field, wire.Cause(i))
		}
		var err error
		switch tag {
		case tagPointStart:
			start, i = wire.Fixed64(b, i)
		case tagPointTime:
			time, i = wire.Fixed64(b, i)
		default:
			switch m.kind {
			case aggregate.Gauge, aggregate.Sum:
				i, err = d.numberField(b, i, tag, p, at)
			case aggregate.HistogramPoint:
				i, err = d.histogramField(b, i, tag, p, at)
			case aggregate.ExponentialPoint:
				i, err = d.exponentialField(b, i, tag, p, at)
			case aggregate.Summary:
				i, err = d.summaryField(b, i, tag, p, at)
			}
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return d.broken(b, field, wire.Cause(i))
		}
	}
	d.endPoint(m, p, at, start, time)
	return nil
}

func (d *Decoder) unknown(b []byte, i int, tag uint64) (int, error) {
	next, err := wire.Skip(b, i, tag)
	if err != nil {
		return 0, d.broken(b, i, err)
	}
	return next, nil
}

func (d *Decoder) numberField(b []byte, i int, tag uint64, p *aggregate.Point, at marks) (_ int, err error) {
	var n uint64
	switch tag {
	case tagNumberDouble:
		if n, i = wire.Fixed64(b, i); i >= 0 {
			p.Value = span.Value{Type: span.Float, Num: n}
		}
	case tagNumberInt:
		if n, i = wire.Fixed64(b, i); i >= 0 {
			p.Value = span.Value{Type: span.Int, Num: n}
		}
	case tagNumberFlags:
		n, i = wire.Uvarint(b, i)
		p.Flags = uint32(n)
	case tagNumberAttr:
		var data []byte
		if data, i = wire.Chunk(b, i); i >= 0 {
			err = d.attr(&d.attrs, at.attrs, data)
		}
	default:
		return d.unknown(b, i, tag)
	}
	return i, err
}

func (d *Decoder) histogramField(b []byte, i int, tag uint64, p *aggregate.Point, at marks) (_ int, err error) {
	var n uint64
	var data []byte
	switch tag {
	case tagPointCount:
		p.Count, i = wire.Fixed64(b, i)
	case tagPointSum:
		i = float(b, i, &p.Sum, &p.HasSum)
	case tagHistogramMin:
		i = float(b, i, &p.Min, &p.HasMin)
	case tagHistogramMax:
		i = float(b, i, &p.Max, &p.HasMax)
	case tagHistogramFlags:
		n, i = wire.Uvarint(b, i)
		p.Flags = uint32(n)
	case tagHistogramAttr:
		if data, i = wire.Chunk(b, i); i >= 0 {
			err = d.attr(&d.attrs, at.attrs, data)
		}
	case tagHistogramCount:
		if n, i = wire.Fixed64(b, i); i >= 0 {
			d.count(&p.Counts, n)
		}
	case tagHistogramBound:
		if n, i = wire.Fixed64(b, i); i >= 0 {
			d.bound(&p.Bounds, math.Float64frombits(n))
		}
	case tagHistogramCounts, tagHistogramBounds:
		if data, i = wire.Chunk(b, i); i < 0 {
			break
		}
		for k := 0; k < len(data); {
			from := k
			if n, k = wire.Fixed64(data, k); k < 0 {
				return 0, d.broken(data, from, wire.ErrTruncated)
			}
			if tag == tagHistogramCounts {
				d.count(&p.Counts, n)
			} else {
				d.bound(&p.Bounds, math.Float64frombits(n))
			}
		}
	default:
		return d.unknown(b, i, tag)
	}
	return i, err
}

func (d *Decoder) exponentialField(b []byte, i int, tag uint64, p *aggregate.Point, at marks) (_ int, err error) {
	var n uint64
	var data []byte
	switch tag {
	case tagPointCount:
		p.Count, i = wire.Fixed64(b, i)
	case tagPointSum:
		i = float(b, i, &p.Sum, &p.HasSum)
	case tagExponentialMin:
		i = float(b, i, &p.Min, &p.HasMin)
	case tagExponentialMax:
		i = float(b, i, &p.Max, &p.HasMax)
	case tagExponentialThreshold:
		i = float(b, i, &p.ZeroThreshold, new(bool))
	case tagExponentialZeroCount:
		p.ZeroCount, i = wire.Fixed64(b, i)
	case tagExponentialScale:
		n, i = wire.Uvarint(b, i)
		p.Scale = zigzag(n)
	case tagHistogramFlags:
		n, i = wire.Uvarint(b, i)
		p.Flags = uint32(n)
	case tagExponentialAttr:
		if data, i = wire.Chunk(b, i); i >= 0 {
			err = d.attr(&d.attrs, at.attrs, data)
		}
	case tagExponentialPositive:
		if data, i = wire.Chunk(b, i); i >= 0 {
			err = d.buckets(data, &p.Positive)
		}
	case tagExponentialNegative:
		if data, i = wire.Chunk(b, i); i >= 0 {
			err = d.buckets(data, &p.Negative)
		}
	default:
		return d.unknown(b, i, tag)
	}
	return i, err
}

// buckets merges the Buckets of an exponential histogram into k.
func (d *Decoder) buckets(b []byte, k *aggregate.Buckets) error {
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		switch tag {
		case tagBucketsOffset:
			n, i = wire.Uvarint(b, i)
			k.Offset = zigzag(n)
		case tagBucketsCount:
			if n, i = wire.Uvarint(b, i); i >= 0 {
				d.count(&k.Counts, n)
			}
		case tagBucketsCounts:
			if data, i = wire.Chunk(b, i); i < 0 {
				break
			}
			for j := 0; j < len(data); {
				from := j
				if n, j = wire.Uvarint(data, j); j < 0 {
					return d.broken(data, from, wire.Cause(j))
				}
				d.count(&k.Counts, n)
			}
		default:
			var err error
			if i, err = d.unknown(b, i, tag); err != nil {
				return err
			}
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	return nil
}

func (d *Decoder) summaryField(b []byte, i int, tag uint64, p *aggregate.Point, at marks) (_ int, err error) {
	var n uint64
	var data []byte
	switch tag {
	case tagPointCount:
		p.Count, i = wire.Fixed64(b, i)
	case tagPointSum:
		i = float(b, i, &p.Sum, new(bool))
	case tagNumberFlags:
		n, i = wire.Uvarint(b, i)
		p.Flags = uint32(n)
	case tagNumberAttr:
		if data, i = wire.Chunk(b, i); i >= 0 {
			err = d.attr(&d.attrs, at.attrs, data)
		}
	case tagSummaryQuantile:
		if data, i = wire.Chunk(b, i); i >= 0 {
			err = d.quantile(data, p, at)
		}
	default:
		return d.unknown(b, i, tag)
	}
	return i, err
}

func (d *Decoder) quantile(b []byte, p *aggregate.Point, at marks) error {
	var q aggregate.Quantile
	for i := 0; i < len(b); {
		var tag uint64
		field := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, field, wire.Cause(i))
		}
		switch tag {
		case tagQuantileQuantile:
			i = float(b, i, &q.Quantile, new(bool))
		case tagQuantileValue:
			i = float(b, i, &q.Value, new(bool))
		default:
			var err error
			if i, err = d.unknown(b, i, tag); err != nil {
				return err
			}
		}
		if i < 0 {
			return d.broken(b, field, wire.Cause(i))
		}
	}
	d.addQuantile(p, at, q)
	return nil
}

func (d *Decoder) addQuantile(p *aggregate.Point, at marks, q aggregate.Quantile) {
	if d.values() >= d.limits.Values {
		d.refuse(tooManyValues, d.limits.Values)
		return
	}
	d.quantiles = append(d.quantiles, q)
	p.Quantiles = since(d.quantiles, at.quantiles)
}

// count and bound append to a list of the current point.
func (d *Decoder) count(list *[]uint64, n uint64) { extend(d, &d.counts, list, n) }

func (d *Decoder) bound(list *[]float64, f float64) { extend(d, &d.floats, list, f) }

// extend appends v to list, which lies in arena; other lists may have been
// appended to in between.
func extend[T any](d *Decoder, arena, list *[]T, v T) {
	from, ok := own(d, arena, *list)
	if !ok {
		return
	}
	if d.values() >= d.limits.Values {
		d.refuse(tooManyValues, d.limits.Values)
		return
	}
	*arena = append(*arena, v)
	*list = since(*arena, from)
}

// float reads a double at b[i].
func float(b []byte, i int, f *float64, has *bool) int {
	n, i := wire.Fixed64(b, i)
	if i >= 0 {
		*f, *has = math.Float64frombits(n), true
	}
	return i
}

// zigzag is a sint32.
func zigzag(n uint64) int32 { return int32(uint32(n)>>1) ^ -int32(n&1) }
