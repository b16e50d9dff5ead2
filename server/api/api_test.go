package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/internal/shop"
)

var document map[string]any

func TestMain(m *testing.M) {
	b, err := documentJSON()
	if err == nil {
		err = json.Unmarshal(b, &document)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// dig follows keys into a document; nil if there is nothing.
func dig(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// deref replaces a reference by what it refers to.
func deref(v any) map[string]any {
	m, _ := v.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return deref(dig(document, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	return m
}

// The document has the routes that there are, and no other; a path's
// parameters are declared; every reference leads somewhere.
func TestDocument(t *testing.T) {
	if document["openapi"] != "3.1.0" || dig(document, "info", "title") == nil || dig(document, "info", "version") == nil {
		t.Errorf("openapi %v, info %v", document["openapi"], document["info"])
	}
	served := map[string]bool{}
	for _, r := range routes {
		served[r.method+" "+r.path] = true
	}
	documented := map[string]bool{}
	for path, item := range document["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			name := strings.ToUpper(method) + " " + path
			documented[name] = true
			if !served[name] {
				t.Errorf("the document has %s, which is not served", name)
			}
			declared := map[string]bool{}
			for _, p := range asList(dig(op, "parameters")) {
				p := deref(p)
				declared[fmt.Sprint(p["in"], " ", p["name"])] = true
				if p["in"] == "path" && p["required"] != true {
					t.Errorf("%s: path parameter %s is not required", name, p["name"])
				}
				if p["schema"] == nil {
					t.Errorf("%s: parameter %s has no schema", name, p["name"])
				}
			}
			for _, m := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(path, -1) {
				if !declared["path "+m[1]] {
					t.Errorf("%s: %s is not declared", name, m[1])
				}
			}
			if dig(op, "summary") == nil || dig(op, "responses", "200") == nil {
				t.Errorf("%s: no summary, or no answer", name)
			}
		}
	}
	for name := range served {
		if !documented[name] {
			t.Errorf("%s is served and not in the document", name)
		}
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case nil:
			t.Errorf("%s: null; a text with a comma needs quotes", at)
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok && dig(document, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
				t.Errorf("%s: %s leads nowhere", at, ref)
			}
			for k, e := range v {
				walk(at+"/"+k, e)
			}
		case []any:
			for i, e := range v {
				walk(fmt.Sprint(at, "/", i), e)
			}
		}
	}
	walk("#", document)
	used := string(Document)
	for name := range dig(document, "components", "schemas").(map[string]any) {
		if !strings.Contains(used, "schemas/"+name+`"`) {
			t.Errorf("nothing uses the schema %s", name)
		}
	}
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

// validate compares a value with a JSON schema, as far as the document uses
// JSON Schema; a keyword that it does not know is an error.
func validate(at string, schema any, v any) (errs []string) {
	s, _ := schema.(map[string]any)
	bad := func(format string, args ...any) { errs = append(errs, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, want := range s {
		switch keyword {
		case "description", "example", "format", "default":
		case "$ref":
			errs = append(errs, validate(at, deref(s), v)...)
		case "type":
			types := asList(want)
			if types == nil {
				types = []any{want}
			}
			if !slices.Contains(types, any(typeOf(v))) && !(typeOf(v) == "integer" && slices.Contains(types, any("number"))) {
				bad("%v is of type %s, want %v", clip(v), typeOf(v), want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				bad("%v is none of %v", clip(v), want)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(text) {
				bad("%q does not match %s", text, want)
			}
		case "minimum", "maximum":
			if n, ok := v.(json.Number); ok {
				f, _ := n.Float64()
				if keyword == "minimum" && f < want.(float64) || keyword == "maximum" && f > want.(float64) {
					bad("%v; %s %v", n, keyword, want)
				}
			}
		case "items":
			for i, e := range asList(v) {
				errs = append(errs, validate(fmt.Sprint(at, "/", i), want, e)...)
			}
		case "required":
			if m, ok := v.(map[string]any); ok {
				for _, k := range want.([]any) {
					if _, ok := m[k.(string)]; !ok {
						bad("%s is missing", k)
					}
				}
			}
		case "properties":
			if m, ok := v.(map[string]any); ok {
				for k, e := range want.(map[string]any) {
					if x, ok := m[k]; ok {
						errs = append(errs, validate(at+"/"+k, e, x)...)
					}
				}
			}
		case "additionalProperties":
			if m, ok := v.(map[string]any); ok && want == false {
				for k := range m {
					if dig(s, "properties", k) == nil {
						bad("%s is not in the schema", k)
					}
				}
			}
		default:
			bad("the validator does not know the keyword %s", keyword)
		}
	}
	return errs
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	}
	return "object"
}

func clip(v any) string {
	s := fmt.Sprint(v)
	return s[:min(len(s), 80)]
}

// The validator itself finds what is wrong.
func TestValidator(t *testing.T) {
	schema := map[string]any{"type": "object", "required": []any{"a"}, "additionalProperties": false, "properties": map[string]any{
		"a": map[string]any{"type": "string", "pattern": "^x"}, "b": map[string]any{"type": "array", "items": map[string]any{"type": "integer", "minimum": 2.0}}, "c": map[string]any{"enum": []any{"p"}}}}
	for text, want := range map[string]int{`{"a":"x1","b":[2,3],"c":"p"}`: 0, `{}`: 1, `{"a":1}`: 1, `{"a":"y"}`: 1, `{"a":"x","b":[1,2.5,"z"]}`: 3, `{"a":"x","c":"q"}`: 1, `{"a":"x","d":1}`: 1, `[]`: 1} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var v any
		d.Decode(&v)
		if errs := validate("", schema, v); len(errs) != want {
			t.Errorf("%s: %q, want %d errors", text, errs, want)
		}
	}
}

// client sends requests to an API and compares every answer with the document.
type client struct {
	t *testing.T
	h http.Handler
}

func open(t *testing.T) *client {
	return &client{t, New(Options{Store: shop.Open(t), Clock: func() time.Time { return shop.Now }, Version: "test"})}
}

func (c *client) do(r *http.Request) *httptest.ResponseRecorder {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	c.check(r, w)
	return w
}

// check compares an answer with the document.
func (c *client) check(r *http.Request, w *httptest.ResponseRecorder) {
	c.t.Helper()
	name := r.Method + " " + r.URL.String()
	if w.Header().Get("X-Content-Type-Options") != "nosniff" && w.Code == 200 {
		c.t.Errorf("%s: without nosniff", name)
	}
	if w.Code == http.StatusNotModified {
		return
	}
	typ, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		c.t.Errorf("%s: Content-Type %q: %v", name, w.Header().Get("Content-Type"), err)
	}
	var content any
	if w.Code != 200 {
		if typ != "application/problem+json" {
			c.t.Errorf("%s: an error as %s", name, typ)
		}
		content = dig(document, "components", "responses", "Problem", "content")
	} else {
		_, pattern := c.h.(*API).mux.Handler(r)
		path := strings.TrimPrefix(pattern[strings.Index(pattern, " ")+1:], Root)
		content = dig(document, "paths", path, strings.ToLower(r.Method), "responses", "200", "content")
		if r.Method == "HEAD" {
			return
		}
	}
	media := dig(content, typ)
	if media == nil {
		c.t.Errorf("%s: answers %d as %s, which is not in the document", name, w.Code, typ)
		return
	}
	if !strings.HasSuffix(typ, "json") || typ == "application/x-ndjson" {
		return
	}
	d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		c.t.Errorf("%s: %v: %s", name, err, w.Body)
		return
	}
	if _, err := d.Token(); err != io.EOF {
		c.t.Errorf("%s: more than one value", name)
	}
	for _, e := range validate("", dig(media, "schema"), v) {
		c.t.Errorf("%s: %s", name, e)
	}
}

// get asks and decodes a good answer.
func get[T any](c *client, path string) (v T) {
	c.t.Helper()
	w := c.do(httptest.NewRequest("GET", Root+path, nil))
	if w.Code != 200 {
		c.t.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		c.t.Fatalf("%s: %v", path, err)
	}
	return v
}

// problem asks for what is wrong.
func (c *client) problem(path string, status int) (p Problem) {
	c.t.Helper()
	w := c.do(httptest.NewRequest("GET", Root+path, nil))
	if w.Code != status {
		c.t.Errorf("%s: status %d, want %d: %s", path, w.Code, status, w.Body)
	}
	json.Unmarshal(w.Body.Bytes(), &p)
	if p.Status != status || p.Title != http.StatusText(status) {
		c.t.Errorf("%s: %+v", path, p)
	}
	return p
}

func q(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return "?" + v.Encode()
}

// Every path has errors in the one form, and of a parameter that does not
// exist the names of those that do.
func TestProblems(t *testing.T) {
	c := open(t)
	if p := c.problem("/nothing", 404); !strings.Contains(p.Detail, "openapi.json") {
		t.Errorf("%+v", p)
	}
	w := c.do(httptest.NewRequest("DELETE", Root+"/search", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("DELETE: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if p := c.problem("/search?limt=5", 400); p.Parameter != "limt" || !strings.Contains(p.Detail, "limit") {
		t.Errorf("%+v", p)
	}
	for _, bad := range []struct{ path, parameter, detail string }{
		{"/search?limit=0", "limit", "1 to 1000"},
		{"/search?limit=1001", "limit", "1 to 1000"},
		{"/search?limit=5&limit=6", "limit", "2 times"},
		{"/search?from=yesterday", "from", "want a time"},
		{"/search?from=now&to=-1h", "from", "not before"},
		{"/search?by=trace", "by", "traces or spans"},
		{"/search?cursor=abc", "cursor", ""},
		{"/traces/xyz", "id", "hex"},
		{"/traces/" + shop.Buy.String() + "?format=xml", "format", "otlp-json"},
		{"/compare?a=" + shop.Buy.String(), "b", "missing"},
		{"/aggregate?by=a,b,c,d,e", "by", "at most 4"},
		{"/aggregate?step=1ns", "step", "points"},
		{"/aggregate?step=x", "step", "auto"},
		{"/differences", "selected", "missing"},
		{"/differences?minDuration=5s&maxDuration=1s", "minDuration", "longer"},
		{"/values", "field", "one field"},
		{"/operations", "service", "missing"},
		{"/operations?service=a&kind=up", "kind", "internal"},
		{"/series?by=route", "by", "operation"},
		{"/metrics/points", "name", "missing"},
		{"/export?format=csv", "format", "parquet"},
	} {
		if p := c.problem(bad.path, 400); p.Parameter != bad.parameter || !strings.Contains(p.Detail, bad.detail) {
			t.Errorf("%s: %+v; want %s about %s", bad.path, p, bad.detail, bad.parameter)
		}
	}
	if p := c.problem("/traces/"+shop.Missing.String(), 404); !strings.Contains(p.Detail, shop.Missing.String()) {
		t.Errorf("%+v", p)
	}
	// The place in a query, in characters.
	for path, name := range map[string]string{"/search": "q", "/parse": "q", "/heatmap": "q", "/keys": "q"} {
		if p := c.problem(path+q("q", `name = "世界" and and`), 400); p.Column != 17 || p.Parameter != name {
			t.Errorf("%s: %+v; want column 17", path, p)
		}
	}
	if p := c.problem("/differences"+q("selected", `name = `), 400); p.Parameter != "selected" || p.Column == 0 {
		t.Errorf("%+v", p)
	}
}

// Parameters may come as a form.
func TestPost(t *testing.T) {
	c := open(t)
	post := func(path, typ, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", Root+path, strings.NewReader(body))
		r.Header.Set("Content-Type", typ)
		return c.do(r)
	}
	const form = "application/x-www-form-urlencoded"
	long := "name in (" + strings.Repeat(`"a rather long name", `, 900) + `"price")`
	w := post("/search", form+"; charset=utf-8", url.Values{"q": {long}, "limit": {"3"}}.Encode())
	if w.Code != 200 || !strings.Contains(w.Body.String(), shop.Buy.String()) {
		t.Errorf("%d: %s", w.Code, clip(w.Body))
	}
	for _, bad := range []struct {
		typ, body string
		status    int
	}{{"application/json", `{"q":""}`, 415}, {form, "a=%zz", 400}, {form, strings.Repeat("a", maxBody+1), 413}, {form, "nope=1", 400}} {
		if w := post("/search", bad.typ, bad.body); w.Code != bad.status {
			t.Errorf("%s %s: %d, want %d", bad.typ, clip(bad.body), w.Code, bad.status)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"now": now, "-1h": now.Add(-time.Hour), "now-90m": now.Add(-90 * time.Minute), "now+5m": now.Add(5 * time.Minute), "-7d": now.AddDate(0, 0, -7), "-1d12h": now.Add(-36 * time.Hour), "-1w": now.AddDate(0, 0, -7),
		"2026-11-22T15:00:00Z": now, "2026-11-22T16:00:00+01:00": now, "2026-11-22T16:00:00 01:00": now, "2026-11-22T15:00:00.5Z": now.Add(500 * time.Millisecond),
		"2026-11-22": now.Add(-15 * time.Hour), "2026-11-22 15:00:00": now, "2026-11-22T15:00": now,
		"1795359600": now, "1795359600000": now, "1795359600000000": now, "1795359600000000000": now, "1795359600.25": now.Add(250 * time.Millisecond), "0": time.Unix(0, 0),
	} {
		if got, problem := parseTime(in, now); problem != "" || !got.Equal(want) {
			t.Errorf("%s: %v %s, want %v", in, got, problem, want)
		}
	}
	for _, in := range []string{"", "-", "now-", "yesterday", "-1", "-5x", "2026-13-01", "1e300", "NaN", "9999-01-01T00:00:00Z", "now-now", "+1h"} {
		if got, problem := parseTime(in, now); problem == "" {
			t.Errorf("%s: %v; want an error", in, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"250ms": 250 * time.Millisecond, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "1w2d3h": (9*24 + 3) * time.Hour, "1.5d": 36 * time.Hour, "0s": 0, "-2m": -2 * time.Minute} {
		if got, problem := parseDuration(in); problem != "" || got != want {
			t.Errorf("%s: %v %s, want %v", in, got, problem, want)
		}
	}
	for _, in := range []string{"", "5", "d", "5x", "1h1d", "99999999d", "--5s", "1d-5s"} {
		if got, problem := parseDuration(in); problem == "" {
			t.Errorf("%q: %v; want an error", in, got)
		}
	}
}

func FuzzTimes(f *testing.F) {
	for _, s := range []string{"now-1d2h", "2026-11-22T15:00:00 01:00", "1.5", "-1w"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parseTime(s, shop.Now)
		parseDuration(s)
	})
}

// What the document is served as.
func TestDocumentServed(t *testing.T) {
	c := open(t)
	if got := get[map[string]any](c, "/openapi.json"); got["openapi"] != "3.1.0" {
		t.Errorf("%v", got["openapi"])
	}
	if w := c.do(httptest.NewRequest("GET", Root+"/openapi.yaml", nil)); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), Document) {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	if w := c.do(httptest.NewRequest("HEAD", Root+"/openapi.json", nil)); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}

func TestAdmin(t *testing.T) {
	want := map[string]bool{"/backup": true, "/backup/": true, "/search": false, "/export": false, "/backups": false}
	got := map[string]bool{}
	for path := range want {
		got[path] = Admin(httptest.NewRequest("GET", Root+path, nil))
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
