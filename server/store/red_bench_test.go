package store

import (
	"context"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/aggregate"
)

// What a page of the last hour asks, of a store with 500,000 spans of 400
// operations in it.
func BenchmarkSeries(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	g := newGen(5, 50_000)
	for range 500 {
		write(b, s, g.batch(100))
	}
	if err := s.flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	from, to := genBase-3600e9, genBase
	all := aggregate.ByService | aggregate.ByOperation | aggregate.ByKind
	for _, c := range []struct {
		name string
		f    func() error
	}{
		{"hour by minute, one service", func() error {
			_, err := s.Series(ctx, aggregate.Selection{From: from, To: to, Step: time.Minute, Services: []string{"svc-03-checkout"}, By: all})
			return err
		}},
		{"hour by minute, every operation", func() error {
			_, err := s.Series(ctx, aggregate.Selection{From: from, To: to, Step: time.Minute, By: all})
			return err
		}},
		{"hour by 10 s, one service", func() error {
			_, err := s.Series(ctx, aggregate.Selection{From: from, To: to, Step: 10 * time.Second, Services: []string{"svc-03-checkout"}})
			return err
		}},
		{"overview", func() error { _, err := s.Overview(ctx, from, to); return err }},
		{"edges", func() error { _, err := s.Edges(ctx, from, to); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
