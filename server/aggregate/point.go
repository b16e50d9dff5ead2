package aggregate

import "github.com/weft-trace/weft/server/span"

// PointKind is the kind of metric that a Point belongs to; the order is that
// of OTLP's oneof data in metrics/v1/metrics.proto.
type PointKind uint8

const (
	Gauge PointKind = iota + 1
	Sum
	HistogramPoint
	ExponentialPoint
	Summary
)

var pointKinds = [...]string{"unknown", "gauge", "sum", "histogram", "exponential_histogram", "summary"}

// String returns the kind's lower-case name.
func (k PointKind) String() string {
	if int(k) < len(pointKinds) {
		return pointKinds[k]
	}
	return pointKinds[0]
}

// Temporality says what a sum's or a histogram's point counts; the numbers are
// OTLP's.
type Temporality uint8

const (
	TemporalityUnspecified Temporality = iota
	Delta                              // since the point before
	Cumulative                         // since Point.Start
)

var temporalities = [...]string{"unspecified", "delta", "cumulative"}

// String returns the temporality's lower-case name.
func (t Temporality) String() string {
	if int(t) < len(temporalities) {
		return temporalities[t]
	}
	return temporalities[0]
}

// NoRecordedValue is the bit of Point.Flags by which a sender says that the
// series has ended: the point has a time and no value.
const NoRecordedValue = 1

// Point is one data point of an OTLP metric
// (https://opentelemetry.io/docs/specs/otel/metrics/data-model/). Which of the
// fields below Flags mean something depends on Kind. Strings and slices may
// alias a buffer whose owner says how long it stays valid; the store copies
// what it keeps. Resource and Scope are never nil.
type Point struct {
	Name        string
	Unit        string
	Description string
	Kind        PointKind
	Temporality Temporality // Sum, HistogramPoint, ExponentialPoint
	Monotonic   bool        // Sum

	Resource *span.Resource
	Scope    *span.Scope
	Attrs    []span.Attr

	Start int64 // nanoseconds since the Unix epoch, 0: unknown
	Time  int64 // nanoseconds since the Unix epoch
	Flags uint32

	Value span.Value // Gauge, Sum: Int or Float; Empty with NoRecordedValue

	Count    uint64  // HistogramPoint, ExponentialPoint, Summary
	Sum      float64 // the same; of a histogram only if HasSum
	Min, Max float64 // HistogramPoint, ExponentialPoint, if HasMin, HasMax
	HasSum   bool
	HasMin   bool
	HasMax   bool

	Bounds []float64 // HistogramPoint: explicit_bounds, strictly ascending
	Counts []uint64  // HistogramPoint: bucket_counts, one more than Bounds, or none

	Scale         int32  // ExponentialPoint, as Buckets and the fields below
	ZeroCount     uint64 // values within ZeroThreshold of 0
	ZeroThreshold float64
	Positive      Buckets
	Negative      Buckets

	Quantiles []Quantile // Summary
}

// Buckets are the buckets of one sign of an OTLP exponential histogram:
// Counts[i] values lie in (base^(Offset+i), base^(Offset+i+1)], where base is
// 2^(2^-Scale).
type Buckets struct {
	Offset int32
	Counts []uint64
}

// Quantile is one quantile that a Summary point carries.
type Quantile struct {
	Quantile float64 // 0 to 1
	Value    float64
}
