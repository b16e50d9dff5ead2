package trace

import "unsafe"

// An Origin says where a program's span belongs.
type Origin struct {
	In     Values   // the context.Context that it is started with; nil for none
	Empty  bool     // In is context.Background() or the like: it says nothing
	Parent Explicit // what In has
	New    bool     // the span begins a trace
	Class  string   // what a client's span is for, as in StartIn; "" if not known
}

// StartManual starts a span of the program's. It is nil if tracing is off.
//
// The parent is the span in o.In, unless the goroutine has begun one of weft's
// below that; or else the goroutine's current span. But a context.Context that
// says something, and nothing of a span, is from outside of the spans that the
// program has begun on this goroutine: then they do not count. Nor do those that
// were started with the same context.Context.
//
// A span with the kind of the goroutine's current one, which is weft's, for the
// same thing, and for which there is no other yet, is that one.
func StartManual(o *Origin, name string, kind Kind) *Manual {
	if enabled.Load() == 0 {
		return nil
	}
	g := goroutine()
	if g.Root&flagMuted != 0 {
		return nil
	}
	m := &Manual{of: words(o.In), own: true, client: kind == KindClient}
	pop(g, m.of)
	if !o.New && kind != KindInternal && m.claim(g, o, kind, false) {
		return m
	}
	parent, remote := o.parent(g)
	s := &m.span
	switch {
	case o.New:
		s.startRoot(name, kind, &noParent, link{})
	case remote:
		if h, ok := BaggageIn(o.In); ok {
			o.Parent.Baggage = h
		}
		s.startRoot(name, kind, &o.Parent.Context, link{})
		if !o.Parent.Remote {
			s.flags &^= spanRemote
		}
		if s.b != nil && s.b.listing != nil && s.ctx.Root&flagSampled == 0 { // nobody will ever see another id
			s.b.unlist(s.ctx.Span)
			s.ctx.Span, g.Span = o.Parent.Span, o.Parent.Span
		}
	case parent.Span == 0:
		s.startRoot(name, kind, &noParent, link{})
	default:
		sampled := parent.Root&(flagSampled|flagDropped) == flagSampled
		if parent.Root&flagSampled != 0 && !sampled {
			countDropped()
		}
		b := s.newBody(sampled)
		if b == nil { // no room
			m.self = parent
			m.self.Root = m.self.Root&^(flagOwn|flagAPI|flagAPIRoot) | flagDropped
			return m
		}
		s.flags = 0
		if sampled {
			s.flags = spanRecording
		}
		s.openUnder(b, &parent, name, kind)
	}
	m.enter(g)
	return m
}

// enter marks the goroutine's current span as m, and lists it.
func (m *Manual) enter(g *gctx) {
	s := &m.span
	s.flags |= spanManual
	s.ctx.Root |= flagAPI
	if s.flags&spanRoot != 0 {
		s.ctx.Root |= flagAPIRoot
	}
	*g = s.ctx
	m.self = s.ctx
	m.self.Root &^= flagOwn | flagAPI | flagAPIRoot
	if l := s.b.listing; l != nil && l.listed {
		k := bucketOf(s.ctx.Span)
		k.mu.Lock()
		l.self, l.manual = s.ctx, m
		k.mu.Unlock()
		return
	}
	s.list(s.b, m)
}

// parent returns where a span that is not a new trace's belongs; remote, if that is
// o.Parent and not known here.
func (o *Origin) parent(g *gctx) (parent gctx, remote bool) {
	if e := &o.Parent; e.Valid() && !below(g, e.Trace) {
		if e.Manual == nil {
			return gctx{}, g.Span != e.Span || g.TraceLo != e.Trace.Lo || g.TraceHi != e.Trace.Hi
		}
		return e.Manual.self, false
	}
	c := *g
	if !o.Empty {
		for byProgram(&c) {
			prev, _, known, _ := before(&c)
			if !known {
				break
			}
			c = prev
		}
	}
	if !counts(&c) {
		return gctx{}, false
	}
	return c, false
}

// counts reports whether Start would make a child of c.
func counts(c *gctx) bool {
	return c.Span != 0 && c.Root&flagMuted == 0 && (c.Root&flagOwn != 0 || rootState(c.Root) != rootPast)
}

// pop takes the goroutine out of spans of the program's that have ended, or that
// were started with the same context.Context as another one is now: they are
// for other goroutines, or side by side.
func pop(g *gctx, of [2]uintptr) {
	settle(g)
	for of[0] != 0 && byProgram(g) {
		k := bucketOf(g.Span)
		k.mu.Lock()
		l := k.find(g.Span)
		if l == nil || l.manual == nil || l.manual.of != of {
			k.mu.Unlock()
			return
		}
		l.popped = true
		prev := l.prev
		k.mu.Unlock()
		*g = prev
		settle(g)
	}
}

// words is the identity of a context.Context.
func words(v Values) [2]uintptr {
	if v == nil {
		return [2]uintptr{}
	}
	w := *(*[2]uintptr)(unsafe.Pointer(&v))
	return w
}

// claim makes m a name for the goroutine's current span, if that is weft's, of
// this kind, and has none yet. If it is to be replaced, it must have no children.
func (m *Manual) claim(g *gctx, o *Origin, kind Kind, replace bool) bool {
	if g.Span == 0 || byProgram(g) || o.Parent.Valid() && (o.Parent.Trace != ID{g.TraceHi, g.TraceLo}) && !replace {
		return false
	}
	k := bucketOf(g.Span)
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.find(g.Span)
	if l == nil || l.manual != nil || l.claimed || l.kind != kind || replace && l.children ||
		kind == KindClient && o.Class != "" && l.class != "" && o.Class != l.class {
		return false
	}
	if !replace {
		l.claimed = true
	}
	m.alias, m.own, m.self = true, false, l.self
	m.self.Root &^= flagOwn
	return true
}

// CurrentManual is a name for the goroutine's current span; nil if there is none.
// A context.Context that says something, and nothing of a span, is from outside
// of the spans that the program has begun on this goroutine.
func CurrentManual(o *Origin) *Manual {
	if enabled.Load() == 0 {
		return nil
	}
	g := goroutine()
	if g.Span == 0 || g.Root&flagMuted != 0 {
		return nil
	}
	of := words(o.In)
	settle(g)
	c := *g
	for byProgram(&c) {
		prev, m, known, _ := before(&c)
		if !known || o.Empty && (m == nil || m.of != of) {
			break
		}
		c = prev
	}
	if !counts(&c) {
		return nil
	}
	c.Root &^= flagOwn | flagAPI | flagAPIRoot
	return &Manual{self: c, alias: true}
}
