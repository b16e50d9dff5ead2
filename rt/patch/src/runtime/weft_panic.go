//go:build weft

package runtime

import (
	"internal/runtime/atomic"
	"unsafe"
)

// WeftPanicMark returns a mark for [WeftPanicking], to be taken when a function
// is entered. It costs two loads.
//
// The mark is the place of the innermost panic on the goroutine's stack, counted
// from the top, which does not change when the stack moves. Panics nest as their
// frames do, so one that began later lies deeper.
func WeftPanicMark() uintptr {
	gp := getg()
	if gp._panic == nil {
		return 0
	}
	return gp.stack.hi - uintptr(unsafe.Pointer(gp._panic))
}

// WeftPanicking reports, in a deferred function, whether it runs because a panic
// that began after the mark since is unwinding the frame, and with what value.
// [Goexit] is not a panic. The panic goes on as if nobody had looked.
func WeftPanicking(since uintptr) (v any, ok bool) {
	if WeftPanicMark() <= since {
		return nil, false
	}
	p := getg()._panic
	if p.goexit || p.recovered {
		return nil, false
	}
	return p.arg, true
}

var weftFatal struct {
	f    func()
	done atomic.Uint32
}

// WeftSetFatal makes f run once, on the goroutine whose panic nobody recovered,
// before the panic is printed and the process exits. It is to be called once,
// before there are other goroutines. Errors that the runtime does not allow to be
// recovered, such as concurrent map writes or a deadlock, do not run f.
func WeftSetFatal(f func()) { weftFatal.f = f }

// weftUnrecovered is not inlined, so that no function called by f looks to
// recover as if the panic called it directly.
//
//go:noinline
func weftUnrecovered() {
	if f := weftFatal.f; f != nil && weftFatal.done.CompareAndSwap(0, 1) {
		f()
	}
}
