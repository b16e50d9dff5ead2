package tempo

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/span"
)

// traceQL is a TraceQL query as far as it is understood: one spanset filter
// and what follows it.
//
// Conditions of one {} hold within one span, as they do in Tempo. Those on the
// trace as a whole are kept apart, because a search looks at spans: they are
// tested on the summary of each trace found.
type traceQL struct {
	filter  query.Expr // nil: every span
	trace   []func(*query.Summary) bool
	columns []query.Field // select(…), and the fields of the conditions: what is shown of each span
	names   []string      // what the columns are called
}

// syntaxError is an error in a TraceQL query at a place.
type syntaxError struct {
	text   string
	offset int // bytes
	what   string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("TraceQL, column %d: %s", utf8.RuneCountInString(e.text[:e.offset])+1, e.what)
}

// parseTraceQL translates a query into weft's. What cannot be answered by
// looking at one span at a time is an error that says so.
func parseTraceQL(text string) (q *traceQL, err error) {
	p := &parser{text: text, q: &traceQL{}}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*syntaxError)
			if !ok {
				panic(r)
			}
			q, err = nil, e
		}
	}()
	p.next()
	p.query()
	return p.q, nil
}

type kind int

const (
	eof    kind = iota
	word        // name, span.http.method, trace:duration, server
	text        // "…"
	number      // 1, -1.5, 100ms
	symbol      // { } ( ) , = != && …
)

type token struct {
	kind kind
	text string // of a string: its value
	at   int
}

type parser struct {
	text  string
	at    int
	tok   token
	q     *traceQL
	depth int
}

func (p *parser) fail(at int, format string, args ...any) {
	panic(&syntaxError{p.text, at, fmt.Sprintf(format, args...)})
}

// Symbols, longer ones first.
var symbols = []string{"!>>", "!<<", "&>>", "&<<", "&&", "||", "!=", "=~", "!~", ">=", "<=", ">>", "<<", "!>", "!<", "&>", "&<", "&~",
	"{", "}", "(", ")", ",", "=", ">", "<", "!", "|", "+", "-", "*", "/", "%", "^", "~"}

func (p *parser) next() {
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if !unicode.IsSpace(r) {
			break
		}
		p.at += size
	}
	start := p.at
	rest := p.text[start:]
	switch {
	case rest == "":
		p.tok = token{eof, "", start}
		return
	case rest[0] == '"' || rest[0] == '\'' || rest[0] == '`':
		p.tok = token{text, p.quoted(), start}
		return
	case rest[0] >= '0' && rest[0] <= '9' || rest[0] == '-' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		n := 1
		for n < len(rest) && (rest[n] == '.' || isWordByte(rest[n])) {
			n++
		}
		// Durations may be spelled with the micro sign.
		if strings.HasPrefix(rest[n:], "µs") {
			n += len("µs")
		}
		p.at += n
		p.tok = token{number, rest[:n], start}
		return
	}
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			p.at += len(s)
			p.tok = token{symbol, s, start}
			return
		}
	}
	var b strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c == '"' && b.Len() > 0 && b.String()[b.Len()-1] == '.' {
			b.WriteString(p.quoted()) // span."a name"
			continue
		}
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if unicode.IsSpace(r) || strings.ContainsRune("{}()=~!<>&|^,\"'`", r) {
			break
		}
		b.WriteRune(r)
		p.at += size
	}
	if b.Len() == 0 {
		p.fail(start, "unexpected %q", rest[:1])
	}
	p.tok = token{word, b.String(), start}
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *parser) quoted() string {
	start, quote := p.at, p.text[p.at]
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == quote:
			p.at++
			return b.String()
		case c == '\\' && quote != '`' && p.at+1 < len(p.text):
			p.at++
			switch c := p.text[p.at]; c {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case '\\', '"', '\'':
				b.WriteByte(c)
			default: // the backslash of a regular expression
				b.WriteByte('\\')
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
		}
	}
	p.fail(start, "the string has no end; close it with %c", quote)
	return ""
}

func (p *parser) is(s string) bool { return p.tok.kind == symbol && p.tok.text == s }

