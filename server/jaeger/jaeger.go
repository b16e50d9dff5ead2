// Package jaeger answers the HTTP requests of Jaeger's own clients: its UI and
// Grafana's Jaeger data source work on it unchanged. It has the JSON API that
// Jaeger calls v1 (parts of which Jaeger dropped in 2026, while Grafana still
// calls them) and /api/v3, which answers in OTLP's JSON.
//
// A search matches within one span: all its conditions hold for the same span
// of each trace that is found.
package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Options configure the handler. All but Store may be left at their zero value.
type Options struct {
	Store   *store.Store
	Timeout time.Duration    // of a request; 0: 30 s
	Clock   func() time.Time // nil: time.Now
	Logger  *slog.Logger     // for errors that are the server's own; nil: none are logged
}

type handler struct {
	Options
	mux *http.ServeMux
}

// New returns a handler for /api/… as Jaeger has it. It does not authenticate.
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
	h.handle("GET /api/services", whole(h.services))
	h.handle("GET /api/services/{service}/operations", whole(h.operationNames))
	h.handle("GET /api/operations", whole(h.operations))
	h.handle("GET /api/traces", h.search)
	h.handle("GET /api/traces/{id}", h.trace)
	h.handle("POST /api/transform", h.transform)
	h.handle("POST /api/archive/{id}", whole(h.archive))
	h.handle("GET /api/dependencies", whole(h.dependencies))
	h.handle("GET /api/metrics/minstep", whole(h.minStep))
	h.handle("GET /api/metrics/{metric}", whole(h.metrics))
	h.handle("GET /api/v3/services", whole(h.services3))
	h.handle("GET /api/v3/operations", whole(h.operations3))
	h.handle("GET /api/v3/traces", h.search3)
	h.handle("GET /api/v3/traces/{id}", h.trace3)
	h.handle("GET /api/v3/trace-summaries", whole(h.summaries3))
	return h
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := h.mux.Handler(r); pattern == "" {
		writeError(w, r, fail(http.StatusNotFound, "%s %s: no such part of Jaeger's API here", r.Method, r.URL.Path))
		return
	}
	h.mux.ServeHTTP(w, r)
}

// answer writes what a request gets. An error that comes before anything was
// written becomes an answer itself.
type answer func(ctx context.Context, r *http.Request, w io.Writer) error

func (h *handler) handle(pattern string, f answer) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), h.Timeout)
		defer cancel()
		begun := &begun{ResponseWriter: w}
		err := f(ctx, r, begun)
		if err == nil || r.Context().Err() != nil {
			return // answered, or nobody is there any more
		}
		if e := (*apiError)(nil); !errors.As(err, &e) {
			h.Logger.Error("answer a request", "path", r.URL.Path, "error", err)
		}
		if begun.is {
			panic(http.ErrAbortHandler) // too late for a status: the client sees a broken transfer
		}
		writeError(w, r, err)
	})
}

// begun is an answer in JSON; it knows whether anything of it was written.
type begun struct {
	http.ResponseWriter
	is bool
}

func (b *begun) Write(p []byte) (int, error) {
	if !b.is {
		b.is = true
		h := b.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Type", "application/json")
	}
	return b.ResponseWriter.Write(p)
}

