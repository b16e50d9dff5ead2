package ingest

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/otlp"
)

// The methods of OTLP's three services, opentelemetry/proto/collector/*/v1/*_service.proto.
var methods = map[string]Signal{
	"/opentelemetry.proto.collector.trace.v1.TraceService/Export":     Traces,
	"/opentelemetry.proto.collector.logs.v1.LogsService/Export":       Logs,
	"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": Metrics,
}

// GRPC returns the handler of OTLP over gRPC. It needs a server that speaks
// HTTP/2, over TLS or without.
func (r *Receiver) GRPC() http.Handler { return http.HandlerFunc(r.serveGRPC) }

func (r *Receiver) serveGRPC(w http.ResponseWriter, req *http.Request) {
	// What is not gRPC is told so in a way that it understands.
	if t := req.Header.Get("Content-Type"); req.ProtoMajor < 2 || req.Method != http.MethodPost || !grpcType(t) {
		f := &fault{kind: unsupported, text: "this port takes OTLP over gRPC, which is POST with HTTP/2 and content type application/grpc; OTLP over HTTP has a port of its own, 4318 by default"}
		r.ended(req, OTLPGRPC, NoSignal, result{}, f)
		http.Error(w, f.text, f.httpCode())
		return
	}
	s, known := methods[req.URL.Path]
	if !known {
		s = NoSignal
	}
	ctx, cancel := req.Context(), context.CancelFunc(func() {})
	if d, ok := grpcTimeout(req.Header.Get("Grpc-Timeout")); ok {
		ctx, cancel = context.WithTimeout(ctx, d)
	}
	defer cancel()

	x := r.exchange(w, ctx, OTLPGRPC)
	defer x.close()
	var res result
	var f *fault
	func() {
		defer r.guard(req, &f)
		if f = r.check(req); f != nil {
			return
		}
		if !known {
			f = &fault{kind: unsupported, text: fmt.Sprintf("method %.200q: want the Export of OTLP's TraceService, LogsService or MetricsService", req.URL.Path)}
			return
		}
		if f = x.grpcMessage(req); f != nil {
			return
		}
		res, f = r.take(x, s, protobuf)
	}()
	r.ended(req, OTLPGRPC, s, res, f)

	h := w.Header()
	h["Content-Type"] = []string{"application/grpc"}
	if f != nil {
		// A response without a message is its trailers only.
		x.drain(req.Body)
		code := grpcCodes[f.kind]
		h["Grpc-Accept-Encoding"] = []string{"identity,gzip,zstd"}
		h["Grpc-Status"] = []string{strconv.Itoa(code)}
		h["Grpc-Message"] = []string{percentEncode(f.text)}
		h["Grpc-Status-Details-Bin"] = []string{base64.RawStdEncoding.EncodeToString(appendStatus(nil, code, f.text, f.retry))}
		return
	}
	b := make([]byte, 5, 256)
	b = otlp.AppendResponse(b, res.rejected, res.reason)
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-5))
	if _, err := w.Write(b); err != nil {
		return // the client is gone; what it sent is stored
	}
	h[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
}

// grpcType reports whether a content type is that of gRPC with protobuf.
func grpcType(t string) bool {
	rest, ok := strings.CutPrefix(t, "application/grpc")
	return ok && (rest == "" || rest == "+proto" || rest[0] == ';' || strings.HasPrefix(rest, "+proto;"))
}

// grpcMessage receives the one message of the request.
func (x *exchange) grpcMessage(req *http.Request) *fault {
	x.control.SetReadDeadline(time.Now().Add(x.r.o.ReadTimeout))
	x.timed = true
	var prefix [5]byte
	if n, err := io.ReadFull(req.Body, prefix[:]); err != nil {
		if n == 0 && err == io.EOF {
			return invalid("the call has no message")
		}
		return x.broken(err, n, 5)
	}
	e := identity
	switch prefix[0] {
	case 0:
	case 1:
		name := req.Header.Get("Grpc-Encoding")
		var f *fault
		if e, f = encodingOf(name); f != nil {
			return f
		}
		if e == identity {
			return invalid("the message is marked as compressed, but grpc-encoding names no compression")
		}
	default:
		return invalid("the message starts with byte %d; want 0, or 1 for a compressed one", prefix[0])
	}
	_, f := x.receive(req.Body, int64(binary.BigEndian.Uint32(prefix[1:])), e)
	return f
}

// grpcTimeout reads a grpc-timeout: up to 8 digits and a unit.
func grpcTimeout(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if !ok || err != nil {
		return 0, false
	}
	// 99,999,999 hours do not fit into a Duration; nobody waits for a year.
	const long = 365 * 24 * time.Hour
	if time.Duration(n) > long/unit {
		return long, true
	}
	return time.Duration(n) * unit, true
}

// percentEncode writes text as gRPC wants a status message in a header.
func percentEncode(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
