package trace

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Record is one finished span, as Drain finds it in a ring. Its strings lie in
// the ring and are valid only until the function that Drain calls returns.
type Record struct {
	Trace         ID
	Span          uint64
	Parent        uint64 // 0 if the span is the root of its trace
	Start, End    int64  // ticks, see Ticks
	Kind          Kind
	Status        Status
	Root          bool    // first span of its trace in this process
	Remote        bool    // Parent is a span of another process
	Random        bool    // the W3C random-trace-id flag
	Unsampled     bool    // not to be exported as part of a trace: recorded because of Config.Requests
	Link          Context // Trace and Span of a span that led to this one; zero if none
	Name          string
	State         string // W3C tracestate
	Message       string // of the status, if that is StatusError
	DroppedAttrs  uint16
	DroppedEvents uint16

	n       int
	entries unsafe.Pointer
}

// An Entry is an attribute or an event of a Record, in the order in which they
// were given. What is true of the strings of a Record is true of Str.
type Entry struct {
	Key  Key
	Kind EntryKind // without OfEvent
	// OfEvent: an attribute of the EntryEvent that came last.
	OfEvent bool
	Num     uint64 // EntryInt: an int64; EntryBool: 0 or 1; EntryFloat: IEEE 754 bits; EntryEvent: ticks; EntryStart, EntryEnd, EntryEventAt: nanoseconds of Unix time
	Str     string // EntryStr; EntryArray and EntryLink: see there
}

// Entries iterates over the entries of a Record:
//
//	var e trace.Entry
//	for it := r.Entries(); it.Next(&e); {
type Entries struct {
	n int
	p unsafe.Pointer
}

// Entries starts an iteration, from the first entry. Len is how many there are.
func (r *Record) Entries() Entries { return Entries{r.n, r.entries} }

// Len is how many entries are left.
func (it *Entries) Len() int { return it.n }

// Next stores the next entry in e, and returns false if there is none.
func (it *Entries) Next(e *Entry) bool {
	if it.n == 0 {
		return false
	}
	it.n--
	w := get64(it.p)
	p := unsafe.Add(it.p, entrySize)
	e.Key = Key(w)
	e.Kind = EntryKind(w>>16) &^ OfEvent
	e.OfEvent = EntryKind(w>>16)&OfEvent != 0
	e.Str = ""
	switch e.Kind {
	case EntryStr, EntryArray, EntryLink:
		e.Num = 0
		e.Str = unsafe.String((*byte)(p), w>>32)
		p = unsafe.Add(p, w>>32)
	case EntryBool:
		e.Num = w >> 32
	default:
		e.Num = get64(p)
		p = unsafe.Add(p, 8)
	}
	it.p = p
	return true
}

// draining makes sure that there is one drain at a time.
var draining struct {
	mu       sync.Mutex
	record   Record // the one that Drain's caller sees
	recorded atomic.Uint64
	bytes    atomic.Uint64
}

// Drain calls f for every record in the rings and removes it, and returns how
// many there were. Spans that end meanwhile may or may not be among them. Records
// of one P come in the order in which the spans ended. The Record that f gets is
// the same one each time. f must not call Drain; if it ends spans of its own
// goroutine, Drain may not come to an end.
func Drain(f func(*Record)) int {
	draining.mu.Lock()
	defer draining.mu.Unlock()
	woken.Store(0)
	t := shards.Load()
	if t == nil {
		return 0
	}
	n := 0
	for _, sh := range *t {
		if sh != nil && sh.ring != nil {
			n += sh.drain(&draining.record, f)
		}
	}
	return n
}

func (sh *shard) drain(r *Record, f func(*Record)) (n int) {
	head := sh.head.Load()
	tail := sh.tail.Load()
	shift := sh.shift.Load() // after head, see claim
	seen := tail
	for tail != head {
		at := unsafe.Add(sh.buf, (tail+shift)&sh.mask)
		w := get64(at)
		if w>>32&0xff == recordSpan {
			r.decode(at, w)
			f(r)
			n++
		}
		tail += w & 0xffffffff
		// Give room back often enough, but not for every record: the producer
		// reads the same cache line.
		if tail-seen > 16<<10 {
			sh.tail.Store(tail)
			draining.bytes.Add(tail - seen)
			seen = tail
		}
	}
	sh.tail.Store(tail)
	draining.bytes.Add(tail - seen)
	draining.recorded.Add(uint64(n))
	return n
}

