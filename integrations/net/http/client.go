//go:build weft

// # Client
//
// One span of kind client for each request that a Transport sends, as a child of
// the calling goroutine's span: whoever calls it, and whatever RoundTripper is
// around it. A span that the program has put into the request's context.Context, by an
// API for spans, goes before that; if it is a client's span with attributes of
// HTTP there is no other one. Where there is no span, and the program has put a trace context into the
// header by itself, that is the parent. Each hop of a redirect is a span of its own, a request that
// the Transport sends again by itself because a connection was lost is not. The
// trace context goes out in the headers of a private copy of the request: the
// caller's Request and its Header are not touched.
//
// The span ends when the body of the response has been read or closed, or has
// arrived completely; without a body, with the response. A body that is neither
// read nor closed is a leak of the program's, and the span is lost unless the
// body was small.
//
//	name                         "GET"
//	http.request.method          GET, …; _OTHER if unknown, and then
//	http.request.method_original what was sent
//	url.full                     without credentials and the values of signatures
//	server.address, server.port  from the URL
//	network.peer.address, .port  the other end of the connection (HTTP/1)
//	network.protocol.version     1.0, 1.1, 2
//	http.request.body.size       as declared
//	http.request.resend_count    redirects that led here, and times it was sent again; if any
//	http.response.status_code
//	http.response.body.size      as declared by the server
//	error.type                   404, …, or the type of an error
//
// Status 4xx and 5xx and errors set the span's status to error.
//
// Events tell what the time went to, each with the time that it happened:
// http.dns.start, http.dns.done, http.connect.start, http.connect.done (with
// network.peer.address), http.tls.start, http.tls.done, http.got_conn (with
// http.connection.reused; HTTP/1), http.wrote_request (HTTP/1), http.first_byte. With
// WEFT_HTTP_CLIENT_SPANS=true, DNS, connect and TLS are child spans instead.
package http

import (
	"context"
	"crypto/tls"
	"internal/nettrace"
	"io"
	"maps"
	"net"
	"net/http/httptrace"
	"os"
	"sync"
	"weft/propagate"
	"weft/trace"
)

var (
	weftURLKey      = trace.NewKey("url.full")
	weftResendKey   = trace.NewKey("http.request.resend_count")
	weftReusedKey   = trace.NewKey("http.connection.reused")
	weftErrorKey    = trace.NewKey("error.message")
	weftDNSStart    = trace.NewKey("http.dns.start")
	weftDNSDone     = trace.NewKey("http.dns.done")
	weftDial        = trace.NewKey("http.connect.start")
	weftDialed      = trace.NewKey("http.connect.done")
	weftTLSStart    = trace.NewKey("http.tls.start")
	weftTLSDone     = trace.NewKey("http.tls.done")
	weftGotConn     = trace.NewKey("http.got_conn")
	weftWrote       = trace.NewKey("http.wrote_request")
	weftFirstByte   = trace.NewKey("http.first_byte")
	weftHostNameKey = trace.NewKey("dns.question.name")
)

// weftClientSpans: DNS, connect and TLS as child spans.
var weftClientSpans = os.Getenv("WEFT_HTTP_CLIENT_SPANS") == "true" || os.Getenv("WEFT_HTTP_CLIENT_SPANS") == "1"

// weftCall is one request on its way. It is the context of the copy of the
// request that the Transport works with, so that all of its goroutines find it.
type weftCall struct {
	context.Context // the request's own
	orig            *Request
	copy            Request
	recording       bool
	restore         func() // gives the goroutine its context back; nil if that is the span's
	conns           int    // how often it got a connection

	mu       sync.Mutex
	span     trace.Span
	events   []weftEvent
	room     [3]weftEvent // for the usual ones
	children map[string]*trace.Span
	ended    bool
	stream   bool // over HTTP/2, whose streams end by themselves
	streamed bool // the stream has ended, with streamErr
	returned bool // the caller has the response
	err      error
}

type weftEvent struct {
	name, key trace.Key
	at        int64
	str       string
	num       int64
}

type weftCallKey struct{}

// Value makes the call known to those who have its context, and package net
// report to it.
func (c *weftCall) Value(key any) any {
	switch key.(type) {
	case weftCallKey:
		return c
	case nettrace.TraceKey:
		return c.net()
	}
	return c.Context.Value(key)
}

