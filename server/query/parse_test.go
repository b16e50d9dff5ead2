package query

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, canonical string }{
		{``, ``},
		{"  \n\t ", ``},
		{`service=checkout`, `service = checkout`},
		{`service = checkout and name = "GET /cart/{id}" and duration > 250ms and status = error`, `service = checkout and name = "GET /cart/{id}" and duration > 250ms and status = error`},
		{`http.response.status_code>=500 and user.id exists and url.path ^= "/api" and kind in (server,client) and not (db.system = redis)`,
			`http.response.status_code >= 500 and user.id exists and url.path ^= /api and kind in (server, client) and not (db.system = redis)`},
		{`service = a duration > 1s error`, `service = a and duration > 1s and error`},
		{`a = 1 or b = 2 and c = 3`, `a = 1 or b = 2 and c = 3`},
		{`(a = 1 or b = 2) and c = 3`, `(a = 1 or b = 2) and c = 3`},
		{`a = 1 AND (b = 2 AND c = 3)`, `a = 1 and b = 2 and c = 3`},
		{`((((a = 1))))`, `a = 1`},
		{`a == 1 && b != 2 || !(c < 3)`, `a = 1 and b != 2 or not (c < 3)`},
		{`not not a = 1`, `not not (a = 1)`},
		{`not a = 1 b = 2`, `not (a = 1) and b = 2`},
		{`not (a = 1 or b = 2)`, `not (a = 1 or b = 2)`},
		{`kind = SERVER status in (Error, ok)`, `kind = server and status in (error, ok)`},
		{`duration >= 1m30s`, `duration >= 1m30s`},
		{`duration < 1.5d`, `duration < 1.5d`},
		{`size > 10MB and size < 4KiB`, `size > 10MB and size < 4KiB`},
		{`a = "500" and a = 500`, `a = "500" and a = 500`},
		{`a = "x" and a = x`, `a = x and a = x`},
		{`a = 'it''s'`, `a = it and s`},
		{`a = 'it\'s "q"'`, `a = "it's \"q\""`},
		{"a =~ `\\d+`", `a =~ "\\d+"`},
		{`a =~ 500`, `a =~ "500"`},
		{`name !~ "GET .*"`, `name !~ "GET .*"`},
		{`x not in (a, b)`, `x not in (a, b)`},
		{`x not exists`, `not (x exists)`},
		{`checkout not error`, `checkout and not error`},
		{`checkout not (error or slow)`, `checkout and not (error or slow)`},
		{`"duration"`, `"duration"`},
		{`"GET /cart"`, `"GET /cart"`},
		{`500`, `500`},
		{`."odd key" = 1`, `."odd key" = 1`},
		{`.name = x span.name = x resource.name = x`, `.name = x and span.name = x and resource.name = x`},
		{`resource.k8s.pod.name = web-1`, `resource.k8s.pod.name = web-1`},
		{`."and" = 1`, `.and = 1`},
		{`span."user id" exists`, `span."user id" exists`},
		{`event = exception event.exception.type = "*errors.errorString"`, `event = exception and event.exception.type = "*errors.errorString"`},
		{`event.name = x`, `event = x`},
		{`event."name" = x`, `event."name" = x`},
		{`scope.name = a scope.version = 1 scope.lang = go scope."version" = 2`, `scope = a and scope.version = 1 and scope.lang = go and scope."version" = 2`},
		{`..a = 1`, `..a = 1`},
		{`."resource.a" = 1`, `.resource.a = 1`},
		{`trace = 8448EB211C80319C`, `trace = 00000000000000008448eb211c80319c`},
		{`parent.id = 00f067aa0ba902b7`, `parent = 00f067aa0ba902b7`},
		{`not parent exists`, `not (parent exists)`},
		{`服务 = 结账 and 名称 = "下 单"`, `服务 = 结账 and 名称 = "下 单"`},
		{`a = "\u00e9\n\xff"`, `a = "é\n\xff"`},
		{`a = -5 and b = +5 and c = 1e3 and d = .5`, `a = -5 and b = +5 and c = 1e3 and d = .5`},
		{`a = true`, `a = true`},
		{`a = "true"`, `a = "true"`},
		{`a *= ""`, `a *= ""`},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Errorf("Parse(%s): %v", c.text, err)
			continue
		}
		if q.String() != c.canonical {
			t.Errorf("Parse(%s)\n got %s\nwant %s", c.text, q, c.canonical)
		}
		again, err := Parse(q.String())
		if err != nil || again.String() != c.canonical {
			t.Errorf("Parse(%s) = %v, %v", q, again, err)
		}
	}
}

