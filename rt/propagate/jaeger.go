package propagate

import (
	"strings"

	"github.com/weft-trace/weft/rt/trace"
)

// https://www.jaegertracing.io/docs/1.35/client-libraries/#propagation-format

// extractJaeger reads {trace}:{span}:{parent}:{flags}, with hexadecimal numbers
// that may lack leading zeros, and colons that may be escaped.
func extractJaeger(h map[string][]string, t *trace.Context) bool {
	s := first(h, "Uber-Trace-Id")
	traceID, s, ok0 := jaegerField(s)
	spanID, s, ok1 := jaegerField(s)
	_, s, ok2 := jaegerField(s) // the parent: deprecated and ignored
	if !ok0 || !ok1 || !ok2 || len(spanID) == 0 || len(spanID) > 16 || len(s) == 0 || len(s) > 2 {
		return false
	}
	hi, lo, ok0 := hexID(traceID)
	span, ok1 := anyHex(spanID)
	flags, ok2 := anyHex(s)
	if !ok0 || !ok1 || !ok2 || hi|lo == 0 || span == 0 {
		return false
	}
	t.Trace, t.Span = trace.ID{Hi: hi, Lo: lo}, span
	t.Sampled = flags&3 != 0 // sampled or debug
	return true
}

// jaegerField is what comes before the next colon, and what comes after it.
func jaegerField(s string) (field, rest string, ok bool) {
	for i := range len(s) {
		switch {
		case s[i] == ':':
			return s[:i], s[i+1:], true
		case s[i] == '%' && i+2 < len(s) && s[i+1] == '3' && s[i+2]|0x20 == 'a':
			return s[:i], s[i+3:], true
		}
	}
	return "", "", false
}

func injectJaeger(c *trace.Context, h map[string][]string) {
	v := new(header)
	v.id(0, c.Trace)
	v.text[32] = ':'
	v.hex(33, c.Span)
	copy(v.text[49:], ":0:")
	v.text[52] = b3State(c)[0]
	v.put(h, "Uber-Trace-Id", 53)
	if c.Baggage != "" {
		eachMember(c.Baggage, func(key, value string) {
			if k := jaegerBaggageKey(key); h[k] == nil {
				putString(h, k, value)
			}
		})
	}
}

const jaegerPrefix = "Uberctx-"

// jaegerBaggage is the uberctx- headers as W3C baggage, in the order of their
// keys. As header names come without regard to case, keys are in lower case.
func jaegerBaggage(h map[string][]string) string {
	var keys []string
	for k := range h {
		if strings.HasPrefix(k, jaegerPrefix) && len(k) > len(jaegerPrefix) && isToken(k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	for i := range keys { // few
		for j := i; j > 0 && keys[j] < keys[j-1]; j-- {
			keys[j], keys[j-1] = keys[j-1], keys[j]
		}
	}
	var b []byte
	for _, k := range keys {
		if len(b) > maxBaggage {
			break
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = append(b, strings.ToLower(k[len(jaegerPrefix):])...)
		b = append(b, '=')
		for v, i := first(h, k), 0; i < len(v); i++ {
			if c := v[i]; c <= ' ' || c >= 0x7f || c == ',' || c == ';' || c == '"' || c == '\\' {
				b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
			} else {
				b = append(b, c)
			}
		}
	}
	return limitBaggage(string(b))
}

// jaegerBaggageKey is the header for a baggage key, in canonical form.
func jaegerBaggageKey(key string) string {
	b := append([]byte(jaegerPrefix), key...)
	upper := true
	for i := len(jaegerPrefix); i < len(b); i++ {
		c := b[i]
		if upper && 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		} else if !upper && 'A' <= c && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
		upper = c == '-'
	}
	return string(b)
}
