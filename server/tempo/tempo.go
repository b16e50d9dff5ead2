// Package tempo answers the part of Tempo's HTTP API that Grafana's Tempo data
// source needs to search and to show traces, below /tempo: the data source's
// URL is that of the server with /tempo at its end.
//
// Of TraceQL it understands one spanset filter and select: what can be
// answered by looking at one span at a time. Anything else is an error that
// says what is not supported and where.
package tempo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Root is where the API lives.
const Root = "/tempo"

// Options configure the handler. All but Store may be left at their zero value.
type Options struct {
	Store   *store.Store
	Timeout time.Duration    // of a request; 0: 30 s
	Clock   func() time.Time // nil: time.Now
	Logger  *slog.Logger     // for errors that are the server's own; nil: none are logged
	Version string           // of weft, told by /api/status/buildinfo
}

type handler struct {
	Options
	mux *http.ServeMux
}

// New returns a handler for /tempo/…. It does not authenticate.
func New(o Options) http.Handler {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{Options: o, mux: http.NewServeMux()}
	h.handle("GET /tempo/api/echo", h.echo)
	h.handle("GET /tempo/ready", h.echo)
	h.handle("GET /tempo/api/status/buildinfo", h.buildInfo)
	h.handle("GET /tempo/api/traces/{id}", h.trace1)
	h.handle("GET /tempo/api/v2/traces/{id}", h.trace2)
	h.handle("GET /tempo/api/search", h.search)
	h.handle("GET /tempo/api/search/tags", h.tags1)
	h.handle("GET /tempo/api/v2/search/tags", h.tags2)
	h.handle("GET /tempo/api/search/tag/{tag}/values", h.values1)
	h.handle("GET /tempo/api/v2/search/tag/{tag}/values", h.values2)
	return h
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := h.mux.Handler(r); pattern == "" {
		writeError(w, fail(http.StatusNotFound, "%s %s: weft has no such part of Tempo's API; it has search and traces by id", r.Method, r.URL.Path))
		return
	}
	h.mux.ServeHTTP(w, r)
}

// body is an answer: plain text, JSON or protobuf.
type body struct {
	contentType string
	bytes       []byte
}

func asJSON(v any) (body, error) {
	b, err := json.Marshal(v)
	return body{"application/json", b}, err
}

func (h *handler) handle(pattern string, f func(ctx context.Context, r *http.Request) (body, error)) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), h.Timeout)
		defer cancel()
		b, err := f(ctx, r)
		if r.Context().Err() != nil {
			return // nobody is there any more
		}
		if err != nil {
			if writeError(w, err) == http.StatusInternalServerError {
				h.Logger.Error("answer a request", "path", r.URL.Path, "error", err)
			}
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Type", b.contentType)
		w.Write(b.bytes)
	})
}

// httpError is an error with the status that the client should see.
type httpError struct {
	status int
	err    error
}

func (e *httpError) Error() string { return e.err.Error() }
func (e *httpError) Unwrap() error { return e.err }

func fail(status int, format string, args ...any) error {
	return &httpError{status, fmt.Errorf(format, args...)}
}

// writeError answers with the error as text, as Tempo does: Grafana shows it
// as it is.
func writeError(w http.ResponseWriter, err error) int {
	status := http.StatusInternalServerError
	var e *httpError
	switch {
	case errors.As(err, &e):
		status = e.status
	case errors.Is(err, context.DeadlineExceeded):
		status, err = http.StatusGatewayTimeout, errors.New("the search took too long; narrow the time range or add a condition on resource.service.name")
	case errors.Is(err, store.ErrLarge):
		status = http.StatusBadRequest
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrClosed):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, err)
	return status
}

func (h *handler) echo(ctx context.Context, r *http.Request) (body, error) {
	return body{"text/plain; charset=utf-8", []byte("echo")}, nil
}

// compatible is the version of Tempo that Grafana is told of. Grafana turns on
// parts of its editor by it; this one has the v2 paths for tags and traces.
const compatible = "2.8.0"

func (h *handler) buildInfo(ctx context.Context, r *http.Request) (body, error) {
	return asJSON(map[string]string{"version": compatible, "revision": "weft " + h.Version, "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""})
}

// spans reads the trace that the path names. The parameters start and end,
// Tempo's hints where to look, are not needed.
func (h *handler) spans(ctx context.Context, r *http.Request) ([]span.Span, error) {
	id, err := span.ParseTraceID(r.PathValue("id"))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "%v", err)
	}
	spans, err := h.Store.Trace(ctx, id)
	if err == nil && len(spans) == 0 {
		err = fail(http.StatusNotFound, "trace not found")
	}
	return spans, err
}

func wantsProtobuf(r *http.Request) bool {
	for _, a := range r.Header.Values("Accept") {
		if strings.Contains(a, "application/protobuf") || strings.Contains(a, "application/x-protobuf") {
			return true
		}
	}
	return false
}

