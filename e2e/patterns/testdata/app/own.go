package main

import (
	"bytes"
	"sync"
	"time"
)

// rateLimited: a pipeline of two stages, of which the first waits for tokens.
func rateLimited() {
	type item struct {
		at   where
		done *sync.WaitGroup
	}
	tokens := make(chan time.Time, 2)
	quit := make(chan struct{})
	go func() {
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case t := <-tick.C:
				select {
				case tokens <- t:
				default:
				}
			case <-quit:
				return
			}
		}
	}()
	in, out := make(chan item, 4), make(chan *item)
	go func() {
		for i := range in {
			<-tokens
			mark("let through", i.at)
			out <- &i
		}
		close(out)
	}()
	var last sync.WaitGroup
	last.Go(func() {
		for i := range out {
			mark("second stage", i.at)
			i.done.Done()
		}
	})
	each(200, func(at where) {
		var done sync.WaitGroup
		done.Add(1)
		in <- item{at, &done}
		done.Wait()
	})
	close(in)
	last.Wait()
	close(quit)
}

// fanIn: many producers, and one consumer, which is with each value where that
// comes from, and nowhere when there are no more.
func fanIn() {
	in := []chan where{make(chan where), make(chan where, 1), make(chan where, 50)}
	out := make(chan [2]where, 10)
	var producers, consumer sync.WaitGroup
	for _, c := range in {
		producers.Go(func() {
			for at := range c {
				mark("forwarded", at)
				out <- [2]where{at, 1}
			}
		})
	}
	consumer.Go(func() {
		for v := range out {
			mark("consumed", v[0])
		}
		mark("after", 0)
	})
	each(400, func(at where) { in[at%3] <- at })
	for _, c := range in {
		close(c)
	}
	producers.Wait()
	close(out)
	consumer.Wait()
}

// syncPool: what is used again says nothing.
func syncPool() {
	pool := sync.Pool{New: func() any { return new(bytes.Buffer) }}
	each(400, func(at where) {
		var parts sync.WaitGroup
		for range 2 {
			parts.Go(func() {
				b := pool.Get().(*bytes.Buffer)
				mark("with buffer", at)
				pool.Put(b)
				mark("after", at)
			})
		}
		parts.Wait()
	})
}

// freeList: nor does it in a channel.
func freeList() {
	free := make(chan []byte, 8)
	each(800, func(at where) {
		var parts sync.WaitGroup
		for range 2 {
			parts.Go(func() {
				var b []byte
				select {
				case b = <-free:
				default:
					b = make([]byte, 0, 64)
				}
				b = append(b, 'x')
				mark("with buffer", at)
				select {
				case free <- b[:0]:
				default:
				}
				mark("after", at)
			})
		}
		parts.Wait()
	})
}

// collector: main gathers what the requests send, and works for none of them, neither
// in the loop nor when it is done.
func collector() {
	results := make(chan where, 10)
	var requests sync.WaitGroup
	requests.Go(func() { each(400, func(at where) { results <- at }) })
	for range 400 {
		<-results
		mark("result", 0)
	}
	mark("after", 0)
	requests.Wait()
}

// ticker: a loop that does something of its own from time to time, and what it is
// sent in between.
func ticker() {
	jobs, quit := make(chan where, 4), make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case at := <-jobs:
				mark("job", at)
			case <-tick.C:
				mark("tick", 0)
			case <-quit:
				return
			}
		}
	})
	each(400, func(at where) { jobs <- at })
	time.Sleep(time.Millisecond)
	close(quit)
	loop.Wait()
}

// A conn is a connection with a goroutine of its own, started by the request that
// needs it first, which answers for whoever has taken it from the pool.
type conn struct {
	queries chan query
}

type query struct {
	at     where
	answer chan int
}

// connections: a query is a part of the request that makes it, whoever has opened
// the connection, and the answer leaves the asker where it was.
func connections() {
	idle := make(chan *conn, 4)
	each(400, func(at where) {
		var part sync.WaitGroup
		part.Go(func() {
			var c *conn
			select {
			case c = <-idle:
			default:
				c = &conn{make(chan query)}
				go func() {
					for q := range c.queries {
						mark("query", q.at)
						q.answer <- 1
					}
				}()
			}
			q := query{at, make(chan int, 1)}
			c.queries <- q
			<-q.answer
			mark("answered", at)
			select {
			case idle <- c:
			default:
				close(c.queries)
			}
		})
		part.Wait()
	})
}
