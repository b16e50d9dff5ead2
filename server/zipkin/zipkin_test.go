package zipkin

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

func decode(t testing.TB, doc string) []span.Span {
	t.Helper()
	spans, n, reason, err := Decode([]byte(doc), "application/json; charset=utf-8")
	if err != nil || n != 0 {
		t.Fatalf("%d rejected because %q, %v", n, reason, err)
	}
	return spans
}

func str(k, v string) span.Attr       { return span.Attr{Key: k, Value: span.StringValue(v)} }
func num(k string, v int64) span.Attr { return span.Attr{Key: k, Value: span.IntValue(v)} }

func traceID(t testing.TB, s string) span.TraceID {
	id, err := span.ParseTraceID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func spanID(t testing.TB, s string) span.ID {
	id, err := span.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// The example of Zipkin's API documentation, and every place that a tag can go to.
func TestMapping(t *testing.T) {
	got := decode(t, `[
  {
    "id": "352bff9a74ca9ad2", "traceId": "5af7183fb1d4cf5f", "parentId": "6b221d5bc9e6496c",
    "name": "get /api", "timestamp": 1556604172355737, "duration": 1431, "kind": "SERVER",
    "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306},
    "remoteEndpoint": {"serviceName": "db", "ipv4": "172.19.0.2", "ipv6": "2001:db8::1", "port": 58648},
    "tags": {"http.method": "GET", "http.path": "/api", "error": "no route", "otel.scope.name": "lib", "otel.library.version": "2", "w3c.tracestate": "a=b",
             "peer.service": "mysql", "retry": true, "tries": 3, "otel.status_code": "ERROR"},
    "annotations": [{"timestamp": 1556604172355800, "value": "cache \"miss\""},
                    {"timestamp": 1556604172355900, "value": "\"exception\":{\"type\":\"io\",\"fatal\":true,\"code\":7,\"x\":1.5}"},
                    {"timestamp": 1556604172355901, "value": "\"odd\":{"}]
  },
  {"id": "1", "traceId": "00000000000000010000000000000002", "parentId": "0000000000000000", "timestamp": 2, "debug": true, "future": [{}]}
]`)
	want := []span.Span{{
		TraceID: traceID(t, "5af7183fb1d4cf5f"), ID: spanID(t, "352bff9a74ca9ad2"), Parent: spanID(t, "6b221d5bc9e6496c"), State: "a=b",
		Name: "get /api", Kind: span.KindServer, Start: 1556604172355737000, Duration: 1431000, Status: span.StatusError, Message: "no route",
		Resource: &span.Resource{Service: "backend", Attrs: []span.Attr{str("service.name", "backend")}},
		Scope:    &span.Scope{Name: "lib", Version: "2"},
		Attrs: []span.Attr{str("http.method", "GET"), str("http.path", "/api"), str("peer.service", "mysql"), str("retry", "true"), str("tries", "3"),
			str("network.local.address", "192.168.99.1"), num("network.local.port", 3306), str("network.peer.address", "172.19.0.2"), num("network.peer.port", 58648)},
		Events: []span.Event{
			{Time: 1556604172355800000, Name: `cache "miss"`},
			{Time: 1556604172355900000, Name: "exception", Attrs: []span.Attr{str("type", "io"), {Key: "fatal", Value: span.BoolValue(true)}, num("code", 7), {Key: "x", Value: span.FloatValue(1.5)}}},
			{Time: 1556604172355901000, Name: `"odd":{`},
		},
	}, {
		TraceID: traceID(t, "10000000000000002"), ID: spanID(t, "1"), Kind: span.KindInternal, Start: 2000, Resource: &span.Resource{}, Scope: &span.Scope{},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestStatus(t *testing.T) {
	for tags, want := range map[string]struct {
		status  span.Status
		message string
		left    int
	}{
		`{}`:                                    {},
		`{"error":""}`:                          {span.StatusError, "", 0},
		`{"error":"true"}`:                      {span.StatusError, "", 0},
		`{"error":"false"}`:                     {span.StatusUnset, "", 1},
		`{"error":"boom"}`:                      {span.StatusError, "boom", 0},
		`{"otel.status_code":"OK"}`:             {span.StatusOK, "", 0},
		`{"otel.status_code":"OK","error":"x"}`: {span.StatusOK, "", 0},
		`{"otel.status_code":"STATUS_CODE_ERROR","otel.status_description":"d","error":"true"}`: {span.StatusError, "d", 0},
		`{"error":"a","error":"b"}`: {span.StatusError, "b", 0},
	} {
		s := decode(t, `[{"id":"1","traceId":"2","timestamp":3,"tags":`+tags+`}]`)[0]
		if s.Status != want.status || s.Message != want.message || len(s.Attrs) != want.left {
			t.Errorf("%s: %v %q %v; want %v", tags, s.Status, s.Message, s.Attrs, want)
		}
	}
}

// A server span that shares its client's id becomes the client's child, and
// what it called becomes the server's, in whatever order they come.
func TestShared(t *testing.T) {
	const common = `"traceId":"f","timestamp":1,`
	got := decode(t, `[
  {`+common+`"id":"c","parentId":"b","name":"query","kind":"CLIENT","localEndpoint":{"serviceName":"back"}},
  {`+common+`"id":"b","parentId":"a","name":"served","kind":"SERVER","shared":true,"localEndpoint":{"serviceName":"back"}},
  {`+common+`"id":"b","parentId":"a","name":"called","kind":"CLIENT","localEndpoint":{"serviceName":"front"}},
  {`+common+`"id":"d","parentId":"b","name":"of the client","localEndpoint":{"serviceName":"front"}},
  {`+common+`"id":"a","name":"root","kind":"SERVER","localEndpoint":{"serviceName":"front"}}]`)
	names := map[span.ID]string{}
	for _, s := range got {
		if names[s.ID] != "" {
			t.Errorf("%q and %q have the same id", names[s.ID], s.Name)
		}
		names[s.ID] = s.Name
	}
	parents := map[string]string{}
	for _, s := range got {
		parents[s.Name] = names[s.Parent]
	}
	want := map[string]string{"query": "served", "served": "called", "called": "root", "of the client": "called", "root": ""}
	if d := cmp.Diff(want, parents); d != "" {
		t.Error(d)
	}
	again := decode(t, `[{`+common+`"id":"b","parentId":"a","name":"served","kind":"SERVER","shared":true}]`)
	if again[0].ID != got[1].ID {
		t.Errorf("sent again it has another id: %v, %v", again[0].ID, got[1].ID)
	}
}

func TestRejected(t *testing.T) {
	good := `{"id":"1","traceId":"2","timestamp":3}`
	for bad, want := range map[string]string{
		`{"traceId":"2","timestamp":3}`:                         "no id",
		`{"id":"1","timestamp":3}`:                              "no traceId",
		`{"id":"xyz","traceId":"2","timestamp":3}`:              `span id "xyz": character 'z'; want hex digits`,
		`{"id":"0","traceId":"2","timestamp":3}`:                "all zeros",
		`{"id":"1","traceId":"2"}`:                              "neither a timestamp nor an annotation",
		`{"id":"1","traceId":"2","timestamp":9300000000000000}`: "want microseconds since 1970",
		`{"id":"1","traceId":"2","timestamp":3,"duration":` + strconv.FormatUint(math.MaxUint64, 10) + `}`: "want microseconds",
		`{"id":"1","traceId":"2","timestamp":3,"annotations":[{"timestamp":18446744073709551615}]}`:        "annotation at",
		`{"id":"1","traceId":"2","timestamp":3,"tags":{` + strings.Repeat(`"a":"",`, 1019) + `"b":""}}`:    "more than 1019 tags",
		`null`: "no traceId",
	} {
		spans, n, reason, err := Decode([]byte("["+bad+","+good+","+bad+"]"), "application/json")
		if err != nil || len(spans) != 1 || n != 2 || !strings.Contains(reason, want) || !strings.HasSuffix(reason, "; 2 were rejected, this is the first") {
			t.Errorf("%.80s: %d spans, %d rejected because %q, %v", bad, len(spans), n, reason, err)
		}
	}
	for bad, want := range map[string]string{
		``:                                      "byte 0 of 0: the end; want an array of spans",
		`{}`:                                    "byte 0 of 2: '{'; want an array of spans",
		`[{"id":1}]`:                            "byte 7 of 10: '1'; want a string",
		`[` + good + `,]`:                       "want an object",
		`[` + good + `] x`:                      "'x'; want the end",
		`[{"timestamp":1.5}]`:                   "the number 1.5; want an integer",
		strings.Repeat("[", 100_000):            "want an object",
		`[{"x":` + strings.Repeat(`[`, 100_000): "nest too deep",
	} {
		if _, _, _, err := Decode([]byte(bad), "application/json"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v; want %q", bad, err, want)
		}
	}
	for bad, want := range map[string]string{
		"\x0a\x05\x00":         "byte 0 of 3: the message ends within a field",
		"\x0a\x02\x0b\x0c":     "byte 2 of 4: a group",
		"\x0a\x03\x0a\x09\x01": "byte 2 of 5: the message ends",
		"\x0a\x02\x00\x00":     "a field number",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": "more than 64 bits",
	} {
		if _, _, _, err := Decode([]byte(bad), "application/x-protobuf"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%x: %v; want %q", bad, err, want)
		}
	}
	if _, _, _, err := Decode(nil, "text/plain"); err == nil {
		t.Error("text/plain was accepted")
	}
}

// A span without a timestamp takes that of its first annotation.
func TestTimestamp(t *testing.T) {
	s := decode(t, `[{"id":"1","traceId":"2","annotations":[{"timestamp":9,"value":"cr"},{"timestamp":5,"value":"cs"}]}]`)[0]
	if s.Start != 5000 {
		t.Errorf("start %d", s.Start)
	}
}

// zipkinSpan is a span in JSON as Zipkin's clients write it.
type zipkinSpan struct {
	TraceID  string            `json:"traceId"`
	ID       string            `json:"id"`
	ParentID string            `json:"parentId,omitempty"`
	Kind     string            `json:"kind,omitempty"`
	Name     string            `json:"name,omitempty"`
	When     uint64            `json:"timestamp,omitempty"`
	Duration uint64            `json:"duration,omitempty"`
	Local    *zipkinEndpoint   `json:"localEndpoint,omitempty"`
	Remote   *zipkinEndpoint   `json:"remoteEndpoint,omitempty"`
	Notes    []zipkinNote      `json:"annotations,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	Shared   bool              `json:"shared,omitempty"`
}

type zipkinEndpoint struct {
	Service string `json:"serviceName,omitempty"`
	IPv4    string `json:"ipv4,omitempty"`
	Port    int    `json:"port,omitempty"`
}

type zipkinNote struct {
	When  uint64 `json:"timestamp"`
	Value string `json:"value"`
}

func random(r *rand.Rand) []zipkinSpan {
	text := func() string {
		return []string{"", "get /x", "日本", "a\"b\n", `"e":{"k":1}`, "true"}[r.IntN(6)]
	}
	hex := func() string { return span.ID{byte(r.Uint32()), 1, byte(r.Uint32())}.String() }
	end := func() *zipkinEndpoint {
		return []*zipkinEndpoint{nil, {}, {Service: "a"}, {Service: "b", IPv4: "10.0.0.1", Port: 8080}}[r.IntN(4)]
	}
	spans := make([]zipkinSpan, r.IntN(5))
	for i := range spans {
		spans[i] = zipkinSpan{TraceID: hex(), ID: hex(), Kind: []string{"", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"}[r.IntN(5)], Name: text(),
			When: uint64(r.Int64N(1e16)), Duration: r.Uint64N(1e9), Local: end(), Remote: end(), Shared: r.IntN(3) == 0}
		if r.IntN(2) == 0 {
			spans[i].TraceID = hex() + hex()
		}
		if r.IntN(2) == 0 {
			spans[i].ParentID = hex()
		}
		for range r.IntN(3) {
			spans[i].Notes = append(spans[i].Notes, zipkinNote{r.Uint64N(1e16), text()})
		}
		for range r.IntN(4) {
			if spans[i].Tags == nil {
				spans[i].Tags = map[string]string{}
			}
			spans[i].Tags[[]string{"error", "http.path", "otel.scope.name", "x"}[r.IntN(4)]] = text()
		}
	}
	return spans
}

// protobuf writes what json.Marshal does for JSON.
func protobuf(t testing.TB, spans []zipkinSpan) (b []byte) {
	sub := func(b []byte, n protowire.Number, f func(b []byte) []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), f(nil))
	}
	str := func(b []byte, n protowire.Number, s string) []byte {
		if s == "" {
			return b
		}
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
	}
	varint := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	fixed := func(b []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendFixed64(protowire.AppendTag(b, n, protowire.Fixed64Type), v)
	}
	endpoint := func(b []byte, n protowire.Number, e *zipkinEndpoint) []byte {
		if e == nil {
			return b
		}
		return sub(b, n, func(b []byte) []byte {
			b = str(b, 1, e.Service)
			if e.IPv4 != "" {
				b = str(b, 2, "\x0a\x00\x00\x01")
			}
			return varint(b, 4, uint64(e.Port))
		})
	}
	for _, s := range spans {
		b = sub(b, 1, func(b []byte) []byte {
			trace, id := traceID(t, s.TraceID), spanID(t, s.ID)
			b = str(b, 1, string(trace[16-len(s.TraceID)/2:]))
			if s.ParentID != "" {
				parent := spanID(t, s.ParentID)
				b = str(b, 2, string(parent[:]))
			}
			b = str(b, 3, string(id[:]))
			for i, k := range []string{"", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"} {
				if k == s.Kind {
					b = varint(b, 4, uint64(i))
				}
			}
			b = str(b, 5, s.Name)
			b = fixed(b, 6, s.When)
			b = varint(b, 7, s.Duration)
			b = endpoint(b, 8, s.Local)
			b = endpoint(b, 9, s.Remote)
			for _, n := range s.Notes {
				b = sub(b, 10, func(b []byte) []byte { return str(fixed(b, 1, n.When), 2, n.Value) })
			}
			for k, v := range s.Tags {
				b = sub(b, 11, func(b []byte) []byte { return str(str(b, 1, k), 2, v) })
			}
			if s.Shared {
				b = varint(b, 13, 1)
			}
			return varint(b, 99, 7) // a field of the future
		})
	}
	return b
}

// The same spans in both encodings.
func TestProtobuf(t *testing.T) {
	byKey := cmpopts.SortSlices(func(a, b span.Attr) bool { return a.Key < b.Key }) // maps have no order
	for seed := range uint64(2000) {
		spans := random(rand.New(rand.NewPCG(seed, 1)))
		doc, err := json.Marshal(spans)
		if err != nil {
			t.Fatal(err)
		}
		want, wantN, _, err := Decode(doc, "application/json")
		if err != nil {
			t.Fatal(err)
		}
		got, n, _, err := Decode(protobuf(t, spans), "application/x-protobuf")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, byKey); d != "" || n != wantN {
			t.Fatalf("JSON -, protobuf +:\n%s\n%s\n%d rejected, %d", d, doc, wantN, n)
		}
	}
}

// checkDecode decodes anything, and holds what comes out to what the model promises.
func checkDecode(t testing.TB, b []byte, contentType string) {
	spans, n, reason, err := Decode(b, contentType)
	if err != nil {
		return
	}
	if contentType == "application/json" && !json.Valid(b) {
		t.Fatalf("%q is not JSON, and accepted", b)
	}
	if (n > 0) != (reason != "") {
		t.Fatalf("%d rejected because %q", n, reason)
	}
	var d otlp.Decoder
	back, n, reason, err := d.Traces(otlp.AppendTraces(nil, spans))
	if err != nil || n != 0 || len(back) != len(spans) {
		t.Fatalf("%x: of %d spans OTLP rejects %d because %q, %v", b, len(spans), n, reason, err)
	}
}

func TestDamaged(t *testing.T) {
	for seed := range uint64(5) {
		spans := random(rand.New(rand.NewPCG(seed, 2)))
		doc, _ := json.Marshal(spans)
		for _, c := range []struct {
			b           []byte
			contentType string
		}{{doc, "application/json"}, {protobuf(t, spans), "application/x-protobuf"}} {
			for i, old := range c.b {
				checkDecode(t, c.b[:i], c.contentType)
				for _, x := range []byte("\x00\x01\x0b\x80\xff\"\\{]9") {
					c.b[i] = x
					checkDecode(t, c.b, c.contentType)
				}
				c.b[i] = old
			}
		}
	}
}

func FuzzJSON(f *testing.F) {
	for seed := range uint64(10) {
		doc, _ := json.Marshal(random(rand.New(rand.NewPCG(seed, 3))))
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkDecode(t, b, "application/json") })
}

func FuzzProtobuf(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(protobuf(f, random(rand.New(rand.NewPCG(seed, 3)))))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkDecode(t, b, "application/x-protobuf") })
}

func BenchmarkDecode(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	var spans []zipkinSpan
	for len(spans) < 1000 {
		spans = append(spans, random(r)...)
	}
	doc, _ := json.Marshal(spans)
	for name, c := range map[string]struct {
		b           []byte
		contentType string
	}{"json": {doc, "application/json"}, "protobuf": {protobuf(b, spans), "application/x-protobuf"}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(c.b)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := Decode(c.b, c.contentType); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(spans)), "ns/span")
		})
	}
}
