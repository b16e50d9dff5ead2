//go:build weft

package runtime

import "unsafe"

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

// weftState is what weft keeps in a g. At 40 bytes it takes g from 456 to 496
// bytes (Go 1.26, 64 bits) and to the size class of 512, the last one whose
// pointer bitmap lies in the span.
type weftState struct {
	WeftContext

	// from is the address of the channel that an adopted context came from. It keeps
	// nothing alive. It is weftHidden in a goroutine that was started by a muted one.
	from uint64
}

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

// weftHidden in weftState.from marks weft's own goroutines. To the program they
// are like those of the runtime: NumGoroutine does not count them, stack dumps and
// goroutine profiles do not show them, and they keep no deadlock from being
// reported.
const weftHidden = ^uint64(0)

// weftBirth makes newg, which may have been another goroutine, one without
// context, and hidden if callergp is muted. It runs on the system stack, from
// newproc1, before that asks whether newg is a system goroutine.
func weftBirth(newg, callergp *g) {
	newg.weft = weftState{}
	if callergp.weft.Root&WeftMuted != 0 {
		newg.weft.Root, newg.weft.from = WeftMuted, weftHidden
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

// weftAdopt gives gp, which is running or parked, the context x that came with a
// value from channel c, none included.
//
// A goroutine stays where it is when a value comes from the trace that it was
// born in, so that it is still there when it is done with collecting results; and
// when it comes from the trace that it has itself begun and left.
func (gp *g) weftAdopt(c *hchan, x *WeftContext) {
	w := &gp.weft
	switch {
	case w.Root&(WeftOwn|WeftMuted) != 0, w.from == weftHidden:
	case x.none():
		if !w.none() {
			w.WeftContext = WeftContext{}
		}
	case w.Span == x.Span && (w.Root^x.Root)>>8 == 0:
	case w.Root&WeftAdopted == 0 && w.TraceLo == x.TraceLo && w.TraceHi == x.TraceHi:
	default:
		w.WeftContext = *x
		w.Root |= WeftAdopted
		w.from = uint64(uintptr(unsafe.Pointer(c)))
	}
}

// weftForgo ends what gp has adopted from c, which carries nothing any more.
func (gp *g) weftForgo(c *hchan) {
	if w := &gp.weft; w.Root&WeftAdopted != 0 && w.from == uint64(uintptr(unsafe.Pointer(c))) {
		w.WeftContext = WeftContext{}
	}
}

// WeftLoopEnd ends the adoption that receives in a loop brought about. It does
// nothing when nothing was adopted.
func WeftLoopEnd() {
	if w := &getg().weft; w.Root&WeftAdopted != 0 {
		w.WeftContext = WeftContext{}
	}
}
