package trace

import "unsafe"

// The form of a record in a ring. Numbers are little-endian. A record lies in one
// piece at a multiple of 8 and is as long as one.
//
//	0   u32  length of the record in bytes
//	4   u8   recordSpan, or recordPad: nothing up to the end of the ring
//	5   u8   kind
//	6   u8   status
//	7   u8   flags: recordRoot …
//	8   u64  trace id, high half
//	16  u64  trace id, low half
//	24  u64  span id
//	32  u64  id of the parent, 0 if none
//	40  u64  start, ticks
//	48  u64  end, ticks
//	56  u16  length of the name
//	58  u16  number of entries
//	60  u16  attributes left out
//	62  u16  events left out
//	64  24 bytes: trace id and span id of a linked span, if recordLink
//	    u16 and text: tracestate, if recordState
//	    u16 and text: message of the status, if recordMessage
//	    text: the name
//	    the entries
//
// An entry is a word, and a value that depends on its kind.
//
//	0   u16  key
//	2   u8   kind, with OfEvent
//	3   u8   0
//	4   u32  EntryStr, EntryArray, EntryLink: length of the text that follows. EntryBool: 0 or 1.
//	         Others: 0, and the value follows as a u64
const (
	headerSize = 64
	entrySize  = 8

	recordPad  = 0
	recordSpan = 1

	recordRoot      = 1 << 0 // local root
	recordRemote    = 1 << 1 // the parent is in another process
	recordLink      = 1 << 2
	recordState     = 1 << 3
	recordMessage   = 1 << 4
	recordRandom    = 1 << 5
	recordUnsampled = 1 << 6 // not part of a trace that is recorded, see Config.Requests

	maxName    = 1 << 10
	maxState   = 8 << 10
	maxMessage = 4 << 10
	// maxRecord is half of the smallest ring, so that it fits into an empty one
	// wherever the head is; maxEntries is what the longest texts before the
	// entries leave of it.
	maxRecord  = minRing / 2
	maxEntries = maxRecord - headerSize - 24 - (2 + maxState) - (2 + maxMessage) - maxName - 8
)

// An EntryKind says what an Entry is.
type EntryKind uint8

const (
	EntryStr EntryKind = 1 + iota
	EntryInt
	EntryBool
	EntryFloat
	EntryEvent // an event; Num is its time in ticks
	EntryArray // Str is an ArrayValue of OTLP, encoded

	// Those that follow are not attributes.
	EntryLink    // Str is a Link of OTLP, encoded
	EntryStart   // Num is when the span started, in nanoseconds of Unix time
	EntryEnd     // Num is when it ended, likewise
	EntryEventAt // an event; Num is its time, likewise

	OfEvent EntryKind = 0x80 // flag: an attribute of the last event, not of the span
)

// isText reports whether entries of kind k have a text.
func (k EntryKind) isText() bool {
	k &^= OfEvent
	return k == EntryStr || k == EntryArray || k == EntryLink
}

// record writes b into the ring of the pinned shard.
func (sh *shard) record(s *Span, b *body, end int64) (wake bool) {
	name := cut(b.name, maxName)
	n := headerSize + uint64(len(name)) + b.size
	var flags uint64
	if s.flags&spanRoot != 0 {
		flags |= recordRoot
		if s.flags&spanRemote != 0 {
			flags |= recordRemote
		}
		if b.links.span != 0 {
			flags |= recordLink
			n += 24
		}
	}
	if s.ctx.Root&flagRandom != 0 {
		flags |= recordRandom
	}
	if s.ctx.Root&flagSampled == 0 {
		flags |= recordUnsampled
	}
	var state string
	if x := rootExtras(s.ctx.Root); x != nil && x.state != "" {
		state = x.state[:min(len(x.state), maxState)]
		flags |= recordState
		n += 2 + uint64(len(state))
	}
	if b.msg != "" {
		flags |= recordMessage
		n += 2 + uint64(len(b.msg))
	}
	n = (n + 7) &^ 7
	at, head := sh.claim(n)
	if at == nil {
		sh.countFull()
		return false
	}
	put64(at, n|recordSpan<<32|uint64(b.kind)<<40|uint64(b.status)<<48|flags<<56)
	put64(unsafe.Add(at, 8), s.ctx.TraceHi)
	put64(unsafe.Add(at, 16), s.ctx.TraceLo)
	put64(unsafe.Add(at, 24), s.ctx.Span)
	put64(unsafe.Add(at, 32), b.parent)
	put64(unsafe.Add(at, 40), uint64(b.start))
	put64(unsafe.Add(at, 48), uint64(end))
	put64(unsafe.Add(at, 56), uint64(len(name))|uint64(b.n)<<16|uint64(b.lost[0])<<32|uint64(b.lost[1])<<48)
	p := unsafe.Add(at, headerSize)
	if flags&(recordLink|recordState|recordMessage) != 0 {
		if flags&recordLink != 0 {
			put64(p, b.links.trace.Hi)
			put64(unsafe.Add(p, 8), b.links.trace.Lo)
			put64(unsafe.Add(p, 16), b.links.span)
			p = unsafe.Add(p, 24)
		}
		if flags&recordState != 0 {
			p = putText(p, state)
		}
		if flags&recordMessage != 0 {
			p = putText(p, b.msg)
		}
	}
	copy(unsafe.Slice((*byte)(p), len(name)), name)
	p = unsafe.Add(p, len(name))
	for i := range min(b.n, inlineEntries) {
		p = b.entry[i].put(p)
	}
	for i := range b.more {
		p = b.more[i].put(p)
	}
	if b.lost != [2]uint16{} {
		sh.cut.Add(uint64(b.lost[0]) + uint64(b.lost[1]))
	}
	return sh.publish(head)
}

// put writes e at p and returns the place after it.
func (e *entry) put(p unsafe.Pointer) unsafe.Pointer {
	w := uint64(e.key) | uint64(e.kind)<<16
	switch e.kind &^ OfEvent {
	case EntryStr, EntryArray, EntryLink:
		put64(p, w|e.num<<32)
		p = unsafe.Add(p, entrySize)
		copy(unsafe.Slice((*byte)(p), e.num), unsafe.Slice(e.ptr, e.num))
		return unsafe.Add(p, e.num)
	case EntryBool:
		put64(p, w|e.num<<32)
		return unsafe.Add(p, entrySize)
	}
	put64(p, w)
	put64(unsafe.Add(p, entrySize), e.num)
	return unsafe.Add(p, entrySize+8)
}

// putText writes a length and a text at p and returns the place after them.
func putText(p unsafe.Pointer, v string) unsafe.Pointer {
	put16(p, uint16(len(v)))
	p = unsafe.Add(p, 2)
	copy(unsafe.Slice((*byte)(p), len(v)), v)
	return unsafe.Add(p, len(v))
}
