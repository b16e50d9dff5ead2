package otlp

import (
	"encoding/binary"
	"strconv"
)

// What the responses of the three signals call the number of rejected items in JSON.
const (
	RejectedSpans      = "rejectedSpans"
	RejectedLogRecords = "rejectedLogRecords"
	RejectedDataPoints = "rejectedDataPoints"
)

// AppendResponse appends an ExportTraceServiceResponse in protobuf, or one for
// logs or metrics, which are the same. It is empty when everything was taken.
func AppendResponse(dst []byte, rejected int, reason string) []byte {
	if rejected == 0 && reason == "" {
		return dst
	}
	dst = append(dst, 1<<3|2) // partial_success
	at := len(dst)
	if rejected > 0 {
		dst = binary.AppendUvarint(append(dst, 1<<3), uint64(rejected))
	}
	dst = appendText(dst, 2<<3|2, reason)
	return prefixLength(dst, at)
}

// AppendResponseJSON appends the same in JSON; member is one of the constants above.
func AppendResponseJSON(dst []byte, member string, rejected int, reason string) []byte {
	if rejected == 0 && reason == "" {
		return append(dst, "{}"...)
	}
	dst = append(dst, `{"partialSuccess":{`...)
	if rejected > 0 { // 64 bits are a string in protobuf's JSON mapping
		dst = append(appendKeyJSON(dst, member), '"')
		dst = append(strconv.AppendInt(dst, int64(rejected), 10), '"')
	}
	return append(appendTextJSON(dst, "errorMessage", reason), "}}"...)
}
