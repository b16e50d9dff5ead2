package block

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"github.com/weft-trace/weft/server/span"
)

// Part is one of the blocks that a Builder is cut into.
type Part struct {
	Block *Block // in memory, with the rows in the order of Data
	Data  []byte // encoded; Open reads it
}

// What a block is limited to besides rows, so that one can be held in memory
// several times over.
const partText = 16 << 20 // bytes of strings; a row with more has a block of its own

// Cut encodes all spans as blocks of whole traces with at most rows rows (4096
// if rows is 0). Traces are sorted by the start of their first span, then by id; the spans of a
// trace by start. A trace that is longer than that, or one with very long strings, is
// spread over blocks of its own.
func (b *Builder) Cut(rows int) []Part { return slices.Collect(b.Parts(rows)) }

// Parts is Cut, one block at a time.
func (b *Builder) Parts(rows int) iter.Seq[Part] {
	if rows <= 0 {
		rows = DefaultRows
	}
	return func(yield func(Part) bool) {
		c := newCutter(b)
		e := encoders.Get().(*encoder)
		defer e.free()
		for _, r := range c.split(rows) {
			blk := c.gather(r)
			if !yield(Part{Block: blk, Data: e.encode(blk)}) {
				return
			}
		}
	}
}

// DefaultRows is how many rows Cut makes blocks of: fewer cost space, more cost time
// when a single trace is read (BenchmarkRows measures both).
const DefaultRows = 4096

// cutter sorts the rows of a Builder and copies them into blocks.
type cutter struct {
	b      *Builder
	order  []uint32 // rows, sorted
	bounds []uint32 // where in order each trace begins, and the end

	names, messages, states, eventNames, linkStates remap
	resources, scopes                               remap
	attrs, events, links                            tableCutter
}

func newCutter(b *Builder) *cutter {
	c := &cutter{b: b}
	c.sort()
	c.names = newRemap(len(b.names.dict.list))
	c.messages = newRemap(len(b.messages.dict.list))
	c.states = newRemap(len(b.states.dict.list))
	c.eventNames = newRemap(len(b.events.names.dict.list))
	c.linkStates = newRemap(len(b.links.states.dict.list))
	c.resources = newRemap(len(b.resources))
	c.scopes = newRemap(len(b.scopes))
	c.attrs.init(&b.attrs)
	c.events.init(&b.events.attrs)
	c.links.init(&b.links.attrs)
	return c
}

// sort fills order and bounds.
func (c *cutter) sort() {
	b := c.b
	type trace struct {
		start int64
		id    span.TraceID
		n     uint32 // rows
		next  uint32 // where its next row goes
	}
	ids := make(map[span.TraceID]uint32, b.n/4)
	var traces []trace
	of := make([]uint32, b.n)
	for i, id := range b.traces {
		k, ok := ids[id]
		if !ok {
			k = uint32(len(traces))
			ids[id] = k
			traces = append(traces, trace{start: b.starts[i], id: id})
		}
		t := &traces[k]
		t.start = min(t.start, b.starts[i])
		t.n++
		of[i] = k
	}
	byStart := make([]uint32, len(traces))
	for i := range byStart {
		byStart[i] = uint32(i)
	}
	slices.SortFunc(byStart, func(x, y uint32) int {
		if d := cmp.Compare(traces[x].start, traces[y].start); d != 0 {
			return d
		}
		return bytes.Compare(traces[x].id[:], traces[y].id[:])
	})
	at := uint32(0)
	for _, k := range byStart {
		c.bounds = append(c.bounds, at)
		traces[k].next = at
		at += traces[k].n
	}
	c.bounds = append(c.bounds, at)
	c.order = make([]uint32, b.n)
	for i, k := range of {
		c.order[traces[k].next] = uint32(i)
		traces[k].next++
	}
	for i := range traces {
		rows := c.order[c.bounds[i]:c.bounds[i+1]]
		slices.SortStableFunc(rows, func(x, y uint32) int { return cmp.Compare(b.starts[x], b.starts[y]) })
	}
}

// split returns the rows of each block.
func (c *cutter) split(rows int) [][]uint32 {
	var parts [][]uint32
	from := uint32(0) // of the block being filled
	flush := func(to uint32) {
		if to > from {
			parts = append(parts, c.order[from:to])
		}
		from = to
	}
	text := 0
	for t := range len(c.bounds) - 1 {
		lo, hi := c.bounds[t], c.bounds[t+1]
		size := 0
		if c.b.arena.size > partText {
			for _, r := range c.order[lo:hi] {
				size += c.text(r)
			}
		}
		if int(hi-from) > rows || text+size > partText {
			flush(lo)
			text = 0
		}
		text += size
		if int(hi-lo) <= rows && text <= partText {
			continue
		}
		text = 0
		for i := lo; i < hi; i++ {
			if c.b.arena.size > partText {
				size = c.text(c.order[i])
			}
			if int(i-from) == rows || text+size > partText {
				flush(i)
				text = 0
			}
			text += size
		}
		flush(hi)
		text = 0
	}
	flush(uint32(len(c.order)))
	return parts
}

