package query

import (
	"slices"
	"sync"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/span"
)

// view is a block that a query is evaluated on. It owns the memory for that,
// which is used again for the next block.
type view struct {
	*block.Block
	n    int
	free []bitset
	memo []uint8
}

var views = sync.Pool{New: func() any { return new(view) }}

// newView returns a view of b. The caller closes it.
func newView(b *block.Block) *view {
	v := views.Get().(*view)
	v.Block, v.n = b, b.Len()
	return v
}

func (v *view) close() {
	v.Block = nil
	views.Put(v)
}

// bits returns an empty set of rows. The caller gives it back to drop.
func (v *view) bits() bitset {
	n := words(v.n)
	if k := len(v.free); k > 0 {
		s := v.free[k-1]
		v.free = v.free[:k-1]
		if cap(s) >= n {
			s = s[:n]
			clear(s)
			return s
		}
	}
	return make(bitset, n, n+n/2)
}

func (v *view) drop(s bitset) { v.free = append(v.free, s) }

// What a memo knows of an entry of a dictionary.
const (
	unknown = iota
	holds
	fails
)

// byID keeps the rows whose id fulfils the predicate, which is asked once an id.
func (v *view) byID(rows bitset, ids []uint32, size int, pred func(id uint32) bool) {
	if cap(v.memo) < size {
		v.memo = make([]uint8, size+size/2)
	}
	memo := v.memo[:size]
	clear(memo)
	for row := range rows.all() {
		id := ids[row]
		if memo[id] == unknown {
			memo[id] = fails
			if pred(id) {
				memo[id] = holds
			}
		}
		if memo[id] == fails {
			rows.unset(row)
		}
	}
}

// arrange returns the expression with the parts of every conjunction and
// disjunction in the order in which they are best evaluated.
func arrange(e Expr) Expr {
	sorted := func(list []Expr) []Expr {
		out := make([]Expr, len(list))
		for i, x := range list {
			out[i] = arrange(x)
		}
		slices.SortStableFunc(out, func(a, b Expr) int { return a.cost() - b.cost() })
		return out
	}
	switch e := e.(type) {
	case And:
		return And{sorted(e.List)}
	case Or:
		return Or{sorted(e.List)}
	case Not:
		return Not{arrange(e.Expr)}
	}
	return e
}

func costOf(list []Expr) (most int) {
	for _, e := range list {
		most = max(most, e.cost())
	}
	return most
}

func (e And) cost() int  { return costOf(e.List) }
func (e Or) cost() int   { return costOf(e.List) }
func (e Not) cost() int  { return e.Expr.cost() }
func (e Text) cost() int { return 3 }

// cost is about how much there is to decode and to compare.
func (c *Cond) cost() int {
	n := 0
	switch c.Field.Scope {
	case Intrinsic:
		switch c.Field {
		case Duration, Kind, Status, Service:
			n = 1
		case EventName:
			n = 6
		default:
			n = 2
		}
	case ResourceAttr, ScopeAttr:
		n = 2
	case Either, SpanAttr:
		n = 4
	case EventAttr:
		n = 7
	}
	if c.Op == Regexp || c.Op == NotRegexp {
		n++
	}
	return n
}

func (e And) eval(v *view, rows bitset) error {
	for _, x := range e.List {
		if rows.empty() {
			return nil
		}
		if err := x.eval(v, rows); err != nil {
			return err
		}
	}
	return nil
}

func (e Or) eval(v *view, rows bitset) error {
	found, rest := v.bits(), v.bits()
	defer v.drop(found)
	defer v.drop(rest)
	for _, x := range e.List {
		copy(rest, rows)
		rest.andNot(found)
		if rest.empty() {
			break
		}
		if err := x.eval(v, rest); err != nil {
			return err
		}
		found.or(rest)
	}
	rows.and(found)
	return nil
}

func (e Not) eval(v *view, rows bitset) error {
	found := v.bits()
	defer v.drop(found)
	copy(found, rows)
	if err := e.Expr.eval(v, found); err != nil {
		return err
	}
	rows.andNot(found)
	return nil
}