// weftCallOf returns the call whose copy, or copy's copy, r is; nil if none.
func weftCallOf(r *Request) *weftCall {
	c, _ := r.ctx.(*weftCall)
	return c
}

// event adds an event of now. Any goroutine may call it, at any time.
func (c *weftCall) event(e weftEvent) {
	e.at = trace.Ticks()
	c.mu.Lock()
	if !c.ended && c.recording && len(c.events) < 64 {
		if c.events == nil {
			c.events = c.room[:0]
		}
		c.events = append(c.events, e)
	}
	c.mu.Unlock()
}

// end records the span, once. c.mu is held.
func (c *weftCall) end(err error) {
	if c.ended {
		return
	}
	c.ended = true
	for _, e := range c.events {
		c.span.EventAt(e.name, e.at)
		if e.str != "" {
			c.span.EventStr(e.key, e.str)
		} else if e.key != 0 {
			c.span.EventInt(e.key, e.num)
		}
	}
	c.span.Error(err)
	c.span.End()
}

// weftTrip is what is kept between the start and the end of a round trip.
type weftTrip struct{ call *weftCall }

// The join point is the small function around the one that does the work: a
// deferred call there costs a frame of its size, in which the fast path of defer is
// no longer taken, and a copy of the stack of many a goroutine.
//
//weft:enter (*Transport).RoundTrip
func weftRoundTrip(s *weftTrip, _ *Transport, req **Request) { s.call = weftSend(req) }

//weft:exit (*Transport).RoundTrip
func weftRoundTripped(s *weftTrip, _ *Transport, _ **Request, resp **Response, err *error) {
	if s.call != nil {
		s.call.received(*resp, *err)
	}
}

// weftSend starts a span for *req and replaces it by a copy that carries the
// trace context. It leaves alone what the Transport will refuse.
func weftSend(req **Request) *weftCall {
	r := *req
	if r == nil || r.URL == nil || r.Header == nil || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return nil
	}
	c := new(weftCall)
	method := weftMethod(r.Method)
	child := c.start(r, method)
	out := c.span.ContextIn(r.Context())
	if !out.Valid() {
		return nil // tracing is off
	}
	if c.recording = c.span.Recording(); c.recording {
		c.request(r, method)
	} else if child {
		// What the Transport's goroutines send has contexts of other requests, which
		// a goroutine without a span of its own would adopt.
		c.restore = trace.Mute()
		c.restore()
	}
	c.Context = r.Context()
	c.orig = r
	c.copy = *r
	c.copy.ctx = c
	c.copy.Header = maps.Clone(r.Header)
	propagate.Inject(out, c.copy.Header)
	*req = &c.copy
	return c
}

// start begins the span. Where no span is current, a context that the program has
// put into the header by itself is the parent. It reports whether one is current.
func (c *weftCall) start(r *Request, method string) (child bool) {
	_, _, child = trace.Current()
	if !child && !trace.SpanIn(r.Context()) {
		if out := propagate.Extract(r.Header); out.Valid() {
			c.span.StartRemote(method, trace.KindClient, out)
			return false
		}
	}
	c.span.StartIn(r.Context(), "http", method, trace.KindClient)
	return child
}

func (c *weftCall) request(r *Request, method string) {
	span := &c.span
	span.Str(weftMethodKey, method)
	if method == "_OTHER" {
		span.SetName("HTTP")
		span.Str(weftMethodOriginalKey, r.Method)
	}
	span.Str(weftURLKey, weftURL(r.URL))
	if host, port := weftHostPort(r.URL.Host); host != "" {
		if port == 0 {
			port = 80
			if r.URL.Scheme == "https" {
				port = 443
			}
		}
		span.Str(weftServerAddressKey, host)
		span.Int(weftServerPortKey, port)
	}
	if r.ContentLength > 0 {
		span.Int(weftRequestSizeKey, r.ContentLength)
	}
}