// text returns how many bytes of strings a row has.
func (c *cutter) text(row uint32) int {
	b := c.b
	n := len(b.names.dict.list[b.names.ids[row]]) + len(b.messages.dict.list[b.messages.ids[row]]) + len(b.states.dict.list[b.states.ids[row]])
	n += c.attrs.text(row)
	for e := b.events.ends[row] - childCount(b.events.ends, row); e < b.events.ends[row]; e++ {
		n += len(b.events.names.dict.list[b.events.names.ids[e]]) + c.events.text(e)
	}
	for l := b.links.ends[row] - childCount(b.links.ends, row); l < b.links.ends[row]; l++ {
		n += len(b.links.states.dict.list[b.links.states.ids[l]]) + c.links.text(l)
	}
	return n
}

// gather copies rows of the Builder into a block.
func (c *cutter) gather(rows []uint32) *Block {
	b, n := c.b, len(rows)
	v := &Block{meta: Meta{Rows: n, MinStart: b.starts[rows[0]], MaxStart: b.starts[rows[0]], MaxDuration: b.durations[rows[0]]}}
	for _, r := range rows {
		v.meta.add(b.starts[r], b.durations[r], b.statuses[r])
	}
	v.traces.set(pick(b.traces, rows))
	v.ids.set(pick(b.ids, rows))
	v.parents.set(pick(b.parents, rows))
	v.starts.set(pick(b.starts, rows))
	v.durations.set(pick(b.durations, rows))
	v.kinds.set(pick(b.kinds, rows))
	v.statuses.set(pick(b.statuses, rows))
	for i := range v.nums {
		v.nums[i].set(pickSparse(&b.nums[i], rows))
	}
	v.names.set(pickTexts(&c.names, &b.names, rows))
	v.messages.set(pickTexts(&c.messages, &b.messages, rows))
	v.states.set(pickTexts(&c.states, &b.states, rows))
	ids, used := c.resources.pick(b.resourceRows, rows)
	v.resources.set(resourceColumn{ids, pick(b.resources, used)})
	ids, used = c.scopes.pick(b.scopeRows, rows)
	v.scopes.set(scopeColumn{ids, pick(b.scopes, used)})

	t := new(tables)
	t.events.set, t.links.set = 1, 2
	c.attrs.gather(&t.spans, rows)
	if events := childRows(b.events.ends, rows); len(events) > 0 {
		v.eventEnds.set(pickEnds(b.events.ends, rows))
		v.eventTimes.set(pick(b.events.times, events))
		v.eventNames.set(pickTexts(&c.eventNames, &b.events.names, events))
		v.eventDropped.set(pickSparse(&b.events.dropped, events))
		c.events.gather(&t.events, events)
	} else {
		v.eventEnds.set(nil)
		v.eventTimes.set(nil)
		v.eventNames.set(Strings{})
		v.eventDropped.set(sparse{})
		t.events.rows.set(nil)
	}
	if links := childRows(b.links.ends, rows); len(links) > 0 {
		v.linkEnds.set(pickEnds(b.links.ends, rows))
		v.linkTraces.set(pick(b.links.traces, links))
		v.linkIDs.set(pick(b.links.ids, links))
		v.linkStates.set(pickTexts(&c.linkStates, &b.links.states, links))
		v.linkFlags.set(pickSparse(&b.links.flags, links))
		v.linkDropped.set(pickSparse(&b.links.dropped, links))
		c.links.gather(&t.links, links)
	} else {
		v.linkEnds.set(nil)
		v.linkTraces.set(nil)
		v.linkIDs.set(nil)
		v.linkStates.set(Strings{})
		v.linkFlags.set(sparse{})
		v.linkDropped.set(sparse{})
		t.links.rows.set(nil)
	}
	v.tables.set(t)
	return v
}

func pick[T any](from []T, rows []uint32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = from[r]
	}
	return out
}

func pickSparse(from *sparse, rows []uint32) (c sparse) {
	if len(from.rows) > 0 {
		for i, r := range rows {
			c.add(i, from.get(r))
		}
	}
	return c
}

func pickEnds(ends, rows []uint32) []uint32 {
	out := make([]uint32, len(rows))
	n := uint32(0)
	for i, r := range rows {
		n += childCount(ends, r)
		out[i] = n
	}
	return out
}

func pickTexts(m *remap, t *texts, rows []uint32) Strings {
	ids, used := m.pick(t.ids, rows)
	return Strings{IDs: ids, Dict: pick(t.dict.list, used)}
}

// remap gives the ids of a dictionary that a block uses numbers of its own, in
// the order in which they come up. It is reused for one block after another.
type remap struct {
	of   []uint32 // id -> number in this block + base + 1
	base uint32   // what earlier blocks left
	used []uint32
}

func newRemap(n int) remap { return remap{of: make([]uint32, n)} }

func (m *remap) next() {
	m.base += uint32(len(m.used))
	m.used = m.used[:0]
}

