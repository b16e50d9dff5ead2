package api

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/internal/shop"
	"github.com/weft-trace/weft/server/aggregate"
	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

type jspan struct {
	TraceID, SpanID, ParentSpanID, Name, Service, Kind string
	StartUnixNano                                      string
	OffsetNanos, DurationNanos, ShiftNanos             int64
	Status, Message, TraceState                        string
	Resource, Scope, Depth                             int
	Attributes                                         map[string]any
	Events                                             []struct {
		Name         string
		OffsetNanos  int64
		TimeUnixNano string
		Attributes   map[string]any
	}
	Links    []struct{ TraceID, SpanID string }
	Warnings []string
	Flags    int
}

type jtrace struct {
	TraceID, StartUnixNano, RootService, RootName string
	DurationNanos                                 int64
	SpanCount, ErrorCount                         int
	Services                                      []struct {
		Name                  string
		SpanCount, ErrorCount int
	}
	Spans     []jspan
	Resources []struct {
		Service    string
		Attributes map[string]any
	}
	Scopes []struct{ Name, Version string }
}

func TestTrace(t *testing.T) {
	c := open(t)
	tr := get[jtrace](c, "/traces/"+shop.Buy.String())
	if tr.TraceID != shop.Buy.String() || tr.StartUnixNano != nanos(shop.Epoch) || tr.DurationNanos != 45_200_000 || tr.RootService != "gateway" || tr.RootName != "GET /buy" ||
		tr.SpanCount != 7 || tr.ErrorCount != 2 || len(tr.Services) != 3 || len(tr.Spans) != 7 {
		t.Fatalf("%+v", tr)
	}
	var names []string
	for _, s := range tr.Spans {
		names = append(names, strings.Repeat(">", s.Depth)+s.Name)
		if tr.Resources[s.Resource].Service != s.Service {
			t.Errorf("%s: resource %d is of %s", s.Name, s.Resource, tr.Resources[s.Resource].Service)
		}
	}
	if want := []string{"GET /buy", ">GET", ">>GET /stock/{id}", ">>>SELECT item", ">send mail", ">>mails process", ">price"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	root := tr.Spans[0]
	attrs := map[string]any{"http.request.method": "GET", "http.route": "/buy", "http.response.status_code": 500.0, "user.id": "u-17", "big": "1152921504606846976", "share": 0.25, "cached": true,
		"blob": "AAH/", "sizes": []any{"s", 3.0}, "quote": "\"<b>\"\n世界"}
	if diff := cmp.Diff(attrs, root.Attributes); diff != "" {
		t.Error(diff)
	}
	if root.Kind != "server" || root.Status != "error" || root.Message != "stock is empty" || root.TraceState != "vendor=1" || root.Flags != 0x101 || root.ParentSpanID != "" || tr.Scopes[root.Scope].Version != "1.26" {
		t.Errorf("%+v", root)
	}
	if e := tr.Spans[3].Events[0]; e.Name != "exception" || e.OffsetNanos != 19_000_000 || e.Attributes["exception.type"] != "sql.ErrNoRows" {
		t.Errorf("%+v", e)
	}
	if l := tr.Spans[1].Links[0]; l.TraceID != shop.Short.String() {
		t.Errorf("%+v", l)
	}
}

// A child whose clock is a second ahead says by how much.
func TestTraceSkew(t *testing.T) {
	c := open(t)
	tr := get[jtrace](c, "/traces/"+shop.Skewed.String())
	s := tr.Spans[1]
	if at := s.OffsetNanos + s.ShiftNanos; s.ShiftNanos == 0 || at < 0 || at+s.DurationNanos > tr.DurationNanos || tr.DurationNanos != 10_000_000 {
		t.Errorf("%+v in a trace of %d", s, tr.DurationNanos)
	}
}

func TestTraceForms(t *testing.T) {
	c := open(t)
	path := Root + "/traces/" + shop.Buy.String()
	var want []span.Span
	for _, s := range shop.Spans() {
		if s.TraceID == shop.Buy {
			want = append(want, s)
		}
	}
	ask := func(query, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path+query, nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		return c.do(r)
	}
	byID := func(spans []span.Span) []span.Span {
		slices.SortFunc(spans, func(a, b span.Span) int { return strings.Compare(a.ID.String(), b.ID.String()) })
		return spans
	}
	for _, r := range []struct{ query, accept, form string }{
		{"?format=otlp", "", "pb"}, {"", "application/x-protobuf", "pb"}, {"", "application/protobuf;q=0.9, text/html", "pb"}, {"?format=otlp", "application/json", "pb"},
		{"?format=otlp-json", "", "otlp"}, {"", "application/vnd.opentelemetry.otlp+json, application/json;q=0.5", "otlp"},
		{"", "text/html, */*;q=0.1", "json"}, {"", "application/json", "json"}, {"", "", "json"},
	} {
		w := ask(r.query, r.accept)
		var d otlp.Decoder
		var spans []span.Span
		var err error
		switch r.form {
		case "pb":
			spans, _, _, err = d.Traces(w.Body.Bytes())
		case "otlp":
			spans, _, _, err = d.TracesJSON(w.Body.Bytes())
		default:
			if !strings.HasPrefix(w.Body.String(), `{"traceId"`) {
				t.Errorf("%s %s: %s", r.query, r.accept, clip(w.Body))
			}
			continue
		}
		if diff := cmp.Diff(byID(want), byID(spans)); err != nil || diff != "" {
			t.Errorf("%s %s: %v %s", r.query, r.accept, err, diff)
		}
		if !strings.Contains(w.Header().Get("Content-Disposition"), shop.Buy.String()) {
			t.Errorf("%s: saved as %q", r.query, w.Header().Get("Content-Disposition"))
		}
	}
	if w := ask("", "application/vnd.apache.parquet"); w.Code != 406 {
		t.Errorf("a form that is not there: %d", w.Code)
	}
}

// A trace that the client has is not sent again, until more of it comes in.
func TestTraceETag(t *testing.T) {
	st := shop.Open(t)
	c := &client{t, New(Options{Store: st})}
	ask := func(tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", Root+"/traces/"+shop.Short.String(), nil)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		return c.do(r)
	}
	tag := ask("").Header().Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if w := ask(have); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("%s: %d", have, w.Code)
		}
	}
	late := shop.Spans()[7]
	late.ID, late.Parent = span.ID{1}, late.ID
	if err := st.Write(t.Context(), &store.Batch{Spans: []span.Span{late}}); err != nil {
		t.Fatal(err)
	}
	if w := ask(tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("with a late span: %d, ETag %s", w.Code, w.Header().Get("ETag"))
	}
}

