package aggregate

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/bits"
)

const (
	// MaxScale is the scale of a histogram whose durations are not too far
	// apart. At scale s the bounds of a bucket differ by the factor 2^(2^-s):
	// 4.4 % at 4, 9.1 % at 3, 18.9 % at 2.
	MaxScale = 4
	// MinScale is the lowest scale that a histogram can need: the 63 powers of
	// two of an int64 are 253 buckets there.
	MinScale = 2
	// MaxBuckets bounds the range of buckets from the lowest to the highest that
	// is not empty. A histogram that would exceed it halves its resolution.
	// So the scale is 4 while the longest duration is at most some million times the
	// shortest, 3 up to 10^12 times.
	MaxBuckets = 320
	// few is how many durations a histogram keeps as they are: most cells of a cut
	// have few calls, and a list of numbers is smaller and faster than buckets.
	few = 32
	// fewest is how many are encoded as they are. More are smaller as buckets.
	fewest = 8
)

// Histogram counts durations in nanoseconds. It is the exponential histogram of
// OpenTelemetry's data model
// (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)
// with base 2^(2^-scale): bucket i counts what lies in (base^i, base^(i+1)], a
// count of its own what is zero. There are no negative durations.
//
// Merging is associative and commutative, exactly: whatever the order in which
// durations are added and histograms merged, the result is the same to the bit,
// because the scale follows from the lowest and the highest bucket alone and
// the sum is an integer that stops at its largest value instead of rounding.
//
// The first few durations are kept as they are, until they are merged with
// others that are in buckets: of them everything is exact.
//
// The zero value is an empty histogram. It is not safe for concurrent use.
type Histogram struct {
	count uint64 // all durations
	sum   uint64 // nanoseconds; math.MaxUint64: that or more
	min   int64
	max   int64
	exact [few]int64 // the durations, in no order, unless they are spilled into the buckets

	spilled bool
	zero    uint64   // durations of 0
	window  []uint64 // counts of buckets base, base+1, …; never longer than MaxBuckets
	base    int32
	lo, hi  int32 // the lowest and the highest bucket that is not empty, if there is one
	shift   uint8 // MaxScale - scale
}

// bound[j] is 2^63 * 2^(j/16), rounded: where the buckets of one power of two end.
var bound = func() (b [1 << MaxScale]uint64) {
	for j := range b {
		// The product is below 2^64. 63 bits of float64's 53 are enough: a bound
		// other than b[0] is irrational, so no duration lies on it.
		b[j] = uint64(math.Exp2(float64(j)/(1<<MaxScale)) * (1 << 63))
	}
	return b
}()

// guess[m] is the largest j with bound[j] <= the number whose top 7 bits are 64+m,
// the others zero. The bounds are farther apart, so at most one more follows.
var guess = func() (g [64]uint8) {
	for m := range g {
		for j := range bound {
			if bound[j] <= uint64(64+m)<<57 {
				g[m] = uint8(j)
			}
		}
	}
	return g
}()

// bucket returns the index of the bucket of a positive duration at MaxScale.
func bucket(d int64) int32 {
	lead := bits.LeadingZeros64(uint64(d))
	m := uint64(d) << lead
	j := uint64(guess[m>>57&63])
	for j+1 < uint64(len(bound)) && bound[j+1] < m {
		j++
	}
	i := int32(63-lead)<<MaxScale + int32(j)
	if m == 1<<63 {
		i-- // a power of two is the upper bound of its bucket
	}
	return i
}

// Add counts a duration; one below zero counts as zero.
func (h *Histogram) Add(d int64) {
	if d < 0 {
		d = 0
	}
	if h.count == 0 || d < h.min {
		h.min = d
	}
	if d > h.max {
		h.max = d
	}
	h.sum = saturate(h.sum, uint64(d))
	if !h.spilled {
		if h.count < few {
			h.exact[h.count] = d
			h.count++
			return
		}
		h.spill()
	}
	h.count++
	h.put(d)
}

// spill puts the durations that were kept as they are into buckets.
func (h *Histogram) spill() {
	h.spilled = true
	for _, d := range h.exact[:h.count] {
		h.put(d)
	}
}

// put counts a duration in its bucket and nowhere else.
func (h *Histogram) put(d int64) {
	if d == 0 {
		h.zero++
		return
	}
	i := bucket(d) >> h.shift
	if k := uint32(i - h.base); k < uint32(len(h.window)) {
		h.window[k]++
		h.lo = min(h.lo, i)
		h.hi = max(h.hi, i)
		return
	}
	if len(h.window) == 0 {
		h.lo, h.hi = i, i
	}
	before := h.shift
	h.fit(min(h.lo, i), max(h.hi, i))
	i >>= h.shift - before
	h.window[i-h.base]++
	h.lo = min(h.lo, i)
	h.hi = max(h.hi, i)
}

