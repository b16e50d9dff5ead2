package tempo

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
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/weft-trace/weft/internal/shop"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

func handle(t *testing.T) http.Handler {
	return New(Options{Store: shop.Open(t), Clock: func() time.Time { return shop.Now }, Version: "test"})
}

func do(t *testing.T, h http.Handler, path, accept string, status int) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != status {
		t.Fatalf("%s: status %d, want %d: %s", path, w.Code, status, w.Body)
	}
	return w
}

// get decodes an answer strictly: a member that Grafana does not know is an error.
func get[T any](t *testing.T, h http.Handler, path string) (v T) {
	t.Helper()
	w := do(t, h, path, "application/json", 200)
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// The health check of Grafana's data source, and the version it looks at.
func TestEcho(t *testing.T) {
	h := handle(t)
	if got := do(t, h, "/tempo/api/echo", "", 200).Body.String(); got != "echo" {
		t.Errorf("%q", got)
	}
	if got := get[map[string]string](t, h, "/tempo/api/status/buildinfo"); got["version"] != compatible || !strings.Contains(got["revision"], "test") {
		t.Errorf("%v", got)
	}
	if w := do(t, h, "/tempo/api/metrics/query_range?q={}", "", 404); !strings.Contains(w.Body.String(), "no such part") {
		t.Errorf("%s", w.Body)
	}
}

func count(t *testing.T, b []byte) (n int) {
	t.Helper()
	var data tracepb.TracesData
	if err := proto.Unmarshal(b, &data); err != nil {
		t.Fatal(err)
	}
	for _, rs := range data.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			n += len(ss.Spans)
		}
	}
	return n
}

// Grafana asks for protobuf: v2 first, whose trace is field 1 of a message,
// and v1 if that is 404.
func TestTraceProtobuf(t *testing.T) {
	h := handle(t)
	const typ = "application/protobuf"
	w := do(t, h, "/tempo/api/traces/"+shop.Buy.String(), typ, 200)
	if n := count(t, w.Body.Bytes()); n != 7 || w.Header().Get("Content-Type") != typ {
		t.Errorf("v1: %d spans as %s", n, w.Header().Get("Content-Type"))
	}
	w = do(t, h, "/tempo/api/v2/traces/"+shop.Buy.String()+"?start=1&end=2", typ, 200)
	b := w.Body.Bytes()
	num, wire, n := protowire.ConsumeTag(b)
	if num != 1 || wire != protowire.BytesType {
		t.Fatalf("v2 begins with field %d of type %d", num, wire)
	}
	inner, m := protowire.ConsumeBytes(b[n:])
	if n+m != len(b) || count(t, inner) != 7 {
		t.Errorf("v2: %d of %d bytes, %d spans", n+m, len(b), count(t, inner))
	}
	for _, v := range []string{"", "v2/"} {
		if w := do(t, h, "/tempo/api/"+v+"traces/"+shop.Missing.String(), typ, 404); w.Body.String() != "trace not found\n" {
			t.Errorf("%q", w.Body)
		}
		do(t, h, "/tempo/api/"+v+"traces/xyz", typ, 400)
	}
}

func TestTraceJSON(t *testing.T) {
	h := handle(t)
	v1 := get[map[string]json.RawMessage](t, h, "/tempo/api/traces/8448eb211c80319c")
	v2 := get[map[string]json.RawMessage](t, h, "/tempo/api/v2/traces/8448eb211c80319c")
	for name, b := range map[string][]byte{"v1": []byte(`{"resourceSpans":` + string(v1["batches"]) + `}`), "v2": v2["trace"]} {
		var d otlp.Decoder
		spans, rejected, reason, err := d.TracesJSON(b)
		if err != nil || rejected != 0 || len(spans) != 1 || spans[0].Name != "GET /health" {
			t.Errorf("%s: %v, %s, %v: %s", name, spans, reason, err, b)
		}
	}
}

// What Grafana's data source reads of a search.
type found struct {
	Traces []struct {
		TraceID           string `json:"traceID"`
		RootServiceName   string `json:"rootServiceName"`
		RootTraceName     string `json:"rootTraceName"`
		StartTimeUnixNano string `json:"startTimeUnixNano"`
		DurationMs        uint32 `json:"durationMs"`
		SpanSet           set    `json:"spanSet"`
		SpanSets          []set  `json:"spanSets"`
		ServiceStats      map[string]struct {
			SpanCount  int `json:"spanCount"`
			ErrorCount int `json:"errorCount"`
		} `json:"serviceStats"`
	} `json:"traces"`
	Metrics struct {
		InspectedTraces int    `json:"inspectedTraces"`
		InspectedSpans  string `json:"inspectedSpans"`
	} `json:"metrics"`
}

type set struct {
	Spans []struct {
		SpanID            string `json:"spanID"`
		Name              string `json:"name"`
		StartTimeUnixNano string `json:"startTimeUnixNano"`
		DurationNanos     string `json:"durationNanos"`
		Attributes        []struct {
			Key   string         `json:"key"`
			Value map[string]any `json:"value"`
		} `json:"attributes"`
	} `json:"spans"`
	Matched int `json:"matched"`
}

