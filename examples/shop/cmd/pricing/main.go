// Command pricing is the shop's price list.
package main

import (
	"flag"
	"log/slog"
	"os"

	"example.com/shop/pricing"
	"example.com/shop/server"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8081", "address to listen on; port 0 picks a free one")
	db := flag.String("db", "pricing.db", "SQLite file, or a postgres:// URL")
	flag.Parse()

	log := server.Logger("pricing")
	if err := run(*addr, *db, log); err != nil {
		log.Error("pricing ends", "err", err)
		os.Exit(1)
	}
}

func run(addr, db string, log *slog.Logger) error {
	catalogue, err := pricing.OpenCatalogue(db)
	if err != nil {
		return err
	}
	defer catalogue.Close()
	return server.Run(addr, pricing.Handler(catalogue, log), log)
}
