// Command app does one thing with gRPC, by the name given to it, and prints what
// can be seen of it from inside the program. It must print the same when it is
// woven, so it prints nothing that varies from run to run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var scenarios = map[string]func(){
	"unary":       unary,
	"streams":     streams,
	"cancel":      cancel,
	"deadline":    deadline,
	"retry":       retry,
	"metadata":    sendMetadata,
	"parent":      parent,
	"interceptor": interceptors,
	"request":     request,
	"servehttp":   serveHTTP,
	"recover":     recovered,
	"panic":       crash,
	"memory":      memory,
	"health":      healthCheck,
	"unknown":     unknown,
	"workers":     workers,
	"waiting":     waitForReady,
	"wire":        wire,
	"bench":       bench,
}

func main() {
	log.SetFlags(0)
	run, ok := scenarios[os.Args[1]]
	if !ok {
		log.Fatalf("no scenario %q", os.Args[1])
	}
	run()
}

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

// show prints the outcome of a call.
func show(what string, err error) {
	switch {
	case err == nil:
		fmt.Println(what, "ok")
	case err == io.EOF:
		fmt.Println(what, "end")
	default:
		fmt.Println(what, status.Code(err), status.Convert(err).Message())
	}
}

// server is the test service of gRPC's own interoperability tests.
type server struct {
	pb.UnimplementedTestServiceServer
	failures atomic.Int64  // how many calls are refused before one is answered
	started  chan struct{} // if not nil, gets a value when a stream's handler has begun
	ended    chan string   // if not nil, gets what a stream's handler saw at its end
	inside   func(ctx context.Context)
}

func (s *server) EmptyCall(ctx context.Context, _ *pb.Empty) (*pb.Empty, error) {
	if s.failures.Add(-1) >= 0 {
		return nil, status.Error(codes.Unavailable, "not yet")
	}
	if s.inside != nil {
		s.inside(ctx)
	}
	return &pb.Empty{}, nil
}

// UnaryCall answers with what the request asks for.
func (s *server) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if st := in.GetResponseStatus(); st != nil {
		switch st.Code {
		case 99:
			return nil, errors.New(st.Message)
		case 100:
			panic(st.Message)
		case 101:
			<-ctx.Done()
			<-s.ended
			return nil, status.Error(codes.Aborted, "too late")
		}
		return nil, status.Error(codes.Code(st.Code), st.Message)
	}
	return &pb.SimpleResponse{Payload: in.GetPayload()}, nil
}

func (s *server) StreamingOutputCall(in *pb.StreamingOutputCallRequest, out pb.TestService_StreamingOutputCallServer) error {
	if s.started != nil {
		s.started <- struct{}{}
	}
	for _, p := range in.GetResponseParameters() {
		if err := out.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, p.GetSize())}}); err != nil {
			return err
		}
	}
	if st := in.GetResponseStatus(); st != nil {
		if st.Code == 101 {
			<-out.Context().Done()
			s.ended <- fmt.Sprint(out.Context().Err())
			return out.Context().Err()
		}
		return status.Error(codes.Code(st.Code), st.Message)
	}
	return nil
}

func (s *server) StreamingInputCall(in pb.TestService_StreamingInputCallServer) error {
	n := 0
	for {
		m, err := in.Recv()
		if err == io.EOF {
			return in.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(n)})
		}
		if err != nil {
			return err
		}
		n += len(m.GetPayload().GetBody())
	}
}

func (s *server) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if s.ended != nil {
				s.ended <- status.Code(err).String()
			}
			return err
		}
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: m.GetPayload()}); err != nil {
			return err
		}
	}
}

// listen serves s on a loopback port.
func listen(s *server, opts ...grpc.ServerOption) (addr string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	g := grpc.NewServer(opts...)
	pb.RegisterTestServiceServer(g, s)
	healthpb.RegisterHealthServer(g, health.NewServer())
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(g.Serve(l))
	}()
	return l.Addr().String(), func() {
		g.GracefulStop()
		<-done
	}
}

// dial makes a client of addr.
func dial(addr string, opts ...grpc.DialOption) (pb.TestServiceClient, *grpc.ClientConn) {
	cc, err := grpc.Dial(addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	check(err)
	return pb.NewTestServiceClient(cc), cc
}

// both is a server and a client of it.
func both(s *server, opts ...grpc.DialOption) (c pb.TestServiceClient, stop func()) {
	addr, stopServer := listen(s)
	c, cc := dial(addr, opts...)
	return c, func() {
		cc.Close()
		stopServer()
	}
}

var background = context.Background()

func failWith(code int32, message string) *pb.SimpleRequest {
	return &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: code, Message: message}}
}

