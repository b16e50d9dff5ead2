//go:build weft

// What weft records of net/http, by the OpenTelemetry conventions for HTTP.
//
// # Server
//
// One span of kind server for each request that a Server serves, over HTTP/1 and
// HTTP/2, from the call of the handler to its return. A handler that hijacks its
// connection has a span until it returns. What a handler leaves to be sent after
// its return (at most the last 4 KiB, and trailers) is not in the span's time.
//
//	name                         "GET /users/{id}"; "GET" if no ServeMux routed the request
//	http.request.method          GET, …; _OTHER if unknown, and then
//	http.request.method_original what the client sent
//	http.route                   /users/{id}: the path of the pattern that matched in a ServeMux, also
//	                             one behind middleware that copied the request; the innermost
//	                             one of several
//	url.scheme, url.path         as the client sent them
//	url.query                    the same; the values of signatures are left out
//	server.address, server.port  from the Host header
//	client.address               first of X-Forwarded-For, or the peer
//	network.peer.address, .port  the other end of the connection
//	network.protocol.version     1.0, 1.1, 2
//	user_agent.original
//	http.request.body.size       as declared by Content-Length
//	http.response.status_code    as sent; none if the handler panicked before, or hijacked
//	http.response.body.size      bytes that the handler wrote
//	error.type                   500, …, or the type of a panic
//
// Status 5xx sets the span's status to error, and so does a panic, which is also
// an event (exception.type, .message, .stacktrace). A handler that panics with
// ErrAbortHandler means to cut its response short: that is an event "http.aborted"
// and no error.
//
// Not recorded: requests that the server refuses before there is a Request
// (malformed, headers too large), and what runs on a hijacked connection, such as
// the HTTP/2 of golang.org/x/net/http2/h2c.
//
// # Client
//
// See client.go.
package http

import (
	"net/url"
	"strconv"
	"strings"
	"weft/propagate"
	"weft/trace"
)

var (
	weftMethodKey         = trace.NewKey("http.request.method")
	weftMethodOriginalKey = trace.NewKey("http.request.method_original")
	weftRouteKey          = trace.NewKey("http.route")
	weftSchemeKey         = trace.NewKey("url.scheme")
	weftPathKey           = trace.NewKey("url.path")
	weftQueryKey          = trace.NewKey("url.query")
	weftServerAddressKey  = trace.NewKey("server.address")
	weftServerPortKey     = trace.NewKey("server.port")
	weftClientAddressKey  = trace.NewKey("client.address")
	weftPeerAddressKey    = trace.NewKey("network.peer.address")
	weftPeerPortKey       = trace.NewKey("network.peer.port")
	weftVersionKey        = trace.NewKey("network.protocol.version")
	weftUserAgentKey      = trace.NewKey("user_agent.original")
	weftRequestSizeKey    = trace.NewKey("http.request.body.size")
	weftStatusKey         = trace.NewKey("http.response.status_code")
	weftResponseSizeKey   = trace.NewKey("http.response.body.size")
	weftAborted           = trace.NewKey("http.aborted")
)

// weftServing is what is kept between the start and the end of a request.
type weftServing struct {
	span   trace.Span
	method string
	mark   uintptr
}

//weft:enter (serverHandler).ServeHTTP
func weftServe(s *weftServing, sh serverHandler, rw *ResponseWriter, req **Request) {
	r := *req
	if r.Method == "PRI" {
		return // a connection of HTTP/2, which the handler may know to serve
	}
	s.mark = trace.PanicMark()
	s.method = weftMethod(r.Method)
	s.span.StartRemote(s.method, trace.KindServer, propagate.Extract(r.Header))
	if s.span.Recording() {
		s.request(r)
	}
}

