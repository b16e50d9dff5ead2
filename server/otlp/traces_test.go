package otlp

import (
	"fmt"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/span"
)

// generated is a request like those that programs send: spans of 8 attributes, services of 5.
func generated(spans int) []byte {
	var b []byte
	put := func(f func()) func(tag byte) {
		return func(tag byte) {
			b = append(b, tag)
			at := len(b)
			f()
			b = prefixLength(b, at)
		}
	}
	str := func(tag byte, s string) { b = appendString(append(b, tag), s) }
	attr := func(tag byte, k, v string) {
		put(func() {
			str(tagKey, k)
			put(func() { str(tagString, v) })(tagValue)
		})(tag)
	}
	num := func(tag byte, k string, v byte) {
		put(func() {
			str(tagKey, k)
			put(func() { b = append(b, tagInt, v) })(tagValue)
		})(tag)
	}
	for i := 0; i < spans; i += 10 {
		put(func() {
			put(func() {
				attr(tagResourceAttr, "service.name", "svc-07-checkout")
				attr(tagResourceAttr, "service.version", "1.42.7")
				attr(tagResourceAttr, "host.name", "node-3.eu-west-1.internal")
				attr(tagResourceAttr, "k8s.pod.name", "svc-07-checkout-7c9d8f6b5-x7k")
				attr(tagResourceAttr, "telemetry.sdk.language", "go")
			})(tagResource)
			put(func() {
				put(func() { str(tagScopeName, "weft/net/http"); str(tagScopeVersion, "0.1.0") })(tagScope)
				for j := range min(10, spans-i) {
					put(func() {
						str(tagSpanTraceID, fmt.Sprintf("%016d", i+1))
						str(tagSpanID, fmt.Sprintf("%08d", j+1))
						if j > 0 {
							str(tagSpanParent, "00000001")
						}
						str(tagSpanName, "GET /api/v1/svc07/resource3/{id}")
						b = append(b, tagSpanKind, 2)
						b = append(b, tagSpanStart, 1, 2, 3, 4, 5, 6, 7, 8, tagSpanEnd, 9, 9, 9, 4, 5, 6, 7, 8)
						attr(tagSpanAttr, "http.request.method", "GET")
						attr(tagSpanAttr, "http.route", "/api/v1/svc07/resource3/{id}")
						num(tagSpanAttr, "http.response.status_code", 100)
						attr(tagSpanAttr, "url.path", "/api/v1/svc/resource/734612")
						attr(tagSpanAttr, "server.address", "10.0.7.13:8080")
						attr(tagSpanAttr, "user.id", "user-4711")
						num(tagSpanAttr, "thread.id", 17)
						attr(tagSpanAttr, "db.system", "postgresql")
					})(tagItem)
				}
			})(tagScopes)
		})(tagResourceItems)
	}
	return b
}

func TestTracesAllocations(t *testing.T) {
	b := generated(1000)
	var d Decoder
	decode := func() {
		spans, _, reason, err := d.Traces(b)
		if err != nil || len(spans) != 1000 || len(spans[999].Attrs) != 8 {
			t.Fatalf("%d spans, %q, %v", len(spans), reason, err)
		}
	}
	if n := testing.AllocsPerRun(10, decode); n != 0 {
		t.Errorf("%v allocations per request of 1,000 spans; want 0", n)
	}
}

func BenchmarkTraces(b *testing.B) {
	req := generated(1000)
	b.SetBytes(int64(len(req)))
	b.ReportAllocs()
	var d Decoder
	var spans []span.Span
	for b.Loop() {
		spans, _, _, _ = d.Traces(req)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/span")
}

func BenchmarkTracesOfficial(b *testing.B) {
	req := generated(1000)
	b.SetBytes(int64(len(req)))
	b.ReportAllocs()
	for b.Loop() {
		var m tracepb.TracesData
		if err := proto.Unmarshal(req, &m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/span")
}
