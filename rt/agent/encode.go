package agent

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/weft-trace/weft/rt/trace"
)

// An encoder writes records as one OTLP ExportTraceServiceRequest, in protobuf, straight from the ring: no message is built
// first. Lengths of nested messages are filled in afterwards, in varints that may be longer than they need be, which
// protobuf allows.
type encoder struct {
	head  []byte   // the request up to where the spans begin: resource and scope
	inner int      // where in head the length of the ScopeSpans lies
	keys  [][]byte // by trace.Key, a KeyValue up to its text, see appendAttr
	clock *clock

	buf   []byte
	spans int
}

const lengthSize = 4 // bytes of a length filled in afterwards: up to 256 MiB

// newEncoder returns an encoder for spans of a process with the resource attributes given, which are strings and int64s.
func newEncoder(resource []attribute, c *clock) *encoder {
	var res []byte
	for _, a := range resource {
		kv := appendText(nil, 0x0a, a.key)
		switch v := a.value.(type) {
		case string:
			kv = appendMessage(kv, 0x12, appendText(nil, 0x0a, v))
		case int64:
			kv = appendMessage(kv, 0x12, binary.AppendUvarint([]byte{0x18}, uint64(v)))
		}
		res = appendMessage(res, 0x0a, kv)
	}
	scope := appendText(appendText(nil, 0x0a, scopeName), 0x12, version)
	h := append([]byte{0x0a}, make([]byte, lengthSize)...) // resource_spans
	h = appendMessage(h, 0x0a, res)
	h = append(h, 0x12) // scope_spans
	inner := len(h)
	h = append(h, make([]byte, lengthSize)...)
	h = appendMessage(h, 0x0a, scope)
	return &encoder{head: h, inner: inner, clock: c}
}

// begin starts a request in the memory of buf.
func (e *encoder) begin(buf []byte) {
	e.buf = append(buf[:0], e.head...)
	e.spans = 0
}

// finish completes the request and returns it. The encoder lets go of the memory.
func (e *encoder) finish() []byte {
	b := e.buf
	e.buf = nil
	putLength(b[1:], len(b)-1-lengthSize)
	putLength(b[e.inner:], len(b)-e.inner-lengthSize)
	return b
}

func putLength(b []byte, n int) {
	_ = b[lengthSize-1]
	b[0], b[1], b[2], b[3] = byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)|0x80, byte(n>>21)
}

// add writes one span.
func (e *encoder) add(r *trace.Record) {
	b := append(e.buf, 0x12, 0, 0) // spans, two bytes for the length
	begin := len(b)

	start := e.clock.wall(r.Start)
	end := max(e.clock.wall(r.End), start)

	// trace_id, span_id, kind, start and end have fixed places.
	n := len(b)
	b = append(b, "\x0a\x10................\x12\x08........\x30.\x39........\x41........"...)
	h := b[n : n+48]
	binary.BigEndian.PutUint64(h[2:], r.Trace.Hi)
	binary.BigEndian.PutUint64(h[10:], r.Trace.Lo)
	binary.BigEndian.PutUint64(h[20:], r.Span)
	h[29] = byte(r.Kind)
	binary.LittleEndian.PutUint64(h[31:], uint64(start))
	binary.LittleEndian.PutUint64(h[40:], uint64(end))
	flags := uint32(1) // sampled
	if r.Random {
		flags |= 1 << 1
	}
	if r.Parent != 0 {
		b = append(b, 0x22, 8)
		b = binary.BigEndian.AppendUint64(b, r.Parent)
		flags |= 1 << 8 // it is known whether the parent is remote
		if r.Remote {
			flags |= 1 << 9
		}
	}
	b = append(b, 0x85, 0x01, byte(flags), byte(flags>>8), 0, 0)
	b = appendString(b, 0x2a, r.Name)
	if r.State != "" {
		b = appendString(b, 0x1a, r.State)
	}

	events := false
	var a trace.Entry
	for it := r.Entries(); it.Next(&a); {
		switch {
		case a.Kind == trace.EntryEvent || a.OfEvent || a.Kind == trace.EntryEventAt:
			events = true
		case a.Kind == trace.EntryLink:
			b = binary.AppendUvarint(append(b, 0x6a), uint64(len(a.Str)))
			b = append(b, a.Str...)
		case a.Kind == trace.EntryStart:
			binary.LittleEndian.PutUint64(b[n+31:], a.Num)
			if start = int64(a.Num); end < start {
				binary.LittleEndian.PutUint64(b[n+40:], a.Num)
			}
		case a.Kind == trace.EntryEnd:
			end = max(int64(a.Num), start)
			binary.LittleEndian.PutUint64(b[n+40:], uint64(end))
		default:
			b = e.appendAttr(b, 0x4a, &a)
		}
	}
	if r.DroppedAttrs != 0 {
		b = binary.AppendUvarint(append(b, 0x50), uint64(r.DroppedAttrs))
	}
	if events {
		b = e.appendEvents(b, r)
	}
	if r.DroppedEvents != 0 {
		b = binary.AppendUvarint(append(b, 0x60), uint64(r.DroppedEvents))
	}
	if r.Link.Span != 0 {
		b = append(b, 0x6a, 28, 0x0a, 16)
		b = binary.BigEndian.AppendUint64(b, r.Link.Trace.Hi)
		b = binary.BigEndian.AppendUint64(b, r.Link.Trace.Lo)
		b = append(b, 0x12, 8)
		b = binary.BigEndian.AppendUint64(b, r.Link.Span)
	}
	if r.Status != trace.StatusUnset {
		b = append(b, 0x7a, 0, 0)
		at := len(b)
		if r.Message != "" {
			b = appendString(b, 0x12, r.Message)
		}
		b = append(b, 0x18, byte(r.Status))
		b = closeLength(b, at)
	}
	e.buf = closeLength(b, begin)
	e.spans++
}

