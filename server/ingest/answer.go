package ingest

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// appendStatus appends a google.rpc.Status (google/rpc/status.proto) in
// protobuf, with a google.rpc.RetryInfo among its details if retry is not 0.
func appendStatus(b []byte, code int, text string, retry time.Duration) []byte {
	b = protowire.AppendTag(b, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(code))
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendString(b, text)
	if retry <= 0 {
		return b
	}
	// RetryInfo has one field, retry_delay = 1: a google.protobuf.Duration.
	var duration []byte
	if s := retry / time.Second; s != 0 {
		duration = protowire.AppendTag(duration, 1, protowire.VarintType)
		duration = protowire.AppendVarint(duration, uint64(s))
	}
	if n := retry % time.Second; n != 0 {
		duration = protowire.AppendTag(duration, 2, protowire.VarintType)
		duration = protowire.AppendVarint(duration, uint64(n))
	}
	var info []byte
	info = protowire.AppendTag(info, 1, protowire.BytesType)
	info = protowire.AppendBytes(info, duration)
	var anyValue []byte
	anyValue = protowire.AppendTag(anyValue, 1, protowire.BytesType)
	anyValue = protowire.AppendString(anyValue, retryInfoType)
	anyValue = protowire.AppendTag(anyValue, 2, protowire.BytesType)
	anyValue = protowire.AppendBytes(anyValue, info)
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	return protowire.AppendBytes(b, anyValue)
}

const retryInfoType = "type.googleapis.com/google.rpc.RetryInfo"

// appendStatusJSON appends the same in protobuf's JSON mapping.
func appendStatusJSON(b []byte, code int, text string, retry time.Duration) []byte {
	b = append(b, `{"code":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, `,"message":`...)
	b = appendString(b, text)
	if retry > 0 {
		b = append(b, `,"details":[{"@type":"`+retryInfoType+`","retryDelay":"`...)
		b = strconv.AppendFloat(b, retry.Seconds(), 'f', -1, 64)
		b = append(b, `s"}]`...)
	}
	return append(b, '}')
}
