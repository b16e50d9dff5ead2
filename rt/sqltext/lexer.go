package sqltext

import "strings"

type kind uint8

const (
	word        kind = iota // a keyword of SQL
	name                    // any other identifier, with its quotes if it has some
	literal                 // a value; its text is ?
	placeholder             // ?, $1, :name, @p1, %s
	operator                // and everything else, mostly single bytes
)

type token struct {
	kind kind
	text string
	gap  bool // something was between the token before and this one
}

// is says whether t is the keyword that upper spells.
func (t token) is(upper string) bool { return t.kind == word && strings.EqualFold(t.text, upper) }

type lexer struct {
	src     string
	at      int
	dialect Dialect
	cut     bool // not all of the statement was read
	gap     bool
	list    []token
}

// tokens reads everything.
func (l *lexer) tokens() []token {
	l.list = make([]token, 0, min(len(l.src)/4+8, maxTokens))
	for l.at < len(l.src) {
		if len(l.list) == maxTokens {
			l.cut = true
			break
		}
		l.next()
	}
	return l.list
}

func (l *lexer) emit(k kind, text string) {
	l.list = append(l.list, token{k, text, l.gap})
	l.gap = false
}

// peek is the byte n after the current one, 0 past the end.
func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.src) {
		return l.src[l.at+n]
	}
	return 0
}

// next reads one token, or the white space or comment before it.
func (l *lexer) next() {
	start := l.at
	switch c := l.src[l.at]; {
	case c <= ' ' || c == 0x7f:
		l.gap = true
		l.at++
	case c == '-' && l.peek(1) == '-', c == '#' && l.dialect.Hash:
		if n := strings.IndexByte(l.src[l.at:], '\n'); n >= 0 {
			l.at += n
		} else {
			l.at = len(l.src)
		}
	case c == '/' && l.peek(1) == '*':
		l.comment()
	case c == '\'':
		l.quoted('\'', l.dialect.Backslash)
		l.emit(literal, "?")
	case c == '"':
		closed := l.quoted('"', l.dialect.DoubleQuotes && l.dialect.Backslash)
		if l.dialect.DoubleQuotes || l.dialect.LooseQuotes && l.valuePlace() {
			closed = false
		}
		l.identifier(l.src[start:l.at], closed)
	case c == '`':
		closed := l.quoted('`', false)
		l.identifier(l.src[start:l.at], closed)
	case c == '[' && l.dialect.Brackets:
		closed := l.quoted(']', false)
		l.identifier(l.src[start:l.at], closed)
	case c == '$':
		l.dollar()
	case isDigit(c), c == '.' && isDigit(l.peek(1)) && !l.afterName():
		l.number()
		l.emit(literal, "?")
	case isLetter(c):
		l.word()
	case c == '?':
		l.at++
		// PostgreSQL's operators ?| and ?& are told from placeholders by what follows.
		if n := l.peek(0); n == '|' && l.peek(1) != '|' || n == '&' && l.peek(1) != '&' {
			l.at++
			l.emit(operator, l.src[start:l.at])
			return
		}
		for isDigit(l.peek(0)) {
			l.at++
		}
		l.emit(placeholder, l.src[start:l.at])
	case (c == ':' || c == '@') && (isLetter(l.peek(1)) || isDigit(l.peek(1))), c == '@' && l.peek(1) == '@':
		for l.at++; l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at]) || l.src[l.at] == '@'); l.at++ {
		}
		l.emit(placeholder, l.src[start:l.at])
	case c == '%' && l.peek(1) == 's':
		l.at += 2
		l.emit(placeholder, "%s")
	default:
		l.at++
		for l.at < len(l.src) && joins(l.src[start:l.at], l.src[l.at]) {
			l.at++
		}
		l.emit(operator, l.src[start:l.at])
	}
}

// joins says whether an operator goes on with c.
func joins(op string, c byte) bool {
	switch op {
	case "<":
		return c == '=' || c == '>' || c == '@' || c == '<'
	case ">":
		return c == '=' || c == '>'
	case "!":
		return c == '=' || c == '~'
	case ":":
		return c == ':' || c == '='
	case "|", "&":
		return c == op[0]
	case "-":
		return c == '>'
	case "->":
		return c == '>'
	case "#":
		return c == '>' || c == '-'
	case "#>":
		return c == '>'
	case "=":
		return c == '>' || c == '='
	case "@":
		return c == '>' || c == '?'
	case "~":
		return c == '*' || c == '~'
	}
	return false
}

// comment skips a /* comment */. Nested ones are one comment in PostgreSQL and
// SQL Server, and end early elsewhere; to nest is the safe way, as it hides more.
func (l *lexer) comment() {
	depth := 1
	for l.at += 2; depth > 0; {
		n := strings.IndexAny(l.src[l.at:], "*/")
		if n < 0 {
			l.at = len(l.src)
			return
		}
		l.at += n
		switch {
		case l.src[l.at] == '*' && l.peek(1) == '/':
			depth--
			l.at += 2
		case l.src[l.at] == '/' && l.peek(1) == '*' && !l.dialect.Hash:
			depth++
			l.at += 2
		default:
			l.at++
		}
	}
}

