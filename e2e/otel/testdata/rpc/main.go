// Command app calls a gRPC server that, as its client, is instrumented by otelgrpc.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

func check(err error) {
	if err != nil {
		log.Fatalf("app: %v", err)
	}
}

type server struct {
	health.UnimplementedHealthServer
}

func (server) Check(ctx context.Context, _ *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	_, s := otel.Tracer("app").Start(ctx, "work")
	defer s.End()
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}, nil
}

func (server) Watch(_ *health.HealthCheckRequest, stream health.Health_WatchServer) error {
	for range 2 {
		if err := stream.Send(&health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if os.Args[1] == "sdk" {
		f, err := os.Create(os.Getenv("SDK_SPANS"))
		check(err)
		tp := sdk.NewTracerProvider(sdk.WithSyncer(&exporter{file: f}))
		defer func() { check(tp.Shutdown(context.Background())) }()
		otel.SetTracerProvider(tp)
		otel.SetTextMapPropagator(propagation.TraceContext{})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	s := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler()))
	health.RegisterHealthServer(s, server{})
	go s.Serve(l)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(otelgrpc.NewClientHandler()))
	check(err)
	c := health.NewHealthClient(conn)
	ctx, all := otel.Tracer("app").Start(context.Background(), "all")
	resp, err := c.Check(ctx, &health.HealthCheckRequest{})
	check(err)
	fmt.Println(resp.Status)
	stream, err := c.Watch(ctx, &health.HealthCheckRequest{})
	check(err)
	for {
		resp, err := stream.Recv()
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(resp.Status)
	}
	all.End()
	check(conn.Close())
	s.GracefulStop()
}

// exporter writes a line for each span to a file.
type exporter struct {
	mu   sync.Mutex
	file *os.File
}

func (e *exporter) Shutdown(context.Context) error { return e.file.Close() }

func (e *exporter) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range spans {
		parent := ""
		if s.Parent().SpanID().IsValid() {
			parent = s.Parent().SpanID().String()
		}
		check(json.NewEncoder(e.file).Encode(map[string]any{
			"TraceID": s.SpanContext().TraceID().String(), "SpanID": s.SpanContext().SpanID().String(), "ParentID": parent,
			"Kind": s.SpanKind().String(), "Name": s.Name(), "Start": s.StartTime().UnixNano(), "End": s.EndTime().UnixNano(),
		}))
	}
	return nil
}
