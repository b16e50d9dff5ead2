//go:build weft

package runtime

import (
	"internal/abi"
	"internal/goarch"
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

	weftKept = 1 << 2 // somebody has received twice, and sent nothing back in between
	weftLent = 1 << 3 // somebody at work has taken a value: there is a mark of that
	weftOnce = 1 << 4 // a goroutine whose home this is has put a value back
	weftUsed = 1 << 5 // something was received from a channel for one
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
		if home && c.weft&weftOnce == 0 {
			c.weft |= weftOnce // once may be a task that failed
			return false
		}
		c.weftStop()
		if home && gp.weft.Root&(WeftOwn|WeftMuted) == 0 {
			gp.weft.WeftContext = WeftContext{} // it may as well work off what comes from there
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

// A buffered channel of pointer-free elements is one block without pointers in
// plain Go. It now has one, weftq, so the collector must scan the header, and
// the block needs a type that says so: weftChanType has one for each size class
// up to 4 KiB. Longer channels keep their buffer in a block of its own.

type weftChanN[B any] struct {
	weftChan
	buf B
}

const weftChanSize = unsafe.Sizeof(weftChan{})

// weftMakeHeader allocates a channel without its buffer.
func weftMakeHeader(size int) *hchan {
	if size == 1 {
		return &new(weftChan1).hchan
	}
	return &new(weftChan).hchan
}

// weftMakeChan allocates a channel with a buffer for size elements without
// pointers, of mem bytes in all.
func weftMakeChan(mem uintptr, size int) *hchan {
	var i uintptr
	switch {
	case size == 1:
		c := (*hchan)(mallocgc(unsafe.Sizeof(weftChan1{})+mem, nil, true))
		c.buf = add(unsafe.Pointer(c), unsafe.Sizeof(weftChan1{}))
		return c
	case mem <= 384:
		i = uintptr(weftChanSmall[(mem+7)/8])
	case mem <= 3968:
		i = uintptr(weftChanLarge[(mem+63)/64])
	default:
		c := weftMakeHeader(size)
		c.buf = mallocgc(mem, nil, true)
		return c
	}
	t := (*ptrtype)(unsafe.Pointer(efaceOf(&weftChanTypes[i])._type)).Elem
	c := (*hchan)(mallocgc(t.Size_, t, true))
	c.buf = add(unsafe.Pointer(c), weftChanSize)
	return c
}

// weftChanTypes has a type for each size of buffer with which a channel fills
// its size class (on 64 bits).
var weftChanTypes = [...]any{
	(*weftChanN[[16]byte])(nil),
	(*weftChanN[[32]byte])(nil),
	(*weftChanN[[48]byte])(nil),
	(*weftChanN[[64]byte])(nil),
	(*weftChanN[[80]byte])(nil),
	(*weftChanN[[96]byte])(nil),
	(*weftChanN[[112]byte])(nil),
	(*weftChanN[[128]byte])(nil),
	(*weftChanN[[160]byte])(nil),
	(*weftChanN[[192]byte])(nil),
	(*weftChanN[[224]byte])(nil),
	(*weftChanN[[256]byte])(nil),
	(*weftChanN[[288]byte])(nil),
	(*weftChanN[[320]byte])(nil),
	(*weftChanN[[352]byte])(nil),
	(*weftChanN[[384]byte])(nil),
	(*weftChanN[[448]byte])(nil),
	(*weftChanN[[512]byte])(nil),
	(*weftChanN[[576]byte])(nil),
	(*weftChanN[[640]byte])(nil),
	(*weftChanN[[768]byte])(nil),
	(*weftChanN[[896]byte])(nil),
	(*weftChanN[[1024]byte])(nil),
	(*weftChanN[[1152]byte])(nil),
	(*weftChanN[[1280]byte])(nil),
	(*weftChanN[[1408]byte])(nil),
	(*weftChanN[[1664]byte])(nil),
	(*weftChanN[[1920]byte])(nil),
	(*weftChanN[[2176]byte])(nil),
	(*weftChanN[[2560]byte])(nil),
	(*weftChanN[[2944]byte])(nil),
	(*weftChanN[[3072]byte])(nil),
	(*weftChanN[[3328]byte])(nil),
	(*weftChanN[[3968]byte])(nil),
}

// weftChanSmall maps the size of a buffer in words to the first of weftChanTypes
// that holds it.
var weftChanSmall = [...]uint8{
	0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7,
	7, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11,
	11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15,
	15,
}

// weftChanLarge does so for the size in units of 64 bytes.
var weftChanLarge = [...]uint8{
	0, 3, 7, 9, 11, 13, 15, 16, 17, 18, 19, 20, 20, 21, 21, 22,
	22, 23, 23, 24, 24, 25, 25, 26, 26, 26, 26, 27, 27, 27, 27, 28,
	28, 28, 28, 29, 29, 29, 29, 29, 29, 30, 30, 30, 30, 30, 30, 31,
	31, 32, 32, 32, 32, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33,
}