// fit makes the window hold buckets lo to hi, which include h.lo to h.hi, and
// lowers the scale as far as that needs.
func (h *Histogram) fit(lo, hi int32) {
	for hi-lo >= MaxBuckets {
		lo, hi = lo>>1, hi>>1
		h.downscale()
	}
	if lo >= h.base && int(hi-h.base) < len(h.window) {
		return
	}
	n := hi - lo + 1
	room := int32(8)
	for room < n {
		room *= 2
	}
	room = min(room, MaxBuckets)
	base := lo - (room-n)/2
	if len(h.window) == 0 && cap(h.window) >= int(room) {
		h.window, h.base = h.window[:room], base // of a histogram that was reset
		clear(h.window)
		return
	}
	window := make([]uint64, room)
	if len(h.window) > 0 {
		copy(window[h.lo-base:], h.window[h.lo-h.base:h.hi-h.base+1])
	}
	h.window, h.base = window, base
}

// downscale halves the number of buckets.
func (h *Histogram) downscale() {
	h.shift++
	if len(h.window) == 0 {
		return
	}
	base := h.base >> 1
	for k, n := range h.window {
		h.window[k] = 0 // first, because k may be the place that n goes to
		h.window[(h.base+int32(k))>>1-base] += n
	}
	h.base, h.lo, h.hi = base, h.lo>>1, h.hi>>1
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	if !o.spilled {
		for _, d := range o.exact[:o.count] {
			h.Add(d)
		}
		return
	}
	if h.count == 0 {
		window := h.window[:0]
		if len(o.window) > 0 {
			window = append(window, o.window[o.lo-o.base:o.hi-o.base+1]...)
		}
		*h = *o
		h.window, h.base = window, o.lo
		return
	}
	if !h.spilled {
		h.spill()
	}
	if o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.count += o.count
	h.zero += o.zero
	h.sum = saturate(h.sum, o.sum)
	if len(o.window) == 0 {
		return
	}
	for h.shift < o.shift {
		h.downscale()
	}
	lo, hi := o.lo>>(h.shift-o.shift), o.hi>>(h.shift-o.shift)
	if len(h.window) == 0 {
		h.lo, h.hi = lo, lo // its window is empty: fit copies nothing
		h.fit(lo, hi)
	} else {
		h.fit(min(lo, h.lo), max(hi, h.hi))
	}
	down := h.shift - o.shift
	h.lo, h.hi = min(h.lo, o.lo>>down), max(h.hi, o.hi>>down)
	for i := o.lo; i <= o.hi; i++ {
		h.window[i>>down-h.base] += o.window[i-o.base]
	}
}

// Reset makes the histogram empty and keeps its memory.
func (h *Histogram) Reset() {
	clear(h.window)
	*h = Histogram{window: h.window[:0]}
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.count }

// Sum returns their sum in nanoseconds; math.MaxUint64 means that or more.
func (h *Histogram) Sum() uint64 { return h.sum }

// Min returns the shortest duration, 0 if there is none.
func (h *Histogram) Min() int64 { return h.min }

// Max returns the longest duration, 0 if there is none.
func (h *Histogram) Max() int64 { return h.max }

// Zeros returns how many durations were 0.
func (h *Histogram) Zeros() uint64 { return h.bucketed().zero }

// Scale returns the histogram's scale, MinScale to MaxScale.
func (h *Histogram) Scale() int { return MaxScale - int(h.bucketed().shift) }

// bucketed returns the histogram with all durations in buckets.
func (h *Histogram) bucketed() *Histogram {
	if h.spilled {
		return h
	}
	b := *h
	b.window = nil
	b.spill()
	return &b
}

// Buckets iterates over the indexes and counts of the buckets that are not
// empty, in ascending order.
func (h *Histogram) Buckets() iter.Seq2[int32, uint64] {
	h = h.bucketed()
	return func(yield func(int32, uint64) bool) {
		for i := h.lo; h.count > h.zero && i <= h.hi; i++ {
			if n := h.window[i-h.base]; n > 0 && !yield(i, n) {
				return
			}
		}
	}
}

// Bound returns the upper bound of bucket i at the given scale in nanoseconds;
// the lower one is that of bucket i-1.
func Bound(scale int, i int32) float64 {
	return math.Exp2(float64(i+1) / float64(int(1)<<scale))
}