func (f *found) roots() (names []string) {
	for _, t := range f.Traces {
		names = append(names, t.RootTraceName)
	}
	return names
}

func TestSearch(t *testing.T) {
	h := handle(t)
	all := []string{"call", "cron", "POST /cart", "GET /health", "GET /buy"}
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", all},
		{"q={}", all},
		{"q={}&limit=2", all[:2]},
		{`q={resource.service.name="stock"}`, []string{"call", "GET /buy"}},
		{`q={span.http.response.status_code=500 && span.http.request.method="GET"}`, []string{"GET /buy"}},
		{`q={status=error}&start=1&end=2`, nil},
		{`q={traceDuration>1.5s}`, []string{"cron"}},
		{`q={traceDuration>40ms && kind=server && name!="serve"}`, []string{"GET /buy"}},
		{`q={rootName=~"GET.*"}`, []string{"GET /health", "GET /buy"}},
		{`q={nestedSetParent<0}&limit=3`, []string{"call", "POST /cart", "GET /health"}},
		{`tags=service.name="stock"`, []string{"call", "GET /buy"}},
		{`tags=service.name=STO name=select`, []string{"GET /buy"}}, // substrings, any case
		{`tags=error=true`, []string{"GET /buy"}},
		{`tags=http.route=/he`, []string{"GET /health"}},
		{`tags=root.name=cart`, []string{"POST /cart"}},
		{`minDuration=40ms&maxDuration=1s`, []string{"GET /buy"}},
		{"start=" + sec(60) + "&end=" + sec(121), []string{"POST /cart", "GET /health"}},
	} {
		got := get[found](t, h, "/tempo/api/search?"+escape(c.query))
		if names := got.roots(); !slices.Equal(names, c.want) {
			t.Errorf("%s: %q, want %q", c.query, names, c.want)
		}
		if got.Traces == nil {
			t.Errorf("%s: traces are null; want a list", c.query)
		}
	}
	for query, want := range map[string]string{
		`q={`:                           "TraceQL, column 2",
		`q={}|rate()`:                   "not supported",
		`q={}&tags=a=b`:                 "can't specify tags and q",
		`tags=a`:                        "invalid tags",
		`limit=0`:                       "limit",
		`spss=x`:                        "spss",
		`start=5&end=4`:                 "start must be before end",
		`start=x`:                       "start",
		`minDuration=5`:                 "minDuration",
		`minDuration=2s&maxDuration=1s`: "maxDuration",
	} {
		if w := do(t, h, "/tempo/api/search?"+escape(query), "", 400); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s; want something of %s", query, w.Body, want)
		}
	}
}

func sec(n int64) string { return strconv.FormatInt(shop.Epoch.Unix()+n, 10) }

func escape(query string) string {
	v := url.Values{}
	for part := range strings.SplitSeq(strings.ReplaceAll(query, "&&", "\x00"), "&") {
		key, value, _ := strings.Cut(part, "=")
		if key != "" {
			v.Set(key, strings.ReplaceAll(value, "\x00", "&&"))
		}
	}
	return v.Encode()
}

func TestSearchSpans(t *testing.T) {
	h := handle(t)
	got := get[found](t, h, "/tempo/api/search?spss=2&"+escape(`q={.http.request.method="GET" && traceDuration<1s && resource.service.name="gateway"}|select(span.http.response.status_code,status)&limit=1&end=`+sec(30)))
	if len(got.Traces) != 1 {
		t.Fatalf("%+v", got)
	}
	tr := got.Traces[0]
	if tr.TraceID != shop.Buy.String() || tr.RootServiceName != "gateway" || tr.DurationMs != 45 || tr.StartTimeUnixNano != strconv.FormatInt(shop.Epoch.UnixNano(), 10) {
		t.Errorf("%+v", tr)
	}
	if s := tr.ServiceStats["stock"]; s.SpanCount != 2 || s.ErrorCount != 1 {
		t.Errorf("stock: %+v", s)
	}
	if diff := cmp.Diff([]set{tr.SpanSet}, tr.SpanSets); diff != "" {
		t.Error(diff)
	}
	if tr.SpanSet.Matched != 2 || len(tr.SpanSet.Spans) != 2 {
		t.Fatalf("%+v", tr.SpanSet)
	}
	client := tr.SpanSet.Spans[slices.IndexFunc(tr.SpanSet.Spans, func(s struct {
		SpanID            string `json:"spanID"`
		Name              string `json:"name"`
		StartTimeUnixNano string `json:"startTimeUnixNano"`
		DurationNanos     string `json:"durationNanos"`
		Attributes        []struct {
			Key   string         `json:"key"`
			Value map[string]any `json:"value"`
		} `json:"attributes"`
	}) bool {
		return s.Name == "GET"
	})]
	values := map[string]any{}
	for _, a := range client.Attributes {
		for _, v := range a.Value {
			values[a.Key] = v
		}
	}
	want := map[string]any{"http.request.method": "GET", "service.name": "gateway", "http.response.status_code": "200", "status": "unset"}
	if diff := cmp.Diff(want, values); diff != "" || client.DurationNanos != "20000000" || client.SpanID != "ab00000000000002" {
		t.Errorf("%+v: %s", client, diff)
	}
}

