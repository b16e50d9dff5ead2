package tempo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// Limits of a search: Tempo's defaults, and the most that can be asked for.
const (
	defaultLimit = 20
	maxLimit     = 5000
	defaultSpans = 3
	maxSpans     = 1000
)

// maxPages bounds how often a search goes on because of conditions on whole
// traces, which are tested on what it has found.
const maxPages = 50

// search answers with traces in which a span matches, newest first.
func (h *handler) search(ctx context.Context, r *http.Request) (body, error) {
	q := r.URL.Query()
	from, to, err := h.during(q)
	if err != nil {
		return body{}, err
	}
	n, err := limit(q, "limit", defaultLimit, maxLimit)
	if err != nil {
		return body{}, err
	}
	spans, err := limit(q, "spss", defaultSpans, maxSpans)
	if err != nil {
		return body{}, err
	}
	text, tags := q.Get("q"), q.Get("tags")
	if text != "" && tags != "" {
		return body{}, fail(http.StatusBadRequest, "invalid request: can't specify tags and q in the same query")
	}
	t, err := parseTraceQL(text)
	if err != nil {
		return body{}, &httpError{http.StatusBadRequest, err}
	}
	if text == "" {
		if t, err = byTags(q); err != nil {
			return body{}, err
		}
	}
	req := query.SearchRequest{Query: query.New(t.filter), From: from, To: to, Limit: n, Matches: spans, Summaries: true}
	var found []query.Hit
	inspected, partial := int64(0), ""
	for page := 1; ; page++ {
		res, err := query.Search(ctx, h.Store, req)
		if err != nil {
			return body{}, err
		}
		inspected += res.Rows
		if res.Partial {
			partial = res.Why
		}
		for _, hit := range res.Hits {
			if hit.Trace != nil && len(found) < n && holdsAll(t.trace, hit.Trace) {
				found = append(found, hit)
			}
		}
		if res.Cursor == "" || len(t.trace) == 0 || len(found) == n {
			break
		}
		if req.Cursor = res.Cursor; page == maxPages {
			partial = fmt.Sprintf("the conditions on whole traces were tested on the first %d traces that the others found", page*n)
			break
		}
	}
	if len(found) == 0 && partial != "" {
		// An empty answer would say that there is nothing.
		return body{}, fail(http.StatusBadRequest, "nothing found, but not everything was looked at: %s", partial)
	}
	b := []byte(`{"traces":[`)
	for i := range found {
		b = t.appendHit(reply.Comma(b), &found[i])
	}
	b = append(b, `],"metrics":{"inspectedTraces":`...)
	b = strconv.AppendInt(b, int64(len(found)), 10)
	b = append(b, `,"inspectedSpans":`...)
	b = reply.AppendQuoted(b, inspected)
	return body{"application/json", append(b, "}}"...)}, nil
}

func holdsAll(conditions []func(*query.Summary) bool, s *query.Summary) bool {
	for _, c := range conditions {
		if !c(s) {
			return false
		}
	}
	return true
}

// appendHit writes a trace with the spans that matched. Times are in strings,
// as protobuf's JSON has 64-bit numbers.
func (t *traceQL) appendHit(b []byte, h *query.Hit) []byte {
	s := h.Trace
	b = append(b, `{"traceID":"`...)
	b = append(b, s.ID.String()...)
	b = append(b, `","rootServiceName":`...)
	b = reply.AppendString(b, s.RootService)
	b = append(b, `,"rootTraceName":`...)
	b = reply.AppendString(b, s.RootName)
	b = append(b, `,"startTimeUnixNano":`...)
	b = reply.AppendQuoted(b, max(s.Start, 0))
	b = append(b, `,"durationMs":`...)
	b = strconv.AppendInt(b, min(s.Duration/int64(time.Millisecond), 1<<32-1), 10)
	b = append(b, `,"spanSet":`...)
	set := t.appendSet(nil, h)
	b = append(b, set...)
	b = append(b, `,"spanSets":[`...)
	b = append(b, set...)
	b = append(b, `],"serviceStats":{`...)
	for _, c := range s.Services {
		b = reply.AppendKey(b, c.Name)
		b = append(b, `{"spanCount":`...)
		b = strconv.AppendInt(b, int64(c.Spans), 10)
		if c.Errors > 0 {
			b = append(b, `,"errorCount":`...)
			b = strconv.AppendInt(b, int64(c.Errors), 10)
		}
		b = append(b, '}')
	}
	return append(b, "}}"...)
}

