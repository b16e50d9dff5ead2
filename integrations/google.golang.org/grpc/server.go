//go:build weft

//weft:when v>=1.57.0 <2.0.0

package grpc

import (
	"context"
	"strings"
	"weft/trace"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/internal/transport"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// weftServing is what is kept between the start and the end of a call.
type weftServing struct {
	span   trace.Span
	mark   uintptr
	inside bool // of net/http's span
}

func (s *weftServing) start(t transport.ServerTransport, ctx context.Context, method string) {
	s.mark = trace.PanicMark()
	name := weftName(method)
	if transport.WeftOverHTTP(t) {
		_, _, s.inside = trace.Current()
	}
	if s.inside {
		s.span.Start(name, trace.KindInternal)
		return // the rest is in net/http's span
	}
	md := metadata.WeftIncoming(ctx)
	s.span.StartRemote(name, trace.KindServer, transport.WeftExtract(md))
	if !s.span.Recording() {
		return
	}
	if a := md[":authority"]; len(a) > 0 {
		host, port := weftHostPort(a[0])
		weftAddress(&s.span, weftServerAddressKey, weftServerPortKey, host, port)
	}
	if p, ok := peer.FromContext(ctx); ok {
		host, port := transport.WeftPeer(p.Addr)
		weftAddress(&s.span, weftClientAddressKey, weftClientPortKey, host, port)
		weftAddress(&s.span, weftPeerAddressKey, weftPeerPortKey, host, port)
	}
}

// end records the call, which was answered with st; nil if it was not.
func (s *weftServing) end(method string, st *status.Status) {
	if s.span.Recording() {
		if v, panicking := trace.Panicking(s.mark); panicking {
			s.span.Panic(v)
		}
		s.describe(method, st)
	}
	s.span.End()
}

func (s *weftServing) describe(method string, st *status.Status) {
	span := &s.span
	span.Str(weftSystemKey, "grpc")
	if transport.WeftUnknown(st) {
		// Whoever calls may send any name, and there must not be as many spans' names.
		span.SetName("grpc")
		span.Str(weftMethodKey, "_OTHER")
		if method != "" {
			span.Str(weftMethodOriginalKey, strings.TrimPrefix(method, "/"))
		}
	} else {
		span.Str(weftMethodKey, weftName(method))
	}
	if st == nil {
		return
	}
	code := weftCode(st.Code())
	span.Str(weftStatusKey, code)
	switch st.Code() {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		span.Fail(code, st.Message())
	}
}
