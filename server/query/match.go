package query

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weft-trace/weft/server/span"
)

func (e And) match(s *span.Span) bool {
	for _, x := range e.List {
		if !x.match(s) {
			return false
		}
	}
	return true
}

func (e Or) match(s *span.Span) bool {
	for _, x := range e.List {
		if x.match(s) {
			return true
		}
	}
	return false
}

func (e Not) match(s *span.Span) bool { return !e.Expr.match(s) }
func (e Text) match(s *span.Span) bool {
	return containsFold(s.Name, e.Text) || containsFold(s.Service(), e.Text)
}

func (c *Cond) match(s *span.Span) bool {
	switch c.Field.Scope {
	case Intrinsic:
		return c.intrinsic(s)
	case SpanAttr:
		return c.attrs(s.Attrs)
	case ResourceAttr:
		return c.attrs(resourceOf(s).Attrs)
	case ScopeAttr:
		return c.attrs(scopeOf(s).Attrs)
	case EventAttr:
		for i := range s.Events {
			if c.attrs(s.Events[i].Attrs) {
				return true
			}
		}
		return false
	}
	if _, ok := s.Attr(c.Field.Key); ok {
		return c.attrs(s.Attrs)
	}
	return c.attrs(resourceOf(s).Attrs)
}

// Spans that were made by hand may have neither.
var (
	noResource span.Resource
	noScope    span.Scope
)

func resourceOf(s *span.Span) *span.Resource {
	if s.Resource == nil {
		return &noResource
	}
	return s.Resource
}

func scopeOf(s *span.Span) *span.Scope {
	if s.Scope == nil {
		return &noScope
	}
	return s.Scope
}

func (c *Cond) intrinsic(s *span.Span) bool {
	switch c.Field {
	case Service:
		return c.text(s.Service())
	case Name:
		return c.text(s.Name)
	case Message:
		return c.text(s.Message)
	case ScopeName:
		return c.text(scopeOf(s).Name)
	case ScopeVersion:
		return c.text(scopeOf(s).Version)
	case EventName:
		return slices.ContainsFunc(s.Events, func(e span.Event) bool { return c.text(e.Name) })
	case Duration:
		return c.duration(s.Duration)
	case Kind:
		return c.number(uint8(s.Kind))
	case Status:
		return c.number(uint8(s.Status))
	case Trace:
		return c.member(!s.TraceID.IsZero(), slices.Contains(c.traces, s.TraceID))
	case SpanID:
		return c.member(!s.ID.IsZero(), slices.Contains(c.ids, s.ID))
	case Parent:
		return c.member(!s.Parent.IsZero(), slices.Contains(c.ids, s.Parent))
	}
	return false
}

// member decides a condition on a field that is compared for equality only.
func (c *Cond) member(exists, found bool) bool {
	switch c.Op {
	case Equal, In:
		return found
	case NotEqual, NotIn:
		return !found
	case Exists:
		return exists
	}
	return false
}

func (c *Cond) number(n uint8) bool { return c.member(n != 0, n < 32 && c.set&(1<<n) != 0) }

func (c *Cond) duration(d int64) bool {
	if len(c.times) == 0 {
		return c.member(d != 0, false)
	}
	t := c.times[0]
	switch c.Op {
	case Less:
		return d < t
	case LessEqual:
		return d <= t
	case Greater:
		return d > t
	case GreaterEqual:
		return d >= t
	}
	return c.member(true, slices.Contains(c.times, d))
}

// text decides a condition on an intrinsic text.
func (c *Cond) text(s string) bool {
	switch c.Op {
	case Prefix:
		return strings.HasPrefix(s, c.Values[0].text)
	case Contains:
		return strings.Contains(s, c.Values[0].text)
	case Regexp:
		return c.re != nil && c.re.MatchString(s)
	case NotRegexp:
		return c.re != nil && !c.re.MatchString(s)
	}
	return c.member(s != "", slices.ContainsFunc(c.Values, func(v Value) bool { return v.text == s }))
}

// attrs decides a condition on a list of attributes. A key that is there
// several times fulfils it if one of its values does.
func (c *Cond) attrs(list []span.Attr) bool {
	for i := range list {
		if list[i].Key == c.Field.Key && c.value(list[i].Value) {
			return true
		}
	}
	return false
}

// value decides a condition on an attribute's value. An array fulfils it if
// one of its elements does.
func (c *Cond) value(v span.Value) bool {
	if c.Op == Exists {
		return true
	}
	if v.Type == span.Array {
		for e := range v.Elements() {
			if c.scalar(e) {
				return true
			}
		}
		return false
	}
	return c.scalar(v)
}

func (c *Cond) scalar(v span.Value) bool {
	switch c.Op {
	case Equal, In:
		return c.equals(v)
	case NotEqual, NotIn:
		return !c.equals(v)
	}
	if c.Op >= Less && c.Op <= GreaterEqual {
		if !c.Values[0].isNumber() || v.Type != span.Int && v.Type != span.Float {
			return false
		}
		switch o := compareNumbers(v, c.Values[0].num); c.Op {
		case Less:
			return o == -1
		case LessEqual:
			return o == -1 || o == 0
		case Greater:
			return o == 1
		default:
			return o == 1 || o == 0
		}
	}
	if v.Type == span.Array || v.Type == span.Map || v.Type == span.Empty {
		return false // no text of their own
	}
	return c.text(v.Text())
}

func (c *Cond) equals(v span.Value) bool {
	for i := range c.Values {
		if c.Values[i].equals(v) {
			return true
		}
	}
	return false
}

// containsFold is strings.Contains without regard to case.
func containsFold(s, part string) bool {
	if part == "" {
		return true
	}
	first, _ := utf8.DecodeRuneInString(part)
	for i, r := range s {
		if sameFold(r, first) && hasPrefixFold(s[i:], part) {
			return true
		}
	}
	return false
}

func hasPrefixFold(s, prefix string) bool {
	for _, p := range prefix {
		r, n := utf8.DecodeRuneInString(s)
		if n == 0 || !sameFold(r, p) {
			return false
		}
		s = s[n:]
	}
	return true
}

func sameFold(a, b rune) bool { return a == b || unicode.ToLower(a) == unicode.ToLower(b) }
