package otlp

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// Fields of common/v1/common.proto as tags: number<<3 | wire type.
const (
	tagKey   = 1<<3 | wire.TypeBytes // KeyValue
	tagValue = 2<<3 | wire.TypeBytes

	tagString   = 1<<3 | wire.TypeBytes // AnyValue, a oneof
	tagBool     = 2<<3 | wire.TypeVarint
	tagInt      = 3<<3 | wire.TypeVarint
	tagDouble   = 4<<3 | wire.TypeFixed64
	tagArray    = 5<<3 | wire.TypeBytes
	tagMap      = 6<<3 | wire.TypeBytes
	tagBytes    = 7<<3 | wire.TypeBytes
	tagStrindex = 8<<3 | wire.TypeVarint // of profiles only; elsewhere it stands for no value

	tagElement = 1<<3 | wire.TypeBytes // ArrayValue.values, KeyValueList.values
)

// attr decodes a KeyValue and appends it to *list, whose owner's attributes
// start at from.
func (d *Decoder) attr(list *[]span.Attr, from int, b []byte) error {
	if !d.room(len(*list)-from, d.limits.Attributes, "attributes") {
		return nil
	}
	*list = append(*list, span.Attr{})
	a := &(*list)[len(*list)-1]
	for i := 0; i < len(b); {
		var tag uint64
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		switch tag {
		case tagKey:
			var data []byte
			if data, i = wire.Chunk(b, i); i < 0 {
				return d.broken(b, at, wire.Cause(i))
			}
			a.Key = wire.Text(data)
		case tagValue:
			var data []byte
			if data, i = wire.Chunk(b, i); i < 0 {
				return d.broken(b, at, wire.Cause(i))
			}
			if err := d.value(data, &a.Value); err != nil {
				return err
			}
		default:
			var err error
			if i, err = wire.Skip(b, i, tag); err != nil {
				return d.broken(b, at, err)
			}
		}
	}
	return nil
}

// value merges an AnyValue into v.
func (d *Decoder) value(b []byte, v *span.Value) error {
	for i := 0; i < len(b); {
		var tag, n uint64
		var data []byte
		at := i
		if tag, i = wire.Uvarint(b, i); i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
		switch tag {
		case tagString:
			if data, i = wire.Chunk(b, i); i >= 0 {
				*v = span.Value{Type: span.String, Str: wire.Text(data)}
			}
		case tagInt:
			if n, i = wire.Uvarint(b, i); i >= 0 {
				*v = span.Value{Type: span.Int, Num: n}
			}
		case tagBool:
			if n, i = wire.Uvarint(b, i); i >= 0 {
				*v = span.BoolValue(n != 0)
			}
		case tagDouble:
			if n, i = wire.Fixed64(b, i); i >= 0 {
				*v = span.Value{Type: span.Float, Num: n}
			}
		case tagBytes:
			if data, i = wire.Chunk(b, i); i >= 0 {
				*v = span.Value{Type: span.Bytes, Str: wire.Raw(data)}
			}
		case tagArray, tagMap:
			if data, i = wire.Chunk(b, i); i >= 0 {
				if err := d.nested(tag, data, v); err != nil {
					return err
				}
			}
		case tagStrindex:
			if _, i = wire.Uvarint(b, i); i >= 0 {
				*v = span.Value{}
			}
		default:
			var err error
			if i, err = wire.Skip(b, i, tag); err != nil {
				return d.broken(b, at, err)
			}
		}
		if i < 0 {
			return d.broken(b, at, wire.Cause(i))
		}
	}
	return nil
}

// nested checks an ArrayValue or KeyValueList and merges it into v: as it is
// if it is canonical (what protobuf's own encoders write), else rewritten, so
// that equal values have equal bytes.
func (d *Decoder) nested(tag uint64, b []byte, v *span.Value) error {
	t, list := span.Array, (*scan).array
	if tag == tagMap {
		t, list = span.Map, (*scan).fields
	}
	s := scan{plain: true}
	list(&s, b, d.limits.Depth)
	switch s.err {
	case nil:
	case errDepth:
		d.refuse("arrays and maps nest deeper than %d levels; flatten the value", d.limits.Depth)
		return nil
	default:
		return d.broken(s.at, s.i, s.err)
	}
	str := wire.Raw(b)
	if !s.plain {
		str = string(appendNested(nil, t, b))
	}
	if v.Type == t { // protobuf merges a message that comes twice
		str = d.join(v.Str, str)
	}
	*v = span.Value{Type: t, Str: str}
	return nil
}

