package propagate

import "github.com/weft-trace/weft/rt/trace"

// https://github.com/openzipkin/b3-propagation

// b3Sampled reads a sampling state into t and reports whether it is one.
func b3Sampled(s string, t *trace.Context) bool {
	switch s {
	case "1", "d", "true":
		t.Sampled = true
	case "0", "false":
		t.Sampled = false
	default:
		return false
	}
	return true
}

// b3IDs reads a trace id of 16 or 32 digits and a span id of 16 into t.
func b3IDs(traceID, spanID string, t *trace.Context) bool {
	if len(traceID) != 16 && len(traceID) != 32 || len(spanID) != 16 {
		return false
	}
	hi, lo, ok := hexID(traceID)
	span, okSpan := anyHex(spanID)
	if !ok || !okSpan || hi|lo == 0 || span == 0 {
		return false
	}
	t.Trace, t.Span = trace.ID{Hi: hi, Lo: lo}, span
	return true
}

// extractB3 reads {trace}-{span}, {trace}-{span}-{sampled},
// {trace}-{span}-{sampled}-{parent} or {sampled}.
func extractB3(h map[string][]string, t *trace.Context) bool {
	s := first(h, "B3")
	if len(s) == 1 {
		t.Decided = b3Sampled(s, t)
		return false
	}
	n := 16
	if len(s) > 16 && s[16] != '-' {
		n = 32
	}
	if len(s) < n+17 || s[n] != '-' || !b3IDs(s[:n], s[n+1:n+17], t) {
		return false
	}
	switch s = s[n+17:]; len(s) {
	case 0:
		t.Deferred = true
		return true
	case 2:
	case 19:
		if _, ok := anyHex(s[3:]); !ok || s[2] != '-' {
			return false
		}
	default:
		return false
	}
	return s[0] == '-' && b3Sampled(s[1:2], t)
}

func injectB3(c *trace.Context, h map[string][]string) {
	v := new(header)
	v.id(0, c.Trace)
	v.text[32] = '-'
	v.hex(33, c.Span)
	v.text[49], v.text[50] = '-', b3State(c)[0]
	v.put(h, "B3", 51)
}

func b3State(c *trace.Context) string {
	if c.Sampled {
		return "1"
	}
	return "0"
}

func extractB3Multi(h map[string][]string, t *trace.Context) bool {
	decided := b3Sampled(first(h, "X-B3-Sampled"), t)
	if first(h, "X-B3-Flags") == "1" { // debug
		decided, t.Sampled = true, true
	}
	if !b3IDs(first(h, "X-B3-Traceid"), first(h, "X-B3-Spanid"), t) {
		t.Decided = decided
		return false
	}
	t.Deferred = !decided
	return true
}

func injectB3Multi(c *trace.Context, h map[string][]string) {
	injectIDs(c, h, "X-B3-Traceid", "X-B3-Spanid")
	putString(h, "X-B3-Sampled", b3State(c))
	// They would say something about the context that is replaced.
	delete(h, "X-B3-Parentspanid")
	delete(h, "X-B3-Flags")
}

// injectIDs sets one header to the trace id and another to the span id.
func injectIDs(c *trace.Context, h map[string][]string, traceKey, spanKey string) {
	v := new(header)
	v.id(0, c.Trace)
	v.put(h, traceKey, 32)
	v = new(header)
	v.hex(0, c.Span)
	v.put(h, spanKey, 16)
}
