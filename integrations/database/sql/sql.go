//go:build weft

// What weft records of database/sql, by the OpenTelemetry conventions for SQL:
// one span of kind client for each call of the program, with any driver, whatever
// the package makes of the call. A driver that answers driver.ErrSkip, so that
// the call becomes a prepare, an execution and a close, does not double it.
//
//	name                       the summary: "SELECT users orders"; BEGIN, COMMIT, ROLLBACK, ping,
//	                           "PREPARE SELECT users", connection (DB.Conn)
//	db.system.name             sqlite, postgresql, mysql, …, by the driver's package or name; else other_sql
//	db.namespace               the database, if the data source name given to Open says it
//	server.address, .port      the same
//	db.query.text              the statement without literals and comments; lists of values are one ?
//	db.query.summary           operations and tables
//	db.operation.name          SELECT, INSERT, …; BEGIN, COMMIT, ROLLBACK, PREPARE
//	db.response.returned_rows  rows that the program read
//	db.response.affected_rows  if the driver has the number at hand
//	error.type
//
// A query's span lasts until its Rows are closed, by the program or at the last
// row. The event "db.response" is when the driver returned from the query: what is
// before it was the connection's and the server's, and after it the iteration.
//
// Child spans tell what a call had to wait for before it had a connection:
// "wait for connection" if the pool was exhausted, and "connect" if one was opened.
// The second and further attempts, which follow driver.ErrBadConn, are child spans
// "retry" with db.client.attempt.
//
// Rollback and Commit of a transaction that is over (the deferred Rollback after
// Commit) are no spans. Not recorded: Tx.Stmt, Close of anything, and what goes on
// in Conn.Raw.
package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"sync/atomic"
	"weft/sqltext"
	"weft/trace"
)

var (
	weftSystemKey    = trace.NewKey("db.system.name")
	weftNamespaceKey = trace.NewKey("db.namespace")
	weftAddressKey   = trace.NewKey("server.address")
	weftPortKey      = trace.NewKey("server.port")
	weftTextKey      = trace.NewKey("db.query.text")
	weftSummaryKey   = trace.NewKey("db.query.summary")
	weftOperationKey = trace.NewKey("db.operation.name")
	weftReturnedKey  = trace.NewKey("db.response.returned_rows")
	weftAffectedKey  = trace.NewKey("db.response.affected_rows")
	weftAttemptKey   = trace.NewKey("db.client.attempt")
	weftResponse     = trace.NewKey("db.response")
)

// weftOp is one call of the program.
type weftOp struct {
	span trace.Span
}

// start begins the span of a call that has a statement. A span that the program
// has put into ctx by an API for spans is the parent.
func (o *weftOp) start(ctx context.Context, db *weftDB, query string, prepare bool) {
	o.span.StartIn(ctx, "db", "query", trace.KindClient)
	if !o.span.Recording() {
		return
	}
	t := db.statement(query)
	operation := t.Operation
	if prepare {
		o.span.SetName(t.prepare)
		operation = "PREPARE"
	} else {
		o.span.SetName(t.name)
	}
	db.describe(&o.span)
	o.span.Str(weftTextKey, t.Text)
	o.span.Str(weftSummaryKey, t.Summary)
	if operation != "" {
		o.span.Str(weftOperationKey, operation)
	}
}

// startOther begins the span of a call that has none.
func (o *weftOp) startOther(ctx context.Context, db *weftDB, name, operation string) {
	o.span.StartIn(ctx, "db", name, trace.KindClient)
	if o.span.Recording() {
		db.describe(&o.span)
		if operation != "" {
			o.span.Str(weftOperationKey, operation)
		}
	}
}

func (o *weftOp) end(err error) {
	o.span.Error(err)
	o.span.End()
}

// exec ends the span of an execution.
func (o *weftOp) exec(db *weftDB, res Result, err error) {
	if err == nil && o.span.Recording() {
		if n, ok := db.affected(res); ok {
			o.span.Int(weftAffectedKey, n)
		}
	}
	o.end(err)
}

