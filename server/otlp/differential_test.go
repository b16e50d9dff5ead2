package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// A signal is what can be exported, with both ways to decode it.
type signal[T any] struct {
	decode     func(d *Decoder, b []byte) ([]T, int, string, error)
	decodeJSON func(d *Decoder, b []byte) ([]T, int, string, error)
	message    func() proto.Message // an official, empty request
	official   func(m proto.Message) ([]T, int)
	random     func(r random) proto.Message
}

// The official requests for export have the same encoding as these, whose packages do not need gRPC.
var (
	traces = signal[span.Span]{(*Decoder).Traces, (*Decoder).TracesJSON,
		func() proto.Message { return new(tracepb.TracesData) },
		func(m proto.Message) ([]span.Span, int) { return officialSpans(m.(*tracepb.TracesData)) },
		func(r random) proto.Message { return r.traces() }}
	logs = signal[span.Log]{(*Decoder).Logs, (*Decoder).LogsJSON,
		func() proto.Message { return new(logspb.LogsData) },
		func(m proto.Message) ([]span.Log, int) { return officialLogs(m.(*logspb.LogsData)) },
		func(r random) proto.Message { return r.logs() }}
	metrics = signal[aggregate.Point]{(*Decoder).Metrics, (*Decoder).MetricsJSON,
		func() proto.Message { return new(metricspb.MetricsData) },
		func(m proto.Message) ([]aggregate.Point, int) { return officialPoints(m.(*metricspb.MetricsData)) },
		func(r random) proto.Message { return r.metrics() }}
)

// same compares what was decoded.
func same[T any](t testing.TB, want, got T) {
	t.Helper()
	if !reflect.DeepEqual(want, got) { // faster than cmp.Diff
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" {
			t.Fatalf("official -, this package +:\n%s", diff)
		}
	}
}

// Random requests, decoded by the official module and by this one.
func TestOfficial(t *testing.T) {
	t.Run("traces", func(t *testing.T) { testOfficial(t, traces, 3000) })
	t.Run("logs", func(t *testing.T) { testOfficial(t, logs, 3000) })
	t.Run("metrics", func(t *testing.T) { testOfficial(t, metrics, 3000) })
}

func testOfficial[T any](t *testing.T, s signal[T], seeds uint64) {
	var d Decoder
	total, refused := 0, 0
	for seed := range seeds {
		req := s.random(newRandom(seed))
		want, rejected := s.official(req)
		got, n, reason, err := s.decode(&d, mustMarshal(t, req))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		same(t, want, got)
		if n != rejected || (reason == "") != (n == 0) {
			t.Fatalf("seed %d: %d rejected because %q, want %d", seed, n, reason, rejected)
		}
		total, refused = total+len(got), refused+n
	}
	t.Logf("%d accepted, %d rejected", total, refused)
	if total < int(seeds) || refused < int(seeds)/10 {
		t.Errorf("compared %d items and %d rejected ones: too few to mean something", total, refused)
	}
}

// check holds this package to the official decoder on any input.
func check[T any](t testing.TB, s signal[T], d *Decoder, b []byte) {
	t.Helper()
	req := s.message()
	official := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, req)
	got, n, reason, err := s.decode(d, b)
	switch {
	case official == nil && err != nil:
		if !errors.Is(err, wire.ErrGroup) {
			t.Fatalf("%x: the official decoder accepts it, this one says: %v", b, err)
		}
	case official != nil && err == nil:
		// Invalid UTF-8 is mended; what is rejected for a limit is not looked into;
		// entity references (3), exemplars (5, 8, 11) and metadata (12) are skipped.
		if !strings.Contains(official.Error(), "UTF-8") && n == 0 && !bytes.ContainsAny(b, "\x1a\x2a\x42\x5a\x62") {
			t.Fatalf("%x: the official decoder says: %v; this one accepts it", b, official)
		}
	case err == nil && !strings.Contains(reason, "nest deeper"):
		want, rejected := s.official(req)
		same(t, want, got)
		if n != rejected {
			t.Fatalf("%x: %d rejected because %q, want %d", b, n, reason, rejected)
		}
	}
}

// Requests cut short at any byte, and with any byte changed.
func TestDamaged(t *testing.T) {
	t.Run("traces", func(t *testing.T) { testDamaged(t, traces) })
	t.Run("logs", func(t *testing.T) { testDamaged(t, logs) })
	t.Run("metrics", func(t *testing.T) { testDamaged(t, metrics) })
}

func testDamaged[T any](t *testing.T, s signal[T]) {
	var d Decoder
	for seed, tried := uint64(0), 0; tried < 10; seed++ {
		b := mustMarshal(t, s.random(newRandom(seed)))
		if len(b) < 200 || len(b) > 1000 {
			continue
		}
		tried++
		for i := range b {
			check(t, s, &d, b[:i])
			for _, x := range []byte{0x01, 0x02, 0x80, 0xff} {
				b[i] ^= x
				check(t, s, &d, b)
				b[i] ^= x
			}
		}
	}
}

func fuzz[T any](f *testing.F, s signal[T]) {
	for seed := range uint64(20) {
		f.Add(mustMarshal(f, s.random(newRandom(seed))))
	}
	f.Fuzz(func(t *testing.T, b []byte) { check(t, s, new(Decoder), b) })
}

