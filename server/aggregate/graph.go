package aggregate

import (
	"encoding/binary"
	"math/bits"

	"github.com/weft-trace/weft/server/span"
)

// maxLinks is the number of a consumer's links that are followed to their
// producers: a batch has one link per message.
const maxLinks = 16

// graph finds the two ends of calls between services. A client's or producer's
// span waits in calls for as long as children of it may arrive. A span
// that began in another process waits in begun for its parent, if that did not
// arrive before it. The services of all other spans are kept in recent.
type graph struct {
	calls  ring[clientSpan]
	begun  ring[serverSpan]
	recent []recentSpan // sets of recentWays, each in the order of arrival, the newest first
	secret [3]uint64    // so that nobody can send spans whose keys collide
}

type clientSpan struct {
	trace      span.TraceID
	start      int64
	duration   int64
	service    uint32 // id of a service
	peer       uint32 // a text, 0: unknown
	system     uint32 // a text
	connection Connection
	between    Connection // if the other end is a service
	node       Node       // what the peer is
	failed     bool
	producer   bool
	met        bool // its other end: the peer is not one that sends no spans
}

type serverSpan struct {
	own        uint64 // key of the span itself
	trace      span.TraceID
	start      int64
	duration   int64
	service    uint32
	system     uint32
	connection Connection
	kind       span.Kind
	failed     bool
	met        bool
}

// recentSpan is a span that is neither a client's nor a producer's.
type recentSpan struct {
	key     uint64 // 0: none
	start   int64
	service uint32
	server  bool
	failed  bool
	met     bool // it was the server's end of an edge
}

const (
	recentWays = 4
	recentSets = 1 << 14 // 65,536 spans in 1.5 MiB
)

type edgeID struct {
	client     uint32 // id of a service
	server     uint32 // id of a service if node is ServiceNode, else a text
	system     uint32 // a text
	connection Connection
	node       Node
}

// key identifies a span in the graph's tables. Two of the spans in a table have the
// same with a probability of 2^-48 or less.
func (g *graph) key(t *span.TraceID, id *span.ID) uint64 {
	h1, l1 := bits.Mul64(binary.LittleEndian.Uint64(t[:8])^g.secret[0], binary.LittleEndian.Uint64(t[8:])^g.secret[1])
	h2, l2 := bits.Mul64(h1^l1^g.secret[2], binary.LittleEndian.Uint64(id[:])^g.secret[0])
	return (h2 ^ l2) | 1
}

// match finds the other end of the call that a span is one end of.
func (a *Aggregator) match(own uint64, svc *service, s *span.Span, now int64, failed bool) {
	g := &a.graph
	if g.calls.due(now) || g.begun.due(now) {
		a.expire(now)
	}
	if calls(s.Kind) {
		a.matchCall(own, svc, s, now, failed)
	} else {
		g.remember(own, recentSpan{own, s.Start, svc.id, s.Kind == span.KindServer, failed, false})
		// Children that arrived before this span.
		for seq, ok := g.begun.get(own); ok; seq, ok = g.begun.after(seq) {
			a.meetParent(g.begun.at(seq), svc.id)
		}
		g.begun.forget(own)
	}
	remote := s.Flags&0x300 == 0x300 // OTLP: bit 8 says that bit 9 is known, bit 9 that the parent is in another process
	if s.Kind == span.KindServer || s.Kind == span.KindConsumer || remote {
		a.matchBegun(own, svc, s, now, failed)
	}
}

