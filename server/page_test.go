package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weft-trace/weft/ui"
)

const acceptOfBrowsers = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

// plain is a client that leaves encodings and redirects as they are.
var plain = &http.Client{
	Transport:     &http.Transport{DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (s *Server) get(t *testing.T, method, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	_, resp, b := s.ask(t, plain, endpoint{key: "listen.http", method: method, path: path, body: func(testing.TB) []byte { return nil }}, header...)
	return resp, b
}

// What a browser and others get at every kind of address.
func TestPage(t *testing.T) {
	for _, prefix := range []string{"", "/weft"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			c := loopback(t)
			c.PathPrefix = prefix
			s := run(t, c, Options{Version: "v1"})
			for _, tt := range []struct {
				path    string
				browser int
				others  int
				base    string // of the document for the browser; "" is none
			}{
				{"/", 200, 200, "./"},
				{"/?from=-1h", 200, 200, "./"},
				{"/search", 200, 200, "./"},
				{"/search?q=service+%3D+a%2Fb", 200, 200, "./"},
				{"/service?name=a/b", 200, 200, "./"},
				{"/map", 200, 200, "./"},
				{"/compare?a=1&b=2", 200, 200, "./"},
				{"/trace/0123456789abcdef0123456789abcdef", 200, 200, "../"},
				{"/trace/a%2Fb", 200, 200, "../"},
				{"/trace/x/", 404, 404, "../../"},
				{"/trace/", 404, 404, "../"},
				{"/search/", 404, 404, "../"},
				{"/nothing", 404, 404, "./"},
				{"/a/b/c/d", 404, 404, "../../../"},
				{"/index.html", 404, 404, "./"},
				{"/assets/", 404, 404, "../"},
				{"/assets", 404, 404, "./"},
				{"/assets/nothing.js", 404, 404, ""},
				{"/assets/%2e%2e/index.html", 404, 404, "../../"},
				{"/assets/..%2findex.html", 404, 404, ""},
				{"/favicon.svg", 200, 200, ""},
				{"/login.css", 200, 200, ""},
				{"/api/weft/v1/nothing", 404, 404, ""},
				{"/metrics", 200, 200, ""},
			} {
				navigation := []string{"Accept", acceptOfBrowsers, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none"}
				for who, header := range map[string][]string{"browser": navigation, "browser from another machine, without TLS": navigation[:2], "curl": {"Accept", "*/*"}, "script": {"Accept", "*/*", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin"}} {
					want, isBrowser := tt.others, strings.HasPrefix(who, "browser")
					if isBrowser {
						want = tt.browser
					}
					resp, b := s.get(t, "GET", prefix+tt.path, header...)
					if resp.StatusCode != want {
						t.Errorf("%s, %s: %s; want %d", tt.path, who, resp.Status, want)
					}
					html := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
					if html != (isBrowser && tt.base != "" || want == 200 && tt.base != "" && !strings.HasPrefix(tt.path, "/?") && tt.path != "/") {
						t.Errorf("%s, %s: %s", tt.path, who, resp.Header.Get("Content-Type"))
					}
					if html {
						if !bytes.Contains(b, []byte(`<base href="`+tt.base+`">`)) || bytes.Count(b, []byte("<base")) != 1 {
							t.Errorf("%s: want <base href=%q> in\n%s", tt.path, tt.base, b)
						}
						if got := resp.Header.Get("Content-Security-Policy"); got != ui.Policy {
							t.Errorf("%s: Content-Security-Policy %q", tt.path, got)
						}
						if resp.Header.Get("Permissions-Policy") == "" {
							t.Errorf("%s: no Permissions-Policy", tt.path)
						}
					} else if got := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'; form-action 'self'; frame-ancestors 'none'") {
						t.Errorf("%s: Content-Security-Policy %q", tt.path, got)
					}
					if want == 404 && !html {
						var p struct {
							Status int
							Detail string
						}
						if err := json.Unmarshal(b, &p); err != nil || p.Status != 404 || p.Detail == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
							t.Errorf("%s, %s: %q, %v; want a problem", tt.path, who, b, err)
						}
					}
					if want == 404 && resp.Header.Get("Etag") != "" {
						t.Errorf("%s: a tag on what is not there", tt.path)
					}
					head, none := s.get(t, "HEAD", prefix+tt.path, header...)
					if head.StatusCode != want || len(none) != 0 || html && head.Header.Get("Content-Length") != resp.Header.Get("Content-Length") {
						t.Errorf("HEAD %s, %s: %s, %d bytes, Content-Length %q and %q", tt.path, who, head.Status, len(none), head.Header.Get("Content-Length"), resp.Header.Get("Content-Length"))
					}
				}
			}
			resp, b := s.get(t, "GET", prefix+"/")
			if want := "In a browser, " + s.url("listen.http") + prefix + "/ is its page."; !strings.Contains(string(b), want) || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("curl gets %q; want %q in it", b, want)
			}
			if !slices.Contains(resp.Header.Values("Vary"), "Accept") {
				t.Errorf("Vary %q; want Accept", resp.Header.Values("Vary"))
			}
			for _, method := range []string{"POST", "PUT", "DELETE"} {
				if resp, _ := s.get(t, method, prefix+"/search"); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
					t.Errorf("%s /search: %s, Allow %q", method, resp.Status, resp.Header.Get("Allow"))
				}
			}
		})
	}
}

