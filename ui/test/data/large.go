package main

import (
	"fmt"

	"github.com/weft-trace/weft/server/span"
)

// large are traces whose size is the difficulty.
var large = []single{
	{"loop", func(t *trace) { t.loop(10_000, 5_000) }},
	{"wide", func(t *trace) { t.tree(100_000) }},
}

// loop is a trace of n spans, many of which are the same query, one after another, below one span.
func (t *trace) loop(n, same int) {
	r := t.add(root, "reports", "build report", span.KindInternal, 0, 12_000)
	l := t.add(r, "reports", "load lines", span.KindInternal, 100, 10_000)
	for i := range same {
		t.add(l, "reports", "SELECT line", span.KindClient, 110+1.99*float64(i), 1.7, queried("postgresql", "orders", "SELECT sku, quantity, cents FROM order_line WHERE order_id = $1")...)
	}
	t.fail(l+same/2, "ERROR: canceling statement due to statement timeout (SQLSTATE 57014)")
	for len(t.spans) < n-10 {
		at := 10_200 + 1700*float64(len(t.spans)-same)/float64(n-same)
		p := t.add(r, "reports", "format page", span.KindInternal, at, 2.5)
		for i := range 9 {
			t.add(p, "fonts", "measure text", span.KindInternal, at+0.25*float64(i), 0.2)
		}
	}
	for len(t.spans) < n {
		t.add(r, "reports", "flush", span.KindInternal, 11_950+float64(n-len(t.spans)), 0.5)
	}
}

var (
	treeServices   = []string{"planner", "loader", "parser", "joiner", "ranker", "packer", "indexer", "writer", "checker", "measurer", "archiver", "sweeper"}
	treeOperations = []string{"GET /items/{id}", "POST /items", "load page", "SELECT item", "UPDATE item", "GET", "HGETALL", "compute", "encode", "store.Items/List"}
)

// tree is a trace of n spans: a job that goes through parts, each of which asks several services, which ask others. It is
// wide at the top and up to a dozen levels deep.
func (t *trace) tree(n int) {
	total := 0.6 * float64(n) // ms
	r := t.add(root, "batch", "rebuild everything", span.KindInternal, 0, total)
	parts := max(1, n/250)
	for p := 0; len(t.spans) < n; p++ {
		at := total * float64(p) / float64(parts+1)
		t.part(r, at, total/float64(parts+1), min(n, len(t.spans)+250))
	}
}

func (t *trace) part(parent int, at, ms float64, until int) {
	r := t.random
	type open struct {
		n        int
		at, left float64
		depth    int
	}
	first := t.add(parent, "batch", fmt.Sprintf("part %d", len(t.spans)/250), span.KindInternal, at, ms*0.98)
	// Breadth by chance, from the oldest that is still open.
	for queue := []open{{first, at, ms * 0.98, 0}}; len(queue) > 0 && len(t.spans) < until; queue = queue[1:] {
		o := queue[0]
		children := 1 + r.IntN(6)
		for i := 0; i < children && len(t.spans) < until; i++ {
			share := o.left / float64(children)
			start := o.at + share*(float64(i)+0.1*r.Float64())
			lasts := share * (0.4 + 0.5*r.Float64())
			k := r.IntN(len(treeOperations))
			c := t.add(o.n, treeServices[(o.depth*5+k)%len(treeServices)], treeOperations[k], span.Kind(1+r.IntN(3)), start, lasts, num("item", len(t.spans)), str("shard", treeServices[k%4]))
			if r.IntN(2000) == 0 {
				t.fail(c, "item is locked")
			}
			queue = append(queue, open{c, start, lasts, o.depth + 1})
		}
	}
	// A queue that ran dry leaves the part a little smaller than its share; the next one makes up for it.
}
