// Package wire reads the two encodings in which telemetry arrives, protobuf's
// and JSON, field by field: no value is built that the caller did not ask for,
// and no memory is taken for lengths that the input only claims.
package wire

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// The wire types of protobuf (https://protobuf.dev/programming-guides/encoding/).
// The tag of a field is number<<3 | type.
const (
	TypeVarint     = 0
	TypeFixed64    = 1
	TypeBytes      = 2
	TypeStartGroup = 3 // proto2 only, as is the next
	TypeEndGroup   = 4
	TypeFixed32    = 5
)

// What can be wrong with a protobuf message.
var (
	ErrTruncated = errors.New("the message ends within a field")
	ErrVarint    = errors.New("a variable-length integer of more than 64 bits")
	ErrNumber    = errors.New("a field number that protobuf does not have")
	ErrType      = errors.New("a wire type that protobuf does not have")
	ErrGroup     = errors.New("a group, which proto3 does not have")
)

// The functions below read at b[i] and return the index behind what they read,
// which is negative if it is not there; Cause says why.

// Cause is the error that a negative index stands for.
func Cause(i int) error {
	if i == tooLong {
		return ErrVarint
	}
	return ErrTruncated
}

const (
	truncated = -1
	tooLong   = -2
)

// Uvarint reads a varint.
func Uvarint(b []byte, i int) (uint64, int) {
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
		return 0, tooLong
	}
	return 0, truncated
}

// Chunk reads a length and that many bytes. The result has the capacity of
// the rest of b, so that capacities tell where in a message a part of it lies.
func Chunk(b []byte, i int) ([]byte, int) {
	n, i := Uvarint(b, i)
	if i < 0 {
		return nil, i
	}
	if n > uint64(len(b)-i) {
		return nil, truncated
	}
	return b[i : i+int(n)], i + int(n)
}

// Fixed64 reads 8 bytes.
func Fixed64(b []byte, i int) (uint64, int) {
	if len(b)-i < 8 {
		return 0, truncated
	}
	return binary.LittleEndian.Uint64(b[i:]), i + 8
}

// Fixed32 reads 4 bytes.
func Fixed32(b []byte, i int) (uint32, int) {
	if len(b)-i < 4 {
		return 0, truncated
	}
	return binary.LittleEndian.Uint32(b[i:]), i + 4
}

// Skip passes over the value of a field that the caller does not know, or
// that has another wire type than it should, which protobuf treats alike.
func Skip(b []byte, i int, tag uint64) (int, error) {
	if !ValidTag(tag) {
		return 0, ErrNumber
	}
	switch tag & 7 {
	case TypeVarint:
		_, i = Uvarint(b, i)
	case TypeFixed64:
		i += 8
	case TypeBytes:
		_, i = Chunk(b, i)
	case TypeFixed32:
		i += 4
	case TypeStartGroup, TypeEndGroup:
		return 0, ErrGroup
	default:
		return 0, ErrType
	}
	if i < 0 {
		return 0, Cause(i)
	}
	if i > len(b) {
		return 0, ErrTruncated
	}
	return i, nil
}

// ValidTag reports whether a tag's field number is one that protobuf has.
func ValidTag(tag uint64) bool { return tag>>3 != 0 && tag>>3 < 1<<29 }

// Size is the length of n as a varint.
func Size(n uint64) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// Text returns b as a string that aliases it, or a copy with U+FFFD for what
// is not UTF-8.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return Raw(b)
	}
	return strings.ToValidUTF8(Raw(b), "\uFFFD")
}

// Raw returns b as a string that aliases it.
func Raw(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
