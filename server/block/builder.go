package block

import (
	"encoding/binary"
	"slices"

	"github.com/weft-trace/weft/server/span"
)

// A Builder collects spans in columns, in memory. The zero value is empty and
// ready to use.
//
// Columns are append-only: what was added is never written again, so a View
// stays valid while more is added. Add, View and Cut are not to be called at
// the same time; a View's methods may be called at any time.
type Builder struct {
	n     int // spans
	arena arena

	traces    []span.TraceID
	ids       []span.ID
	parents   []span.ID
	starts    []int64
	durations []int64
	kinds     []span.Kind
	statuses  []span.Status
	nums      [numFields]sparse
	names     texts
	messages  texts
	states    texts

	resources    []*span.Resource
	resourceRows []uint32
	resourceIDs  map[string]uint32 // by appendResource's encoding
	lastResource *span.Resource    // the pointer that was added last, and
	lastResID    uint32            // the row of the table that it was then equal to
	scopes       []*span.Scope
	scopeRows    []uint32
	scopeIDs     map[string]uint32
	lastScope    *span.Scope
	lastScopeID  uint32

	attrs  attrTable
	events eventTable
	links  linkTable

	meta    Meta
	ident   []uint32 // 0, 1, 2, …: the rows of a column that every row so far has
	scratch []byte
	fixed   int // bytes of the columns of fixed width, about
}

// The numbers of a span that most spans do not have.
const (
	numFlags = iota
	numDroppedAttrs
	numDroppedEvents
	numDroppedLinks
	numFields
)

// sparse is a column of numbers, with the rows where they are not 0.
type sparse struct {
	rows []uint32
	vals []uint32
}

func (c *sparse) add(row int, v uint32) {
	if v != 0 {
		c.rows = push(c.rows, uint32(row))
		c.vals = push(c.vals, v)
	}
}

// get returns the number of a row.
func (c *sparse) get(row uint32) uint32 {
	if len(c.rows) > int(row) && c.rows[row] == row {
		return c.vals[row] // every row up to this one has it
	}
	if i, ok := slices.BinarySearch(c.rows, row); ok {
		return c.vals[i]
	}
	return 0
}

// texts is a column of strings: the dictionary and an index into it per row.
type texts struct {
	dict interner
	ids  []uint32
}

func (t *texts) add(a *arena, s string) uint32 {
	id := t.dict.intern(a, s)
	t.ids = push(t.ids, id)
	return id
}

func (t *texts) strings() Strings {
	return Strings{IDs: slices.Clip(t.ids), Dict: slices.Clip(t.dict.list)}
}

// attrTable holds the attributes of spans, of events or of links: a column per
// key and type, and for every row its shape, the list of its columns in the
// order in which the sender sent them.
type attrTable struct {
	n        int // rows
	cols     []*attrColumn
	byKey    map[attrKey]uint32
	shapes   [][]uint32
	shapeIDs map[string]uint32
	rows     []uint32 // shape of each row
	guess    []uint32 // by the id of the row's name: the shape of the last such row, plus 1
	scratch  []byte
	shape    []uint32
}

type attrKey struct {
	key string
	typ span.Type
}

type attrColumn struct {
	attrKey
	n    int      // values
	rows []uint32 // nil as long as the values are those of the rows 0 to n-1
	dict interner // String, Bytes, Array, Map
	ids  []uint32
	nums []uint64 // Bool, Int, Float
}

func isText(t span.Type) bool { return t == span.String || t >= span.Bytes }
func isNum(t span.Type) bool  { return t >= span.Bool && t <= span.Float }

// add adds a row. name is the id of what the row is called: rows of one name
// mostly have the same keys, which saves looking each of them up.
func (t *attrTable) add(a *arena, ident []uint32, name uint32, attrs []span.Attr) {
	row := t.n
	t.n++
	for int(name) >= len(t.guess) {
		t.guess = push(t.guess, 0)
	}
	if g := t.guess[name]; g > 0 && t.fits(t.shapes[g-1], attrs) {
		t.rows = push(t.rows, g-1)
		for i, c := range t.shapes[g-1] {
			t.cols[c].add(a, ident, row, &attrs[i].Value)
		}
		return
	}
	t.shape = t.shape[:0]
	for i := range attrs {
		c := t.column(a, &attrs[i])
		t.shape = push(t.shape, c)
		t.cols[c].add(a, ident, row, &attrs[i].Value)
	}
	t.scratch = t.scratch[:0]
	for _, c := range t.shape {
		t.scratch = binary.LittleEndian.AppendUint32(t.scratch, c)
	}
	id, ok := t.shapeIDs[string(t.scratch)]
	if !ok {
		if t.shapeIDs == nil {
			t.shapeIDs = map[string]uint32{}
		}
		id = uint32(len(t.shapes))
		t.shapeIDs[string(t.scratch)] = id
		t.shapes = push(t.shapes, slices.Clone(t.shape))
	}
	t.guess[name] = id + 1
	t.rows = push(t.rows, id)
}

