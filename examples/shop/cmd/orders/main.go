// Command orders takes the shop's orders.
package main

import (
	"flag"
	"log/slog"
	"os"

	"example.com/shop/orders"
	"example.com/shop/server"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8082", "address to listen on; port 0 picks a free one")
	db := flag.String("db", "orders.db", "SQLite file, or a postgres:// URL")
	workers := flag.Int("workers", 4, "how many orders are placed at the same time")
	flag.Parse()

	log := server.Logger("orders")
	if err := run(*addr, *db, *workers, log); err != nil {
		log.Error("orders ends", "err", err)
		os.Exit(1)
	}
}

func run(addr, db string, n int, log *slog.Logger) error {
	store, err := orders.OpenStore(db)
	if err != nil {
		return err
	}
	defer store.Close()
	workers := orders.StartWorkers(n, store, log)
	defer workers.Stop()
	return server.Run(addr, orders.Handler(store, workers, log), log)
}
