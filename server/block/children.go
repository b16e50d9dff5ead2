package block

import (
	"encoding/binary"

	"github.com/weft-trace/weft/server/span"
)

func (e *encoder) counts(id byte, ends []uint32) {
	e.column(id, func(dst []byte) []byte {
		e.vals = e.vals[:0]
		prev := uint32(0)
		for _, end := range ends {
			e.vals = append(e.vals, uint64(end-prev))
			prev = end
		}
		return e.values(dst, e.vals, nil, 0)
	})
}

func (e *encoder) events(b *Block) {
	times := b.eventTimes.v
	if len(times) == 0 {
		return
	}
	e.counts(colEvent, b.eventEnds.v)
	e.column(colEventTime, func(dst []byte) []byte {
		e.vals = e.vals[:0]
		k := uint32(0)
		for row, end := range b.eventEnds.v {
			for ; k < end; k++ {
				e.vals = append(e.vals, zigzag(times[k]-b.starts.v[row]))
			}
		}
		return e.ints(dst, e.vals)
	})
	e.texts(colEventName, b.eventNames.v.Dict, b.eventNames.v.IDs)
	e.numbers(colEventDropped, &b.eventDropped.v, len(times))
	e.attributes(colEventShape, &b.tables.v.events)
}

func (e *encoder) links(b *Block) {
	ids := b.linkIDs.v
	if len(ids) == 0 {
		return
	}
	e.counts(colLink, b.linkEnds.v)
	e.column(colLinkTrace, func(dst []byte) []byte {
		for half := range 2 {
			e.vals = e.vals[:0]
			for i := range b.linkTraces.v {
				e.vals = append(e.vals, binary.BigEndian.Uint64(b.linkTraces.v[i][8*half:]))
			}
			dst = e.ints(dst, e.vals)
		}
		return dst
	})
	e.column(colLinkID, func(dst []byte) []byte { return appendIDs(dst, ids) })
	e.strings(colLinkState, b.linkStates.v)
	e.numbers(colLinkFlags, &b.linkFlags.v, len(ids))
	e.numbers(colLinkDropped, &b.linkDropped.v, len(ids))
	e.attributes(colLinkShape, &b.tables.v.links)
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func (b *Block) ends(id byte) (ends []uint32, err error) {
	if has, err := b.has(id); err != nil || !has {
		return nil, err
	}
	err = b.decode(id, func(r *reader) {
		v := make([]uint64, b.meta.Rows)
		readValues(r, b, v, nil, -1)
		ends = make([]uint32, len(v))
		most := b.most()
		n := uint64(0)
		for i, k := range v {
			if k > most || n+k > most {
				r.fail("%d events or links in %d bytes", n+k, len(b.src.data))
				return
			}
			n += k
			ends[i] = uint32(n)
		}
	})
	return ends, err
}

func (b *Block) decodeEventEnds() ([]uint32, error) { return b.ends(colEvent) }
func (b *Block) decodeLinkEnds() ([]uint32, error)  { return b.ends(colLink) }

func (b *Block) decodeEventTimes() ([]int64, error) {
	ends, err := b.EventRows()
	if err != nil || ends == nil {
		return nil, err
	}
	starts, err := b.Starts()
	if err != nil {
		return nil, err
	}
	times := make([]int64, ends[len(ends)-1])
	err = b.decode(colEventTime, func(r *reader) {
		v := r.integers(len(times))
		k := uint32(0)
		for row, end := range ends {
			for ; k < end; k++ {
				times[k] = starts[row] + unzigzag(v[k])
			}
		}
	})
	return times, err
}

func (b *Block) eventCount() (int, error) {
	ends, err := b.EventRows()
	if err != nil || ends == nil {
		return 0, err
	}
	return int(ends[len(ends)-1]), nil
}

func (b *Block) decodeEventNames() (Strings, error) {
	n, err := b.eventCount()
	if err != nil || n == 0 {
		return Strings{}, err
	}
	return b.strings(colEventName, n, nil)
}

func (b *Block) decodeEventDropped() (sparse, error) {
	n, err := b.eventCount()
	if err != nil || n == 0 {
		return sparse{}, err
	}
	return b.numbers(colEventDropped, n, nil)
}

func (b *Block) linkCount() (int, error) {
	ends, err := b.LinkRows()
	if err != nil || ends == nil {
		return 0, err
	}
	return int(ends[len(ends)-1]), nil
}

func (b *Block) decodeLinkTraces() ([]span.TraceID, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return nil, err
	}
	ids := make([]span.TraceID, n)
	err = b.decode(colLinkTrace, func(r *reader) {
		for half := range 2 {
			for i, v := range r.integers(n) {
				binary.BigEndian.PutUint64(ids[i][8*half:], v)
			}
		}
	})
	return ids, err
}

func (b *Block) decodeLinkIDs() (ids []span.ID, err error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return nil, err
	}
	err = b.decode(colLinkID, func(r *reader) { ids = r.spanIDs(n) })
	return ids, err
}

func (b *Block) decodeLinkStates() (Strings, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return Strings{}, err
	}
	return b.strings(colLinkState, n, nil)
}

func (b *Block) decodeLinkFlags() (sparse, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return sparse{}, err
	}
	return b.numbers(colLinkFlags, n, nil)
}

func (b *Block) decodeLinkDropped() (sparse, error) {
	n, err := b.linkCount()
	if err != nil || n == 0 {
		return sparse{}, err
	}
	return b.numbers(colLinkDropped, n, nil)
}
