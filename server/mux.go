package server

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-trace/weft/server/api"
	"github.com/weft-trace/weft/server/jaeger"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/store"
	"github.com/weft-trace/weft/server/tempo"
)

// queries are the handlers that need the store.
type queries struct{ api, jaeger, tempo http.Handler }

func (s *Server) newQueries(st *store.Store) queries {
	return queries{
		api:    api.New(api.Options{Store: st, Clock: s.o.Clock, Logger: s.log, Version: s.o.Version}),
		jaeger: jaeger.New(jaeger.Options{Store: st, Clock: s.o.Clock, Logger: s.log}),
		tempo:  tempo.New(tempo.Options{Store: st, Clock: s.o.Clock, Logger: s.log, Version: s.o.Version}),
	}
}

// mux returns the handler of listen.http.
func (s *Server) mux() http.Handler {
	m := http.NewServeMux()
	route := func(pattern string, scope func(*http.Request) Scope, h http.Handler) {
		_, name, _ := strings.Cut(pattern, "/")
		m.Handle(pattern, s.counted("/"+name, s.guarded(scope, h)))
	}
	read := func(*http.Request) Scope { return ScopeRead }
	admin := func(*http.Request) Scope { return ScopeAdmin }
	open := func(*http.Request) Scope { return "" }

	ofAPI := func(r *http.Request) Scope {
		if api.Admin(r) {
			return ScopeAdmin
		}
		return ScopeRead
	}
	route(api.Root+"/", ofAPI, s.query(func(q *queries) http.Handler { return q.api }))
	route("/api/", read, s.query(func(q *queries) http.Handler { return q.jaeger }))
	route("/tempo/", read, s.query(func(q *queries) http.Handler { return q.tempo }))
	route("GET /metrics", read, http.HandlerFunc(s.serveMetrics))
	route("GET /healthz", open, http.HandlerFunc(s.serveHealth))
	route("GET /readyz", open, http.HandlerFunc(s.serveReady))
	s.routePages(route)

	profiles := http.NewServeMux()
	profiles.HandleFunc("/debug/pprof/", pprof.Index)
	profiles.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	profiles.HandleFunc("/debug/pprof/profile", pprof.Profile)
	profiles.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	profiles.HandleFunc("/debug/pprof/trace", pprof.Trace)
	route("/debug/pprof/", admin, profiles)
	route("/", read, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Paths without this method end here, too.
		if _, pattern := m.Handler(&http.Request{Method: http.MethodGet, URL: r.URL, Host: r.Host}); pattern != "/" {
			w.Header().Set("Allow", "GET, HEAD")
			problem(w, r, http.StatusMethodNotAllowed, fmt.Sprintf("%s %s: only GET", r.Method, r.URL.Path))
			return
		}
		s.nothing(w, r)
	}))

	h := http.Handler(m)
	if prefix := s.config.PathPrefix; prefix != "" {
		stripped := http.StripPrefix(prefix, m)
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == prefix:
				http.Redirect(w, r, prefix+"/", http.StatusPermanentRedirect)
			case strings.HasPrefix(r.URL.Path, prefix+"/"):
				stripped.ServeHTTP(w, r)
			default:
				problem(w, r, http.StatusNotFound, r.URL.Path+": everything is below "+prefix+", see path_prefix")
			}
		})
	}
	return s.placed(h)
}

// placed sets the headers that every answer has, and turns away what comes
// from where it must not.
func (s *Server) placed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		if status, reason := s.access.place(r, from(r).loopback); status != 0 {
			problem(w, r, status, reason)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// guarded asks for the scope, and turns a panic into an answer.
func (s *Server) guarded(scope func(*http.Request) Scope, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v != http.ErrAbortHandler {
				s.log.Error("panic while a request was answered", "panic", fmt.Sprint(v), "path", r.URL.Path, "stack", string(debug.Stack()))
				if a, ok := w.(*answer); ok && a.status == 0 {
					problem(w, r, http.StatusInternalServerError, "weft failed at this request; its log says where. Please report it")
					return
				}
			}
			panic(http.ErrAbortHandler) // ends the connection, so that the client does not take a part for the whole
		}()
		if sc := scope(r); sc != "" {
			if status, reason := s.access.allow(r, sc); status != 0 {
				if status == http.StatusUnauthorized {
					w.Header().Set("WWW-Authenticate", `Bearer realm="weft"`)
					if navigates(r) {
						toLogin(w, r)
						return
					}
				}
				problem(w, r, status, reason)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// query passes requests to a handler once the store is open.
func (s *Server) query(which func(*queries) http.Handler) http.Handler {
	return reply.Compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := s.opened.Load()
		if o == nil {
			w.Header().Set("Retry-After", "1")
			problem(w, r, http.StatusServiceUnavailable, "weft is starting: the store is being opened")
			return
		}
		which(&o.queries).ServeHTTP(w, r)
	}))
}

