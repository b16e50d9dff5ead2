// Package api is weft's own HTTP API under /api/weft/v1/: JSON over GET, with
// the parameters in the query string, or over POST with the same parameters as
// a form when they are long.
//
// Times of answers are Unix nanoseconds in strings (a JSON number that large
// is rounded by most clients) or nanoseconds since something whose time is
// given; durations are numbers in members called …Nanos. Times of requests are
// RFC 3339, Unix times or relative; durations have a unit. What is wrong with a
// request is answered as application/problem+json. openapi.yaml describes it
// all, is served beside it, and is compared with it by a test.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/weft-trace/weft/server/outline"
	"github.com/weft-trace/weft/server/store"
)

// Root is where the API lives.
const Root = "/api/weft/v1"

// Options configure an API. All but Store may be left at their zero value.
type Options struct {
	Store   *store.Store
	Timeout time.Duration    // of a request other than backup and export; 0: 30 s
	Clock   func() time.Time // nil: time.Now
	Logger  *slog.Logger     // for errors that are the server's own; nil: none are logged
	Version string           // of weft, told by /stats
}

// API answers the requests below Root. It does not authenticate them:
// see Admin.
type API struct {
	Options
	mux      *http.ServeMux
	start    time.Time
	outlines outline.Reader
}

// route is a method and path with what answers it.
type route struct {
	method string // GET also answers HEAD
	path   string // below Root
	admin  bool   // asks for the admin scope, not for read
	long   bool   // has no timeout
	answer func(*API, *call) error
}

// routes are all there are; openapi.yaml has them, too.
var routes = []route{
	{method: "GET", path: "/traces/{id}", answer: (*API).trace},
	{method: "GET", path: "/traces/{id}/spans/{spanId}", answer: (*API).span},
	{method: "GET", path: "/traces/{id}/find", answer: (*API).find},
	{method: "GET", path: "/traces/{id}/logs", answer: (*API).traceLogs},
	{method: "GET", path: "/traces/{id}/critical-path", answer: (*API).criticalPath},
	{method: "GET", path: "/compare", answer: (*API).compare},
	{method: "GET", path: "/search", answer: (*API).search},
	{method: "POST", path: "/search", answer: (*API).search},
	{method: "GET", path: "/parse", answer: (*API).parse},
	{method: "GET", path: "/aggregate", answer: (*API).aggregate},
	{method: "POST", path: "/aggregate", answer: (*API).aggregate},
	{method: "GET", path: "/heatmap", answer: (*API).heatMap},
	{method: "POST", path: "/heatmap", answer: (*API).heatMap},
	{method: "GET", path: "/differences", answer: (*API).differences},
	{method: "POST", path: "/differences", answer: (*API).differences},
	{method: "GET", path: "/waits", answer: (*API).waits},
	{method: "POST", path: "/waits", answer: (*API).waits},
	{method: "GET", path: "/keys", answer: (*API).keys},
	{method: "GET", path: "/values", answer: (*API).fieldValues},
	{method: "GET", path: "/services", answer: (*API).services},
	{method: "GET", path: "/operations", answer: (*API).operations},
	{method: "GET", path: "/series", answer: (*API).series},
	{method: "GET", path: "/graph", answer: (*API).graph},
	{method: "GET", path: "/metrics", answer: (*API).metrics},
	{method: "GET", path: "/metrics/points", answer: (*API).metricPoints},
	{method: "GET", path: "/stats", answer: (*API).stats},
	{method: "GET", path: "/backup", answer: (*API).backup, admin: true, long: true},
	{method: "GET", path: "/export", answer: (*API).export, long: true},
	{method: "GET", path: "/openapi.json", answer: (*API).openAPIJSON},
	{method: "GET", path: "/openapi.yaml", answer: (*API).openAPIYAML},
}

// New returns the API on a store. It is safe for concurrent use.
func New(o Options) *API {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &API{Options: o, mux: http.NewServeMux(), start: o.Clock(), outlines: outline.Reader{Store: o.Store}}
	for _, r := range routes {
		a.mux.HandleFunc(r.method+" "+Root+r.path, func(w http.ResponseWriter, req *http.Request) { a.serve(w, req, r) })
	}
	return a
}

// Admin reports whether a request asks for something that the scope "read"
// does not allow.
func Admin(r *http.Request) bool {
	for _, route := range routes {
		if route.admin && strings.TrimSuffix(r.URL.Path, "/") == Root+route.path {
			return true
		}
	}
	return false
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	// The mux knows of paths without this method; its answers are plain text.
	probe := &probe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	p := &Problem{Status: http.StatusNotFound, Detail: r.URL.Path + ": no such resource; " + Root + "/openapi.json lists them"}
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		p = &Problem{Status: probe.status, Detail: r.Method + " " + r.URL.Path + ": only " + probe.header.Get("Allow")}
	}
	p.write(w)
}

// probe takes the status and header of an answer.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// call is one request on its way to an answer.
type call struct {
	*params
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context
	started bool // something of the answer was written
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, route route) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	p, problem := readParams(w, r, a.Clock())
	if problem != nil {
		problem.write(w)
		return
	}
	c := &call{params: p, w: w, r: r, ctx: r.Context()}
	if !route.long {
		var cancel context.CancelFunc
		c.ctx, cancel = context.WithTimeout(c.ctx, a.Timeout)
		defer cancel()
	}
	err := route.answer(a, c)
	if err == nil || r.Context().Err() != nil {
		return // answered, or nobody is there any more
	}
	problem = asProblem(err)
	if problem.Status == http.StatusInternalServerError {
		a.Logger.Error("answer a request", "path", r.URL.Path, "error", err)
	}
	if c.started {
		// Too late for a status: the client sees a broken transfer.
		panic(http.ErrAbortHandler)
	}
	problem.write(w)
}

// json answers with a value.
func (c *call) json(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return c.bytes("application/json", b.Bytes())
}

func (c *call) bytes(contentType string, b []byte) error {
	c.w.Header().Set("Content-Type", contentType)
	c.started = true
	_, err := c.w.Write(b)
	return err
}

// stream answers with what write writes.
func (c *call) stream(contentType, file string, write func(io.Writer) error) error {
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
	// A backup or export takes as long as it takes, as long as the client reads.
	rc := http.NewResponseController(c.w)
	if err := rc.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return write(startedWriter{c})
}

// startedWriter notes that the answer has begun.
type startedWriter struct{ c *call }

func (s startedWriter) Write(b []byte) (int, error) {
	s.c.started = true
	return s.c.w.Write(b)
}
