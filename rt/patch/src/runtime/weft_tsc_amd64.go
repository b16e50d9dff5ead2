//go:build weft

package runtime

// weftTSC says whether the time stamp counter is invariant. It is false until
// the runtime's variables are initialised.
var weftTSC = weftInvariantTSC()

// weftRDTSC reads the time stamp counter.
func weftRDTSC() int64

// weftInvariantTSC reports whether the processor promises that the time stamp
// counter runs at a constant rate (CPUID 80000007H, EDX bit 8).
func weftInvariantTSC() bool
