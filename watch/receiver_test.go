package watch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/watch"
)

func str(k, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

func request(t *testing.T, service string, spans ...*tracepb.Span) []byte {
	t.Helper()
	b, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{str("service.name", service)}},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "weft"}, Spans: spans}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func span(id byte) *tracepb.Span {
	return &tracepb.Span{
		TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{id}, 8), ParentSpanId: bytes.Repeat([]byte{1}, 8),
		Name: fmt.Sprint("span ", id), Kind: tracepb.Span_SPAN_KIND_SERVER,
		StartTimeUnixNano: 1_000_000_000, EndTimeUnixNano: 1_250_000_000,
		Attributes: []*commonpb.KeyValue{str("http.route", "/x")},
		Events:     []*tracepb.Span_Event{{Name: "exception", TimeUnixNano: 1_100_000_000}},
		Status:     &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "boom"},
	}
}

func post(t *testing.T, s *watch.Server, body []byte, header ...string) int {
	t.Helper()
	req, _ := http.NewRequest("POST", s.URL+"/v1/traces", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/x-protobuf")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func listen(t *testing.T) *watch.Server {
	t.Helper()
	s, err := watch.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestReceive(t *testing.T) {
	s := listen(t)
	if code := post(t, s, request(t, "shop", span(2), span(3))); code != 200 {
		t.Fatalf("status %d", code)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(request(t, "shop", span(4)))
	w.Close()
	if code := post(t, s, z.Bytes(), "Content-Encoding", "gzip"); code != 200 {
		t.Fatalf("gzip: status %d", code)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	spans, err := s.Wait(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := watch.Span{
		TraceID: strings.Repeat("ab", 16), SpanID: strings.Repeat("02", 8), ParentID: strings.Repeat("01", 8),
		Name: "span 2", Kind: "server", Service: "shop", Scope: "weft", Start: time.Unix(1, 0), End: time.Unix(1, 250e6),
		Attrs: map[string]any{"http.route": "/x"}, Resource: map[string]any{"service.name": "shop"},
		Events: []watch.Event{{Name: "exception", Time: time.Unix(1, 100e6)}},
		Error:  true, Message: "boom",
	}
	if d := cmp.Diff(want, spans[0]); d != "" {
		t.Error(d)
	}
	if s.Count() != 3 || s.Requests() != 2 || len(watch.Traces(spans)) != 1 {
		t.Errorf("count %d, requests %d, traces %d", s.Count(), s.Requests(), len(watch.Traces(spans)))
	}
	s.Reset()
	if s.Count() != 0 || len(s.Spans()) != 0 {
		t.Error("Reset kept spans")
	}
}

func TestReceiveJSON(t *testing.T) {
	s := listen(t)
	const body = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"js"}}]},"scopeSpans":[{"spans":[
		{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"a","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"n","value":{"intValue":"7"}}],"future":1}]}]}]}`
	if code := post(t, s, []byte(body), "Content-Type", "application/json"); code != 200 {
		t.Fatalf("status %d", code)
	}
	got := s.Spans()[0]
	if got.TraceID != "5b8efff798038103d269b633813fc60c" || got.SpanID != "eee19b7ec3c1b174" || got.Int("n") != 7 || got.Service != "js" {
		t.Errorf("got %v", &got)
	}
}

func TestRefused(t *testing.T) {
	s := listen(t)
	for _, c := range []struct {
		name   string
		body   string
		header []string
		want   int
	}{
		{"garbage", "\xff\xff\xff", nil, 400},
		{"no gzip", "x", []string{"Content-Encoding", "gzip"}, 400},
		{"encoding", "x", []string{"Content-Encoding", "zstd"}, 400},
		{"type", "x", []string{"Content-Type", "text/plain"}, 415},
		{"json ids", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zzzz"}]}]}]}`, []string{"Content-Type", "application/json"}, 400},
	} {
		if code := post(t, s, []byte(c.body), c.header...); code != c.want {
			t.Errorf("%s: status %d, want %d", c.name, code, c.want)
		}
	}
	if s.Count() != 0 {
		t.Errorf("counted %d spans", s.Count())
	}
}

// Spans that OTLP does not allow are told to the sender, and do not cost the others.
func TestPartialSuccess(t *testing.T) {
	s := listen(t)
	bad := span(3)
	bad.TraceId = bad.TraceId[:4]
	resp, err := http.Post(s.URL+"/v1/traces", "application/x-protobuf", bytes.NewReader(request(t, "shop", span(2), bad)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	body.ReadFrom(resp.Body)
	if resp.StatusCode != 200 || s.Count() != 1 || !strings.Contains(body.String(), `span "span 3": trace id of 4 bytes; want 16`) {
		t.Errorf("status %d, %d spans, %q", resp.StatusCode, s.Count(), body.String())
	}
}

func TestCountOnly(t *testing.T) {
	s := listen(t)
	s.CountOnly = true
	post(t, s, request(t, "shop", span(2), span(3)))
	post(t, s, request(t, "shop", span(4)))
	if s.Count() != 3 || len(s.Spans()) != 0 {
		t.Errorf("count %d, kept %d", s.Count(), len(s.Spans()))
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x0a\x00"), true)
	f.Fuzz(func(t *testing.T, body []byte, countOnly bool) {
		r := watch.Receiver{CountOnly: countOnly}
		req, _ := http.NewRequest("POST", "/v1/traces", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/x-protobuf")
		r.ServeHTTP(nopWriter{http.Header{}}, req)
	})
}

type nopWriter struct{ h http.Header }

func (w nopWriter) Header() http.Header         { return w.h }
func (w nopWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w nopWriter) WriteHeader(int)             {}
