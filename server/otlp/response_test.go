package otlp

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// The response of a request that was taken as a whole is empty; the fields are
// those of collector/trace/v1/trace_service.proto.
func TestResponse(t *testing.T) {
	if b := AppendResponse(nil, 0, ""); len(b) != 0 {
		t.Errorf("%x", b)
	}
	if b := AppendResponseJSON(nil, RejectedSpans, 0, ""); string(b) != "{}" {
		t.Errorf("%s", b)
	}
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 300)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), `bad "ids"`)
	want := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	if b := AppendResponse(nil, 300, `bad "ids"`); string(b) != string(want) {
		t.Errorf("%x; want %x", b, want)
	}
	if b := AppendResponseJSON([]byte("x"), RejectedLogRecords, 300, `bad "ids"`); string(b) != `x{"partialSuccess":{"rejectedLogRecords":"300","errorMessage":"bad \"ids\""}}` {
		t.Errorf("%s", b)
	}
	if b := AppendResponseJSON(nil, RejectedDataPoints, 0, "a warning"); string(b) != `{"partialSuccess":{"errorMessage":"a warning"}}` {
		t.Errorf("%s", b)
	}
}
