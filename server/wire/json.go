package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// jsonDepth is how deep values of unknown members may nest.
const jsonDepth = 512

var ErrDepth = errors.New("objects and arrays nest too deep")

// A Scanner reads JSON (RFC 8259) from front to back. The first fault stops
// it: from then on there is nothing more to read, so callers need not look for
// one before [Scanner.End]. Strings alias the input or the scanner's own
// memory; both are valid until Reset.
type Scanner struct {
	in    []byte
	pos   int
	first bool // an object or array was just opened
	fault error
	at    int    // where fault is
	texts []byte // strings that were unescaped, bytes that were in base64
}

// Reset makes the scanner read b from its start.
func (s *Scanner) Reset(b []byte) {
	texts := s.texts[:0]
	if cap(texts) > keepTexts && len(s.texts) < cap(texts)/4 {
		texts = nil
	}
	*s = Scanner{in: b, texts: texts}
}

// keepTexts is how much memory a scanner keeps that does not need it any more.
const keepTexts = 1 << 20

// Failed reports whether there was a fault.
func (s *Scanner) Failed() bool { return s.fault != nil }

func (s *Scanner) fail(at int, format string, args ...any) {
	if s.fault == nil {
		s.fault, s.at = fmt.Errorf(format, args...), at
	}
	s.pos = len(s.in)
}

// Peek returns the next byte that is not white space, 0 at the end.
func (s *Scanner) Peek() byte {
	for ; s.pos < len(s.in); s.pos++ {
		switch c := s.in[s.pos]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return c
		}
	}
	return 0
}

// Unexpected fails at the next byte.
func (s *Scanner) Unexpected(want string) {
	if c := s.Peek(); s.pos < len(s.in) {
		s.fail(s.pos, "%q; want %s", c, want)
	} else {
		s.fail(s.pos, "the end; want %s", want)
	}
}

// Begin opens an object ('{') or an array ('['). It reports false, with the
// value consumed, for null, which stands for an empty one.
func (s *Scanner) Begin(open byte) bool {
	switch c := s.Peek(); {
	case c == open:
		s.pos++
		s.first = true
		return true
	case c == 'n' && s.literal("null"):
		return false
	}
	s.Unexpected(map[byte]string{'{': "an object", '[': "an array"}[open])
	return false
}

// More reports whether the object or array that end closes has another
// member, and is then positioned before it.
func (s *Scanner) More(end byte) bool {
	c := s.Peek()
	if c == end {
		s.pos++
		s.first = false
		return false
	}
	if !s.first {
		if c != ',' {
			s.Unexpected(fmt.Sprintf("',' or %q", end))
			return false
		}
		s.pos++
		s.Peek()
	}
	s.first = false
	if s.pos == len(s.in) {
		s.Unexpected("more of the message")
		return false
	}
	return true
}

// Key reads a member's name and the colon behind it.
func (s *Scanner) Key() string {
	if s.Peek() != '"' {
		s.Unexpected("a member's name in quotes")
		return ""
	}
	k := s.quoted()
	if s.Peek() != ':' {
		s.Unexpected("':'")
		return ""
	}
	s.pos++
	return k
}

// literal consumes one of JSON's words, if it is the next thing.
func (s *Scanner) literal(word string) bool {
	if len(s.in)-s.pos >= len(word) && string(s.in[s.pos:s.pos+len(word)]) == word {
		s.pos += len(word)
		return true
	}
	return false
}

// Null consumes a null.
func (s *Scanner) Null() bool { return s.Peek() == 'n' && s.literal("null") }

// Text reads a string, or null as "".
func (s *Scanner) Text() string {
	if s.Peek() != '"' {
		if !s.Null() {
			s.Unexpected("a string")
		}
		return ""
	}
	return s.quoted()
}

// quoted reads the string that starts at pos. It aliases the input unless there is
// something to unescape or to mend.
func (s *Scanner) quoted() string {
	start := s.pos + 1
	high := byte(0)
	for i := start; i < len(s.in); i++ {
		c := s.in[i]
		high |= c
		switch {
		case c == '"':
			s.pos = i + 1
			b := s.in[start:i]
			if high >= utf8.RuneSelf {
				return Text(b)
			}
			return Raw(b)
		case c == '\\':
			return s.unescape(start, i)
		case c < ' ':
			s.fail(i, "a control character within a string; escape it")
			return ""
		}
	}
	s.fail(len(s.in), "the end within a string")
	return ""
}

