//go:build weft

package main

import "weft/trace"

//weft:enter within
func weftWithin(s *trace.Span) { s.Start("within", trace.KindInternal) }

//weft:exit within
func weftWithout(s *trace.Span) { s.End() }
