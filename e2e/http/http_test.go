package http

import (
	"slices"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

// Each scenario runs plain and woven, must look the same from outside, and have
// recorded these spans: a tree, with the route and status of each, and what check
// finds.
var scenarios = []struct {
	name  string
	env   []string
	tree  string
	check func(t *testing.T, out pair.Output, spans []watch.Span)
}{
	{
		name: "route",
		tree: `
			client GET http.response.status_code=200
			  server GET /users/{id} http.route=/users/{id} http.response.status_code=200
			client GET http.response.status_code=204
			  server GET /static/ http.route=/static/ http.response.status_code=204
			client GET! http.response.status_code=503
			  server GET /fail! http.route=/fail http.response.status_code=503
			client GET! http.response.status_code=404
			  server GET http.response.status_code=404
			client GET http.response.status_code=200
			  server GET /items/{id} http.route=/items/{id} http.response.status_code=200
			client POST! http.response.status_code=418
			  server POST /upload http.route=/upload http.response.status_code=418
			client HTTP http.response.status_code=204
			  server HTTP /static/ http.route=/static/ http.response.status_code=204`,
		check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
			s := pair.One(t, spans, "server", "GET /users/{id}")
			pair.Attrs(t, s, map[string]any{
				"http.request.method": "GET", "url.scheme": "http", "url.path": "/users/5", "url.query": "q=a%20b&sig=REDACTED",
				"server.address": "127.0.0.1", "server.port": "*", "client.address": "127.0.0.1",
				"network.peer.address": "127.0.0.1", "network.peer.port": "*", "network.protocol.version": "1.1",
				"user_agent.original": "Go-http-client/1.1", "http.response.body.size": int64(5), "http.request.body.size": nil, "error.type": nil,
			})
			for _, c := range spans {
				if c.SpanID == s.ParentID {
					pair.Attrs(t, c, map[string]any{"http.request.method": "GET", "url.full": "*", "server.address": "127.0.0.1", "server.port": "*",
						"network.peer.address": "127.0.0.1", "network.protocol.version": "1.1", "http.response.body.size": int64(5)})
					if u := c.Str("url.full"); !strings.HasPrefix(u, "http://127.0.0.1:") || !strings.HasSuffix(u, "/users/5?q=a%20b&sig=REDACTED") {
						t.Errorf("url.full is %q", u)
					}
					events(t, c, "http.connect.start", "http.connect.done", "http.got_conn", "http.wrote_request", "http.first_byte")
				}
			}
			pair.Attrs(t, pair.One(t, spans, "server", "GET /fail"), map[string]any{"error.type": "503"})
			pair.Attrs(t, pair.One(t, spans, "server", "POST /upload"), map[string]any{"http.request.body.size": int64(10)})
			pair.Attrs(t, pair.One(t, spans, "server", "HTTP /static/"), map[string]any{"http.request.method": "_OTHER", "http.request.method_original": "BREW",
				"client.address": "203.0.113.7", "network.peer.address": "127.0.0.1"})
		},
	},
	{name: "nomux", tree: `
		client GET http.response.status_code=200
		  server GET http.response.status_code=200
		client HEAD http.response.status_code=200
		  server HEAD http.response.status_code=200`},
	{name: "flush", tree: `
		client GET http.response.status_code=200
		  server GET http.response.status_code=200`},
	{name: "hijack", tree: `server GET`},
	{name: "readfrom", tree: `
		client GET http.response.status_code=200
		  server GET http.response.status_code=200`,
		check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
			pair.Attrs(t, pair.One(t, spans, "server", "GET"), map[string]any{"http.response.body.size": int64(1 << 18)})
		}},
	{name: "controller", tree: `
		server POST http.response.status_code=200
		server POST http.response.status_code=200
		server POST http.response.status_code=200`},
	{name: "headers", tree: `
		client GET http.response.status_code=202
		  server GET http.response.status_code=202`},
	{name: "informational", tree: `
		client PUT http.response.status_code=201
		  server PUT http.response.status_code=201`},
	{name: "panics", tree: `
		client POST!
		  server POST /string! http.route=/string
		client POST!
		  server POST /error! http.route=/error
		client POST!
		  server POST /runtime! http.route=/runtime
		client POST!
		  server POST /nil! http.route=/nil
		client POST! http.response.status_code=200
		  server POST /late! http.route=/late http.response.status_code=200
		client POST!
		  server POST /abort http.route=/abort
		client POST! http.response.status_code=500
		  server POST /recovered! http.route=/recovered http.response.status_code=500
		client POST!
		  server POST /again! http.route=/again
		client POST!
		  server POST /goexit http.route=/goexit http.response.status_code=200`, // Goexit cannot be told from a return
		check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
			for name, want := range map[string][2]string{
				"/string": {"string", "boom"}, "/error": {"main.customError", "custom"}, "/runtime": {"*", "assignment to entry in nil map"},
				"/nil": {"*runtime.PanicNilError", "*"}, "/late": {"string", "late"}, "/again": {"string", "again first"},
			} {
				s := pair.One(t, spans, "server", "POST "+name)
				e := s.Event("exception")
				if e == nil {
					t.Errorf("%s has no exception", name)
					continue
				}
				if got := s.Str("error.type"); want[0] != "*" && got != want[0] {
					t.Errorf("%s: error.type is %q, want %q", name, got, want[0])
				}
				if got, _ := e.Attrs["exception.message"].(string); want[1] != "*" && got != want[1] {
					t.Errorf("%s: exception.message is %q, want %q", name, got, want[1])
				}
				if stack, _ := e.Attrs["exception.stacktrace"].(string); !strings.Contains(stack, "main.panics.") || !strings.Contains(stack, "server.go:") {
					t.Errorf("%s: the stack does not show the handler: %s", name, stack)
				}
			}
			abort := pair.One(t, spans, "server", "POST /abort")
			if abort.Event("http.aborted") == nil || abort.Event("exception") != nil {
				t.Errorf("/abort has events %v", abort.Events)
			}
			recovered := pair.One(t, spans, "server", "POST /recovered")
			pair.Attrs(t, recovered, map[string]any{"error.type": "500"})
			if recovered.Event("exception") != nil {
				t.Error("/recovered has an exception, which the handler recovered")
			}
		}},
	{name: "context", tree: `
		client GET http.response.status_code=200
		  server GET http.response.status_code=200`},
	{name: "recorder", check: none},
	{name: "shutdown", tree: `
		client GET http.response.status_code=200
		  server GET http.response.status_code=200`},
	{name: "timeout", tree: `
		client GET http.response.status_code=200
		  server GET /quick/{id} http.route=/quick/{id} http.response.status_code=200
		client GET! http.response.status_code=503
		  server GET /slow/{id}! http.route=/slow/{id} http.response.status_code=503
		client GET!
		  server GET /panic/{id}! http.route=/panic/{id}`},
	{name: "proxy", tree: `
		client GET http.response.status_code=200
		  server GET http.response.status_code=200
		    client GET http.response.status_code=200
		      server GET http.response.status_code=200
		client GET! http.response.status_code=502
		  server GET! http.response.status_code=502
		    client GET!`},
	{name: "upgrade", tree: `
		client GET http.response.status_code=101
		  server GET
		    client GET http.response.status_code=101
		      server GET`},
	{name: "raw", tree: `
		server GET http.response.status_code=200
		server OPTIONS http.response.status_code=200
		server GET http.response.status_code=200
		server GET http.response.status_code=200`},
	{name: "client", tree: `
		client POST http.response.status_code=200
		  server POST http.response.status_code=200
		client POST http.response.status_code=200
		  server POST http.response.status_code=200
		client GET http.response.status_code=200
		  server GET http.response.status_code=200
		client GET http.response.status_code=200
		  server GET http.response.status_code=200
		client GET http.response.status_code=200
		  server GET http.response.status_code=200`,
		check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
			for _, s := range spans {
				for k, v := range s.Attrs {
					if v, ok := v.(string); ok && strings.Contains(v, "secret") {
						t.Errorf("%s shows the secret: %s", k, v)
					}
				}
			}
		}},
	{name: "shared", check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
		if len(spans) != 100 || len(watch.Traces(spans)) != 50 {
			t.Errorf("%d spans in %d traces, want 100 in 50", len(spans), len(watch.Traces(spans)))
		}
	}},
	{name: "redirect", tree: `
		client GET http.response.status_code=302
		  server GET /0 http.route=/0 http.response.status_code=302
		client GET http.response.status_code=302
		  server GET /1 http.route=/1 http.response.status_code=302
		client GET http.response.status_code=302
		  server GET /2 http.route=/2 http.response.status_code=302
		client GET http.response.status_code=200
		  server GET /3 http.route=/3 http.response.status_code=200`,
		check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
			for _, s := range spans {
				if s.Kind == "client" && strings.HasSuffix(s.Str("url.full"), "/3") {
					pair.Attrs(t, s, map[string]any{"http.request.resend_count": int64(3)})
				}
			}
		}},
	{name: "errors", check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
		want := map[string]string{"/missing": "404", "/refused": "*net.OpError", "/cut": "*", "/cancelled": "*", "/hang": "*"}
		for _, s := range spans {
			if s.Kind != "client" {
				continue
			}
			u := s.Str("url.full")
			path := u[strings.LastIndexByte(u, '/'):]
			if typ, ok := want[path]; ok {
				delete(want, path)
				if !s.Error || typ != "*" && s.Str("error.type") != typ {
					t.Errorf("%s: error %v, error.type %q, want %q", path, s.Error, s.Str("error.type"), typ)
				}
			}
		}
		if len(want) > 0 {
			t.Errorf("no spans for %v in:\n%s", want, pair.Tree(spans, "url.full"))
		}
	}},
	{name: "bodies", check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
		n := 0
		for _, s := range spans {
			if s.Kind == "client" {
				n++
			}
		}
		if n != 8 {
			t.Errorf("%d client spans, want 8:\n%s", n, pair.Tree(spans, "url.full"))
		}
	}},
	{name: "resend", check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
		resends := []int64{}
		for _, s := range spans {
			if s.Kind == "client" {
				resends = append(resends, s.Int("http.request.resend_count"))
			}
		}
		if len(resends) != 2 || resends[0]+resends[1] != 1 {
			t.Errorf("resend counts are %v, want one 1:\n%s", resends, pair.Tree(spans))
		}
		if len(watch.Traces(spans)) != 2 || len(spans) != 5 {
			t.Errorf("want two traces, of two and three spans:\n%s", pair.Tree(spans))
		}
	}},
	{name: "hooks", check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
		first := spans[0]
		for _, s := range spans {
			if s.Kind == "client" && s.Start.Before(first.Start) {
				first = s
			}
		}
		for _, name := range []string{"http.dns.start", "http.dns.done", "http.connect.start", "http.tls.start", "http.tls.done", "http.got_conn", "http.wrote_request", "http.first_byte"} {
			if first.Event(name) == nil {
				t.Errorf("no event %s among %v", name, first.Events)
			}
		}
	}},
	{name: "hooks", env: []string{"WEFT_HTTP_CLIENT_SPANS=true"}, check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
		tree := pair.Tree(spans)
		for _, name := range []string{"\n  internal dns", "\n  internal connect 127.0.0.1:", "\n  internal tls"} {
			if !strings.Contains(tree, name) {
				t.Errorf("no child span%s in:\n%s", strings.TrimPrefix(name, "\n "), tree)
			}
		}
	}},
	{name: "transport", check: func(t *testing.T, _ pair.Output, spans []watch.Span) {
		if n := len(spans); n != 6 {
			t.Errorf("%d spans, want 6:\n%s", n, pair.Tree(spans))
		}
	}},
	{name: "http2", tree: http2Tree, check: checkHTTP2},
	{name: "h2c", tree: http2Tree, check: checkHTTP2},
	{name: "file", check: none},
}

