//go:build weft

package runtime

import (
	"internal/abi"
	"unsafe"
)

// A value sent on a channel carries the context of its sender. Zero-size
// elements and ticks of timers carry nothing, nor does a channel that turned out
// to recycle values.
//
// Everything here runs under the channel's lock.

// hchan.weft is a state, in bits 0-1, and flags.
const (
	weftSeen  = 1 // values have carried contexts
	weftNo    = 2 // the channel recycles values (a free list, a semaphore): it carries nothing
	weftTaken = 3 // values have been taken by goroutines in traces; none has carried a context

	weftKept = 1 << 2 // it may be a queue: somebody has received twice, and sent nothing back in between
	weftLent = 1 << 3 // somebody at work has taken a value: there is a mark of that
	weftOnce = 1 << 4 // a goroutine whose home this is has put a value back
	weftUsed = 1 << 5 // something was received from a channel for one, or it is a mailbox
)

// weftChan1 is a channel with a buffer for one element that is not of size zero.
type weftChan1 struct {
	hchan
	weft1 WeftContext // of the value in the buffer
	mark1 uint64      // see weftMark
	maker uint64      // id of the goroutine that made the channel
}

// weftChan is a channel with a longer buffer.
type weftChan struct {
	hchan
	weftq *weftQueue // nil until contexts have to do with the channel
	maker uint64     // id of the goroutine that made the channel
}

func (c *hchan) weft1() *weftChan1 { return (*weftChan1)(unsafe.Pointer(c)) }

func (c *hchan) weftq() **weftQueue {
	return &(*weftChan)(unsafe.Pointer(c)).weftq
}

func (c *hchan) weftIs() uint16 { return c.weft & 3 }

func (c *hchan) weftBecome(state uint16) { c.weft = c.weft&^3 | state }

// weftMaker returns where the id of the goroutine that made c is kept; an unbuffered
// channel has no use for sendx.
func (c *hchan) weftMaker() *uint64 {
	switch {
	case c.dataqsiz == 0:
		return (*uint64)(unsafe.Pointer(&c.sendx))
	case c.dataqsiz == 1:
		return &c.weft1().maker
	}
	return &(*weftChan)(unsafe.Pointer(c)).maker
}

// weftMade notes who made c.
func (c *hchan) weftMade() {
	if c.elemsize != 0 {
		*c.weftMaker() = getg().goid
	}
}

// weftAnswer reports whether what gp has received from c is the first value of a
// channel for one that it made itself: whoever makes that waits for an answer.
func (c *hchan) weftAnswer(gp *g) bool {
	return c.dataqsiz == 1 && c.weft&weftUsed == 0 && c.weft1().maker == gp.goid
}

// weftOn reports whether an operation of gp on c concerns contexts at all. It is
// all that channels cost when they do not.
func (c *hchan) weftOn(gp *g) bool {
	return gp.weft.Root|gp.weft.Span|uint64(c.weft&3) != 0 || gp.weft.home == weftNew && c.elemsize != 0
}

// weftOnSend reports so for a send. Who has received must be seen to send.
func (c *hchan) weftOnSend(gp *g) bool {
	return c.weftOn(gp) || gp.weft.flags&weftFed != 0
}

// weftCarrier reports whether c's values carry contexts. Tokens and ticks do not,
// nor do channels sent on channels: that is how idle workers report.
func (c *hchan) weftCarrier() bool {
	return c.weftIs() != weftNo && c.elemsize != 0 && c.timer == nil && c.elemtype.Kind() != abi.Chan
}

// weftHand hands the context of from to to, one of which is parked on c; v is
// the value.
func (c *hchan) weftHand(to, from *g, v unsafe.Pointer) {
	if !c.weftCarrier() {
		from.weftGaveBack(c)
		to.weftTook(c)
		return
	}
	if from.weft.none() && c.weftIs() == 0 {
		// Nothing has to do with contexts but that the goroutines may be new.
		from.weftSends()
		c.weftGive(to, new(WeftContext), c.weftHash(v))
		return
	}
	if c.dataqsiz != 0 {
		if c.weftRecycles(from, v) {
			to.weftTook(c)
			return
		}
		if to.weft.flags&weftPolls == 0 {
			to.weftSettle(c)
		}
		h := c.weftHash(v)
		c.weftLend(to, h)
		key := c.weftKey(to, h)
		*c.weftMark(key) = key
	}
	x := c.weftSent(from, v)
	c.weftGive(to, &x, c.weftHash(v))
}

