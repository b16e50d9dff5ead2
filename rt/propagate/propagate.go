// Package propagate reads and writes the headers by which trace contexts travel
// between processes, in the formats that OTEL_PROPAGATORS names:
//
//	tracecontext  traceparent and tracestate, W3C Trace Context level 2
//	baggage       baggage, W3C Baggage
//	b3            b3, the single header of Zipkin's B3
//	b3multi       X-B3-TraceId, X-B3-SpanId, X-B3-Sampled, X-B3-Flags
//	jaeger        uber-trace-id and uberctx-*, of Jaeger's own clients
//	datadog       x-datadog-trace-id, -parent-id, -sampling-priority, -tags
//	xtrace        X-Trace-ID and X-Span-ID, as many house-made systems have them
//	none          nothing
//
// Several may be configured: all of them are written, and of those that arrive
// the first valid one in the configured order counts. A header that cannot be
// parsed is treated as if it were not there.
//
// Headers are maps in the form of net/http.Header, with keys in canonical MIME
// form. All functions may be called by several goroutines at once, but not
// for the same map.
package propagate

import (
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/weft-trace/weft/rt/trace"
)

// A format is one way of writing a trace context.
type format uint8

const (
	traceContext format = iota
	baggage
	b3
	b3Multi
	jaeger
	datadog
	xtrace
)

var names = [...]string{"tracecontext", "baggage", "b3", "b3multi", "jaeger", "datadog", "xtrace"}

// configured is the formats in use; nil stands for standard.
var configured atomic.Pointer[[]format]

var standard = []format{traceContext, baggage}

// Configure chooses the formats, by their names in OTEL_PROPAGATORS, and returns
// those names that it does not know. They are left out; if nothing is left, and
// "none" is not among the names, tracecontext and baggage are used, as they are
// before Configure is called.
func Configure(want []string) (unknown []string) {
	var list []format
	none := false
	for _, name := range want {
		switch name = strings.TrimSpace(name); name {
		case "":
		case "none":
			none = true
		default:
			if f, ok := parseFormat(name); !ok {
				unknown = append(unknown, name)
			} else if !contains(list, f) {
				list = append(list, f)
			}
		}
	}
	switch {
	case none:
		list = nil
	case len(list) == 0:
		list = standard
	}
	configured.Store(&list)
	return unknown
}

func parseFormat(name string) (f format, ok bool) {
	for i, n := range names {
		if n == name {
			return format(i), true
		}
	}
	return 0, false
}

func contains(list []format, f format) bool {
	for _, g := range list {
		if g == f {
			return true
		}
	}
	return false
}

func inUse() []format {
	if p := configured.Load(); p != nil {
		return *p
	}
	return standard
}

// Extract returns the trace context that came with the headers h; one that is not
// Valid if there was none. Its strings are those of h. It allocates only to join
// header lines and to convert baggage.
func Extract(h map[string][]string) (c trace.Context) {
	if len(h) == 0 {
		return c
	}
	found := false
	for _, f := range inUse() {
		switch f {
		case baggage:
			c.Baggage = joinBaggage(c.Baggage, limitBaggage(joined(h, "Baggage")))
			continue
		case jaeger:
			c.Baggage = joinBaggage(c.Baggage, jaegerBaggage(h))
		}
		if found {
			continue
		}
		var t trace.Context
		if f.extract(h, &t) {
			t.Baggage = c.Baggage
			c = t
			found = true
		} else if t.Decided && !c.Decided {
			c.Decided, c.Sampled = true, t.Sampled
		}
	}
	return c
}

// extract reads into t, which is zero, what h has in this format and reports
// whether that names a trace. If it does not it may say that it is Decided.
func (f format) extract(h map[string][]string, t *trace.Context) bool {
	switch f {
	case traceContext:
		return extractW3C(h, t)
	case b3:
		return extractB3(h, t)
	case b3Multi:
		return extractB3Multi(h, t)
	case jaeger:
		return extractJaeger(h, t)
	case datadog:
		return extractDatadog(h, t)
	case xtrace:
		return extractXTrace(h, t)
	}
	return false
}

// Inject writes c to the headers h in every configured format, in place of what
// was there in these formats. It does nothing if c is not valid, except that
// baggage needs no trace to go with. A baggage header that is there already is
// left alone: whoever made the request wants that.
func Inject(c trace.Context, h map[string][]string) {
	if h == nil {
		return
	}
	valid := c.Valid()
	for _, f := range inUse() {
		switch {
		case f == baggage:
			if c.Baggage != "" && h["Baggage"] == nil {
				putString(h, "Baggage", c.Baggage)
			}
		case !valid:
		case f == traceContext:
			injectW3C(&c, h)
		case f == b3:
			injectB3(&c, h)
		case f == b3Multi:
			injectB3Multi(&c, h)
		case f == jaeger:
			injectJaeger(&c, h)
		case f == datadog:
			injectDatadog(&c, h)
		case f == xtrace:
			injectXTrace(&c, h)
		}
	}
}

// one is the value of a header that may be there only once; "" if it is not, or
// more than once.
func one(h map[string][]string, key string) string {
	if v := h[key]; len(v) == 1 {
		return trim(v[0])
	}
	return ""
}

// first is the value of a header, the first one if there are several.
func first(h map[string][]string, key string) string {
	if v := h[key]; len(v) > 0 {
		return trim(v[0])
	}
	return ""
}

// joined is the value of a header that may be written on several lines.
func joined(h map[string][]string, key string) string {
	switch v := h[key]; len(v) {
	case 0:
		return ""
	case 1:
		return trim(v[0])
	default:
		return trim(strings.Join(v, ","))
	}
}

// trim removes optional white space as HTTP defines it.
func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// A header is one value of a header and its text, in one allocation.
type header struct {
	value [1]string
	text  [64]byte
}

// put sets a header to the first n bytes of v.text, which must not change any
// more.
func (v *header) put(h map[string][]string, key string, n int) {
	v.value[0] = unsafe.String(&v.text[0], n)
	h[key] = v.value[:]
}

// hex writes the 16 hexadecimal digits of x at v.text[at].
func (v *header) hex(at int, x uint64) {
	trace.PutHex((*[16]byte)(v.text[at:at+16]), x)
}

// id writes the 32 hexadecimal digits of x at v.text[at].
func (v *header) id(at int, x trace.ID) {
	v.hex(at, x.Hi)
	v.hex(at+16, x.Lo)
}

func putString(h map[string][]string, key, value string) { h[key] = []string{value} }
