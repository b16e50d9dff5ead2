// Package span is the server's model of a span, the one that every other part
// of the server speaks: what the decoders produce, the store keeps and the
// queries return.
//
// It follows OTLP's data model
// (https://opentelemetry.io/docs/specs/otel/trace/api/ and
// opentelemetry-proto, trace/v1/trace.proto): what an OTLP client sent comes
// back without a loss. Values are plain; strings may alias a buffer whose
// owner says how long it stays valid.
package span

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"time"
)

// TraceID identifies a trace. The zero value is invalid.
type TraceID [16]byte

// ID identifies a span within its trace. The zero value is invalid, and means
// "none" for a parent.
type ID [8]byte

// IsZero reports whether the id is the invalid one.
func (t TraceID) IsZero() bool { return t == TraceID{} }

// String returns 32 lower-case hex digits.
func (t TraceID) String() string { return hex.EncodeToString(t[:]) }

// IsZero reports whether the id is the invalid one.
func (i ID) IsZero() bool { return i == ID{} }

// String returns 16 lower-case hex digits.
func (i ID) String() string { return hex.EncodeToString(i[:]) }

// ParseTraceID reads up to 32 hex digits of either case. Fewer digits than 32
// mean leading zeros, as Jaeger, Zipkin and Tempo write 64-bit ids. The
// invalid all-zero id is an error.
func ParseTraceID(s string) (id TraceID, err error) {
	if err := parseHex(id[:], s); err != nil {
		return TraceID{}, fmt.Errorf("trace id %q: %w", clip(s), err)
	}
	return id, nil
}

// ParseID reads up to 16 hex digits of either case, as ParseTraceID does.
func ParseID(s string) (id ID, err error) {
	if err := parseHex(id[:], s); err != nil {
		return ID{}, fmt.Errorf("span id %q: %w", clip(s), err)
	}
	return id, nil
}

func parseHex(dst []byte, s string) error {
	if s == "" || len(s) > 2*len(dst) {
		return fmt.Errorf("%d characters; want 1 to %d hex digits", len(s), 2*len(dst))
	}
	zero := true
	for i := range len(s) {
		c := s[len(s)-1-i]
		var v byte
		switch {
		case '0' <= c && c <= '9':
			v = c - '0'
		case 'a' <= c && c <= 'f':
			v = c - 'a' + 10
		case 'A' <= c && c <= 'F':
			v = c - 'A' + 10
		default:
			return fmt.Errorf("character %q; want hex digits", c)
		}
		zero = zero && v == 0
		dst[len(dst)-1-i/2] |= v << (4 * (i % 2))
	}
	if zero {
		return fmt.Errorf("all zeros, which is no id")
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 64)] }

// Kind is the role of a span in a call; the numbers are OTLP's.
type Kind uint8

