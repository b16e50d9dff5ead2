//go:build weft

// DumpRequestOut sends a request to nowhere to see what it looks like: that is no
// request to be recorded, and the dump shows the program's own headers.
package httputil

import "weft/trace"

type weftDump struct{ unmute func() }

//weft:enter DumpRequestOut
func weftDumping(s *weftDump) { s.unmute = trace.Mute() }

//weft:exit DumpRequestOut
func weftDumped(s *weftDump) { s.unmute() }
