package store

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// Limits of the tokens of one segment, so that attributes with a value of
// their own in every span, by the hundred, do not blow up the index: the keys
// with the most values lose their values' tokens first.
const (
	tokensPerRow = 8
	tokensSpare  = 1 << 16
	maxKeys      = 1 << 14 // beyond it the segment has no tokens at all
)

// tokensBuilder collects the tokens of a segment. It is reused.
type tokensBuilder struct {
	keys    map[string]*tokensOfKey
	names   tokensOfKey
	buckets [256][]uint32     // rest of the token in the upper half, block in the lower
	recent  [256]recentNumber // numbers of the column that were hashed last
	columns uint32            // number of columns so far
	text    []byte
}

// tokensOfKey are the tokens of one key's values.
type tokensOfKey struct {
	hash    uint32 // the key's own token
	values  hasher
	entries []uint64 // token in the upper half, block in the lower
	block   int      // the last block that has the key, plus 1
	blocks  []uint16
}

type recentNumber struct {
	num    uint64
	column uint32
}

func (t *tokensBuilder) reset() {
	if t.keys == nil || len(t.keys) > 4096 {
		t.keys = map[string]*tokensOfKey{}
		t.names = tokensOfKey{hash: hashNames(), values: newHasher(tokenName, "")}
	}
	for _, k := range t.keys {
		k.reset()
	}
	t.names.reset()
	for i := range t.buckets {
		t.buckets[i] = t.buckets[i][:0]
	}
}

func (k *tokensOfKey) reset() {
	k.entries, k.blocks, k.block = k.entries[:0], k.blocks[:0], 0
	if cap(k.entries) > 1<<17 {
		k.entries = nil
	}
}

// key returns the tokens of a key that block n has, nil if there are too many keys.
func (t *tokensBuilder) key(prefix, key string, n uint16) *tokensOfKey {
	if prefix != "" {
		key = prefix + key
	}
	k := t.keys[key]
	if k == nil {
		if len(t.keys) > maxKeys {
			return nil
		}
		k = &tokensOfKey{hash: hashKey(key), values: newHasher(tokenValue, key)}
		t.keys[key] = k
	}
	if k.block != int(n)+1 {
		k.block = int(n) + 1
		k.blocks = append(k.blocks, n)
	}
	return k
}

func (k *tokensOfKey) put(token uint32, n uint16) {
	k.entries = append(k.entries, uint64(token)<<32|uint64(n))
}

// add adds the tokens of block number n.
func (t *tokensBuilder) add(b *block.Block, n uint16) error {
	keys, err := b.Keys()
	if err != nil {
		return err
	}
	for _, key := range keys {
		cols, err := b.Attrs(key)
		if err != nil {
			return err
		}
		t.addColumns(t.key("", key, n), cols, n)
	}
	if keys, err = b.EventKeys(); err != nil {
		return err
	}
	for _, key := range keys {
		cols, err := b.EventAttrs(key)
		if err != nil {
			return err
		}
		t.addColumns(t.key("event.", key, n), cols, n)
	}
	names, err := b.Names()
	if err != nil {
		return err
	}
	for _, name := range names.Dict {
		t.names.put(t.names.values.text(name), n)
	}
	events, err := b.EventNames()
	if err != nil {
		return err
	}
	if len(events.Dict) > 0 {
		if k := t.key("", "event", n); k != nil {
			for _, name := range events.Dict {
				k.put(k.values.text(name), n)
			}
		}
	}
	_, resources, err := b.Resources()
	if err != nil {
		return err
	}
	for _, r := range resources {
		t.addAttrs(r.Attrs, n)
		if k := t.key("", "service.name", n); k != nil {
			k.put(k.values.text(r.Service), n)
		}
	}
	_, scopes, err := b.Scopes()
	if err != nil {
		return err
	}
	for _, s := range scopes {
		t.addAttrs(s.Attrs, n)
	}
	return nil
}

func (t *tokensBuilder) addAttrs(attrs []span.Attr, n uint16) {
	for i := range attrs {
		if k := t.key("", attrs[i].Key, n); k != nil {
			t.addValue(k, attrs[i].Value, n)
		}
	}
}

func (t *tokensBuilder) addColumns(k *tokensOfKey, cols []*block.Column, n uint16) {
	if k == nil {
		return
	}
	for _, c := range cols {
		if c.Dict != nil {
			for _, v := range c.Dict {
				t.addValue(k, span.Value{Type: c.Type, Str: v}, n)
			}
			continue
		}
		t.columns++
		for _, num := range c.Nums {
			now := recentNumber{num, t.columns}
			slot := &t.recent[num*0x9e3779b97f4a7c15>>56]
			if *slot == now {
				continue
			}
			*slot = now
			t.addValue(k, span.Value{Type: c.Type, Num: num}, n)
		}
	}
}

func (t *tokensBuilder) addValue(k *tokensOfKey, v span.Value, n uint16) {
	switch v.Type {
	case span.String:
		k.put(k.values.text(v.Str), n)
	case span.Array:
		for e := range v.Elements() {
			if e.Type != span.Array && e.Type != span.Map {
				t.addValue(k, e, n)
			}
		}
	case span.Map:
	default:
		t.text = appendCanonical(t.text[:0], v)
		k.put(k.values.bytes(t.text), n)
	}
}

