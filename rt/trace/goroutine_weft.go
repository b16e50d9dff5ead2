//go:build weft

package trace

import (
	"internal/reflectlite"
	"runtime"
	"unsafe"
)

// HasGoroutineContext says whether this program was woven with the runtime
// patch, so that spans find their parents.
const HasGoroutineContext = true

// gctx is a goroutine's trace context, as the patched runtime keeps it in g.
type gctx = runtime.WeftContext

// goroutine is the calling goroutine's own context. The pointer must not be kept.
func goroutine() *gctx { return runtime.WeftG() }

// The runtime looks at the words of local roots itself: it does not put a goroutine
// that was born in an open one into another.
func init() {
	runtime.WeftRoots = (*[maxChunks]*[1 << slotBits][unsafe.Sizeof(slot{}) / 8]uint64)(unsafe.Pointer(&chunks))
}

// ticks is the time in units that only the agent can convert, see Ticks.
func ticks() int64 { return runtime.WeftTicks() }

// ticksTSC says whether ticks count cycles of the time stamp counter.
func ticksTSC() bool { return runtime.WeftTicksTSC() }

// random is a random number.
func random() uint64 { return runtime.WeftRand() }

// pin keeps the goroutine on its P until unpin and returns an index that no
// other pinned goroutine has.
func pin() int { return runtime.WeftPin() }

func unpin(int) { runtime.WeftUnpin() }

// PanicMark and Panicking let a deferred call tell whether it runs because of a
// panic: see runtime.WeftPanicMark.
func PanicMark() uintptr { return runtime.WeftPanicMark() }

// Panicking returns the value of the panic that is unwinding the caller's caller
// and began after mark was taken. It does not recover it.
func Panicking(mark uintptr) (v any, ok bool) { return runtime.WeftPanicking(mark) }

// typeName is what fmt prints for %T.
func typeName(v any) string {
	if v == nil {
		return "<nil>"
	}
	return reflectlite.TypeOf(v).String()
}
