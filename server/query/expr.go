package query

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// Query is a condition on spans. The zero value and nil match every span. It
// is not to be changed; several goroutines may use it.
type Query struct {
	Expr Expr // nil: every span
}

// New returns the query for an expression; nil means every span.
func New(e Expr) *Query { return &Query{e} }

// String returns the query in its canonical form, which Parse reads as the same query.
func (q *Query) String() string {
	if q == nil || q.Expr == nil {
		return ""
	}
	var b strings.Builder
	q.Expr.print(&b, 0)
	return b.String()
}

// Match reports whether a span fulfils the query.
func (q *Query) Match(s *span.Span) bool { return q == nil || q.Expr == nil || q.Expr.match(s) }

// Expr is And, Or, Not, *Cond or Text.
type Expr interface {
	match(s *span.Span) bool
	// print writes the expression; an operator that binds weaker than level is put in parentheses.
	print(b *strings.Builder, level int)
	// eval keeps those of the given rows of a block that fulfil the expression.
	eval(v *view, rows bitset) error
	// cost says in which order the parts of a conjunction are looked at.
	cost() int
	limits(negated bool) limits
}

// And holds if all of its parts do.
type And struct{ List []Expr }

// Or holds if one of its parts does.
type Or struct{ List []Expr }

// Not holds if its part does not.
type Not struct{ Expr Expr }

// Text holds for spans whose name or service contains the text; case does not matter.
type Text struct{ Text string }

// Cond compares a field. Make it by Compare, OneOf, Has or NewRegexp.
type Cond struct {
	Field  Field
	Op     Op
	Values []Value // none for Exists, some for In and NotIn, one for all others

	re *regexp.Regexp
	// What Values mean to an intrinsic field. A value that is none of its
	// possible ones equals nothing.
	times  []int64        // Duration
	set    uint32         // Kind, Status: bit n for the number n
	traces []span.TraceID // Trace
	ids    []span.ID      // SpanID, Parent
}

// Op is a comparison.
type Op uint8

const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Prefix    // the text starts with the value
	Contains  // the text contains the value
	Regexp    // the whole text matches the regular expression (RE2)
	NotRegexp // it does not
	In        // equals one of the values
	NotIn     // equals none of the values
	Exists
)

var ops = [...]string{"=", "!=", "<", "<=", ">", ">=", "^=", "*=", "=~", "!~", "in", "not in", "exists"}

// String returns the operator as it is written in a query.
func (o Op) String() string { return ops[o] }

// All is the conjunction of expressions; nils, which mean every span, are dropped.
func All(list ...Expr) Expr {
	var flat []Expr
	for _, e := range list {
		switch e := e.(type) {
		case nil:
		case And:
			flat = append(flat, e.List...)
		default:
			flat = append(flat, e)
		}
	}
	switch len(flat) {
	case 0:
		return nil
	case 1:
		return flat[0]
	}
	return And{flat}
}

// Any is the disjunction of expressions; nils are dropped. Of none it is nil.
func Any(list ...Expr) Expr {
	var flat []Expr
	for _, e := range list {
		switch e := e.(type) {
		case nil:
		case Or:
			flat = append(flat, e.List...)
		default:
			flat = append(flat, e)
		}
	}
	switch len(flat) {
	case 0:
		return nil
	case 1:
		return flat[0]
	}
	return Or{flat}
}

// Compare compares a field with one value. What a field cannot be compared
// with holds for no span.
func Compare(f Field, op Op, v Value) Expr { return newCond(f, op, []Value{v}) }

// OneOf holds if the field equals one of the values.
func OneOf(f Field, v ...Value) Expr { return newCond(f, In, slices.Clone(v)) }

// Has holds if the field is there; of an intrinsic text, parent or number, if it is not empty, unset or zero.
func Has(f Field) Expr { return newCond(f, Exists, nil) }

// NewRegexp holds if the field's whole text matches the regular expression,
// whose syntax is RE2's, or with negate if it has one that does not. A dot
// matches line breaks, too.
func NewRegexp(f Field, pattern string, negate bool) (Expr, error) {
	op := Regexp
	if negate {
		op = NotRegexp
	}
	c := newCond(f, op, []Value{StringValue(pattern)})
	if c.re == nil {
		_, err := compile(pattern)
		return nil, fmt.Errorf("regular expression %q: %w", clip(pattern), err)
	}
	return c, nil
}

func compile(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil { // alone first, so that a stray ) is an error
		return nil, err
	}
	return regexp.Compile(`^(?s:` + pattern + `)$`)
}

func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

func newCond(f Field, op Op, values []Value) *Cond {
	c := &Cond{Field: f, Op: op, Values: values}
	if (op == Regexp || op == NotRegexp) && len(values) == 1 {
		c.re, _ = compile(values[0].text)
	}
	for i := range values {
		v := &values[i]
		switch f {
		case Duration:
			if v.isNumber() {
				c.times = append(c.times, nanoseconds(v.num))
			}
		case Kind:
			if k, ok := span.ParseKind(strings.ToLower(v.text)); ok {
				c.set |= 1 << k
				*v = StringValue(k.String())
			}
		case Status:
			if s, ok := span.ParseStatus(strings.ToLower(v.text)); ok {
				c.set |= 1 << s
				*v = StringValue(s.String())
			}
		case Trace:
			if id, err := span.ParseTraceID(v.text); err == nil {
				c.traces = append(c.traces, id)
				*v = WordValue(id.String())
			}
		case SpanID, Parent:
			if id, err := span.ParseID(v.text); err == nil {
				c.ids = append(c.ids, id)
				*v = WordValue(id.String())
			}
		default:
			if op == Regexp || op == NotRegexp {
				*v = StringValue(v.text)
			}
		}
	}
	return c
}

