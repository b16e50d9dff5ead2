package trace

import "unsafe"

// An ID is a trace id: 16 bytes as two big-endian halves. The zero ID is invalid.
type ID struct{ Hi, Lo uint64 }

// IsZero reports whether id is the invalid id of no trace.
func (id ID) IsZero() bool { return id.Hi|id.Lo == 0 }

// AppendHex appends the 32 lower-case hexadecimal digits of id to b.
func (id ID) AppendHex(b []byte) []byte { return AppendHex(AppendHex(b, id.Hi), id.Lo) }

// String is id as 32 lower-case hexadecimal digits. It allocates.
func (id ID) String() string {
	var b [32]byte
	return string(id.AppendHex(b[:0]))
}

// AppendHex appends the 16 lower-case hexadecimal digits of a span id, or of one
// half of a trace id, to b.
func AppendHex(b []byte, v uint64) []byte {
	var t [16]byte
	PutHex(&t, v)
	return append(b, t[:]...)
}

// PutHex writes the 16 lower-case hexadecimal digits of v.
func PutHex(t *[16]byte, v uint64) {
	put64(unsafe.Pointer(&t[0]), hex8(uint32(v>>32)))
	put64(unsafe.Pointer(&t[8]), hex8(uint32(v)))
}

// hex8 is the eight lower-case hexadecimal digits of v, the first one in the
// lowest byte.
func hex8(v uint32) uint64 {
	x := uint64(v)
	x = x>>16 | x&0xffff<<32 // each step exchanges, and sets apart, halves
	x = x>>8&0x000000ff000000ff | x&0x000000ff000000ff<<16
	x = x>>4&0x000f000f000f000f | x&0x000f000f000f000f<<8
	letter := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	return x + 0x3030303030303030 + letter*('a'-'9'-1)
}

// A Context names a span of this or of another process: what is sent out with a
// request and what comes in with one. The zero Context is no span.
type Context struct {
	Trace   ID
	Span    uint64 // id of the span, 0 if none
	Sampled bool   // the sender records the trace
	Random  bool   // the low 56 bits of Trace are random (W3C trace context, level 2)
	// Deferred: the sender named a trace but left to others whether to record
	// it. Decided: the sender said so in Sampled, but named no trace.
	Deferred, Decided bool
	State             string // W3C tracestate, verbatim; "" if none
	Baggage           string // W3C baggage header value, verbatim; "" if none. It may be set although the context is not valid.
}

// Valid reports whether c names a span: both ids are set.
func (c Context) Valid() bool { return !c.Trace.IsZero() && c.Span != 0 }

// Flags of a goroutine's context, in bits 0-7 of its Root word. The first four
// are known to the runtime patch (runtime.WeftSampled and so on).
const (
	flagSampled = 1 << 0 // propagated as sampled, and recorded unless dropped
	flagOwn     = 1 << 1 // set by this goroutine's own open span, not inherited
	flagAdopted = 1 << 2 // came by a channel receive
	flagMuted   = 1 << 3 // weft's own goroutine: nothing is recorded
	flagDropped = 1 << 4 // sampled, but there was no room when the local root started: its spans are counted as dropped
	flagRandom  = 1 << 5 // the low 56 bits of the trace id are random
	flagAPI     = 1 << 6 // with flagOwn: a span that the program made, see Manual
	flagAPIRoot = 1 << 7 // with both: and that is a local root, so that it has ended with it

	// flagsOfTrace are the ones that a child span takes from its parent.
	flagsOfTrace = flagSampled | flagDropped | flagRandom
)

// Current is the calling goroutine's trace id and span id, for log records. It is
// ok where Start would make a child of that span, also if the trace is not sampled:
// inside a trace whose local root is open, or in which the goroutine has a span
// open, or whose local root ended less than the grace period ago.
func Current() (id ID, span uint64, ok bool) {
	if g := current(); g != nil {
		return ID{g.TraceHi, g.TraceLo}, g.Span, true
	}
	return ID{}, 0, false
}

// CurrentContext is the calling goroutine's current span as the parent of what is
// sent to other processes. It is ok when Current is.
func CurrentContext() (Context, bool) {
	if g := current(); g != nil {
		return outgoing(g), true
	}
	return Context{}, false
}

// current is the calling goroutine's context if it is in a trace, or nil.
func current() *gctx {
	if enabled.Load() == 0 {
		return nil
	}
	g := goroutine()
	if byProgram(g) {
		settle(g)
	}
	if g.Span == 0 || g.Root&flagMuted != 0 || g.Root&flagOwn == 0 && rootState(g.Root) == rootPast {
		return nil
	}
	return g
}

// outgoing is c as other processes see it.
func outgoing(c *gctx) Context {
	o := Context{
		Trace:   ID{c.TraceHi, c.TraceLo},
		Span:    c.Span,
		Sampled: c.Root&flagSampled != 0,
		Random:  c.Root&flagRandom != 0,
	}
	if x := rootExtras(c.Root); x != nil {
		o.State, o.Baggage = x.state, x.baggage
	}
	return o
}

// Mute stops tracing of the calling goroutine, and of the goroutines that it
// starts, until unmute is called by the same goroutine. The agent mutes its own.
func Mute() (unmute func()) {
	g := goroutine()
	saved := *g
	*g = gctx{Root: flagMuted}
	return func() { *goroutine() = saved }
}

// Leave takes the calling goroutine out of its trace until back is called by the
// same goroutine. What it starts in between, such as the goroutines of a
// connection that others will use, too, is no part of the trace.
func Leave() (back func()) {
	g := goroutine()
	if g.Root&flagMuted != 0 {
		return func() {}
	}
	saved := *g
	*g = gctx{}
	return func() { *goroutine() = saved }
}
