package otlp

import (
	"math"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
)

// MetricsJSON decodes an ExportMetricsServiceRequest in OTLP/JSON, as Metrics does for protobuf.
func (d *Decoder) MetricsJSON(b []byte) (points []aggregate.Point, rejected int, reason string, err error) {
	d.start(b, "ExportMetricsServiceRequest")
	if err := d.jsonRequest(&jsonMetrics, d.jsonMetric); err != nil {
		return nil, 0, "", err
	}
	return since(d.points, 0), d.rejected, d.why(), nil
}

var temporalityNames = []string{"UNSPECIFIED", "DELTA", "CUMULATIVE"}

// jsonMetric reads a Metric and appends its points.
func (d *Decoder) jsonMetric(r *span.Resource, sc *span.Scope) {
	s := &d.json
	m := metric{resource: r, scope: sc, first: len(d.points)}
	if s.Begin('{') {
		for s.More('}') {
			k := s.Key()
			if s.Null() {
				continue
			}
			switch k {
			case "name":
				m.name = s.Text()
			case "description":
				m.description = s.Text()
			case "unit":
				m.unit = s.Text()
			case "gauge":
				d.jsonData(&m, aggregate.Gauge)
			case "sum":
				d.jsonData(&m, aggregate.Sum)
			case "histogram":
				d.jsonData(&m, aggregate.HistogramPoint)
			case "exponentialHistogram", "exponential_histogram":
				d.jsonData(&m, aggregate.ExponentialPoint)
			case "summary":
				d.jsonData(&m, aggregate.Summary)
			default:
				s.Skip()
			}
		}
	}
	d.endMetric(&m)
}

// jsonData reads a Gauge, Sum, Histogram, ExponentialHistogram or Summary.
func (d *Decoder) jsonData(m *metric, kind aggregate.PointKind) {
	s := &d.json
	d.set(m, kind)
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		switch k := s.Key(); {
		case k == "dataPoints" || k == "data_points":
			if s.Begin('[') {
				for s.More(']') {
					d.jsonPoint(m)
				}
			}
		case (k == "aggregationTemporality" || k == "aggregation_temporality") && kind != aggregate.Gauge && kind != aggregate.Summary:
			m.temporality = temporality(s.Enum("AGGREGATION_TEMPORALITY_", temporalityNames))
		case (k == "isMonotonic" || k == "is_monotonic") && kind == aggregate.Sum:
			m.monotonic = s.Bool()
		default:
			s.Skip()
		}
	}
}

// jsonPoint reads a data point of m's kind and appends it.
func (d *Decoder) jsonPoint(m *metric) {
	s := &d.json
	at := d.mark()
	p := d.beginPoint(m)
	var start, time uint64
	if s.Begin('{') {
		for s.More('}') {
			k := s.Key()
			if s.Null() {
				continue
			}
			switch k {
			case "attributes":
				d.jsonAttrs(&d.attrs, at.attrs)
			case "startTimeUnixNano", "start_time_unix_nano":
				start = s.Uint(math.MaxUint64)
			case "timeUnixNano", "time_unix_nano":
				time = s.Uint(math.MaxUint64)
			case "flags":
				p.Flags = s.Uint32()
			default:
				if m.kind == aggregate.Gauge || m.kind == aggregate.Sum {
					d.jsonNumberField(k, p)
				} else {
					d.jsonDistributionField(k, m.kind, p, at)
				}
			}
		}
	}
	d.endPoint(m, p, at, start, time)
}

func (d *Decoder) jsonNumberField(k string, p *aggregate.Point) {
	s := &d.json
	switch k {
	case "asDouble", "as_double":
		p.Value = span.FloatValue(s.Float())
	case "asInt", "as_int":
		p.Value = span.IntValue(s.Int(64))
	default:
		s.Skip()
	}
}

func (d *Decoder) jsonDistributionField(k string, kind aggregate.PointKind, p *aggregate.Point, at marks) {
	s := &d.json
	histogram := kind == aggregate.HistogramPoint
	exponential := kind == aggregate.ExponentialPoint
	switch {
	case k == "count":
		p.Count = s.Uint(math.MaxUint64)
	case k == "sum":
		p.Sum, p.HasSum = s.Float(), kind != aggregate.Summary
	case k == "min" && (histogram || exponential):
		p.Min, p.HasMin = s.Float(), true
	case k == "max" && (histogram || exponential):
		p.Max, p.HasMax = s.Float(), true
	case (k == "bucketCounts" || k == "bucket_counts") && histogram:
		d.jsonCounts(&p.Counts)
	case (k == "explicitBounds" || k == "explicit_bounds") && histogram:
		if s.Begin('[') {
			for s.More(']') {
				d.bound(&p.Bounds, s.Float())
			}
		}
	case k == "scale" && exponential:
		p.Scale = int32(s.Int(32))
	case (k == "zeroCount" || k == "zero_count") && exponential:
		p.ZeroCount = s.Uint(math.MaxUint64)
	case (k == "zeroThreshold" || k == "zero_threshold") && exponential:
		p.ZeroThreshold = s.Float()
	case k == "positive" && exponential:
		d.jsonBuckets(&p.Positive)
	case k == "negative" && exponential:
		d.jsonBuckets(&p.Negative)
	case (k == "quantileValues" || k == "quantile_values") && kind == aggregate.Summary:
		if s.Begin('[') {
			for s.More(']') {
				d.jsonQuantile(p, at)
			}
		}
	default:
		s.Skip()
	}
}

func (d *Decoder) jsonCounts(list *[]uint64) {
	s := &d.json
	if s.Begin('[') {
		for s.More(']') {
			d.count(list, s.Uint(math.MaxUint64))
		}
	}
}

func (d *Decoder) jsonBuckets(b *aggregate.Buckets) {
	s := &d.json
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		switch s.Key() {
		case "offset":
			b.Offset = int32(s.Int(32))
		case "bucketCounts", "bucket_counts":
			d.jsonCounts(&b.Counts)
		default:
			s.Skip()
		}
	}
}

func (d *Decoder) jsonQuantile(p *aggregate.Point, at marks) {
	s := &d.json
	var q aggregate.Quantile
	if s.Begin('{') {
		for s.More('}') {
			switch s.Key() {
			case "quantile":
				q.Quantile = s.Float()
			case "value":
				q.Value = s.Float()
			default:
				s.Skip()
			}
		}
	}
	d.addQuantile(p, at, q)
}
