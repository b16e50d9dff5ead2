package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"
)

// serve runs h on a loopback port and returns what fetches a path of it.
func serve(h http.Handler) (get func(path string), stop func()) {
	s := httptest.NewServer(h)
	return func(path string) {
		resp, err := s.Client().Get(s.URL + path)
		check(err)
		b, err := io.ReadAll(resp.Body)
		check(err)
		resp.Body.Close()
		fmt.Printf("%s: %d %q\n", path, resp.StatusCode, b)
	}, s.Close
}

// request has redis called by a handler, and by goroutines that it starts.
func request(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/users/:id", func(g *gin.Context) {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			check(c.Incr(g.Copy(), "visits").Err())
		}()
		wg.Wait()
		n, err := c.Get(g.Request.Context(), "visits").Result()
		check(err)
		g.String(200, "%s %s", g.Param("id"), n)
	})
	get, stop := serve(r)
	defer stop()
	get("/users/1")
	get("/users/2")
}

// pubsub has requests start a subscription whose goroutines outlive them, and a
// reader that does something for each message.
func pubsub(addrs []string) {
	c := open(addrs[0])
	defer c.Close()
	var sub *redis.PubSub
	var messages <-chan *redis.Message
	mux := http.NewServeMux()
	mux.HandleFunc("/subscribe", func(w http.ResponseWriter, r *http.Request) {
		sub = c.Subscribe(r.Context(), "news")
		_, err := sub.Receive(r.Context())
		check(err)
		messages = sub.Channel()
	})
	mux.HandleFunc("/publish", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, c.Publish(r.Context(), "news", "hello").Val())
	})
	get, stop := serve(mux)
	defer stop()
	get("/subscribe")
	get("/publish")
	m := <-messages
	fmt.Println(m.Channel, m.Payload)
	check(c.Incr(ctx, "received").Err()) // in no request
	check(sub.Unsubscribe(ctx, "news"))
	check(sub.Close())
}

// pool has a request for which a connection is made, and others ahead of time.
func pool(addrs []string) {
	plain := open(addrs[0])
	defer plain.Close()
	mux := http.NewServeMux()
	var c *redis.Client
	mux.HandleFunc("/first", func(w http.ResponseWriter, r *http.Request) {
		c = redis.NewClient(&redis.Options{Addr: addrs[0], DB: 3, MinIdleConns: 3})
		for c.PoolStats().IdleConns < 3 {
			time.Sleep(time.Millisecond)
		}
		fmt.Fprint(w, c.Ping(r.Context()).Val())
	})
	mux.HandleFunc("/second", func(w http.ResponseWriter, r *http.Request) {
		c := redis.NewClient(&redis.Options{Addr: addrs[0], DB: 3})
		defer c.Close()
		fmt.Fprint(w, c.Ping(r.Context()).Val())
	})
	get, stop := serve(mux)
	defer stop()
	get("/first")
	get("/second")
	check(c.Close())
}
