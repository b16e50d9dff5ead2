package aggregate

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errShort = errors.New("the value ends too early or a number is too long")

// reader reads the parts of an encoded value. After something was missing, bad
// is set and everything reads as zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// varint reads a zigzag-encoded number.
func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// bytes returns the next n bytes, which alias the value.
func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// text reads a length and as many bytes.
func (r *reader) text() string { return string(r.bytes(r.uvarint())) }

// err says what is wrong with the part called what.
func (r *reader) err(what string) error {
	if r.bad {
		return fmt.Errorf("%s: %w", what, errShort)
	}
	return fmt.Errorf("%s: out of range", what)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendVarint(b []byte, v int64) []byte {
	return binary.AppendUvarint(b, uint64(v)<<1^uint64(v>>63))
}