// Quantile returns an estimate, in nanoseconds, of the duration that has the
// nearest rank to q: the k-th shortest, k being q times the count, rounded up.
// The estimate differs from that duration by no more than Error(h.Scale()),
// relatively, and half a nanosecond of rounding. The shortest and the longest
// are exact, and so is all of a histogram of up to 8 durations. Of an empty
// histogram it is 0.
func (h *Histogram) Quantile(q float64) int64 {
	if h.count == 0 {
		return 0
	}
	rank := uint64(1)
	if f := math.Ceil(q * float64(h.count)); f >= float64(h.count) {
		rank = h.count
	} else if f > 1 {
		rank = uint64(f)
	}
	switch {
	case rank == h.count:
		return h.max
	case rank == 1:
		return h.min
	case !h.spilled:
		exact := h.sorted()
		return exact[rank-1]
	case rank <= h.zero:
		return 0
	}
	rank -= h.zero
	for i, n := range h.Buckets() {
		if rank <= n {
			// The geometric middle is as far from the one bound as from the other.
			d := math.Exp2((float64(i) + 0.5) / float64(int(1)<<h.Scale()))
			return max(h.min, min(h.max, int64(math.Round(d))))
		}
		rank -= n
	}
	return h.max
}

// Error returns the largest relative error of Quantile at a scale: half a
// bucket, 2.2 % at scale 4, 4.4 % at 3, 9.1 % at 2.
func Error(scale int) float64 {
	return math.Exp2(0.5/float64(int(1)<<scale)) - 1
}

func saturate(a, b uint64) uint64 {
	if s, carry := bits.Add64(a, b, 0); carry == 0 {
		return s
	}
	return math.MaxUint64
}

// sorted returns the durations that were not spilled, in ascending order and
// followed by zeros.
func (h *Histogram) sorted() (exact [few]int64) {
	for n, d := range h.exact[:h.count] {
		k := n
		for ; k > 0 && exact[k-1] > d; k-- {
			exact[k] = exact[k-1]
		}
		exact[k] = d
	}
	return exact
}

// The first byte of an encoded histogram is the number of durations, if they
// are few and follow as they are. Otherwise bit 7 is set, bits 0 and 1 are
// MaxScale - scale, and bit 2 says that the count of zeros follows.
const (
	histBuckets = 1 << 7
	histZero    = 1 << 2
)

// Append appends the histogram's encoding, described in docs/format/aggregate.md.
func (h *Histogram) Append(b []byte) []byte {
	if h.count <= fewest {
		b = append(b, byte(h.count))
		last := int64(0)
		exact := h.sorted()
		for _, d := range exact[:h.count] {
			b = binary.AppendUvarint(b, uint64(d-last))
			last = d
		}
		return b
	}
	if !h.spilled {
		return h.appendFew(b)
	}
	head := histBuckets | h.shift
	if h.zero > 0 {
		head |= histZero
	}
	b = append(b, head)
	if h.zero > 0 {
		b = binary.AppendUvarint(b, h.zero)
	}
	n := uint64(0)
	if h.count > h.zero {
		for _, c := range h.window[h.lo-h.base : h.hi-h.base+1] {
			if c > 0 {
				n++
			}
		}
	}
	b = binary.AppendUvarint(b, n)
	b = binary.AppendUvarint(b, uint64(h.min))
	b = binary.AppendUvarint(b, uint64(h.max-h.min))
	b = binary.AppendUvarint(b, h.sum)
	if n == 0 {
		return b
	}
	next := int32(-1) // the lowest index there is, that of a duration of 1 ns
	for k, c := range h.window[h.lo-h.base : h.hi-h.base+1] {
		if c == 0 {
			continue
		}
		i := h.lo + int32(k)
		b = appendBucket(b, i-next, c)
		next = i + 1
	}
	return b
}

// appendFew appends what Append would if the durations were in buckets.
func (h *Histogram) appendFew(b []byte) []byte {
	exact := h.sorted()
	list := exact[:h.count]
	zero := 0
	for zero < len(list) && list[zero] == 0 {
		zero++
	}
	list = list[zero:]
	var index [few]int32
	shift, n := 0, 0
	if len(list) > 0 {
		lo, hi := bucket(list[0]), bucket(list[len(list)-1])
		for ; hi-lo >= MaxBuckets; shift++ {
			lo, hi = lo>>1, hi>>1
		}
		for k, d := range list {
			index[k] = bucket(d) >> shift
			if k == 0 || index[k] != index[k-1] {
				n++
			}
		}
	}
	if zero == 0 {
		b = append(b, histBuckets|byte(shift))
	} else {
		b = append(b, histBuckets|byte(shift)|histZero, byte(zero))
	}
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendUvarint(b, uint64(h.min))
	b = binary.AppendUvarint(b, uint64(h.max-h.min))
	b = binary.AppendUvarint(b, h.sum)
	next := int32(-1)
	for k := 0; k < len(list); {
		i, c := index[k], 0
		for ; k < len(list) && index[k] == i; k++ {
			c++
		}
		b = appendBucket(b, i-next, uint64(c))
		next = i + 1
	}
	return b
}

