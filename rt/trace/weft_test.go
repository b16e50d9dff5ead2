//go:build weft

package trace

import (
	"runtime"
	"sync"
	"testing"
)

const RaceEnabled = raceEnabled

// Ten thousand goroutines of one request, each of which starts another one, have
// the right parents.
func TestGoroutines(t *testing.T) {
	use(t, Config{RingMemory: 64 << 20})
	const n = 10_000
	before := Count().Dropped
	drained := 0
	outer := map[uint64]uint64{} // span -> parent, of the goroutines
	inner := map[uint64]uint64{}
	var root Span
	root.StartRemote("root", KindServer, Context{})
	id := root.Context()
	collect := func(r *Record) {
		drained++
		if r.Trace != id.Trace {
			t.Errorf("%s in another trace", r.Name)
		}
		switch r.Name {
		case "outer":
			outer[r.Span] = r.Parent
		case "inner":
			inner[r.Span] = r.Parent
		}
	}
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-gate // all at the same time
			var s Span
			s.Start("outer", KindInternal)
			done := make(chan struct{})
			go func() {
				defer close(done)
				var s Span
				s.Start("inner", KindInternal)
				s.End()
			}()
			<-done
			s.End()
		}()
	}
	close(gate)
	stop := make(chan struct{})
	go func() { wg.Wait(); close(stop) }()
	for more := true; more; {
		select {
		case <-stop:
			more = false
		default:
			runtime.Gosched()
		}
		Drain(collect)
	}
	root.End()
	Drain(collect)
	if drained != 2*n+1 || len(outer) != n || len(inner) != n {
		t.Fatalf("%d spans, %d and %d goroutines; %+v, %d before", drained, len(outer), len(inner), Count(), before)
	}
	for _, parent := range outer {
		if parent != id.Span {
			t.Fatal("a goroutine's span is not a child of the request")
		}
	}
	for _, parent := range inner {
		if _, ok := outer[parent]; !ok {
			t.Fatal("an inner goroutine's span is not a child of an outer one's")
		}
	}
}

// A goroutine that a request leaves behind is done with the request after the
// grace period, and a muted one starts muted ones.
func TestGoroutineLeft(t *testing.T) {
	use(t, Config{Grace: 1})
	in, out := make(chan struct{}), make(chan struct{})
	var root Span
	root.StartRemote("root", KindServer, Context{})
	go func() {
		for range in {
			var s Span
			s.Start("loop", KindInternal)
			s.End()
			out <- struct{}{}
		}
	}()
	root.End()
	var loops []span
	for range 2 {
		in <- struct{}{}
		<-out
		loops = append(loops, drain(t)["loop"])
	}
	close(in)
	want := root.Context()
	if l := loops[0]; l.Trace == want.Trace || l.Link.Trace != want.Trace || l.Link.Span != want.Span {
		t.Errorf("%+v", l.Record)
	}
	if l := loops[1]; l.Link != (Context{}) || l.Trace == loops[0].Trace {
		t.Errorf("%+v", l.Record)
	}

	unmute := Mute()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var s Span
		s.Start("muted", KindInternal)
		s.End()
	}()
	<-done
	unmute()
	if s := drain(t); len(s) != 0 {
		t.Errorf("%v", s)
	}
}
