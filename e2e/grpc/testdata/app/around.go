package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

// get asks a web server, which makes spans that show in which trace the calling
// goroutine is.
func get(url string) {
	resp, err := http.Get(url)
	check(err)
	_, err = io.Copy(io.Discard, resp.Body)
	check(err)
	check(resp.Body.Close())
}

func web() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// interceptors run inside the span of their call.
func interceptors() {
	web := web()
	defer web.Close()
	s := new(server)
	addr, stop := listen(s,
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			fmt.Println("server", info.FullMethod)
			get(web.URL + "/server-unary")
			return next(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			fmt.Println("server", info.FullMethod)
			get(web.URL + "/server-stream")
			return next(srv, ss)
		}))
	attempts := 0
	c, cc := dial(addr,
		grpc.WithChainUnaryInterceptor(
			func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				fmt.Println("first", method, len(opts), ctx == background)
				get(web.URL + "/client-unary")
				return invoker(ctx, method, req, reply, cc, opts...)
			},
			func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				for {
					attempts++
					err := invoker(ctx, method, req, reply, cc, opts...)
					if status.Code(err) != codes.Unavailable {
						return err
					}
				}
			}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			fmt.Println("stream", method, len(opts), ctx == background)
			get(web.URL + "/client-stream")
			var cs grpc.ClientStream
			var err error
			within(func() { cs, err = streamer(ctx, desc, cc, method, opts...) })
			return wrapped{cs}, err
		}))
	s.failures.Store(1)
	_, err := c.EmptyCall(background, &pb.Empty{})
	show(fmt.Sprint("unary ", attempts), err)
	out, err := c.StreamingOutputCall(background, sizes(1))
	check(err)
	for err == nil {
		_, err = out.Recv()
	}
	show("stream", err)
	cc.Close()
	stop()

	// One that answers by itself.
	c, cc = dial(addr, grpc.WithStreamInterceptor(func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, grpc.Streamer, ...grpc.CallOption) (grpc.ClientStream, error) {
		return nil, status.Error(codes.PermissionDenied, "not you")
	}), grpc.WithUnaryInterceptor(func(context.Context, string, any, any, *grpc.ClientConn, grpc.UnaryInvoker, ...grpc.CallOption) error {
		return nil
	}))
	_, err = c.FullDuplexCall(background)
	show("refused", err)
	_, err = c.EmptyCall(background, &pb.Empty{})
	show("answered", err)
	cc.Close()
}

// within has a span of its own, by a hook.
func within(f func()) { f() }

type wrapped struct{ grpc.ClientStream }

// request is a web request that makes its own connection, whose resolver and
// dialer ask the web, too; what runs inside of it is one trace, and what serves
// the connection is none of it.
func request() {
	web := web()
	defer web.Close()
	s := &server{inside: func(ctx context.Context) {
		// On goroutines of its own, as handlers do.
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				get(web.URL + "/inside-" + strconv.Itoa(i))
			}()
			wg.Wait()
		}
	}}
	addr, stop := listen(s)
	r := manual.NewBuilderWithScheme("here")
	r.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: addr}}})
	resolved := make(chan bool, 1)
	r.BuildCallback = func(resolver.Target, resolver.ClientConn, resolver.BuildOptions) {
		go func() {
			get(web.URL + "/resolver")
			resolved <- true
		}()
	}
	var c pb.TestServiceClient
	var cc *grpc.ClientConn
	front := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if c == nil {
			c, cc = dial("here:///", grpc.WithResolvers(r), grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
				<-resolved
				get(web.URL + "/dialer")
				return new(net.Dialer).DialContext(ctx, "tcp", addr)
			}))
		}
		_, err := c.EmptyCall(req.Context(), &pb.Empty{})
		check(err)
		// The stream is read elsewhere.
		out, err := c.StreamingOutputCall(req.Context(), sizes(1, 2))
		check(err)
		read := make(chan error)
		go func() {
			for err == nil {
				_, err = out.Recv()
				if err == nil {
					get(web.URL + "/received")
				}
			}
			read <- err
		}()
		show("stream", <-read)
	}))
	defer front.Close()
	get(front.URL + "/one")
	get(front.URL + "/two")
	cc.Close()
	stop()
}

// serveHTTP has net/http serve gRPC.
func serveHTTP() {
	s := new(server)
	web := web()
	s.inside = func(context.Context) { get(web.URL + "/inside") }
	g := grpc.NewServer()
	pb.RegisterTestServiceServer(g, s)
	front := httptest.NewUnstartedServer(g)
	front.Config.Protocols = new(http.Protocols)
	front.Config.Protocols.SetUnencryptedHTTP2(true)
	front.Start()
	c, cc := dial(front.Listener.Addr().String())
	_, err := c.EmptyCall(background, &pb.Empty{})
	show("call", err)
	_, err = c.UnaryCall(background, failWith(int32(codes.Internal), "broken"))
	show("failed", err)
	cc.Close()
	front.Close()
	web.Close()
	settle()
}

// recovered has an interceptor that turns panics into a status.
func recovered() {
	addr, stop := listen(new(server), grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if v := recover(); v != nil {
				err = status.Error(codes.Internal, fmt.Sprint("recovered ", v))
			}
		}()
		return next(ctx, req)
	}))
	c, cc := dial(addr)
	_, err := c.UnaryCall(background, failWith(100, "boom"))
	show("panic", err)
	cc.Close()
	stop()
}

// crash ends the program by a panic in a handler.
func crash() {
	c, _ := both(new(server))
	c.UnaryCall(background, failWith(100, "boom"))
	log.Fatal("app: still there")
}

// memory is a connection that is none of package net's.
func memory() {
	l := bufconn.Listen(1 << 16)
	g := grpc.NewServer()
	pb.RegisterTestServiceServer(g, new(server))
	go g.Serve(l)
	c, cc := dial("passthrough:///memory", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	_, err := c.EmptyCall(background, &pb.Empty{})
	show("call", err)
	cc.Close()
	g.Stop()
	settle()
}

// settle waits until main is the only goroutine: handlers may outlast what they
// answered, and Serve its Close.
func settle() {
	http.DefaultClient.CloseIdleConnections()
	for range 30000 {
		if runtime.NumGoroutine() <= 1 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	log.Fatalf("app: %d goroutines do not end", runtime.NumGoroutine()-1)
}

// bench prints what a unary call costs, in memory: wall clock and processor time in
// nanoseconds, allocations and bytes.
func bench() {
	l := bufconn.Listen(1 << 16)
	g := grpc.NewServer()
	pb.RegisterTestServiceServer(g, new(server))
	go g.Serve(l)
	c, _ := dial("passthrough:///memory", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	call := func(n int) {
		for range n {
			if _, err := c.EmptyCall(background, &pb.Empty{}); err != nil {
				check(err)
			}
		}
	}
	call(2000)
	const n = 30000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, used := time.Now(), processor()
	call(n)
	wall, cpu := time.Since(start), processor()-used
	runtime.ReadMemStats(&after)
	fmt.Println(int64(wall)/n, "ns/op", int64(cpu)/n, "cpu-ns/op", (after.Mallocs-before.Mallocs)/n, "allocs/op", (after.TotalAlloc-before.TotalAlloc)/n, "B/op")
}

// processor is the processor time that the program has used.
func processor() time.Duration {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
