// Package reply writes the answers of the read APIs (weft's own, Jaeger's,
// Tempo's): JSON appended without reflection, compressed when the client asks
// for it, and the HTTP status for what went wrong underneath.
package reply

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/weft-trace/weft/server/span"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			// U+2028 and U+2029 end lines in old JavaScript.
			if (r != utf8.RuneError || size != 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
			b = append(b, s[from:i]...)
			switch r {
			case utf8.RuneError:
				b = append(b, `\ufffd`...)
			default:
				b = append(append(b, `\u202`...), hexDigits[r&15])
			}
			i += size
			from = i
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// AppendKey appends s as the key of a JSON object's member, the colon with it,
// and before them a comma unless the member is the object's first: unless b
// ends in an opening brace.
func AppendKey(b []byte, s string) []byte {
	return append(AppendString(Comma(b), s), ':')
}

// Comma appends the comma before a further member of an object or element of
// an array: none if b ends in an opening bracket.
func Comma(b []byte) []byte {
	if n := len(b); n == 0 || b[n-1] != '{' && b[n-1] != '[' {
		return append(b, ',')
	}
	return b
}

// AppendQuoted appends n in decimal as a JSON string: numbers beyond 2^53 are
// rounded by clients that read them as floating point.
func AppendQuoted(b []byte, n int64) []byte {
	b = append(b, '"')
	b = strconv.AppendInt(b, n, 10)
	return append(b, '"')
}

// AppendFloat appends f as a JSON number; what JSON has no number for (NaN and
// the infinities) becomes null.
func AppendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, 64)
}

// AppendTraceID appends the id as a JSON string of 32 hex digits.
func AppendTraceID(b []byte, id span.TraceID) []byte {
	b = append(b, '"')
	b = appendHex(b, id[:])
	return append(b, '"')
}

// AppendID appends the id as a JSON string of 16 hex digits.
func AppendID(b []byte, id span.ID) []byte {
	b = append(b, '"')
	b = appendHex(b, id[:])
	return append(b, '"')
}

func appendHex(b, id []byte) []byte {
	for _, c := range id {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}
