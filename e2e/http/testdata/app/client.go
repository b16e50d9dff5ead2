package main

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func init() {
	scenarios["client"] = client
	scenarios["shared"] = sharedHeader
	scenarios["redirect"] = redirect
	scenarios["errors"] = clientErrors
	scenarios["bodies"] = bodies
	scenarios["resend"] = resend
	scenarios["hooks"] = hooks
	scenarios["transport"] = transports
	scenarios["remote"] = remote
	scenarios["http2"] = func() { http2(true) }
	scenarios["h2c"] = func() { http2(false) }
	scenarios["file"] = file
}

// client looks at the caller's request before and after.
func client() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer s.Close()
	ctx := context.WithValue(context.Background(), key{"a"}, 1)
	for _, data := range []string{"", "data"} {
		var in io.Reader
		if data != "" {
			in = strings.NewReader(data)
		}
		req, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/p?x=1", in)
		check(err)
		req.Header.Set("X-Mine", "1")
		before, header := *req, req.Header
		resp, err := c.Do(req)
		check(err)
		fmt.Println(resp.Status, body(resp))
		fmt.Println("response's request is mine:", resp.Request == req, reflect.DeepEqual(req.Header, http.Header{"X-Mine": {"1"}}),
			reflect.ValueOf(header).Pointer() == reflect.ValueOf(resp.Request.Header).Pointer(), req.Context() == before.Context(), req.URL == before.URL)
	}
	// Through the Transport alone, as custom clients do.
	req, _ := http.NewRequest("GET", s.URL, nil)
	resp, err := c.Transport.RoundTrip(req)
	check(err)
	fmt.Println(resp.Request == req, body(resp))
	// A request without anything.
	u, _ := url.Parse(s.URL)
	req = &http.Request{URL: u, Header: http.Header{}}
	resp, err = c.Transport.RoundTrip(req)
	check(err)
	fmt.Println(resp.Request == req, req.Method, req.Context() == context.Background(), body(resp))
	u.User = url.UserPassword("me", "secret")
	resp, b := get(c, u.String()+"/path?sig=secret&a=b#frag")
	fmt.Println(resp.Status, b)
}

// sharedHeader has many requests at once with one header.
func sharedHeader() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer s.Close()
	shared := http.Header{"X-Shared": {"1"}, "User-Agent": nil}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			req, _ := http.NewRequest("GET", s.URL, nil)
			req.Header = shared
			resp, err := c.Do(req)
			check(err)
			body(resp)
		})
	}
	wg.Wait()
	fmt.Println(len(shared), headers(shared))
}

func redirect() {
	mux := http.NewServeMux()
	for i := range 3 {
		mux.Handle(fmt.Sprintf("GET /%d", i), http.RedirectHandler(fmt.Sprintf("/%d", i+1), http.StatusFound))
	}
	mux.HandleFunc("GET /3", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "here") })
	s, c := serve(mux)
	defer s.Close()
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		fmt.Println("redirect to", req.URL.Path, len(via), req.Header["Traceparent"] == nil)
		return nil
	}
	resp, b := get(c, s.URL+"/0")
	fmt.Println(resp.Status, b, resp.Request.URL.Path)
}

func clientErrors() {
	stop := make(chan bool)
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
		case "/hang":
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		case "/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		}
	}))
	defer s.Close()
	do := func(ctx context.Context, url string) {
		req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp, err := c.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.Status, body(resp))
	}
	ctx := context.Background()
	do(ctx, s.URL+"/missing")
	do(ctx, "http://127.0.0.1:1/refused")
	do(ctx, s.URL+"/cut")
	done, cancel := context.WithCancelCause(ctx)
	cancel(errors.New("my cause"))
	do(done, s.URL+"/cancelled")
	short, cancel2 := context.WithTimeout(ctx, 10*time.Millisecond)
	do(short, s.URL+"/hang")
	cancel2()
	do(ctx, "http:///nohost")
	do(ctx, "gopher://example.com/")
	close(stop)
	_, err := c.Transport.RoundTrip(&http.Request{URL: &url.URL{Scheme: "http", Host: "x"}})
	fmt.Println(err)
	_, err = c.Transport.RoundTrip(&http.Request{Header: http.Header{}})
	fmt.Println(err)
	_, err = c.Transport.RoundTrip(&http.Request{URL: &url.URL{Scheme: "http", Host: "x"}, Header: http.Header{"Bad Name": {"x"}}})
	fmt.Println(err)
	// Cancelled through the deprecated way, by the caller's pointer.
	req, _ := http.NewRequest("GET", s.URL+"/wait", nil)
	s2, _ := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.Transport.(*http.Transport).CancelRequest(req)
		<-r.Context().Done()
	}))
	defer s2.Close()
	req.URL, _ = url.Parse(s2.URL)
	_, err = c.Do(req)
	fmt.Println(err)
}

