package server

import (
	"html/template"
	"net/http"
)

// A browser cannot be told to send a bearer token. Whoever has one gives it
// here, and gets it back in a cookie that scripts cannot read and that other
// sites cannot make the browser send.

var loginPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>weft</title>
<form method="post" action="{{.Action}}">
<p>{{.Say}}</p>
<p><label>Token <input type="password" name="token" autocomplete="current-password" autofocus required></label> <button>Log in</button></p>
</form>
</html>
`))

func (s *Server) loginForm(w http.ResponseWriter, r *http.Request) {
	s.writeLogin(w, http.StatusOK, "This weft asks for a token.")
}

func (s *Server) writeLogin(w http.ResponseWriter, status int, say string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	loginPage.Execute(w, struct{ Action, Say string }{s.config.PathPrefix + "/login", say})
}

// maxLogin bounds the form: a token fits into it many times.
const maxLogin = 16 << 10

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if err := r.ParseForm(); err != nil {
		problem(w, r, http.StatusBadRequest, "read the form: "+err.Error())
		return
	}
	token := r.PostForm.Get("token")
	try := r.Clone(r.Context())
	try.Header = http.Header{"Authorization": {"Bearer " + token}}
	if status, reason := s.access.allow(try, ScopeRead); status != 0 {
		s.writeLogin(w, status, "That did not work: "+reason+".")
		return
	}
	http.SetCookie(w, s.tokenCookie(token, 0))
	http.Redirect(w, r, s.config.PathPrefix+"/", http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, s.tokenCookie("", -1))
	http.Redirect(w, r, s.config.PathPrefix+"/login", http.StatusSeeOther)
}

// tokenCookie lives until the browser is closed.
func (s *Server) tokenCookie(token string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookie, Value: token, Path: s.config.PathPrefix + "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.cert != nil, SameSite: http.SameSiteStrictMode,
	}
}