// finish decides which keys' values are indexed, and fills the buckets.
func (t *tokensBuilder) finish(rows int, h *segmentHeader) {
	if len(t.keys) > maxKeys {
		h.noTokens = true
		return
	}
	used := []*tokensOfKey{&t.names}
	total := len(t.names.entries)
	for _, k := range t.keys {
		if len(k.blocks) > 0 {
			used = append(used, k)
			total += len(k.entries)
		}
	}
	limit := tokensPerRow*rows + tokensSpare
	if total > limit {
		slices.SortFunc(used, func(a, b *tokensOfKey) int { return len(b.entries) - len(a.entries) })
	}
	for _, k := range used {
		for _, n := range k.blocks {
			t.put(k.hash, n)
		}
		if total > limit {
			total -= len(k.entries)
			h.unindexed = append(h.unindexed, k.hash)
			continue
		}
		for _, e := range k.entries {
			t.put(uint32(e>>32), uint16(e))
		}
	}
	slices.Sort(h.unindexed)
}

func (t *tokensBuilder) put(token uint32, n uint16) {
	b := &t.buckets[tokenBucket(token)]
	*b = append(*b, uint32(tokenRest(token))<<16|uint32(n))
}

// encode calls put with every key and value of the segment, ascending.
func (t *tokensBuilder) encode(seg uint32, blocks int, put func(key, value []byte) error) error {
	var key, value []byte
	for bucket := range t.buckets {
		entries := t.buckets[bucket]
		if len(entries) == 0 {
			continue
		}
		slices.Sort(entries)
		entries = slices.Compact(entries)
		value = appendTokens(value[:0], entries, blocks)
		key = tokensKey(key[:0], byte(bucket), seg)
		if err := put(key, value); err != nil {
			return err
		}
		if cap(t.buckets[bucket]) > 1<<15 {
			t.buckets[bucket] = nil
		}
	}
	return nil
}

// appendTokens appends sorted entries. For each token: the distance to the one
// before, times 2, plus 1 if it is in several blocks; then its block, or the
// set of its blocks.
func appendTokens(dst []byte, entries []uint32, blocks int) []byte {
	prev := uint32(0)
	for i := 0; i < len(entries); {
		j := i
		for j < len(entries) && entries[j]>>16 == entries[i]>>16 {
			j++
		}
		rest := entries[i] >> 16
		d := uint64(rest-prev) << 1
		prev = rest
		if j == i+1 {
			dst = binary.AppendUvarint(dst, d)
			dst = binary.AppendUvarint(dst, uint64(entries[i]&0xffff))
		} else {
			dst = binary.AppendUvarint(dst, d|1)
			dst = appendSet(dst, entries[i:j], blocks)
		}
		i = j
	}
	return dst
}

// A set of blocks is a number: 0, all of them; 1, a bitmap follows; else how
// many there are, and the distances between them follow.
func appendSet(dst []byte, set []uint32, blocks int) []byte {
	if len(set) == blocks {
		return append(dst, 0)
	}
	size, prev := 0, uint32(0)
	for _, e := range set {
		size += varintLen(e&0xffff - prev)
		prev = e & 0xffff
	}
	if size > (blocks+7)/8 {
		dst = append(dst, 1)
		at := len(dst)
		dst = append(dst, make([]byte, (blocks+7)/8)...)
		for _, e := range set {
			dst[at+int(e&0xffff)/8] |= 1 << (e & 7)
		}
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(set)))
	prev = 0
	for _, e := range set {
		dst = binary.AppendUvarint(dst, uint64(e&0xffff-prev))
		prev = e & 0xffff
	}
	return dst
}

var errTokens = errors.New("broken tokens")

// blockSet is a set of a segment's blocks.
type blockSet []uint64

func newBlockSet(blocks int) blockSet { return make(blockSet, (blocks+63)/64) }

func (s blockSet) add(n int)      { s[n/64] |= 1 << (n % 64) }
func (s blockSet) has(n int) bool { return s[n/64]&(1<<(n%64)) != 0 }

func (s blockSet) fill(blocks int) {
	for i := range blocks {
		s.add(i)
	}
}

func (s blockSet) and(o blockSet) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s blockSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// findToken adds the blocks of the token with that rest to the set.
func findToken(v []byte, rest uint16, blocks int, set blockSet) error {
	r := reader{b: v}
	at := uint64(0)
	for len(r.b) > 0 {
		d := r.uvarint()
		at += d >> 1
		hit := at == uint64(rest)
		if d&1 == 0 {
			n := r.uvarint()
			if n >= uint64(blocks) {
				return errTokens
			}
			if hit {
				set.add(int(n))
			}
		} else {
			switch k := r.uvarint(); k {
			case 0:
				if hit {
					set.fill(blocks)
				}
			case 1:
				for i, b := range r.bytes(uint64(blocks+7) / 8) {
					for ; hit && b != 0; b &= b - 1 {
						n := 8*i + bits.TrailingZeros8(b)
						if n >= blocks {
							return errTokens
						}
						set.add(n)
					}
				}
			default:
				n := uint64(0)
				for ; k > 0 && !r.bad; k-- {
					n += r.uvarint()
					if n >= uint64(blocks) {
						return errTokens
					}
					if hit {
						set.add(int(n))
					}
				}
			}
		}
		if r.bad {
			return errTokens
		}
		if at >= uint64(rest) {
			return nil
		}
	}
	return nil
}
