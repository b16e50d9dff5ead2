package redis

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

const module = "github.com/redis/go-redis/v9"

// Each scenario runs plain and woven, must look the same from outside, and have
// recorded these spans: but for those of connections that are made, which different
// versions make at different times.
var scenarios = []struct {
	name  string
	addrs func(t *testing.T) []string
	tree  string
	keys  []string
	check func(t *testing.T, addrs []string, spans []watch.Span)
}{
	{
		name: "commands",
		tree: `
			client FLUSHDB db.query.text=FLUSHDB
			client SET db.query.text=SET ? ? ? ?
			client GET db.query.text=GET ?
			client GET db.query.text=GET ?
			client MGET db.query.text=MGET ? ? ? ? ? ? ? ? ...
			client HSET db.query.text=HSET ? ? ? ? ?
			client HGETALL db.query.text=HGETALL ?
			client INCRBY db.query.text=INCRBY ? ?
			client OBJECT ENCODING db.query.text=OBJECT ENCODING ?
			client CONFIG GET db.query.text=CONFIG GET ?
			client RPUSH db.query.text=RPUSH ? ?
			client BLPOP db.query.text=BLPOP ? ?
			client SCAN db.query.text=SCAN ? ? ? ? ?
			client GET db.query.text=GET ?
			client PUBLISH db.query.text=PUBLISH ? ?`,
		keys: []string{"db.query.text"},
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			for _, s := range spans {
				where(t, s, addrs[0], "3")
				pair.Attrs(t, s, map[string]any{"db.operation.name": s.Name, "db.response.status_code": nil})
				for k, v := range s.Attrs {
					if v, ok := v.(string); ok && (strings.Contains(v, "secret") || strings.Contains(v, "ann")) {
						t.Errorf("%s shows a value: %s", k, v)
					}
				}
			}
		},
	},
	{
		name: "errors",
		tree: `
			client FLUSHDB
			client SET
			client LPUSH! db.response.status_code=WRONGTYPE error.type=WRONGTYPE
			client NOSUCH! db.response.status_code=ERR error.type=ERR
			client GET! error.type=*errors.errorString
			client BLPOP! error.type=*net.OpError
			client GET! error.type=*errors.errorString
			client PING! error.type=*net.OpError`,
		keys: []string{"db.response.status_code", "error.type"},
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			if m := pair.One(t, spans, "client", "NOSUCH").Message; m != "ERR unknown command 'nosuch'" {
				t.Errorf("the message is %q", m)
			}
			pair.Attrs(t, pair.One(t, spans, "client", "PING"), map[string]any{"server.address": "127.0.0.1", "server.port": int64(1), "network.peer.address": nil})
		},
	},
	{
		name: "batches",
		tree: `
			client FLUSHDB db.query.text=FLUSHDB
			client PIPELINE db.operation.batch.size=3 db.query.text=SET ? ?; GET ?; INCR ?
			client PIPELINE SET db.operation.batch.size=20 db.query.text=SET ? ?
			client GET db.query.text=GET ?
			client PIPELINE GET db.operation.batch.size=2 db.query.text=GET ?
			client PIPELINE! db.operation.batch.size=2 db.query.text=GET ?; LPUSH ? ?
			client MULTI INCR db.operation.batch.size=2 db.query.text=INCR ?
			client MULTI INCR db.query.text=INCR ?`,
		keys: []string{"db.operation.batch.size", "db.query.text"},
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			for _, s := range spans {
				where(t, s, addrs[0], "3")
				if s.Error {
					pair.Attrs(t, s, map[string]any{"db.response.status_code": "WRONGTYPE"})
				}
			}
		},
	},
	{
		name: "watch",
		tree: `
			client FLUSHDB
			client WATCH
			client GET
			client MULTI SET
			client WATCH
			client SET
			client MULTI SET!`,
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			for _, s := range spans {
				where(t, s, addrs[0], "3")
				if s.Error && s.Message != "redis: transaction failed" {
					t.Errorf("%s has the message %q", s.Name, s.Message)
				}
			}
		},
	},
	{
		name: "scripts",
		tree: `
			client FLUSHDB
			client SCRIPT FLUSH
			client EVALSHA! db.response.status_code=NOSCRIPT db.stored_procedure.name=098e0f0d1448c0a81dafe820f66d460eb09263da
			client EVAL
			client EVALSHA db.stored_procedure.name=098e0f0d1448c0a81dafe820f66d460eb09263da`,
		keys: []string{"db.response.status_code", "db.stored_procedure.name"},
	},
	{
		name: "conns",
		tree: `
			client FLUSHDB
			client CLIENT SETNAME
			client CLIENT GETNAME
			client PIPELINE
			client PING
			client PING!`,
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			for _, s := range spans {
				if !s.Error {
					where(t, s, addrs[0], "3")
				}
			}
		},
	},
	{
		name: "hooks",
		tree: `
			client FLUSHDB
			client SET
			client ECHO
			client GET
			client MULTI GET`,
	},
	{
		name: "auto",
		tree: `
			client FLUSHDB
			client SET
			client GET
			client LPUSH!
			client GET
			client GET
			client BLPOP!
			client GET`,
	},
	{
		// Which commands are sent together is not for a test to know.
		name: "async",
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			if len(spans) < 2 {
				t.Errorf("%d spans, want that of FLUSHDB and others", len(spans))
			}
			for _, s := range spans {
				where(t, s, addrs[0], "3")
				if s.ParentID != "" {
					t.Errorf("%s is part of another:\n%s", s.Name, pair.Tree(spans))
				}
			}
		},
	},
	{
		name: "ring",
		tree: `
			client SET
			client SET
			client SET
			client SET
			client PIPELINE GET db.operation.batch.size=8
			client MULTI GET db.operation.batch.size=8
			client GET`,
		keys: []string{"db.operation.batch.size"},
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			for _, s := range spans {
				where(t, s, addrs[0], "0")
			}
		},
	},
	{
		name:  "cluster",
		addrs: nodes,
		check: checkCluster,
	},
	{
		name:  "failover",
		addrs: watched,
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			set, get := pair.One(t, spans, "client", "SET"), pair.One(t, spans, "client", "GET")
			for _, s := range []watch.Span{set, get} {
				if s.ParentID != "" || s.Error {
					t.Errorf("%s is not what was expected:\n%s", s.Name, pair.Tree(spans))
				}
				pair.Attrs(t, s, map[string]any{"server.address": "127.0.0.1", "server.port": s.Attrs["network.peer.port"], "network.peer.port": "*", "db.namespace": "0"})
			}
			own := 0
			for _, s := range spans {
				if s.Name == "SENTINEL GET-MASTER-ADDR-BY-NAME" {
					where(t, s, addrs[1], "")
					if s.ParentID == "" {
						own++
					} else if s.TraceID != set.TraceID {
						t.Errorf("the master was asked for in a trace of its own:\n%s", pair.Tree(spans))
					}
				}
			}
			if own != 1 {
				t.Errorf("%d spans of the program's own sentinel client, want 1:\n%s", own, pair.Tree(spans))
			}
		},
	},
	{
		name: "request",
		tree: `
			client FLUSHDB
			client GET
			  server GET /users/:id
			    client INCR
			    client GET
			client GET
			  server GET /users/:id
			    client INCR
			    client GET`,
	},
	{
		name: "pubsub",
		tree: `
			client FLUSHDB db.query.text=FLUSHDB
			client GET
			  server GET /subscribe
			    client SUBSCRIBE db.query.text=SUBSCRIBE ?
			client GET
			  server GET /publish
			    client PUBLISH db.query.text=PUBLISH ? ?
			client INCR db.query.text=INCR ?
			client UNSUBSCRIBE db.query.text=UNSUBSCRIBE ?`,
		keys: []string{"db.query.text"},
		check: func(t *testing.T, addrs []string, spans []watch.Span) {
			where(t, pair.One(t, spans, "client", "SUBSCRIBE"), addrs[0], "3")
		},
	},
	{
		name: "pool",
		tree: `
			client FLUSHDB
			client GET
			  server GET /first
			    client PING
			client GET
			  server GET /second
			    client PING`,
	},
}

