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
	if s.begin('{') {
		for s.more('}') {
			k := s.key()
			if s.null() {
				continue
			}
			switch k {
			case "name":
				m.name = s.str()
			case "description":
				m.description = s.str()
			case "unit":
				m.unit = s.str()
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
				s.skip()
			}
		}
	}
	d.endMetric(&m)
}

// jsonData reads a Gauge, Sum, Histogram, ExponentialHistogram or Summary.
func (d *Decoder) jsonData(m *metric, kind aggregate.PointKind) {
	s := &d.json
	d.set(m, kind)
	if !s.begin('{') {
		return
	}
	for s.more('}') {
		switch k := s.key(); {
		case k == "dataPoints" || k == "data_points":
			if s.begin('[') {
				for s.more(']') {
					d.jsonPoint(m)
				}
			}
		case (k == "aggregationTemporality" || k == "aggregation_temporality") && kind != aggregate.Gauge && kind != aggregate.Summary:
			m.temporality = temporality(s.enum("AGGREGATION_TEMPORALITY_", temporalityNames))
		case (k == "isMonotonic" || k == "is_monotonic") && kind == aggregate.Sum:
			m.monotonic = s.bool()
		default:
			s.skip()
		}
	}
}

// jsonPoint reads a data point of m's kind and appends it.
func (d *Decoder) jsonPoint(m *metric) {
	s := &d.json
	at := d.mark()
	p := d.beginPoint(m)
	var start, time uint64
	if s.begin('{') {
		for s.more('}') {
			k := s.key()
			if s.null() {
				continue
			}
			switch k {
			case "attributes":
				d.jsonAttrs(&d.attrs, at.attrs)
			case "startTimeUnixNano", "start_time_unix_nano":
				start = s.uint(math.MaxUint64)
			case "timeUnixNano", "time_unix_nano":
				time = s.uint(math.MaxUint64)
			case "flags":
				p.Flags = s.uint32()
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
		p.Value = span.FloatValue(s.float())
	case "asInt", "as_int":
		p.Value = span.IntValue(s.int(64))
	default:
		s.skip()
	}
}

func (d *Decoder) jsonDistributionField(k string, kind aggregate.PointKind, p *aggregate.Point, at marks) {
	s := &d.json
	histogram := kind == aggregate.HistogramPoint
	exponential := kind == aggregate.ExponentialPoint
	switch {
	case k == "count":
		p.Count = s.uint(math.MaxUint64)
	case k == "sum":
		p.Sum, p.HasSum = s.float(), kind != aggregate.Summary
	case k == "min" && (histogram || exponential):
		p.Min, p.HasMin = s.float(), true
	case k == "max" && (histogram || exponential):
		p.Max, p.HasMax = s.float(), true
	case (k == "bucketCounts" || k == "bucket_counts") && histogram:
		d.jsonCounts(&p.Counts)
	case (k == "explicitBounds" || k == "explicit_bounds") && histogram:
		if s.begin('[') {
			for s.more(']') {
				d.bound(&p.Bounds, s.float())
			}
		}
	case k == "scale" && exponential:
		p.Scale = int32(s.int(32))
	case (k == "zeroCount" || k == "zero_count") && exponential:
		p.ZeroCount = s.uint(math.MaxUint64)
	case (k == "zeroThreshold" || k == "zero_threshold") && exponential:
		p.ZeroThreshold = s.float()
	case k == "positive" && exponential:
		d.jsonBuckets(&p.Positive)
	case k == "negative" && exponential:
		d.jsonBuckets(&p.Negative)
	case (k == "quantileValues" || k == "quantile_values") && kind == aggregate.Summary:
		if s.begin('[') {
			for s.more(']') {
				d.jsonQuantile(p, at)
			}
		}
	default:
		s.skip()
	}
}

func (d *Decoder) jsonCounts(list *[]uint64) {
	s := &d.json
	if s.begin('[') {
		for s.more(']') {
			d.count(list, s.uint(math.MaxUint64))
		}
	}
}

func (d *Decoder) jsonBuckets(b *aggregate.Buckets) {
	s := &d.json
	if !s.begin('{') {
		return
	}
	for s.more('}') {
		switch s.key() {
		case "offset":
			b.Offset = int32(s.int(32))
		case "bucketCounts", "bucket_counts":
			d.jsonCounts(&b.Counts)
		default:
			s.skip()
		}
	}
}

func (d *Decoder) jsonQuantile(p *aggregate.Point, at marks) {
	s := &d.json
	var q aggregate.Quantile
	if s.begin('{') {
		for s.more('}') {
			switch s.key() {
			case "quantile":
				q.Quantile = s.float()
			case "value":
				q.Value = s.float()
			default:
				s.skip()
			}
		}
	}
	d.addQuantile(p, at, q)
}