// A weftRows is what Rows has for the span of its query.
type weftRows struct {
	query atomic.Pointer[trace.Span]

	// Guarded by closemu, held for read by the one goroutine that iterates.
	count int64
	err   error // of Scan
}

// weftClosed stands for the span of Rows that are closed.
var weftClosed trace.Span

//weft:field Rows weft weftRows

// query hands the span of a query over to its Rows.
func (o *weftOp) query(rows *Rows, err error) {
	if err != nil || rows == nil || !o.span.Recording() {
		o.end(err)
		return
	}
	o.span.Event(weftResponse)
	o.span.Detach()
	span := new(trace.Span)
	*span = o.span
	if !rows.weft.query.CompareAndSwap(nil, span) {
		// Its context was done, and so it is closed.
		rows.weftEnd(span)
	}
}

// weftEnd records the span of rows that are closed.
func (rs *Rows) weftEnd(span *trace.Span) {
	span.Int(weftReturnedKey, rs.weft.count)
	if rs.lasterr != nil && rs.lasterr != io.EOF {
		span.Error(rs.lasterr)
	} else {
		span.Error(rs.weft.err)
	}
	span.End()
}

//weft:exit (*Rows).nextLocked
func weftNext(rs *Rows, doClose, ok *bool) {
	if *ok {
		rs.weft.count++
	}
}

// A value that does not fit is an error of the query as the program sees it.
//
//weft:exit (*Rows).scanLocked
func weftScan(rs *Rows, _ *[]any, err *error) {
	if *err != nil && !rs.closed {
		rs.weft.err = *err
	}
}

// weftRowsClose runs when close has let go of closemu, after which nothing writes
// to the fields of Rows that are closed.
//
//weft:exit (*Rows).close
func weftRowsClose(rs *Rows) {
	if span := rs.weft.query.Swap(&weftClosed); span != nil && span != &weftClosed {
		rs.weftEnd(span)
	}
}

// Calls on a DB.

//weft:enter (*DB).QueryContext
func weftDBQuery(o *weftOp, db *DB, ctx *context.Context, query *string) {
	o.start(*ctx, db.weft, *query, false)
}

//weft:exit (*DB).QueryContext
func weftDBQueried(o *weftOp, _ *DB, _ *context.Context, query *string, _ *[]any, rows **Rows, err *error) {
	o.query(*rows, *err)
}

//weft:enter (*DB).ExecContext
func weftDBExec(o *weftOp, db *DB, ctx *context.Context, query *string) {
	o.start(*ctx, db.weft, *query, false)
}

//weft:exit (*DB).ExecContext
func weftDBExeced(o *weftOp, db *DB, _ *context.Context, _ *string, _ *[]any, res *Result, err *error) {
	o.exec(db.weft, *res, *err)
}

//weft:enter (*DB).PrepareContext
func weftDBPrepare(o *weftOp, db *DB, ctx *context.Context, query *string) {
	o.start(*ctx, db.weft, *query, true)
}

//weft:exit (*DB).PrepareContext
func weftDBPrepared(o *weftOp, _ *DB, _ *context.Context, _ *string, _ **Stmt, err *error) {
	o.end(*err)
}

//weft:enter (*DB).BeginTx
func weftDBBegin(o *weftOp, db *DB, ctx *context.Context) {
	o.startOther(*ctx, db.weft, "BEGIN", "BEGIN")
}

//weft:exit (*DB).BeginTx
func weftDBBegun(o *weftOp, _ *DB, _ *context.Context, _ **TxOptions, _ **Tx, err *error) {
	o.end(*err)
}

//weft:enter (*DB).PingContext
func weftDBPing(o *weftOp, db *DB, ctx *context.Context) { o.startOther(*ctx, db.weft, "ping", "") }

//weft:exit (*DB).PingContext
func weftDBPinged(o *weftOp, _ *DB, _ *context.Context, err *error) { o.end(*err) }

//weft:enter (*DB).Conn
func weftDBConn(o *weftOp, db *DB, ctx *context.Context) {
	o.startOther(*ctx, db.weft, "connection", "")
}

