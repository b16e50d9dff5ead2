//go:build weft

//weft:when v>=1.57.0 <2.0.0

package grpc

import "weft/trace"

// weftApart is kept while a goroutine is out of its trace: the goroutines that it
// starts then (a resolver's, a balancer's, a connection's) are there for all calls,
// and what they send through channels must not bring a trace along either.
type weftApart struct{ back func() }

//weft:enter DialContext
func weftDial(s *weftApart) { s.back = trace.Leave() }

//weft:exit DialContext
func weftDialed(s *weftApart) { s.back() }

//weft:enter NewClient
//weft:when v>=1.63.0
func weftNewClient(s *weftApart) { s.back = trace.Leave() }

//weft:exit NewClient
//weft:when v>=1.63.0
func weftNewedClient(s *weftApart) { s.back() }

//weft:enter (*ClientConn).exitIdleMode
func weftWake(s *weftApart) { s.back = trace.Leave() }

//weft:exit (*ClientConn).exitIdleMode
func weftWoken(s *weftApart) { s.back() }

//weft:enter (*addrConn).createTransport
func weftConnect(s *weftApart) { s.back = trace.Leave() }

//weft:exit (*addrConn).createTransport
func weftConnected(s *weftApart) { s.back() }

//weft:enter (*Server).handleRawConn
func weftServeConn(s *weftApart) { s.back = trace.Leave() }

//weft:exit (*Server).handleRawConn
func weftServedConn(s *weftApart) { s.back() }
