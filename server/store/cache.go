package store

import (
	"sync"

	"github.com/weft-trace/weft/server/block"
)

// blockCache keeps the blocks that were used last, with the columns that were
// decoded. A search decodes the columns that it compares, and then some more of
// the same blocks for the traces that it shows.
type blockCache struct {
	limit int // bytes, about

	mu      sync.Mutex
	entries map[blockID]*cached
	clock   uint64
}

// blockID names a block of the store.
type blockID struct {
	part    uint32
	segment uint32
	number  uint16
}

type cached struct {
	block *block.Block
	used  uint64
}

// maxCached is the number of blocks in the cache. A block of 1,024 spans with
// all its columns takes about 250 KiB.
const maxCached = 64

func (c *blockCache) get(id blockID) *block.Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[id]
	if e == nil {
		return nil
	}
	c.clock++
	e.used = c.clock
	return e.block
}

func (c *blockCache) put(id blockID, b *block.Block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = make(map[blockID]*cached, maxCached)
	}
	c.clock++
	c.entries[id] = &cached{b, c.clock}
	for {
		size := 0
		var oldest blockID
		least := ^uint64(0)
		for id, e := range c.entries { // few: looking at all is cheaper than keeping a list
			size += e.block.Size() // which grows as columns are decoded
			if e.used < least {
				oldest, least = id, e.used
			}
		}
		if size <= c.limit && len(c.entries) <= maxCached {
			return
		}
		delete(c.entries, oldest)
	}
}
