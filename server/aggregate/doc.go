// Package aggregate computes at ingest what would be slow to compute from
// spans later: the rate, errors and durations of each operation over time, and
// the same for each edge of the service graph. It also has the type of an OTLP
// metric point and the encoding in which points are kept.
//
// It stores nothing itself. What it collects it gives away as pairs of a key
// and a value that merge, see docs/format/aggregate.md.
package aggregate
