//go:build weft && !nethttpomithttp2

// HTTP/2 as part of package http.
//
//weft:when go<1.27

package http

import "io"

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

// weftStreamEnd is where every stream ends, sooner or later.
//
//weft:exit (*http2clientStream).cleanupWriteRequest
func weftStreamEnd(cs *http2clientStream, err *error) { weftStreamEnded(cs, *err) }

// weftBodyRead is where a program sees the end, and may exit at once.
//
//weft:exit (http2transportResponseBody).Read
func weftBodyRead(b http2transportResponseBody, p *[]byte, n *int, err *error) {
	if *err != nil {
		weftStreamEnded(b.cs, *err)
	}
}

//weft:enter (http2transportResponseBody).Close
func weftBodyClose(b http2transportResponseBody) { weftStreamEnded(b.cs, nil) }

func weftStreamEnded(cs *http2clientStream, err error) {
	if c, ok := cs.ctx.(*weftCall); ok {
		if err == io.EOF || err == http2errClosedResponseBody {
			err = nil
		}
		c.WeftStreamEnd(err)
	}
}
