//go:build weft && !unix

package runtime

// weftStrike does nothing: no signal is ever held.
func weftStrike() {}