// decode fills r from the record at p, whose first word is w.
func (r *Record) decode(p unsafe.Pointer, w uint64) {
	flags := w >> 56
	r.Kind = Kind(w >> 40)
	r.Status = Status(w >> 48)
	r.Root = flags&recordRoot != 0
	r.Remote = flags&recordRemote != 0
	r.Random = flags&recordRandom != 0
	r.Unsampled = flags&recordUnsampled != 0
	r.Trace = ID{get64(unsafe.Add(p, 8)), get64(unsafe.Add(p, 16))}
	r.Span = get64(unsafe.Add(p, 24))
	r.Parent = get64(unsafe.Add(p, 32))
	r.Start = int64(get64(unsafe.Add(p, 40)))
	// Counters of different cores may be off by a little.
	r.End = max(r.Start, int64(get64(unsafe.Add(p, 48))))
	v := get64(unsafe.Add(p, 56))
	r.n = int(v >> 16 & 0xffff)
	r.DroppedAttrs = uint16(v >> 32)
	r.DroppedEvents = uint16(v >> 48)
	p = unsafe.Add(p, headerSize)
	r.Link = Context{}
	if flags&recordLink != 0 {
		r.Link.Trace = ID{get64(p), get64(unsafe.Add(p, 8))}
		r.Link.Span = get64(unsafe.Add(p, 16))
		p = unsafe.Add(p, 24)
	}
	r.State, r.Message = "", ""
	if flags&recordState != 0 {
		r.State, p = getText(p)
	}
	if flags&recordMessage != 0 {
		r.Message, p = getText(p)
	}
	r.Name = unsafe.String((*byte)(p), v&0xffff)
	r.entries = unsafe.Add(p, v&0xffff)
}

func getText(p unsafe.Pointer) (string, unsafe.Pointer) {
	n := int(get16(p))
	p = unsafe.Add(p, 2)
	return unsafe.String((*byte)(p), n), unsafe.Add(p, n)
}

// Why a span was not recorded.
const (
	DroppedRingFull = iota // the agent did not keep up
	DroppedNoRing          // RingMemory was used up when the P first recorded
	numDropCauses
)

// Counters are totals since the program started.
type Counters struct {
	Recorded uint64                // spans that Drain has delivered
	Bytes    uint64                // of them in the rings
	Dropped  [numDropCauses]uint64 // spans that were sampled but not recorded, by cause
	Cut      uint64                // attributes and events left out of spans by Attributes, Events, or the size of a record
	Rings    uint64                // memory of all rings, in bytes
	Roots    uint64                // memory of the table of local roots, in bytes
}

// DropCauses are the names of the indexes of Counters.Dropped.
var DropCauses = [numDropCauses]string{
	DroppedRingFull: "ring_full",
	DroppedNoRing:   "no_ring_memory",
}

// Count returns the counters as they are now.
func Count() Counters {
	var c Counters
	c.Recorded = draining.recorded.Load()
	c.Bytes = draining.bytes.Load()
	if t := shards.Load(); t != nil {
		for _, sh := range *t {
			if sh == nil {
				continue
			}
			for i := range sh.dropped {
				c.Dropped[i] += sh.dropped[i].Load()
			}
			c.Cut += sh.cut.Load()
			c.Rings += uint64(len(sh.ring))
		}
	}
	c.Roots = uint64(numChunks.Load()) * uint64(unsafe.Sizeof(chunk{}))
	return c
}

// countFull counts a span of the pinned shard that finds no room.
func (sh *shard) countFull() {
	if sh.ring == nil {
		sh.dropped[DroppedNoRing].Add(1)
	} else {
		sh.dropped[DroppedRingFull].Add(1)
	}
}

// countDropped counts a span that was not even tried.
func countDropped() {
	p, sh := pinShard()
	sh.countFull()
	unpinShard(p, sh)
}

// armed is 1 while the next record is to wake the agent, woken is 1 from when a
// full ring has woken it until it drains.
var armed, woken atomic.Uint32

var wakeup = make(chan struct{}, 1)

// Wakeup is a channel that gets a value when so much waits in a ring that draining
// it is urgent, and at the first record after Arm. Values that nobody takes are
// not kept beyond one, and a value may come for nothing.
func Wakeup() <-chan struct{} { return wakeup }

// Arm asks for a value on Wakeup when the next record is written. It returns
// false if there are records already, and then asks for nothing. With it an agent
// can wait for work without a timer.
func Arm() bool {
	woken.Store(0)
	armed.Store(1)
	// A record published before this line is seen by Pending, one published
	// after it finds armed set.
	if Pending() > 0 {
		armed.Store(0)
		return false
	}
	return true
}

//go:noinline
func wakeAgent() {
	armed.Store(0)
	if woken.Swap(1) != 0 {
		return
	}
	select {
	case wakeup <- struct{}{}:
	default:
	}
}

// Pending is the number of bytes that wait in the rings.
func Pending() int {
	n := uint64(0)
	if t := shards.Load(); t != nil {
		for _, sh := range *t {
			if sh != nil {
				// In this order: the tail never passes a head seen later.
				tail := sh.tail.Load()
				n += sh.head.Load() - tail
			}
		}
	}
	return int(n)
}
