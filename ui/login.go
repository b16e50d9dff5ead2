package ui

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// The form has no part in the built page: it is there when no script may be
// loaded yet, works without one, and is three things to embed.

//go:embed login.html
var loginHTML string

//go:embed login.css
var loginCSS []byte

var (
	loginPage  = template.Must(template.New("login.html").Parse(loginHTML))
	loginStyle = newFile(types[".css"], loginCSS, false)
)

// Login is the form that asks a person for a token.
type Login struct {
	Next    string // where to go afterwards: a path from the root of the page, already checked
	Problem Refusal
	Name    string // of the token that was refused, for [NoScope]
}

// Refusal is why a person was not let in.
type Refusal int

// What can be wrong.
const (
	NoToken      Refusal = iota // none was given yet
	UnknownToken                // it is none of the server's
	NoScope                     // it is known and may not read
	NoCertificate
)

// loginText are the words of the form in one language.
type loginText struct{ Title, Asks, Certificate, Token, LogIn, Hint, Unknown, Scope string }

var loginTexts = map[string]loginText{
	"en": {
		Title: "Log in", Asks: "This server asks for a token.", Token: "Token", LogIn: "Log in",
		Certificate: "This server asks for a client certificate, and your browser showed none. Install one of an authority in tls.client_ca, then open this page anew.",
		Hint:        "Any token with the scope read or admin works. Whoever runs the server sets them, in auth.tokens.",
		Unknown:     "The server does not know this token. Is it complete?",
		Scope:       "The token “%s” may not read. Use one with the scope read or admin.",
	},
	"zh-CN": {
		Title: "登录", Asks: "此服务器需要令牌。", Token: "令牌", LogIn: "登录",
		Certificate: "此服务器需要客户端证书，而您的浏览器没有出示。请安装由 tls.client_ca 中的机构签发的证书，然后重新打开此页面。",
		Hint:        "任何带有 read 或 admin 权限的令牌均可。令牌由服务器的管理者在 auth.tokens 中设置。",
		Unknown:     "服务器不认识这个令牌。它完整吗？",
		Scope:       "令牌“%s”没有读取权限。请使用带有 read 或 admin 权限的令牌。",
	},
}

// ServeLogin answers with the form, at /login.
func ServeLogin(w http.ResponseWriter, r *http.Request, status int, l Login) {
	lang := language(r.Header.Get("Accept-Language"))
	t := loginTexts[lang]
	say, problem := t.Asks, ""
	switch l.Problem {
	case UnknownToken:
		problem = t.Unknown
	case NoScope:
		problem = fmt.Sprintf(t.Scope, l.Name)
	case NoCertificate:
		say = t.Certificate
	}
	var b bytes.Buffer
	if err := loginPage.Execute(&b, struct {
		Lang, Say, Next, Error string
		Form                   bool
		T                      loginText
	}{lang, say, l.Next, problem, l.Problem != NoCertificate, t}); err != nil {
		panic(err) // the template and its data are both above
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Permissions-Policy", permissions)
	h.Set("Content-Type", types[".html"])
	h.Set("Content-Language", lang)
	h.Add("Vary", "Accept-Language")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(b.Bytes())
	}
}

// ServeLoginStyle answers with the form's style sheet.
func ServeLoginStyle(w http.ResponseWriter, r *http.Request) {
	loginStyle.serve(w, r, http.StatusOK)
}

// language returns the one of the page's languages that the header
// Accept-Language (RFC 9110, section 12.5.4) prefers, English if it names none.
func language(accept string) string {
	best, weight := "en", 0.0
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(part, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil {
				continue
			}
		}
		lang := map[string]string{"en": "en", "zh": "zh-CN"}[primary]
		if lang != "" && q > weight {
			best, weight = lang, q
		}
	}
	return best
}
