package api

import (
	"encoding/binary"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-trace/weft/internal/shop"
	"github.com/weft-trace/weft/server/outline"
	"github.com/weft-trace/weft/server/reply"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// columnsHeader reads the header of a trace by columns.
func columnsHeader(t *testing.T, w *httptest.ResponseRecorder) (h struct {
	TraceID, RootService, RootName, Under string
	SpanCount, ErrorCount, Rows, Hidden   int
	Names                                 []string
	Columns                               []struct {
		Name, Type    string
		Count, Offset int
	}
}) {
	t.Helper()
	b := w.Body.Bytes()
	if w.Code != 200 || w.Header().Get("Content-Type") != outline.ContentType || len(b) < 16 || string(b[:8]) != "WEFTCOL1" {
		t.Fatalf("%d, %s: %s", w.Code, w.Header().Get("Content-Type"), clip(w.Body))
	}
	if err := json.Unmarshal(b[16:16+binary.LittleEndian.Uint32(b[8:])], &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestColumns(t *testing.T) {
	c := open(t)
	path := Root + "/traces/" + shop.Buy.String()
	ask := func(query, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path+query, nil)
		r.Header.Set("Accept", accept)
		return c.do(r)
	}
	whole := ask("?format=columns", "")
	h := columnsHeader(t, whole)
	if h.TraceID != shop.Buy.String() || h.RootService != "gateway" || h.RootName != "GET /buy" || h.SpanCount != 7 || h.ErrorCount != 2 || h.Rows != 7 || h.Hidden != 0 || h.Under != "" {
		t.Errorf("%+v", h)
	}
	tr := get[jtrace](c, "/traces/"+shop.Buy.String())
	var ids, flags []byte
	for _, col := range h.Columns {
		switch b := whole.Body.Bytes()[col.Offset:]; col.Name {
		case "id":
			ids = b[:8*col.Count]
		case "flags":
			flags = b[:col.Count]
		}
	}
	for i, s := range tr.Spans {
		id := span.ID(ids[8*i:])
		if id.String() != s.SpanID {
			t.Errorf("row %d is %s, want %s", i, id, s.SpanID)
		}
		logged := i == 0 // see shop.Logs
		if want := map[string]byte{"error": outline.FlagError, "ok": outline.FlagOK}[s.Status]; flags[i]&3 != want || flags[i]&outline.FlagEvents != 0 != (len(s.Events) > 0) || flags[i]&outline.FlagLogs != 0 != logged {
			t.Errorf("row %d (%s): flags %b", i, s.Name, flags[i])
		}
	}
	if w := ask("", "text/html;q=0.1, "+outline.ContentType); columnsHeader(t, w).Rows != 7 || w.Header().Get("Vary") != "Accept" {
		t.Errorf("by Accept: %d, Vary %s", w.Code, w.Header().Get("Vary"))
	}
	few := ask("?format=columns&limit=3", "")
	if h := columnsHeader(t, few); h.Rows != 3 || h.Hidden != 4 {
		t.Errorf("%+v", h)
	}
	stock := tr.Spans[2]
	if h := columnsHeader(t, ask("?format=columns&under="+stock.SpanID, "")); h.Rows != 2 || h.Hidden != 0 || h.Under != stock.SpanID || h.SpanCount != 7 {
		t.Errorf("%+v", h)
	}
	process := tr.Spans[5]
	revealed := columnsHeader(t, ask("?format=columns&limit=1&reveal="+process.SpanID+"&reveal=00000000000000ff", ""))
	if want := []string{"GET /buy", "send mail", "mails process"}; !slices.Equal(revealed.Names, want) {
		t.Errorf("revealed %q, want %q", revealed.Names, want)
	}
	tags := map[string]bool{}
	for _, w := range []*httptest.ResponseRecorder{whole, few, ask("", "application/json"), ask("?format=columns&limit=3&reveal="+process.SpanID, "")} {
		tag := w.Header().Get("ETag")
		if tag == "" || tags[tag] {
			t.Errorf("the tag %q is that of another answer", tag)
		}
		tags[tag] = true
	}
	r := httptest.NewRequest("GET", path+"?format=columns&limit=3", nil)
	r.Header.Set("If-None-Match", few.Header().Get("ETag"))
	if w := c.do(r); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("%d for what the client has", w.Code)
	}

	for query, parameter := range map[string]string{
		"?format=columns&limit=0": "limit", "?format=columns&limit=1000001": "limit", "?format=columns&under=x": "under", "?format=columns&reveal=0": "reveal",
		"?format=columns&reveal=" + strings.Repeat("01&reveal=", 1000) + "01": "reveal", "?limit=3": "limit", "?format=columns&find=x": "find", "?format=columns&under=1&under=2": "under",
	} {
		if p := c.problem("/traces/"+shop.Buy.String()+query, 400); p.Parameter != parameter {
			t.Errorf("%s: %+v", query, p)
		}
	}
	c.problem("/traces/"+shop.Missing.String()+"?format=columns", 404)
	c.problem("/traces/"+shop.Buy.String()+"?format=columns&under=00000000000000ff", 404)
}

// A trace by columns is compressed on its way, and the tag of what is compressed is weak.
func TestColumnsCompressed(t *testing.T) {
	st := shop.Empty(t)
	if err := st.Write(t.Context(), &store.Batch{Spans: shop.Large(2000)}); err != nil {
		t.Fatal(err)
	}
	h := reply.Compress(New(Options{Store: st}))
	r := httptest.NewRequest("GET", Root+"/traces/5555555555555555dddddddddddddddd?format=columns", nil)
	plain := httptest.NewRecorder()
	h.ServeHTTP(plain, r)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Header().Get("Content-Encoding") != "gzip" || 2*w.Body.Len() > plain.Body.Len() || w.Header().Get("ETag") != "W/"+plain.Header().Get("ETag") {
		t.Errorf("%v, %d of %d bytes", w.Header(), w.Body.Len(), plain.Body.Len())
	}
}

func TestSpanOfTrace(t *testing.T) {
	c := open(t)
	type answer struct {
		TraceID, StartUnixNano string
		DurationNanos          int64
		Row                    int
		Span                   struct {
			jspan
			SelfNanos    int64
			WarningCodes []string
		}
		Resources []struct{ Service string }
		Scopes    []struct{ Name string }
	}
	for _, id := range []span.TraceID{shop.Buy, shop.Skewed} {
		tr := get[jtrace](c, "/traces/"+id.String())
		for i, s := range tr.Spans {
			a := get[answer](c, "/traces/"+id.String()+"/spans/"+s.SpanID)
			if a.TraceID != id.String() || a.StartUnixNano != tr.StartUnixNano || a.DurationNanos != tr.DurationNanos || a.Row != i || len(a.Resources) != 1 || len(a.Scopes) != 1 || a.Resources[0].Service != s.Service || a.Scopes[0].Name != tr.Scopes[s.Scope].Name {
				t.Errorf("%+v", a)
			}
			if a.Span.SpanID != s.SpanID || a.Span.Name != s.Name || a.Span.OffsetNanos != s.OffsetNanos || a.Span.ShiftNanos != s.ShiftNanos || a.Span.Depth != s.Depth || len(a.Span.Attributes) != len(s.Attributes) ||
				len(a.Span.Events) != len(s.Events) || len(a.Span.Links) != len(s.Links) || !slices.Equal(a.Span.Warnings, s.Warnings) || len(a.Span.WarningCodes) != len(s.Warnings) {
				t.Errorf("%+v, want %+v", a.Span, s)
			}
		}
	}
	root := get[jtrace](c, "/traces/"+shop.Short.String()).Spans[0]
	path := "/traces/" + shop.Short.String() + "/spans/"
	if a := get[answer](c, path+root.SpanID); a.Span.SelfNanos != a.Span.DurationNanos {
		t.Errorf("a span without children ran %d of %d", a.Span.SelfNanos, a.Span.DurationNanos)
	}
	r := httptest.NewRequest("GET", Root+path+root.SpanID, nil)
	r.Header.Set("If-None-Match", c.do(r).Header().Get("ETag"))
	if w := c.do(r); w.Code != 304 {
		t.Errorf("%d for what the client has", w.Code)
	}
	c.problem(path+"00000000000000ff", 404)
	c.problem("/traces/"+shop.Missing.String()+"/spans/"+root.SpanID, 404)
	if p := c.problem(path+"xyz", 400); p.Parameter != "spanId" {
		t.Errorf("%+v", p)
	}
	if p := c.problem(path+root.SpanID+"?row=-1", 400); p.Parameter != "row" {
		t.Errorf("%+v", p)
	}
}

// Zipkin's client and server share an id: each can be had.
func TestSpansOfOneID(t *testing.T) {
	st := shop.Empty(t)
	a, b := shop.Spans()[0], shop.Spans()[1]
	a.ID, b.ID, a.Parent, b.Parent = span.ID{7: 1}, span.ID{7: 1}, span.ID{}, span.ID{}
	a.Name, b.Name, a.Kind, b.Kind = "call", "serve", span.KindClient, span.KindServer
	if err := st.Write(t.Context(), &store.Batch{Spans: []span.Span{a, b}}); err != nil {
		t.Fatal(err)
	}
	c := &client{t, New(Options{Store: st})}
	for row, name := range []string{"call", "serve"} {
		type answer struct {
			Row  int
			Span jspan
		}
		if got := get[answer](c, "/traces/"+a.TraceID.String()+"/spans/"+a.ID.String()+"?row="+string(rune('0'+row))); got.Row != row || got.Span.Name != name {
			t.Errorf("row %d: %+v", row, got)
		}
	}
}

func TestFindInTrace(t *testing.T) {
	c := open(t)
	type answer struct {
		Query string
		Total int
		Spans []struct {
			SpanID string
			Row    int
		}
		Partial bool
	}
	tr := get[jtrace](c, "/traces/"+shop.Buy.String())
	path := "/traces/" + shop.Buy.String() + "/find"
	for query, want := range map[string][]string{
		"":                                  {"GET /buy", "GET", "GET /stock/{id}", "SELECT item", "send mail", "mails process", "price"},
		"status=error":                      {"GET /buy", "SELECT item"},
		"mail":                              {"send mail", "mails process"},
		"service = stock and kind = client": {"SELECT item"},
		"user.id = u-17":                    {"GET /buy"},
		"name = nothing":                    nil,
		"trace = " + shop.Short.String():    nil,
	} {
		got := get[answer](c, path+q("q", query))
		var names []string
		for _, s := range got.Spans {
			if tr.Spans[s.Row].SpanID != s.SpanID {
				t.Errorf("%s: row %d is not %s", query, s.Row, s.SpanID)
			}
			names = append(names, tr.Spans[s.Row].Name)
		}
		if !slices.Equal(names, want) || got.Total != len(want) || got.Partial {
			t.Errorf("%s: %d, %q, want %q", query, got.Total, names, want)
		}
	}
	if got := get[answer](c, path+q("q", "mail", "limit", "1")); got.Total != 2 || len(got.Spans) != 1 || got.Query != `"mail"` && got.Query != "mail" {
		t.Errorf("%+v", got)
	}
	if p := c.problem(path+q("q", "duration >"), 400); p.Parameter != "q" || p.Column == 0 {
		t.Errorf("%+v", p)
	}
	c.problem("/traces/"+shop.Missing.String()+"/find", 404)
}

// What JSON does not tell of attributes is told beside them.
func TestTypes(t *testing.T) {
	c := open(t)
	root := get[jtrace](c, "/traces/"+shop.Buy.String()).Spans[0]
	got := get[struct{ Types map[string]string }](c, "/traces/"+shop.Buy.String()+"/spans/"+root.SpanID)
	if diff := cmp.Diff(map[string]string{"big": "int", "share": "float", "blob": "bytes"}, got.Types); diff != "" {
		t.Error(diff)
	}
}

func TestLogsOfSpan(t *testing.T) {
	c := open(t)
	spans := get[jtrace](c, "/traces/"+shop.Buy.String()).Spans
	type logs struct {
		Total int
		Logs  []struct{ SpanID string }
	}
	path := "/traces/" + shop.Buy.String() + "/logs?span="
	if got := get[logs](c, path+spans[0].SpanID); got.Total != 2 || got.Logs[1].SpanID != spans[0].SpanID {
		t.Errorf("%+v", got)
	}
	if got := get[logs](c, path+spans[1].SpanID); got.Total != 0 {
		t.Errorf("%+v", got)
	}
	if p := c.problem(path+"x", 400); p.Parameter != "span" {
		t.Errorf("%+v", p)
	}
}

// With time enough a budget changes nothing; a wrong one is an error.
func TestBudget(t *testing.T) {
	c := open(t)
	for _, path := range []string{"/heatmap?", "/aggregate?by=http.route&", "/differences?selected=status%3Derror&"} {
		whole, quick := get[map[string]any](c, path), get[map[string]any](c, path+"budget=1m")
		delete(whole, "elapsedNanos")
		delete(quick, "elapsedNanos")
		delete(whole, "scannedBlocks") // the head comes in parts
		delete(quick, "scannedBlocks")
		for _, a := range []map[string]any{whole, quick} { // examples may be others
			for _, cell := range asList(a["cells"]) {
				delete(cell.(map[string]any), "exemplars")
			}
		}
		if diff := cmp.Diff(whole, quick); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if p := c.problem(path+"budget=0s", 400); p.Parameter != "budget" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

// Two windows that do not touch are compared with each other.
func TestDifferencesOfWindows(t *testing.T) {
	c := open(t)
	got := get[struct{ Selected, Rest int }](c, "/differences"+q("boxFrom", "2026-11-22T12:04:00Z", "boxTo", "2026-11-22T12:05:00Z", "restFrom", "2026-11-22T12:00:00Z", "restTo", "2026-11-22T12:01:00Z"))
	if got.Selected != 2 || got.Rest != 7 {
		t.Errorf("%+v", got)
	}
	if p := c.problem("/differences"+q("selected", "status = error", "restFrom", "-1m", "restTo", "-2m"), 400); p.Parameter != "restFrom" {
		t.Errorf("%+v", p)
	}
}
