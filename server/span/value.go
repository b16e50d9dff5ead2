package span

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
)

// Text returns the value as a person would write it: strings as they are,
// numbers in decimal, bytes in base64, arrays and maps as JSON, "" for Empty.
func (v Value) Text() string {
	switch v.Type {
	case String:
		return v.Str
	case Bool:
		return strconv.FormatBool(v.Bool())
	case Int:
		return strconv.FormatInt(v.Int(), 10)
	case Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case Bytes:
		return base64.StdEncoding.EncodeToString([]byte(v.Str))
	case Array, Map:
		return string(v.AppendJSON(nil))
	}
	return ""
}

// AppendJSON appends the value as plain JSON: a string, number, boolean,
// array, object or null. Bytes become base64; what JSON has no number for (NaN
// and the infinities) a string, as in protobuf's JSON mapping.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.Type {
	case String:
		return appendString(b, v.Str)
	case Bool:
		return strconv.AppendBool(b, v.Bool())
	case Int:
		return strconv.AppendInt(b, v.Int(), 10)
	case Float:
		f := v.Float()
		switch {
		case math.IsNaN(f):
			return append(b, `"NaN"`...)
		case math.IsInf(f, 1):
			return append(b, `"Infinity"`...)
		case math.IsInf(f, -1):
			return append(b, `"-Infinity"`...)
		}
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	case Bytes:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, []byte(v.Str))
		return append(b, '"')
	case Array:
		b = append(b, '[')
		n := 0
		for e := range v.Elements() {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = e.AppendJSON(b)
		}
		return append(b, ']')
	case Map:
		b = append(b, '{')
		n := 0
		for a := range v.Fields() {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = append(appendString(b, a.Key), ':')
			b = a.Value.AppendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	j, _ := json.Marshal(s) // cannot fail for a string: invalid UTF-8 becomes U+FFFD
	return append(b, j...)
}

// Elements iterates over the values of an Array. It ends early where the
// encoding is broken.
func (v Value) Elements() func(yield func(Value) bool) {
	return func(yield func(Value) bool) {
		b := v.Str
		for v.Type == Array && len(b) > 0 {
			f, data, rest, ok := message(b)
			if !ok {
				return
			}
			b = rest
			if f == 1 && !yield(decodeAny(data)) {
				return
			}
		}
	}
}

// Fields iterates over the attributes of a Map. It ends early where the
// encoding is broken.
func (v Value) Fields() func(yield func(Attr) bool) {
	return func(yield func(Attr) bool) {
		b := v.Str
		for v.Type == Map && len(b) > 0 {
			f, data, rest, ok := message(b)
			if !ok {
				return
			}
			b = rest
			if f != 1 {
				continue
			}
			var a Attr
			for len(data) > 0 {
				f, d, rest, ok := message(data)
				if !ok {
					return
				}
				data = rest
				switch f {
				case 1:
					a.Key = d
				case 2:
					a.Value = decodeAny(d)
				}
			}
			if !yield(a) {
				return
			}
		}
	}
}

// decodeAny reads OTLP's AnyValue (common/v1/common.proto). Decoders validate
// what they let in, so what is broken here just ends as Empty.
func decodeAny(b string) (v Value) {
	for len(b) > 0 {
		f, n, data, rest, ok := field(b)
		if !ok {
			return Value{}
		}
		b = rest
		switch f {
		case 1:
			v = Value{Type: String, Str: data}
		case 2:
			v = BoolValue(n != 0)
		case 3:
			v = Value{Type: Int, Num: n}
		case 4:
			v = Value{Type: Float, Num: n}
		case 5:
			v = Value{Type: Array, Str: data}
		case 6:
			v = Value{Type: Map, Str: data}
		case 7:
			v = Value{Type: Bytes, Str: data}
		}
	}
	return v
}

// message reads one length-delimited field; others are skipped as field 0.
func message(b string) (f uint64, data, rest string, ok bool) {
	f, _, data, rest, ok = field(b)
	return f, data, rest, ok
}

// field reads one protobuf field: its number, the number of a varint, fixed64
// or fixed32, or the bytes of a length-delimited one.
func field(b string) (f, n uint64, data, rest string, ok bool) {
	tag, k := uvarint(b)
	if k <= 0 {
		return 0, 0, "", "", false
	}
	b, f = b[k:], tag>>3
	switch tag & 7 {
	case 0:
		n, k = uvarint(b)
		if k <= 0 {
			return 0, 0, "", "", false
		}
		return f, n, "", b[k:], true
	case 1:
		if len(b) < 8 {
			return 0, 0, "", "", false
		}
		return f, binary.LittleEndian.Uint64([]byte(b[:8])), "", b[8:], true
	case 2:
		l, k := uvarint(b)
		if k <= 0 || uint64(len(b)-k) < l {
			return 0, 0, "", "", false
		}
		return f, 0, b[k : k+int(l)], b[k+int(l):], true
	case 5:
		if len(b) < 4 {
			return 0, 0, "", "", false
		}
		return f, uint64(binary.LittleEndian.Uint32([]byte(b[:4]))), "", b[4:], true
	}
	return 0, 0, "", "", false
}

// uvarint is binary.Uvarint on a string.
func uvarint(s string) (v uint64, n int) {
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		c := s[i]
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				return 0, 0
			}
			return v | uint64(c)<<(7*i), i + 1
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	return 0, 0
}
