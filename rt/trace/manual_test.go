package trace

import (
	"encoding/hex"
	"strings"
	"sync"
	"testing"
)

// values is a context.Context as an API for spans uses it.
type values struct{ span *Manual }

func (v *values) Value(any) any { return v.span }

// useAPI is use for a program with an API for spans.
func useAPI(t testing.TB, c Config) {
	use(t, c)
	Link(API{Span: func(ctx Values, class string) (e Explicit) {
		if v, ok := ctx.(*values); ok && v.span != nil {
			e.Context, e.Manual, e.Same = v.span.Context(), v.span, v.span.Is(class)
		}
		return e
	}})
	t.Cleanup(func() {
		linked.Store(0)
		api.both.Store(nil)
		for i := range openSpans {
			b := &openSpans[i]
			if b.n != 0 || b.first != nil {
				t.Errorf("%d spans are listed that have ended", b.n)
				b.first, b.n = nil, 0
			}
			b.left = [maxLeft]left{}
		}
	})
}

// begin starts a span of the program's with the context ctx, which says nothing if it is nil.
func begin(ctx *values, name string, kind Kind) (*Manual, *values) {
	o := Origin{Empty: true}
	if ctx != nil {
		o = Origin{In: ctx}
		if ctx.span != nil {
			o.Parent = Explicit{Context: ctx.span.Context(), Manual: ctx.span}
		}
	}
	m := StartManual(&o, name, kind)
	return m, &values{m}
}

// elsewhere calls f on a goroutine that was born here.
func elsewhere(f func()) {
	var born gctx = *goroutine()
	born.Root &^= flagOwn | flagAdopted
	done := make(chan struct{})
	go func() {
		defer close(done)
		*goroutine() = born
		f()
		*goroutine() = gctx{}
	}()
	<-done
}

// auto records a span of weft's.
func auto(name string) {
	var s Span
	s.Start(name, KindInternal)
	s.End()
}

// wantParents fails the test if spans have other parents than want says: "child<parent".
func wantParents(t *testing.T, want ...string) map[string]span {
	t.Helper()
	spans := drain(t)
	if len(spans) != len(want) {
		t.Errorf("%d spans, want %d", len(spans), len(want))
	}
	for _, w := range want {
		child, parent, _ := strings.Cut(w, "<")
		s, ok := spans[child]
		if !ok {
			t.Errorf("no span %s", child)
		} else if p := spans[parent]; s.Parent != p.Span || p.Span != 0 && s.Trace != p.Trace {
			for name, p := range spans {
				if p.Span == s.Parent {
					t.Errorf("%s is a child of %s, want %s", child, name, parent)
				}
			}
			if s.Parent == 0 {
				t.Errorf("%s has no parent, want %s", child, parent)
			}
		}
	}
	return spans
}

func wantNoContext(t *testing.T) {
	t.Helper()
	if _, _, ok := Current(); ok {
		t.Error("the goroutine is left with a context")
	}
}

func TestManual(t *testing.T) {
	useAPI(t, Config{})
	var p Span
	p.StartRemote("p", KindServer, Context{})
	req := &values{}
	m, ctx := begin(req, "m", KindInternal)
	auto("below m")
	n, _ := begin(ctx, "n", KindClient)
	auto("below n")
	n.End(0)
	auto("below m again")
	outside, _ := begin(&values{}, "outside", KindInternal)
	outside.End(0)
	bare, _ := begin(nil, "bare", KindInternal)
	bare.End(0)
	m.End(0)
	m.End(0)
	auto("below p")
	p.End()
	wantNoContext(t)
	wantParents(t, "p<", "m<p", "below m<m", "n<m", "below n<n", "below m again<m", "outside<p", "bare<m", "below p<p")
}

// A goroutine whose span another one ends goes on where it was before.
func TestManualEndsElsewhere(t *testing.T) {
	useAPI(t, Config{})
	var p Span
	p.StartRemote("p", KindServer, Context{})
	for _, name := range []string{"a", "b", "c"} {
		m, ctx := begin(&values{}, name, KindInternal)
		elsewhere(func() {
			auto("in " + name)
			n, _ := begin(ctx, "child of "+name, KindInternal)
			n.End(0)
			m.End(0)
		})
		auto("after " + name)
	}
	p.End()
	wantNoContext(t)
	wantParents(t, "p<", "a<p", "b<p", "c<p", "in a<a", "in b<b", "in c<c", "child of a<a", "child of b<b", "child of c<c",
		"after a<p", "after b<p", "after c<p")
}

