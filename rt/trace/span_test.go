package trace

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	Configure(Config{})
	os.Exit(m.Run())
}

var (
	keyA = NewKey("a")
	keyB = NewKey("b")
	keyC = NewKey("c")
	keyD = NewKey("d")
	keyE = NewKey("event")
)

// use configures the package for one test, which starts without context and
// records, and ends so.
func use(t testing.TB, c Config) {
	t.Helper()
	Configure(c)
	*goroutine() = gctx{}
	Drain(func(*Record) {})
	t.Cleanup(func() {
		Configure(Config{})
		*goroutine() = gctx{}
		Drain(func(*Record) {})
	})
}

// A span is a Record whose strings have been copied.
type span struct {
	Record
	entries []Entry
}

// drain returns the recorded spans by name; there must not be two of one name.
func drain(t testing.TB) map[string]span {
	t.Helper()
	spans := map[string]span{}
	Drain(func(r *Record) {
		s := copyRecord(r)
		if _, dup := spans[s.Name]; dup {
			t.Errorf("span %q twice", s.Name)
		}
		spans[s.Name] = s
	})
	return spans
}

func copyRecord(r *Record) span {
	s := span{Record: *r}
	s.Name, s.State, s.Message = strings.Clone(r.Name), strings.Clone(r.State), strings.Clone(r.Message)
	var e Entry
	for it := r.Entries(); it.Next(&e); {
		e.Str = strings.Clone(e.Str)
		s.entries = append(s.entries, e)
	}
	return s
}

