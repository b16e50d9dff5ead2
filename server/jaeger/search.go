package jaeger

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// Limits of a search: Jaeger's default, and the most traces that can be asked
// for.
const (
	defaultLimit = 100
	maxLimit     = 5000
)

// defaultLookback is how far back a search of v1 goes that names no start;
// Jaeger's default.
const defaultLookback = 48 * time.Hour

func fail(status int, format string, args ...any) error {
	return &apiError{status, fmt.Errorf(format, args...)}
}

// search answers v1's /api/traces: whole traces, newest first.
func (h *handler) search(ctx context.Context, r *http.Request, w io.Writer) error {
	q := r.URL.Query()
	if ids := q["traceID"]; len(ids) > 0 {
		return h.byIDs(ctx, ids, flag(r, "raw"), w)
	}
	req, err := h.parse1(q)
	if err != nil {
		return err
	}
	ids, err := h.find(ctx, req)
	if err != nil {
		return err
	}
	return encode(w, h.read(ctx, ids, nil), flag(r, "raw"), nil)
}

// byIDs answers with the traces named, and says which are not there.
func (h *handler) byIDs(ctx context.Context, texts []string, raw bool, w io.Writer) error {
	if len(texts) > maxLimit {
		return fail(http.StatusBadRequest, "%d trace ids; at most %d can be asked for at once", len(texts), maxLimit)
	}
	var ids, missing []span.TraceID
	for _, s := range texts {
		id, err := span.ParseTraceID(s)
		if err != nil {
			return fail(http.StatusBadRequest, "unable to parse param 'traceID': %v", err)
		}
		ids = append(ids, id)
	}
	return encode(w, h.read(ctx, ids, &missing), raw, &missing)
}

// find returns the ids of the traces that a search finds.
func (h *handler) find(ctx context.Context, req query.SearchRequest) (ids []span.TraceID, err error) {
	req.Matches = 1
	res, err := query.Search(ctx, h.Store, req)
	if err != nil {
		return nil, err
	}
	for i := range res.Hits {
		ids = append(ids, res.Hits[i].Spans[0].TraceID)
	}
	return ids, gaveUp(res)
}

// gaveUp is the error of a search that found nothing, but did not look at
// everything either: an empty answer would say that there is nothing.
func gaveUp(res *query.SearchResult) error {
	if len(res.Hits) > 0 || !res.Partial {
		return nil
	}
	return fail(http.StatusBadRequest, "nothing found, but not everything was looked at: %s", res.Why)
}

