package agent

import (
	"time"

	"github.com/weft-trace/weft/rt/trace"
)

// A clock converts ticks to wall time. It keeps moments at which both were read (anchors) and interpolates between them. The
// agent adds an anchor each time before it drains, so what it then finds is older and nothing is extrapolated. Hence a tick
// is the same time whenever it is converted (almost: anchors long past are thinned out), and a later tick no earlier one.
//
// It follows the system's clock where that is slewed. If that is set (or the machine slept), earlier anchors are
// forgotten: spans keep their durations, and their times are those of the new setting.
type clock struct {
	anchors []anchor // at least two
	read    func() anchor
}

type anchor struct {
	ticks, wall int64
	slope       float64 // nanoseconds per tick from here to the next one
}

const (
	maxAnchors  = 256
	maxSlew     = int64(50 * time.Millisecond)
	settledTime = int64(500 * time.Millisecond)
)

// newClock returns a clock. Until its first update it takes ticks for nanoseconds.
func newClock(read func() anchor) *clock {
	c := &clock{read: read}
	c.restart(read())
	return c
}

func (c *clock) restart(a anchor) {
	slope := c.rate()
	a.slope = slope
	c.anchors = append(c.anchors[:0], a, anchor{ticks: a.ticks + 1, wall: a.wall + 1, slope: slope})
}

// rate is the length of a tick in nanoseconds by the whole history, 1 if there is none.
func (c *clock) rate() float64 {
	if len(c.anchors) < 2 {
		return 1
	}
	first, last := c.anchors[0], c.anchors[len(c.anchors)-1]
	if last.ticks-first.ticks < 1000 {
		return last.slope
	}
	return float64(last.wall-first.wall) / float64(last.ticks-first.ticks)
}

// settled reports whether the history is long enough for the rate to be relied upon.
func (c *clock) settled() bool {
	return c.anchors[len(c.anchors)-1].wall-c.anchors[0].wall >= settledTime
}

// update makes the present the last anchor.
func (c *clock) update() {
	now := c.read()
	n := len(c.anchors)
	prev, last := &c.anchors[n-2], &c.anchors[n-1]
	if now.ticks <= last.ticks {
		if now.ticks < prev.ticks {
			c.restart(now) // the counter was reset
		}
		return
	}
	if n > 2 || last.ticks-prev.ticks > 1000 {
		bound := maxSlew + (now.wall-last.wall)/2000 // 500 ppm, the most that time daemons slew by
		if off := now.wall - c.wall(now.ticks); off > bound || off < -bound {
			c.restart(now)
			return
		}
	}
	if last.ticks == prev.ticks+1 {
		// The one that restart made up.
		c.anchors = c.anchors[:n-1]
		last = prev
	}
	now.wall = max(now.wall, last.wall)
	last.slope = slope(*last, now)
	now.slope = last.slope
	c.anchors = append(c.anchors, now)
	if len(c.anchors) > maxAnchors {
		c.thin()
	}
}

// thin removes every other anchor, so that what is long ago is kept coarsely.
func (c *clock) thin() {
	n := len(c.anchors)
	kept := c.anchors[:0]
	for i, a := range c.anchors {
		if i%2 == 0 || i >= n-2 {
			kept = append(kept, a)
		}
	}
	c.anchors = kept
	for i := range kept[:len(kept)-1] {
		kept[i].slope = slope(kept[i], kept[i+1])
	}
}

func slope(a, b anchor) float64 { return float64(b.wall-a.wall) / float64(b.ticks-a.ticks) }

// wall is the time of ticks in nanoseconds since 1970.
func (c *clock) wall(ticks int64) int64 {
	i := len(c.anchors) - 2
	for ticks < c.anchors[i].ticks && i > 0 {
		i--
	}
	a := &c.anchors[i]
	return a.wall + int64(float64(ticks-a.ticks)*a.slope)
}

// readClocks reads ticks and wall time at the same moment, as nearly as a few attempts allow.
func readClocks() anchor {
	var best anchor
	width := int64(-1)
	for range 4 {
		before := trace.Ticks()
		wall := time.Now().UnixNano()
		after := trace.Ticks()
		if d := after - before; width < 0 || d < width {
			width = d
			best = anchor{ticks: before + d/2, wall: wall}
		}
	}
	return best
}
