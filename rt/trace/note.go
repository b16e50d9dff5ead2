package trace

import "unsafe"

// What a local root's span should say is known to its owner: the advice that
// started it. But a framework between the owner and the program's code knows things
// that the owner never sees, and may run on another goroutine. It leaves notes at
// the local root, as SetRoute does, which End puts into the span.

// A note is an exception that the owner of the span may not get to see.
type note struct {
	next            *note // an earlier one
	at              int64
	typ, msg, stack string // stack is "" if it was no panic
}

// SetHandler tells the local root that the calling goroutine works for which
// function of the program handles it, as code.function.name, in place of what was told
// before. The string is kept by reference, and so must not change. Nothing
// happens outside of a local root that is open.
func SetHandler(name *string) {
	if d := openSide(); d != nil {
		d.handler.Store(name)
	}
}

// RootPanic tells the local root that the calling goroutine works for of a panic
// with the value v that is unwinding the goroutine, and may be recovered before the
// span's owner sees it. It is recorded once, however often and by whomever it
// is told. It allocates.
func RootPanic(v any) {
	typ, msg := typeName(v), panicText(v)
	if err, ok := v.(error); ok {
		typ = errorType(err)
	}
	if d := openSide(); d != nil && !d.noted(typ, msg) {
		d.note(&note{typ: typ, msg: msg, stack: panicStack()})
	}
}

// RootError tells the local root that the calling goroutine works for of an error
// that does not by itself make it fail. It allocates.
func RootError(err error) {
	if err == nil {
		return
	}
	if d := openSide(); d != nil {
		d.note(&note{typ: errorType(err), msg: errorText(err)})
	}
}

// noted reports whether there is a note of the panic already.
func (d *side) noted(typ, msg string) bool {
	for n := d.notes.Load(); n != nil; n = n.next {
		if n.stack != "" && n.typ == typ && n.msg == msg {
			return true
		}
	}
	return false
}

// openSide is the side of the local root that the calling goroutine works for; nil
// if there is none, or it has ended.
//
// The local root may end, and the side be another's, between the check and what
// the caller does. A goroutine that still works for a request while that ends is
// too rare to pay for excluding it, and what it does is a wrong name.
func openSide() *side {
	if enabled.Load() == 0 {
		return nil
	}
	s, open := rootSlot(goroutine().Root)
	if s == nil || s.word.Load() != open {
		return nil
	}
	i := s.side.Load()
	if i == 0 {
		if i = newSide(); i == 0 {
			return nil
		}
		if !s.side.CompareAndSwap(0, i) {
			freeSide(i)
			if i = s.side.Load(); i == 0 {
				return nil
			}
		}
	}
	return sideAt(i)
}

func (d *side) note(n *note) {
	n.at = ticks()
	for {
		n.next = d.notes.Load()
		if d.notes.CompareAndSwap(n.next, n) {
			return
		}
	}
}

// takeNotes puts what was noted at the local root into its span.
func (s *Span) takeNotes(b *body) {
	d := rootSide(s.ctx.Root)
	if d == nil {
		return
	}
	if name := d.handler.Load(); name != nil {
		s.Str(keyCodeFunction, *name)
	}
	var list *note // in the order of time
	for n := d.notes.Load(); n != nil; n = n.next {
		list = &note{list, n.at, n.typ, n.msg, n.stack}
	}
	for n := list; n != nil; n = n.next {
		if n.stack != "" && b.hasPanic(n.msg) {
			continue // it was not recovered
		}
		s.EventAt(keyException, n.at)
		s.EventStr(keyExcType, n.typ)
		s.EventStr(keyExcMessage, n.msg)
		if n.stack != "" {
			s.EventStr(keyExcStack, n.stack)
			s.Fail(n.typ, n.msg)
		}
	}
}

// hasPanic reports whether an event of b is a panic with the message msg.
func (b *body) hasPanic(msg string) bool {
	message := false
	for i := range b.n {
		switch e := b.at(i); {
		case e.kind == EntryEvent:
			message = false
		case e.kind == EntryStr|OfEvent && e.key == keyExcMessage:
			message = e.num <= uint64(len(msg)) && msg[:e.num] == unsafe.String(e.ptr, e.num) // it may be cut
		case e.kind == EntryStr|OfEvent && e.key == keyExcStack && message:
			return true
		}
	}
	return false
}