func TestTags(t *testing.T) {
	h := handle(t)
	type scopes struct {
		Scopes  []scope  `json:"scopes"`
		Metrics struct{} `json:"metrics"`
	}
	got := get[scopes](t, h, "/tempo/api/v2/search/tags?limit=5000&start="+sec(0)+"&end="+sec(600))
	by := map[string][]string{}
	for _, s := range got.Scopes {
		by[s.Name] = s.Tags
	}
	if !slices.Equal(by["resource"], []string{"host.name", "process.pid", "service.name"}) {
		t.Errorf("resource: %q", by["resource"])
	}
	for scope, tag := range map[string]string{"span": "http.route", "event": "exception.type", "intrinsic": "duration"} {
		if !slices.Contains(by[scope], tag) {
			t.Errorf("%s: %q; want %s among them", scope, by[scope], tag)
		}
	}
	if slices.Contains(by["span"], "host.name") {
		t.Errorf("span: %q has what only resources have", by["span"])
	}
	one := get[scopes](t, h, "/tempo/api/v2/search/tags?scope=resource")
	if len(one.Scopes) != 1 || one.Scopes[0].Name != "resource" {
		t.Errorf("%+v", one)
	}
	do(t, h, "/tempo/api/v2/search/tags?scope=galaxy", "", 400)
	names := get[struct {
		TagNames []string `json:"tagNames"`
		Metrics  struct{} `json:"metrics"`
	}](t, h, "/tempo/api/search/tags").TagNames
	if !slices.Contains(names, "http.route") || !slices.Contains(names, "host.name") || slices.Contains(names, "duration") {
		t.Errorf("v1: %q", names)
	}
}

func TestTagValues(t *testing.T) {
	h := handle(t)
	values := func(path string) (out []tagValue) {
		t.Helper()
		return get[struct {
			TagValues []tagValue `json:"tagValues"`
			Metrics   struct{}   `json:"metrics"`
		}](t, h, "/tempo/api/v2/search/tag/"+path).TagValues
	}
	str := func(texts ...string) (out []tagValue) {
		for _, s := range texts {
			out = append(out, tagValue{"string", s})
		}
		return out
	}
	for path, want := range map[string][]tagValue{
		"resource.service.name/values":                                      str("gateway", "mailer", "stock"),
		".service.name/values":                                              str("gateway", "mailer", "stock"),
		"resource.host.name/values":                                         str("db-1", "web-1", "web-2"),
		"span.http.route/values":                                            str("/buy", "/health", "/stock/{id}"),
		"span%252Ehttp%252Eroute/values":                                    str("/buy", "/health", "/stock/{id}"), // escaped twice, as Grafana does it
		".http.response.status_code/values":                                 {{"int", "200"}, {"int", "500"}},
		"span.http.route/values?q=" + url.QueryEscape(`{ status = error }`): str("/buy"),
		"span.http.route/values?q=" + url.QueryEscape(`{ status = }`):       str("/buy", "/health", "/stock/{id}"), // not yet typed to its end
		"status/values":                                                     {{"keyword", "error"}, {"keyword", "ok"}, {"keyword", "unset"}},
		"rootServiceName/values":                                            str("gateway"),
		"span.nothing/values":                                               {},
		"duration/values":                                                   {},
	} {
		got := values(path)
		got = slices.DeleteFunc(got, func(v tagValue) bool { return v.Value == "" })
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if got := values("name/values?limit=3"); len(got) != 3 {
		t.Errorf("limit 3: %v", got)
	}
	do(t, h, "/tempo/api/v2/search/tag/foo/values", "", 400)
	v1 := get[struct {
		TagValues []string `json:"tagValues"`
		Metrics   struct{} `json:"metrics"`
	}](t, h, "/tempo/api/search/tag/service.name/values")
	if !slices.Contains(v1.TagValues, "stock") {
		t.Errorf("v1: %v", v1.TagValues)
	}
}

// A search whose conditions on whole traces were not tested on all of them
// does not say that there is nothing.
func TestSearchGivesUp(t *testing.T) {
	st := shop.Empty(t)
	var spans []span.Span
	for i := range maxPages + 10 {
		s := shop.Spans()[7]
		s.TraceID[15] = byte(i + 1)
		spans = append(spans, s)
	}
	if err := st.Write(t.Context(), &store.Batch{Spans: spans}); err != nil {
		t.Fatal(err)
	}
	h := New(Options{Store: st, Clock: func() time.Time { return shop.Now }})
	q := "/tempo/api/search?limit=1&" + escape(`q={rootName="x"}`)
	if w := do(t, h, q, "", 400); !strings.Contains(w.Body.String(), "not everything was looked at") {
		t.Errorf("%s", w.Body)
	}
	if got := get[found](t, h, strings.Replace(q, "limit=1", "limit=2", 1)); len(got.Traces) != 0 {
		t.Errorf("%+v", got)
	}
}
