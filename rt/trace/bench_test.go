package trace

import (
	"runtime"
	"testing"
)

// five is a span as advice makes them: five attributes, two of them short texts.
//
//go:noinline
func five(i int) {
	var s Span
	s.Start("child-operation", KindClient)
	if s.Recording() {
		s.Str(keyA, "GET")
		s.Str(keyB, "/api/v1/users/{id}")
		s.Int(keyC, 200)
		s.Int(keyD, int64(i))
		s.Bool(keyE, true)
	}
	s.End()
}

// empty drains the rings as fast as can be, so that the benchmarks measure the
// caller only.
func empty() {
	for _, sh := range *shards.Load() {
		if sh != nil {
			sh.tail.Store(sh.head.Load())
		}
	}
}

func spans(b *testing.B, f func(int)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var root Span
	root.StartRemote("root", KindServer, Context{})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i&0xff == 0 {
			empty()
		}
		f(i)
	}
	b.StopTimer()
	root.End()
}

func BenchmarkSpan(b *testing.B) {
	b.Run("recorded/5", func(b *testing.B) { spans(b, five) })
	b.Run("recorded/0", func(b *testing.B) {
		spans(b, func(int) {
			var s Span
			s.Start("child-operation", KindClient)
			s.End()
		})
	})
	b.Run("linked/5", func(b *testing.B) { // in a program with an API for spans
		Link(API{})
		defer linked.Store(0)
		spans(b, five)
	})
	b.Run("root/5", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if i&0xff == 0 {
				Drain(func(*Record) {})
			}
			five(i)
		}
	})
	b.Run("unsampled", func(b *testing.B) {
		Configure(Config{Sampler: AlwaysOff})
		defer Configure(Config{})
		spans(b, five)
	})
	b.Run("unsampled-root", func(b *testing.B) {
		Configure(Config{Sampler: AlwaysOff})
		defer Configure(Config{})
		b.ReportAllocs()
		for i := range b.N {
			five(i)
		}
	})
	b.Run("disabled", func(b *testing.B) {
		Configure(Config{Disabled: true})
		defer Configure(Config{})
		for i := range b.N {
			five(i)
		}
	})
	b.Run("nothing", func(b *testing.B) {
		for i := range b.N {
			nothing(i)
		}
	})
}

//go:noinline
func nothing(i int) { sink = i }

var sink int

func BenchmarkTicks(b *testing.B) {
	for range b.N {
		sink = int(ticks())
	}
}

func BenchmarkRandom(b *testing.B) {
	for range b.N {
		sink = int(random())
	}
}

func BenchmarkPin(b *testing.B) {
	for range b.N {
		unpin(pin())
	}
}

func BenchmarkDrain(b *testing.B) {
	var root Span
	root.StartRemote("root", KindServer, Context{})
	defer root.End()
	n := 0
	f := func(r *Record) {
		var e Entry
		for it := r.Entries(); it.Next(&e); {
			n += int(e.Key)
		}
	}
	b.ReportAllocs()
	for n := b.N; n > 0; n -= 1000 {
		b.StopTimer()
		for i := range min(n, 1000) {
			five(i)
		}
		b.StartTimer()
		Drain(f)
	}
}