func (t *attrTable) fits(shape []uint32, attrs []span.Attr) bool {
	if len(shape) != len(attrs) {
		return false
	}
	for i, c := range shape {
		if k := &t.cols[c].attrKey; k.typ != attrs[i].Value.Type || k.key != attrs[i].Key {
			return false
		}
	}
	return true
}

func (t *attrTable) column(a *arena, at *span.Attr) uint32 {
	c, ok := t.byKey[attrKey{at.Key, at.Value.Type}]
	if !ok {
		if t.byKey == nil {
			t.byKey = map[attrKey]uint32{}
		}
		k := attrKey{a.copy(at.Key), at.Value.Type}
		c = uint32(len(t.cols))
		t.byKey[k] = c
		t.cols = push(t.cols, &attrColumn{attrKey: k})
	}
	return c
}

func (c *attrColumn) add(a *arena, ident []uint32, row int, v *span.Value) {
	if c.rows != nil {
		c.rows = push(c.rows, uint32(row))
	} else if c.n != row { // a row without it, or one that has it twice
		c.rows = append(slices.Clone(ident[:c.n]), uint32(row))
	}
	c.n++
	if isText(c.typ) {
		c.ids = push(c.ids, c.dict.intern(a, v.Str))
	} else if isNum(c.typ) {
		c.nums = push(c.nums, v.Num)
	}
}

// view sets v to the table as a Block shows it.
func (t *attrTable) view(v *attributes, ident []uint32) {
	v.shapes, v.cols = slices.Clip(t.shapes), make([]attribute, len(t.cols))
	v.rows.set(slices.Clip(t.rows))
	slab := make([]Column, len(t.cols))
	for i, c := range t.cols {
		slab[i] = Column{Key: c.key, Type: c.typ, Rows: slices.Clip(c.rows), IDs: slices.Clip(c.ids), Dict: slices.Clip(c.dict.list), Nums: slices.Clip(c.nums)}
		if c.rows == nil && c.n < t.n {
			slab[i].Rows = ident[:c.n:c.n]
		}
		v.cols[i].key, v.cols[i].typ = c.key, c.typ
		v.cols[i].col.set(&slab[i])
	}
}

type eventTable struct {
	ends    []uint32 // by span: the number of events of it and all before it
	times   []int64
	names   texts
	dropped sparse
	attrs   attrTable
}

type linkTable struct {
	ends    []uint32
	traces  []span.TraceID
	ids     []span.ID
	states  texts
	flags   sparse
	dropped sparse
	attrs   attrTable
}

// Add appends a span. It copies all that it keeps.
func (b *Builder) Add(s *span.Span) {
	row := b.n
	if row == 0 {
		b.meta = Meta{MinStart: s.Start, MaxStart: s.Start, MaxDuration: s.Duration}
	}
	b.n++
	b.meta.add(s.Start, s.Duration, s.Status)
	b.growIdent(row + 1)
	b.traces = push(b.traces, s.TraceID)
	b.ids = push(b.ids, s.ID)
	b.parents = push(b.parents, s.Parent)
	b.starts = push(b.starts, s.Start)
	b.durations = push(b.durations, s.Duration)
	b.kinds = push(b.kinds, s.Kind)
	b.statuses = push(b.statuses, s.Status)
	b.nums[numFlags].add(row, s.Flags)
	b.nums[numDroppedAttrs].add(row, s.DroppedAttrs)
	b.nums[numDroppedEvents].add(row, s.DroppedEvents)
	b.nums[numDroppedLinks].add(row, s.DroppedLinks)
	name := b.names.add(&b.arena, s.Name)
	b.messages.add(&b.arena, s.Message)
	b.states.add(&b.arena, s.State)
	b.resourceRows = push(b.resourceRows, b.resource(s.Resource))
	b.scopeRows = push(b.scopeRows, b.scope(s.Scope))
	b.attrs.add(&b.arena, b.ident, name, s.Attrs)
	for i := range s.Events {
		e := &s.Events[i]
		row := len(b.events.times)
		b.events.times = push(b.events.times, e.Time)
		name := b.events.names.add(&b.arena, e.Name)
		b.events.dropped.add(row, e.Dropped)
		b.growIdent(row + 1)
		b.events.attrs.add(&b.arena, b.ident, name, e.Attrs)
	}
	b.events.ends = append(b.events.ends, uint32(len(b.events.times)))
	for i := range s.Links {
		l := &s.Links[i]
		row := len(b.links.ids)
		b.links.traces = push(b.links.traces, l.TraceID)
		b.links.ids = push(b.links.ids, l.ID)
		b.links.states.add(&b.arena, l.State)
		b.links.flags.add(row, l.Flags)
		b.links.dropped.add(row, l.Dropped)
		b.growIdent(row + 1)
		b.links.attrs.add(&b.arena, b.ident, 0, l.Attrs)
	}
	b.links.ends = append(b.links.ends, uint32(len(b.links.ids)))
	// 74 bytes of columns of fixed width and 7 of 4 bytes, a value and its row per attribute; interned strings are counted by the arena
	b.fixed += 102 + 12*len(s.Attrs)
	for i := range s.Events {
		b.fixed += 24 + 12*len(s.Events[i].Attrs)
	}
	for i := range s.Links {
		b.fixed += 40 + 12*len(s.Links[i].Attrs)
	}
}

