//go:build !weft

package trace

import "testing"

// Where goroutines have no context, a span in a context.Context is a parent all the same.
func TestManualWithoutContexts(t *testing.T) {
	useAPI(t, Config{})
	KeepContexts(false)
	defer KeepContexts(true)
	m, ctx := begin(&values{}, "m", KindInternal)
	n, _ := begin(ctx, "n", KindClient)
	var s, alone Span
	s.StartIn(ctx, "http", "s", KindClient)
	s.End()
	alone.Start("alone", KindInternal)
	alone.End()
	n.End(0)
	m.End(0)
	wantParents(t, "m<", "n<m", "s<m", "alone<")
}
