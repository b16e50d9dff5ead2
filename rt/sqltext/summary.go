package sqltext

import "strings"

// keywords is the words that may stand where the name of a table or its alias
// could, and those that the summary and the spacing are about. Others may be
// taken for names without harm.
var keywords = func() map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(`
		ALL ALTER ANALYZE AND ANY AS ASC ATTACH BEGIN BETWEEN BY CALL CASCADE CASE CHECK COLUMN COMMIT CONFLICT
		CONSTRAINT COPY CREATE CROSS DATABASE DEFAULT DELETE DESC DETACH DISTINCT DO DROP DUPLICATE ELSE END EXCEPT EXEC
		EXECUTE EXISTS EXPLAIN FETCH FOR FOREIGN FROM FULL GLOB GRANT GROUP HAVING IF IGNORE ILIKE IN INDEX INNER INSERT
		INTERSECT INTO IS JOIN KEY LATERAL LEFT LIKE LIMIT LISTEN LOCK MATCH MATERIALIZED MERGE MINUS NATURAL NOT NOTHING NOTIFY NULL OF
		OFFSET ON ONLY OR ORDER OUTER OVER PARTITION PRAGMA PRIMARY PROCEDURE RECURSIVE REFERENCES RELEASE
		REPLACE RETURNING REVOKE RIGHT ROLLBACK SAVEPOINT SCHEMA SELECT SEQUENCE SET SHOW SKIP START TABLE TEMP
		TEMPORARY THEN TOP TRANSACTION TRIGGER TRUNCATE UNION UNIQUE UNLOGGED UPDATE UPSERT USE USING VACUUM VALUES VIEW
		VIRTUAL WHEN WHERE WINDOW WITH`) {
		m[w] = true
	}
	return m
}()

// keyword says whether text is one of keywords, in any case.
func keyword(text string) bool {
	var b [12]byte
	if len(text) > len(b) {
		return false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b[i] = c
	}
	return keywords[string(b[:len(text)])]
}

// summarize returns the Summary and Operation of a statement.
func summarize(tokens []token) (summary, operation string) {
	s := summarizer{tokens: tokens}
	for s.at < len(tokens) {
		s.statement()
	}
	if s.statements == 1 {
		operation = s.operation
	}
	return s.text.String(), operation
}

type summarizer struct {
	tokens     []token
	at         int
	text       strings.Builder
	full       bool // nothing more fits
	statements int
	operation  string
}

// add appends one part, after sep.
func (s *summarizer) add(sep, part string) {
	if s.text.Len() == 0 {
		sep = ""
	}
	if s.full || s.text.Len()+len(sep)+len(part) > maxSummary {
		s.full = true
		return
	}
	s.text.WriteString(sep)
	s.text.WriteString(part)
}

// statement reads up to the semicolon past a statement.
func (s *summarizer) statement() {
	if s.tokens[s.at].text == ";" {
		s.at++
		return
	}
	s.statements++
	sep := "; "
	first := strings.ToUpper(s.tokens[s.at].text)
	if s.tokens[s.at].text == "(" {
		// (SELECT …) UNION (SELECT …)
		for s.at < len(s.tokens) && s.tokens[s.at].text == "(" {
			s.at++
		}
		if s.at == len(s.tokens) {
			return
		}
		first = strings.ToUpper(s.tokens[s.at].text)
	}
	with := first == "WITH"
	if k := s.tokens[s.at].kind; k != word && k != name {
		first = "" // no SQL
	}
	if s.statements == 1 {
		s.operation = first
	}
	depth := 0
	start := s.at
	for s.at < len(s.tokens) {
		t := s.tokens[s.at]
		switch {
		case t.text == ";" && depth == 0:
			return
		case t.text == "(":
			depth++
			s.at++
			continue
		case t.text == ")":
			depth--
			s.at++
			continue
		}
		if t.kind != word && s.at != start {
			s.at++
			continue
		}
		op := strings.ToUpper(t.text)
		switch op {
		case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "UPSERT", "EXPLAIN", "TRUNCATE", "CREATE", "ALTER", "DROP",
			"CALL", "EXEC", "EXECUTE", "COPY", "VALUES":
			if s.at != start && !s.begins(op, depth) {
				s.at++
				continue
			}
			if with && depth == 0 && s.statements == 1 && s.operation == "WITH" && op != "EXPLAIN" {
				s.operation = op
			}
			s.add(sep, op)
			sep = " "
			s.at++
			s.object(op)
		case "FROM", "JOIN", "INTO", "USING":
			s.at++
			if op == "USING" && s.peek() == "(" {
				continue // JOIN … USING (column)
			}
			s.targets(op == "FROM" || op == "USING")
		default:
			if s.at == start {
				if first != "" {
					s.add(sep, first)
				}
				sep = " "
			}
			s.at++
		}
	}
}

