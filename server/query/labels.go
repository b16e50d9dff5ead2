package query

import (
	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// label is the value of a field as it is shown.
type label struct {
	text string
	typ  span.Type // Empty: the span does not have the field, if absent is set
	none bool      // absent
}

// labels are the values of one field in a block: that of a row is
// dict[ids[row]]. Entry 0 is the absent one. A value may be in dict twice.
type labels struct {
	ids  []uint32
	dict []label
}

// labels returns the values of a field in the given rows. Of a field with
// several values it is the first: an event's is that of the first event that
// has one.
func (v *view) labels(f Field, rows bitset) (l labels, err error) {
	l = labels{make([]uint32, v.n), []label{{none: true}}}
	switch f.Scope {
	case Intrinsic:
		return l, v.intrinsicLabels(f, rows, &l)
	case ResourceAttr:
		return l, v.resourceLabels(f.Key, rows, &l)
	case ScopeAttr:
		ids, table, err := v.Scopes()
		if err == nil {
			l.byID(rows, ids, len(table), func(id uint32) label { return attrLabel(table[id].Attrs, f.Key) })
		}
		return l, err
	case EventAttr:
		return l, v.eventLabels(f.Key, rows, &l)
	}
	cols, err := v.Attrs(f.Key)
	if err != nil {
		return l, err
	}
	for _, c := range cols {
		l.column(c, func(i int) (uint32, bool) {
			row := uint32(i)
			if c.Rows != nil {
				row = c.Rows[i]
			}
			return row, rows.has(row)
		})
	}
	if f.Scope == Either {
		rest := v.bits()
		defer v.drop(rest)
		for row := range rows.all() {
			if l.ids[row] == 0 {
				rest.set(row)
			}
		}
		if !rest.empty() {
			err = v.resourceLabels(f.Key, rest, &l)
		}
	}
	return l, err
}

func labelOf(v span.Value) label { return label{text: v.Text(), typ: v.Type} }

func attrLabel(list []span.Attr, key string) label {
	if v, ok := span.Get(list, key); ok {
		return labelOf(v)
	}
	return label{none: true}
}

// column gives its values to the rows that have none yet. at returns the row
// of value i and whether it is wanted.
func (l *labels) column(c *block.Column, at func(i int) (uint32, bool)) {
	n := max(len(c.IDs), len(c.Nums), len(c.Rows))
	if n == 0 && c.Rows == nil {
		n = len(l.ids) // Empty values in every row
	}
	base := uint32(len(l.dict))
	if c.Dict != nil {
		for _, s := range c.Dict {
			l.dict = append(l.dict, labelOf(span.Value{Type: c.Type, Str: s}))
		}
		for i := range n {
			if row, ok := at(i); ok && l.ids[row] == 0 {
				l.ids[row] = base + c.IDs[i]
			}
		}
		return
	}
	known := map[uint64]uint32{}
	var last uint64
	var lastID uint32
	for i := range n {
		row, ok := at(i)
		if !ok || l.ids[row] != 0 {
			continue
		}
		var num uint64
		if c.Nums != nil {
			num = c.Nums[i]
		}
		if lastID == 0 || num != last {
			id, ok := known[num]
			if !ok {
				id = uint32(len(l.dict))
				known[num] = id
				l.dict = append(l.dict, labelOf(c.Value(i)))
			}
			last, lastID = num, id
		}
		l.ids[row] = lastID
	}
}

// byID gives values to rows by their entry in a table.
func (l *labels) byID(rows bitset, ids []uint32, size int, of func(id uint32) label) {
	known := make([]uint32, size)
	for row := range rows.all() {
		id := ids[row]
		if known[id] == 0 {
			known[id] = uint32(len(l.dict))
			l.dict = append(l.dict, of(id))
		}
		l.ids[row] = known[id]
	}
	for row := range rows.all() { // so that absent is one entry
		if l.dict[l.ids[row]].none {
			l.ids[row] = 0
		}
	}
}

func (v *view) resourceLabels(key string, rows bitset, l *labels) error {
	ids, table, err := v.Resources()
	if err == nil {
		l.byID(rows, ids, len(table), func(id uint32) label { return attrLabel(table[id].Attrs, key) })
	}
	return err
}

func (v *view) eventLabels(key string, rows bitset, l *labels) error {
	ends, err := v.EventRows()
	if err != nil || ends == nil {
		return err
	}
	cols, err := v.EventAttrs(key)
	if err != nil {
		return err
	}
	for _, c := range cols {
		row := uint32(0)
		l.column(c, func(i int) (uint32, bool) {
			event := uint32(i)
			if c.Rows != nil {
				event = c.Rows[i]
			}
			if event >= uint32(ends[len(ends)-1]) {
				return 0, false
			}
			for ends[row] <= event {
				row++
			}
			return row, rows.has(row)
		})
	}
	return nil
}

func (v *view) intrinsicLabels(f Field, rows bitset, l *labels) error {
	texts := func(s block.Strings, err error) error {
		if err == nil {
			l.byID(rows, s.IDs, len(s.Dict), func(id uint32) label { return label{text: s.Dict[id], typ: span.String} })
		}
		return err
	}
	switch f {
	case Service:
		return texts(v.Services())
	case Name:
		return texts(v.Names())
	case Message:
		return texts(v.Messages())
	case ScopeName, ScopeVersion:
		ids, table, err := v.Scopes()
		if err == nil {
			l.byID(rows, ids, len(table), func(id uint32) label {
				if f == ScopeName {
					return label{text: table[id].Name, typ: span.String}
				}
				return label{text: table[id].Version, typ: span.String}
			})
		}
		return err
	case EventName:
		ends, err := v.EventRows()
		if err != nil || ends == nil {
			return err
		}
		names, err := v.EventNames()
		if err != nil {
			return err
		}
		base := uint32(len(l.dict))
		for _, s := range names.Dict {
			l.dict = append(l.dict, label{text: s, typ: span.String})
		}
		for row := range rows.all() {
			first := uint32(0)
			if row > 0 {
				first = ends[row-1]
			}
			if first < ends[row] {
				l.ids[row] = base + names.IDs[first]
			}
		}
		return nil
	case Kind:
		k, err := v.Kinds()
		return each(l, rows, k, err, span.Kind.String)
	case Status:
		s, err := v.Statuses()
		return each(l, rows, s, err, span.Status.String)
	case Duration:
		d, err := v.Durations()
		return each(l, rows, d, err, func(d int64) string { return span.IntValue(d).Text() + "ns" })
	case Trace:
		t, err := v.TraceIDs()
		return each(l, rows, t, err, span.TraceID.String)
	case SpanID:
		i, err := v.IDs()
		return each(l, rows, i, err, span.ID.String)
	case Parent:
		i, err := v.Parents()
		return each(l, rows, i, err, span.ID.String)
	}
	return nil
}

func each[T comparable](l *labels, rows bitset, values []T, err error, text func(T) string) error {
	if err != nil {
		return err
	}
	known := map[T]uint32{}
	for row := range rows.all() {
		id, ok := known[values[row]]
		if !ok {
			id = uint32(len(l.dict))
			known[values[row]] = id
			l.dict = append(l.dict, label{text: text(values[row]), typ: span.String})
		}
		l.ids[row] = id
	}
	return nil
}
