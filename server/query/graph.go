package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Graph is which services call which.
type Graph struct {
	Stats
	From, To int64  // what was counted: the range, widened to whole 10 seconds
	Nodes    []Node // by name
	Edges    []Edge // by client and server
}

// Node is a service, or something that services call and that sends no spans.
type Node struct {
	Name   string
	Type   aggregate.Node
	System string // of a database, queue or the like, "" if it is not known
	// Calls is what the node served: a service the calls that it received, by its
	// own spans of kind server and consumer; other nodes what their clients saw.
	Calls Calls
}

// Edge is the calls from one node to another, as the client saw them.
type Edge struct {
	Client, Server string
	ServerType     aggregate.Node
	Connection     aggregate.Connection
	System         string
	Calls          Calls
	Slow, Failed   span.TraceID // the traces of the longest call and of one that failed; zero if there is none
}

// Calls is how many there were and how long they took, in nanoseconds.
type Calls struct {
	Count, Errors int64
	Rate          float64 // per second
	P50, P90, P99 int64
}

func callsOf(c *aggregate.Cell, length int64) Calls {
	return Calls{
		Count: int64(c.Count()), Errors: int64(c.Errors), Rate: float64(c.Count()) / (float64(length) / 1e9),
		P50: c.Durations.Quantile(0.5), P90: c.Durations.Quantile(0.9), P99: c.Durations.Quantile(0.99),
	}
}

// ServiceGraph returns the graph of the calls in [from, to), in nanoseconds
// since the Unix epoch.
func ServiceGraph(ctx context.Context, st *store.Store, from, to int64) (*Graph, error) {
	const fine = int64(10e9)
	if from < 0 || from >= to || to > math.MaxInt64-fine {
		return nil, fmt.Errorf("service graph: the range %d to %d; expected a start not before 1970 and an end after it", from, to)
	}
	g := &Graph{From: from - from%fine, To: to + mod(-to, fine)}
	damaged := st.Damaged()
	flows, err := st.Edges(ctx, from, to)
	if err != nil {
		return nil, err
	}
	lines, err := st.Series(ctx, aggregate.Selection{From: from, To: to, By: aggregate.ByService | aggregate.ByKind})
	if err != nil {
		return nil, err
	}
	g.damage(st.Damaged() - damaged)
	type id struct {
		name string
		typ  aggregate.Node
	}
	cells := map[id]*aggregate.Cell{}
	systems := map[id]string{}
	node := func(name string, t aggregate.Node) *aggregate.Cell {
		c := cells[id{name, t}]
		if c == nil {
			c = new(aggregate.Cell)
			cells[id{name, t}] = c
		}
		return c
	}
	for i := range lines {
		l := &lines[i]
		c := node(l.Service, aggregate.ServiceNode)
		if l.Kind == span.KindServer || l.Kind == span.KindConsumer {
			c.Merge(&l.Total)
		}
	}
	for i := range flows {
		f := &flows[i]
		node(f.Client, aggregate.ServiceNode)
		c := node(f.Server, f.Node)
		if f.Node != aggregate.ServiceNode {
			c.Merge(&f.Cell)
			n := id{f.Server, f.Node}
			systems[n] = cmp.Or(systems[n], f.System)
		}
		g.Edges = append(g.Edges, Edge{f.Client, f.Server, f.Node, f.Connection, f.System, callsOf(&f.Cell, g.To-g.From), f.Slow, f.Failed})
	}
	for n, c := range cells {
		g.Nodes = append(g.Nodes, Node{n.name, n.typ, systems[n], callsOf(c, g.To-g.From)})
	}
	slices.SortFunc(g.Nodes, func(a, b Node) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type)) })
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server), cmp.Compare(a.ServerType, b.ServerType),
			cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.System, b.System))
	})
	return g, nil
}