const http2Tree = `
	client GET http.response.status_code=200
	  server GET /a/{id} http.route=/a/{id} http.response.status_code=200
	client POST http.response.status_code=200
	  server POST /echo http.route=/echo http.response.status_code=200
	client GET http.response.status_code=204
	  server GET /none http.route=/none http.response.status_code=204
	client GET! http.response.status_code=500
	  server GET /fail! http.route=/fail http.response.status_code=500
	client GET http.response.status_code=202
	  server GET /hint http.route=/hint http.response.status_code=202
	client GET http.response.status_code=200
	  server GET /large http.route=/large http.response.status_code=200
	client POST!
	  server POST /panic! http.route=/panic
	client GET http.response.status_code=200
	  server GET /large http.route=/large http.response.status_code=200`

func checkHTTP2(t *testing.T, _ pair.Output, spans []watch.Span) {
	s := pair.One(t, spans, "server", "GET /a/{id}")
	pair.Attrs(t, s, map[string]any{"network.protocol.version": "2", "http.response.body.size": int64(8), "user_agent.original": "Go-http-client/2.0"})
	for _, c := range spans {
		if c.SpanID == s.ParentID {
			pair.Attrs(t, c, map[string]any{"network.protocol.version": "2"})
			if c.Event("http.first_byte") == nil || c.End.Before(s.Start) {
				t.Errorf("the client span is not whole: %v", c.Events)
			}
		}
	}
}

