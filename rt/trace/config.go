package trace

import (
	"sync"
	"sync/atomic"
)

// Config is what the agent decides. The zero Config records every trace, with
// the defaults written at each field.
type Config struct {
	// Destination is where the agent exports to, in words.
	Destination string

	// Sampler decides about new traces; Ratio is its argument, from 0 to 1, for
	// the two samplers that take one.
	Sampler Sampler
	Ratio   float64

	// Disabled: nothing is recorded and no ids are made.
	Disabled bool

	// Requests: server spans that are local roots are recorded even if their trace
	// is not sampled, for access logs and counts. Their records are Unsampled.
	Requests bool

	// ValueLength is the largest length of a string value in bytes; longer ones
	// are cut, at a rune boundary. 0 is 4096; at most 16384.
	ValueLength int
	// Attributes and Events are the largest numbers of attributes of a span (not
	// counting those of its events), and of its events. More are counted in the
	// record's DroppedAttrs and DroppedEvents. 0 is 128; at most 1024.
	Attributes, Events int

	// RingMemory is the most that the rings of all Ps take together, in bytes. It
	// is taken as Ps begin to record, in equal parts of from 64 KiB to 2 MiB. 0
	// is 16 MiB. A change applies to the Ps that have none yet.
	RingMemory int
	// Alloc returns zeroed memory of size bytes, aligned to 8, that is never
	// freed: a place outside the Go heap does not count for the pace of the
	// garbage collector. nil is make. It returns nil if there is none.
	Alloc func(size int) []byte

	// Grace is how long after the end of a local root a span of a goroutine that
	// it left behind still becomes part of its trace, in nanoseconds. 0 is 5 s.
	// It is less when more local roots end in that time than there are slots.
	Grace int64
	// TickRate is the number of ticks per second, for Grace. 0 is 1e9, or 3e9
	// where ticks are cycles.
	TickRate int64
}

const (
	defaultValueLength = 4096
	maxValueLength     = 16 << 10
	defaultAttributes  = 128
	maxAttributes      = 1024
	defaultRingMemory  = 16 << 20
	defaultGrace       = 5e9
)

// enabled is 0 until Configure is called, and while Disabled.
var enabled atomic.Uint32

// requests is 1 while Config.Requests.
var requests atomic.Uint32

// limits holds the parts of the Config that the hot path reads.
var limits struct {
	valueLength atomic.Int64
	attributes  atomic.Int64
	events      atomic.Int64
	quick       atomic.Uint32 // see body.quick
	graceTicks  atomic.Int64
}

// configured guards what only Configure and the slow paths touch.
var configured struct {
	mu         sync.Mutex
	ringMemory int // 0: not yet configured
	alloc      func(size int) []byte
	where      string
}

// Destination is Config.Destination.
func Destination() string {
	configured.mu.Lock()
	defer configured.mu.Unlock()
	return configured.where
}

// Configure sets or changes the configuration and starts the recording. It may
// be called at any time and by any goroutine; spans that are open keep what was
// decided when they started.
func Configure(c Config) {
	configured.mu.Lock()
	defer configured.mu.Unlock()

	limits.valueLength.Store(clamp(c.ValueLength, defaultValueLength, maxValueLength))
	limits.attributes.Store(clamp(c.Attributes, defaultAttributes, maxAttributes))
	limits.events.Store(clamp(c.Events, defaultAttributes, maxAttributes))

	quick := uint32(min(inlineEntries, limits.attributes.Load()))
	if limits.valueLength.Load() < quickString {
		quick = 0
	}
	limits.quick.Store(quick)

	rate := float64(c.TickRate)
	if rate <= 0 {
		rate = 1e9
		if ticksTSC() {
			rate = 3e9
		}
	}
	grace := float64(c.Grace)
	if grace <= 0 {
		grace = defaultGrace
	}
	limits.graceTicks.Store(int64(grace * (rate / 1e9)))

	if c.RingMemory <= 0 {
		c.RingMemory = defaultRingMemory
	}
	configured.ringMemory = c.RingMemory
	configured.alloc = c.Alloc
	configured.where = c.Destination

	setSampler(c.Sampler, c.Ratio)
	requests.Store(oneIf(c.Requests))
	enabled.Store(oneIf(!c.Disabled))
}

func oneIf(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// clamp is v, or def if v is not positive, but not more than most.
func clamp(v, def, most int) int64 {
	if v <= 0 {
		v = def
	}
	return int64(min(v, most))
}

// Ticks is the current time as records state it: monotonic, from an arbitrary
// origin, in units of an arbitrary constant length. Whoever drains the records
// takes pairs of Ticks and wall time, and converts.
func Ticks() int64 { return ticks() }

// TicksTSC reports whether ticks are cycles of the processor's time stamp
// counter. If not, they are nanoseconds.
func TicksTSC() bool { return ticksTSC() }
