//go:build weft

package runtime

import (
	"internal/runtime/atomic"
	"internal/runtime/sys"
	"unsafe"
)

// The context of a goroutine: where it is kept, and how it goes from one
// goroutine to the next. See docs/design/context.md in weft's source.
//
// Everything here runs on the goroutine that owns the context, on the system
// stack, or under a channel's lock for a goroutine that is parked on that
// channel. Hence the rules: no locks are taken, and what may run on the system
// stack (weftInherit) does not allocate.

// WeftContext is the trace context of a goroutine. It holds no pointers, so a
// parked goroutine keeps nothing alive and the garbage collector has nothing to
// scan. The zero value is no context.
type WeftContext struct {
	TraceHi, TraceLo uint64 // trace id, big-endian halves
	Span             uint64 // id of the span that is the parent of what starts next
	Root             uint64 // bits 0-7: flags; bits 8-63: local root, opaque to the runtime
}

// Flags in the low byte of [WeftContext.Root].
const (
	WeftSampled = 1 << 0 // recorded, and propagated as sampled
	WeftOwn     = 1 << 1 // set by the goroutine itself: a receive never replaces it; not passed on
	WeftAdopted = 1 << 2 // came with a value received from a channel; not passed on
	WeftMuted   = 1 << 3 // weft's own goroutine: passed on by go statements, never by channels
)

// weftState is what weft keeps in a g. At 56 bytes it takes g from 456 to 512
// bytes (Go 1.26, 64 bits), the last size class whose pointer bitmap lies in the
// span.
type weftState struct {
	WeftContext

	// home is the address of the channel that the goroutine receives its work from,
	// or one of those below 16. It keeps nothing alive.
	home uint64

	// birth is the root word of the context that the goroutine was born in, 0 if none.
	birth uint64

	first, last uint16 // hashes of the first and the last value from home since something was sent
	depth       uint16 // where on the stack the last one was received, as weftDepth says
	flags       uint16
}

// Values of home that are no channel.
const (
	weftNew    = 0 // has neither received nor sent yet
	weftAsker  = 1 // has sent, or begun a trace, before it ever received: it waits for answers, not for work
	weftHidden = 2 // was started by a muted goroutine
)

// Flags in weftState.
const (
	weftPicks  = 1 << iota // is in a select statement that home is a case of
	weftFed                // has received from home, and sent nothing since
	weftDebt               // has received from home for two, and sent nothing in between
	weftHoards             // and now sends what it had received before the last
	weftPolls              // is in a receive with a default
	weftTakes              // has received from home
	weftBack               // has sent to it since
	weftKeeps              // has received from it twice, and sent nothing to it in between: it is no free list
	weftList               // home carries nothing: it may be one
	weftBlind              // may have received from home, and not been told, as nothing carried contexts
)

// WeftG returns the context of the running goroutine, to be read and written in
// place. The pointer must not outlive the function that asked for it.
func WeftG() *WeftContext { return &getg().weft.WeftContext }

// WeftSwap puts the running goroutine into context c and returns the one that it
// had. It also serves to start a goroutine in another context than one's own;
// the scheduler's goroutine, on which timers run, has none. The race detector,
// which must not look at that goroutine, does not see this function's accesses:
// the runtime is not instrumented, nor inlined into what is.
func WeftSwap(c WeftContext) (old WeftContext) {
	w := &getg().weft
	old, w.WeftContext = w.WeftContext, c
	return old
}

// none reports whether x is no context. A trace id alone is none: weft/trace
// leaves it with a goroutine that began that trace and has left it.
func (x *WeftContext) none() bool { return x.Root|x.Span == 0 }

// passedOn returns x as another goroutine gets it.
func (x *WeftContext) passedOn() WeftContext {
	if x.none() {
		return WeftContext{}
	}
	y := *x
	y.Root &^= WeftOwn | WeftAdopted
	return y
}

// A hidden goroutine is one of weft's own. To the program they are like those of
// the runtime: NumGoroutine does not count them, stack dumps and goroutine profiles
// do not show them, and they keep no deadlock from being reported.

// weftBirth makes newg, which may have been another goroutine, one without
// context, and hidden if callergp is muted. It runs on the system stack, from
// newproc1, before that asks whether newg is a system goroutine.
func weftBirth(newg, callergp *g) {
	newg.weft = weftState{}
	if callergp.weft.Root&WeftMuted != 0 {
		newg.weft.Root, newg.weft.home = WeftMuted, weftHidden
	}
}

// weftInherit makes newg start out in callergp's context. It runs on the system
// stack, from newproc1.
//
// callergp is the goroutine that executes the go statement, and not mp.curg,
// from which profiler labels are taken: when a timer's function starts a
// goroutine, mp.curg is whoever happened to be running.
func weftInherit(newg, callergp *g) {
	newg.weft.WeftContext = callergp.weft.passedOn()
	newg.weft.birth = newg.weft.Root
}

