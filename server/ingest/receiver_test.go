package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/store"
)

// sink is a receiver's store: it keeps copies of what was written, or fails.
type sink struct {
	mu     sync.Mutex
	spans  []string // service/name/trace id
	logs   []string // trace ids
	points []string // names
	raw    int      // batches with the request as it came
	fail   error
	block  chan struct{} // not nil: Write waits for it, or for its context
}

func (s *sink) write(ctx context.Context, b *store.Batch) error {
	s.mu.Lock()
	fail, block := s.fail, s.block
	s.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fail != nil {
		return fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Traces != nil {
		s.raw++
	}
	for i := range b.Spans {
		sp := &b.Spans[i]
		s.spans = append(s.spans, strings.Clone(sp.Service()+"/"+sp.Name+"/"+sp.TraceID.String()))
	}
	for i := range b.Logs {
		s.logs = append(s.logs, b.Logs[i].TraceID.String())
	}
	for i := range b.Points {
		s.points = append(s.points, strings.Clone(b.Points[i].Name))
	}
	return nil
}

func (s *sink) set(fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *sink) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.spans...)
}

// start serves a receiver on loopback: its three handlers by the paths that
// they are known by, over HTTP/1 and HTTP/2 without TLS.
func start(t testing.TB, o Options) (r *Receiver, url string) {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	grpc, otlp, zipkin := r.GRPC(), r.HTTP(), r.Zipkin()
	srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasPrefix(req.URL.Path, "/opentelemetry.") || req.Header.Get("X-Port") == "grpc":
			grpc.ServeHTTP(w, req)
		case strings.HasPrefix(req.URL.Path, "/api/"):
			zipkin.ServeHTTP(w, req)
		default:
			otlp.ServeHTTP(w, req)
		}
	})}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	go srv.Serve(ln)
	t.Cleanup(func() {
		srv.Close()
		// Whatever happened, nothing of the budget may be lost.
		for ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second); ; {
			used, waiting, _ := r.InFlight()
			working, _, _ := r.work.inFlight()
			if used == 0 && waiting == 0 && working == 0 {
				cancel()
				return
			}
			if ctx.Err() != nil {
				t.Errorf("at the end %d bytes are in flight, %d worked on, %d requests wait", used, working, waiting)
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	return r, "http://" + ln.Addr().String()
}

func str(k, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

func id(n int) []byte { return fmt.Appendf(nil, "%016d", n) }

// TracesData, LogsData and MetricsData are the same on the wire as the
// ExportTraceServiceRequest and so on, whose package needs grpc-gateway.

// traces returns a request of spans, one of each trace from first on.
func traces(service string, first, n int) *tracepb.TracesData {
	var spans []*tracepb.Span
	for i := range n {
		spans = append(spans, &tracepb.Span{
			TraceId: id(first + i), SpanId: id(first + i)[8:], Name: fmt.Sprint("span ", first+i),
			StartTimeUnixNano: 1_000_000_000, EndTimeUnixNano: 1_250_000_000,
			Attributes: []*commonpb.KeyValue{str("http.route", "/users/{id}"), str("n", fmt.Sprint(first+i))},
		})
	}
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{str("service.name", service)}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}}
}

// written is what the sink has of traces.
func written(service string, first, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s/span %d/%x", service, first+i, id(first+i)))
	}
	return out
}

func logRecords() *logspb.LogsData {
	return &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{
		LogRecords: []*logspb.LogRecord{{TraceId: id(7), SpanId: id(7)[8:], TimeUnixNano: 1, Body: str("", "hello").Value}},
	}}}}}
}

func gauges() *metricspb.MetricsData {
	return &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{{
		Metrics: []*metricspb.Metric{{Name: "queue.length", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{
			DataPoints: []*metricspb.NumberDataPoint{{TimeUnixNano: 1, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 3}}},
		}}}},
	}}}}}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// zst compresses as a stream, which does not say how long it is.
func zst(b []byte) []byte {
	var out bytes.Buffer
	w, _ := zstd.NewWriter(&out)
	io.Copy(w, bytes.NewReader(b))
	w.Close()
	return out.Bytes()
}

// count returns how many requests ended with an outcome.
func (c *Counters) count(o Outcome) (n int64) {
	c.EachRequests(func(_ Protocol, _ Signal, other Outcome, m int64) {
		if o == other {
			n += m
		}
	})
	return n
}
