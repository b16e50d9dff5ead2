package jaeger

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/internal/shop"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
)

// What Jaeger's clients read of an answer. Members that they do not know are
// an error here: a misspelt one would be one.
type (
	envelope[T any] struct {
		Data   T         `json:"data"`
		Total  int       `json:"total"`
		Limit  int       `json:"limit"`
		Offset int       `json:"offset"`
		Errors []problem `json:"errors"`
	}
	problem struct {
		Code    int    `json:"code"`
		Msg     string `json:"msg"`
		TraceID string `json:"traceID"`
	}
	trace struct {
		TraceID   string             `json:"traceID"`
		Spans     []jspan            `json:"spans"`
		Processes map[string]process `json:"processes"`
		Warnings  []string           `json:"warnings"`
	}
	jspan struct {
		TraceID       string      `json:"traceID"`
		SpanID        string      `json:"spanID"`
		Flags         uint32      `json:"flags"`
		OperationName string      `json:"operationName"`
		References    []reference `json:"references"`
		StartTime     int64       `json:"startTime"`
		Duration      int64       `json:"duration"`
		Tags          []jtag      `json:"tags"`
		Logs          []jlog      `json:"logs"`
		ProcessID     string      `json:"processID"`
		Warnings      []string    `json:"warnings"`
	}
	reference struct {
		RefType string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	}
	process struct {
		ServiceName string `json:"serviceName"`
		Tags        []jtag `json:"tags"`
	}
	jlog struct {
		Timestamp int64  `json:"timestamp"`
		Fields    []jtag `json:"fields"`
	}
	jtag struct {
		Key   string `json:"key"`
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
)

// get asks h for a path and decodes the answer strictly.
func get[T any](t *testing.T, h http.Handler, path string, status int) (v T) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return decode[T](t, path, w, status)
}

