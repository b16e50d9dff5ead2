//go:build weft && !nethttpomithttp2

// HTTP/2 as part of package http.
//
//weft:when go<1.27

package http

// weftResponse2 is weftResponse for HTTP/2.
func weftResponse2(rw ResponseWriter) (status int, size int64, known bool) {
	if w, ok := rw.(*http2responseWriter); ok && w.rws != nil {
		return w.rws.status, w.rws.wroteBytes, true
	}
	return 0, 0, false
}

//weft:enter (*http2clientConnReadLoop).handleResponse
func weftStreamHeaders(rl *http2clientConnReadLoop, cs **http2clientStream) {
	if c, ok := (*cs).ctx.(*weftCall); ok {
		c.WeftHeaders()
	}
}

//weft:exit (*http2clientStream).cleanupWriteRequest
func weftStreamEnd(cs *http2clientStream, err *error) {
	c, ok := cs.ctx.(*weftCall)
	if !ok {
		return
	}
	if *err == http2errClosedResponseBody {
		c.WeftStreamEnd(nil)
		return
	}
	c.WeftStreamEnd(*err)
}
