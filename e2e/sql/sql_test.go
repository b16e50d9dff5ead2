package sql

import (
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-trace/weft/e2e/internal/pair"
	"github.com/weft-trace/weft/watch"
)

func TestMain(m *testing.M) { pair.Main(m) }

// A database that the scenarios run on.
type database struct {
	driver string
	dsn    func(t *testing.T) string // of an empty database
	system string
}

// postgres returns the server that scripts/with-postgres runs, and says why there
// is none.
func postgres(t *testing.T) string {
	dsn := os.Getenv("WEFT_TEST_POSTGRES")
	if dsn == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("WEFT_TEST_POSTGRES is not set: run the tests by make test, or scripts/with-postgres go test ./e2e/sql")
		}
		t.Skip("WEFT_TEST_POSTGRES is not set: run scripts/with-postgres go test ./e2e/sql")
	}
	return dsn
}

var databases = []database{
	{"sqlite", func(t *testing.T) string { return filepath.Join(t.TempDir(), "app.db") }, "sqlite"},
	{"pgx", postgres, "postgresql"},
	{"postgres", postgres, "postgresql"}, // lib/pq
}

var scenarios = []struct {
	name string
	tree string
	keys []string
	test func(t *testing.T, db database, dsn string, spans []watch.Span)
}{
	{
		name: "calls",
		tree: `
			client ping
			  client connect
			client DROP TABLE users db.operation.name=DROP db.response.affected_rows=0
			client CREATE TABLE users db.operation.name=CREATE db.response.affected_rows=0
			client INSERT users db.operation.name=INSERT db.response.affected_rows=3
			client SELECT users db.operation.name=SELECT db.response.returned_rows=1
			client UPDATE users db.operation.name=UPDATE db.response.affected_rows=2
			client PREPARE SELECT users db.operation.name=PREPARE
			client SELECT users db.operation.name=SELECT db.response.returned_rows=1
			client SELECT users db.operation.name=SELECT db.response.returned_rows=1
			client PREPARE INSERT users db.operation.name=PREPARE
			client INSERT users db.operation.name=INSERT db.response.affected_rows=1
			client BEGIN db.operation.name=BEGIN
			client DELETE users db.operation.name=DELETE db.response.affected_rows=1
			client SELECT users db.operation.name=SELECT db.response.returned_rows=1
			client PREPARE SELECT users db.operation.name=PREPARE
			client SELECT users db.operation.name=SELECT db.response.returned_rows=1
			client COMMIT db.operation.name=COMMIT
			client BEGIN db.operation.name=BEGIN
			client DELETE users db.operation.name=DELETE db.response.affected_rows=3
			client ROLLBACK db.operation.name=ROLLBACK
			client connection
			client ping
			client SELECT users db.operation.name=SELECT db.response.returned_rows=1
			client DELETE users db.operation.name=DELETE db.response.affected_rows=0
			client BEGIN db.operation.name=BEGIN
			client COMMIT db.operation.name=COMMIT
			client ping!`,
		keys: []string{"db.operation.name", "db.response.returned_rows", "db.response.affected_rows"},
		test: func(t *testing.T, db database, dsn string, spans []watch.Span) {
			for _, s := range spans {
				where(t, s, db, dsn)
				for k, v := range s.Attrs {
					if v, ok := v.(string); ok && strings.Contains(v, "secret") || v == "ann" {
						t.Errorf("%s shows a value: %s", k, v)
					}
				}
			}
			for _, s := range spans {
				if s.Name == "UPDATE users" {
					pair.Attrs(t, s, map[string]any{"db.query.text": "UPDATE users SET age = ? WHERE id IN (?)", "db.query.summary": "UPDATE users"})
				}
				if s.Name == "INSERT users" && s.Int("db.response.affected_rows") != 1 {
					pair.Attrs(t, s, map[string]any{"db.query.text": "INSERT INTO users (id, name, age) VALUES (?, ?, ?)"})
				}
			}
		},
	},
	{
		name: "rows",
		tree: `
			client SELECT users db.response.returned_rows=3
			client SELECT users db.response.returned_rows=1
			client SELECT users! db.response.returned_rows=1
			client SELECT users db.response.returned_rows=0`,
		keys: []string{"db.response.returned_rows"},
		test: func(t *testing.T, db database, dsn string, spans []watch.Span) {
			for _, s := range spans {
				if s.Event("db.response") == nil {
					t.Errorf("%s has no event db.response", s.Name)
				}
			}
		},
	},
	{
		name: "failures",
		tree: `
			client SELECT nowhere!
			  client connect
			client UPDATE nowhere!
			client PREPARE SELEC!
			client SELECT!
			client BEGIN!`,
		test: func(t *testing.T, db database, dsn string, spans []watch.Span) {
			for _, s := range spans {
				if s.Error && strings.Contains(s.Name, "nowhere") && (s.Message == "" || strings.Contains(s.Message, "secret")) {
					t.Errorf("%s has the message %q", s.Name, s.Message)
				}
			}
		},
	},
	{
		name: "pool",
		tree: `
			client BEGIN
			  client connect
			client SELECT
			  internal wait for connection
			client COMMIT`,
	},
	{
		name: "request",
		tree: `
			client GET
			  server GET
			    client BEGIN
			    client SELECT users
			    client SELECT
			      client connect
			    client COMMIT`,
		test: func(t *testing.T, db database, dsn string, spans []watch.Span) {
			if n := len(watch.Traces(spans)); n != 1 {
				t.Errorf("%d traces, want 1", n)
			}
		},
	},
	{
		name: "unsampled",
		tree: `
			client GET
			  server GET
			    client BEGIN
			      client connect
			    client COMMIT`,
	},
}

