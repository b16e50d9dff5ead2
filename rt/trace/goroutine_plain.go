//go:build !weft

package trace

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// HasGoroutineContext says whether this program was woven with the runtime
// patch, so that spans find their parents.
const HasGoroutineContext = false

// gctx is a goroutine's trace context; see runtime.WeftContext in the runtime
// patch, whose layout this is.
type gctx struct {
	TraceHi, TraceLo uint64
	Span             uint64
	Root             uint64
}

// Without the runtime patch no goroutine has a context, unless a test asks for
// contexts kept by goroutine id, which are slow and never freed.
var contexts struct {
	on   atomic.Bool
	byID sync.Map // string, the "goroutine 17" of a stack trace -> *gctx
}

// KeepContexts makes this build without the runtime patch keep a context for
// each goroutine, for tests. A context is not passed on by go statements. Woven
// programs do not have this function.
func KeepContexts(on bool) {
	contexts.on.Store(on)
	if !on {
		contexts.byID.Clear()
	}
}

func goroutine() *gctx {
	if !contexts.on.Load() {
		return new(gctx)
	}
	var b [32]byte
	n := len("goroutine ")
	for m := runtime.Stack(b[:], false); n < m && b[n] != ' '; n++ {
	}
	id := string(b[:n])
	if g, ok := contexts.byID.Load(id); ok {
		return g.(*gctx)
	}
	g, _ := contexts.byID.LoadOrStore(id, new(gctx))
	return g.(*gctx)
}

var processStart = time.Now()

func ticks() int64   { return int64(time.Since(processStart)) }
func ticksTSC() bool { return false }
func random() uint64 { return rand.Uint64() }

// pins stands in for pinning to a P: whoever sets a word owns the index until it
// clears it.
var pins [64]struct {
	taken atomic.Uint32
	_     [60]byte
}

func pin() int {
	var here byte
	first := int(uintptr(unsafe.Pointer(&here)) >> 11)
	n := min(runtime.NumCPU(), len(pins))
	for i := 0; ; i++ {
		p := (first + i) % n
		if pins[p].taken.CompareAndSwap(0, 1) {
			return p
		}
		if i%n == n-1 {
			runtime.Gosched()
		}
	}
}

func unpin(p int) { pins[p].taken.Store(0) }

// PanicMark and Panicking let a deferred call tell whether it runs because of a
// panic, in a program that was woven with the runtime patch. In others, it never
// does.
func PanicMark() uintptr { return 0 }

// Panicking returns the value of the panic that is unwinding the caller's caller
// and began after mark was taken. It does not recover it.
func Panicking(mark uintptr) (v any, ok bool) { return nil, false }

func typeName(v any) string {
	if v == nil {
		return "<nil>"
	}
	return reflect.TypeOf(v).String()
}
