package span

import (
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

func TestParseTraceID(t *testing.T) {
	for in, want := range map[string]string{
		"0af7651916cd43dd8448eb211c80319c": "0af7651916cd43dd8448eb211c80319c",
		"8448EB211C80319C":                 "00000000000000008448eb211c80319c",
		"f":                                "0000000000000000000000000000000f",
	} {
		id, err := ParseTraceID(in)
		if err != nil || id.String() != want {
			t.Errorf("ParseTraceID(%q) = %v, %v; want %s", in, id, err, want)
		}
	}
	for _, in := range []string{"", "0", "00000000000000000000000000000000", "xyz", "0af7651916cd43dd8448eb211c80319c0"} {
		if id, err := ParseTraceID(in); err == nil {
			t.Errorf("ParseTraceID(%q) = %v; want an error", in, id)
		}
	}
}

// Arrays and maps are read from what the official protobuf module writes.
func TestValueJSON(t *testing.T) {
	str := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	list := &commonpb.ArrayValue{Values: []*commonpb.AnyValue{
		str(`a"b`),
		{Value: &commonpb.AnyValue_IntValue{IntValue: -3}},
		{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 1.5}},
		{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}},
		{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{1, 2}}},
		{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{{Key: "k", Value: str("v")}}}}},
		{},
	}}
	b, err := proto.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	v := Value{Type: Array, Str: string(b)}
	if got, want := v.Text(), `["a\"b",-3,1.5,true,"AQI=",{"k":"v"},null]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for i := range b { // broken at any byte: an end, no panic
		Value{Type: Array, Str: string(b[:i])}.Text()
	}
}
