// Package workload makes traces whose every answer is known: what a benchmark or a test sends to a tracing backend, and
// what the backend must then say.
//
// A trace is a pure function of the seed and its number, and its number can be read back from its trace id. So nothing has
// to be remembered to check an answer: [Workload.Number] tells which trace an id belongs to, [Generator.Trace] makes it
// again. Only the answers of searches, which depend on all traces, are collected on the way ([Answers]).
//
// The shape: 20 services with 10 operations each; 10 spans a trace, each the child of a random earlier one; 8 attributes a
// span (6 strings, 2 integers) of which one is unique to about every span (url.path), one shared by a trace (user.id, of
// 10,000) and the rest of few values; 5 resource attributes; durations log-normal around 40 ms; one span of eleven failed.
// Traces are spread evenly over a window of time, in order.
package workload

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/weft-trace/weft/server/span"
)

// The shape of every workload.
const (
	Services      = 20
	Operations    = 10 // of each service
	SpansPerTrace = 10
	Attributes    = 8 // of each span
	Users         = 10_000
)

// A Workload is a number of traces. The zero Seed is as good as any.
type Workload struct {
	Seed   uint64
	Traces int64
	End    int64         // nanoseconds since the Unix epoch: no trace starts later
	Window time.Duration // the time before End over which the traces are spread; 0: an hour
}

// Spans is how many spans the workload has.
func (w Workload) Spans() int64 { return w.Traces * SpansPerTrace }

func (w Workload) window() int64 {
	if w.Window == 0 {
		return int64(time.Hour)
	}
	return int64(w.Window)
}

// From is the start of the window.
func (w Workload) From() int64 { return w.End - w.window() }

// TraceID is the id of the trace with that number. Both halves look random.
func (w Workload) TraceID(number int64) (id span.TraceID) {
	low := mix(uint64(number) + w.Seed + 1)
	binary.BigEndian.PutUint64(id[:8], mix(low^0x9e3779b97f4a7c15))
	binary.BigEndian.PutUint64(id[8:], low)
	return id
}

// Number is the inverse of TraceID; ok is false for an id that is not the workload's.
func (w Workload) Number(id span.TraceID) (number int64, ok bool) {
	number = int64(unmix(binary.BigEndian.Uint64(id[8:])) - w.Seed - 1)
	return number, number >= 0 && number < w.Traces && w.TraceID(number) == id
}

// mix is the finaliser of SplitMix64, a bijection of 64 bits (https://prng.di.unimi.it/splitmix64.c).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unmix is its inverse: the multiplications by the inverses modulo 2^64, the shifts undone.
func unmix(z uint64) uint64 {
	z = (z ^ z>>31 ^ z>>62) * 0x319642b2d24d8ec3
	z = (z ^ z>>27 ^ z>>54) * 0x96de1b173f119089
	return z ^ z>>30 ^ z>>60
}

// A Span says in numbers what a span of the workload is.
type Span struct {
	Trace              int64
	Index, Parent      int // within the trace; Parent of the root is -1
	Service, Operation int
	Kind               span.Kind
	Code               int // http.response.status_code; 500 and above: the span failed
	Start, Duration    int64
	Path               int // the number at the end of url.path
	User               int // user.id
	Thread             int // thread.id
	System             int // db.system
}

var (
	methods = [...]string{"GET", "POST", "PUT", "DELETE"}
	codes   = [...]int{200, 200, 200, 200, 200, 200, 200, 201, 204, 404, 500}
	systems = [...]string{"postgresql", "mysql", "redis", "kafka"}
)

const threads = 64

// ServiceName is the name of a service, by its number.
func ServiceName(service int) string { return fmt.Sprintf("svc-%02d-checkout", service) }

func route(service, operation int) string {
	return fmt.Sprintf("/api/v1/svc%02d/resource%d/{id}", service, operation)
}

// OperationName is the name of the spans of an operation.
func OperationName(service, operation int) string {
	return methods[operation%len(methods)] + " " + route(service, operation)
}

// UserName is the value of user.id.
func UserName(user int) string { return "user-" + strconv.Itoa(user) }

func path(n int) string             { return "/api/v1/svc/resource/" + strconv.Itoa(n) }
func address(service, n int) string { return fmt.Sprintf("10.0.%d.%d:8080", service, n%16) }
func spanID(trace int64, index int) (id span.ID) {
	// Never zero: mix is a bijection, 0 the image of 0 only.
	binary.BigEndian.PutUint64(id[:], mix(uint64(trace)*SpansPerTrace+uint64(index)+1))
	return id
}

// ID is the span's id, unique in the workload.
func (s *Span) ID() span.ID { return spanID(s.Trace, s.Index) }

