package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
)

// browser is a client that has cookies, follows redirects and says what browsers say.
type browser struct {
	t    *testing.T
	c    *http.Client
	base string // the root of the page
}

func newBrowser(t *testing.T, base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar}, base}
}

func (b *browser) do(method, path string, form url.Values, header ...string) (*http.Response, string) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.c.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

func (b *browser) cookies() []*http.Cookie {
	u, err := url.Parse(b.base + "/")
	if err != nil {
		b.t.Fatal(err)
	}
	return b.c.Jar.Cookies(u)
}

const (
	readToken  = "read-0123456789abcdef"
	writeToken = "write-0123456789abcdef"
)

func withTokens(t *testing.T) Config {
	c := loopback(t)
	if err := c.Auth.Tokens.Set(`[{name: r, token: ` + readToken + `, scopes: [read]}, {name: w, token: ` + writeToken + `, scopes: [write]}]`); err != nil {
		t.Fatal(err)
	}
	return c
}

// A browser logs in by a form, gets to where it wanted to go, and is known by
// a cookie until it logs out; at the root, below a prefix, and behind a proxy
// that cuts one off.
func TestLogin(t *testing.T) {
	for _, tt := range []struct{ name, prefix, cut string }{
		{"root", "", ""}, {"prefix", "/weft", ""}, {"proxy", "", "/tools/weft"}, {"proxy and prefix", "/weft", "/tools"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := withTokens(t)
			c.PathPrefix = tt.prefix
			s := run(t, c, Options{})
			base := s.url("listen.http") + tt.prefix
			if tt.cut != "" {
				u, err := url.Parse(s.url("listen.http"))
				if err != nil {
					t.Fatal(err)
				}
				proxy := httptest.NewServer(http.StripPrefix(tt.cut, httputil.NewSingleHostReverseProxy(u)))
				defer proxy.Close()
				base = proxy.URL + tt.cut + tt.prefix
			}
			b := newBrowser(t, base)

			const link = "/trace/0123456789abcdef0123456789abcdef?view=flame&find=a%26b+c"
			at := func(resp *http.Response, want string) {
				t.Helper()
				if got := resp.Request.URL.String(); got != base+want {
					t.Errorf("the browser is at %s; want %s", got, base+want)
				}
			}
			resp, body := b.do("GET", link, nil)
			if resp.StatusCode != 200 || !strings.Contains(body, `action="login"`) || !strings.Contains(body, `name="next" value="trace/0123456789abcdef0123456789abcdef?view=flame&amp;find=a%26b&#43;c"`) {
				t.Errorf("%s %q; want the form, which knows where to go", resp.Status, body)
			}
			at(resp, "/login?next="+url.QueryEscape(link[1:]))
			post := func(token string, header ...string) (*http.Response, string) {
				t.Helper()
				return b.do("POST", "/login", url.Values{"token": {token}, "next": {link[1:]}}, header...)
			}
			if resp, body := post("wrong-" + readToken); resp.StatusCode != 401 || !strings.Contains(body, "does not know this token") || !strings.Contains(body, `value="trace/`) {
				t.Errorf("wrong token: %s %q", resp.Status, body)
			}
			if resp, body := post(writeToken); resp.StatusCode != 403 || !strings.Contains(body, "The token “w” may not read") {
				t.Errorf("token without read: %s %q", resp.Status, body)
			}
			if resp, _ := post(readToken, "Sec-Fetch-Site", "cross-site"); resp.StatusCode != 403 {
				t.Errorf("from another site: %s; want 403", resp.Status)
			}
			if len(b.cookies()) != 0 {
				t.Fatalf("cookies %v before the login", b.cookies())
			}
			b.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, _ = post(readToken)
			b.c.CheckRedirect = nil
			set := resp.Header.Get("Set-Cookie")
			for _, want := range []string{"HttpOnly", "SameSite=Lax"} {
				if !strings.Contains(set, want) {
					t.Errorf("Set-Cookie %q; want %s", set, want)
				}
			}
			resp, body = post(readToken)
			at(resp, link)
			if resp.StatusCode != 200 || !strings.Contains(body, `<base href="../">`) {
				t.Errorf("after the login: %s %.300q; want the page", resp.Status, body)
			}
			if resp, _ := b.do("GET", "/login?next=search%3Fq%3Dx", nil); resp.StatusCode != 200 {
				t.Errorf("the form for one who is logged in: %s", resp.Status)
			} else {
				at(resp, "/search?q=x")
			}
			if _, body := b.do("GET", "/session", nil); !strings.HasPrefix(body, `{"login":true,"name":"r","scopes":["read"],`) || !strings.Contains(body, `"tokens":true`) {
				t.Errorf("session: %s", body)
			}
			if resp, _ := b.do("GET", "/api/weft/v1/services", nil, "Sec-Fetch-Mode", "cors"); resp.StatusCode != 200 {
				t.Errorf("the API by the cookie: %s", resp.Status)
			}
			resp, _ = b.do("POST", "/logout", url.Values{})
			at(resp, "/login")
			if resp.StatusCode != 200 || len(b.cookies()) != 0 {
				t.Errorf("logout: %s, cookies %v", resp.Status, b.cookies())
			}
			// What the page's scripts ask for is told so, not sent to a form.
			resp, body = b.do("GET", "/api/weft/v1/services", nil, "Sec-Fetch-Mode", "cors", "Accept", "application/json")
			var p struct{ Status int }
			if err := json.Unmarshal([]byte(body), &p); err != nil || resp.StatusCode != 401 || p.Status != 401 || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("the API without a cookie: %s %s, %v", resp.Status, body, err)
			}
			at(resp, "/api/weft/v1/services")
		})
	}
}

