package propagate

import "github.com/weft-trace/weft/rt/trace"

// extractXTrace reads X-Trace-ID and X-Span-ID. There is no specification. A trace
// id is 32 or 16 hexadecimal digits, or a UUID; a span id is 16 digits and may be
// missing, since such headers are often set by a proxy that has no spans. Any
// other value is ignored: turning it into an id would make one trace of all the
// requests that say "unknown". Whether to record is left to the receiver.
func extractXTrace(h map[string][]string, t *trace.Context) bool {
	id := first(h, "X-Trace-Id")
	var hi, lo uint64
	ok := false
	switch len(id) {
	case 16, 32:
		hi, lo, ok = hexID(id)
	case 36:
		hi, lo, ok = uuid(id)
	}
	if !ok || hi|lo == 0 {
		return false
	}
	t.Trace, t.Deferred = trace.ID{Hi: hi, Lo: lo}, true
	if s := first(h, "X-Span-Id"); len(s) == 16 {
		if v, ok := anyHex(s); ok {
			t.Span = v
		}
	}
	return true
}

// uuid is the value of 8-4-4-4-12 hexadecimal digits.
func uuid(s string) (hi, lo uint64, ok bool) {
	if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return 0, 0, false
	}
	a, ok0 := anyHex(s[:8])
	b, ok1 := anyHex(s[9:13])
	c, ok2 := anyHex(s[14:18])
	d, ok3 := anyHex(s[19:23])
	e, ok4 := anyHex(s[24:])
	return a<<32 | b<<16 | c, d<<48 | e, ok0 && ok1 && ok2 && ok3 && ok4
}

func injectXTrace(c *trace.Context, h map[string][]string) {
	injectIDs(c, h, "X-Trace-Id", "X-Span-Id")
}
