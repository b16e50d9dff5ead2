package aggregate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weft-trace/weft/server/span"
)

// Other is the name of the operation, service or peer that stands for those
// beyond the limits.
const Other = "…"

// MaxName is the length in bytes of the longest service, operation and peer
// name that a series has; longer ones are cut.
const MaxName = 256

// Series names what the calls of one operation are counted in.
type Series struct {
	Service   string
	Operation string
	Kind      span.Kind
}

// Connection is how the two ends of an edge talk.
type Connection uint8

const (
	Unknown Connection = iota
	HTTP
	RPC
	Messaging
	Database
)

var connections = [...]string{"unknown", "http", "rpc", "messaging", "database"}

// String returns the connection's lower-case name.
func (c Connection) String() string {
	if int(c) < len(connections) {
		return connections[c]
	}
	return connections[0]
}

// Node is what the server end of an edge is. The client end is always a
// service.
type Node uint8

const (
	ServiceNode  Node = iota // sent spans of its own
	ExternalNode             // sent none: known by what its clients call it
	DatabaseNode
	QueueNode
)

var nodes = [...]string{"service", "external", "database", "queue"}

// String returns the node type's lower-case name.
func (n Node) String() string {
	if int(n) < len(nodes) {
		return nodes[n]
	}
	return nodes[1]
}

// Edge names what the calls from one node of the service graph to another are
// counted in.
type Edge struct {
	Client     string // a service
	Server     string // a service, or the name of a peer that is not instrumented
	Connection Connection
	Node       Node   // what Server is
	System     string // db.system.name, messaging.system or rpc.system.name of the client's span, "" if it has none
}

// Class is the first byte of the keys of one kind of series.
type Class byte

const (
	Operations Class = 'R' // keyed by Series
	Edges      Class = 'G' // keyed by Edge
	Metrics    Class = 'M' // see metric.go
)

// Level is one resolution in which series are kept.
type Level struct {
	Step   time.Duration // of a bucket
	Window time.Duration // covered by one key: the buckets from a multiple of Window on
}

// Levels are the resolutions, the finest first. Every call is counted in each
// from the finest of its class on. They must not change without a new version of the format.
var Levels = [...]Level{
	{10 * time.Second, 10 * time.Minute},
	{time.Minute, time.Hour},
	{time.Hour, 24 * time.Hour},
}

// Finest returns the finest level of a class: operations are drawn over time,
// edges are not, and there may be many.
func (c Class) Finest() int {
	if c == Edges {
		return 1
	}
	return 0
}

// AppendWindow appends the start of the keys of one class and level whose
// window contains t, in nanoseconds since the Unix epoch. What follows in a key is
// the series.
func AppendWindow(b []byte, class Class, level int, t int64) []byte {
	b = append(b, byte(class), byte(level))
	return binary.BigEndian.AppendUint32(b, uint32(max(t, 0)/int64(Levels[level].Window)))
}

// windowLen is the length of what AppendWindow appends.
const windowLen = 1 + 1 + 4

// ParseKey splits a key of class Operations or Edges into the level, the start
// of its window in nanoseconds since the Unix epoch and the series, which
// ParseSeries or ParseEdge reads.
func ParseKey(key []byte) (level int, start int64, series []byte, err error) {
	if len(key) < windowLen || int(key[1]) >= len(Levels) {
		return 0, 0, nil, fmt.Errorf("key %x is not one of an aggregate", key)
	}
	level = int(key[1])
	n := int64(binary.BigEndian.Uint32(key[2:]))
	w := int64(Levels[level].Window)
	if n > (1<<63-1)/w {
		return 0, 0, nil, fmt.Errorf("key %x: its window starts after the year 2262", key)
	}
	return level, n * w, key[windowLen:], nil
}

// AppendSeries appends what follows the window in a key of class Operations.
// The service alone, with the 0 that ends it, is the prefix of its series.
func AppendSeries(b []byte, s Series) []byte {
	b = append(append(b, s.Service...), 0)
	b = append(append(b, s.Operation...), 0)
	return append(b, byte(s.Kind))
}

// ParseSeries is the inverse of AppendSeries.
func ParseSeries(b []byte) (s Series, err error) {
	i := bytes.IndexByte(b, 0)
	if i < 0 || len(b) < i+3 || b[len(b)-2] != 0 {
		return s, fmt.Errorf("key's series %q is not service, operation and kind", b)
	}
	return Series{string(b[:i]), string(b[i+1 : len(b)-2]), span.Kind(b[len(b)-1])}, nil
}

// AppendEdge appends what follows the window in a key of class Edges.
func AppendEdge(b []byte, e Edge) []byte {
	b = append(append(b, e.Client...), 0)
	b = append(append(b, e.Server...), 0)
	b = append(append(b, e.System...), 0)
	return append(b, byte(e.Connection), byte(e.Node))
}

// ParseEdge is the inverse of AppendEdge.
func ParseEdge(b []byte) (e Edge, err error) {
	var part [3]string
	rest := b
	for i := range part {
		k := bytes.IndexByte(rest, 0)
		if k < 0 {
			return e, fmt.Errorf("key's edge %q is not client, server, system, connection and node", b)
		}
		part[i], rest = string(rest[:k]), rest[k+1:]
	}
	if len(rest) != 2 {
		return e, fmt.Errorf("key's edge %q does not end with connection and node", b)
	}
	return Edge{part[0], part[1], Connection(rest[0]), Node(rest[1]), part[2]}, nil
}

// clean returns a name as it is kept: cut to MaxName bytes, and without zero
// bytes, which separate names in keys.
func clean(name string) string {
	if len(name) > MaxName {
		n := MaxName
		for n > MaxName-utf8.UTFMax && !utf8.RuneStart(name[n]) {
			n--
		}
		name = name[:n]
	}
	if strings.IndexByte(name, 0) >= 0 {
		name = strings.ReplaceAll(name, "\x00", "\uFFFD")
	}
	return name
}
