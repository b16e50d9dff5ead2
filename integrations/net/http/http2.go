//go:build weft && !nethttpomithttp2

// HTTP/2 as a package of its own.
//
//weft:when go>=1.27

package http

// weftResponse2 is weftResponse for HTTP/2.
func weftResponse2(rw ResponseWriter) (status int, size int64, known bool) {
	if w, ok := rw.(http2ResponseWriter); ok {
		return w.ResponseWriter.WeftResponse()
	}
	return 0, 0, false
}
