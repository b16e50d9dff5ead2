//go:build weft

// Before ServerStream was a type of its own.
//
//weft:when v>=1.57.0 <1.69.0

package transport

import "google.golang.org/grpc/status"

//weft:field Stream Weft WeftStatus

//weft:enter (*http2Server).WriteStatus
func weftWriteStatus(_ *http2Server, s **Stream, st **status.Status) {
	(*s).Weft.answer((*s).Method(), *st, false)
}

//weft:enter (*serverHandlerTransport).WriteStatus
func weftWriteHandlerStatus(_ *serverHandlerTransport, s **Stream, st **status.Status) {
	(*s).Weft.answer((*s).Method(), *st, true)
}
