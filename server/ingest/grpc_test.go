package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/weft-trace/weft/server/store"
)

// zstdCompressor is what a client that compresses with zstd registers.
type zstdCompressor struct{}

func (zstdCompressor) Name() string { return "zstd" }
func (zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w)
}
func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }

// strangeCompressor has a name that no server knows.
type strangeCompressor struct{ zstdCompressor }

func (strangeCompressor) Name() string { return "strange" }

func init() {
	encoding.RegisterCompressor(zstdCompressor{})
	encoding.RegisterCompressor(strangeCompressor{})
}

func dial(t testing.TB, url string) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const exportTraces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// export calls a service's Export and returns its partial success: how many
// items were rejected, and why.
func export(ctx context.Context, c *grpc.ClientConn, method string, req proto.Message, o ...grpc.CallOption) (rejected uint64, why string, err error) {
	var resp emptypb.Empty
	if err := c.Invoke(ctx, method, req, &resp, o...); err != nil {
		return 0, "", err
	}
	rejected, why, err = partialSuccess(resp.ProtoReflect().GetUnknown())
	return rejected, why, err
}

// partialSuccess reads an ExportTraceServiceResponse.
func partialSuccess(b []byte) (rejected uint64, why string, err error) {
	if len(b) == 0 {
		return 0, "", nil
	}
	num, typ, n := protowire.ConsumeTag(b)
	if num != 1 || typ != protowire.BytesType {
		return 0, "", fmt.Errorf("response %x", b)
	}
	p, m := protowire.ConsumeBytes(b[n:])
	if m < 0 || n+m != len(b) {
		return 0, "", fmt.Errorf("response %x", b)
	}
	for len(p) > 0 {
		num, typ, n := protowire.ConsumeTag(p)
		switch {
		case num == 1 && typ == protowire.VarintType:
			v, m := protowire.ConsumeVarint(p[n:])
			rejected, n = v, n+m
		case num == 2 && typ == protowire.BytesType:
			v, m := protowire.ConsumeString(p[n:])
			why, n = v, n+m
		default:
			return 0, "", fmt.Errorf("response %x", b)
		}
		p = p[n:]
	}
	return rejected, why, nil
}

// The official client, with every compression and of every size.
func TestGRPC(t *testing.T) {
	for _, compression := range []string{"", "gzip", "zstd"} {
		t.Run("compression="+compression, func(t *testing.T) {
			var s sink
			r, url := start(t, Options{Write: s.write})
			c := dial(t, url)
			var want []string
			first := 0
			for _, n := range []int{1, 10, 1000, 20_000} {
				rejected, why, err := export(t.Context(), c, exportTraces, traces("shop", first, n), grpc.UseCompressor(compression))
				if err != nil || rejected != 0 || why != "" {
					t.Fatalf("%d spans: %d rejected, %q, %v; all were fine", n, rejected, why, err)
				}
				want = append(want, written("shop", first, n)...)
				first += n
			}
			if diff := cmp.Diff(want, s.taken()); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			if n := r.Counters.accepted[OTLPGRPC][Traces].Load(); n != int64(len(want)) {
				t.Errorf("counted %d spans; want %d", n, len(want))
			}
		})
	}
}

func TestGRPCLogsAndMetrics(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write})
	conn := dial(t, url)
	if _, _, err := export(t.Context(), conn, "/opentelemetry.proto.collector.logs.v1.LogsService/Export", logRecords()); err != nil {
		t.Error(err)
	}
	if _, _, err := export(t.Context(), conn, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", gauges(), grpc.UseCompressor("gzip")); err != nil {
		t.Error(err)
	}
	if want := []string{fmt.Sprintf("%x", id(7))}; !slices.Equal(s.logs, want) {
		t.Errorf("logs of %v; want %v", s.logs, want)
	}
	if want := []string{"queue.length"}; !slices.Equal(s.points, want) {
		t.Errorf("points of %v; want %v", s.points, want)
	}
}

func TestGRPCPartialSuccess(t *testing.T) {
	var s sink
	r, url := start(t, Options{Write: s.write})
	req := traces("shop", 0, 3)
	req.ResourceSpans[0].ScopeSpans[0].Spans[1].TraceId = make([]byte, 16)
	rejected, why, err := export(t.Context(), dial(t, url), exportTraces, req)
	if err != nil || rejected != 1 || !strings.Contains(why, "trace id") {
		t.Errorf("%d rejected, %q, %v; want one span rejected for its trace id", rejected, why, err)
	}
	if n := len(s.taken()); n != 2 {
		t.Errorf("%d spans written; want the other 2", n)
	}
	if s.raw != 0 {
		t.Error("the request was passed on as it came, with the span that was rejected")
	}
	if _, _, err := export(t.Context(), dial(t, url), exportTraces, traces("shop", 5, 1)); err != nil || s.raw != 1 {
		t.Errorf("%v, %d requests passed on as they came; want 1, to be stored without encoding it again", err, s.raw)
	}
	if n := r.Counters.count(partial); n != 1 {
		t.Errorf("%d requests counted as partial; want 1", n)
	}
}

