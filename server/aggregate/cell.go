package aggregate

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/weft-trace/weft/server/span"
)

// Cell is what one series counted in one bucket of time. Its zero value is
// empty. It is not safe for concurrent use.
//
// A trace id of zero means that there is no such call, or that its trace is
// not known: of buckets of 10 s the traces are not kept on the disk, because they
// would be the half of it. See Cell.Lend.
type Cell struct {
	Errors    uint64       // calls that failed
	Durations Histogram    // of all calls; their number is its count
	Slow      span.TraceID // of the longest call; of several, the smallest id
	Failed    span.TraceID // of a call that failed: the smallest id, which is a random choice
}

// Add counts one call.
func (c *Cell) Add(trace span.TraceID, duration int64, failed bool) {
	duration = max(duration, 0)
	if longest := c.Durations.Max(); duration > longest || c.Durations.Count() == 0 {
		c.Slow = trace
	} else if duration == longest {
		c.Slow = smaller(c.Slow, trace)
	}
	if failed {
		c.Failed = smaller(c.Failed, trace)
		c.Errors++
	}
	c.Durations.Add(duration)
}

// Merge adds what o has counted. Like Histogram's, it is associative and
// commutative, exactly.
func (c *Cell) Merge(o *Cell) {
	if o.Durations.count == 0 {
		return
	}
	switch {
	case c.Durations.count == 0 || o.Durations.max > c.Durations.max:
		c.Slow = o.Slow
	case o.Durations.max == c.Durations.max:
		c.Slow = smaller(c.Slow, o.Slow)
	}
	c.Failed = smaller(c.Failed, o.Failed)
	c.Errors += o.Errors
	c.Durations.Merge(&o.Durations)
}

// Count returns the number of calls.
func (c *Cell) Count() uint64 { return c.Durations.count }

// Reset makes the cell empty and keeps its memory.
func (c *Cell) Reset() {
	c.Errors, c.Slow, c.Failed = 0, span.TraceID{}, span.TraceID{}
	c.Durations.Reset()
}

// Lend gives a cell whose traces are not known those of a cell of the same
// series and a longer bucket around it: the slow one if it is the longest call of both, the
// failed one if c has errors, though it may be one of the longer bucket's others.
func (c *Cell) Lend(around *Cell) {
	if c.Slow.IsZero() && c.Durations.count > 0 && c.Durations.max == around.Durations.max {
		c.Slow = around.Slow
	}
	if c.Failed.IsZero() && c.Errors > 0 {
		c.Failed = around.Failed
	}
}

// smaller returns the smaller one of two ids, not counting zero.
func smaller(a, b span.TraceID) span.TraceID {
	if a.IsZero() || !b.IsZero() && bytes.Compare(b[:], a[:]) < 0 {
		return b
	}
	return a
}

// The low bits of a cell's first number.
const (
	cellNoTraces  = 0
	cellOneTrace  = 1 // of the slow call; if there are errors, of the failed one, too
	cellTwoTraces = 2 // of the slow call, then of the failed one
)

// append appends the cell's encoding, described in docs/format/aggregate.md.
// The cell must not be empty.
func (c *Cell) append(b []byte, traces bool) []byte {
	switch {
	case !traces || c.Slow.IsZero():
		b = binary.AppendUvarint(b, c.Errors<<2|cellNoTraces)
	case c.Errors == 0 || c.Failed == c.Slow:
		b = binary.AppendUvarint(b, c.Errors<<2|cellOneTrace)
		b = append(b, c.Slow[:]...)
	default:
		b = binary.AppendUvarint(b, c.Errors<<2|cellTwoTraces)
		b = append(append(b, c.Slow[:]...), c.Failed[:]...)
	}
	return c.Durations.Append(b)
}

// parse reads a cell that b holds.
func (c *Cell) parse(b []byte) error {
	r := reader{b: b}
	head := r.uvarint()
	c.Errors = head >> 2
	c.Slow, c.Failed = span.TraceID{}, span.TraceID{}
	switch head & 3 {
	case cellOneTrace:
		copy(c.Slow[:], r.bytes(16))
		if c.Errors > 0 {
			c.Failed = c.Slow
		}
	case cellTwoTraces:
		copy(c.Slow[:], r.bytes(16))
		copy(c.Failed[:], r.bytes(16))
	}
	if r.bad || head&3 > cellTwoTraces {
		return fmt.Errorf("cell: %w", r.err("errors and traces"))
	}
	rest, err := c.Durations.decode(r.b)
	if err != nil {
		return fmt.Errorf("cell: %w", err)
	}
	if n := c.Durations.Count(); n == 0 || c.Errors > n || len(rest) > 0 {
		return fmt.Errorf("cell: %d errors of %d calls, %d bytes more than it has", c.Errors, n, len(rest))
	}
	return nil
}
