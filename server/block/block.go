package block

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weft-trace/weft/server/span"
)

// Meta says what is in a block, so that a search can pass over it without
// reading it.
type Meta struct {
	Rows        int   // spans
	MinStart    int64 // the least and the greatest start of a span, nanoseconds since the Unix epoch
	MaxStart    int64
	MaxDuration int64 // of a span, nanoseconds
	Errors      int   // spans with StatusError
}

func (m *Meta) add(start, duration int64, s span.Status) {
	m.MinStart, m.MaxStart, m.MaxDuration = min(m.MinStart, start), max(m.MaxStart, start), max(m.MaxDuration, duration)
	if s == span.StatusError {
		m.Errors++
	}
}

// Strings is a column of strings: the value of row i is Dict[IDs[i]]. Each
// string is in Dict once.
type Strings struct {
	IDs  []uint32
	Dict []string
}

// At returns the value of a row.
func (s Strings) At(row int) string { return s.Dict[s.IDs[row]] }

// Column holds the values of one attribute key and one type.
type Column struct {
	Key  string
	Type span.Type
	// Rows are the rows of the values, ascending. A row that has the key twice
	// is there twice. Nil: value i is that of row i, and every row has one.
	Rows []uint32
	IDs  []uint32 // String, Bytes, Array, Map: value i is Dict[IDs[i]]
	Dict []string // each value once
	Nums []uint64 // Bool, Int, Float: value i as in span.Value.Num
}

// Value returns value i, which is that of row Rows[i] (or row i if Rows is nil).
func (c *Column) Value(i int) span.Value {
	switch {
	case isText(c.Type):
		return span.Value{Type: c.Type, Str: c.Dict[c.IDs[i]]}
	case isNum(c.Type):
		return span.Value{Type: c.Type, Num: c.Nums[i]}
	}
	return span.Value{Type: c.Type}
}

// Find returns the index of the first value of a row.
func (c *Column) Find(row uint32) (i int, ok bool) {
	if c.Rows == nil {
		return int(row), true
	}
	return slices.BinarySearch(c.Rows, row)
}

// Block is a set of spans by columns. What comes from Open or Lazy is decoded
// column by column, when it is asked for, and then kept as long as the block.
//
// Methods may be called from several goroutines at a time. What they return is
// shared: it is not to be changed. Corrupt data is an error of the methods
// that come across it.
type Block struct {
	meta Meta
	src  *source // nil: in memory

	traces    lazy[[]span.TraceID]
	ids       lazy[[]span.ID]
	parents   lazy[[]span.ID]
	starts    lazy[[]int64]
	durations lazy[[]int64]
	kinds     lazy[[]span.Kind]
	statuses  lazy[[]span.Status]
	nums      [numFields]lazy[sparse]
	names     lazy[Strings]
	services  lazy[Strings]
	messages  lazy[Strings]
	states    lazy[Strings]
	resources lazy[resourceColumn]
	scopes    lazy[scopeColumn]

	tables       lazy[*tables]
	eventEnds    lazy[[]uint32]
	eventTimes   lazy[[]int64]
	eventNames   lazy[Strings]
	eventDropped lazy[sparse]
	linkEnds     lazy[[]uint32]
	linkTraces   lazy[[]span.TraceID]
	linkIDs      lazy[[]span.ID]
	linkStates   lazy[Strings]
	linkFlags    lazy[sparse]
	linkDropped  lazy[sparse]
}

type resourceColumn struct {
	ids   []uint32
	table []*span.Resource
}

type scopeColumn struct {
	ids   []uint32
	table []*span.Scope
}

// tables are the attributes of a block.
type tables struct{ spans, events, links attributes }

// attributes are those of spans, of events or of links.
type attributes struct {
	set    int // 0: of spans, 1: of events, 2: of links
	cols   []attribute
	shapes [][]uint32
	rows   lazy[[]uint32] // shape of each row
}

type attribute struct {
	key string
	typ span.Type
	raw lazy[*rawColumn] // without the strings made: enough for some rows
	col lazy[*Column]
}

// lazy is a value that is made when it is first asked for.
type lazy[T any] struct {
	done atomic.Bool
	mu   sync.Mutex
	v    T
	err  error
}