func (p *parser) accept(s string) bool {
	if p.is(s) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(s string) {
	if !p.accept(s) {
		p.fail(p.tok.at, "expected %q, found %s", s, p.found())
	}
}

func (p *parser) found() string {
	if p.tok.kind == eof {
		return "the end"
	}
	return strconv.Quote(p.text[p.tok.at:max(p.at, p.tok.at+1)])
}

// query is: { filter } [ "|" select(a, b) ] [ with(…) ].
func (p *parser) query() {
	if p.tok.kind == eof {
		return
	}
	at := p.tok.at
	if !p.accept("{") {
		p.fail(at, "expected \"{\", found %s: a query is one spanset filter such as { resource.service.name = \"shop\" && duration > 100ms }", p.found())
	}
	if !p.is("}") {
		f, traces := p.or()
		p.q.filter, p.q.trace = f, traces
	}
	p.expect("}")
	for p.tok.kind != eof {
		at := p.tok.at
		switch {
		case p.accept("|"):
			if p.is("{") {
				p.fail(at, "a second spanset filter is not supported; join the conditions by && in one")
			}
			name := p.tok.text
			if p.tok.kind != word || name != "select" {
				p.fail(p.tok.at, "%s is not supported after a spanset filter, only select(…)", p.found())
			}
			p.next()
			p.expect("(")
			for {
				f, name := p.selected()
				p.show(f, name)
				if !p.accept(",") {
					break
				}
			}
			p.expect(")")
		case p.tok.kind == word && p.tok.text == "with": // hints for Tempo's own engine
			for p.tok.kind != eof && !p.is(")") {
				p.next()
			}
			p.expect(")")
		default:
			p.fail(at, "%s between spansets is not supported: a search looks at one span at a time, so its conditions go into one { }", p.found())
		}
	}
}

func (p *parser) selected() (query.Field, string) {
	if p.tok.kind != word {
		p.fail(p.tok.at, "expected a field, found %s", p.found())
	}
	name, at := p.tok.text, p.tok.at
	p.next()
	f, ok := intrinsics[name]
	if !ok {
		f = p.attribute(name, at)
	}
	return f, name
}

// show adds a column.
func (p *parser) show(f query.Field, name string) {
	for _, n := range p.q.names {
		if n == name {
			return
		}
	}
	p.q.columns, p.q.names = append(p.q.columns, f), append(p.q.names, name)
}

// A filter is an expression over a span, and conditions on its trace, which
// may only be joined to it by "and".
func (p *parser) or() (query.Expr, []func(*query.Summary) bool) {
	at := p.tok.at
	e, t := p.and()
	if !p.is("||") {
		return e, t
	}
	p.onSpan(at, t)
	es := []query.Expr{e}
	all := e == nil
	for p.accept("||") {
		at := p.tok.at
		e, t := p.and()
		p.onSpan(at, t)
		es = append(es, e)
		all = all || e == nil
	}
	if all {
		return nil, nil
	}
	return query.Any(es...), nil
}

func (p *parser) onSpan(at int, t []func(*query.Summary) bool) {
	if len(t) > 0 {
		p.fail(at, "a condition on the whole trace can only be joined by && to the others")
	}
}

func (p *parser) and() (query.Expr, []func(*query.Summary) bool) {
	e, t := p.unary()
	es := []query.Expr{e}
	for p.accept("&&") {
		e, more := p.unary()
		es, t = append(es, e), append(t, more...)
	}
	return query.All(es...), t
}

// maxDepth bounds the recursion on nested parentheses.
const maxDepth = 100

func (p *parser) unary() (query.Expr, []func(*query.Summary) bool) {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok.at, "more than %d levels of parentheses", maxDepth)
	}
	defer func() { p.depth-- }()
	at := p.tok.at
	switch {
	case p.accept("!"):
		e, t := p.unary()
		p.onSpan(at, t)
		if e == nil {
			return never, nil
		}
		return query.Not{Expr: e}, nil
	case p.accept("("):
		e, t := p.or()
		p.expect(")")
		return e, t
	}
	return p.condition()
}

// never holds for no span: every span has a name or has none.
var never = query.All(query.Has(query.Name), query.Not{Expr: query.Has(query.Name)})

var intrinsics = map[string]query.Field{
	"name": query.Name, "span:name": query.Name,
	"kind": query.Kind, "span:kind": query.Kind,
	"status": query.Status, "span:status": query.Status,
	"statusMessage": query.Message, "span:statusMessage": query.Message,
	"duration": query.Duration, "span:duration": query.Duration,
	"trace:id": query.Trace, "span:id": query.SpanID, "span:parentID": query.Parent,
	"event:name":           query.EventName,
	"instrumentation:name": query.ScopeName, "instrumentation:version": query.ScopeVersion,
}

