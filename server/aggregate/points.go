package aggregate

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/weft-trace/weft/server/span"
)

// The first byte of an encoded point.
const (
	pointStart  = 1 << iota // its start follows; without it, it has that of the point before
	pointFlags              // its flags follow; without it, they are zero
	pointInt                // Gauge, Sum: the value is an Int
	pointFloat              // Gauge, Sum: the value is a Float
	pointSum                // HasSum
	pointMin                // HasMin
	pointMax                // HasMax
	pointCounts             // the buckets have as many counts as those of the point before, and differences follow
)

// AppendPoints appends the encoding of points of one metric, in any order,
// described in docs/format/aggregate.md. It is a value that Merger merges.
func AppendPoints(b []byte, kind PointKind, list []Point) []byte {
	p := points{kind: kind, list: list}
	return p.append(b)
}

// ParsePoints reads what AppendPoints made, in ascending order of the time. The
// points have only what distinguishes them within their metric, and no memory in
// common with value.
func ParsePoints(value []byte) ([]Point, error) {
	var p points
	if err := p.add(value); err != nil {
		return nil, err
	}
	return p.list, nil
}

// points are the points of one metric in one window, decoded.
type points struct {
	kind PointKind
	list []Point
}

// tidy sorts the points by time and leaves one of those with the same time,
// the same one in whatever order they came.
func (p *points) tidy() {
	slices.SortStableFunc(p.list, func(a, b Point) int { return cmp.Compare(a.Time, b.Time) })
	out := p.list[:0]
	for i := range p.list {
		k := len(out) - 1
		switch {
		case k < 0 || out[k].Time != p.list[i].Time:
			out = append(out, p.list[i])
		case bytes.Compare(appendPoint(nil, p.kind, new(Point), &p.list[i]), appendPoint(nil, p.kind, new(Point), &out[k])) > 0:
			out[k] = p.list[i]
		}
	}
	p.list = out[:min(len(out), MaxWindowPoints)]
}

func (p *points) append(b []byte) []byte {
	p.tidy()
	b = append(b, version, byte(p.kind))
	last := new(Point)
	for i := range p.list {
		b = appendPoint(b, p.kind, last, &p.list[i])
		last = &p.list[i]
	}
	return b
}

// appendPoint appends a point by how it differs from the one before it.
func appendPoint(b []byte, kind PointKind, last, p *Point) []byte {
	var head byte
	at := len(b)
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(p.Time-last.Time))
	if p.Start != last.Start {
		head |= pointStart
		b = appendVarint(b, p.Start-last.Start)
	}
	if p.Flags != 0 {
		head |= pointFlags
		b = binary.AppendUvarint(b, uint64(p.Flags))
	}
	switch kind {
	case Gauge, Sum:
		switch p.Value.Type {
		case span.Int:
			head |= pointInt
			b = appendVarint(b, p.Value.Int()-last.Value.Int())
		case span.Float:
			head |= pointFloat
			b = appendXOR(b, last.Value.Num, p.Value.Num)
		}
	default:
		b = appendVarint(b, int64(p.Count-last.Count))
		if p.HasSum || kind == Summary {
			head |= pointSum
			b = appendXOR(b, math.Float64bits(last.Sum), math.Float64bits(p.Sum))
		}
		if p.HasMin {
			head |= pointMin
			b = appendXOR(b, math.Float64bits(last.Min), math.Float64bits(p.Min))
		}
		if p.HasMax {
			head |= pointMax
			b = appendXOR(b, math.Float64bits(last.Max), math.Float64bits(p.Max))
		}
	}
	switch kind {
	case HistogramPoint:
		if len(p.Counts) == len(last.Counts) && len(p.Counts) > 0 {
			head |= pointCounts
			for i, n := range p.Counts {
				b = appendVarint(b, int64(n-last.Counts[i]))
			}
		} else {
			b = appendCounts(b, p.Counts)
		}
	case ExponentialPoint:
		b = appendVarint(b, int64(p.Scale))
		b = binary.AppendUvarint(b, p.ZeroCount)
		b = appendXOR(b, math.Float64bits(last.ZeroThreshold), math.Float64bits(p.ZeroThreshold))
		b = appendCounts(appendVarint(b, int64(p.Positive.Offset)), p.Positive.Counts)
		b = appendCounts(appendVarint(b, int64(p.Negative.Offset)), p.Negative.Counts)
	case Summary:
		b = binary.AppendUvarint(b, uint64(len(p.Quantiles)))
		for _, q := range p.Quantiles {
			b = appendXOR(b, 0, math.Float64bits(q.Quantile))
			b = appendXOR(b, 0, math.Float64bits(q.Value))
		}
	}
	b[at] = head
	return b
}