// A loop that hands each job's span to a goroutine starts them all with the same context.
func TestManualJobs(t *testing.T) {
	for _, ends := range []string{"before the next", "after the next", "never"} {
		t.Run(ends, func(t *testing.T) {
			useAPI(t, Config{})
			background := &values{}
			var jobs []*Manual
			for _, name := range []string{"a", "b", "c"} {
				o := Origin{In: background, Empty: true}
				m := StartManual(&o, name, KindInternal)
				jobs = append(jobs, m)
				if ends == "before the next" {
					elsewhere(func() { m.End(0) })
				}
			}
			want := []string{}
			if ends != "never" {
				for _, m := range jobs {
					elsewhere(func() { m.End(0) })
				}
				want = []string{"a<", "b<", "c<"}
				wantNoContext(t)
			}
			spans := wantParents(t, want...)
			if len(spans) == 3 && (spans["a"].Trace == spans["b"].Trace || spans["b"].Trace == spans["c"].Trace) {
				t.Error("jobs share a trace")
			}
			for i := range openSpans { // those that never end
				openSpans[i].first, openSpans[i].n = nil, 0
			}
		})
	}
}

// A span that is never ended does not outlast the request.
func TestManualNeverEnds(t *testing.T) {
	useAPI(t, Config{})
	var p Span
	p.StartRemote("p", KindServer, Context{})
	m, ctx := begin(&values{}, "m", KindInternal)
	begin(ctx, "n", KindInternal)
	p.End()
	wantNoContext(t)
	auto("next")
	wantParents(t, "p<", "next<")
	for i := range openSpans {
		openSpans[i].first, openSpans[i].n = nil, 0
	}
	_ = m
}

func TestManualOutOfOrder(t *testing.T) {
	useAPI(t, Config{})
	var p Span
	p.StartRemote("p", KindServer, Context{})
	a, ctx := begin(&values{}, "a", KindInternal)
	b, _ := begin(ctx, "b", KindInternal)
	a.End(0)
	auto("below b")
	b.End(0)
	auto("below p")
	p.End()
	wantNoContext(t)
	wantParents(t, "p<", "a<p", "b<a", "below b<b", "below p<p")
}

// A span in a context.Context goes before the goroutine's, but not before what
// weft has begun below it.
func TestExplicitParent(t *testing.T) {
	useAPI(t, Config{})
	var p Span
	p.StartRemote("p", KindServer, Context{})
	m, ctx := begin(&values{}, "m", KindInternal)
	var inner Span
	inner.Start("inner", KindInternal)
	n, _ := begin(ctx, "n", KindInternal)
	n.End(0)
	inner.End()
	saved := *goroutine()
	*goroutine() = gctx{} // a worker of a pool
	w, _ := begin(ctx, "worker", KindInternal)
	w.End(0)
	wantNoContext(t)
	var c Span
	c.StartIn(ctx, "http", "client", KindClient)
	auto("below client")
	c.End()
	wantNoContext(t)
	*goroutine() = saved
	m.End(0)
	p.End()
	wantNoContext(t)
	wantParents(t, "p<", "m<p", "inner<m", "n<inner", "worker<m", "client<m", "below client<client")
}

