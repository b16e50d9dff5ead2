package query

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Limits of a query, far above what a person writes. They bound the work and
// the stack that a hostile one can cause.
const (
	maxText   = 64 << 10 // bytes
	maxDepth  = 100      // of parentheses and nots
	maxValues = 1000     // in one list
)

// Parse reads a query. An empty text matches every span. An error is a
// *SyntaxError.
func Parse(text string) (*Query, error) {
	p := parser{text: text}
	if len(text) > maxText {
		p.text = text[:40] // enough to show which it is
		for !utf8.ValidString(p.text) && len(p.text) > 36 {
			p.text = p.text[:len(p.text)-1]
		}
		p.fail(0, "the query has %d bytes; expected at most %d", len(text), maxText)
		return nil, p.err
	}
	p.next()
	var e Expr
	if p.tok.kind != tokEnd {
		e = p.or()
	}
	if p.err == nil && p.tok.kind != tokEnd {
		if p.tok.text == ")" {
			p.fail(p.tok.at, `unexpected ")"; no "(" is open here`)
		} else {
			p.expected("and, or, or the end")
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return New(e), nil
}

// parser reads a query by recursive descent. After the first error, every token
// is the end.
type parser struct {
	text  string
	pos   int   // offset after tok
	tok   token // the one to look at
	prev  int   // offset after the one before
	depth int
	err   *SyntaxError
}

func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{Text: p.text, Offset: at, Column: utf8.RuneCountInString(p.text[:at]) + 1, Message: fmt.Sprintf(format, args...)}
	}
}

// expected reports that the token is not what should stand there.
func (p *parser) expected(what string) {
	found := "the end"
	if p.tok.kind != tokEnd {
		found = strconv.Quote(clip(p.text[p.tok.at:p.tok.end]))
	}
	if p.tok.kind == tokString || p.tok.kind == tokField {
		found = clip(p.text[p.tok.at:p.tok.end])
	}
	p.fail(p.tok.at, "expected %s, found %s", what, found)
}

func (p *parser) is(kind tokenKind, text string) bool {
	return p.tok.kind == kind && p.tok.text == text
}

func (p *parser) or() Expr {
	list := []Expr{p.and()}
	for p.is(tokKeyword, "or") {
		p.next()
		list = append(list, p.and())
	}
	return Any(list...)
}

func (p *parser) and() Expr {
	list := []Expr{p.not()}
	for {
		switch {
		case p.is(tokKeyword, "and"):
			p.next()
		case p.is(tokKeyword, "not"), p.is(tokPunct, "("), p.tok.kind == tokWord, p.tok.kind == tokString, p.tok.kind == tokField:
		default:
			return All(list...)
		}
		list = append(list, p.not())
	}
}

func (p *parser) not() Expr {
	if !p.is(tokKeyword, "not") && !p.is(tokPunct, "(") {
		return p.condition()
	}
	p.depth++
	defer func() { p.depth-- }()
	open := p.tok
	if p.depth > maxDepth {
		p.fail(open.at, "conditions are nested more than %d deep; expected fewer parentheses", maxDepth)
	}
	p.next()
	if open.kind == tokKeyword {
		if e := p.not(); e != nil {
			return Not{e}
		}
		return nil
	}
	e := p.or()
	if p.err == nil && !p.is(tokPunct, ")") {
		p.expected(fmt.Sprintf(`")" to the "(" at column %d`, utf8.RuneCountInString(p.text[:open.at])+1))
	}
	p.next()
	return e
}

// field reads a field, if the token is one.
func (p *parser) field() (f Field, ok bool) {
	t := p.tok
	switch t.kind {
	case tokWord:
		f = wordField(t.text)
	case tokField:
		for _, pre := range prefixes {
			if pre.text == t.from {
				f = Field{pre.scope, t.text}
			}
		}
	default:
		return Field{}, false
	}
	p.next()
	return f, true
}

// condition reads a comparison or a text to look for.
func (p *parser) condition() Expr {
	start := p.tok
	f, ok := p.field()
	if !ok {
		if start.kind != tokString {
			p.expected("a condition, such as duration > 250ms")
			return nil
		}
		p.next()
		if p.tok.kind == tokOp || p.is(tokKeyword, "in") || p.is(tokKeyword, "exists") {
			p.fail(start.at, "text in quotes is looked for, not compared; write an attribute's key as .%s", strconv.Quote(clip(start.text)))
			return nil
		}
		return Text{start.text}
	}
	c := &Cond{Field: f}
	at := p.tok.at
	switch {
	case p.tok.kind == tokOp:
		for o, text := range ops {
			if text == p.tok.text {
				c.Op = Op(o)
			}
		}
		if p.tok.text == "!" {
			p.expected("a comparison")
		}
		p.next()
		at = p.tok.at
		c.Values = []Value{p.value()}
	case p.is(tokKeyword, "exists"):
		p.next()
		c.Op = Exists
	case p.is(tokKeyword, "in"):
		c.Op = In
		c.Values, at = p.values()
	case p.is(tokKeyword, "not"):
		before := *p
		p.next()
		if p.is(tokKeyword, "in") {
			c.Op = NotIn
			c.Values, at = p.values()
			break
		}
		if p.is(tokKeyword, "exists") {
			p.next()
			return Not{newCond(f, Exists, nil)}
		}
		*p = before
		fallthrough
	default:
		if start.kind == tokField || f.Scope == Intrinsic {
			p.expected(fmt.Sprintf("a comparison of %s, such as = or exists", f))
			return nil
		}
		return Text{start.text}
	}
	if p.err != nil {
		return nil
	}
	c = newCond(f, c.Op, c.Values)
	if msg := c.problem(); msg != "" {
		p.fail(at, "%s", msg)
		return nil
	}
	return c
}

// values reads a list in parentheses after the word in.
func (p *parser) values() (list []Value, at int) {
	p.next()
	if !p.is(tokPunct, "(") {
		p.expected("( and the values after in, such as in (server, client)")
		return nil, 0
	}
	p.next()
	at = p.tok.at
	for {
		list = append(list, p.value())
		if len(list) > maxValues {
			p.fail(p.tok.at, "more than %d values; expected a shorter list", maxValues)
		}
		if !p.is(tokPunct, ",") {
			break
		}
		p.next()
	}
	if p.err == nil && !p.is(tokPunct, ")") {
		p.expected(`"," or ")" after the value`)
	}
	p.next()
	return list, at
}

func (p *parser) value() (v Value) {
	switch p.tok.kind {
	case tokWord:
		v = WordValue(p.tok.text)
	case tokString:
		v = StringValue(p.tok.text)
	case tokKeyword:
		p.fail(p.tok.at, "expected a value, found the word %q; put it in quotes if it is one", p.tok.text)
		return v
	default:
		p.expected("a value")
		return v
	}
	p.next()
	return v
}