// weftDiffer reports whether a and b are in different spans.
func weftDiffer(a, b *g) bool {
	return a.weft.Span != b.weft.Span || (a.weft.Root^b.weft.Root)&^(WeftOwn|WeftAdopted) != 0
}

// weftResume gives a coroutine the context of the goroutine that resumes it,
// unless the coroutine is inside a span of its own. It runs on the system stack.
func weftResume(co, caller *g) {
	if co.weft.Root&(WeftOwn|WeftMuted) == 0 {
		weftInherit(co, caller)
	}
}

// WeftRoots is the table of local roots that weft/trace keeps: chunks of 512
// slots, each of which begins with a word that is twice the generation, plus 1
// while the local root is open. A handle is the generation above 18 bits that
// number the slot.
var WeftRoots *[512]*[512][3]uint64

// weftOpen reports whether the local root of root word r is open, or that cannot
// be told.
func weftOpen(r uint64) bool {
	h := r >> 8
	if h == 0 || WeftRoots == nil {
		return true
	}
	c := (*[512][3]uint64)(atomic.Loadp(unsafe.Pointer(&WeftRoots[h>>9&511])))
	return c != nil && atomic.Load64(&c[h&511][0]) == h>>18<<1|1
}

// Whether what is received is work, and the receiver goes on where the sender
// was, or an answer or a thing that is used again, and the receiver stays where it
// is, cannot be seen. What can be is this:
//
// A goroutine receives its work from one channel, home: the first one that it ever
// receives from, before it has sent anything or begun a trace, and that it has not
// made itself; and all those that it waits for together with that one.
//
// One that was born in a request works for that as long as the request goes on.
//
// What comes first on a channel for one value, to the goroutine that made it, is
// an answer.
//
// If these contradict what the value says, the goroutine has no context until it
// receives from home again.

// weftAdopt tells gp, which is running or parked, that a value came from channel
// c with the context x, perhaps none; work says whether c is home.
func (gp *g) weftAdopt(c *hchan, x *WeftContext, work bool) {
	w := &gp.weft
	if w.Root&(WeftOwn|WeftMuted) != 0 || w.home == weftHidden {
		return
	}
	if w.none() && (x.none() || !work) {
		return
	}
	if w.Span == x.Span && (w.Root^x.Root)>>8 == 0 {
		return
	}
	same := w.TraceLo == x.TraceLo && w.TraceHi == x.TraceHi
	switch {
	case same && !w.none() && (!work || w.Root&WeftAdopted == 0):
		// Results of what it has had others do. So is it there when it is done with
		// collecting them.
	case same && w.none():
		// It has begun that trace itself and left it.
	case c.weftAnswer(gp), c.elemsize == 24 && toRType(c.elemtype).string() == "time.Time":
	case work && !x.none() && (same || w.birth == 0 || (w.birth^x.Root)>>8 == 0 || w.flags&weftKeeps != 0 && !weftOpen(w.birth)):
		w.WeftContext = *x
		w.Root |= WeftAdopted
	default:
		w.WeftContext = WeftContext{}
	}
}

// weftSettle notes the first channel that gp receives from.
func (gp *g) weftSettle(c *hchan) {
	w := &gp.weft
	if w.home != weftNew && w.flags&weftList == 0 || !c.weftCarrier() || *c.weftMaker() == gp.goid {
		return
	}
	w.home = uint64(uintptr(unsafe.Pointer(c)))
	w.flags &= weftPicks | weftPolls
	if w.none() && w.TraceHi|w.TraceLo != 0 {
		w.home = weftAsker
	}
}

// weftForgo ends what gp has adopted from c, which is closed.
func (gp *g) weftForgo(c *hchan) {
	if w := &gp.weft; w.home == uint64(uintptr(unsafe.Pointer(c))) {
		w.leave()
	}
}

// took notes that something was received from c, which is home.
func (w *weftState) took(c *hchan) {
	if w.flags&(weftTakes|weftBack) == weftTakes {
		w.flags |= weftKeeps
		c.weft |= weftKept
	}
	w.flags = w.flags&^weftBack | weftTakes
}

// weftTook is told that gp has received from c, which carries nothing. If somebody
// does not put back what comes from there, then it may be no free list but a queue
// that looks like one, and gp does not work for the request that it was born in.
func (gp *g) weftTook(c *hchan) {
	w := &gp.weft
	if c.weftIs() != weftNo || w.Root&(WeftOwn|WeftMuted) != 0 || w.home == weftHidden {
		return
	}
	if w.home == weftNew && w.flags&weftPolls == 0 {
		w.home = uint64(uintptr(unsafe.Pointer(c)))
	}
	if w.home != uint64(uintptr(unsafe.Pointer(c))) {
		return
	}
	w.flags |= weftList
	w.took(c)
	if !w.none() && (c.weft&weftKept != 0 || w.Root&WeftAdopted != 0) {
		w.WeftContext = WeftContext{}
	}
}

// weftGaveBack is told that gp has sent to c, which carries nothing.
func (gp *g) weftGaveBack(c *hchan) {
	if gp.weft.home == uint64(uintptr(unsafe.Pointer(c))) {
		gp.weft.flags |= weftBack
	}
}

