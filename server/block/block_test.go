package block

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weft-trace/weft/server/span"
)

// random makes spans with everything that a span can have, from small pools,
// so that keys, types and values repeat and clash.
type random struct {
	*rand.Rand
	traces []span.TraceID
	res    []*span.Resource
	scopes []*span.Scope
}

func newRandom(seed uint64) *random {
	r := &random{Rand: rand.New(rand.NewPCG(seed, 1))}
	for range 1 + r.IntN(30) {
		var id span.TraceID
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		if r.IntN(4) == 0 {
			clear(id[:8])
		}
		r.traces = append(r.traces, id)
	}
	for range 3 {
		res := &span.Resource{Attrs: r.attrs(5), Dropped: uint32(r.IntN(2)), SchemaURL: r.text()}
		res.Service = r.text()
		r.res = append(r.res, res)
		r.scopes = append(r.scopes, &span.Scope{Name: r.text(), Version: r.text(), Attrs: r.attrs(2), SchemaURL: r.text()})
	}
	return r
}

func (r *random) text() string {
	switch r.IntN(12) {
	case 0:
		return ""
	case 1:
		return "\xff\xfe\x00bad" + strconv.Itoa(r.IntN(3))
	case 2:
		return strings.Repeat("x", r.IntN(2000))
	case 3:
		return fmt.Sprintf("/users/%d/orders/%d?page=%d", r.IntN(1e6), r.Uint64(), r.IntN(10))
	case 4:
		return "007 00 0 " + strconv.FormatUint(r.Uint64(), 10)
	}
	return "text " + strconv.Itoa(r.IntN(10))
}

func (r *random) value() span.Value {
	switch r.IntN(9) {
	case 0:
		return span.Value{}
	case 1:
		return span.BoolValue(r.IntN(2) == 0)
	case 2:
		return span.IntValue(int64(r.Uint64()))
	case 3:
		return span.IntValue(int64(r.IntN(3)))
	case 4:
		return span.FloatValue([]float64{0, -1.5, math.NaN(), math.Inf(1), math.Copysign(0, -1)}[r.IntN(5)])
	case 5:
		return span.Value{Type: span.Bytes, Str: r.text()}
	case 6:
		return span.Value{Type: span.Array, Str: r.text()}
	case 7:
		return span.Value{Type: span.Map, Str: r.text()}
	}
	return span.StringValue(r.text())
}

func (r *random) attrs(most int) []span.Attr {
	var a []span.Attr
	for range r.IntN(most + 1) {
		a = append(a, span.Attr{Key: "key" + strconv.Itoa(r.IntN(8)), Value: r.value()}) // the same key now and then
	}
	return a
}

func (r *random) num() uint32 {
	if r.IntN(3) > 0 {
		return 0
	}
	return r.Uint32() >> r.IntN(32)
}

func (r *random) time() int64 {
	switch r.IntN(8) {
	case 0:
		return int64(r.Uint64())
	case 1:
		return 0
	case 2:
		return math.MaxInt64
	case 3:
		return math.MinInt64
	}
	return 1_800_000_000_000_000_000 + r.Int64N(1e9)*1000
}

func (r *random) id() (id span.ID) {
	v := r.Uint64()
	if r.IntN(2) == 0 {
		v = uint64(r.IntN(50))
	}
	for i := range id {
		id[i] = byte(v >> (8 * i))
	}
	return id
}

func (r *random) span() span.Span {
	s := span.Span{
		TraceID: r.traces[r.IntN(len(r.traces))], ID: r.id(), Parent: r.id(), State: r.text(), Flags: r.num(), Name: r.text(), Kind: span.Kind(r.IntN(8)),
		Start: r.time(), Duration: r.time() & math.MaxInt64, Status: span.Status(r.IntN(4)), Message: r.text(),
		Resource: r.res[r.IntN(3)], Scope: r.scopes[r.IntN(3)], Attrs: r.attrs(10),
		DroppedAttrs: r.num(), DroppedEvents: r.num(), DroppedLinks: r.num(),
	}
	for range r.IntN(8) - 4 {
		s.Events = append(s.Events, span.Event{Time: r.time(), Name: r.text(), Attrs: r.attrs(4), Dropped: r.num()})
	}
	for range r.IntN(8) - 5 {
		s.Links = append(s.Links, span.Link{TraceID: r.traces[0], ID: r.id(), State: r.text(), Flags: r.num(), Attrs: r.attrs(4), Dropped: r.num()})
	}
	return s
}

