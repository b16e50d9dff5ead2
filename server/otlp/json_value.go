package otlp

import (
	"encoding/binary"
	"math"

	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/wire"
)

// In OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)
// members are called in lowerCamelCase. protobuf's own JSON mapping reads the
// names of the .proto files as well, and so does this decoder.

// jsonAttrs reads a list of KeyValue and appends it to *list, whose owner's attributes start at from.
func (d *Decoder) jsonAttrs(list *[]span.Attr, from int) {
	s := &d.json
	if !s.Begin('[') {
		return
	}
	for s.More(']') {
		if !d.room(len(*list)-from, d.limits.Attributes, "attributes") {
			s.Skip()
			continue
		}
		var a span.Attr
		if s.Begin('{') {
			for s.More('}') {
				switch s.Key() {
				case "key":
					a.Key = s.Text()
				case "value":
					a.Value = d.jsonValue()
				default:
					s.Skip()
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
		d.json.Skip()
		return
	}
	d.jsonAttrs(&d.inner, from)
	*attrs = since(d.inner, from)
}

// jsonValue reads an AnyValue.
func (d *Decoder) jsonValue() (v span.Value) {
	s := &d.json
	if !s.Begin('{') {
		return v
	}
	for s.More('}') {
		k := s.Key()
		if s.Null() { // not the member that is set
			continue
		}
		switch k {
		case "stringValue", "string_value":
			v = span.StringValue(s.Text())
		case "boolValue", "bool_value":
			v = span.BoolValue(s.Bool())
		case "intValue", "int_value":
			v = span.IntValue(s.Int(64))
		case "doubleValue", "double_value":
			v = span.FloatValue(s.Float())
		case "bytesValue", "bytes_value":
			v = span.Value{Type: span.Bytes, Str: s.Bytes()}
		case "arrayValue", "array_value":
			at := len(d.pieces)
			d.jsonNested(d.jsonElement, d.limits.Depth)
			v = span.Value{Type: span.Array, Str: wire.Raw(d.pieces[at:])}
		case "kvlistValue", "kvlist_value":
			at := len(d.pieces)
			d.jsonNested(d.jsonField, d.limits.Depth)
			v = span.Value{Type: span.Map, Str: wire.Raw(d.pieces[at:])}
		case "stringValueStrindex", "string_value_strindex":
			s.Int(32)
			v = span.Value{}
		default:
			s.Skip()
		}
	}
	return v
}

// jsonNested reads an ArrayValue or KeyValueList and appends its protobuf encoding to d.pieces.
func (d *Decoder) jsonNested(element func(depth int), depth int) {
	s := &d.json
	if depth == 0 {
		d.refuse("arrays and maps nest deeper than %d levels; flatten the value", d.limits.Depth)
		s.Skip()
		return
	}
	if !s.Begin('{') {
		return
	}
	for s.More('}') {
		if s.Key() != "values" {
			s.Skip()
			continue
		}
		if !s.Begin('[') {
			continue
		}
		for s.More(']') {
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
	if !s.Begin('{') {
		return
	}
	key, at, value := "", len(d.pieces), len(d.pieces)
	for s.More('}') {
		switch s.Key() {
		case "key":
			key = s.Text()
		case "value":
			d.pieces = d.pieces[:at]
			d.jsonElement(depth)
			value = len(d.pieces)
		default:
			s.Skip()
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
	if !s.Begin('{') {
		return
	}
	at := len(d.pieces)
	for s.More('}') {
		k := s.Key()
		if s.Null() {
			continue
		}
		switch k {
		case "stringValue", "string_value":
			d.pieces = appendString(append(d.pieces[:at], tagString), s.Text())
		case "boolValue", "bool_value":
			d.pieces = append(d.pieces[:at], tagBool, boolByte(s.Bool()))
		case "intValue", "int_value":
			d.pieces = binary.AppendUvarint(append(d.pieces[:at], tagInt), uint64(s.Int(64)))
		case "doubleValue", "double_value":
			d.pieces = binary.LittleEndian.AppendUint64(append(d.pieces[:at], tagDouble), math.Float64bits(s.Float()))
		case "bytesValue", "bytes_value":
			d.pieces = appendString(append(d.pieces[:at], tagBytes), s.Bytes())
		case "arrayValue", "array_value":
			d.pieces = append(d.pieces[:at], tagArray)
			d.jsonNested(d.jsonElement, depth-1)
			d.pieces = prefixLength(d.pieces, at+1)
		case "kvlistValue", "kvlist_value":
			d.pieces = append(d.pieces[:at], tagMap)
			d.jsonNested(d.jsonField, depth-1)
			d.pieces = prefixLength(d.pieces, at+1)
		case "stringValueStrindex", "string_value_strindex":
			s.Int(32)
			d.pieces = d.pieces[:at]
		default:
			s.Skip()
		}
	}
}