func none(t *testing.T, _ pair.Output, spans []watch.Span) {
	if len(spans) > 0 {
		t.Errorf("spans of what is no HTTP:\n%s", pair.Tree(spans))
	}
}

func events(t *testing.T, s watch.Span, want ...string) {
	t.Helper()
	var got []string
	for _, e := range s.Events {
		got = append(got, e.Name)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s %q has events %v, want %v", s.Kind, s.Name, got, want)
	}
}

func TestHTTP(t *testing.T) {
	for _, tc := range pair.Toolchains() {
		t.Run(tc, func(t *testing.T) {
			app := pair.Build(t, "testdata/app", tc)
			for _, sc := range scenarios {
				name := sc.name
				if sc.env != nil {
					name += " " + strings.Join(sc.env, " ")
				}
				t.Run(name, func(t *testing.T) {
					out, spans := app.Compare(t, sc.env, sc.name)
					if out.Code != 0 {
						t.Errorf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
					}
					pair.Conform(t, spans)
					if sc.tree != "" {
						pair.WantTree(t, spans, sc.tree, "http.route", "http.response.status_code")
					}
					if sc.check != nil {
						sc.check(t, out, spans)
					}
				})
			}
			t.Run("remote", func(t *testing.T) { testRemote(t, app) })
		})
	}
}