// parse1 reads the parameters of v1: times are Unix microseconds, durations
// Go's.
func (h *handler) parse1(q url.Values) (req query.SearchRequest, err error) {
	bad := func(name, value, want string) error {
		return fail(http.StatusBadRequest, "unable to parse param '%s': %q; want %s", name, value, want)
	}
	micros := func(name string, def time.Time) (int64, error) {
		v := q.Get(name)
		if v == "" {
			return def.UnixNano(), nil
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 || n > 1<<53 {
			return 0, bad(name, v, "a Unix time in microseconds")
		}
		return n * 1000, nil
	}
	if req.To, err = micros("end", h.Clock()); err != nil {
		return req, err
	}
	back := defaultLookback
	if v := q.Get("lookback"); v != "" {
		if d, err := lookback(v); err == nil {
			back = d
		}
	}
	if req.From, err = micros("start", time.Unix(0, req.To).Add(-back)); err != nil {
		return req, err
	}
	if req.To++; req.From >= req.To { // Jaeger's end is part of the range
		return req, fail(http.StatusBadRequest, "'start' must be before 'end'")
	}
	req.Limit = defaultLimit
	if v := q.Get("limit"); v != "" {
		if req.Limit, err = strconv.Atoi(v); err != nil || req.Limit < 1 || req.Limit > maxLimit {
			return req, bad("limit", v, fmt.Sprintf("a number from 1 to %d", maxLimit))
		}
	}
	tags := map[string]string{}
	for _, v := range q["tags"] {
		if err := json.Unmarshal([]byte(v), &tags); err != nil {
			return req, bad("tags", v, `a JSON object of strings, such as {"http.status_code":"500"}`)
		}
	}
	for _, v := range q["tag"] {
		key, value, ok := strings.Cut(v, ":")
		if !ok {
			return req, bad("tag", v, "key:value")
		}
		tags[key] = value
	}
	var lo, hi time.Duration
	for _, d := range []struct {
		name string
		to   *time.Duration
	}{{"minDuration", &lo}, {"maxDuration", &hi}} {
		if v := q.Get(d.name); v != "" {
			if *d.to, err = time.ParseDuration(v); err != nil {
				return req, bad(d.name, v, `a duration such as 1.2s or 100ms`)
			}
		}
	}
	req.Query, err = compile(q.Get("service"), q.Get("operation"), tags, lo, hi)
	return req, err
}

// lookback reads what Jaeger's UI says in words: 1h, 2d, 1w; "custom" comes
// with a start.
func lookback(s string) (time.Duration, error) {
	unit := time.Duration(0)
	switch {
	case strings.HasSuffix(s, "d"):
		unit = 24 * time.Hour
	case strings.HasSuffix(s, "w"):
		unit = 7 * 24 * time.Hour
	default:
		return time.ParseDuration(s)
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	return time.Duration(n) * unit, err
}

// compile turns what Jaeger's clients search for into a query on one span.
func compile(service, operation string, tags map[string]string, lo, hi time.Duration) (*query.Query, error) {
	var all []query.Expr
	if service != "" {
		if service == unnamed {
			all = append(all, query.OneOf(query.Service, query.StringValue(""), query.StringValue(unnamed)))
		} else {
			all = append(all, query.Compare(query.Service, query.Equal, query.StringValue(service)))
		}
	}
	if operation != "" && operation != "all" {
		all = append(all, query.Compare(query.Name, query.Equal, query.StringValue(operation)))
	}
	keys := make([]string, 0, len(tags))
	for k := range tags {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		e, err := tag(k, tags[k])
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if hi != 0 && hi < lo {
		return nil, fail(http.StatusBadRequest, "'maxDuration' should be greater than 'minDuration'")
	}
	if lo > 0 {
		all = append(all, query.Compare(query.Duration, query.GreaterEqual, query.DurationValue(lo)))
	}
	if hi > 0 {
		all = append(all, query.Compare(query.Duration, query.LessEqual, query.DurationValue(hi)))
	}
	return query.New(query.All(all...)), nil
}

// tag is the condition that a span has a tag, be it an attribute of the span,
// of its resource or of one of its events, or one of those that Jaeger makes
// out of a span's other fields.
func tag(key, value string) (query.Expr, error) {
	attr := query.Any(query.Compare(query.Attr(key), query.Equal, query.WordValue(value)),
		query.Compare(query.Field{Scope: query.EventAttr, Key: key}, query.Equal, query.WordValue(value)))
	text := query.StringValue(value)
	switch key {
	case "error":
		failed := query.Compare(query.Status, query.Equal, query.StringValue("error"))
		switch value {
		case "true":
			return query.Any(failed, query.Compare(query.Attr(key), query.Equal, query.BoolValue(true))), nil
		case "false":
			return query.Not{Expr: failed}, nil
		}
	case "span.kind":
		if _, ok := span.ParseKind(strings.ToLower(value)); !ok {
			return nil, fail(http.StatusBadRequest, "span.kind %q; want internal, server, client, producer or consumer", value)
		}
		return query.Compare(query.Kind, query.Equal, query.StringValue(strings.ToLower(value))), nil
	case "otel.status_code":
		if _, ok := span.ParseStatus(strings.ToLower(value)); ok {
			return query.Compare(query.Status, query.Equal, query.StringValue(strings.ToLower(value))), nil
		}
	case "otel.status_description":
		return query.Compare(query.Message, query.Equal, text), nil
	case "otel.scope.name", "otel.library.name":
		return query.Any(query.Compare(query.ScopeName, query.Equal, text), attr), nil
	case "otel.scope.version", "otel.library.version":
		return query.Any(query.Compare(query.ScopeVersion, query.Equal, text), attr), nil
	case "event":
		return query.Any(query.Compare(query.EventName, query.Equal, text), attr), nil
	}
	return attr, nil
}

// ---- v3

func (h *handler) services3(ctx context.Context, r *http.Request) ([]byte, error) {
	names, err := h.serviceNames(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string][]string{"services": names})
}

func (h *handler) operations3(ctx context.Context, r *http.Request) ([]byte, error) {
	q := r.URL.Query()
	kind, _ := either(q, "spanKind", "span_kind")
	ops, err := h.operationsOf(ctx, q.Get("service"), strings.ToLower(kind))
	if err != nil {
		return nil, err
	}
	for i := range ops {
		if ops[i].Kind == "" {
			ops[i].Kind = "internal"
		}
	}
	return json.Marshal(map[string][]operation{"operations": ops})
}

func (h *handler) trace3(ctx context.Context, r *http.Request, w io.Writer) error {
	list, err := h.one(ctx, r)
	if err != nil {
		return err
	}
	return result3(w, list)
}

func (h *handler) search3(ctx context.Context, r *http.Request, w io.Writer) error {
	req, err := parse3(r.URL.Query())
	if err != nil {
		return err
	}
	ids, err := h.find(ctx, req)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return fail(http.StatusNotFound, "No traces found")
	}
	return result3(w, h.read(ctx, ids, nil))
}

// result3 wraps OTLP's JSON as gRPC's gateway does, the spans of each trace
// together.
func result3(w io.Writer, list traces) error {
	const head, tail = `{"resourceSpans":[`, `]}`
	b := []byte(`{"result":` + head)
	var one []byte
	for spans, err := range list {
		if err != nil {
			return err
		}
		one = otlp.AppendTracesJSON(one[:0], spans)
		b = append(reply.Comma(b), one[len(head):len(one)-len(tail)]...)
		if len(b) > chunk {
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = append(b[:0], ' ') // not empty: the next trace needs its comma
		}
	}
	_, err := w.Write(append(b, tail+"}"...))
	return err
}

func (h *handler) summaries3(ctx context.Context, r *http.Request) ([]byte, error) {
	req, err := parse3(r.URL.Query())
	if err != nil {
		return nil, err
	}
	req.Matches, req.Summaries = 1, true
	res, err := query.Search(ctx, h.Store, req)
	if err != nil {
		return nil, err
	}
	if err := gaveUp(res); err != nil {
		return nil, err
	}
	b := []byte(`{"summaries":[`)
	for i := range res.Hits {
		s := res.Hits[i].Trace
		if s == nil {
			continue
		}
		root := s.RootService
		if root == "" {
			root = unnamed
		}
		b = append(reply.Comma(b), `{"traceId":`...)
		b = reply.AppendTraceID(b, s.ID)
		b = append(b, `,"rootServiceName":`...)
		b = reply.AppendString(b, root)
		b = append(b, `,"rootOperationName":`...)
		b = reply.AppendString(b, s.RootName)
		b = append(b, `,"minStartTimeUnixNano":`...)
		b = reply.AppendQuoted(b, max(s.Start, 0))
		b = append(b, `,"maxEndTimeUnixNano":`...)
		b = reply.AppendQuoted(b, max(s.Start+s.Duration, 0))
		b = append(b, `,"spanCount":`...)
		b = strconv.AppendInt(b, int64(s.Spans), 10)
		b = append(b, `,"errorSpanCount":`...)
		b = strconv.AppendInt(b, int64(s.Errors), 10)
		b = append(b, `,"services":[`...)
		for _, c := range s.Services {
			if c.Name == "" {
				c.Name = unnamed
			}
			b = append(reply.Comma(b), `{"name":`...)
			b = reply.AppendString(b, c.Name)
			b = append(b, `,"spanCount":`...)
			b = strconv.AppendInt(b, int64(c.Spans), 10)
			b = append(b, `,"errorSpanCount":`...)
			b = strconv.AppendInt(b, int64(c.Errors), 10)
			b = append(b, '}')
		}
		b = append(b, "]}"...)
	}
	return append(b, "]}"...), nil
}

// either reads a parameter by its name or its older one.
func either(q url.Values, name, older string) (value, used string) {
	if v := q.Get(name); v != "" {
		return v, name
	}
	return q.Get(older), older
}

// parse3 reads the parameters of v3: times are RFC 3339, durations Go's.
func parse3(q url.Values) (req query.SearchRequest, err error) {
	bad := func(name string, err error) error {
		return fail(http.StatusBadRequest, "malformed parameter %s: %v", name, err)
	}
	tags := map[string]string{}
	if v := q.Get("query.attributes"); v != "" {
		if err := json.Unmarshal([]byte(v), &tags); err != nil {
			return req, bad("query.attributes", err)
		}
	}
	if q.Get("query.filter") != "" {
		return req, fail(http.StatusBadRequest, "parameter query.filter is not supported; use query.attributes")
	}
	for _, t := range []struct {
		name, older string
		to          *int64
	}{{"query.startTimeMin", "query.start_time_min", &req.From}, {"query.startTimeMax", "query.start_time_max", &req.To}} {
		v, used := either(q, t.name, t.older)
		if v == "" {
			return req, fail(http.StatusBadRequest, "query.startTimeMin and query.startTimeMax are required")
		}
		// The plus of a time zone, if it was not escaped, arrives as a space.
		at, err := time.Parse(time.RFC3339Nano, strings.Replace(v, " ", "+", 1))
		if y := at.Year(); err == nil && (y < 1970 || y > 2261) {
			err = fmt.Errorf("%s is out of range", v)
		}
		if err != nil {
			return req, bad(used, err)
		}
		*t.to = at.UnixNano()
	}
	if req.From >= req.To {
		return req, fail(http.StatusBadRequest, "query.startTimeMin must be before query.startTimeMax")
	}
	req.To++ // the end is part of the range
	req.Limit = defaultLimit
	v, used := either(q, "query.searchDepth", "query.search_depth")
	if v == "" {
		v, used = q.Get("query.num_traces"), "query.num_traces"
	}
	if v != "" {
		req.Limit, err = strconv.Atoi(v)
		if err == nil && (req.Limit < 1 || req.Limit > maxLimit) {
			err = fmt.Errorf("%d; want a number from 1 to %d", req.Limit, maxLimit)
		}
		if err != nil {
			return req, bad(used, err)
		}
	}
	var lo, hi time.Duration
	for _, d := range []struct {
		name, older string
		to          *time.Duration
	}{{"query.durationMin", "query.duration_min", &lo}, {"query.durationMax", "query.duration_max", &hi}} {
		if v, used := either(q, d.name, d.older); v != "" {
			if *d.to, err = time.ParseDuration(v); err != nil {
				return req, bad(used, err)
			}
		}
	}
	service, _ := either(q, "query.serviceName", "query.service_name")
	operation, _ := either(q, "query.operationName", "query.operation_name")
	req.Query, err = compile(service, operation, tags, lo, hi)
	return req, err
}
