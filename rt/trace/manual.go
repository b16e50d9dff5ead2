package trace

import (
	"sync"
	"sync/atomic"
)

// A Manual is a span that the program itself makes, by an API for spans. Unlike
// a Span it may be used by several goroutines at a time and ended by any of them,
// or by none. It is one of three things: a span of its own; a name for an open span of
// weft's, which ends without it; or the place in the goroutine of a span that
// somebody else records.
type Manual struct {
	mu    sync.Mutex
	span  Span // guarded by mu
	ended bool // guarded by mu

	self    gctx // constant
	alias   bool // constant: for an open span of weft's
	own     bool // constant: recorded here, if sampled
	client  bool // constant: it is of that kind
	of      [2]uintptr
	claimed atomic.Bool
	classes atomic.Uint32 // of the attributes of a client's span, see Is
}

// Known returns the program's span with these ids, if it is open.
func Known(t ID, span uint64) *Manual {
	k := bucketOf(span)
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.find(span); l != nil && l.self.TraceHi == t.Hi && l.self.TraceLo == t.Lo {
		if l.manual != nil {
			return l.manual
		}
		m := &Manual{self: l.self, alias: true}
		m.self.Root &^= flagOwn
		return m
	}
	return nil
}

// Context is the span as the parent of others.
func (m *Manual) Context() Context { return outgoing(&m.self) }

func (m *Manual) isOpen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.ended
}

// Recording reports whether what is said about the span is kept: until it ends.
func (m *Manual) Recording() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.ended || m.self.Root&(flagSampled|flagDropped) != flagSampled:
		return false
	case !m.alias:
		return m.span.Recording()
	}
	k := bucketOf(m.self.Span)
	k.mu.Lock()
	defer k.mu.Unlock()
	return m.target(k) != nil
}

// target is the open span that m is a name for, if things can be told to it. k.mu is held.
func (m *Manual) target(k *bucket) *listing {
	l := k.find(m.self.Span)
	if l == nil || l.self.TraceLo != m.self.TraceLo || l.manual != nil && !l.manual.own {
		return nil
	}
	return l
}

// classes are the beginnings of names of attributes that say what a client's span
// is for.
var classes = [...]string{"http", "db", "rpc"}

// Classify notes what attributes say about what the span is for.
func (m *Manual) Classify(attrs []Attr) {
	if !m.client {
		return
	}
	for _, a := range attrs {
		for i, c := range classes {
			if len(a.Name) > len(c) && a.Name[len(c)] == '.' && a.Name[:len(c)] == c {
				m.classes.Or(1 << i)
			}
		}
	}
}

// Is reports whether the span is a client's, with attributes of a class.
func (m *Manual) Is(class string) bool {
	for i, c := range classes {
		if c == class {
			return m.classes.Load()&(1<<i) != 0
		}
	}
	return false
}

// IsAlias reports whether m is a name for a span of weft's.
func (m *Manual) IsAlias() bool { return m.alias }

// Lock returns the Span to tell things to, nil if nothing of the span is
// recorded, or it has ended. Until unlock is called the caller must not call
// anything of the program's.
func (m *Manual) Lock() (s *Span, unlock func()) {
	m.mu.Lock()
	if m.ended || m.self.Root&(flagSampled|flagDropped) != flagSampled {
		return nil, m.mu.Unlock
	}
	if !m.alias {
		if !m.span.Recording() {
			return nil, m.mu.Unlock
		}
		return &m.span, m.mu.Unlock
	}
	k := bucketOf(m.self.Span)
	k.mu.Lock()
	l := m.target(k)
	if l == nil {
		k.mu.Unlock()
		return nil, m.mu.Unlock
	}
	if l.mail == nil {
		l.mail = &body{quick: uint16(limits.quick.Load())}
	}
	return &Span{ctx: m.self, b: l.mail, gen: l.mail.gen, flags: spanRecording}, func() {
		k.mu.Unlock()
		m.mu.Unlock()
	}
}

// End ends the span, once. A name for a span of weft's is of no use from then on.
// at is when it ended, in nanoseconds of Unix time; 0 for now.
func (m *Manual) End(at int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return
	}
	m.ended = true
	if at != 0 {
		m.span.time(EntryEnd, at)
	}
	m.span.End()
}