// set sets the value before others see the lazy.
func (l *lazy[T]) set(v T) {
	l.v = v
	l.done.Store(true)
}

func (l *lazy[T]) get(make func() (T, error)) (T, error) {
	if !l.done.Load() {
		l.mu.Lock()
		if !l.done.Load() {
			l.v, l.err = make()
			l.done.Store(true)
		}
		l.mu.Unlock()
	}
	return l.v, l.err
}

// Len returns the number of rows, which are numbered from 0.
func (b *Block) Len() int { return b.meta.Rows }

// Meta returns what is in the block.
func (b *Block) Meta() Meta { return b.meta }

// Size returns the bytes of memory that the block takes, about: its data, and
// the columns that were decoded so far. It is 0 for a view of a Builder, which has
// the memory.
func (b *Block) Size() int {
	if b.src == nil {
		return 0
	}
	return int(b.src.size.Load())
}

// TraceIDs returns the trace id of each row.
func (b *Block) TraceIDs() ([]span.TraceID, error) { return b.traces.get(b.decodeTraces) }

// TraceRows returns the rows of a trace, ascending; nil if it has none.
func (b *Block) TraceRows(id span.TraceID) (rows []uint32, err error) {
	if b.src == nil {
		for i := range b.traces.v {
			if b.traces.v[i] == id {
				rows = append(rows, uint32(i))
			}
		}
		return rows, nil
	}
	c, err := b.traceRows()
	if err != nil {
		return nil, err
	}
	for k := range c.table {
		if c.table[k] != id {
			continue
		}
		first, _ := slices.BinarySearch(c.rows, uint32(k)) // the rows of a trace follow one another
		for r := first; r < len(c.rows) && c.rows[r] == uint32(k); r++ {
			rows = append(rows, uint32(r))
		}
	}
	return rows, nil
}

// IDs returns the span id of each row.
func (b *Block) IDs() ([]span.ID, error) { return b.ids.get(b.decodeIDs) }

// Parents returns the parent's span id of each row.
func (b *Block) Parents() ([]span.ID, error) { return b.parents.get(b.decodeParents) }

// Starts returns the start of each row.
func (b *Block) Starts() ([]int64, error) { return b.starts.get(b.decodeStarts) }

// Durations returns the duration of each row.
func (b *Block) Durations() ([]int64, error) { return b.durations.get(b.decodeDurations) }

// Kinds returns the kind of each row.
func (b *Block) Kinds() ([]span.Kind, error) { return b.kinds.get(b.decodeKinds) }

// Statuses returns the status of each row.
func (b *Block) Statuses() ([]span.Status, error) { return b.statuses.get(b.decodeStatuses) }

// Names returns the name of each row.
func (b *Block) Names() (Strings, error) { return b.names.get(b.decodeNames) }

// Messages returns the status message of each row.
func (b *Block) Messages() (Strings, error) { return b.messages.get(b.decodeMessages) }

// States returns the tracestate of each row.
func (b *Block) States() (Strings, error) { return b.states.get(b.decodeStates) }

// Services returns the name of the service of each row.
func (b *Block) Services() (Strings, error) {
	return b.services.get(func() (Strings, error) {
		if b.src == nil {
			ids, table, err := b.Resources()
			names := make([]string, len(table))
			for i, r := range table {
				names[i] = r.Service
			}
			return services(ids, names), err
		}
		resources, err := b.rawResources()
		if err != nil {
			return Strings{}, err
		}
		ops, err := b.ops()
		if err != nil {
			return Strings{}, err
		}
		names := make([]string, len(resources))
		for i, s := range resources {
			if names[i], err = serviceOf(s); err != nil {
				return Strings{}, err
			}
		}
		s := services(ops.resources, names) // by op
		s.IDs = ops.expand(s.IDs)
		return s, nil
	})
}

// services makes a column of the names of resources out of one of resources.
func services(ids []uint32, names []string) Strings {
	s := Strings{IDs: make([]uint32, len(ids))}
	of := make([]uint32, len(names)) // resource to service
	seen := make(map[string]uint32, len(names))
	for i, name := range names {
		id, ok := seen[name]
		if !ok {
			id = uint32(len(s.Dict))
			seen[name] = id
			s.Dict = append(s.Dict, name)
		}
		of[i] = id
	}
	for i, r := range ids {
		s.IDs[i] = of[r]
	}
	return s
}

