package watch

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// buffer is a bytes.Buffer that tells when a line was written.
type buffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	lines chan string
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines != nil {
		for line := range strings.Lines(string(p)) {
			b.lines <- line
		}
	}
	return b.b.Write(p)
}

func (b *buffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// One trace comes in parts, from two services; it is printed once, whole, among others that the filters leave out.
func TestWatch(t *testing.T) {
	stderr := &buffer{lines: make(chan string, 10)}
	var stdout buffer
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"-addr", "127.0.0.1:0", "-n", "1", "-match", "/stock", "-min-spans", "2", "-min", "10ms", "-errors", "-service", "gateway"}, nil, &stdout, stderr)
	}()
	line := <-stderr.lines
	m := regexp.MustCompile(`^weft watch: listening on (http://127\.0\.0\.1:\d+)\n$`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("said %q", line)
	}
	for _, doc := range []string{
		`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"other"}}]},"scopeSpans":[{"spans":[
		{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AAAAAAAAAAE=","name":"GET /else","startTimeUnixNano":"1","endTimeUnixNano":"90000000"}]}]}]}`,
		`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"stock"}}]},"scopeSpans":[{"spans":[
		{"traceId":"AAAAAAAAAAAAAAAAAAAAAg==","spanId":"AAAAAAAAAAI=","parentSpanId":"AAAAAAAAAAE=","kind":2,"flags":768,"name":"GET /stock/{id}","startTimeUnixNano":"10000000","endTimeUnixNano":"20000000","status":{"code":2,"message":"out of stock"}}]}]}]}`,
		`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},"scopeSpans":[{"spans":[
		{"traceId":"AAAAAAAAAAAAAAAAAAAAAg==","spanId":"AAAAAAAAAAE=","name":"GET /order","kind":2,"startTimeUnixNano":"1000000","endTimeUnixNano":"31000000","attributes":[{"key":"items","value":{"intValue":"3"}}]}]}]}]}`,
	} {
		var data tracepb.TracesData
		if err := protojson.Unmarshal([]byte(doc), &data); err != nil {
			t.Fatal(err)
		}
		b, _ := proto.Marshal(&data)
		resp, err := http.Post(m[1]+"/v1/traces", "application/x-protobuf", bytes.NewReader(b))
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(err, resp)
		}
	}
	if c := <-code; c != 0 {
		t.Errorf("exit code %d", c)
	}
	out := stdout.String()
	for _, want := range []string{"trace 00000000000000000000000000000002", "2 spans", "1 error", "GET /order ", "└ ✗ GET /stock/{id}", "out of stock", "items=3"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "else") {
		t.Errorf("shows what does not match:\n%s", out)
	}
	if got := <-stderr.lines; got != "weft watch: traces 1, spans 2, services 2, traces with errors 1\n" {
		t.Errorf("summary %q", got)
	}
}

// The end prints what is incomplete.
func TestWatchInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	stderr := &buffer{lines: make(chan string, 10)}
	var stdout buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"-addr", "127.0.0.1:0"}, nil, &stdout, stderr) }()
	url := strings.TrimSpace(strings.TrimPrefix(<-stderr.lines, "weft watch: listening on "))
	b, _ := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{
		{TraceId: bytes.Repeat([]byte{1}, 16), SpanId: []byte{1, 2, 3, 4, 5, 6, 7, 8}, ParentSpanId: []byte{8, 7, 6, 5, 4, 3, 2, 1}, Name: "orphan"},
		{TraceId: []byte("short"), SpanId: []byte{1}, Name: "bad ids"},
	}}}}}})
	// The second request is taken only after the spans of the first.
	for range 20 {
		resp, err := http.Post(url+"/v1/traces", "application/x-protobuf", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	interrupt()
	<-code
	if out := stdout.String(); !strings.Contains(out, "orphan") || strings.Contains(out, "bad ids") {
		t.Errorf("printed\n%s", out)
	}
}

func TestWatchUsage(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-h"}, 0, "usage: weft watch"},
		{[]string{"-nope"}, 2, "flag provided but not defined"},
		{[]string{"x"}, 2, "unexpected argument"},
		{[]string{"-addr", "127.0.0.1:http-no-such"}, 1, "choose another address with -addr"},
	} {
		var stderr bytes.Buffer
		if got := run(ctx, c.args, nil, io.Discard, &stderr); got != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%v: exit code %d, %q", c.args, got, stderr.String())
		}
	}
}
