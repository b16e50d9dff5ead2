// Byhand is the program of ../app traced by hand with the OpenTelemetry SDK: what a user writes without weft. The handler,
// the HTTP client and the database are wrapped, and the context is passed to where the spans are made.
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

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
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
		dbErr = s.db.QueryRowContext(r.Context(), "SELECT name, price FROM item WHERE id = ?", id).Scan(&o.Name, &o.Price)
	})
	wg.Go(func() { o.Stock, err2 = s.stockOf(r.Context(), id) })
	wg.Wait()
	if dbErr != nil || err2 != nil {
		http.Error(w, fmt.Sprint(dbErr, err2), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(o)
}

func (s *shop) stockOf(ctx context.Context, id int) (n int, err error) {
	req, err := http.NewRequestWithContext(ctx, "GET", s.self+"/stock/"+strconv.Itoa(id), nil)
	if err != nil {
		return 0, err
	}
	resp, err := s.client.Do(req)
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
	db, err := otelsql.Open("sqlite", ":memory:", otelsql.WithSpanOptions(otelsql.SpanOptions{
		OmitConnResetSession: true, OmitConnectorConnect: true, OmitConnPrepare: true, OmitRows: true,
	}))
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
	exporter, err := otlptracehttp.New(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	s := &shop{self: "http://" + l.Addr().String()}
	if s.db, err = open(); err != nil {
		log.Fatal(err)
	}
	s.client = &http.Client{Transport: otelhttp.NewTransport(&http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256})}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", s.hello)
	mux.HandleFunc("GET /order/{id}", s.order)
	mux.HandleFunc("GET /stock/{id}", s.stock)
	server := &http.Server{Handler: otelhttp.NewHandler(mux, "server")}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Println(s.self)
	<-ctx.Done()
	server.Shutdown(context.Background())
	<-served
	provider.Shutdown(context.Background())
	fmt.Printf("%d %d %d\n", s.hellos.Load(), s.orders.Load(), s.stocks.Load())
}