// trace1 answers with a trace as v1 has it: ResourceSpans at the top, in
// protobuf as in OTLP, in JSON under the name "batches".
func (h *handler) trace1(ctx context.Context, r *http.Request) (body, error) {
	spans, err := h.spans(ctx, r)
	if err != nil {
		return body{}, err
	}
	if wantsProtobuf(r) {
		return body{"application/protobuf", otlp.AppendTraces(nil, spans)}, nil
	}
	b := otlp.AppendTracesJSON(nil, spans)
	return body{"application/json", append([]byte(`{"batches"`), b[len(`{"resourceSpans"`):]...)}, nil
}

// trace2 answers with a trace as v2 has it: within a message (field 1 of
// tempopb.TraceByIDResponse) that could say the trace is not whole, which it
// always is here.
func (h *handler) trace2(ctx context.Context, r *http.Request) (body, error) {
	spans, err := h.spans(ctx, r)
	if err != nil {
		return body{}, err
	}
	if wantsProtobuf(r) {
		trace := otlp.AppendTraces(nil, spans)
		b := protowire.AppendTag(make([]byte, 0, len(trace)+8), 1, protowire.BytesType)
		return body{"application/protobuf", protowire.AppendBytes(b, trace)}, nil
	}
	b := append([]byte(`{"trace":`), otlp.AppendTracesJSON(nil, spans)...)
	return body{"application/json", append(b, '}')}, nil
}

// during reads start and end, Unix seconds; Tempo's other clients also send
// nanoseconds. Without them it is the last hour.
func (h *handler) during(q url.Values) (from, to int64, err error) {
	read := func(name string, def int64) (int64, error) {
		v := q.Get(name)
		if v == "" {
			return def, nil
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return 0, fail(http.StatusBadRequest, "invalid %s: %q; want a Unix time in seconds", name, v)
		}
		if n < 1e11 {
			n *= int64(time.Second)
		}
		return n, nil
	}
	now := h.Clock()
	if to, err = read("end", now.UnixNano()); err != nil {
		return 0, 0, err
	}
	if from, err = read("start", to-int64(time.Hour)); err != nil {
		return 0, 0, err
	}
	if from == 0 && q.Get("end") == "0" {
		return 0, now.UnixNano(), nil
	}
	if to <= from {
		return 0, 0, fail(http.StatusBadRequest, "http parameter start must be before end. received start=%s end=%s", q.Get("start"), q.Get("end"))
	}
	return from, to, nil
}

// limit reads a positive number.
func limit(q url.Values, name string, def, most int) (int, error) {
	v := q.Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, fail(http.StatusBadRequest, "invalid %s: %q; want a positive number", name, v)
	}
	return min(n, most), nil
}

// ---- tags

// intrinsicTags are what TraceQL has for fields that are no attributes.
var intrinsicTags = []string{"duration", "event:name", "instrumentation:name", "instrumentation:version", "kind", "name", "rootName",
	"rootServiceName", "span:duration", "span:kind", "span:name", "span:status", "span:statusMessage", "status", "statusMessage",
	"trace:duration", "trace:rootName", "trace:rootService", "traceDuration"}

// maxTags bounds the names of a scope and the values of a tag.
const maxTags = 10_000

type scope struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// scopes lists the names of attributes that were seen, by where they are.
func (h *handler) scopes(ctx context.Context, r *http.Request) ([]scope, error) {
	q := r.URL.Query()
	from, to, err := h.during(q)
	if err != nil {
		return nil, err
	}
	n, err := limit(q, "limit", 1000, maxTags)
	if err != nil {
		return nil, err
	}
	want := q.Get("scope")
	switch want {
	case "", "all", "none", "resource", "span", "intrinsic", "event", "link", "instrumentation":
	default:
		return nil, fail(http.StatusBadRequest, "invalid scope: %q; want resource, span, event, link, instrumentation or intrinsic", want)
	}
	all := want == "" || want == "all" || want == "none"
	var out []scope
	if want != "intrinsic" {
		res, err := query.Keys(ctx, h.Store, query.KeysRequest{Query: filter(q.Get("q")), From: from, To: to, Limit: maxTags})
		if err != nil {
			return nil, err
		}
		for _, s := range []struct {
			name  string
			scope query.Scope
		}{{"event", query.EventAttr}, {"instrumentation", query.ScopeAttr}, {"resource", query.ResourceAttr}, {"span", query.SpanAttr}} {
			if !all && want != s.name {
				continue
			}
			sc := scope{Name: s.name, Tags: []string{}}
			for _, k := range res.Keys {
				if k.Field.Scope == s.scope && len(sc.Tags) < n && !slices.Contains(sc.Tags, k.Field.Key) {
					sc.Tags = append(sc.Tags, k.Field.Key)
				}
			}
			slices.Sort(sc.Tags)
			if len(sc.Tags) > 0 || !all {
				out = append(out, sc)
			}
		}
	}
	if all || want == "intrinsic" {
		out = append(out, scope{"intrinsic", intrinsicTags})
	}
	return out, nil
}