// appendEvents writes the events among r's entries, each with its attributes.
func (e *encoder) appendEvents(b []byte, r *trace.Record) []byte {
	at := 0
	var a trace.Entry
	for it := r.Entries(); it.Next(&a); {
		switch {
		case a.Kind == trace.EntryEvent || a.Kind == trace.EntryEventAt:
			if at != 0 {
				b = closeLength(b, at)
			}
			when := a.Num
			if a.Kind == trace.EntryEvent {
				when = uint64(e.clock.wall(int64(a.Num)))
			}
			b = append(b, 0x5a, 0, 0)
			at = len(b)
			b = append(b, 0x09)
			b = binary.LittleEndian.AppendUint64(b, when)
			b = appendString(b, 0x12, a.Key.Name())
		case a.OfEvent && at != 0:
			b = e.appendAttr(b, 0x1a, &a)
		}
	}
	if at != 0 {
		b = closeLength(b, at)
	}
	return b
}

// A KeyValue with a string, where all lengths take one byte:
//
//	tag n 0x0a len(key) key 0x12 len(value)+2 0x0a len(value) value
//
// encoder.keys has that up to the value, with zeros for the tag and for the lengths that depend on the value. Other types
// have something else after the key.
const (
	beforeKey  = 2 // tag and n
	afterKey   = 4 // from 0x12 on
	shortValue = 120
)

// appendAttr writes a KeyValue as the field with this tag.
func (e *encoder) appendAttr(b []byte, tag byte, a *trace.Entry) []byte {
	if int(a.Key) >= len(e.keys) {
		e.learnKeys()
	}
	k := e.keys[a.Key]
	n := len(k) - beforeKey - afterKey // of the key field
	switch a.Kind {
	case trace.EntryStr:
		s := text(a.Str)
		if n+len(s) < shortValue {
			at := len(b)
			b = append(b, k...)
			h := b[at:]
			h[0], h[1] = tag, byte(n+afterKey+len(s))
			h[len(h)-3], h[len(h)-1] = byte(len(s)+2), byte(len(s))
			return append(b, s...)
		}
		value := 1 + uvarintLen(len(s)) + len(s)
		b = binary.AppendUvarint(append(b, tag), uint64(n+1+uvarintLen(value)+value))
		b = append(b, k[beforeKey:beforeKey+n]...)
		b = binary.AppendUvarint(append(b, 0x12), uint64(value))
		b = binary.AppendUvarint(append(b, 0x0a), uint64(len(s)))
		return append(b, s...)
	case trace.EntryInt:
		var v [10]byte
		size := binary.PutUvarint(v[:], a.Num)
		b = binary.AppendUvarint(append(b, tag), uint64(n+3+size))
		b = append(b, k[beforeKey:beforeKey+n]...)
		b = append(b, 0x12, byte(1+size), 0x18)
		return append(b, v[:size]...)
	case trace.EntryBool:
		b = binary.AppendUvarint(append(b, tag), uint64(n+4))
		b = append(b, k[beforeKey:beforeKey+n]...)
		return append(b, 0x12, 2, 0x10, byte(a.Num))
	case trace.EntryFloat:
		b = binary.AppendUvarint(append(b, tag), uint64(n+11))
		b = append(b, k[beforeKey:beforeKey+n]...)
		b = append(b, 0x12, 9, 0x21)
		return binary.LittleEndian.AppendUint64(b, a.Num)
	case trace.EntryArray:
		value := 1 + uvarintLen(len(a.Str)) + len(a.Str)
		b = binary.AppendUvarint(append(b, tag), uint64(n+1+uvarintLen(value)+value))
		b = append(b, k[beforeKey:beforeKey+n]...)
		b = binary.AppendUvarint(append(b, 0x12), uint64(value))
		b = binary.AppendUvarint(append(b, 0x2a), uint64(len(a.Str)))
		return append(b, a.Str...)
	}
	return b
}

func (e *encoder) learnKeys() {
	for k := len(e.keys); k < trace.NumKeys(); k++ {
		b := appendText(make([]byte, beforeKey), 0x0a, trace.Key(k).Name())
		e.keys = append(e.keys, append(b, 0x12, 0, 0x0a, 0))
	}
}

// closeLength fills in the length of the message that began at begin, where two bytes were left for it, and makes room for a
// third if need be.
func closeLength(b []byte, begin int) []byte {
	n := len(b) - begin
	if n < 1<<14 {
		b[begin-2], b[begin-1] = byte(n)|0x80, byte(n>>7)
		return b
	}
	b = append(b, 0)
	copy(b[begin+1:], b[begin:])
	b[begin-2], b[begin-1], b[begin] = byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)
	return b
}

// appendString writes a string field as text does.
func appendString(b []byte, tag byte, s string) []byte {
	s = text(s)
	if len(s) < 0x80 {
		b = append(b, tag, byte(len(s)))
	} else {
		b = binary.AppendUvarint(append(b, tag), uint64(len(s)))
	}
	return append(b, s...)
}

// text is s if it is UTF-8, or else with U+FFFD for the bytes that are not: receivers refuse a whole request for one of them.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func uvarintLen(v int) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// appendText and appendMessage write length-delimited fields where speed is of no concern.
func appendText(b []byte, tag byte, s string) []byte {
	s = text(s)
	return append(binary.AppendUvarint(append(b, tag), uint64(len(s))), s...)
}

func appendMessage(b []byte, tag byte, m []byte) []byte {
	return append(binary.AppendUvarint(append(b, tag), uint64(len(m))), m...)
}
