package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// post sends a body with headers, names and values in turn.
func post(t testing.TB, url string, body []byte, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

func TestHTTP(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write})
	good := marshal(t, traces("shop", 1, 2))
	text := otlp.AppendTracesJSON(nil, decoded(t, good))
	var want []string
	for _, tt := range []struct {
		name   string
		body   []byte
		header []string
		answer string
	}{
		{"protobuf", good, []string{"Content-Type", typeProtobuf}, ""},
		{"protobuf, gzip", gz(good), []string{"Content-Type", typeProtobuf, "Content-Encoding", "gzip"}, ""},
		{"protobuf, zstd", zst(good), []string{"Content-Type", typeProtobuf, "Content-Encoding", "zstd"}, ""},
		{"protobuf, identity", good, []string{"Content-Type", typeProtobuf + "; charset=utf-8", "Content-Encoding", "identity"}, ""},
		{"JSON", text, []string{"Content-Type", typeJSON}, "{}"},
		{"JSON, gzip", gz(text), []string{"Content-Type", "application/json; charset=UTF-8", "Content-Encoding", "gzip"}, "{}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, b := post(t, url+"/v1/traces", tt.body, tt.header...)
			media, _, _ := strings.Cut(tt.header[1], ";")
			if resp.StatusCode != 200 || string(b) != tt.answer || resp.Header.Get("Content-Type") != media {
				t.Errorf("%d %q %s; want 200 %q %s", resp.StatusCode, b, resp.Header.Get("Content-Type"), tt.answer, media)
			}
			want = append(want, written("shop", 1, 2)...)
		})
	}
	if diff := cmp.Diff(want, s.taken()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	for path, body := range map[string][]byte{"/v1/logs": marshal(t, logRecords()), "/v1/metrics": marshal(t, gauges())} {
		if resp, b := post(t, url+path, body, "Content-Type", typeProtobuf); resp.StatusCode != 200 || len(b) != 0 {
			t.Errorf("%s: %d %q; want 200 and nothing", path, resp.StatusCode, b)
		}
	}
	if len(s.logs) != 1 || len(s.points) != 1 {
		t.Errorf("%d logs, %d points; want one each", len(s.logs), len(s.points))
	}
}

func decoded(t testing.TB, b []byte) []span.Span {
	t.Helper()
	var d otlp.Decoder
	spans, _, _, err := d.Traces(b)
	if err != nil {
		t.Fatal(err)
	}
	return spans
}

// A request of exactly the size that is allowed is taken, in every encoding,
// and one of a byte more is not.
func TestHTTPLimit(t *testing.T) {
	var s sink
	const limit = 200_000 // no power of two
	_, url := start(t, Options{Write: s.write, RequestSize: limit, InFlight: 8 << 20})
	body := marshal(t, traces("shop", 0, 1500))
	pad := func(n int) []byte { // an unknown field, which decoders skip
		n -= len(body) + 4
		return append(append(append([]byte(nil), body...), 0x7a, byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)), make([]byte, n)...)
	}
	for n, want := range map[int]int{limit - 1: 200, limit: 200, limit + 1: 413} {
		b := pad(n)
		if len(b) != n {
			t.Fatalf("%d bytes; want %d", len(b), n)
		}
		for enc, b := range map[string][]byte{"identity": b, "gzip": gz(b), "zstd": zst(b)} {
			for _, body := range []io.Reader{bytes.NewReader(b), io.MultiReader(bytes.NewReader(b))} { // of known and of unknown length
				req, _ := http.NewRequest("POST", url+"/v1/traces", body)
				req.Header.Set("Content-Type", typeProtobuf)
				req.Header.Set("Content-Encoding", enc)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("%d bytes, %s: %d %q; want %d", n, enc, resp.StatusCode, text, want)
				}
			}
		}
	}
}

