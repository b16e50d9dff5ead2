package jaeger

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// What Jaeger's UI shows on its page "Monitor": defaults of its API.
const (
	metricsLookback = time.Hour
	metricsStep     = 5 * time.Second
	metricsRate     = 10 * time.Minute
	maxPoints       = 11_000
)

// fine is the smallest step that the store has.
var fine = aggregate.Levels[0].Step

func (h *handler) minStep(ctx context.Context, r *http.Request) ([]byte, error) {
	return list(fine.Milliseconds(), 0)
}

// metrics answers with latencies (milliseconds at a quantile), calls (per
// second) or errors (the share of the calls) over time, each point that of the
// time ratePer before it.
func (h *handler) metrics(ctx context.Context, r *http.Request) ([]byte, error) {
	q := r.URL.Query()
	metric := r.PathValue("metric")
	quantile := 0.0
	var name, help string
	switch metric {
	case "latencies":
		var err error
		if quantile, err = strconv.ParseFloat(q.Get("quantile"), 64); err != nil || !(quantile >= 0 && quantile <= 1) {
			return nil, fail(http.StatusBadRequest, "unable to parse param 'quantile': %q; want a number from 0 to 1", q.Get("quantile"))
		}
		name, help = "latencies", fmt.Sprintf("%gth quantile latency", quantile)
	case "calls":
		name, help = "call_rate", "calls/sec"
	case "errors":
		name, help = "error_rate", "error rate, computed as a fraction of errors/sec over calls/sec"
	default:
		return nil, fail(http.StatusNotFound, "no metric %q; there are latencies, calls and errors", metric)
	}
	services := serviceParams(q["service"])
	if len(services) == 0 {
		return nil, fail(http.StatusBadRequest, "unable to parse param 'service': please provide at least one service name")
	}
	sel := aggregate.Selection{By: aggregate.ByService}
	for _, s := range services {
		if s == unnamed {
			sel.Services = append(sel.Services, "")
		}
		sel.Services = append(sel.Services, s)
	}
	name, help = "service_"+name, help+", grouped by service"
	if v := q.Get("groupByOperation"); v != "" {
		group, err := strconv.ParseBool(v)
		if err != nil {
			return nil, fail(http.StatusBadRequest, "unable to parse param 'groupByOperation': %q; want true or false", v)
		}
		if group {
			sel.By |= aggregate.ByOperation
			name, help = strings.Replace(name, "service_", "service_operation_", 1), help+" & operation"
		}
	}
	for _, k := range q["spanKind"] {
		kind, ok := span.ParseKind(strings.ToLower(k))
		if !ok {
			return nil, fail(http.StatusBadRequest, "unable to parse param 'spanKind': unsupported span kind: '%s'", k)
		}
		sel.Kinds = append(sel.Kinds, kind)
	}
	if len(sel.Kinds) == 0 {
		sel.Kinds = []span.Kind{span.KindServer}
	}
	var times [4]int64
	for i, t := range []struct {
		name string
		def  int64
	}{{"endTs", h.Clock().UnixMilli()}, {"lookback", metricsLookback.Milliseconds()}, {"step", metricsStep.Milliseconds()}, {"ratePer", metricsRate.Milliseconds()}} {
		var err error
		if times[i], err = millis(q.Get(t.name), t.def, t.name); err != nil {
			return nil, err
		}
		times[i] *= int64(time.Millisecond)
	}
	end, lookback, step, per := times[0], times[1], roundUp(times[2]), roundUp(times[3])
	if lookback/step > maxPoints {
		return nil, fail(http.StatusBadRequest, "a step of %v makes %d points of the lookback; at most %d", time.Duration(step), lookback/step, maxPoints)
	}
	// The windows of the points overlap, so they are put together from what the
	// largest step that fits in both counted.
	unit := gcd(step, per)
	sel.Step = time.Duration(unit)
	sel.From, sel.To = end-lookback-per, end
	lines, err := h.Store.Series(ctx, sel)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(lines, func(a, b aggregate.Line) int {
		if c := strings.Compare(a.Service, b.Service); c != 0 {
			return c
		}
		return strings.Compare(a.Operation, b.Operation)
	})
	b := []byte(`{"name":`)
	b = reply.AppendString(b, name)
	b = append(b, `,"type":"GAUGE","help":`...)
	b = reply.AppendString(b, help)
	b = append(b, `,"metrics":[`...)
	for i := range lines {
		l := &lines[i]
		b = append(reply.Comma(b), `{"labels":[`...)
		if sel.By&aggregate.ByOperation != 0 {
			b = append(appendLabel(b, "operation", l.Operation), ',')
		}
		service := l.Service
		if service == "" {
			service = unnamed
		}
		b = appendLabel(b, "service_name", service)
		b = append(b, `],"metricPoints":[`...)
		first := end - lookback
		first += (step - first%step) % step
		for t := first; t <= end; t += step {
			if v, ok := value(window(l.Buckets, t-per, t), metric, quantile, per); ok {
				b = append(reply.Comma(b), `{"gaugeValue":{"doubleValue":`...)
				b = reply.AppendFloat(b, v)
				b = append(b, `},"timestamp":"`...)
				b = time.Unix(0, t).UTC().AppendFormat(b, time.RFC3339Nano)
				b = append(b, `"}`...)
			}
		}
		b = append(b, "]}"...)
	}
	return append(b, "]}"...), nil
}

// serviceParams reads the services: Jaeger's UI joins several as
// service=a,service=b.
func serviceParams(values []string) (services []string) {
	for _, v := range values {
		for i, s := range strings.Split(v, ",service=") {
			if s != "" || i > 0 {
				services = append(services, s)
			}
		}
	}
	return services
}

func roundUp(step int64) int64 {
	f := int64(fine)
	return max((step+f-1)/f*f, f)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// window puts together what began in [from, to).
func window(list []aggregate.Bucket, from, to int64) *aggregate.Cell {
	i, _ := slices.BinarySearchFunc(list, from, func(b aggregate.Bucket, t int64) int {
		if b.Time < t {
			return -1
		}
		return 1
	})
	c := &aggregate.Cell{}
	for ; i < len(list) && list[i].Time < to; i++ {
		c.Merge(&list[i].Cell)
	}
	return c
}

func value(c *aggregate.Cell, metric string, quantile float64, per int64) (float64, bool) {
	n := c.Count()
	switch {
	case metric == "calls":
		return float64(n) / (float64(per) / 1e9), true
	case n == 0:
		return 0, false
	case metric == "errors":
		return float64(c.Errors) / float64(n), true
	}
	return float64(c.Durations.Quantile(quantile)) / 1e6, true
}

func appendLabel(b []byte, name, value string) []byte {
	b = append(b, `{"name":`...)
	b = reply.AppendString(b, name)
	b = append(b, `,"value":`...)
	return append(reply.AppendString(b, value), '}')
}