// testRemote checks what goes on to the next process, from one that came from
// another.
func testRemote(t *testing.T, app *pair.Program) {
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	app.Compare(t, nil, "remote", "01")
	out, spans := app.Run(t, []string{"WANT_CONTEXT=1"}, "remote", "01")
	pair.WantTree(t, spans, `
		server GET
		  client GET
		    server GET`)
	for _, s := range spans {
		if s.TraceID != trace {
			t.Errorf("%s %q is in trace %s, want the caller's", s.Kind, s.Name, s.TraceID)
		}
		if s.Kind == "client" && !strings.Contains(out.Stdout, "[00-"+trace+"-"+s.SpanID+"-01] [a=1,b=2] [user=bob]") {
			t.Errorf("the second request had %q, want the client span %s", out.Stdout, s.SpanID)
		}
	}
	if !slices.ContainsFunc(spans, func(s watch.Span) bool { return s.ParentID == parent }) {
		t.Errorf("no span has the caller's as its parent:\n%v", spans)
	}
	// What the caller does not record nobody records, and all say so.
	out, spans = app.Run(t, []string{"WANT_CONTEXT=1"}, "remote", "00")
	if len(spans) > 0 || !strings.Contains(out.Stdout, "[00-"+trace+"-") || !strings.Contains(out.Stdout, "-00] [a=1,b=2] [user=bob]") {
		t.Errorf("unsampled: %d spans, and the second request had %q", len(spans), out.Stdout)
	}
}