func bodies() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/small":
			io.WriteString(w, "small")
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, strings.Repeat("z", 1000))
			z.Close()
		case "/large":
			w.Write(make([]byte, 1<<20))
		case "/chunked":
			for range 3 {
				io.WriteString(w, "chunk")
				w.(http.Flusher).Flush()
			}
		}
	}))
	defer s.Close()
	for _, path := range []string{"/none", "/small", "/gzip", "/large", "/chunked"} {
		resp, b := get(c, s.URL+path)
		fmt.Println(path, resp.Status, resp.ContentLength, resp.Uncompressed, len(b), fmt.Sprintf("%T", resp.Body))
	}
	// Closed without being read, twice, and read after that.
	resp, err := c.Get(s.URL + "/large")
	check(err)
	fmt.Println(resp.Body.Close(), resp.Body.Close())
	_, err = resp.Body.Read(make([]byte, 1))
	fmt.Println(err)
	// Never read nor closed: a leak, though a small one.
	_, err = c.Get(s.URL + "/small")
	check(err)
	resp, err = c.Head(s.URL + "/large")
	check(err)
	fmt.Println(resp.ContentLength, body(resp) == "")
}

// resend loses a connection that was idle, so that the Transport sends the
// request again on another one.
func resend() {
	n := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		if n == 2 {
			conn, _, err := http.NewResponseController(w).Hijack()
			check(err)
			conn.Close()
			return
		}
		io.Copy(w, r.Body)
	}))
	s.Start()
	defer s.Close()
	c := s.Client()
	req := func() *http.Request {
		r, err := http.NewRequest("PUT", s.URL, strings.NewReader("again"))
		check(err)
		r.Header.Set("Idempotency-Key", "1")
		return r
	}
	for range 2 {
		resp, err := c.Do(req())
		check(err)
		fmt.Println(resp.Status, body(resp))
	}
	fmt.Println(n)
}

// hooks has an httptrace of its own, which must still work.
func hooks() {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") }))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	var mu sync.Mutex
	var seen []string
	note := func(s string) {
		mu.Lock()
		if !slices.Contains(seen, s) {
			seen = append(seen, s)
		}
		mu.Unlock()
	}
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn:              func(string) { note("GetConn") },
		GotConn:              func(i httptrace.GotConnInfo) { note(fmt.Sprint("GotConn ", i.Reused)) },
		PutIdleConn:          func(error) { note("PutIdleConn") },
		GotFirstResponseByte: func() { note("GotFirstResponseByte") },
		DNSStart:             func(httptrace.DNSStartInfo) { note("DNSStart") },
		DNSDone:              func(httptrace.DNSDoneInfo) { note("DNSDone") },
		ConnectStart:         func(string, string) { note("ConnectStart") },
		ConnectDone:          func(string, string, error) { note("ConnectDone") },
		TLSHandshakeStart:    func() { note("TLSHandshakeStart") },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { note("TLSHandshakeDone") },
		WroteHeaderField:     func(k string, v []string) { note("WroteHeaderField") },
		WroteHeaders:         func() { note("WroteHeaders") },
		WroteRequest:         func(httptrace.WroteRequestInfo) { note("WroteRequest") },
	})
	url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	c := s.Client()
	c.Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com"
	for range 2 {
		req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
		resp, err := c.Do(req)
		check(err)
		fmt.Println(resp.Status, body(resp))
	}
	slices.Sort(seen)
	fmt.Println(seen)
}

type wrapper struct{ http.RoundTripper }

func (w wrapper) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Wrapped", "1")
	resp, err := w.RoundTripper.RoundTrip(r)
	fmt.Println("wrapper:", resp.Request == r)
	return resp, err
}

