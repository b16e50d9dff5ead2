package agent

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/rt/trace"
)

// config is what the environment says, with the default for all that it does not say. See docs/guide for the table of variables.
type config struct {
	disabled bool // OTEL_SDK_DISABLED

	otlp, console bool // OTEL_TRACES_EXPORTER
	propagators   []string

	sampler trace.Sampler // OTEL_TRACES_SAMPLER
	ratio   float64       // OTEL_TRACES_SAMPLER_ARG

	valueLength, attributes, events int // OTEL_SPAN_*_LIMIT, OTEL_ATTRIBUTE_*_LIMIT; 0: trace's default

	endpoint    string        // where traces are posted to
	explicit    bool          // somebody asked for the export: failures are reported
	headers     []header      // sent with each request
	timeout     time.Duration // of one request
	gzip        bool
	certificate string // files for TLS
	clientCert  string
	clientKey   string

	delay      time.Duration // how long a span waits to be sent with others
	batchSpans int           // spans in a request at most
	batchBytes int           // bytes after which a request is sent
	queueSpans int           // spans that wait to be sent at most; 0: only memory counts

	memory    int // all that weft takes
	accessLog string
	debug     bool

	serviceName string      // OTEL_SERVICE_NAME
	resource    []attribute // OTEL_RESOURCE_ATTRIBUTES
}

type header struct{ name, value string }

const (
	defaultEndpoint = "http://localhost:4318"
	defaultMemory   = 32 << 20
	minMemory       = 2 << 20
)

// environment reads variables and says what is wrong with them.
type environment struct {
	get  func(name string) string
	warn func(line string)
}

// bad reports a variable with a value that cannot be used, and what is done instead.
func (e *environment) bad(name, value, why, instead string) {
	e.warn(fmt.Sprintf("%s=%q: %s; %s", name, value, why, instead))
}

// first returns the first of the variables that is set and not empty, and its value without space around it.
func (e *environment) first(names ...string) (name, value string) {
	for _, n := range names {
		if v := strings.TrimSpace(e.get(n)); v != "" {
			return n, v
		}
	}
	return names[len(names)-1], ""
}

func (e *environment) boolean(name string) bool {
	_, v := e.first(name)
	switch strings.ToLower(v) {
	case "true", "1":
		return true
	case "", "false", "0":
	default:
		e.bad(name, v, "neither true nor false", "taken as false")
	}
	return false
}

// number reads an integer from lo to hi; def if there is none.
func (e *environment) number(def, lo, hi int, names ...string) int {
	name, v := e.first(names...)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		e.bad(name, v, fmt.Sprintf("not a number from %d to %d", lo, hi), fmt.Sprintf("using %d", def))
		return def
	}
	return n
}

func (e *environment) millis(def time.Duration, names ...string) time.Duration {
	return time.Duration(e.number(int(def/time.Millisecond), 0, math.MaxInt32, names...)) * time.Millisecond
}