func TestLogs(t *testing.T) {
	c := open(t)
	type logs struct {
		Total int
		Logs  []struct {
			TimeUnixNano, SpanID, Level string
			Severity                    int
			Body                        any
			Attributes                  map[string]any
		}
	}
	got := get[logs](c, "/traces/"+shop.Buy.String()+"/logs")
	if got.Total != 3 || len(got.Logs) != 3 || got.Logs[0].Body != "begin" || got.Logs[1].Body != 3.0 || got.Logs[1].SpanID != "" || got.Logs[2].Attributes["item"] != "7" || got.Logs[2].Level != "ERROR" || got.Logs[2].Severity != 17 {
		t.Errorf("%+v", got)
	}
	if got := get[logs](c, "/traces/"+shop.Buy.String()+"/logs?limit=1"); got.Total != 3 || len(got.Logs) != 1 {
		t.Errorf("%+v", got)
	}
	if got := get[logs](c, "/traces/"+shop.Short.String()+"/logs"); got.Total != 0 || got.Logs == nil {
		t.Errorf("%+v", got)
	}
}

// The segments follow one another from the trace's start to its end.
func TestCriticalPath(t *testing.T) {
	c := open(t)
	got := get[struct {
		DurationNanos int64
		Segments      []struct {
			Name                  string
			FromNanos, UntilNanos int64
			Idle                  bool
		}
		Spans []struct {
			Name  string
			Nanos int64
		}
	}](c, "/traces/"+shop.Buy.String()+"/critical-path")
	at := int64(0)
	for _, s := range got.Segments {
		if s.FromNanos != at || s.UntilNanos <= s.FromNanos {
			t.Errorf("segment %+v after %d", s, at)
		}
		at = s.UntilNanos
	}
	if at != got.DurationNanos || at != 45_200_000 {
		t.Errorf("the path ends at %d of %d", at, got.DurationNanos)
	}
	sums := map[string]int64{}
	for _, s := range got.Spans {
		sums[s.Name] = s.Nanos
	}
	if sums["SELECT item"] != 15_500_000 {
		t.Errorf("%v; want all 15.5 ms of the query", sums)
	}
	c.problem("/traces/"+shop.Missing.String()+"/critical-path", 404)
}

