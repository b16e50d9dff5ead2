package otlp

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/weft-trace/weft/server/span"
)

// In OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)
// members are called in lowerCamelCase. protobuf's own JSON mapping reads the
// names of the .proto files as well, and so does this decoder.

// jsonAttrs reads a list of KeyValue and appends it to *list, whose owner's attributes start at from.
func (d *Decoder) jsonAttrs(list *[]span.Attr, from int) {
	s := &d.json
	if !s.begin('[') {
		return
	}
	for s.more(']') {
		if !d.room(len(*list)-from, d.limits.Attributes, "attributes") {
			s.skip()
			continue
		}
		var a span.Attr
		if s.begin('{') {
			for s.more('}') {
				switch s.key() {
				case "key":
					a.Key = s.str()
				case "value":
					a.Value = d.jsonValue()
				default:
					s.skip()
				}
			}
		}
		*list = append(*list, a)
	}
}

// jsonShared reads the attributes of a resource or scope.
func (d *Decoder) jsonShared(attrs *[]span.Attr) {
	from, ok := own(d, &d.inner, *attrs)
	if !ok {
		d.json.skip()
		return
	}
	d.jsonAttrs(&d.inner, from)
	*attrs = since(d.inner, from)
}

// jsonValue reads an AnyValue.
func (d *Decoder) jsonValue() (v span.Value) {
	s := &d.json
	if !s.begin('{') {
		return v
	}
	for s.more('}') {
		k := s.key()
		if s.null() { // not the member that is set
			continue
		}
		switch k {
		case "stringValue", "string_value":
			v = span.StringValue(s.str())
		case "boolValue", "bool_value":
			v = span.BoolValue(s.bool())
		case "intValue", "int_value":
			v = span.IntValue(s.int(64))
		case "doubleValue", "double_value":
			v = span.FloatValue(s.float())
		case "bytesValue", "bytes_value":
			v = span.Value{Type: span.Bytes, Str: s.base64()}
		case "arrayValue", "array_value":
			at := len(d.pieces)
			d.jsonNested(d.jsonElement, d.limits.Depth)
			v = span.Value{Type: span.Array, Str: raw(d.pieces[at:])}
		case "kvlistValue", "kvlist_value":
			at := len(d.pieces)
			d.jsonNested(d.jsonField, d.limits.Depth)
			v = span.Value{Type: span.Map, Str: raw(d.pieces[at:])}
		case "stringValueStrindex", "string_value_strindex":
			s.int(32)
			v = span.Value{}
		default:
			s.skip()
		}
	}
	return v
}

// jsonNested reads an ArrayValue or KeyValueList and appends its protobuf encoding to d.pieces.
func (d *Decoder) jsonNested(element func(depth int), depth int) {
	s := &d.json
	if depth == 0 {
		d.refuse("arrays and maps nest deeper than %d levels; flatten the value", d.limits.Depth)
		s.skip()
		return
	}
	if !s.begin('{') {
		return
	}
	for s.more('}') {
		if s.key() != "values" {
			s.skip()
			continue
		}
		if !s.begin('[') {
			continue
		}
		for s.more(']') {
			d.pieces = append(d.pieces, tagElement)
			at := len(d.pieces)
			element(depth)
			d.pieces = prefixLength(d.pieces, at)
		}
	}
}

// jsonField reads a KeyValue within a map.
func (d *Decoder) jsonField(depth int) {
	s := &d.json
	if !s.begin('{') {
		return
	}
	key, at, value := "", len(d.pieces), len(d.pieces)
	for s.more('}') {
		switch s.key() {
		case "key":
			key = s.str()
		case "value":
			d.pieces = d.pieces[:at]
			d.jsonElement(depth)
			value = len(d.pieces)
		default:
			s.skip()
		}
	}
	// The value was written where the key belongs: put it behind.
	if value > at {
		d.pieces = prefixLength(d.pieces, at)
		d.pieces = append(d.pieces, 0)
		copy(d.pieces[at+1:], d.pieces[at:])
		d.pieces[at] = tagValue
	}
	if key != "" {
		size := len(d.pieces) - at
		d.pieces = appendString(append(d.pieces, tagKey), key)
		rotate(d.pieces[at:], size)
	}
}

// rotate moves the first n bytes of b to its end.
func rotate(b []byte, n int) {
	reverse(b[:n])
	reverse(b[n:])
	reverse(b)
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// jsonElement reads an AnyValue within an array or map and appends its encoding.
func (d *Decoder) jsonElement(depth int) {
	s := &d.json
	if !s.begin('{') {
		return
	}
	at := len(d.pieces)
	for s.more('}') {
		k := s.key()
		if s.null() {
			continue
		}
		switch k {
		case "stringValue", "string_value":
			d.pieces = appendString(append(d.pieces[:at], tagString), s.str())
		case "boolValue", "bool_value":
			d.pieces = append(d.pieces[:at], tagBool, boolByte(s.bool()))
		case "intValue", "int_value":
			d.pieces = binary.AppendUvarint(append(d.pieces[:at], tagInt), uint64(s.int(64)))
		case "doubleValue", "double_value":
			d.pieces = binary.LittleEndian.AppendUint64(append(d.pieces[:at], tagDouble), math.Float64bits(s.float()))
		case "bytesValue", "bytes_value":
			d.pieces = appendString(append(d.pieces[:at], tagBytes), s.base64())
		case "arrayValue", "array_value":
			d.pieces = append(d.pieces[:at], tagArray)
			d.jsonNested(d.jsonElement, depth-1)
			d.pieces = prefixLength(d.pieces, at+1)
		case "kvlistValue", "kvlist_value":
			d.pieces = append(d.pieces[:at], tagMap)
			d.jsonNested(d.jsonField, depth-1)
			d.pieces = prefixLength(d.pieces, at+1)
		case "stringValueStrindex", "string_value_strindex":
			s.int(32)
			d.pieces = d.pieces[:at]
		default:
			s.skip()
		}
	}
}

var (
	unpaddedStd = base64.StdEncoding.WithPadding(base64.NoPadding)
	unpaddedURL = base64.URLEncoding.WithPadding(base64.NoPadding)
)

// base64 reads bytes, in either alphabet, with padding or without.
func (s *scanner) base64() string {
	s.peek()
	at := s.pos
	str := s.str()
	e, unpadded := base64.StdEncoding, unpaddedStd
	for i := range len(str) {
		if str[i] == '-' || str[i] == '_' {
			e, unpadded = base64.URLEncoding, unpaddedURL
			break
		}
	}
	if len(str)%4 != 0 {
		e = unpadded
	}
	from := len(s.texts)
	texts, err := e.AppendDecode(s.texts, unsafe.Slice(unsafe.StringData(str), len(str)))
	if err != nil {
		s.fail(at, "the string %q; want base64", clip(str))
		return ""
	}
	s.texts = texts
	return raw(s.texts[from:])
}
