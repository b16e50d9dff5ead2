package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

func init() {
	scenarios["everything"] = everything
	scenarios["current"] = current
	scenarios["below"] = below
	scenarios["elsewhere"] = elsewhere
	scenarios["jobs"] = jobs
	scenarios["pool"] = pool
	scenarios["baggage"] = carry
	scenarios["propagate"] = propagate
	scenarios["noop"] = none
	scenarios["concurrent"] = concurrent
	scenarios["panic"] = panics
}

// everything says everything that can be said of a span.
func everything() {
	other := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	start := time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)
	ctx, s := tracer.Start(background, "first name", trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(start),
		trace.WithAttributes(attribute.Bool("bool", true), attribute.Int("int", 1)),
		trace.WithLinks(trace.Link{SpanContext: other, Attributes: []attribute.KeyValue{attribute.String("of", "link")}}))
	s.SetName("everything")
	s.SetAttributes(attribute.Int("int", -2), attribute.Float64("float", 0.5), attribute.String("string", "grüße"), attribute.String("empty", ""),
		attribute.BoolSlice("bools", []bool{true, false}), attribute.Int64Slice("ints", []int64{3, 4}),
		attribute.Float64Slice("floats", []float64{1.5}), attribute.StringSlice("strings", []string{"a", "b"}))
	s.AddEvent("event", trace.WithTimestamp(start.Add(time.Second)), trace.WithAttributes(attribute.StringSlice("list", []string{"x"})))
	s.RecordError(errors.New("recorded"), trace.WithAttributes(attribute.Bool("again", true)))
	s.RecordError(nil)
	s.SetStatus(codes.Error, "description")
	s.SetStatus(codes.Unset, "")
	expect(s.IsRecording(), "the span does not record")
	expect(!woven || trace.SpanFromContext(ctx) == s, "the span is not in its context")
	expect(s.TracerProvider() == otel.GetTracerProvider(), "the provider is not the global one")
	_, child := s.TracerProvider().Tracer("other").Start(ctx, "child")
	child.SetStatus(codes.Ok, "")
	child.SetStatus(codes.Error, "too late")
	child.End()
	_, root := tracer.Start(ctx, "root", trace.WithNewRoot())
	root.End()
	s.End(trace.WithTimestamp(start.Add(2 * time.Second)))
	s.End()
	s.SetAttributes(attribute.Bool("late", true))
	s.SetName("late")
	expect(!s.IsRecording(), "the span records after its end")
	fmt.Println("done")
}

// current talks of the span that nobody in the program has begun.
func current() {
	expect(!trace.SpanFromContext(background).SpanContext().IsValid(), "there is a span outside of requests")
	request(func(w http.ResponseWriter, r *http.Request) {
		s := trace.SpanFromContext(r.Context())
		expect(s.IsRecording() && s.SpanContext().IsSampled(), "the request's span does not record")
		s.SetAttributes(attribute.String("from", "handler"), attribute.String("url.path", "/changed"))
		s.AddEvent("event", trace.WithAttributes(attribute.Int("n", 1)))
		trace.SpanFromContext(background).SetAttributes(attribute.Bool("background", true))
		sc := trace.SpanContextFromContext(r.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			here := trace.SpanFromContext(r.Context())
			expect(here.SpanContext().Equal(sc), "another goroutine of the request has another span")
			here.RecordError(errors.New("in a goroutine"))
			here.SetStatus(codes.Error, "of the program")
		}()
		<-done
		ctx, own := tracer.Start(r.Context(), "own")
		expect(own.SpanContext().TraceID() == sc.TraceID(), "the program's span is in another trace")
		expect(trace.SpanFromContext(r.Context()).SpanContext().Equal(sc), "the request's span is hidden by the program's")
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.Bool("beside", true))
		trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("mine", true))
		own.End()
		s.SetName("renamed")
		fmt.Fprint(w, "ok")
	})
}

// below has weft's spans below the program's and the program's below weft's.
func below() {
	url, stop := leaf()
	defer stop()
	request(func(w http.ResponseWriter, r *http.Request) {
		ctx, a := tracer.Start(r.Context(), "a")
		get(ctx, http.DefaultClient, url)
		_, b := tracer.Start(ctx, "b", trace.WithSpanKind(trace.SpanKindClient))
		get(background, http.DefaultClient, url) // without the context
		b.End()
		a.End()
		_, c := tracer.Start(r.Context(), "c")
		c.End()
		fmt.Fprint(w, "ok")
	})
}

// elsewhere ends spans on other goroutines, twice, and never.
func elsewhere() {
	url, stop := leaf()
	defer stop()
	request(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"a", "b"} {
			ctx, s := tracer.Start(r.Context(), name)
			done := make(chan struct{})
			go func() {
				defer close(done)
				get(ctx, http.DefaultClient, url)
				_, child := tracer.Start(ctx, "child of "+name)
				child.End()
				s.End()
				s.End()
			}()
			<-done
		}
		get(r.Context(), http.DefaultClient, url)
		tracer.Start(r.Context(), "never")
		fmt.Fprint(w, "ok")
	})
	_, next := tracer.Start(background, "next")
	next.End()
}

// jobs starts spans in a loop and hands each to a goroutine.
func jobs() {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range 3 {
		ctx, s := tracer.Start(background, fmt.Sprintf("job %d", i))
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-gate
			_, child := tracer.Start(ctx, fmt.Sprintf("part of %d", i))
			child.End()
			s.End()
		}()
	}
	close(gate)
	wg.Wait()
	fmt.Println("done")
}