// received looks at the outcome of the round trip, and gives the goroutine its
// former context back.
func (c *weftCall) received(resp *Response, err error) {
	if resp != nil {
		c.giveBack(resp)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.recording {
		c.end(nil)
		if c.restore != nil {
			c.restore()
		}
		return
	}
	resends := c.conns - 1
	for r := c.orig.Response; r != nil && resends < 100; r = r.Request.Response {
		resends++
		if r.Request == nil {
			break
		}
	}
	if resends > 0 {
		c.span.Int(weftResendKey, int64(resends))
	}
	if resp == nil {
		if err == nil {
			c.span.Fail("panic", "")
		}
		c.end(err)
		return
	}
	c.span.Int(weftStatusKey, int64(resp.StatusCode))
	c.span.Str(weftVersionKey, weftVersion(resp.ProtoMajor, resp.ProtoMinor))
	if resp.ContentLength > 0 {
		c.span.Int(weftResponseSizeKey, resp.ContentLength)
	}
	if resp.StatusCode >= 400 {
		c.span.Fail(weftStatusText(resp.StatusCode), "")
	}
	c.span.Detach()
	c.returned = true
	if c.stream && resp.Body != NoBody {
		if c.streamed {
			c.end(c.err)
		}
		return
	}
	if !c.follow(resp.Body) {
		c.end(nil)
	}
}

// giveBack gives resp the request that it would have.
func (c *weftCall) giveBack(resp *Response) {
	r := resp.Request
	switch {
	case r == &c.copy:
		resp.Request = c.orig
	case r != nil && r != c.orig && weftCallOf(r) == c:
		// A copy of the copy, which the Transport may still use.
		o := *r
		o.ctx = c.orig.ctx
		o.Header = c.orig.Header
		resp.Request = &o
	}
}

// follow sees to it that the span ends with body, a response's over HTTP/1. It
// reports whether there is anything to wait for.
func (c *weftCall) follow(body io.ReadCloser) bool {
	es, ok := body.(*bodyEOFSignal)
	if gz, isGzip := body.(*gzipReader); isGzip {
		es, ok = gz.body, true
	}
	if !ok || es.fn == nil || weftArrived(es) {
		return false
	}
	fn, early := es.fn, es.earlyCloseFn
	es.fn = func(err error) error {
		if err == nil || err == io.EOF {
			c.done(nil)
			return fn(err)
		}
		err = fn(err)
		c.done(err)
		return err
	}
	if early != nil {
		es.earlyCloseFn = func() error {
			c.done(nil)
			return early()
		}
	}
	return true
}

// weftArrived says whether all of a body of known length is here already.
func weftArrived(es *bodyEOFSignal) bool {
	b, ok := es.body.(*body)
	if !ok {
		return false
	}
	lr, ok := b.src.(*io.LimitedReader)
	if !ok {
		return false
	}
	buf, ok := lr.R.(interface{ Buffered() int })
	return ok && int64(buf.Buffered()) >= lr.N
}

func (c *weftCall) done(err error) {
	c.mu.Lock()
	c.end(err)
	c.mu.Unlock()
}

// WeftHeaders and WeftStreamEnd are for the implementation of HTTP/2, which is
// another package since Go 1.27. They report that a stream has brought headers,
// and that it has ended.
func (c *weftCall) WeftHeaders() {
	c.event(weftEvent{name: weftFirstByte})
	c.mu.Lock()
	c.stream, c.streamed, c.err = true, false, nil
	c.mu.Unlock()
}

func (c *weftCall) WeftStreamEnd(err error) {
	c.mu.Lock()
	c.streamed, c.err = true, err
	if c.returned {
		c.end(err)
	}
	c.mu.Unlock()
}

// A Transport finds the request to cancel by the caller's pointer.
//
//weft:enter (*Transport).prepareTransportCancel
func weftPrepareCancel(_ *Transport, req **Request) {
	if c := weftCallOf(*req); c != nil && *req == &c.copy {
		*req = c.orig
	}
}

// weftProxying is set while Transport.Proxy looks at the caller's request.
type weftProxying struct{ copy *Request }

//weft:enter (*Transport).connectMethodForRequest
func weftProxy(s *weftProxying, t *Transport, treq **transportRequest) {
	if t.Proxy == nil {
		return
	}
	if c := weftCallOf((*treq).Request); c != nil && (*treq).Request == &c.copy {
		s.copy = &c.copy
		(*treq).Request = c.orig
	}
}

//weft:exit (*Transport).connectMethodForRequest
func weftProxied(s *weftProxying, _ *Transport, treq **transportRequest) {
	if s.copy != nil {
		(*treq).Request = s.copy
	}
}

// weftOnConn is where a request has its connection, over HTTP/1.
//
//weft:enter (*persistConn).roundTrip
func weftOnConn(pc *persistConn, treq **transportRequest) {
	c := weftCallOf((*treq).Request)
	if c == nil {
		return
	}
	c.conns++
	if !c.recording {
		return
	}
	e := weftEvent{name: weftGotConn, key: weftReusedKey}
	if pc.isReused() {
		e.num = 1
	}
	if pc.weftPeer == "" {
		pc.weftPeer = weftPeer(pc.conn)
	}
	if host, port := weftHostPort(pc.weftPeer); port > 0 {
		c.span.Str(weftPeerAddressKey, host)
		c.span.Int(weftPeerPortKey, port)
	}
	c.event(e)
}

// weftPeer is the address of the other end of conn. Only connections of package
// net are asked: who knows what others do.
func weftPeer(conn net.Conn) string {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		if a := t.RemoteAddr(); a != nil {
			return a.String()
		}
	}
	return "-"
}

