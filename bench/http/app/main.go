// App is the program that bench/http loads and bench/build builds, plain and woven. It knows nothing of tracing: no
// context is handed from the request to the goroutines, the query or the call.
//
//	GET /hello        a tiny handler: 1 span when woven
//	GET /order/{id}   a query and an HTTP call, each in a goroutine of its own: 4 spans when woven
//	                  (/order, the query, the call, /stock)
//
// It prints its address when it listens, and on SIGTERM how many requests it served.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	_ "modernc.org/sqlite"
)

type shop struct {
	db     *sql.DB
	client *http.Client
	self   string // base URL of this server, which is also the service that it calls

	hellos, orders, stocks atomic.Int64
}

type order struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Price float64 `json:"price"`
	Stock int     `json:"stock"`
}

func (s *shop) hello(w http.ResponseWriter, r *http.Request) {
	s.hellos.Add(1)
	io.WriteString(w, "hello\n")
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	s.orders.Add(1)
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		http.Error(w, "bad id", http.StatusBadRequest)
		return
	}
	var (
		wg          sync.WaitGroup
		o           = order{ID: id}
		dbErr, err2 error
	)
	wg.Go(func() {
		dbErr = s.db.QueryRow("SELECT name, price FROM item WHERE id = ?", id).Scan(&o.Name, &o.Price)
	})
	wg.Go(func() { o.Stock, err2 = s.stockOf(id) })
	wg.Wait()
	if dbErr != nil || err2 != nil {
		http.Error(w, fmt.Sprint(dbErr, err2), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(o)
}

func (s *shop) stockOf(id int) (n int, err error) {
	resp, err := s.client.Get(s.self + "/stock/" + strconv.Itoa(id))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(b))
}

func (s *shop) stock(w http.ResponseWriter, r *http.Request) {
	s.stocks.Add(1)
	io.WriteString(w, "7")
}

const items = 100

func open() (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	if _, err := db.Exec("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL)"); err != nil {
		return nil, err
	}
	for id := range items {
		if _, err := db.Exec("INSERT INTO item VALUES (?, ?, ?)", id, "item "+strconv.Itoa(id), float64(id)*1.25); err != nil {
			return nil, err
		}
	}
	return db, nil
}

func main() {
	log.SetFlags(0)
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	flag.Parse()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	s := &shop{self: "http://" + l.Addr().String()}
	if s.db, err = open(); err != nil {
		log.Fatal(err)
	}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256}}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", s.hello)
	mux.HandleFunc("GET /order/{id}", s.order)
	mux.HandleFunc("GET /stock/{id}", s.stock)
	server := &http.Server{Handler: mux}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Println(s.self)
	<-ctx.Done()
	server.Shutdown(context.Background())
	<-served
	fmt.Printf("%d %d %d\n", s.hellos.Load(), s.orders.Load(), s.stocks.Load())
}
