//go:build weft

// The baggage that came with the request that the calling goroutine works for is
// what FromContext finds when the context.Context says nothing about baggage. What the
// program puts there goes out with the requests that it makes.
//
//weft:when v>=1.24.0 <2.0.0
//weft:tested v1.47.0

package baggage

import (
	"context"

	"go.opentelemetry.io/otel/internal/baggage"
	"weft/trace"
)

var _ = trace.Link(trace.API{Baggage: weftBaggage})

//weft:exit FromContext
func weftFromContext(ctx *context.Context, b *Baggage) {
	if len(b.list) > 0 || *ctx == nil || baggage.WeftHas(*ctx) {
		return
	}
	if c, ok := trace.CurrentContext(); ok && c.Baggage != "" {
		if incoming, err := Parse(c.Baggage); err == nil {
			*b = incoming
		}
	}
}

// weftBaggage is what the program has put into ctx.
func weftBaggage(ctx trace.Values) (header string, ok bool) {
	c, isContext := ctx.(context.Context)
	if !isContext || !baggage.WeftHas(c) {
		return "", false
	}
	return Baggage{list: baggage.ListFromContext(c)}.String(), true
}