// join returns a+b. Joining on to its last result costs what b is long, not
// what a is, so that a value sent in a million pieces takes no longer than others.
func (d *Decoder) join(a, b string) string {
	if a == "" {
		return b
	}
	if d.joined == len(d.pieces) || unsafe.StringData(a) != &d.pieces[d.joined] {
		d.joined = len(d.pieces)
		d.pieces = append(d.pieces, a...)
	}
	d.pieces = append(d.pieces, b...)
	return wire.Raw(d.pieces[d.joined:])
}

// scan walks over nested values: are they valid, and canonical?
type scan struct {
	plain bool
	err   error
	at    []byte // where err was found
	i     int
}

func (s *scan) fail(b []byte, i int, err error) { s.err, s.at, s.i = err, b, i }

// tag reads a tag and its data, if it has that wire type.
func (s *scan) field(b []byte, i int) (tag, n uint64, data []byte, next int) {
	at := i
	if tag, i = wire.Uvarint(b, i); i < 0 {
		s.fail(b, at, wire.Cause(i))
		return 0, 0, nil, -1
	}
	from := i
	switch tag & 7 {
	case wire.TypeBytes:
		if data, i = wire.Chunk(b, i); i >= 0 && i-len(data)-from > wire.Size(uint64(len(data))) {
			s.plain = false
		}
	case wire.TypeVarint:
		if n, i = wire.Uvarint(b, i); i >= 0 && i-from > wire.Size(n) {
			s.plain = false
		}
	case wire.TypeFixed64:
		n, i = wire.Fixed64(b, i)
	default:
		s.plain = false
		var err error
		if i, err = wire.Skip(b, i, tag); err != nil {
			s.fail(b, at, err)
			return 0, 0, nil, -1
		}
	}
	if i < 0 {
		s.fail(b, at, wire.Cause(i))
		return 0, 0, nil, -1
	}
	if tag>>3 == 0 || tag>>3 > 1<<29-1 {
		s.fail(b, at, wire.ErrNumber)
		return 0, 0, nil, -1
	}
	if from-at > 1 { // every known tag is one byte
		s.plain = false
	}
	return tag, n, data, i
}

func (s *scan) array(b []byte, depth int) {
	if depth == 0 {
		s.fail(b, 0, errDepth)
		return
	}
	for i := 0; i < len(b); {
		tag, _, data, next := s.field(b, i)
		if s.err != nil {
			return
		}
		i = next
		if tag != tagElement {
			s.plain = false
			continue
		}
		if s.any(data, depth); s.err != nil {
			return
		}
	}
}

func (s *scan) fields(b []byte, depth int) {
	if depth == 0 {
		s.fail(b, 0, errDepth)
		return
	}
	for i := 0; i < len(b); {
		tag, _, data, next := s.field(b, i)
		if s.err != nil {
			return
		}
		i = next
		if tag != tagElement {
			s.plain = false
			continue
		}
		if s.keyValue(data, depth); s.err != nil {
			return
		}
	}
}

func (s *scan) keyValue(b []byte, depth int) {
	last := uint64(0)
	for i := 0; i < len(b); {
		tag, _, data, next := s.field(b, i)
		if s.err != nil {
			return
		}
		i = next
		// Canonical: the key unless it is empty, then the value unless it is Empty, each once.
		if tag <= last || len(data) == 0 {
			s.plain = false
		}
		last = tag
		switch tag {
		case tagKey:
			if !utf8.Valid(data) {
				s.plain = false
			}
		case tagValue:
			if s.any(data, depth); s.err != nil {
				return
			}
		default:
			s.plain = false
		}
	}
}

