package trace

import (
	"sync/atomic"
	"unsafe"
)

// Local roots.
//
// A goroutine that a request leaves behind (a connection pool's, a background
// loop's) keeps the trace context it was born with for as long as it lives. To
// tell whether that still means anything, a context carries a handle of its local
// root: the number of a slot in a table, and the generation the slot had.
//
// The slots belong to the Ps in chunks. A P opens its slots in a circle, so
// that a slot is reused as late as possible and a closed one can be told from a
// recycled one for long after. More chunks are added while slots would be reused
// within the grace period, up to graceChunks for a P, or when all are open, up to
// maxChunks for all; after that slots are reused earlier, and local roots that
// find none go without. Few slots that are reused often stay in the processor's
// cache, and chunks hold no pointers: the garbage collector has nothing to do
// with them.

const (
	slotBits    = 9 // slots in a chunk
	indexBits   = 18
	maxChunks   = 1 << (indexBits - slotBits) // 262,144 slots, 6 MiB
	graceChunks = 8                           // 4,096 slots, 96 KiB
	genMask     = 1<<(64-8-indexBits) - 1
	openProbes  = 16 // open slots that are passed over in search for a closed one
)

// A slot is what is known about one local root. All fields are atomic: any
// goroutine with a handle looks at it.
type slot struct {
	word   atomic.Uint64 // generation<<1, plus 1 while the local root is open
	closed atomic.Int64  // ticks at which it was closed
	side   atomic.Uint32 // number of its side, 0 if it has none
}

// A chunk is a number of slots with successive indexes; a base is the first of
// them, for the shard that the chunk belongs to.
type (
	chunk    [1 << slotBits]slot
	ownChunk struct {
		*chunk
		base uint64
	}
)

// chunks is the table of all slots; numChunks, changed under configured.mu, how
// far it is filled.
var (
	chunks    [maxChunks]atomic.Pointer[chunk]
	numChunks atomic.Int32
)

// What has become of a local root.
const (
	rootOpen  = iota
	rootGrace // ended, a short time ago
	rootPast  // ended longer ago than the grace period, or so long that its slot was reused
)

// rootSlot is the slot that root word r has the handle of, and the word that the
// slot has while that local root is open; nil if there is no handle.
func rootSlot(r uint64) (s *slot, open uint64) {
	h := r >> 8
	c := chunks[h>>slotBits&(maxChunks-1)].Load()
	if c == nil {
		return nil, 0
	}
	return &c[h&(1<<slotBits-1)], h>>indexBits<<1 | 1
}

// rootState says what has become of the local root of a context with root word r.
func rootState(r uint64) int {
	s, open := rootSlot(r)
	if s != nil && s.word.Load() == open {
		return rootOpen
	}
	return rootEnded(s, open, r)
}

// rootEnded is rootState for a slot that does not have the word open. A local
// root that got no slot is past for all but the goroutines with open spans in it.
func rootEnded(s *slot, open, r uint64) int {
	if s == nil || s.word.Load() != open&^1 {
		return rootPast
	}
	closed := s.closed.Load()
	if s.word.Load() != open&^1 || ticks()-closed > limits.graceTicks.Load() {
		return rootPast
	}
	return rootGrace
}

// rootSide is the side of the local root of a context with root word r; nil if it
// has none or has ended.
func rootSide(r uint64) *side {
	s, open := rootSlot(r)
	if s == nil {
		return nil
	}
	i := s.side.Load()
	if i == 0 || s.word.Load() != open {
		return nil
	}
	return sideAt(i)
}

// rootExtras is the tracestate and baggage of the local root of a context with
// root word r; nil if there is neither, or it has ended.
func rootExtras(r uint64) *extras {
	if d := rootSide(r); d != nil {
		x := d.extras.Load()
		if s, open := rootSlot(r); s.word.Load() == open {
			return x
		}
	}
	return nil
}

// openRoot opens a slot, of the calling goroutine's P if it has one to spare, and
// returns its handle in the place it has in a root word; 0 if there is none.
func openRoot(x *extras, now int64) (root uint64) {
	var s *slot
	accept := false
	for try := 0; s == nil; try++ {
		p, sh := pinShard()
		var open bool
		s, root, open = sh.takeSlot(now, accept)
		unpinShard(p, sh)
		if s == nil {
			if try == 2 {
				if s, root = anySlot(); s == nil {
					return 0
				}
				break
			}
			accept = !sh.addSlots(open)
		}
	}
	if x != nil {
		i := s.side.Load()
		if i == 0 {
			i = newSide()
			s.side.Store(i)
		}
		if i != 0 {
			sideAt(i).extras.Store(x)
		}
	}
	return root
}