// appendBucket appends a bucket that has count durations, gap buckets after
// the one that follows the last.
func appendBucket(b []byte, gap int32, count uint64) []byte {
	b = binary.AppendUvarint(b, (count-1)<<2|uint64(min(gap, 3)))
	if gap >= 3 {
		b = binary.AppendUvarint(b, uint64(gap-3))
	}
	return b
}

// decode reads a histogram from the start of b into h, whose memory it uses
// again, and returns what follows.
func (h *Histogram) decode(b []byte) (rest []byte, err error) {
	h.Reset()
	r := reader{b: b}
	head := r.byte()
	if head&histBuckets == 0 {
		d := uint64(0)
		if head > fewest {
			return nil, fmt.Errorf("histogram: %d durations as they are; there are %d at most", head, fewest)
		}
		for range head {
			v := r.uvarint()
			if d += v; r.bad || v > math.MaxInt64 || d > math.MaxInt64 {
				return nil, fmt.Errorf("histogram: %w", r.err("durations as they are"))
			}
			h.Add(int64(d))
		}
		if r.bad {
			return nil, fmt.Errorf("histogram: %w", r.err("first byte"))
		}
		return r.b, nil
	}
	if head&^(histBuckets|histZero|3) != 0 {
		return nil, fmt.Errorf("histogram: unknown bits in its first byte %#x", head)
	}
	h.shift, h.spilled = head&3, true
	if head&histZero != 0 {
		if h.zero = r.uvarint(); h.zero == 0 {
			return nil, fmt.Errorf("histogram: %w", r.err("count of zeros"))
		}
	}
	n := r.uvarint()
	lowest, spread := r.uvarint(), r.uvarint()
	h.sum = r.uvarint()
	if r.bad || n > MaxBuckets || n == 0 && h.shift > 0 || lowest > math.MaxInt64 || spread > math.MaxInt64-lowest {
		return nil, fmt.Errorf("histogram: %w", r.err("number of buckets, shortest, longest or sum"))
	}
	h.count = h.zero
	h.min, h.max = int64(lowest), int64(lowest+spread)
	first, last := int32(0), int32(0)
	if h.max > 0 {
		last = bucket(h.max) >> h.shift
	}
	if h.min > 0 {
		first = bucket(h.min) >> h.shift
	}
	next := int32(-1)
	for k := range n {
		v := r.uvarint()
		gap := v & 3
		if gap == 3 {
			gap += r.uvarint()
		}
		if r.bad || gap > 64<<MaxScale {
			return nil, fmt.Errorf("histogram: %w", r.err("bucket"))
		}
		i := next + int32(gap)
		next = i + 1
		if i > last || (k == 0 && h.min > 0 && i != first) {
			return nil, fmt.Errorf("histogram: bucket %d is not between those of the shortest and the longest duration", i)
		}
		count := v>>2 + 1
		if h.count+count < h.count {
			return nil, fmt.Errorf("histogram: more than 2^64 durations")
		}
		h.count += count
		if k == 0 {
			if last-i >= MaxBuckets {
				return nil, fmt.Errorf("histogram: buckets %d to %d are more than %d", i, last, MaxBuckets)
			}
			h.fitExact(i, last)
		}
		h.window[i-h.base] += count
	}
	if n > 0 && next-1 != last || n == 0 && h.max > 0 || (h.zero > 0) != (h.min == 0) || h.count <= fewest {
		return nil, fmt.Errorf("histogram: the buckets are not those of the shortest and the longest duration")
	}
	return r.b, nil
}

// fitExact makes the window of an empty histogram hold lo to hi and no more.
func (h *Histogram) fitExact(lo, hi int32) {
	n := int(hi - lo + 1)
	if cap(h.window) >= n {
		h.window = h.window[:n]
		clear(h.window)
	} else {
		h.window = make([]uint64, n)
	}
	h.base, h.lo, h.hi = lo, lo, hi
}
