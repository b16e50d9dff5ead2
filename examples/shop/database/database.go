// Package database opens the shop's SQL database: a SQLite file by default,
// PostgreSQL if the name is a postgres:// URL. Every statement in the shop is
// written so that both understand it.
package database

import (
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// Open connects to the database called name and creates what schema declares.
func Open(name string, schema []string) (*sql.DB, error) {
	db, err := open(name)
	if err != nil {
		return nil, err
	}
	for _, stmt := range schema {
		if _, err := db.Exec(stmt); err != nil {
			db.Close()
			return nil, fmt.Errorf("create schema: %w", err)
		}
	}
	return db, nil
}

func open(name string) (*sql.DB, error) {
	if strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") {
		db, err := sql.Open("pgx", name)
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(8)
		db.SetMaxIdleConns(8)
		return db, nil
	}
	db, err := sql.Open("sqlite", "file:"+name+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	// SQLite has one writer. Queueing for it in the pool is fair; leaving it
	// to SQLite's busy handler means polling.
	db.SetMaxOpenConns(1)
	return db, nil
}