// What a client is told, and whether it may try again: what OTLP's
// specification says of each code.
func TestGRPCErrors(t *testing.T) {
	const limit = 1 << 20
	var s sink
	var status401 int
	r, url := start(t, Options{Write: s.write, RequestSize: limit, InFlight: 2 * limit, Check: func(*http.Request) (int, string) { return status401, "not you" }})
	conn := dial(t, url)
	send := func(req *tracepb.TracesData, o ...grpc.CallOption) error {
		_, _, err := export(t.Context(), conn, exportTraces, req, o...)
		return err
	}
	small, large := traces("shop", 0, 1), traces("shop", 0, 20_000)
	for _, c := range []struct {
		name    string
		fail    error
		check   int
		do      func() error
		code    codes.Code
		retry   bool
		text    string
		outcome Outcome
	}{
		{"busy", fmt.Errorf("store 1 spans: %w", store.ErrBusy), 0, func() error { return send(small) }, codes.ResourceExhausted, true, "busy", overloaded},
		{"full", store.ErrFull, 0, func() error { return send(small) }, codes.Unavailable, true, "", unavailable},
		{"read-only", store.ErrReadOnly, 0, func() error { return send(small) }, codes.Unavailable, true, "", unavailable},
		{"closed", store.ErrClosed, 0, func() error { return send(small) }, codes.Unavailable, true, "", unavailable},
		{"starting", fmt.Errorf("weft is starting: %w", ErrUnavailable), 0, func() error { return send(small) }, codes.Unavailable, true, "weft is starting", unavailable},
		{"disk error", io.ErrShortWrite, 0, func() error { return send(small) }, codes.Unavailable, true, "short write", unavailable},
		{"too large", nil, 0, func() error { return send(large) }, codes.ResourceExhausted, false, "limits.request_size", oversized},
		{"too large when decompressed", nil, 0, func() error { return send(large, grpc.UseCompressor("gzip")) }, codes.ResourceExhausted, false, "decompressed", oversized},
		{"too large when decompressed, zstd", nil, 0, func() error { return send(large, grpc.UseCompressor("zstd")) }, codes.ResourceExhausted, false, "decompressed", oversized},
		{"unknown compression", nil, 0, func() error { return send(small, grpc.UseCompressor("strange")) }, codes.Unimplemented, false, `"strange"`, unsupported},
		{"no credentials", nil, 401, func() error { return send(small) }, codes.Unauthenticated, false, "not you", unauthenticated},
		{"wrong scope", nil, 403, func() error { return send(small) }, codes.PermissionDenied, false, "not you", forbidden},
		{"unknown method", nil, 0, func() error {
			return conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Import", small, new(emptypb.Empty))
		}, codes.Unimplemented, false, "TraceService/Import", unsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.set(c.fail)
			status401 = c.check
			before := r.Counters.count(c.outcome)
			st := status.Convert(c.do())
			if st.Code() != c.code || !strings.Contains(st.Message(), c.text) {
				t.Errorf("got %v %q; want %v with %q", st.Code(), st.Message(), c.code, c.text)
			}
			var info *errdetails.RetryInfo
			for _, d := range st.Details() {
				info, _ = d.(*errdetails.RetryInfo)
			}
			if (info != nil) != c.retry {
				t.Errorf("RetryInfo %v; want one: %v", info, c.retry)
			}
			if c.retry && info.RetryDelay.AsDuration() < time.Second {
				t.Errorf("retry after %v; want a second or more", info.RetryDelay.AsDuration())
			}
			if n := r.Counters.count(c.outcome) - before; n != 1 {
				t.Errorf("outcome %v was counted %d times; want once", c.outcome, n)
			}
		})
	}
	s.set(nil)
	status401 = 0
	if err := send(small); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func TestGRPCDeadline(t *testing.T) {
	s := sink{block: make(chan struct{})}
	_, url := start(t, Options{Write: s.write})
	c := h2c()
	req, _ := http.NewRequest("POST", url+exportTraces, bytes.NewReader(frame(0, marshal(t, traces("a", 0, 1)))))
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Grpc-Timeout", "50m")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Grpc-Status"); got != "4" {
		t.Errorf("status %q %q; want 4, DEADLINE_EXCEEDED", got, resp.Header.Get("Grpc-Message"))
	}
}

