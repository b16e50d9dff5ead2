package waterfall

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

const ms = int64(time.Millisecond)

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 123e6, time.UTC).UnixNano()

// sp is a span that starts and ends at so many milliseconds; mod changes the rest.
func sp(id, parent uint64, service, name string, start, end float64, mod ...func(*Span)) Span {
	s := Span{ID: id, Parent: parent, Kind: Internal, Service: service, Name: name, Start: epoch + int64(start*float64(ms)), End: epoch + int64(end*float64(ms))}
	for _, m := range mod {
		m(&s)
	}
	return s
}

func kind(k int8) func(*Span)       { return func(s *Span) { s.Kind = k } }
func remote(s *Span)                { s.Remote = true }
func with(k, v string) func(*Span)  { return func(s *Span) { s.Attrs = append(s.Attrs, Attr{k, v}) } }
func failed(msg string) func(*Span) { return func(s *Span) { s.Failed, s.Message = true, msg } }
func event(n string, at float64) func(*Span) {
	return func(s *Span) { s.Events = append(s.Events, Event{Name: n, Time: epoch + int64(at*float64(ms))}) }
}

var shop = []Span{
	sp(4, 3, "stock", "SELECT item", 4, 9.5, kind(Client), with("db.system.name", "sqlite"), with("db.query.text", "SELECT id, name, price FROM item WHERE id = ?"), with("db.response.returned_rows", "1")),
	sp(3, 2, "stock", "GET /stock/{id}", 3, 12.1, kind(Server), remote, with("http.response.status_code", "200"), with("url.path", "/stock/7")),
	sp(1, 0, "gateway", "GET /order/{id}", 0, 45.2, kind(Server), with("http.request.method", "GET"), with("http.response.status_code", "500"), failed("")),
	sp(2, 1, "gateway", "GET", 2, 14, kind(Client), with("http.response.status_code", "200"), with("url.full", "http://stock/stock/7"), event("http.dns.start", 2), event("http.dns.done", 2.1), event("http.connect.start", 2.1), event("http.connect.done", 4.5), event("http.got_conn", 4.5), event("http.wrote_request", 4.6), event("http.first_byte", 13.5), event("http.tls.start", 14), event("retry_now", 4)),
	sp(5, 1, "gateway", "price", 14.5, 15, with("basket.size", "3")),
	sp(6, 1, "gateway", "INSERT orders", 20, 40, kind(Client), with("db.query.text", "INSERT INTO orders VALUES (?, ?)"), with("error.type", "*sqlite.Error"), failed("UNIQUE constraint failed: orders.id")),
	sp(7, 6, "gateway", "wait for connection", 20, 20.5),
}

func many() []Span {
	spans := []Span{sp(1, 0, "batch", "import", 0, 1000)}
	for i := range 400 {
		spans = append(spans, sp(uint64(10+i), 1, "batch", "INSERT row", float64(i)*2, float64(i)*2+1.5, kind(Client)))
	}
	spans[200].Failed, spans[200].Message = true, "disk full"
	return append(spans, sp(2, 1, "batch", "COMMIT", 900, 999))
}

// The longest wait is for the query; then the last two of many rows alike.
func criticalPath() []Span {
	on := func(start, end float64) func(*Span) {
		return func(s *Span) {
			s.Critical = append(s.Critical, Section{epoch + int64(start*float64(ms)), epoch + int64(end*float64(ms))})
		}
	}
	spans := []Span{
		sp(1, 0, "shop", "GET /buy", 0, 100, kind(Server), on(0, 10), on(60, 62), on(99, 100)),
		sp(2, 1, "shop", "reserve", 10, 60, on(10, 60)),
		sp(3, 1, "shop", "log", 20, 30),
		sp(4, 1, "shop", "GET", 62, 80, kind(Client), on(62, 62.5), on(79, 80)),
		sp(5, 4, "stock", "GET /stock", 1062, 1080, kind(Server), on(1062, 1080)), // its clock is off
	}
	for i := range 10 {
		s := sp(uint64(10+i), 1, "shop", "INSERT", 80+float64(i)*2, 82+float64(i)*2, kind(Client))
		if i >= 8 {
			on(80+float64(i)*2, 82+float64(i)*2)(&s)
		}
		spans = append(spans, s)
	}
	return spans
}

func deep(n int) []Span {
	var spans []Span
	for i := range n {
		spans = append(spans, sp(uint64(i+1), uint64(i), "deep", fmt.Sprint("level ", i), float64(i), float64(2*n-i)))
	}
	return spans
}

func wideTree(n int) []Span {
	spans := []Span{sp(1, 0, "wide", "root", 0, float64(n))}
	for i := range n {
		spans = append(spans, sp(uint64(i+2), 1, "wide", fmt.Sprint("task ", i), float64(i), float64(i+1)))
	}
	return spans
}