// matchCall takes up a client's or a producer's span.
func (a *Aggregator) matchCall(own uint64, svc *service, s *span.Span, now int64, failed bool) {
	g := &a.graph
	d := describe(s)
	c := clientSpan{
		trace: s.TraceID, start: s.Start, duration: s.Duration, service: svc.id, system: a.text(d.system),
		connection: d.connection, between: d.service, node: d.node, failed: failed, producer: s.Kind == span.KindProducer,
	}
	if d.peer != "" {
		c.peer = a.peer(d.peer, d.port)
	}
	for seq, ok := g.begun.get(own); ok; seq, ok = g.begun.after(seq) {
		if b := g.begun.at(seq); !b.met {
			b.met = true
			a.meet(&c, b)
		}
	}
	g.begun.forget(own)
	// In Zipkin's model the two ends of a call are one span: they share its id.
	if r := g.find(own); r != nil && r.server && !r.met {
		r.met = true
		a.meet(&c, &serverSpan{service: r.service, failed: r.failed})
	}
	if c.connection == Database && c.peer != 0 {
		// Databases send no spans, as a rule: not waiting for one shows the edge at
		// once. If a service answers after all, the call counts on that edge, too.
		a.meetPeer(&c)
	}
	if g.calls.full(a.limits.Waiting) {
		a.giveUp()
	}
	g.calls.add(own, now+int64(a.limits.Wait), c)
}

// matchBegun takes up a span whose parent is in another process.
func (a *Aggregator) matchBegun(own uint64, svc *service, s *span.Span, now int64, failed bool) {
	g := &a.graph
	b := serverSpan{own: own, trace: s.TraceID, start: s.Start, duration: s.Duration, service: svc.id, kind: s.Kind, failed: failed}
	if s.Kind == span.KindServer {
		if seq, ok := g.calls.get(own); ok { // Zipkin's model again
			a.meet(g.calls.at(seq), &b)
			return
		}
	}
	if s.Parent.IsZero() && (s.Kind != span.KindConsumer || len(s.Links) == 0) {
		return
	}
	if !s.Parent.IsZero() {
		a.matchParent(g.key(&s.TraceID, &s.Parent), b, s, now)
	}
	if s.Kind == span.KindConsumer {
		for i := range s.Links[:min(len(s.Links), maxLinks)] {
			l := &s.Links[i]
			if l.ID != s.Parent || l.TraceID != s.TraceID {
				a.matchParent(g.key(&l.TraceID, &l.ID), b, s, now)
			}
		}
	}
}

// matchParent looks for the span with the key parent, of which b is the child.
// B was made of s.
func (a *Aggregator) matchParent(parent uint64, b serverSpan, s *span.Span, now int64) {
	g := &a.graph
	if seq, ok := g.calls.get(parent); ok {
		a.meet(g.calls.at(seq), &b)
		return
	}
	d := describe(s) // a caller that sends a span of its call says it better
	if b.connection = d.service; d.connection != Database {
		b.system = a.text(d.system)
	}
	if r := g.find(parent); r != nil {
		a.meetParent(&b, r.service)
		return
	}
	if g.begun.full(a.limits.Waiting) {
		g.begun.drop()
	}
	g.begun.add(parent, now+int64(a.limits.Wait), b)
}

// meet counts a call of which both ends are known.
func (a *Aggregator) meet(c *clientSpan, b *serverSpan) {
	c.met = true
	if b.own != 0 && b.kind == span.KindServer {
		if r := a.graph.find(b.own); r != nil {
			if r.met {
				return
			}
			r.met = true
		}
	}
	duration := c.duration
	if c.producer && b.own != 0 {
		// The producer's span is over when the message is on its way. What a call
		// costs is how long the message took to its consumer.
		duration = max(0, b.start-c.start)
	}
	id := edgeID{client: c.service, server: b.service, connection: c.between, node: ServiceNode}
	if c.connection != Database { // else the system is that of a database, which a service is not
		id.system = c.system
	}
	a.cells.of(a.edge(id), c.start).Add(c.trace, duration, c.failed || b.failed)
}

