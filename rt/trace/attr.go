package trace

import (
	"sync"
	"unsafe"
)

// An Attr is an attribute whose name is not known before it is set, with a value
// of any type that OTLP has.
type Attr struct {
	Name string
	Kind EntryKind // EntryStr, EntryInt, EntryBool, EntryFloat or EntryArray
	Num  uint64    // as in an Entry
	Str  string    // as in an Entry
}

// maxNames is how many different names of attributes and events a program may
// make up as it runs.
const maxNames = 16 << 10

// names is the keys of names that a program has made up.
var names struct {
	byName sync.Map // string -> Key
	mu     sync.Mutex
	n      int
}

// nameKey is the key of a name that the program has made up; 0 if it has made
// too many.
func nameKey(name string) Key {
	if k, ok := names.byName.Load(name); ok {
		return k.(Key)
	}
	names.mu.Lock()
	defer names.mu.Unlock()
	if names.n == maxNames || name == "" {
		return 0
	}
	name = string(append([]byte(nil), name...)) // it may be part of something large
	k := NewKey(name)
	if _, known := names.byName.LoadOrStore(name, k); !known {
		names.n++
	}
	return k
}

// Attr sets an attribute.
func (s *Span) Attr(a Attr) { s.attr(a, 0) }

func (s *Span) attr(a Attr, of EntryKind) {
	if !s.Recording() {
		return
	}
	k := nameKey(a.Name)
	if k == 0 {
		if b := s.own(); b != nil {
			b.lose(0)
		}
		return
	}
	if a.Kind.isText() {
		s.set(k, a.Kind|of, uint64(len(a.Str)), unsafe.StringData(a.Str))
		return
	}
	s.set(k, a.Kind|of, a.Num, nil)
}

// EventWith adds an event. unix is its time in nanoseconds of Unix time, 0 for now.
func (s *Span) EventWith(name string, unix int64, attrs ...Attr) {
	if !s.Recording() {
		return
	}
	k := nameKey(name)
	if k == 0 {
		k = keyEvent
	}
	if unix != 0 {
		s.eventOf(k, EntryEventAt, uint64(unix))
	} else {
		s.event(k, ticks())
	}
	if k == keyEvent && name != "event" {
		s.EventStr(keyEventName, name)
	}
	for _, a := range attrs {
		s.attr(a, OfEvent)
	}
}

// SetState sets the status as the OpenTelemetry API does: OK is final, and an
// error is not taken back.
func (s *Span) SetState(st Status, msg string) {
	b := s.own()
	if !s.Recording() || b == nil || b.status == StatusOK || st == StatusUnset {
		return
	}
	if b.status = st; st == StatusOK {
		msg = ""
	}
	b.msg = cut(msg, maxMessage)
}

// StartedAt says that the span has started at another time, in nanoseconds of
// Unix time.
func (s *Span) StartedAt(unix int64) { s.time(EntryStart, unix) }

func (s *Span) time(kind EntryKind, unix int64) {
	b := s.own()
	if s.Recording() && b != nil && b.size+entrySize+8 <= maxEntries {
		b.size += entrySize + 8
		b.add(keyEvent, kind, uint64(unix), nil)
	}
}

// maxLinks is how many links of a span are kept.
const maxLinks = 128

// LinkTo adds a link.
func (s *Span) LinkTo(c Context, attrs ...Attr) {
	b := s.own()
	if !s.Recording() || b == nil || !c.Valid() && len(attrs) == 0 && c.State == "" {
		return
	}
	links := 0
	for i := range b.n {
		if b.at(i).kind == EntryLink {
			links++
		}
	}
	if links == maxLinks {
		b.lose(0)
		return
	}
	var id [16]byte
	big64(id[:8], c.Trace.Hi)
	big64(id[8:], c.Trace.Lo)
	m := append(append([]byte{0x0a, 16}, id[:]...), 0x12, 8)
	big64(id[:8], c.Span)
	m = append(m, id[:8]...)
	if c.State != "" {
		m = appendText(m, 0x1a, c.State)
	}
	for _, a := range attrs {
		m = appendText(m, 0x22, keyValue(a))
	}
	flags := byte(0)
	if c.Sampled {
		flags = 1
	}
	m = append(m, 0x35, flags, 0, 0, 0)
	b.addLink(uint64(len(m)), unsafe.SliceData(m))
}

// addLink adds an encoded link.
func (b *body) addLink(n uint64, ptr *byte) {
	if b.size+entrySize+n > maxEntries {
		b.lose(0)
		return
	}
	b.size += entrySize + n
	b.add(keyLink, EntryLink, n, ptr)
}

// Strs, Ints, Bools and Floats are attributes with several values.

func Strs(name string, list []string) Attr {
	var m []byte
	for _, v := range list {
		m = appendText(m, 0x0a, string(appendText(nil, 0x0a, cut(v, int(limits.valueLength.Load())))))
	}
	return Attr{Name: name, Kind: EntryArray, Str: string(m)}
}

func Ints(name string, list []int64) Attr {
	var m []byte
	for _, v := range list {
		m = appendText(m, 0x0a, string(appendVarint([]byte{0x18}, uint64(v))))
	}
	return Attr{Name: name, Kind: EntryArray, Str: string(m)}
}

func Bools(name string, list []bool) Attr {
	var m []byte
	for _, v := range list {
		m = append(m, 0x0a, 2, 0x10, byte(oneIf(v)))
	}
	return Attr{Name: name, Kind: EntryArray, Str: string(m)}
}

func Floats(name string, list []float64) Attr {
	var m []byte
	for _, v := range list {
		m = append(m, 0x0a, 9, 0x21)
		m = append(m, make([]byte, 8)...)
		put64(unsafe.Pointer(&m[len(m)-8]), *(*uint64)(unsafe.Pointer(&v)))
	}
	return Attr{Name: name, Kind: EntryArray, Str: string(m)}
}

// keyValue is a as a KeyValue of OTLP.
func keyValue(a Attr) string {
	var v []byte
	switch a.Kind {
	case EntryStr:
		v = appendText(v, 0x0a, a.Str)
	case EntryBool:
		v = append(v, 0x10, byte(a.Num))
	case EntryInt:
		v = appendVarint(append(v, 0x18), a.Num)
	case EntryFloat:
		v = append(v, 0x21, 0, 0, 0, 0, 0, 0, 0, 0)
		put64(unsafe.Pointer(&v[1]), a.Num)
	case EntryArray:
		v = appendText(v, 0x2a, a.Str)
	}
	return string(appendText(appendText(nil, 0x0a, a.Name), 0x12, string(v)))
}

// appendText appends a length-delimited field of protobuf.
func appendText(m []byte, tag byte, v string) []byte {
	return append(appendVarint(append(m, tag), uint64(len(v))), v...)
}

func appendVarint(m []byte, v uint64) []byte {
	for ; v >= 0x80; v >>= 7 {
		m = append(m, byte(v)|0x80)
	}
	return append(m, byte(v))
}

func big64(b []byte, v uint64) {
	for i := range 8 {
		b[i] = byte(v >> (56 - 8*i))
	}
}

// Bool and Float are attributes with one value.

func Bool(name string, v bool) Attr {
	return Attr{Name: name, Kind: EntryBool, Num: uint64(oneIf(v))}
}

func Float(name string, v float64) Attr {
	return Attr{Name: name, Kind: EntryFloat, Num: *(*uint64)(unsafe.Pointer(&v))}
}
