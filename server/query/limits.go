package query

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// limits is what every span that fulfils an expression has. It is what the
// store's index can look for; the expression itself is checked afterwards.
type limits struct {
	never    bool     // no span fulfils the expression
	services []string // nil: any
	names    []string
	kinds    []span.Kind
	min, max int64 // of the duration
	errors   bool
	traces   []span.TraceID
	tokens   []clause
}

// clause is a list of tokens of which a span has one.
type clause struct {
	tokens []store.Token
	rank   int // how much it is worth: lower is better
}

// The ranks of clauses. An attribute's value is rarer than an operation, and
// that than a service; most spans of a service have a key.
const (
	rankValue = iota
	rankName
	rankService
	rankKey
)

var noLimits = limits{min: math.MinInt64, max: math.MaxInt64}

func (e And) limits(negated bool) limits {
	if negated {
		return union(e.List, true)
	}
	return intersection(e.List, false)
}

func (e Or) limits(negated bool) limits {
	if negated {
		return intersection(e.List, true)
	}
	return union(e.List, false)
}

func (e Not) limits(negated bool) limits  { return e.Expr.limits(!negated) }
func (e Text) limits(negated bool) limits { return noLimits }

func intersection(list []Expr, negated bool) limits {
	l := noLimits
	for _, e := range list {
		o := e.limits(negated)
		l.never = l.never || o.never
		l.services = intersect(l.services, o.services)
		l.names = intersect(l.names, o.names)
		l.kinds = intersect(l.kinds, o.kinds)
		l.traces = intersect(l.traces, o.traces)
		l.min, l.max = max(l.min, o.min), min(l.max, o.max)
		l.errors = l.errors || o.errors
		l.tokens = append(l.tokens, o.tokens...)
	}
	if l.min > l.max || isNone(l.services) || isNone(l.names) || isNone(l.kinds) || isNone(l.traces) {
		l.never = true
	}
	return l
}

func isNone[T any](list []T) bool { return list != nil && len(list) == 0 }

func intersect[T comparable](a, b []T) []T {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := make([]T, 0, len(a))
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

func union(list []Expr, negated bool) limits {
	l := limits{never: true}
	for _, e := range list {
		o := e.limits(negated)
		if o.never {
			continue
		}
		if l.never {
			l = o
			continue
		}
		// A span that fulfils the one or the other has a token of the best clause of the one or of the other.
		a, okA := l.best()
		b, okB := o.best()
		l.tokens = nil
		if okA && okB {
			l.tokens = []clause{{slices.Concat(a.tokens, b.tokens), max(a.rank, b.rank)}}
		}
		l.services = unite(l.services, o.services)
		l.names = unite(l.names, o.names)
		l.kinds = unite(l.kinds, o.kinds)
		l.traces = unite(l.traces, o.traces)
		l.min, l.max = min(l.min, o.min), max(l.max, o.max)
		l.errors = l.errors && o.errors
	}
	return l
}

func unite[T comparable](a, b []T) []T {
	if a == nil || b == nil {
		return nil
	}
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// best returns the clause that fewest spans fulfil, by its looks.
func (l *limits) best() (c clause, ok bool) {
	all := slices.Clone(l.tokens)
	if l.names != nil {
		all = append(all, tokensOf(l.names, store.NameToken, rankName))
	}
	if l.services != nil {
		all = append(all, tokensOf(l.services, store.ServiceToken, rankService))
	}
	if len(all) == 0 {
		return clause{}, false
	}
	return slices.MinFunc(all, func(a, b clause) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return len(a.tokens) - len(b.tokens)
	}), true
}

func tokensOf[T any](list []T, token func(T) store.Token, rank int) clause {
	c := clause{rank: rank}
	for _, x := range list {
		c.tokens = append(c.tokens, token(x))
	}
	return c
}

func (c *Cond) limits(negated bool) limits {
	l := noLimits
	if c.Field == Duration && len(c.times) > 0 {
		l.min, l.max = c.durations(negated)
		return l
	}
	if negated {
		return l
	}
	texts := c.literals()
	switch c.Field {
	case Service:
		// A span without the attribute service.name has no token for it.
		if !slices.Contains(texts, "") {
			l.services = texts
		}
	case Name:
		l.names = texts
	case Kind:
		if c.Op == Equal || c.Op == In {
			l.kinds = []span.Kind{}
			for k := range span.Kind(32) {
				if c.set&(1<<k) != 0 {
					l.kinds = append(l.kinds, k)
				}
			}
		}
	case Status:
		l.errors = (c.Op == Equal || c.Op == In) && c.set == 1<<span.StatusError
	case Trace:
		if c.Op == Equal || c.Op == In {
			l.traces = append([]span.TraceID{}, c.traces...)
		}
	case EventName:
		if texts != nil {
			l.tokens = []clause{tokensOf(texts, func(s string) store.Token { return store.ValueToken("event", span.StringValue(s)) }, rankValue)}
		}
	default:
		if c.Field.Scope != Intrinsic {
			l.tokens = []clause{c.attrTokens(texts)}
		}
	}
	if isNone(l.services) || isNone(l.names) || isNone(l.kinds) || isNone(l.traces) {
		l.never = true
	}
	return l
}

// attrTokens returns the tokens of which a span has one if an attribute
// fulfils the condition: every comparison wants the key to be there.
func (c *Cond) attrTokens(texts []string) clause {
	key := c.Field.Key
	if c.Field.Scope == EventAttr {
		key = "event." + key
	}
	if texts == nil || slices.Contains(texts, "") {
		return clause{[]store.Token{store.KeyToken(key)}, rankKey}
	}
	// A value that equals nothing has no token, so neither has a list without values.
	cl := tokensOf(texts, func(s string) store.Token { return store.ValueToken(key, span.StringValue(s)) }, rankValue)
	for _, v := range c.Values {
		if v.isNumber() && c.Op != Regexp {
			if t := store.ValueToken(key, v.num); !slices.Contains(cl.tokens, t) {
				cl.tokens = append(cl.tokens, t)
			}
		}
	}
	return cl
}

// literals returns the texts of which the field has one if the condition
// holds, nil if that is not known.
func (c *Cond) literals() []string {
	switch c.Op {
	case Equal, In:
		texts := make([]string, len(c.Values))
		for i, v := range c.Values {
			texts[i] = v.text
		}
		return texts
	case Regexp: // a|b|c is how other programs write a list
		parts := strings.Split(c.Values[0].text, "|")
		for _, p := range parts {
			if regexp.QuoteMeta(p) != p {
				return nil
			}
		}
		return parts
	}
	return nil
}

// durations returns the range in which a duration fulfils the condition, or
// with negated does not.
func (c *Cond) durations(negated bool) (least, most int64) {
	least, most = math.MinInt64, math.MaxInt64
	op := c.Op
	if negated {
		var inverse = map[Op]Op{Less: GreaterEqual, LessEqual: Greater, Greater: LessEqual, GreaterEqual: Less, NotEqual: Equal}
		i, ok := inverse[op]
		if !ok {
			return least, most
		}
		op = i
	}
	t := c.times[0]
	switch op {
	case Less:
		if t == math.MinInt64 {
			return 0, -1
		}
		most = t - 1
	case LessEqual:
		most = t
	case Greater:
		if t == math.MaxInt64 {
			return 0, -1
		}
		least = t + 1
	case GreaterEqual:
		least = t
	case Equal, In:
		least, most = slices.Min(c.times), slices.Max(c.times)
	}
	return least, most
}
