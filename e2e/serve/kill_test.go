//go:build linux

package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-trace/weft/bench/client"
	"github.com/weft-trace/weft/bench/workload"
)

// The server is killed at random moments under load, again and again on the same directory. After each restart every
// acknowledged span is there once; of a request that was cut off, all or nothing. Such a request is sent again, as an exporter does: then
// its spans are there once, too. The aggregates count what is there, each span once.
func TestKill(t *testing.T) {
	rounds := 5
	if long() {
		rounds = 200
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d rounds, seed %d", rounds, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	w := workload.Workload{Seed: seed, Traces: 100_000_000, End: time.Now().UnixNano()}
	g := workload.New(w)
	var stored []int64 // every trace that must be there
	l := newLoad(w, 20)
	early, resent, halves := 0, 0, 0
	done := 0
	for round := range rounds {
		if end, ok := t.Deadline(); ok && long() && time.Until(end) < 4*time.Minute {
			break // -timeout is near: what was done so far still has to be checked
		}
		if round%20 == 0 {
			t.Logf("round %d, %d traces stored", round, len(stored))
		}
		done++
		if random.IntN(8) == 0 { // while it starts, or recovers
			s := launch(t, dir)
			select {
			case <-time.After(time.Duration(random.IntN(150)) * time.Millisecond):
			case <-s.exited:
				t.Fatalf("round %d: ended at its start: %v\n%s", round, s.err, s.stderr)
			}
			s.kill()
			early++
		}
		s := start(t, dir)
		for text, n := range l.refused {
			t.Errorf("round %d: %d requests were refused: %s", round, n, text)
		}
		s.checkAll(t, g, l.acknowledged, workload.SpansPerTrace)
		if said := s.stderr.String(); strings.Contains(said, "damaged") || strings.Contains(said, "ERROR") {
			t.Errorf("round %d: what a kill left is taken for damage:\n%s", round, said)
		}
		stored = append(stored, l.acknowledged...)
		for range 100 { // and of what was stored long ago
			if len(stored) > 0 {
				s.checkAll(t, g, []int64{stored[random.IntN(len(stored))]}, workload.SpansPerTrace)
			}
		}
		resent += len(l.unsure)
		for _, from := range l.unsure {
			first, err := s.check(g, from)
			if err != nil {
				t.Error(err)
			}
			if first > 0 {
				halves++
			}
			for n := from; n < from+l.perRequest; n++ {
				if found, err := s.check(g, n); err != nil || found != first || found != 0 && found != workload.SpansPerTrace {
					t.Errorf("round %d: a request that was cut off: %d spans of its first trace, %d of trace %d, %v; want all or none", round, first, found, n-from, err)
				}
			}
			c := client.HTTP("http://"+s.otlp+"/v1/traces", client.Options{})
			if rejected, _, err := c.ExportPatiently(t.Context(), g.AppendRequest(nil, from, from+l.perRequest, nil)); rejected != 0 || err != nil {
				t.Errorf("round %d: sent again: %d rejected, %v", round, rejected, err)
			}
			c.Close()
			for n := from; n < from+l.perRequest; n++ {
				stored = append(stored, n)
				s.checkAll(t, g, []int64{n}, workload.SpansPerTrace)
			}
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		l.acknowledged, l.unsure = nil, nil

		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond+time.Duration(random.Int64N(int64(1500*time.Millisecond))))
		var wg sync.WaitGroup
		for _, c := range s.connect(t) {
			wg.Go(func() {
				defer c.Close()
				l.run(context.WithoutCancel(ctx), c) // until the connection breaks
			})
		}
		<-ctx.Done()
		cancel()
		s.kill()
		wg.Wait()
		if len(l.acknowledged) == 0 {
			t.Logf("round %d: killed before anything was acknowledged", round)
		}
	}
	// Requests that were cut off in the last round may be there or not: they are not sent again, but counted.
	s := start(t, dir)
	s.checkAll(t, g, l.acknowledged, workload.SpansPerTrace)
	stored = append(stored, l.acknowledged...)
	spans := int64(len(stored)) * workload.SpansPerTrace
	for _, from := range l.unsure {
		for n := from; n < from+l.perRequest; n++ {
			found, err := s.check(g, n)
			if err != nil {
				t.Error(err)
			}
			spans += int64(found)
		}
	}
	every := max(1, len(stored)/20_000)
	var sample []int64
	for i := 0; i < len(stored); i += every {
		sample = append(sample, stored[i])
	}
	s.checkAll(t, g, sample, workload.SpansPerTrace)
	s.counts(t, w, spans)
	s.terminate(t)
	s = start(t, dir) // from its blocks alone
	s.counts(t, w, spans)
	s.checkAll(t, g, sample[:min(len(sample), 1000)], workload.SpansPerTrace)
	t.Logf("killed %d times under load: %d spans acknowledged and there, %d requests cut off and sent again, %d of them were stored already; killed %d times while starting", done, spans, resent, halves, early)
	if len(stored) < 100*done {
		t.Errorf("only %d traces were stored in %d rounds: too few to prove anything", len(stored), done)
	}
}

// counts compares the aggregates with the number of spans that are there.
func (s *server) counts(t *testing.T, w workload.Workload, want int64) {
	t.Helper()
	// Whole hours, so that every window of the aggregates counts.
	hour := int64(time.Hour)
	q := url.Values{"from": {fmt.Sprint(w.From()/hour*hour - hour)}, "to": {fmt.Sprint(w.End/hour*hour + 2*hour)}, "by": {"service"}, "limit": {"100"}}
	code, body := s.get("/api/weft/v1/aggregate?" + q.Encode())
	if code != http.StatusOK {
		t.Errorf("aggregate: %d: %s", code, body)
		return
	}
	var answer struct {
		Source  string
		Partial bool
		Groups  []struct{ Total struct{ Count int64 } }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Error(err)
	}
	got := int64(0)
	for _, g := range answer.Groups {
		got += g.Total.Count
	}
	if got != want || answer.Source != "series" || answer.Partial || len(answer.Groups) != workload.Services {
		t.Errorf("the aggregates (source %q, partial %v) count %d spans of %d services; want %d of %d", answer.Source, answer.Partial, got, len(answer.Groups), want, workload.Services)
	}
}

// A client that has no answer sends its request again, to a server that had stored it and was killed before it could say so: traces and
// aggregates have its spans once, whether the server was restarted once, or killed again while it recovered, or stopped in order.
func TestSentAgain(t *testing.T) {
	for _, end := range []string{"killed", "killed twice", "terminated"} {
		t.Run(end, func(t *testing.T) {
			g := lastHour(10_000)
			dir := t.TempDir()
			s := start(t, dir)
			numbers := s.fill(t, g, 0, 1000)
			if end == "terminated" {
				s.terminate(t)
			} else {
				s.kill()
			}
			if end == "killed twice" {
				s = start(t, dir) // what it recovered may be cut
				s.checkAll(t, g, numbers[:100], workload.SpansPerTrace)
				s.kill()
			}
			s = start(t, dir)
			s.fill(t, g, 500, 1000) // again
			s.checkAll(t, g, numbers, workload.SpansPerTrace)
			s.counts(t, g.Workload, 10_000)
			s.fill(t, g, 500, 1000) // and again
			s.counts(t, g.Workload, 10_000)
			s.terminate(t)
			s = start(t, dir)
			s.counts(t, g.Workload, 10_000)
			s.checkAll(t, g, numbers, workload.SpansPerTrace)
		})
	}
}
