// Package client exports OTLP requests that are encoded already, over gRPC or HTTP, for benchmarks and tests that must not be
// bounded by a client's own work.
package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// ErrBusy is what errors wrap when the client is to send the same request again later: 429, 502, 503, 504, UNAVAILABLE,
// and RESOURCE_EXHAUSTED, as the OTLP specification says.
var ErrBusy = errors.New("busy")

// Client sends requests over connections of its own. Its methods are safe for concurrent use; requests beyond the number of
// connections wait for one.
type Client struct {
	send  func(ctx context.Context, body []byte) (answer []byte, err error)
	close func()
}

// Options configure a client.
type Options struct {
	Connections int  // 0: one
	Gzip        bool // compress requests
}

// Export sends an ExportTraceServiceRequest, protobuf, and returns how many of its spans were rejected by a partial success.
func (c *Client) Export(ctx context.Context, body []byte) (rejected int64, err error) {
	answer, err := c.send(ctx, body)
	if err != nil {
		return 0, err
	}
	return rejectedSpans(answer), nil
}

// ExportPatiently sends a request again while the backend is busy, 100 times at most.
func (c *Client) ExportPatiently(ctx context.Context, body []byte) (rejected, retries int64, err error) {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		rejected, err = c.Export(ctx, body)
		if !errors.Is(err, ErrBusy) || retries == 100 {
			return rejected, retries, err
		}
		select {
		case <-ctx.Done():
			return 0, retries, errors.Join(err, ctx.Err())
		case <-time.After(pause):
			retries++
		}
	}
}

// Close closes the connections.
func (c *Client) Close() { c.close() }

// HTTP returns a client that posts to url, such as http://127.0.0.1:4318/v1/traces.
func HTTP(url string, o Options) *Client {
	n := max(o.Connections, 1)
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, MaxConnsPerHost: n}}
	return &Client{
		send:  func(ctx context.Context, body []byte) ([]byte, error) { return post(ctx, h, url, body, o.Gzip) },
		close: h.CloseIdleConnections,
	}
}

var gzipWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
	return z
}}

func post(ctx context.Context, h *http.Client, url string, body []byte, compress bool) ([]byte, error) {
	if compress {
		var buf bytes.Buffer
		z := gzipWriters.Get().(*gzip.Writer)
		z.Reset(&buf)
		z.Write(body) // into memory: no error
		z.Close()
		gzipWriters.Put(z)
		body = buf.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if compress {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := h.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, fmt.Errorf("POST %s: %s: %.200q: %w", url, resp.Status, answer, ErrBusy)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("POST %s: %s: %.200q", url, resp.Status, answer)
	}
	return answer, nil
}

// codec passes bytes through.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// GRPC returns a client that calls the trace service at a host:port, without TLS.
func GRPC(address string, o Options) (*Client, error) {
	calls := []grpc.CallOption{grpc.ForceCodecV2(codec{})}
	if o.Gzip {
		calls = append(calls, grpc.UseCompressor(grpcgzip.Name))
	}
	n := max(o.Connections, 1)
	free := make(chan *grpc.ClientConn, n)
	var all []*grpc.ClientConn
	c := &Client{close: func() {
		for _, conn := range all {
			conn.Close()
		}
	}}
	for range n {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(calls...))
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("connect to %s: %w", address, err)
		}
		all = append(all, conn)
		free <- conn
	}
	c.send = func(ctx context.Context, body []byte) (answer []byte, err error) {
		conn := <-free
		defer func() { free <- conn }()
		err = conn.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", body, &answer)
		switch status.Code(err) {
		case codes.ResourceExhausted, codes.Unavailable:
			err = fmt.Errorf("%w: %w", err, ErrBusy)
		}
		return answer, err
	}
	return c, nil
}

// rejectedSpans reads partial_success.rejected_spans (fields 1 and 1) of an ExportTraceServiceResponse. An answer that is none
// rejects nothing.
func rejectedSpans(answer []byte) (n int64) {
	partial, _ := protobufField(answer, 1)
	_, rejected := protobufField(partial, 1)
	return int64(rejected)
}

// protobufField is the last field of that number: its bytes, or its varint.
func protobufField(b []byte, number protowire.Number) (data []byte, n uint64) {
	for len(b) > 0 {
		num, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return nil, 0
		}
		b = b[size:]
		if size = protowire.ConsumeFieldValue(num, typ, b); size < 0 {
			return nil, 0
		}
		if num == number {
			switch typ {
			case protowire.BytesType:
				data, _ = protowire.ConsumeBytes(b)
			case protowire.VarintType:
				n, _ = protowire.ConsumeVarint(b)
			}
		}
		b = b[size:]
	}
	return data, n
}
