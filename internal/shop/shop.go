// Package shop has spans of known answers, and a store with them, for the tests
// of the read APIs.
package shop

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-trace/weft/server/otlp"
	"github.com/weft-trace/weft/server/span"
	"github.com/weft-trace/weft/server/store"
)

// Epoch is when the first span starts, and Now what the store's clock says.
var (
	Epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	Now   = Epoch.Add(10 * time.Minute)
)

// Ids of traces.
var (
	Buy     = id("4bf92f3577b34da6a3ce929d0e0e4736") // the large one: every kind of span, value, event and link
	Short   = id("00000000000000008448eb211c80319c") // a 64-bit id; one span
	Split   = id("1111111111111111aaaaaaaaaaaaaaaa") // what a search joins across spans in error: GET and 500 are of different spans
	Nobody  = id("2222222222222222bbbbbbbbbbbbbbbb") // no service name
	Skewed  = id("3333333333333333cccccccccccccccc") // the server's clock is a second ahead
	Missing = id("99999999999999999999999999999999") // not there
)

func id(s string) span.TraceID {
	t, err := span.ParseTraceID(s)
	if err != nil {
		panic(err)
	}
	return t
}

func spanID(n int) (i span.ID) {
	i[0], i[7] = 0xab, byte(n)
	return i
}

// ms is so many milliseconds after Epoch.
func ms(n float64) int64 { return Epoch.UnixNano() + int64(n*1e6) }

func resource(service string, attrs ...span.Attr) *span.Resource {
	r := &span.Resource{Service: service}
	if service != "" {
		r.Attrs = append(r.Attrs, span.Attr{Key: "service.name", Value: span.StringValue(service)})
	}
	r.Attrs = append(r.Attrs, attrs...)
	return r
}

func str(k, v string) span.Attr { return span.Attr{Key: k, Value: span.StringValue(v)} }

func num(k string, v int64) span.Attr { return span.Attr{Key: k, Value: span.IntValue(v)} }

// list is an array of values, each less than 128 bytes long.
func list(values ...span.Value) (v span.Value) {
	v.Type = span.Array
	for _, e := range values {
		b := otlp.AppendValue(nil, e)
		v.Str += "\n" + string(rune(len(b))) + string(b)
	}
	return v
}

// Spans returns all of them, in the order of their traces.
func Spans() []span.Span {
	gateway := resource("gateway", str("host.name", "web-1"), num("process.pid", 4711))
	stock, mailer := resource("stock", str("host.name", "db-1")), resource("mailer")
	none := resource("", str("host.name", "web-2"))
	net, plain := &span.Scope{Name: "net/http", Version: "1.26"}, &span.Scope{}
	return []span.Span{
		{TraceID: Buy, ID: spanID(1), Name: "GET /buy", Kind: span.KindServer, Start: ms(0), Duration: 45_200_000, Status: span.StatusError,
			Message: "stock is empty", State: "vendor=1", Flags: 0x101, Resource: gateway, Scope: net, DroppedAttrs: 2,
			Attrs: []span.Attr{str("http.request.method", "GET"), str("http.route", "/buy"), num("http.response.status_code", 500), str("user.id", "u-17"),
				num("big", 1<<60), {Key: "share", Value: span.FloatValue(0.25)}, {Key: "cached", Value: span.BoolValue(true)}, {Key: "blob", Value: span.Value{Type: span.Bytes, Str: "\x00\x01\xff"}}, {Key: "sizes", Value: list(span.StringValue("s"), span.IntValue(3))}, str("quote", "\"<b>\"\n世界")}},
		{TraceID: Buy, ID: spanID(2), Parent: spanID(1), Name: "GET", Kind: span.KindClient, Start: ms(2), Duration: 20_000_000, Resource: gateway, Scope: net,
			Attrs: []span.Attr{str("http.request.method", "GET"), num("http.response.status_code", 200), str("server.address", "stock")},
			Links: []span.Link{{TraceID: Short, ID: spanID(9), State: "l=1", Attrs: []span.Attr{str("why", "retry")}}}},
		{TraceID: Buy, ID: spanID(3), Parent: spanID(2), Name: "GET /stock/{id}", Kind: span.KindServer, Start: ms(3), Duration: 18_000_000, Status: span.StatusOK, Flags: 0x301, Resource: stock, Scope: net,
			Attrs: []span.Attr{str("http.request.method", "GET"), str("http.route", "/stock/{id}"), num("http.response.status_code", 200)}},
		{TraceID: Buy, ID: spanID(4), Parent: spanID(3), Name: "SELECT item", Kind: span.KindClient, Start: ms(4), Duration: 15_500_000, Status: span.StatusError, Message: "no rows", Resource: stock, Scope: plain,
			Attrs:  []span.Attr{str("db.system.name", "postgresql"), str("db.query.text", "SELECT price FROM item WHERE id = ?"), str("db.namespace", "shop")},
			Events: []span.Event{{Time: ms(19), Name: "exception", Attrs: []span.Attr{str("exception.type", "sql.ErrNoRows"), str("exception.message", "no rows in result set")}, Dropped: 1}}},
		{TraceID: Buy, ID: spanID(5), Parent: spanID(1), Name: "send mail", Kind: span.KindProducer, Start: ms(25), Duration: 1_000_000, Resource: gateway, Scope: plain,
			Attrs: []span.Attr{str("messaging.system", "kafka"), str("messaging.destination.name", "mails")}},
		{TraceID: Buy, ID: spanID(6), Parent: spanID(5), Name: "mails process", Kind: span.KindConsumer, Start: ms(30), Duration: 5_000_000, Resource: mailer, Scope: plain,
			Attrs: []span.Attr{str("messaging.system", "kafka"), str("messaging.destination.name", "mails")}},
		{TraceID: Buy, ID: spanID(7), Parent: spanID(1), Name: "price", Kind: span.KindInternal, Start: ms(40), Duration: 800, Resource: gateway, Scope: plain},

		{TraceID: Short, ID: spanID(9), Name: "GET /health", Kind: span.KindServer, Start: ms(60_000), Duration: 900_000, Status: span.StatusUnset, Resource: gateway, Scope: net,
			Attrs: []span.Attr{str("http.request.method", "GET"), str("http.route", "/health"), num("http.response.status_code", 200)}},

		{TraceID: Split, ID: spanID(11), Name: "POST /cart", Kind: span.KindServer, Start: ms(120_000), Duration: 9_000_000, Resource: gateway, Scope: net,
			Attrs: []span.Attr{str("http.request.method", "POST"), num("http.response.status_code", 500)}},
		{TraceID: Split, ID: spanID(12), Parent: spanID(11), Name: "GET", Kind: span.KindClient, Start: ms(120_001), Duration: 7_000_000, Resource: gateway, Scope: net,
			Attrs: []span.Attr{str("http.request.method", "GET"), num("http.response.status_code", 200)}},

		{TraceID: Nobody, ID: spanID(21), Parent: spanID(20), Name: "cron", Kind: span.KindInternal, Start: ms(180_000), Duration: 2_000_000_000, Resource: none, Scope: plain},

		{TraceID: Skewed, ID: spanID(31), Name: "call", Kind: span.KindClient, Start: ms(240_000), Duration: 10_000_000, Resource: gateway, Scope: plain},
		{TraceID: Skewed, ID: spanID(32), Parent: spanID(31), Name: "serve", Kind: span.KindServer, Start: ms(241_002), Duration: 6_000_000, Resource: stock, Scope: plain,
			Events: []span.Event{{Time: ms(241_003), Name: "half"}}},
	}
}

