package trace

import (
	"sync"
	"sync/atomic"
)

// A side is what a local root refers to on the Go heap. Few local roots are open
// at a time, so there are few sides, and they are for the garbage collector to
// look at; the slots are not. A side is never freed, only used for another local
// root, and whoever reads one through a slot looks at the slot again afterwards.
type side struct {
	extras  atomic.Pointer[extras]
	route   atomic.Pointer[string]
	handler atomic.Pointer[string]
	notes   atomic.Pointer[note]
}

// extras is what came in with a request and goes out with its children's. It does
// not change.
type extras struct{ state, baggage string }

const (
	sideBits = 7
	maxSides = 1 << indexBits
	// Sides change hands between the Ps and the common list in bunches.
	sideBunch = 32
)

// sides is the table of all sides, by number. Number 0 is none.
var sides struct {
	chunks [maxSides >> sideBits]atomic.Pointer[[1 << sideBits]side]

	mu   sync.Mutex
	num  uint32   // numbers below it have been given out
	free []uint32 // some of them are free
}

func sideAt(i uint32) *side { return &sides.chunks[i>>sideBits].Load()[i&(1<<sideBits-1)] }

// newSide returns the number of a side that is empty and not in use; 0 if there
// are too many.
func newSide() (i uint32) {
	p, sh := pinShard()
	if n := len(sh.sides) - 1; n >= 0 {
		i = sh.sides[n]
		sh.sides = sh.sides[:n]
	}
	unpinShard(p, sh)
	if i != 0 {
		return i
	}

	sides.mu.Lock()
	var bunch [sideBunch]uint32
	n := copy(bunch[:], sides.free[max(0, len(sides.free)-sideBunch):])
	sides.free = sides.free[:len(sides.free)-n]
	for n < sideBunch && sides.num < maxSides {
		if sides.num&(1<<sideBits-1) == 0 {
			sides.chunks[sides.num>>sideBits].Store(new([1 << sideBits]side))
		}
		if sides.num > 0 {
			bunch[n] = sides.num
			n++
		}
		sides.num++
	}
	sides.mu.Unlock()
	if n == 0 {
		return 0
	}
	n--
	giveSides(bunch[:n])
	return bunch[n]
}

// clear empties the side.
func (d *side) clear() {
	if d.extras.Load() != nil {
		d.extras.Store(nil)
	}
	if d.route.Load() != nil {
		d.route.Store(nil)
	}
	if d.handler.Load() != nil {
		d.handler.Store(nil)
	}
	if d.notes.Load() != nil {
		d.notes.Store(nil)
	}
}

// freeSide gives the side with the number i back.
func freeSide(i uint32) {
	sideAt(i).clear()
	p, sh := pinShard()
	full := len(sh.sides) == cap(sh.sides)
	if !full {
		sh.sides = append(sh.sides, i)
	}
	unpinShard(p, sh)
	if full {
		giveSides([]uint32{i})
	}
}

// giveSides gives sides to the calling goroutine's P, or to all if that has
// enough.
func giveSides(list []uint32) {
	var bunch [sideBunch]uint32
	n := 0
	p, sh := pinShard()
	for len(list) > 0 && len(sh.sides) < cap(sh.sides) {
		sh.sides = append(sh.sides, list[0])
		list = list[1:]
	}
	if len(list) > 0 {
		keep := len(sh.sides) - (sideBunch - len(list))
		n = copy(bunch[:], sh.sides[keep:])
		n += copy(bunch[n:], list)
		sh.sides = sh.sides[:keep]
	}
	unpinShard(p, sh)
	if n > 0 {
		sides.mu.Lock()
		sides.free = append(sides.free, bunch[:n]...)
		sides.mu.Unlock()
	}
}
