//go:build patched

package main

import "runtime"

// enter puts the goroutine into a trace: in a span of its own, or, as a worker
// is, in one that it inherited.
func enter(own bool) {
	*runtime.WeftG() = runtime.WeftContext{TraceHi: 1, TraceLo: 2, Span: 3, Root: 4<<8 | runtime.WeftSampled}
	if own {
		runtime.WeftG().Root |= runtime.WeftOwn
	}
}
