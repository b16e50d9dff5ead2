//go:build weft

//weft:when v>=1.57.0 <2.0.0
//weft:tested v1.85.0

// Trace contexts in the headers of a call, where they are neither the caller's
// metadata any more nor its any longer to see.
package transport

import (
	"context"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"weft/propagate"
	"weft/trace"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A WeftCall is what the transport has to know of a call, and what it says about it.
type WeftCall struct {
	mu      sync.Mutex
	context trace.Context // goes out with the call
	unary   bool
	sent    bool
	peer    net.Addr
}

// Start says what goes out with the call: c, or rather the span of that trace that is
// current when the headers are made, which an instrumentation of the program's may
// have started in the meantime. Later attempts of a stream may come from anywhere,
// and go out as the first one did.
func (w *WeftCall) Start(c trace.Context, unary bool) {
	w.mu.Lock()
	w.context, w.unary = c, unary
	w.mu.Unlock()
}

// Peer is the other end of the connection that was used last, nil if none was.
func (w *WeftCall) Peer() net.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peer
}

func (w *WeftCall) send(peer net.Addr) trace.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peer = peer
	if w.unary || !w.sent {
		w.sent = true
		if c, ok := trace.CurrentContext(); ok && c.Trace == w.context.Trace {
			w.context = c
		}
	}
	return w.context
}

//weft:field CallHdr WeftCall *WeftCall

//weft:exit (*http2Client).createHeaderFields
func weftHeaderFields(t *http2Client, ctx *context.Context, callHdr **CallHdr, fields *[]hpack.HeaderField, err *error) {
	w := (*callHdr).WeftCall
	if w == nil || *err != nil {
		return
	}
	c := w.send(t.remoteAddr)
	if b, ok := trace.BaggageIn(*ctx); ok {
		c.Baggage = b
	}
	*fields = weftInject(c, *fields)
}

// weftInject adds c to fields, in place of what other trace context is there.
func weftInject(c trace.Context, fields []hpack.HeaderField) []hpack.HeaderField {
	h := make(map[string][]string, 4)
	kept := fields[:0]
	for _, f := range fields {
		if name := weftCanonical(f.Name); name != "" {
			h[name] = append(h[name], f.Value)
		} else {
			kept = append(kept, f)
		}
	}
	propagate.Inject(c, h)
	for name, values := range h {
		for _, v := range values {
			// Not to be indexed: it would push what is the same in every call out of the
			// connection's table.
			kept = append(kept, hpack.HeaderField{Name: weftLower(name), Value: v, Sensitive: true})
		}
	}
	return kept
}

// WeftExtract is the trace context in metadata.
func WeftExtract(md map[string][]string) trace.Context {
	h := make(map[string][]string, 4) // on the stack
	for k, v := range md {
		if name := weftCanonical(k); name != "" {
			h[name] = v
		}
	}
	return propagate.Extract(h)
}

// weftNames is the headers that carry trace contexts, as package propagate and as
// HTTP/2 has them.
var weftNames = [...][2]string{
	{"Traceparent", "traceparent"},
	{"Tracestate", "tracestate"},
	{"Baggage", "baggage"},
	{"B3", "b3"},
	{"X-B3-Traceid", "x-b3-traceid"},
	{"X-B3-Spanid", "x-b3-spanid"},
	{"X-B3-Parentspanid", "x-b3-parentspanid"},
	{"X-B3-Sampled", "x-b3-sampled"},
	{"X-B3-Flags", "x-b3-flags"},
	{"Uber-Trace-Id", "uber-trace-id"},
	{"X-Datadog-Trace-Id", "x-datadog-trace-id"},
	{"X-Datadog-Parent-Id", "x-datadog-parent-id"},
	{"X-Datadog-Sampling-Priority", "x-datadog-sampling-priority"},
	{"X-Datadog-Tags", "x-datadog-tags"},
	{"X-Trace-Id", "x-trace-id"},
	{"X-Span-Id", "x-span-id"},
}

const weftJaegerBaggage = "uberctx-"

// weftCanonical is the name that package propagate has for a header, "" if it has
// none.
func weftCanonical(lower string) string {
	if len(lower) < 2 {
		return ""
	}
	switch lower[0] {
	case 't', 'b', 'x':
	case 'u':
		if strings.HasPrefix(lower, weftJaegerBaggage) {
			return textproto.CanonicalMIMEHeaderKey(lower)
		}
	default:
		return ""
	}
	for i := range weftNames {
		if weftNames[i][1] == lower {
			return weftNames[i][0]
		}
	}
	return ""
}

func weftLower(canonical string) string {
	for i := range weftNames {
		if weftNames[i][0] == canonical {
			return weftNames[i][1]
		}
	}
	return strings.ToLower(canonical)
}

// A WeftStatus is the status with which a server has answered a call.
type WeftStatus struct{ st *status.Status }

// WeftStatus is that status, nil if there is none yet.
func (s *WeftStatus) WeftStatus() *status.Status { return s.st }

// answer notes the status, before the client and net/http can know of it.
func (s *WeftStatus) answer(method string, st *status.Status, overHTTP bool) {
	if s.st != nil {
		return
	}
	s.st = st
	if overHTTP && !WeftUnknown(st) {
		route := method // which is on the heap from here on
		trace.SetRoute(&route)
	}
}

// WeftUnknown says whether st is what a server answers by itself to a call of a
// method that it does not have. A method that says that it is not implemented is
// one that it has.
func WeftUnknown(st *status.Status) bool {
	if st.Code() != codes.Unimplemented {
		return false
	}
	m := st.Message()
	return strings.HasPrefix(m, "unknown service ") || strings.HasPrefix(m, "unknown method ") || strings.HasPrefix(m, "malformed method name")
}

// WeftOverHTTP says whether t is a request that net/http serves.
func WeftOverHTTP(t ServerTransport) bool {
	_, ok := t.(*serverHandlerTransport)
	return ok
}

// WeftPeer is an address as attributes show it. Only addresses of package net are
// asked: who knows what others do.
func WeftPeer(a net.Addr) (host string, port int64) {
	switch a := a.(type) {
	case *net.TCPAddr:
		if ip := a.AddrPort().Addr(); ip.IsValid() {
			return ip.Unmap().String(), int64(a.Port)
		}
	case *net.UnixAddr:
		return a.Name, 0
	}
	return "", 0
}
