//go:build weft

package runtime

import (
	"internal/abi"
	"internal/goarch"
	"unsafe"
)

// A free list is a channel that must not carry contexts: whoever takes a buffer
// from it would find itself in the trace of whoever gave it back. What tells it
// from a queue of work is that a goroutine takes a value and later puts back that
// very value. With a semaphore it is the other way round: a goroutine puts a token
// and later takes an equal one, which somebody else had put. The first time that
// either is seen the channel becomes weftNo.
//
// What a goroutine has taken is marked in the channel and not in the goroutine,
// which may take from many others in between.

// weftRecycles reports whether gp is putting back the value at v that it has
// taken, and makes c carry nothing from then on. If not, and the value could be
// a token, it marks that gp has put it.
func (c *hchan) weftRecycles(gp *g, v unsafe.Pointer) bool {
	token := c.elemsize <= 8 && !c.elemtype.Pointers()
	if !token && c.dataqsiz != 1 && *c.weftq() == nil {
		return false
	}
	h := c.weftHash(v)
	key := c.weftKey(gp, h)
	m := c.weftMark(key)
	home := gp.weft.home == uint64(uintptr(unsafe.Pointer(c)))
	if home {
		gp.weft.flags |= weftBack
	}
	if *m == key && !(home && gp.weft.flags&weftKeeps != 0) || c.weft&weftLent != 0 && c.weftLentOut(h) {
		if home && c.weft&weftOnce == 0 && c.dataqsiz > 1 {
			c.weft |= weftOnce // once may be a task that failed
			return false
		}
		c.weftStop()
		if home && c.dataqsiz > 1 {
			c.weft |= weftKept // what came back may as well be tasks that failed
			if gp.weft.Root&(WeftOwn|WeftMuted) == 0 {
				gp.weft.WeftContext = WeftContext{}
			}
		}
		return true
	}
	if token {
		*m = key ^ 1
	}
	return false
}

// weftStop makes c, and what is in its buffer, carry nothing.
func (c *hchan) weftStop() {
	c.weftBecome(weftNo)
	if c.dataqsiz > 1 {
		*c.weftq() = nil
	}
}

// weftLend marks that the value with the hash h was taken by to, which is at work already, on
// something else: whoever puts that value back recycles it. Only pointers say which
// value it is.
func (c *hchan) weftLend(to *g, h uint64) {
	w := &to.weft
	if c.dataqsiz < 2 || w.none() || w.flags&(weftPicks|weftPolls) != 0 || w.home == uint64(uintptr(unsafe.Pointer(c))) {
		return
	}
	if k := c.elemtype.Kind(); k != abi.Pointer && k != abi.Slice {
		return
	}
	c.weft |= weftLent
	key := h | 1
	*c.weftMark(key) = key
}

// weftLentOut reports whether there is such a mark.
func (c *hchan) weftLentOut(h uint64) bool {
	key := h | 1
	return *c.weftMark(key) == key
}

// weftKey identifies gp and the value with the hash h. A channel for one value may
// be a lock that holds what it protects, which is another value when it comes back:
// there gp alone counts.
func (c *hchan) weftKey(gp *g, h uint64) uint64 {
	if c.dataqsiz == 1 {
		h = 0
	}
	h = (h ^ gp.goid) * weftMix
	return (h ^ h>>32) | 1 // odd: taken; even: put
}

const weftMix = 0x9e3779b97f4a7c15

// weftHash hashes the value at v: where a slice begins, which may be cut to size
// before it comes back, or the first 32 bytes of other values.
func (c *hchan) weftHash(v unsafe.Pointer) (h uint64) {
	n := min(uintptr(c.elemsize), 32)
	if c.elemtype.Kind() == abi.Slice {
		n = goarch.PtrSize
	}
	for ; n >= 8; n -= 8 {
		h = (h ^ readUnaligned64(v)) * weftMix
		h ^= h >> 29
		v = add(v, 8)
	}
	for ; n > 0; n-- {
		h = (h ^ uint64(*(*byte)(v))) * weftMix
		h ^= h >> 29
		v = add(v, 1)
	}
	return h
}

// weftMark returns the place where the channel remembers a key or would remember
// it; another key may be there.
func (c *hchan) weftMark(key uint64) *uint64 {
	if c.dataqsiz == 1 {
		return &c.weft1().mark1
	}
	q := *c.weftq()
	if q == nil {
		q = c.weftGrow(nil)
	}
	// A key has two places; of those in a table that is not full hardly any is lost.
	a, b := q.mark(uint32(key>>1)&q.marks), q.mark(uint32(key>>32)&q.marks)
	if *a|1 == key|1 || *b|1 != key|1 && (*a == 0 || *b != 0) {
		return a
	}
	return b
}
