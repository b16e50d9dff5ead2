package propagate

import (
	"strings"

	"github.com/weft-trace/weft/rt/trace"
)

// https://www.w3.org/TR/trace-context-2/

const (
	flagSampled = 1 << 0
	flagRandom  = 1 << 1
)

func extractW3C(h map[string][]string, c *trace.Context) bool {
	v := one(h, "Traceparent")
	if len(v) < 55 || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return false
	}
	version, ok0 := lowerHex(v[:2])
	hi, ok1 := lowerHex(v[3:19])
	lo, ok2 := lowerHex(v[19:35])
	span, ok3 := lowerHex(v[36:52])
	flags, ok4 := lowerHex(v[53:55])
	if !(ok0 && ok1 && ok2 && ok3 && ok4) || hi|lo == 0 || span == 0 || version == 0xff {
		return false
	}
	// A later version may append fields, and is read as far as this one goes.
	if len(v) > 55 && (version == 0 || v[55] != '-') {
		return false
	}
	c.Trace = trace.ID{Hi: hi, Lo: lo}
	c.Span = span
	c.Sampled = flags&flagSampled != 0
	c.Random = flags&flagRandom != 0
	c.State = tracestate(joined(h, "Tracestate"))
	return true
}

func injectW3C(c *trace.Context, h map[string][]string) {
	v := new(header)
	copy(v.text[:], "00-")
	v.id(3, c.Trace)
	v.text[35] = '-'
	v.hex(36, c.Span)
	v.text[52], v.text[53] = '-', '0'
	flags := byte('0')
	if c.Sampled {
		flags |= flagSampled
	}
	if c.Random {
		flags |= flagRandom
	}
	v.text[54] = flags
	v.put(h, "Traceparent", 55)
	if c.State != "" {
		putString(h, "Tracestate", c.State)
	} else {
		// It would belong to the traceparent that was replaced.
		delete(h, "Tracestate")
	}
}

const (
	maxStateMembers = 32   // by the specification
	maxState        = 2048 // the specification asks for at least 512
	bigStateMember  = 128  // members longer than this are the first to go
)

// tracestate is s if that is a valid tracestate, without some of its members if
// it is too long, and "" if it is not valid: the traceparent counts all the same.
func tracestate(s string) string {
	members, used := 0, 0
	for rest := s; rest != ""; {
		m := rest
		if i := strings.IndexByte(rest, ','); i >= 0 {
			m, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		m = trim(m)
		if m == "" {
			continue // allowed
		}
		if members++; members > maxStateMembers || !validMember(m) {
			return ""
		}
		used++
	}
	if used == 0 {
		return ""
	}
	if len(s) > maxState {
		return shortenState(s)
	}
	return s
}

// shortenState leaves out long members, and then the last ones, until s is not
// too long.
func shortenState(s string) string {
	list := strings.Split(s, ",")
	size := len(s)
	for i := len(list) - 1; i >= 0 && size > maxState; i-- {
		if len(trim(list[i])) > bigStateMember {
			size -= len(list[i]) + 1
			list = append(list[:i], list[i+1:]...)
		}
	}
	for len(list) > 0 && size > maxState {
		size -= len(list[len(list)-1]) + 1
		list = list[:len(list)-1]
	}
	return strings.Join(list, ",")
}

// validMember reports whether m is key=value as the specification has it.
func validMember(m string) bool {
	eq := strings.IndexByte(m, '=')
	if eq < 1 || eq > 256 || len(m)-eq-1 < 1 || len(m)-eq-1 > 256 {
		return false
	}
	for i := range eq {
		c := m[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '-' || c == '*' || c == '/' || c == '@'):
		default:
			return false
		}
	}
	for i := eq + 1; i < len(m); i++ {
		if c := m[i]; c < 0x20 || c > 0x7e || c == ',' || c == '=' {
			return false
		}
	}
	return true // m is trimmed, so the value does not end with a blank
}