func TestGRPCTimeout(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"1S": time.Second, "20m": 20 * time.Millisecond, "99999999u": 99999999 * time.Microsecond, "5n": 5, "2M": 2 * time.Minute, "3H": 3 * time.Hour,
		"99999999H": 365 * 24 * time.Hour,
	} {
		if got, ok := grpcTimeout(in); !ok || got != want {
			t.Errorf("%s is %v, %v; want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "S", "1", "1s", "-1S", "123456789S", "1.5S", "1SS"} {
		if got, ok := grpcTimeout(in); ok {
			t.Errorf("%q is %v; want it refused", in, got)
		}
	}
}

func h2c() *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: tr}
}

func frame(flag byte, message []byte) []byte {
	b := append([]byte{flag}, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[1:], uint32(len(message)))
	return append(b, message...)
}

// What no client library sends.
func TestGRPCHostile(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write, RequestSize: 1 << 20, InFlight: 4 << 20})
	good := marshal(t, traces("a", 0, 1))
	c := h2c()
	for _, tt := range []struct {
		name, contentType, encoding string
		body                        []byte
		status                      string
		text                        string
	}{
		{"garbage", "application/grpc", "", frame(0, []byte("\xff\xff\xffgarbage")), "3", "protobuf"},
		{"garbage, said to be gzip", "application/grpc", "gzip", frame(1, []byte("garbage")), "3", "gzip"},
		{"garbage, said to be zstd", "application/grpc", "zstd", frame(1, []byte("garbage")), "3", "zstd"},
		{"half a gzip", "application/grpc", "gzip", frame(1, gz(good)[:20]), "3", "gzip"},
		{"compressed without a name", "application/grpc", "", frame(1, gz(good)), "3", "grpc-encoding"},
		{"flag of no meaning", "application/grpc", "", frame(7, good), "3", "byte 7"},
		{"no message", "application/grpc", "", nil, "3", "no message"},
		{"half a prefix", "application/grpc", "", []byte{0, 0}, "3", "ended after 2 of the 5"},
		{"claims 4 GiB", "application/grpc", "", []byte{0, 255, 255, 255, 255, 1}, "8", "limits.request_size"},
		{"claims more than it sends", "application/grpc", "", []byte{0, 0, 0, 4, 0, 1, 2, 3}, "3", "ended after 3 of the 1024"},
		{"two messages", "application/grpc", "", append(frame(0, good), frame(0, good)...), "3", "goes on"},
		{"gzip bomb", "application/grpc", "gzip", frame(1, gz(make([]byte, 100<<20))), "8", "decompressed"},
		{"zstd bomb", "application/grpc", "zstd", frame(1, zst(make([]byte, 100<<20))), "8", "decompressed"},
		{"zstd that claims 1 TiB", "application/grpc", "zstd", frame(1, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0}), "8", "decompressed"},
		{"fine", "application/grpc+proto", "", frame(0, good), "0", ""},
		{"fine, gzip", "application/grpc", "gzip", frame(1, gz(good)), "0", ""},
		{"fine, empty", "application/grpc; charset=utf-8", "", frame(0, nil), "0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, _ := http.NewRequest("POST", url+exportTraces, bytes.NewReader(tt.body))
			req.Header.Set("Content-Type", tt.contentType)
			req.Header.Set("Grpc-Encoding", tt.encoding)
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, message := resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
			if got == "" {
				got, message = resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
			}
			if resp.StatusCode != 200 || got != tt.status || !strings.Contains(message, tt.text) {
				t.Errorf("HTTP %d, status %q %q; want %s with %q", resp.StatusCode, got, message, tt.status, tt.text)
			}
			if tt.status == "0" && !bytes.Equal(body, make([]byte, 5)) {
				t.Errorf("the answer is %x; want one empty message", body)
			}
		})
	}
}

// Other protocols on gRPC's port are told where they are.
func TestGRPCWrongProtocol(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write})
	for _, c := range []*http.Client{http.DefaultClient, h2c()} {
		req, _ := http.NewRequest("POST", url+"/v1/traces", strings.NewReader("x"))
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set("X-Port", "grpc")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 415 || !strings.Contains(string(b), "4318") {
			t.Errorf("%s: %d %q; want 415 and where OTLP over HTTP is", resp.Proto, resp.StatusCode, b)
		}
	}
}

// Buffers are reused between requests; nothing of one may show in another.
func TestGRPCConcurrent(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write})
	var wg sync.WaitGroup
	const clients, requests = 8, 30
	var mu sync.Mutex
	var want []string
	for k := range clients {
		conn := dial(t, url)
		wg.Go(func() {
			for i := range requests {
				first, n := (k*requests+i)*1000, 1+i*31%200
				o := grpc.UseCompressor([]string{"", "gzip", "zstd"}[i%3])
				if _, _, err := export(context.Background(), conn, exportTraces, traces(fmt.Sprint("service ", k), first, n), o); err != nil {
					t.Error(err)
				}
				mu.Lock()
				want = append(want, written(fmt.Sprint("service ", k), first, n)...)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	got := s.taken()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written (-want +got):\n%.2000s", diff)
	}
}
