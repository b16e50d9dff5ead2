package query

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/block"
	"github.com/weft-trace/weft/server/store"
)

// Budget bounds what a call may read. When it is used up, the call ends early
// and says so in its Stats. Zero values mean the defaults, negative ones no bound.
type Budget struct {
	Rows int64         // spans to look at; by default 100 million
	Time time.Duration // by default 10 s
	// Even has blocks read in an order that goes evenly through the whole range,
	// so that what a call counts before its budget is used up is a sample of all
	// spans: see Stats.Share. Otherwise the newest spans come first.
	Even bool
}

const (
	defaultRows = 100_000_000
	defaultTime = 10 * time.Second
)

// Stats says what a call has read, and whether that was all.
type Stats struct {
	Partial bool          // it ended early, or a block could not be read
	Why     string        // if Partial: why
	Rows    int64         // spans looked at
	Blocks  int64         // blocks read
	Elapsed time.Duration // time taken
	Share   float64       // with Budget.Even: which share of the spans that may match were looked at; 0 or 1: all
}

func (s *Stats) partial(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	if s.Partial && strings.Contains(s.Why, why) {
		return
	}
	if s.Partial {
		why = s.Why + "; " + why
	}
	s.Partial, s.Why = true, why
}

// damage notes that the store met damage while a call read from it.
func (s *Stats) damage(n int64) {
	if n > 0 {
		s.partial("a part of the store cannot be read; the server's log says which")
	}
}

// scan looks for the spans of a query that start in [from, to).
type scan struct {
	expr     Expr
	limits   limits
	from, to int64
	budget   Budget
	began    time.Time
	stats    Stats
	// enough, if it is set, is asked before a block is looked at, whether it and
	// all that follow can be left out.
	enough func(m block.Meta) bool
	// bound is the greatest start of the spans that were left out when the
	// budget was used up.
	bound int64
	out   bool // the budget is used up
}

// newScan returns a scan. To 0 means that there is no end.
func newScan(q *Query, from, to int64, b Budget) *scan {
	s := &scan{from: from, to: endOf(to), budget: b, began: time.Now(), limits: noLimits}
	if b.Rows == 0 {
		s.budget.Rows = defaultRows
	}
	if b.Time == 0 {
		s.budget.Time = defaultTime
	}
	if q != nil && q.Expr != nil {
		s.expr = arrange(q.Expr)
		s.limits = q.Expr.limits(false)
	}
	return s
}

// endOf returns what a request's To means.
func endOf(to int64) int64 {
	if to == 0 {
		return math.MaxInt64
	}
	return to
}

func (s *scan) selection() store.Selection {
	l := &s.limits
	sel := store.Selection{
		From: s.from, To: s.to, Services: l.services, Names: l.names, Kinds: l.kinds,
		MinDuration: max(0, l.min), Errors: l.errors,
	}
	if l.max > 0 && l.max < math.MaxInt64 {
		sel.MaxDuration = l.max
	}
	for _, c := range l.tokens {
		sel.Tokens = append(sel.Tokens, c.tokens)
	}
	return sel
}

// run calls visit with every block that has spans of the query and their rows,
// which visit may change, until it returns false or there is nothing more.
func (s *scan) run(ctx context.Context, st *store.Store, visit func(v *view, rows bitset) (more bool, err error)) (err error) {
	damaged := st.Damaged()
	defer func() {
		s.stats.Elapsed = time.Since(s.began)
		s.stats.damage(st.Damaged() - damaged)
	}()
	if s.limits.never || s.from >= s.to {
		s.stats.Share = 1
		return ctx.Err()
	}
	if s.limits.traces == nil && s.budget.Even {
		s.stats.Share, err = st.Sample(ctx, s.selection(), func(b *block.Block, rows []uint32) (bool, error) { return s.block(b, rows, visit) })
		if s.out && err == nil {
			s.stats.partial("counted from %.2g %% of the spans, chosen evenly", 100*s.stats.Share)
		}
		return err
	}
	s.stats.Share = 1
	if s.limits.traces == nil {
		return st.Scan(ctx, s.selection(), func(b *block.Block, rows []uint32) (bool, error) {
			if s.enough != nil && s.enough(b.Meta()) {
				return false, nil
			}
			return s.block(b, rows, visit)
		})
	}
	more := true
	for _, id := range s.limits.traces {
		err := st.ScanTrace(ctx, id, func(b *block.Block, rows []uint32) (err error) {
			if more {
				more, err = s.block(b, rows, visit)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// block evaluates the query on one block.
func (s *scan) block(b *block.Block, rows []uint32, visit func(v *view, rows bitset) (bool, error)) (more bool, err error) {
	if s.spent() {
		s.out, s.bound = true, b.Meta().MaxStart
		if s.limits.traces != nil { // then blocks come in no order
			s.bound = math.MaxInt64
		}
		return false, nil
	}
	v := newView(b)
	defer v.close()
	set := v.bits()
	defer v.drop(set)
	if rows == nil {
		set.fill(v.n)
		s.stats.Rows += int64(v.n)
	} else {
		for _, r := range rows {
			set.set(r)
		}
		s.stats.Rows += int64(len(rows))
	}
	s.stats.Blocks++
	// The store reports a block that cannot be read, and goes on with the next one.
	if err = s.filter(v, set); err != nil || set.empty() {
		return true, err
	}
	return visit(v, set)
}

// filter keeps the rows that start in the scan's range and fulfil its query.
func (s *scan) filter(v *view, rows bitset) error {
	if m := v.Meta(); m.MinStart < s.from || m.MaxStart >= s.to {
		starts, err := v.Starts()
		if err != nil {
			return err
		}
		for row := range rows.all() {
			if t := starts[row]; t < s.from || t >= s.to {
				rows.unset(row)
			}
		}
	}
	if s.expr == nil || rows.empty() {
		return nil
	}
	return s.expr.eval(v, rows)
}

// Matching returns those of the rows of a block, ascending, that fulfil the query.
func (q *Query) Matching(b *block.Block, rows []uint32) ([]uint32, error) {
	if q == nil || q.Expr == nil {
		return rows, nil
	}
	v := newView(b)
	defer v.close()
	set := v.bits()
	defer v.drop(set)
	for _, r := range rows {
		set.set(r)
	}
	if err := arrange(q.Expr).eval(v, set); err != nil {
		return nil, err
	}
	var found []uint32
	for r := range set.all() {
		found = append(found, r)
	}
	return found, nil
}

// spent reports whether the budget is used up. It never is before the first block.
func (s *scan) spent() bool {
	switch {
	case s.stats.Blocks == 0:
	case s.budget.Even && (s.budget.Rows > 0 && s.stats.Rows >= s.budget.Rows || s.budget.Time > 0 && time.Since(s.began) >= s.budget.Time):
		return true // why is said when the share is known
	case s.budget.Rows > 0 && s.stats.Rows >= s.budget.Rows:
		s.stats.partial("stopped after %d spans; narrow the time range or the query", s.stats.Rows)
		return true
	case s.budget.Time > 0 && time.Since(s.began) >= s.budget.Time:
		s.stats.partial("stopped after %s; narrow the time range or the query", s.budget.Time)
		return true
	}
	return false
}

// fingerprint tells queries apart.
func fingerprint(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum64()
}
