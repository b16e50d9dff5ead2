package trace

import "unsafe"

// A Kind is a span's kind, with the values of OTLP.
type Kind uint8

const (
	KindInternal Kind = 1 + iota
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// A Status is a span's status, with the values of OTLP.
type Status uint8

const (
	StatusUnset Status = iota
	StatusOK
	StatusError
)

// A Span is one operation while it lasts. It lives where the operation does: on
// the stack of the woven function, or as a field of the struct whose life it
// describes. The zero Span records nothing, and all of its methods do nothing.
//
// A Span must not be copied while it is the goroutine's current one, nor used by
// several goroutines at the same time. One that is detached may be copied, if only
// the copy is used from then on, and handed from one goroutine to another. A Span
// that is never ended leaves no trace. After End it may be started again.
//
// Strings given to a span are kept by reference until End and are copied then.
type Span struct {
	ctx   gctx   // this span as a goroutine's context, or the one it would have been a child of
	b     *body  // nil if not started, ended, or an unsampled child
	gen   uint32 // generation of b, so that a stale copy of a Span cannot touch another's
	flags uint32
}

const (
	spanRecording = 1 << iota
	spanRoot      // local root: End closes it
	spanHeir      // first span after the local root ended: End closes the slot it got in its stead
	spanDetached
	spanRemote // the parent is in another process
	spanManual // the span of a Manual
	spanLeft   // the goroutine has its former context back
)

// A body is the part of an open span that is not wanted when nothing is
// recorded. Bodies are pooled per P.
type body struct {
	prev   gctx // the goroutine's context before Start
	parent uint64
	start  int64
	name   string
	seen   uint64 // bit k&63 is set if an attribute with key k may have been set
	size   uint64 // of the entries when encoded
	links  link
	status Status
	kind   Kind
	event  bool // the last entry belongs to an event that is kept
	n      uint16
	quick  uint16 // while n is less, setStr and setNum may take the next entry
	attrs  uint16
	events uint16
	lost   [2]uint16 // attributes and events left out
	gen    uint32
	msg    string
	next   *body
	// listing is what others may know of the span, see open.go. It is nil in a body that
	// was never used in a program with an API for spans.
	listing *listing
	entry   [inlineEntries]entry
	more    []entry
}

const (
	inlineEntries = 24
	// quickString is what a string may measure for setStr, if the limit is not
	// less. So many bytes in every entry make a record that is in bounds.
	quickString = 512
)

// A link names a span of another trace that led to this one.
type link struct {
	trace ID
	span  uint64
}

// An entry is one attribute or event of an open span. A value that is not a
// string is in num; otherwise ptr and num are the string's parts.
type entry struct {
	ptr  *byte
	num  uint64
	key  Key
	kind EntryKind
}

// Start opens a span. It is a child of the goroutine's current span; if there is
// none, or only one whose local root ended longer ago than the grace period, it
// is the root of a new trace. It becomes the goroutine's current span until End
// or Detach. Starting a span that is open does nothing.
func (s *Span) Start(name string, kind Kind) {
	if enabled.Load() != 0 {
		s.startChild(name, kind)
	}
}

// StartRemote opens a span that begins this process's part of a trace: a child of
// parent if that is valid, or else the root of a trace, which is a new one unless
// parent has at least a trace id. The State and Baggage of parent go out with what
// this part of the trace sends. The span replaces the goroutine's current one
// until End or Detach. A context that was inherited or adopted does not come back.
func (s *Span) StartRemote(name string, kind Kind, parent Context) {
	if enabled.Load() != 0 {
		if g := goroutine(); g.Span != 0 && g.Root&(flagOwn|flagMuted) == 0 {
			// What a connection's goroutine inherited or adopted says nothing about the
			// requests that it serves, nor about what it does after them.
			*g = gctx{}
		}
		s.startRoot(name, kind, &parent, link{})
	}
}

func (s *Span) startChild(name string, kind Kind) {
	if s.own() != nil {
		return
	}
	g := goroutine()
	if byProgram(g) {
		settle(g)
	}
	r := g.Root
	heir := false
	sl, open := rootSlot(r)
	if sl == nil || sl.word.Load() != open {
		// Not in a trace, or its local root has ended.
		if g.Span == 0 || r&flagMuted != 0 {
			s.startRoot(name, kind, &noParent, link{})
			return
		}
		if rootEnded(sl, open, r) == rootPast && r&flagOwn == 0 {
			var l link
			if r&(flagAdopted|flagSampled|flagDropped) == flagSampled {
				l = link{ID{g.TraceHi, g.TraceLo}, g.Span}
			}
			*g = gctx{}
			s.startRoot(name, kind, &noParent, l)
			return
		}
		heir = true
	}
	s.ctx, s.b, s.flags = *g, nil, 0
	if r&(flagSampled|flagDropped|flagMuted) != flagSampled {
		if r&(flagSampled|flagDropped) == flagSampled|flagDropped {
			countDropped()
		}
		return
	}
	b := s.newBody(true)
	if b == nil {
		return
	}
	b.prev = *g
	b.parent = g.Span
	b.name = name
	b.kind = kind
	s.flags = spanRecording
	s.ctx.Span = newSpanID()
	if heir {
		// The slot of the ended local root says nothing about how long the
		// goroutines that this span starts are part of the trace.
		s.flags |= spanHeir
		r = r&0xff | openRoot(nil, ticks())
	}
	s.ctx.Root = r&^0xff | r&flagsOfTrace | flagOwn
	*g = s.ctx
	b.start = ticks()
	if linked.Load() != 0 {
		s.list(b, nil)
	}
}

// noParent is the parent of new traces.
var noParent Context

// startRoot opens a local root.
func (s *Span) startRoot(name string, kind Kind, parent *Context, l link) {
	if s.own() != nil {
		return
	}
	g := goroutine()
	if g.Root&flagMuted != 0 {
		*s = Span{}
		return
	}
	var root uint64
	s.flags = spanRoot
	id := parent.Trace
	if id.IsZero() {
		id = newTraceID()
		root = flagRandom
	} else {
		if parent.Random {
			root = flagRandom
		}
		if parent.Span != 0 {
			s.flags |= spanRemote
		}
	}
	record := sampled(id, parent)
	if record {
		root |= flagSampled
	} else {
		record = kind == KindServer && requests.Load() != 0
	}
	b := s.newBody(record)
	if b == nil {
		// No room to record, but what this process calls may have some.
		if root&flagSampled != 0 {
			root |= flagDropped
		}
		b = s.newBody(false)
	} else if record {
		s.flags |= spanRecording
	}
	var x *extras
	if parent.State != "" || parent.Baggage != "" {
		x = &extras{parent.State, parent.Baggage}
	}
	now := ticks()
	root |= openRoot(x, now) | flagOwn
	b.prev = *g
	b.parent = parent.Span
	b.name = name
	b.kind = kind
	b.links = l
	s.ctx = gctx{id.Hi, id.Lo, newSpanID(), root}
	*g = s.ctx
	b.start = now
	if linked.Load() != 0 {
		s.list(b, nil)
	}
}

// newBody takes a body from the pool for s. If s is to be recorded and the ring
// is as good as full it counts a dropped span and returns nil.
func (s *Span) newBody(record bool) *body {
	p, sh := pinShard()
	if record && !sh.room(reserve) {
		sh.countFull()
		unpinShard(p, sh)
		return nil
	}
	b := sh.free
	if b == nil {
		unpinShard(p, sh)
		b = new(body)
	} else {
		sh.free = b.next
		sh.numFree--
		unpinShard(p, sh)
		b.next = nil
	}
	b.quick = uint16(limits.quick.Load())
	s.b, s.gen = b, b.gen
	return b
}

// Recording reports whether what is said about the span is kept. It guards work
// that only serves attributes.
func (s *Span) Recording() bool { return s.flags&spanRecording != 0 }

// own returns the span's body if it is still this span's.
func (s *Span) own() *body {
	if b := s.b; b != nil && b.gen == s.gen {
		return b
	}
	return nil
}

// SetName changes the name.
func (s *Span) SetName(name string) {
	if s.Recording() {
		if b := s.own(); b != nil {
			b.name = name
		}
	}
}

// Name is the name that the span has now, "" if it is not recorded.
func (s *Span) Name() string {
	if s.Recording() {
		if b := s.own(); b != nil {
			return b.name
		}
	}
	return ""
}

// Str sets an attribute, in place of an earlier one with the same key. The same
// holds for Int, Bool and Float.
func (s *Span) Str(k Key, v string) {
	if s.Recording() {
		s.setStr(k, v)
	}
}

func (s *Span) Int(k Key, v int64) {
	if s.Recording() {
		s.setNum(k, EntryInt, uint64(v))
	}
}

func (s *Span) Bool(k Key, v bool) {
	if s.Recording() {
		var n uint64
		if v {
			n = 1
		}
		s.setNum(k, EntryBool, n)
	}
}

func (s *Span) Float(k Key, v float64) {
	if s.Recording() {
		s.setNum(k, EntryFloat, *(*uint64)(unsafe.Pointer(&v)))
	}
}

// Event adds an event that happened now. EventStr and EventInt that follow add
// attributes to it.
func (s *Span) Event(name Key) {
	if s.Recording() {
		s.event(name, ticks())
	}
}

// EventAt adds an event that happened at a time that Ticks returned, perhaps to
// another goroutine.
func (s *Span) EventAt(name Key, at int64) {
	if s.Recording() {
		s.event(name, at)
	}
}

// EventStr adds an attribute to the last event.
func (s *Span) EventStr(k Key, v string) {
	if s.Recording() {
		s.set(k, EntryStr|OfEvent, uint64(len(v)), unsafe.StringData(v))
	}
}

// EventInt adds an attribute to the last event.
func (s *Span) EventInt(k Key, v int64) {
	if s.Recording() {
		s.set(k, EntryInt|OfEvent, uint64(v), nil)
	}
}

// setStr and setNum are set for the usual case: an attribute that is new, short,
// and finds room in the body. num is a number, or the length of a string.

func (s *Span) setStr(k Key, v string) {
	b := s.own()
	if b == nil {
		return
	}
	bit := uint64(1) << (k & 63)
	if b.n < b.quick && b.seen&bit == 0 && k != 0 && len(v) <= quickString {
		e := &b.entry[b.n%inlineEntries]
		b.n++
		b.attrs++
		b.seen |= bit
		b.size += entrySize + uint64(len(v))
		e.ptr, e.num, e.key, e.kind = unsafe.StringData(v), uint64(len(v)), k, EntryStr
		return
	}
	s.set(k, EntryStr, uint64(len(v)), unsafe.StringData(v))
}

func (s *Span) setNum(k Key, kind EntryKind, num uint64) {
	b := s.own()
	if b == nil {
		return
	}
	bit := uint64(1) << (k & 63)
	if b.n < b.quick && b.seen&bit == 0 && k != 0 {
		e := &b.entry[b.n%inlineEntries]
		b.n++
		b.attrs++
		b.seen |= bit
		b.size += entrySize
		if kind != EntryBool {
			b.size += 8
		}
		e.num, e.key, e.kind = num, k, kind
		return
	}
	s.set(k, kind, num, nil)
}

func (s *Span) set(k Key, kind EntryKind, num uint64, ptr *byte) {
	b := s.own()
	if b == nil || k == 0 {
		return
	}
	size := uint64(entrySize)
	if kind.isText() {
		if num > quickString {
			b.quick = 0
		}
		if kind&^OfEvent == EntryStr && num > uint64(limits.valueLength.Load()) && k != keyExcStack {
			num = uint64(len(cut(unsafe.String(ptr, num), int(limits.valueLength.Load()))))
		}
		size += num
	} else if kind&^OfEvent != EntryBool {
		size += 8
	}
	if kind&OfEvent == 0 {
		bit := uint64(1) << (k & 63)
		if b.seen&bit != 0 && b.replace(k, kind, num, ptr, size) {
			return
		}
		if int64(b.attrs) >= limits.attributes.Load() || b.size+size > maxEntries {
			b.lose(0)
			return
		}
		b.seen |= bit
		b.attrs++
	} else if !b.event || b.size+size > maxEntries {
		return
	}
	b.size += size
	b.add(k, kind, num, ptr)
}

func (s *Span) event(name Key, at int64) { s.eventOf(name, EntryEvent, uint64(at)) }

func (s *Span) eventOf(name Key, kind EntryKind, at uint64) {
	b := s.own()
	if b == nil || name == 0 {
		return
	}
	if int64(b.events) >= limits.events.Load() || b.size+entrySize+8 > maxEntries {
		b.event = false
		b.lose(1)
		return
	}
	b.event = true
	b.events++
	b.size += entrySize + 8
	b.add(name, kind, at, nil)
}

// add appends an entry.
func (b *body) add(k Key, kind EntryKind, num uint64, ptr *byte) {
	i := b.n
	b.n++
	if i < inlineEntries {
		e := &b.entry[i]
		e.ptr, e.num, e.key, e.kind = ptr, num, k, kind
		return
	}
	b.more = append(b.more, entry{ptr, num, k, kind})
}

// at is entry number i.
func (b *body) at(i uint16) *entry {
	if i < inlineEntries {
		return &b.entry[i]
	}
	return &b.more[i-inlineEntries]
}

// lose counts an attribute (0) or an event (1) that is left out.
func (b *body) lose(what int) {
	if b.lost[what] < 1<<16-1 {
		b.lost[what]++
	}
}

// replace changes the attribute k if there is one.
func (b *body) replace(k Key, kind EntryKind, num uint64, ptr *byte, size uint64) bool {
	for i := range b.n {
		e := b.at(i)
		if e.key != k || e.kind&OfEvent != 0 || e.kind == EntryEvent || e.kind >= EntryLink {
			continue
		}
		was := e.size()
		if b.size-was+size > maxEntries {
			b.lose(0)
			return true
		}
		b.size += size - was
		e.ptr, e.num, e.kind = ptr, num, kind
		return true
	}
	return false
}

// size is the number of bytes that e takes in a record.
func (e *entry) size() uint64 {
	switch e.kind &^ OfEvent {
	case EntryStr, EntryArray, EntryLink:
		return entrySize + e.num
	case EntryBool:
		return entrySize
	}
	return entrySize + 8
}

// Context is the span as the parent of what is sent to another process. If it is
// not recorded it is the goroutine's span as it was at Start, and the zero
// Context if tracing is off.
func (s *Span) Context() Context {
	if s.ctx.Span == 0 {
		return Context{}
	}
	return outgoing(&s.ctx)
}

// Detach gives the goroutine the context back that it had before Start. The span
// stays open, and may be used and ended by another goroutine.
func (s *Span) Detach() {
	if b := s.own(); b != nil && s.flags&spanDetached == 0 {
		s.flags |= spanDetached
		s.leave(b)
	}
}

// leave restores the goroutine's former context if this span is its current one.
//
// If that was none, and the span began the trace, what is left is a context
// without a span, which only says which trace it was. The runtime takes it for
// none, but does not let the goroutine adopt that trace from a channel: one that
// asks for something in a loop and collects the answers would ask for the next
// thing in the trace of the last answer, and never get out of it.
func (s *Span) leave(b *body) {
	g := goroutine()
	if g.Span != s.ctx.Span || g.TraceLo != s.ctx.TraceLo {
		if !byProgram(g) || s.flags&spanManual != 0 || !s.beneath(g) {
			return
		}
	} else if s.flags&spanManual != 0 {
		if !byProgram(g) {
			return // inherited it
		}
		s.flags |= spanLeft
	}
	*g = b.prev
	if byProgram(g) {
		settle(g)
	}
	if s.flags&(spanRoot|spanRemote) == spanRoot && g.Span|g.Root == 0 {
		g.TraceHi, g.TraceLo = s.ctx.TraceHi, s.ctx.TraceLo
	}
}

// End closes the span and records it. If the span is the goroutine's current one,
// the goroutine gets its former context back. A second End does nothing.
func (s *Span) End() {
	if s.b != nil {
		s.end()
	}
}

func (s *Span) end() {
	now := ticks()
	b := s.own()
	if b == nil {
		s.b = nil
		s.flags = 0
		return
	}
	if s.flags&(spanRoot|spanRecording) == spanRoot|spanRecording {
		s.takeNotes(b)
	}
	if s.flags&spanDetached == 0 {
		s.leave(b)
	}
	if b.listing != nil {
		s.close(b)
	}
	p, sh := pinShard()
	wake := false
	if s.flags&spanRecording != 0 {
		wake = sh.record(s, b, now)
	}
	sh.putBody(b)
	unpinShard(p, sh)
	if s.flags&(spanRoot|spanHeir) != 0 {
		closeRoot(s.ctx.Root, now)
	}
	s.b = nil
	s.flags = 0
	if wake {
		wakeAgent()
	}
}

// beneath reports whether the span is beneath those that the program has begun
// on the calling goroutine and not ended there.
func (s *Span) beneath(g *gctx) bool {
	c := *g
	for byProgram(&c) {
		prev, _, known, _ := before(&c)
		if !known {
			return c.TraceHi == s.ctx.TraceHi && c.TraceLo == s.ctx.TraceLo
		}
		c = prev
	}
	return c.Span == s.ctx.Span && c.TraceLo == s.ctx.TraceLo
}

// close takes a span that ends off the list of open ones.
func (s *Span) close(b *body) {
	mail, replaced, popped := b.unlist(s.ctx.Span)
	if s.flags&spanManual != 0 && s.flags&spanLeft == 0 && !popped {
		leftBehind(s.ctx.Span, b.prev)
	}
	if replaced {
		if requests.Load() != 0 && b.kind == KindServer {
			s.ctx.Root &^= flagSampled
		} else {
			s.flags &^= spanRecording
		}
	}
	if mail != nil && s.flags&spanRecording != 0 {
		s.receive(b, mail)
	}
}

// putBody gives b back to the pool of the pinned shard. It lets go of all
// strings.
func (sh *shard) putBody(b *body) {
	for i := range min(b.n, inlineEntries) {
		b.entry[i].ptr = nil
	}
	if len(b.more) > 0 {
		clear(b.more)
		b.more = b.more[:0]
	}
	b.gen++
	b.name, b.msg = "", ""
	b.seen, b.size, b.links, b.lost = 0, 0, link{}, [2]uint16{}
	b.status, b.event, b.n, b.attrs, b.events = 0, false, 0, 0, 0
	if sh.numFree < maxBodies {
		b.next = sh.free
		sh.free = b
		sh.numFree++
	}
}

// newTraceID returns a random trace id that is not zero.
func newTraceID() ID {
	for {
		if id := (ID{random(), random()}); !id.IsZero() {
			return id
		}
	}
}

// newSpanID returns a random span id that is not zero.
func newSpanID() uint64 {
	for {
		if v := random(); v != 0 {
			return v
		}
	}
}
