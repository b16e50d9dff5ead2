package trace

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"
)

// inherit makes c the context of the calling goroutine, as if it had been
// started by a goroutine with that context, or as the flags say.
func inherit(c gctx, flags uint64) {
	c.Root = c.Root&^flagOwn | flags
	*goroutine() = c
}

// past closes the local root of c, longer ago than the grace period.
func past(c gctx) {
	closeRoot(c.Root, ticks()-limits.graceTicks.Load()-1)
}

// request is a local root that has been started, and taken off the goroutine.
func request(name string, parent Context) (*Span, gctx) {
	s := new(Span)
	s.StartRemote(name, KindServer, parent)
	c := *goroutine()
	s.Detach()
	return s, c
}

func TestLeftBehind(t *testing.T) {
	for _, tt := range []struct {
		name      string
		how       uint64 // flags of the context
		ended     int    // state of the local root
		unsampled bool
		same      bool // trace
		link      bool
	}{
		{name: "open", same: true},
		{name: "open, adopted", how: flagAdopted, same: true},
		{name: "grace", ended: rootGrace, same: true},
		{name: "grace, adopted", how: flagAdopted, ended: rootGrace, same: true},
		{name: "past", ended: rootPast, link: true},
		{name: "past, adopted", how: flagAdopted, ended: rootPast},
		{name: "past, unsampled", ended: rootPast, unsampled: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			use(t, Config{Grace: 1e15})
			var parent Context
			if tt.unsampled {
				parent = Context{Trace: ID{1, 1}, Span: 1}
			}
			root, c := request("root", parent)
			if tt.ended != rootOpen {
				root.End()
			}
			if tt.ended == rootPast {
				Configure(Config{Grace: 1})
			}
			inherit(c, tt.how)
			if _, _, ok := Current(); ok != tt.same {
				t.Errorf("Current: %t", ok)
			}
			var a, b Span
			a.Start("a", KindInternal)
			a.End()
			b.Start("b", KindInternal)
			b.End()
			root.End()
			s := drain(t)
			ra, rb := s["a"], s["b"]
			if same := ra.Trace == (ID{c.TraceHi, c.TraceLo}); same != tt.same {
				t.Errorf("same trace: %t", same)
			}
			link := Context{}
			if tt.link {
				link = Context{Trace: ID{c.TraceHi, c.TraceLo}, Span: c.Span}
			}
			if ra.Link != link {
				t.Errorf("link %+v, want %+v", ra.Link, link)
			}
			if !tt.same && (ra.Parent != 0 || !ra.Root) {
				t.Errorf("%+v", ra.Record)
			}
			// The goroutine is done with the old trace then.
			if rb.Link != (Context{}) || (rb.Trace == ra.Trace) != tt.same {
				t.Errorf("second: %+v", rb.Record)
			}
		})
	}
}

// Within the grace period spans belong to the trace, and what they leave behind
// belongs to it for as long as they last.
func TestGrace(t *testing.T) {
	use(t, Config{Grace: 1e15})
	root, c := request("root", Context{State: "s=1", Baggage: "k=v"})
	root.End()
	inherit(c, 0)
	if out, ok := CurrentContext(); !ok || out.State != "" || out.Baggage != "" {
		t.Errorf("%+v", out)
	}
	var job, part, late Span
	job.Start("job", KindInternal)
	past(c)
	left := *goroutine()
	part.Start("part", KindInternal) // of the job's own goroutine
	part.End()
	inherit(left, 0)
	late.Start("late", KindInternal) // of a goroutine that the job started
	late.End()
	job.End()
	inherit(left, 0)
	var grace, end Span
	grace.Start("grace", KindInternal)
	grace.End()
	Configure(Config{Grace: 1})
	inherit(left, 0)
	end.Start("end", KindInternal)
	end.End()
	s := drain(t)
	if s["job"].Parent != root.ctx.Span || s["job"].Root || s["part"].Parent != s["job"].Span ||
		s["late"].Parent != s["job"].Span || s["grace"].Parent != s["job"].Span {
		t.Errorf("%+v", s)
	}
	if s["end"].Parent != 0 || s["end"].Link.Span != s["job"].Span {
		t.Errorf("%+v", s["end"])
	}
}

// A goroutine's own open span is the parent of its others, even if nothing else
// is left of the trace.
func TestOwn(t *testing.T) {
	use(t, Config{})
	root, c := request("root", Context{})
	inherit(c, 0)
	var job, a, b Span
	job.Start("job", KindInternal)
	root.End()
	if s, _ := rootSlot(c.Root); s != nil {
		s.closed.Store(ticks() - limits.graceTicks.Load() - 1)
	}
	a.Start("a", KindInternal)
	b.Start("b", KindInternal)
	b.End()
	a.End()
	job.End()
	s := drain(t)
	if s["a"].Parent != s["job"].Span || s["b"].Parent != s["a"].Span {
		t.Errorf("%+v", s)
	}
}

// Slots are reused in turn, and a handle of a slot that has been reused is past.
func TestSlots(t *testing.T) {
	use(t, Config{Grace: 1})
	rootSlots := func() int { return int(Count().Roots / uint64(unsafe.Sizeof(slot{}))) }
	root, c := request("first", Context{State: "s=1"})
	root.End()
	before := rootSlots()
	for range 4 * before {
		r, _ := request("r", Context{})
		r.End()
		Drain(func(*Record) {})
	}
	if n := rootSlots(); n > 2*before {
		t.Errorf("%d slots, %d before", n, before)
	}
	if st := rootState(c.Root); st != rootPast {
		t.Errorf("state %d of a slot that was reused", st)
	}
	if x := rootExtras(c.Root); x != nil {
		t.Errorf("%+v", x)
	}
}

