//go:build weft

// What weft makes of the OpenTelemetry API.
//
// A program that calls otel.Tracer(…).Start and has installed no SDK gets spans
// that weft records. SpanFromContext finds the span that weft has begun for the calling
// goroutine when ctx has none of its own, so that what the program says about "the
// current span" is said of the request's. docs/guide/opentelemetry.md has the rules.
//
//weft:when v>=1.24.0 <2.0.0

package trace

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace/embedded"
	weft "weft/trace"
)

// weftSpan is a span of weft's for users of this package.
type weftSpan struct {
	embedded.Span
	m *weft.Manual
	// implicit: the goroutine's, not one that the program has put into its context.Context.
	implicit bool
	mark     uintptr // see weft.PanicMark
}

var _ Span = (*weftSpan)(nil)

func (s *weftSpan) SpanContext() SpanContext { return weftSpanContext(s.m.Context(), false) }

func (s *weftSpan) IsRecording() bool { return s.m.Recording() }

func (s *weftSpan) SetStatus(code codes.Code, description string) {
	var status weft.Status
	switch code {
	case codes.Ok:
		status = weft.StatusOK
	case codes.Error:
		status = weft.StatusError
	}
	span, unlock := s.m.Lock()
	defer unlock()
	if span != nil {
		span.SetState(status, description)
	}
}

func (s *weftSpan) SetAttributes(kv ...attribute.KeyValue) {
	if len(kv) == 0 || !s.m.Recording() {
		return
	}
	attrs := weftAttrs(kv)
	span, unlock := s.m.Lock()
	defer unlock()
	if span != nil {
		for _, a := range attrs {
			span.Attr(a)
		}
	}
	s.m.Classify(attrs)
}

func (s *weftSpan) SetName(name string) {
	span, unlock := s.m.Lock()
	defer unlock()
	if span != nil {
		span.SetName(name)
	}
}

func (s *weftSpan) AddEvent(name string, options ...EventOption) {
	if !s.m.Recording() {
		return
	}
	c := NewEventConfig(options...)
	s.event(name, c.Timestamp(), c.StackTrace(), weftAttrs(c.Attributes()))
}

func (s *weftSpan) event(name string, at time.Time, stack bool, attrs []weft.Attr) {
	if stack {
		b := make([]byte, 8<<10)
		b = b[:runtime.Stack(b, false)]
		attrs = append(attrs, weft.Attr{Name: "exception.stacktrace", Kind: weft.EntryStr, Str: string(b)})
	}
	span, unlock := s.m.Lock()
	defer unlock()
	if span != nil {
		span.EventWith(name, at.UnixNano(), attrs...)
	}
}

func (s *weftSpan) RecordError(err error, options ...EventOption) {
	if err == nil || !s.m.Recording() {
		return
	}
	c := NewEventConfig(options...)
	attrs := []weft.Attr{
		{Name: "exception.type", Kind: weft.EntryStr, Str: weftTypeOf(err)},
		{Name: "exception.message", Kind: weft.EntryStr, Str: err.Error()},
	}
	s.event("exception", c.Timestamp(), c.StackTrace(), append(attrs, weftAttrs(c.Attributes())...))
}

func (s *weftSpan) AddLink(link Link) {
	if !s.m.Recording() {
		return
	}
	attrs := weftAttrs(link.Attributes)
	span, unlock := s.m.Lock()
	defer unlock()
	if span != nil {
		span.LinkTo(weftContext(link.SpanContext), attrs...)
	}
}

func (s *weftSpan) End(options ...SpanEndOption) {
	var at int64
	stack := false
	if len(options) > 0 {
		c := NewSpanEndConfig(options...)
		stack = c.StackTrace()
		if t := c.Timestamp(); !t.IsZero() {
			at = t.UnixNano()
		}
	}
	if v, panicking := weft.Panicking(s.mark); panicking && !s.m.IsAlias() && s.m.Recording() {
		// As the SDK has it, but nothing is recovered.
		s.event("exception", time.Now(), stack, []weft.Attr{
			{Name: "exception.type", Kind: weft.EntryStr, Str: fmt.Sprintf("%T", v)},
			{Name: "exception.message", Kind: weft.EntryStr, Str: fmt.Sprint(v)},
		})
	}
	s.m.End(at)
}

func (s *weftSpan) TracerProvider() TracerProvider {
	if weftProvider != nil {
		return weftProvider()
	}
	return noopTracerProvider{}
}

// weftProvider returns the global TracerProvider. Package global sets it.
var weftProvider func() TracerProvider

// WeftProvider tells this package where the global TracerProvider is. It is for
// package global, and as everything here whose name begins with Weft it exists in
// woven programs only.
func WeftProvider(f func() TracerProvider) bool {
	weftProvider = f
	return true
}

