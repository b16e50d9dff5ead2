package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

func init() {
	scenarios["route"] = route
	scenarios["nomux"] = noMux
	scenarios["flush"] = flush
	scenarios["hijack"] = hijack
	scenarios["readfrom"] = readFrom
	scenarios["controller"] = controller
	scenarios["headers"] = lateHeaders
	scenarios["informational"] = informational
	scenarios["panics"] = panics
	scenarios["context"] = contextIdentity
	scenarios["recorder"] = recorder
	scenarios["shutdown"] = shutdown
	scenarios["timeout"] = timeoutHandler
	scenarios["proxy"] = proxy
	scenarios["upgrade"] = upgrade
	scenarios["raw"] = raw
}

func route() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Pattern, r.PathValue("id"), r.URL, r.ContentLength, headers(r.Header))
		io.WriteString(w, "hello")
	})
	mux.HandleFunc("/static/", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /upload", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		http.Error(w, fmt.Sprint(n), http.StatusTeapot)
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	inner := http.NewServeMux()
	inner.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Println(r.Pattern, r.URL.Path) })
	mux.Handle("/api/", http.StripPrefix("/api", inner))
	// Middleware that copies the request, as most that has something for the context does.
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), "user", "bob")))
		fmt.Printf("outer pattern %q\n", r.Pattern)
	}))
	defer s.Close()
	for _, path := range []string{"/users/5?q=a%20b&sig=secret", "/static/a/b.css", "/fail", "/nowhere", "/api/items/7"} {
		resp, b := get(c, s.URL+path)
		fmt.Println(path, resp.Status, b)
	}
	resp, err := c.Post(s.URL+"/upload", "text/plain", strings.NewReader("0123456789"))
	check(err)
	fmt.Println(resp.Status, body(resp))
	req, _ := http.NewRequest("BREW", s.URL+"/static/coffee", nil)
	req.Header.Set("X-Forwarded-For", "203.0.113.7, 10.0.0.1")
	resp, err = c.Do(req)
	check(err)
	fmt.Println(resp.Status, body(resp))
}

func noMux() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %q", r.URL.Path, r.Pattern) }))
	defer s.Close()
	resp, b := get(c, s.URL+"/a/b")
	fmt.Println(resp.Status, b)
	resp, err := c.Head(s.URL + "/a/b")
	check(err)
	fmt.Println(resp.Status, resp.ContentLength, body(resp))
}

func flush() {
	more := make(chan bool)
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		abilities(w)
		io.WriteString(w, "one\n")
		w.(http.Flusher).Flush()
		<-more
		io.WriteString(w, "two\n")
	}))
	defer s.Close()
	resp, err := c.Get(s.URL)
	check(err)
	in := bufio.NewReader(resp.Body)
	line, _ := in.ReadString('\n')
	fmt.Print(line) // before the handler goes on
	close(more)
	line, _ = in.ReadString('\n')
	fmt.Print(line)
	resp.Body.Close()
}

func hijack() {
	n := runtime.NumGoroutine()
	s, _ := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		check(err)
		defer conn.Close()
		_, err = w.Write([]byte("x"))
		fmt.Println("write after hijack:", err)
		line, _ := rw.ReadString('\n')
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\n\r\nyou said %s", line)
		rw.Flush()
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	check(err)
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi\n")
	b, err := io.ReadAll(conn)
	fmt.Printf("%q %v\n", b, err)
	conn.Close()
	s.Close()
	settle(n)
}

// noisyListener has connections that say when sendfile's way is taken.
type noisyListener struct{ net.Listener }

type noisyConn struct{ *net.TCPConn }

func (l noisyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return noisyConn{c.(*net.TCPConn)}, nil
}

func (c noisyConn) ReadFrom(r io.Reader) (int64, error) {
	lr, _ := r.(*io.LimitedReader)
	if lr != nil {
		r = lr.R
	}
	fmt.Printf("ReadFrom(%T)\n", r)
	return c.TCPConn.ReadFrom(r)
}

func readFrom() {
	dir, err := os.MkdirTemp("", "app")
	check(err)
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "file.bin")
	check(os.WriteFile(name, []byte(strings.Repeat("0123456789abcdef", 1<<14)), 0o666))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) }))
	s.Listener = noisyListener{s.Listener}
	s.Start()
	defer s.Close()
	resp, b := get(s.Client(), s.URL)
	fmt.Println(resp.Status, len(b), resp.Header.Get("Accept-Ranges"))
}