// A span of the kind of weft's own is that one; a client's span for a request takes the place of weft's.
func TestClaim(t *testing.T) {
	useAPI(t, Config{})
	var p Span
	p.StartRemote("p", KindServer, Context{})
	m, ctx := begin(&values{}, "m", KindServer)
	if !m.IsAlias() {
		t.Error("a server's span in a server's span is not that one")
	}
	s, unlock := m.Lock()
	s.Attr(Attr{Name: "a", Kind: EntryInt, Num: 1})
	s.Attr(Strs("list", []string{"x", "y"}))
	s.EventWith("e", 0, Attr{Name: "b", Kind: EntryStr, Str: "c"})
	s.SetName("named")
	s.SetState(StatusError, "bad")
	s.SetState(StatusOK, "")
	unlock()
	auto("below m")
	second, _ := begin(ctx, "second", KindServer)
	second.End(0)
	m.End(0)
	if m.Recording() {
		t.Error("it records after its end")
	}
	c, ctx := begin(&values{}, "c", KindClient)
	c.Classify([]Attr{{Name: "http.method"}})
	var req, again Span
	req.StartIn(ctx, "http", "req", KindClient)
	if req.Context().Span != c.Context().Span || req.Recording() {
		t.Error("there is a second span for the request")
	}
	req.End()
	again.StartIn(ctx, "http", "again", KindClient)
	again.End()
	c.End(0)
	p.Str(keyB, "kept")
	p.End()
	wantNoContext(t)
	spans := wantParents(t, "named<", "below m<named", "second<named", "c<named", "again<c")
	var db Span
	db.StartIn(nil, "db", "db", KindClient)
	o := Origin{In: &values{}, Class: "http"}
	h := StartManual(&o, "h", KindClient)
	if h.IsAlias() {
		t.Error("a request is taken for the query that it is made for")
	}
	h.End(0)
	o.Class = "db"
	q := StartManual(&o, "q", KindClient)
	if !q.IsAlias() {
		t.Error("a query's span is not weft's")
	}
	q.End(0)
	db.End()
	wantNoContext(t)
	wantParents(t, "db<", "h<db")

	n := spans["named"]
	if n.Status != StatusOK || n.str() != `b="kept" a=1 list=array @e +b="c"` {
		t.Errorf("status %v, %s", n.Status, n.str())
	}
}

// The span of another recorder is what weft's are below of, and takes the place of weft's of the same kind.
func TestForeign(t *testing.T) {
	useAPI(t, Config{})
	remote := Context{Trace: ID{1, 2}, Span: 3, Sampled: true}
	foreign := func(ctx *values, kind Kind, span uint64) *Manual {
		o := Origin{In: ctx}
		if ctx.span != nil {
			o.Parent = Explicit{Context: ctx.span.Context(), Manual: ctx.span}
		}
		p, ok := PlaceOf(&o, kind)
		if !ok {
			t.Fatal("weft has nothing to say")
		}
		c := p.Parent
		if ctx.span != nil {
			c = ctx.span.Context()
		}
		if !c.Valid() {
			c = Context{Trace: ID{7, span}, Sampled: true}
		}
		c.Span = span
		return StartForeign(&p, c, kind)
	}
	var p Span
	p.StartRemote("p", KindServer, remote)
	x := foreign(&values{}, KindServer, 10)
	auto("below x")
	y := foreign(&values{x}, KindInternal, 11)
	auto("below y")
	elsewhere(func() { auto("born in y"); y.End(0) })
	auto("below x again")
	x.End(0)
	p.End()
	wantNoContext(t)
	spans := drain(t)
	if _, ok := spans["p"]; ok || len(spans) != 4 {
		t.Errorf("%d spans, or the one that was replaced is recorded", len(spans))
	}
	for name, parent := range map[string]uint64{"below x": 10, "below x again": 10, "below y": 11, "born in y": 11} {
		if s := spans[name]; s.Trace != remote.Trace || s.Parent != parent {
			t.Errorf("%s is below %d", name, s.Parent)
		}
	}

	p.StartRemote("p", KindServer, remote)
	auto("first")
	x = foreign(&values{}, KindServer, 10)
	x.End(0)
	p.End()
	wantParents(t, "p<", "first<p") // p has a child, and stays

	x = foreign(&values{}, KindInternal, 12)
	auto("below root")
	x.End(0)
	wantNoContext(t)
	if s := drain(t)["below root"]; s.Parent != 12 {
		t.Errorf("it is below %d", s.Parent)
	}
}