func appendCounts(b []byte, counts []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(counts)))
	for _, n := range counts {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// appendXOR appends the bits of a number by how they differ from those of
// another: numbers near each other, and round ones, differ in few leading bits.
func appendXOR(b []byte, last, v uint64) []byte {
	return binary.AppendUvarint(b, bits.ReverseBytes64(last^v))
}

func (r *reader) xor(last uint64) uint64 { return last ^ bits.ReverseBytes64(r.uvarint()) }

func (r *reader) xorFloat(last float64) float64 {
	return math.Float64frombits(r.xor(math.Float64bits(last)))
}

func (r *reader) counts() []uint64 {
	n := r.uvarint()
	if n > uint64(len(r.b)) { // each has a byte or more
		r.bad, r.b = true, nil
		return nil
	}
	if n == 0 {
		return nil
	}
	counts := make([]uint64, n)
	for i := range counts {
		counts[i] = r.uvarint()
	}
	return counts
}

// add merges a value. When there is an error, nothing was added.
func (p *points) add(value []byte) error {
	r := reader{b: value}
	if v := r.byte(); v != version {
		return fmt.Errorf("points: version %d of the format; this program knows %d", v, version)
	}
	kind := PointKind(r.byte())
	if kind < Gauge || kind > Summary {
		return fmt.Errorf("points: unknown kind %d", kind)
	}
	if p.kind != 0 && p.kind != kind {
		return fmt.Errorf("points: %v among points of kind %v", kind, p.kind)
	}
	list := p.list[len(p.list):]
	last := new(Point)
	for len(r.b) > 0 {
		o := Point{Kind: kind}
		r.point(kind, last, &o)
		if r.bad {
			return fmt.Errorf("points: point %d: %w", len(list), errShort)
		}
		if o.Time < last.Time {
			return fmt.Errorf("points: point %d is before the one before it", len(list))
		}
		list = append(list, o)
		last = &list[len(list)-1]
	}
	p.kind = kind
	p.list = append(p.list, list...)
	p.tidy()
	return nil
}

func (r *reader) point(kind PointKind, last, p *Point) {
	head := r.byte()
	p.Time = last.Time + int64(r.uvarint())
	p.Start = last.Start
	if head&pointStart != 0 {
		p.Start += r.varint()
	}
	if head&pointFlags != 0 {
		p.Flags = uint32(r.uvarint())
	}
	switch kind {
	case Gauge, Sum:
		switch {
		case head&pointInt != 0:
			p.Value = span.IntValue(last.Value.Int() + r.varint())
		case head&pointFloat != 0:
			p.Value = span.Value{Type: span.Float, Num: r.xor(last.Value.Num)}
		}
	default:
		p.Count = last.Count + uint64(r.varint())
		if head&pointSum != 0 {
			p.Sum, p.HasSum = r.xorFloat(last.Sum), true
		}
		if head&pointMin != 0 {
			p.Min, p.HasMin = r.xorFloat(last.Min), true
		}
		if head&pointMax != 0 {
			p.Max, p.HasMax = r.xorFloat(last.Max), true
		}
	}
	switch kind {
	case HistogramPoint:
		if head&pointCounts == 0 {
			p.Counts = r.counts()
			break
		}
		if len(last.Counts) > len(r.b) { // each has a byte or more
			r.bad = true
			return
		}
		p.Counts = make([]uint64, len(last.Counts))
		for i := range p.Counts {
			p.Counts[i] = last.Counts[i] + uint64(r.varint())
		}
	case ExponentialPoint:
		p.Scale = int32(r.varint())
		p.ZeroCount = r.uvarint()
		p.ZeroThreshold = r.xorFloat(last.ZeroThreshold)
		p.Positive = Buckets{int32(r.varint()), r.counts()}
		p.Negative = Buckets{int32(r.varint()), r.counts()}
	case Summary:
		n := r.uvarint()
		if n > uint64(len(r.b)) {
			r.bad = true
			return
		}
		for range n {
			p.Quantiles = append(p.Quantiles, Quantile{r.xorFloat(0), r.xorFloat(0)})
		}
	}
}
