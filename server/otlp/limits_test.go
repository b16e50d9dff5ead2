package otlp

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weft-trace/weft/server/span"
)

// field appends a length-delimited field.
func field(b []byte, n protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), bytes.Join(content, nil))
}

var (
	goodTrace = field(nil, 1, bytes.Repeat([]byte{7}, 16))
	goodSpan  = append(goodTrace, field(nil, 2, bytes.Repeat([]byte{8}, 8))...)
)

// request wraps the content of spans, each in a request of one resource and scope.
func request(spans ...[]byte) []byte {
	var b []byte
	for _, s := range spans {
		b = field(b, 2, s)
	}
	return field(nil, 1, field(nil, 2, b))
}

func keyValue(key string, value []byte) []byte {
	return append(field(nil, 1, []byte(key)), field(nil, 2, value)...)
}

// nest is an AnyValue of arrays within maps within arrays, levels deep.
func nest(levels int) []byte {
	v := field(nil, 1, []byte("core"))
	for i := range levels {
		if i%2 == 0 {
			v = field(nil, 5, field(nil, 1, v))
		} else {
			v = field(nil, 6, field(nil, 1, keyValue("k", v)))
		}
	}
	return v
}

func TestLimits(t *testing.T) {
	d := Decoder{Limits: Limits{Depth: 4, Attributes: 3, Events: 2, Links: 2, Items: 5, Values: 20}}
	attr := keyValue("k", field(nil, 1, []byte("v")))
	attrs := func(n protowire.Number, count int) []byte { return bytes.Repeat(field(nil, n, attr), count) }
	with := func(more ...[]byte) []byte { return append(bytes.Clone(goodSpan), bytes.Join(more, nil)...) }
	for name, c := range map[string]struct {
		b        []byte
		spans    int
		rejected int
		reason   string
	}{
		"depth":             {request(goodSpan, with(field(nil, 9, keyValue("a", nest(4))))), 2, 0, ""},
		"too deep":          {request(goodSpan, with(field(nil, 9, keyValue("a", nest(5))))), 1, 1, "span: arrays and maps nest deeper than 4 levels; flatten the value"},
		"attributes":        {request(with(attrs(9, 3))), 1, 0, ""},
		"many attributes":   {request(with(attrs(9, 4)), goodSpan), 1, 1, "span: more than 3 attributes; set a limit in the sender"},
		"events":            {request(with(bytes.Repeat(field(nil, 11), 3))), 0, 1, "span: more than 2 events; set a limit in the sender"},
		"links":             {request(with(bytes.Repeat(field(nil, 13), 3))), 0, 1, "span: more than 2 links; set a limit in the sender"},
		"event attributes":  {request(with(field(nil, 11, attrs(3, 4)))), 0, 1, "span: more than 3 attributes; set a limit in the sender"},
		"items":             {request(goodSpan, goodSpan, goodSpan, goodSpan, goodSpan, goodSpan, goodSpan), 5, 2, "span: more than 5 spans in one request; send smaller batches; 2 were rejected, this is the first"},
		"values":            {request(with(attrs(9, 3), field(nil, 11, attrs(3, 3)), field(nil, 11, attrs(3, 3))), with(attrs(9, 3), field(nil, 11, attrs(3, 3)), field(nil, 13, attrs(4, 3))), goodSpan), 2, 1, "span: the request holds more than 20 attributes, events and links; send smaller batches"},
		"resource":          {field(field(nil, 1, field(nil, 1, attrs(1, 4)), field(nil, 2, field(nil, 2, goodSpan), field(nil, 2, goodSpan))), 1, field(nil, 2, field(nil, 2, goodSpan))), 1, 2, "resource of service: more than 3 attributes; set a limit in the sender; 2 were rejected, this is the first"},
		"resource behind":   {field(nil, 1, field(nil, 2, field(nil, 2, goodSpan)), field(nil, 1, attrs(1, 2)), field(nil, 1, attrs(1, 2))), 0, 1, "resource of service: more than 3 attributes; set a limit in the sender"},
		"scope":             {field(nil, 1, field(nil, 2, field(nil, 2, goodSpan), field(nil, 1, field(nil, 1, []byte("lib")), attrs(3, 4))), field(nil, 2, field(nil, 2, goodSpan))), 1, 1, `scope "lib": more than 3 attributes; set a limit in the sender`},
		"short ids":         {request(field(nil, 5, []byte("n")), goodTrace, append(bytes.Clone(goodTrace), field(nil, 2, make([]byte, 8))...)), 0, 3, `span "n": trace id of 0 bytes; want 16; 3 were rejected, this is the first`},
		"zero trace":        {request(append(field(nil, 1, make([]byte, 16)), goodSpan[18:]...)), 0, 1, "span: trace id of zeros only; want a random one"},
		"short parent":      {request(with(field(nil, 4, []byte("1234567")))), 0, 1, "span: parent span id of 7 bytes; want 8, or none for a root"},
		"link's ids":        {request(with(field(nil, 13, field(nil, 1, []byte("x"))))), 0, 1, "span: a link's trace id of 1 and span id of 0 bytes; want 16 and 8"},
		"event's time":      {request(with(field(nil, 11, protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), 1<<63)))), 0, 1, "span: time 9223372036854775808 is beyond the year 2262; want nanoseconds since 1970"},
		"nothing":           {nil, 0, 0, ""},
		"resource, no span": {field(nil, 1, field(nil, 1, attrs(1, 4))), 0, 0, ""},
	} {
		spans, n, reason, err := d.Traces(c.b)
		if err != nil || len(spans) != c.spans || n != c.rejected || reason != c.reason {
			t.Errorf("%s: %d spans, %d rejected because %q, %v; want %d, %d, %q", name, len(spans), n, reason, err, c.spans, c.rejected, c.reason)
		}
	}
	// The same limits hold for JSON, wherever both encoders can say it.
	wide := Decoder{}
	for _, b := range [][]byte{request(with(attrs(9, 4)), goodSpan), request(with(bytes.Repeat(field(nil, 11), 3))), request(with(bytes.Repeat(field(nil, 13), 3))),
		request(goodSpan, with(field(nil, 9, keyValue("a", nest(5))))), request(goodSpan, with(field(nil, 9, keyValue("a", nest(4)))))} {
		spans, _, _, err := wide.Traces(b)
		if err != nil {
			t.Fatal(err)
		}
		doc := AppendTracesJSON(nil, spans)
		_, wantN, want, _ := d.Traces(b)
		_, n, reason, err := d.TracesJSON(doc)
		if err != nil || n != wantN || reason != want {
			t.Errorf("%s: %d rejected because %q, %v; want %d, %q", doc, n, reason, err, wantN, want)
		}
	}
}

