//go:build weft

package runtime

import "unsafe"

// A value sent on a channel carries the context of its sender. Zero-size
// elements and ticks of timers carry nothing, nor does a channel that turned out
// to recycle values.
//
// Everything here runs under the channel's lock.

// States of hchan.weft.
const (
	weftSeen = 1 // values have carried contexts; so those without one say so
	weftNo   = 2 // the channel recycles values (a free list, a semaphore): it carries nothing
)

// weftChan1 is a channel with a buffer for one element that is not of size zero.
type weftChan1 struct {
	hchan
	weft1 WeftContext // of the value in the buffer
}

// weftChan is a channel with a longer buffer.
type weftChan struct {
	hchan
	weftq *weftQueue // nil until a context is sent
}

func (c *hchan) weft1() *WeftContext {
	return &(*weftChan1)(unsafe.Pointer(c)).weft1
}

func (c *hchan) weftq() **weftQueue {
	return &(*weftChan)(unsafe.Pointer(c)).weftq
}

// weftOn reports whether an operation of gp on c concerns contexts at all. It is
// all that channels cost when they do not.
func (c *hchan) weftOn(gp *g) bool {
	return gp.weft.Root|gp.weft.TraceLo != 0 || c.weft != 0
}

func (c *hchan) weftCarrier() bool {
	return c.weft != weftNo && c.elemsize != 0 && c.timer == nil
}

// weftHand hands the context of from to to, one of which is parked on c. v is
// the value when the channel is buffered.
func (c *hchan) weftHand(to, from *g, v unsafe.Pointer) {
	if !c.weftCarrier() {
		to.weftForgo(c)
		return
	}
	x := from.weft.sent()
	if c.dataqsiz != 0 {
		tag := c.weftTag(v)
		if c.weftRecycles(from, tag) {
			to.weftForgo(c)
			return
		}
		to.weftRemember(tag)
	}
	if !x.none() {
		c.weft = weftSeen
	}
	if c.weft == weftSeen {
		to.weftAdopt(c, &x)
	}
}

// weftPut notes the context of from for the value at v, which has just been
// moved to the end of the buffer; queued values were there before.
func (c *hchan) weftPut(from *g, v unsafe.Pointer, queued uint) {
	if !c.weftCarrier() {
		return
	}
	tag := c.weftTag(v)
	if c.weftRecycles(from, tag) {
		return
	}
	if c.weftToken() {
		from.weftRemember(tag ^ 1)
	}
	x := from.weft.sent()
	if c.dataqsiz == 1 {
		if !x.none() {
			c.weft = weftSeen
		}
		*c.weft1() = x
		return
	}
	q := *c.weftq()
	if q == nil {
		if x.none() {
			return
		}
		q = c.weftGrow(nil)
		if queued != 0 {
			q.push(WeftContext{}, queued)
		}
		c.weft = weftSeen
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
		to.weftForgo(c)
		return
	}
	tag := c.weftTag(v)
	if c.weft == weftSeen {
		x := c.weftPop()
		if !x.none() && c.weftReturns(to, tag, &x) {
			to.weftForgo(c)
			return
		}
		to.weftAdopt(c, &x)
	}
	to.weftRemember(tag)
}

// weftPop returns the context of the value at the head of the buffer.
func (c *hchan) weftPop() WeftContext {
	if c.dataqsiz == 1 {
		return *c.weft1()
	}
	if q := *c.weftq(); q != nil {
		return q.pop()
	}
	return WeftContext{} // contexts have only gone to receivers that waited
}

// sent returns w as a value carries it.
func (w *weftState) sent() WeftContext {
	if w.Root&WeftMuted != 0 {
		return WeftContext{}
	}
	return w.passedOn()
}

// A free list is a channel that must not carry contexts: whoever takes a buffer
// from it would find itself in the trace of whoever gave it back. What tells it
// from a queue of work is that the same goroutine takes a value and then puts
// back that very value. With a semaphore it is the other way round: a goroutine
// puts a token and later takes an equal one, which somebody else had put. The
// first time that either is seen the channel becomes weftNo.

// weftRecycles reports whether gp is putting back the value it has taken, and
// remembers that about c.
func (c *hchan) weftRecycles(gp *g, tag uint64) bool {
	if gp.weft.tags[0] != tag && gp.weft.tags[1] != tag {
		return false
	}
	c.weftStop()
	return true
}

// weftStop makes c carry nothing from now on.
func (c *hchan) weftStop() {
	c.weft = weftNo
	if c.dataqsiz > 1 {
		*c.weftq() = nil
	}
}

// weftToken reports whether c's elements could be the tokens of a semaphore.
func (c *hchan) weftToken() bool {
	return c.elemsize <= 8 && !c.elemtype.Pointers()
}

