package propagate

import "strings"

// https://www.w3.org/TR/baggage/

// What the specification asks to be passed on. Of more, the members that fit
// are.
const (
	maxBaggage        = 8192
	maxBaggageMembers = 64
)

// limitBaggage is s, or as many of its first members as may be passed on; "" if s
// has bytes that must not be in a header.
func limitBaggage(s string) string {
	members, end := 1, 0 // end: of the last member that fits
	for i := range len(s) {
		switch c := s[i]; {
		case c == ',':
			if i <= maxBaggage && members <= maxBaggageMembers {
				end = i
			}
			members++
		case c < ' ' && c != '\t', c == 0x7f:
			return ""
		}
	}
	if len(s) <= maxBaggage && members <= maxBaggageMembers {
		return s
	}
	return trim(s[:end])
}

// joinBaggage is the members of a and b, as far as they may be passed on.
func joinBaggage(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return limitBaggage(a + "," + b)
}

// eachMember calls f with the key and the value, without its properties, of the
// members of s that have both.
func eachMember(s string, f func(key, value string)) {
	for s != "" {
		m := s
		if i := strings.IndexByte(s, ','); i >= 0 {
			m, s = s[:i], s[i+1:]
		} else {
			s = ""
		}
		if i := strings.IndexByte(m, ';'); i >= 0 {
			m = m[:i]
		}
		if i := strings.IndexByte(m, '='); i > 0 {
			if key := trim(m[:i]); isToken(key) {
				f(key, trim(m[i+1:]))
			}
		}
	}
}

// isToken reports whether s may be a header's name, or a key of baggage.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
