//go:build weft

package yaml

import weft "weft/trace"

//weft:enter Unmarshal
func weftUnmarshal(s *weft.Span) { s.Start("unmarshal", weft.KindInternal) }

//weft:exit Unmarshal
func weftUnmarshaled(s *weft.Span, in *[]byte, out *interface{}, err *error) {
	s.Error(*err)
	s.End()
}
