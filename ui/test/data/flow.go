package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/weft-trace/weft/server/span"
)

// flow is the making of one request as it goes from service to service. It has a clock of its own, which goes on with what
// is done.
type flow struct {
	*request
	at     int64 // nanoseconds since the Unix epoch
	number int   // of the span that is open
	in     *instance
}

type request struct {
	company *company
	random  *rand.Rand
	id      span.TraceID
	spans   []span.Span
	user    int
}

// instance is one of the processes of a service.
type instance struct {
	resource *span.Resource
	version  string
}

// do opens a span, does what is in it, and closes it.
func (f *flow) do(name string, kind span.Kind, attrs []span.Attr, body func(*flow)) {
	n := len(f.spans)
	s := span.Span{TraceID: f.id, ID: spanID(f.id, n), Name: name, Kind: kind, Flags: 0x101, Start: f.at, Attrs: attrs, Resource: f.in.resource, Scope: scopeOf(attrs)}
	if f.number >= 0 {
		s.Parent = f.spans[f.number].ID
		if kind == span.KindServer || kind == span.KindConsumer {
			s.Flags = 0x301
		}
	}
	f.spans = append(f.spans, s)
	inner := flow{f.request, f.at, n, f.in}
	body(&inner)
	f.spans[n].Duration = inner.at - f.at
	f.at = inner.at
}

// busy lets about so many milliseconds pass.
func (f *flow) busy(ms float64) {
	f.at += int64(ms * 1e6 * math.Exp(f.random.NormFloat64()*0.4))
}

// together does things at the same time, and waits for the last.
func (f *flow) together(bodies ...func(*flow)) {
	end := f.at
	for _, b := range bodies {
		g := *f
		b(&g)
		end = max(end, g.at)
	}
	f.at = end
}

// chance is true in that share of cases.
func (f *flow) chance(share float64) bool { return f.random.Float64() < share }

func (f *flow) set(attrs ...span.Attr) {
	f.spans[f.number].Attrs = append(f.spans[f.number].Attrs, attrs...)
}

func (f *flow) event(name string, attrs ...span.Attr) {
	f.spans[f.number].Events = append(f.spans[f.number].Events, span.Event{Time: f.at, Name: name, Attrs: attrs})
}

// fail says that the open span failed, by an exception if stack is not empty.
func (f *flow) fail(kind, message, stack string) {
	f.spans[f.number].Status, f.spans[f.number].Message = span.StatusError, message
	if stack != "" {
		f.event("exception", str("exception.type", kind), str("exception.message", message), str("exception.stacktrace", stack))
	}
}

// call asks another service over HTTP. The answer's code is what body returns, or 200.
func (f *flow) call(service, method, route, path string, body func(*flow) int) (code int) {
	to := f.company.pick(f.random, service, f.at)
	f.do(method, span.KindClient, called(method, "http://"+service+":8080"+path, service, 200), func(f *flow) {
		f.busy(0.25)
		f.in, to = to, f.in
		f.do(method+" "+route, span.KindServer, served(method, route, path, 200), func(f *flow) {
			f.busy(0.2)
			code = body(f)
			f.answered(code)
			if code >= 500 && f.spans[f.number].Status == span.StatusUnset {
				f.fail("", fmt.Sprintf("answered %d", code), "")
			}
			f.busy(0.1)
		})
		f.in = to
		f.busy(0.25)
		f.answered(code)
		if code >= 400 {
			f.fail("", "", "")
			f.set(str("error.type", fmt.Sprint(code)))
		}
	})
	return code
}

func (f *flow) answered(code int) {
	attrs := f.spans[f.number].Attrs
	for i := range attrs {
		if attrs[i].Key == "http.response.status_code" {
			attrs[i].Value = span.IntValue(int64(code))
		}
	}
}

// rpc asks another service over gRPC; status is what body returns.
func (f *flow) rpc(service, method string, body func(*flow) (status int)) (status int) {
	to := f.company.pick(f.random, service, f.at)
	attrs := func() []span.Attr {
		return []span.Attr{str("rpc.system.name", "grpc"), str("rpc.method", method), num("rpc.response.status_code", 0), str("server.address", service)}
	}
	f.do(method, span.KindClient, attrs(), func(f *flow) {
		f.busy(0.2)
		f.in, to = to, f.in
		f.do(method, span.KindServer, attrs(), func(f *flow) {
			f.busy(0.2)
			if status = body(f); status != 0 {
				f.spans[f.number].Status = span.StatusError
				f.spans[f.number].Attrs[2] = num("rpc.response.status_code", status)
			}
		})
		f.in = to
		f.busy(0.2)
		if status != 0 {
			f.spans[f.number].Status = span.StatusError
			f.spans[f.number].Attrs[2] = num("rpc.response.status_code", status)
		}
	})
	return status
}

// query asks a database that takes about so many milliseconds.
func (f *flow) query(system, database, summary, text string, ms float64, rows int) {
	f.do(summary, span.KindClient, queried(system, database, text, str("db.query.summary", summary), str("server.address", database+"-db"), num("db.response.returned_rows", rows)), func(f *flow) {
		f.busy(ms)
	})
}

// cached asks a cache, which has it in that share of cases.
func (f *flow) cached(command, key string, share float64) (hit bool) {
	hit = f.chance(share)
	f.do(command, span.KindClient, queried("redis", "cache", command+" "+key, str("server.address", "redis"), truth("cache.hit", hit)), func(f *flow) { f.busy(0.35) })
	return hit
}

// abroad asks somebody else's service, of which no spans arrive.
func (f *flow) abroad(method, host, path string, ms float64, code int) {
	f.do(method, span.KindClient, called(method, "https://"+host+path, host, code), func(f *flow) {
		f.busy(ms)
		if code >= 400 {
			f.fail("", "", "")
			f.set(str("error.type", fmt.Sprint(code)))
		}
	})
}

// publish sends a message that a service takes from its queue a while later.
func (f *flow) publish(topic, service string, body func(*flow)) {
	attrs := func(what string) []span.Attr {
		return []span.Attr{str("messaging.system", "kafka"), str("messaging.destination.name", topic), str("messaging.operation.type", what), num("messaging.message.body.size", 200+f.random.IntN(900))}
	}
	var after flow
	f.do("send "+topic, span.KindProducer, attrs("send"), func(f *flow) {
		f.busy(1.2)
		after = *f
	})
	after.busy(12)
	after.in = f.company.pick(f.random, service, after.at)
	after.do("process "+topic, span.KindConsumer, attrs("process"), body)
}

// user is the one who asks.
func (f *flow) person() []span.Attr {
	plan := "free"
	if f.user%5 == 0 {
		plan = "business"
	}
	return []span.Attr{str("user.id", fmt.Sprintf("u-%04d", f.user)), str("user.plan", plan)}
}

func newRequest(c *company, name string, at int64) *flow {
	id := traceID(name, c.seed)
	r := &request{company: c, id: id, random: rand.New(rand.NewPCG(c.seed, binary.BigEndian.Uint64(id[:])))}
	r.user = int(math.Abs(r.random.NormFloat64()) * 150)
	return &flow{request: r, at: at, number: root, in: c.pick(r.random, "web", at)}
}