//weft:exit (*DB).Conn
func weftDBConned(o *weftOp, db *DB, _ *context.Context, conn **Conn, err *error) {
	if *conn != nil {
		(*conn).weft = db.weft
	}
	o.end(*err)
}

// Calls on a Conn, whose db goes away when it is closed.

//weft:field Conn weft *weftDB

//weft:enter (*Conn).QueryContext
func weftConnQuery(o *weftOp, c *Conn, ctx *context.Context, query *string) {
	o.start(*ctx, c.weft, *query, false)
}

//weft:exit (*Conn).QueryContext
func weftConnQueried(o *weftOp, _ *Conn, _ *context.Context, query *string, _ *[]any, rows **Rows, err *error) {
	o.query(*rows, *err)
}

//weft:enter (*Conn).ExecContext
func weftConnExec(o *weftOp, c *Conn, ctx *context.Context, query *string) {
	o.start(*ctx, c.weft, *query, false)
}

//weft:exit (*Conn).ExecContext
func weftConnExeced(o *weftOp, c *Conn, _ *context.Context, _ *string, _ *[]any, res *Result, err *error) {
	o.exec(c.weft, *res, *err)
}

//weft:enter (*Conn).PrepareContext
func weftConnPrepare(o *weftOp, c *Conn, ctx *context.Context, query *string) {
	o.start(*ctx, c.weft, *query, true)
}

//weft:exit (*Conn).PrepareContext
func weftConnPrepared(o *weftOp, _ *Conn, _ *context.Context, _ *string, _ **Stmt, err *error) {
	o.end(*err)
}

//weft:enter (*Conn).BeginTx
func weftConnBegin(o *weftOp, c *Conn, ctx *context.Context) {
	o.startOther(*ctx, c.weft, "BEGIN", "BEGIN")
}

//weft:exit (*Conn).BeginTx
func weftConnBegun(o *weftOp, _ *Conn, _ *context.Context, _ **TxOptions, _ **Tx, err *error) {
	o.end(*err)
}

//weft:enter (*Conn).PingContext
func weftConnPing(o *weftOp, c *Conn, ctx *context.Context) { o.startOther(*ctx, c.weft, "ping", "") }

//weft:exit (*Conn).PingContext
func weftConnPinged(o *weftOp, _ *Conn, _ *context.Context, err *error) { o.end(*err) }

// Calls on a Tx.

//weft:enter (*Tx).QueryContext
func weftTxQuery(o *weftOp, tx *Tx, ctx *context.Context, query *string) {
	o.start(*ctx, tx.db.weft, *query, false)
}

//weft:exit (*Tx).QueryContext
func weftTxQueried(o *weftOp, _ *Tx, _ *context.Context, query *string, _ *[]any, rows **Rows, err *error) {
	o.query(*rows, *err)
}

//weft:enter (*Tx).ExecContext
func weftTxExec(o *weftOp, tx *Tx, ctx *context.Context, query *string) {
	o.start(*ctx, tx.db.weft, *query, false)
}

//weft:exit (*Tx).ExecContext
func weftTxExeced(o *weftOp, tx *Tx, _ *context.Context, _ *string, _ *[]any, res *Result, err *error) {
	o.exec(tx.db.weft, *res, *err)
}

//weft:enter (*Tx).PrepareContext
func weftTxPrepare(o *weftOp, tx *Tx, ctx *context.Context, query *string) {
	o.start(*ctx, tx.db.weft, *query, true)
}

//weft:exit (*Tx).PrepareContext
func weftTxPrepared(o *weftOp, _ *Tx, _ *context.Context, _ *string, _ **Stmt, err *error) {
	o.end(*err)
}

//weft:enter (*Tx).Commit
func weftTxCommit(o *weftOp, tx *Tx) {
	if !tx.done.Load() {
		o.startOther(nil, tx.db.weft, "COMMIT", "COMMIT")
	}
}

//weft:exit (*Tx).Commit
func weftTxCommitted(o *weftOp, _ *Tx, err *error) { o.end(*err) }

