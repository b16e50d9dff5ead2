//go:build weft

package context

import "runtime"

// weftContext is the trace context in which the function given to [AfterFunc]
// runs: that of the goroutine that gave it, not of the one that cancels.
type weftContext = runtime.WeftContext

func weftCurrent() weftContext { return *runtime.WeftG() }

// weftSwap puts the goroutine that is running into context c for a moment, so
// that the goroutine that it starts inherits that.
func weftSwap(c weftContext) weftContext { return runtime.WeftSwap(c) }