// filter is what can be understood of a query that the user is still typing:
// all of it, or nothing.
func filter(text string) *query.Query {
	t, err := parseTraceQL(text)
	if err != nil {
		return query.New(nil)
	}
	return query.New(t.filter)
}

// metrics is the object in which Tempo tells what a request cost.
type metrics struct{}

func (h *handler) tags1(ctx context.Context, r *http.Request) (body, error) {
	scopes, err := h.scopes(ctx, r)
	if err != nil {
		return body{}, err
	}
	names := []string{}
	for _, s := range scopes {
		if s.Name != "intrinsic" || r.URL.Query().Get("scope") == "intrinsic" {
			names = append(names, s.Tags...)
		}
	}
	slices.Sort(names)
	return asJSON(struct {
		Names   []string `json:"tagNames"`
		Metrics metrics  `json:"metrics"`
	}{slices.Compact(names), metrics{}})
}

func (h *handler) tags2(ctx context.Context, r *http.Request) (body, error) {
	scopes, err := h.scopes(ctx, r)
	if err != nil {
		return body{}, err
	}
	return asJSON(struct {
		Scopes  []scope `json:"scopes"`
		Metrics metrics `json:"metrics"`
	}{scopes, metrics{}})
}

type tagValue struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// tagType is what TraceQL calls a type.
func tagType(t span.Type) string {
	switch t {
	case span.Int:
		return "int"
	case span.Float:
		return "float"
	case span.Bool:
		return "bool"
	}
	return "string"
}

// values lists the values that a tag has. Its name may be escaped once more
// than a path is, as Grafana does it.
func (h *handler) values(ctx context.Context, r *http.Request, scoped bool) ([]tagValue, error) {
	tag := r.PathValue("tag")
	if u, err := url.PathUnescape(tag); err == nil {
		tag = u
	}
	q := r.URL.Query()
	from, to, err := h.during(q)
	if err != nil {
		return nil, err
	}
	n, err := limit(q, "limit", 1000, maxTags)
	if err != nil {
		return nil, err
	}
	keywords := func(words ...string) ([]tagValue, error) {
		var out []tagValue
		for _, w := range words {
			out = append(out, tagValue{"keyword", w})
		}
		return out, nil
	}
	var f query.Field
	switch tag {
	case "status", "span:status", "status.code":
		return keywords("error", "ok", "unset")
	case "kind", "span:kind":
		return keywords("client", "consumer", "internal", "producer", "server", "unspecified")
	case "duration", "span:duration", "traceDuration", "trace:duration", "trace:id", "span:id", "span:parentID":
		return nil, nil // too many to choose from
	case "rootName", "trace:rootName", "root.name":
		f = query.Name
	case "rootServiceName", "rootService", "trace:rootService", "root.service.name", "service.name", ".service.name":
		f = query.Service
	default:
		var ok bool
		if f, ok = intrinsics[tag]; ok {
			break
		}
		if !scoped {
			f = query.Attr(tag)
			break
		}
		if f, err = fieldOf(tag); err != nil {
			return nil, err
		}
	}
	filtered := filter(q.Get("q"))
	if tag == "rootName" || tag == "trace:rootName" || tag == "rootServiceName" || tag == "trace:rootService" {
		filtered = query.New(query.All(filtered.Expr, query.Not{Expr: query.Has(query.Parent)}))
	}
	res, err := query.Values(ctx, h.Store, query.ValuesRequest{Query: filtered, Field: f, From: from, To: to, Limit: n})
	if err != nil {
		return nil, err
	}
	out := make([]tagValue, 0, len(res.Values))
	for _, v := range res.Values {
		out = append(out, tagValue{tagType(v.Type), v.Value})
	}
	slices.SortFunc(out, func(a, b tagValue) int { return strings.Compare(a.Value, b.Value) })
	return slices.Compact(out), nil
}

// fieldOf reads the name of a tag in TraceQL: span.x, resource.x or .x.
func fieldOf(tag string) (f query.Field, err error) {
	t, err := parseTraceQL("{} | select(" + tag + ")")
	if err != nil || len(t.columns) != 1 {
		return f, fail(http.StatusBadRequest, "tag %q: want an intrinsic or an attribute such as span.%s, resource.%s or .%s", tag, tag, tag, tag)
	}
	return t.columns[0], nil
}

func (h *handler) values1(ctx context.Context, r *http.Request) (body, error) {
	values, err := h.values(ctx, r, false)
	if err != nil {
		return body{}, err
	}
	texts := []string{}
	for _, v := range values {
		texts = append(texts, v.Value)
	}
	return asJSON(struct {
		Values  []string `json:"tagValues"`
		Metrics metrics  `json:"metrics"`
	}{slices.Compact(texts), metrics{}})
}

func (h *handler) values2(ctx context.Context, r *http.Request) (body, error) {
	values, err := h.values(ctx, r, true)
	if err != nil {
		return body{}, err
	}
	if values == nil {
		values = []tagValue{}
	}
	return asJSON(struct {
		Values  []tagValue `json:"tagValues"`
		Metrics metrics    `json:"metrics"`
	}{values, metrics{}})
}