// Resources returns the resource of row i as table[ids[i]]. Each resource is
// in the table once.
func (b *Block) Resources() (ids []uint32, table []*span.Resource, err error) {
	c, err := b.resources.get(b.decodeResources)
	return c.ids, c.table, err
}

// Scopes returns the scope of row i as table[ids[i]]. Each scope is in the
// table once.
func (b *Block) Scopes() (ids []uint32, table []*span.Scope, err error) {
	c, err := b.scopes.get(b.decodeScopes)
	return c.ids, c.table, err
}

// Keys returns the keys of the spans' attributes, in no particular order.
func (b *Block) Keys() ([]string, error) {
	t, err := b.tables.get(b.decodeTables)
	if err != nil {
		return nil, err
	}
	return t.spans.keys(), nil
}

// Attrs returns the spans' attributes called key, a column per type. There is
// none if no span has the key.
func (b *Block) Attrs(key string) ([]*Column, error) {
	t, err := b.tables.get(b.decodeTables)
	if err != nil {
		return nil, err
	}
	return b.columns(&t.spans, key)
}

// EventRows returns where the events of row i end: they are those from
// ends[i-1] (0 for row 0) up to and not including ends[i]. It is nil if no
// span has events.
func (b *Block) EventRows() (ends []uint32, err error) {
	ends, err = b.eventEnds.get(b.decodeEventEnds)
	if err != nil || len(ends) == 0 || ends[len(ends)-1] == 0 {
		return nil, err
	}
	return ends, nil
}

// EventTimes returns the time of each event.
func (b *Block) EventTimes() ([]int64, error) { return b.eventTimes.get(b.decodeEventTimes) }

// EventNames returns the name of each event.
func (b *Block) EventNames() (Strings, error) { return b.eventNames.get(b.decodeEventNames) }

// EventKeys returns the keys of the events' attributes.
func (b *Block) EventKeys() ([]string, error) {
	t, err := b.tables.get(b.decodeTables)
	if err != nil {
		return nil, err
	}
	return t.events.keys(), nil
}

// EventAttrs returns the events' attributes called key, a column per type,
// whose rows are events.
func (b *Block) EventAttrs(key string) ([]*Column, error) {
	t, err := b.tables.get(b.decodeTables)
	if err != nil {
		return nil, err
	}
	return b.columns(&t.events, key)
}

// LinkRows returns where the links of row i end, as EventRows does.
func (b *Block) LinkRows() (ends []uint32, err error) {
	ends, err = b.linkEnds.get(b.decodeLinkEnds)
	if err != nil || len(ends) == 0 || ends[len(ends)-1] == 0 {
		return nil, err
	}
	return ends, nil
}

// LinkTraces returns the trace id that each link points to.
func (b *Block) LinkTraces() ([]span.TraceID, error) { return b.linkTraces.get(b.decodeLinkTraces) }

// LinkIDs returns the span id that each link points to.
func (b *Block) LinkIDs() ([]span.ID, error) { return b.linkIDs.get(b.decodeLinkIDs) }

// LinkKeys returns the keys of the links' attributes.
func (b *Block) LinkKeys() ([]string, error) {
	t, err := b.tables.get(b.decodeTables)
	if err != nil {
		return nil, err
	}
	return t.links.keys(), nil
}

// LinkAttrs returns the links' attributes called key, a column per type, whose
// rows are links.
func (b *Block) LinkAttrs(key string) ([]*Column, error) {
	t, err := b.tables.get(b.decodeTables)
	if err != nil {
		return nil, err
	}
	return b.columns(&t.links, key)
}

func (a *attributes) keys() []string {
	keys := make([]string, 0, len(a.cols))
	seen := make(map[string]bool, len(a.cols))
	for i := range a.cols {
		if k := a.cols[i].key; !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

func (b *Block) columns(a *attributes, key string) ([]*Column, error) {
	var cols []*Column
	for i := range a.cols {
		if a.cols[i].key == key {
			c, err := b.column(a, i)
			if err != nil {
				return nil, err
			}
			cols = append(cols, c)
		}
	}
	return cols, nil
}
