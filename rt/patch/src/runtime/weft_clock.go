//go:build weft

package runtime

// WeftTicks returns the time in units of its own: cycles of the processor's time
// stamp counter where that runs at a constant rate on all cores, else
// nanoseconds. The counter is read without a fence, so that neighbouring
// instructions may be counted in or out.
func WeftTicks() int64 {
	if weftTSC {
		return weftRDTSC()
	}
	return nanotime()
}

// WeftTicksTSC reports whether [WeftTicks] counts cycles.
func WeftTicksTSC() bool { return weftTSC }

// WeftRand returns 64 bits of the runtime's cheap random numbers, which must not
// be relied upon for security.
func WeftRand() uint64 { return uint64(cheaprand64()) }

// WeftPin keeps the goroutine on its P until [WeftUnpin], and returns the P's id.
// In between it must not block.
func WeftPin() int { return procPin() }

// WeftUnpin ends what [WeftPin] began.
func WeftUnpin() { procUnpin() }