// where checks the attributes that say which server it was.
func where(t *testing.T, s watch.Span, addr, namespace string) {
	t.Helper()
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.ParseInt(p, 10, 64)
	want := map[string]any{"db.system.name": "redis", "server.address": host, "server.port": port, "db.namespace": namespace}
	if namespace == "" {
		want["db.namespace"] = nil
	}
	if !strings.Contains(s.Name, "SUBSCRIBE") {
		want["network.peer.address"], want["network.peer.port"] = host, port
	}
	pair.Attrs(t, s, want)
}

func checkCluster(t *testing.T, addrs []string, spans []watch.Span) {
	count := map[string]int{}
	asked := map[string]bool{}
	for _, s := range spans {
		count[s.Name]++
		switch s.Name {
		case "SET", "GET":
			addr := net.JoinHostPort(s.Str("server.address"), strconv.FormatInt(s.Int("server.port"), 10))
			where(t, s, addr, "0")
			asked[addr] = true
			if s.ParentID != "" || s.Error {
				t.Errorf("%s is not what was expected:\n%s", s.Name, pair.Tree(spans))
			}
		case "PIPELINE GET":
			pair.Attrs(t, s, map[string]any{"db.operation.batch.size": int64(6), "server.address": nil, "db.namespace": nil})
		}
	}
	for name, n := range map[string]int{"SET": 7, "GET": 4, "PIPELINE GET": 1, "MULTI INCR": 1, "ECHO": 3, "FLUSHALL": 3, "PING": 0} {
		if count[name] != n {
			t.Errorf("%d spans %s, want %d:\n%s", count[name], name, n, pair.Tree(spans))
		}
	}
	for _, addr := range addrs {
		if !asked[addr] {
			t.Errorf("no span says that %s was asked, but %v", addr, asked)
		}
	}
}

