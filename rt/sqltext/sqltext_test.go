package sqltext

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	mysql, mssql, sqlite := DialectOf("mysql"), DialectOf("microsoft.sql_server"), DialectOf("sqlite")
	for _, tt := range []struct {
		query   string
		dialect Dialect
		want    Statement
	}{
		{"", Dialect{}, Statement{}},
		{";", Dialect{}, Statement{Text: ";"}},
		{"SELECT 1", Dialect{}, Statement{"SELECT ?", "SELECT", "SELECT"}},
		{"select * from users where id = 42 and name='O''Brien'", Dialect{},
			Statement{"select * from users where id = ? and name = ?", "SELECT users", "SELECT"}},
		{"SELECT a, count(*) FROM t1 GROUP BY a HAVING count(*)>-5.5e-3", Dialect{},
			Statement{"SELECT a, count(*) FROM t1 GROUP BY a HAVING count(*) > - ?", "SELECT t1", "SELECT"}},
		{"SELECT *\n  FROM orders o -- the customer's 'own'\n JOIN \"lines\" l ON l.order_id = o.id /* a /* b */ 'c */ WHERE o.id=$1", Dialect{},
			Statement{`SELECT * FROM orders o JOIN "lines" l ON l.order_id = o.id WHERE o.id = $1`, "SELECT orders lines", "SELECT"}},
		{"SELECT * FROM songs, artists AS a, public.albums WHERE x = :name AND y = @p1 AND z = ?1", Dialect{},
			Statement{"SELECT * FROM songs, artists AS a, public.albums WHERE x = :name AND y = @p1 AND z = ?1", "SELECT songs artists public.albums", "SELECT"}},
		{"SELECT * FROM t WHERE id IN (1,2, 3) AND k NOT IN ('a') AND m IN (SELECT id FROM u)", Dialect{},
			Statement{"SELECT * FROM t WHERE id IN (?) AND k NOT IN (?) AND m IN (SELECT id FROM u)", "SELECT t SELECT u", "SELECT"}},
		{"SELECT * FROM t WHERE id IN ($1, $2, $3)", Dialect{},
			Statement{"SELECT * FROM t WHERE id IN (?)", "SELECT t", "SELECT"}},
		{"INSERT INTO shop.orders (a, b) VALUES (1, 'x'), (2, now()), (3, 'y') RETURNING id", Dialect{},
			Statement{"INSERT INTO shop.orders (a, b) VALUES (?, ?) RETURNING id", "INSERT shop.orders", "INSERT"}},
		{"INSERT INTO archive SELECT * FROM orders", Dialect{},
			Statement{"INSERT INTO archive SELECT * FROM orders", "INSERT archive SELECT orders", "INSERT"}},
		{"insert into t(a) values(?) on conflict (a) do update set a = excluded.a", Dialect{},
			Statement{"insert into t(a) values (?) on conflict (a) do update set a = excluded.a", "INSERT t", "INSERT"}},
		{"UPDATE stock SET qty = qty - 1 WHERE sku = E'it\\'s'", Dialect{},
			Statement{"UPDATE stock SET qty = qty - ? WHERE sku = ?", "UPDATE stock", "UPDATE"}},
		{"SELECT * FROM stock WHERE id = $1 FOR UPDATE", Dialect{},
			Statement{"SELECT * FROM stock WHERE id = $1 FOR UPDATE", "SELECT stock", "SELECT"}},
		{"DELETE FROM t WHERE p = $tag$ it's $$ here $tag$", Dialect{},
			Statement{"DELETE FROM t WHERE p = ?", "DELETE t", "DELETE"}},
		{"WITH top AS (SELECT id FROM users LIMIT 10) UPDATE orders SET a = 1 FROM top WHERE x = 2", Dialect{},
			Statement{"WITH top AS (SELECT id FROM users LIMIT ?) UPDATE orders SET a = ? FROM top WHERE x = ?", "WITH SELECT users UPDATE orders", "UPDATE"}},
		{"CREATE TABLE IF NOT EXISTS users (id int)", Dialect{},
			Statement{"CREATE TABLE IF NOT EXISTS users (id int)", "CREATE TABLE users", "CREATE"}},
		{"DROP TABLE a", Dialect{}, Statement{"DROP TABLE a", "DROP TABLE a", "DROP"}},
		{"PRAGMA journal_mode = WAL", sqlite, Statement{"PRAGMA journal_mode = WAL", "PRAGMA", "PRAGMA"}},
		{"BEGIN; UPDATE a SET b = 1; COMMIT;", Dialect{},
			Statement{"BEGIN; UPDATE a SET b = ?; COMMIT;", "BEGIN; UPDATE a; COMMIT", ""}},
		{"SELECT 1;", Dialect{}, Statement{"SELECT ?;", "SELECT", "SELECT"}},
		{"(SELECT a FROM x) UNION (SELECT a FROM y)", Dialect{},
			Statement{"(SELECT a FROM x) UNION (SELECT a FROM y)", "SELECT x SELECT y", "SELECT"}},
		{"EXPLAIN SELECT * FROM x", Dialect{}, Statement{"EXPLAIN SELECT * FROM x", "EXPLAIN SELECT x", "EXPLAIN"}},
		{"call refresh(1, 'b')", Dialect{}, Statement{"call refresh(?, ?)", "CALL refresh", "CALL"}},
		{`SELECT "a" FROM ` + "`t` WHERE b = 'x\\'y' AND c = \"it's\" # 'rest", mysql,
			Statement{"SELECT ? FROM `t` WHERE b = ? AND c = ?", "SELECT t", "SELECT"}},
		{`SELECT [a b] FROM [dbo].[My Table] WHERE x = N'ä' AND y = 0xFF`, mssql,
			Statement{"SELECT [a b] FROM [dbo].[My Table] WHERE x = ? AND y = ?", "SELECT dbo.My Table", "SELECT"}},
		{`SELECT a[1], b::text, c->>'k' FROM t WHERE d @> '{}' AND e ?| array['x']`, Dialect{},
			Statement{"SELECT a[?], b::text, c ->> ? FROM t WHERE d @> ? AND e ?| array[?]", "SELECT t", "SELECT"}},
		{`SELECT * FROM "u" WHERE "u"."name" = "bob" AND 'C:\' = 'secret'`, sqlite,
			Statement{`SELECT * FROM "u" WHERE "u"."name" = ? AND ? = ?`, "SELECT u", "SELECT"}},
		{`SELECT 'not closed, secret`, Dialect{}, Statement{"SELECT ?", "SELECT", "SELECT"}},
		{`SELECT "not closed, secret`, Dialect{}, Statement{"SELECT ?", "SELECT", "SELECT"}},
		{`SELECT $$not closed, secret`, Dialect{}, Statement{"SELECT ?", "SELECT", "SELECT"}},
		{`SELECT /* not closed, secret`, Dialect{}, Statement{"SELECT", "SELECT", "SELECT"}},
		{"{not sql}", Dialect{}, Statement{"{ not sql }", "", ""}},
	} {
		if got := Parse(tt.query, tt.dialect); got != tt.want {
			t.Errorf("Parse(%q)\n got %q\nwant %q", tt.query, got, tt.want)
		}
	}
}