// inOrder returns spans in the order in which Cut writes them.
func inOrder(spans []span.Span) []span.Span {
	first := map[span.TraceID]int64{}
	for _, s := range spans {
		if f, ok := first[s.TraceID]; !ok || s.Start < f {
			first[s.TraceID] = s.Start
		}
	}
	out := slices.Clone(spans)
	slices.SortStableFunc(out, func(a, b span.Span) int {
		return cmp.Or(cmp.Compare(first[a.TraceID], first[b.TraceID]), slices.Compare(a.TraceID[:], b.TraceID[:]), cmp.Compare(a.Start, b.Start))
	})
	return out
}

func all(b *Block) []uint32 {
	rows := make([]uint32, b.Len())
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}

func spansOf(t *testing.T, b *Block) []span.Span {
	t.Helper()
	s, err := b.Spans(all(b))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func equal(t *testing.T, what string, got, want []span.Span) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return // go-cmp takes its time, and has the last word
	}
	if d := gocmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d[:min(len(d), 4000)])
	}
}

// Whatever spans are added come back: from the view, from the blocks that the
// builder is cut into, and from those blocks' bytes.
func TestLossless(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(strconv.Itoa(int(seed)), func(t *testing.T) {
			r := newRandom(seed)
			b := new(Builder)
			var spans []span.Span
			var early *Block
			n := 1 + r.IntN(400)
			for i := range n {
				if i == n/2 {
					early = b.View()
				}
				s := r.span()
				spans = append(spans, s)
				b.Add(&s)
			}
			equal(t, "view", spansOf(t, b.View()), spans)
			equal(t, "earlier view", spansOf(t, early), spans[:n/2])
			var mem, disk []span.Span
			rows := 1 + r.IntN(200)
			for _, p := range b.Cut(rows) {
				if p.Block.Len() > rows {
					t.Errorf("block of %d rows; want at most %d", p.Block.Len(), rows)
				}
				mem = append(mem, spansOf(t, p.Block)...)
				o, err := Open(p.Data)
				if err != nil {
					t.Fatal(err)
				}
				if o.Meta() != p.Block.Meta() {
					t.Errorf("meta %+v; want %+v", o.Meta(), p.Block.Meta())
				}
				disk = append(disk, spansOf(t, o)...)
				sameColumns(t, o, p.Block)
			}
			want := inOrder(spans)
			equal(t, "cut", mem, want)
			equal(t, "opened", disk, want)
		})
	}
}

// sameColumns compares what the accessors of two blocks return.
func sameColumns(t *testing.T, got, want *Block) {
	t.Helper()
	type columns struct {
		Keys, EventKeys, LinkKeys []string
		Cols                      map[string][]*Column
		Services, Messages        []string
		EventRows, LinkRows       []uint32
	}
	read := func(b *Block) (c columns) {
		var err error
		check := func(e error) {
			if err == nil {
				err = e
			}
		}
		var e error
		c.Keys, e = b.Keys()
		check(e)
		c.EventKeys, e = b.EventKeys()
		check(e)
		c.LinkKeys, e = b.LinkKeys()
		check(e)
		c.Cols = map[string][]*Column{}
		for _, k := range c.Keys {
			c.Cols[k], e = b.Attrs(k)
			check(e)
		}
		for _, k := range c.EventKeys {
			c.Cols["event "+k], e = b.EventAttrs(k)
			check(e)
		}
		for _, k := range c.LinkKeys {
			c.Cols["link "+k], e = b.LinkAttrs(k)
			check(e)
		}
		s, e := b.Services()
		check(e)
		m, e := b.Messages()
		check(e)
		for i := range b.Len() {
			c.Services, c.Messages = append(c.Services, s.At(i)), append(c.Messages, m.At(i))
		}
		c.EventRows, e = b.EventRows()
		check(e)
		c.LinkRows, e = b.LinkRows()
		check(e)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if d := gocmp.Diff(read(want), read(got), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("columns (-want +got):\n%s", d[:min(len(d), 4000)])
	}
}
