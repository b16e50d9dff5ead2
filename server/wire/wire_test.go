package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// checkScanner holds Skip and Text to what encoding/json makes of the same bytes.
func checkScanner(t testing.TB, b []byte) {
	t.Helper()
	var s Scanner
	s.Reset(b)
	s.Skip()
	err := s.End()
	if valid := json.Valid(b); valid != (err == nil) && !errors.Is(err, ErrDepth) {
		t.Fatalf("%q: encoding/json says %v, Skip says %v", b, valid, err)
	}
	var want string
	if json.Unmarshal(b, &want) != nil || !utf8.Valid(b) { // encoding/json mends UTF-8 byte by byte, Text run by run
		return
	}
	s.Reset(b)
	if got := s.Text(); got != want || s.End() != nil {
		t.Fatalf("%q: got %q, %v; want %q", b, got, s.End(), want)
	}
}

var documents = []string{
	``, ` `, `null`, `nul`, `true`, `"a"`, `"a`, `"\u00e9\ud83d\ude00\ud800\udc"`, `"\ud800\u0041"`, `"\ud800\ud800\udc00"`, "\"\xff\xe6\x97\"", `"\/\b\f\n\r\t\"\\"`, `"\x"`, `"\u12"`,
	"\"\t\"", "\"\x7f\"", `0`, `-0`, `01`, `1.`, `1.5`, `.5`, `1e5`, `1E+05`, `1e`, `-`, `--1`, `1x`, `[]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `{}`, `{"a":1}`, `{"a":1,}`, `{"a"}`, `{a:1}`,
	`{"a":{"b":[{},[],""]}}`, `[[[]]`, `[}`, `{]`, `[1]]`, "[1]\x00", "\ufeff1", ` { "a" : [ 1 , 2 ] } `,
}

func TestScanner(t *testing.T) {
	for _, doc := range documents {
		checkScanner(t, []byte(doc))
	}
	checkScanner(t, []byte(strings.Repeat("[", jsonDepth)+strings.Repeat("]", jsonDepth)))
	var s Scanner
	s.Reset([]byte(strings.Repeat("[", jsonDepth+1) + strings.Repeat("]", jsonDepth+1)))
	if s.Skip(); !errors.Is(s.End(), ErrDepth) {
		t.Errorf("nested one level deeper than allowed: %v", s.End())
	}
}

func FuzzScanner(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkScanner(t, b) })
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]int64{
		`7`: 7, `"7"`: 7, `-7`: -7, `0`: 0, `-0`: 0, `null`: 0, `1e3`: 1000, `1.50e1`: 15, `1200e-2`: 12, `"0.0"`: 0, `0e999999999999999999999`: 0,
		`9223372036854775807`: math.MaxInt64, `"-9223372036854775808"`: math.MinInt64, `9.223372036854775807e18`: math.MaxInt64,
		`9223372036854775808`: math.MaxInt64 - 1, `1.5`: math.MaxInt64 - 1, `1e-1`: math.MaxInt64 - 1, `1e19`: math.MaxInt64 - 1, `1e999999999999`: math.MaxInt64 - 1,
		`" 7"`: math.MaxInt64 - 1, `""`: math.MaxInt64 - 1, `"x"`: math.MaxInt64 - 1, `true`: math.MaxInt64 - 1, `18446744073709551616`: math.MaxInt64 - 1,
	} {
		var s Scanner
		s.Reset([]byte(in))
		got, err := s.Int(64), error(nil)
		if err = s.End(); err != nil {
			got = math.MaxInt64 - 1 // stands for an error
		}
		if got != want {
			t.Errorf("%s: %d, %v; want %d", in, got, err, want)
		}
	}
	for in, ok := range map[string]bool{`18446744073709551615`: true, `1.8446744073709551615e19`: true, `18446744073709551616`: false, `-1`: false, `-0`: true} {
		var s Scanner
		s.Reset([]byte(in))
		if s.Uint(math.MaxUint64); (s.End() == nil) != ok {
			t.Errorf("%s: %v", in, s.End())
		}
	}
	for in, want := range map[string]float64{`1.5`: 1.5, `"1.5"`: 1.5, `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), `-2e-3`: -0.002, `null`: 0} {
		var s Scanner
		s.Reset([]byte(in))
		if got := s.Float(); got != want || s.End() != nil {
			t.Errorf("%s: %v, %v", in, got, s.End())
		}
	}
}

// What is not UTF-8 is mended, once for each run of wrong bytes.
func TestText(t *testing.T) {
	for in, want := range map[string]string{"a": "a", "a\xff\xe6\x97b\xff": "a\ufffdb\ufffd", "日": "日"} {
		if got := Text([]byte(in)); got != want {
			t.Errorf("%q: %q", in, got)
		}
		var s Scanner
		s.Reset([]byte(`"` + in + `"`))
		if got := s.Text(); got != want {
			t.Errorf("%q in JSON: %q", in, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 40} {
		want := bytes.Repeat([]byte{0xfb, 0xff, 0x01}, n)[:n]
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			var s Scanner
			s.Reset([]byte(strconv.Quote(e.EncodeToString(want))))
			if got := s.Bytes(); got != string(want) || s.End() != nil {
				t.Errorf("%d bytes: %x, %v", n, got, s.End())
			}
		}
	}
}

// What protowire consumes, Skip passes over, and the other way round.
func FuzzSkip(f *testing.F) {
	f.Add([]byte{0x08, 0x96, 0x01})
	f.Add([]byte{0x0a, 0x03, 'a', 'b', 'c'})
	f.Add([]byte{0x0b, 0x08, 0x01, 0x0c})
	f.Add([]byte{0x09, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(bytes.Repeat([]byte{0xff}, 11))
	f.Fuzz(func(t *testing.T, b []byte) {
		num, typ, n := protowire.ConsumeField(b)
		tag, i := Uvarint(b, 0)
		if i < 0 {
			if n >= 0 {
				t.Fatalf("%x: no tag, %v", b, Cause(i))
			}
			return
		}
		next, err := Skip(b, i, tag)
		switch {
		case num > protowire.MaxValidNumber && errors.Is(err, ErrNumber): // protowire leaves that to its callers
		case errors.Is(err, ErrGroup):
			if typ != protowire.StartGroupType && typ != protowire.EndGroupType && n >= 0 {
				t.Fatalf("%x: a group of type %d", b, typ)
			}
		case (n < 0) != (err != nil) || err == nil && (next != n || tag>>3 != uint64(num)):
			t.Fatalf("%x: field %d of %d bytes; %d, %v", b, num, n, next, err)
		}
	})
}
