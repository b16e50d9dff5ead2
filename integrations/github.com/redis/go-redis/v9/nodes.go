//go:build weft && go1.22

// Clients for several nodes, and what they do in the background.
//
//weft:when v>=9.0.0 <10.0.0
package redis

import (
	"context"
	"weft/trace"
)

// weftApart is a function during which a goroutine is started that outlives it,
// and the request that it may be part of.
type weftApart struct{ back func() }

// weftMany is what is known about the server of a client for several: not which one
// it is.
var weftMany weftServer

// A client for several nodes has one span for what it asks them, and the nodes'
// clients none.

//weft:enter (*ClusterClient).process
func weftClusterProcess(o *weftOp, _ *ClusterClient, ctx *context.Context, cmd *Cmder) {
	o.startMany(*ctx, *cmd)
}

//weft:exit (*ClusterClient).process
func weftClusterProcessed(o *weftOp, _ *ClusterClient, _ *context.Context, _ *Cmder, err *error) {
	o.end(nil, *err)
}

//weft:enter (*ClusterClient).processPipeline
func weftClusterPipeline(o *weftOp, _ *ClusterClient, ctx *context.Context, cmds *[]Cmder) {
	o.startManyBatch(*ctx, *cmds, "PIPELINE")
}

//weft:exit (*ClusterClient).processPipeline
func weftClusterPipelined(o *weftOp, _ *ClusterClient, _ *context.Context, cmds *[]Cmder, err *error) {
	o.endBatch(nil, *cmds, *err)
}

//weft:enter (*ClusterClient).processTxPipeline
func weftClusterTxPipeline(o *weftOp, _ *ClusterClient, ctx *context.Context, cmds *[]Cmder) {
	o.startManyBatch(*ctx, *cmds, "MULTI")
}

//weft:exit (*ClusterClient).processTxPipeline
func weftClusterTxPipelined(o *weftOp, _ *ClusterClient, _ *context.Context, cmds *[]Cmder, err *error) {
	o.endBatch(nil, *cmds, *err)
}

//weft:enter (*Ring).process
func weftRingProcess(o *weftOp, _ *Ring, ctx *context.Context, cmd *Cmder) { o.startMany(*ctx, *cmd) }

//weft:exit (*Ring).process
func weftRingProcessed(o *weftOp, _ *Ring, _ *context.Context, _ *Cmder, err *error) {
	o.end(nil, *err)
}

//weft:enter (*Ring).generalProcessPipeline
func weftRingPipeline(o *weftOp, _ *Ring, ctx *context.Context, cmds *[]Cmder, tx *bool) {
	kind := "PIPELINE"
	if *tx {
		kind = "MULTI"
	}
	o.startManyBatch(*ctx, *cmds, kind)
}

//weft:exit (*Ring).generalProcessPipeline
func weftRingPipelined(o *weftOp, _ *Ring, _ *context.Context, cmds *[]Cmder, _ *bool, err *error) {
	o.endBatch(nil, *cmds, *err)
}

func (o *weftOp) startMany(ctx context.Context, cmd Cmder) {
	if cmd == nil || weftMany.nested(cmd) {
		return
	}
	if o.start(&weftMany, ctx, cmd); o.span.Recording() {
		o.tell(cmd)
	}
}

func (o *weftOp) startManyBatch(ctx context.Context, cmds []Cmder, kind string) {
	if weftMany.nestedAny(cmds) {
		return
	}
	if o.startBatch(&weftMany, ctx, cmds, kind); o.span.Recording() {
		o.tell(cmds...)
	}
}

// weftNode makes c a client of another client's.
func weftNode(c *Client) {
	if c != nil && c.weftServer != nil {
		c.weftServer.node.Store(true)
	}
}

//weft:exit newRingShard
func weftRingShard(_ **RingOptions, _ *string, s **ringShard) {
	if *s != nil {
		weftNode((*s).Client)
	}
}

// What go-redis asks the nodes for by itself, all the time, is nobody's trace.

//weft:enter (*clusterNode).updateLatency
func weftUpdateLatency() { trace.Mute() }

//weft:enter (*ringSharding).Heartbeat
func weftHeartbeat() { trace.Mute() }

//weft:enter (*sentinelFailover).listen
func weftListen() { trace.Leave() }

//weft:enter (*clusterStateHolder).LazyReload
func weftLazyReload(a *weftApart) { a.back = trace.Leave() }

//weft:exit (*clusterStateHolder).LazyReload
func weftLazyReloaded(a *weftApart) { a.back() }

// A subscription that a request makes is not over when the request is.

//weft:enter (*channel).initHealthCheck
func weftHealthCheck(a *weftApart) { a.back = trace.Leave() }

//weft:exit (*channel).initHealthCheck
func weftHealthChecked(a *weftApart) { a.back() }

//weft:enter (*channel).initMsgChan
func weftMsgChan(a *weftApart) { a.back = trace.Leave() }

//weft:exit (*channel).initMsgChan
func weftMsgChanned(a *weftApart) { a.back() }

//weft:enter (*channel).initAllChan
func weftAllChan(a *weftApart) { a.back = trace.Leave() }

//weft:exit (*channel).initAllChan
func weftAllChanned(a *weftApart) { a.back() }
