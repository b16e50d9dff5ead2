package server

import (
	"net/http"

	"github.com/weft-trace/weft/ui"
)

// A browser cannot be told to send a bearer token. Whoever has one gives it
// here, and gets it back in a cookie that scripts cannot read and that other
// sites cannot make the browser send with what they load or post.

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) {
	next := checkedNext(r.FormValue("next"))
	switch status, _ := s.access.credentials(r, ScopeRead); {
	case status == 0:
		redirect(w, "./"+next) // there is nothing to ask for
	case !s.access.certified(r):
		ui.ServeLogin(w, r, http.StatusOK, ui.Login{Problem: ui.NoCertificate})
	default:
		ui.ServeLogin(w, r, http.StatusOK, ui.Login{Next: next})
	}
}

// maxLogin bounds the form: a token and a link fit into it.
const maxLogin = 32 << 10

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if err := r.ParseForm(); err != nil {
		problem(w, r, http.StatusBadRequest, "read the form: "+err.Error())
		return
	}
	token, next := r.PostForm.Get("token"), checkedNext(r.PostForm.Get("next"))
	try := r.Clone(r.Context())
	try.Header = http.Header{"Authorization": {"Bearer " + token}}
	status, _ := s.access.allow(try, ScopeRead)
	if status == 0 {
		http.SetCookie(w, s.tokenCookie(r, token, 0))
		redirect(w, "./"+next)
		return
	}
	l := ui.Login{Next: next, Problem: ui.UnknownToken}
	if g := s.access.known(try); g != nil {
		l.Problem, l.Name = ui.NoScope, g.name
	}
	if !s.access.certified(r) {
		l = ui.Login{Problem: ui.NoCertificate}
	}
	ui.ServeLogin(w, r, status, l)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, s.tokenCookie(r, "", -1))
	redirect(w, "login")
}

// tokenCookie lives until the browser is closed.
func (s *Server) tokenCookie(r *http.Request, token string, maxAge int) *http.Cookie {
	return &http.Cookie{
		// Without a path it is for everything beside the form, which is right
		// behind a proxy that cuts off a prefix, too.
		Name: cookie, Value: token, MaxAge: maxAge,
		HttpOnly: true, Secure: s.cert != nil || r.Header.Get("X-Forwarded-Proto") == "https",
		// Strict would make every link to a trace, in a chat or a ticket, end at
		// the form. With Lax other sites can link here, and nothing that a link
		// can ask for changes anything; see access.place for all else.
		SameSite: http.SameSiteLaxMode,
	}
}