func (t *traceQL) appendSet(b []byte, h *query.Hit) []byte {
	b = append(b, `{"spans":[`...)
	for i := range h.Spans {
		s := &h.Spans[i]
		b = append(reply.Comma(b), `{"spanID":`...)
		b = reply.AppendID(b, s.ID)
		b = append(b, `,"name":`...)
		b = reply.AppendString(b, s.Name)
		b = append(b, `,"startTimeUnixNano":`...)
		b = reply.AppendQuoted(b, max(s.Start, 0))
		b = append(b, `,"durationNanos":`...)
		b = reply.AppendQuoted(b, s.Duration)
		b = append(b, `,"attributes":[`...)
		b = t.appendColumns(b, s)
		b = append(b, "]}"...)
	}
	b = append(b, `],"matched":`...)
	b = strconv.AppendInt(b, int64(max(h.Matched, len(h.Spans))), 10)
	return append(b, '}')
}

// appendColumns writes the fields that the query names, as OTLP's JSON has
// attributes.
func (t *traceQL) appendColumns(b []byte, s *span.Span) []byte {
	for i, f := range t.columns {
		name := t.names[i]
		v, ok := span.Value{}, false
		switch f {
		case query.Name, query.Duration, query.Trace, query.SpanID: // shown anyway
			continue
		case query.Service:
			v, ok, name = span.StringValue(s.Service()), true, "service.name"
		case query.Status:
			v, ok = span.StringValue(s.Status.String()), true
		case query.Kind:
			v, ok = span.StringValue(s.Kind.String()), true
		case query.Message:
			v, ok = span.StringValue(s.Message), s.Message != ""
		case query.ScopeName:
			v, ok = span.StringValue(s.Scope.Name), true
		case query.ScopeVersion:
			v, ok = span.StringValue(s.Scope.Version), true
		default:
			v, ok = attribute(s, f)
			name = f.Key
		}
		if ok {
			b = append(reply.Comma(b), `{"key":`...)
			b = reply.AppendString(b, name)
			b = append(b, `,"value":`...)
			b = append(appendValue(b, v), '}')
		}
	}
	return b
}

func attribute(s *span.Span, f query.Field) (v span.Value, ok bool) {
	if f.Scope == query.SpanAttr || f.Scope == query.Either {
		if v, ok = s.Attr(f.Key); ok {
			return v, ok
		}
	}
	switch f.Scope {
	case query.ResourceAttr, query.Either:
		return span.Get(s.Resource.Attrs, f.Key)
	case query.ScopeAttr:
		return span.Get(s.Scope.Attrs, f.Key)
	case query.EventAttr:
		for i := range s.Events {
			if v, ok = span.Get(s.Events[i].Attrs, f.Key); ok {
				return v, ok
			}
		}
	}
	return v, false
}

func appendValue(b []byte, v span.Value) []byte {
	switch v.Type {
	case span.Bool:
		b = append(b, `{"boolValue":`...)
		b = strconv.AppendBool(b, v.Bool())
	case span.Int:
		b = append(b, `{"intValue":`...)
		b = reply.AppendQuoted(b, v.Int())
	case span.Float:
		b = append(b, `{"doubleValue":`...)
		b = v.AppendJSON(b)
	default:
		b = append(b, `{"stringValue":`...)
		b = reply.AppendString(b, v.Text())
	}
	return append(b, '}')
}