// However many local roots are open, memory is bounded, and those without a slot
// are roots all the same.
func TestManyRoots(t *testing.T) {
	if !HasGoroutineContext || RaceEnabled {
		t.Skip("takes too long")
	}
	use(t, Config{Sampler: AlwaysOff})
	const n = maxChunks<<slotBits + 1000
	list := make([]Span, n)
	seen := map[uint64]bool{}
	for i := range list {
		list[i].StartRemote("root", KindServer, Context{})
		h := list[i].ctx.Root >> 8
		if h != 0 && seen[h] {
			t.Fatal("two open roots with one slot")
		}
		seen[h] = true
		list[i].Detach()
	}
	if !seen[0] {
		t.Error("no root without a slot")
	}
	if got := Count().Roots; got > maxChunks<<slotBits*24 {
		t.Errorf("%d bytes", got)
	}
	var last *Span
	for i := range list {
		if list[i].ctx.Root>>8 == 0 {
			last = &list[i]
		}
	}
	inherit(last.ctx, 0)
	if _, _, ok := Current(); ok {
		t.Error("a context that nobody knows to be open")
	}
	*goroutine() = last.ctx
	if _, _, ok := Current(); !ok {
		t.Error("the goroutine's own span is not current")
	}
	*goroutine() = gctx{}
	for i := range list {
		list[i].End()
	}
}

// Nothing of a context that is no more than rubbish is followed.
func TestAnyHandle(t *testing.T) {
	use(t, Config{})
	for _, h := range []uint64{0, 1, 1<<56 - 1, 1 << indexBits, 5<<indexBits | 7, 1<<indexBits - 1} {
		r := h<<8 | flagSampled
		if st := rootState(r); st != rootPast {
			t.Errorf("%x: state %d", h, st)
		}
		closeRoot(r, 0)
		inherit(gctx{1, 2, 3, r}, 0)
		var s Span
		s.Start("s", KindInternal)
		s.End()
	}
	Drain(func(*Record) {})
}

// Tracestate, baggage and route are those of their own local root, however many
// are open, in whichever order they end, and are let go with it.
func TestSides(t *testing.T) {
	use(t, Config{Sampler: AlwaysOff})
	const n = 1000
	routes := make([]string, n)
	list := make([]*Span, n)
	open := func(i int) {
		routes[i] = fmt.Sprint("/", i)
		p := Context{Trace: ID{1, 2}, Span: 3}
		if i%3 == 0 {
			p.State = fmt.Sprint("a=", i)
		}
		var c gctx
		list[i], c = request("r", p)
		inherit(c, 0)
		if i%2 == 0 {
			SetRoute(&routes[i])
		}
		*goroutine() = gctx{}
	}
	for i := range list {
		open(i)
	}
	before := sides.num
	for round := range 20 {
		for i := range list {
			state, route := list[i].Context().State, list[i].Route()
			if want := map[bool]string{true: fmt.Sprint("a=", i)}[i%3 == 0]; state != want {
				t.Fatalf("%d: tracestate %q, want %q", i, state, want)
			}
			if (route == &routes[i]) != (i%2 == 0) || route != nil && i%2 != 0 {
				t.Fatalf("%d: route %v", i, route)
			}
		}
		for i := range list {
			if (i*7+round)%5 < 2 {
				list[i].End()
				if list[i].Context().State != "" || list[i].Route() != nil {
					t.Fatal("something is left")
				}
				open(i)
			}
		}
	}
	for _, s := range list {
		s.End()
	}
	// Each of the Ps may have some to spare.
	if max := before + 2*sideBunch*uint32(runtime.GOMAXPROCS(0)+1); sides.num > max {
		t.Errorf("%d sides, %d before", sides.num, before)
	}
}

// A goroutine that began a trace remembers which, and nothing else.
func TestBegan(t *testing.T) {
	use(t, Config{})
	var a, b, remote Span
	a.Start("a", KindInternal)
	b.Start("b", KindInternal)
	b.End()
	a.End()
	began := gctx{TraceHi: a.ctx.TraceHi, TraceLo: a.ctx.TraceLo}
	if g := *goroutine(); g != began {
		t.Errorf("%+v", g)
	}
	if _, _, ok := Current(); ok {
		t.Error("a current span")
	}
	remote.StartRemote("remote", KindServer, Context{Trace: ID{1, 2}, Span: 3, Sampled: true})
	remote.End()
	if g := *goroutine(); g != began {
		t.Errorf("%+v", g)
	}
	b.Start("b2", KindInternal)
	b.Detach()
	if g := *goroutine(); g.TraceLo != b.ctx.TraceLo || g.Span|g.Root != 0 {
		t.Errorf("%+v", g)
	}
	b.End()
	if s := drain(t); s["b2"].Parent != 0 || s["b2"].Link != (Context{}) || s["b2"].Trace == s["a"].Trace {
		t.Errorf("%+v", s)
	}
}

// What a connection's goroutine was born in, or adopted, does not come back after
// a request that it serves; a span of its own does.
func TestRemoteForgets(t *testing.T) {
	use(t, Config{})
	root, c := request("root", Context{})
	root.End()
	var own, served Span
	remote := Context{Trace: ID{1, 2}, Span: 3, Sampled: true}
	for _, flags := range []uint64{0, flagAdopted} {
		inherit(c, flags)
		served.StartRemote("served", KindServer, remote)
		served.End()
		drain(t)
		if g := *goroutine(); g != (gctx{}) {
			t.Errorf("flags %d: %+v", flags, g)
		}
	}
	own.Start("own", KindInternal)
	c = *goroutine()
	served.StartRemote("served", KindServer, remote)
	served.End()
	if g := *goroutine(); g != c {
		t.Errorf("own: %+v, not %+v", g, c)
	}
	own.End()
}