// A text in quotes and the number are different values, even when they look alike.
func TestValues(t *testing.T) {
	if StringValue("500") == WordValue("500") || StringValue("x") != WordValue("x") {
		t.Error("StringValue and WordValue")
	}
	for v, want := range map[Value]int64{
		WordValue("1m30s"): 90e9, WordValue("1.5d"): 129600e9, WordValue("1d12h"): 129600e9, WordValue("-1d12h"): -129600e9, WordValue("5us"): 5000, WordValue("5µs"): 5000,
		WordValue("10MB"): 10e6, WordValue("1.5KiB"): 1536, WordValue("7B"): 7, WordValue("5e2"): 500, WordValue("500.0"): 500, DurationValue(time.Second): 1e9,
		IntValue(-3): -3, FloatValue(1e15): 1e15,
	} {
		if !v.isNumber() || v.num.Int() != want {
			t.Errorf("%s is %v; want %d", v, v.num.Text(), want)
		}
	}
	for _, s := range []string{"NaN", "Inf", "0x10", "1_000", "5x", "d", "1dd", "1d-2h", "MB", "-", "1e999", "1h-", "999999999d", "infMB", "."} {
		if v := WordValue(s); v.isNumber() {
			t.Errorf("%s is the number %s", s, v.num.Text())
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct{ text, message, caret string }{
		{`service =`, `expected a value, found the end`, `         ^`},
		{`service = and status = error`, `expected a value, found the word "and"; put it in quotes if it is one`, `          ^`},
		{`service`, `expected a comparison of service, such as = or exists, found the end`, `       ^`},
		{`span."a b"`, `expected a comparison of span."a b", such as = or exists, found the end`, `          ^`},
		{`(service = a`, `expected ")" to the "(" at column 1, found the end`, `            ^`},
		{`service = a)`, `unexpected ")"; no "(" is open here`, `           ^`},
		{`and a = 1`, `expected a condition, such as duration > 250ms, found "and"`, `^`},
		{`a = 1 or`, `expected a condition, such as duration > 250ms, found the end`, `        ^`},
		{`not`, `expected a condition, such as duration > 250ms, found the end`, `   ^`},
		{`a = 1, b = 2`, `expected and, or, or the end, found ","`, `     ^`},
		{`duration > 250`, `"250" is not a length of time; expected a number with its unit (ns, us, ms, s, m, h, d), such as 250ms or 1m30s`, `           ^`},
		{`duration > fast`, `"fast" is not a length of time; expected a number with its unit (ns, us, ms, s, m, h, d), such as 250ms or 1m30s`, `           ^`},
		{`duration ^= 2ms`, `a duration is not text; expected = != < <= > >= or in`, `            ^`},
		{`kind = severe`, `"severe" is no kind; expected server, client, producer, consumer, internal or unspecified`, `       ^`},
		{`status = 500`, `"500" is no status; expected error, ok or unset`, `         ^`},
		{`status > error`, `the status is compared with = != or in`, `         ^`},
		{`name > 5`, `the name is text; expected = != ^= (prefix) *= (part) =~ !~ (regular expression) or in`, `       ^`},
		{`code > high`, `"high" is not a number, which > compares; expected one such as 500, 250ms or 10MB`, `       ^`},
		{`code > "5"`, `"5" is not a number, which > compares; expected one such as 500, 250ms or 10MB`, `       ^`},
		{`kind in server`, `expected ( and the values after in, such as in (server, client), found "server"`, `        ^`},
		{`kind in ()`, `expected a value, found ")"`, `         ^`},
		{`kind in (server client)`, `expected "," or ")" after the value, found "client"`, `                ^`},
		{`a =~ "(b"`, "missing closing ): `(b` in a regular expression (RE2 syntax)", `     ^`},
		{`a =~ "b)"`, "unexpected ): `b)` in a regular expression (RE2 syntax)", `     ^`},
		{`trace = xyz`, `trace id "xyz": character 'z'; want hex digits`, `        ^`},
		{`name = "GET`, `this quote is not closed; expected another " after the text`, `       ^`},
		{"name = `GET", "this quote is not closed; expected another ` after the text", `       ^`},
		{`name = "\q"`, `not an escape; expected \", \\, \n, \t or \u and four hex digits, or backquotes around text with backslashes`, `        ^`},
		{`{ service = a }`, `unexpected '{'; a query has no braces around it, and text with braces needs quotes`, `^`},
		{`name = GET*`, `unexpected '*'; there are no wildcards: use ^= for a prefix, *= for a part, =~ for a regular expression`, `          ^`},
		{`"user id" = 5`, `text in quotes is looked for, not compared; write an attribute's key as ."user id"`, `^`},
		{`."" = 5`, `an attribute's key is empty; expected its name in the quotes`, ` ^`},
		{`名 = 结账 and (服 = ！)`, `unexpected '！'; put text with such characters in quotes`, `                    ^`},
		{"a\t=\n}", `unexpected '}'; a query has no braces around it, and text with braces needs quotes`, `    ^`},
		{"a = \xff", `a byte that is not UTF-8`, `    ^`},
	} {
		_, err := Parse(c.text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Parse(%s): %v; want a syntax error", c.text, err)
			continue
		}
		_, caret, _ := strings.Cut(syntax.Excerpt("\n"), "\n")
		if syntax.Message != c.message || caret != c.caret {
			t.Errorf("Parse(%s):\n%v\ngot  %s\nwant %s\ncaret got  %q\n     want %q", c.text, err, syntax.Message, c.message, caret, c.caret)
		}
	}
	err := func() error { _, err := Parse(`服务 = 结账 duration > 5`); return err }()
	want := "query: column 20: \"5\" is not a length of time; expected a number with its unit (ns, us, ms, s, m, h, d), such as 250ms or 1m30s\n" +
		"  服务 = 结账 duration > 5\n" +
		"                         ^"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// What is hostile ends in an error, not in a deep stack or a long time.
func TestParseLimits(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 60000), strings.Repeat("not ", 16000), strings.Repeat("a", 1<<17),
		"a in (" + strings.Repeat("1,", 5000) + "1)", strings.Repeat("结", 1<<16),
	} {
		q, err := Parse(text)
		if err == nil {
			t.Errorf("Parse(%.20s…) = %.40s", text, q)
		} else if len(err.Error()) > 1000 {
			t.Errorf("Parse(%.20s…): error of %d bytes", text, len(err.Error()))
		}
	}
	if _, err := Parse(strings.Repeat("(", 100) + "a = 1" + strings.Repeat(")", 100)); err != nil {
		t.Error(err)
	}
}

func TestParseField(t *testing.T) {
	for text, want := range map[string]Field{
		"service": Service, "trace.id": Trace, "scope.version": ScopeVersion, "user.id": Attr("user.id"), ".service": Attr("service"),
		"resource.service.name": {ResourceAttr, "service.name"}, `span."a b"`: {SpanAttr, "a b"}, "event.x": {EventAttr, "x"}, `."and"`: Attr("and"),
	} {
		f, err := ParseField(text)
		if err != nil || f != want {
			t.Errorf("ParseField(%s) = %#v, %v; want %#v", text, f, err, want)
		}
	}
	for _, text := range []string{"", "a b", "and", "(", `"a"`, "a=1", `."`} {
		if f, err := ParseField(text); err == nil {
			t.Errorf("ParseField(%s) = %v; want an error", text, f)
		}
	}
}

// The canonical form of any expression means the same expression.
func TestCanonicalRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		e := randomExpr(r, 4)
		text := New(e).String()
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("canonical form does not parse: %v", err)
		}
		if q.String() != text {
			t.Fatalf("\n     %s\nthen %s", text, q)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`service = checkout and name = "GET /cart/{id}"`, `not (a in (1, 'b') or c =~ "x.*")`, `."odd" exists !x`, "a = `b`", `duration > 1d2h3m4.5s`, `服务 = 结`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			if _, ok := err.(*SyntaxError); !ok || err.Error() == "" {
				t.Fatalf("Parse(%q): %v", text, err)
			}
			return
		}
		canonical := q.String()
		again, err := Parse(canonical)
		if err != nil {
			t.Fatalf("Parse(%q) = %q, which is an error: %v", text, canonical, err)
		}
		if again.String() != canonical {
			t.Fatalf("Parse(%q) = %q, then %q", text, canonical, again)
		}
	})
}