// weftWoken is told that gp, which waits for a sync.Cond, is notified by by, nil if
// that is not known. Work may be waiting for it in memory, of which nobody can say
// for whom it is: unless both are in the same trace, gp does not stay in the request
// that it was born in.
func (gp *g) weftWoken(by *g) {
	w := &gp.weft
	if w.none() || w.Root&(WeftOwn|WeftAdopted|WeftMuted) != 0 || by != nil && w.TraceLo == by.weft.TraceLo && w.TraceHi == by.weft.TraceHi {
		return
	}
	w.WeftContext = WeftContext{}
}

// leave ends what was adopted from home, which the goroutine does not receive from
// any more.
func (w *weftState) leave() {
	if w.Root&WeftAdopted != 0 {
		w.WeftContext = WeftContext{}
	}
	w.home, w.flags = weftNew, 0
}

// weftSelect is told of the channels of a select statement that gp, which has a
// home or is new, is about to carry out.
func (gp *g) weftSelect(cases *scase, nsends, nrecvs int, block bool, sp uintptr) {
	w := &gp.weft
	if !block {
		w.flags |= weftPolls
	}
	if w.home == weftHidden || w.home == weftAsker {
		return
	}
	all := unsafe.Slice(cases, nsends+nrecvs)
	if w.home == weftNew {
		if !block {
			return
		}
		// What it receives now may be its work; if it can only send, it will wait for
		// answers.
		for i := range all[nsends:] {
			if c := all[nsends+i].c; c != nil && c.weftCarrier() {
				if gp.weftLate(c); w.home != weftNew {
					return
				}
				w.flags |= weftPicks
				w.depth = gp.weftDepth(sp)
				return
			}
		}
		for i := range all[:nsends] {
			if c := all[i].c; c != nil && c.weftCarrier() {
				w.home = weftAsker
				return
			}
		}
		return
	}
	for i := range all[nsends:] {
		if c := all[nsends+i].c; uint64(uintptr(unsafe.Pointer(c))) == w.home {
			// It is done with what it has received: what it does when another case
			// comes about, a tick or a send, is not for that.
			w.flags |= weftPicks
			w.depth = gp.weftDepth(sp)
			if w.Root&(WeftAdopted|WeftOwn) == WeftAdopted {
				w.WeftContext = WeftContext{}
			}
			return
		}
	}
}

// weftDepth says how deep on gp's stack sp is, in units of 16 bytes. It tells
// frames apart that are less than 512 KiB from one another.
func (gp *g) weftDepth(sp uintptr) uint16 { return uint16((gp.stack.hi - sp) >> 4) }

// weftReceives is told that gp is about to receive from c, for the function whose
// stack pointer is sp or a little above.
func (c *hchan) weftReceives(gp *g, sp uintptr) {
	w := &gp.weft
	if w.home == weftNew {
		gp.weftLate(c)
	}
	if w.home == weftNew || w.home == uint64(uintptr(unsafe.Pointer(c))) {
		w.depth = gp.weftDepth(sp)
	}
}

// weftLate makes gp one that waits for answers if it is about to receive from c for
// the first time, has waited for something else before, and the request that it was
// born in is over: workers that a request starts wait for work at once.
func (gp *g) weftLate(c *hchan) {
	if w := &gp.weft; w.birth != 0 && gp.waitreason != waitReasonZero && c.weftCarrier() && !weftOpen(w.birth) {
		w.home = weftAsker
	}
}

// WeftLoopEnd ends the adoption that receives in a loop of the calling function
// brought about. It does nothing when nothing was adopted, or in a function that
// was called before: what a worker does for a task may have loops of its own.
//
//go:noinline
func WeftLoopEnd() {
	gp := getg()
	if w := &gp.weft; w.Root&WeftOwn == 0 && gp.weftReceivedBelow(sys.GetCallerSP()) {
		w.leave()
	}
}

// WeftCollected ends the adoption that a receive in the calling function, or in one
// that it called, brought about: what was received has been put by with others, and
// what the goroutine does next may be for any of them.
//
//go:noinline
func WeftCollected() {
	gp := getg()
	if w := &gp.weft; w.Root&(WeftOwn|WeftAdopted) == WeftAdopted && gp.weftReceivedBelow(sys.GetCallerSP()) {
		w.WeftContext = WeftContext{}
	}
}

// WeftMailbox tells that channel c, with a buffer, is received from in a loop by
// whoever made it: what comes from it is no answer.
func WeftMailbox(c any) {
	if h := (*hchan)(efaceOf(&c).data); h != nil && h.dataqsiz == 1 {
		lock(&h.lock)
		h.weft |= weftUsed
		unlock(&h.lock)
	}
}

// weftReceivedBelow reports whether gp has received from home in the function whose
// stack pointer is sp, or in one that that has called.
func (gp *g) weftReceivedBelow(sp uintptr) bool {
	return gp.weft.home > weftHidden && int16(gp.weft.depth-gp.weftDepth(sp)) >= 0
}
