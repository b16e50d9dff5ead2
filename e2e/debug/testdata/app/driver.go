package main

import (
	"context"
	"database/sql/driver"
	"io"
)

// driverOf and what follows is a database driver that says from where it is called.
type driverOf struct{}

func (driverOf) Open(name string) (driver.Conn, error) {
	if name == "panic" {
		panic("in the driver")
	}
	frames("driver.Open")
	return conn{}, nil
}

type conn struct{}

func (conn) Prepare(query string) (driver.Stmt, error) {
	frames("conn.Prepare")
	return stmt{query}, nil
}

func (conn) Close() error { frames("conn.Close"); return nil }

func (conn) Begin() (driver.Tx, error) { frames("conn.Begin"); return tx{}, nil }

func (conn) Ping(context.Context) error { frames("conn.Ping"); return nil }

type tx struct{}

func (tx) Commit() error   { frames("tx.Commit"); return nil }
func (tx) Rollback() error { frames("tx.Rollback"); return nil }

type stmt struct{ query string }

func (stmt) Close() error  { frames("stmt.Close"); return nil }
func (stmt) NumInput() int { return -1 }

func (stmt) Exec([]driver.Value) (driver.Result, error) {
	frames("stmt.Exec")
	return driver.RowsAffected(1), nil
}

func (stmt) Query([]driver.Value) (driver.Rows, error) {
	frames("stmt.Query")
	return &rows{}, nil
}

type rows struct{ done bool }

func (*rows) Columns() []string { return []string{"x"} }
func (*rows) Close() error      { frames("rows.Close"); return nil }

func (r *rows) Next(to []driver.Value) error {
	frames("rows.Next")
	if r.done {
		return io.EOF
	}
	r.done, to[0] = true, "value"
	return nil
}

type valuer struct{}

func (valuer) Value() (driver.Value, error) { frames("valuer.Value"); return "value", nil }

type scanner struct{}

func (*scanner) Scan(any) error { frames("scanner.Scan"); return nil }