// Without tokens there is nothing to log in to.
func TestNoLogin(t *testing.T) {
	c := loopback(t)
	c.Listen.OTLPHTTP, c.Listen.Zipkin, c.Auth.Insecure = "0.0.0.0:0", "off", "on"
	c.Store.Retention.Size = 1 << 30
	s := run(t, c, Options{})
	b := newBrowser(t, s.url("listen.http"))
	if resp, _ := b.do("GET", "/login?next=map", nil); resp.Request.URL.Path != "/map" || resp.StatusCode != 200 {
		t.Errorf("the form leads to %s, %s; want /map", resp.Request.URL, resp.Status)
	}
	// A program on the machine where the page is open reaches the server by the same name.
	want := fmt.Sprintf(`{"login":false,"scopes":["admin"],"receivers":{"otlpGrpc":"%s","otlpHttp":"http://127.0.0.1:%d"},"tokens":false,"retention":{"ageNanos":%d,"bytes":%d}}`+"\n",
		s.url("listen.otlp_grpc"), s.Addr("listen.otlp_http").(*net.TCPAddr).Port, 7*24*time.Hour, 1<<30)
	if _, body := b.do("GET", "/session", nil); body != want {
		t.Errorf("session: %s; want %s", body, want)
	}
}

// The form is in the language that the browser prefers.
func TestLoginLanguage(t *testing.T) {
	s := run(t, withTokens(t), Options{})
	b := newBrowser(t, s.url("listen.http"))
	for accept, want := range map[string]string{
		"": "en", "zh": "zh-CN", "zh-TW,en;q=0.5": "zh-CN", "en-US,en;q=0.9,zh;q=0.8": "en", "de,zh-CN;q=0.4,en;q=0.3": "zh-CN", "fr": "en", "zh;q=0, en;q=0.1": "en", "zh;q=x": "en",
	} {
		resp, body := b.do("GET", "/login", nil, "Accept-Language", accept)
		if got := resp.Header.Get("Content-Language"); got != want || !strings.Contains(body, `<html lang="`+want+`">`) || !strings.Contains(body, map[string]string{"en": "asks for a token", "zh-CN": "需要令牌"}[want]) {
			t.Errorf("Accept-Language %q: %s; want %s\n%s", accept, got, want, body)
		}
		if !strings.Contains(strings.Join(resp.Header.Values("Vary"), ","), "Accept-Language") {
			t.Errorf("Vary %q", resp.Header.Values("Vary"))
		}
	}
}

// The form leads to this server's page and nowhere else.
func TestLoginNext(t *testing.T) {
	for next, want := range map[string]string{
		"":                             "",
		"search":                       "search",
		"search?q=a%20b&from=-1h":      "search?q=a%20b&from=-1h",
		"?theme=x":                     "?theme=x",
		"trace/0123?span=ab&find=%2F":  "trace/0123?span=ab&find=%2F",
		"compare?a=1&b=2":              "compare?a=1&b=2",
		"search?q=http://evil/..":      "search?q=http://evil/..",
		"/search":                      "",
		"//evil.example":               "",
		"///evil.example":              "",
		"https://evil.example":         "",
		"https:evil.example":           "https:evil.example", // the name of a page, as it stands behind ./
		"javascript:alert(1)":          "javascript:alert(1)",
		`\\evil.example`:               "",
		`/\evil.example`:               "",
		`x\..\..\evil`:                 "",
		"%5c%5cevil.example":           "",
		"..//evil.example":             "",
		"../metrics":                   "",
		"a/../../b":                    "",
		"%2e%2e/metrics":               "",
		".%2E/metrics":                 "",
		"a/%2e%2e%2fb":                 "",
		"./x":                          "",
		"a//b":                         "",
		"%2F%2Fevil.example":           "",
		"\t//evil.example":             "",
		"a\r\nSet-Cookie: x=y":         "",
		"a%0d%0aSet-Cookie:x":          "",
		"a b":                          "",
		"search#x":                     "",
		"日":                            "",
		"%zz":                          "",
		"login":                        "",
		"login?next=login":             "",
		"logout":                       "",
		strings.Repeat("a", maxNext+1): "",
	} {
		if got := checkedNext(next); got != want {
			t.Errorf("%.60q: %q; want %q", next, got, want)
		}
	}
}

func FuzzLoginNext(f *testing.F) {
	for _, s := range []string{"search?q=x", "//evil", `\evil`, "%2e%2e/x", "a:b", "?x"} {
		f.Add(s)
	}
	form, err := url.Parse("https://weft.example/tools/weft/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := checkedNext(next)
		if got == "" {
			return
		}
		if got != next {
			t.Fatalf("%q became %q", next, got)
		}
		u, err := form.Parse("./" + got)
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		// Whatever else takes a backslash for a slash, and unescapes before it cleans.
		p := path.Clean(strings.ReplaceAll(u.Path, `\`, "/"))
		if u.Scheme != "https" || u.Host != "weft.example" || p != "/tools/weft" && !strings.HasPrefix(p, "/tools/weft/") || strings.ContainsAny(u.Path, "\\\r\n") {
			t.Errorf("%q leads to %s", got, u)
		}
	})
}