func transports() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Wrapped")) }))
	defer s.Close()
	var proxied *http.Request
	tr := c.Transport.(*http.Transport).Clone()
	tr.Proxy = func(r *http.Request) (*url.URL, error) { proxied = r; return nil, nil }
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		fmt.Println("dial", ctx.Value(key{"dial"}), ctx.Value(key{"none"}), httptrace.ContextClientTrace(ctx) == nil)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	req, _ := http.NewRequestWithContext(context.WithValue(context.Background(), key{"dial"}, "value"), "GET", s.URL, nil)
	resp, err := tr.RoundTrip(req)
	check(err)
	fmt.Println(resp.Status, body(resp), proxied == req)
	resp, b := get(&http.Client{Transport: wrapper{c.Transport}}, s.URL)
	fmt.Println(resp.Status, b)
	before := runtime.NumGoroutine()
	get(c, s.URL)
	fmt.Println(runtime.NumGoroutine() <= before+2)
	// A protocol of one's own.
	tr.RegisterProtocol("mine", wrapper2{})
	resp, b = get(&http.Client{Transport: tr}, "mine://host/path")
	fmt.Println(resp.Status, b)
}

type wrapper2 struct{}

func (wrapper2) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{Status: "299 Mine", StatusCode: 299, Request: r, Body: io.NopCloser(strings.NewReader(headers(r.Header)))}, nil
}

// remote is called by another process, whose trace goes on.
func remote() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			resp, b := get(http.DefaultClient, "http://"+r.Host+"/second")
			fmt.Println(resp.Status, b)
			return
		}
		// What the first one sent is not for stdout: a plain program sends nothing.
		if os.Getenv("WANT_CONTEXT") != "" {
			fmt.Println(r.Header["Traceparent"], r.Header["Tracestate"], r.Header["Baggage"])
		}
		io.WriteString(w, "second")
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	check(err)
	fmt.Fprintf(conn, "GET /first HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-%s\r\nTracestate: a=1,b=2\r\nBaggage: user=bob\r\n\r\n",
		s.Listener.Addr(), os.Args[2])
	io.Copy(io.Discard, conn)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	_ = c
}

func http2(secure bool) {
	n := runtime.NumGoroutine()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a/{id}", func(w http.ResponseWriter, r *http.Request) {
		abilities(w)
		fmt.Println(r.Proto, r.URL, headers(r.Header))
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "over two")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "1")
	})
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("controller:", http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Minute)), http.NewResponseController(w).EnableFullDuplex() != nil)
		io.Copy(w, r.Body)
	})
	mux.HandleFunc("/none", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/fail", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "fail", 500) })
	mux.HandleFunc("/hint", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103); w.WriteHeader(202) })
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic("boom") })
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 1<<20)) })
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(os.Stderr, "server: ", 0)
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP1(true)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	defer s.Close()
	c := s.Client()
	if !secure {
		tr := c.Transport.(*http.Transport).Clone()
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
		c.Transport = tr
	}
	resp, b := get(c, s.URL+"/a/1?x=y")
	fmt.Println(resp.Status, resp.Proto, b, headers(resp.Header), headers(resp.Trailer), resp.TLS != nil)
	req, _ := http.NewRequest("POST", s.URL+"/echo", strings.NewReader("ping"))
	resp, err := c.Do(req)
	check(err)
	fmt.Println(resp.Status, body(resp), resp.Request == req, len(req.Header), len(resp.Request.Header))
	for _, path := range []string{"/none", "/fail", "/hint", "/large"} {
		resp, b = get(c, s.URL+path)
		fmt.Println(path, resp.Status, len(b))
	}
	req, _ = http.NewRequest("POST", s.URL+"/panic", nil)
	_, err = c.Do(req)
	fmt.Println(err)
	resp, err = c.Get(s.URL + "/large")
	check(err)
	fmt.Println(resp.Body.Close())
	c.CloseIdleConnections()
	s.Close()
	settle(n)
}

// file is no HTTP at all.
func file() {
	tr := &http.Transport{}
	tr.RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
	resp, err := (&http.Client{Transport: tr}).Get("file:///nonexistent/x")
	check(err)
	fmt.Println(resp.Status)
}
