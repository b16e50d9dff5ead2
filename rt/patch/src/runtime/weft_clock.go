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

// WeftRand returns 64 random bits of the runtime's generator (ChaCha8, per M). The
// cheaper cheaprand64 would not do for ids: its top bit is always 0, and its
// state has just 64 bits, so that ids would meet across many processes.
func WeftRand() uint64 { return rand() }

// WeftPin keeps the goroutine on its P until [WeftUnpin], and returns the P's id.
// In between it must not block.
func WeftPin() int { return procPin() }

// WeftUnpin ends what [WeftPin] began.
func WeftUnpin() { procUnpin() }
