//go:build weft

//weft:when v>=1.57.0 <2.0.0
//weft:tested v1.85.0

// What weft records of gRPC, by the OpenTelemetry conventions for RPC.
//
// # Client
//
// One span of kind client for each call of the program, unary or a stream, as a
// child of the calling goroutine's span. The program's interceptors run inside of
// it: what they make of a call, such as a second attempt, is part of the span, and
// what they call is a child of it. Where no span is current, and the program has
// put a trace context into the metadata by itself, that is the parent. The trace
// context goes out in the headers, where neither interceptors nor stats handlers
// see it.
//
// A unary call's span ends when the call returns. A stream's ends when the stream
// is over: when RecvMsg has returned an error (io.EOF is a good end), the one
// answer of a stream that only the client sends on has come, SendMsg has failed
// for a reason of its own, the stream's context is done or the ClientConn is
// closed. While a stream lasts, it is not the goroutine's current span. A stream
// that the program neither reads to its end nor cancels is a leak of the program's.
//
//	name                         "helloworld.Greeter/SayHello"
//	rpc.system.name              grpc
//	rpc.method                   helloworld.Greeter/SayHello
//	rpc.response.status_code     OK, NOT_FOUND, …
//	server.address, server.port  from the target that the ClientConn was made for
//	network.peer.address, .port  the other end of the connection
//	rpc.request.resend_count     how often gRPC has sent the call again, if it has
//	error.type                   NOT_FOUND, …, or the type of an error that is no status
//
// Every status but OK sets the span's status to error. An attempt that gRPC makes by
// itself, because of a retry policy or as a server has not seen the last one, is an
// event "rpc.retry" with rpc.client.attempt (2, 3, …), error.type and error.message
// of the attempt before it.
//
// # Server
//
// One span of kind server for each call that a Server serves, from before the
// first of the program's interceptors until the status has been sent.
//
//	name                         the same; "grpc" if the server does not have the method, and then
//	rpc.method                   _OTHER
//	rpc.method_original          what the client sent
//	server.address, server.port  from the authority that the client has called
//	client.address, client.port, network.peer.address, .port  the other end of the connection
//	rpc.response.status_code     as sent
//
// UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS set
// the span's status to error; others are the client's mistakes. So does a panic.
//
// A call that net/http serves (Server.ServeHTTP) has net/http's span already. It has
// one of kind internal inside of that, with what is only known here, so that the
// request counts once; net/http's gets the method as its route.
//
// # Connections
//
// A connection, its resolver and its balancer serve all calls. What they do is in
// none of their traces, whichever call it was that woke them.
package grpc

import (
	"net"
	"strconv"
	"strings"
	"weft/trace"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/internal/transport"
	"google.golang.org/grpc/status"
)

var (
	weftSystemKey         = trace.NewKey("rpc.system.name")
	weftMethodKey         = trace.NewKey("rpc.method")
	weftMethodOriginalKey = trace.NewKey("rpc.method_original")
	weftStatusKey         = trace.NewKey("rpc.response.status_code")
	weftResendKey         = trace.NewKey("rpc.request.resend_count")
	weftAttemptKey        = trace.NewKey("rpc.client.attempt")
	weftServerAddressKey  = trace.NewKey("server.address")
	weftServerPortKey     = trace.NewKey("server.port")
	weftClientAddressKey  = trace.NewKey("client.address")
	weftClientPortKey     = trace.NewKey("client.port")
	weftPeerAddressKey    = trace.NewKey("network.peer.address")
	weftPeerPortKey       = trace.NewKey("network.peer.port")
	weftErrorTypeKey      = trace.NewKey("error.type")
	weftErrorMessageKey   = trace.NewKey("error.message")
	weftRetryEvent        = trace.NewKey("rpc.retry")
)

// weftName is a method as spans are named by it.
func weftName(method string) string {
	if name := strings.TrimPrefix(method, "/"); name != "" {
		return name
	}
	return "grpc"
}

// weftAddress sets two attributes to a host and its port, which is left out if it
// is 0.
func weftAddress(span *trace.Span, host, port trace.Key, h string, p int64) {
	if h == "" {
		return
	}
	span.Str(host, h)
	if p > 0 {
		span.Int(port, p)
	}
}

func weftPeer(span *trace.Span, a net.Addr) {
	host, port := transport.WeftPeer(a)
	weftAddress(span, weftPeerAddressKey, weftPeerPortKey, host, port)
}

// weftHostPort splits "host:port", "[host]:port" or "host"; port is 0 if there is
// none. Anything else is a host as a whole.
func weftHostPort(s string) (host string, port int64) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || s[len(s)-1] == ']' {
		return strings.Trim(s, "[]"), 0
	}
	n, err := strconv.ParseUint(s[colon+1:], 10, 16)
	if err != nil || strings.Contains(s[:colon], ":") && s[0] != '[' {
		return s, 0
	}
	return strings.Trim(s[:colon], "[]"), int64(n)
}

var weftCodes = [...]string{
	codes.OK:                 "OK",
	codes.Canceled:           "CANCELLED",
	codes.Unknown:            "UNKNOWN",
	codes.InvalidArgument:    "INVALID_ARGUMENT",
	codes.DeadlineExceeded:   "DEADLINE_EXCEEDED",
	codes.NotFound:           "NOT_FOUND",
	codes.AlreadyExists:      "ALREADY_EXISTS",
	codes.PermissionDenied:   "PERMISSION_DENIED",
	codes.ResourceExhausted:  "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION",
	codes.Aborted:            "ABORTED",
	codes.OutOfRange:         "OUT_OF_RANGE",
	codes.Unimplemented:      "UNIMPLEMENTED",
	codes.Internal:           "INTERNAL",
	codes.Unavailable:        "UNAVAILABLE",
	codes.DataLoss:           "DATA_LOSS",
	codes.Unauthenticated:    "UNAUTHENTICATED",
}

// weftCode is the name that the conventions have for a code.
func weftCode(c codes.Code) string {
	if int(c) < len(weftCodes) {
		return weftCodes[c]
	}
	return strconv.FormatUint(uint64(c), 10)
}

// weftStatus is the status that err stands for, and whether it says so by itself.
// An error's GRPCStatus is the program's and may panic.
func weftStatus(err error) (st *status.Status, ok bool) {
	defer func() {
		if recover() != nil {
			st, ok = nil, false
		}
	}()
	st, ok = status.FromError(err)
	return st, ok && st != nil
}
