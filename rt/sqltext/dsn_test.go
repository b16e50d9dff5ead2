package sqltext

import (
	"fmt"
	"strings"
	"testing"
)

func TestSystem(t *testing.T) {
	for _, tt := range []struct{ path, driver, want string }{
		{"modernc.org/sqlite", "sqlite", "sqlite"},
		{"github.com/mattn/go-sqlite3", "sqlite3", "sqlite"},
		{"github.com/lib/pq", "postgres", "postgresql"},
		{"github.com/jackc/pgx/v5/stdlib", "pgx", "postgresql"},
		{"github.com/go-sql-driver/mysql", "mysql", "mysql"},
		{"github.com/microsoft/go-mssqldb", "sqlserver", "microsoft.sql_server"},
		{"github.com/someone/wrapper", "postgres-wrapped", "postgresql"},
		{"github.com/someone/wrapper", "pgx", "postgresql"},
		{"github.com/someone/wrapper", "", "other_sql"},
	} {
		if got := System(tt.path, tt.driver); got != tt.want {
			t.Errorf("System(%q, %q) = %q, want %q", tt.path, tt.driver, got, tt.want)
		}
	}
}

func TestParseDSN(t *testing.T) {
	for _, tt := range []struct {
		system, dsn string
		want        Target
	}{
		{"sqlite", "shop.db", Target{"shop.db", "", 0}},
		{"sqlite", "file:/var/lib/shop.db?cache=shared&_pragma=busy_timeout(500)", Target{"/var/lib/shop.db", "", 0}},
		{"sqlite", ":memory:", Target{":memory:", "", 0}},
		{"postgresql", "postgres://me:secret@db.example.com:5433/shop?sslmode=disable", Target{"shop", "db.example.com", 5433}},
		{"postgresql", "postgres://me:sec/r@t@db/shop", Target{"shop", "db", 0}},
		{"postgresql", "postgres://[::1]:5432/shop", Target{"shop", "::1", 5432}},
		{"postgresql", "postgres:///shop?host=/var/run/postgresql", Target{"shop", "/var/run/postgresql", 0}},
		{"postgresql", "host=db port=5433 user=me password='it\\'s secret host=no' dbname=shop", Target{"shop", "db", 5433}},
		{"postgresql", "", Target{}},
		{"mysql", "me:secret@tcp(db.example.com:3306)/shop?parseTime=true", Target{"shop", "db.example.com", 3306}},
		{"mysql", "me:se/c@ret@unix(/tmp/mysql.sock)/shop", Target{}},
		{"mysql", "/shop", Target{}},
		{"microsoft.sql_server", "sqlserver://sa:secret@host:1433?database=shop", Target{"shop", "host", 1433}},
		{"microsoft.sql_server", "server=host;user id=sa;password=secret;port=1433;database=shop", Target{"shop", "host", 1433}},
		{"other_sql", "whatever", Target{}},
	} {
		got := ParseDSN(tt.system, tt.dsn)
		if tt.want != (Target{}) && got != tt.want {
			t.Errorf("ParseDSN(%q, %q) = %+v, want %+v", tt.system, tt.dsn, got, tt.want)
		}
		if s := fmt.Sprint(got); strings.Contains(s, "secret") {
			t.Errorf("ParseDSN(%q, %q) shows the password: %s", tt.system, tt.dsn, s)
		}
	}
}

func FuzzParseDSN(f *testing.F) {
	f.Add("postgres://me:secret@db/shop", "postgresql")
	f.Add("a='b", "other_sql")
	f.Add("u:p@tcp(h:1)/d?x", "mysql")
	f.Fuzz(func(t *testing.T, dsn, system string) { ParseDSN(system, dsn) })
}
