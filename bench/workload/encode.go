package workload

import (
	"encoding/binary"
	"strconv"
)

// The parts of a span's encoding that do not change from span to span are encoded once. Field numbers:
// opentelemetry-proto, trace/v1/trace.proto, common/v1/common.proto, resource/v1/resource.proto.
var encoded = encodeParts()

type parts struct {
	resource  [Services][]byte             // ResourceSpans.resource
	scope     []byte                       // ScopeSpans.scope
	name      [Services][Operations][]byte // Span.name
	operation [Services][Operations][]byte // Span.attributes: http.request.method and http.route
	code      map[int][]byte               // Span.attributes: http.response.status_code
	address   [Services][16][]byte         // Span.attributes: server.address
	thread    [threads][]byte
	system    [len(systems)][]byte
}

func encodeParts() *parts {
	e := &parts{}
	for s := range Services {
		var r []byte
		for _, a := range resources[s].Attrs {
			r = appendMessage(r, 1, keyValue(a.Key, a.Value.Str))
		}
		e.resource[s] = appendMessage(nil, 1, r)
		for o := range Operations {
			e.name[s][o] = appendString(nil, 5, OperationName(s, o))
			e.operation[s][o] = appendMessage(nil, 9, keyValue("http.request.method", methods[o%len(methods)]))
			e.operation[s][o] = appendMessage(e.operation[s][o], 9, keyValue("http.route", route(s, o)))
		}
		for n := range e.address[s] {
			e.address[s][n] = appendMessage(nil, 9, keyValue("server.address", address(s, n)))
		}
	}
	e.scope = appendMessage(nil, 1, appendString(appendString(nil, 1, scope.Name), 2, scope.Version))
	e.code = map[int][]byte{}
	for _, c := range codes {
		e.code[c] = appendMessage(nil, 9, keyNumber("http.response.status_code", c))
	}
	for n := range e.thread {
		e.thread[n] = appendMessage(nil, 9, keyNumber("thread.id", n))
	}
	for n := range e.system {
		e.system[n] = appendMessage(nil, 9, keyValue("db.system", systems[n]))
	}
	return e
}

func appendTag(b []byte, field, wire int) []byte {
	return binary.AppendUvarint(b, uint64(field<<3|wire))
}

func appendMessage(b []byte, field int, message []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, field, 2), uint64(len(message)))
	return append(b, message...)
}

func appendString(b []byte, field int, s string) []byte {
	b = binary.AppendUvarint(appendTag(b, field, 2), uint64(len(s)))
	return append(b, s...)
}

func appendFixed(b []byte, field int, n int64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(field<<3|1)), uint64(n))
}

// keyValue is a KeyValue with an AnyValue of a string.
func keyValue(key, value string) []byte {
	return appendMessage(appendString(nil, 1, key), 2, appendString(nil, 1, value))
}

func keyNumber(key string, n int) []byte {
	return appendMessage(appendString(nil, 1, key), 2, binary.AppendUvarint(appendTag(nil, 3, 0), uint64(n)))
}

// appendNumbered appends an attribute whose value is a text and a number; all lengths are below 128.
func appendNumbered(b []byte, key, text string, n int) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], int64(n), 10)
	v := len(text) + len(d)
	b = append(b, 9<<3|2, byte(2+len(key)+4+v), 1<<3|2, byte(len(key)))
	b = append(b, key...)
	b = append(b, 2<<3|2, byte(2+v), 1<<3|2, byte(v))
	b = append(b, text...)
	return append(b, d...)
}

// AppendRequest appends the OTLP protobuf ExportTraceServiceRequest that holds the traces from up to, without, to: one
// ResourceSpans for each service in it. What it makes it adds to a, unless a is nil.
func (g *Generator) AppendRequest(b []byte, from, to int64, a *Answers) []byte {
	for s := range g.byService {
		g.byService[s] = g.byService[s][:0]
	}
	var t [SpansPerTrace]Span
	for n := from; n < to; n++ {
		g.Trace(n, &t)
		if a != nil {
			a.Add(&t)
		}
		for i := range t {
			g.byService[t[i].Service] = append(g.byService[t[i].Service], t[i])
		}
	}
	for s := range g.byService {
		if len(g.byService[s]) == 0 {
			continue
		}
		z := append(g.scratch[:0], encoded.scope...)
		for i := range g.byService[s] {
			z = appendMessageOf(z, &g.byService[s][i], g.Workload)
		}
		g.scratch = z
		scopeSpans := 1 + uvarintLen(len(z)) + len(z)
		b = binary.AppendUvarint(append(b, 1<<3|2), uint64(len(encoded.resource[s])+scopeSpans))
		b = append(b, encoded.resource[s]...)
		b = binary.AppendUvarint(append(b, 2<<3|2), uint64(len(z)))
		b = append(b, z...)
	}
	return b
}

func uvarintLen(n int) int {
	var b [binary.MaxVarintLen64]byte
	return binary.PutUvarint(b[:], uint64(n))
}

// appendMessageOf appends ScopeSpans.spans with one span.
func appendMessageOf(b []byte, s *Span, w Workload) []byte {
	b = append(b, 2<<3|2, 0, 0) // the length, which takes two bytes: a span has about 350
	start := len(b)
	id, spanID := w.TraceID(s.Trace), s.ID()
	b = append(append(b, 1<<3|2, 16), id[:]...)
	b = append(append(b, 2<<3|2, 8), spanID[:]...)
	if s.Parent >= 0 {
		parent := s.ParentID()
		b = append(append(b, 4<<3|2, 8), parent[:]...)
	}
	e := encoded
	b = append(b, e.name[s.Service][s.Operation]...)
	b = append(b, 6<<3, byte(s.Kind))
	b = appendFixed(b, 7, s.Start)
	b = appendFixed(b, 8, s.Start+s.Duration)
	b = append(b, e.operation[s.Service][s.Operation]...)
	b = append(b, e.code[s.Code]...)
	b = appendNumbered(b, "url.path", "/api/v1/svc/resource/", s.Path)
	b = append(b, e.address[s.Service][s.Path%16]...)
	b = appendNumbered(b, "user.id", "user-", s.User)
	b = append(b, e.thread[s.Thread]...)
	b = append(b, e.system[s.System]...)
	if st := s.Status(); st != 0 {
		b = append(b, 15<<3|2, 2, 3<<3, byte(st))
	}
	n := len(b) - start
	b[start-2], b[start-1] = byte(n)|0x80, byte(n>>7)
	return b
}
