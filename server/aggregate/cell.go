package aggregate

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/weft-trace/weft/server/span"
)

// Cell is what one series counted in one bucket of time. Its zero value is
// empty. It is not safe for concurrent use.
type Cell struct {
	Errors    uint64       // calls that failed
	Durations Histogram    // of all calls; their number is its count
	Slow      span.TraceID // of the longest call; of several, the smallest id. Zero if there is no call
	Failed    span.TraceID // of a call that failed: the smallest id, which is a random choice. Zero if Errors is 0
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
		if c.Errors == 0 {
			c.Failed = trace
		} else {
			c.Failed = smaller(c.Failed, trace)
		}
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
	if o.Errors > 0 {
		if c.Errors == 0 {
			c.Failed = o.Failed
		} else {
			c.Failed = smaller(c.Failed, o.Failed)
		}
		c.Errors += o.Errors
	}
	c.Durations.Merge(&o.Durations)
}

// Count returns the number of calls.
func (c *Cell) Count() uint64 { return c.Durations.count }

// Reset makes the cell empty and keeps its memory.
func (c *Cell) Reset() {
	c.Errors, c.Slow, c.Failed = 0, span.TraceID{}, span.TraceID{}
	c.Durations.Reset()
}

func smaller(a, b span.TraceID) span.TraceID {
	if bytes.Compare(b[:], a[:]) < 0 {
		return b
	}
	return a
}

// Append appends the cell's encoding, described in docs/format/aggregate.md.
// The cell must not be empty.
func (c *Cell) Append(b []byte) []byte {
	same := uint64(0)
	if c.Failed == c.Slow { // said once
		same = 1
	}
	b = binary.AppendUvarint(b, c.Errors<<1|same)
	b = append(b, c.Slow[:]...)
	if c.Errors > 0 && same == 0 {
		b = append(b, c.Failed[:]...)
	}
	return c.Durations.Append(b)
}

// parse reads a cell that b holds.
func (c *Cell) parse(b []byte) error {
	r := reader{b: b}
	n := r.uvarint()
	c.Errors = n >> 1
	copy(c.Slow[:], r.bytes(16))
	c.Failed = span.TraceID{}
	if c.Errors > 0 {
		c.Failed = c.Slow
		if n&1 == 0 {
			copy(c.Failed[:], r.bytes(16))
		}
	}
	if r.bad || n == 1 {
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