// meetParent counts a call whose caller has no span for it: the parent of b is
// an internal or a server's span. Within a service it is no call.
func (a *Aggregator) meetParent(b *serverSpan, client uint32) {
	if b.met || client == b.service {
		b.met = true
		return
	}
	b.met = true
	if b.kind == span.KindServer {
		if r := a.graph.find(b.own); r != nil {
			if r.met {
				return
			}
			r.met = true
		}
	}
	id := edgeID{client: client, server: b.service, system: b.system, connection: b.connection, node: ServiceNode}
	a.cells.of(a.edge(id), b.start).Add(b.trace, b.duration, b.failed)
}

// meetPeer counts a call to a peer that sends no spans.
func (a *Aggregator) meetPeer(c *clientSpan) {
	c.met = true
	id := edgeID{client: c.service, server: c.peer, system: c.system, connection: c.connection, node: c.node}
	a.cells.of(a.edge(id), c.start).Add(c.trace, c.duration, c.failed)
}

// expire gives up what has waited for too long at now.
func (a *Aggregator) expire(now int64) {
	for a.graph.calls.due(now) {
		a.giveUp()
	}
	for a.graph.begun.due(now) {
		a.graph.begun.drop()
	}
}

// giveUp stops waiting for the other end of the oldest call: it goes to a peer
// that sends no spans.
func (a *Aggregator) giveUp() {
	if c := a.graph.calls.drop(); !c.met && c.peer != 0 {
		a.meetPeer(&c)
	}
}

// edge returns the series of an edge.
func (a *Aggregator) edge(id edgeID) *series {
	if sr := a.edges[id]; sr != nil {
		return sr
	}
	if len(a.edges) >= a.limits.Edges {
		id = edgeID{client: id.client, server: a.texts[Other], connection: id.connection, node: ExternalNode}
		if sr := a.edges[id]; sr != nil {
			return sr
		}
	}
	e := Edge{Client: a.byID[id.client].name, Connection: id.connection, Node: id.node, System: a.byText[id.system]}
	if id.node == ServiceNode {
		e.Server = a.byID[id.server].name
	} else {
		e.Server = a.byText[id.server]
	}
	sr := &series{class: Edges, step: int64(Levels[Edges.Finest()].Step), key: string(AppendEdge(nil, e))}
	a.edges[id] = sr
	return sr
}

// find returns the entry of a span among the recent ones, nil if it is not there.
func (g *graph) find(key uint64) *recentSpan {
	set := g.set(key)
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
	}
	return nil
}

// remember puts a span among the recent ones, in the place of the oldest of its set.
func (g *graph) remember(key uint64, r recentSpan) {
	set := g.set(key)
	copy(set[1:], set)
	set[0] = r
}

// calls reports whether spans of a kind are kept in graph.calls; others are
// kept in graph.recent.
func calls(k span.Kind) bool { return k == span.KindClient || k == span.KindProducer }

// has reports whether a span is known. The two ends of a call that share an id
// are two spans, and so are those that share one by mistake and start at
// different times: the store keeps both.
func (g *graph) has(key uint64, s *span.Span) bool {
	if calls(s.Kind) {
		for seq, ok := g.calls.get(key); ok; seq, ok = g.calls.after(seq) {
			if g.calls.at(seq).start == s.Start {
				return true
			}
		}
		return false
	}
	for _, r := range g.set(key) {
		if r.key == key && r.start == s.Start && r.server == (s.Kind == span.KindServer) {
			return true
		}
	}
	return false
}

func (g *graph) set(key uint64) []recentSpan {
	i := key >> 32 % recentSets * recentWays
	return g.recent[i : i+recentWays : i+recentWays]
}

// rename gives everything that waits new numbers of services and texts.
func (g *graph) rename(service, text func(uint32) uint32) {
	for c := range g.calls.all() {
		c.service, c.peer, c.system = service(c.service), text(c.peer), text(c.system)
	}
	for b := range g.begun.all() {
		b.service, b.system = service(b.service), text(b.system)
	}
	for i := range g.recent {
		if r := &g.recent[i]; r.key != 0 {
			r.service = service(r.service)
		}
	}
}