// ParentID is zero for the root.
func (s *Span) ParentID() span.ID {
	if s.Parent < 0 {
		return span.ID{}
	}
	return spanID(s.Trace, s.Parent)
}

// Status is error for a code of 500 and above.
func (s *Span) Status() span.Status {
	if s.Code >= 500 {
		return span.StatusError
	}
	return span.StatusUnset
}

// Attrs are the span's attributes, in the order in which they are sent.
func (s *Span) Attrs() []span.Attr {
	str := func(k, v string) span.Attr { return span.Attr{Key: k, Value: span.StringValue(v)} }
	num := func(k string, n int) span.Attr { return span.Attr{Key: k, Value: span.IntValue(int64(n))} }
	return []span.Attr{
		str("http.request.method", methods[s.Operation%len(methods)]),
		str("http.route", route(s.Service, s.Operation)),
		num("http.response.status_code", s.Code),
		str("url.path", path(s.Path)),
		str("server.address", address(s.Service, s.Path)),
		str("user.id", UserName(s.User)),
		num("thread.id", s.Thread),
		str("db.system", systems[s.System]),
	}
}

// Model is the span as the server's model of one has it. Resources and scopes are shared.
func (s *Span) Model(w Workload) span.Span {
	return span.Span{
		TraceID: w.TraceID(s.Trace), ID: s.ID(), Parent: s.ParentID(),
		Name: OperationName(s.Service, s.Operation), Kind: s.Kind, Status: s.Status(),
		Start: s.Start, Duration: s.Duration, Attrs: s.Attrs(),
		Resource: resources[s.Service], Scope: scope,
	}
}

var (
	resources = makeResources()
	scope     = &span.Scope{Name: "weft/net/http", Version: "0.1.0"}
)

func makeResources() (all [Services]*span.Resource) {
	for s := range all {
		r := &span.Resource{Service: ServiceName(s)}
		for _, kv := range [][2]string{
			{"service.name", r.Service},
			{"service.version", "1.42." + strconv.Itoa(s)},
			{"host.name", fmt.Sprintf("node-%d.eu-west-1.internal", s%7)},
			{"k8s.pod.name", fmt.Sprintf("svc-%02d-checkout-7c9d8f6b5-x%dk", s, s)},
			{"telemetry.sdk.language", "go"},
		} {
			r.Attrs = append(r.Attrs, span.Attr{Key: kv[0], Value: span.StringValue(kv[1])})
		}
		all[s] = r
	}
	return all
}

// A Generator makes the traces of a workload. It is not safe for concurrent use; any number of generators make the same.
type Generator struct {
	Workload
	pcg    rand.PCG
	random *rand.Rand

	byService [Services][]Span
	scratch   []byte
}

// New returns a generator.
func New(w Workload) *Generator {
	g := &Generator{Workload: w}
	g.random = rand.New(&g.pcg)
	return g
}

// Trace makes the trace with that number into t.
func (g *Generator) Trace(number int64, t *[SpansPerTrace]Span) {
	g.pcg.Seed(g.Seed, uint64(number))
	r := g.random
	second := int64(time.Second)
	// The last five seconds are left free, so that the root's jitter stays inside the window.
	start := g.From() + int64(float64(number)/float64(g.Traces)*float64(g.window()-5*second)) + r.Int64N(second)
	user := r.IntN(Users)
	duration := int64(math.Exp(r.NormFloat64()*0.9+17.5)) + 1e6 // log-normal around 40 ms
	for i := range t {
		s := Span{Trace: number, Index: i, Parent: -1, Service: r.IntN(Services), Operation: r.IntN(Operations), User: user}
		if i == 0 {
			s.Start, s.Duration, s.Kind = start, duration, span.KindServer
		} else {
			s.Parent = r.IntN(i)
			p := &t[s.Parent]
			later := r.Int64N(p.Duration/2 + 1)
			s.Start, s.Duration = p.Start+later, 1+r.Int64N(p.Duration-later)
			s.Kind = span.KindServer + span.Kind(i%2)
		}
		s.Code = codes[r.IntN(len(codes))]
		s.Path = r.IntN(1_000_000)
		s.Thread = r.IntN(threads)
		s.System = r.IntN(len(systems))
		t[i] = s
	}
}

// Model makes the trace with that number as the server's model has it, in the order in which it is sent: its spans of
// one service beside each other when encoded, else by index.
func (g *Generator) Model(number int64) []span.Span {
	var t [SpansPerTrace]Span
	g.Trace(number, &t)
	out := make([]span.Span, len(t))
	for i := range t {
		out[i] = t[i].Model(g.Workload)
	}
	return out
}
