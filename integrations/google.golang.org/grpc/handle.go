//go:build weft

//weft:when v>=1.69.0 <2.0.0

package grpc

import "google.golang.org/grpc/internal/transport"

//weft:enter (*Server).handleStream
func weftHandle(s *weftServing, _ *Server, t *transport.ServerTransport, stream **transport.ServerStream) {
	s.start(*t, (*stream).Context(), (*stream).Method())
}

//weft:exit (*Server).handleStream
func weftHandled(s *weftServing, _ *Server, _ *transport.ServerTransport, stream **transport.ServerStream) {
	s.end((*stream).Method(), (*stream).Weft.WeftStatus())
}
