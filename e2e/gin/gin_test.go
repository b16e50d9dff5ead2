package gin

import (
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

const module = "github.com/gin-gonic/gin"

var keys = []string{"http.route", "code.function.name", "http.response.status_code"}

// Each scenario runs plain and woven, must look the same from outside, and have
// recorded these spans.
var scenarios = []struct {
	name  string
	tree  string
	check func(t *testing.T, spans []watch.Span)
}{
	{name: "routes", tree: `
		client GET http.response.status_code=200
		  server GET / http.route=/ code.function.name=main.routes.func1 http.response.status_code=200
		client GET http.response.status_code=200
		  server GET /users/:id http.route=/users/:id code.function.name=main.getUser http.response.status_code=200
		client GET http.response.status_code=200
		  server GET /users/:id http.route=/users/:id code.function.name=main.getUser http.response.status_code=200
		client PUT http.response.status_code=200
		  server PUT /api/v1/items/*rest http.route=/api/v1/items/*rest code.function.name=main.(*server).items http.response.status_code=200
		client GET http.response.status_code=200
		  server GET /api/v1/items/*rest http.route=/api/v1/items/*rest code.function.name=main.(*server).items http.response.status_code=200
		client POST! http.response.status_code=403
		  server POST /api/v1/denied http.route=/api/v1/denied code.function.name=main.getUser http.response.status_code=403
		client GET http.response.status_code=200
		  server GET /wrapped/h http.route=/wrapped/h code.function.name=main.routes.WrapH.func5 http.response.status_code=200
		client GET http.response.status_code=200
		  server GET /wrapped/f http.route=/wrapped/f code.function.name=main.routes.WrapF.func6 http.response.status_code=200`},
	{name: "missing", tree: `
		client GET! http.response.status_code=404
		  server GET http.response.status_code=404
		client DELETE! http.response.status_code=405
		  server DELETE http.response.status_code=405
		client GET http.response.status_code=301
		  server GET http.response.status_code=301
		client GET http.response.status_code=301
		  server GET http.response.status_code=301
		client GET http.response.status_code=200
		  server GET /users/:id http.route=/users/:id code.function.name=main.getUser http.response.status_code=200
		client GET! http.response.status_code=404
		  server GET http.response.status_code=404`},
	{name: "reroute", tree: `
		client GET http.response.status_code=200
		  server GET /new/:id http.route=/new/:id code.function.name=main.getUser http.response.status_code=200`},
	{name: "nested", tree: `
		client GET http.response.status_code=200
		  server GET /api/users/:id http.route=/api/users/:id code.function.name=main.getUser http.response.status_code=200
		client GET! http.response.status_code=404
		  server GET /api/ http.route=/api/ http.response.status_code=404
		client GET http.response.status_code=200
		  server GET /debug/vars http.route=/debug/vars code.function.name=main.nested.WrapH.func3 http.response.status_code=200
		client GET http.response.status_code=200
		  server GET /plain http.route=/plain http.response.status_code=200`},
	{name: "panics", tree: `
		client GET!
		  server GET /bare! http.route=/bare code.function.name=main.panics.func1
		client GET! http.response.status_code=500
		  server GET /rec/string! http.route=/rec/string code.function.name=main.panics.func2 http.response.status_code=500
		client GET! http.response.status_code=500
		  server GET /rec/error! http.route=/rec/error code.function.name=main.panics.func3 http.response.status_code=500
		client GET http.response.status_code=200
		  server GET /own/nil! http.route=/own/nil code.function.name=main.panics.func5 http.response.status_code=200
		client GET http.response.status_code=200
		  server GET /inside http.route=/inside code.function.name=main.panics.func6 http.response.status_code=200`,
		check: func(t *testing.T, spans []watch.Span) {
			for _, want := range []struct{ name, typ, msg, at string }{
				{"GET /bare", "string", "bare", "main.panics.func1("},
				{"GET /rec/string", "string", "boom", "main.panics.func2("},
				{"GET /rec/error", "*main.problem", "problem 7", "main.panics.func3("},
				{"GET /own/nil", "runtime.errorString", "runtime error: invalid memory address or nil pointer dereference", "main.panics.func5("},
			} {
				s := pair.One(t, spans, "server", want.name)
				if len(s.Events) != 1 || s.Events[0].Name != "exception" {
					t.Errorf("%s has events %v, want one exception", s.Name, s.Events)
					continue
				}
				e := s.Events[0].Attrs
				if e["exception.type"] != want.typ || e["exception.message"] != want.msg || !strings.Contains(e["exception.stacktrace"].(string), want.at) {
					t.Errorf("%s: exception %v", s.Name, e)
				}
				if s.Message != want.msg || s.Str("error.type") != want.typ {
					t.Errorf("%s: error %q of type %s, want %q of type %s", s.Name, s.Message, s.Str("error.type"), want.msg, want.typ)
				}
			}
			if s := pair.One(t, spans, "server", "GET /inside"); len(s.Events) != 0 {
				t.Errorf("%s has events %v", s.Name, s.Events)
			}
		}},
	{name: "abort", check: func(t *testing.T, spans []watch.Span) {
		s := pair.One(t, spans, "server", "GET /abort")
		for _, e := range s.Events {
			if e.Attrs["exception.stacktrace"] != nil {
				t.Errorf("%s has an event %v", s.Name, e)
			}
		}
	}},
	{name: "errors", tree: `
		client GET http.response.status_code=200
		  server GET /errors http.route=/errors code.function.name=main.failures.func1 http.response.status_code=200
		client GET! http.response.status_code=503
		  server GET /fail! http.route=/fail code.function.name=main.failures.func2 http.response.status_code=503`,
		check: func(t *testing.T, spans []watch.Span) {
			for name, want := range map[string][]string{
				"GET /errors": {"*main.problem problem 1", "*errors.errorString second"},
				"GET /fail":   {"*main.problem problem 2"},
			} {
				s := pair.One(t, spans, "server", name)
				var got []string
				for _, e := range s.Events {
					got = append(got, e.Attrs["exception.type"].(string)+" "+e.Attrs["exception.message"].(string))
				}
				if strings.Join(got, ", ") != strings.Join(want, ", ") {
					t.Errorf("%s has the exceptions %q, want %q", name, got, want)
				}
			}
			pair.Attrs(t, pair.One(t, spans, "server", "GET /fail"), map[string]any{"error.type": "503"})
		}},
	{name: "context", tree: `
		client GET http.response.status_code=200
		  server GET /copy/:id http.route=/copy/:id code.function.name=main.contexts.func3 http.response.status_code=200
		    client GET http.response.status_code=200
		      server GET http.response.status_code=200
		    client GET http.response.status_code=200
		      server GET http.response.status_code=200
		    client GET http.response.status_code=200
		      server GET http.response.status_code=200
		    client GET http.response.status_code=200
		      server GET http.response.status_code=200`},
	{name: "run", tree: `
		client GET http.response.status_code=200
		  server GET /users/:id http.route=/users/:id code.function.name=main.getUser http.response.status_code=200`},
	{name: "timeout", tree: `
		client GET http.response.status_code=200
		  server GET /users/:id http.route=/users/:id code.function.name=main.getUser http.response.status_code=200
		client GET! http.response.status_code=500
		  server GET /panic! http.route=/panic code.function.name=main.timeout.func1 http.response.status_code=500`},
	{name: "recorder", check: func(t *testing.T, spans []watch.Span) {
		if len(spans) > 0 {
			t.Errorf("%d spans, want none", len(spans))
		}
	}},
}

func TestGin(t *testing.T) {
	for _, v := range pair.Versions(t, "testdata/app", module) {
		t.Run(v.Name, func(t *testing.T) {
			app := pair.Build(t, "testdata/app", "local", v.Flags()...)
			for _, sc := range scenarios {
				t.Run(sc.name, func(t *testing.T) {
					out, spans := app.Compare(t, nil, sc.name)
					if out.Code != 0 {
						t.Fatalf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
					}
					pair.Conform(t, spans)
					if sc.tree != "" {
						pair.WantTree(t, spans, sc.tree, keys...)
					}
					if sc.check != nil {
						sc.check(t, spans)
					}
				})
			}
		})
	}
}
