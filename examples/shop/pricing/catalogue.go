// Package pricing knows what everything costs. It holds the catalogue, the
// HTTP service over it, and the client that other services use.
package pricing

import (
	"database/sql"
	"errors"
	"fmt"

	"example.com/shop/database"
)

// ErrUnknown says that there is no such product.
var ErrUnknown = errors.New("unknown product")

// Product is one thing on sale.
type Product struct {
	SKU   string `json:"sku"`
	Name  string `json:"name"`
	Cents int64  `json:"cents"`
}

// Catalogue is the table of products and what they used to cost.
type Catalogue struct{ db *sql.DB }

var schema = []string{
	`CREATE TABLE IF NOT EXISTS product (sku TEXT PRIMARY KEY, name TEXT NOT NULL, cents BIGINT)`,
	`CREATE TABLE IF NOT EXISTS price_history (sku TEXT NOT NULL, day INTEGER NOT NULL, cents BIGINT NOT NULL)`,

	// The gift card has no price yet: asking for it is this shop's bug.
	`INSERT INTO product (sku, name, cents) VALUES
		('mug', 'Stoneware mug', 1450), ('lamp', 'Reading lamp', 5900),
		('rug', 'Wool rug', 24900), ('sofa', 'Three-seat sofa', 89900),
		('gift-card', 'Gift card', NULL)
	ON CONFLICT (sku) DO NOTHING`,

	`INSERT INTO price_history (sku, day, cents)
		WITH RECURSIVE days(day) AS (SELECT 1 UNION ALL SELECT day + 1 FROM days WHERE day < 1000)
		SELECT p.sku, d.day, p.cents - (d.day * 37) % 400 FROM product p, days d
		WHERE p.cents IS NOT NULL AND NOT EXISTS (SELECT 1 FROM price_history)`,
}

// OpenCatalogue opens the catalogue in the database called name.
func OpenCatalogue(name string) (*Catalogue, error) {
	db, err := database.Open(name, schema)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	return &Catalogue{db}, nil
}

// Close closes the database.
func (c *Catalogue) Close() error { return c.db.Close() }

// Product looks one product up.
func (c *Catalogue) Product(sku string) (Product, error) {
	p := Product{SKU: sku}
	err := c.db.QueryRow(`SELECT name, cents FROM product WHERE sku = $1`, sku).Scan(&p.Name, &p.Cents)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Product{}, fmt.Errorf("%q: %w", sku, ErrUnknown)
	case err != nil:
		return Product{}, fmt.Errorf("look up %q: %w", sku, err)
	}
	return p, nil
}

// LowestEver returns how many days a product was at the lowest price it had
// had until then. The join compares every day with every earlier one, without
// an index: this is the shop's slow query.
func (c *Catalogue) LowestEver(sku string) (days int, err error) {
	err = c.db.QueryRow(`SELECT count(*) FROM (
		SELECT a.day FROM price_history a JOIN price_history b ON b.sku = a.sku AND b.day <= a.day
		WHERE a.sku = $1 GROUP BY a.day, a.cents HAVING a.cents <= min(b.cents)) lows`, sku).Scan(&days)
	if err != nil {
		return 0, fmt.Errorf("price history of %q: %w", sku, err)
	}
	return days, nil
}