func nanoseconds(n span.Value) int64 {
	if n.Type == span.Int {
		return n.Int()
	}
	return int64(n.Float())
}

// problem says why a field cannot be compared like that, "" if it can. It is
// what makes a parsed query an error instead of one that never holds.
func (c *Cond) problem() string {
	isText := c.Op >= Prefix && c.Op <= NotRegexp
	isOrder := c.Op >= Less && c.Op <= GreaterEqual
	quote := func(v Value) string { return fmt.Sprintf("%q", clip(v.text)) }
	if c.re == nil && (c.Op == Regexp || c.Op == NotRegexp) {
		_, err := compile(c.Values[0].text)
		return strings.TrimPrefix(fmt.Sprint(err), "error parsing regexp: ") + " in a regular expression (RE2 syntax)"
	}
	if c.Field.Scope != Intrinsic {
		if isOrder && !c.Values[0].isNumber() {
			return quote(c.Values[0]) + " is not a number, which " + c.Op.String() + " compares; expected one such as 500, 250ms or 10MB"
		}
		return ""
	}
	switch c.Field {
	case Duration:
		if isText {
			return "a duration is not text; expected = != < <= > >= or in"
		}
		for _, v := range c.Values {
			if v.form != formDuration {
				return quote(v) + " is not a length of time; expected a number with its unit (ns, us, ms, s, m, h, d), such as 250ms or 1m30s"
			}
		}
	case Kind, Status:
		if isText || isOrder {
			return "the " + c.Field.Key + " is compared with = != or in"
		}
		for _, v := range c.Values {
			if _, ok := span.ParseKind(v.text); c.Field == Kind && !ok {
				return quote(v) + " is no kind; expected server, client, producer, consumer, internal or unspecified"
			}
			if _, ok := span.ParseStatus(v.text); c.Field == Status && !ok {
				return quote(v) + " is no status; expected error, ok or unset"
			}
		}
	case Trace, SpanID, Parent:
		if isText || isOrder {
			return "ids are compared with = != or in"
		}
		for _, v := range c.Values {
			var err error
			if c.Field == Trace {
				_, err = span.ParseTraceID(v.text)
			} else {
				_, err = span.ParseID(v.text)
			}
			if err != nil {
				return err.Error()
			}
		}
	default:
		if isOrder {
			return "the " + c.Field.Key + " is text; expected = != ^= (prefix) *= (part) =~ !~ (regular expression) or in"
		}
	}
	return ""
}

// Precedence of operators, from the weakest.
const (
	levelOr = iota
	levelAnd
	levelNot
)

func printList(b *strings.Builder, list []Expr, word string, own, level int) {
	if len(list) == 1 {
		list[0].print(b, level)
		return
	}
	if len(list) == 0 { // And of nothing holds always, Or of nothing never
		e := Expr(Any(Has(Name), Not{Has(Name)}))
		if own == levelOr {
			e = All(Has(Name), Not{Has(Name)})
		}
		e.print(b, level)
		return
	}
	if own < level {
		b.WriteByte('(')
	}
	for i, e := range list {
		if i > 0 {
			b.WriteString(word)
		}
		e.print(b, own+1)
	}
	if own < level {
		b.WriteByte(')')
	}
}

func (e And) print(b *strings.Builder, level int) { printList(b, e.List, " and ", levelAnd, level) }
func (e Or) print(b *strings.Builder, level int)  { printList(b, e.List, " or ", levelOr, level) }

func (e Not) print(b *strings.Builder, level int) {
	b.WriteString("not ")
	if _, ok := e.Expr.(*Cond); ok { // without them, too, but then it can be read as a condition on "not x"
		b.WriteByte('(')
		e.Expr.print(b, levelOr)
		b.WriteByte(')')
		return
	}
	e.Expr.print(b, levelNot)
}

func (e Text) print(b *strings.Builder, level int) {
	if _, ok := intrinsics[e.Text]; !ok && isPlainWord(e.Text) {
		b.WriteString(e.Text)
	} else {
		fmt.Fprintf(b, "%q", e.Text)
	}
}

func (c *Cond) print(b *strings.Builder, level int) {
	b.WriteString(c.Field.String())
	b.WriteByte(' ')
	b.WriteString(c.Op.String())
	switch c.Op {
	case Exists:
	case In, NotIn:
		for i, v := range c.Values {
			b.WriteString([]string{", ", " ("}[boolInt(i == 0)])
			b.WriteString(v.String())
		}
		b.WriteByte(')')
	default:
		b.WriteByte(' ')
		b.WriteString(c.Values[0].String())
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
