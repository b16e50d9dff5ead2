package query

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/store"
)

// What a query cannot read makes its answer partial; the rest of it is there.
func TestDamage(t *testing.T) {
	ctx := context.Background()
	o := store.Options{
		Dir: t.TempDir(), HeadSpans: 200, BlockRows: 10, NoSync: true, Logger: slog.New(slog.DiscardHandler),
		Clock: func() time.Time { return time.Unix(0, base) },
	}
	st, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{r: rand.New(rand.NewPCG(21, 22))}
	spans := w.spans(1000)
	write(t, st, spans)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	var files []string
	err = filepath.WalkDir(o.Dir, func(path string, d os.DirEntry, err error) error {
		if filepath.Ext(path) == ".blocks" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 2 {
		t.Fatalf("files of blocks: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 3; i < len(data)/2; i++ {
		data[i] ^= 0x55
	}
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if st, err = store.Open(o); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	res, err := Search(ctx, st, SearchRequest{By: Spans, Limit: MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Partial || len(res.Hits) == 0 || len(res.Hits) >= len(spans) {
		t.Errorf("search: %d of %d spans, partial %v (%s)", len(res.Hits), len(spans), res.Partial, res.Why)
	}
	agg, err := Aggregate(ctx, st, AggregateRequest{From: base, To: base + 1e6, By: []Field{Status}})
	if err != nil {
		t.Fatal(err)
	}
	if !agg.Partial || len(agg.Groups) == 0 {
		t.Errorf("aggregate: %d groups, partial %v (%s)", len(agg.Groups), agg.Partial, agg.Why)
	}
}