// quoted reads past the closing quote, if there is one; a doubled quote is none.
func (l *lexer) quoted(quote byte, backslash bool) (closed bool) {
	for l.at++; l.at < len(l.src); l.at++ {
		switch c := l.src[l.at]; {
		case c == '\\' && backslash:
			l.at++
		case c == quote && l.peek(1) == quote:
			l.at++
		case c == quote:
			l.at++
			return true
		}
	}
	l.at = len(l.src)
	return false
}

// identifier emits text, an identifier in quotes, unless it looks like anything
// else.
func (l *lexer) identifier(text string, closed bool) {
	if !closed || len(text) > maxIdentifier || strings.ContainsAny(text, "\n\r\t") {
		l.emit(literal, "?")
		return
	}
	l.emit(name, text)
}

const maxIdentifier = 130 // bytes; SQL Server's 128 are the most, with quotes

// valuePlace says whether an identifier makes no sense here, and a string does:
// SQLite takes "x" for a string where there is no column x.
func (l *lexer) valuePlace() bool {
	if l.peek(0) == '.' || len(l.list) == 0 {
		return false
	}
	switch prev := l.list[len(l.list)-1]; prev.text {
	case "=", "==", "<", ">", "<=", ">=", "<>", "!=", "||":
		return true
	case "(":
		return len(l.list) > 1 && (l.list[len(l.list)-2].is("VALUES") || l.list[len(l.list)-2].is("IN"))
	case ",":
		return len(l.list) > 1 && (l.list[len(l.list)-2].kind == literal || l.list[len(l.list)-2].kind == placeholder)
	default:
		return prev.is("LIKE") || prev.is("GLOB") || prev.is("MATCH")
	}
}

func (l *lexer) afterName() bool {
	return len(l.list) > 0 && l.list[len(l.list)-1].kind == name && l.at > 0 && l.src[l.at-1] > ' '
}

// dollar reads a placeholder $1, or a string in dollar quotes.
func (l *lexer) dollar() {
	start := l.at
	l.at++
	if isDigit(l.peek(0)) {
		for isDigit(l.peek(0)) {
			l.at++
		}
		l.emit(placeholder, l.src[start:l.at])
		return
	}
	for l.at < len(l.src) && l.src[l.at] != '$' && (isLetter(l.src[l.at]) || isDigit(l.src[l.at])) {
		l.at++
	}
	if l.peek(0) != '$' {
		if l.at == start+1 {
			l.emit(operator, "$")
		} else {
			l.emit(placeholder, l.src[start:l.at]) // SQLite's $name
		}
		return
	}
	l.at++
	tag := l.src[start:l.at]
	if n := strings.Index(l.src[l.at:], tag); n >= 0 {
		l.at += n + len(tag)
	} else {
		l.at = len(l.src)
	}
	l.emit(literal, "?")
}

// number reads a number, and the letters that stick to it: 0xff, 1e-5, 10L.
func (l *lexer) number() {
	for l.at < len(l.src) {
		c := l.src[l.at]
		if (c == '+' || c == '-') && (l.src[l.at-1] == 'e' || l.src[l.at-1] == 'E') && isDigit(l.peek(1)) {
			l.at++
			continue
		}
		if !isDigit(c) && !isLetter(c) && c != '.' {
			return
		}
		l.at++
	}
}

// word reads a keyword or name, or the prefix of a string literal and the
// literal.
func (l *lexer) word() {
	start := l.at
	for l.at++; l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at]) || l.src[l.at] == '$'); l.at++ {
	}
	text := l.src[start:l.at]
	switch q := l.peek(0); {
	case q == '\'' && prefix(text):
		// N'…', E'…', x'…', _utf8'…'
		l.quoted('\'', l.dialect.Backslash || strings.EqualFold(text, "e"))
		l.emit(literal, "?")
		return
	case q == '&' && strings.EqualFold(text, "u") && l.peek(1) == '\'':
		l.at++
		l.quoted('\'', l.dialect.Backslash)
		l.emit(literal, "?")
		return
	}
	k := name
	if keyword(text) && (len(l.list) == 0 || l.list[len(l.list)-1].text != ".") {
		k = word
	}
	l.emit(k, text)
}

// prefix says whether text before a quote is part of the literal.
func prefix(text string) bool {
	return len(text) == 1 && strings.ContainsAny(text, "nNeExXbBrRqQ") || len(text) == 2 && strings.EqualFold(text, "nq") || text[0] == '_'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isLetter says whether c may begin an identifier; any letter past ASCII may.
func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