// pool hands contexts to workers by a slice under a lock, which the goroutines'
// own contexts do not follow.
func pool() {
	url, stop := leaf()
	defer stop()
	var mu sync.Mutex
	ready := sync.NewCond(&mu)
	var queue []func()
	for range 2 {
		go func() {
			for {
				mu.Lock()
				for len(queue) == 0 {
					ready.Wait()
				}
				f := queue[0]
				queue = queue[1:]
				mu.Unlock()
				f()
			}
		}()
	}
	for i := range 3 {
		request(func(w http.ResponseWriter, r *http.Request) {
			ctx, s := tracer.Start(r.Context(), fmt.Sprintf("task %d", i))
			var done sync.WaitGroup
			done.Add(1)
			mu.Lock()
			queue = append(queue, func() {
				defer done.Done()
				get(ctx, http.DefaultClient, url)
				_, child := tracer.Start(ctx, fmt.Sprintf("work %d", i))
				get(background, http.DefaultClient, url)
				child.End()
			})
			ready.Signal()
			mu.Unlock()
			done.Wait()
			s.End()
			fmt.Fprint(w, "ok")
		})
	}
}

// carry reads the baggage that came and sends more.
func carry() {
	back, stop := serve(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("Baggage")) })
	defer stop()
	front, stop2 := serve(func(w http.ResponseWriter, r *http.Request) {
		b := baggage.FromContext(r.Context())
		expect(b.Member("user").Value() == "bob", "the baggage that came is %q", b)
		m, err := baggage.NewMember("extra", "1")
		check(err)
		b, err = b.SetMember(m)
		check(err)
		same := get(r.Context(), http.DefaultClient, back)
		expect(same == "user=bob", "what came does not go on: %q", same)
		more := get(baggage.ContextWithBaggage(r.Context(), b), http.DefaultClient, back)
		sent, err := baggage.Parse(more)
		check(err)
		expect(sent.Len() == 2 && sent.Member("extra").Value() == "1", "what was added does not go out: %q", more)
		none := get(baggage.ContextWithoutBaggage(r.Context()), http.DefaultClient, back)
		expect(none == "", "what was taken away goes out: %q", none)
		expect(baggage.FromContext(baggage.ContextWithoutBaggage(r.Context())).Len() == 0, "what was taken away is there")
	})
	defer stop2()
	req, err := http.NewRequest("GET", front, nil)
	check(err)
	req.Header.Set("Baggage", "user=bob")
	resp, err := http.DefaultClient.Do(req)
	check(err)
	resp.Body.Close()
	fmt.Println(resp.Status)
}

// propagate sends contexts in ways of its own.
func propagate() {
	request(func(w http.ResponseWriter, r *http.Request) {
		sc := trace.SpanContextFromContext(r.Context())
		inject := func(ctx context.Context) trace.SpanContext {
			c := propagation.MapCarrier{}
			propagation.TraceContext{}.Inject(ctx, c)
			return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(background, c))
		}
		got := inject(r.Context())
		expect(got.TraceID() == sc.TraceID() && got.SpanID() == sc.SpanID() && got.IsSampled(), "the header says %v, the span is %v", got, sc)
		ctx, s := tracer.Start(r.Context(), "own")
		got = inject(ctx)
		expect(got.SpanID() == s.SpanContext().SpanID(), "the header does not name the program's span")
		s.End()
		remote := trace.ContextWithRemoteSpanContext(background, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3}, TraceFlags: trace.FlagsSampled}))
		_, message := tracer.Start(remote, "message", trace.WithSpanKind(trace.SpanKindConsumer))
		message.End()
		fmt.Fprint(w, "ok")
	})
}

// none installs a provider that makes no spans.
func none() {
	otel.SetTracerProvider(noop.NewTracerProvider())
	request(func(w http.ResponseWriter, r *http.Request) {
		ctx, s := tracer.Start(r.Context(), "own")
		s.SetAttributes(attribute.Bool("own", true))
		trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("own", true))
		s.End()
		fmt.Fprint(w, s.IsRecording())
	})
}

// concurrent uses spans from many goroutines at a time.
func concurrent() {
	var requests sync.WaitGroup
	url, stop := serve(func(w http.ResponseWriter, r *http.Request) {
		ctx, own := tracer.Start(r.Context(), "own")
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Add(1)
			go func() {
				if i%2 == 0 {
					defer wg.Done()
				} else {
					wg.Done() // outlives the request
				}
				for j := range 20 {
					for _, s := range []trace.Span{own, trace.SpanFromContext(r.Context()), trace.SpanFromContext(ctx)} {
						s.SetAttributes(attribute.Int("n", j))
						s.AddEvent("event")
						s.IsRecording()
					}
					_, child := tracer.Start(ctx, "child")
					child.End()
				}
				own.End()
			}()
		}
		wg.Wait()
		own.SetName("own")
	})
	defer stop()
	for range 20 {
		requests.Add(1)
		go func() {
			defer requests.Done()
			get(background, http.DefaultClient, url)
		}()
	}
	requests.Wait()
	fmt.Println("done")
}

// panics has spans end while a panic goes by.
func panics() {
	defer func() { fmt.Println(recover()) }()
	_, s := tracer.Start(background, "panics")
	defer s.End()
	panic("boom")
}