func TestCompare(t *testing.T) {
	c := open(t)
	type comparison struct {
		A, B struct {
			TraceID, RootService, RootName string
			SpanCount, ErrorCount          int
		}
		Matched, Removed, Added int
		Spans                   []struct {
			Name string
			A, B *struct{ SpanID string }
		}
		Operations []struct{ Name string }
	}
	same := get[comparison](c, "/compare?a="+shop.Buy.String()+"&b="+shop.Buy.String())
	if a := same.A; a != same.B || a.RootService != "gateway" || a.RootName != "GET /buy" || a.SpanCount != 7 || a.ErrorCount != 2 {
		t.Errorf("%+v", a)
	}
	if same.Matched != 7 || same.Removed+same.Added != 0 || len(same.Spans) != 7 {
		t.Errorf("%+v", same)
	}
	other := get[comparison](c, "/compare?a="+shop.Buy.String()+"&b="+shop.Short.String())
	if other.Matched != 0 || other.Removed != 7 || other.Added != 1 || other.B.TraceID != shop.Short.String() {
		t.Errorf("%+v", other)
	}
	c.problem("/compare?a="+shop.Buy.String()+"&b="+shop.Missing.String(), 404)
	if p := c.problem("/compare?a="+shop.Buy.String()+"&b=x", 400); p.Parameter != "b" {
		t.Errorf("%+v", p)
	}
}

type jfound struct {
	FromUnixNano, ToUnixNano, Query, Cursor, Why string
	Partial                                      bool
	Traces                                       []struct {
		TraceID, RootService, RootName, StartUnixNano string
		DurationNanos                                 int64
		SpanCount, ErrorCount, Matched                int
		Matches                                       []jspan
	}
	Spans     []jspan
	Resources []struct{ Service string }
}

func (f *jfound) roots() (names []string) {
	for _, t := range f.Traces {
		names = append(names, t.RootName)
	}
	return names
}

func TestSearch(t *testing.T) {
	c := open(t)
	all := []string{"call", "cron", "POST /cart", "GET /health", "GET /buy"}
	for _, s := range []struct {
		params []string
		want   []string
	}{
		{nil, all},
		{[]string{"q", `service = stock`}, []string{"call", "GET /buy"}},
		{[]string{"q", `http.response.status_code = 500 and http.request.method = GET`}, []string{"GET /buy"}}, // within one span
		{[]string{"q", `duration > 1s`}, []string{"cron"}},
		{[]string{"order", "slowest", "limit", "1"}, []string{"cron"}},
		{[]string{"from", "2026-11-22T12:01:00Z", "to", "2026-11-22T12:02:00.001Z"}, []string{"POST /cart", "GET /health"}},
		{[]string{"from", "-9m"}, all[:4]},
		{[]string{"q", `name = nothing`}, nil},
	} {
		got := get[jfound](c, "/search"+q(s.params...))
		if names := got.roots(); !slices.Equal(names, s.want) || got.Cursor != "" && len(s.params) != 4 || got.Partial {
			t.Errorf("%q: %q, want %q; cursor %q", s.params, names, s.want, got.Cursor)
		}
	}
	one := get[jfound](c, "/search"+q("q", "status=error", "matches", "1")).Traces[0]
	if one.TraceID != shop.Buy.String() || one.SpanCount != 7 || one.ErrorCount != 2 || one.Matched != 2 || len(one.Matches) != 1 || one.DurationNanos != 45_200_000 || one.StartUnixNano != nanos(shop.Epoch) {
		t.Errorf("%+v", one)
	}
	spans := get[jfound](c, "/search"+q("by", "spans", "q", "status = error"))
	if len(spans.Spans) != 2 || spans.Spans[0].Name != "SELECT item" || spans.Spans[0].TraceID != shop.Buy.String() || spans.Resources[spans.Spans[0].Resource].Service != "stock" {
		t.Errorf("%+v", spans.Spans)
	}
	if at := spans.Spans[0].Events[0].TimeUnixNano; at != nanos(shop.Epoch.Add(19*time.Millisecond)) {
		t.Errorf("an event of a span on its own at %q", at)
	}
	if got := get[map[string]string](c, "/parse"+q("q", "status=error and  duration>1s")); got["query"] != "status = error and duration > 1s" {
		t.Errorf("%v", got)
	}
}

