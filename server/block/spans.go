package block

import (
	"fmt"

	"github.com/weft-trace/weft/server/span"
)

// Span returns a row as a span, as Spans does.
func (b *Block) Span(row int) (span.Span, error) {
	s, err := b.Spans([]uint32{uint32(row)})
	if err != nil {
		return span.Span{}, err
	}
	return s[0], nil
}

// Spans returns rows as spans, in the order of rows. They stay valid and
// share their strings, resources and scopes with the block.
func (b *Block) Spans(rows []uint32) ([]span.Span, error) {
	for _, r := range rows {
		if int(r) >= b.meta.Rows {
			return nil, fmt.Errorf("block: row %d of %d rows; ask for the rows of this block", r, b.meta.Rows)
		}
	}
	out := make([]span.Span, len(rows))
	if err := b.fill(out, rows); err != nil {
		return nil, err
	}
	return out, nil
}

func (b *Block) fill(out []span.Span, rows []uint32) error {
	var traces traceColumn
	var err error
	if b.src == nil {
		traces.table = b.traces.v
	} else if traces, err = b.traceRows(); err != nil {
		return err
	}
	ids, err := b.IDs()
	if err != nil {
		return err
	}
	parents, err := b.Parents()
	if err != nil {
		return err
	}
	starts, err := b.Starts()
	if err != nil {
		return err
	}
	durations, err := b.Durations()
	if err != nil {
		return err
	}
	kinds, err := b.Kinds()
	if err != nil {
		return err
	}
	statuses, err := b.Statuses()
	if err != nil {
		return err
	}
	messages, err := b.Messages()
	if err != nil {
		return err
	}
	states, err := b.States()
	if err != nil {
		return err
	}
	scopes, err := b.scopes.get(b.decodeScopes)
	if err != nil {
		return err
	}
	var nums [numFields]sparse
	for i := range nums {
		if nums[i], err = b.number(i); err != nil {
			return err
		}
	}
	for i, r := range rows {
		trace := r
		if traces.rows != nil {
			trace = traces.rows[r]
		}
		out[i] = span.Span{
			TraceID: traces.table[trace], ID: ids[r], Parent: parents[r], State: states.Dict[states.IDs[r]], Flags: nums[numFlags].get(r),
			Kind: kinds[r], Start: starts[r], Duration: durations[r], Status: statuses[r], Message: messages.Dict[messages.IDs[r]],
			Scope:        scopes.table[scopes.ids[r]],
			DroppedAttrs: nums[numDroppedAttrs].get(r), DroppedEvents: nums[numDroppedEvents].get(r), DroppedLinks: nums[numDroppedLinks].get(r),
		}
	}
	if err := b.fillOps(out, rows); err != nil {
		return err
	}
	t, err := b.tables.get(b.decodeTables)
	if err != nil {
		return err
	}
	m, err := b.materialise(&t.spans, rows)
	if err != nil {
		return err
	}
	for i := range rows {
		out[i].Attrs = m.attrs(i)
	}
	if err := b.fillEvents(out, rows, t); err != nil {
		return err
	}
	return b.fillLinks(out, rows, t)
}

// few reports whether rows are so few that what the others have is not worth
// making.
func (b *Block) few(rows []uint32) bool { return b.src != nil && 8*len(rows) < b.meta.Rows }

// fillOps fills in names and resources.
func (b *Block) fillOps(out []span.Span, rows []uint32) error {
	if b.few(rows) {
		ops, err := b.ops()
		if err != nil {
			return err
		}
		names, err := b.rawNames()
		if err != nil {
			return err
		}
		encoded, err := b.rawResources()
		if err != nil {
			return err
		}
		made := make(map[uint32]*span.Resource, 16)
		for i, r := range rows {
			op := ops.rows[r]
			out[i].Name = names.at(int(ops.names[op]))
			id := ops.resources[op]
			if made[id] == nil {
				if made[id], err = decodeResource(encoded[id]); err != nil {
					return err
				}
			}
			out[i].Resource = made[id]
		}
		return nil
	}
	names, err := b.Names()
	if err != nil {
		return err
	}
	resources, err := b.resources.get(b.decodeResources)
	if err != nil {
		return err
	}
	for i, r := range rows {
		out[i].Name, out[i].Resource = names.Dict[names.IDs[r]], resources.table[resources.ids[r]]
	}
	return nil
}

