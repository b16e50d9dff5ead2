//go:build weft && go1.22

// An AutoPipeliner that blocks has a span for each command, as its caller sees it.
// One that does not block has none, for the caller does not wait either: what it
// sends are traces of their own.
//
//weft:when v>=9.22.0 <10.0.0
package redis

import (
	"context"
	"weft/trace"
)

// server is that of the client below; nil if it is no client of go-redis's.
func (ap *AutoPipeliner) weftServer() *weftServer {
	switch c := ap.pipeliner.(type) {
	case *Client:
		return c.weftServer
	case *ClusterClient:
		return &weftMany
	}
	return nil
}

//weft:enter (*AutoPipeliner).processBlocking
func weftAutoProcess(o *weftOp, ap *AutoPipeliner, ctx *context.Context, cmd *Cmder) {
	s := ap.weftServer()
	if s == nil || *cmd == nil {
		return
	}
	if o.start(s, *ctx, *cmd); o.span.Recording() {
		if !weftOuterSet.Load() {
			weftOuterSet.Store(true)
		}
		o.tell(*cmd)
	}
}

//weft:exit (*AutoPipeliner).processBlocking
func weftAutoProcessed(o *weftOp, ap *AutoPipeliner, _ *context.Context, _ *Cmder, err *error) {
	o.end(ap.weftServer(), *err)
}

// Its goroutines work for whoever comes.

//weft:enter newAutoPipeliner
func weftNewAuto(a *weftApart) { a.back = trace.Leave() }

//weft:exit newAutoPipeliner
func weftNewedAuto(a *weftApart) { a.back() }

// An ephemeral Conn is one as any.
//
//weft:exit (*Client).EphemeralConn
//weft:when v>=9.23.0
func weftEphemeralConn(c *Client, conn **Conn) { weftConn(c, conn) }
