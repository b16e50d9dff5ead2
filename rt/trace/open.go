package trace

import (
	"sync"
	"sync/atomic"
)

// Open spans, by id.
//
// A program that has an API for spans asks for the current one, and says things
// about it, perhaps from another goroutine. Where a span lies only the advice
// knows that started it. So in a program that is linked with such an API, and in
// no other, every span that has a body is listed here while it is open: others
// leave letters for it, which it reads when it ends.

// linked is 1 in a program that has an API for spans.
var linked atomic.Uint32

// A listing is what others may know of an open span. It belongs to a body, and
// is used again with it. All but seq is guarded by the lock of its bucket.
type listing struct {
	self     gctx // the span as a context
	prev     gctx // what the goroutine's was before
	parent   uint64
	remote   bool   // the parent is in another process
	class    string // see StartIn
	kind     Kind
	listed   bool
	children bool    // it has some
	claimed  bool    // a span of the program's stands for it, or in its place
	replaced bool    // in its place: it is not recorded
	popped   bool    // its goroutine has gone back to prev
	manual   *Manual // the span that the program made; nil if weft did
	mail     *body   // letters
	next     *listing
}

// A left is what a goroutine's context was before a span that ended elsewhere.
type left struct {
	span uint64
	prev gctx
}

const (
	openBuckets = 256
	maxListed   = 64 // per bucket; the oldest are those that are never ended
	maxLeft     = 32
)

type bucket struct {
	mu    sync.Mutex
	first *listing
	n     int
	left  [maxLeft]left
	turn  uint8
	_     [40]byte
}

// openSpans is nil in programs without an API for spans.
var openSpans *[openBuckets]bucket

func bucketOf(span uint64) *bucket { return &openSpans[span%openBuckets] }

// find returns the open span with an id. b.mu is held.
func (b *bucket) find(span uint64) *listing {
	for l := b.first; l != nil; l = l.next {
		if l.self.Span == span {
			return l
		}
	}
	return nil
}

func (b *bucket) remove(l *listing) {
	for p := &b.first; *p != nil; p = &(*p).next {
		if *p == l {
			*p, l.next, l.listed = l.next, nil, false
			b.n--
			return
		}
	}
}

// list makes the span known by its id.
func (s *Span) list(b *body, m *Manual) {
	if b.parent != 0 {
		k := bucketOf(b.parent)
		k.mu.Lock()
		if l := k.find(b.parent); l != nil {
			l.children = true
		}
		k.mu.Unlock()
	}
	l := b.listing
	if l == nil {
		l = new(listing)
		b.listing = l
	}
	k := bucketOf(s.ctx.Span)
	k.mu.Lock()
	if l.listed { // of a span that was never ended, and lost its place
		l = new(listing)
		b.listing = l
	}
	*l = listing{self: s.ctx, prev: b.prev, parent: b.parent, remote: s.flags&spanRemote != 0, kind: b.kind, listed: true, manual: m, next: k.first}
	k.first = l
	if k.n++; k.n > maxListed {
		last := k.first
		for last.next != nil {
			last = last.next
		}
		k.remove(last)
	}
	k.mu.Unlock()
}

// unlist is called when the span ends. It returns what was left for it, and
// whether another span is recorded in its place.
func (b *body) unlist(span uint64) (mail *body, replaced, popped bool) {
	l := b.listing
	k := bucketOf(span)
	k.mu.Lock()
	mail, replaced, popped = l.mail, l.replaced, l.popped
	if l.listed {
		k.remove(l)
	}
	l.manual, l.mail = nil, nil
	k.mu.Unlock()
	return mail, replaced, popped
}

// leftBehind notes what the context was before a span that has ended while it
// was not the current one of the goroutine that ended it.
func leftBehind(span uint64, prev gctx) {
	k := bucketOf(span)
	k.mu.Lock()
	k.left[k.turn%maxLeft] = left{span, prev}
	k.turn++
	k.mu.Unlock()
}

// before returns what the context was before the program's span c, and whether
// that is known; over, whether the span has ended.
func before(c *gctx) (prev gctx, m *Manual, known, over bool) {
	k := bucketOf(c.Span)
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.find(c.Span); l != nil {
		return l.prev, l.manual, true, false
	}
	for i := range k.left {
		if l := &k.left[i]; l.span == c.Span {
			return l.prev, nil, true, true
		}
	}
	return gctx{}, nil, false, true
}

// byProgram reports whether c is a span that the program started on the goroutine
// whose context c is.
func byProgram(c *gctx) bool { return c.Root&(flagOwn|flagAPI) == flagOwn|flagAPI }

// settle takes the calling goroutine, whose current span is one of the program's,
// out of those that have ended on other goroutines.
//
//go:noinline
func settle(g *gctx) {
	for byProgram(g) {
		prev, _, known, over := before(g)
		switch {
		case !over:
			return
		case known:
			*g = prev
		case g.Root&flagAPIRoot != 0 && rootState(g.Root) != rootOpen:
			*g = gctx{}
		default:
			return
		}
	}
}

// receive writes what others have left for the span.
func (s *Span) receive(b, mail *body) {
	for i := range mail.n {
		e := mail.at(i)
		switch e.kind &^ OfEvent {
		case EntryEvent, EntryEventAt:
			s.eventOf(e.key, e.kind, e.num)
		case EntryLink:
			b.addLink(e.num, e.ptr)
		case EntryStart, EntryEnd:
		default:
			s.set(e.key, e.kind, e.num, e.ptr)
		}
	}
	for what, n := range mail.lost {
		for range n {
			b.lose(what)
		}
	}
	if mail.name != "" {
		b.name = mail.name
	}
	if mail.status != StatusUnset {
		b.status, b.msg = mail.status, mail.msg
	}
}
