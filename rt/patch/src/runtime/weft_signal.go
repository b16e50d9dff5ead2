//go:build weft

package runtime

import "internal/runtime/atomic"

// A signal that kills the process by default kills it at once, and what was
// recorded last would be lost. Weft holds such a signal back for a limited time:
// the agent sees it by WeftDying, flushes, and lets it strike by WeftDie. The
// process then ends by that very signal. If the agent is late, sysmon does it;
// a second signal strikes at once.

var weftDeath struct {
	limit    atomic.Int64  // nanoseconds; 0: signals are not held
	sig      atomic.Uint32 // the signal that is held
	deadline atomic.Int64  // when sysmon ends the wait
}

// WeftSetSignalDeath makes a signal that would kill the process by Go's default
// be held for at most limit nanoseconds. It does nothing on systems other than
// Unix.
func WeftSetSignalDeath(limit int64) { weftDeath.limit.Store(limit) }

// WeftDying returns the number of the signal that is held, or 0.
func WeftDying() uint32 { return weftDeath.sig.Load() }

// WeftDie ends the process by the signal that is held. It does nothing if there
// is none.
func WeftDie() {
	if weftDeath.sig.Load() != 0 {
		systemstack(weftStrike)
	}
}

// weftHold reports whether sig is to be held. It runs in the signal handler.
//
//go:nowritebarrierrec
func weftHold(sig uint32) bool {
	limit := weftDeath.limit.Load()
	if limit <= 0 || !weftDeath.sig.CompareAndSwap(0, sig) {
		return false
	}
	weftDeath.deadline.Store(nanotime() + limit)
	return true
}

// weftOverdue ends the process if a held signal is past its deadline. It runs on
// sysmon's thread, without a P.
//
//go:nowritebarrierrec
func weftOverdue() {
	if d := weftDeath.deadline.Load(); d != 0 && nanotime() > d {
		weftStrike()
	}
}