// Logs returns the log records that name spans of Buy.
func Logs() []span.Log {
	r, s := resource("gateway"), &span.Scope{Name: "slog"}
	return []span.Log{
		{TraceID: Buy, Span: spanID(1), Time: ms(44), Severity: 17, Level: "ERROR", Body: span.StringValue("cannot buy"), Attrs: []span.Attr{str("item", "7")}, Resource: r, Scope: s},
		{TraceID: Buy, Span: spanID(1), Time: ms(1), Severity: 9, Level: "INFO", Body: span.StringValue("begin"), Resource: r, Scope: s},
		{TraceID: Buy, Time: ms(2), Body: span.IntValue(3), Resource: r, Scope: s},
	}
}

// Open returns a store with the spans and logs. Half of them are on the disk,
// the others in memory.
func Open(t testing.TB) *store.Store {
	t.Helper()
	st := Empty(t)
	spans := Spans()
	for _, part := range [][]span.Span{spans[:5], spans[5:]} {
		if err := st.Write(context.Background(), &store.Batch{Spans: part}); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Write(context.Background(), &store.Batch{Logs: Logs()}); err != nil {
		t.Fatal(err)
	}
	return st
}

// Empty returns a store without spans.
func Empty(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir(), NoSync: true, HeadSpans: 5, Clock: func() time.Time { return Now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// Large returns a trace of n spans with eight attributes each, a tree of many
// levels.
func Large(n int) []span.Span {
	r := []*span.Resource{resource("gateway", str("host.name", "web-1")), resource("stock"), resource("price"), resource("mailer")}
	sc := &span.Scope{Name: "net/http", Version: "1.26"}
	trace := id("5555555555555555dddddddddddddddd")
	spans := make([]span.Span, n)
	for i := range spans {
		s := &spans[i]
		*s = span.Span{TraceID: trace, Name: fmt.Sprintf("GET /route/%d", i%40), Kind: span.Kind(1 + i%3), Start: ms(float64(i) / 10), Duration: int64(1e6 + i%977*1000),
			Resource: r[i%len(r)], Scope: sc,
			Attrs: []span.Attr{str("http.request.method", "GET"), str("http.route", "/route/"+strings.Repeat("x", i%10)), num("http.response.status_code", 200), str("server.address", "10.0.0.1"),
				num("server.port", 8080), str("user.id", fmt.Sprint("u-", i%1000)), str("network.peer.address", fmt.Sprint("10.1.2.", i%250)), str("url.path", fmt.Sprint("/route/", i))}}
		s.ID[0], s.ID[4], s.ID[5], s.ID[6], s.ID[7] = 1, byte(i>>24), byte(i>>16), byte(i>>8), byte(i)
		if i > 0 {
			s.Parent = spans[(i-1)/3].ID
		}
		if i%100 == 99 {
			s.Status = span.StatusError
		}
	}
	return spans
}
