package transfer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// Parquet has attributes as JSON objects. So that types come back, floats have
// a point or an exponent and integers have not. Bytes (base64) and the floats
// that JSON does not know come back as strings.

// attrsJSON returns attributes as a JSON object.
func attrsJSON(attrs []span.Attr) string {
	b := append(make([]byte, 0, 32*len(attrs)+2), '{')
	for i := range attrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = span.StringValue(attrs[i].Key).AppendJSON(b)
		b = append(b, ':')
		b = appendJSON(b, attrs[i].Value)
	}
	return string(append(b, '}'))
}

func appendJSON(b []byte, v span.Value) []byte {
	n := 0
	switch v.Type {
	case span.Float:
		from := len(b)
		b = v.AppendJSON(b)
		if !bytes.ContainsAny(b[from:], ".eE\"") {
			b = append(b, '.', '0')
		}
		return b
	case span.Array:
		b = append(b, '[')
		for e := range v.Elements() {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case span.Map:
		b = append(b, '{')
		for a := range v.Fields() {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = span.StringValue(a.Key).AppendJSON(b)
			b = append(b, ':')
			b = appendJSON(b, a.Value)
		}
		return append(b, '}')
	}
	return v.AppendJSON(b)
}

// parseAttrs is the inverse of attrsJSON. The empty string is no attributes.
func parseAttrs(text string) ([]span.Attr, error) {
	if text == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	t, err := d.Token()
	if err != nil {
		return nil, broken(d, err)
	}
	if t == nil {
		return nil, nil
	}
	if t != json.Delim('{') {
		return nil, fmt.Errorf("%v; want a JSON object", t)
	}
	var attrs []span.Attr
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, broken(d, err)
		}
		v, err := parseValue(d, 0)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", k, err)
		}
		attrs = append(attrs, span.Attr{Key: k.(string), Value: v}) // the decoder lets nothing else be a key
	}
	if _, err := d.Token(); err != nil {
		return nil, broken(d, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the JSON object")
	}
	return attrs, nil
}

func broken(d *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("JSON, byte %d: %w", d.InputOffset(), err)
}

const depthMost = 32 // levels of arrays and maps, as in OTLP

func parseValue(d *json.Decoder, depth int) (span.Value, error) {
	t, err := d.Token()
	if err != nil {
		return span.Value{}, broken(d, err)
	}
	switch t := t.(type) {
	case string:
		return span.StringValue(t), nil
	case bool:
		return span.BoolValue(t), nil
	case json.Number:
		if !strings.ContainsAny(t.String(), ".eE") {
			if n, err := strconv.ParseInt(t.String(), 10, 64); err == nil {
				return span.IntValue(n), nil
			}
		}
		f, err := strconv.ParseFloat(t.String(), 64)
		if err != nil {
			return span.Value{}, fmt.Errorf("number %s: out of range", t)
		}
		return span.FloatValue(f), nil
	case json.Delim:
		if depth >= depthMost {
			return span.Value{}, fmt.Errorf("more than %d levels", depthMost)
		}
		return parseNested(d, t, depth)
	}
	return span.Value{}, nil // null
}

// parseNested returns an array or a map, encoded as OTLP's ArrayValue or KeyValueList.
func parseNested(d *json.Decoder, open json.Delim, depth int) (span.Value, error) {
	var out, entry []byte
	for d.More() {
		var key string
		if open == '{' {
			k, err := d.Token()
			if err != nil {
				return span.Value{}, broken(d, err)
			}
			key = k.(string)
		}
		v, err := parseValue(d, depth+1)
		if err != nil {
			return span.Value{}, err
		}
		entry = otlp.AppendValue(entry[:0], v)
		if open == '{' {
			kv := appendField(nil, 1, []byte(key)) // KeyValue.key
			entry = appendField(kv, 2, entry)      // KeyValue.value
		}
		out = appendField(out, 1, entry) // ArrayValue.values, KeyValueList.values
	}
	if _, err := d.Token(); err != nil {
		return span.Value{}, broken(d, err)
	}
	if open == '{' {
		return span.Value{Type: span.Map, Str: string(out)}, nil
	}
	return span.Value{Type: span.Array, Str: string(out)}, nil
}

// appendField appends a length-delimited protobuf field.
func appendField(b []byte, number byte, data []byte) []byte {
	b = append(b, number<<3|2)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}