// Without limits everything that is valid is kept.
func TestNoLimits(t *testing.T) {
	b := request(append(bytes.Clone(goodSpan), bytes.Join([][]byte{bytes.Repeat(field(nil, 9), 2000), bytes.Repeat(field(nil, 11), 10_000), bytes.Repeat(field(nil, 13), 10_000),
		field(nil, 9, keyValue("deep", nest(100)))}, nil)...))
	d := Decoder{Limits: NoLimits}
	spans, n, reason, err := d.Traces(b)
	if err != nil || n != 0 || len(spans) != 1 || len(spans[0].Attrs) != 2001 || len(spans[0].Events) != 10_000 || len(spans[0].Links) != 10_000 {
		t.Errorf("%d spans, %d rejected because %q, %v", len(spans), n, reason, err)
	}
}

func TestBroken(t *testing.T) {
	var d Decoder
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"garbage":    {[]byte("\xff\xff\xff"), "decode OTLP protobuf: byte 0 of 3: the message ends within a field; send the ExportTraceServiceRequest message, encoded as protobuf and complete"},
		"text":       {[]byte("{}"), "byte 0 of 2: a group"},
		"cut":        {request(goodSpan)[:20], "byte 0 of 20: the message ends"},
		"inner":      {request(append(bytes.Clone(goodSpan), 0x2a, 0x05, 'x')), "byte 34 of 37: the message ends"},
		"group":      {request(append(bytes.Clone(goodSpan), 0x0b, 0x0c)), "byte 34 of 36: a group, which proto3 does not have"},
		"field zero": {[]byte{0x00, 0x00}, "byte 0 of 2: a field number that protobuf does not have"},
		"wire type":  {[]byte{0x0f}, "byte 0 of 1: a wire type that protobuf does not have"},
		"varint":     {append(bytes.Repeat([]byte{0xff}, 10), 1), "a variable-length integer of more than 64 bits"},
		"value":      {request(append(bytes.Clone(goodSpan), field(nil, 9, keyValue("k", field(nil, 5, []byte{0x0a, 9})))...)), "byte 43 of 45: the message ends"},
	} {
		spans, n, _, err := d.Traces(c.b)
		if err == nil || !strings.Contains(err.Error(), c.want) || n != 0 || spans != nil {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// Values that arrive in pieces, with unknown fields, or not in the shortest
// form are equal to the same values sent as they should be.
func TestCanonical(t *testing.T) {
	s := func(v string) []byte { return field(nil, 1, []byte(v)) }
	array := func(elements ...[]byte) []byte {
		var b []byte
		for _, e := range elements {
			b = field(b, 1, e)
		}
		return field(nil, 5, b)
	}
	unknown := []byte{0x98, 0x06, 0x01}
	var d Decoder
	for name, c := range map[string]struct {
		value []byte
		want  string
	}{
		"as it should be":      {array(s("a"), s("b")), `["a","b"]`},
		"in pieces":            {append(array(s("a")), array(s("b"))...), `["a","b"]`},
		"in three pieces":      {bytes.Join([][]byte{array(s("a")), array(s("b")), array(s("c"))}, nil), `["a","b","c"]`},
		"started anew":         {bytes.Join([][]byte{array(s("a")), s("x"), array(s("b"))}, nil), `["b"]`},
		"unknown":              {array(append(s("a"), unknown...), append(unknown, s("b")...)), `["a","b"]`},
		"unknown in the array": {field(nil, 5, unknown, field(nil, 1, s("a")), unknown, field(nil, 1, s("b"))), `["a","b"]`},
		"twice":                {array(append(s("x"), s("a")...), s("b")), `["a","b"]`},
		"long length":          {[]byte{0x2a, 0x8a, 0x00, 0x0a, 0x03, 0x0a, 0x01, 'a', 0x0a, 0x03, 0x0a, 0x01, 'b'}, `["a","b"]`},
		"inner long length":    {field(nil, 5, []byte{0x0a, 0x83, 0x00, 0x0a, 0x01, 'a', 0x0a, 0x03, 0x0a, 0x01, 'b'}), `["a","b"]`},
		"long tag":             {field(nil, 5, []byte{0x8a, 0x00, 0x03, 0x0a, 0x01, 'a', 0x0a, 0x03, 0x0a, 0x01, 'b'}), `["a","b"]`},
		"inner pieces":         {array(append(array(s("a")), array(s("b"))...)), `[["a","b"]]`},
		"no UTF-8":             {array(s("a\xff")), "[\"a\ufffd\"]"},
		"map":                  {field(nil, 6, field(nil, 1, keyValue("k", s("v")))), `{"k":"v"}`},
		"map, value first":     {field(nil, 6, field(nil, 1, field(nil, 2, s("v")), field(nil, 1, []byte("k")))), `{"k":"v"}`},
		"map, value in pieces": {field(nil, 6, field(nil, 1, field(nil, 1, []byte("k")), field(nil, 2, array(s("a"))), field(nil, 2, array(s("b"))))), `{"k":["a","b"]}`},
		"map, empty":           {field(nil, 6, field(nil, 1, field(nil, 1), field(nil, 2))), `{"":null}`},
		"bool of 2":            {array([]byte{0x10, 2}), `[true]`},
		"int":                  {array([]byte{0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}), `[-1]`},
		"long int":             {array([]byte{0x18, 0x87, 0x00}), `[7]`},
	} {
		spans, n, reason, err := d.Traces(request(append(bytes.Clone(goodSpan), field(nil, 9, keyValue("a", c.value))...)))
		if err != nil || n != 0 {
			t.Errorf("%s: %d rejected because %q, %v", name, n, reason, err)
			continue
		}
		v := spans[0].Attrs[0].Value
		if v.Text() != c.want {
			t.Errorf("%s: %s; want %s", name, v.Text(), c.want)
		}
		// JSON has one form only: what it is read as is the canonical one.
		var dj Decoder
		back, _, _, err := dj.TracesJSON(AppendTracesJSON(nil, spans))
		if err != nil || back[0].Attrs[0].Value != v {
			t.Errorf("%s: %q is not canonical, %q would be, %v", name, v.Str, back[0].Attrs[0].Value.Str, err)
		}
	}
}

// Requests made to cost much cost no more memory than a fixed multiple of
// their size, and the limits'.
func TestHostileMemory(t *testing.T) {
	const size = 4 << 20
	many := func(b []byte) []byte { return bytes.Repeat(b, size/len(b)) }
	piece := field(nil, 2, field(nil, 5, field(nil, 1, field(nil, 1, []byte("x"))))) // of a value that comes in pieces
	cases := map[string][]byte{
		"spans":             field(nil, 1, field(nil, 2, many(field(nil, 2)))),
		"good spans":        field(nil, 1, field(nil, 2, many(field(nil, 2, goodSpan)))),
		"resources":         many(field(nil, 1)),
		"scopes":            field(nil, 1, many(field(nil, 2))),
		"attributes":        request(append(bytes.Clone(goodSpan), many(field(nil, 9))...)),
		"spans' attributes": field(nil, 1, field(nil, 2, many(field(nil, 2, goodSpan, bytes.Repeat(field(nil, 9), 1000))))),
		"events":            request(append(bytes.Clone(goodSpan), many(field(nil, 11))...)),
		"resource attrs":    field(nil, 1, many(field(nil, 1, field(nil, 1)))),
		"resource pieces":   field(nil, 1, field(nil, 1, bytes.Repeat(field(nil, 1), 1000)), many(append(field(nil, 1, field(nil, 1)), field(nil, 2, field(nil, 2, goodSpan, field(nil, 11, field(nil, 3))))...))),
		"array elements":    request(append(bytes.Clone(goodSpan), field(nil, 9, keyValue("k", field(nil, 5, many(field(nil, 1)))))...)),
		"array pieces":      request(append(bytes.Clone(goodSpan), field(nil, 9, many(piece))...)),
		"inner pieces":      request(append(bytes.Clone(goodSpan), field(nil, 9, field(nil, 2, field(nil, 5, field(nil, 1, many(piece[2:])))))...)),
		"depth":             request(append(bytes.Clone(goodSpan), field(nil, 9, keyValue("k", nest(2000)))...)),
		"length":            {0x0a, 0xff, 0xff, 0xff, 0xff, 0x07},
	}
	for name, b := range cases {
		checkMemory(t, name, b, func(d *Decoder) (int, string, error) { _, n, reason, err := d.Traces(b); return n, reason, err })
	}
	text := func(head, unit, tail string) []byte {
		return []byte(head + strings.Repeat(unit+",", size/len(unit)) + unit + tail)
	}
	const spanHead = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",`
	for name, b := range map[string][]byte{
		"JSON spans":      text(`{"resourceSpans":[{"scopeSpans":[{"spans":[`, `{}`, `]}]}]}`),
		"JSON resources":  text(`{"resourceSpans":[`, `{}`, `]}`),
		"JSON scopes":     text(`{"resourceSpans":[{"scopeSpans":[`, `{}`, `]}]}`),
		"JSON attributes": text(spanHead+`"attributes":[`, `{}`, `]}]}]}]}`),
		"JSON lists":      text(spanHead, `"attributes":[{}],"events":[{}],"links":[{}]`, `}]}]}]}`),
		"JSON array":      text(spanHead+`"attributes":[{"value":{"arrayValue":{"values":[`, `{}`, `]}}}]}]}]}]}`),
		"JSON strings":    text(spanHead, `"name":"\u00e9"`, `}]}]}]}`),
		"JSON depth":      []byte(spanHead + `"attributes":[{"value":` + strings.Repeat(`{"arrayValue":{"values":[`, size/25)),
	} {
		checkMemory(t, name, b, func(d *Decoder) (int, string, error) { _, n, reason, err := d.TracesJSON(b); return n, reason, err })
	}
	point := []byte{0x19, 1, 0, 0, 0, 0, 0, 0, 0} // with a time
	metric := func(n protowire.Number, content ...[]byte) []byte {
		return field(nil, 1, field(nil, 2, field(nil, 2, field(nil, 1, []byte("m")), field(nil, n, content...))))
	}
	for name, b := range map[string][]byte{
		"points":          metric(5, many(field(nil, 1))),
		"metrics":         field(nil, 1, field(nil, 2, many(field(nil, 2)))),
		"counts":          metric(10, field(nil, 1, point, field(nil, 8, field(nil, 2, many([]byte{1}))))),
		"alternate":       metric(10, field(nil, 1, point, many(append(field(nil, 8, []byte{0x10, 1}), field(nil, 9, []byte{0x10, 1})...)))),
		"unpacked":        metric(9, field(nil, 1, point, many([]byte{0x31, 1, 0, 0, 0, 0, 0, 0, 0, 0x39, 1, 0, 0, 0, 0, 0, 0, 0}))),
		"quantiles":       metric(11, field(nil, 1, point, many(field(nil, 6)))),
		"kinds in turn":   field(nil, 1, field(nil, 2, field(nil, 2, many(append(field(nil, 5, field(nil, 1, point)), field(nil, 7, field(nil, 1, point))...))))),
		"good points":     metric(11, many(field(nil, 1, point))),
		"packed, cut off": metric(9, field(nil, 1, point, field(nil, 6, many([]byte{1})[:size-3]))),
	} {
		checkMemory(t, name, b, func(d *Decoder) (int, string, error) { _, n, reason, err := d.Metrics(b); return n, reason, err })
	}
}

func checkMemory(t *testing.T, name string, b []byte, decode func(d *Decoder) (int, string, error)) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var d Decoder
	n, reason, err := decode(&d)
	runtime.ReadMemStats(&after)
	// A growing list is copied: what was allocated in all is up to three times what is in use.
	limits := uint64(3*(48<<20) + 3*(512<<17))
	got := after.TotalAlloc - before.TotalAlloc
	t.Logf("%s: %d MiB for %d KiB (%d rejected because %.80q, %v)", name, got>>20, len(b)>>10, n, reason, err)
	if got > limits+40*uint64(len(b)) {
		t.Errorf("%s: %d MiB allocated for a request of %d KiB", name, got>>20, len(b)>>10)
	}
}

// A decoder that has seen a huge request does not keep its memory for ever.
func TestMemoryReturned(t *testing.T) {
	var d Decoder
	big, small := generated(100_000), generated(10)
	if spans, _, _, err := d.Traces(big); err != nil || len(spans) != 100_000 {
		t.Fatal(len(spans), err)
	}
	for range 2 {
		if _, _, _, err := d.Traces(small); err != nil {
			t.Fatal(err)
		}
	}
	if cap(d.spans) > keepItems || cap(d.attrs) > keepAttrs {
		t.Errorf("room for %d spans and %d attributes is kept", cap(d.spans), cap(d.attrs))
	}
}

// Spans of one request do not see what the next one brings into the same memory.
func TestReuse(t *testing.T) {
	var d, fresh Decoder
	for seed := range uint64(200) {
		b := mustMarshal(t, newRandom(seed).traces())
		got, _, _, err := d.Traces(b)
		if err != nil {
			t.Fatal(err)
		}
		fresh = Decoder{}
		want, _, _, _ := fresh.Traces(b)
		same[[]span.Span](t, want, got)
		if seed%3 == 0 {
			d.TracesJSON([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"left"`))
		}
	}
}
