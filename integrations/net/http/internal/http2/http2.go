//go:build weft

// The parts of net/http's advice that look into its implementation of HTTP/2.
//
//weft:when go>=1.27

package http2

import "io"

// WeftResponse returns the status that was sent for good, 0 if none, and the
// number of bytes of the body.
func (w *responseWriter) WeftResponse() (status int, size int64, known bool) {
	if w == nil || w.rws == nil {
		return 0, 0, false
	}
	return w.rws.status, w.rws.wroteBytes, true
}

// weftCall is what advice in net/http makes the context of a request.
type weftCall interface {
	WeftHeaders()
	WeftStreamEnd(error)
}

//weft:enter (*clientConnReadLoop).handleResponse
func weftStreamHeaders(rl *clientConnReadLoop, cs **clientStream) {
	if c, ok := (*cs).ctx.(weftCall); ok {
		c.WeftHeaders()
	}
}

// weftStreamEnd is where every stream ends, sooner or later.
//
//weft:exit (*clientStream).cleanupWriteRequest
func weftStreamEnd(cs *clientStream, err *error) { weftStreamEnded(cs, *err) }

// weftBodyRead is where a program sees the end, and may exit at once.
//
//weft:exit (transportResponseBody).Read
func weftBodyRead(b transportResponseBody, p *[]byte, n *int, err *error) {
	if *err != nil {
		weftStreamEnded(b.cs, *err)
	}
}

//weft:enter (transportResponseBody).Close
func weftBodyClose(b transportResponseBody) { weftStreamEnded(b.cs, nil) }

func weftStreamEnded(cs *clientStream, err error) {
	if c, ok := cs.ctx.(weftCall); ok {
		if err == io.EOF || err == errClosedResponseBody {
			err = nil
		}
		c.WeftStreamEnd(err)
	}
}