//weft:enter (*Tx).rollback
func weftTxRollback(o *weftOp, tx *Tx) {
	if !tx.done.Load() {
		o.startOther(nil, tx.db.weft, "ROLLBACK", "ROLLBACK")
	}
}

// A connection that is thrown away after the rollback, as one that cannot be
// reset is, is no error of the program's.
//
//weft:exit (*Tx).rollback
func weftTxRolledBack(o *weftOp, _ *Tx, discard *bool, err *error) {
	if *discard && *err == driver.ErrBadConn {
		o.end(nil)
		return
	}
	o.end(*err)
}

// Calls on a Stmt, which has no DB if it is only there for its error.

//weft:enter (*Stmt).QueryContext
func weftStmtQuery(o *weftOp, s *Stmt, ctx *context.Context) {
	if s.stickyErr == nil {
		o.start(*ctx, s.db.weft, s.query, false)
	}
}

//weft:exit (*Stmt).QueryContext
func weftStmtQueried(o *weftOp, _ *Stmt, _ *context.Context, _ *[]any, rows **Rows, err *error) {
	o.query(*rows, *err)
}

//weft:enter (*Stmt).ExecContext
func weftStmtExec(o *weftOp, s *Stmt, ctx *context.Context) {
	if s.stickyErr == nil {
		o.start(*ctx, s.db.weft, s.query, false)
	}
}

//weft:exit (*Stmt).ExecContext
func weftStmtExeced(o *weftOp, s *Stmt, _ *context.Context, _ *[]any, res *Result, err *error) {
	if s.stickyErr == nil {
		o.exec(s.db.weft, *res, *err)
	}
}

// weftWait is the time that a call spends in conn.
type weftWait struct {
	span    trace.Span
	restore func()
}

//weft:enter (*DB).conn
func weftConn(w *weftWait, db *DB, _ *context.Context, strategy *connReuseStrategy) {
	c, ok := trace.CurrentContext()
	if !ok {
		return
	}
	// What conn is going to do, unless others are quicker.
	db.mu.Lock()
	idle := *strategy == cachedOrNewConn && len(db.freeConn) > 0 || db.closed
	full := db.maxOpen > 0 && db.numOpen >= db.maxOpen
	db.mu.Unlock()
	switch {
	case idle:
	case !c.Sampled:
		if full {
			// The connection comes through a channel from a goroutine of another
			// request, whose trace a goroutine without a span of its own would adopt.
			w.restore = trace.Mute()
			w.restore()
		}
	case full:
		w.span.Start("wait for connection", trace.KindInternal)
	default:
		w.span.Start("connect", trace.KindClient)
		if w.span.Recording() {
			db.weft.describe(&w.span)
		}
	}
}

//weft:exit (*DB).conn
func weftConned(w *weftWait, _ *DB, _ *context.Context, _ *connReuseStrategy, _ **driverConn, err *error) {
	if w.restore != nil {
		w.restore()
		return
	}
	w.span.Error(*err)
	w.span.End()
}

// weftRetry makes a span of each attempt of retry after the first. It begins when
// the one before it has failed, which is just before, so that nothing stands
// between retry and the driver on the stack.
type weftRetry struct {
	attempts int64
	span     *trace.Span
}

//weft:result (*DB).retry fn
func weftTried(s *weftRetry, err error) error {
	s.attempts++
	if s.span != nil {
		s.span.Error(err)
		s.span.End()
		s.span = nil
	}
	if s.attempts > maxBadConnRetries || !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	if c, ok := trace.CurrentContext(); ok && c.Sampled {
		s.span = new(trace.Span)
		s.span.Start("retry", trace.KindInternal)
		s.span.Int(weftAttemptKey, s.attempts+1)
	}
	return err
}

//weft:exit (*DB).retry
func weftRetried(s *weftRetry) {
	if s.span != nil { // the driver has panicked
		s.span.End()
	}
}

//weft:field DB weft *weftDB