func unary() {
	c, stop := both(new(server))
	defer stop()
	_, err := c.EmptyCall(background, &pb.Empty{})
	show("empty", err)
	resp, err := c.UnaryCall(background, &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("hello")}})
	show("echo "+string(resp.GetPayload().GetBody()), err)
	_, err = c.UnaryCall(background, failWith(int32(codes.NotFound), "no such thing"))
	show("status", err)
	_, err = c.UnaryCall(background, failWith(int32(codes.Internal), "broken"))
	show("internal", err)
	_, err = c.UnaryCall(background, failWith(99, "just an error"))
	show("error", err)
	_, err = c.UnaryCall(background, failWith(77, "a code of its own"))
	show("odd", err)
	_, err = c.UnimplementedCall(background, &pb.Empty{})
	show("unimplemented", err)
}

func sizes(n ...int32) *pb.StreamingOutputCallRequest {
	r := new(pb.StreamingOutputCallRequest)
	for _, size := range n {
		r.ResponseParameters = append(r.ResponseParameters, &pb.ResponseParameters{Size: size})
	}
	return r
}

func streams() {
	c, stop := both(new(server))
	defer stop()

	out, err := c.StreamingOutputCall(background, sizes(1, 2, 3))
	check(err)
	for err == nil {
		var m *pb.StreamingOutputCallResponse
		m, err = out.Recv()
		show(fmt.Sprint("out ", len(m.GetPayload().GetBody())), err)
	}

	in, err := c.StreamingInputCall(background)
	check(err)
	for range 3 {
		check(in.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, 5)}}))
	}
	sum, err := in.CloseAndRecv()
	show(fmt.Sprint("in ", sum.GetAggregatedPayloadSize()), err)

	duplex, err := c.FullDuplexCall(background)
	check(err)
	for i := range 3 {
		check(duplex.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, i)}}))
		m, err := duplex.Recv()
		show(fmt.Sprint("duplex ", len(m.GetPayload().GetBody())), err)
	}
	check(duplex.CloseSend())
	_, err = duplex.Recv()
	show("duplex", err)

	r := sizes(1)
	r.ResponseStatus = &pb.EchoStatus{Code: int32(codes.DataLoss), Message: "lost"}
	out, err = c.StreamingOutputCall(background, r)
	check(err)
	for err == nil {
		_, err = out.Recv()
		show("failing", err)
	}
}

// cancel ends streams before their time.
func cancel() {
	s := &server{ended: make(chan string, 1)}
	c, stop := both(s)
	ctx, done := context.WithCancel(background)
	duplex, err := c.FullDuplexCall(ctx)
	check(err)
	check(duplex.Send(&pb.StreamingOutputCallRequest{}))
	_, err = duplex.Recv()
	show("first", err)
	done()
	_, err = duplex.Recv()
	show("cancelled", err)
	fmt.Println("handler", <-s.ended)

	// Nobody reads this one's end.
	ctx, done = context.WithCancel(background)
	out, err := c.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{ResponseParameters: sizes(1).ResponseParameters, ResponseStatus: &pb.EchoStatus{Code: 101}})
	check(err)
	_, err = out.Recv()
	show("only", err)
	done()
	fmt.Println("handler", <-s.ended)
	stop()
}

func deadline() {
	s := &server{ended: make(chan string)}
	c, stop := both(s)
	defer stop()
	_, err := c.UnaryCall(background, &pb.SimpleRequest{}) // There is a connection, and it is quick from now on.
	check(err)
	ctx, done := context.WithTimeout(background, 500*time.Millisecond)
	defer done()
	_, err = c.UnaryCall(ctx, failWith(101, ""))
	close(s.ended)
	fmt.Println("deadline", status.Code(err))
	ctx, done = context.WithCancel(background)
	done()
	_, err = c.EmptyCall(ctx, &pb.Empty{})
	fmt.Println("cancelled before", status.Code(err))
}

const retryPolicy = `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.001s", "maxBackoff": "0.002s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`

func retry() {
	s := new(server)
	c, stop := both(s, grpc.WithDefaultServiceConfig(retryPolicy))
	defer stop()
	s.failures.Store(2)
	_, err := c.EmptyCall(background, &pb.Empty{})
	show("third time", err)
	s.failures.Store(100)
	_, err = c.EmptyCall(background, &pb.Empty{})
	fmt.Println("never", status.Code(err))
}