// request notes what r says now: handlers may change it.
func (s *weftServing) request(r *Request) {
	span := &s.span
	span.Str(weftMethodKey, s.method)
	if s.method == "_OTHER" {
		span.SetName("HTTP")
		span.Str(weftMethodOriginalKey, r.Method)
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	span.Str(weftSchemeKey, scheme)
	if r.URL != nil {
		path := r.URL.Path
		if r.URL.RawPath != "" {
			path = r.URL.RawPath
		}
		span.Str(weftPathKey, path)
		if r.URL.RawQuery != "" {
			span.Str(weftQueryKey, weftRedactQuery(r.URL.RawQuery))
		}
	}
	if host, port := weftHostPort(r.Host); host != "" {
		span.Str(weftServerAddressKey, host)
		if port > 0 {
			span.Int(weftServerPortKey, port)
		}
	}
	peer, port := weftHostPort(r.RemoteAddr)
	client := peer
	if f := r.Header["X-Forwarded-For"]; len(f) > 0 && f[0] != "" {
		client, _, _ = strings.Cut(f[0], ",")
		client = strings.TrimSpace(client)
	}
	if client != "" {
		span.Str(weftClientAddressKey, client)
	}
	if peer != "" {
		span.Str(weftPeerAddressKey, peer)
		span.Int(weftPeerPortKey, port)
	}
	span.Str(weftVersionKey, weftVersion(r.ProtoMajor, r.ProtoMinor))
	if ua := r.Header["User-Agent"]; len(ua) > 0 {
		span.Str(weftUserAgentKey, ua[0])
	}
	if r.ContentLength > 0 {
		span.Int(weftRequestSizeKey, r.ContentLength)
	}
}

//weft:exit (serverHandler).ServeHTTP
func weftServed(s *weftServing, sh serverHandler, rw *ResponseWriter, req **Request) {
	if s.span.Recording() {
		s.response(*rw, *req)
	}
	s.span.End()
}

func (s *weftServing) response(rw ResponseWriter, r *Request) {
	span := &s.span
	var pattern, route string
	if p := span.Route(); p != nil {
		pattern = *p
	} else if r.pat != nil {
		pattern = r.pat.str
	}
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		route = strings.TrimSuffix(pattern[i:], "{$}")
	}
	if route != "" {
		span.Str(weftRouteKey, route)
		switch n := len(s.method); {
		case s.method == "_OTHER":
			span.SetName("HTTP " + route)
		case len(pattern) == n+1+len(route) && pattern[:n] == s.method && pattern[n] == ' ':
			span.SetName(pattern)
		default:
			span.SetName(s.method + " " + route)
		}
	}
	panicked, isPanic := trace.Panicking(s.mark)
	status, size, known := weftResponse(rw)
	if known {
		if status == 0 && !isPanic && !weftHijacked(rw) {
			status = StatusOK // which is sent when the handler has returned
		}
		if status != 0 {
			span.Int(weftStatusKey, int64(status))
		}
		if s.method != "HEAD" {
			span.Int(weftResponseSizeKey, size)
		}
	}
	if status >= 500 {
		span.Fail(weftStatusText(status), "")
	}
	if isPanic {
		if panicked == ErrAbortHandler {
			span.Event(weftAborted)
		} else {
			span.Panic(panicked)
		}
	}
}

// weftResponse returns the status that was sent for good, 0 if none, and the
// number of bytes of the body. It knows the server's own ResponseWriters.
func weftResponse(rw ResponseWriter) (status int, size int64, known bool) {
	if w, ok := rw.(*response); ok {
		return w.status, w.written, true
	}
	return weftResponse2(rw)
}

func weftHijacked(rw ResponseWriter) bool {
	w, ok := rw.(*response)
	return ok && w.conn.hijacked()
}

// weftRouted notes the route of a request where it is found: the Request may be
// a copy of the server's, or served on another goroutine.
//
//weft:exit (*ServeMux).findHandler
func weftRouted(mux *ServeMux, r **Request, h *Handler, str *string, pat **pattern) {
	if *pat != nil {
		trace.SetRoute(&(*pat).str)
	}
}

// weftMethod is method if it is a standard one, as a constant, and _OTHER if it
// is not.
func weftMethod(method string) string {
	switch method {
	case "", "GET":
		return "GET"
	case "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "CONNECT", "TRACE", "QUERY":
		return method
	}
	return "_OTHER"
}

func weftVersion(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1"
	case major == 1 && minor == 0:
		return "1.0"
	case major == 2:
		return "2"
	case major == 3:
		return "3"
	}
	return strconv.Itoa(major) + "." + strconv.Itoa(minor)
}

// weftStatusText is status as a string; the usual ones without allocation.
func weftStatusText(status int) string {
	switch status {
	case 400:
		return "400"
	case 401:
		return "401"
	case 403:
		return "403"
	case 404:
		return "404"
	case 429:
		return "429"
	case 500:
		return "500"
	case 502:
		return "502"
	case 503:
		return "503"
	case 504:
		return "504"
	}
	return strconv.Itoa(status)
}

// weftHostPort splits "host:port", "[host]:port" or "host"; port is 0 if there is
// none. Anything else is a host as a whole.
func weftHostPort(s string) (host string, port int64) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || s[len(s)-1] == ']' {
		return strings.Trim(s, "[]"), 0
	}
	for _, c := range []byte(s[colon+1:]) {
		if c < '0' || c > '9' || port > 1<<16 {
			return s, 0
		}
		port = port*10 + int64(c-'0')
	}
	return strings.Trim(s[:colon], "[]"), port
}

// weftSecrets is the parameters of a query whose values are signatures, by the
// conventions.
var weftSecrets = [...]string{"AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"}

// weftRedactQuery is query without the values that let others in. It is query
// itself if there are none.
func weftRedactQuery(query string) string {
	for _, name := range weftSecrets {
		if !strings.Contains(query, name) {
			continue
		}
		parts := strings.Split(query, "&")
		for i, p := range parts {
			if k, _, ok := strings.Cut(p, "="); ok && k == name {
				parts[i] = k + "=REDACTED"
			}
		}
		query = strings.Join(parts, "&")
	}
	return query
}

// weftURL is u as an attribute shows it, without credentials and signatures.
func weftURL(u *url.URL) string {
	if u.User == nil && u.Opaque == "" && u.RawPath == "" && u.RawQuery == "" && u.Fragment == "" && !strings.ContainsAny(u.Path, " %\"<>^`{}?#") {
		return u.Scheme + "://" + u.Host + u.Path
	}
	c := *u
	if u.User != nil {
		c.User = url.UserPassword("REDACTED", "REDACTED")
		if _, ok := u.User.Password(); !ok {
			c.User = url.User("REDACTED")
		}
	}
	c.RawQuery = weftRedactQuery(u.RawQuery)
	return c.String()
}