// Unsampled, there are ids and no spans.
func TestManualUnsampled(t *testing.T) {
	useAPI(t, Config{Sampler: AlwaysOff})
	m, ctx := begin(&values{}, "m", KindInternal)
	n, _ := begin(ctx, "n", KindInternal)
	auto("a")
	if m.Recording() || n.Recording() || m.Context().Sampled || !n.Context().Valid() || n.Context().Trace != m.Context().Trace {
		t.Errorf("%+v %+v", m.Context(), n.Context())
	}
	n.End(0)
	m.End(0)
	wantNoContext(t)
	wantParents(t)

	// Of what others do not record weft makes nothing new.
	Configure(Config{})
	remote := Context{Trace: ID{1, 2}, Span: 3, State: "a=1"}
	m = StartManual(&Origin{In: &values{}, Parent: Explicit{Context: remote, Remote: true}}, "m", KindServer)
	auto("a")
	if m.Context() != remote {
		t.Errorf("%+v, want %+v", m.Context(), remote)
	}
	m.End(0)
	wantNoContext(t)
	elsewhere := Explicit{Context: remote}
	Link(API{Span: func(Values, string) Explicit { return elsewhere }})
	var s Span
	s.StartIn(&values{}, "http", "s", KindClient)
	if c := s.ContextIn(&values{}); c != remote || s.Recording() {
		t.Errorf("%+v, want %+v", c, remote)
	}
	s.End()
	elsewhere.Sampled = true
	s.StartIn(&values{}, "http", "s", KindClient)
	s.End()
	wantNoContext(t)
	if s := drain(t)["s"]; s.Trace != remote.Trace || s.Parent != 3 {
		t.Errorf("it is below %d", s.Parent)
	}
}

// Whoever has a name for a span may use it, whenever.
func TestManualConcurrently(t *testing.T) {
	useAPI(t, Config{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 200 {
				var p Span
				p.StartRemote("p", KindServer, Context{})
				m := CurrentManual(&Origin{Empty: true})
				own, _ := begin(&values{}, "own", KindInternal)
				var inner sync.WaitGroup
				for range 3 {
					inner.Add(1)
					go func() {
						defer inner.Done()
						for _, m := range []*Manual{m, own} {
							if s, unlock := m.Lock(); true {
								if s != nil {
									s.Attr(Attr{Name: "a", Kind: EntryInt, Num: 1})
									s.EventWith("e", 0)
								}
								unlock()
							}
							m.Recording()
						}
						own.End(0)
					}()
				}
				p.Str(keyA, "x")
				p.End()
				inner.Wait()
			}
			*goroutine() = gctx{}
		}()
	}
	wg.Wait()
	n := 0
	Drain(func(*Record) { n++ })
	if n != 4*200*2 {
		t.Errorf("%d spans", n)
	}
}

// In a program with an API for spans weft's own do not allocate either.
func TestListedAllocations(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector allocates")
	}
	useAPI(t, Config{})
	g := goroutine()
	if n := testing.AllocsPerRun(100, func() {
		var p, s Span
		p.StartRemote("p", KindServer, Context{})
		s.StartIn(nil, "http", "s", KindClient)
		s.Str(keyA, "x")
		s.End()
		p.End()
		*g = gctx{}
	}); n > 0 && HasGoroutineContext {
		t.Errorf("%v allocations", n)
	}
}

func TestAttrs(t *testing.T) {
	use(t, Config{})
	var s Span
	s.Start("s", KindInternal)
	s.Attr(Strs("strs", []string{"a", "bc"}))
	s.Attr(Ints("ints", []int64{1, -1}))
	s.Attr(Bools("bools", []bool{true, false}))
	s.Attr(Floats("floats", []float64{1}))
	s.Attr(Bool("bool", true))
	s.Attr(Float("float", 2))
	s.LinkTo(Context{Trace: ID{1, 2}, Span: 3}, Attr{Name: "k", Kind: EntryBool, Num: 1})
	s.StartedAt(5)
	s.End()
	got := map[string]string{}
	for _, e := range drain(t)["s"].entries {
		got[e.Key.Name()+" "+string('0'+rune(e.Kind))] = hex.EncodeToString([]byte(e.Str))
	}
	for k, want := range map[string]string{
		"strs 6": "0a030a01610a040a026263", "ints 6": "0a0218010a0b18ffffffffffffffffff01", "bools 6": "0a0210010a021000",
		"floats 6": "0a0921000000000000f03f", "bool 3": "", "float 4": "", "event 8": "",
		"link 7": "0a10000000000000000100000000000000021208000000000000000322070a016b120210013500000000",
	} {
		if v, ok := got[k]; !ok || v != want {
			t.Errorf("%s is %s, want %s; all: %v", k, v, want, got)
		}
	}
}