const (
	KindUnspecified Kind = iota
	KindInternal
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

var kinds = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// String returns the kind's lower-case name.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// ParseKind is the inverse of String.
func ParseKind(s string) (Kind, bool) {
	for i, n := range kinds {
		if n == s {
			return Kind(i), true
		}
	}
	return 0, false
}

// Status is a span's status code; the numbers are OTLP's.
type Status uint8

const (
	StatusUnset Status = iota
	StatusOK
	StatusError
)

var statuses = [...]string{"unset", "ok", "error"}

// String returns the status's lower-case name.
func (s Status) String() string {
	if int(s) < len(statuses) {
		return statuses[s]
	}
	return "status(" + strconv.Itoa(int(s)) + ")"
}

// ParseStatus is the inverse of String.
func ParseStatus(s string) (Status, bool) {
	for i, n := range statuses {
		if n == s {
			return Status(i), true
		}
	}
	return 0, false
}

// Type is the type of a Value.
type Type uint8

const (
	Empty Type = iota // no value was sent
	String
	Bool
	Int
	Float
	Bytes
	Array
	Map
)

var types = [...]string{"empty", "string", "bool", "int", "float", "bytes", "array", "map"}

// String returns the type's lower-case name.
func (t Type) String() string {
	if int(t) < len(types) {
		return types[t]
	}
	return "type(" + strconv.Itoa(int(t)) + ")"
}

// Value is an attribute's value. Values can be compared with ==, which for
// Array and Map compares their encoded form.
type Value struct {
	Type Type
	Num  uint64 // Bool: 0 or 1; Int: the bits of an int64; Float: math.Float64bits
	Str  string // String: the text; Bytes: the bytes; Array, Map: the protobuf encoding of OTLP's ArrayValue or KeyValueList
}

// StringValue returns a string.
func StringValue(s string) Value { return Value{Type: String, Str: s} }

// IntValue returns an integer.
func IntValue(n int64) Value { return Value{Type: Int, Num: uint64(n)} }

// FloatValue returns a floating-point number.
func FloatValue(f float64) Value { return Value{Type: Float, Num: math.Float64bits(f)} }

// BoolValue returns a boolean.
func BoolValue(b bool) Value {
	if b {
		return Value{Type: Bool, Num: 1}
	}
	return Value{Type: Bool}
}

// Int returns the integer of a value of type Int.
func (v Value) Int() int64 { return int64(v.Num) }

// Float returns the number of a value of type Float.
func (v Value) Float() float64 { return math.Float64frombits(v.Num) }

// Bool returns the truth of a value of type Bool.
func (v Value) Bool() bool { return v.Num != 0 }

// Number returns a value of type Int or Float as a float64.
func (v Value) Number() (float64, bool) {
	switch v.Type {
	case Int:
		return float64(v.Int()), true
	case Float:
		return v.Float(), true
	}
	return 0, false
}

// Attr is a key with its value.
type Attr struct {
	Key   string
	Value Value
}

// Get returns the value of the first attribute called key.
func Get(attrs []Attr, key string) (Value, bool) {
	for i := range attrs {
		if attrs[i].Key == key {
			return attrs[i].Value, true
		}
	}
	return Value{}, false
}

// Resource is what a span was recorded in: a process of a service. Spans of
// one resource share it; it is not to be changed.
type Resource struct {
	Service   string // the attribute service.name, "" if there is none
	Attrs     []Attr // all attributes, service.name among them
	Dropped   uint32 // attributes that the sender dropped
	SchemaURL string
}

// Scope is what recorded a span: an instrumentation library. Spans share it;
// it is not to be changed.
type Scope struct {
	Name      string
	Version   string
	Attrs     []Attr
	Dropped   uint32
	SchemaURL string
}

// Span is one finished operation. Resource and Scope are never nil in a span
// that a decoder or the store returns.
type Span struct {
	TraceID  TraceID
	ID       ID
	Parent   ID     // zero: the root of its trace
	State    string // W3C tracestate
	Flags    uint32 // OTLP's span flags: bits 0-7 W3C trace flags, 8 and 9 whether the parent is remote
	Name     string
	Kind     Kind
	Start    int64 // nanoseconds since the Unix epoch
	Duration int64 // nanoseconds, never negative: a sender whose span ends before it starts gets 0
	Status   Status
	Message  string // of the status

	Resource *Resource
	Scope    *Scope
	Attrs    []Attr
	Events   []Event
	Links    []Link

	DroppedAttrs  uint32 // what the sender dropped
	DroppedEvents uint32
	DroppedLinks  uint32
}

// End returns the time at which the span ended, in nanoseconds since the Unix epoch.
func (s *Span) End() int64 { return s.Start + s.Duration }

// StartTime returns Start as a time.
func (s *Span) StartTime() time.Time { return time.Unix(0, s.Start) }

// Service returns the name of the service that recorded the span, "" if it is unknown.
func (s *Span) Service() string {
	if s.Resource == nil {
		return ""
	}
	return s.Resource.Service
}

// Attr returns the span's own attribute called key.
func (s *Span) Attr(key string) (Value, bool) { return Get(s.Attrs, key) }

// Event is something that happened at one moment of a span.
type Event struct {
	Time    int64 // nanoseconds since the Unix epoch
	Name    string
	Attrs   []Attr
	Dropped uint32
}

// Link points from a span to another one, mostly of another trace.
type Link struct {
	TraceID TraceID
	ID      ID
	State   string
	Flags   uint32
	Attrs   []Attr
	Dropped uint32
}

// Log is a log record that names the span in which it was written.
type Log struct {
	TraceID  TraceID
	Span     ID    // zero: the trace only
	Time     int64 // nanoseconds since the Unix epoch; if the sender gave none, the time at which it was observed
	Severity uint8 // OTLP's SeverityNumber, 1 (trace) to 24 (fatal); 0: unknown
	Level    string
	Event    string // event name, for records that are events
	Body     Value
	Attrs    []Attr
	Dropped  uint32
	Resource *Resource
	Scope    *Scope
}