func (b *Block) fillEvents(out []span.Span, rows []uint32, t *tables) error {
	ends, err := b.EventRows()
	if err != nil || ends == nil {
		return err
	}
	children := childRows(ends, rows)
	if len(children) == 0 {
		return nil
	}
	times, err := b.EventTimes()
	if err != nil {
		return err
	}
	names, err := b.EventNames()
	if err != nil {
		return err
	}
	dropped, err := b.eventDropped.get(b.decodeEventDropped)
	if err != nil {
		return err
	}
	m, err := b.materialise(&t.events, children)
	if err != nil {
		return err
	}
	events := make([]span.Event, len(children))
	for i, r := range children {
		events[i] = span.Event{Time: times[r], Name: names.Dict[names.IDs[r]], Attrs: m.attrs(i), Dropped: dropped.get(r)}
	}
	for i, r := range rows {
		if n := childCount(ends, r); n > 0 {
			out[i].Events, events = events[:n:n], events[n:]
		}
	}
	return nil
}

func (b *Block) fillLinks(out []span.Span, rows []uint32, t *tables) error {
	ends, err := b.LinkRows()
	if err != nil || ends == nil {
		return err
	}
	children := childRows(ends, rows)
	if len(children) == 0 {
		return nil
	}
	traces, err := b.LinkTraces()
	if err != nil {
		return err
	}
	ids, err := b.LinkIDs()
	if err != nil {
		return err
	}
	states, err := b.linkStates.get(b.decodeLinkStates)
	if err != nil {
		return err
	}
	flags, err := b.linkFlags.get(b.decodeLinkFlags)
	if err != nil {
		return err
	}
	dropped, err := b.linkDropped.get(b.decodeLinkDropped)
	if err != nil {
		return err
	}
	m, err := b.materialise(&t.links, children)
	if err != nil {
		return err
	}
	links := make([]span.Link, len(children))
	for i, r := range children {
		links[i] = span.Link{TraceID: traces[r], ID: ids[r], State: states.Dict[states.IDs[r]], Flags: flags.get(r), Attrs: m.attrs(i), Dropped: dropped.get(r)}
	}
	for i, r := range rows {
		if n := childCount(ends, r); n > 0 {
			out[i].Links, links = links[:n:n], links[n:]
		}
	}
	return nil
}

func childCount(ends []uint32, row uint32) uint32 {
	if row == 0 {
		return ends[0]
	}
	return ends[row] - ends[row-1]
}

// childRows returns the rows of the children of rows, in their order.
func childRows(ends, rows []uint32) []uint32 {
	var c []uint32
	for _, r := range rows {
		for k := ends[r] - childCount(ends, r); k < ends[r]; k++ {
			c = append(c, k)
		}
	}
	return c
}

// made holds the attributes of some rows, one after another.
type made struct {
	all  []span.Attr
	ends []int
}

// attrs returns those of the i-th row asked for, nil if it has none.
func (m *made) attrs(i int) []span.Attr {
	from := 0
	if i > 0 {
		from = m.ends[i-1]
	}
	if from == m.ends[i] {
		return nil
	}
	return m.all[from:m.ends[i]:m.ends[i]]
}

// materialise returns the attributes of rows.
func (b *Block) materialise(a *attributes, rows []uint32) (made, error) {
	shapes, err := b.shapes(a)
	if err != nil {
		return made{}, err
	}
	n := 0
	for _, r := range rows {
		n += len(a.shapes[shapes[r]])
	}
	m := made{all: make([]span.Attr, 0, n), ends: make([]int, len(rows))}
	cols := make([]*rawColumn, len(a.cols))
	many := 8*len(rows) >= len(shapes) // worth making all the strings
	for i, r := range rows {
		shape := a.shapes[shapes[r]]
		for k, ci := range shape {
			c := cols[ci]
			if c == nil {
				if c, err = b.anyColumn(a, int(ci), many); err != nil {
					return made{}, err
				}
				cols[ci] = c
			}
			j, _ := c.Find(r)
			if c.Rows != nil && j+1 < len(c.Rows) && c.Rows[j+1] == r {
				for _, before := range shape[:k] {
					if before == ci {
						j++ // the row has the key more than once
					}
				}
			}
			m.all = append(m.all, span.Attr{Key: c.Key, Value: c.value(j)})
		}
		m.ends[i] = len(m.all)
	}
	return m, nil
}
