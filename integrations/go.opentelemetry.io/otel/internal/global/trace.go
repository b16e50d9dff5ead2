//go:build weft

//weft:when v>=1.24.0 <2.0.0
//weft:tested v1.47.0

package global

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

var _ = trace.WeftProvider(TracerProvider)

// weftStarted is what is kept between the start and the end of Start: what it is
// to return, if not its own.
type weftStarted struct {
	ctx  context.Context
	span trace.Span
}

// Until the program installs a TracerProvider its spans are weft's.
//
//weft:enter (*tracer).Start
func weftStart(s *weftStarted, t *tracer, ctx *context.Context, name *string, opts *[]trace.SpanStartOption) bool {
	if t.delegate.Load() != nil {
		return false
	}
	s.ctx, s.span = trace.WeftStart(*ctx, t.name, t.opts, *name, *opts)
	return s.span != nil
}

//weft:exit (*tracer).Start
func weftStartDone(s *weftStarted, t *tracer, _ *context.Context, _ *string, _ *[]trace.SpanStartOption, ctx *context.Context, span *trace.Span) {
	if s.span != nil {
		*ctx, *span = s.ctx, s.span
	}
}
