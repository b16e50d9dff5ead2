package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/internal/shop"
	"github.com/weft-trace/weft/server/api"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// serve runs the API on a store, at the time of the spans; requests need the
// token, if there is one.
func serve(t *testing.T, st *store.Store, token string) string {
	t.Helper()
	h := api.New(api.Options{Store: st, Clock: func() time.Time { return shop.Now }})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token != "" && r.Header.Get("Authorization") != "Bearer "+token {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"status":401,"title":"Unauthorized","detail":"this server wants a token"}`))
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func weft(env []string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Main(args, append([]string{"TZ=UTC", "PATH=" + os.Getenv("PATH")}, env...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func inUTC(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	now = func() time.Time { return shop.Now }
	t.Cleanup(func() { time.Local, now = local, time.Now })
}

// golden compares with a file of testdata/query; UPDATE_SCRIPTS=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "query", name)
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestSearchCommand(t *testing.T) {
	inUTC(t)
	server := serve(t, shop.Open(t), "")
	code, out, errs := weft([]string{"WEFT_SERVER=" + server}, "search")
	if code != 0 || errs != "" {
		t.Fatalf("%d: %s", code, errs)
	}
	golden(t, "search.txt", out)
	// Flags may stand behind the query, which may be of several words.
	_, out, _ = weft(nil, "search", "status", "=", "error", "-server", server+"/", "-since", "30m")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 2 || !strings.Contains(lines[1], shop.Buy.String()) {
		t.Errorf("%s", out)
	}
	// Pages are put together.
	_, out, errs = weft(nil, "search", "-server", server, "-limit", "3", "-slowest")
	if strings.Count(out, "\n") != 4 || !strings.Contains(errs, "there are more") || !strings.Contains(strings.Split(out, "\n")[1], "cron") {
		t.Errorf("%s%s", out, errs)
	}
	if code, out, errs = weft(nil, "search", "-server", server, "name = nothing"); code != 0 || out != "" || !strings.Contains(errs, "nothing found") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	_, out, _ = weft(nil, "search", "-server", server, "-json", "-limit", "2")
	var page struct{ Traces []struct{ TraceID string } }
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&page); err != nil || len(page.Traces) != 2 {
		t.Errorf("%v: %s", err, out)
	}
	if _, out, _ = weft([]string{"CLICOLOR_FORCE=1"}, "search", "-server", server); strings.Contains(out, "\x1b") {
		t.Errorf("colours in what is no terminal: %q", out)
	}
}

// More traces than a page of the server holds.
func TestSearchManyPages(t *testing.T) {
	st := shop.Empty(t)
	var spans []span.Span
	for i := range 2500 {
		s := shop.Spans()[7]
		s.TraceID[8], s.TraceID[14], s.TraceID[15] = 1, byte(i>>8), byte(i)
		s.Start += int64(i)
		spans = append(spans, s)
	}
	if err := st.Write(t.Context(), &store.Batch{Spans: spans}); err != nil {
		t.Fatal(err)
	}
	_, out, errs := weft(nil, "search", "-server", serve(t, st, ""), "-limit", "2300")
	ids := map[string]bool{}
	for _, line := range strings.Split(out, "\n")[1:] {
		if f := strings.Fields(line); len(f) > 0 {
			ids[f[len(f)-1]] = true
		}
	}
	if len(ids) != 2300 || !strings.Contains(errs, "more") {
		t.Errorf("%d traces: %s", len(ids), errs)
	}
}

func TestTraceCommand(t *testing.T) {
	inUTC(t)
	server := serve(t, shop.Open(t), "")
	for file, id := range map[string]string{"trace_buy.txt": shop.Buy.String(), "trace_short.txt": "8448eb211c80319c", "trace_skewed.txt": strings.ToUpper(shop.Skewed.String())} {
		code, out, errs := weft(nil, "trace", "-server", server, id)
		if code != 0 || errs != "" {
			t.Errorf("%s: %d: %s", id, code, errs)
		}
		golden(t, file, out)
	}
	_, out, _ := weft(nil, "trace", shop.Buy.String(), "-json", "-server", server)
	var tr struct{ Spans []any }
	if err := json.Unmarshal([]byte(out), &tr); err != nil || len(tr.Spans) != 7 {
		t.Errorf("%v: %s", err, out)
	}
	if _, out, _ := weft(nil, "trace", shop.Buy.String(), "-rows", "2", "-server", server); !strings.Contains(out, "5 more spans") {
		t.Errorf("%s", out)
	}
	if code, _, errs := weft(nil, "trace", shop.Missing.String(), "-server", server); code != 1 || !strings.Contains(errs, "not found") {
		t.Errorf("%d %s", code, errs)
	}
}

// What changed is told against the time before, and only if there were enough calls.
func TestServicesCommand(t *testing.T) {
	st := shop.Empty(t)
	var spans []span.Span
	n := 0
	add := func(service string, kind span.Kind, count int, ago time.Duration, took time.Duration, failed int) {
		for i := range count {
			s := shop.Spans()[7]
			n++
			s.TraceID[14], s.TraceID[15], s.ID[1], s.ID[2] = byte(n>>8), byte(n), byte(n>>8), byte(n)
			s.Name, s.Kind, s.Start, s.Duration = "work", kind, shop.Now.Add(-ago).UnixNano(), int64(took)
			s.Resource = &span.Resource{Service: service, Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue(service)}}}
			if i < failed {
				s.Status = span.StatusError
			}
			spans = append(spans, s)
		}
	}
	const now, before = 30 * time.Minute, 90 * time.Minute
	add("same", span.KindServer, 100, now, 10*time.Millisecond, 1)
	add("same", span.KindServer, 100, before, 10*time.Millisecond, 1)
	add("slower", span.KindServer, 400, now, 40*time.Millisecond, 0)
	add("slower", span.KindServer, 400, before, 10*time.Millisecond, 0)
	add("failing", span.KindServer, 200, now, 10*time.Millisecond, 40)
	add("failing", span.KindServer, 200, before, 10*time.Millisecond, 2)
	add("busier", span.KindServer, 900, now, 10*time.Millisecond, 0)
	add("busier", span.KindServer, 300, before, 10*time.Millisecond, 0)
	add("new", span.KindServer, 50, now, 10*time.Millisecond, 0)
	add("gone", span.KindServer, 60, before, 10*time.Millisecond, 0)
	add("rare", span.KindServer, 3, now, 90*time.Millisecond, 3)
	add("rare", span.KindServer, 3, before, 10*time.Millisecond, 0)
	add("batch", span.KindInternal, 30, now, time.Second, 0)
	add("batch", span.KindInternal, 30, before, time.Second, 0)
	if err := st.Write(t.Context(), &store.Batch{Spans: spans}); err != nil {
		t.Fatal(err)
	}
	server := serve(t, st, "")
	code, out, errs := weft(nil, "services", "-server", server)
	if code != 0 || errs != "" {
		t.Fatalf("%d: %s", code, errs)
	}
	golden(t, "services.txt", out)
	_, out, _ = weft(nil, "services", "slower", "-server", server)
	golden(t, "operations.txt", out)
	if code, _, errs := weft(nil, "services", "nobody", "-server", server); code != 1 || !strings.Contains(errs, `nothing of service "nobody"`) {
		t.Errorf("%d %s", code, errs)
	}
	if _, out, errs := weft(nil, "services", "-limit", "2", "-server", server); strings.Count(out, "\n") != 3 || !strings.Contains(errs, "6 more") {
		t.Errorf("%s%s", out, errs)
	}
	if _, _, errs := weft(nil, "services", "-server", serve(t, shop.Empty(t), "")); !strings.Contains(errs, "no spans in the last 1h") {
		t.Errorf("%s", errs)
	}
}

// Names from traces cannot write to the terminal.
func TestTerminalSafety(t *testing.T) {
	st := shop.Empty(t)
	s := shop.Spans()[7]
	evil := "evil\x1b[2J\r\n\u202e"
	s.Name, s.Kind = evil, span.KindServer
	s.Resource = &span.Resource{Service: evil, Attrs: []span.Attr{{Key: "service.name", Value: span.StringValue(evil)}, {Key: evil, Value: span.StringValue(evil)}}}
	s.Attrs = append(s.Attrs, s.Resource.Attrs...)
	if err := st.Write(t.Context(), &store.Batch{Spans: []span.Span{s}}); err != nil {
		t.Fatal(err)
	}
	server := serve(t, st, "")
	for _, args := range [][]string{{"search"}, {"trace", s.TraceID.String()}, {"services"}, {"services", evil}} {
		_, out, errs := weft(nil, append(args, "-server", server)...)
		if !strings.Contains(out, "evil") || strings.ContainsAny(out+errs, "\x1b\r\u202e") {
			t.Errorf("%q: %q%q", args, out, errs)
		}
	}
}

func TestServerErrors(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	guarded := serve(t, shop.Open(t), "secret")
	for _, c := range []struct {
		env  []string
		args []string
		code int
		want string
	}{
		{nil, []string{"search", "-server", closed.URL}, 1, "no server answers at " + closed.URL + "; start one: weft serve"},
		{nil, []string{"services", "-server", other.URL}, 1, "is no weft server"},
		{nil, []string{"search", "-server", guarded}, 1, "WEFT_TOKEN"},
		{[]string{"WEFT_TOKEN=secret"}, []string{"search", "-server", guarded}, 0, ""},
		{[]string{"WEFT_TOKEN=secret"}, []string{"search", "-server", guarded, "name = "}, 1, "column"},
		{[]string{"WEFT_TOKEN=secret"}, []string{"search", "-server", guarded, "-since", "soon"}, 2, `-since "soon": want a positive duration`},
		{nil, []string{"search", "-since", "-1h"}, 2, `-since "-1h": want a positive duration such as`},
		{nil, []string{"search", "-since", "0"}, 2, `-since "0": want a positive duration`},
		{nil, []string{"services", "-since", "-1h"}, 2, `-since "-1h": want a positive duration`},
		{nil, []string{"services", "-since", "0"}, 2, `-since "0": want a positive duration`},
		{[]string{"WEFT_TOKEN=secret"}, []string{"search", "-server", guarded, "-from", "1960-01-01"}, 1, `"1960-01-01" is before 1970`},
		{nil, []string{"store", "export", "x.otlp", "-from", "1960-01-01"}, 1, `"1960-01-01" is before 1970`},
		{nil, []string{"search", "-server", "127.0.0.1:16686"}, 2, "is not the URL of a server"},
		{nil, []string{"search", "-limit", "0"}, 2, "-limit"},
		{nil, []string{"search", "-nope"}, 2, "weft help search"},
		{nil, []string{"trace"}, 2, "want one trace id"},
		{nil, []string{"trace", "zz"}, 2, "hex"},
		{nil, []string{"services", "a", "b"}, 2, "at most"},
		{nil, []string{"help", "search"}, 0, ""},
		{nil, []string{"trace", "-h"}, 0, ""},
	} {
		code, out, errs := weft(c.env, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) || code == 0 && out == "" {
			t.Errorf("%q: %d %q; want %d, %q", c.args, code, errs, c.code, c.want)
		}
	}
}

func TestChanged(t *testing.T) {
	for _, c := range []struct {
		now, before calls
		want        string
		worse       bool
	}{
		{calls{Count: 100, Rate: 1, P50: 10, P99: 20}, calls{Count: 100, Rate: 1, P50: 10, P99: 20}, "", false},
		{calls{Count: 100, Rate: 1, P50: 10, P99: 20}, calls{Count: 100, Rate: 1, P50: 20, P99: 20}, "p50 ÷2", false},
		{calls{Count: 1000, Errors: 3, Rate: 1, P50: 10, P99: 10}, calls{Count: 1000, Errors: 1, Rate: 1, P50: 10, P99: 10}, "", false}, // chance
		{calls{Count: 1000, Errors: 30, Rate: 1, P50: 10, P99: 10}, calls{Count: 1000, Errors: 1, Rate: 1, P50: 10, P99: 10}, "errors 0.1 % → 3 %", true},
		{calls{Count: 1000, Rate: 1, P50: 10, P99: 10}, calls{Count: 1000, Errors: 100, Rate: 1, P50: 10, P99: 10}, "errors 10 % → 0 %", false},
		{calls{Count: 100, Rate: 1}, calls{}, "new", false},
		{calls{}, calls{Count: 100, Rate: 2}, "gone; was 2/s", true},
		{calls{Count: 5, Rate: 1, P50: 100, P99: 100}, calls{Count: 100, Rate: 20, P50: 1, P99: 1}, "", false},
	} {
		if got, worse := changed(&c.now, &c.before); got != c.want || worse != c.worse {
			t.Errorf("%+v after %+v: %q %v, want %q %v", c.now, c.before, got, worse, c.want, c.worse)
		}
	}
}
