package api

import (
	"cmp"
	"hash/fnv"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-trace/weft/server/analysis"
	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/outline"
	"github.com/weft-trace/weft/server/query"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
)

// Forms of a trace. A further one needs a line here and a case in trace.
var forms = []struct{ name, contentType string }{
	{"json", "application/json"},
	{"otlp-json", "application/vnd.opentelemetry.otlp+json"},
	{"otlp", "application/x-protobuf"},
	{"columns", outline.ContentType},
}

// form returns the form of trace that the client asked for: by the parameter
// format, else by the header Accept.
func (c *call) form() (string, *Problem) {
	if f := c.text("format"); f != "" {
		var names []string
		for _, form := range forms {
			if names = append(names, form.name); form.name == f {
				return f, nil
			}
		}
		return "", badParameter("format", "%q; want %s", f, strings.Join(names, ", "))
	}
	best, weight := forms[0].name, 0.0
	accept := strings.Join(c.r.Header.Values("Accept"), ",")
	if accept == "" {
		return best, nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		typ, args, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if v, err := strconv.ParseFloat(args["q"], 64); err == nil {
			q = v
		}
		if typ == "application/protobuf" {
			typ = "application/x-protobuf"
		}
		for _, form := range forms {
			if q > weight && (typ == form.contentType || typ == "*/*" || typ == "application/*") {
				best, weight = form.name, q
				break
			}
		}
	}
	if weight == 0 {
		var types []string
		for _, form := range forms {
			types = append(types, form.contentType)
		}
		return "", &Problem{Status: http.StatusNotAcceptable, Detail: "a trace cannot be had as " + accept + "; there are " + strings.Join(types, ", ")}
	}
	return best, nil
}

