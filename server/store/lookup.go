package store

import (
	"bytes"
	"container/heap"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

func segmentName(at segmentAt) string {
	return fmt.Sprintf("the index of segment %d in partition %s", at.info.id, at.part.part.path)
}

// iterator returns the scan's iterator over a partition.
func (sc *scan) iterator(pv *partView) (*pebble.Iterator, error) {
	it := sc.iters[pv]
	if it == nil {
		var err error
		if it, err = pv.db.NewIter(nil); err != nil {
			return nil, err
		}
		sc.iters[pv] = it
	}
	return it, nil
}

// get returns the value of a key, nil if it is not there. It is valid until the next get.
func get(it *pebble.Iterator, key []byte) ([]byte, error) {
	if !it.SeekGE(key) {
		return nil, it.Error()
	}
	if !bytes.Equal(it.Key(), key) {
		return nil, nil
	}
	return it.ValueAndErr()
}

// openSegment puts the blocks of a segment that may match into the heap.
func (sc *scan) openSegment(at segmentAt) error {
	it, err := sc.iterator(at.part)
	if err != nil {
		return err
	}
	seg := at.info.id
	v, err := get(it, segmentKey(nil, seg))
	if err != nil {
		return err
	}
	h, err := parseHeader(v)
	if err != nil {
		return err
	}
	n := len(h.blocks)
	blocks := newBlockSet(n)
	for i := range h.blocks {
		if !sc.sel.excludes(&h.blocks[i]) {
			blocks.add(i)
		}
	}
	if !h.noTokens {
		for _, any := range sc.tokens {
			if blocks.count() == 0 {
				return nil
			}
			set := newBlockSet(n)
			for _, t := range any {
				if err := findBlocks(it, &h, seg, t, set); err != nil {
					return err
				}
			}
			blocks.and(set)
		}
	}
	if blocks.count() == 0 {
		return nil
	}
	var rows [][]uint32
	if sc.pairs != nil || sc.services != nil {
		if rows, err = sc.findRows(it, &h, seg, blocks); err != nil {
			return err
		}
	}
	for i := range h.blocks {
		if !blocks.has(i) || rows != nil && rows[i] == nil {
			continue
		}
		c := candidate{max: h.blocks[i].MaxStart, part: at.part, at: blockAt{seg, uint16(i)}, n: h.blocks[i].Rows}
		if rows != nil {
			c.rows, c.n = rows[i], len(rows[i])
		}
		heap.Push(&sc.open, c)
	}
	return nil
}

// findBlocks adds the blocks of a token.
func findBlocks(it *pebble.Iterator, h *segmentHeader, seg uint32, t Token, set blockSet) error {
	hash := t.value
	if _, dropped := slices.BinarySearch(h.unindexed, t.key); dropped && t.value != t.key {
		if t.key == hashNames() {
			set.fill(len(h.blocks))
			return nil
		}
		hash = t.key
	}
	v, err := get(it, tokensKey(nil, tokenBucket(hash), seg))
	if err != nil {
		return err
	}
	return findToken(v, tokenRest(hash), len(h.blocks), set)
}

// findRows returns the rows of each block that the postings name, in ascending order.
func (sc *scan) findRows(it *pebble.Iterator, h *segmentHeader, seg uint32, blocks blockSet) ([][]uint32, error) {
	lo, hi := durationLevel(sc.sel.MinDuration), byte(255)
	if sc.sel.MaxDuration > 0 {
		hi = durationLevel(sc.sel.MaxDuration)
	}
	rows := make([][]uint32, len(h.blocks))
	at := 0
	yield := func(row uint32) {
		// Rows of one list ascend, so the block is mostly the one before or a later one.
		if row < h.firstRows[at] {
			at = 0
		}
		for at+1 < len(h.firstRows) && row >= h.firstRows[at+1] {
			at++
		}
		if r := row - h.firstRows[at]; blocks.has(at) && int(r) < h.blocks[at].Rows {
			rows[at] = append(rows[at], r)
		}
	}
	for _, op := range sc.pairs {
		v, err := get(it, postingsKey(nil, op.serviceBucket(), op.operationBucket(), seg))
		if err != nil {
			return nil, err
		}
		if err := eachPosting(v, func(rest uint32) bool { return rest == op.rest() }, lo, hi, yield); err != nil {
			return nil, err
		}
	}
	lists := len(sc.pairs)
	for _, service := range sc.services {
		op := opHash(uint64(service) << 32)
		lower := []byte{keyPostings, op.serviceBucket()}
		// Every operation of the service has a key of this segment: seek from one to the next.
		for b := 0; b < 256; {
			key := postingsKey(nil, lower[1], byte(b), seg)
			if !it.SeekGE(key) || !bytes.HasPrefix(it.Key(), lower) {
				break
			}
			k := it.Key()
			if found := int(k[2]); found > b {
				b = found
				if !bytes.Equal(k[3:], key[3:]) {
					continue // seek this segment in the next operation's bucket
				}
			} else if !bytes.Equal(k, key) {
				b++
				continue
			}
			v, err := it.ValueAndErr()
			if err != nil {
				return nil, err
			}
			match := func(rest uint32) bool { return rest>>16 == op.rest()>>16 }
			if err := eachPosting(v, match, lo, hi, yield); err != nil {
				return nil, err
			}
			lists = 2 // in no order
			b++
		}
	}
	if lists > 1 {
		for i := range rows {
			slices.Sort(rows[i])
			rows[i] = slices.Compact(rows[i])
		}
	}
	return rows, it.Error()
}