// All pages together are what one page would be, whatever comes in meanwhile.
func TestSearchPages(t *testing.T) {
	st := shop.Open(t)
	c := &client{t, New(Options{Store: st, Clock: func() time.Time { return shop.Now }})}
	var names []string
	cursor := ""
	for page := 0; ; page++ {
		params := []string{"limit", "2"}
		if cursor != "" {
			params = append(params, "cursor", cursor)
		}
		got := get[jfound](c, "/search"+q(params...))
		names = append(names, got.roots()...)
		late := shop.Spans()[7]
		late.TraceID[0], late.Start = byte(page+1), shop.Now.UnixNano()-1
		if err := st.Write(t.Context(), &store.Batch{Spans: []span.Span{late}}); err != nil {
			t.Fatal(err)
		}
		if cursor = got.Cursor; cursor == "" {
			break
		}
		if page > 5 {
			t.Fatal("no end")
		}
	}
	if want := []string{"call", "cron", "POST /cart", "GET /health", "GET /buy"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if p := c.problem("/search"+q("cursor", "bm90IGEgY3Vyc29y"), 400); p.Parameter != "cursor" {
		t.Errorf("%+v", p)
	}
}

type jpoint struct {
	Count, Errors int
	Rate          float64
	P50, P99, Max int64
	Sum           float64
	N             int
}

type jgroups struct {
	StepNanos     int64
	StartUnixNano string
	Source        string
	By            []string
	Groups        []struct {
		Key    []*string
		Total  jpoint
		Points []jpoint
	}
	Other *struct{ Total jpoint }
}

func TestAggregate(t *testing.T) {
	c := open(t)
	rng := []string{"from", "2026-11-22T12:00:00Z", "to", "2026-11-22T12:10:00Z"}
	got := get[jgroups](c, "/aggregate"+q(append(rng, "by", "http.route", "q", "kind = server", "step", "1m")...))
	counts := map[string]int{}
	for _, g := range got.Groups {
		key := "(absent)"
		if g.Key[0] != nil {
			key = *g.Key[0]
		}
		counts[key] = g.Total.Count
		if len(g.Points) != 10 {
			t.Errorf("%s: %d points", key, len(g.Points))
		}
	}
	if diff := cmp.Diff(map[string]int{"/buy": 1, "/stock/{id}": 1, "/health": 1, "(absent)": 2}, counts); diff != "" {
		t.Error(diff)
	}
	if got.StepNanos != int64(time.Minute) || got.StartUnixNano != nanos(shop.Epoch) || !slices.Equal(got.By, []string{"http.route"}) {
		t.Errorf("%+v", got)
	}
	by := get[jgroups](c, "/aggregate"+q(append(rng, "by", "service,kind", "limit", "1")...))
	if len(by.Groups) != 1 || by.Other == nil || by.Groups[0].Total.Count+by.Other.Total.Count != 13 {
		t.Errorf("%+v", by)
	}
	total := get[jgroups](c, "/aggregate"+q(append(rng, "of", "process.pid")...)).Groups[0].Total
	if total.Count != 13 || total.Errors != 2 || math.Abs(total.Rate-13.0/600) > 1e-9 || total.N != 8 || total.Sum != 8*4711 {
		t.Errorf("%+v", total)
	}
}

func TestHeatMap(t *testing.T) {
	c := open(t)
	got := get[struct {
		StepNanos   int64
		BoundsNanos []int64
		Cells       []struct {
			Column, Row, Count, Errors int
			Exemplars                  []string
		}
	}](c, "/heatmap"+q("from", "2026-11-22T12:00:00Z", "to", "2026-11-22T12:10:00Z", "columns", "10"))
	sum, errors := 0, 0
	for _, cell := range got.Cells {
		sum, errors = sum+cell.Count, errors+cell.Errors
		if cell.Row >= len(got.BoundsNanos)-1 || len(cell.Exemplars) == 0 {
			t.Errorf("%+v of %d rows", cell, len(got.BoundsNanos)-1)
		}
	}
	if sum != 13 || errors != 2 {
		t.Errorf("%d spans, %d errors", sum, errors)
	}
}

func TestDifferences(t *testing.T) {
	st := shop.Empty(t)
	c := &client{t, New(Options{Store: st, Clock: func() time.Time { return shop.Now }})}
	var spans []span.Span
	for i := range 200 {
		s := shop.Spans()[7]
		s.TraceID[0], s.ID[1] = byte(i+1), byte(i+1)
		s.Start = shop.Epoch.UnixNano() + int64(i)*1e9
		pool := "fast"
		if i%10 == 0 {
			s.Duration, pool = 1e9, "slow"
		}
		s.Attrs = append(slices.Clone(s.Attrs), span.Attr{Key: "pool", Value: span.StringValue(pool)})
		spans = append(spans, s)
	}
	if err := st.Write(t.Context(), &store.Batch{Spans: spans}); err != nil {
		t.Fatal(err)
	}
	type differences struct {
		Selected, Rest int
		Keys           []struct {
			Field  string
			Score  float64
			Values []struct {
				Value                    *string
				SelectedShare, RestShare float64
			}
		}
	}
	for _, how := range [][]string{{"selected", "duration > 500ms"}, {"minDuration", "500ms"}} {
		got := get[differences](c, "/differences"+q(how...))
		if got.Selected != 20 || got.Rest != 180 || got.Keys[0].Field != "span.pool" || *got.Keys[0].Values[0].Value != "slow" && *got.Keys[0].Values[0].Value != "fast" {
			t.Errorf("%v: %+v", how, got)
		}
	}
}

func TestKeysAndValues(t *testing.T) {
	c := open(t)
	type keys struct {
		Keys []struct {
			Field, Scope, Type string
			Spans              int
		}
	}
	got := get[keys](c, "/keys?limit=1000")
	seen := map[string]string{}
	for _, k := range got.Keys {
		seen[k.Field] = k.Scope + " " + k.Type
	}
	for field, want := range map[string]string{"span.http.route": "span string", "span.http.response.status_code": "span int", "resource.host.name": "resource string", "event.exception.type": "event string"} {
		if seen[field] != want {
			t.Errorf("%s: %q, want %q; there are %v", field, seen[field], want, seen)
		}
	}
	if got := get[keys](c, "/keys?prefix=http.res"); len(got.Keys) != 1 {
		t.Errorf("%+v", got)
	}
	type values struct {
		Field  string
		Values []struct {
			Value, Type string
			Spans       int
		}
		More bool
	}
	v := get[values](c, "/values?field=http.route&prefix=/")
	if v.Field != "http.route" || len(v.Values) != 3 || v.Values[0].Type != "string" {
		t.Errorf("%+v", v)
	}
	if v := get[values](c, "/values?field=service&limit=2"); len(v.Values) != 2 || !v.More || v.Values[0].Value != "gateway" {
		t.Errorf("%+v", v)
	}
}

type jcalls struct {
	Count, Errors   int
	Rate            float64
	P50, P99, Max   int64
	Slowest, Failed string
}

func TestServices(t *testing.T) {
	c := open(t)
	type services struct {
		StepNanos int64
		Services  []struct {
			Name, Of    string
			Now, Before jcalls
			Spans       int
			Points      []struct {
				StartUnixNano string
				Values        jcalls
			}
		}
	}
	got := get[services](c, "/services?from=2026-11-22T12:00:00Z&to=2026-11-22T12:10:00Z&step=1m")
	byName := map[string]int{}
	for i, s := range got.Services {
		byName[s.Name] = i
	}
	gateway := got.Services[byName["gateway"]]
	if gateway.Of != "requests" || gateway.Now.Count != 3 || gateway.Now.Errors != 1 || gateway.Spans != 8 || gateway.Before.Count != 0 || gateway.Now.Failed != shop.Buy.String() || gateway.Now.Max != 45_200_000 || len(gateway.Points) != 3 {
		t.Errorf("%+v", gateway)
	}
	if nobody := got.Services[byName[""]]; nobody.Of != "spans" || nobody.Now.Count != 1 || len(nobody.Points) != 1 {
		t.Errorf("what has no requests is judged by its spans: %+v", nobody)
	}
	// Points that two kinds share are added up, and leave those of the other sum alone.
	sum := 0
	for _, s := range got.Services {
		for _, p := range s.Points {
			sum += p.Values.Count
		}
	}
	if sum != 3+1+2+1 {
		t.Errorf("%d calls in all points; want 3 requests to gateway, 1 to mailer, 2 to stock, and 1 span of what has no name", sum)
	}
	later := get[services](c, "/services?from=2026-11-22T12:10:00Z&to=2026-11-22T12:20:00Z")
	for _, s := range later.Services {
		if s.Now.Count != 0 || s.Before.Count == 0 {
			t.Errorf("ten minutes later: %+v", s)
		}
	}
	if len(later.Services) != 4 {
		t.Errorf("%d services", len(later.Services))
	}
	type operations struct {
		Operations []struct {
			Name, Kind string
			Now        jcalls
		}
	}
	ops := get[operations](c, "/operations?service=stock&kind=server&from=2026-11-22T12:00:00Z&to=2026-11-22T12:10:00Z").Operations
	if len(ops) != 2 || ops[0].Name != "GET /stock/{id}" || ops[0].Now.Count != 1 || ops[1].Name != "serve" {
		t.Errorf("%+v", ops)
	}
}

func TestSeries(t *testing.T) {
	c := open(t)
	type series struct {
		StepNanos int64
		Series    []struct {
			Service, Operation, Kind string
			Total                    jcalls
			Points                   []struct {
				StartUnixNano string
				Values        jcalls
			}
		}
		More bool
	}
	rng := "from=2026-11-22T12:00:00Z&to=2026-11-22T12:10:00Z"
	got := get[series](c, "/series?by=service&by=kind&step=1m&service=gateway&kind=server&"+rng)
	if len(got.Series) != 1 || got.Series[0].Service != "gateway" || got.Series[0].Kind != "server" || got.Series[0].Operation != "" || got.Series[0].Total.Count != 3 || len(got.Series[0].Points) != 3 || got.StepNanos != int64(time.Minute) {
		t.Errorf("%+v", got)
	}
	all := get[series](c, "/series?"+rng)
	if len(all.Series) != 1 || all.Series[0].Total.Count != 13 || all.StepNanos != int64(10*time.Second) {
		t.Errorf("%+v", all)
	}
	if got := get[series](c, "/series?by=operation&limit=2&"+rng); len(got.Series) != 2 || !got.More {
		t.Errorf("%+v", got)
	}
}

func TestGraph(t *testing.T) {
	c := open(t)
	type graph struct {
		Nodes []struct{ Name, Type, System string }
		Edges []struct {
			Client, Server, ServerType, Connection, System string
			Calls                                          jcalls
		}
	}
	got := get[graph](c, "/graph?from=2026-11-22T12:00:00Z&to=2026-11-22T12:10:00Z")
	edges := map[string]int{}
	for _, e := range got.Edges {
		edges[e.Client+"→"+e.Server+" "+e.ServerType] += e.Calls.Count
		for _, name := range []string{e.Client, e.Server} {
			if !slices.ContainsFunc(got.Nodes, func(n struct{ Name, Type, System string }) bool { return n.Name == name }) {
				t.Errorf("%s is no node", name)
			}
		}
	}
	if edges["gateway→stock service"] != 2 || edges["stock→shop database"] != 1 {
		t.Errorf("%v", edges)
	}
	if one := get[graph](c, "/graph?service=stock&from=2026-11-22T12:00:00Z&to=2026-11-22T12:10:00Z"); len(one.Edges) == 0 || len(one.Edges) >= len(got.Edges) {
		t.Errorf("around stock %d of %d edges", len(one.Edges), len(got.Edges))
	}
}

func TestMetrics(t *testing.T) {
	st := shop.Empty(t)
	c := &client{t, New(Options{Store: st, Clock: func() time.Time { return shop.Now }})}
	r := &span.Resource{Service: "shop", Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue("shop")}}}
	base := aggregate.Point{Unit: "1", Resource: r, Scope: &span.Scope{Name: "m"}, Time: shop.Epoch.UnixNano(), Start: shop.Epoch.UnixNano() - 1e9}
	points := []aggregate.Point{base, base, base, base, base}
	points[0].Name, points[0].Kind, points[0].Value = "queue.length", aggregate.Gauge, span.IntValue(7)
	points[0].Attrs = []span.Attr{{Key: "queue", Value: span.StringValue("mails")}}
	points[1].Name, points[1].Kind, points[1].Value, points[1].Monotonic, points[1].Temporality = "bytes", aggregate.Sum, span.FloatValue(1.5), true, aggregate.Cumulative
	points[2].Name, points[2].Kind, points[2].Count, points[2].Sum, points[2].HasSum, points[2].Bounds, points[2].Counts = "h", aggregate.HistogramPoint, 3, 6, true, []float64{1, math.Inf(1)}, []uint64{1, 2, 0}
	points[3].Name, points[3].Kind, points[3].Count, points[3].Scale, points[3].Positive = "e", aggregate.ExponentialPoint, 2, 3, aggregate.Buckets{Offset: -1, Counts: []uint64{1, 1}}
	points[4].Name, points[4].Kind, points[4].Count, points[4].Quantiles = "s", aggregate.Summary, 2, []aggregate.Quantile{{Quantile: 0.5, Value: 1}}
	if err := st.Write(t.Context(), &store.Batch{Points: points}); err != nil {
		t.Fatal(err)
	}
	list := get[struct {
		Metrics []struct {
			Name, Kind string
			Series     int
		}
	}](c, "/metrics").Metrics
	if len(list) != 5 || list[3].Name != "queue.length" || list[3].Kind != "gauge" || list[3].Series != 1 {
		t.Errorf("%+v", list)
	}
	type line struct {
		Series []struct {
			Kind       string
			Attributes map[string]any
			Points     []map[string]any
		}
		Resources []struct{ Service string }
	}
	if got := get[line](c, "/metrics/points?name=queue.length&service=shop&attribute=queue%3Dmails"); len(got.Series) != 1 || got.Series[0].Points[0]["value"] != 7.0 || got.Series[0].Attributes["queue"] != "mails" || got.Resources[0].Service != "shop" {
		t.Errorf("%+v", got)
	}
	if got := get[line](c, "/metrics/points?name=queue.length&service=other"); len(got.Series) != 0 {
		t.Errorf("%+v", got)
	}
	for name, member := range map[string]string{"bytes": "value", "h": "bounds", "e": "positiveCounts", "s": "quantiles"} {
		if got := get[line](c, "/metrics/points?name="+name); len(got.Series) != 1 || got.Series[0].Points[0][member] == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWaits(t *testing.T) {
	st := shop.Empty(t)
	c := &client{t, New(Options{Store: st, Clock: func() time.Time { return shop.Now }})}
	s := shop.Spans()[0]
	s.Attrs = append(slices.Clone(s.Attrs), span.Attr{Key: "weft.time.running", Value: span.IntValue(1000)}, span.Attr{Key: "weft.wait.mutex", Value: span.IntValue(5000)})
	if err := st.Write(t.Context(), &store.Batch{Spans: []span.Span{s, shop.Spans()[7]}}); err != nil {
		t.Fatal(err)
	}
	got := get[struct {
		Routes []struct {
			Service, Route string
			Spans          int
			RunningNanos   int64
			Waits          []struct {
				Reason string
				Nanos  int64
			}
		}
	}](c, "/waits")
	if len(got.Routes) != 1 || got.Routes[0].Route != "/buy" || got.Routes[0].Waits[0].Reason != "mutex" || got.Routes[0].Waits[0].Nanos != 5000 || got.Routes[0].RunningNanos != 1000 {
		t.Errorf("%+v", got)
	}
}

func TestStats(t *testing.T) {
	c := open(t)
	got := get[struct {
		Version                        string
		Spans, StoredSpans, Duplicates int
		Partitions                     []struct{ Name string }
	}](c, "/stats")
	if got.Version != "test" || got.Spans != 13 || got.StoredSpans != 13 || len(got.Partitions) != 1 {
		t.Errorf("%+v", got)
	}
}

// What is exported can be read again.
func TestExport(t *testing.T) {
	c := open(t)
	w := c.do(httptest.NewRequest("GET", Root+"/export?format=otlp-json"+"&q=service+%3D+stock", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Disposition"), `attachment; filename="weft-20261122-121000.`) {
		t.Errorf("%d, %q", w.Code, w.Header().Get("Content-Disposition"))
	}
	n := 0
	for line := range bytes.Lines(w.Body.Bytes()) {
		var d otlp.Decoder
		spans, _, _, err := d.TracesJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		n += len(spans)
	}
	if n != 3 {
		t.Errorf("%d spans of stock", n)
	}
	for _, format := range []string{"otlp", "parquet"} {
		if w := c.do(httptest.NewRequest("GET", Root+"/export?format="+format, nil)); w.Code != 200 || w.Body.Len() < 100 {
			t.Errorf("%s: %d, %d bytes", format, w.Code, w.Body.Len())
		}
	}
}

// A backup of the store while it runs is a store.
func TestBackup(t *testing.T) {
	c := open(t)
	w := c.do(httptest.NewRequest("GET", Root+"/backup", nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-tar" || w.Header().Get("Content-Disposition") != `attachment; filename="weft-20261122-121000.tar"` {
		t.Fatalf("%d, %v", w.Code, w.Header())
	}
	dir := t.TempDir() + "/copy"
	if err := store.Restore(t.Context(), w.Body, dir); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(store.Options{Dir: dir, Clock: func() time.Time { return shop.Now }})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if got := get[jtrace](&client{t, New(Options{Store: st})}, "/traces/"+shop.Buy.String()); len(got.Spans) != 7 {
		t.Errorf("%d spans", len(got.Spans))
	}
}

// A hostile trace comes out as JSON.
func TestHostile(t *testing.T) {
	st := shop.Empty(t)
	c := &client{t, New(Options{Store: st, Clock: func() time.Time { return shop.Now }})}
	s := shop.Spans()[0]
	evil := "</script>\u2028\x00\xff\"\\{[,"
	s.Name, s.Message, s.State = evil, evil, evil
	s.Resource = &span.Resource{Service: evil, Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue(evil)}}}
	s.Attrs = []span.Attr{{Key: evil, Value: span.StringValue(evil)}, {Key: "n", Value: span.FloatValue(math.NaN())}, {Key: "i", Value: span.FloatValue(math.Inf(-1))}, {Key: "twice", Value: span.IntValue(1)}, {Key: "twice", Value: span.IntValue(2)}, {}}
	s.Duration = math.MaxInt64 - s.Start
	if err := st.Write(t.Context(), &store.Batch{Spans: []span.Span{s}}); err != nil {
		t.Fatal(err)
	}
	tr := get[jtrace](c, "/traces/"+shop.Buy.String())
	if a := tr.Spans[0].Attributes; a["n"] != "NaN" || a["i"] != "-Infinity" || a["twice"] != 1.0 {
		t.Errorf("%v", a)
	}
	for _, path := range []string{"/search", "/search?by=spans", "/aggregate?by=name,service,twice&step=1m", "/heatmap", "/keys", "/values?field=name", "/services?step=1m", "/series?by=operation&by=service", "/graph", "/differences?selected=name%3Dx", "/traces/" + shop.Buy.String() + "/critical-path", "/compare?a=" + shop.Buy.String() + "&b=" + shop.Buy.String()} {
		get[map[string]any](c, path)
	}
}

// What a trace says of itself is what a list of traces says of it.
func TestSumUp(t *testing.T) {
	for _, spans := range [][]span.Span{shop.Spans()[:7], shop.Spans()[2:7], shop.Spans()[10:11], shop.Large(500)} {
		want := query.Summarize(spans)
		root, errors, services := sumUp(analysis.Build(spans))
		if diff := cmp.Diff(want.Services, services); diff != "" || errors != want.Errors || root.Name != want.RootName || root.Service() != want.RootService {
			t.Errorf("root %s of %s, %d errors, want %+v: %s", root.Name, root.Service(), errors, want, diff)
		}
	}
}

// Large traces are written piece by piece, and are JSON all the same.
func TestLargeTrace(t *testing.T) {
	spans := shop.Large(5000)
	rec := &pieces{}
	if err := appendTrace(rec, spans); err != nil {
		t.Fatal(err)
	}
	var tr jtrace
	if err := json.Unmarshal(rec.b, &tr); err != nil || len(tr.Spans) != 5000 || rec.n < 10 {
		t.Errorf("%d spans in %d pieces, %v", len(tr.Spans), rec.n, err)
	}
}

type pieces struct {
	b []byte
	n int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.n++
	p.b = append(p.b, b...)
	return len(b), nil
}

// A client that goes away, and one whose query takes too long.
func TestTimeout(t *testing.T) {
	h := New(Options{Store: shop.Open(t), Timeout: time.Nanosecond})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", Root+"/search", nil))
	if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "narrow") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

func BenchmarkTrace(b *testing.B) {
	spans := shop.Large(100_000)
	b.ReportAllocs()
	for b.Loop() {
		p := &counting{}
		if err := appendTrace(p, spans); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(p.n)
	}
}

type counting struct{ n int64 }

func (c *counting) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
