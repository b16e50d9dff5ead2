//go:build weft

//weft:when go>=1.26

package http

// weftConnRoundTrip is for a ClientConn, which goes past its Transport.
//
//weft:enter (*ClientConn).RoundTrip
func weftConnRoundTrip(s *weftTrip, _ *ClientConn, req **Request) {
	if (*req).Method != ":ping" {
		s.call = weftSend(req)
	}
}

//weft:exit (*ClientConn).RoundTrip
func weftConnRoundTripped(s *weftTrip, _ *ClientConn, _ **Request, resp **Response, err *error) {
	if s.call != nil {
		s.call.received(*resp, *err)
	}
}
