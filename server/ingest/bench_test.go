package ingest

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/weft-trace/weft/server/store"
)

// encoded is a request that is encoded already, so that the client's share of
// a benchmark is small.
type encoded []byte

type encodedCodec struct{}

func (encodedCodec) Name() string { return "proto" }
func (encodedCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(encoded))}, nil
}
func (encodedCodec) Unmarshal(mem.BufferSlice, any) error { return nil }

var _ encoding.CodecV2 = encodedCodec{}

// Receiving over gRPC, grpc-go's client included, without a store.
func BenchmarkGRPC(b *testing.B) {
	_, url := start(b, Options{Write: func(context.Context, *store.Batch) error { return nil }})
	c := dial(b, url)
	for _, n := range []int{1, 10, 100, 1000} {
		for _, compression := range []string{"", "gzip"} {
			if compression != "" && n < 100 {
				continue
			}
			b.Run(fmt.Sprintf("spans=%d/compression=%s", n, compression), func(b *testing.B) {
				req := encoded(marshal(b, traces("shop", 0, n)))
				b.SetBytes(int64(len(req)))
				b.ReportAllocs()
				for b.Loop() {
					var resp emptypb.Empty
					if err := c.Invoke(b.Context(), exportTraces, req, &resp, grpc.ForceCodecV2(encodedCodec{}), grpc.UseCompressor(compression)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
