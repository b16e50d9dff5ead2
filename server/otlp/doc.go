// Package otlp decodes and encodes OTLP, the OpenTelemetry protocol
// (https://opentelemetry.io/docs/specs/otlp/, opentelemetry-proto v1.11), in
// protobuf and in JSON, without the structs that protoc generates: strings
// point into the request, and everything else into memory that the [Decoder]
// uses again for the next one.
//
// # What is accepted
//
// Everything that the official protobuf decoder accepts, with the same
// content, but for two things: groups, which proto3 has not, and arrays and
// maps that nest deeper than [Limits] says. Fields may come in any order, the
// last of a repeated scalar counts, messages that come twice are merged,
// unknown fields are skipped.
//
// Text that is not UTF-8 does not cost the request: every wrong byte
// sequence becomes U+FFFD. (The OpenTelemetry Collector keeps such bytes, and
// protobuf decoders behind it then refuse the whole message; Jaeger mends it as
// we do.)
//
// # What is rejected
//
// A request that is not the message it should be is an error. An item that is
// wrong by itself is left out and counted, with a reason for the partial
// success of the response: ids that OTLP does not allow, times beyond the year
// 2262, more of something than [Limits] says.
package otlp