// Everything that the document loads is there, and is kept for as long as it
// stays the same.
func TestPageFiles(t *testing.T) {
	s := run(t, loopback(t), Options{})
	_, document := s.get(t, "GET", "/search")
	loaded := regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllSubmatch(document, -1)
	if len(loaded) < 2 {
		t.Fatalf("the document loads %d files:\n%s", len(loaded), document)
	}
	paths := ui.New().Files()
	for _, m := range loaded {
		if !slices.Contains(paths, "/"+string(m[1])) {
			t.Errorf("%s is not among the files %v", m[1], paths)
		}
	}
	for _, path := range append(paths, "/login.css", "/", "/trace/0123456789abcdef0123456789abcdef") {
		accept := []string{"Accept", acceptOfBrowsers}
		resp, b := s.get(t, "GET", path, accept...)
		tag := resp.Header.Get("Etag")
		if resp.StatusCode != 200 || len(b) == 0 || len(tag) < 10 || resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %s, %d bytes, ETag %s, Content-Encoding %q", path, resp.Status, len(b), tag, resp.Header.Get("Content-Encoding"))
		}
		want := "no-cache"
		if strings.HasPrefix(path, "/assets/") {
			want = "public, max-age=31536000, immutable"
		}
		if got := resp.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q; want %q", path, got, want)
		}
		if !slices.Contains(resp.Header.Values("Vary"), "Accept-Encoding") {
			t.Errorf("%s: Vary %q", path, resp.Header.Values("Vary"))
		}

		compressed, z := s.get(t, "GET", path, append(accept, "Accept-Encoding", "gzip, deflate, br")...)
		if compressed.Header.Get("Content-Encoding") == "gzip" {
			if compressed.Header.Get("Etag") == tag {
				t.Errorf("%s: the same tag for other bytes", path)
			}
			r, err := gzip.NewReader(bytes.NewReader(z))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if z, err = io.ReadAll(r); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		} else if len(b) > 10_000 && regexp.MustCompile(`\.(js|css)$`).MatchString(path) {
			t.Errorf("%s: %d bytes are not compressed", path, len(b))
		}
		if !bytes.Equal(z, b) {
			t.Errorf("%s: compressed, it is something else", path)
		}

		for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			resp, b := s.get(t, "GET", path, append(accept, "If-None-Match", known)...)
			if resp.StatusCode != 304 || len(b) != 0 || resp.Header.Get("Etag") != tag || resp.Header.Get("Cache-Control") != want {
				t.Errorf("%s, If-None-Match %s: %s, %d bytes, ETag %s, Cache-Control %q", path, known, resp.Status, len(b), resp.Header.Get("Etag"), resp.Header.Get("Cache-Control"))
			}
		}
		if resp, _ := s.get(t, "GET", path, append(accept, "If-None-Match", `"x"`)...); resp.StatusCode != 200 {
			t.Errorf("%s with another tag: %s", path, resp.Status)
		}
	}
}
