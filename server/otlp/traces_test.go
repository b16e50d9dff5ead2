package otlp

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/server/span"
)

// same compares what was decoded.
func same[T any](t testing.TB, want, got T) {
	t.Helper()
	if !reflect.DeepEqual(want, got) { // faster than cmp.Diff
		t.Fatalf("official -, this package +:\n%s", cmp.Diff(want, got))
	}
}

// Random requests, decoded by the official module and by this one.
func TestTracesOfficial(t *testing.T) {
	var d Decoder
	total, refused := 0, 0
	for seed := range uint64(3000) {
		req := newRandom(seed).traces()
		want, rejected := officialSpans(req)
		got, n, reason, err := d.Traces(mustMarshal(t, req))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		same(t, want, got)
		if n != rejected || (reason == "") != (n == 0) {
			t.Fatalf("seed %d: %d rejected because %q, want %d", seed, n, reason, rejected)
		}
		total, refused = total+len(got), refused+n
	}
	if total < 3000 || refused < 300 {
		t.Errorf("compared %d spans and %d rejected ones: too few to mean something", total, refused)
	}
}

// checkTraces holds this package to the official decoder on any input.
func checkTraces(t testing.TB, d *Decoder, b []byte) {
	t.Helper()
	var req tracepb.TracesData
	official := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, &req)
	got, n, reason, err := d.Traces(b)
	switch {
	case official == nil && err != nil:
		if !errors.Is(err, errGroup) {
			t.Fatalf("%x: the official decoder accepts it, this one says: %v", b, err)
		}
	case official != nil && err == nil:
		// Invalid UTF-8 is mended; what is rejected for a limit is not looked into; entity references are skipped.
		if !strings.Contains(official.Error(), "UTF-8") && n == 0 && !strings.Contains(fmt.Sprintf("%s", b), "\x1a") {
			t.Fatalf("%x: the official decoder says: %v; this one accepts it", b, official)
		}
	case err == nil && !strings.Contains(reason, "nest deeper"):
		want, rejected := officialSpans(&req)
		same(t, want, got)
		if n != rejected {
			t.Fatalf("%x: %d rejected because %q, want %d", b, n, reason, rejected)
		}
	}
}

// Requests cut short at any byte, and with any byte changed.
func TestTracesDamaged(t *testing.T) {
	var d Decoder
	tried := 0
	for seed := uint64(0); tried < 10; seed++ {
		b := mustMarshal(t, newRandom(seed).traces())
		if len(b) < 200 || len(b) > 1000 {
			continue
		}
		tried++
		for i := range b {
			checkTraces(t, &d, b[:i])
			for _, x := range []byte{0x01, 0x02, 0x80, 0xff} {
				b[i] ^= x
				checkTraces(t, &d, b)
				b[i] ^= x
			}
		}
	}
}

func FuzzTraces(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(mustMarshal(f, newRandom(seed).traces()))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkTraces(t, new(Decoder), b) })
}

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