// weftTypeOf is the type of err as the SDK names it.
func weftTypeOf(err error) string {
	for {
		t := reflect.TypeOf(err)
		if t != reflect.TypeOf(fmt.Errorf("%w", errWeft)) {
			if t.PkgPath() == "" && t.Name() == "" {
				return t.String()
			}
			return t.PkgPath() + "." + t.Name()
		}
		next := errors.Unwrap(err)
		if next == nil {
			return t.String()
		}
		err = next
	}
}

var errWeft = errors.New("")

// weftSpanContext is c as this package has it.
func weftSpanContext(c weft.Context, remote bool) SpanContext {
	if !c.Valid() {
		return SpanContext{}
	}
	var cfg SpanContextConfig
	for i := 0; i < 8; i++ {
		shift := 56 - 8*i
		cfg.TraceID[i], cfg.TraceID[8+i] = byte(c.Trace.Hi>>shift), byte(c.Trace.Lo>>shift)
		cfg.SpanID[i] = byte(c.Span >> shift)
	}
	if c.Sampled {
		cfg.TraceFlags |= FlagsSampled
	}
	if c.Random {
		cfg.TraceFlags |= 2
	}
	if c.State != "" {
		cfg.TraceState, _ = ParseTraceState(c.State)
	}
	cfg.Remote = remote
	return NewSpanContext(cfg)
}

// weftContext is sc as weft has it.
func weftContext(sc SpanContext) weft.Context {
	var c weft.Context
	t, s := sc.TraceID(), sc.SpanID()
	for i := 0; i < 8; i++ {
		c.Trace.Hi, c.Trace.Lo = c.Trace.Hi<<8|uint64(t[i]), c.Trace.Lo<<8|uint64(t[8+i])
		c.Span = c.Span<<8 | uint64(s[i])
	}
	c.Sampled = sc.IsSampled()
	c.Random = sc.TraceFlags()&2 != 0
	c.State = sc.TraceState().String()
	return c
}

// weftAttrs is kv as weft has it.
func weftAttrs(kv []attribute.KeyValue) []weft.Attr {
	if len(kv) == 0 {
		return nil
	}
	list := make([]weft.Attr, 0, len(kv))
	for _, a := range kv {
		name := string(a.Key)
		if name == "" {
			continue
		}
		switch v := a.Value; v.Type() {
		case attribute.BOOL:
			list = append(list, weft.Bool(name, v.AsBool()))
		case attribute.INT64:
			list = append(list, weft.Attr{Name: name, Kind: weft.EntryInt, Num: uint64(v.AsInt64())})
		case attribute.FLOAT64:
			list = append(list, weft.Float(name, v.AsFloat64()))
		case attribute.STRING:
			list = append(list, weft.Attr{Name: name, Kind: weft.EntryStr, Str: v.AsString()})
		case attribute.BOOLSLICE:
			list = append(list, weft.Bools(name, v.AsBoolSlice()))
		case attribute.INT64SLICE:
			list = append(list, weft.Ints(name, v.AsInt64Slice()))
		case attribute.FLOAT64SLICE:
			list = append(list, weft.Floats(name, v.AsFloat64Slice()))
		case attribute.STRINGSLICE:
			list = append(list, weft.Strs(name, v.AsStringSlice()))
		case attribute.INVALID:
		default:
			list = append(list, weft.Attr{Name: name, Kind: weft.EntryStr, Str: v.Emit()})
		}
	}
	return list
}

// WeftStart starts a span that weft records. It returns a nil Span if tracing is
// off.
func WeftStart(ctx context.Context, tracer string, opts []TracerOption, name string, options []SpanStartOption) (context.Context, Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	c := NewSpanStartConfig(options...)
	o := weftOrigin(ctx)
	o.New, o.Class = c.NewRoot(), weftClass(tracer)
	m := weft.StartManual(&o, name, weft.Kind(ValidateSpanKind(c.SpanKind())))
	if m == nil {
		return ctx, nil
	}
	s := &weftSpan{m: m, mark: weft.PanicMark()}
	attrs := weftAttrs(c.Attributes())
	t := NewTracerConfig(opts...)
	func() {
		span, unlock := m.Lock()
		defer unlock()
		if span == nil {
			return
		}
		if at := c.Timestamp(); !at.IsZero() && !m.IsAlias() {
			span.StartedAt(at.UnixNano())
		}
		if tracer != "" {
			span.Attr(weft.Attr{Name: "otel.scope.name", Kind: weft.EntryStr, Str: tracer})
		}
		if v := t.InstrumentationVersion(); v != "" {
			span.Attr(weft.Attr{Name: "otel.scope.version", Kind: weft.EntryStr, Str: v})
		}
		for _, a := range attrs {
			span.Attr(a)
		}
	}()
	m.Classify(attrs)
	for _, l := range c.Links() {
		s.AddLink(l)
	}
	return ContextWithSpan(ctx, s), s
}
