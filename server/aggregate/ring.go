package aggregate

import "iter"

// ring is a queue of spans that wait, the oldest first, and an index of them by
// a key. Several may wait under one key. An item's sequence number stays the same as
// long as it is in the ring. The zero value is an empty ring.
type ring[T any] struct {
	items       []waiting[T] // item seq is at seq modulo the length, a power of two
	first, next uint64       // sequence numbers of the oldest item and of the one to come
	slots       []slot       // open addressing, twice as many as items or more
}

type waiting[T any] struct {
	item  T
	key   uint64
	until int64  // nanoseconds since the Unix epoch
	older uint64 // 1 + the sequence number of the item before it under its key, 0: none
}

// slot leads from a key to the newest item under it.
type slot struct {
	key uint64
	seq uint64 // 1 + its sequence number, 0: the slot is free
}

func (r *ring[T]) len() int { return int(r.next - r.first) }

// full reports whether one item has to leave before another one may come.
func (r *ring[T]) full(limit int) bool { return r.len() >= limit }

// due reports whether the oldest item has waited long enough.
func (r *ring[T]) due(now int64) bool {
	return r.first < r.next && r.entry(r.first).until <= now
}

func (r *ring[T]) entry(seq uint64) *waiting[T] { return &r.items[seq&uint64(len(r.items)-1)] }

// at returns an item by its sequence number.
func (r *ring[T]) at(seq uint64) *T { return &r.entry(seq).item }

// get returns the sequence number of the newest item under a key.
func (r *ring[T]) get(key uint64) (seq uint64, ok bool) {
	if r.first == r.next {
		return 0, false
	}
	s := r.slots[r.slot(key)].seq
	return s - 1, s != 0
}

// after returns the sequence number of the next older item under the same key.
func (r *ring[T]) after(seq uint64) (uint64, bool) {
	older := r.entry(seq).older
	return older - 1, older != 0 && older-1 >= r.first
}

// add puts an item into the ring.
func (r *ring[T]) add(key uint64, until int64, item T) {
	if r.len() == len(r.items) {
		r.grow()
	}
	w := waiting[T]{item: item, key: key, until: until}
	s := &r.slots[r.slot(key)]
	w.older = s.seq
	*r.entry(r.next) = w
	r.next++
	*s = slot{key, r.next}
}

// drop removes the oldest item and returns it. There must be one.
func (r *ring[T]) drop() T {
	w := r.entry(r.first)
	if s := r.slot(w.key); r.slots[s].seq == r.first+1 {
		r.free(s)
	}
	r.first++
	return w.item
}

// forget makes the items under a key unknown. They stay in the ring until they
// are dropped.
func (r *ring[T]) forget(key uint64) {
	if r.first == r.next {
		return
	}
	if s := r.slot(key); r.slots[s].seq != 0 {
		r.free(s)
	}
}

// all iterates over the items, the oldest first.
func (r *ring[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for seq := r.first; seq < r.next; seq++ {
			if !yield(r.at(seq)) {
				return
			}
		}
	}
}

// slot returns the place of a key: that which has it, or the free one for it.
func (r *ring[T]) slot(key uint64) int {
	mask := len(r.slots) - 1
	for i := int(key>>1) & mask; ; i = (i + 1) & mask {
		if s := &r.slots[i]; s.seq == 0 || s.key == key {
			return i
		}
	}
}

// free empties a slot, and moves up those that had to evade it.
func (r *ring[T]) free(i int) {
	mask := len(r.slots) - 1
	for j := (i + 1) & mask; r.slots[j].seq != 0; j = (j + 1) & mask {
		home := int(r.slots[j].key>>1) & mask
		if (j-home)&mask >= (j-i)&mask { // its home is i or before it
			r.slots[i] = r.slots[j]
			i = j
		}
	}
	r.slots[i] = slot{}
}

func (r *ring[T]) grow() {
	old := *r
	n := max(256, 2*len(old.items))
	r.items, r.slots = make([]waiting[T], n), make([]slot, 2*n)
	for seq := old.first; seq < old.next; seq++ {
		*r.entry(seq) = *old.entry(seq)
	}
	for _, s := range old.slots {
		if s.seq != 0 {
			r.slots[r.slot(s.key)] = s
		}
	}
}
