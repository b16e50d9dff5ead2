package propagate

import (
	"strings"

	"github.com/weft-trace/weft/rt/trace"
)

// https://docs.datadoghq.com/tracing/trace_collection/trace_context_propagation/
//
// Ids are decimal. The trace id is the low half of ours; the high half is the
// tag _dd.p.tid, in 16 hexadecimal digits. Other tags and the origin are not
// passed on.

const datadogHigh = "_dd.p.tid="

func extractDatadog(h map[string][]string, t *trace.Context) bool {
	lo, ok := decimal(first(h, "X-Datadog-Trace-Id"))
	span, okSpan := decimal(first(h, "X-Datadog-Parent-Id"))
	if !ok || !okSpan || lo == 0 || span == 0 {
		return false
	}
	var hi uint64
	for tags := first(h, "X-Datadog-Tags"); tags != ""; {
		tag := tags
		if i := strings.IndexByte(tags, ','); i >= 0 {
			tag, tags = tags[:i], tags[i+1:]
		} else {
			tags = ""
		}
		if v, isHigh := strings.CutPrefix(trim(tag), datadogHigh); isHigh && len(v) == 16 {
			if v, ok := lowerHex(v); ok {
				hi = v
			}
		}
	}
	t.Trace, t.Span, t.Deferred = trace.ID{Hi: hi, Lo: lo}, span, true
	switch first(h, "X-Datadog-Sampling-Priority") {
	case "1", "2":
		t.Sampled, t.Deferred = true, false
	case "0", "-1":
		t.Deferred = false
	}
	return true
}

func injectDatadog(c *trace.Context, h map[string][]string) {
	v := new(header)
	v.put(h, "X-Datadog-Trace-Id", v.decimal(c.Trace.Lo))
	v = new(header)
	v.put(h, "X-Datadog-Parent-Id", v.decimal(c.Span))
	putString(h, "X-Datadog-Sampling-Priority", b3State(c))
	if c.Trace.Hi != 0 {
		v = new(header)
		copy(v.text[:], datadogHigh)
		v.hex(len(datadogHigh), c.Trace.Hi)
		v.put(h, "X-Datadog-Tags", len(datadogHigh)+16)
	} else {
		delete(h, "X-Datadog-Tags")
	}
}
