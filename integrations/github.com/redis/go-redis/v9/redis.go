//go:build weft && go1.22

// What weft records of go-redis, by the OpenTelemetry conventions for Redis: one
// span of kind client for each command, pipeline and transaction, as the program
// sees it, whichever client it uses (Client, ClusterClient, Ring, a failover client,
// Conn, Tx, SentinelClient). Attempts, redirects and the nodes that answer are no
// spans of their own; what the client itself asks a node, such as CLUSTER SLOTS, is a
// child span. The span is inside of the program's hooks; a span that one of them puts into
// the context is its parent, and the span of redisotel's hook takes its place.
//
//	name                     GET, CONFIG GET; PIPELINE, or PIPELINE SET if all are alike;
//	                         MULTI, MULTI SET; connect
//	db.system.name           redis
//	db.namespace             the index of the database; not in a cluster
//	db.operation.name        as the name
//	db.operation.batch.size  of a pipeline or transaction of two commands and more
//	db.query.text            GET ?: no argument is shown, not even a key
//	db.stored_procedure.name of EVALSHA and FCALL
//	db.response.status_code  WRONGTYPE, NOSCRIPT, …: the first word of the server's error
//	server.address, .port    as the program named it; of a cluster or ring, the node that answered
//	network.peer.address, .port  the other end of the connection
//	error.type               the status code, or the type of an error
//
// That a key does not exist, redis.Nil, is no error.
//
// A connection that is made for a command is a child span "connect", which ends
// when the connection is there; the greeting (HELLO, AUTH, SELECT) has no span. A
// connection's own goroutines and those of a subscription are no part of the
// trace of a request that happens to start them. To subscribe is a span; a message that
// arrives is none, and brings no trace with it, because Redis has no room for one.
//
//weft:when v>=9.0.0 <10.0.0
//weft:tested v9.23.0
package redis

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"weft/trace"

	"github.com/redis/go-redis/v9/internal/pool"
)

var (
	weftSystemKey    = trace.NewKey("db.system.name")
	weftNamespaceKey = trace.NewKey("db.namespace")
	weftOperationKey = trace.NewKey("db.operation.name")
	weftBatchKey     = trace.NewKey("db.operation.batch.size")
	weftTextKey      = trace.NewKey("db.query.text")
	weftProcedureKey = trace.NewKey("db.stored_procedure.name")
	weftStatusKey    = trace.NewKey("db.response.status_code")
	weftAddressKey   = trace.NewKey("server.address")
	weftPortKey      = trace.NewKey("server.port")
	weftPeerKey      = trace.NewKey("network.peer.address")
	weftPeerPortKey  = trace.NewKey("network.peer.port")
)

// A weftServer is what is known about the server of a client.
type weftServer struct {
	namespace string // "" for several nodes
	address   string // "" if the client finds it out itself
	port      int64
	node      atomic.Bool // the client is one of a client for several nodes
	peer      atomic.Pointer[weftPeer]
}

// A weftPeer is the other end of connections.
type weftPeer struct {
	ip      net.IP
	address string // "" if it is not the same for all connections
	port    int64
}

// Several clients are a baseClient and what is around it.
//
//weft:field baseClient weftServer *weftServer

func weftNewServer(opt *Options) *weftServer {
	s := &weftServer{namespace: strconv.Itoa(opt.DB)}
	if opt.Addr == "FailoverClient" { // what NewFailoverClient puts there
		return s
	}
	s.address = opt.Addr
	if host, port, err := net.SplitHostPort(opt.Addr); err == nil && opt.Network != "unix" {
		s.address = host
		s.port, _ = strconv.ParseInt(port, 10, 32)
	}
	return s
}

//weft:enter (*Client).init
func weftClientInit(c *Client) {
	if c.baseClient != nil && c.opt != nil {
		c.weftServer = weftNewServer(c.opt)
	}
}

// What comes of a client uses its connections. A Conn that the client makes for
// itself, to greet the server, has no spans.

//weft:exit (*Client).WithTimeout
func weftWithTimeout(c *Client, _ *time.Duration, clone **Client) {
	if *clone != nil {
		(*clone).weftServer = c.weftServer
	}
}

//weft:exit (*Client).Conn
func weftConn(c *Client, conn **Conn) {
	if *conn != nil {
		(*conn).weftServer = c.weftServer
	}
}

//weft:exit (*Client).newTx
func weftTx(c *Client, tx **Tx) {
	if *tx != nil {
		(*tx).weftServer = c.weftServer
	}
}

//weft:exit NewSentinelClient
func weftSentinel(opt **Options, c **SentinelClient) {
	if *c != nil {
		s := weftNewServer(*opt)
		s.namespace = "" // it has none
		(*c).weftServer = s
	}
}