// Operators as they read when their sides are swapped.
var mirrored = map[string]string{"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

var comparisons = map[string]query.Op{"=": query.Equal, "!=": query.NotEqual, "<": query.Less, "<=": query.LessEqual, ">": query.Greater, ">=": query.GreaterEqual}

// condition is: field op value, value op field, a field alone (a boolean), or
// true or false.
func (p *parser) condition() (query.Expr, []func(*query.Summary) bool) {
	left := p.tok
	switch {
	case left.kind == word && (left.text == "true" || left.text == "false"):
		p.next()
		if !p.operator() {
			if left.text == "true" {
				return nil, nil
			}
			return never, nil
		}
		return p.swapped(left)
	case left.kind == word && !isValueWord(left.text):
		p.next()
		if !p.operator() {
			p.arithmetic()
			f := p.field(left)
			p.show(f, left.text)
			return query.Compare(f, query.Equal, query.BoolValue(true)), nil
		}
		op := p.tok
		p.next()
		value := p.tok
		if value.kind == eof || value.kind == symbol {
			p.fail(value.at, "expected a value, found %s", p.found())
		}
		if value.kind == word && !isValueWord(value.text) {
			p.fail(value.at, "%s: comparing two fields is not supported; write a string in quotes", p.found())
		}
		p.next()
		p.arithmetic()
		return p.compare(left, op, value)
	case left.kind == text || left.kind == number || left.kind == word:
		p.next()
		if !p.operator() {
			p.fail(p.tok.at, "expected an operator, found %s", p.found())
		}
		return p.swapped(left)
	}
	p.fail(left.at, "expected a condition such as span.http.route = \"/buy\", found %s", p.found())
	return nil, nil
}

func (p *parser) swapped(value token) (query.Expr, []func(*query.Summary) bool) {
	op := p.tok
	m, ok := mirrored[op.text]
	p.next()
	field := p.tok
	if !ok || field.kind != word || isValueWord(field.text) {
		p.fail(op.at, "one side of %q must be a field", op.text)
	}
	p.next()
	p.arithmetic()
	op.text = m
	return p.compare(field, op, value)
}

func (p *parser) operator() bool {
	if p.tok.kind != symbol {
		return false
	}
	_, ok := comparisons[p.tok.text]
	return ok || p.tok.text == "=~" || p.tok.text == "!~"
}

func (p *parser) arithmetic() {
	if p.tok.kind == symbol && strings.Contains("+-*/%^", p.tok.text) {
		p.fail(p.tok.at, "arithmetic is not supported")
	}
}

// isValueWord reports whether a word is a value and not a field.
func isValueWord(w string) bool {
	switch w {
	case "true", "false", "nil", "ok", "error", "unset", "unspecified", "internal", "server", "client", "producer", "consumer":
		return true
	}
	return false
}

// field is what a word that is not a value means.
func (p *parser) field(t token) query.Field {
	if f, ok := intrinsics[t.text]; ok {
		return f
	}
	return p.attribute(t.text, t.at)
}

func (p *parser) attribute(name string, at int) query.Field {
	scope, key, dotted := strings.Cut(name, ".")
	if dotted && key == "" {
		p.fail(at, "%q names no attribute", name)
	}
	if dotted {
		switch scope {
		case "":
			return query.Attr(key)
		case "span":
			return query.Field{Scope: query.SpanAttr, Key: key}
		case "resource":
			if key == "service.name" {
				return query.Service
			}
			return query.Field{Scope: query.ResourceAttr, Key: key}
		case "event":
			return query.Field{Scope: query.EventAttr, Key: key}
		case "instrumentation":
			return query.Field{Scope: query.ScopeAttr, Key: key}
		}
	}
	p.fail(at, "%q is not supported; write an intrinsic (name, duration, status, kind, …) or an attribute such as span.%s or .%s", name, name, name)
	return query.Field{}
}

func (p *parser) compare(field, op, value token) (query.Expr, []func(*query.Summary) bool) {
	switch field.text {
	case "traceDuration", "trace:duration":
		d := p.duration(value)
		c, ok := comparisons[op.text]
		if !ok {
			p.fail(op.at, "%q does not apply to a duration", op.text)
		}
		return nil, []func(*query.Summary) bool{func(s *query.Summary) bool { return holds(c, s.Duration, d) }}
	case "rootName", "trace:rootName":
		m := p.matcher(op, value)
		return nil, []func(*query.Summary) bool{func(s *query.Summary) bool { return m(s.RootName) }}
	case "rootServiceName", "rootService", "trace:rootService":
		m := p.matcher(op, value)
		return nil, []func(*query.Summary) bool{func(s *query.Summary) bool { return m(s.RootService) }}
	case "nestedSetParent":
		// What Grafana's Traces Drilldown asks for: the roots of traces.
		if value.text == "0" && op.text == "<" || value.text == "-1" && op.text == "=" {
			return query.Not{Expr: query.Has(query.Parent)}, nil
		}
		p.fail(field.at, "of nestedSetParent only \"< 0\" is supported: spans without a parent")
	}
	f := p.field(field)
	p.show(f, field.text)
	if value.text == "nil" && value.kind == word {
		switch op.text {
		case "=":
			return query.Not{Expr: query.Has(f)}, nil
		case "!=":
			return query.Has(f), nil
		}
		p.fail(op.at, "nil can only be compared by = and !=")
	}
	if op.text == "=~" || op.text == "!~" {
		if value.kind != text {
			p.fail(value.at, "expected a regular expression in quotes, found %q", value.text)
		}
		e, err := query.NewRegexp(f, value.text, op.text == "!~")
		if err != nil {
			p.fail(value.at, "%v", err)
		}
		return e, nil
	}
	c := comparisons[op.text]
	var v query.Value
	switch f {
	case query.Duration:
		v = query.DurationValue(time.Duration(p.duration(value)))
	case query.Status:
		if _, ok := span.ParseStatus(value.text); !ok {
			p.fail(value.at, "%q is no status; want ok, error or unset", value.text)
		}
		v = query.StringValue(value.text)
	case query.Kind:
		if _, ok := span.ParseKind(value.text); !ok {
			p.fail(value.at, "%q is no kind; want unspecified, internal, server, client, producer or consumer", value.text)
		}
		v = query.StringValue(value.text)
	default:
		v = p.value(value)
	}
	return query.Compare(f, c, v), nil
}

// anchored is a pattern as Tempo takes it: it must match the whole value.
func anchored(pattern string) string { return "^(?:" + pattern + ")$" }

// matcher tests the name of a trace's root.
func (p *parser) matcher(op, value token) func(string) bool {
	if value.kind != text {
		p.fail(value.at, "expected a string in quotes, found %q", value.text)
	}
	switch op.text {
	case "=":
		return func(s string) bool { return s == value.text }
	case "!=":
		return func(s string) bool { return s != value.text }
	case "=~", "!~":
		re, err := regexp.Compile(anchored(value.text))
		if err != nil {
			p.fail(value.at, "%v", err)
		}
		return func(s string) bool { return re.MatchString(s) == (op.text == "=~") }
	}
	p.fail(op.at, "%q does not apply to a name", op.text)
	return nil
}

func holds(op query.Op, a, b int64) bool {
	switch op {
	case query.Equal:
		return a == b
	case query.NotEqual:
		return a != b
	case query.Less:
		return a < b
	case query.LessEqual:
		return a <= b
	case query.Greater:
		return a > b
	}
	return a >= b
}

func (p *parser) duration(t token) int64 {
	s := t.text
	if t.kind == number {
		if d, err := parseDuration(s); err == nil {
			return int64(d)
		}
	}
	p.fail(t.at, "%q is no duration; write one such as 100ms or 1.5s", s)
	return 0
}

// parseDuration is time.ParseDuration with days; a plain number is
// nanoseconds.
func parseDuration(s string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return time.Duration(n), nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * float64(24*time.Hour)), err
	}
	return time.ParseDuration(s)
}

func (p *parser) value(t token) query.Value {
	switch t.kind {
	case text:
		return query.StringValue(t.text)
	case number:
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return query.IntValue(n)
		}
		if f, err := strconv.ParseFloat(t.text, 64); err == nil {
			return query.FloatValue(f)
		}
		if d, err := parseDuration(t.text); err == nil {
			return query.DurationValue(d)
		}
		p.fail(t.at, "%q is no number", t.text)
	}
	switch t.text {
	case "true", "false":
		return query.BoolValue(t.text == "true")
	}
	return query.StringValue(t.text) // status and kind words, compared with an attribute
}
