package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weft-trace/weft/ui"
)

// pages are the addresses at which a browser gets the page. They are links
// that people keep, so they stay what they are.
var pages = []string{"/{$}", "/search", "/trace/{id}", "/service", "/map", "/compare"}

// routePages adds the page's addresses and files to listen.http.
func (s *Server) routePages(route func(pattern string, scope func(*http.Request) Scope, h http.Handler)) {
	read := func(*http.Request) Scope { return ScopeRead }
	open := func(*http.Request) Scope { return "" }

	document := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.page.ServeDocument(w, r, http.StatusOK) })
	for _, p := range pages {
		if p == "/{$}" {
			route("GET "+p, read, http.HandlerFunc(s.root))
			continue
		}
		route("GET "+p, read, document)
	}

	// What the page is made of is the same for everybody, and the form needs some of it.
	file := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.page.ServeFile(w, r) {
			problem(w, r, http.StatusNotFound, r.URL.Path+": not a file of this version's page; load the page again")
		}
	})
	route("GET /assets/{name}", open, file)
	for _, name := range s.page.Files() {
		if !strings.HasPrefix(name, "/assets/") {
			route("GET "+name, open, file)
		}
	}
	route("GET /login.css", open, http.HandlerFunc(ui.ServeLoginStyle))
	route("GET /login", open, http.HandlerFunc(s.loginForm))
	route("POST /login", open, http.HandlerFunc(s.login))
	route("POST /logout", open, http.HandlerFunc(s.logout))
	route("GET /session", read, http.HandlerFunc(s.serveSession))
}

// root answers a browser with the page, and others with what there is, in words.
func (s *Server) root(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	if acceptsHTML(r) {
		s.page.ServeDocument(w, r, http.StatusOK)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, s.overview(r.Host))
}

// nothing answers where nothing is. A person sees that on the page, from where
// to go on.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept, Sec-Fetch-Mode")
	if navigates(r) {
		s.page.ServeDocument(w, r, http.StatusNotFound)
		return
	}
	problem(w, r, http.StatusNotFound, r.URL.Path+": nothing is here; / says what there is")
}

// acceptsHTML reports whether a client names HTML among what it takes. Every
// browser does for what it shows in a tab; curl and scripts take anything.
func acceptsHTML(r *http.Request) bool {
	for _, h := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(h, ",") {
			typ, params, _ := strings.Cut(part, ";")
			typ, params = strings.TrimSpace(typ), strings.ReplaceAll(params, " ", "")
			if strings.EqualFold(typ, "text/html") && params != "q=0" && !strings.HasPrefix(params, "q=0.0") {
				return true
			}
		}
	}
	return false
}

// navigates reports whether a person's browser asks for something to show in a
// tab. Over HTTP from another machine browsers send no Sec-Fetch-Mode.
func navigates(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Authorization") != "" {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return acceptsHTML(r)
}

// redirect sends a browser on. Unlike http.Redirect it leaves a relative
// location as it is: a proxy may have cut off what comes before.
func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// toLogin sends a browser to the form, and from there back to where it wanted to go.
func toLogin(w http.ResponseWriter, r *http.Request) {
	location := ui.Root(r) + "login"
	next := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if r.URL.RawQuery != "" {
		next += "?" + r.URL.RawQuery
	}
	if next = checkedNext(next); next != "" {
		location += "?next=" + url.QueryEscape(next)
	}
	redirect(w, location)
}

// maxNext is longer than every link that browsers and proxies pass on.
const maxNext = 8 << 10

// checkedNext returns where to go after the login: a path from the root of the
// page, such as trace/6b40…?view=flame, or "" if next is anything else. What
// it returns is only ever used behind "./", so that it can name no other host;
// here it is kept from leaving the root, and from whatever browsers do about
// characters that an address does not have.
func checkedNext(next string) string {
	u, err := url.Parse("./" + next)
	if err != nil || len(next) > maxNext || strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f }) ||
		u.Scheme != "" || u.Host != "" || u.Fragment != "" {
		return ""
	}
	path := strings.TrimPrefix(u.Path, "./") // unescaped
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == '\\' }) {
		return ""
	}
	segments := strings.Split(path, "/")
	if slices.Contains(segments, "..") || slices.Contains(segments, ".") || slices.Contains(segments[:len(segments)-1], "") {
		return ""
	}
	if path == "login" || path == "logout" {
		return ""
	}
	return next
}

// session is what the page has to know of its user and its server.
type session struct {
	Login     bool              `json:"login"`          // by the form: POST logout ends it
	Name      string            `json:"name,omitempty"` // of the token
	Scopes    []Scope           `json:"scopes"`
	Receivers map[string]string `json:"receivers"` // where programs send to, by protocol; those that are on
	Tokens    bool              `json:"tokens"`    // whether they need one
	Retention struct {
		AgeNanos int64 `json:"ageNanos"` // 0: no limit
		Bytes    int64 `json:"bytes"`    // 0: no limit
	} `json:"retention"`
}

func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) {
	v := session{Scopes: []Scope{ScopeAdmin}, Receivers: map[string]string{}, Tokens: len(s.config.Auth.Tokens) > 0}
	if g := s.access.known(r); g != nil {
		v.Login = r.Header.Get("Authorization") == ""
		v.Name, v.Scopes = g.name, g.scopes
	}
	for key, protocol := range map[string]string{"listen.otlp_grpc": "otlpGrpc", "listen.otlp_http": "otlpHttp", "listen.zipkin": "zipkin"} {
		if u := s.urlFor(key, r.Host); u != "" {
			v.Receivers[protocol] = u
		}
	}
	v.Retention.AgeNanos = max(0, int64(s.config.Store.Retention.Age))
	v.Retention.Bytes = max(0, int64(s.config.Store.Retention.Size))
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// overview is the answer at the root of listen.http to what is no browser.
func (s *Server) overview(host string) string {
	scheme := "http://"
	if s.cert != nil {
		scheme = "https://"
	}
	base, p := scheme+host+s.config.PathPrefix, s.config.PathPrefix
	return fmt.Sprintf(`weft %s, up for %v. In a browser, %s/ is its page.

  %s/api/weft/v1/openapi.yaml   describes weft's own API
  %s   is the URL for Grafana's Jaeger data source
  %s/tempo   is the URL for Grafana's Tempo data source
  %s/metrics   is for Prometheus; %s/healthz and %s/readyz for probes

%s`, s.o.Version, time.Since(s.started).Round(time.Second), base, p, base, base, p, p, p, s.hint())
}