func decode[T any](t *testing.T, path string, w *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("%s: status %d, want %d: %s", path, w.Code, status, w.Body)
	}
	if typ := w.Header().Get("Content-Type"); typ != "application/json" {
		t.Errorf("%s: Content-Type %q", path, typ)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

func handle(t *testing.T) http.Handler {
	return New(Options{Store: shop.Open(t), Clock: func() time.Time { return shop.Now }})
}

func TestServices(t *testing.T) {
	h := handle(t)
	want := []string{"gateway", "mailer", "stock", unnamed}
	if got := get[envelope[[]string]](t, h, "/api/services", 200); !slices.Equal(got.Data, want) || got.Total != 4 || got.Errors != nil {
		t.Errorf("/api/services: %+v", got)
	}
	if got := get[map[string][]string](t, h, "/api/v3/services", 200); !slices.Equal(got["services"], want) {
		t.Errorf("/api/v3/services: %v", got)
	}
	empty := New(Options{Store: shop.Empty(t)})
	if got := get[envelope[[]string]](t, empty, "/api/services", 200); got.Data == nil || len(got.Data) != 0 {
		t.Errorf("without spans /api/services has data %v; want an empty list", got.Data)
	}
	if got := get[map[string][]string](t, empty, "/api/v3/services", 200); got["services"] == nil || len(got["services"]) != 0 {
		t.Errorf("without spans /api/v3/services has %v; want an empty list", got)
	}
}

func TestOperations(t *testing.T) {
	h := handle(t)
	if got := get[envelope[[]string]](t, h, "/api/services/stock/operations", 200); !slices.Equal(got.Data, []string{"GET /stock/{id}", "SELECT item", "serve"}) {
		t.Errorf("of stock: %v", got.Data)
	}
	if got := get[envelope[[]string]](t, h, "/api/services/"+unnamed+"/operations", 200); !slices.Equal(got.Data, []string{"cron"}) {
		t.Errorf("of what has no name: %v", got.Data)
	}
	if got := get[envelope[[]string]](t, h, "/api/services/a%2Fb%20c/operations", 200); got.Data == nil || len(got.Data) != 0 {
		t.Errorf("of a service that is not there: %v; want an empty list", got.Data)
	}
	if got := get[envelope[[]operation]](t, h, "/api/operations?service=stock&spanKind=server", 200); !slices.Equal(got.Data, []operation{{"GET /stock/{id}", "server"}, {"serve", "server"}}) {
		t.Errorf("of kind server: %v", got.Data)
	}
	if got := get[map[string][]operation](t, h, "/api/v3/operations?service=stock", 200); !slices.Equal(got["operations"], []operation{{"GET /stock/{id}", "server"}, {"SELECT item", "client"}, {"serve", "server"}}) {
		t.Errorf("v3: %v", got)
	}
	if got := get[envelope[any]](t, h, "/api/operations", 400); got.Errors[0].Msg != "parameter 'service' is required" {
		t.Errorf("without a service: %v", got.Errors)
	}
}

// One trace with everything in it, member by member as Jaeger writes it.
func TestTrace(t *testing.T) {
	h := handle(t)
	got := get[envelope[[]trace]](t, h, "/api/traces/"+shop.Buy.String(), 200)
	if len(got.Data) != 1 || got.Errors != nil {
		t.Fatalf("%+v", got)
	}
	tr := got.Data[0]
	if tr.TraceID != shop.Buy.String() || len(tr.Spans) != 7 || tr.Warnings != nil {
		t.Fatalf("trace %s of %d spans, warnings %v", tr.TraceID, len(tr.Spans), tr.Warnings)
	}
	wantProcesses := map[string][]jtag{
		"gateway": {{"host.name", "string", "web-1"}, {"process.pid", "int64", json.Number("4711")}},
		"stock":   {{"host.name", "string", "db-1"}},
		"mailer":  {},
	}
	if len(tr.Processes) != len(wantProcesses) {
		t.Errorf("%d processes: %v", len(tr.Processes), tr.Processes)
	}
	for id, p := range tr.Processes {
		if !strings.HasPrefix(id, "p") {
			t.Errorf("process %q", id)
		}
		if diff := cmp.Diff(wantProcesses[p.ServiceName], p.Tags); diff != "" {
			t.Errorf("process %s: %s", p.ServiceName, diff)
		}
	}
	byName := map[string]jspan{}
	for _, s := range tr.Spans {
		byName[s.OperationName] = s
		if p := tr.Processes[s.ProcessID]; p.ServiceName == "" {
			t.Errorf("%s: process %q is not there", s.OperationName, s.ProcessID)
		}
		if s.TraceID != tr.TraceID || s.References == nil || s.Tags == nil || s.Logs == nil {
			t.Errorf("%s: trace %s, references %v, tags %v, logs %v; want lists, not null", s.OperationName, s.TraceID, s.References, s.Tags, s.Logs)
		}
	}
	epoch := shop.Epoch.UnixMicro()
	root := jspan{
		TraceID: tr.TraceID, SpanID: "ab00000000000001", Flags: 1, OperationName: "GET /buy", References: []reference{}, StartTime: epoch, Duration: 45200,
		Tags: []jtag{
			{"otel.scope.name", "string", "net/http"}, {"otel.library.name", "string", "net/http"}, {"otel.scope.version", "string", "1.26"}, {"otel.library.version", "string", "1.26"},
			{"http.request.method", "string", "GET"}, {"http.route", "string", "/buy"}, {"http.response.status_code", "int64", json.Number("500")}, {"user.id", "string", "u-17"},
			{"big", "int64", "1152921504606846976"}, {"share", "float64", json.Number("0.25")}, {"cached", "bool", true}, {"blob", "binary", "AAH/"},
			{"sizes", "string", `["s",3]`}, {"quote", "string", "\"<b>\"\n世界"},
			{"span.kind", "string", "server"}, {"otel.status_code", "string", "ERROR"}, {"error", "bool", true}, {"otel.status_description", "string", "stock is empty"}, {"w3c.tracestate", "string", "vendor=1"},
		},
		Logs: []jlog{}, ProcessID: byName["GET /buy"].ProcessID, Warnings: []string{"the program dropped 2 attributes of this span"},
	}
	if diff := cmp.Diff(root, byName["GET /buy"]); diff != "" {
		t.Errorf("the root: %s", diff)
	}
	if diff := cmp.Diff([]reference{{"CHILD_OF", tr.TraceID, "ab00000000000001"}, {"FOLLOWS_FROM", "8448eb211c80319c", "ab00000000000009"}}, byName["GET"].References); diff != "" {
		t.Errorf("references of the client: %s", diff)
	}
	if diff := cmp.Diff([]jlog{{epoch + 19000, []jtag{{"event", "string", "exception"}, {"exception.type", "string", "sql.ErrNoRows"}, {"exception.message", "string", "no rows in result set"}}}}, byName["SELECT item"].Logs); diff != "" {
		t.Errorf("logs of the query: %s", diff)
	}
	if ok := byName["GET /stock/{id}"]; !slices.Contains(ok.Tags, jtag{"otel.status_code", "string", "OK"}) || slices.ContainsFunc(ok.Tags, func(g jtag) bool { return g.Key == "error" }) {
		t.Errorf("tags of a span that is well: %v", ok.Tags)
	}
	if p := byName["price"]; p.Duration != 0 || p.StartTime != epoch+40000 {
		t.Errorf("800 ns are %d µs from %d", p.Duration, p.StartTime)
	}
}

// A 64-bit id has 16 digits, as Jaeger writes it, and is found with and without
// leading zeros. What is not there is 404: Grafana takes the first of an empty list.
func TestTraceIDs(t *testing.T) {
	h := handle(t)
	for _, id := range []string{"8448eb211c80319c", "00000000000000008448EB211C80319C"} {
		if got := get[envelope[[]trace]](t, h, "/api/traces/"+id+"?start=1&end=2", 200); got.Data[0].TraceID != "8448eb211c80319c" || len(got.Data[0].Spans) != 1 {
			t.Errorf("%s: %+v", id, got.Data)
		}
	}
	if got := get[envelope[any]](t, h, "/api/traces/"+shop.Missing.String(), 404); got.Data != nil || got.Errors[0] != (problem{Code: 404, Msg: "trace not found"}) {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"xyz", "0", "00000000000000000000000000000000", "4bf92f3577b34da6a3ce929d0e0e47360", "..%2f..%2fetc"} {
		if got := get[envelope[any]](t, h, "/api/traces/"+bad, 400); got.Errors[0].Code != 400 {
			t.Errorf("%s: %+v", bad, got)
		}
	}
	both := get[envelope[[]trace]](t, h, "/api/traces?traceID="+shop.Buy.String()+"&traceID="+shop.Missing.String(), 200)
	if len(both.Data) != 1 || len(both.Errors) != 1 || both.Errors[0].TraceID != shop.Missing.String() {
		t.Errorf("two ids, one of them missing: %d traces, errors %+v", len(both.Data), both.Errors)
	}
}

// The server's clock is a second ahead: its span is put where it belongs, and
// says so, unless raw data is asked for.
func TestClockSkew(t *testing.T) {
	h := handle(t)
	find := func(path string) (call, serve jspan) {
		for _, s := range get[envelope[[]trace]](t, h, path, 200).Data[0].Spans {
			if s.OperationName == "call" {
				call = s
			} else {
				serve = s
			}
		}
		return call, serve
	}
	call, serve := find("/api/traces/" + shop.Skewed.String())
	if serve.StartTime < call.StartTime || serve.StartTime+serve.Duration > call.StartTime+call.Duration {
		t.Errorf("the call is from %d for %d, its server's span from %d for %d", call.StartTime, call.Duration, serve.StartTime, serve.Duration)
	}
	if len(serve.Warnings) != 1 || !strings.Contains(serve.Warnings[0], "clock") || call.Warnings != nil {
		t.Errorf("warnings %v and %v", serve.Warnings, call.Warnings)
	}
	if at := serve.Logs[0].Timestamp; at < serve.StartTime || at > serve.StartTime+serve.Duration {
		t.Errorf("the event at %d did not move with its span at %d", at, serve.StartTime)
	}
	_, raw := find("/api/traces/" + shop.Skewed.String() + "?raw=true")
	if want := shop.Epoch.Add(241_002 * time.Millisecond).UnixMicro(); raw.StartTime != want || raw.Warnings != nil {
		t.Errorf("raw: at %d with %v, want %d", raw.StartTime, raw.Warnings, want)
	}
}

func ids(traces []trace) (names []string) {
	for _, t := range traces {
		for _, s := range t.Spans {
			if len(s.References) == 0 || len(t.Spans) == 1 {
				names = append(names, s.OperationName)
			}
		}
	}
	return names
}

func TestSearch(t *testing.T) {
	h := handle(t)
	tags := func(m map[string]string) string {
		b, _ := json.Marshal(m)
		return url.QueryEscape(string(b))
	}
	for _, c := range []struct {
		query string
		want  []string // names of roots, newest first
	}{
		{"", []string{"call", "cron", "POST /cart", "GET /health", "GET /buy"}},
		{"limit=2", []string{"call", "cron"}},
		{"service=gateway", []string{"call", "POST /cart", "GET /health", "GET /buy"}},
		{"service=stock", []string{"call", "GET /buy"}},
		{"service=stock&operation=SELECT+item", []string{"GET /buy"}},
		{"service=gateway&operation=SELECT+item", nil}, // not of the same span
		{"service=" + unnamed, []string{"cron"}},
		{"service=nobody", nil},
		{"minDuration=40ms", []string{"cron", "GET /buy"}},
		{"maxDuration=1ms&service=gateway", []string{"GET /health", "GET /buy"}},
		{"tags=" + tags(map[string]string{"http.response.status_code": "500"}), []string{"POST /cart", "GET /buy"}},
		{"tags=" + tags(map[string]string{"http.response.status_code": "500", "http.request.method": "GET"}), []string{"GET /buy"}}, // not Split, where these are of two spans
		{"tag=user.id:u-17", []string{"GET /buy"}},
		{"tag=error:true", []string{"GET /buy"}},
		{"tag=error:true&service=mailer", nil},
		{"tag=span.kind:consumer", []string{"GET /buy"}},
		{"tag=otel.status_code:OK", []string{"GET /buy"}},
		{"tag=otel.scope.version:1.26&tag=http.route:/health", []string{"GET /health"}},
		{"tag=host.name:db-1", []string{"call", "GET /buy"}},       // of the resource
		{"tag=exception.type:sql.ErrNoRows", []string{"GET /buy"}}, // of an event
		{"tag=event:exception", []string{"GET /buy"}},
		{"tag=cached:true&tag=share:0.25", []string{"GET /buy"}},
		{"start=" + micro(60*time.Second) + "&end=" + micro(120*time.Second), []string{"POST /cart", "GET /health"}},
		{"end=" + micro(time.Second) + "&lookback=1h", []string{"GET /buy"}},
		{"lookback=9m", []string{"call", "cron", "POST /cart", "GET /health"}},
		{"lookback=2d&prettyPrint=true", []string{"call", "cron", "POST /cart", "GET /health", "GET /buy"}},
	} {
		got := get[envelope[[]trace]](t, h, "/api/traces?"+c.query, 200)
		if names := ids(got.Data); !slices.Equal(names, c.want) || got.Errors != nil {
			t.Errorf("%s: %q, want %q; errors %v", c.query, names, c.want, got.Errors)
		}
		if got.Data == nil {
			t.Errorf("%s: data is null; want a list", c.query)
		}
	}
}

func micro(d time.Duration) string { return strconv.FormatInt(shop.Epoch.Add(d).UnixMicro(), 10) }

func TestSearchErrors(t *testing.T) {
	h := handle(t)
	for query, want := range map[string]string{
		"limit=0":                            "limit",
		"limit=many":                         "limit",
		"limit=1000000":                      "5000",
		"start=yesterday":                    "start",
		"end=-1":                             "end",
		"start=2&end=1":                      "before",
		"minDuration=5":                      "minDuration",
		"minDuration=2s&maxDuration=1s":      "maxDuration",
		"tags=a%3Db":                         "tags",
		"tags=%7B%22a%22%3A1%7D":             "tags",
		"tag=novalue":                        "tag",
		"tag=span.kind:sideways":             "sideways",
		"traceID=xyz":                        "xyz",
		"traceID=" + shop.Buy.String() + "0": "33",
	} {
		got := get[envelope[any]](t, h, "/api/traces?"+query, 400)
		if len(got.Errors) != 1 || got.Errors[0].Code != 400 || !strings.Contains(got.Errors[0].Msg, want) {
			t.Errorf("%s: %+v; want something about %s", query, got.Errors, want)
		}
	}
	if got := get[envelope[any]](t, h, "/api/nothing", 404); got.Errors[0].Code != 404 {
		t.Errorf("%+v", got)
	}
}

// What /api/v3 answers is OTLP's JSON, and comes back from it as it was.
func TestTrace3(t *testing.T) {
	h := handle(t)
	got := get[map[string]json.RawMessage](t, h, "/api/v3/traces/"+shop.Buy.String()+"?start_time=2026-01-01T00:00:00Z", 200)
	spans := fromOTLP(t, got["result"])
	var want []span.Span
	for _, s := range shop.Spans() {
		if s.TraceID == shop.Buy {
			want = append(want, s)
		}
	}
	if diff := cmp.Diff(sorted(want), sorted(spans)); diff != "" {
		t.Error(diff)
	}
	// Grafana reads the kind and the status code as numbers, times as strings.
	var raw struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes []any }
			ScopeSpans []struct {
				Spans []struct {
					TraceID, SpanID, Name              string
					Kind                               int64
					StartTimeUnixNano, EndTimeUnixNano string
					Status                             struct{ Code int64 }
				}
			}
		}
	}
	if err := json.Unmarshal(got["result"], &raw); err != nil {
		t.Fatal(err)
	}
	for _, rs := range raw.ResourceSpans {
		if len(rs.ScopeSpans) == 0 || len(rs.ScopeSpans[0].Spans) == 0 {
			t.Error("a resource without spans, whose first Grafana looks at")
		}
	}
	for path, status := range map[string]int{"/api/v3/traces/" + shop.Missing.String(): 404, "/api/v3/traces/xyz": 400, "/api/v3/traces": 400, "/api/v3/nothing": 404} {
		e := get[map[string]map[string]any](t, h, path, status)["error"]
		if e["httpCode"] != json.Number(strconv.Itoa(status)) || e["message"] == "" {
			t.Errorf("%s: %v", path, e)
		}
	}
}

