package trace

import (
	"sync"
	"sync/atomic"
)

// Values is what is wanted of a context.Context.
type Values interface{ Value(key any) any }

// Explicit is the span that a program has put into a context.Context.
type Explicit struct {
	Context         // as it names itself; not valid if there is none
	Remote  bool    // of another process
	Manual  *Manual // the span, if it is one of weft's or known to it
	Same    bool    // a client's span with attributes of the class that was asked for
}

// An API is how an API for spans keeps things in a context.Context.
type API struct {
	// Span returns the span in ctx.
	Span func(ctx Values, class string) Explicit
	// Baggage returns the baggage in ctx as the value of a header; ok is false if
	// ctx says nothing about it.
	Baggage func(ctx Values) (header string, ok bool)
}

var api struct {
	mu   sync.Mutex
	both atomic.Pointer[API]
}

// Link makes the functions of a that are not nil known. A program that calls it
// has an API for spans. It returns true, for use in the declaration of a variable.
func Link(a API) bool {
	api.mu.Lock()
	defer api.mu.Unlock()
	both := API{}
	if p := api.both.Load(); p != nil {
		both = *p
	}
	if a.Span != nil {
		both.Span = a.Span
	}
	if a.Baggage != nil {
		both.Baggage = a.Baggage
	}
	api.both.Store(&both)
	if openSpans == nil {
		openSpans = new([openBuckets]bucket)
	}
	linked.Store(1)
	return true
}

// StartIn is Start for what the program does with ctx. A span that the program has
// put into ctx is the parent, unless the goroutine has begun a span below it since. If that
// span is the program's own for the same thing, by its kind and by attributes
// of class (http, db, rpc), none is started: s then only has that span's Context.
func (s *Span) StartIn(ctx Values, class, name string, kind Kind) {
	if enabled.Load() == 0 {
		return
	}
	if a := api.both.Load(); a != nil && a.Span != nil && ctx != nil && s.startIn(a.Span(ctx, class), name, kind) {
		return
	}
	s.startChild(name, kind)
	if b := s.own(); b != nil && b.listing != nil {
		k := bucketOf(s.ctx.Span)
		k.mu.Lock()
		b.listing.class = class
		k.mu.Unlock()
	}
}

// ContextIn is Context; but if that is the span that the program has put into ctx,
// as that names itself, with a tracestate that weft may not know.
func (s *Span) ContextIn(ctx Values) Context {
	c := s.Context()
	if a := api.both.Load(); a != nil && a.Span != nil && ctx != nil && !s.Recording() {
		if e := a.Span(ctx, ""); e.Trace == c.Trace && e.Span == c.Span && e.State != "" {
			c.State = e.State
		}
	}
	if h, ok := BaggageIn(ctx); ok {
		c.Baggage = h
	}
	return c
}

// SpanIn reports whether the program has put a span into ctx.
func SpanIn(ctx Values) bool {
	a := api.both.Load()
	return a != nil && a.Span != nil && ctx != nil && a.Span(ctx, "").Valid()
}

func (s *Span) startIn(e Explicit, name string, kind Kind) bool {
	g := goroutine()
	if !e.Valid() || s.own() != nil || g.Root&flagMuted != 0 {
		return false
	}
	if m := e.Manual; m != nil && e.Same && kind == KindClient && m.isOpen() && m.claimed.CompareAndSwap(false, true) {
		s.ctx, s.b, s.flags = m.self, nil, 0
		return true
	}
	if byProgram(g) {
		settle(g)
	}
	if g.Span == e.Span || below(g, e.Trace) {
		return false
	}
	if e.Manual == nil {
		if !sampled(e.Trace, &e.Context) { // nobody will ever see another id
			s.ctx, s.b, s.flags = gctx{e.Trace.Hi, e.Trace.Lo, e.Span, 0}, nil, 0
			return true
		}
		s.startRoot(name, kind, &e.Context, link{})
		return true
	}
	s.startUnder(&e.Manual.self, name, kind)
	return true
}

// below reports whether c is a span of weft's in a trace, begun by its goroutine: that is
// below whatever span of the trace the program has in a context.Context.
func below(c *gctx, t ID) bool {
	return c.Root&(flagOwn|flagAPI) == flagOwn && c.Span != 0 && c.TraceHi == t.Hi && c.TraceLo == t.Lo
}

// BaggageIn is the baggage that the program has put into ctx, as the value of a
// header. It is not ok if the program says nothing about it.
func BaggageIn(ctx Values) (header string, ok bool) {
	if a := api.both.Load(); a != nil && a.Baggage != nil && ctx != nil {
		return a.Baggage(ctx)
	}
	return "", false
}

// startUnder starts a child of a span of this process, which may have ended.
func (s *Span) startUnder(parent *gctx, name string, kind Kind) {
	r := parent.Root
	s.ctx, s.b, s.flags = *parent, nil, 0
	if r&(flagSampled|flagDropped) != flagSampled {
		if r&flagSampled != 0 {
			countDropped()
		}
		return
	}
	if b := s.newBody(true); b != nil {
		s.flags = spanRecording
		s.openUnder(b, parent, name, kind)
	}
}

// openUnder makes s, with body b, the goroutine's current span, below parent.
func (s *Span) openUnder(b *body, parent *gctx, name string, kind Kind) {
	g := goroutine()
	b.prev = *g
	b.parent = parent.Span
	b.name = name
	b.kind = kind
	r := parent.Root
	if rootState(r) != rootOpen {
		s.flags |= spanHeir
		r = r&0xff | openRoot(nil, ticks())
	}
	s.ctx = gctx{parent.TraceHi, parent.TraceLo, newSpanID(), r&^0xff | r&flagsOfTrace | flagOwn}
	*g = s.ctx
	b.start = ticks()
	s.list(b, nil)
}
