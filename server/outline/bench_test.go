package outline

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// job makes a trace such as a nightly job leaves: stages that follow one
// another, in each loops of queries and calls, some of which work on their own.
func job(n int) []span.Span {
	r := rand.New(rand.NewPCG(3, 4))
	spans := make([]span.Span, 0, n)
	add := func(parent int, kind span.Kind, name string, start, duration int64, res int) int {
		s := span.Span{TraceID: traceID, Name: name, Kind: kind, Start: start, Duration: duration, Resource: resources[res], Scope: &span.Scope{}}
		binary.LittleEndian.PutUint64(s.ID[:], uint64(len(spans)+1)*0x9e3779b97f4a7c15)
		if parent >= 0 {
			s.Parent = spans[parent].ID
		}
		if r.IntN(300) == 0 {
			s.Status = span.StatusError
		}
		s.Attrs = []span.Attr{{Key: "db.query.text", Value: span.StringValue("SELECT x")}, {Key: "n", Value: span.IntValue(int64(len(spans)))}}
		spans = append(spans, s)
		return len(spans) - 1
	}
	at := int64(1e18)
	root := add(-1, span.KindInternal, "nightly", at, 0, 0)
	for stage := 0; len(spans) < n; stage++ {
		loop := add(root, span.KindInternal, fmt.Sprint("stage ", stage%50), at, 0, 0)
		for k := r.IntN(3000); k >= 0 && len(spans) < n; k-- {
			d := int64(2e5 * math.Exp(r.NormFloat64()))
			if r.IntN(10) > 0 {
				add(loop, span.KindClient, fmt.Sprint("SELECT ", r.IntN(8)), at, d, 0)
			} else {
				p := add(loop, span.KindClient, "POST", at, 4*d, 0)
				p = add(p, span.KindServer, fmt.Sprint("POST /", r.IntN(20)), at+d/9, 3*d, 1+r.IntN(5))
				for j := r.IntN(8); j > 0; j-- {
					add(p, span.KindClient, fmt.Sprint("SELECT ", r.IntN(8)), at+d/9+d/4*int64(j), d/5, 1+r.IntN(5))
				}
				d *= 4
			}
			at += d + 1000
		}
		spans[loop].Duration = at - spans[loop].Start
	}
	spans[root].Duration = at - spans[root].Start
	return spans[:n]
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The way of a trace from the disk to what is sent, and of more from what is kept.
func BenchmarkColumns(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		rd := open(b, store.Options{}, job(n))
		ctx := context.Background()
		begin := cpu()
		timed := func(name string, f func() int) {
			b.Run(fmt.Sprintf("spans=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				size := 0
				begin = cpu()
				for b.Loop() {
					size = f()
				}
				b.ReportMetric(float64(size), "bytes")
				b.ReportMetric(float64(cpu()-begin)/1e6/float64(b.N), "cpu-ms/op")
			})
		}
		var t *Trace
		timed("read", func() int {
			f, err := rd.Store.Find(ctx, traceID)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			rd.once.Do(rd.init)
			if t, err = rd.read(ctx, f, traceID); err != nil {
				b.Fatal(err)
			}
			return t.Size()
		})
		timed("kept", func() int {
			if _, err := rd.Read(ctx, traceID); err != nil {
				b.Fatal(err)
			}
			return 0
		})
		timed("fold", func() int {
			head, rest, err := t.Encode(t.Fold(Selection{Limit: 100_000, Under: -1}), nil)
			if err != nil {
				b.Fatal(err)
			}
			return len(head) + len(rest)
		})
		timed("gzip", func() int {
			head, rest, err := t.Encode(t.Fold(Selection{Limit: 100_000, Under: -1}), nil)
			if err != nil {
				b.Fatal(err)
			}
			var buf bytes.Buffer
			z, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
			z.Write(head)
			z.Write(rest)
			z.Close()
			return buf.Len()
		})
		timed("span", func() int {
			_, _, s, err := rd.Span(ctx, traceID, t.IDs[len(t.IDs)/2], -1)
			if err != nil || s == nil {
				b.Fatal(err)
			}
			return 0
		})
	}
}
