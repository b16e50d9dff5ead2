package aggregate

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// load returns traces of ten spans: a root that calls two services which query
// a database, over 20 services of 10 operations each, as they would come from a
// decoder: no two spans share a string.
func load(n int) []span.Span {
	r := rand.New(rand.NewPCG(41, 42))
	start := t0
	var out []span.Span
	for len(out) < n {
		var trace span.TraceID
		for k := range trace {
			trace[k] = byte(r.Uint32())
		}
		start += int64(2 * time.Millisecond)
		own := r.Uint64() >> 1
		add := func(service int, kind span.Kind, parent uint64, attrs ...string) uint64 {
			own++
			s := mk(fmt.Sprintf("svc-%02d-checkout", service), kind, own, parent, 0, attrs...)
			s.TraceID = trace
			s.Start = start + r.Int64N(1e6)
			s.Duration = int64(math.Exp(r.NormFloat64() + 15))
			s.Name = fmt.Sprintf("GET /api/v1/svc%02d/resource%d/{id}", service, r.IntN(10))
			for len(s.Attrs) < 8 {
				s.Attrs = append(s.Attrs, text("thread.name", "http-nio-8080-exec-7")...)
			}
			out = append(out, s)
			return own
		}
		root := add(r.IntN(20), span.KindServer, 0, "http.request.method", "GET", "url.path", "/")
		for range 2 {
			c := add(r.IntN(20), span.KindClient, root, "http.request.method", "GET", "server.address", "svc", "server.port", "8080", "url.full", "http://svc:8080/x")
			s := add(r.IntN(20), span.KindServer, c, "http.request.method", "GET")
			add(r.IntN(20), span.KindInternal, s)
			add(r.IntN(20), span.KindClient, s, "db.system.name", "postgresql", "db.namespace", "orders", "db.query.text", "SELECT 1")
		}
		add(0, span.KindInternal, root)
	}
	return out[:n]
}

// again makes traces of their own of spans that were added before: their
// memory stays as warm as it is when they come from a decoder.
func again(s *span.Span, round int) { binary.LittleEndian.PutUint64(s.TraceID[:], uint64(round)) }

// BenchmarkAdd is the hot path: all that the store does for its aggregates
// with each span. Requests have 1,000 spans, heads 65,536.
func BenchmarkAdd(b *testing.B) {
	spans := load(1000)
	a := New(Limits{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i&65_535 == 0 {
			a.Swap()
		}
		s := &spans[i%1000]
		again(s, i/1000)
		a.Add(s, t0)
	}
}

// BenchmarkAddOperation is the same without the service graph.
func BenchmarkAddOperation(b *testing.B) {
	spans := load(1000)
	a := New(Limits{})
	for i := 0; b.Loop(); i++ {
		if i&65_535 == 0 {
			a.Swap()
		}
		s := &spans[i%1000]
		again(s, i/1000)
		a.cells.of(a.operation(a.service(clean(s.Service())), s.Name, s.Kind), s.Start).Add(s.TraceID, s.Duration, false)
	}
}

// BenchmarkFlush is what a cut of 65,536 spans writes.
func BenchmarkFlush(b *testing.B) {
	spans := load(65_536)
	a := New(Limits{})
	for i := range spans {
		a.Add(&spans[i], t0)
	}
	c := a.Swap()
	size, keys := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		size, keys = 0, 0
		c.Flush(func(k, v []byte) error {
			size += len(k) + len(v)
			keys++
			return nil
		})
	}
	b.ReportMetric(float64(size)/float64(len(spans)), "B/span")
	b.ReportMetric(float64(keys), "keys")
}

// Once their series and buckets are known, spans cost no allocation.
func TestAddAllocates(t *testing.T) {
	spans := load(1000)
	a := New(Limits{Waiting: 256})
	round := 0
	add := func() {
		round++
		for i := range spans {
			again(&spans[i], round)
			a.Add(&spans[i], t0)
		}
	}
	for range 50 { // so that each cell has a window for every duration
		add()
	}
	if n := testing.AllocsPerRun(10, add); n != 0 {
		t.Errorf("%v allocations for %d spans, want 0", n, len(spans))
	}
}
