package aggregate

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/server/span"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// v1-calls.txt has the keys and values of some spans in hex, each followed by
// what it says. What it says must never change; the bytes only with a new version.
func TestGolden(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	a := New(Limits{})
	n := uint64(0)
	for i := range 300 {
		n += 2
		c := mk("shop", span.KindClient, n, 1, int64(1+i%40), "http.request.method", "GET", "server.address", "pay.example.com")
		s := mk("pay", span.KindServer, n+1, n, int64(i%30))
		s.Name = []string{"GET /pay", "POST /pay"}[i/250]
		for _, s := range []*span.Span{&c, &s} {
			s.TraceID = span.TraceID{byte(r.Uint32()), byte(r.Uint32()), 15: 1}
			s.TraceID[0] |= byte(i) & 1
			s.Start = t0 + int64(i)*400e6
			if r.IntN(20) == 0 {
				s.Status = span.StatusError
			}
		}
		s.TraceID = c.TraceID
		if i%3 == 0 {
			c.Attrs = text("db.system", "mysql", "db.namespace", "orders")
		}
		a.Add(&c, t0)
		a.Add(&s, t0)
	}
	var out strings.Builder
	err := a.Swap().Flush(func(key, value []byte) error {
		fmt.Fprintf(&out, "key   %x\nvalue %x\n", key, value)
		return explain(&out, key, value)
	})
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/v1-calls.txt"
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")); d != "" {
		t.Errorf("what is written differs from %s (-want +got):\n%s", file, d)
	}
	// What was written once is still read as it was, whatever is written now.
	var read strings.Builder
	var key []byte
	for line := range strings.Lines(string(want)) {
		line = strings.TrimSuffix(line, "\n")
		if h, ok := strings.CutPrefix(line, "key   "); ok {
			if key, err = hex.DecodeString(h); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&read, line)
		} else if h, ok := strings.CutPrefix(line, "value "); ok {
			value, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&read, line)
			if err := explain(&read, key, bytes.Clone(value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if d := cmp.Diff(string(want), read.String()); d != "" {
		t.Errorf("%s is read as something else (-want +got):\n%s", file, d)
	}
}

func explain(out *strings.Builder, key, value []byte) error {
	level, start, rest, err := ParseKey(key)
	if err != nil {
		return err
	}
	if Class(key[0]) == Operations {
		s, err := ParseSeries(rest)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  level %d from %d: %+v\n", level, start, s)
	} else {
		e, err := ParseEdge(rest)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  level %d from %d: %+v\n", level, start, e)
	}
	return EachCell(value, nil, func(bucket int, c *Cell) {
		h := &c.Durations
		fmt.Fprintf(out, "  %2d: %d calls, %d errors, slow %v, failed %v, sum %d, min %d, max %d, scale %d, zeros %d:",
			bucket, c.Count(), c.Errors, c.Slow, c.Failed, h.Sum(), h.Min(), h.Max(), h.Scale(), h.Zeros())
		var buckets []string
		for i, n := range h.Buckets() {
			buckets = append(buckets, fmt.Sprintf("%d*%d", i, n))
		}
		fmt.Fprintln(out, "", strings.Join(slices.Clip(buckets), " "))
	})
}