// weftOpenDB looks at the connector as soon as there is one.
//
//weft:exit OpenDB
func weftOpenDB(c *driver.Connector, db **DB) {
	if *db != nil {
		(*db).weft = weftNewDB(*c)
	}
}

//weft:exit Open
func weftOpen(driverName, dataSourceName *string, db **DB, err *error) {
	if *db != nil && (*db).weft != nil {
		(*db).weft.opened(*driverName, *dataSourceName)
	}
}

// A weftDB is what is known about a DB. It does not change after Open.
type weftDB struct {
	system  string
	pkgPath string
	dialect sqltext.Dialect
	target  sqltext.Target
	results atomic.Value // reflect.Type of a driver.Result that may be asked
	cache   [256]atomic.Pointer[weftStatement]
}

// weftUnknown is for a DB that Open did not make.
var weftUnknown = weftNewDB(nil)

func weftNewDB(c driver.Connector) *weftDB {
	var owner any = c
	if d, ok := c.(dsnConnector); ok {
		owner = d.driver
	}
	db := new(weftDB)
	if t := reflect.TypeOf(owner); t != nil {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		db.pkgPath = t.PkgPath()
	}
	db.system = sqltext.System(db.pkgPath, "")
	db.dialect = sqltext.DialectOf(db.system)
	return db
}

func (db *weftDB) opened(driverName, dsn string) {
	db.system = sqltext.System(db.pkgPath, driverName)
	db.dialect = sqltext.DialectOf(db.system)
	db.target = sqltext.ParseDSN(db.system, dsn)
}

func (db *weftDB) describe(span *trace.Span) {
	if db == nil {
		db = weftUnknown
	}
	span.Str(weftSystemKey, db.system)
	if db.target.Namespace != "" {
		span.Str(weftNamespaceKey, db.target.Namespace)
	}
	if db.target.Address != "" {
		span.Str(weftAddressKey, db.target.Address)
		if db.target.Port != 0 {
			span.Int(weftPortKey, db.target.Port)
		}
	}
}

// A weftStatement is a statement that was looked at.
type weftStatement struct {
	raw string
	sqltext.Statement
	name, prepare string
}

// statement looks at query, or remembers what it saw: programs have few
// statements, and use them often. Large ones are not worth their memory.
func (db *weftDB) statement(query string) *weftStatement {
	if db == nil {
		db = weftUnknown
	}
	const large = 2 << 10
	hash := uint32(len(query))
	for i := 0; i < 16; i++ {
		if n := len(query) * i / 16; n < len(query) {
			hash = hash*31 + uint32(query[n])
		}
	}
	if n := len(query); n > 0 {
		hash = hash*31 + uint32(query[n-1])
	}
	slot := &db.cache[(hash^hash>>8^hash>>16)%uint32(len(db.cache))]
	if t := slot.Load(); t != nil && t.raw == query {
		return t
	}
	t := &weftStatement{raw: query, Statement: sqltext.Parse(query, db.dialect)}
	t.name = t.Summary
	if t.name == "" {
		t.name = db.system
	}
	t.prepare = "PREPARE " + t.name
	if len(query) <= large {
		slot.Store(t)
	}
	return t
}

// affected asks for the number of affected rows, if that is known to do nothing
// but to return a number.
func (db *weftDB) affected(res Result) (n int64, ok bool) {
	r, ok := res.(driverResult)
	if !ok || db == nil {
		return 0, false
	}
	switch resi := r.resi.(type) {
	case nil:
		return 0, false
	case driver.RowsAffected:
		return int64(resi), true
	}
	t := reflect.TypeOf(r.resi)
	if known, _ := db.results.Load().(reflect.Type); known != t {
		e := t
		for e.Kind() == reflect.Pointer {
			e = e.Elem()
		}
		switch e.PkgPath() {
		case "modernc.org/sqlite", "github.com/mattn/go-sqlite3", "github.com/glebarez/go-sqlite", "github.com/go-sql-driver/mysql", "github.com/microsoft/go-mssqldb":
			db.results.Store(t)
		default:
			return 0, false
		}
	}
	n, err := r.resi.RowsAffected()
	return n, err == nil
}
