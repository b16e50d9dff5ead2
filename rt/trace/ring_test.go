package trace

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A full ring is seen when a span starts, the whole of a new trace is left out,
// and what is left out is counted.
func TestFull(t *testing.T) {
	use(t, Config{})
	dropped := func() uint64 { return Count().Dropped[DroppedRingFull] }
	before := dropped()
	// All Ps: the goroutine may move.
	text := strings.Repeat("x", 4096)
	started, recorded := uint64(0), uint64(0)
	for dropped() < before+100 {
		var root Span
		root.StartRemote("root", KindServer, Context{})
		started++
		if root.Recording() {
			recorded++
		} else if !root.Context().Sampled {
			t.Fatal("a trace that is left out here must go on elsewhere")
		}
		root.Str(keyA, text)
		root.End()
	}
	var root, child Span
	p, sh := pinShard()
	for i := range *shards.Load() { // none has room
		if sh := (*shards.Load())[i]; sh != nil {
			sh.limit = min(sh.limit, sh.head.Load())
		}
	}
	unpinShard(p, sh)
	root.StartRemote("root", KindServer, Context{})
	started++
	if root.Recording() {
		recorded++
	}
	child.Start("child", KindInternal)
	started++
	if child.Recording() {
		recorded++
	}
	if c := child.Context(); c.Trace != root.Context().Trace || !c.Sampled {
		t.Errorf("%+v", c)
	}
	child.End()
	root.End()
	n := uint64(Drain(func(*Record) {}))
	if lost := dropped() - before; n+lost != started || n > recorded {
		t.Errorf("%d started, %d recorded, %d drained, %d dropped", started, recorded, n, lost)
	}
	if Pending() != 0 {
		t.Error("something is left")
	}
	// And there is room again.
	root.StartRemote("root", KindServer, Context{})
	root.End()
	if n := Drain(func(*Record) {}); n != 1 {
		t.Errorf("%d records", n)
	}
}

// What is recorded by any number of goroutines, on a changing number of Ps, is
// drained exactly once or counted as dropped: in rings that are small enough to
// wrap around and to be full from time to time, and in ones that are drained in
// time and go back to their front.
func TestDrainOnce(t *testing.T) {
	for name, size := range map[string]int{"small": minRing, "large": maxRing} {
		t.Run(name, func(t *testing.T) { testDrainOnce(t, size) })
	}
}

func testDrainOnce(t *testing.T, ring int) {
	old := shards.Load()
	shards.Store(nil)
	use(t, Config{RingMemory: ring * max(2, runtime.GOMAXPROCS(0))})
	t.Cleanup(func() { shards.Store(old) })

	const goroutines = 8
	spans := 10_000
	if testing.Short() || RaceEnabled {
		spans = 2_000
	}
	text := strings.Repeat("0123456789abcdef", 16)
	before := Count()

	var made [goroutines]int // by each goroutine
	seen := make([][]bool, goroutines)
	for g := range seen {
		seen[g] = make([]bool, spans*2)
	}
	drained := 0
	check := func(r *Record) {
		drained++
		g, i, sum, want := -1, -1, uint64(0), uint64(0)
		var e Entry
		for it := r.Entries(); it.Next(&e); {
			switch e.Key {
			case keyA:
				g = int(e.Num)
			case keyB:
				i = int(e.Num)
			case keyC:
				want = e.Num
			case keyD:
				if e.Str != text[:len(e.Str)] {
					t.Errorf("torn: %q", e.Str)
				}
				sum += uint64(len(e.Str))
			}
		}
		if g < 0 || i < 0 || sum != want {
			t.Errorf("a record that nobody wrote: %d %d %d %d", g, i, sum, want)
			return
		}
		if seen[g][i] {
			t.Errorf("span %d of %d twice", i, g)
		}
		seen[g][i] = true
	}

	var done atomic.Bool
	var agent sync.WaitGroup
	agent.Add(1)
	go func() {
		defer agent.Done()
		for !done.Load() {
			Drain(check)
			if Arm() {
				<-Wakeup()
			}
		}
	}()
	procs := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(procs)
	var workers sync.WaitGroup
	for g := range goroutines {
		workers.Add(1)
		go func() {
			defer workers.Done()
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			say := func(s *Span) {
				n := rnd.IntN(len(text))
				s.Int(keyA, int64(g))
				s.Int(keyB, int64(made[g]))
				s.Int(keyC, int64(n))
				s.Str(keyD, text[:n])
				made[g]++
			}
			for i := range spans {
				if g == 0 && i%500 == 0 {
					runtime.GOMAXPROCS(1 + i/500%(2*procs))
				}
				var root, child Span
				root.StartRemote("root", KindServer, Context{})
				say(&root)
				if rnd.IntN(4) == 0 {
					runtime.Gosched()
				}
				if rnd.IntN(2) == 0 {
					child.Start("child", KindInternal)
					say(&child)
					if rnd.IntN(2) == 0 {
						child.Detach()
						root.End()
					}
					child.End()
				}
				root.End()
			}
		}()
	}
	workers.Wait()
	done.Store(true)
	woken.Store(0)
	wakeAgent()
	agent.Wait()
	Drain(check)

	after := Count()
	total, missing := 0, 0
	for g := range seen {
		for _, ok := range seen[g][:made[g]] {
			total++
			if !ok {
				missing++
			}
		}
	}
	lost := int(after.Dropped[DroppedRingFull] + after.Dropped[DroppedNoRing])
	if missing != lost || drained != total-missing || int(after.Recorded-before.Recorded) != drained {
		t.Errorf("%d spans: %d drained, %d missing, %d counted as dropped", total, drained, missing, lost)
	}
	t.Logf("%d spans, %d dropped, %d KiB in the rings", total, lost, after.Rings>>10)
	if after.Rings > uint64(configured.ringMemory) {
		t.Errorf("rings of %d bytes, %d allowed", after.Rings, configured.ringMemory)
	}
}