func (e Text) eval(v *view, rows bitset) error {
	names, err := v.Names()
	if err != nil {
		return err
	}
	services, err := v.Services()
	if err != nil {
		return err
	}
	found := v.bits()
	defer v.drop(found)
	copy(found, rows)
	v.byID(found, names.IDs, len(names.Dict), func(id uint32) bool { return containsFold(names.Dict[id], e.Text) })
	rest := v.bits()
	defer v.drop(rest)
	copy(rest, rows)
	rest.andNot(found)
	v.byID(rest, services.IDs, len(services.Dict), func(id uint32) bool { return containsFold(services.Dict[id], e.Text) })
	found.or(rest)
	rows.and(found)
	return nil
}

func (c *Cond) eval(v *view, rows bitset) error {
	switch c.Field.Scope {
	case Intrinsic:
		return c.evalIntrinsic(v, rows)
	case ResourceAttr:
		return c.evalResource(v, rows)
	case ScopeAttr:
		ids, table, err := v.Scopes()
		if err == nil {
			v.byID(rows, ids, len(table), func(id uint32) bool { return c.attrs(table[id].Attrs) })
		}
		return err
	case EventAttr:
		return c.evalEvents(v, rows)
	}
	cols, err := v.Attrs(c.Field.Key)
	if err != nil {
		return err
	}
	found := v.bits()
	defer v.drop(found)
	for _, col := range cols {
		c.column(v, col, rows, found)
	}
	if c.Field.Scope == Either {
		// Spans without the attribute have their resource's.
		rest := v.bits()
		defer v.drop(rest)
		copy(rest, rows)
		for _, col := range cols {
			if col.Rows == nil {
				clear(rest)
			}
			for _, row := range col.Rows {
				rest.unset(row)
			}
		}
		if !rest.empty() {
			if err := c.evalResource(v, rest); err != nil {
				return err
			}
			found.or(rest)
		}
	}
	rows.and(found)
	return nil
}

func (c *Cond) evalResource(v *view, rows bitset) error {
	ids, table, err := v.Resources()
	if err == nil {
		v.byID(rows, ids, len(table), func(id uint32) bool { return c.attrs(table[id].Attrs) })
	}
	return err
}

// column adds to found those of the given rows of which a value of the column
// fulfils the condition.
func (c *Cond) column(v *view, col *block.Column, rows, found bitset) {
	test := c.tester(v, col)
	switch {
	case col.Rows == nil:
		for row := range rows.all() {
			if test(int(row)) {
				found.set(row)
			}
		}
	case rows.count() < len(col.Rows)/16: // few rows: look each of them up
		for row := range rows.all() {
			i, ok := slices.BinarySearch(col.Rows, row)
			for ; ok && i < len(col.Rows) && col.Rows[i] == row; i++ {
				if test(i) {
					found.set(row)
				}
			}
		}
	default:
		for i, row := range col.Rows {
			if rows.has(row) && test(i) {
				found.set(row)
			}
		}
	}
}

// tester returns the condition on value i of a column. An entry of the
// column's dictionary is looked at once; the function is valid until the next
// use of v's memo.
func (c *Cond) tester(v *view, col *block.Column) func(i int) bool {
	if c.Op == Exists {
		return func(int) bool { return true }
	}
	switch col.Type {
	case span.Bool, span.Int, span.Float:
		if c.Op == Prefix || c.Op == Contains || c.Op == Regexp || c.Op == NotRegexp {
			known := map[uint64]bool{} // text is made once a value
			return func(i int) bool {
				n := col.Nums[i]
				yes, ok := known[n]
				if !ok {
					yes = c.scalar(col.Value(i))
					if len(known) < 1<<16 {
						known[n] = yes
					}
				}
				return yes
			}
		}
		if col.Type == span.Int && c.Op == Equal {
			// The common one, without a call per value. A number that is not whole equals no integer.
			if want := c.Values[0]; want.isNumber() && want.num.Type == span.Int {
				return func(i int) bool { return col.Nums[i] == want.num.Num }
			}
			return func(int) bool { return false }
		}
		return func(i int) bool { return c.scalar(span.Value{Type: col.Type, Num: col.Nums[i]}) }
	case span.Empty:
		yes := c.scalar(span.Value{})
		return func(int) bool { return yes }
	}
	if cap(v.memo) < len(col.Dict) {
		v.memo = make([]uint8, len(col.Dict)+len(col.Dict)/2)
	}
	memo := v.memo[:len(col.Dict)]
	clear(memo)
	return func(i int) bool {
		id := col.IDs[i]
		if memo[id] == unknown {
			memo[id] = fails
			if c.value(span.Value{Type: col.Type, Str: col.Dict[id]}) {
				memo[id] = holds
			}
		}
		return memo[id] == holds
	}
}

