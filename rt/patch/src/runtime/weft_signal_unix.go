//go:build weft && unix

package runtime

// weftStrike ends the process by the signal that is held.
//
//go:nowritebarrierrec
func weftStrike() { dieFromSignal(weftDeath.sig.Load()) }