// spans reads the trace that the path names.
func (a *API) spans(c *call) ([]span.Span, error) {
	id, err := parseTraceID("id", c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return a.spansOf(c, id)
}

func (a *API) spansOf(c *call, id span.TraceID) ([]span.Span, error) {
	spans, err := a.Store.Trace(c.ctx, id)
	if err == nil && len(spans) == 0 {
		err = notFound("trace %s: not found; it may be older than the retention, or on its way", id)
	}
	return spans, err
}

// trace answers with one trace.
func (a *API) trace(c *call) error {
	form, problem := c.form()
	c.w.Header().Add("Vary", "Accept")
	if problem != nil {
		return problem
	}
	if form == "columns" {
		return a.columns(c)
	}
	if err := c.done(); err != nil {
		return err
	}
	spans, err := a.spans(c)
	if err != nil {
		return err
	}
	if c.has(etag(spans, form)) {
		return nil
	}
	name := spans[0].TraceID.String()
	switch form {
	case "otlp-json":
		c.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.json"`)
		return c.bytes(forms[1].contentType, otlp.AppendTracesJSON(nil, spans))
	case "otlp":
		c.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.pb"`)
		return c.bytes(forms[2].contentType, otlp.AppendTraces(nil, spans))
	}
	c.w.Header().Set("Content-Type", "application/json")
	return appendTrace(startedWriter{c}, spans)
}

// etag changes when spans come in late.
func etag(spans []span.Span, form string) string {
	h := fnv.New64a()
	for i := range spans {
		h.Write(spans[i].ID[:])
	}
	return `"` + form + "-" + strconv.Itoa(len(spans)) + "-" + strconv.FormatUint(h.Sum64(), 36) + `"`
}

// has tells the client an answer's tag, and answers if the client has it already.
func (c *call) has(tag string) bool {
	c.w.Header().Set("Etag", tag)
	if !matches(c.r.Header.Values("If-None-Match"), tag) {
		return false
	}
	c.w.WriteHeader(http.StatusNotModified)
	return true
}

// matches reports whether the header If-None-Match names the tag.
func matches(headers []string, tag string) bool {
	for _, h := range headers {
		for part := range strings.SplitSeq(h, ",") {
			if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// chunk is how much of a large answer is put together before it is sent.
const chunk = 64 << 10

// appendTrace writes a trace: what sums it up, then its spans top down, each
// with its depth, then what they share. Large traces are written piece by
// piece.
func appendTrace(to io.Writer, spans []span.Span) error {
	t := analysis.Build(spans)
	root, errors, services := sumUp(t)
	w := writer{relative: true, base: t.Start}
	w.b = append(w.b, `{"traceId":`...)
	w.b = reply.AppendTraceID(w.b, spans[0].TraceID)
	w.b = append(w.b, `,"startUnixNano":`...)
	w.b = reply.AppendQuoted(w.b, t.Start)
	w.b = append(w.b, `,"durationNanos":`...)
	w.b = strconv.AppendInt(w.b, t.End-t.Start, 10)
	w.b = append(w.b, `,"rootService":`...)
	w.b = reply.AppendString(w.b, root.Service())
	w.b = append(w.b, `,"rootName":`...)
	w.b = reply.AppendString(w.b, root.Name)
	w.b = append(w.b, `,"spanCount":`...)
	w.b = strconv.AppendInt(w.b, int64(len(spans)), 10)
	w.b = append(w.b, `,"errorCount":`...)
	w.b = strconv.AppendInt(w.b, int64(errors), 10)
	w.b = append(w.b, `,"services":`...)
	w.b = appendServices(w.b, services)
	w.b = append(w.b, `,"spans":[`...)
	for i := range t.Spans {
		w.b = reply.Comma(w.b)
		w.node(&t.Spans[i])
		if len(w.b) >= chunk {
			if _, err := to.Write(w.b); err != nil {
				return err
			}
			w.b = append(w.b[:0], ' ') // not empty: the next comma is needed
		}
	}
	w.b = append(w.b, ']')
	w.tables()
	w.b = append(w.b, '}', '\n')
	_, err := to.Write(w.b)
	return err
}

// sumUp is query.Summarize for a trace whose tree is known already.
func sumUp(t *analysis.Tree) (root *span.Span, errors int, services []query.ServiceCount) {
	root = t.Spans[t.Roots[0]].Span
	for _, r := range t.Roots {
		if s := t.Spans[r].Span; s.Parent.IsZero() {
			root = s
			break
		}
	}
	index := map[string]int{}
	var last *span.Resource
	at := 0
	for i := range t.Spans {
		s := t.Spans[i].Span
		if s.Resource != last || i == 0 {
			name, ok := s.Service(), false
			if at, ok = index[name]; !ok {
				at = len(services)
				index[name] = at
				services = append(services, query.ServiceCount{Name: name})
			}
			last = s.Resource
		}
		services[at].Spans++
		if s.Status == span.StatusError {
			services[at].Errors++
			errors++
		}
	}
	slices.SortStableFunc(services, func(a, b query.ServiceCount) int {
		return cmp.Or(cmp.Compare(b.Spans, a.Spans), cmp.Compare(a.Name, b.Name))
	})
	return root, errors, services
}

// node appends a span with its place in the tree.
func (w *writer) node(n *analysis.Node) {
	w.span(n.Span)
	b := w.b[:len(w.b)-1] // reopen the object
	b = append(b, `,"depth":`...)
	b = strconv.AppendInt(b, int64(n.Depth), 10)
	w.b = appendOddities(b, n.Shift, n.Warnings)
}

// appendOddities ends the object of a span with what is odd about it.
func appendOddities(b []byte, shift int64, warnings []string) []byte {
	if shift != 0 {
		b = append(b, `,"shiftNanos":`...)
		b = strconv.AppendInt(b, shift, 10)
	}
	if len(warnings) > 0 {
		b = append(b, `,"warnings":[`...)
		for _, text := range warnings {
			b = reply.AppendString(reply.Comma(b), text)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendServices(b []byte, services []query.ServiceCount) []byte {
	b = append(b, '[')
	for i := range services {
		s := &services[i]
		b = append(reply.Comma(b), `{"name":`...)
		b = reply.AppendString(b, s.Name)
		b = append(b, `,"spanCount":`...)
		b = strconv.AppendInt(b, int64(s.Spans), 10)
		b = append(b, `,"errorCount":`...)
		b = strconv.AppendInt(b, int64(s.Errors), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

// traceLogs answers with the log records that name a trace.
func (a *API) traceLogs(c *call) error {
	limit := c.limit("limit", 1000, 10_000)
	of := c.spanID("span", c.text("span"))
	if err := c.done(); err != nil {
		return err
	}
	id, err := parseTraceID("id", c.r.PathValue("id"))
	if err != nil {
		return err
	}
	var wanted func(*span.Log) bool
	if !of.IsZero() {
		wanted = func(l *span.Log) bool { return l.Span == of }
	}
	logs, err := a.Store.LogsOf(c.ctx, id, wanted)
	if err != nil {
		return err
	}
	slices.SortStableFunc(logs, func(a, b span.Log) int { return cmp.Compare(a.Time, b.Time) })
	var w writer
	w.b = append(w.b, `{"total":`...)
	w.b = strconv.AppendInt(w.b, int64(len(logs)), 10)
	w.b = append(w.b, `,"logs":[`...)
	for i := range logs[:min(limit, len(logs))] {
		w.b = reply.Comma(w.b)
		w.log(&logs[i])
	}
	w.b = append(w.b, ']')
	w.tables()
	return c.bytes("application/json", append(w.b, '}', '\n'))
}
