package query

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says what is wrong with a query and where.
type SyntaxError struct {
	Text    string // the query
	Offset  int    // of the place, in bytes from the start of Text
	Column  int    // the same in characters, from 1
	Message string // what is wrong, and what was expected
}

// Error returns the message, the query and a caret under the place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("query: column %d: %s\n  %s", e.Column, e.Message, e.Excerpt("\n  "))
}

// Excerpt returns the query, or as much of it as fits a line, and below it a
// caret under the place.
func (e *SyntaxError) Excerpt(newline string) string {
	const around = 60
	before, after := []rune(e.Text[:e.Offset]), []rune(e.Text[e.Offset:])
	var line strings.Builder
	if len(before) > around {
		before = before[len(before)-around:]
		line.WriteString("…")
	}
	dots := ""
	if len(after) > around {
		after, dots = after[:around], "…"
	}
	put := func(rs []rune) {
		for _, r := range rs {
			if unicode.IsControl(r) || unicode.IsSpace(r) || r == utf8.RuneError {
				r = ' '
			}
			line.WriteRune(r)
		}
	}
	put(before)
	width := 0
	for _, r := range line.String() {
		width += columns(r)
	}
	put(after)
	return line.String() + dots + newline + strings.Repeat(" ", width) + "^"
}

// columns is how many columns of a terminal a character takes, near enough for
// a caret: combining marks take none, East Asian ideographs two.
func columns(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || 0x3000 <= r && r <= 0x303f || 0xff01 <= r && r <= 0xff60:
		return 2
	}
	return 1
}

type tokenKind uint8

const (
	tokEnd     tokenKind = iota
	tokWord              // letters, digits and what isWordRune says
	tokString            // in quotes
	tokField             // a prefix such as span. and a key in quotes
	tokOp                // a comparison
	tokPunct             // ( ) ,
	tokKeyword           // and or not in exists
)

type token struct {
	kind tokenKind
	text string // tokWord: as written; tokString, tokField: without quotes; tokKeyword: lower case
	from string // tokField: the prefix
	at   int    // offset
	end  int
}

var keywords = []string{"and", "or", "not", "in", "exists"}

func keyword(word string) (string, bool) {
	for _, k := range keywords {
		if strings.EqualFold(word, k) {
			return k, true
		}
	}
	return "", false
}

// isWordRune reports whether a character can stand in a word without quotes.
func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || strings.ContainsRune("_.-/:@$%+#", r)
}

// isPlainWord reports whether s is one word that needs no quotes.
func isPlainWord(s string) bool {
	if _, ok := keyword(s); ok || s == "" || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !isWordRune(r) {
			return false
		}
	}
	return true
}

// Longer operators stand before those that they start with.
var opTexts = []string{"<=", ">=", "!=", "!~", "=~", "^=", "*=", "==", "&&", "||", "<", ">", "=", "!"}

// next reads the next token into p.tok.
func (p *parser) next() {
	p.prev = p.tok.end
	if p.err != nil {
		p.tok = token{kind: tokEnd, at: len(p.text), end: len(p.text)}
		return
	}
	i := p.pos
	for i < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[i:])
		if !unicode.IsSpace(r) {
			break
		}
		i += n
	}
	p.tok = token{at: i, end: i}
	if i == len(p.text) {
		p.pos = i
		return
	}
	rest := p.text[i:]
	switch c := rest[0]; c {
	case '(', ')', ',':
		p.tok.kind, p.tok.text, p.tok.end = tokPunct, rest[:1], i+1
		p.pos = i + 1
		return
	case '"', '\'', '`':
		s, n := p.quoted(i)
		p.tok.kind, p.tok.text, p.tok.end = tokString, s, i+n
		p.pos = i + n
		return
	}
	for _, op := range opTexts {
		if strings.HasPrefix(rest, op) {
			p.tok.end = i + len(op)
			p.pos = p.tok.end
			switch op {
			case "&&":
				p.tok.kind, p.tok.text = tokKeyword, "and"
			case "||":
				p.tok.kind, p.tok.text = tokKeyword, "or"
			case "!":
				p.tok.kind, p.tok.text = tokKeyword, "not"
			case "==":
				p.tok.kind, p.tok.text = tokOp, "="
			default:
				p.tok.kind, p.tok.text = tokOp, op
			}
			return
		}
	}
	n := 0
	for n < len(rest) {
		r, w := utf8.DecodeRuneInString(rest[n:])
		if !isWordRune(r) || r == utf8.RuneError && w == 1 {
			break
		}
		n += w
	}
	if n == 0 {
		r, w := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && w == 1:
			p.fail(i, "a byte that is not UTF-8")
		case r == '{' || r == '}':
			p.fail(i, "unexpected %q; a query has no braces around it, and text with braces needs quotes", r)
		case r == '*' || r == '?':
			p.fail(i, "unexpected %q; there are no wildcards: use ^= for a prefix, *= for a part, =~ for a regular expression", r)
		default:
			p.fail(i, "unexpected %q; put text with such characters in quotes", r)
		}
		return
	}
	word := rest[:n]
	if n < len(rest) && strings.IndexByte("\"'`", rest[n]) >= 0 {
		for _, pre := range prefixes {
			if pre.text == word {
				s, m := p.quoted(i + n)
				if s == "" && p.err == nil {
					p.fail(i+n, "an attribute's key is empty; expected its name in the quotes")
				}
				p.tok.kind, p.tok.text, p.tok.from, p.tok.end = tokField, s, word, i+n+m
				p.pos = p.tok.end
				return
			}
		}
	}
	p.tok.kind, p.tok.text, p.tok.end = tokWord, word, i+n
	if k, ok := keyword(word); ok {
		p.tok.kind, p.tok.text = tokKeyword, k
	}
	p.pos = i + n
}

// quoted reads a string in quotes that starts at offset i, and returns how many
// bytes it takes. Backquotes hold it as it is; in the others a backslash
// escapes as in Go.
func (p *parser) quoted(i int) (s string, n int) {
	rest, quote := p.text[i+1:], p.text[i]
	if quote == '`' {
		end := strings.IndexByte(rest, '`')
		if end < 0 {
			p.fail(i, "this quote is not closed; expected another ` after the text")
			return "", len(p.text) - i
		}
		return rest[:end], end + 2
	}
	var b strings.Builder
	for rest != "" && rest[0] != quote {
		if rest[0] != '\\' { // raw bytes, line breaks among them, stay as they are
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		var r rune
		var wide bool
		var err error
		at := len(p.text) - len(rest)
		if len(rest) > 1 && (rest[1] == '"' || rest[1] == '\'') {
			r, rest = rune(rest[1]), rest[2:]
		} else if r, wide, rest, err = strconv.UnquoteChar(rest, quote); err != nil {
			p.fail(at, `not an escape; expected \", \\, \n, \t or \u and four hex digits, or backquotes around text with backslashes`)
			return "", len(p.text) - i
		}
		if r < utf8.RuneSelf || !wide {
			b.WriteByte(byte(r))
		} else {
			b.WriteRune(r)
		}
	}
	if rest == "" {
		p.fail(i, "this quote is not closed; expected another %c after the text", quote)
		return "", len(p.text) - i
	}
	return b.String(), len(p.text) - i - len(rest) + 1
}