// apart separates the spans of connections that were made from the others, of which
// it leaves out what only some versions do by themselves.
func apart(spans []watch.Span) (made, rest []watch.Span) {
	for _, s := range spans {
		switch {
		case s.Name == "connect":
			made = append(made, s)
		case s.Name == "UNWATCH", s.Name == "COMMAND" && s.ParentID != "":
		default:
			rest = append(rest, s)
		}
	}
	return made, rest
}

func TestRedis(top *testing.T) {
	// The versions share their servers.
	servers := map[string][]string{}
	for _, v := range pair.Versions(top, "testdata/app", module) {
		top.Run(v.Name, func(t *testing.T) {
			server(t)
			app := pair.Build(t, "testdata/app", "local", v.Flags()...)
			for _, sc := range scenarios {
				t.Run(sc.name, func(t *testing.T) {
					if sc.addrs == nil {
						servers[sc.name] = server(t)
					} else if servers[sc.name] == nil {
						servers[sc.name] = sc.addrs(top)
					}
					addrs := servers[sc.name]
					out, spans := app.Compare(t, nil, append([]string{sc.name}, addrs...)...)
					if out.Code != 0 {
						t.Fatalf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
					}
					pair.Conform(t, spans)
					made, rest := apart(spans)
					if sc.tree != "" {
						pair.WantTree(t, rest, sc.tree, sc.keys...)
					}
					if sc.check != nil {
						sc.check(t, addrs, rest)
					}
					checkConnects(t, sc.name, made, spans)
				})
			}
		})
	}
}

// A program that has redisotel's hooks has each command once: as their span, or, where
// those are hooks of a cluster's nodes, as one span with what both say of it.
func TestRedisotel(t *testing.T) {
	addrs := server(t)
	app := pair.Build(t, "testdata/otel", "local")
	out, spans := app.Compare(t, nil, addrs...)
	if out.Code != 0 {
		t.Fatalf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
	}
	pair.WantTree(t, ofRequest(spans), `
		server GET
		  client set db.system=redis
		  client get db.system=redis
		  client redis.pipeline get db.system=redis`, "db.system", "db.system.name")
	out, spans = app.Compare(t, nil, nodes(t)...)
	if out.Code != 0 {
		t.Fatalf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
	}
	pair.WantTree(t, ofRequest(spans), `
		server GET
		  client SET db.system=redis db.system.name=redis
		  client GET db.system=redis db.system.name=redis
		  client PIPELINE GET db.system=redis db.system.name=redis`, "db.system", "db.system.name")
}

// ofRequest is the span of the request that was served, and those right below it.
func ofRequest(spans []watch.Span) (list []watch.Span) {
	for _, s := range spans {
		if s.Kind != "server" {
			continue
		}
		list = append(list, s)
		for _, c := range spans {
			if c.ParentID == s.SpanID {
				list = append(list, c)
			}
		}
	}
	return list
}

// checkConnects looks at the connections: each was made for a command, and none
// belongs to a request that only happened to be there.
func checkConnects(t *testing.T, scenario string, made, spans []watch.Span) {
	t.Helper()
	byID := map[string]watch.Span{}
	for _, s := range spans {
		byID[s.SpanID] = s
	}
	for _, s := range made {
		p, ok := byID[s.ParentID]
		if !ok || p.Kind != "client" || p.Attrs["db.system.name"] != "redis" {
			t.Errorf("a connection was made by itself:\n%s", pair.Tree(spans))
		}
		pair.Attrs(t, s, map[string]any{"db.system.name": "redis"})
	}
	if scenario == "pool" {
		// One for the first command of all, one for the second request, and one for
		// the first if it was faster than the pool.
		if n := len(made); n != 2 && n != 3 {
			t.Errorf("%d connections were made for somebody, want 2 or 3:\n%s", n, pair.Tree(spans))
		}
	}
}
