package tempo

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/weft-trace/weft/internal/shop"
	"github.com/weft-trace/weft/server/query"
)

// Which spans of the shop's a filter takes: what it is translated into is
// tested by what it does.
func TestTraceQL(t *testing.T) {
	spans := shop.Spans()
	var all []string
	for i := range spans {
		all = append(all, spans[i].Name)
	}
	for text, want := range map[string]string{
		``:                                       "all",
		`{}`:                                     "all",
		`{ }`:                                    "all",
		`{ true }`:                               "all",
		`{ false }`:                              "",
		`{ !true }`:                              "",
		`{ true || name = "price" }`:             "all",
		`{ name = "price" }`:                     "price",
		`{ span:name = "price" }`:                "price",
		`{ "price" = name }`:                     "price",
		`{ name =~ "mail.*|price" }`:             "mails process,price",
		`{ name =~ "mail" }`:                     "", // the whole name is to match
		`{ name !~ "GET.*|.*cart.*" }`:           "SELECT item,send mail,mails process,price,cron,call,serve",
		`{ status = error }`:                     "GET /buy,SELECT item",
		`{ status != error && kind = server }`:   "GET /stock/{id},GET /health,POST /cart,serve",
		`{ kind = consumer || kind = producer }`: "send mail,mails process",
		`{ duration > 1s }`:                      "cron",
		`{ duration >= 45.2ms && duration <= 45200us }`: "GET /buy",
		`{ duration < 1µs }`:                            "price",
		`{ 1s < duration }`:                             "cron",
		`{ resource.service.name = "mailer" }`:          "mails process",
		`{ .service.name = "mailer" }`:                  "mails process",
		`{ resource.host.name = "db-1" }`:               "GET /stock/{id},SELECT item,serve",
		`{ span.host.name = "db-1" }`:                   "",
		`{ .host.name = "db-1" }`:                       "GET /stock/{id},SELECT item,serve",
		`{ span.http.response.status_code = 500 }`:      "GET /buy,POST /cart",
		`{ span.http.response.status_code >= 500 && span.http.request.method = "GET" }`: "GET /buy",
		`{span.http.response.status_code>=500&&span.http.request.method="GET"}`:         "GET /buy",
		`{ .cached }`:                                                   "GET /buy",
		`{ !.cached && .user.id != nil }`:                               "",
		`{ .share = 0.25 && .big = 1152921504606846976 }`:               "GET /buy",
		`{ .user.id != nil }`:                                           "GET /buy",
		`{ .user.id = nil && kind = server }`:                           "GET /stock/{id},GET /health,POST /cart,serve",
		`{ span."user.id" = "u-17" }`:                                   "GET /buy",
		`{ .quote = "\"<b>\"\n世界" }`:                                    "GET /buy",
		"{ .user.id =~ `u-\\d+` }":                                      "GET /buy",
		`{ .user.id =~ "u-\\d+" }`:                                      "GET /buy",
		`{ event:name = "exception" }`:                                  "SELECT item",
		`{ event.exception.type = "sql.ErrNoRows" }`:                    "SELECT item",
		`{ instrumentation:version = "1.26" && duration < 1ms }`:        "GET /health",
		`{ statusMessage = "no rows" }`:                                 "SELECT item",
		`{ nestedSetParent < 0 && kind = server }`:                      "GET /buy,GET /health,POST /cart",
		`{ span:id = "ab00000000000007" }`:                              "price",
		`{ (name = "price" || name = "call") && !(kind = client) }`:     "price",
		`{ name = "price" } | select(span.user.id, resource.host.name)`: "price",
		`{ name = "price" } with(most_recent=true)`:                     "price",
		`{ traceDuration > 1s }`:                                        "all", // tested on the trace
	} {
		q, err := parseTraceQL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for i := range spans {
			if query.New(q.filter).Match(&spans[i]) {
				got = append(got, spans[i].Name)
			}
		}
		if want == "all" {
			want = strings.Join(all, ",")
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s takes %q, want %q; it reads %s", text, got, want, query.New(q.filter))
		}
	}
}