// unescape reads the string that starts at start and has its first escape at i.
func (s *Scanner) unescape(start, i int) string {
	from := len(s.texts)
	s.texts = append(s.texts, s.in[start:i]...)
	for i < len(s.in) {
		c := s.in[i]
		switch {
		case c == '"':
			s.pos = i + 1
			return Text(s.texts[from:])
		case c < ' ':
			s.fail(i, "a control character within a string; escape it")
			return ""
		case c != '\\':
			s.texts = append(s.texts, c)
			i++
			continue
		}
		if i++; i == len(s.in) {
			break
		}
		switch c := s.in[i]; c {
		case '"', '\\', '/':
			s.texts = append(s.texts, c)
		case 'b':
			s.texts = append(s.texts, '\b')
		case 'f':
			s.texts = append(s.texts, '\f')
		case 'n':
			s.texts = append(s.texts, '\n')
		case 'r':
			s.texts = append(s.texts, '\r')
		case 't':
			s.texts = append(s.texts, '\t')
		case 'u':
			r, ok := hex4(s.in[i+1:])
			if !ok {
				s.fail(i, "\\u without four hex digits")
				return ""
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if bytes.HasPrefix(s.in[i+1:], []byte(`\u`)) {
					low, ok = hex4(s.in[i+3:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			s.texts = utf8.AppendRune(s.texts, r)
		default:
			s.fail(i, "\\%c, which is no escape", c)
			return ""
		}
		i++
	}
	s.fail(len(s.in), "the end within a string")
	return ""
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		n := Unhex(c)
		if n > 15 {
			return 0, false
		}
		r = r<<4 | rune(n)
	}
	return r, true
}

// Unhex is the value of a hex digit, 255 if c is none.
func Unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// Number reads a number as it is written.
func (s *Scanner) Number() string {
	s.Peek()
	b := s.in[s.pos:]
	n := numberLength(b)
	if n == 0 {
		s.Unexpected("a number")
		return ""
	}
	s.pos += n
	return Raw(b[:n])
}

// numberLength is the length of the JSON number that b starts with, 0 if there is none.
func numberLength(b []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	if i < len(b) { // "1x" and "01" are no numbers
		switch c := b[i]; {
		case c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t':
		default:
			return 0
		}
	}
	return i
}

// numeric reads a number, or a string with a number in it: protobuf writes 64
// bits as strings, for JavaScript's sake. It returns "" for null.
func (s *Scanner) numeric() string {
	switch s.Peek() {
	case '"':
		at := s.pos
		str := s.quoted()
		if n := numberLength(unsafe.Slice(unsafe.StringData(str), len(str))); n == 0 || n != len(str) {
			s.fail(at, "the string %q; want a number", clip(str))
			return ""
		}
		return str
	case 'n':
		if s.literal("null") {
			return ""
		}
	}
	return s.Number()
}

// Uint reads an unsigned integer of at most max.
func (s *Scanner) Uint(max uint64) uint64 {
	str := s.numeric()
	at := s.pos
	neg, n, ok := integer(str)
	if !ok || neg && n > 0 || n > max {
		s.fail(at, "the number %s; want an integer from 0 to %d", clip(str), max)
		return 0
	}
	return n
}

// Int reads a signed integer of at most bits bits.
func (s *Scanner) Int(bits int) int64 {
	str := s.numeric()
	at := s.pos
	neg, n, ok := integer(str)
	limit := uint64(1) << (bits - 1)
	if !ok || neg && n > limit || !neg && n >= limit {
		s.fail(at, "the number %s; want a signed integer of %d bits", clip(str), bits)
		return 0
	}
	if neg {
		return -int64(n)
	}
	return int64(n)
}

// integer is the value of a JSON number that is an integer, however it is
// written: 12, 1.2e1, 120e-1. No number is 0.
func integer(s string) (neg bool, n uint64, ok bool) {
	if s == "" {
		return false, 0, true
	}
	if s[0] == '-' {
		neg, s = true, s[1:]
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			n, ok = decimal(s)
			return neg, n, ok
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return neg, 0, false
		}
		n = n*10 + d
	}
	return neg, n, true
}

// decimal is integer for a number with a fraction or an exponent, without its sign.
func decimal(s string) (n uint64, ok bool) {
	mantissa, exp := s, 0
	for i := range len(s) {
		if s[i]|0x20 == 'e' {
			mantissa = s[:i]
			e, err := strconv.Atoi(s[i+1:])
			exp = max(-1<<30, min(e, 1<<30)) // what is out of Atoi's range comes back as its limit
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				return 0, false
			}
		}
	}
	var digits []byte
	for i := range len(mantissa) {
		if c := mantissa[i]; c == '.' {
			exp -= len(mantissa) - i - 1
		} else if c != '0' || len(digits) > 0 {
			digits = append(digits, c)
		}
	}
	if len(digits) == 0 {
		return 0, true
	}
	for ; exp < 0; exp++ {
		if len(digits) == 0 || digits[len(digits)-1] != '0' {
			return 0, false
		}
		digits = digits[:len(digits)-1]
	}
	if len(digits)+exp > 20 {
		return 0, false
	}
	for ; exp > 0; exp-- {
		digits = append(digits, '0')
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	return n, err == nil
}

// Float reads a double; null reads as 0.
func (s *Scanner) Float() float64 {
	at := s.pos
	if s.Peek() == '"' {
		mark := s.pos
		switch s.quoted() {
		case "NaN":
			return math.NaN()
		case "Infinity":
			return math.Inf(1)
		case "-Infinity":
			return math.Inf(-1)
		}
		if s.fault != nil {
			return 0
		}
		s.pos = mark
	}
	str := s.numeric()
	if str == "" {
		return 0
	}
	f, err := strconv.ParseFloat(str, 64)
	if err != nil {
		s.fail(at, "the number %s; want one of 64 bits", clip(str))
	}
	return f
}

// Bool reads true or false; null reads as false.
func (s *Scanner) Bool() bool {
	switch c := s.Peek(); {
	case c == 't' && s.literal("true"):
		return true
	case c == 'f' && s.literal("false"), c == 'n' && s.literal("null"):
		return false
	}
	s.Unexpected("true or false")
	return false
}

// Enum reads an enumeration's value: a number, or its name in protobuf. Names
// that are not known read as 0, numbers as they are.
func (s *Scanner) Enum(prefix string, names []string) uint64 {
	if s.Peek() != '"' {
		if s.Null() {
			return 0
		}
		return uint64(s.Int(32))
	}
	str := s.quoted()
	if len(str) > len(prefix) && str[:len(prefix)] == prefix {
		for i, n := range names {
			if str[len(prefix):] == n {
				return uint64(i)
			}
		}
	}
	return 0
}

// Skip passes over one value of any kind.
func (s *Scanner) Skip() {
	var nesting [jsonDepth]byte // what closes each open object and array
	depth := 0
	for {
		if depth > 0 && !s.More(nesting[depth-1]) {
			if s.fault != nil {
				return
			}
			if depth--; depth == 0 {
				return
			}
			continue
		}
		if depth > 0 && nesting[depth-1] == '}' {
			s.Key()
		}
		switch c := s.Peek(); c {
		case '{', '[':
			if depth == jsonDepth {
				s.fail(s.pos, "%w", ErrDepth)
				return
			}
			nesting[depth] = c + 2 // '}' and ']' in ASCII
			depth++
			s.pos++
			s.first = true
			continue
		case '"':
			s.quoted()
		case 't', 'f':
			s.Bool()
		case 'n':
			if !s.literal("null") {
				s.Unexpected("null")
			}
		default:
			s.Number()
		}
		if depth == 0 || s.fault != nil {
			return
		}
	}
}

// End returns the first fault, which may be that something is left.
func (s *Scanner) End() error {
	if s.fault == nil && (s.Peek() != 0 || s.pos < len(s.in)) {
		s.Unexpected("the end")
	}
	if s.fault == nil {
		return nil
	}
	return fmt.Errorf("byte %d of %d: %w", min(s.at, len(s.in)), len(s.in), s.fault)
}

// Uint32 reads an unsigned integer of 32 bits.
func (s *Scanner) Uint32() uint32 { return uint32(s.Uint(math.MaxUint32)) }

func clip(s string) string { return s[:min(len(s), 64)] }

var (
	unpaddedStd = base64.StdEncoding.WithPadding(base64.NoPadding)
	unpaddedURL = base64.URLEncoding.WithPadding(base64.NoPadding)
)

// Bytes reads bytes, in either alphabet, with padding or without.
func (s *Scanner) Bytes() string {
	s.Peek()
	at := s.pos
	str := s.Text()
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
	return Raw(s.texts[from:])
}
