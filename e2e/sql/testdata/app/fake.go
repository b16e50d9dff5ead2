package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// A driver that can do little, and says so.
func init() {
	sql.Register("fake", fakeDriver{})
	scenarios["skip"] = skip
	scenarios["bad"] = bad
	scenarios["connector"] = connector
}

type fakeDriver struct{}

func (fakeDriver) Open(dsn string) (driver.Conn, error) { return &fakeConn{}, nil }

type fakeConn struct{ used bool }

// bads is how often connections will say that they are bad.
var bads int

func (c *fakeConn) Prepare(query string) (driver.Stmt, error) {
	fmt.Println("prepare", query)
	return fakeStmt{}, nil
}
func (c *fakeConn) Close() error              { return nil }
func (c *fakeConn) Begin() (driver.Tx, error) { return fakeTx{}, nil }

func (c *fakeConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	fmt.Printf("exec %s %T\n", query, ctx)
	return nil, driver.ErrSkip
}

func (c *fakeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	fmt.Printf("query %s %T\n", query, ctx)
	if bads > 0 {
		bads--
		return nil, driver.ErrBadConn
	}
	return nil, driver.ErrSkip
}

type fakeTx struct{}

func (fakeTx) Commit() error   { return nil }
func (fakeTx) Rollback() error { return errors.New("cannot") }

type fakeStmt struct{}

func (fakeStmt) Close() error                                    { fmt.Println("close statement"); return nil }
func (fakeStmt) NumInput() int                                   { return -1 }
func (fakeStmt) Exec(args []driver.Value) (driver.Result, error) { return fakeResult{}, nil }
func (fakeStmt) Query(args []driver.Value) (driver.Rows, error)  { return &fakeRows{2}, nil }

// fakeResult tells when it is asked.
type fakeResult struct{}

func (fakeResult) LastInsertId() (int64, error) { fmt.Println("asked for the id"); return 1, nil }
func (fakeResult) RowsAffected() (int64, error) { fmt.Println("asked for rows"); return 1, nil }

type fakeRows struct{ left int }

func (r *fakeRows) Columns() []string { return []string{"a"} }
func (r *fakeRows) Close() error      { fmt.Println("close rows"); return nil }
func (r *fakeRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	dest[0] = int64(r.left)
	return nil
}

func skip(db *sql.DB) {
	exec(db, "INSERT INTO t VALUES (1)")
	rows, err := db.Query("SELECT a FROM t")
	check(err)
	for rows.Next() {
		var a int
		check(rows.Scan(&a))
		fmt.Println(a)
	}
	tx, err := db.Begin()
	check(err)
	fmt.Println(tx.Rollback())
}

func bad(db *sql.DB) {
	for bads = range 4 {
		rows, err := db.Query("SELECT a FROM t")
		fmt.Println(err)
		if err == nil {
			check(rows.Close())
		}
	}
}

type fakeConnector struct{ fakeDriver }

func (fakeConnector) Connect(context.Context) (driver.Conn, error) { return &fakeConn{}, nil }
func (fakeConnector) Driver() driver.Driver                        { panic("nobody asks for the driver") }

func connector(*sql.DB) {
	db := sql.OpenDB(fakeConnector{})
	exec(db, "DELETE FROM t")
	check(db.Close())
}
