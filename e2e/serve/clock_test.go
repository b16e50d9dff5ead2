//go:build linux

package serve

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-trace/weft/bench/workload"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/store"
)

// The clock of the machine jumps: forward by days, back by more, to 1970 and beyond 2038, with spans written in each time. Nothing that was
// acknowledged is lost, but for what retention removes by the right time; and a jump forward that is taken back removes
// nothing.
func TestClockJumps(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	var clock atomic.Int64
	clock.Store(now.UnixNano())
	o := store.Options{Dir: t.TempDir(), Retention: 30 * 24 * time.Hour, Clock: func() time.Time { return time.Unix(0, clock.Load()) }}
	st, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	g := workload.New(workload.Workload{Seed: 5, Traces: 10_000, End: now.UnixNano()})
	var d otlp.Decoder
	next := int64(0)
	for i, jump := range []time.Duration{0, time.Hour, -2 * time.Hour, 3 * 24 * time.Hour, -5 * 24 * time.Hour, 20 * 365 * 24 * time.Hour, -56 * 365 * 24 * time.Hour, 0, time.Minute} {
		at := now.Add(jump)
		clock.Store(at.UnixNano())
		body := g.AppendRequest(nil, next, next+100, nil)
		spans, _, _, err := d.Traces(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Write(t.Context(), &store.Batch{Spans: spans, Traces: body}); err != nil {
			t.Fatalf("at %v: %v", at, err)
		}
		next += 100
		if i == 4 { // and over a restart
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			if st, err = store.Open(o); err != nil {
				t.Fatal(err)
			}
		}
		for n := range next {
			spans, err := st.Trace(t.Context(), g.TraceID(n))
			if err != nil || len(spans) != workload.SpansPerTrace {
				t.Fatalf("at %v: trace %d: %d spans, %v", at, n, len(spans), err)
			}
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	clock.Store(now.UnixNano())
	if st, err = store.Open(o); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for n := range next {
		if spans, err := st.Trace(t.Context(), g.TraceID(n)); err != nil || len(spans) != workload.SpansPerTrace {
			t.Fatalf("after a restart: trace %d: %d spans, %v", n, len(spans), err)
		}
	}
}