func sorted(spans []span.Span) []span.Span {
	slices.SortFunc(spans, func(a, b span.Span) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return spans
}

func fromOTLP(t *testing.T, b []byte) []span.Span {
	t.Helper()
	var d otlp.Decoder
	spans, rejected, reason, err := d.TracesJSON(b)
	if err != nil || rejected != 0 {
		t.Fatalf("%d rejected: %s, %v: %s", rejected, reason, err, b)
	}
	return spans
}

func TestSearch3(t *testing.T) {
	h := handle(t)
	span := "&query.startTimeMin=2026-11-22T12:00:00Z&query.startTimeMax=2026-11-22T13:00:00.5%2B00:00"
	got := get[map[string]json.RawMessage](t, h, "/api/v3/traces?query.serviceName=stock&query.operationName=SELECT+item&query.attributes=%7B%22db.namespace%22:%22shop%22%7D&query.durationMin=1ms&query.durationMax=1s&query.searchDepth=5"+span, 200)
	if n := len(fromOTLP(t, got["result"])); n != 7 {
		t.Errorf("%d spans; want the whole trace of 7", n)
	}
	// The names of parameters that Grafana uses, its times not escaped.
	old := "/api/v3/traces?query.service_name=gateway&query.num_traces=2&query.start_time_min=2026-11-22T12:00:00+00:00&query.start_time_max=2026-11-22T13:00:00+00:00"
	if n := len(fromOTLP(t, get[map[string]json.RawMessage](t, h, old, 200)["result"])); n != 4 {
		t.Errorf("%d spans; want the two latest traces of 2 spans each", n)
	}
	if e := get[map[string]map[string]any](t, h, "/api/v3/traces?query.serviceName=nobody"+span, 404)["error"]; e["message"] != "No traces found" {
		t.Errorf("%v", e)
	}
	for _, bad := range []string{"", "query.startTimeMin=2026-11-22T12:00:00Z", "query.startTimeMin=1&query.startTimeMax=2", "query.searchDepth=x" + span, "query.durationMin=5" + span,
		"query.attributes=1" + span, "query.filter=%7B%7D" + span, "query.startTimeMin=9999-11-22T12:00:00Z&query.startTimeMax=9999-11-22T13:00:00Z"} {
		get[map[string]map[string]any](t, h, "/api/v3/traces?"+bad, 400)
	}
}

// The summaries, as Jaeger's UI checks them.
func TestSummaries(t *testing.T) {
	h := handle(t)
	type summary struct {
		TraceID              string `json:"traceId"`
		RootServiceName      string `json:"rootServiceName"`
		RootOperationName    string `json:"rootOperationName"`
		MinStartTimeUnixNano string `json:"minStartTimeUnixNano"`
		MaxEndTimeUnixNano   string `json:"maxEndTimeUnixNano"`
		SpanCount            int    `json:"spanCount"`
		ErrorSpanCount       int    `json:"errorSpanCount"`
		OrphanSpanCount      int    `json:"orphanSpanCount"`
		Services             []struct {
			Name           string `json:"name"`
			SpanCount      int    `json:"spanCount"`
			ErrorSpanCount int    `json:"errorSpanCount"`
		} `json:"services"`
	}
	rng := "query.startTimeMin=2026-11-22T12:00:00.000Z&query.startTimeMax=2026-11-22T13:00:00.000Z"
	got := get[map[string][]summary](t, h, "/api/v3/trace-summaries?"+rng+"&query.searchDepth=20", 200)["summaries"]
	if len(got) != 5 {
		t.Fatalf("%d summaries", len(got))
	}
	buy := got[4]
	if buy.TraceID != shop.Buy.String() || buy.RootServiceName != "gateway" || buy.RootOperationName != "GET /buy" || buy.SpanCount != 7 || buy.ErrorSpanCount != 2 ||
		buy.MinStartTimeUnixNano != strconv.FormatInt(shop.Epoch.UnixNano(), 10) || buy.MaxEndTimeUnixNano != strconv.FormatInt(shop.Epoch.UnixNano()+45_200_000, 10) || len(buy.Services) != 3 {
		t.Errorf("%+v", buy)
	}
	for _, s := range got {
		if len(s.TraceID) != 32 {
			t.Errorf("trace id %q; want 32 digits", s.TraceID)
		}
	}
	if none := get[map[string][]summary](t, h, "/api/v3/trace-summaries?query.serviceName=nobody&"+rng, 200)["summaries"]; none == nil || len(none) != 0 {
		t.Errorf("%v; want an empty list", none)
	}
}

func TestDependencies(t *testing.T) {
	h := handle(t)
	type link struct {
		Parent    string `json:"parent"`
		Child     string `json:"child"`
		CallCount int    `json:"callCount"`
	}
	end := strconv.FormatInt(shop.Now.UnixMilli(), 10)
	got := get[envelope[[]link]](t, h, "/api/dependencies?endTs="+end+"&lookback=3600000", 200)
	want := map[link]bool{{"gateway", "stock", 2}: true}
	found := 0
	for _, l := range got.Data {
		if want[l] {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%v; want gateway to call stock twice, from 2 traces", got.Data)
	}
	if got := get[envelope[[]link]](t, h, "/api/dependencies?endTs=1000&lookback=1000", 200); got.Data == nil || len(got.Data) != 0 {
		t.Errorf("in 1970: %v; want an empty list", got.Data)
	}
	get[envelope[any]](t, h, "/api/dependencies?endTs=x", 400)
}

// What the page "Monitor" of Jaeger's UI reads.
func TestMetrics(t *testing.T) {
	h := handle(t)
	type family struct {
		Name    string `json:"name"`
		Type    string `json:"type"`
		Help    string `json:"help"`
		Metrics []struct {
			Labels []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"labels"`
			MetricPoints []struct {
				GaugeValue struct {
					DoubleValue float64 `json:"doubleValue"`
				} `json:"gaugeValue"`
				Timestamp time.Time `json:"timestamp"`
			} `json:"metricPoints"`
		} `json:"metrics"`
	}
	rng := "&endTs=" + strconv.FormatInt(shop.Now.UnixMilli(), 10) + "&lookback=3600000&step=60000&ratePer=600000&spanKind=server"
	calls := get[family](t, h, "/api/metrics/calls?service=gateway"+rng, 200)
	if calls.Name != "service_call_rate" || calls.Type != "GAUGE" || len(calls.Metrics) != 1 || calls.Metrics[0].Labels[0].Value != "gateway" {
		t.Fatalf("%+v", calls)
	}
	// Three requests in the last ten minutes.
	last := calls.Metrics[0].MetricPoints[len(calls.Metrics[0].MetricPoints)-1]
	if got := last.GaugeValue.DoubleValue; !last.Timestamp.Equal(shop.Now) || got < 0.0049 || got > 0.0051 {
		t.Errorf("the last point: %+v; want 3 calls in 600 s", last)
	}
	errs := get[family](t, h, "/api/metrics/errors?service=gateway"+rng, 200)
	p := errs.Metrics[0].MetricPoints
	if got := p[len(p)-1].GaugeValue.DoubleValue; errs.Name != "service_error_rate" || got < 0.333 || got > 0.334 {
		t.Errorf("%s %v; want one of three", errs.Name, got)
	}
	lat := get[family](t, h, "/api/metrics/latencies?quantile=0.95&groupByOperation=true&service=gateway,service=stock"+rng, 200)
	if lat.Name != "service_operation_latencies" {
		t.Errorf("name %s", lat.Name)
	}
	found := false
	for _, m := range lat.Metrics {
		if m.Labels[0].Name != "operation" || m.Labels[1].Name != "service_name" {
			t.Errorf("labels %v", m.Labels)
		}
		if m.Labels[0].Value == "GET /buy" {
			v := m.MetricPoints[len(m.MetricPoints)-1].GaugeValue.DoubleValue
			found = v > 44 && v < 47 // milliseconds
		}
	}
	if !found || len(lat.Metrics) != 5 {
		t.Errorf("%d operations of two services; GET /buy in 45 ms: %v", len(lat.Metrics), found)
	}
	if none := get[family](t, h, "/api/metrics/calls?service=nobody"+rng, 200); none.Metrics == nil || len(none.Metrics) != 0 {
		t.Errorf("%v; want an empty list", none.Metrics)
	}
	get[envelope[int]](t, h, "/api/metrics/minstep", 200)
	for _, bad := range []string{"latencies?service=a", "latencies?service=a&quantile=2", "calls", "calls?service=a&spanKind=up", "calls?service=a&step=x", "calls?service=a&lookback=8000000000000&step=1"} {
		get[envelope[any]](t, h, "/api/metrics/"+bad, 400)
	}
	get[envelope[any]](t, h, "/api/metrics/other?service=a", 404)
}

// Jaeger's UI has OTLP files that a user gives it converted.
func TestTransform(t *testing.T) {
	h := New(Options{Store: shop.Empty(t)})
	post := func(body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/api/transform", strings.NewReader(body)))
		return w
	}
	got := decode[envelope[[]trace]](t, "transform", post(string(otlp.AppendTracesJSON(nil, shop.Spans()))), 200)
	if len(got.Data) != 5 || len(got.Data[0].Spans) != 7 {
		t.Errorf("%d traces", len(got.Data))
	}
	decode[envelope[any]](t, "transform", post("{"), 400)
	decode[envelope[any]](t, "transform", post(strings.Repeat(" ", maxUpload+1)), 413)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/api/archive/"+shop.Buy.String(), nil))
	decode[envelope[any]](t, "archive", w, 501)
}

// Large answers are written piece by piece, and are JSON all the same.
func TestLarge(t *testing.T) {
	w := &pieces{}
	two := func(yield func([]span.Span, error) bool) {
		_ = yield(shop.Large(3000), nil) && yield(shop.Large(500), nil)
	}
	if err := encode(w, two, false, nil); err != nil {
		t.Fatal(err)
	}
	var got envelope[[]trace]
	if err := json.Unmarshal(w.b, &got); err != nil || w.n < 10 || len(got.Data) != 2 || len(got.Data[0].Spans) != 3000 || len(got.Data[1].Spans) != 500 {
		t.Errorf("%d traces in %d pieces: %v", len(got.Data), w.n, err)
	}
	*w = pieces{}
	if err := result3(w, two); err != nil {
		t.Fatal(err)
	}
	var wrapped map[string]json.RawMessage
	if err := json.Unmarshal(w.b, &wrapped); err != nil || w.n < 2 || len(fromOTLP(t, wrapped["result"])) != 3500 {
		t.Errorf("v3 in %d pieces: %v", w.n, err)
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

// The most that can be asked for is not more than a search can give.
func TestMostTraces(t *testing.T) {
	h := handle(t)
	most := strconv.Itoa(maxLimit)
	if got := get[envelope[[]trace]](t, h, "/api/traces?limit="+most, 200); len(got.Data) != 5 {
		t.Errorf("%d traces", len(got.Data))
	}
	get[map[string]json.RawMessage](t, h, "/api/v3/traces?query.searchDepth="+most+"&query.startTimeMin=2026-11-22T12:00:00Z&query.startTimeMax=2026-11-22T13:00:00Z", 200)
	get[map[string]json.RawMessage](t, h, "/api/v3/trace-summaries?query.searchDepth="+most+"&query.startTimeMin=2026-11-22T12:00:00Z&query.startTimeMax=2026-11-22T13:00:00Z", 200)
}
