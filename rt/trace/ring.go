package trace

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A shard is what one P records into. Its first part belongs to the goroutine
// that is pinned to the P, and the tail to the drain.
type shard struct {
	_ [64]byte // keeps the neighbour's tail away

	// Of the pinned goroutine.
	head  atomic.Uint64 // bytes written since the start; read by the drain
	limit uint64        // head may go this far: a tail seen earlier, plus the size
	mask  uint64        // size of the ring minus 1
	shift atomic.Uint64 // the byte that is number 0 by head and tail lies here, modulo the size
	hurry uint64        // bytes in the ring at which the drain is urgent
	buf   unsafe.Pointer
	ring  []byte // the same memory; nil if there was none to be had

	free     *body // bodies not in use
	numFree  int
	nextSlot uint32

	sides []uint32 // numbers of sides not in use; never grows

	newSlots atomic.Uint32                // where a chunk was added, to go on from there
	slots    atomic.Pointer[[]ownChunk]   // local roots of this P
	dropped  [numDropCauses]atomic.Uint64 // spans, by cause
	cut      atomic.Uint64                // attributes and events left out
	race     atomic.Uint32

	_    [64]byte
	tail atomic.Uint64 // bytes drained
	_    [56]byte
}

// shards is the table of shards by P. It is replaced when a P appears that it
// has no shard for, under configured.mu.
var shards atomic.Pointer[[]*shard]

const (
	maxRing = 2 << 20
	minRing = 64 << 10
	// hurry is how many bytes may wait in a ring before the agent is woken. It is
	// less than a processor's cache, and a thousand spans.
	hurry     = 256 << 10
	maxBodies = 64 // per P; those above are left to the garbage collector, which has to look at these
	// reserve is how much of a ring must be free for a span to start: what is
	// open already will want to be recorded too.
	reserve = 4 << 10
)

// pinShard pins the calling goroutine to its P and returns the P's shard.
// Until unpinShard it must not block, allocate or panic.
func pinShard() (p int, sh *shard) {
	for {
		p = pin()
		if t := shards.Load(); t != nil && p < len(*t) {
			if sh = (*t)[p]; sh != nil {
				if raceEnabled {
					sh.race.Add(1) // acquires what the last one to be pinned wrote
				}
				return p, sh
			}
		}
		unpin(p)
		addShard(p)
	}
}

func unpinShard(p int, sh *shard) {
	if raceEnabled {
		sh.race.Add(1) // releases it to the next one
	}
	unpin(p)
}

// addShard makes the shard of P p.
func addShard(p int) {
	configured.mu.Lock()
	defer configured.mu.Unlock()
	var old []*shard
	if t := shards.Load(); t != nil {
		old = *t
	}
	if p < len(old) && old[p] != nil {
		return
	}
	table := make([]*shard, max(p+1, len(old)))
	copy(table, old)
	sh := new(shard)
	sh.slots.Store(new([]ownChunk))
	sh.sides = make([]uint32, 0, 2*sideBunch)
	sh.ring = newRing(table)
	if n := uint64(len(sh.ring)); n > 0 {
		sh.buf = unsafe.Pointer(unsafe.SliceData(sh.ring))
		sh.mask = n - 1
		sh.limit = n
		sh.hurry = min(hurry, n/2)
	}
	table[p] = sh
	shards.Store(&table)
}

// newRing returns the memory of one more ring: an equal part of RingMemory for
// each P there is now, less if that is no longer left, and nil at the end.
func newRing(table []*shard) []byte {
	left := configured.ringMemory
	for _, sh := range table {
		if sh != nil {
			left -= len(sh.ring)
		}
	}
	n := maxRing
	for n > minRing && (n > configured.ringMemory/runtime.GOMAXPROCS(0) || n > left) {
		n /= 2
	}
	if n > left {
		return nil
	}
	// Past the end of the last record there must be something: a pointer to it
	// may be seen by the garbage collector.
	const slack = 8
	if configured.alloc != nil {
		if b := configured.alloc(n + slack); len(b) >= n+slack {
			return b[:n]
		}
		return nil
	}
	return make([]byte, n+slack)[:n]
}

// room reports whether n bytes are free in the pinned shard's ring, beyond what
// may be lost at its end.
func (sh *shard) room(n uint64) bool {
	if sh.head.Load()+n <= sh.limit {
		return true
	}
	if sh.ring == nil {
		return false
	}
	sh.limit = sh.tail.Load() + sh.mask + 1
	return sh.head.Load()+n <= sh.limit
}

// claim returns the place of a record of n bytes, a multiple of 8, in the pinned
// shard's ring, and the head to publish once it is written; nil if it is full.
func (sh *shard) claim(n uint64) (at unsafe.Pointer, head uint64) {
	head = sh.head.Load()
	pos := (head + sh.shift.Load()) & sh.mask
	if pos >= hurry && sh.tail.Load() == head {
		// The ring is empty: begin at the front, which is more likely to be in
		// the cache, and in memory at all. The drain looks at shift only when
		// it has seen a head beyond its tail.
		sh.shift.Store(-head)
		pos = 0
	}
	if pos+n > sh.mask+1 {
		// The record would not lie in one piece: fill up, begin at the front.
		pad := sh.mask + 1 - pos
		if !sh.room(pad + n) {
			return nil, 0
		}
		put64(unsafe.Add(sh.buf, pos), pad|recordPad<<32)
		return sh.buf, head + pad + n
	}
	if !sh.room(n) {
		return nil, 0
	}
	return unsafe.Add(sh.buf, pos), head + n
}

// publish makes what was claimed and written visible to the drain, and says
// whether the agent waits for that, or should hurry.
func (sh *shard) publish(head uint64) (wake bool) {
	sh.head.Store(head)
	if free := sh.mask + 1 - sh.hurry; sh.limit-head < free {
		sh.limit = sh.tail.Load() + sh.mask + 1
		wake = sh.limit-head < free && woken.Load() == 0
	}
	return wake || armed.Load() != 0
}

// put16 and put64 store little-endian numbers; the compiler makes them one
// instruction where unaligned stores are allowed.
func put16(p unsafe.Pointer, v uint16) {
	b := (*[2]byte)(p)
	b[0], b[1] = byte(v), byte(v>>8)
}

func put64(p unsafe.Pointer, v uint64) {
	b := (*[8]byte)(p)
	_ = b[7]
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	b[4], b[5], b[6], b[7] = byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56)
}

func get16(p unsafe.Pointer) uint16 {
	b := (*[2]byte)(p)
	return uint16(b[0]) | uint16(b[1])<<8
}

func get64(p unsafe.Pointer) uint64 {
	b := (*[8]byte)(p)
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}