// The address of the other end is made a string once per connection.
//
//weft:field persistConn weftPeer string

//weft:exit (*Request).write
func weftWritten(r *Request) {
	if c := weftCallOf(r); c != nil {
		c.event(weftEvent{name: weftWrote})
	}
}

//weft:enter (*persistConn).readResponse
func weftReadResponse(_ *persistConn, rc *requestAndChan) {
	if c := weftCallOf(rc.treq.Request); c != nil {
		c.event(weftEvent{name: weftFirstByte})
	}
}

// weftHandshake is what is kept between the start and the end of a handshake.
type weftHandshake struct{ call *weftCall }

//weft:enter (*persistConn).addTLS
func weftAddTLS(s *weftHandshake, _ *persistConn, ctx *context.Context, name *string, _ **httptrace.ClientTrace) {
	if s.call, _ = (*ctx).Value(weftCallKey{}).(*weftCall); s.call != nil {
		s.call.begin("tls", weftEvent{name: weftTLSStart})
	}
}

//weft:exit (*persistConn).addTLS
func weftAddedTLS(s *weftHandshake, _ *persistConn, _ *context.Context, name *string, _ **httptrace.ClientTrace, err *error) {
	if s.call != nil {
		s.call.finish("tls", weftEvent{name: weftTLSDone}, *err)
	}
}

// net returns hooks for package net, which call those that the request's context
// has, if it has any.
func (c *weftCall) net() *nettrace.Trace {
	old, _ := c.Context.Value(nettrace.TraceKey{}).(*nettrace.Trace)
	if !c.recording {
		return old
	}
	if old == nil {
		old = new(nettrace.Trace)
	}
	t := *old
	t.DNSStart = func(name string) {
		if old.DNSStart != nil {
			old.DNSStart(name)
		}
		c.begin("dns", weftEvent{name: weftDNSStart, key: weftHostNameKey, str: name})
	}
	t.DNSDone = func(addrs []any, coalesced bool, err error) {
		c.finish("dns", weftEvent{name: weftDNSDone}, err)
		if old.DNSDone != nil {
			old.DNSDone(addrs, coalesced, err)
		}
	}
	t.ConnectStart = func(network, addr string) {
		if old.ConnectStart != nil {
			old.ConnectStart(network, addr)
		}
		c.begin("connect "+addr, weftEvent{name: weftDial, key: weftPeerAddressKey, str: addr})
	}
	t.ConnectDone = func(network, addr string, err error) {
		c.finish("connect "+addr, weftEvent{name: weftDialed, key: weftPeerAddressKey, str: addr}, err)
		if old.ConnectDone != nil {
			old.ConnectDone(network, addr, err)
		}
	}
	return &t
}

// begin notes the start of a part of the call, as an event or a child span.
func (c *weftCall) begin(part string, e weftEvent) {
	if !weftClientSpans {
		c.event(e)
		return
	}
	child := new(trace.Span)
	child.Start(part, trace.KindInternal)
	if e.str != "" {
		child.Str(e.key, e.str)
	}
	c.mu.Lock()
	if c.children == nil {
		c.children = make(map[string]*trace.Span)
	}
	c.children[part] = child
	c.mu.Unlock()
}

// finish notes its end, on the same goroutine.
func (c *weftCall) finish(part string, e weftEvent, err error) {
	if weftClientSpans {
		c.mu.Lock()
		child := c.children[part]
		delete(c.children, part)
		c.mu.Unlock()
		if child != nil {
			child.Error(err)
			child.End()
		}
		return
	}
	if err != nil {
		e.key, e.str = weftErrorKey, err.Error()
	}
	c.event(e)
}