// describe says which server it is.
func (s *weftServer) describe(span *trace.Span) {
	span.Str(weftSystemKey, "redis")
	if s.namespace != "" {
		span.Str(weftNamespaceKey, s.namespace)
	}
	if s.address != "" {
		span.Str(weftAddressKey, s.address)
		if s.port != 0 {
			span.Int(weftPortKey, s.port)
		}
	}
}

// describePeer says at which address the server was, which may not be known before
// the end.
func (s *weftServer) describePeer(span *trace.Span) {
	p := s.peer.Load()
	if p == nil || p.address == "" {
		return
	}
	span.Str(weftPeerKey, p.address)
	span.Int(weftPeerPortKey, p.port)
	if s.address == "" {
		span.Str(weftAddressKey, p.address)
		span.Int(weftPortKey, p.port)
	}
}

// weftInitConn is where a connection is new.
//
//weft:exit (*baseClient).initConn
func weftInitConn(c *baseClient, _ *context.Context, cn **pool.Conn, err *error) {
	s := c.weftServer
	if s == nil || *err != nil {
		return
	}
	a, ok := (*cn).RemoteAddr().(*net.TCPAddr)
	if !ok || a == nil {
		return
	}
	old := s.peer.Load()
	switch {
	case old != nil && old.port == int64(a.Port) && old.ip.Equal(a.IP):
	case old == nil || s.address == "":
		// The first one, or the master after a failover.
		s.peer.Store(&weftPeer{a.IP, a.IP.String(), int64(a.Port)})
	case old.address != "":
		// A name with several addresses: nobody knows which one a command went to.
		s.peer.Store(&weftPeer{})
	}
}

// weftDial is the making of a connection for somebody who waits for it.
//
//weft:enter (*baseClient).dial
func weftDial(span *trace.Span, c *baseClient) {
	if current, ok := trace.CurrentContext(); !ok || !current.Sampled || c.weftServer == nil {
		return
	}
	span.Start("connect", trace.KindClient)
	if span.Recording() {
		c.weftServer.describe(span)
	}
}

//weft:exit (*baseClient).dial
func weftDialed(span *trace.Span, c *baseClient, _ *context.Context, _, _ *string, conn *net.Conn, err *error) {
	if span.Recording() && *conn != nil {
		if a, ok := (*conn).RemoteAddr().(*net.TCPAddr); ok && a != nil {
			span.Str(weftPeerKey, a.IP.String())
			span.Int(weftPeerPortKey, int64(a.Port))
		}
	}
	span.Error(*err)
	span.End()
}

// weftSubscribe is all of SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites.
//
//weft:enter (*PubSub).subscribe
func weftSubscribe(o *weftOp, c *PubSub, ctx *context.Context, command *string, channels *[]string) {
	o.span.StartIn(*ctx, "db", "redis", trace.KindClient)
	if !o.span.Recording() {
		return
	}
	known := weftLookUp(*command, "", len(*channels))
	o.span.SetName(known.operation)
	if c.opt != nil {
		weftNewServer(c.opt).describe(&o.span)
	}
	o.span.Str(weftOperationKey, known.operation)
	o.span.Str(weftTextKey, known.text)
}

//weft:exit (*PubSub).subscribe
func weftSubscribed(o *weftOp, _ *PubSub, _ *context.Context, _ *string, _ *[]string, err *error) {
	weftFail(&o.span, *err)
	o.span.End()
}

// weftFail says what came of it.
func weftFail(span *trace.Span, err error) {
	if err == nil || !span.Recording() {
		return
	}
	reply, ok := weftReply(err)
	if !ok {
		span.Error(err)
		return
	}
	if reply == nil || reply.Error() == Nil.Error() {
		return
	}
	msg := reply.Error()
	code, _, _ := strings.Cut(msg, " ")
	if code == "" || len(code) > 32 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		span.Error(reply)
		return
	}
	// "ERR unknown command 'X', with args beginning with: 'Y'"
	msg, _, _ = strings.Cut(msg, ", with args beginning with")
	span.Str(weftStatusKey, code)
	span.Fail(code, msg)
}

// weftReply finds the error of a server in err: what is wrapped by a hook counts
// as well.
func weftReply(err error) (reply Error, ok bool) {
	for range 16 {
		if reply, ok = err.(Error); ok {
			return reply, true
		}
		w, isWrapper := err.(interface{ Unwrap() error })
		if !isWrapper {
			return nil, false
		}
		if err = w.Unwrap(); err == nil {
			return nil, false
		}
	}
	return nil, false
}