// whole is an answer that is put together before it is written.
func whole(f func(ctx context.Context, r *http.Request) ([]byte, error)) answer {
	return func(ctx context.Context, r *http.Request, w io.Writer) error {
		b, err := f(ctx, r)
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
}

// apiError is an error with the status that the client should see.
type apiError struct {
	status int
	err    error
}

func (e *apiError) Error() string { return e.err.Error() }
func (e *apiError) Unwrap() error { return e.err }

// writeError answers with an error in the form of the API version that was
// asked.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	var e *apiError
	switch {
	case errors.As(err, &e):
		status = e.status
	case errors.Is(err, context.DeadlineExceeded):
		status, err = http.StatusGatewayTimeout, errors.New("the search took too long; narrow the time range or choose a service")
	case errors.Is(err, store.ErrLarge):
		status = http.StatusBadRequest
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrClosed):
		status = http.StatusServiceUnavailable
	}
	b := []byte(`{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":`)
	if strings.HasPrefix(r.URL.Path, "/api/v3/") {
		b = []byte(`{"error":{"httpCode":`)
	}
	b = strconv.AppendInt(b, int64(status), 10)
	if strings.HasPrefix(r.URL.Path, "/api/v3/") {
		b = append(b, `,"message":`...)
		b = reply.AppendString(b, err.Error())
		b = append(b, `,"httpStatus":`...)
		b = append(reply.AppendString(b, http.StatusText(status)), "}}"...)
	} else {
		b = append(b, `,"msg":`...)
		b = append(reply.AppendString(b, err.Error()), "}]}"...)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// list is the envelope of v1.
func list(data any, n int) ([]byte, error) {
	return json.Marshal(struct {
		Data   any   `json:"data"`
		Total  int   `json:"total"`
		Limit  int   `json:"limit"`
		Offset int   `json:"offset"`
		Errors []any `json:"errors"`
	}{Data: data, Total: n})
}

// ever is the time range of what has no time in its request: all that is kept,
// and some time ahead for clocks that are fast.
func (h *handler) ever() (from, to int64) {
	return 0, h.Clock().Add(24 * time.Hour).UnixNano()
}

func (h *handler) serviceNames(ctx context.Context) ([]string, error) {
	from, to := h.ever()
	names, err := h.Store.Services(ctx, from, to)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(names))
	for _, n := range names {
		if n == "" {
			n = unnamed
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (h *handler) services(ctx context.Context, r *http.Request) ([]byte, error) {
	names, err := h.serviceNames(ctx)
	if err != nil {
		return nil, err
	}
	return list(names, len(names))
}

type operation struct {
	Name string `json:"name"`
	Kind string `json:"spanKind"`
}

// operationsOf lists a service's operations by name and kind.
func (h *handler) operationsOf(ctx context.Context, service, kind string) ([]operation, error) {
	from, to := h.ever()
	ops, err := h.Store.Operations(ctx, service, from, to)
	if err == nil && len(ops) == 0 && service == unnamed {
		ops, err = h.Store.Operations(ctx, "", from, to)
	}
	if err != nil {
		return nil, err
	}
	out := make([]operation, 0, len(ops))
	for _, o := range ops {
		k := ""
		if o.Kind != span.KindUnspecified {
			k = o.Kind.String()
		}
		if kind == "" || kind == k {
			out = append(out, operation{o.Name, k})
		}
	}
	slices.SortFunc(out, func(a, b operation) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return slices.Compact(out), nil
}

func (h *handler) operationNames(ctx context.Context, r *http.Request) ([]byte, error) {
	ops, err := h.operationsOf(ctx, r.PathValue("service"), "")
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(ops))
	for _, o := range ops {
		names = append(names, o.Name)
	}
	names = slices.Compact(names)
	return list(names, len(names))
}

func (h *handler) operations(ctx context.Context, r *http.Request) ([]byte, error) {
	service := r.URL.Query().Get("service")
	if service == "" {
		return nil, fail(http.StatusBadRequest, "parameter 'service' is required")
	}
	ops, err := h.operationsOf(ctx, service, strings.ToLower(r.URL.Query().Get("spanKind")))
	if err != nil {
		return nil, err
	}
	return list(ops, len(ops))
}

// traceID reads the id in a path. Jaeger's clients also send ids without
// leading zeros.
func traceID(r *http.Request) (span.TraceID, error) {
	id, err := span.ParseTraceID(r.PathValue("id"))
	if err != nil {
		return id, fail(http.StatusBadRequest, "%v", err)
	}
	return id, nil
}

// errNotFound has the words that Jaeger has for it.
var errNotFound = &apiError{http.StatusNotFound, errors.New("trace not found")}

// traces is what an answer shows, one trace at a time: an answer of many, or of
// large ones, is never in memory as a whole. A trace without spans is skipped.
type traces func(yield func(spans []span.Span, err error) bool)

// read reads the traces by their ids. Those that are not there are added to
// missing, which may be nil.
func (h *handler) read(ctx context.Context, ids []span.TraceID, missing *[]span.TraceID) traces {
	return func(yield func([]span.Span, error) bool) {
		for _, id := range ids {
			spans, err := h.Store.Trace(ctx, id)
			if err == nil && len(spans) == 0 || errors.Is(err, store.ErrLarge) && len(ids) > 1 { // the others are worth showing
				if missing != nil {
					*missing = append(*missing, id)
				}
				continue
			}
			if !yield(spans, err) || err != nil {
				return
			}
		}
	}
}

// one is a trace that must be there.
func (h *handler) one(ctx context.Context, r *http.Request) (traces, error) {
	id, err := traceID(r)
	if err != nil {
		return nil, err
	}
	spans, err := h.Store.Trace(ctx, id)
	if err == nil && len(spans) == 0 {
		err = errNotFound
	}
	return func(yield func([]span.Span, error) bool) { yield(spans, nil) }, err
}

// trace answers with one trace. The parameters start and end, which Jaeger
// takes as hints where to look, are not needed: traces are found by id.
func (h *handler) trace(ctx context.Context, r *http.Request, w io.Writer) error {
	list, err := h.one(ctx, r)
	if err != nil {
		return err
	}
	return encode(w, list, flag(r, "raw"), nil)
}

func flag(r *http.Request, name string) bool {
	v, _ := strconv.ParseBool(r.URL.Query().Get(name))
	return v
}

// encode writes the envelope with traces. Unless raw, the times of processes
// whose clocks differ are put right, as Jaeger does. After the traces come
// those that are missing.
func encode(w io.Writer, list traces, raw bool, missing *[]span.TraceID) error {
	e := &encoder{w: w, b: []byte(`{"data":[`)}
	n := 0
	for spans, err := range list {
		if err != nil {
			return err
		}
		if n++; n > 1 {
			e.b = append(e.b, ',')
		}
		if e.trace(spans, raw); e.err != nil {
			return e.err
		}
	}
	b := append(e.b, `],"total":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, `,"limit":0,"offset":0,"errors":`...)
	if missing == nil || len(*missing) == 0 {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		for _, id := range *missing {
			b = append(reply.Comma(b), `{"msg":"trace not found","traceID":`...)
			b = append(appendTraceID(b, id), '}')
		}
		b = append(b, ']')
	}
	e.b = append(b, '}')
	e.flush(0)
	return e.err
}

// maxUpload bounds what /api/transform converts.
const maxUpload = 16 << 20

// transform converts a file of OTLP JSON that a user gave to Jaeger's UI into
// Jaeger's JSON. Nothing is stored.
func (h *handler) transform(ctx context.Context, r *http.Request, w io.Writer) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxUpload+1))
	if err != nil {
		return fail(http.StatusBadRequest, "read the body: %v", err)
	}
	if len(body) > maxUpload {
		return fail(http.StatusRequestEntityTooLarge, "the file is larger than %d MiB", maxUpload>>20)
	}
	var d otlp.Decoder
	spans, _, _, err := d.TracesJSON(body)
	if err != nil {
		return fail(http.StatusBadRequest, "cannot unmarshal OTLP: %v", err)
	}
	var order []span.TraceID
	byID := map[span.TraceID][]span.Span{}
	for _, s := range spans {
		if byID[s.TraceID] == nil {
			order = append(order, s.TraceID)
		}
		byID[s.TraceID] = append(byID[s.TraceID], s)
	}
	return encode(w, func(yield func([]span.Span, error) bool) {
		for _, id := range order {
			if !yield(byID[id], nil) {
				return
			}
		}
	}, false, nil)
}

func (h *handler) archive(ctx context.Context, r *http.Request) ([]byte, error) {
	return nil, fail(http.StatusNotImplemented, "weft has no archive: a trace is kept until it is older than the retention; download it as JSON instead")
}

// dependencies answers with the calls between services that began within the
// lookback (milliseconds, by default a day) before endTs.
func (h *handler) dependencies(ctx context.Context, r *http.Request) ([]byte, error) {
	q := r.URL.Query()
	end, err := millis(q.Get("endTs"), h.Clock().UnixMilli(), "endTs")
	if err != nil {
		return nil, err
	}
	back, err := millis(q.Get("lookback"), (24 * time.Hour).Milliseconds(), "lookback")
	if err != nil {
		return nil, err
	}
	flows, err := h.Store.Edges(ctx, (end-back)*int64(time.Millisecond), end*int64(time.Millisecond))
	if err != nil {
		return nil, err
	}
	type link struct {
		Parent string `json:"parent"`
		Child  string `json:"child"`
		Calls  uint64 `json:"callCount"`
	}
	links := []link{}
	only := q.Get("service")
	for i := range flows {
		f := &flows[i]
		if only != "" && f.Client != only && f.Server != only {
			continue
		}
		if n := slices.IndexFunc(links, func(l link) bool { return l.Parent == f.Client && l.Child == f.Server }); n >= 0 {
			links[n].Calls += f.Count() // by another protocol
			continue
		}
		links = append(links, link{f.Client, f.Server, f.Count()})
	}
	return list(links, 0)
}

// millis reads a Unix time or a duration in milliseconds.
func millis(s string, def int64, name string) (int64, error) {
	if s == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<43 { // the year 2248
		return 0, fail(http.StatusBadRequest, "unable to parse param '%s': %q; want milliseconds", name, s)
	}
	return n, nil
}
