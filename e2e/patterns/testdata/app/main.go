// Patterns does the work of many requests at a time by one of the ways in which
// Go programs hand work over. It is woven with a hook that gives open spans, and
// each span says what its parent is.
package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// where names a span, 0 none.
type where int64

var spans atomic.Int64

// open is given spans by a hook. Attribute id is me, parents is the true parent.
func open(me where, parents, name string, inside func()) { inside() }

func span(name string, parent where, inside func(me where)) {
	me := where(spans.Add(1))
	open(me, fmt.Sprint(int64(parent)), name, func() { inside(me) })
}

// mark makes a span that says where the goroutine is.
func mark(name string, parent where) { span(name, parent, func(where) {}) }

// each runs serve in n requests, by eight clients at a time.
func each(n int, serve func(at where)) {
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range n / 8 {
				span("request", 0, serve)
			}
		})
	}
	clients.Wait()
}

func main() {
	pattern, ok := patterns[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such pattern")
		os.Exit(2)
	}
	pattern()
}
