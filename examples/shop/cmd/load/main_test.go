package main

import (
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/shop/gateway"
	"example.com/shop/orders"
	"example.com/shop/pricing"
)

// The whole shop in one process, and customers in it.
func TestLoadOnWholeShop(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()

	catalogue, err := pricing.OpenCatalogue(filepath.Join(dir, "pricing.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer catalogue.Close()
	prices := httptest.NewServer(pricing.Handler(catalogue, log))
	defer prices.Close()

	store, err := orders.OpenStore(filepath.Join(dir, "orders.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	workers := orders.StartWorkers(4, store, log)
	defer workers.Stop()
	orderService := httptest.NewServer(orders.Handler(store, workers, log))
	defer orderService.Close()

	front := httptest.NewServer(gateway.New(prices.URL, orderService.URL, log).Handler())
	defer front.Close()

	var out strings.Builder
	if err := run(front.URL, 50, 2, time.Minute, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"product                    200",
		"product without a price    502",
		"price history (slow)       200",
		"order                      201",
		"look at an order           200",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in\n%s", want, out.String())
		}
	}
}

func TestLoadStaysOnThisMachine(t *testing.T) {
	for gateway, ok := range map[string]bool{
		"http://127.0.0.1:8080":   true,
		"http://localhost:8080":   true,
		"http://[::1]:8080":       true,
		"http://192.0.2.1:8080":   false,
		"http://example.com:8080": false,
		"":                        false,
	} {
		if err := onThisMachine(gateway); (err == nil) != ok {
			t.Errorf("%q: %v", gateway, err)
		}
	}
}

func TestLoadStopsWithoutGateway(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	var out strings.Builder
	if err := run(dead.URL, 1000, 2, time.Minute, &out); err == nil {
		t.Error("no error although nothing answers")
	}
}
