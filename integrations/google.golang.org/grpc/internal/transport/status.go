//go:build weft

//weft:when v>=1.69.0 <2.0.0

package transport

import "google.golang.org/grpc/status"

//weft:field ServerStream Weft WeftStatus

//weft:enter (*ServerStream).WriteStatus
func weftWriteStatus(s *ServerStream, st **status.Status) {
	_, overHTTP := s.st.(*serverHandlerTransport)
	s.Weft.answer(s.Method(), *st, overHTTP)
}
