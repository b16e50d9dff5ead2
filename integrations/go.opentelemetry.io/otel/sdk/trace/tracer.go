//go:build weft

// A program that has installed an SDK of its own goes on using it: its spans are
// exported as ever. Where it names no parent for a span, the calling goroutine's is the parent,
// and weft's spans below are that span's children.
//
//weft:when v>=1.24.0 <2.0.0
//weft:tested v1.47.0

package trace

import (
	"context"
	"os"
	"sync"

	"go.opentelemetry.io/otel/trace"
	weft "weft/trace"
)

//weft:field recordingSpan weftOpen *trace.WeftOpen

// weftSay says once who exports what.
var weftSay = sync.OnceFunc(func() {
	os.Stderr.WriteString("weft: this program has an OpenTelemetry SDK, which exports the spans that the program makes; weft's own, in the same traces, go to " + weft.Destination() + "\n")
})

// weftStart is what is kept between the start and the end of Start.
type weftStart struct{ place trace.WeftPlace }

//weft:enter (*tracer).Start
func weftStarting(s *weftStart, tr *tracer, ctx *context.Context, _ *string, options *[]trace.SpanStartOption) {
	*ctx, s.place = trace.WeftEnter(*ctx, tr.instrumentationScope.Name, *options)
}

//weft:exit (*tracer).Start
func weftStarted(s *weftStart, _ *tracer, _ *context.Context, _ *string, _ *[]trace.SpanStartOption, _ *context.Context, span *trace.Span) {
	if r, ok := (*span).(*recordingSpan); ok && r != nil {
		if r.weftOpen = trace.WeftStarted(&s.place, r); r.weftOpen != nil {
			weftSay()
		}
	}
}

// At the beginning: what the SDK does with an ended span is no part of it.
//
//weft:enter (*recordingSpan).End
func weftEnd(s *recordingSpan) {
	if s != nil {
		s.weftOpen.End()
	}
}

// Whether the SDK samples a trace for which the program has named no parent is
// decided as it would be without weft.
//
//weft:enter (parentBased).ShouldSample
func weftShouldSample(_ parentBased, p *SamplingParameters) {
	if p.ParentContext != nil && trace.WeftImplicit(p.ParentContext) {
		p.ParentContext = trace.ContextWithSpanContext(p.ParentContext, trace.SpanContext{})
	}
}

// weftExport is what is kept while spans are exported.
type weftExport struct{ unmute func() }

// What an exporter does for the sake of tracing is no part of any trace.
//
//weft:enter (*batchSpanProcessor).exportSpans
func weftExporting(s *weftExport, _ *batchSpanProcessor) { s.unmute = weft.Mute() }

//weft:exit (*batchSpanProcessor).exportSpans
func weftExported(s *weftExport, _ *batchSpanProcessor) { s.unmute() }

//weft:enter (*simpleSpanProcessor).OnEnd
func weftExportingOne(s *weftExport, _ *simpleSpanProcessor) { s.unmute = weft.Mute() }

//weft:exit (*simpleSpanProcessor).OnEnd
func weftExportedOne(s *weftExport, _ *simpleSpanProcessor) { s.unmute() }