// problem answers with an error, in the form that the clients of the path know.
func problem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	h := w.Header()
	h.Del("Content-Encoding")
	var v any
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/") && !strings.HasPrefix(r.URL.Path, api.Root+"/"):
		h.Set("Content-Type", "application/json")
		v = map[string]any{"data": nil, "errors": []any{map[string]any{"code": status, "msg": detail}}}
	default: // RFC 9457
		h.Set("Content-Type", "application/problem+json")
		v = map[string]any{"status": status, "title": http.StatusText(status), "detail": detail}
	}
	b, _ := json.Marshal(v) // cannot fail
	b = append(b, '\n')
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(b)
	}
}

// counts counts the requests of listen.http by route.
type counts struct {
	mu    sync.Mutex
	list  []*routeCount
	inUse atomic.Int64
}

type routeCount struct {
	route   string
	classes [6]atomic.Int64 // answers with status 1xx to 5xx
	nanos   atomic.Int64
}

// counted counts and times the requests of a route.
func (s *Server) counted(route string, h http.Handler) http.Handler {
	s.counts.mu.Lock()
	var c *routeCount
	for _, e := range s.counts.list {
		if e.route == route {
			c = e
		}
	}
	if c == nil {
		c = &routeCount{route: route}
		s.counts.list = append(s.counts.list, c)
	}
	s.counts.mu.Unlock()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w}
		begin := time.Now()
		s.counts.inUse.Add(1)
		defer func() {
			s.counts.inUse.Add(-1)
			took := time.Since(begin)
			if a.status == 0 {
				a.status = http.StatusOK
			}
			c.classes[min(a.status/100, 5)].Add(1)
			c.nanos.Add(int64(took))
			s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", a.status, "took", took.String(), "client", r.RemoteAddr)
		}()
		h.ServeHTTP(a, r)
	})
}

// answer notes the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// serveHealth says that the process lives.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write([]byte("{\"status\":\"ok\"}\n"))
}

// reasons says why the server is not ready, or nothing if it is.
func (s *Server) reasons() []string {
	if s.stopping.Load() {
		return []string{"weft is stopping"}
	}
	o := s.opened.Load()
	if o == nil {
		return []string{"weft is starting: the store is being opened"}
	}
	if err := o.store.Writable(); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// serveReady says whether data is taken. The reasons may name directories, so
// they are for those who may read.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	reasons := s.reasons()
	body := struct {
		Ready   bool     `json:"ready"`
		Reasons []string `json:"reasons,omitempty"`
	}{Ready: len(reasons) == 0}
	if status, _ := s.access.credentials(r, ScopeRead); status == 0 {
		body.Reasons = reasons
	}
	w.Header().Set("Content-Type", "application/json")
	if !body.Ready {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(body)
}

// url returns a listener's address as a URL, or "" if it is off.
func (s *Server) url(key string) string { return s.urlFor(key, "localhost") }

// urlFor is url for a client that reaches this machine by a name, which may
// have a port.
func (s *Server) urlFor(key, name string) string {
	a := s.Addr(key)
	if a == nil {
		return ""
	}
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	scheme := "http://"
	if s.cert != nil {
		scheme = "https://"
	}
	host, port, _ := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = name
		if h, _, err := net.SplitHostPort(name); err == nil {
			host = h
		}
		host = strings.Trim(host, "[]")
	}
	return scheme + net.JoinHostPort(host, port)
}
