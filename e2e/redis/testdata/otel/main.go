// Command app uses go-redis with the tracing that redisotel adds to it by hooks.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
)

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

func main() {
	var c redis.UniversalClient
	if len(os.Args) > 2 {
		c = redis.NewClusterClient(&redis.ClusterOptions{Addrs: os.Args[1:]})
	} else {
		c = redis.NewClient(&redis.Options{Addr: os.Args[1], DB: 3})
	}
	defer c.Close()
	check(redisotel.InstrumentTracing(c, redisotel.WithDialFilter(true)))
	check(c.Ping(context.Background()).Err()) // makes a connection
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		check(c.Set(ctx, "a", "1", 0).Err())
		fmt.Println(c.Get(ctx, "a"))
		_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Get(ctx, "a")
			p.Get(ctx, "a")
			return nil
		})
		fmt.Println(err)
	}))
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	check(err)
	resp.Body.Close()
}
