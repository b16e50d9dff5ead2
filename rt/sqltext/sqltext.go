// Package sqltext makes SQL statements fit for a span: their text without the
// values in it, a short summary to be the span's name, and the operation.
//
// It knows the lexical rules of SQL, not its grammar: it never fails, and what is
// no SQL comes out as some text without literals. Where dialects differ it has to
// be told which one it is, because to take the end of a string literal for the
// beginning of one would show what must not be shown.
package sqltext

import "strings"

// Statement is what Parse makes of a text of SQL.
type Statement struct {
	// Text is the statement with every literal replaced by ?, comments left out
	// and white space reduced to single spaces. Placeholders stay as they are. A
	// list of values after IN is reduced to (?), and the rows after the first one
	// of VALUES are left out, so that statements that differ only in the number
	// of their values have one text.
	Text string
	// Summary is the operations and the tables that they work on in the order of
	// the text, like "SELECT users orders" or "INSERT archive SELECT orders".
	// Several statements are separated by "; ".
	Summary string
	// Operation is the first word in upper case, like "SELECT"; after WITH it is
	// the operation that uses the common table expressions. It is empty if there
	// are several statements.
	Operation string
}

// Dialect is the lexical rules in which database systems differ. The zero value
// is standard SQL and PostgreSQL.
type Dialect struct {
	Backslash    bool // \ escapes in string literals
	DoubleQuotes bool // "…" is a string literal, not an identifier
	LooseQuotes  bool // "…" is a string literal where no identifier makes sense
	Brackets     bool // […] is an identifier
	Hash         bool // # begins a comment
}

// DialectOf is the dialect of a database system, by its name in the
// OpenTelemetry conventions (db.system.name).
func DialectOf(system string) Dialect {
	switch system {
	case "mysql", "mariadb", "gcp.spanner", "hive", "databricks":
		return Dialect{Backslash: true, DoubleQuotes: true, Hash: true}
	case "clickhouse", "snowflake":
		return Dialect{Backslash: true}
	case "microsoft.sql_server":
		return Dialect{Brackets: true}
	case "sqlite":
		return Dialect{Brackets: true, LooseQuotes: true}
	}
	return Dialect{}
}

// What a statement may cost: it comes from the program, and may be a megabyte of
// values.
const (
	maxInput   = 16 << 10 // bytes that are read
	maxTokens  = 8 << 10
	maxText    = 4 << 10 // bytes of the text that is made
	maxSummary = 255     // bytes; the bound that the conventions set
	ellipsis   = "…"
)

// Parse returns what is to be told about query.
func Parse(query string, d Dialect) Statement {
	l := lexer{src: query, dialect: d}
	if len(query) > maxInput {
		l.src, l.cut = query[:maxInput], true
	}
	tokens := l.tokens()
	text := render(collapse(tokens), l.cut)
	summary, operation := summarize(tokens)
	return Statement{Text: text, Summary: summary, Operation: operation}
}

// collapse leaves out the values whose number varies from call to call. It
// returns a part of a new slice, or tokens itself if nothing is left out.
func collapse(tokens []token) []token {
	out := tokens[:0:0]
	done := 0 // tokens before it are in out
	for i := 0; i+2 < len(tokens); i++ {
		if tokens[i].kind != word || tokens[i+1].text != "(" {
			continue
		}
		switch t := tokens[i]; {
		case t.is("IN"):
			end, values := list(tokens, i+1)
			if values < 2 {
				continue
			}
			out = append(append(out, tokens[done:i+2]...), token{kind: literal, text: "?"})
			done, i = end, end
		case t.is("VALUES"):
			end := closing(tokens, i+1)
			last := end
			for last+2 < len(tokens) && tokens[last+1].text == "," && tokens[last+2].text == "(" {
				last = closing(tokens, last+2)
			}
			if last > end {
				out = append(out, tokens[done:end+1]...)
				done = min(last+1, len(tokens))
			}
			i = last
		}
	}
	if done == 0 {
		return tokens
	}
	return append(out, tokens[done:]...)
}

// list returns the index of the parenthesis that closes the one at open, and the
// number of values between them; 0 if there is anything but values.
func list(tokens []token, open int) (end, values int) {
	for i := open + 1; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.kind == literal || t.kind == placeholder:
			values++
		case t.text == ")":
			return i, values
		case t.text != "," && t.text != "-" && t.text != "+":
			return 0, 0
		}
	}
	// The text ends here, cut or wrong: the values are still left out.
	return len(tokens), values
}

// closing is the index of the parenthesis that closes the one at open, and
// len(tokens) if none does.
func closing(tokens []token, open int) int {
	depth := 0
	for i := open; i < len(tokens); i++ {
		switch tokens[i].text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(tokens)
}

// render joins tokens to a text.
func render(tokens []token, cut bool) string {
	var b strings.Builder
	size := 0
	for _, t := range tokens {
		size += len(t.text) + 1
	}
	b.Grow(min(size, maxText+len(ellipsis)))
	var prev token
	for _, t := range tokens {
		if b.Len()+len(t.text)+1 > maxText {
			cut = true
			break
		}
		if b.Len() > 0 && spaced(prev, t) {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
		prev = t
	}
	if cut {
		b.WriteString(ellipsis)
	}
	return b.String()
}

// spaced says whether a space belongs between two tokens.
func spaced(a, b token) bool {
	switch b.text {
	case ",", ")", ";", ".", "::", "]":
		return false
	case "(":
		// IN (?) and VALUES (?) in any case; count(*) and users (id) as they were.
		return (a.kind != name || b.gap) && a.text != "("
	case "[":
		return a.kind != name && a.text != ")" && a.text != "]"
	}
	switch a.text {
	case "(", ".", "::", "[":
		return false
	}
	return true
}