// eachID calls f for every field of m that OTLP/JSON writes in hex.
func eachID(m proto.Message, f func(id []byte) []byte) {
	protorange.Range(m.ProtoReflect(), func(v protopath.Values) error {
		m, ok := v.Index(-1).Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		for _, name := range []protoreflect.Name{"trace_id", "span_id", "parent_span_id"} {
			if fd := m.Descriptor().Fields().ByName(name); fd != nil {
				if b := m.Get(fd).Bytes(); len(b) > 0 {
					m.Set(fd, protoreflect.ValueOfBytes(f(b)))
				}
			}
		}
		return nil
	})
}

// officialJSON writes m in OTLP/JSON: protobuf's JSON mapping with ids in hex.
func officialJSON(t testing.TB, m proto.Message, o protojson.MarshalOptions) []byte {
	t.Helper()
	m = proto.Clone(m)
	eachID(m, func(id []byte) []byte { // what is the hex form in base64
		b, err := base64.StdEncoding.DecodeString(hex.EncodeToString(id))
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
	b, err := o.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// officialFromJSON is the inverse of officialJSON. Ids that are not hexadecimal become bad ones.
func officialFromJSON(b []byte, m proto.Message) error {
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		return err
	}
	eachID(m, func(id []byte) []byte {
		id, err := hex.DecodeString(base64.StdEncoding.EncodeToString(id))
		if err != nil {
			return []byte("bad")
		}
		return id
	})
	return nil
}

// Random requests in every form that the official module writes.
func TestOfficialJSON(t *testing.T) {
	t.Run("traces", func(t *testing.T) { testOfficialJSON(t, traces, 1000) })
	t.Run("logs", func(t *testing.T) { testOfficialJSON(t, logs, 1000) })
	t.Run("metrics", func(t *testing.T) { testOfficialJSON(t, metrics, 1000) })
}

func testOfficialJSON[T any](t *testing.T, s signal[T], seeds uint64) {
	var d Decoder
	forms := []protojson.MarshalOptions{{}, {UseProtoNames: true}, {UseEnumNumbers: true, Multiline: true}, {EmitUnpopulated: true}}
	for seed := range seeds {
		req := s.random(newRandom(seed))
		want, rejected := s.official(req)
		b := officialJSON(t, req, forms[seed%4])
		got, n, reason, err := s.decodeJSON(&d, b)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, b)
		}
		same(t, want, got)
		if n != rejected || (reason == "") != (n == 0) {
			t.Fatalf("seed %d: %d rejected because %q, want %d\n%s", seed, n, reason, rejected, b)
		}
	}
}

// checkJSON holds this package to the official decoder on any input.
func checkJSON[T any](t testing.TB, s signal[T], d *Decoder, b []byte) {
	t.Helper()
	req := s.message()
	official := officialFromJSON(b, req)
	got, n, reason, err := s.decodeJSON(d, b)
	switch {
	case err == nil && !json.Valid(b):
		t.Fatalf("%q is not JSON, and accepted", b)
	case official == nil && err != nil:
		if !errors.Is(err, wire.ErrDepth) && json.Valid(b) { // protojson takes 30e for a number
			t.Fatalf("%q: the official decoder accepts it, this one says: %v", b, err)
		}
	case official == nil && !strings.Contains(reason, "nest deeper") && !strings.Contains(reason, `\n`) && !strings.Contains(reason, `\r`):
		// (Base64 may be broken into lines, ids in hex may not.)
		want, rejected := s.official(req)
		same(t, want, got)
		if n != rejected {
			t.Fatalf("%q: %d rejected because %q, want %d", b, n, reason, rejected)
		}
	}
}

// JSON cut short at any byte, and with any byte changed.
func TestDamagedJSON(t *testing.T) {
	t.Run("traces", func(t *testing.T) { testDamagedJSON(t, traces) })
	t.Run("logs", func(t *testing.T) { testDamagedJSON(t, logs) })
	t.Run("metrics", func(t *testing.T) { testDamagedJSON(t, metrics) })
}

func testDamagedJSON[T any](t *testing.T, s signal[T]) {
	var d Decoder
	for seed, tried := uint64(0), 0; tried < 6; seed++ {
		b := officialJSON(t, s.random(newRandom(seed)), protojson.MarshalOptions{})
		if len(b) < 200 || len(b) > 1500 {
			continue
		}
		tried++
		for i, c := range b {
			checkJSON(t, s, &d, b[:i])
			for _, x := range []byte("\"\\0n{}]-e.\x00\xff") {
				b[i] = x
				checkJSON(t, s, &d, b)
			}
			b[i] = c
		}
	}
}

func fuzzJSON[T any](f *testing.F, s signal[T]) {
	for seed := range uint64(20) {
		f.Add(officialJSON(f, s.random(newRandom(seed)), protojson.MarshalOptions{}))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkJSON(t, s, new(Decoder), b) })
}

func FuzzTracesJSON(f *testing.F)  { fuzzJSON(f, traces) }
func FuzzLogsJSON(f *testing.F)    { fuzzJSON(f, logs) }
func FuzzMetricsJSON(f *testing.F) { fuzzJSON(f, metrics) }

func FuzzTraces(f *testing.F)  { fuzz(f, traces) }
func FuzzLogs(f *testing.F)    { fuzz(f, logs) }
func FuzzMetrics(f *testing.F) { fuzz(f, metrics) }