// A body whose length is not announced.
func TestHTTPChunked(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write, RequestSize: 4 << 20})
	n := 5000
	body := marshal(t, traces("shop", 0, n))
	for _, enc := range []string{"identity", "gzip", "zstd"} {
		b := map[string][]byte{"identity": body, "gzip": gz(body), "zstd": zst(body)}[enc]
		req, _ := http.NewRequest("POST", url+"/v1/traces", io.MultiReader(bytes.NewReader(b)))
		req.Header.Set("Content-Type", typeProtobuf)
		req.Header.Set("Content-Encoding", enc)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d", enc, resp.StatusCode)
		}
	}
	if got := len(s.taken()); got != 3*n {
		t.Errorf("%d spans; want %d", got, 3*n)
	}
	// One that never ends.
	req, _ := http.NewRequest("POST", url+"/v1/traces", endless{})
	req.Header.Set("Content-Type", typeProtobuf)
	resp, err := http.DefaultClient.Do(req)
	if err == nil { // the server may close before the client is done with sending
		resp.Body.Close()
		if resp.StatusCode != 413 {
			t.Errorf("without end: %d; want 413", resp.StatusCode)
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestHTTPPartialSuccess(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write})
	req := traces("shop", 0, 3)
	req.ResourceSpans[0].ScopeSpans[0].Spans[0].SpanId = nil
	body := marshal(t, req)

	resp, b := post(t, url+"/v1/traces", body, "Content-Type", typeProtobuf)
	rejected, why, err := partialSuccess(b)
	if resp.StatusCode != 200 || err != nil || rejected != 1 || !strings.Contains(why, "span id") {
		t.Errorf("%d, %d rejected, %q, %v; want 200 with one span rejected for its id", resp.StatusCode, rejected, why, err)
	}
	resp, b = post(t, url+"/v1/traces", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"","spanId":"0102030405060708","name":"x"}]}]}]}`), "Content-Type", typeJSON)
	var answer struct {
		PartialSuccess struct{ RejectedSpans, ErrorMessage string }
	}
	if err := json.Unmarshal(b, &answer); err != nil || resp.StatusCode != 200 || answer.PartialSuccess.RejectedSpans != "1" || answer.PartialSuccess.ErrorMessage == "" {
		t.Errorf("%d %s, %v; want 200 with one span rejected", resp.StatusCode, b, err)
	}
}

func TestHTTPErrors(t *testing.T) {
	var s sink
	var check int
	r, url := start(t, Options{Write: s.write, RequestSize: 1 << 20, InFlight: 2 << 20, Check: func(*http.Request) (int, string) { return check, "not you" }})
	good := marshal(t, traces("shop", 1, 2))
	pb := []string{"Content-Type", typeProtobuf}
	for _, tt := range []struct {
		name   string
		method string
		path   string
		body   []byte
		header []string
		fail   error
		check  int
		status int
		code   int32 // of the google.rpc.Status
		text   string
		also   string // a header that must be there
	}{
		{"garbage", "POST", "/v1/traces", []byte("\xff\xff\xff"), pb, nil, 0, 400, 3, "protobuf", ""},
		{"garbage JSON", "POST", "/v1/traces", []byte(`{"resourceSpans":[`), []string{"Content-Type", typeJSON}, nil, 0, 400, 3, "JSON", ""},
		{"nested JSON", "POST", "/v1/traces", bytes.Repeat([]byte(`[`), 500_000), []string{"Content-Type", typeJSON}, nil, 0, 400, 3, "", ""},
		{"garbage logs", "POST", "/v1/logs", []byte("\xff\xff\xff"), pb, nil, 0, 400, 3, "protobuf", ""},
		{"garbage metrics", "POST", "/v1/metrics", []byte("\xff\xff\xff"), pb, nil, 0, 400, 3, "protobuf", ""},
		{"half a gzip", "POST", "/v1/traces", gz(good)[:30], append(pb, "Content-Encoding", "gzip"), nil, 0, 400, 3, "gzip", ""},
		{"path", "POST", "/v1/trace", good, pb, nil, 0, 404, 12, "/v1/traces", ""},
		{"path traversal", "POST", "/v1/traces/../../etc/passwd", good, pb, nil, 0, 404, 12, "/v1/traces", ""},
		{"method", "GET", "/v1/traces", nil, pb, nil, 0, 405, 12, "POST", "Allow"},
		{"preflight", "OPTIONS", "/v1/traces", nil, []string{"Origin", "https://evil.example"}, nil, 0, 405, 12, "POST", "Allow"},
		{"content type", "POST", "/v1/traces", good, []string{"Content-Type", "text/plain"}, nil, 0, 415, 12, typeProtobuf, ""},
		{"no content type", "POST", "/v1/traces", good, nil, nil, 0, 415, 12, typeProtobuf, ""},
		{"encoding", "POST", "/v1/traces", good, append(pb, "Content-Encoding", "br"), nil, 0, 415, 12, `"br"`, "Accept-Encoding"},
		{"too large", "POST", "/v1/traces", make([]byte, 2<<20), pb, nil, 0, 413, 8, "limits.request_size", ""},
		{"gzip bomb", "POST", "/v1/traces", gz(make([]byte, 100<<20)), append(pb, "Content-Encoding", "gzip"), nil, 0, 413, 8, "decompressed", ""},
		{"zstd bomb", "POST", "/v1/traces", zst(make([]byte, 100<<20)), append(pb, "Content-Encoding", "zstd"), nil, 0, 413, 8, "decompressed", ""},
		{"busy", "POST", "/v1/traces", good, pb, store.ErrBusy, 0, 429, 8, "busy", "Retry-After"},
		{"full", "POST", "/v1/traces", good, pb, store.ErrFull, 0, 503, 14, "full", "Retry-After"},
		{"closed", "POST", "/v1/traces", good, pb, store.ErrClosed, 0, 503, 14, "", "Retry-After"},
		{"no credentials", "POST", "/v1/traces", good, pb, nil, 401, 401, 16, "not you", "Www-Authenticate"},
		{"wrong scope", "POST", "/v1/traces", good, pb, nil, 403, 403, 7, "not you", ""},
		{"wrong host", "POST", "/v1/traces", good, pb, nil, 421, 421, 7, "not you", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.set(tt.fail)
			check = tt.check
			req, _ := http.NewRequest(tt.method, url+tt.path, bytes.NewReader(tt.body))
			for i := 0; i < len(tt.header); i += 2 {
				req.Header.Set(tt.header[i], tt.header[i+1])
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			var st spb.Status
			media := typeJSON
			if len(tt.header) > 1 && tt.header[1] == typeProtobuf {
				media = typeProtobuf
				err = proto.Unmarshal(b, &st)
			} else {
				err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, &st)
			}
			if err != nil || resp.Header.Get("Content-Type") != media {
				t.Fatalf("body %q of %s: %v", b, resp.Header.Get("Content-Type"), err)
			}
			if resp.StatusCode != tt.status || st.Code != tt.code || !strings.Contains(st.Message, tt.text) {
				t.Errorf("%d, code %d %q; want %d, %d with %q", resp.StatusCode, st.Code, st.Message, tt.status, tt.code, tt.text)
			}
			if tt.also != "" && resp.Header.Get(tt.also) == "" {
				t.Errorf("no header %s", tt.also)
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("pages of other sites are allowed to send")
			}
		})
	}
	if n := r.Counters.accepted[OTLPHTTP][Traces].Load(); n != 0 {
		t.Errorf("%d spans counted as accepted; want none", n)
	}
}

func TestZipkin(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write})
	text := []byte(`[{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312","name":"get /","timestamp":1000000,"duration":5000,"localEndpoint":{"serviceName":"shop"}}]`)
	for _, enc := range []string{"", "gzip"} {
		body := text
		if enc == "gzip" {
			body = gz(text)
		}
		if resp, b := post(t, url+"/api/v2/spans", body, "Content-Type", typeJSON, "Content-Encoding", enc); resp.StatusCode != 202 || len(b) != 0 {
			t.Errorf("%d %q; want 202 and nothing", resp.StatusCode, b)
		}
	}
	if diff := cmp.Diff([]string{"shop/get //463ac35c9f6413ad48485a3953bb6124", "shop/get //463ac35c9f6413ad48485a3953bb6124"}, s.taken()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		path, contentType string
		body              string
		status            int
	}{
		{"/api/v2/spans", typeJSON, `[{"traceId":`, 400},
		{"/api/v2/spans", typeProtobuf, "\xff\xff", 400},
		{"/api/v2/spans", typeJSON, `[{"traceId":"xyz","id":"a2fb4a1d1a96d312","name":"x","timestamp":1}]`, 400},
		{"/api/v2/spans", "application/x-thrift", "x", 415},
		{"/api/v1/spans", typeJSON, `[]`, 404},
	} {
		if resp, b := post(t, url+tt.path, []byte(tt.body), "Content-Type", tt.contentType); resp.StatusCode != tt.status || len(b) == 0 {
			t.Errorf("%s %s: %d %q; want %d and a reason", tt.path, tt.contentType, resp.StatusCode, b, tt.status)
		}
	}
	s.set(store.ErrFull)
	if resp, _ := post(t, url+"/api/v2/spans", text, "Content-Type", typeJSON); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("full: %d, Retry-After %q; want 503 and when to retry", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

// raw opens a connection and sends text.
func raw(t *testing.T, url, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

const slowHead = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\nx"

// A request that does not arrive is given up, and its connection with it.
func TestSlowRequest(t *testing.T) {
	var s sink
	r, url := start(t, Options{Write: s.write, ReadTimeout: 50 * time.Millisecond})
	c := raw(t, url, fmt.Sprintf(slowHead, 1000))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 408 {
		t.Errorf("%d; want 408", resp.StatusCode)
	}
	if n := r.Counters.count(late); n != 1 {
		t.Errorf("%d requests counted as too slow; want 1", n)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
}

// The same over HTTP/2, with a body that stays open.
func TestSlowStream(t *testing.T) {
	var s sink
	_, url := start(t, Options{Write: s.write, ReadTimeout: 50 * time.Millisecond})
	body, w := io.Pipe()
	defer w.Close()
	req, _ := http.NewRequest("POST", url+exportTraces, body)
	req.Header.Set("Content-Type", "application/grpc")
	go w.Write(frame(0, make([]byte, 1000))[:500])
	resp, err := h2c().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Grpc-Status"); got != "4" {
		t.Errorf("status %q %q; want 4, DEADLINE_EXCEEDED", got, resp.Header.Get("Grpc-Message"))
	}
}

// Clients that hold all of the budget and send nothing lose it as soon as one
// comes that does.
func TestSlowClientsGiveWay(t *testing.T) {
	var s sink
	r, url := start(t, Options{Write: s.write, RequestSize: 1 << 20, InFlight: 2 << 20, Wait: time.Minute, ReadTimeout: time.Hour})
	conns := []net.Conn{raw(t, url, fmt.Sprintf(slowHead, 1<<20)), raw(t, url, fmt.Sprintf(slowHead, 1<<20))}
	for { // until they hold it
		if used, _, _ := r.InFlight(); used == 2<<20 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if resp, b := post(t, url+"/v1/traces", marshal(t, traces("shop", 0, 1)), "Content-Type", typeProtobuf); resp.StatusCode != 200 {
		t.Errorf("%d %q; want 200", resp.StatusCode, b)
	}
	if _, _, cut := r.InFlight(); cut == 0 {
		t.Error("no slow request was counted as cut off")
	}
	for _, c := range conns {
		c.Close()
	}
}

// A client that goes away in the middle of a request.
func TestClientGone(t *testing.T) {
	var s sink
	r, url := start(t, Options{Write: s.write})
	raw(t, url, fmt.Sprintf(slowHead, 1000)).Close()
	for r.Counters.count(gone)+r.Counters.count(malformed) == 0 {
		time.Sleep(time.Millisecond)
	}
	if len(s.taken()) != 0 {
		t.Error("half a request was stored")
	}
}

// A fault of weft's own ends one request.
func TestPanic(t *testing.T) {
	boom := true
	_, url := start(t, Options{Write: func(context.Context, *store.Batch) error {
		if boom {
			panic("boom")
		}
		return nil
	}})
	body := marshal(t, traces("shop", 0, 1))
	if resp, b := post(t, url+"/v1/traces", body, "Content-Type", typeProtobuf); resp.StatusCode != 500 || bytes.Contains(b, []byte("boom")) {
		t.Errorf("%d %q; want 500 without details", resp.StatusCode, b)
	}
	boom = false
	if resp, _ := post(t, url+"/v1/traces", body, "Content-Type", typeProtobuf); resp.StatusCode != 200 {
		t.Errorf("after the panic: %d; want 200", resp.StatusCode)
	}
}

// More at a time than there is room for: some are told to come back, nobody
// waits for ever, and what was acknowledged was written.
func TestOverload(t *testing.T) {
	s := sink{block: make(chan struct{})}
	r, url := start(t, Options{Write: s.write, RequestSize: 1 << 20, InFlight: 2 << 20, Wait: 10 * time.Millisecond})
	body := marshal(t, traces("shop", 0, 1))
	const n = 100
	status := make(chan int, n)
	for range n {
		go func() {
			resp, err := http.Post(url+"/v1/traces", typeProtobuf, bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				status <- 0
				return
			}
			resp.Body.Close()
			status <- resp.StatusCode
		}()
	}
	got := map[int]int{}
	room := int(r.work.size / minWeight)
	for range n - room { // those refused are answered while the others still hold what they have
		got[<-status]++
	}
	if used, _, _ := r.InFlight(); used > 2<<20 {
		t.Errorf("%d bytes in flight; want at most %d", used, 2<<20)
	}
	close(s.block)
	for range room {
		got[<-status]++
	}
	if got[429] != n-room || got[200] != room || len(s.taken()) != room {
		t.Errorf("answers %v, %d spans written; want %d with 200 and the rest with 429", got, len(s.taken()), room)
	}
}

// Whatever arrives is answered, and nothing of the budget is lost (see start).
func FuzzHTTP(f *testing.F) {
	var s sink
	r, err := New(Options{Write: s.write, RequestSize: 1 << 20, InFlight: 4 << 20})
	if err != nil {
		f.Fatal(err)
	}
	good := marshal(f, traces("shop", 0, 3))
	for _, b := range [][]byte{good, gz(good), zst(good), []byte(`{"resourceSpans":[]}`), frame(0, good), frame(1, gz(good))} {
		f.Add(b, uint8(0), uint8(0))
		f.Add(b, uint8(1), uint8(1))
		f.Add(b, uint8(2), uint8(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, kind, enc uint8) {
		kinds := []struct {
			h           http.Handler
			path, media string
		}{
			{r.HTTP(), "/v1/traces", typeProtobuf}, {r.HTTP(), "/v1/traces", typeJSON}, {r.GRPC(), exportTraces, "application/grpc"},
			{r.HTTP(), "/v1/logs", typeProtobuf}, {r.HTTP(), "/v1/logs", typeJSON}, {r.HTTP(), "/v1/metrics", typeProtobuf}, {r.HTTP(), "/v1/metrics", typeJSON},
			{r.Zipkin(), "/api/v2/spans", typeProtobuf}, {r.Zipkin(), "/api/v2/spans", typeJSON},
		}
		k := kinds[int(kind)%len(kinds)]
		req, _ := http.NewRequest("POST", "http://localhost"+k.path, bytes.NewReader(body))
		req.ProtoMajor = 2
		req.Header.Set("Content-Type", k.media)
		e := []string{"", "gzip", "zstd"}[enc%3]
		req.Header.Set("Content-Encoding", e)
		req.Header.Set("Grpc-Encoding", e)
		w := &recorder{header: http.Header{}}
		k.h.ServeHTTP(w, req)
		if w.status >= 500 {
			t.Errorf("%d %s", w.status, w.body)
		}
		if s := w.header.Get("Grpc-Status"); s == "13" {
			t.Error(w.header.Get("Grpc-Message"))
		}
		if used, _, _ := r.InFlight(); used != 0 {
			t.Errorf("%d bytes in flight after the request", used)
		}
		s.mu.Lock()
		s.spans, s.logs, s.points = nil, nil, nil
		s.mu.Unlock()
	})
}

// recorder is a ResponseWriter of which deadlines can be set.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header             { return r.header }
func (r *recorder) WriteHeader(status int)          { r.status = status }
func (r *recorder) SetReadDeadline(time.Time) error { return nil }
func (r *recorder) Write(b []byte) (int, error)     { r.body = append(r.body, b...); return len(b), nil }
