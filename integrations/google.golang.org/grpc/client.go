//go:build weft

// The module's oldest versions are written in Go 1.17, and so is this: without
// generics and any.
//
//weft:when v>=1.57.0 <2.0.0

package grpc

import (
	"context"
	"io"
	"strings"
	"sync"
	"weft/trace"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/internal/transport"
	"google.golang.org/grpc/metadata"
)

// A weftCall is a call of the program whose span is recorded. A unary call's span
// is in the frame of Invoke, and the call is what its streams have to say; a
// stream's is here.
type weftCall struct {
	id     uint64 // of the span
	trace  trace.ID
	method string

	mu      sync.Mutex
	stream  *clientStream // the last one that was made for the call
	retries []weftRetry
	span    trace.Span
	opened  bool // NewStream has returned, and span is this call's
	over    bool // stream has ended, with err
	err     error
}

type weftRetry struct {
	at    int64
	cause error
}

// weftCalls finds a call by its span, the current one of the goroutine on which gRPC
// makes a stream for it: all that is between the two is interceptors of the
// program, which must not see anything else than they would. The calls in it are
// those in Invoke and NewStream.
var weftCalls [64]struct {
	mu    sync.Mutex
	calls map[uint64]*weftCall
}

func weftAddCall(c *weftCall) {
	t := &weftCalls[c.id%uint64(len(weftCalls))]
	t.mu.Lock()
	if t.calls == nil {
		t.calls = make(map[uint64]*weftCall)
	}
	t.calls[c.id] = c
	t.mu.Unlock()
}

func weftRemoveCall(c *weftCall) {
	t := &weftCalls[c.id%uint64(len(weftCalls))]
	t.mu.Lock()
	delete(t.calls, c.id)
	t.mu.Unlock()
}

// weftFindCall finds the call that a stream for method is made for. If an
// interceptor has begun a span of its own, it is the only one that can be.
func weftFindCall(current trace.Context, method string) *weftCall {
	t := &weftCalls[current.Span%uint64(len(weftCalls))]
	t.mu.Lock()
	found := t.calls[current.Span]
	t.mu.Unlock()
	if found != nil {
		return found
	}
	for i := range weftCalls {
		t := &weftCalls[i]
		t.mu.Lock()
		for _, c := range t.calls {
			if c.trace == current.Trace && c.method == method {
				if found != nil {
					t.mu.Unlock()
					return nil
				}
				found = c
			}
		}
		t.mu.Unlock()
	}
	return found
}

// weftCalling is what is kept from the start to the end of Invoke and NewStream.
type weftCalling struct {
	span trace.Span
	call *weftCall // nil if the span is not recorded
	mark uintptr
}

func (s *weftCalling) start(cc *ClientConn, ctx context.Context, method string) {
	s.mark = trace.PanicMark()
	name := weftName(method)
	remote := false
	if _, _, child := trace.Current(); !child && ctx != nil && metadata.WeftOutgoing(ctx) && !trace.SpanIn(ctx) {
		md, _ := metadata.FromOutgoingContext(ctx)
		if out := transport.WeftExtract(md); out.Valid() {
			s.span.StartRemote(name, trace.KindClient, out)
			remote = true
		}
	}
	if !remote {
		s.span.StartIn(ctx, "rpc", name, trace.KindClient)
	}
	if !s.span.Recording() {
		return
	}
	s.span.Str(weftSystemKey, "grpc")
	s.span.Str(weftMethodKey, name)
	if cc != nil {
		host, port := cc.weft.of(cc)
		weftAddress(&s.span, weftServerAddressKey, weftServerPortKey, host, port)
	}
	c := s.span.Context()
	s.call = &weftCall{id: c.Span, trace: c.Trace, method: method}
	weftAddCall(s.call)
}

//weft:enter (*ClientConn).Invoke
func weftInvoke(s *weftCalling, cc *ClientConn, ctx *context.Context, method *string) {
	s.start(cc, *ctx, *method)
}

//weft:exit (*ClientConn).Invoke
func weftInvoked(s *weftCalling, _ *ClientConn, _ *context.Context, _ *string, _, _ *interface{}, _ *[]CallOption, err *error) {
	if c := s.call; c != nil {
		weftRemoveCall(c)
		c.mu.Lock()
		c.describe(&s.span)
		c.mu.Unlock()
		if v, panicking := trace.Panicking(s.mark); panicking {
			s.span.Panic(v)
		} else {
			weftEnd(&s.span, *err)
		}
	}
	s.span.End()
}

//weft:enter (*ClientConn).NewStream
func weftNewStream(s *weftCalling, cc *ClientConn, ctx *context.Context, _ **StreamDesc, method *string) {
	s.start(cc, *ctx, *method)
}

