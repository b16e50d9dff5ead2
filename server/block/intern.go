package block

import (
	"hash/maphash"
	"slices"
	"unsafe"

	"github.com/weft-trace/weft/server/span"
)

// arena holds copies of strings, many to an allocation.
type arena struct {
	buf  []byte
	size int
}

const (
	arenaChunk = 64 << 10
	arenaLarge = 4 << 10 // from here on a string has an allocation of its own
)

func (a *arena) copy(s string) string {
	if s == "" {
		return ""
	}
	a.size += len(s)
	if len(s) >= arenaLarge {
		return string([]byte(s))
	}
	if cap(a.buf)-len(a.buf) < len(s) {
		a.buf = make([]byte, 0, arenaChunk)
	}
	n := len(a.buf)
	a.buf = append(a.buf, s...)
	return unsafe.String(&a.buf[n], len(s)) // never written again: buf only grows, within its capacity
}

func (a *arena) attrs(attrs []span.Attr) []span.Attr {
	c := slices.Clone(attrs)
	for i := range c {
		c[i].Key, c[i].Value.Str = a.copy(c[i].Key), a.copy(c[i].Value.Str)
	}
	return c
}

// push is append, but always doubles: append's smaller steps would copy a
// column of a head some five times over.
func push[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		s = double(s)
	}
	return append(s, v)
}

func double[T any](s []T) []T {
	t := make([]T, len(s), max(16, 2*len(s)))
	copy(t, s)
	return t
}

// interner numbers distinct strings in the order in which they come. The
// zero value is empty. The list only grows, so a copy of its header stays
// valid.
type interner struct {
	list   []string
	hashes []uint32
	slots  []uint32 // id+1, 0: free; open addressing, at most 3/4 full
	last   uint32   // the id returned last: values repeat
}

var seed = maphash.MakeSeed()

func (t *interner) intern(a *arena, s string) uint32 {
	if int(t.last) < len(t.list) && t.list[t.last] == s {
		return t.last
	}
	h := uint32(maphash.String(seed, s))
	mask := uint32(len(t.slots) - 1)
	if len(t.slots) > 0 {
		for i := h & mask; t.slots[i] != 0; i = (i + 1) & mask {
			id := t.slots[i] - 1
			if t.hashes[id] == h && t.list[id] == s {
				t.last = id
				return id
			}
		}
	}
	if 4*(len(t.list)+1) > 3*len(t.slots) {
		t.grow()
		mask = uint32(len(t.slots) - 1)
	}
	id := uint32(len(t.list))
	t.list = push(t.list, a.copy(s))
	t.hashes = push(t.hashes, h)
	a.size += 16 + 4 + 8 // string header, hash, slots
	i := h & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = id + 1
	t.last = id
	return id
}

func (t *interner) grow() {
	t.slots = make([]uint32, max(8, 2*len(t.slots)))
	mask := uint32(len(t.slots) - 1)
	for id, h := range t.hashes {
		i := h & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(id) + 1
	}
}

// reset empties the table for reuse, which ends the validity of its list.
func (t *interner) reset() {
	t.list, t.hashes, t.last = t.list[:0], t.hashes[:0], 0
	clear(t.slots)
}
