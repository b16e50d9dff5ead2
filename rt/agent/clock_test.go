package agent

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A made-up machine: ticks of 0.4 ns, and a wall clock that runs at another speed.
type machine struct {
	ticks int64
	wall  int64
	speed float64 // of the wall clock
}

const tick = 0.4

func (m *machine) pass(d time.Duration) {
	m.ticks += int64(float64(d) / tick)
	m.wall += int64(float64(d) * m.speed)
}

func (m *machine) read() anchor { return anchor{ticks: m.ticks, wall: m.wall} }

func TestClock(t *testing.T) {
	m := &machine{ticks: 1 << 50, wall: 1.7e18, speed: 1}
	c := newClock(m.read)
	rnd := rand.New(rand.NewPCG(1, 2))
	last, lastTicks := int64(0), int64(0)
	worst := int64(0)
	for i := range 20_000 {
		// Seconds to hours between drains; the wall clock is slewed now and then.
		d := time.Duration(rnd.Int64N(int64(60 * time.Millisecond)))
		if i%1000 == 999 {
			d = time.Duration(rnd.Int64N(int64(3 * time.Hour)))
			m.speed = 1 + (rnd.Float64()-0.5)*200e-6
		}
		before := *m
		m.pass(d / 2)
		mid := *m
		m.pass(d / 2)
		c.update()
		for _, at := range []machine{before, mid, *m} {
			got := c.wall(at.ticks)
			if at.ticks >= lastTicks && got < last {
				t.Fatalf("drain %d: time goes back by %d ns", i, last-got)
			}
			last, lastTicks = got, at.ticks
			if d < time.Second {
				worst = max(worst, abs(got-at.wall))
			}
		}
		if len(c.anchors) > maxAnchors {
			t.Fatal(len(c.anchors), "anchors")
		}
	}
	if worst > 100_000 { // a slew begins between two anchors: 100 ppm of at most a second
		t.Errorf("off by up to %d ns", worst)
	}
	if r := c.rate(); r < tick*0.999 || r > tick*1.001 {
		t.Errorf("rate %v", r)
	}
}

func abs(d int64) int64 { return max(d, -d) }

// A clock that is set is followed, and durations stay what they are.
func TestClockSet(t *testing.T) {
	m := &machine{ticks: 1000, wall: 1.7e18, speed: 1}
	c := newClock(m.read)
	for range 100 {
		m.pass(50 * time.Millisecond)
		c.update()
	}
	for _, by := range []time.Duration{time.Hour, -time.Hour, 60 * time.Millisecond} {
		start := m.ticks
		m.pass(20 * time.Millisecond)
		m.wall += int64(by)
		c.update()
		if got := c.wall(m.ticks) - m.wall; abs(got) > 1000 {
			t.Errorf("set by %v: off by %d ns", by, got)
		}
		if d := c.wall(m.ticks) - c.wall(start); abs(d-20e6) > 20e3 {
			t.Errorf("set by %v: 20 ms became %v", by, time.Duration(d))
		}
		for range 100 {
			m.pass(50 * time.Millisecond)
			c.update()
		}
	}
	// A counter that starts anew, as after suspending.
	m.ticks = 5
	m.pass(time.Second)
	c.update()
	if got := c.wall(m.ticks) - m.wall; abs(got) > 1000 {
		t.Errorf("counter reset: off by %d ns", got)
	}
}

func TestClockReal(t *testing.T) {
	c := newClock(readClocks)
	if c.settled() {
		t.Error("settled at once")
	}
	before, a := time.Now().UnixNano(), readClocks()
	c.update()
	after := time.Now().UnixNano()
	if w := c.wall(a.ticks); w < before-int64(time.Millisecond) || w > after+int64(time.Millisecond) {
		t.Errorf("%d is not between %d and %d", w, before, after)
	}
}