//weft:exit (*ClientConn).NewStream
func weftNewStreamed(s *weftCalling, _ *ClientConn, _ *context.Context, _ **StreamDesc, _ *string, _ *[]CallOption, cs *ClientStream, err *error) {
	c := s.call
	if c == nil {
		s.span.End()
		return
	}
	weftRemoveCall(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	v, panicking := trace.Panicking(s.mark)
	if panicking || *err != nil || c.stream == nil {
		// Without a stream of gRPC's there is nothing to wait for: an interceptor has
		// answered the call by itself.
		c.describe(&s.span)
		if panicking {
			s.span.Panic(v)
		} else {
			weftEnd(&s.span, *err)
		}
		s.span.End()
		return
	}
	s.span.Detach()
	c.span, c.opened = s.span, true
	if c.over {
		c.end()
	}
}

// end records the span of a stream. c.mu is held.
func (c *weftCall) end() {
	c.describe(&c.span)
	weftEnd(&c.span, c.err)
	c.span.End()
	c.opened, c.stream = false, nil
}

// describe says what gRPC has told of the call. c.mu is held.
func (c *weftCall) describe(span *trace.Span) {
	if c.stream != nil {
		weftPeer(span, c.stream.weft.wire.Peer())
	}
	for i, r := range c.retries {
		span.EventAt(weftRetryEvent, r.at)
		span.EventInt(weftAttemptKey, int64(i)+2)
		if r.cause != nil {
			if st, ok := weftStatus(r.cause); ok {
				span.EventStr(weftErrorTypeKey, weftCode(st.Code()))
				if m := st.Message(); m != "" {
					span.EventStr(weftErrorMessageKey, m)
				}
			}
		}
	}
	if n := len(c.retries); n > 0 {
		span.Int(weftResendKey, int64(n))
	}
}

// weftEnd says how a call has ended.
func weftEnd(span *trace.Span, err error) {
	if err == nil || err == io.EOF {
		span.Str(weftStatusKey, weftCode(codes.OK))
		return
	}
	st, ok := weftStatus(err)
	if !ok {
		span.Str(weftStatusKey, weftCode(codes.Unknown))
		span.Error(err)
		return
	}
	code := weftCode(st.Code())
	span.Str(weftStatusKey, code)
	span.Fail(code, st.Message())
}

// weftClientStream is what a stream of gRPC's has for the call it was made for.
type weftClientStream struct {
	wire    transport.WeftCall
	started bool
	call    *weftCall // nil if nothing is recorded
	cause   error     // of the end of the last attempt, guarded by the stream's mu
}

//weft:field clientStream weft weftClientStream

// weftAttempt runs first on the goroutine that makes the call.
//
//weft:enter (*clientStream).newAttemptLocked
func weftAttempt(cs *clientStream) {
	w := &cs.weft
	if w.started {
		if c := w.call; c != nil {
			c.mu.Lock()
			if len(c.retries) < 64 {
				c.retries = append(c.retries, weftRetry{trace.Ticks(), w.cause})
			}
			c.mu.Unlock()
		}
		return
	}
	w.started = true
	current, ok := trace.CurrentContext()
	if !ok {
		return
	}
	w.wire.Start(current, cs.desc == unaryStreamDesc)
	cs.callHdr.WeftCall = &w.wire
	if !current.Sampled {
		return
	}
	if c := weftFindCall(current, cs.callHdr.Method); c != nil {
		c.mu.Lock()
		c.stream, c.over, c.err = cs, false, nil
		w.call = c
		c.mu.Unlock()
	}
}

//weft:enter (*csAttempt).finish
func weftAttemptEnd(a *csAttempt, err *error) {
	if a.cs != nil && a.cs.weft.call != nil {
		a.cs.weft.cause = *err
	}
}

// weftFinish is where every stream ends. The first one to come is the one that
// says how; what it does makes others come.
//
//weft:enter (*clientStream).finish
func weftFinish(cs *clientStream, err *error) {
	c := cs.weft.call
	if c == nil {
		return
	}
	c.mu.Lock()
	if c.stream == cs && !c.over {
		c.over, c.err = true, *err
		if c.opened {
			c.end()
		}
	}
	c.mu.Unlock()
}

// weftTarget is what a ClientConn was made for, as attributes show it.
type weftTarget struct {
	once sync.Once
	host string
	port int64
}

//weft:field ClientConn weft weftTarget

// of takes cc's target apart, once.
func (t *weftTarget) of(cc *ClientConn) (host string, port int64) {
	t.once.Do(func() {
		endpoint := cc.parsedTarget.Endpoint()
		switch cc.parsedTarget.URL.Scheme {
		case "dns", "passthrough":
			t.host, t.port = weftHostPort(endpoint)
		case "unix":
			t.host = endpoint
			if t.host == "" {
				t.host = strings.TrimPrefix(cc.target, "unix:")
			}
		case "unix-abstract":
			t.host = "@" + endpoint
		default:
			t.host = cc.target
		}
	})
	return t.host, t.port
}
