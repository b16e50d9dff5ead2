package otlp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// The wire types of protobuf (https://protobuf.dev/programming-guides/encoding/).
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireStart   = 3 // of a group, as is wireEnd: proto2 only, OTLP never had one
	wireEnd     = 4
	wireFixed32 = 5
)

// What can be wrong with a protobuf message.
var (
	errTruncated = errors.New("the message ends within a field")
	errVarint    = errors.New("a variable-length integer of more than 64 bits")
	errNumber    = errors.New("a field number that protobuf does not have")
	errWireType  = errors.New("a wire type that protobuf does not have")
	errGroup     = errors.New("a group, which OTLP does not have")

	errDepth = errors.New("arrays and maps nest too deep") // refuses one item, not the request
)

// broken describes a fault at b[i]. Every slice that the decoder works on is a
// tail of the request or starts one, so capacities give the offset.
func (d *Decoder) broken(b []byte, i int, cause error) error {
	return fmt.Errorf("decode OTLP protobuf: byte %d of %d: %w; send the %s message, encoded as protobuf and complete",
		d.cap-cap(b)+min(i, len(b)), d.size, cause, d.message)
}

// uvarint reads a varint at b[i] and returns the index behind it, negative if there is none: -1 truncated, -2 too long.
func uvarint(b []byte, i int) (uint64, int) {
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	return longVarint(b, i)
}

func longVarint(b []byte, i int) (uint64, int) {
	v, n := binary.Uvarint(b[i:])
	switch {
	case n > 0:
		return v, i + n
	case n < 0 || len(b)-i >= binary.MaxVarintLen64:
		return 0, -2
	}
	return 0, -1
}

// chunk reads a length and that many bytes at b[i]. The result keeps the
// capacity of b, for broken.
func chunk(b []byte, i int) ([]byte, int) {
	n, i := uvarint(b, i)
	if i < 0 {
		return nil, i
	}
	if n > uint64(len(b)-i) {
		return nil, -1
	}
	return b[i : i+int(n)], i + int(n)
}

// fixed64 reads 8 bytes at b[i].
func fixed64(b []byte, i int) (uint64, int) {
	if len(b)-i < 8 {
		return 0, -1
	}
	return binary.LittleEndian.Uint64(b[i:]), i + 8
}

// fixed32 reads 4 bytes at b[i].
func fixed32(b []byte, i int) (uint32, int) {
	if len(b)-i < 4 {
		return 0, -1
	}
	return binary.LittleEndian.Uint32(b[i:]), i + 4
}

// cause is the error that a negative index stands for.
func cause(i int) error {
	if i == -2 {
		return errVarint
	}
	return errTruncated
}

// skip passes over the value of a field that the decoder does not know, or
// that has another wire type than it should, which protobuf treats alike.
func skip(b []byte, i int, tag uint64) (int, error) {
	if n := tag >> 3; n == 0 || n > 1<<29-1 {
		return 0, errNumber
	}
	switch tag & 7 {
	case wireVarint:
		_, i = uvarint(b, i)
	case wireFixed64:
		i += 8
	case wireBytes:
		_, i = chunk(b, i)
	case wireFixed32:
		i += 4
	case wireStart, wireEnd:
		return 0, errGroup
	default:
		return 0, errWireType
	}
	if i < 0 {
		return 0, cause(i)
	}
	if i > len(b) {
		return 0, errTruncated
	}
	return i, nil
}

// text returns b as a string that aliases it, or a copy with U+FFFD for what
// is not UTF-8.
func text(b []byte) string {
	if utf8.Valid(b) {
		return raw(b)
	}
	return strings.ToValidUTF8(raw(b), "\uFFFD")
}

// raw returns b as a string that aliases it.
func raw(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
