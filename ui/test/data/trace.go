package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// single is a trace with a name, and what makes it.
type single struct {
	name string
	make func(t *trace)
}

// trace is a trace that is being made.
type trace struct {
	id     span.TraceID
	start  time.Time
	random *rand.Rand
	spans  []span.Span
	logs   []span.Log
	others map[string]string // ids of further traces that were made along with it
	seed   uint64
}

func newTrace(name string, seed uint64, start time.Time) *trace {
	id := traceID(name, seed)
	return &trace{id: id, start: start, seed: seed, random: rand.New(rand.NewPCG(seed, binary.BigEndian.Uint64(id[:]))), others: map[string]string{}}
}

// traceID is the id of the trace of that name.
func traceID(name string, seed uint64) (id span.TraceID) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, name))
	copy(id[:], sum[:])
	return id
}

// spanID is never zero, and looks like any other id.
func spanID(t span.TraceID, n int) (id span.ID) {
	z := binary.BigEndian.Uint64(t[8:]) + uint64(n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	binary.BigEndian.PutUint64(id[:], z^z>>31|1)
	return id
}

// at is so many milliseconds after the start of the trace.
func (t *trace) at(ms float64) int64 { return t.start.UnixNano() + int64(ms*1e6) }

const root = -1 // the parent of a root

// add adds a span that starts, and lasts, so many milliseconds, and returns its number.
func (t *trace) add(parent int, service, name string, kind span.Kind, start, duration float64, attrs ...span.Attr) int {
	s := span.Span{
		TraceID: t.id, ID: spanID(t.id, len(t.spans)), Name: name, Kind: kind, Flags: 0x101,
		Start: t.at(start), Duration: int64(duration * 1e6), Attrs: attrs,
		Resource: resourceOf(service), Scope: scopeOf(attrs),
	}
	if parent >= 0 {
		s.Parent = t.spans[parent].ID
		if kind == span.KindServer || kind == span.KindConsumer {
			s.Flags = 0x301 // the parent is remote
		}
	}
	t.spans = append(t.spans, s)
	return len(t.spans) - 1
}

func (t *trace) fail(n int, message string) {
	t.spans[n].Status, t.spans[n].Message = span.StatusError, message
}

func (t *trace) event(n int, ms float64, name string, attrs ...span.Attr) {
	t.spans[n].Events = append(t.spans[n].Events, span.Event{Time: t.at(ms), Name: name, Attrs: attrs})
}

func (t *trace) log(n int, ms float64, severity uint8, level string, body span.Value, attrs ...span.Attr) {
	l := span.Log{TraceID: t.id, Time: t.at(ms), Severity: severity, Level: level, Body: body, Attrs: attrs, Resource: resourceOf("web"), Scope: scopeLog}
	if n >= 0 {
		l.Span, l.Resource = t.spans[n].ID, t.spans[n].Resource
	}
	t.logs = append(t.logs, l)
}

var (
	scopeLog  = &span.Scope{Name: "log/slog"}
	scopeHTTP = &span.Scope{Name: "net/http", Version: "go1.26.4"}
	scopeSQL  = &span.Scope{Name: "database/sql", Version: "go1.26.4"}
	scopeOwn  = &span.Scope{Name: "main"}
)

func scopeOf(attrs []span.Attr) *span.Scope {
	for _, a := range attrs {
		switch a.Key {
		case "http.request.method":
			return scopeHTTP
		case "db.system.name":
			return scopeSQL
		}
	}
	return scopeOwn
}

var resources = map[string]*span.Resource{}

// resourceOf is the same for the same service.
func resourceOf(service string) *span.Resource {
	r := resources[service]
	if r == nil {
		r = resource(service, "host.name", "node-"+string('a'+rune(len(resources)%5)), "service.version", "1.8.2", "telemetry.sdk.language", "go")
		resources[service] = r
	}
	return r
}

// resource has the texts of the pairs as its attributes.
func resource(service string, pairs ...string) *span.Resource {
	r := &span.Resource{Service: service, Attrs: []span.Attr{str("service.name", service)}}
	for i := 0; i < len(pairs); i += 2 {
		r.Attrs = append(r.Attrs, str(pairs[i], pairs[i+1]))
	}
	return r
}

func str(k, v string) span.Attr        { return span.Attr{Key: k, Value: span.StringValue(v)} }
func num(k string, v int) span.Attr    { return span.Attr{Key: k, Value: span.IntValue(int64(v))} }
func truth(k string, v bool) span.Attr { return span.Attr{Key: k, Value: span.BoolValue(v)} }

// list is an array of texts.
func list(key string, texts ...string) span.Attr {
	v := span.Value{Type: span.Array}
	for _, s := range texts {
		v.Str += field(1, string(otlp.AppendValue(nil, span.StringValue(s))))
	}
	return span.Attr{Key: key, Value: v}
}

// table is a map of texts.
func table(key string, pairs ...string) span.Attr {
	return span.Attr{Key: key, Value: tableValue(pairs...)}
}

func tableValue(pairs ...string) span.Value {
	v := span.Value{Type: span.Map}
	for i := 0; i < len(pairs); i += 2 {
		v.Str += field(1, field(1, pairs[i])+field(2, string(otlp.AppendValue(nil, span.StringValue(pairs[i+1])))))
	}
	return v
}

// field is a field of a protobuf message that has a length.
func field(number int, data string) string {
	return string(binary.AppendUvarint([]byte{byte(number<<3 | 2)}, uint64(len(data)))) + data
}

// Attributes of the usual kinds of calls.

func served(method, route, path string, code int, more ...span.Attr) []span.Attr {
	return append([]span.Attr{str("http.request.method", method), str("http.route", route), str("url.scheme", "http"), str("url.path", path), num("http.response.status_code", code)}, more...)
}

func called(method, url, address string, code int) []span.Attr {
	return []span.Attr{str("http.request.method", method), str("url.full", url), str("server.address", address), num("http.response.status_code", code)}
}

func queried(system, database, text string, more ...span.Attr) []span.Attr {
	return append([]span.Attr{str("db.system.name", system), str("db.namespace", database), str("db.query.text", text)}, more...)
}
