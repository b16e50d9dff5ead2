//go:build weft

package main

import "weft/trace"

var (
	keyID      = trace.NewKey("id")
	keyParents = trace.NewKey("parents")
)

//weft:enter open
func weftOpen(s *trace.Span, me *where, parents, name *string) {
	s.Start(*name, trace.KindInternal)
	s.Int(keyID, int64(*me))
	s.Str(keyParents, *parents)
}

//weft:exit open
func weftOpened(s *trace.Span, me *where, parents, name *string) {
	s.End()
}