// byTags reads a search of the older kind: tags in logfmt, whose values are
// matched as case-insensitive substrings, and bounds on the duration of the
// trace.
func byTags(q url.Values) (*traceQL, error) {
	t := &traceQL{}
	tags, err := logfmt(q.Get("tags"))
	if err != nil {
		return nil, err
	}
	var all []query.Expr
	for _, kv := range tags {
		var f query.Field
		switch kv[0] {
		case "name", "span.name":
			f = query.Name
		case "service.name":
			f = query.Service
		case "status", "status.code":
			f = query.Status
		case "root.name", "root.service.name":
			service := kv[0] == "root.service.name"
			want := strings.ToLower(kv[1])
			t.trace = append(t.trace, func(s *query.Summary) bool {
				if service {
					return strings.Contains(strings.ToLower(s.RootService), want)
				}
				return strings.Contains(strings.ToLower(s.RootName), want)
			})
			continue
		case "error":
			failed := query.Compare(query.Status, query.Equal, query.StringValue("error"))
			if kv[1] == "true" {
				all = append(all, failed)
				continue
			}
			f = query.Attr(kv[0])
		default:
			f = query.Attr(kv[0])
		}
		if f == query.Status {
			if _, ok := span.ParseStatus(kv[1]); !ok {
				return nil, fail(http.StatusBadRequest, "invalid tags: %s=%q; want ok, error or unset", kv[0], kv[1])
			}
			all = append(all, query.Compare(f, query.Equal, query.StringValue(kv[1])))
			continue
		}
		e, err := query.NewRegexp(f, "(?i).*"+regexp.QuoteMeta(kv[1])+".*", false)
		if err != nil {
			return nil, &httpError{http.StatusBadRequest, err}
		}
		all = append(all, e)
		t.columns, t.names = append(t.columns, f), append(t.names, kv[0])
	}
	t.filter = query.All(all...)
	var lo, hi time.Duration
	for _, d := range []struct {
		name string
		to   *time.Duration
	}{{"minDuration", &lo}, {"maxDuration", &hi}} {
		if v := q.Get(d.name); v != "" {
			if *d.to, err = time.ParseDuration(v); err != nil {
				return nil, fail(http.StatusBadRequest, "invalid %s: %v", d.name, err)
			}
		}
	}
	if hi != 0 && lo > hi {
		return nil, fail(http.StatusBadRequest, "invalid maxDuration: must be greater than minDuration")
	}
	if lo != 0 || hi != 0 {
		t.trace = append(t.trace, func(s *query.Summary) bool {
			return s.Duration >= int64(lo) && (hi == 0 || s.Duration <= int64(hi))
		})
	}
	return t, nil
}

// logfmt reads key=value pairs separated by spaces, values that hold spaces in
// double quotes. A key may be there once.
func logfmt(s string) (pairs [][2]string, err error) {
	bad := func(at int, what string) error {
		return fail(http.StatusBadRequest, "invalid tags: %s at pos %d", what, at+1)
	}
	i := 0
	for {
		for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n') {
			i++
		}
		if i == len(s) {
			return pairs, nil
		}
		start := i
		for i < len(s) && s[i] != '=' && s[i] != ' ' && s[i] != '"' {
			i++
		}
		key := s[start:i]
		switch {
		case key == "":
			return nil, bad(start, "unexpected "+strconv.Quote(s[i:i+1]))
		case i == len(s) || s[i] != '=':
			return nil, bad(i, "no value for "+strconv.Quote(key))
		case slices.ContainsFunc(pairs, func(p [2]string) bool { return p[0] == key }):
			return nil, fail(http.StatusBadRequest, "invalid tags: tag %s has been set twice", key)
		}
		i++
		if i < len(s) && s[i] == '"' {
			end := i + 1
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(s) {
				return nil, bad(i, "the quoted value has no end")
			}
			value, err := strconv.Unquote(s[i : end+1])
			if err != nil {
				return nil, bad(i, "the quoted value is wrong")
			}
			pairs = append(pairs, [2]string{key, value})
			i = end + 1
			continue
		}
		start = i
		for i < len(s) && s[i] != ' ' && s[i] != '\t' {
			i++
		}
		pairs = append(pairs, [2]string{key, s[start:i]})
	}
}
