package trace

// A Place is where the span of another recorder belongs.
type Place struct {
	Parent   Context // of the goroutine; not valid if there is none
	Remote   bool
	Implicit bool // the context.Context has no parent of its own
	replaces uint64
	root     gctx
	of       [2]uintptr
}

// PlaceOf says what the parent is of a span that another recorder starts, and
// that is not a new trace's. ok is false if weft has nothing to say.
func PlaceOf(o *Origin, kind Kind) (p Place, ok bool) {
	if enabled.Load() == 0 {
		return p, false
	}
	g := goroutine()
	if g.Root&flagMuted != 0 {
		return p, false
	}
	p.of = words(o.In)
	pop(g, p.of)
	p.Implicit = !o.Parent.Valid()
	c := *g
	if !o.New && kind != KindInternal {
		var m Manual
		if m.claim(g, o, kind, true) {
			p.replaces = g.Span
			p.root = *g
			k := bucketOf(g.Span)
			k.mu.Lock()
			if l := k.find(g.Span); l != nil && l.parent != 0 {
				p.Parent, p.Remote = outgoing(&l.self), l.remote
				p.Parent.Span = l.parent
			}
			k.mu.Unlock()
			return p, true
		}
	}
	if o.New {
		return p, true
	}
	if p.Implicit {
		parent, _ := o.parent(g)
		if parent.Span != 0 {
			c = parent
			p.Parent = outgoing(&c)
		}
	}
	if e := o.Parent.Manual; e != nil && (c.TraceLo != e.self.TraceLo || c.TraceHi != e.self.TraceHi) {
		c = e.self // handed to another goroutine
	}
	if counts(&c) {
		p.root = c
	}
	return p, true
}

// StartForeign makes a span that another recorder has started, at p, the
// goroutine's current one, until End.
func StartForeign(p *Place, c Context, kind Kind) *Manual {
	if !c.Valid() || enabled.Load() == 0 {
		return nil
	}
	g := goroutine()
	if g.Root&flagMuted != 0 {
		return nil
	}
	m := &Manual{of: p.of}
	s := &m.span
	b := s.newBody(false)
	r := p.root.Root
	if p.replaces != 0 {
		k := bucketOf(p.replaces)
		k.mu.Lock()
		if l := k.find(p.replaces); l != nil && !l.claimed && !l.children {
			l.claimed, l.replaced = true, true
		}
		k.mu.Unlock()
	} else if p.root.Span == 0 || p.root.TraceLo != c.Trace.Lo || p.root.TraceHi != c.Trace.Hi {
		r = 0
	}
	s.flags = 0
	now := ticks()
	if r == 0 || rootState(r) != rootOpen {
		var x *extras
		if c.State != "" || c.Baggage != "" {
			x = &extras{c.State, c.Baggage}
		}
		s.flags = spanRoot
		r = openRoot(x, now)
	}
	r = r&^0xff | flagOwn
	if c.Sampled {
		r |= flagSampled
	}
	if c.Random {
		r |= flagRandom
	}
	b.prev, b.kind, b.start = *g, kind, now
	*g = gctx{c.Trace.Hi, c.Trace.Lo, c.Span, r}
	s.ctx = *g
	m.enter(g)
	return m
}
