//go:build weft

package runtime

import "unsafe"

// weftQueue says what contexts the values in a channel's buffer carry, as runs
// of neighbours with the same one, first in first out. Before the runs lie the
// marks. It holds no pointers.
type weftQueue struct {
	head, len uint32 // of the runs
	mask      uint32 // number of runs that there is room for, minus 1
	marks     uint32 // number of marks, minus 1
}

type weftRun struct {
	WeftContext
	n uint64
}

const (
	// weftMaxRuns bounds a queue to 40 KiB. Of a longer buffer's values some then
	// lose their contexts, and none gets a wrong one.
	weftMaxRuns = 1024

	// weftMaxMarks is enough to recognise a free list soon, if not at once, from
	// which more values are out at a time.
	weftMaxMarks = 256
)

func (q *weftQueue) cap() uint32 { return q.mask + 1 }

func (q *weftQueue) mark(i uint32) *uint64 {
	return (*uint64)(add(unsafe.Pointer(q), unsafe.Sizeof(*q)+uintptr(i)*8))
}

func (q *weftQueue) run(i uint32) *weftRun {
	i = (q.head + i) & q.mask
	return (*weftRun)(add(unsafe.Pointer(q.mark(q.marks+1)), uintptr(i)*unsafe.Sizeof(weftRun{})))
}

// merge adds x to the last run if that is possible.
func (q *weftQueue) merge(x WeftContext) bool {
	if q.len == 0 {
		return false
	}
	r := q.run(q.len - 1)
	if r.WeftContext != x && (q.len != weftMaxRuns || !r.none()) {
		return false
	}
	r.n++
	return true
}

func (q *weftQueue) push(x WeftContext, n uint) {
	*q.run(q.len) = weftRun{x, uint64(n)}
	q.len++
}

func (q *weftQueue) pop() WeftContext {
	r := q.run(0)
	x := r.WeftContext
	if r.n--; r.n == 0 {
		q.head++
		q.len--
	}
	return x
}

// weftGrow makes a queue for c, or a longer one.
func (c *hchan) weftGrow(old *weftQueue) *weftQueue {
	runs, marks := uint32(4), uint32(16)
	if old != nil {
		runs = old.cap() * 4
	}
	for runs > 1 && uint(runs/2) >= c.dataqsiz {
		runs /= 2
	}
	runs = min(runs, weftMaxRuns)
	for marks < weftMaxMarks && uint(marks) < 4*c.dataqsiz {
		marks *= 2
	}
	// The channel's lock keeps the garbage collector from being started here, as
	// it does in acquireSudog.
	q := (*weftQueue)(mallocgc(unsafe.Sizeof(weftQueue{})+uintptr(marks)*8+uintptr(runs)*unsafe.Sizeof(weftRun{}), nil, true))
	q.mask, q.marks = runs-1, marks-1
	if old != nil {
		for i := range marks {
			*q.mark(i) = *old.mark(i)
		}
		for i := range old.len {
			r := old.run(i)
			q.push(r.WeftContext, uint(r.n))
		}
	}
	*c.weftq() = q
	return q
}
