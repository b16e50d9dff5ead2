// Package gateway is the shop's front: the API that customers' apps call. It
// asks the pricing service what things cost and hands orders to the orders
// service.
package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"example.com/shop/orders"
	"example.com/shop/pricing"
	"example.com/shop/server"
)

// Gateway answers customers.
type Gateway struct {
	prices *pricing.Client
	orders string // base URL of the orders service
	http   http.Client
	log    *slog.Logger
}

// New returns a gateway to the services at the two base URLs.
func New(pricingURL, ordersURL string, log *slog.Logger) *Gateway {
	return &Gateway{
		prices: pricing.NewClient(pricingURL),
		orders: ordersURL,
		http:   http.Client{Timeout: 10 * time.Second},
		log:    log,
	}
}

// Handler serves the gateway over HTTP.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /products/{sku}", g.product)
	mux.HandleFunc("GET /products/{sku}/lows", g.lows)
	mux.HandleFunc("POST /orders", g.placeOrder)
	mux.HandleFunc("GET /orders/{id}", g.showOrder)
	return mux
}

func (g *Gateway) product(w http.ResponseWriter, r *http.Request) {
	p, err := g.prices.Product(r.PathValue("sku"))
	if err != nil {
		g.fail(w, err)
		return
	}
	server.Reply(w, http.StatusOK, p)
}

func (g *Gateway) lows(w http.ResponseWriter, r *http.Request) {
	days, err := g.prices.LowestEver(r.PathValue("sku"))
	if err != nil {
		g.fail(w, err)
		return
	}
	server.Reply(w, http.StatusOK, map[string]int{"days": days})
}

func (g *Gateway) placeOrder(w http.ResponseWriter, r *http.Request) {
	var o orders.Order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&o); err != nil {
		server.Fail(w, http.StatusBadRequest, err)
		return
	}
	if err := g.price(o.Lines); err != nil {
		g.fail(w, err)
		return
	}
	body, err := json.Marshal(o)
	if err != nil {
		g.fail(w, err)
		return
	}
	resp, err := g.http.Post(g.orders+"/orders", "application/json", bytes.NewReader(body))
	g.relay(w, resp, err)
}

func (g *Gateway) showOrder(w http.ResponseWriter, r *http.Request) {
	resp, err := g.http.Get(g.orders + "/orders/" + url.PathEscape(r.PathValue("id")))
	g.relay(w, resp, err)
}

// price fills in what every line costs, asking for all of them at once.
func (g *Gateway) price(lines []orders.Line) error {
	errs := make([]error, len(lines))
	var wg sync.WaitGroup
	for i := range lines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			p, err := g.prices.Product(lines[i].SKU)
			if err != nil {
				errs[i] = fmt.Errorf("price of %q: %w", lines[i].SKU, err)
				return
			}
			lines[i].Cents = p.Cents
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// relay passes another service's answer on to the customer.
func (g *Gateway) relay(w http.ResponseWriter, resp *http.Response, err error) {
	if err != nil {
		g.fail(w, err)
		return
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		g.log.Warn("relay response", "err", err)
	}
}

func (g *Gateway) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, pricing.ErrUnknown) {
		server.Fail(w, http.StatusNotFound, err)
		return
	}
	g.log.Error("request failed", "err", err)
	server.Fail(w, http.StatusBadGateway, errors.New("the shop is having trouble, try again"))
}