// list reads values separated by commas.
func (e *environment) list(name string) []string {
	var out []string
	for v := range strings.SplitSeq(e.get(name), ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func readConfig(e *environment) *config {
	c := &config{debug: e.boolean("WEFT_DEBUG")}
	c.disabled = e.boolean("OTEL_SDK_DISABLED")
	c.readExporters(e)
	c.propagators = e.list("OTEL_PROPAGATORS")
	c.readSampler(e)

	const limit = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
	c.valueLength = e.number(0, 1, math.MaxInt32, limit, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
	c.attributes = e.number(0, 1, math.MaxInt32, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
	c.events = e.number(0, 1, math.MaxInt32, "OTEL_SPAN_EVENT_COUNT_LIMIT")

	c.readOTLP(e)
	c.delay = e.millis(time.Second, "OTEL_BSP_SCHEDULE_DELAY")
	c.batchBytes = 1 << 20
	c.batchSpans = e.number(8192, 1, 1<<20, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
	c.queueSpans = e.number(0, 1, math.MaxInt32, "OTEL_BSP_MAX_QUEUE_SIZE")
	c.memory = c.readMemory(e)
	_, c.accessLog = e.first("WEFT_ACCESS_LOG")
	if c.accessLog == "none" {
		c.accessLog = ""
	}

	_, c.serviceName = e.first("OTEL_SERVICE_NAME")
	c.resource = parseAttributes(e, "OTEL_RESOURCE_ATTRIBUTES", e.get("OTEL_RESOURCE_ATTRIBUTES"))
	return c
}

func (c *config) readExporters(e *environment) {
	const name = "OTEL_TRACES_EXPORTER"
	names := e.list(name)
	if len(names) == 0 {
		names = []string{"otlp"}
	} else {
		c.explicit = true
	}
	for _, n := range names {
		switch n {
		case "otlp":
			c.otlp = true
		case "console":
			c.console = true
		case "none":
		default:
			instead := "using otlp"
			if len(names) > 1 {
				instead = "left out"
			} else {
				c.otlp = true
			}
			e.bad(name, n, "unknown exporter (weft has otlp, console and none)", instead)
		}
	}
}

func (c *config) readSampler(e *environment) {
	name, v := e.first("OTEL_TRACES_SAMPLER")
	s, ok := trace.ParseSampler(v)
	if !ok {
		e.bad(name, v, "unknown sampler", "using parentbased_always_on")
	}
	c.sampler, c.ratio = s, 1
	name, v = e.first("OTEL_TRACES_SAMPLER_ARG")
	if v == "" || s != trace.TraceIDRatio && s != trace.ParentBasedTraceIDRatio {
		return
	}
	r, err := strconv.ParseFloat(v, 64)
	if err != nil || !(r >= 0 && r <= 1) {
		e.bad(name, v, "not a number from 0 to 1", "using 1")
		return
	}
	c.ratio = r
}

func (c *config) readOTLP(e *environment) {
	first := func(suffix string) (name, value string) {
		name, value = e.first("OTEL_EXPORTER_OTLP_TRACES_"+suffix, "OTEL_EXPORTER_OTLP_"+suffix)
		if value != "" {
			c.explicit = true
		}
		return name, value
	}

	c.endpoint = defaultEndpoint + "/v1/traces"
	if name, v := first("ENDPOINT"); v != "" {
		u, err := url.Parse(v)
		switch {
		case err != nil || u.Host == "":
			e.bad(name, v, "not a URL such as http://collector:4318", "using "+defaultEndpoint)
		case u.Scheme != "http" && u.Scheme != "https":
			e.bad(name, v, "neither http nor https", "using "+defaultEndpoint)
		default:
			if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
				u = u.JoinPath("v1/traces")
			} else if u.Path == "" {
				u.Path = "/"
			}
			c.endpoint = u.String()
		}
	}
	if name, v := first("PROTOCOL"); v != "" && v != "http/protobuf" {
		e.bad(name, v, "weft speaks http/protobuf only", "using that; mind that collectors take it on another port than grpc, usually 4318")
	}
	if name, v := first("COMPRESSION"); v != "" {
		switch v {
		case "gzip":
			c.gzip = true
		case "none":
		default:
			e.bad(name, v, "neither gzip nor none", "using none")
		}
	}
	c.timeout = e.millis(10*time.Second, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
	if name, v := first("HEADERS"); v != "" {
		for _, a := range parseAttributes(e, name, v) {
			if s := a.value.(string); validHeader(a.key, s) {
				c.headers = append(c.headers, header{a.key, s})
			} else {
				e.bad(name, a.key, "not a header", "left out")
			}
		}
	}
	_, c.certificate = first("CERTIFICATE")
	_, c.clientCert = first("CLIENT_CERTIFICATE")
	_, c.clientKey = first("CLIENT_KEY")
}

// validHeader reports whether a request can carry this header.
func validHeader(name, value string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return name != ""
}

// readMemory reads a number of bytes, with a unit as in GOMEMLIMIT or without.
func (c *config) readMemory(e *environment) int {
	name, v := e.first("WEFT_MEMORY_LIMIT")
	if v == "" {
		return defaultMemory
	}
	num, unit := v, 1
	for suffix, u := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if s, ok := strings.CutSuffix(v, suffix); ok {
			num, unit = s, u
		}
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(num, "B")))
	if err != nil || n < 0 || n > math.MaxInt32/unit {
		e.bad(name, v, "not a size such as 32MiB", "using 32MiB")
		return defaultMemory
	}
	if n*unit < minMemory {
		e.bad(name, v, "too little", "using 2MiB")
		return minMemory
	}
	return n * unit
}

// parseAttributes reads key=value pairs separated by commas, values percent-encoded, as OTEL_RESOURCE_ATTRIBUTES and
// OTEL_EXPORTER_OTLP_HEADERS have them. Properties after a semicolon, which baggage allows, are no part of this form.
func parseAttributes(e *environment, name, value string) []attribute {
	var out []attribute
	for pair := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		k, v, ok := strings.Cut(pair, "=")
		k = strings.TrimSpace(k)
		if !ok || k == "" {
			e.bad(name, pair, "not key=value", "left out")
			continue
		}
		v = strings.TrimSpace(v)
		if d, err := url.PathUnescape(v); err == nil {
			v = d
		}
		out = append(out, attribute{k, v})
	}
	return out
}
