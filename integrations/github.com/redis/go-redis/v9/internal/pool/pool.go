//go:build weft && go1.22

// The pool of go-redis: connections that are made ahead of time are no part of the
// request that happens to be there when the pool notices that it needs some.
//
//weft:when v>=9.0.0 <10.0.0
//weft:tested v9.23.0
package pool

import "weft/trace"

// weftApart is a function that starts goroutines which are nobody's.
type weftApart struct{ back func() }

//weft:enter (*ConnPool).checkMinIdleConns
func weftMinIdle(a *weftApart, p *ConnPool) {
	if p.cfg.MinIdleConns > 0 {
		a.back = trace.Leave()
	}
}

//weft:exit (*ConnPool).checkMinIdleConns
func weftMinIdled(a *weftApart, _ *ConnPool) {
	if a.back != nil {
		a.back()
	}
}

//weft:enter (*ConnPool).tryDial
func weftTryDial() { trace.Leave() }
