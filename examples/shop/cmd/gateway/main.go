// Command gateway is the shop's front.
package main

import (
	"flag"
	"os"

	"example.com/shop/gateway"
	"example.com/shop/server"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on; port 0 picks a free one")
	pricing := flag.String("pricing", "http://127.0.0.1:8081", "base URL of the pricing service")
	orders := flag.String("orders", "http://127.0.0.1:8082", "base URL of the orders service")
	flag.Parse()

	log := server.Logger("gateway")
	if err := server.Run(*addr, gateway.New(*pricing, *orders, log).Handler(), log); err != nil {
		log.Error("gateway ends", "err", err)
		os.Exit(1)
	}
}