func TestTraceConditions(t *testing.T) {
	s := &query.Summary{RootService: "gateway", RootName: "GET /buy", Duration: 45_200_000}
	for text, want := range map[string]bool{
		`{ traceDuration > 45ms }`:                                        true,
		`{ trace:duration > 46ms }`:                                       false,
		`{ 45ms < traceDuration && traceDuration <= 45.2ms }`:             true,
		`{ rootServiceName = "gateway" && name = "x" }`:                   true,
		`{ trace:rootService != "gateway" }`:                              false,
		`{ rootName =~ "GET.*" }`:                                         true,
		`{ trace:rootName !~ "GET.*" }`:                                   false,
		`{ rootName = "GET /buy" && (traceDuration = 45.2ms) && .a = 1 }`: true,
	} {
		q, err := parseTraceQL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := holdsAll(q.trace, s); got != want || len(q.trace) == 0 {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// What is not supported is said, and where.
func TestTraceQLErrors(t *testing.T) {
	for text, want := range map[string]struct {
		column int
		what   string
	}{
		`name = "x"`:                           {1, "spanset filter"},
		`{ name = "x" `:                        {14, `expected "}"`},
		`{ name = }`:                           {10, "expected a value"},
		`{ name }  { }`:                        {11, "between spansets"},
		`{ .a = 1 } && { .b = 2 }`:             {12, "between spansets"},
		`{ .a = 1 } >> { .b = 2 }`:             {12, "between spansets"},
		`{ .a = 1 } | rate()`:                  {14, "not supported after"},
		`{ .a = 1 } | count() > 2`:             {14, "not supported after"},
		`{ .a = 1 } | { .b = 2 }`:              {12, "second spanset"},
		`{ .a = 1 } | by(.b)`:                  {14, "not supported after"},
		`{ .a + 1 = 2 }`:                       {6, "arithmetic"},
		`{ .a = .b }`:                          {8, "comparing two fields"},
		`{ foo = 1 }`:                          {3, "span.foo"},
		`{ parent.foo = 1 }`:                   {3, "not supported"},
		`{ link.foo = 1 }`:                     {3, "not supported"},
		`{ span:childCount > 1 }`:              {3, "not supported"},
		`{ duration > fast }`:                  {14, "write a string in quotes"},
		`{ duration > 5parsecs }`:              {14, "no duration"},
		`{ status = "bad" }`:                   {12, "no status"},
		`{ kind = up }`:                        {10, "quotes"},
		`{ name =~ "(" }`:                      {11, "("},
		`{ name =~ 5 }`:                        {11, "in quotes"},
		`{ name = "世界 }`:                       {10, "no end"},
		`{ .世界 = 5x5 }`:                        {9, "no number"},
		`{ 1 = 2 }`:                            {5, "must be a field"},
		`{ .a > nil }`:                         {6, "nil"},
		`{ traceDuration > 1s || .a = 1 }`:     {3, "whole trace"},
		`{ .a = 1 || rootName = "x" }`:         {13, "whole trace"},
		`{ !(traceDuration > 1s) }`:            {3, "whole trace"},
		`{ rootName > "x" }`:                   {12, "does not apply"},
		`{ nestedSetParent > 5 }`:              {3, "nestedSetParent"},
		`{ span. = 1 }`:                        {3, "no attribute"},
		`{ .a = 1 && }`:                        {13, "expected a condition"},
		`{ ` + strings.Repeat("(", 200) + ` }`: {103, "levels"},
	} {
		_, err := parseTraceQL(text)
		var s *syntaxError
		if !errors.As(err, &s) {
			t.Errorf("%s: %v; want an error", text, err)
			continue
		}
		if !strings.Contains(err.Error(), want.what) {
			t.Errorf("%s: %v; want something of %q", text, err, want.what)
		}
		if !strings.HasPrefix(err.Error(), "TraceQL, column ") || columnOf(s) != want.column {
			t.Errorf("%s: %v; want column %d", text, err, want.column)
		}
	}
}

func columnOf(s *syntaxError) int { return len([]rune(s.text[:s.offset])) + 1 }

func FuzzTraceQL(f *testing.F) {
	for _, s := range []string{`{ .a = "x" && (duration > 1s || !.b) } | select(.c)`, `{ "`, `{ span."a b" =~ ` + "`x`" + ` }`, "{\xff}", `{.a=-1.5e3}`, `{ 1ms < traceDuration } with(a=b)`} {
		f.Add(s)
	}
	spans := shop.Spans()
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseTraceQL(text)
		if err != nil {
			var s *syntaxError
			if !errors.As(err, &s) || s.offset < 0 || s.offset > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		query.New(q.filter).Match(&spans[0])
		if len(q.columns) != len(q.names) {
			t.Fatalf("%q: columns %v, names %v", text, q.columns, q.names)
		}
	})
}

func TestLogfmt(t *testing.T) {
	for in, want := range map[string][][2]string{
		``:                              nil,
		` a=b c="d e" f="x\"y" g= `:     {{"a", "b"}, {"c", "d e"}, {"f", `x"y`}, {"g", ""}},
		`service.name="x" name="GET /"`: {{"service.name", "x"}, {"name", "GET /"}},
	} {
		if got, err := logfmt(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{`a`: "no value", `a=b a=c`: "twice", `a="b`: "no end", `=b`: "unexpected", `a="\q"`: "wrong", `"a"=b`: "unexpected"} {
		if _, err := logfmt(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", in, err, want)
		}
	}
}