// growIdent makes ident at least n long. It is longer than the number of spans
// when there are more events or links than spans.
func (b *Builder) growIdent(n int) {
	for len(b.ident) < n {
		b.ident = append(b.ident, uint32(len(b.ident)))
	}
}

var (
	noResource span.Resource
	noScope    span.Scope
)

func (b *Builder) resource(r *span.Resource) uint32 {
	if r == nil {
		r = &noResource
	}
	// The same pointer may hold another resource by now, if a decoder is reused.
	if r == b.lastResource && sameResource(r, b.resources[b.lastResID]) {
		return b.lastResID
	}
	b.scratch = appendResource(b.scratch[:0], r)
	id, ok := b.resourceIDs[string(b.scratch)]
	if !ok {
		if b.resourceIDs == nil {
			b.resourceIDs = map[string]uint32{}
		}
		id = uint32(len(b.resources))
		b.resourceIDs[string(b.scratch)] = id
		b.resources = push(b.resources, &span.Resource{
			Service: b.arena.copy(r.Service), Attrs: b.arena.attrs(r.Attrs), Dropped: r.Dropped, SchemaURL: b.arena.copy(r.SchemaURL),
		})
	}
	b.lastResource, b.lastResID = r, id
	return id
}

func (b *Builder) scope(s *span.Scope) uint32 {
	if s == nil {
		s = &noScope
	}
	if s == b.lastScope && sameScope(s, b.scopes[b.lastScopeID]) {
		return b.lastScopeID
	}
	b.scratch = appendScope(b.scratch[:0], s)
	id, ok := b.scopeIDs[string(b.scratch)]
	if !ok {
		if b.scopeIDs == nil {
			b.scopeIDs = map[string]uint32{}
		}
		id = uint32(len(b.scopes))
		b.scopeIDs[string(b.scratch)] = id
		b.scopes = push(b.scopes, &span.Scope{
			Name: b.arena.copy(s.Name), Version: b.arena.copy(s.Version), Attrs: b.arena.attrs(s.Attrs), Dropped: s.Dropped, SchemaURL: b.arena.copy(s.SchemaURL),
		})
	}
	b.lastScope, b.lastScopeID = s, id
	return id
}

// Len returns the number of spans.
func (b *Builder) Len() int { return b.n }

// Size returns the bytes of memory that the spans take, about.
func (b *Builder) Size() int { return b.fixed + b.arena.size }

// View returns the spans added so far, in the order in which they were added.
// It costs a few slice headers per column, and stays valid while more is added.
func (b *Builder) View() *Block {
	v := &Block{meta: b.meta}
	v.meta.Rows = b.n
	v.traces.set(slices.Clip(b.traces))
	v.ids.set(slices.Clip(b.ids))
	v.parents.set(slices.Clip(b.parents))
	v.starts.set(slices.Clip(b.starts))
	v.durations.set(slices.Clip(b.durations))
	v.kinds.set(slices.Clip(b.kinds))
	v.statuses.set(slices.Clip(b.statuses))
	for i := range v.nums {
		v.nums[i].set(clipSparse(b.nums[i]))
	}
	v.names.set(b.names.strings())
	v.messages.set(b.messages.strings())
	v.states.set(b.states.strings())
	v.resources.set(resourceColumn{slices.Clip(b.resourceRows), slices.Clip(b.resources)})
	v.scopes.set(scopeColumn{slices.Clip(b.scopeRows), slices.Clip(b.scopes)})
	t := new(tables)
	b.attrs.view(&t.spans, b.ident)
	b.events.attrs.view(&t.events, b.ident)
	b.links.attrs.view(&t.links, b.ident)
	t.events.set, t.links.set = 1, 2
	v.tables.set(t)
	v.eventEnds.set(slices.Clip(b.events.ends))
	v.eventTimes.set(slices.Clip(b.events.times))
	v.eventNames.set(b.events.names.strings())
	v.eventDropped.set(clipSparse(b.events.dropped))
	v.linkEnds.set(slices.Clip(b.links.ends))
	v.linkTraces.set(slices.Clip(b.links.traces))
	v.linkIDs.set(slices.Clip(b.links.ids))
	v.linkStates.set(b.links.states.strings())
	v.linkFlags.set(clipSparse(b.links.flags))
	v.linkDropped.set(clipSparse(b.links.dropped))
	return v
}

func clipSparse(c sparse) sparse { return sparse{slices.Clip(c.rows), slices.Clip(c.vals)} }