var goldens = []struct {
	name  string
	trace Trace
	opt   Options
}{
	{"shop", Trace{Spans: shop}, Options{Width: 110}},
	{"shop_color", Trace{Spans: shop}, Options{Width: 110, Color: true}},
	{"critical", Trace{Spans: criticalPath()}, Options{Width: 100}},
	{"shop_narrow", Trace{Spans: shop}, Options{Width: 60}},
	{"shop_tiny", Trace{Spans: shop}, Options{Width: 10}},
	{"shop_page", Trace{Spans: shop}, Options{}},
	{"one", Trace{Spans: []Span{sp(9, 8, "svc", "GET /", 0, 0.0123, kind(Server), remote)}}, Options{Width: 80}},
	{"cjk", Trace{Spans: []Span{
		sp(1, 0, "注文サービス", "获取订单 /订单/{编号}", 0, 10, kind(Server), with("http.response.status_code", "200")),
		sp(2, 1, "注文サービス", "查询数据库表格的一个很长很长很长很长很长的名字", 1, 5, with("备注", "值 🚀 emoji")),
		sp(3, 1, "재고", "cafe\u0301 GET 👩‍💻", 5, 9, kind(Client)),
	}}, Options{Width: 100}},
	{"deep", Trace{Spans: deep(30)}, Options{Width: 90}},
	{"folded", Trace{Spans: many()}, Options{Width: 90}},
	{"rows", Trace{Spans: wideTree(20), Dropped: 1234}, Options{Width: 80, MaxRows: 5}},
	{"missing", Trace{Spans: []Span{
		sp(2, 77, "a", "child of somebody", 1, 2), sp(1, 0, "a", "root", 0, 9), sp(3, 78, "b", "server of somebody", 3, 5, kind(Server), remote), sp(4, 3, "b", "inner", 3, 4),
	}}, Options{Width: 80}},
	{"skew", Trace{Spans: []Span{
		sp(1, 0, "a", "GET", 0, 100, kind(Client)),
		sp(2, 1, "b", "GET /late", 5000, 5080, kind(Server), remote),
		sp(3, 2, "b", "inside", 5010, 5020),
		sp(4, 2, "b", "GET", 5030, 5070, kind(Client)),
		sp(5, 4, "c", "GET /early", -700, -680, kind(Server), remote),
		sp(6, 1, "d", "gave up", -50, 800, kind(Server), remote),
	}}, Options{Width: 90}},
	{"circle", Trace{Spans: []Span{sp(1, 2, "a", "one", 0, 3), sp(2, 1, "a", "two", 1, 2), sp(3, 3, "a", "own parent", 1, 2), sp(2, 1, "a", "same id", 2, 3)}}, Options{Width: 80}},
	{"hostile", Trace{Spans: []Span{
		sp(1, 0, "s\x1b[31m", "GET \x1b]0;owned\x07\n\r\n/x\u202e", 0, 1, with("k\n", "a\tb\x00c\xff"), failed("line one\nline two\x1b[2J")),
		sp(2, 1, "", "", 5, 2),
	}}, Options{Width: 80}},
	{"exception", Trace{Spans: []Span{
		sp(1, 0, "s", "GET /", 0, 1, failed("boom"), func(s *Span) {
			s.Events = []Event{{Name: "exception", Time: epoch, Attrs: []Attr{{"exception.type", "runtime.boundsError"}, {"exception.message", "index out of range [5] with length 3"}, {"exception.stacktrace", "goroutine 1\n..."}}}}
		}),
		sp(2, 1, "s", "GET", 0, 1, failed(""), with("error.type", "404"), with("http.response.status_code", "404")),
	}}, Options{Width: 80}},
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			g.trace.ID = TraceID{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736}
			g.opt.Location = time.UTC
			got := string(Append(nil, g.trace, g.opt))
			file := filepath.Join("testdata", g.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if w := g.opt.Width; w >= 40 && !g.opt.Color {
				for line := range strings.Lines(got) {
					if textWidth(strings.TrimSuffix(line, "\n")) > w && !strings.HasPrefix(line, "trace ") {
						t.Errorf("line wider than %d: %s", w, line)
					}
				}
			}
		})
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[int64]string{0: "0ns", 999: "999ns", 1000: "1.00µs", 12_345: "12.3µs", 999_600: "1000µs", 45_200_000: "45.2ms",
		123_400_000: "123ms", 1_500_000_000: "1.50s", 61_000_000_000: "1m01s", 3_600_000_000_000: "60m00s", -5000: "-5.00µs"} {
		if got := duration(d); got != want {
			t.Errorf("duration(%d) = %s, want %s", d, got, want)
		}
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"abc": 3, "é": 1, "e\u0301": 1, "订单": 4, "한": 2, "ｆ": 2, "🚀": 2, "━╸": 2, "": 0} {
		if got := textWidth(s); got != want {
			t.Errorf("textWidth(%q) = %d, want %d", s, got, want)
		}
	}
	for _, c := range []struct {
		s    string
		w    int
		want string
	}{{"abcdef", 4, "abc…"}, {"订单服务", 4, "订…"}, {"订单服务", 5, "订单…"}, {"ab", 2, "ab"}, {"ab", 0, ""}, {"ab", 1, "…"}} {
		if got := fit(c.s, c.w); got != c.want {
			t.Errorf("fit(%q, %d) = %q, want %q", c.s, c.w, got, c.want)
		}
	}
}

func TestTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		env   map[string]string
		width int
		color bool
	}{
		{nil, 160, false},
		{map[string]string{"COLUMNS": "99", "CLICOLOR_FORCE": "1"}, 99, true},
		{map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, 160, false},
		{map[string]string{"CLICOLOR_FORCE": "0", "COLUMNS": "x"}, 160, false},
	} {
		if w, color := Terminal(f, func(n string) string { return c.env[n] }); w != c.width || color != c.color {
			t.Errorf("%v: %d, %v", c.env, w, color)
		}
	}
}

// Any spans whatever give text that is safe for a terminal, and every span is drawn, folded or counted.
func FuzzAppend(f *testing.F) {
	f.Add(uint64(1), 10, "name", 80)
	f.Fuzz(func(t *testing.T, seed uint64, n int, name string, width int) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		n = min(max(n, 0), 200)
		var spans []Span
		for range n {
			spans = append(spans, Span{ID: rnd.Uint64N(uint64(n)), Parent: rnd.Uint64N(uint64(n)), Kind: int8(rnd.IntN(6)), Remote: rnd.IntN(2) == 0,
				Start: int64(rnd.Uint64()), End: int64(rnd.Uint64()), Name: name, Service: name[rnd.IntN(len(name)+1):], Failed: rnd.IntN(5) == 0, Message: name,
				Attrs: []Attr{{name, name}, {"url.full", name}}})
		}
		tr := grow2(spans)
		if tr != nil {
			rows, hidden := tr.rows(50)
			total := hidden
			for _, r := range rows {
				total += max(r.folded, 1)
			}
			if total != len(spans) {
				t.Errorf("%d spans drawn, folded or counted of %d", total, len(spans))
			}
		}
		out := Append(nil, Trace{Spans: spans}, Options{Width: min(width, 500), Location: time.UTC})
		if !utf8.Valid(out) {
			t.Error("not UTF-8")
		}
		for _, r := range string(out) {
			if r < ' ' && r != '\n' || r == 0x7f || r == '\u202e' {
				t.Errorf("control character %q", r)
			}
		}
	})
}

func grow2(spans []Span) *tree {
	if len(spans) == 0 {
		return nil
	}
	return grow(spans)
}

func TestAssembler(t *testing.T) {
	t0 := time.Unix(1000, 0)
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	id := func(n uint64) TraceID { return TraceID{0, n} }
	ids := func(ts []Trace) string {
		s := ""
		for _, t := range ts {
			s += fmt.Sprintf("%d:%d ", t.ID.Lo, len(t.Spans))
		}
		return strings.TrimSpace(s)
	}
	want := func(t *testing.T, got []Trace, want string) {
		t.Helper()
		if ids(got) != want {
			t.Errorf("got %q, want %q", ids(got), want)
		}
	}
	t.Run("quiet", func(t *testing.T) {
		var a Assembler
		a.Add(id(1), Span{ID: 2, Parent: 1}, at(0))
		want(t, a.Ready(at(5*time.Second)), "")
		a.Add(id(1), Span{ID: 1}, at(5*time.Second))
		want(t, a.Ready(at(5*time.Second)), "")
		want(t, a.Ready(at(5*time.Second+200*time.Millisecond)), "1:2")
		want(t, a.Ready(at(50*time.Second)), "")
	})
	t.Run("hold", func(t *testing.T) {
		var a Assembler
		a.Add(id(1), Span{ID: 2, Parent: 1}, at(0))
		want(t, a.Ready(at(10*time.Second)), "1:1")
	})
	t.Run("local", func(t *testing.T) {
		a := Assembler{Local: true}
		a.Add(id(1), Span{ID: 2, Parent: 1, Remote: true}, at(0))
		want(t, a.Ready(at(200*time.Millisecond)), "1:1")
	})
	t.Run("flush", func(t *testing.T) {
		var a Assembler
		a.Add(id(1), Span{ID: 2, Parent: 1}, at(0))
		a.Add(id(2), Span{ID: 2, Parent: 1}, at(0))
		want(t, a.Flush(), "1:1 2:1")
		if a.Held() != 0 {
			t.Error("held", a.Held())
		}
	})
	t.Run("bounded", func(t *testing.T) {
		a := Assembler{MaxSpans: 10, MaxTrace: 4}
		for i := range 20 {
			a.Add(id(9), Span{ID: uint64(i + 2), Parent: 1}, at(time.Second))
		}
		if a.Held() != 4 {
			t.Error("held", a.Held())
		}
		var out []Trace
		for i := range 9 {
			out = append(out, a.Add(id(uint64(i)), Span{ID: 5, Parent: 1}, at(time.Duration(i)*time.Millisecond))...)
		}
		want(t, out, "0:1 1:1 2:1")
		// The span that completes a trace of which not all is kept is still seen to.
		a.Add(id(9), Span{ID: 1}, at(time.Second))
		got := a.Ready(at(2 * time.Second))
		want(t, got, "9:4")
		if got[0].Dropped != 17 {
			t.Error("dropped", got[0].Dropped)
		}
	})
}