// theirs is the metadata that is not weft's, in order.
func theirs(md metadata.MD) string {
	var list []string
	for k, v := range md {
		switch k {
		case "traceparent", "tracestate", "baggage", ":authority", "user-agent":
		default:
			list = append(list, fmt.Sprintf("%s=%q", k, v))
		}
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

func sendMetadata() {
	s := &server{inside: func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		fmt.Println("server has", theirs(md))
		fmt.Println("baggage", md["baggage"], "traceparents", max(1, len(md["traceparent"])))
		check(grpc.SetHeader(ctx, metadata.Pairs("answer", "42")))
		check(grpc.SetTrailer(ctx, metadata.Pairs("last", "word")))
	}}
	c, stop := both(s)
	defer stop()
	md := metadata.Pairs("key", "value", "data-bin", "\x00\x01", "traceparent", "00-11111111111111111111111111111111-2222222222222222-01", "baggage", "own=1")
	ctx := metadata.NewOutgoingContext(background, md)
	ctx = metadata.AppendToOutgoingContext(ctx, "Key", "second")
	var header, trailer metadata.MD
	_, err := c.EmptyCall(ctx, &pb.Empty{}, grpc.Header(&header), grpc.Trailer(&trailer))
	show("call", err)
	fmt.Println("client has", theirs(md), md["traceparent"], header["answer"], trailer["last"])
	sent, _ := metadata.FromOutgoingContext(ctx)
	fmt.Println("context has", theirs(sent), sent["traceparent"])
}

// wire prints which headers of a trace context came, which a plain program has not.
func wire() {
	s := &server{inside: func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		var list []string
		for k, v := range md {
			switch k {
			case "content-type", ":authority", "user-agent":
			default:
				list = append(list, fmt.Sprint(k, "=", v))
			}
		}
		sort.Strings(list)
		fmt.Println(strings.Join(list, " "))
	}}
	c, stop := both(s)
	defer stop()
	_, err := c.EmptyCall(background, &pb.Empty{})
	check(err)
	// The span is not the sender's, and so its state is not either.
	ctx := metadata.AppendToOutgoingContext(background, "tracestate", "a=b", "x-trace-id", "mine")
	_, err = c.EmptyCall(ctx, &pb.Empty{})
	check(err)
}

// parent sends a trace context that the program has made by itself.
func parent() {
	c, stop := both(new(server))
	defer stop()
	ctx := metadata.AppendToOutgoingContext(background, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	_, err := c.EmptyCall(ctx, &pb.Empty{})
	show("call", err)
	out, err := c.StreamingOutputCall(ctx, sizes(1))
	check(err)
	for err == nil {
		_, err = out.Recv()
	}
	show("stream", err)
}

func healthCheck() {
	addr, stop := listen(new(server))
	_, cc := dial(addr)
	resp, err := healthpb.NewHealthClient(cc).Check(background, &healthpb.HealthCheckRequest{})
	show("health "+resp.GetStatus().String(), err)
	cc.Close()
	stop()
}

// unknown calls what there is not, and then a server that takes anything.
func unknown() {
	addr, stop := listen(new(server))
	_, cc := dial(addr)
	show("method", cc.Invoke(background, "/grpc.testing.TestService/Nothing", &pb.Empty{}, &pb.Empty{}))
	show("service", cc.Invoke(background, "/no.Such/Thing", &pb.Empty{}, &pb.Empty{}))
	show("malformed", cc.Invoke(background, "nonsense", &pb.Empty{}, &pb.Empty{}))
	cc.Close()
	stop()

	addr, stop = listen(new(server), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		fmt.Println("proxy for", method)
		var m pb.Empty
		if err := stream.RecvMsg(&m); err != nil {
			return err
		}
		return stream.SendMsg(&m)
	}))
	_, cc = dial(addr)
	show("proxied", cc.Invoke(background, "/no.Such/Thing", &pb.Empty{}, &pb.Empty{}))
	cc.Close()
	stop()
}

func workers() {
	addr, stop := listen(new(server), grpc.NumStreamWorkers(2))
	c, cc := dial(addr)
	for range 3 {
		_, err := c.EmptyCall(background, &pb.Empty{})
		show("call", err)
	}
	cc.Close()
	stop()
}

// waitForReady calls a server that is not there yet.
func waitForReady() {
	addr, stop := listen(new(server))
	var there atomic.Bool
	c, cc := dial(addr, grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}, MinConnectTimeout: time.Minute}),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			if !there.Load() {
				return nil, errors.New("not there")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}))
	_, err := c.EmptyCall(background, &pb.Empty{})
	fmt.Println("without", status.Code(err))
	called := make(chan error)
	go func() {
		_, err := c.EmptyCall(background, &pb.Empty{}, grpc.WaitForReady(true))
		called <- err
	}()
	there.Store(true)
	show("with", <-called)
	cc.Close()
	stop()
}