// A ring that is drained in time is used at its front only.
func TestFront(t *testing.T) {
	use(t, Config{})
	text := strings.Repeat("x", 4096)
	var most uint64
	for range 10_000 {
		var s Span
		s.Start("s", KindInternal)
		s.Str(keyA, text)
		s.End()
		Drain(func(*Record) {})
		for _, sh := range *shards.Load() {
			if sh != nil {
				most = max(most, (sh.head.Load()+sh.shift.Load())&sh.mask)
			}
		}
	}
	// All of it is there for when the drain is late.
	before := Count()
	p, sh := pinShard()
	free := sh.tail.Load() + sh.mask + 1 - sh.head.Load()
	unpinShard(p, sh)
	for range free/6000 - 1 {
		var s Span
		s.Start("s", KindInternal)
		s.Str(keyA, text)
		s.End()
	}
	if free != sh.mask+1 || Count().Dropped != before.Dropped {
		t.Errorf("%d of %d bytes are free", free, sh.mask+1)
	}
	Drain(func(*Record) {})
	if most > hurry+maxRecord {
		t.Errorf("%d bytes of a ring were used", most)
	}
}

// Memory for rings is taken by size, down to nothing, and never more than allowed.
func TestRingMemory(t *testing.T) {
	old := shards.Load()
	use(t, Config{})
	t.Cleanup(func() { shards.Store(old) })
	for _, total := range []int{1, minRing, 3 * minRing, 16 << 20, 1 << 30} {
		shards.Store(nil)
		asked := 0
		Configure(Config{RingMemory: total, Alloc: func(n int) []byte {
			b := make([]byte, n)
			n -= 8
			asked += n
			if n < minRing || n > maxRing || n&(n-1) != 0 {
				t.Errorf("a ring of %d bytes", n)
			}
			return b
		}})
		for p := range 4 * runtime.GOMAXPROCS(0) {
			addShard(p)
		}
		if asked > total || total >= minRing && asked == 0 || uint64(asked) != Count().Rings {
			t.Errorf("%d bytes of %d", asked, total)
		}
	}
	shards.Store(nil)
	Configure(Config{Alloc: func(int) []byte { return nil }})
	var s Span
	s.Start("s", KindInternal)
	s.End()
	if s.Recording() || Count().Dropped[DroppedNoRing] == 0 {
		t.Error("a span without a ring is not counted")
	}
}

func TestArm(t *testing.T) {
	use(t, Config{})
	select {
	case <-Wakeup():
	default:
	}
	text := strings.Repeat("x", 4096)
	record := func() {
		var s Span
		s.Start("s", KindInternal)
		s.Str(keyA, text)
		s.End()
	}
	for range 3 {
		if !Arm() {
			t.Fatal("records without spans")
		}
		record()
		<-Wakeup()
		Drain(func(*Record) {})
	}
	for range 3 { // much, with nobody waiting
		for range 1000 {
			record()
		}
		<-Wakeup()
		Drain(func(*Record) {})
	}
	for range 1000 { // a value that comes too late
		record()
	}
	Drain(func(*Record) {})
	<-Wakeup()
	if !Arm() {
		t.Fatal("records without spans")
	}
	record()
	<-Wakeup()
	if Arm() {
		t.Error("no record, but a span")
	}
	if n := Pending(); n <= 0 {
		t.Errorf("%d bytes pending", n)
	}
	Drain(func(*Record) {})
}
