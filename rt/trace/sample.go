package trace

import "sync/atomic"

// A Sampler decides which traces are recorded, by the rules of the OpenTelemetry
// specification for the value of OTEL_TRACES_SAMPLER of the same name.
type Sampler uint8

const (
	ParentBasedAlwaysOn     Sampler = iota // as the remote parent says; new traces are recorded
	ParentBasedAlwaysOff                   // as the remote parent says; new traces are not
	ParentBasedTraceIDRatio                // as the remote parent says; new traces by ratio
	AlwaysOn                               // whatever the remote parent says
	AlwaysOff
	TraceIDRatio
)

var samplerNames = [...]string{
	ParentBasedAlwaysOn:     "parentbased_always_on",
	ParentBasedAlwaysOff:    "parentbased_always_off",
	ParentBasedTraceIDRatio: "parentbased_traceidratio",
	AlwaysOn:                "always_on",
	AlwaysOff:               "always_off",
	TraceIDRatio:            "traceidratio",
}

// ParseSampler is the sampler that OTEL_TRACES_SAMPLER calls name; ok is false if
// there is none. The empty name is ParentBasedAlwaysOn.
func ParseSampler(name string) (s Sampler, ok bool) {
	if name == "" {
		return ParentBasedAlwaysOn, true
	}
	for s, n := range samplerNames {
		if n == name {
			return Sampler(s), true
		}
	}
	return 0, false
}

// String is the name of s in OTEL_TRACES_SAMPLER.
func (s Sampler) String() string {
	if int(s) < len(samplerNames) {
		return samplerNames[s]
	}
	return "unknown"
}

// sampling is the decision as one number and one bit: a trace is recorded if the
// 63 random bits of its id are below bound, unless a remote parent is to be
// asked.
var sampling struct {
	bound  atomic.Uint64
	parent atomic.Uint32 // 1: a remote parent decides
}

func setSampler(s Sampler, ratio float64) {
	var bound uint64
	switch s {
	case AlwaysOff, ParentBasedAlwaysOff:
	case TraceIDRatio, ParentBasedTraceIDRatio:
		switch {
		case ratio >= 1:
			bound = 1 << 63
		case ratio > 0:
			bound = uint64(ratio * (1 << 63))
		}
	default:
		bound = 1 << 63
	}
	sampling.bound.Store(bound)
	sampling.parent.Store(oneIf(s <= ParentBasedTraceIDRatio))
}

// sampled decides about the local root of trace id; parent is what came in. The comparison is that of OpenTelemetry's Go SDK, so that services
// that use either agree on a trace that they decide about separately.
func sampled(id ID, parent *Context) bool {
	if (parent.Decided || parent.Valid() && !parent.Deferred) && sampling.parent.Load() != 0 {
		return parent.Sampled
	}
	return id.Lo>>1 < sampling.bound.Load()
}
