package query

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// Value is what a condition compares with. The zero value is the empty text.
//
// A value that is written without quotes is read by its look: 500, true, 250ms
// and 10MB are numbers and a truth, but the same text in an attribute is found,
// too. In quotes it is text and nothing else.
type Value struct {
	text string // as written, without quotes
	form form
	num  span.Value // number, boolean: Int, Float or Bool. Durations are nanoseconds, sizes bytes
}

type form uint8

const (
	formText form = iota
	formBool
	formNumber
	formDuration
	formSize
)

// StringValue is a text that equals only texts: "500" is not the number.
func StringValue(s string) Value { return Value{text: s} }

// WordValue is what s means when it is written without quotes: a number, a
// truth, a duration or a size that equals both such values and the same text,
// or else a text.
func WordValue(s string) Value {
	v := Value{text: s}
	if s == "" {
		return v
	}
	if s == "true" || s == "false" {
		v.form, v.num = formBool, span.BoolValue(s == "true")
		return v
	}
	if c := s[0]; !('0' <= c && c <= '9' || c == '-' || c == '+' || c == '.') {
		return v
	}
	if n, ok := parseNumber(s); ok {
		v.form, v.num = formNumber, n
	} else if d, ok := parseDuration(s); ok {
		v.form, v.num = formDuration, span.IntValue(int64(d))
	} else if n, ok := parseSize(s); ok {
		v.form, v.num = formSize, n
	}
	return v
}

// IntValue is a whole number.
func IntValue(n int64) Value { return WordValue(strconv.FormatInt(n, 10)) }

// FloatValue is a number. NaN and the infinities equal nothing but the texts.
func FloatValue(f float64) Value { return WordValue(strconv.FormatFloat(f, 'g', -1, 64)) }

// BoolValue is a truth.
func BoolValue(b bool) Value { return WordValue(strconv.FormatBool(b)) }

// DurationValue is a length of time.
func DurationValue(d time.Duration) Value { return WordValue(d.String()) }

// String returns the value as it is written in a query.
func (v Value) String() string {
	if isPlainWord(v.text) && WordValue(v.text) == v {
		return v.text
	}
	return strconv.Quote(v.text)
}

// Text returns the value without quotes.
func (v Value) Text() string { return v.text }

func (v Value) isNumber() bool { return v.form >= formNumber }

// parseNumber reads a decimal number. Whole ones that fit are integers, so that
// 500, 500.0 and 5e2 are the same.
func parseNumber(s string) (span.Value, bool) {
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || strings.IndexByte("+-.eE", c) >= 0) {
			return span.Value{}, false
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return span.IntValue(n), true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return span.Value{}, false
	}
	return numberOf(f), true
}

func numberOf(f float64) span.Value {
	if n, ok := whole(f); ok {
		return span.IntValue(n)
	}
	return span.FloatValue(f)
}

// whole returns the integer that f is.
func whole(f float64) (int64, bool) {
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return int64(f), true
	}
	return 0, false
}

// parseDuration reads what time.ParseDuration does, and days: 1d12h.
func parseDuration(s string) (time.Duration, bool) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}
	for i := range len(days) {
		if c := days[i]; !('0' <= c && c <= '9' || c == '.' || i == 0 && (c == '+' || c == '-')) {
			return 0, false
		}
	}
	h, err := time.ParseDuration(days + "h")
	if err != nil || h > math.MaxInt64/24 || h < math.MinInt64/24 {
		return 0, false
	}
	d := 24 * h
	if rest == "" {
		return d, true
	}
	if c := rest[0]; c == '+' || c == '-' {
		return 0, false
	}
	r, err := time.ParseDuration(rest)
	if strings.HasPrefix(days, "-") {
		r = -r
	}
	if err != nil || d > 0 && r > math.MaxInt64-d || d < 0 && r < math.MinInt64-d {
		return 0, false
	}
	return d + r, true
}

var sizes = []struct {
	unit  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

func parseSize(s string) (span.Value, bool) {
	for _, u := range sizes {
		if n, ok := strings.CutSuffix(s, u.unit); ok {
			f, err := strconv.ParseFloat(n, 64)
			if _, digits := parseNumber(n); err != nil || !digits {
				return span.Value{}, false
			}
			return numberOf(f * u.bytes), true
		}
	}
	return span.Value{}, false
}

// equals reports whether an attribute's scalar value is v.
func (v *Value) equals(a span.Value) bool {
	switch a.Type {
	case span.String:
		return a.Str == v.text
	case span.Int, span.Float:
		return v.isNumber() && compareNumbers(a, v.num) == 0
	case span.Bool:
		return v.form == formBool && a.Bool() == v.num.Bool()
	case span.Bytes:
		return base64.StdEncoding.EncodeToString([]byte(a.Str)) == v.text
	}
	return false
}

// unordered is the result of comparing with what is not a number.
const unordered = 2

// compareNumbers returns -1, 0 or 1, exactly even where an integer has no
// float64 of its own, or unordered if one of them is NaN.
func compareNumbers(a, b span.Value) int {
	switch {
	case a.Type == span.Int && b.Type == span.Int:
		return compareOrdered(a.Int(), b.Int())
	case a.Type == span.Int:
		if c := compareNumbers(b, a); c != unordered {
			return -c
		}
		return unordered
	case b.Type == span.Int:
		f := a.Float()
		switch {
		case f != f:
			return unordered
		case f >= 1<<63:
			return 1
		case f < -1<<63:
			return -1
		}
		t := math.Trunc(f)
		if c := compareOrdered(int64(t), b.Int()); c != 0 {
			return c
		}
		return compareOrdered(f, t)
	}
	x, y := a.Float(), b.Float()
	if x != x || y != y {
		return unordered
	}
	return compareOrdered(x, y)
}

func compareOrdered[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
