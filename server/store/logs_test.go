package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-trace/weft/server/span"
)

// Logs come back by trace and time, once each, however often they were sent,
// before and after a partition's end and another Open.
func TestLogs(t *testing.T) {
	clock := newTestClock()
	o := Options{Dir: t.TempDir(), Clock: clock.now, Partition: time.Hour, Retention: -1}
	s := open(t, o)
	ctx := context.Background()
	r := rand.New(rand.NewPCG(93, 94))
	resource := &span.Resource{Service: "shop", Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue("shop")}}}
	scope := &span.Scope{Name: "log/slog"}
	want := map[span.TraceID][]span.Log{}
	var again []span.Log
	n := 0
	for i := range 60 {
		var logs []span.Log
		for range 20 {
			n++
			l := span.Log{
				TraceID: span.TraceID{1, byte(r.IntN(10)), 15: 1}, Span: span.ID{byte(n), byte(n >> 8), 1}, Time: genBase + r.Int64N(1e12),
				Severity: 9, Level: "INFO", Body: span.StringValue(fmt.Sprint("message ", n)), Attrs: []span.Attr{{Key: "n", Value: span.IntValue(int64(n))}},
				Resource: resource, Scope: scope,
			}
			if r.IntN(10) == 0 {
				l.TraceID = span.TraceID{} // of no trace: not kept
			} else {
				want[l.TraceID] = append(want[l.TraceID], l)
			}
			logs = append(logs, l)
		}
		if i == 29 {
			again = logs
		}
		for range 1 + i%2 {
			if err := s.Write(ctx, &Batch{Logs: logs}); err != nil {
				t.Fatal(err)
			}
		}
		if i == 30 {
			clock.advance(time.Hour)
			if err := s.Write(ctx, &Batch{Logs: again}); err != nil { // a client's retry
				t.Fatal(err)
			}
		}
	}
	check := func() {
		t.Helper()
		for id, logs := range want {
			slices.SortFunc(logs, func(a, b span.Log) int {
				return cmp.Or(cmp.Compare(a.Time, b.Time), bytes.Compare(a.Span[:], b.Span[:]))
			})
			got, err := s.Logs(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if d := gocmp.Diff(logs, got, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("logs of %v (-want +got):\n%s", id, d)
			}
		}
		if got, err := s.Logs(ctx, span.TraceID{}); err != nil || len(got) != 0 {
			t.Fatalf("of no trace: %v, %v", got, err)
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	check()
}

func TestLogsMany(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	ctx := context.Background()
	id := span.TraceID{1, 15: 1}
	for i := range 30 {
		var logs []span.Log
		for k := range 500 {
			logs = append(logs, span.Log{TraceID: id, Time: int64(i*500 + k), Body: span.IntValue(int64(k)), Resource: &span.Resource{}, Scope: &span.Scope{}})
		}
		if err := s.Write(ctx, &Batch{Logs: logs}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Logs(ctx, id)
	if err != nil || len(got) != maxLogs || got[len(got)-1].Time != maxLogs-1 {
		t.Errorf("%d records, %v; want the first %d", len(got), err, maxLogs)
	}
}

func FuzzLogs(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) > 0 {
			value[0] = logsS2
		}
		decodeLogs(value)
	})
}