func (s *scan) any(b []byte, depth int) {
	for i := 0; i < len(b); {
		tag, n, data, next := s.field(b, i)
		if s.err != nil {
			return
		}
		if i > 0 { // more than one field: unknown ones, or a oneof set again
			s.plain = false
		}
		i = next
		switch tag {
		case tagString:
			if !utf8.Valid(data) {
				s.plain = false
			}
		case tagBool:
			if n > 1 {
				s.plain = false
			}
		case tagInt, tagDouble, tagBytes:
		case tagArray:
			s.array(data, depth-1)
		case tagMap:
			s.fields(data, depth-1)
		default:
			s.plain = false
		}
		if s.err != nil {
			return
		}
	}
}

// appendNested rewrites a valid ArrayValue or KeyValueList in canonical form.
func appendNested(dst []byte, t span.Type, b []byte) []byte {
	for len(b) > 0 {
		tag, _, data, rest := validField(b)
		b = rest
		if tag != tagElement {
			continue
		}
		dst = append(dst, tagElement)
		at := len(dst)
		if t == span.Array {
			dst = appendAny(dst, data)
		} else {
			dst = appendKeyValue(dst, data)
		}
		dst = prefixLength(dst, at)
	}
	return dst
}

func appendKeyValue(dst, b []byte) []byte {
	var key []byte
	var value pieces
	for len(b) > 0 {
		tag, _, data, rest := validField(b)
		b = rest
		switch tag {
		case tagKey:
			key = data
		case tagValue:
			value.add(data)
		}
	}
	if len(key) > 0 {
		dst = appendString(append(dst, tagKey), wire.Text(key))
	}
	dst = append(dst, tagValue)
	at := len(dst)
	if dst = appendAny(dst, value.b); len(dst) == at {
		return dst[:at-1]
	}
	return prefixLength(dst, at)
}

func appendAny(dst, b []byte) []byte {
	var last, num uint64
	var str pieces
	for len(b) > 0 {
		tag, n, data, rest := validField(b)
		b = rest
		switch tag {
		case tagString, tagBytes, tagBool, tagInt, tagDouble, tagStrindex:
			last, num, str = tag, n, pieces{b: data}
		case tagArray, tagMap:
			if last != tag {
				last, str = tag, pieces{}
			}
			str.add(data)
		}
	}
	switch last {
	case tagString:
		return appendString(append(dst, tagString), wire.Text(str.b))
	case tagBytes:
		return appendString(append(dst, tagBytes), wire.Raw(str.b))
	case tagBool:
		return append(dst, tagBool, boolByte(num != 0))
	case tagInt:
		return binary.AppendUvarint(append(dst, tagInt), num)
	case tagDouble:
		return binary.LittleEndian.AppendUint64(append(dst, tagDouble), num)
	case tagArray, tagMap:
		t := span.Array
		if last == tagMap {
			t = span.Map
		}
		dst = append(dst, byte(last))
		at := len(dst)
		return prefixLength(appendNested(dst, t, str.b), at)
	}
	return dst
}

// pieces is a message that may come in several pieces: merged it is their
// bytes, one behind the other.
type pieces struct {
	b     []byte
	owned bool
}

func (p *pieces) add(b []byte) {
	switch {
	case len(p.b) == 0:
		p.b = b
	case len(b) > 0:
		if !p.owned {
			p.b, p.owned = append(make([]byte, 0, 2*(len(p.b)+len(b))), p.b...), true
		}
		p.b = append(p.b, b...)
	}
}

// validField reads one field of a message that scan has found valid.
func validField(b []byte) (tag, n uint64, data, rest []byte) {
	tag, i := wire.Uvarint(b, 0)
	switch tag & 7 {
	case wire.TypeVarint:
		n, i = wire.Uvarint(b, i)
	case wire.TypeFixed64:
		n, i = wire.Fixed64(b, i)
	case wire.TypeBytes:
		data, i = wire.Chunk(b, i)
	case wire.TypeFixed32:
		i += 4
	}
	return tag, n, data, b[i:]
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// appendString appends a length and the bytes of s.
func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// prefixLength puts the length of dst[at:] before it.
func prefixLength(dst []byte, at int) []byte {
	n := len(dst) - at
	k := wire.Size(uint64(n))
	var head [binary.MaxVarintLen64]byte
	dst = append(dst, head[:k]...)
	copy(dst[at+k:], dst[at:at+n])
	binary.PutUvarint(dst[at:], uint64(n))
	return dst
}
