package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/weft-trace/weft/server/span"
)

// gen makes traces of ten spans with eight attributes each, spread over the
// hour before base.
type gen struct {
	r         *rand.Rand
	n, total  int64
	base      int64
	resources []*span.Resource
	ops       [][]string
	routes    [][]string
}

var (
	genMethods = []string{"GET", "POST", "PUT", "DELETE"}
	genCodes   = []int64{200, 200, 200, 200, 200, 200, 200, 201, 204, 404, 500}
	genSystems = []string{"postgresql", "mysql", "redis", "kafka"}
	genScope   = &span.Scope{Name: "weft/net/http", Version: "0.1.0"}
)

const genBase = int64(1_790_000_000e9)

func newGen(seed uint64, totalTraces int64) *gen {
	g := &gen{r: rand.New(rand.NewPCG(seed, 42)), base: genBase, total: totalTraces}
	for s := range 20 {
		var ops, routes []string
		for o := range 10 {
			routes = append(routes, fmt.Sprintf("/api/v1/svc%02d/resource%d/{id}", s, o))
			ops = append(ops, genMethods[o%4]+" "+routes[o])
		}
		g.ops, g.routes = append(g.ops, ops), append(g.routes, routes)
		name := fmt.Sprintf("svc-%02d-checkout", s)
		g.resources = append(g.resources, &span.Resource{Service: name, Attrs: []span.Attr{
			{Key: "service.name", Value: span.StringValue(name)},
			{Key: "service.version", Value: span.StringValue("1.42." + strconv.Itoa(s))},
			{Key: "host.name", Value: span.StringValue(fmt.Sprintf("node-%d.eu-west-1.internal", s%7))},
			{Key: "k8s.pod.name", Value: span.StringValue(fmt.Sprintf("svc-%02d-checkout-7c9d8f6b5-x%dk", s, s))},
			{Key: "telemetry.sdk.language", Value: span.StringValue("go")},
		}})
	}
	return g
}

// trace appends one trace.
func (g *gen) trace(out []span.Span) []span.Span {
	r := g.r
	var id span.TraceID
	binary.BigEndian.PutUint64(id[:], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	start := g.base - 3600e9 + int64(float64(g.n)/float64(g.total)*3595e9) + r.Int64N(1e9)
	g.n++
	user := "user-" + strconv.Itoa(r.IntN(10000))
	first := len(out)
	for i := range 10 {
		s, o := r.IntN(20), r.IntN(10)
		sp := span.Span{TraceID: id, Name: g.ops[s][o], Resource: g.resources[s], Scope: genScope}
		binary.BigEndian.PutUint64(sp.ID[:], r.Uint64()|1)
		if i == 0 {
			sp.Start, sp.Duration, sp.Kind = start, int64(math.Exp(r.NormFloat64()*0.9+17.5))+1e6, span.KindServer
		} else {
			p := &out[first+r.IntN(i)]
			off := r.Int64N(p.Duration/2 + 1)
			sp.Parent, sp.Start, sp.Duration, sp.Kind = p.ID, p.Start+off, 1+r.Int64N(p.Duration-off), span.Kind(2+i%2)
		}
		code := genCodes[r.IntN(len(genCodes))]
		if code >= 500 {
			sp.Status = span.StatusError
		}
		n := r.IntN(1_000_000)
		sp.Attrs = []span.Attr{
			{Key: "http.request.method", Value: span.StringValue(genMethods[o%4])},
			{Key: "http.route", Value: span.StringValue(g.routes[s][o])},
			{Key: "http.response.status_code", Value: span.IntValue(code)},
			{Key: "url.path", Value: span.StringValue("/api/v1/svc/resource/" + strconv.Itoa(n))},
			{Key: "server.address", Value: span.StringValue(fmt.Sprintf("10.0.%d.%d:8080", s, n%16))},
			{Key: "user.id", Value: span.StringValue(user)},
			{Key: "thread.id", Value: span.IntValue(int64(r.IntN(64)))},
			{Key: "db.system", Value: span.StringValue(genSystems[r.IntN(4)])},
		}
		out = append(out, sp)
	}
	return out
}

// batch makes one request's spans.
func (g *gen) batch(traces int) []span.Span {
	var spans []span.Span
	for range traces {
		spans = g.trace(spans)
	}
	return spans
}
