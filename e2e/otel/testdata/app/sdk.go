package main

import (
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func init() {
	scenarios["otelhttp"] = func() { instrumented(false) }
	scenarios["sdk"] = func() { install(); mixed() }
	scenarios["sdk-otelhttp"] = func() { install(); instrumented(true) }
	scenarios["sdk-otelhttp-alone"] = func() { install(); instrumented(false) }
	scenarios["sdk-sampler"] = func() { install(sdk.WithSampler(sdk.ParentBased(sdk.NeverSample()))); mixed() }
	scenarios["sdk-exporter"] = exporting
	scenarios["sdk-concurrent"] = func() { install(); concurrent() }
}

// mixed has a program's spans and weft's in one another.
func mixed() {
	url, stop := leaf()
	defer stop()
	request(func(w http.ResponseWriter, r *http.Request) {
		ctx, a := tracer.Start(r.Context(), "a")
		get(ctx, http.DefaultClient, url)
		_, b := tracer.Start(ctx, "b")
		done := make(chan struct{})
		go func() {
			defer close(done)
			get(background, http.DefaultClient, url)
			b.End()
		}()
		<-done
		trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("mine", true))
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.Bool("weft's", true))
		a.End()
		_, root := tracer.Start(r.Context(), "root", trace.WithNewRoot())
		root.End()
		get(r.Context(), http.DefaultClient, url)
		fmt.Fprint(w, "ok")
	})
	_, alone := tracer.Start(background, "alone")
	get(background, http.DefaultClient, url)
	alone.End()
	get(background, http.DefaultClient, url)
}

// instrumented uses otelhttp for a server and a client.
func instrumented(propagate bool) {
	if propagate {
		otel.SetTextMapPropagator(propagation.TraceContext{})
	}
	client := &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}
	url, stop := leaf()
	defer stop()
	mux := http.NewServeMux()
	mux.HandleFunc("/path/{id}", func(w http.ResponseWriter, r *http.Request) {
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.Bool("inside", true))
		get(r.Context(), client, url)
		get(r.Context(), http.DefaultClient, url)
		fmt.Fprint(w, "ok")
	})
	front, stopFront := serve(otelhttp.NewHandler(mux, "operation").ServeHTTP)
	defer stopFront()
	fmt.Println(get(background, client, front+"/path/1"))
}

// exporting has an exporter that uses net/http.
func exporting() {
	url, stop := leaf()
	defer stop()
	tp := sdk.NewTracerProvider(sdk.WithSyncer(poster{url}), sdk.WithBatcher(poster{url}))
	otel.SetTracerProvider(tp)
	_, s := tracer.Start(background, "a")
	s.End()
	check(tp.Shutdown(background))
	mp := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(meter{poster{url}})))
	count, err := mp.Meter("app").Int64Counter("count")
	check(err)
	count.Add(background, 1)
	check(mp.Shutdown(background))
	fmt.Println("done")
}

type meter struct{ poster }

func (meter) ForceFlush(context.Context) error { return nil }

func (meter) Temporality(metric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (meter) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}

func (m meter) Export(ctx context.Context, _ *metricdata.ResourceMetrics) error {
	return m.ExportSpans(ctx, nil)
}

type poster struct{ url string }

func (p poster) Shutdown(context.Context) error { return nil }

func (p poster) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	get(ctx, http.DefaultClient, p.url)
	return nil
}
