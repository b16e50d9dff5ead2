// Package work is the code under measurement: functions that know nothing of tracing. The hooks in ../hooks make
// spans of Request and Operation when woven.
package work

// Last keeps the compiler from removing the calls.
var Last int

// Request calls Operation n times.
//
//go:noinline
func Request(n int) {
	for i := range n {
		Operation(i)
	}
}

// Operation is one span with five attributes when woven.
//
//go:noinline
func Operation(i int) { Last = i }

// Bare calls a function n times that no hook knows: what the loop itself costs.
//
//go:noinline
func Bare(n int) {
	for i := range n {
		operation(i)
	}
}

//go:noinline
func operation(i int) { Last = i }

// Woven tells whether the hooks are in this program: one of them makes it true.
//
//go:noinline
func Woven() (woven bool) { return false }