func (m *remap) id(id uint32) uint32 {
	if m.of[id] <= m.base {
		m.used = append(m.used, id)
		m.of[id] = m.base + uint32(len(m.used))
	}
	return m.of[id] - m.base - 1
}

// pick returns the ids of rows by their new numbers, and the old ids of those.
func (m *remap) pick(from, rows []uint32) (ids, used []uint32) {
	m.next()
	ids = make([]uint32, len(rows))
	for i, r := range rows {
		ids[i] = m.id(from[r])
	}
	return ids, m.used
}

// tableCutter copies the attributes of some rows at a time.
type tableCutter struct {
	t      *attrTable
	shapes remap
	cols   remap
	dicts  []remap    // by column
	at     [][]uint32 // by column: row -> value + 1; nil if the column has the rows 0 to n-1, or is too thin
	local  []*Column
}

func (c *tableCutter) init(t *attrTable) {
	c.t = t
	c.shapes, c.cols = newRemap(len(t.shapes)), newRemap(len(t.cols))
	c.dicts = make([]remap, len(t.cols))
	c.at = make([][]uint32, len(t.cols))
	for i, col := range t.cols {
		c.dicts[i] = newRemap(len(col.dict.list))
		if col.rows == nil || len(col.rows) < t.n/8 {
			continue // a search in few rows is quick enough
		}
		at := make([]uint32, t.n)
		for k := len(col.rows) - 1; k >= 0; k-- { // the first value of a row wins
			at[col.rows[k]] = uint32(k) + 1
		}
		c.at[i] = at
	}
}

// value returns the index of the first value of a row, which has one.
func (c *tableCutter) value(col, row uint32) int {
	ac := c.t.cols[col]
	switch {
	case ac.rows == nil:
		return int(row)
	case c.at[col] != nil:
		return int(c.at[col][row]) - 1
	}
	i, _ := slices.BinarySearch(ac.rows, row)
	return i
}

// again returns how often a column is in a shape before place k.
func (c *tableCutter) again(shape []uint32, k int, v int, row uint32) int {
	ac := c.t.cols[shape[k]]
	n := 0
	if ac.rows != nil && v+1 < len(ac.rows) && ac.rows[v+1] == row {
		for _, before := range shape[:k] {
			if before == shape[k] {
				n++
			}
		}
	}
	return n
}

func (c *tableCutter) text(row uint32) int {
	n := 0
	shape := c.t.shapes[c.t.rows[row]]
	for k, ci := range shape {
		if ac := c.t.cols[ci]; isText(ac.typ) {
			v := c.value(ci, row)
			n += len(ac.dict.list[ac.ids[v+c.again(shape, k, v, row)]])
		}
	}
	return n
}

// gather fills the attributes of a block with those of rows.
func (c *tableCutter) gather(a *attributes, rows []uint32) {
	t := c.t
	ids, used := c.shapes.pick(t.rows, rows)
	a.rows.set(ids)
	c.cols.next()
	times := make([]int, len(used)) // rows of each shape
	for _, id := range ids {
		times[id]++
	}
	c.local = c.local[:0]
	counts := make([]int, 0, len(t.cols))
	for i, s := range used {
		shape := make([]uint32, len(t.shapes[s]))
		for k, ci := range t.shapes[s] {
			n := c.cols.id(ci)
			if int(n) == len(c.local) {
				c.local = append(c.local, &Column{Key: t.cols[ci].key, Type: t.cols[ci].typ})
				counts = append(counts, 0)
			}
			counts[n] += times[i]
			shape[k] = n
		}
		a.shapes = append(a.shapes, shape)
	}
	for n, col := range c.local {
		col.Rows = make([]uint32, 0, counts[n])
		if isText(col.Type) {
			col.IDs = make([]uint32, 0, counts[n])
			c.dicts[c.cols.used[n]].next()
		} else if isNum(col.Type) {
			col.Nums = make([]uint64, 0, counts[n])
		}
	}
	for i, r := range rows {
		shape := t.shapes[t.rows[r]]
		for k, ci := range shape {
			src, dst := t.cols[ci], c.local[a.shapes[ids[i]][k]]
			v := c.value(ci, r)
			v += c.again(shape, k, v, r)
			dst.Rows = append(dst.Rows, uint32(i))
			if isText(src.typ) {
				dst.IDs = append(dst.IDs, c.dicts[ci].id(src.ids[v]))
			} else if isNum(src.typ) {
				dst.Nums = append(dst.Nums, src.nums[v])
			}
		}
	}
	a.cols = make([]attribute, len(c.local))
	for n, col := range c.local {
		if isText(col.Type) {
			col.Dict = pick(t.cols[c.cols.used[n]].dict.list, c.dicts[c.cols.used[n]].used)
		}
		if len(col.Rows) == len(rows) && (len(rows) == 0 || every(col.Rows)) {
			col.Rows = nil
		}
		a.cols[n].key, a.cols[n].typ = col.Key, col.Type
		a.cols[n].col.set(col)
	}
}

// every reports whether rows are 0, 1, 2, ….
func every(rows []uint32) bool {
	for i, r := range rows {
		if r != uint32(i) {
			return false
		}
	}
	return true
}
