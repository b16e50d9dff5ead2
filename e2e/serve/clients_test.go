//go:build linux

package serve

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/weft-trace/weft/bench/workload"
)

// An attack is what one hostile client does until ctx ends. It must do at least something that the server has to notice, or its
// error fails the test; how the server refuses it is its own affair.
type attack struct {
	name string
	run  func(ctx context.Context, s *server) error
}

var attacks = []attack{
	{"noise instead of HTTP", func(ctx context.Context, s *server) error {
		return eachPort(s, func(address string) error {
			return talk(ctx, address, func(c net.Conn) {
				b := make([]byte, 64<<10)
				r := rand.NewChaCha8([32]byte{1})
				r.Read(b)
				c.Write(b)
				io.Copy(io.Discard, c)
			})
		})
	}},
	{"noise instead of spans", func(ctx context.Context, s *server) error {
		b := make([]byte, 10_000)
		rand.NewChaCha8([32]byte{2}).Read(b)
		for _, typ := range []string{"application/x-protobuf", "application/json", "text/html", ""} {
			for _, encoding := range []string{"", "gzip", "zstd", "br"} {
				if err := refused(ctx, s, typ, encoding, bytes.NewReader(b)); err != nil {
					return err
				}
			}
		}
		return nil
	}},
	{"spans cut off and flipped", func(ctx context.Context, s *server) error {
		whole := workload.New(workload.Workload{Seed: 99, Traces: 10, End: time.Now().UnixNano()}).AppendRequest(nil, 0, 10, nil)
		r := rand.New(rand.NewPCG(3, 3))
		for range 200 {
			b := bytes.Clone(whole[:r.IntN(len(whole))])
			for range r.IntN(20) {
				if len(b) > 0 {
					b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
				}
			}
			if _, err := post(ctx, s.otlp, "application/x-protobuf", "", bytes.NewReader(b)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"a length that is not true", func(ctx context.Context, s *server) error {
		// A resource_spans that claims 1 GiB, an attribute list that claims 2^62 bytes, an endless varint.
		for _, b := range []string{"\x0a\x80\x80\x80\x80\x04abc", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x3f", strings.Repeat("\xff", 1000)} {
			if err := refused(ctx, s, "application/x-protobuf", "", strings.NewReader(b)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"1 GiB", func(ctx context.Context, s *server) error {
		post(ctx, s.otlp, "application/x-protobuf", "", io.LimitReader(zeros{}, 1<<30)) // may be cut off: no answer
		return nil
	}},
	{"1 GiB in 1 MiB of gzip", func(ctx context.Context, s *server) error {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		io.Copy(z, io.LimitReader(zeros{}, 1<<30))
		z.Close()
		for range 8 {
			if err := refused(ctx, s, "application/x-protobuf", "gzip", bytes.NewReader(b.Bytes())); err != nil {
				return err
			}
		}
		return nil
	}},
	{"1 GiB in some KiB of zstd", func(ctx context.Context, s *server) error {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b)
		if err != nil {
			return err
		}
		io.Copy(z, io.LimitReader(zeros{}, 1<<30))
		z.Close()
		for range 8 {
			if err := refused(ctx, s, "application/x-protobuf", "zstd", bytes.NewReader(b.Bytes())); err != nil {
				return err
			}
		}
		return nil
	}},
	{"values nested 100,000 deep", func(ctx context.Context, s *server) error {
		value := nested(100_000)
		kv := appendBytes(appendBytes(nil, 1, []byte("k")), 2, value)
		sp := appendBytes(appendBytes(nil, 1, bytes.Repeat([]byte{7}, 16)), 2, bytes.Repeat([]byte{7}, 8))
		sp = appendBytes(sp, 9, kv)
		post(ctx, s.otlp, "application/x-protobuf", "", bytes.NewReader(appendBytes(nil, 1, appendBytes(nil, 2, appendBytes(nil, 2, sp)))))
		deep := strings.Repeat(`{"arrayValue":{"values":[`, 100_000)
		if err := refused(ctx, s, "application/json", "", strings.NewReader(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":`+deep)); err != nil {
			return err
		}
		return refused(ctx, s, "application/json", "", strings.NewReader(strings.Repeat("[", 1_000_000)))
	}},
	{"a body, byte by byte", func(ctx context.Context, s *server) error {
		return times(300, func() error {
			return talk(ctx, s.otlp, func(c net.Conn) {
				fmt.Fprintf(c, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000000\r\n\r\n")
				drip(ctx, c)
			})
		})
	}},
	{"a header, byte by byte", func(ctx context.Context, s *server) error {
		return times(100, func() error {
			return eachPort(s, func(address string) error {
				return talk(ctx, address, func(c net.Conn) {
					fmt.Fprintf(c, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nX: ")
					drip(ctx, c)
				})
			})
		})
	}},
	{"a header of 64 MiB", func(ctx context.Context, s *server) error {
		return eachPort(s, func(address string) error {
			return talk(ctx, address, func(c net.Conn) {
				fmt.Fprintf(c, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nX: ")
				io.Copy(c, io.LimitReader(zeros{}, 64<<20))
			})
		})
	}},
	{"500 idle connections", func(ctx context.Context, s *server) error {
		return times(125, func() error {
			return eachPort(s, func(address string) error {
				return talk(ctx, address, func(net.Conn) { <-ctx.Done() })
			})
		})
	}},
	{"streams opened and reset", func(ctx context.Context, s *server) error {
		return h2(ctx, s.grpc, func(f *http2.Framer, open func(id uint32)) error {
			for id := uint32(1); id < 20_000; id += 2 {
				open(id)
				if err := f.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
					return nil // the server closed the connection
				}
			}
			return nil
		})
	}},
	{"gRPC messages that claim 4 GiB", func(ctx context.Context, s *server) error {
		return times(20, func() error {
			return h2(ctx, s.grpc, func(f *http2.Framer, open func(id uint32)) error {
				for id := uint32(1); id < 100; id += 2 {
					open(id)
					if err := f.WriteData(id, false, []byte{byte(id / 2 % 2), 0xff, 0xff, 0xff, 0xff, 'x'}); err != nil {
						return nil
					}
				}
				<-ctx.Done()
				return nil
			})
		})
	}},
	{"gRPC messages that never end", func(ctx context.Context, s *server) error {
		return times(20, func() error {
			return h2(ctx, s.grpc, func(f *http2.Framer, open func(id uint32)) error {
				for id := uint32(1); id < 100; id += 2 {
					open(id)
					if err := f.WriteData(id, false, []byte{0, 0, 0xf0, 0, 0, 'x'}); err != nil { // 15 MiB, within the limit
						return nil
					}
				}
				<-ctx.Done()
				return nil
			})
		})
	}},
	{"Zipkin's noise", func(ctx context.Context, s *server) error {
		for _, body := range []string{"[", "{}", `[{"traceId":"zz"}]`, strings.Repeat("[", 1_000_000), `[{"traceId":"1","id":"1","tags":` + strings.Repeat(`{"a":`, 100_000)} {
			req, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.zipkin+"/api/v2/spans", strings.NewReader(body))
			if err != nil {
				return err
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := hostile.Do(req)
			if err != nil {
				return err
			}
			resp.Body.Close()
			if resp.StatusCode < 400 && body != "{}" {
				return fmt.Errorf("zipkin: %.40q: %s", body, resp.Status)
			}
		}
		return nil
	}},
	{"questions that make no sense", func(ctx context.Context, s *server) error {
		long := strings.Repeat("(", 100_000)
		for _, path := range []string{"/api/weft/v1/search?q=" + long, "/api/weft/v1/search?q=a+%3D~+%22(a%2B)%2B%24%22&limit=1000", "/api/weft/v1/traces/zz", "/api/traces?limit=-1", "/api/traces?tags=" + long,
			"/api/weft/v1/search?from=99999999999999999999", "/api/weft/v1/aggregate?by=url.path&step=1ns", "/../../etc/passwd", "/api/weft/v1/traces/..%2f..%2fetc%2fpasswd"} {
			req, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.query+path, nil)
			if err != nil {
				return err
			}
			resp, err := hostile.Do(req)
			if err != nil {
				return err
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode >= 500 || bytes.Contains(body, []byte("root:")) {
				return fmt.Errorf("GET %.80s: %s: %.200s", path, resp.Status, body)
			}
		}
		return nil
	}},
}

// Clients send garbage, huge, slow and nested data, all at once, while a good one works. Nothing changes for the good one: no request
// of it fails, all of its spans are there. The server's memory stays bounded.
func TestHostileClients(t *testing.T) {
	g := lastHour(10_000_000)
	s := start(t, t.TempDir())
	duration := 8 * time.Second
	if long() {
		duration = 2 * time.Minute
	}
	good := newLoad(g.Workload, 5)
	done, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, c := range s.connect(t) {
		wg.Go(func() {
			defer c.Close()
			good.run(done, c)
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var hostiles sync.WaitGroup
	for _, a := range attacks {
		hostiles.Go(func() {
			for again := true; again; again = long() && ctx.Err() == nil {
				if err := a.run(ctx, s); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", a.name, err)
					return
				}
			}
		})
	}
	hostiles.Wait()
	stop()
	wg.Wait()
	for text, n := range good.refused {
		t.Errorf("%d requests of the good client failed: %s", n, text)
	}
	if good.busy > 0 {
		t.Errorf("the good client was told %d times to try again later", good.busy)
	}
	if len(good.acknowledged) < 100 {
		t.Errorf("the good client stored only %d traces", len(good.acknowledged))
	}
	s.checkAll(t, g, good.acknowledged, workload.SpansPerTrace)
	peak := s.peak(t)
	t.Logf("the good client stored %d traces meanwhile; the server's memory was %d MiB at most", len(good.acknowledged), peak>>20)
	if peak > 512<<20 {
		t.Errorf("the server's memory was %d MiB at most; want it bounded by its limits, below 512", peak>>20)
	}
	if said := s.stderr.String(); strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
		t.Error("a panic is in the log")
	}
	s.terminate(t)
}

var vmHWM = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the greatest resident memory so far, in bytes; 0 where the system does not tell.
func (s *server) peak(t testing.TB) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Logf("the memory of the server is not known: %v", err)
		return 0
	}
	m := vmHWM.FindSubmatch(b)
	if m == nil {
		t.Fatalf("no VmHWM in %s", b)
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10
}

var hostile = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 10}}

func post(ctx context.Context, address, contentType, encoding string, body io.Reader) (int, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+address+"/v1/traces", body)
	if err != nil {
		return 0, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := hostile.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, nil
}

// refused posts what must be answered as the client's mistake, with 4xx and neither success nor 5xx; 429 and 503 only say that others are
// at it, too.
func refused(ctx context.Context, s *server, contentType, encoding string, body io.Reader) error {
	code, err := post(ctx, s.otlp, contentType, encoding, body)
	if err == nil && (code < 400 || code >= 500 && code != 503) {
		err = fmt.Errorf("content type %q, encoding %q: answered with %d", contentType, encoding, code)
	}
	return err
}

// talk holds a connection until f returns or ctx ends.
func talk(ctx context.Context, address string, f func(net.Conn)) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	f(c)
	return nil
}

func eachPort(s *server, f func(address string) error) error {
	errs := make(chan error, 4)
	for _, a := range []string{s.query, s.grpc, s.otlp, s.zipkin} {
		go func() { errs <- f(a) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// times runs f n times at once.
func times(n int, f func() error) error {
	errs := make(chan error, n)
	for range n {
		go func() { errs <- f() }()
	}
	for range n {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// drip sends a byte now and then until the server has enough of it.
func drip(ctx context.Context, c net.Conn) {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
		}
	}
}

// h2 opens an HTTP/2 connection without TLS; open starts an export call on a stream.
func h2(ctx context.Context, address string, f func(fr *http2.Framer, open func(id uint32)) error) error {
	var failed error
	err := talk(ctx, address, func(c net.Conn) {
		io.WriteString(c, http2.ClientPreface)
		fr := http2.NewFramer(c, c)
		fr.WriteSettings()
		go io.Copy(io.Discard, c)
		var block bytes.Buffer
		enc := hpack.NewEncoder(&block)
		failed = f(fr, func(id uint32) {
			block.Reset()
			for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
				{":authority", "x"}, {"content-type", "application/grpc"}, {"te", "trailers"}, {"grpc-encoding", "gzip"}} {
				enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
			}
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		})
	})
	if err == nil {
		err = failed
	}
	return err
}

func appendBytes(b []byte, field int, v []byte) []byte {
	b = binary.AppendUvarint(b, uint64(field<<3|2))
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// nested is an AnyValue of arrays in arrays: AnyValue.array_value (5) of ArrayValue.values (1). It is made from its end, backwards.
func nested(depth int) []byte {
	b := []byte("x\x01\x0a")
	for range 2 * depth {
		n := len(b)
		head := binary.AppendUvarint([]byte{1<<3 | 2}, uint64(n))
		if b[n-1] == 1<<3|2 && n > 3 {
			head[0] = 5<<3 | 2
		}
		slices.Reverse(head)
		b = append(b, head...)
	}
	slices.Reverse(b)
	return b
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Requests that hold mistakes beside good spans: the good ones are stored, the client is told how many were not.
func TestPartialSuccess(t *testing.T) {
	s := start(t, t.TempDir())
	g := lastHour(100)
	body := g.AppendRequest(nil, 0, 1, nil)
	bad := appendBytes(appendBytes(nil, 1, bytes.Repeat([]byte{0}, 16)), 2, bytes.Repeat([]byte{7}, 8)) // the invalid trace id
	body = append(body, appendBytes(nil, 1, appendBytes(nil, 2, appendBytes(nil, 2, bad)))...)
	for _, c := range s.connect(t) {
		rejected, err := c.Export(t.Context(), body)
		if rejected != 1 || err != nil {
			t.Errorf("%d rejected, %v; want 1", rejected, err)
		}
		c.Close()
	}
	s.checkAll(t, g, []int64{0}, workload.SpansPerTrace)
}
