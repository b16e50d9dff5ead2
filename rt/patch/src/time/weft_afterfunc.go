//go:build weft

package time

import "runtime"

// weftFunc is what a timer made by [AfterFunc] has as its argument when there is
// a trace context to go with the function.
type weftFunc struct {
	f       func()
	context runtime.WeftContext
}

// weftArg is f as the argument of goFunc, with the context of the caller.
func weftArg(f func()) any {
	c := *runtime.WeftG()
	if c.Root|c.Span == 0 {
		return f
	}
	return &weftFunc{f, c}
}

// weftSwap puts the goroutine that is running into context c for a moment, so
// that the goroutine that it starts inherits that. In goFunc it is the
// scheduler's own goroutine.
func weftSwap(c runtime.WeftContext) runtime.WeftContext { return runtime.WeftSwap(c) }