func controller() {
	done := make(chan bool)
	s, _ := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { done <- true }()
		rc := http.NewResponseController(w)
		switch r.URL.Path {
		case "/duplex":
			fmt.Println("full duplex:", rc.EnableFullDuplex())
			in := bufio.NewReader(r.Body)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				io.WriteString(w, "echo "+line)
				check(rc.Flush())
			}
		case "/read":
			fmt.Println("read deadline:", rc.SetReadDeadline(time.Now().Add(-time.Second)))
			_, err := io.ReadAll(r.Body)
			fmt.Println("read:", errors.Is(err, os.ErrDeadlineExceeded))
		case "/write":
			fmt.Println("write deadline:", rc.SetWriteDeadline(time.Now().Add(-time.Second)))
			_, err := w.Write(make([]byte, 1<<16))
			fmt.Println("write:", errors.Is(err, os.ErrDeadlineExceeded))
		}
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	check(err)
	fmt.Fprintf(conn, "POST /duplex HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(err)
	in := bufio.NewReader(resp.Body)
	line, _ := in.ReadString('\n')
	fmt.Print(line)
	fmt.Fprintf(conn, "4\r\ntwo\n\r\n0\r\n\r\n")
	line, _ = in.ReadString('\n')
	fmt.Print(line)
	<-done
	conn.Close()
	for _, path := range []string{"/read", "/write"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		check(err)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path, 10*strings.Count(path, "read"))
		<-done
		conn.Close()
	}
}

func lateHeaders() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Early", "1")
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusOK) // superfluous, and reported
		w.Header().Set("X-Late", "1")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-More", "43")
	}))
	defer s.Close()
	s.Config.ErrorLog = log.New(os.Stdout, "server: ", 0)
	resp, err := c.Get(s.URL)
	check(err)
	fmt.Println(resp.Status, headers(resp.Header), "trailer", headers(resp.Trailer))
	fmt.Println(body(resp), "trailer", headers(resp.Trailer))
}

func informational() {
	s, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		b, err := io.ReadAll(r.Body) // sends 100 Continue
		fmt.Println("read", len(b), err)
		w.WriteHeader(http.StatusCreated)
	}))
	defer s.Close()
	c.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got100Continue: func() { fmt.Println("100") },
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error { fmt.Println(code, h["Link"]); return nil },
	})
	req, _ := http.NewRequestWithContext(ctx, "PUT", s.URL, strings.NewReader("data"))
	req.Header.Set("Expect", "100-continue")
	resp, err := c.Do(req)
	check(err)
	fmt.Println(resp.Status, body(resp))
}

type customError struct{}

func (customError) Error() string { return "custom" }

func panics() {
	mux := http.NewServeMux()
	mux.HandleFunc("/string", func(w http.ResponseWriter, r *http.Request) { panic("boom") })
	mux.HandleFunc("/error", func(w http.ResponseWriter, r *http.Request) { panic(customError{}) })
	mux.HandleFunc("/runtime", func(w http.ResponseWriter, r *http.Request) { var m map[string]int; m["a"] = 1 })
	mux.HandleFunc("/nil", func(w http.ResponseWriter, r *http.Request) { panic(nil) })
	mux.HandleFunc("/late", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "started")
		w.(http.Flusher).Flush()
		panic("late")
	})
	mux.HandleFunc("/abort", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/recovered", func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			fmt.Println("recovered", v)
			http.Error(w, "sorry", http.StatusInternalServerError)
		}()
		panic("inner")
	})
	mux.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) {
		defer func() { panic(fmt.Sprint("again ", recover())) }()
		panic("first")
	})
	mux.HandleFunc("/goexit", func(w http.ResponseWriter, r *http.Request) { runtime.Goexit() })
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(os.Stderr, "server: ", 0)
	s.Start()
	defer s.Close()
	for _, path := range []string{"/string", "/error", "/runtime", "/nil", "/late", "/abort", "/recovered", "/again", "/goexit"} {
		req, _ := http.NewRequest("POST", s.URL+path, nil) // not sent again
		resp, err := s.Client().Do(req)
		if err != nil {
			fmt.Println(path, err)
			continue
		}
		fmt.Println(path, resp.Status, body(resp))
	}
}

type key struct{ name string }

func contextIdentity() {
	var seen *http.Request
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		ctx := r.Context()
		fmt.Println(ctx.Value(key{"base"}), ctx.Value(key{"conn"}), ctx.Value(http.ServerContextKey) != nil, r.Context() == ctx)
		chain := fmt.Sprint(ctx)
		fmt.Println(strings.Count(chain, "With"), strings.Contains(chain, "weft"))
		r2 := r.WithContext(context.WithValue(ctx, key{"mine"}, 1))
		fmt.Println(r2.Context().Value(key{"mine"}), r.Context().Value(key{"mine"}))
		fmt.Printf("%+v\n", r.URL)
	}))
	s.Config.BaseContext = func(net.Listener) context.Context {
		return context.WithValue(context.Background(), key{"base"}, "b")
	}
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, key{"conn"}, "c")
	}
	s.Start()
	get(s.Client(), s.URL)
	<-seen.Context().Done()
	fmt.Println(context.Cause(seen.Context()))
	s.Close()
}

func recorder() {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { abilities(w); http.Error(w, r.URL.Path, 418) })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
	fmt.Println(w.Code, w.Body)
}

