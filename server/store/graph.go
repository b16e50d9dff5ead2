package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/weft-trace/weft/server/aggregate"
)

// Edges returns what went over the edges of the service graph in [from, to),
// widened to whole minutes. A To of 0 means no end. A call counts at the start of its
// client's span.
func (s *Store) Edges(ctx context.Context, from, to int64) ([]aggregate.Flow, error) {
	flows := map[string]*aggregate.Flow{}
	r := &cellReader{class: aggregate.Edges, reads: aggregate.Edges.Plan(from, noEnd(to), 0)}
	r.visit = func(series string, start int64, c *aggregate.Cell) error {
		f := flows[series]
		if f == nil {
			e, err := aggregate.ParseEdge([]byte(series))
			if err != nil {
				s.damaged(&DamageError{"an edge of the service graph", err})
				return nil
			}
			f = &aggregate.Flow{Edge: e}
			flows[series] = f
		}
		f.Merge(c)
		return nil
	}
	if err := s.readCells(ctx, r); err != nil {
		return nil, err
	}
	out := make([]aggregate.Flow, 0, len(flows))
	for _, f := range flows {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b aggregate.Flow) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Connection, b.Connection),
			cmp.Compare(a.Node, b.Node), cmp.Compare(a.System, b.System))
	})
	return out, nil
}
