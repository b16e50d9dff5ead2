package sqltext

import "strings"

// systems is what tells which database system a driver is for: a part of the
// import path of its package, and the value of db.system.name.
var systems = []struct{ path, name string }{
	{"sqlite", "sqlite"}, // modernc.org/sqlite, mattn/go-sqlite3, ncruces/go-sqlite3, …
	{"/pgx", "postgresql"},
	{"lib/pq", "postgresql"},
	{"pgdriver", "postgresql"},
	{"postgres", "postgresql"},
	{"go-mysql-org", "mysql"},
	{"mysql", "mysql"},
	{"mssql", "microsoft.sql_server"},
	{"sqlserver", "microsoft.sql_server"},
	{"go-ora", "oracle.db"},
	{"godror", "oracle.db"},
	{"oracle", "oracle.db"},
	{"clickhouse", "clickhouse"},
	{"snowflake", "snowflake"},
	{"go-sql-spanner", "gcp.spanner"},
	{"databricks", "databricks"},
	{"trino", "trino"},
	{"duckdb", "duckdb"},
	{"firebird", "firebirdsql"},
	{"go_ibm_db", "ibm.db2"},
	{"hdb", "sap.hana"},
	{"hive", "hive"},
	{"vertica", "vertica"},
	{"libsql", "sqlite"},
	{"cassandra", "cassandra"},
	{"redshift", "aws.redshift"},
}

// System is the name that OpenTelemetry has for the system of a driver, by the
// import path of its package or else the name it is registered by. It is
// "other_sql" if neither is known.
func System(pkgPath, driverName string) string {
	for _, s := range [...]string{pkgPath, driverName} {
		s = strings.ToLower(s)
		if s == "pgx" || s == "pq" {
			return "postgresql"
		}
		for _, sys := range systems {
			if strings.Contains(s, sys.path) {
				return sys.name
			}
		}
	}
	return "other_sql"
}

// Target is where a database is.
type Target struct {
	Namespace string // the database's name, or SQLite's file
	Address   string // host name, IP address or path of a socket
	Port      int64  // 0 if not said
}

// ParseDSN finds out what a data source name says about where the database is,
// in the forms that drivers commonly take: URLs, key=value pairs, and MySQL's
// user:password@tcp(host:port)/name. What it does not understand it leaves out; it
// never takes anything that may be a password.
func ParseDSN(system, dsn string) Target {
	switch {
	case system == "sqlite":
		name, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
		return Target{Namespace: strings.TrimPrefix(name, "//")}
	case strings.Contains(dsn, "://"):
		return dsnURL(dsn)
	case strings.Contains(dsn, "(") || strings.Contains(dsn, "@"):
		return dsnMySQL(dsn)
	case strings.Contains(dsn, "="):
		return dsnPairs(dsn)
	}
	return Target{}
}

func dsnURL(dsn string) (t Target) {
	_, rest, _ := strings.Cut(dsn, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		// A password may have a slash in it, if the driver is lenient.
		authority, path, _ = strings.Cut(rest[at+1:], "/")
	}
	authority, _, _ = strings.Cut(authority, ",") // several hosts: the first
	t.Address, t.Port = splitPort(authority)
	if !strings.Contains(path, "/") {
		t.Namespace = path
	}
	for p := range strings.SplitSeq(query, "&") {
		switch k, v, _ := strings.Cut(p, "="); k {
		case "database", "dbname":
			t.Namespace = v
		case "host":
			if t.Address == "" {
				t.Address = v
			}
		}
	}
	return t
}

func dsnMySQL(dsn string) (t Target) {
	slash := strings.LastIndexByte(dsn, '/')
	if slash < 0 {
		return t
	}
	t.Namespace, _, _ = strings.Cut(dsn[slash+1:], "?")
	server := dsn[strings.LastIndexByte(dsn[:slash], '@')+1 : slash]
	if _, address, ok := strings.Cut(server, "("); ok {
		t.Address, t.Port = splitPort(strings.TrimSuffix(address, ")"))
	}
	return t
}

func dsnPairs(dsn string) (t Target) {
	sep := byte(' ')
	if strings.Contains(dsn, ";") {
		sep = ';'
	}
	for dsn != "" {
		var key, value string
		key, dsn, _ = strings.Cut(dsn, "=")
		dsn = strings.TrimLeft(dsn, " ")
		if dsn != "" && dsn[0] == '\'' {
			i := 1
			for ; i < len(dsn) && dsn[i] != '\''; i++ {
				if dsn[i] == '\\' {
					i++
				}
			}
			i = min(i, len(dsn))
			value, dsn = dsn[1:i], dsn[min(i+1, len(dsn)):]
		} else if i := strings.IndexByte(dsn, sep); i >= 0 {
			value, dsn = dsn[:i], dsn[i+1:]
		} else {
			value, dsn = dsn, ""
		}
		switch strings.ToLower(strings.Trim(key, " ;")) {
		case "host", "server", "data source", "addr", "address", "hostaddr":
			t.Address, t.Port = splitAddress(value, t.Port)
		case "port":
			_, t.Port = splitPort(":" + value)
		case "dbname", "database", "initial catalog":
			t.Namespace = value
		}
	}
	return t
}

func splitAddress(s string, port int64) (string, int64) {
	host, p := splitPort(s)
	if p == 0 {
		p = port
	}
	return host, p
}

// splitPort splits host:port and [host]:port.
func splitPort(s string) (host string, port int64) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || strings.HasSuffix(s, "]") {
		return strings.Trim(s, "[]"), 0
	}
	for _, c := range []byte(s[colon+1:]) {
		if !isDigit(c) || port > 1<<16 {
			return s, 0
		}
		port = port*10 + int64(c-'0')
	}
	return strings.Trim(s[:colon], "[]"), port
}
