package aggregate

import (
	"cmp"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// Limits bound the memory of an Aggregator and the number of keys that it
// makes. A zero field means its default.
type Limits struct {
	Services   int           // service names: 2,000; others count as Other
	Operations int           // operations of one service: 2,000; others count as the service's operation Other
	Series     int           // operations of all services: 20,000; beyond, each service's others count as Other
	Edges      int           // edges: 5,000; beyond, a client's others lead to Other
	Waiting    int           // calls that wait for their other end, of either end: 32,768; beyond, the oldest are given up
	Wait       time.Duration // for how long they wait, by the arrival of spans: 30 s
}

func (l Limits) withDefaults() Limits {
	l.Services = cmp.Or(l.Services, 2_000)
	l.Operations = cmp.Or(l.Operations, 2_000)
	l.Series = cmp.Or(l.Series, 20_000)
	l.Edges = cmp.Or(l.Edges, 5_000)
	l.Waiting = cmp.Or(l.Waiting, 32_768)
	l.Wait = cmp.Or(l.Wait, 30*time.Second)
	return l
}

// Aggregator counts spans as they arrive: each in the series of its operation,
// and in the series of the edge of the service graph whose two ends it
// completes. A span belongs to the bucket of its start, so that a bucket and a search
// over the bucket's time range see the same spans, however late one arrives.
//
// It is not safe for concurrent use: the lock that guards the head in which a
// span is kept guards it too. What it holds is bounded by its limits and, as
// buckets go, by the spans added since the last Swap.
type Aggregator struct {
	limits Limits
	seed   maphash.Seed
	names
	cells *Cells
	graph graph
	other uint64
}

// names are the series known since the last Roll.
type names struct {
	table    []*series // operations, open addressing by hash
	used     int
	services map[string]*service
	byID     []*service // services[name].id is the index
	last     *service   // the service of the span before, most likely this one's
	texts    map[string]uint32
	byText   []string            // names of peers and systems
	ports    map[peerPort]uint32 // to the texts of both
	edges    map[edgeID]*series
}

type peerPort struct {
	peer string
	port span.Value
}

type service struct {
	name       string
	hash       uint64
	id         uint32
	operations int
}

// series is an operation or an edge, and where it was last counted.
type series struct {
	hash    uint64
	service *service // operations only
	name    string   // operations only
	kind    span.Kind
	class   Class
	step    int64  // of its class's finest level, nanoseconds
	key     string // what follows the window in its keys

	bucket int64
	cell   *Cell // of bucket; nil: not since the last Swap
}

// New returns an Aggregator that has seen nothing.
func New(l Limits) *Aggregator {
	a := &Aggregator{limits: l.withDefaults(), seed: maphash.MakeSeed()}
	a.names = newNames()
	a.service(Other)
	a.cells = newCells(0)
	a.graph = graph{recent: make([]recentSpan, recentSets*recentWays), secret: [3]uint64{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1}}
	return a
}

func newNames() names {
	return names{
		table:    make([]*series, 256),
		services: map[string]*service{},
		texts:    map[string]uint32{"": 0, Other: 1},
		byText:   []string{"", Other},
		ports:    map[peerPort]uint32{},
		edges:    map[edgeID]*series{},
	}
}

// Add counts a span that arrived at now, in nanoseconds since the Unix epoch. It
// keeps nothing that the span points to. A span that is among the last that were
// added is not counted again: a client that got no answer sends its spans twice.
func (a *Aggregator) Add(s *span.Span, now int64) {
	own := a.graph.key(&s.TraceID, &s.ID)
	if a.graph.has(own, s) {
		return
	}
	svc := a.service(clean(s.Service()))
	failed := s.Status == span.StatusError
	sr := a.operation(svc, s.Name, s.Kind)
	if sr.name == Other {
		a.other++
	}
	a.cells.of(sr, s.Start).Add(s.TraceID, s.Duration, failed)
	a.match(own, svc, s, now, failed)
}

// Swap returns what was counted since the last Swap, and starts anew. Calls
// that wait for their other end go on waiting. What it returned does not change
// any more and is safe for concurrent use.
func (a *Aggregator) Swap() *Cells {
	c := a.cells
	a.cells = newCells(len(c.byKey))
	for k := range c.byKey {
		k.series.cell = nil // nothing but the Cells itself keeps its memory
	}
	return c
}

// Cells returns what was counted since the last Swap. It is valid only as long
// as the caller holds the lock that guards the Aggregator.
func (a *Aggregator) Cells() *Cells { return a.cells }

// Others returns how many spans were counted as Other because of the limits on
// services and operations, since New.
func (a *Aggregator) Others() uint64 { return a.other }

// Roll forgets the series, against which the limits count. It is called when
// the store begins a partition, after Swap.
func (a *Aggregator) Roll() {
	old := a.names
	a.names = newNames()
	a.service(Other)
	a.graph.rename(func(id uint32) uint32 { return a.service(old.byID[id].name).id }, func(id uint32) uint32 { return a.text(old.byText[id]) })
}

// Learn makes a series known that a partition had when it was opened. Key is a
// key of class Operations or Edges; others are ignored.
func (a *Aggregator) Learn(key []byte) {
	_, _, rest, err := ParseKey(key)
	if err != nil {
		return
	}
	switch Class(key[0]) {
	case Operations:
		if s, err := ParseSeries(rest); err == nil {
			a.operation(a.service(s.Service), s.Operation, s.Kind)
		}
	case Edges:
		if e, err := ParseEdge(rest); err == nil {
			id := edgeID{client: a.service(e.Client).id, connection: e.Connection, node: e.Node, system: a.text(e.System)}
			if e.Node == ServiceNode {
				id.server = a.service(e.Server).id
			} else {
				id.server = a.text(e.Server)
			}
			a.edge(id)
		}
	}
}

// service returns the service with a name that clean has seen.
func (a *Aggregator) service(name string) *service {
	if a.last != nil && a.last.name == name {
		return a.last
	}
	svc, ok := a.services[name]
	if !ok {
		if len(a.services) > a.limits.Services && name != Other { // Other is one of them
			return a.service(Other)
		}
		name = strings.Clone(name)
		svc = &service{name: name, hash: maphash.String(a.seed, name), id: uint32(len(a.byID))}
		a.services[name] = svc
		a.byID = append(a.byID, svc)
	}
	a.last = svc
	return svc
}

// text returns the number of a name that is kept in calls that wait.
func (a *Aggregator) text(name string) uint32 {
	id, ok := a.texts[name]
	if !ok {
		name = clean(name)
		if id, ok = a.texts[name]; ok {
			return id
		}
		if len(a.byText) >= 2*a.limits.Edges {
			return a.texts[Other]
		}
		id = uint32(len(a.byText))
		name = strings.Clone(name)
		a.texts[name] = id
		a.byText = append(a.byText, name)
	}
	return id
}

// peer returns the number of a peer's name with a port.
func (a *Aggregator) peer(peer string, port span.Value) uint32 {
	if port.Type == span.Empty {
		return a.text(peer)
	}
	id, ok := a.ports[peerPort{peer, port}]
	if !ok {
		id = a.text(peer + ":" + port.Text())
		if len(a.ports) < 2*a.limits.Edges && len(peer)+len(port.Str) <= MaxName {
			port.Str = strings.Clone(port.Str)
			a.ports[peerPort{strings.Clone(peer), port}] = id
		}
	}
	return id
}

// operation returns the series of an operation.
func (a *Aggregator) operation(svc *service, name string, kind span.Kind) *series {
	if kind > span.KindConsumer {
		kind = span.KindUnspecified
	}
	name = clean(name)
	hash := (maphash.String(a.seed, name) ^ svc.hash<<1) + uint64(kind)*0x9e3779b97f4a7c15
	mask := uint64(len(a.table) - 1)
	i := hash >> 7 & mask
	for ; a.table[i] != nil; i = (i + 1) & mask {
		if sr := a.table[i]; sr.hash == hash && sr.kind == kind && sr.service == svc && sr.name == name {
			return sr
		}
	}
	if name != Other && (svc.operations >= a.limits.Operations || a.used >= a.limits.Series || svc.name == Other) {
		return a.operation(svc, Other, kind)
	}
	svc.operations++
	a.used++
	name = strings.Clone(name)
	sr := &series{hash: hash, service: svc, name: name, kind: kind, class: Operations, step: int64(Levels[Operations.Finest()].Step)}
	sr.key = string(AppendSeries(nil, Series{svc.name, name, kind}))
	a.table[i] = sr
	if 2*a.used > len(a.table) {
		a.grow()
	}
	return sr
}

// grow doubles the table of operations.
func (a *Aggregator) grow() {
	old := a.table
	a.table = make([]*series, 2*len(old))
	mask := uint64(len(a.table) - 1)
	for _, sr := range old {
		if sr == nil {
			continue
		}
		i := sr.hash >> 7 & mask
		for a.table[i] != nil {
			i = (i + 1) & mask
		}
		a.table[i] = sr
	}
}

// Cells are the buckets of many series, of the finest level.
type Cells struct {
	byKey map[cellKey]*Cell
	slab  []Cell // where the next cells come from
}

type cellKey struct {
	series *series
	bucket int64 // start of the bucket / step of the class's finest level
}

func newCells(n int) *Cells { return &Cells{byKey: make(map[cellKey]*Cell, n)} }

// of returns the cell of a series for a call that started at start.
func (c *Cells) of(sr *series, start int64) *Cell {
	bucket := max(start, 0) / sr.step
	if sr.cell != nil && sr.bucket == bucket {
		return sr.cell
	}
	key := cellKey{sr, bucket}
	cell := c.byKey[key]
	if cell == nil {
		if len(c.slab) == 0 {
			c.slab = make([]Cell, min(64, 4+len(c.byKey)))
		}
		cell, c.slab = &c.slab[0], c.slab[1:]
		c.byKey[key] = cell
	}
	sr.bucket, sr.cell = bucket, cell
	return cell
}

// Len returns the number of cells.
func (c *Cells) Len() int { return len(c.byKey) }

// Each calls visit for each cell of a class whose bucket starts in [from, to),
// nanoseconds since the Unix epoch, in no order. Series is what ParseSeries or
// ParseEdge reads. The cell must not be changed, nor kept longer than the cells
// are valid.
func (c *Cells) Each(class Class, from, to int64, visit func(series string, start int64, cell *Cell)) {
	step := int64(Levels[class.Finest()].Step)
	for k, cell := range c.byKey {
		if start := k.bucket * step; k.series.class == class && start >= from && start < to {
			visit(k.series.key, start, cell)
		}
	}
}

// Flush calls merge for each pair of key and value that makes the cells
// persistent: the values are to be merged, by Merger, with those that the keys
// have. It stops at the first error of merge and returns it. Key and value are
// valid until merge returns. The cells must be what Swap returned.
func (c *Cells) Flush(merge func(key, value []byte) error) error {
	type entry struct {
		cellKey
		cell *Cell
	}
	entries := make([]entry, 0, len(c.byKey))
	for k, cell := range c.byKey {
		entries = append(entries, entry{k, cell})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.series != b.series {
			return cmp.Or(cmp.Compare(a.series.class, b.series.class), strings.Compare(a.series.key, b.series.key))
		}
		return cmp.Compare(a.bucket, b.bucket)
	})
	var key, value, encoded []byte
	var sum Cell
	for len(entries) > 0 {
		// The cells of one series, and the levels of its class.
		sr, n := entries[0].series, 1
		for n < len(entries) && entries[n].series == sr {
			n++
		}
		cells := entries[:n]
		entries = entries[n:]
		for level := sr.class.Finest(); level < len(Levels); level++ {
			step, window := int64(Levels[level].Step)/sr.step, int64(Levels[level].Window)/sr.step
			for i := 0; i < len(cells); {
				w := cells[i].bucket / window
				key = append(AppendWindow(key[:0], sr.class, level, cells[i].bucket*sr.step), sr.key...)
				value = append(value[:0], version)
				next := w * window / step
				for i < len(cells) && cells[i].bucket/window == w {
					bucket := cells[i].bucket / step
					cell := cells[i].cell
					if i++; i < len(cells) && cells[i].bucket/step == bucket {
						sum.Reset()
						sum.Merge(cell)
						for ; i < len(cells) && cells[i].bucket/step == bucket; i++ {
							sum.Merge(cells[i].cell)
						}
						cell = &sum
					}
					encoded = cell.append(encoded[:0], level > 0)
					value = appendCell(value, int(bucket-next), encoded)
					next = bucket + 1
				}
				if err := merge(key, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