// takeSlot opens the next slot of the pinned shard that was closed longer ago
// than the grace period, or any closed one if accept is set. If it finds none it
// says whether that is because too many are open.
func (sh *shard) takeSlot(now int64, accept bool) (s *slot, root uint64, open bool) {
	if at := sh.newSlots.Load(); at != 0 {
		sh.nextSlot = at
		sh.newSlots.Store(0)
	}
	list := *sh.slots.Load()
	n := uint32(len(list)) << slotBits
	if n == 0 {
		return nil, 0, true
	}
	for range openProbes {
		i := sh.nextSlot
		if i >= n {
			i = 0
		}
		sh.nextSlot = i + 1
		c := list[i>>slotBits]
		s := &c.chunk[i&(1<<slotBits-1)]
		w := s.word.Load()
		if w&1 == 0 {
			if w != 0 && !accept && len(list) < graceChunks && now-s.closed.Load() <= limits.graceTicks.Load() {
				sh.nextSlot = i
				return nil, 0, false
			}
			if root = s.open(w, c.base|uint64(i)&(1<<slotBits-1)); root != 0 {
				return s, root, false
			}
		}
	}
	return nil, 0, true
}

// anySlot opens a closed slot of any P, if there is one where it looks.
func anySlot() (s *slot, root uint64) {
	from := random()
	n := uint64(numChunks.Load())
	for k := range min(n, openProbes) {
		base := (from + k) % n << slotBits
		c := chunks[base>>slotBits].Load()
		for i := range uint64(openProbes) {
			i = (from>>32 + i) & (1<<slotBits - 1)
			if w := c[i].word.Load(); w&1 == 0 {
				if root = c[i].open(w, base|i); root != 0 {
					return &c[i], root
				}
			}
		}
	}
	return nil, 0
}

// open opens the slot with the number index, which was closed with the word w,
// and returns its handle in the place it has in a root word; 0 if another P was
// faster.
func (s *slot) open(w, index uint64) (root uint64) {
	gen := (w>>1 + 1) & genMask
	if gen == 0 {
		gen = 1
	}
	if !s.word.CompareAndSwap(w, gen<<1|1) {
		return 0
	}
	if i := s.side.Load(); i != 0 { // left by SetRoute, to be used again
		sideAt(i).clear()
	}
	return (gen<<indexBits | index) << 8
}

// addSlots gives the shard another chunk, unless there are enough: more for
// local roots that are open, fewer for the sake of the grace period.
func (sh *shard) addSlots(open bool) bool {
	if numChunks.Load() >= maxChunks || !open && len(*sh.slots.Load()) >= graceChunks {
		return false
	}
	configured.mu.Lock()
	defer configured.mu.Unlock()
	n := numChunks.Load()
	if n >= maxChunks {
		return false
	}
	c := ownChunk{newChunk(), uint64(n) << slotBits}
	chunks[n].Store(c.chunk)
	numChunks.Store(n + 1)
	old := *sh.slots.Load()
	list := append(old[:len(old):len(old)], c)
	sh.slots.Store(&list)
	sh.newSlots.Store(uint32(len(old)) << slotBits)
	return true
}

// newChunk allocates a chunk, outside of the Go heap if it can.
func newChunk() *chunk {
	if configured.alloc != nil {
		const n = unsafe.Sizeof(chunk{})
		if b := configured.alloc(int(n)); len(b) >= int(n) {
			return (*chunk)(unsafe.Pointer(unsafe.SliceData(b)))
		}
	}
	return new(chunk)
}

// closeRoot marks the local root of root word r as ended.
func closeRoot(r uint64, now int64) {
	s, open := rootSlot(r)
	if s == nil || s.word.Load() != open {
		return
	}
	s.closed.Store(now)
	s.word.Store(open &^ 1)
	if s.side.Load() != 0 {
		if i := s.side.Swap(0); i != 0 {
			freeSide(i)
		}
	}
}

// SetRoute tells the local root that the calling goroutine works for which route
// of the program it takes, in place of what was told before: the router knows
// it, and may run on another goroutine than the span that is to be named by it. The
// string is kept by reference, and so must not change. Nothing happens outside
// of a local root that is open.
func SetRoute(route *string) {
	if d := openSide(); d != nil {
		d.route.Store(route)
	}
}

// Route is what SetRoute was given for the span's local root; nil if nothing, or
// if that has ended.
func (s *Span) Route() *string {
	d := rootSide(s.ctx.Root)
	if d == nil {
		return nil
	}
	route := d.route.Load()
	if sl, open := rootSlot(s.ctx.Root); sl.word.Load() != open {
		return nil
	}
	return route
}