// begins says whether the word op, which is not the first of its statement,
// begins an operation: FOR UPDATE, ON DELETE, ON CONFLICT DO UPDATE, replace(…),
// INSERT … VALUES and IF EXISTS do not.
func (s *summarizer) begins(op string, depth int) bool {
	prev, next := s.tokens[s.at-1], s.peekAt(s.at+1)
	switch op {
	case "SELECT", "INSERT", "MERGE":
		return !prev.is("ON") && !prev.is("GRANT") && prev.text != ","
	case "UPDATE":
		return !prev.is("FOR") && !prev.is("ON") && !prev.is("DO") && !prev.is("KEY") && prev.text != "," && !prev.is("THEN")
	case "DELETE":
		return next.is("FROM")
	case "REPLACE":
		return next.is("INTO")
	}
	return s.at == 0
}

func (s *summarizer) peek() string { return s.peekAt(s.at).text }

func (s *summarizer) peekAt(i int) token {
	if i < len(s.tokens) {
		return s.tokens[i]
	}
	return token{kind: operator}
}

// object reads what follows the word op, up to what it works on.
func (s *summarizer) object(op string) {
	switch op {
	case "UPDATE", "TRUNCATE", "COPY", "CALL", "EXEC", "EXECUTE":
		for t := s.peekAt(s.at); t.is("TABLE") || t.is("ONLY") || t.is("OR") || t.is("IGNORE") || t.is("REPLACE") || t.is("PROCEDURE"); t = s.peekAt(s.at) {
			s.at++
		}
		s.targets(op == "UPDATE")
	case "CREATE", "ALTER", "DROP":
		for s.at < len(s.tokens) {
			t := s.tokens[s.at]
			s.at++
			switch strings.ToUpper(t.text) {
			case "OR", "REPLACE", "TEMP", "TEMPORARY", "UNIQUE", "UNLOGGED", "VIRTUAL", "MATERIALIZED":
				continue
			case "TABLE", "INDEX", "VIEW", "DATABASE", "SCHEMA", "SEQUENCE", "TRIGGER", "PROCEDURE", "FUNCTION", "TYPE", "EXTENSION", "ROLE", "USER":
				s.add(" ", strings.ToUpper(t.text))
				for t := s.peekAt(s.at); t.is("IF") || t.is("NOT") || t.is("EXISTS"); t = s.peekAt(s.at) {
					s.at++
				}
				s.targets(false)
			}
			return
		}
	}
}

// targets adds the name here, and the ones after commas if it is a list.
func (s *summarizer) targets(list bool) {
	for {
		for t := s.peekAt(s.at); t.is("ONLY") || t.is("LATERAL") || t.is("OVERWRITE") || t.is("TABLE"); t = s.peekAt(s.at) {
			s.at++
		}
		t := s.peekAt(s.at)
		if t.kind != name {
			return
		}
		var full strings.Builder
		full.WriteString(unquote(t.text))
		for s.at++; s.peek() == "." && s.peekAt(s.at+1).kind <= name; s.at += 2 {
			full.WriteByte('.')
			full.WriteString(unquote(s.tokens[s.at+1].text))
		}
		s.add(" ", full.String())
		if !list {
			return
		}
		// An alias, and a comma before the next one.
		if s.peekAt(s.at).is("AS") {
			s.at++
		}
		if s.peekAt(s.at).kind == name {
			s.at++
		}
		if s.peek() != "," {
			return
		}
		s.at++
	}
}

// unquote is an identifier without its quotes.
func unquote(text string) string {
	if len(text) > 2 && (text[0] == '"' || text[0] == '`' || text[0] == '[') {
		return text[1 : len(text)-1]
	}
	return text
}
