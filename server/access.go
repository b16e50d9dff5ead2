package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// access decides who may do what. It may be used concurrently.
type access struct {
	config   *Config
	tokens   atomic.Pointer[[]grant]
	mutual   bool // clients show certificates
	hosts    []string
	origins  *http.CrossOriginProtection
	refusals atomic.Int64
}

// grant is a token as it is compared.
type grant struct {
	name   string
	sum    [sha256.Size]byte
	scopes []Scope
}

func newAccess(c *Config) (*access, error) {
	a := &access{config: c, mutual: c.TLS.ClientCA != "", origins: http.NewCrossOriginProtection()}
	for _, h := range c.Listen.Hosts {
		a.hosts = append(a.hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	return a, a.reload()
}

// reload reads the files of tokens. On an error the tokens stay as they were.
func (a *access) reload() error {
	grants := make([]grant, 0, len(a.config.Auth.Tokens))
	for _, t := range a.config.Auth.Tokens {
		sum, err := t.sum()
		if err != nil {
			if t.where != "" {
				return fmt.Errorf("auth.tokens: %s: %w", t.where, err)
			}
			return fmt.Errorf("auth.tokens: %w", err)
		}
		for _, g := range grants {
			if g.sum == sum {
				return fmt.Errorf("auth.tokens: %w", sameToken(g.name, t.Name))
			}
		}
		grants = append(grants, grant{t.Name, sum, t.Scopes})
	}
	a.tokens.Store(&grants)
	return nil
}

// cookie holds the token of a browser; see login.go.
const cookie = "weft_token"

// allow says whether the request may do what needs the scope: 0, or an HTTP
// status to refuse it with and the reason.
func (a *access) allow(r *http.Request, scope Scope) (int, string) {
	status, reason := a.credentials(r, scope)
	if status != 0 {
		a.refusals.Add(1)
	}
	return status, reason
}

func (a *access) credentials(r *http.Request, scope Scope) (int, string) {
	if !a.certified(r) {
		return http.StatusUnauthorized, "no client certificate; show one of an authority in tls.client_ca"
	}
	if len(*a.tokens.Load()) == 0 {
		return 0, "" // loopback only, or client certificates, or auth.insecure: see Config.validate
	}
	if bearer(r) == "" {
		return http.StatusUnauthorized, "no token; send the header Authorization: Bearer TOKEN"
	}
	g := a.known(r)
	if g == nil {
		return http.StatusUnauthorized, "unknown token; auth.tokens of the server says which there are"
	}
	if !slices.Contains(g.scopes, scope) && !slices.Contains(g.scopes, ScopeAdmin) {
		return http.StatusForbidden, fmt.Sprintf("token %q may not do this: it needs the scope %s", g.name, scope)
	}
	return 0, ""
}

// certified reports whether the client has shown a certificate, if it must.
func (a *access) certified(r *http.Request) bool {
	return !a.mutual || r.TLS != nil && len(r.TLS.VerifiedChains) > 0 || local(r)
}

// known returns what the token of a request is, nil if it has none that is known.
func (a *access) known(r *http.Request) *grant {
	tokens := *a.tokens.Load()
	sum := sha256.Sum256([]byte(bearer(r)))
	var found *grant
	for i := range tokens { // all of them, so that the time tells nothing
		if subtle.ConstantTimeCompare(sum[:], tokens[i].sum[:]) == 1 {
			found = &tokens[i]
		}
	}
	return found
}

// local reports whether the request came by a unix socket, whose file
// permissions say who may use it; there is no TLS.
func local(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && addr.Network() == "unix"
}

// bearer returns the token of a request, from its header or the cookie.
func bearer(r *http.Request) string {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		return strings.TrimSpace(token)
	}
	if c, err := r.Cookie(cookie); err == nil {
		return c.Value
	}
	return ""
}

// place says whether the request may come from where it does: 0, or an HTTP
// status to refuse it with and the reason. A page of another site, open in the
// browser of somebody who reaches the server, must neither read nor change
// anything: not by a name of its own that it lets point here (DNS rebinding),
// and not by a request that the browser sends along with cookies or
// certificates (CSRF).
func (a *access) place(r *http.Request, loopback bool) (int, string) {
	if (loopback || len(a.hosts) > 0) && !a.knownHost(r.Host) {
		a.refusals.Add(1)
		return http.StatusMisdirectedRequest, fmt.Sprintf("host %.100q is not a name of this server; use localhost or an IP address, or add it to listen.hosts", r.Host)
	}
	if err := a.origins.Check(r); err != nil {
		a.refusals.Add(1)
		return http.StatusForbidden, "a page of another site may not do this"
	}
	// A page may also make the browser load something, to measure how long it
	// takes or whether it fails. Nothing here is meant for other sites, except
	// that one may link to it.
	if s := r.Header.Get("Sec-Fetch-Site"); s == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
		a.refusals.Add(1)
		return http.StatusForbidden, "a page of another site may not load this"
	}
	return 0, ""
}

// knownHost reports whether a Host header may be used on loopback. An IP
// address may: a name that points elsewhere today cannot be one.
func (a *access) knownHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return slices.Contains(a.hosts, host)
}