func shutdown() {
	started, finish := make(chan bool), make(chan bool)
	var mu sync.Mutex
	var states []string
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		<-finish
		io.WriteString(w, "done")
	})}
	s.ConnState = func(_ net.Conn, st http.ConnState) {
		mu.Lock()
		states = append(states, st.String())
		mu.Unlock()
	}
	s.RegisterOnShutdown(func() { close(finish) })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	got := make(chan string)
	tr := &http.Transport{}
	go func() {
		resp, b := get(&http.Client{Transport: tr}, "http://"+ln.Addr().String())
		got <- fmt.Sprint(resp.Status, " ", b)
	}()
	<-started
	err = s.Shutdown(context.Background())
	fmt.Println(err, <-served, <-got)
	mu.Lock()
	fmt.Println(states[:2])
	mu.Unlock()
}

func timeoutHandler() {
	mux := http.NewServeMux()
	var said string
	late := make(chan bool)
	mux.HandleFunc("GET /quick/{id}", func(w http.ResponseWriter, r *http.Request) {
		abilities(w)
		w.Header().Set("X-Quick", "1")
		io.WriteString(w, "quick")
	})
	mux.HandleFunc("GET /slow/{id}", func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_, err := w.Write([]byte("x"))
		said = fmt.Sprint(r.Context().Err(), " ", err)
		close(late)
	})
	mux.HandleFunc("GET /panic/{id}", func(w http.ResponseWriter, r *http.Request) { panic("in time") })
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	quick, slow := http.TimeoutHandler(mux, time.Minute, "too slow"), http.TimeoutHandler(mux, time.Millisecond, "too slow")
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/slow") {
			slow.ServeHTTP(w, r)
			return
		}
		quick.ServeHTTP(w, r)
	})
	s.Start()
	defer s.Close()
	resp, b := get(s.Client(), s.URL+"/quick/1")
	fmt.Println(resp.Status, b, resp.Header.Get("X-Quick"))
	resp, b = get(s.Client(), s.URL+"/slow/1")
	<-late
	fmt.Println(resp.Status, b, said)
	req, _ := http.NewRequest("GET", s.URL+"/panic/1", strings.NewReader("x"))
	req.GetBody = nil
	_, err := s.Client().Do(req)
	fmt.Println(err)
}

func proxy() {
	backend, _ := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("backend:", r.Method, r.URL, r.Host != "", headers(r.Header))
		w.Header().Set("Trailer", "X-T")
		io.WriteString(w, "from backend")
		w.Header().Set("X-T", "t")
	}))
	defer backend.Close()
	u, _ := url.Parse(backend.URL)
	rp := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.SetXForwarded()
		fmt.Println("out is in:", r.Out == r.In, headers(r.Out.Header))
	}}
	rp.ModifyResponse = func(r *http.Response) error {
		fmt.Println("modify:", r.Status, r.Request.URL.Path, headers(r.Request.Header))
		return nil
	}
	dead := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})
	dead.ErrorLog = log.New(io.Discard, "", 0)
	front, c := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dead" {
			dead.ServeHTTP(w, r)
			return
		}
		rp.ServeHTTP(w, r)
	}))
	defer front.Close()
	resp, b := get(c, front.URL+"/a?b=c")
	fmt.Println(resp.Status, b, headers(resp.Trailer))
	resp, b = get(c, front.URL+"/dead")
	fmt.Println(resp.Status, b)
}

func upgrade() {
	n := runtime.NumGoroutine()
	backend, _ := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		check(err)
		defer conn.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		rw.Flush()
		line, _ := rw.ReadString('\n')
		rw.WriteString("echo " + line)
		rw.Flush()
	}))
	defer backend.Close()
	u, _ := url.Parse(backend.URL)
	front, c := serve(httputil.NewSingleHostReverseProxy(u))
	defer front.Close()
	req, _ := http.NewRequest("GET", front.URL, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := c.Do(req)
	check(err)
	rwc, ok := resp.Body.(io.ReadWriteCloser)
	fmt.Println(resp.Status, ok)
	io.WriteString(rwc, "hello\n")
	line, _ := bufio.NewReader(rwc).ReadString('\n')
	fmt.Print(line)
	rwc.Close()
	front.Close()
	backend.Close()
	settle(n)
}

// raw sends what no client would.
func raw() {
	s, _ := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s %q %q %s\n", r.Method, r.RequestURI, r.URL.Path, headers(r.Header))
	}))
	defer s.Close()
	for _, text := range []string{
		"GET /a%ff%00b?\xff HTTP/1.0\r\nUser-Agent: \xff\xfe\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET http://example.com:99/abs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nTraceparent: 00-zz-yy-01\r\nBaggage: \xff=;;,\r\nConnection: close\r\n\r\n",
		"nonsense\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		check(err)
		io.WriteString(conn, text)
		conn.(*net.TCPConn).CloseWrite()
		b, _ := io.ReadAll(conn)
		line, _, _ := strings.Cut(string(b), "\r\n")
		fmt.Printf("%q\n", line)
		conn.Close()
	}
}
