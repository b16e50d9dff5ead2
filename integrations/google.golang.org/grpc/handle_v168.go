//go:build weft

// Before ServerStream was a type of its own.
//
//weft:when v>=1.57.0 <1.69.0

package grpc

import "google.golang.org/grpc/internal/transport"

//weft:enter (*Server).handleStream
func weftHandle(s *weftServing, _ *Server, t *transport.ServerTransport, stream **transport.Stream) {
	s.start(*t, (*stream).Context(), (*stream).Method())
}

//weft:exit (*Server).handleStream
func weftHandled(s *weftServing, _ *Server, _ *transport.ServerTransport, stream **transport.Stream) {
	s.end((*stream).Method(), (*stream).Weft.WeftStatus())
}