// where checks the attributes that say which database it was.
func where(t *testing.T, s watch.Span, db database, dsn string) {
	want := map[string]any{"db.system.name": db.system}
	if u, err := url.Parse(dsn); err == nil && u.Host != "" {
		want["server.address"] = u.Hostname()
		if p, _ := strconv.ParseInt(u.Port(), 10, 64); p != 0 {
			want["server.port"] = p
		}
		want["db.namespace"] = strings.TrimPrefix(u.Path, "/")
	} else {
		want["db.namespace"] = dsn
	}
	pair.Attrs(t, s, want)
}

// withoutSetup leaves out the statements that make the tables, which rows and request are not
// about.
func withoutSetup(spans []watch.Span) []watch.Span {
	setup := map[string]bool{}
	for _, s := range spans {
		if s.Name == "DROP TABLE users" || s.Name == "CREATE TABLE users" || s.Name == "INSERT users" {
			setup[s.SpanID] = true
		}
	}
	var rest []watch.Span
	for _, s := range spans {
		if !setup[s.SpanID] && !setup[s.ParentID] {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestSQL(t *testing.T) {
	for _, tc := range pair.Toolchains() {
		t.Run(tc, func(t *testing.T) {
			if strings.HasPrefix(tc, "go1.25") {
				t.Skip("the drivers want Go 1.26")
			}
			app := pair.Build(t, "testdata/app", tc)
			for _, db := range databases {
				t.Run(db.driver, func(t *testing.T) {
					for _, sc := range scenarios {
						t.Run(sc.name, func(t *testing.T) {
							dsn := db.dsn(t)
							out, spans := app.Compare(t, nil, sc.name, db.driver, dsn)
							if out.Code != 0 {
								t.Fatalf("exit code %d, stderr:\n%s", out.Code, out.Stderr)
							}
							pair.Conform(t, spans)
							if sc.name != "calls" {
								spans = withoutSetup(spans)
							}
							if sc.name == "rows" {
								// The query whose context ends has as many rows as the race lets it.
								spans = dropLast(spans)
							}
							pair.WantTree(t, spans, sc.tree, sc.keys...)
							if sc.test != nil {
								sc.test(t, db, dsn, spans)
							}
						})
					}
				})
			}
			t.Run("fake", func(t *testing.T) { testFake(t, app) })
		})
	}
}

// dropLast leaves out the span that started last.
func dropLast(spans []watch.Span) []watch.Span {
	if len(spans) == 0 {
		return nil
	}
	last := 0
	for i, s := range spans {
		if s.Start.After(spans[last].Start) {
			last = i
		}
	}
	return append(spans[:last:last], spans[last+1:]...)
}

// testFake has a driver that answers ErrSkip and ErrBadConn, and objects to be
// asked for anything that the program did not ask for.
func testFake(t *testing.T, app *pair.Program) {
	_, spans := app.Compare(t, nil, "skip", "fake", "")
	pair.Conform(t, spans)
	pair.WantTree(t, spans, `
		client INSERT t db.system.name=other_sql
		  client connect db.system.name=other_sql
		client SELECT t db.system.name=other_sql db.response.returned_rows=2
		client BEGIN db.system.name=other_sql
		client ROLLBACK! db.system.name=other_sql`, "db.system.name", "db.response.returned_rows")

	_, spans = app.Compare(t, nil, "bad", "fake", "")
	pair.Conform(t, spans)
	pair.WantTree(t, spans, `
		client SELECT t
		  client connect
		client SELECT t
		  internal retry db.client.attempt=2
		    client connect
		client SELECT t
		  internal retry! db.client.attempt=2
		    client connect
		  internal retry db.client.attempt=3
		    client connect
		client SELECT t!
		  internal retry! db.client.attempt=2
		    client connect
		  internal retry! db.client.attempt=3
		    client connect`, "db.client.attempt")

	_, spans = app.Compare(t, nil, "connector", "fake", "")
	pair.WantTree(t, spans, `
		client DELETE t
		  client connect`)
}