func (c *Cond) evalIntrinsic(v *view, rows bitset) error {
	strings := func(s block.Strings, err error) error {
		if err == nil {
			v.byID(rows, s.IDs, len(s.Dict), func(id uint32) bool { return c.text(s.Dict[id]) })
		}
		return err
	}
	switch c.Field {
	case Service:
		return strings(v.Services())
	case Name:
		return strings(v.Names())
	case Message:
		return strings(v.Messages())
	case EventName:
		return c.evalEvents(v, rows)
	case ScopeName, ScopeVersion:
		ids, table, err := v.Scopes()
		if err == nil {
			v.byID(rows, ids, len(table), func(id uint32) bool {
				if c.Field == ScopeName {
					return c.text(table[id].Name)
				}
				return c.text(table[id].Version)
			})
		}
		return err
	case Duration:
		d, err := v.Durations()
		return keep(rows, d, err, c.duration)
	case Kind:
		k, err := v.Kinds()
		return keep(rows, k, err, func(k span.Kind) bool { return c.number(uint8(k)) })
	case Status:
		s, err := v.Statuses()
		return keep(rows, s, err, func(s span.Status) bool { return c.number(uint8(s)) })
	case Trace:
		t, err := v.TraceIDs()
		return keep(rows, t, err, func(t span.TraceID) bool { return c.member(!t.IsZero(), slices.Contains(c.traces, t)) })
	case SpanID:
		ids, err := v.IDs()
		return keep(rows, ids, err, func(i span.ID) bool { return c.member(!i.IsZero(), slices.Contains(c.ids, i)) })
	case Parent:
		ids, err := v.Parents()
		return keep(rows, ids, err, func(i span.ID) bool { return c.member(!i.IsZero(), slices.Contains(c.ids, i)) })
	}
	clear(rows)
	return nil
}

func keep[T any](rows bitset, values []T, err error, pred func(T) bool) error {
	if err != nil {
		return err
	}
	for row := range rows.all() {
		if !pred(values[row]) {
			rows.unset(row)
		}
	}
	return nil
}

// evalEvents keeps the rows of which one event fulfils the condition.
func (c *Cond) evalEvents(v *view, rows bitset) error {
	ends, err := v.EventRows()
	if err != nil || ends == nil {
		clear(rows)
		return err
	}
	found := v.bits()
	defer v.drop(found)
	if c.Field == EventName {
		names, err := v.EventNames()
		if err != nil {
			return err
		}
		for row := range rows.all() {
			first := uint32(0)
			if row > 0 {
				first = ends[row-1]
			}
			for e := first; e < ends[row]; e++ {
				if c.text(names.At(int(e))) {
					found.set(row)
					break
				}
			}
		}
		rows.and(found)
		return nil
	}
	cols, err := v.EventAttrs(c.Field.Key)
	if err != nil {
		return err
	}
	for _, col := range cols {
		test := c.tester(v, col)
		if col.Rows == nil { // every event has it
			e := uint32(0)
			for row, end := range ends {
				for ; e < end; e++ {
					if rows.has(uint32(row)) && test(int(e)) {
						found.set(uint32(row))
					}
				}
			}
			continue
		}
		row := uint32(0)
		for i, e := range col.Rows {
			for ends[row] <= e {
				row++
			}
			if rows.has(row) && test(i) {
				found.set(row)
			}
		}
	}
	rows.and(found)
	return nil
}