// A statement of any size costs a bounded amount of work and memory.
func TestParseBounds(t *testing.T) {
	for _, query := range []string{
		"INSERT INTO t VALUES " + strings.Repeat("(1, 'x', now()), ", 100_000),
		"SELECT * FROM t WHERE a IN (" + strings.Repeat("12345, ", 100_000) + "1)",
		strings.Repeat("SELECT a FROM b; ", 100_000),
		strings.Repeat("(", 1_000_000),
		"SELECT '" + strings.Repeat("x", 1_000_000) + "'",
	} {
		s := Parse(query, Dialect{})
		if len(s.Text) > maxText+len(ellipsis) || len(s.Summary) > maxSummary {
			t.Errorf("Parse(%.30q…): text of %d bytes, summary of %d", query, len(s.Text), len(s.Summary))
		}
		if !strings.HasSuffix(s.Text, ellipsis) {
			t.Errorf("Parse(%.30q…): the text does not say that it was cut: %.80q", query, s.Text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"SELECT 1", "a 'b' \"c\" `d` [e] $f$g$f$ --h\n/*i*/", "IN (1, 2", "VALUES (1), (", "WITH a AS (", "x'", "$", "U&'"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(31))
	}
	f.Fuzz(func(t *testing.T, query string, bits uint8) {
		d := Dialect{bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0, bits&16 != 0}
		s := Parse(query, d)
		if len(s.Text) > maxText+len(ellipsis) || len(s.Summary) > maxSummary {
			t.Errorf("too long: %d and %d bytes", len(s.Text), len(s.Summary))
		}
		if utf8.ValidString(query) && !(utf8.ValidString(s.Text) && utf8.ValidString(s.Summary) && utf8.ValidString(s.Operation)) {
			t.Errorf("Parse(%q) is not UTF-8: %q", query, s)
		}
	})
}

// FuzzSecret puts a literal into a statement, as a program that builds its
// statements from strings would quote it, and looks for it in what comes out.
func FuzzSecret(f *testing.F) {
	f.Add("secret", "select a from b where c =", "and d")
	f.Add(`it's \' here`, "x (", ", 'y')")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if strings.ContainsAny(before, "'\"`$[]/-#") || strings.ContainsAny(after, "'\"`$[]") {
			t.Skip() // only statements in which the literal is a literal
		}
		const mark = "TheSecretOfThem"
		standard := strings.ReplaceAll(secret+mark, "'", "''")
		escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(secret + mark)
		if len(before)+len(standard) > 30<<10 {
			t.Skip()
		}
		for _, tt := range []struct {
			dialect Dialect
			literal string
		}{
			{Dialect{}, "'" + standard + "'"},
			{Dialect{}, "E'" + escaped + "'"},
			{Dialect{}, "$$" + strings.ReplaceAll(secret, "$", "") + mark + "$$"},
			{DialectOf("sqlite"), "'" + standard + "'"},
			{DialectOf("microsoft.sql_server"), "N'" + standard + "'"},
			{DialectOf("mysql"), "'" + escaped + "'"},
			{DialectOf("mysql"), `"` + strings.ReplaceAll(escaped, `"`, `\"`) + `"`},
		} {
			query := before + " " + tt.literal + " " + after
			if s := Parse(query, tt.dialect); strings.Contains(s.Text+s.Summary+s.Operation, mark) {
				t.Errorf("Parse(%q) shows the literal: %q", query, s)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("SELECT o.id, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE u.name = 'bob' AND o.id IN (1, 2, 3)", Dialect{})
	}
}
