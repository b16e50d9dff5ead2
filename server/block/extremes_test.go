package block

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weft-trace/weft/server/span"
)

// cutAndOpen returns the spans of all blocks that spans become, after checks
// that the blocks keep to rows.
func cutAndOpen(t *testing.T, spans []span.Span, rows int) (got []span.Span, blocks []*Block) {
	t.Helper()
	b := new(Builder)
	for i := range spans {
		b.Add(&spans[i])
	}
	for _, p := range b.Cut(rows) {
		o, err := Open(p.Data)
		if err != nil {
			t.Fatal(err)
		}
		if o.Len() > rows {
			t.Errorf("a block of %d rows; want at most %d", o.Len(), rows)
		}
		got = append(got, spansOf(t, o)...)
		blocks = append(blocks, o)
	}
	return got, blocks
}

func plainSpan(trace, id int) span.Span {
	s := span.Span{Name: "n", Start: int64(id), Resource: &span.Resource{}, Scope: &span.Scope{}}
	for k := range 4 {
		s.TraceID[k], s.ID[k] = byte(trace>>(8*k)), byte(id>>(8*k))
	}
	s.ID[7] = 1
	return s
}

func TestLongTrace(t *testing.T) {
	var spans []span.Span
	spans = append(spans, plainSpan(1, 0), plainSpan(1, 1))
	for i := range 100_000 {
		s := plainSpan(2, i)
		if i > 0 {
			s.Parent = spans[2+(i-1)/2].ID // a binary tree: parents in the same block and in others
		}
		spans = append(spans, s)
	}
	spans = append(spans, plainSpan(3, 0))
	got, blocks := cutAndOpen(t, spans, 4096)
	want := inOrder(spans)
	if len(got) != len(want) {
		t.Fatalf("%d spans; want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].ID != want[i].ID || got[i].Parent != want[i].Parent || got[i].Start != want[i].Start || got[i].TraceID != want[i].TraceID {
			t.Fatalf("span %d is %+v; want %+v", i, got[i], want[i])
		}
	}
	for _, b := range blocks {
		ids, err := b.TraceIDs()
		if err != nil {
			t.Fatal(err)
		}
		if long := slices.Contains(ids, plainSpan(2, 0).TraceID); long && ids[0] != ids[len(ids)-1] {
			t.Error("a block has the long trace and others; want blocks of its own")
		}
	}
}

func TestHugeValues(t *testing.T) {
	var spans []span.Span
	for i := range 40 {
		s := plainSpan(i/2, i)
		s.Attrs = []span.Attr{
			{Key: "same", Value: span.StringValue(strings.Repeat("a", 1<<20))},
			{Key: "other", Value: span.StringValue(strings.Repeat(fmt.Sprint(i, " "), 300_000))},
			{Key: strings.Repeat("k", 1<<16), Value: span.IntValue(int64(i))},
		}
		spans = append(spans, s)
	}
	got, blocks := cutAndOpen(t, spans, 4096)
	equal(t, "spans", got, inOrder(spans))
	if len(blocks) < 3 {
		t.Errorf("%d blocks; want more, for there are 80 MiB of text", len(blocks))
	}
}

func TestManyKeys(t *testing.T) {
	var spans []span.Span
	for i := range 3000 {
		s := plainSpan(i/10, i)
		for k := range 300 {
			if (i*7+k*13)%5 == 0 {
				s.Attrs = append(s.Attrs, span.Attr{Key: fmt.Sprint("key.number.", k), Value: span.StringValue(fmt.Sprint("v", i*k%17))})
			}
		}
		spans = append(spans, s)
	}
	got, _ := cutAndOpen(t, spans, 1024)
	equal(t, "spans", got, inOrder(spans))
}

// What is at the limits of its type, or empty.
func TestExtremes(t *testing.T) {
	var spans []span.Span
	for i, v := range []int64{0, 1, -1, math.MinInt64, math.MaxInt64, 1_800_000_000_000_000_000} {
		s := plainSpan(i, i)
		s.Start, s.Duration, s.Name = v, v&math.MaxInt64, ""
		s.Attrs = []span.Attr{{}, {Key: "", Value: span.IntValue(v)}, {Key: "\xff", Value: span.StringValue("\xc0\x00")}, {Key: "e", Value: span.Value{Type: span.Empty}}}
		s.Events = []span.Event{{Time: -v}, {Time: v, Attrs: []span.Attr{{Key: "a", Value: span.FloatValue(math.NaN())}}}}
		s.Links = []span.Link{{}, {Flags: math.MaxUint32, Dropped: math.MaxUint32}}
		s.Flags, s.DroppedAttrs, s.DroppedEvents, s.DroppedLinks = math.MaxUint32, math.MaxUint32, 1, 2
		s.Kind, s.Status = 255, 255
		spans = append(spans, s, span.Span{TraceID: s.TraceID})
	}
	got, _ := cutAndOpen(t, spans, 3)
	want := inOrder(spans)
	for i := range want {
		if want[i].Resource == nil {
			want[i].Resource, want[i].Scope = &span.Resource{}, &span.Scope{} // never nil
		}
	}
	equal(t, "spans", got, want)
	if parts := new(Builder).Cut(0); len(parts) != 0 {
		t.Errorf("%d blocks of no spans", len(parts))
	}
	if v := new(Builder).View(); v.Len() != 0 || len(spansOf(t, v)) != 0 {
		t.Error("the view of an empty builder has rows")
	}
}

