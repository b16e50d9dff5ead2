//go:build weft

//weft:when v>=1.57.0 <2.0.0

package grpc

import "weft/trace"

// Messages come to the goroutine that waits for them through a channel, from one
// that serves the connection and works for nobody. That says nothing about what
// the waiting goroutine is for.

// weftWaiting gives a goroutine its context back.
type weftWaiting struct{ back func() }

func (s *weftWaiting) hold() {
	if _, _, ok := trace.Current(); ok {
		s.back = trace.Mute()
		s.back()
	}
}

func (s *weftWaiting) release() {
	if s.back != nil {
		s.back()
	}
}

//weft:enter (*clientStream).RecvMsg
func weftReceive(s *weftWaiting, cs *clientStream) {
	if cs.desc == unaryStreamDesc && cs.weft.call != nil {
		return // it is in the call's own span
	}
	s.hold()
}

//weft:exit (*clientStream).RecvMsg
func weftReceived(s *weftWaiting, _ *clientStream) { s.release() }

//weft:enter (*clientStream).Header
func weftHeader(s *weftWaiting) { s.hold() }

//weft:exit (*clientStream).Header
func weftHeadered(s *weftWaiting) { s.release() }

//weft:enter (*serverStream).RecvMsg
func weftServerReceive(s *weftWaiting) { s.hold() }

//weft:exit (*serverStream).RecvMsg
func weftServerReceived(s *weftWaiting) { s.release() }