// weftReturns reports whether gp takes back, from another trace, a token equal
// to the one that it has put, and remembers that about c.
func (c *hchan) weftReturns(gp *g, tag uint64, x *WeftContext) bool {
	if !c.weftToken() || x.TraceLo == gp.weft.TraceLo || gp.weft.tags[0] != tag^1 && gp.weft.tags[1] != tag^1 {
		return false
	}
	c.weftStop()
	return true
}

// weftRemember notes that gp has taken a value out of a channel.
func (gp *g) weftRemember(tag uint64) {
	t := &gp.weft.tags
	if t[0] != tag {
		t[0], t[1] = tag, t[0]
	}
}

// weftTag identifies the value at v in channel c by its first 32 bytes.
func (c *hchan) weftTag(v unsafe.Pointer) uint64 {
	const k = 0x9e3779b97f4a7c15
	h := uint64(uintptr(unsafe.Pointer(c)))
	n := min(uintptr(c.elemsize), 32)
	for ; n >= 8; n -= 8 {
		h = (h ^ *(*uint64)(v)) * k
		h ^= h >> 29
		v = add(v, 8)
	}
	for ; n > 0; n-- {
		h = (h ^ uint64(*(*byte)(v))) * k
		v = add(v, 1)
	}
	return h | 1 // even: the value was put; zero: no tag
}

// weftQueue says what contexts the values in a channel's buffer carry, as runs
// of neighbours with the same one, first in first out. It holds no pointers.
type weftQueue struct {
	head, len uint32
	mask      uint32
	_         uint32
	runs      [1]weftRun // mask+1 of them
}

type weftRun struct {
	WeftContext
	n uint
}

// weftMaxRuns bounds a queue to 40 KiB. Of a longer buffer's values some then
// lose their contexts, and none gets a wrong one.
const weftMaxRuns = 1024

func (q *weftQueue) cap() uint32 { return q.mask + 1 }

func (q *weftQueue) run(i uint32) *weftRun {
	return (*weftRun)(add(unsafe.Pointer(&q.runs), uintptr((q.head+i)&q.mask)*unsafe.Sizeof(weftRun{})))
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
	*q.run(q.len) = weftRun{x, n}
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
	n := uint32(4)
	if old != nil {
		n = old.cap() * 4
	}
	for n > 1 && uint(n/2) >= c.dataqsiz {
		n /= 2
	}
	n = min(n, weftMaxRuns)
	// The channel's lock keeps the garbage collector from being started here, as
	// it does in acquireSudog.
	q := (*weftQueue)(mallocgc(unsafe.Sizeof(weftQueue{})+uintptr(n-1)*unsafe.Sizeof(weftRun{}), nil, true))
	q.mask = n - 1
	if old != nil {
		for i := range old.len {
			r := old.run(i)
			q.push(r.WeftContext, r.n)
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
	case mem <= 392:
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
	(*weftChanN[[8]byte])(nil),
	(*weftChanN[[24]byte])(nil),
	(*weftChanN[[40]byte])(nil),
	(*weftChanN[[56]byte])(nil),
	(*weftChanN[[72]byte])(nil),
	(*weftChanN[[88]byte])(nil),
	(*weftChanN[[104]byte])(nil),
	(*weftChanN[[120]byte])(nil),
	(*weftChanN[[136]byte])(nil),
	(*weftChanN[[168]byte])(nil),
	(*weftChanN[[200]byte])(nil),
	(*weftChanN[[232]byte])(nil),
	(*weftChanN[[264]byte])(nil),
	(*weftChanN[[296]byte])(nil),
	(*weftChanN[[328]byte])(nil),
	(*weftChanN[[360]byte])(nil),
	(*weftChanN[[392]byte])(nil),
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
	(*weftChanN[[3328]byte])(nil),
	(*weftChanN[[3968]byte])(nil),
}

// weftChanSmall maps the size of a buffer in words to the first of weftChanTypes
// that holds it.
var weftChanSmall = [...]uint8{
	0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7,
	8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11, 12, 12,
	12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16,
	16, 16,
}

// weftChanLarge does so for the size in units of 64 bytes.
var weftChanLarge = [...]uint8{
	17, 17, 17, 17, 17, 17, 17, 17, 18, 19, 20, 21, 21, 22, 22, 23,
	23, 24, 24, 25, 25, 26, 26, 27, 27, 27, 27, 28, 28, 28, 28, 29,
	29, 29, 29, 30, 30, 30, 30, 30, 30, 31, 31, 31, 31, 31, 31, 32,
	32, 32, 32, 32, 32, 33, 33, 33, 33, 33, 33, 33, 33, 33, 33,
}