// A decoder may reuse its memory after Add: nothing of it is kept.
func TestAddCopies(t *testing.T) {
	res := &span.Resource{Service: "one", Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue("one")}}}
	scope := &span.Scope{Name: "one"}
	attrs := []span.Attr{{Key: "k", Value: span.StringValue("one")}}
	events := []span.Event{{Name: "one", Attrs: attrs}}
	b := new(Builder)
	s := plainSpan(1, 1)
	s.Resource, s.Scope, s.Attrs, s.Events = res, scope, attrs, events
	b.Add(&s)
	*res = span.Resource{Service: "two", Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue("two")}}}
	scope.Name, attrs[0].Value.Str, events[0].Name = "two", "two", "two"
	b.Add(&s)
	for i, sp := range spansOf(t, b.View()) {
		want := []string{"one", "two"}[i]
		if got := []string{sp.Service(), sp.Scope.Name, sp.Attrs[0].Value.Str, sp.Events[0].Name, sp.Events[0].Attrs[0].Value.Str}; slices.ContainsFunc(got, func(g string) bool { return g != want }) {
			t.Errorf("span %d: %q; want %q", i, got, want)
		}
	}
}

// Views may be read while more is added, and a block by many at a time.
func TestConcurrent(t *testing.T) {
	spans := shopSpans(6000)
	b := new(Builder)
	var wg sync.WaitGroup
	for i := range spans {
		if i%500 == 250 {
			v := b.View()
			wg.Go(func() {
				if got := spansOf(t, v); len(got) != i || got[i-1].ID != spans[i-1].ID {
					t.Errorf("view of %d spans has %d", i, len(got))
				}
				for _, k := range []string{"url.path", "user.id"} {
					if _, err := v.Attrs(k); err != nil {
						t.Error(err)
					}
				}
			})
		}
		b.Add(&spans[i])
	}
	wg.Wait()
	loads := 0
	p := b.Cut(0)[0]
	o := Lazy(p.Block.Meta(), func() ([]byte, error) { loads++; return p.Data, nil })
	want := spansOf(t, p.Block)
	for range 8 {
		wg.Go(func() { equal(t, "spans", spansOf(t, o), want) })
	}
	wg.Wait()
	if loads != 1 {
		t.Errorf("loaded %d times; want once", loads)
	}
}

func TestLazy(t *testing.T) {
	p := shopBuilder(100).Cut(0)[0]
	o := Lazy(p.Block.Meta(), func() ([]byte, error) { t.Error("loaded for its meta"); return p.Data, nil })
	if o.Len() != 100 || o.Meta() != p.Block.Meta() {
		t.Errorf("%d rows, meta %+v", o.Len(), o.Meta())
	}
	other := p.Block.Meta()
	other.MaxStart++
	if _, err := Lazy(other, func() ([]byte, error) { return p.Data, nil }).Starts(); err == nil {
		t.Error("another block than meta says, and no error")
	}
}

// Adding a span like one that was there costs no allocation but for the growth of columns.
func TestAddAllocs(t *testing.T) {
	spans := shopSpans(2000)
	b := new(Builder)
	for range 9 { // past the last doubling
		for i := range spans {
			b.Add(&spans[i])
		}
	}
	i := 0
	if n := testing.AllocsPerRun(2000, func() { b.Add(&spans[i%len(spans)]); i++ }); n > 0.01 {
		t.Errorf("%.2f allocations per span; want none", n)
	}
}

// A block says what it takes, so that a cache of blocks can be bounded: about
// what its memory grows by when all of it is decoded.
func TestSize(t *testing.T) {
	data := shopBuilder(4000).Cut(4000)[0].Data
	o, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if n := o.Size(); n > len(data) || n < len(data)*9/10 {
		t.Errorf("%d bytes after Open; want about %d", n, len(data))
	}
	heap := func() (m runtime.MemStats) {
		for range 3 { // what pools hold goes with the second
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m
	}
	before := heap()
	if err := readAll(o); err != nil {
		t.Fatal(err)
	}
	after := heap()
	grown := int(after.HeapAlloc) - int(before.HeapAlloc) + len(data)
	if n := o.Size(); n < grown*2/3 || n > grown*3/2 {
		t.Errorf("%d bytes after all is decoded; the heap says %d", n, grown)
	}
	runtime.KeepAlive(o)
}