// weftPut notes the context of from for the value at v, which has just been
// moved to the end of the buffer; queued values were there before.
func (c *hchan) weftPut(from *g, v unsafe.Pointer, queued uint) {
	if !c.weftCarrier() {
		from.weftGaveBack(c)
		return
	}
	if from.weft.none() && c.weftIs() == 0 {
		from.weftSends()
		return
	}
	if c.weftRecycles(from, v) {
		return
	}
	x := c.weftSent(from, v)
	if c.dataqsiz == 1 {
		c.weft1().weft1 = x
		return
	}
	q := *c.weftq()
	if q == nil || q.len == 0 {
		if x.none() {
			return // of the values in an empty queue none has a context
		}
		if q == nil {
			q = c.weftGrow(nil)
		}
		if queued != 0 {
			q.push(WeftContext{}, queued)
		}
	}
	if q.merge(x) {
		return
	}
	if q.len == q.cap() {
		q = c.weftGrow(q)
	}
	if q.len == q.cap()-1 && q.cap() == weftMaxRuns && c.dataqsiz > weftMaxRuns {
		x = WeftContext{} // the last run is for all those that find no place
	}
	q.push(x, 1)
}

// weftTake gives to the context of the value at v, which is about to leave the
// head of the buffer.
func (c *hchan) weftTake(to *g, v unsafe.Pointer) {
	if !c.weftCarrier() {
		to.weftTook(c)
		return
	}
	if to.weft.flags&weftPolls == 0 {
		to.weftSettle(c)
	}
	h := c.weftHash(v)
	x := WeftContext{}
	if c.weftIs() == weftSeen {
		x = c.weftPop()
	}
	if c.weftIs() != 0 || !to.weft.none() {
		if c.weftIs() == 0 {
			c.weftBecome(weftTaken)
		}
		key := c.weftKey(to, h)
		m := c.weftMark(key)
		if *m == key^1 && !x.none() && x.TraceLo != to.weft.TraceLo {
			c.weftStop() // a semaphore: see weftRecycles
			to.weftTook(c)
			return
		}
		*m = key
		c.weftLend(to, h)
	}
	c.weftGive(to, &x, h)
}

// weftGive is told that to has received a value with the hash h, which came with x.
func (c *hchan) weftGive(to *g, x *WeftContext, h uint64) {
	w := &to.weft
	if w.flags&weftPolls == 0 {
		to.weftSettle(c)
	}
	addr := uint64(uintptr(unsafe.Pointer(c)))
	if w.flags&weftPicks != 0 && w.home > weftHidden && *c.weftMaker() != to.goid {
		w.home = addr
	}
	work := w.home == addr
	if work {
		w.took(c)
	}
	before := w.WeftContext
	to.weftAdopt(c, x, work)
	if c.dataqsiz == 1 {
		c.weft |= weftUsed
	}
	if work {
		w.last = uint16(h >> 48)
		if w.flags&weftFed == 0 {
			w.flags = w.flags&^(weftDebt|weftHoards) | weftFed
			w.first = w.last
		} else if w.WeftContext != before {
			w.flags |= weftDebt
		}
		if w.flags&weftBlind != 0 {
			w.flags = w.flags&^weftBlind | weftDebt | weftHoards
		}
		if c.weftIs() != weftSeen {
			w.flags |= weftBlind
		}
	}
}

// weftPop returns the context of the value at the head of the buffer.
func (c *hchan) weftPop() WeftContext {
	if c.dataqsiz == 1 {
		return c.weft1().weft1
	}
	if q := *c.weftq(); q != nil && q.len != 0 {
		return q.pop()
	}
	return WeftContext{}
}

// weftSends notes that gp sends.
func (gp *g) weftSends() {
	gp.weft.flags &^= weftFed
	if gp.weft.home == weftNew {
		gp.weft.home = weftAsker
	}
}

// weftSent returns the context of from as the value at v carries it.
func (c *hchan) weftSent(from *g, v unsafe.Pointer) (x WeftContext) {
	w := &from.weft
	from.weftSends()
	if w.Root&WeftMuted != 0 || w.none() {
		return x
	}
	c.weftBecome(weftSeen)
	if w.flags&weftDebt != 0 && w.Root&(WeftAdopted|WeftOwn) == WeftAdopted {
		// It is in the context of the last value that it has received. If it now sends
		// those before, too, they are not of that.
		h := uint16(c.weftHash(v) >> 48)
		if h == w.first && h != w.last {
			w.flags |= weftHoards
		}
		if w.flags&weftHoards != 0 && h != w.last {
			return x
		}
	}
	return w.passedOn()
}
