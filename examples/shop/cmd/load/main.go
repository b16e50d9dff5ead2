// Command load plays customers: it sends a bounded number of requests to a
// gateway on this machine and prints what came back.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	gateway := flag.String("gateway", "http://127.0.0.1:8080", "base URL of the gateway, on a loopback address")
	requests := flag.Int("n", 200, "how many requests to send")
	atMost := flag.Duration("for", 30*time.Second, "stop after this long even if fewer were sent")
	customers := flag.Int("c", 4, "how many customers shop at the same time")
	flag.Parse()

	if err := run(*gateway, *requests, *customers, *atMost, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(gateway string, requests, customers int, atMost time.Duration, out io.Writer) error {
	if err := onThisMachine(gateway); err != nil {
		return err
	}
	l := load{
		gateway: gateway,
		http:    http.Client{Timeout: 10 * time.Second},
		until:   time.Now().Add(atMost),
		last:    int64(requests),
		seen:    map[string][]time.Duration{},
	}
	var wg sync.WaitGroup
	for range customers {
		wg.Go(l.shop)
	}
	wg.Wait()
	l.report(out)
	return l.err
}

// onThisMachine refuses to put load on anything but a loopback address.
func onThisMachine(gateway string) error {
	u, err := url.Parse(gateway)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		return nil
	}
	return fmt.Errorf("-gateway %s: not a loopback address", gateway)
}

type load struct {
	gateway string
	http    http.Client
	until   time.Time
	last    int64        // number of the last request
	sent    atomic.Int64 // number of the latest request

	mu    sync.Mutex
	seen  map[string][]time.Duration // "what status" to how long each took
	order string                     // an order that can be looked at
	err   error                      // the first request that got no answer
}

// shop sends requests until there are enough. What is sent depends on the
// number alone, so that every run is the same mix.
func (l *load) shop() {
	for {
		n := l.sent.Add(1)
		if n > l.last || time.Now().After(l.until) {
			return
		}
		switch {
		case n%50 == 25:
			l.send("product without a price", "GET", "/products/gift-card", nil)
		case n%50 == 10:
			l.send("price history (slow)", "GET", "/products/sofa/lows", nil)
		case n%40 == 20:
			l.send("order of the rare sofa", "POST", "/orders", basket("sofa"))
		case n%10 < 3:
			l.send("order", "POST", "/orders", basket("mug", "lamp", "rug"))
		case n%10 < 5 && l.placed() != "":
			l.send("look at an order", "GET", "/orders/"+l.placed(), nil)
		default:
			l.send("product", "GET", "/products/mug", nil)
		}
	}
}

func basket(skus ...string) []byte {
	type line struct {
		SKU      string `json:"sku"`
		Quantity int    `json:"quantity"`
	}
	var order struct {
		Customer string `json:"customer"`
		Lines    []line `json:"lines"`
	}
	order.Customer = "Ada"
	for i, sku := range skus {
		order.Lines = append(order.Lines, line{sku, i + 1})
	}
	body, err := json.Marshal(order)
	if err != nil {
		panic(err) // strings and ints always marshal
	}
	return body
}

func (l *load) placed() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.order
}

func (l *load) send(what, method, path string, body []byte) {
	req, err := http.NewRequest(method, l.gateway+path, bytes.NewReader(body))
	if err != nil {
		l.fail(err)
		return
	}
	start := time.Now()
	resp, err := l.http.Do(req)
	if err != nil {
		l.fail(err)
		return
	}
	defer resp.Body.Close()
	var answer struct{ ID string }
	decodeErr := json.NewDecoder(resp.Body).Decode(&answer)
	took := time.Since(start)

	l.mu.Lock()
	defer l.mu.Unlock()
	key := fmt.Sprintf("%-26s %d", what, resp.StatusCode)
	l.seen[key] = append(l.seen[key], took)
	if decodeErr == nil && resp.StatusCode == http.StatusCreated {
		l.order = answer.ID
	}
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = errors.Join(l.err, err)
	l.sent.Store(l.last) // no answer: no point in going on
}

func (l *load) report(out io.Writer) {
	fmt.Fprintf(out, "%-26s %-6s %5s %9s %9s\n", "request", "status", "count", "median", "slowest")
	keys := make([]string, 0, len(l.seen))
	for key := range l.seen {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		took := l.seen[key]
		slices.Sort(took)
		fmt.Fprintf(out, "%-33s %5d %9s %9s\n", key, len(took),
			took[len(took)/2].Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond))
	}
}
