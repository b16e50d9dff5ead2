//go:build weft

//weft:when v>=1.24.0 <2.0.0
//weft:tested v1.47.0

package trace

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	weft "weft/trace"
)

var _ = weft.Link(weft.API{Span: weftExplicit})

//weft:exit SpanFromContext
func weftSpanFromContext(ctx *context.Context, span *Span) {
	if _, none := (*span).(noopSpan); !none {
		return
	}
	if *ctx != nil {
		if _, explicit := (*ctx).Value(currentSpanKey).(Span); explicit {
			return // a TracerProvider that makes none
		}
	}
	o := weft.Origin{Empty: weftEmpty(*ctx)}
	if *ctx != nil {
		o.In = *ctx
	}
	if m := weft.CurrentManual(&o); m != nil {
		*span = &weftSpan{m: m, implicit: true}
	}
}

// weftEmpty reports whether ctx says nothing about where it comes from.
func weftEmpty(ctx context.Context) bool {
	return ctx == nil || ctx == context.Background() || ctx == context.TODO()
}

// weftOrigin says where a span belongs that is started with ctx.
func weftOrigin(ctx context.Context) weft.Origin {
	return weft.Origin{In: ctx, Empty: weftEmpty(ctx), Parent: weftExplicit(ctx, "")}
}

// weftExplicit is the span that the program has put into ctx.
func weftExplicit(ctx weft.Values, class string) (e weft.Explicit) {
	span, _ := ctx.Value(currentSpanKey).(Span)
	switch s := span.(type) {
	case nil:
	case *weftSpan:
		e.Context, e.Manual = s.m.Context(), s.m
		e.Same = class != "" && s.m.Is(class)
	default:
		sc := span.SpanContext()
		if !sc.IsValid() {
			return e
		}
		e.Context, e.Remote = weftContext(sc), sc.IsRemote()
		e.Manual = weft.Known(e.Trace, e.Span)
		if class == "" || e.Manual == nil {
			return e
		}
		if s, ok := span.(interface {
			SpanKind() SpanKind
			Attributes() []attribute.KeyValue
		}); ok && s.SpanKind() == SpanKindClient {
			for _, a := range s.Attributes() {
				if k := string(a.Key); strings.HasPrefix(k, class) && len(k) > len(class) && k[len(class)] == '.' {
					e.Same = true
					break
				}
			}
		}
	}
	return e
}

// weftClass is what a client's span of a tracer is for, as far as its name tells.
func weftClass(tracer string) string {
	for _, c := range [...]struct{ part, class string }{
		{"http", "http"}, {"grpc", "rpc"}, {"connect", "rpc"}, {"twirp", "rpc"},
		{"sql", "db"}, {"redis", "db"}, {"mongo", "db"}, {"gorm", "db"}, {"pgx", "db"},
	} {
		if strings.Contains(tracer, c.part) {
			return c.class
		}
	}
	return ""
}

// A WeftPlace is where a span of an SDK belongs.
type WeftPlace struct {
	place weft.Place
	kind  weft.Kind
	ok    bool
}

// WeftEnter says with which context.Context an SDK is to start a span.
func WeftEnter(ctx context.Context, tracer string, options []SpanStartOption) (context.Context, WeftPlace) {
	if ctx == nil {
		ctx = context.Background()
	}
	c := NewSpanStartConfig(options...)
	p := WeftPlace{kind: weft.Kind(ValidateSpanKind(c.SpanKind()))}
	o := weftOrigin(ctx)
	o.New, o.Class = c.NewRoot(), weftClass(tracer)
	if p.place, p.ok = weft.PlaceOf(&o, p.kind); !p.ok || o.New || !p.place.Implicit {
		return ctx, p
	}
	if _, explicit := ctx.Value(currentSpanKey).(Span); explicit {
		return ctx, p // the program wants no parent
	}
	// A span in ctx without ids keeps SpanFromContext from finding the one that is replaced.
	return ContextWithSpan(ctx, weftParent{nonRecordingSpan{sc: weftSpanContext(p.place.Parent, p.place.Remote)}}), p
}

// weftParent is the parent of a span for which the program has named none.
type weftParent struct{ nonRecordingSpan }

// WeftImplicit reports whether the parent of what is started with ctx is not
// the program's choice.
func WeftImplicit(ctx context.Context) bool {
	switch s := SpanFromContext(ctx).(type) {
	case weftParent:
		return true
	case *weftSpan:
		return s.implicit
	}
	return false
}

// A WeftOpen is a span of an SDK while it lasts. The nil WeftOpen is none.
type WeftOpen struct{ m *weft.Manual }

// WeftStarted makes a span that an SDK has started the goroutine's current one.
func WeftStarted(p *WeftPlace, span Span) *WeftOpen {
	if !p.ok || !span.IsRecording() {
		return nil
	}
	sc := span.SpanContext()
	if !sc.IsSampled() {
		return nil
	}
	if m := weft.StartForeign(&p.place, weftContext(sc), p.kind); m != nil {
		return &WeftOpen{m}
	}
	return nil
}

// End gives the goroutine its former context back.
func (o *WeftOpen) End() {
	if o != nil {
		o.m.End(0)
	}
}
