package orders

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"example.com/shop/database"
)

// Store keeps orders and the stock they are taken from.
type Store struct{ db *sql.DB }

var schema = []string{
	`CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity BIGINT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS customer_order (id TEXT PRIMARY KEY, customer TEXT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS order_line (order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity BIGINT NOT NULL, cents BIGINT NOT NULL)`,
	`CREATE INDEX IF NOT EXISTS order_line_order ON order_line (order_id)`,
	`CREATE TABLE IF NOT EXISTS confirmation (order_id TEXT PRIMARY KEY, customer TEXT NOT NULL)`,
	`INSERT INTO stock (sku, quantity) VALUES ('mug', 1000000), ('lamp', 1000000), ('rug', 1000000), ('sofa', 3)
	ON CONFLICT (sku) DO NOTHING`,
}

// OpenStore opens the store in the database called name.
func OpenStore(name string) (*Store, error) {
	db, err := database.Open(name, schema)
	if err != nil {
		return nil, fmt.Errorf("open order store: %w", err)
	}
	return &Store{db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Place takes an order's goods from stock and records it, all or nothing.
func (s *Store) Place(o Order) error {
	tx, err := s.db.Begin()
	if err != nil {
		return fmt.Errorf("place order: %w", err)
	}
	defer tx.Rollback()

	for _, l := range o.Lines {
		res, err := tx.Exec(`UPDATE stock SET quantity = quantity - $1 WHERE sku = $2 AND quantity >= $1`, l.Quantity, l.SKU)
		if err != nil {
			return fmt.Errorf("take %q from stock: %w", l.SKU, err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("take %q from stock: %w", l.SKU, err)
		} else if n == 0 {
			return fmt.Errorf("%q: %w", l.SKU, ErrOutOfStock)
		}
	}

	if _, err := tx.Exec(`INSERT INTO customer_order (id, customer) VALUES ($1, $2)`, o.ID, o.Customer); err != nil {
		return fmt.Errorf("record order: %w", err)
	}
	insert, err := tx.Prepare(`INSERT INTO order_line (order_id, sku, quantity, cents) VALUES ($1, $2, $3, $4)`)
	if err != nil {
		return fmt.Errorf("record order: %w", err)
	}
	defer insert.Close()
	for _, l := range o.Lines {
		if _, err := insert.Exec(o.ID, l.SKU, l.Quantity, l.Cents); err != nil {
			return fmt.Errorf("record order line: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("place order: %w", err)
	}
	return nil
}

// Order reads one order back. Its head and its lines are read at the same time.
func (s *Store) Order(id string) (Order, error) {
	o := Order{ID: id}
	var headErr, linesErr error
	var wg sync.WaitGroup
	wg.Go(func() {
		headErr = s.db.QueryRow(`SELECT customer FROM customer_order WHERE id = $1`, id).Scan(&o.Customer)
	})
	wg.Go(func() { o.Lines, linesErr = s.lines(id) })
	wg.Wait()

	switch err := errors.Join(headErr, linesErr); {
	case errors.Is(err, sql.ErrNoRows):
		return Order{}, fmt.Errorf("%q: %w", id, ErrUnknown)
	case err != nil:
		return Order{}, fmt.Errorf("read order %q: %w", id, err)
	}
	return o, nil
}

func (s *Store) lines(id string) ([]Line, error) {
	rows, err := s.db.Query(`SELECT sku, quantity, cents FROM order_line WHERE order_id = $1`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lines []Line
	for rows.Next() {
		var l Line
		if err := rows.Scan(&l.SKU, &l.Quantity, &l.Cents); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, rows.Err()
}

// Confirm records that a customer was told about an order.
func (s *Store) Confirm(o Order) error {
	_, err := s.db.Exec(`INSERT INTO confirmation (order_id, customer) VALUES ($1, $2)`, o.ID, o.Customer)
	if err != nil {
		return fmt.Errorf("confirm order: %w", err)
	}
	return nil
}
