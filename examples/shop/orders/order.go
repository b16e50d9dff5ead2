// Package orders takes orders and keeps them. An order is placed by a pool of
// workers that is started with the service; the customer is told afterwards,
// in the background.
package orders

import (
	"errors"
	"fmt"
)

// ErrOutOfStock says that the warehouse has too little of a product.
var ErrOutOfStock = errors.New("out of stock")

// ErrUnknown says that there is no such order.
var ErrUnknown = errors.New("unknown order")

// Order is what one customer bought.
type Order struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Lines    []Line `json:"lines"`
}

// Line is one product in an order, at the price it was sold for.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Cents    int64  `json:"cents"`
}

// Total is what the customer pays.
func (o Order) Total() (cents int64) {
	for _, l := range o.Lines {
		cents += l.Quantity * l.Cents
	}
	return cents
}

// Check says what is wrong with an order as it came from a client.
func (o Order) Check() error {
	if o.Customer == "" {
		return errors.New("customer: missing")
	}
	if len(o.Lines) == 0 {
		return errors.New("lines: an order needs at least one")
	}
	for _, l := range o.Lines {
		if l.SKU == "" || l.Quantity < 1 {
			return fmt.Errorf("lines: %q: quantity must be at least 1, is %d", l.SKU, l.Quantity)
		}
	}
	return nil
}
