package store

import (
	"testing"

	"github.com/weft-trace/weft/server/block"
)

// TestBlockCache fills the cache beyond its bounds, in bytes and in number: what
// was used last stays.
func TestBlockCache(t *testing.T) {
	var b block.Builder
	for _, sp := range newGen(1, 10).batch(10) {
		b.Add(&sp)
	}
	data := b.Cut(1000)[0].Data
	open := func() *block.Block {
		bl, err := block.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		return bl
	}
	size := open().Size()
	if size < len(data)/2 {
		t.Fatalf("a block of %d bytes says that it takes %d", len(data), size)
	}
	for name, c := range map[string]struct {
		cache *blockCache
		want  int
	}{
		"bytes":  {&blockCache{limit: 5*size + size/2}, 5},
		"number": {&blockCache{limit: 1 << 30}, maxCached},
		"none":   {&blockCache{}, 0},
	} {
		for i := range uint32(200) {
			c.cache.put(blockID{segment: i}, open())
			c.cache.get(blockID{segment: 0})
		}
		if n := len(c.cache.entries); n != c.want {
			t.Errorf("%s: %d blocks; want %d", name, n, c.want)
		}
		if c.want > 0 && (c.cache.get(blockID{segment: 0}) == nil || c.cache.get(blockID{segment: 199}) == nil) {
			t.Errorf("%s: what was used last is gone", name)
		}
		if c.cache.get(blockID{segment: 100}) != nil {
			t.Errorf("%s: what was not used for long is still there", name)
		}
	}
	// A block that grows as its columns are decoded counts with what it has then.
	cache := blockCache{limit: 3 * size}
	first := open()
	cache.put(blockID{segment: 1}, first)
	if _, err := first.Spans([]uint32{0, 1, 2}); err != nil {
		t.Fatal(err)
	}
	if first.Size() <= size {
		t.Fatal("a block does not grow as it is decoded")
	}
	cache.put(blockID{segment: 2}, open())
	total := 0
	for _, e := range cache.entries {
		total += e.block.Size()
	}
	if total > cache.limit {
		t.Errorf("%d bytes in a cache of %d", total, cache.limit)
	}
}