// str is the entries as text: a=1 b="x" event(c=2).
func (s span) str() string {
	var b strings.Builder
	for _, e := range s.entries {
		if e.OfEvent {
			b.WriteByte('+')
		}
		switch name := e.Key.Name(); e.Kind {
		case EntryStr:
			fmt.Fprintf(&b, "%s=%q ", name, e.Str)
		case EntryInt:
			fmt.Fprintf(&b, "%s=%d ", name, int64(e.Num))
		case EntryBool:
			fmt.Fprintf(&b, "%s=%t ", name, e.Num != 0)
		case EntryFloat:
			fmt.Fprintf(&b, "%s=%x ", name, e.Num)
		case EntryEvent:
			fmt.Fprintf(&b, "@%s ", name)
		case EntryArray:
			fmt.Fprintf(&b, "%s=array ", name)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestParents(t *testing.T) {
	use(t, Config{})
	remote := Context{Trace: ID{1, 2}, Span: 3, Sampled: true, Random: true, State: "a=1", Baggage: "k=v"}
	var root, first, second, inner Span
	root.StartRemote("root", KindServer, remote)
	first.Start("first", KindInternal)
	inner.Start("inner", KindClient)
	if c := inner.Context(); c.Trace != remote.Trace || c.Span == 0 || !c.Sampled || !c.Random || c.State != "a=1" || c.Baggage != "k=v" {
		t.Errorf("Context of the inner span: %+v", c)
	}
	inner.End()
	first.End()
	second.Start("second", KindInternal)
	if id, sp, ok := Current(); !ok || id != remote.Trace || sp != second.ctx.Span {
		t.Error("Current is not the second span")
	}
	second.End()
	root.End()
	if _, _, ok := Current(); ok {
		t.Error("a context is left")
	}

	s := drain(t)
	if len(s) != 4 {
		t.Fatalf("%d spans", len(s))
	}
	for name, parent := range map[string]uint64{"root": 3, "first": s["root"].Span, "inner": s["first"].Span, "second": s["root"].Span} {
		r := s[name]
		if r.Trace != remote.Trace || r.Parent != parent || !r.Random || r.State != "a=1" || r.End < r.Start {
			t.Errorf("%s: %+v", name, r.Record)
		}
		if isRoot := name == "root"; r.Root != isRoot || r.Remote != isRoot {
			t.Errorf("%s: Root %t, Remote %t", name, r.Root, r.Remote)
		}
	}
	if s["root"].Kind != KindServer || s["inner"].Kind != KindClient {
		t.Error("kinds are mixed up")
	}
}

func TestNewTrace(t *testing.T) {
	use(t, Config{})
	var a, b Span
	a.Start("a", KindInternal)
	a.End()
	b.StartRemote("b", KindServer, Context{Trace: ID{0, 7}}) // X-Trace-ID without a span id
	b.End()
	s := drain(t)
	if r := s["a"]; r.Parent != 0 || !r.Root || r.Remote || r.Trace.IsZero() || r.Span == 0 || !r.Random {
		t.Errorf("%+v", r)
	}
	if r := s["b"]; r.Trace != (ID{0, 7}) || r.Parent != 0 || !r.Root || r.Remote || r.Random {
		t.Errorf("%+v", r)
	}
}

// A span within a span that has its own trace gives the outer one back.
func TestNestedRoots(t *testing.T) {
	use(t, Config{})
	var outer, inner Span
	outer.StartRemote("outer", KindServer, Context{})
	inner.StartRemote("inner", KindServer, Context{})
	inner.End()
	if id, _, _ := Current(); id != outer.Context().Trace {
		t.Error("the outer span is not current again")
	}
	outer.End()
	if s := drain(t); s["inner"].Trace == s["outer"].Trace {
		t.Error("one trace")
	}
}

func TestDetach(t *testing.T) {
	use(t, Config{})
	var root, rows, next Span
	root.Start("root", KindInternal)
	rows.Start("rows", KindClient)
	rows.Detach()
	moved := struct{ s Span }{rows}
	next.Start("next", KindInternal)
	done := make(chan struct{})
	go func() {
		defer close(done)
		moved.s.Int(keyA, 3)
		moved.s.End()
		moved.s.End()
		if _, _, ok := Current(); ok && !HasGoroutineContext {
			t.Error("the detached span became current")
		}
	}()
	<-done
	rows.Str(keyB, "from a stale copy")
	rows.End()
	again := rows
	again.Start("again", KindClient)
	again.End()
	if _, sp, _ := Current(); sp != next.ctx.Span {
		t.Error("ending a detached span changed the current one")
	}
	next.End()
	root.End()
	s := drain(t)
	if len(s) != 4 || s["again"].Parent != s["next"].Span || s["rows"].Parent != s["root"].Span || s["next"].Parent != s["root"].Span || s["rows"].str() != "a=3" {
		t.Errorf("%+v", s)
	}
}

// Spans that are not ended in the order of their starts do harm to none but
// themselves.
func TestDisorder(t *testing.T) {
	use(t, Config{})
	var root, a, b, c Span
	root.Start("root", KindInternal)
	a.Start("a", KindInternal)
	a.Start("again", KindInternal) // has no effect
	b.Start("b", KindInternal)
	a.End()
	c.Start("c", KindInternal)
	c.End()
	b.End()
	root.End()
	s := drain(t)
	if len(s) != 4 || s["b"].Parent != s["a"].Span || s["c"].Parent != s["b"].Span {
		t.Errorf("%+v", s)
	}
}

func TestZeroSpan(t *testing.T) {
	use(t, Config{})
	var s Span
	s.SetName("x")
	s.Str(keyA, "x")
	s.Int(keyA, 1)
	s.Bool(keyA, true)
	s.Float(keyA, 1)
	s.Event(keyE)
	s.EventStr(keyA, "x")
	s.Error(errors.New("x"))
	s.Fail("x", "y")
	s.Panic("x")
	s.Detach()
	s.End()
	if s.Recording() || s.Context().Valid() || s.Name() != "" || s.Route() != nil || s != (Span{}) {
		t.Errorf("%+v", s)
	}
	if n := Drain(func(*Record) {}); n != 0 {
		t.Errorf("%d records", n)
	}
}

func TestUnsampled(t *testing.T) {
	use(t, Config{Sampler: AlwaysOff})
	var root, child Span
	root.StartRemote("root", KindServer, Context{Trace: ID{1, 2}, Span: 3, Sampled: true, State: "s=1"})
	child.Start("child", KindClient)
	if root.Recording() || child.Recording() {
		t.Error("recording")
	}
	want := Context{Trace: ID{1, 2}, Span: root.ctx.Span, State: "s=1"}
	if c := child.Context(); c != want {
		t.Errorf("Context of the child: %+v, want %+v", c, want)
	}
	if id, sp, ok := Current(); !ok || id != want.Trace || sp != want.Span {
		t.Error("no ids for logs")
	}
	child.Str(keyA, "x")
	child.End()
	root.End()
	if _, _, ok := Current(); ok {
		t.Error("a context is left")
	}
	if s := drain(t); len(s) != 0 {
		t.Errorf("%v", s)
	}
}

func TestRequests(t *testing.T) {
	use(t, Config{Sampler: AlwaysOff, Requests: true})
	var root, child Span
	root.StartRemote("root", KindServer, Context{})
	child.Start("child", KindClient)
	child.End()
	if !root.Recording() || root.Context().Sampled {
		t.Error("the request is not recorded, or says that its trace is")
	}
	root.Int(keyA, 200)
	root.End()
	s := drain(t)
	if len(s) != 1 || !s["root"].Unsampled || s["root"].str() != "a=200" {
		t.Errorf("%v", s)
	}
}

func TestDisabled(t *testing.T) {
	use(t, Config{Disabled: true})
	var s Span
	s.StartRemote("root", KindServer, Context{Trace: ID{1, 2}, Span: 3, Sampled: true})
	if s.Recording() || s.Context().Valid() {
		t.Error("not disabled")
	}
	if _, _, ok := Current(); ok {
		t.Error("a current span")
	}
	s.End()
	if s := drain(t); len(s) != 0 {
		t.Errorf("%v", s)
	}
}

func TestMute(t *testing.T) {
	use(t, Config{})
	var root Span
	root.Start("root", KindInternal)
	unmute := Mute()
	var a, b Span
	a.Start("a", KindClient)
	b.StartRemote("b", KindServer, Context{Trace: ID{1, 2}, Span: 3, Sampled: true})
	if a.Recording() || b.Recording() || a.Context().Valid() {
		t.Error("recording although muted")
	}
	if _, ok := CurrentContext(); ok {
		t.Error("a current span although muted")
	}
	b.End()
	a.End()
	unmute()
	if _, sp, _ := Current(); sp != root.ctx.Span {
		t.Error("the span is not current again")
	}
	root.End()
	if s := drain(t); len(s) != 1 {
		t.Errorf("%v", s)
	}
}

type typedError struct{ code int }

func (e *typedError) Error() string { return fmt.Sprint("code ", e.code) }

func TestError(t *testing.T) {
	var nilErr *typedError
	for _, tt := range []struct {
		err       error
		typ, text string
	}{
		{errors.New("x"), "*errors.errorString", "x"},
		{&typedError{4}, "*trace.typedError", "code 4"},
		{fmt.Errorf("a: %w", fmt.Errorf("b: %w", &typedError{4})), "*trace.typedError", "a: b: code 4"},
		{nilErr, "*trace.typedError", "(Error panicked)"},
		{errors.Join(&typedError{1}, &typedError{2}), "*errors.joinError", "code 1\ncode 2"},
	} {
		use(t, Config{})
		var s Span
		s.Start("s", KindInternal)
		s.Error(nil)
		s.Error(tt.err)
		s.End()
		r := drain(t)["s"]
		if r.Status != StatusError || r.Message != tt.text || r.str() != fmt.Sprintf("error.type=%q", tt.typ) {
			t.Errorf("%s: %v %q %s", tt.text, r.Status, r.Message, r.str())
		}
	}
}

func TestPanic(t *testing.T) {
	use(t, Config{})
	func() {
		var s Span
		s.Start("s", KindInternal)
		defer func() {
			s.Panic(recover())
			s.End()
		}()
		panics(0)
	}()
	r := drain(t)["s"]
	if r.Status != StatusError || r.Message != "boom" || len(r.entries) != 5 {
		t.Fatalf("%+v %s", r.Record, r.str())
	}
	e := r.entries
	if e[0].Key.Name() != "exception" || e[1].Str != "string" || e[2].Str != "boom" || e[4].Key.Name() != "error.type" {
		t.Errorf("%s", r.str())
	}
	if lines := strings.Split(e[3].Str, "\n"); !strings.HasPrefix(lines[0], "goroutine ") ||
		!strings.HasPrefix(lines[1], "panic(") || !strings.Contains(lines[3], "trace.panics") {
		t.Errorf("%s", e[3].Str)
	}
}

//go:noinline
func panics(n int) int {
	if n == 0 {
		panic("boom")
	}
	return n
}

func TestPanicText(t *testing.T) {
	for want, v := range map[string]any{
		"x": "x", "code 3": &typedError{3}, "-12": -12, "-9223372036854775808": int64(-1 << 63), "true": true, "nil": nil,
		"(struct { A int })": struct{ A int }{1}, "GET": stringer("GET"),
	} {
		if got := panicText(v); got != want {
			t.Errorf("panicText(%v) = %q, want %q", v, got, want)
		}
	}
}

type stringer string

func (s stringer) String() string { return string(s) }

func TestRoute(t *testing.T) {
	use(t, Config{})
	route := "/a/{id}"
	SetRoute(&route) // outside of a trace
	var root, child Span
	root.StartRemote("root", KindServer, Context{})
	child.Start("child", KindInternal)
	if root.Route() != nil {
		t.Error("a route that was not set")
	}
	SetRoute(&route)
	child.End()
	if root.Route() != &route {
		t.Error("the route does not arrive")
	}
	root.End()
	if root.Route() != nil {
		t.Error("a route of a root that has ended")
	}
}

func TestKeys(t *testing.T) {
	if k := NewKey("a"); k != keyA || k.Name() != "a" || int(k) >= NumKeys() {
		t.Errorf("%d %q", k, k.Name())
	}
	if NewKey("") != 0 || Key(0).Name() != "" || Key(65535).Name() != "" {
		t.Error("the zero key has a name")
	}
}

func TestNoAllocations(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector allocates")
	}
	if !HasGoroutineContext {
		t.Skip("finding the goroutine allocates without the runtime patch")
	}
	use(t, Config{})
	route := "/a"
	err := error(&typedError{1})
	for name, f := range map[string]func(){
		"child": func() { five(1) },
		"root": func() {
			var s Span
			s.StartRemote("s", KindServer, Context{Trace: ID{1, 2}, Span: 3, Sampled: true})
			s.Str(keyA, "x")
			SetRoute(&route)
			SetHandler(&route)
			s.SetName(*s.Route())
			s.Event(keyE)
			s.EventStr(keyA, "x")
			five(1)
			s.End()
		},
		"detached": func() {
			var s Span
			s.Start("s", KindClient)
			s.Detach()
			s.Fail("x", "y")
			s.End()
		},
		"many attributes": func() {
			var s Span
			s.Start("s", KindClient)
			for k := Key(1); k < 100; k++ {
				s.Int(k, 1)
			}
			s.End()
		},
		"current": func() { _, _, _ = Current(); _, _ = CurrentContext() },
		"type":    func() { _ = typeName(err) },
		"drain": func() {
			five(1)
			Drain(func(r *Record) {
				var e Entry
				for it := r.Entries(); it.Next(&e); {
				}
			})
		},
	} {
		for range 300 { // fills the pool, where that grows
			f()
		}
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
