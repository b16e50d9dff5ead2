package main

import (
	"fmt"
	"strings"

	"github.com/weft-trace/weft/server/span"
)

// special are traces of which each is an edge case.
var special = []single{
	{"deep", deep},
	{"one", one},
	{"instant", instant},
	{"zero", zero},
	{"errors", failures},
	{"skew", skew},
	{"orphans", orphans},
	{"names", names},
	{"roots", roots},
	{"async", async},
	{"links", links},
	{"logs", logs},
	{"values", values},
	{"parallel", parallel},
	{"repeats", repeats},
}

// deep is forty levels, each in the one before.
func deep(t *trace) {
	services := []string{"gateway", "catalog", "pricing", "inventory"}
	parent := root
	for level := range 40 {
		ms := 400 - 9.5*float64(level)
		parent = t.add(parent, services[level/3%len(services)], fmt.Sprintf("level %d", level+1), span.KindInternal, 4*float64(level), ms, num("level", level+1))
		if level%5 == 2 {
			t.add(parent, services[level/3%len(services)], "SELECT product", span.KindClient, 4*float64(level)+1, 2.4, queried("postgresql", "catalog", "SELECT id FROM product WHERE sku = $1")...)
		}
	}
	t.fail(parent, "the deepest one failed")
}

func one(t *trace) {
	t.add(root, "gateway", "GET /healthz", span.KindServer, 0, 0.412, served("GET", "/healthz", "/healthz", 200)...)
}

// instant is a trace that took no time at all.
func instant(t *trace) {
	t.add(root, "scheduler", "tick", span.KindInternal, 0, 0)
}

// zero has spans of no duration at the start, in the middle, at the end.
func zero(t *trace) {
	r := t.add(root, "gateway", "POST /carts", span.KindServer, 0, 12, served("POST", "/carts", "/carts", 201)...)
	for _, ms := range []float64{0, 0, 6, 12} {
		t.add(r, "gateway", "check flag", span.KindInternal, ms, 0, str("flag", "new-cart"))
	}
	t.add(r, "cart", "HSET", span.KindClient, 4, 0.000_3, queried("redis", "cache", "HSET cart:7")...)
	n := t.add(r, "cart", "nothing in it", span.KindInternal, 8, 0)
	t.add(n, "cart", "not even here", span.KindInternal, 8, 0)
}

func failures(t *trace) {
	r := t.add(root, "gateway", "POST /orders", span.KindServer, 0, 184, served("POST", "/orders", "/orders", 500)...)
	t.fail(r, "answered 500")
	c := t.add(r, "gateway", "POST", span.KindClient, 6, 172, called("POST", "http://orders:8080/orders", "orders", 500)...)
	t.fail(c, "")
	s := t.add(c, "orders", "POST /orders", span.KindServer, 8, 168, served("POST", "/orders", "/orders", 500)...)
	t.fail(s, "panic: runtime error: invalid memory address or nil pointer dereference")
	t.event(s, 9, "basket.loaded", num("items", 3))
	for i, ms := range []float64{20, 60, 110} {
		q := t.add(s, "orders", "UPDATE stock", span.KindClient, ms, 28, queried("postgresql", "orders", "UPDATE stock SET quantity = quantity - $1 WHERE sku = $2")...)
		t.fail(q, "ERROR: deadlock detected (SQLSTATE 40P01)")
		t.event(q, ms+27, "exception", str("exception.type", "*pgconn.PgError"), str("exception.message", "ERROR: deadlock detected (SQLSTATE 40P01)"))
		t.event(s, ms+30, "retry", num("attempt", i+2), truth("last", i == 2))
	}
	ok := t.add(s, "orders", "UPDATE stock", span.KindClient, 141, 6, queried("postgresql", "orders", "UPDATE stock SET quantity = quantity - $1 WHERE sku = $2")...)
	t.spans[ok].Status = span.StatusOK
	t.event(s, 175, "exception", str("exception.type", "runtime.errorString"), str("exception.message", "invalid memory address or nil pointer dereference"), str("exception.stacktrace", goStack), truth("exception.escaped", true))
	j := t.add(s, "search", "GET /query", span.KindServer, 150, 18, served("GET", "/query", "/query", 504)...)
	t.fail(j, "answered 504")
	t.event(j, 167, "exception", str("exception.type", "java.net.SocketTimeoutException"), str("exception.message", "1,000 milliseconds timeout on connection http-outgoing-3"), str("exception.stacktrace", javaStack))
	p := t.add(s, "recommend", "rank", span.KindInternal, 150, 9)
	t.fail(p, "")
	t.event(p, 158, "exception", str("exception.type", "IndexError"), str("exception.message", "list index out of range"), str("exception.stacktrace", pythonStack))
}

// skew has a callee whose clock is 4.2 s ahead and one whose clock is 0.8 s behind.
func skew(t *trace) {
	r := t.add(root, "gateway", "GET /stock/{sku}", span.KindServer, 0, 90, served("GET", "/stock/{sku}", "/stock/rug", 200)...)
	c := t.add(r, "gateway", "GET", span.KindClient, 5, 40, called("GET", "http://inventory:8080/stock/rug", "inventory", 200)...)
	s := t.add(c, "inventory", "GET /stock/{sku}", span.KindServer, 4207, 34, served("GET", "/stock/{sku}", "/stock/rug", 200)...)
	t.add(s, "inventory", "SELECT stock", span.KindClient, 4212, 20, queried("mysql", "inventory", "SELECT sku, quantity FROM stock WHERE sku IN (?)")...)
	t.event(s, 4210, "cache.miss")
	d := t.add(r, "gateway", "GET", span.KindClient, 50, 32, called("GET", "http://pricing:8080/prices/rug", "pricing", 200)...)
	p := t.add(d, "pricing", "GET /prices/{sku}", span.KindServer, -745, 22, served("GET", "/prices/{sku}", "/prices/rug", 200)...)
	t.add(p, "pricing", "SELECT price", span.KindClient, -740, 9, queried("postgresql", "pricing", "SELECT cents FROM price WHERE sku = $1")...)
	t.log(s, 4215, 9, "INFO", span.StringValue("two of three in stock"))
}

// orphans has a root, and two parts whose parents never arrived.
func orphans(t *trace) {
	r := t.add(root, "gateway", "POST /orders", span.KindServer, 0, 120, served("POST", "/orders", "/orders", 201)...)
	t.add(r, "gateway", "check token", span.KindInternal, 1, 3)
	for i, service := range []string{"orders", "notify"} {
		o := t.add(r, service, []string{"POST /orders", "process orders.placed"}[i], span.KindServer, 20+45*float64(i), 40)
		t.spans[o].Parent = spanID(t.id, 900+i)
		t.add(o, service, "INSERT order", span.KindClient, 25+45*float64(i), 12, queried("postgresql", "orders", "INSERT INTO customer_order (id) VALUES ($1)")...)
	}
}

const manyWords = "a name that somebody made of everything that was at hand "

func names(t *trace) {
	long := strings.Repeat(manyWords, 12)
	noSpace := strings.Repeat("VeryLongNameWithoutASpace", 20)
	r := t.add(root, "a-service-whose-name-goes-on-and-on-until-nobody-can-see-where-it-ends-in-production-eu-west-1", "GET /"+strings.Repeat("very/long/path/", 20)+"{id}", span.KindServer, 0, 250, str("long", long), str("no.space", noSpace), str(strings.Repeat("key.that.goes.on.", 14), "short"))
	t.add(r, "svc", noSpace, span.KindInternal, 5, 20)
	t.add(r, "svc", long, span.KindInternal, 30, 20)
	t.add(r, "订单服务", "查询订单 /订单/{编号}", span.KindServer, 60, 30, str("用户.编号", "用户-四十二"), str("备注", "订单已提交，等待仓库确认。如有疑问请联系客服，电话一二三四五。"))
	t.add(r, "служба-заказов", "Оформить заказ", span.KindInternal, 95, 20, str("пользователь", "Ада Лавлейс"))
	t.add(r, "خدمة-الطلبات", "عرض الطلب \u200e/orders/{id}", span.KindInternal, 120, 20, str("ملاحظة", "الطلب رقم 42 جاهز (3 قطع)"), str("עברית", "הזמנה 17 נשלחה"))
	t.add(r, "emoji-🚀", "deploy 🚀🔥👩‍👩‍👧‍👦 🇨🇳", span.KindInternal, 145, 20, str("mood", "😀😃😄 ✅ ❤️"))
	t.add(r, "zalgo", "ż̴̧̛̩a̶̡̠̓͆l̶̰̍g̷̺̈́ȯ̵", span.KindInternal, 170, 10)
	t.add(r, " padded ", "  two  spaces  and\ttab\nline  ", span.KindInternal, 185, 10)
	t.add(r, "", "", span.KindInternal, 200, 10)
	q := t.add(r, "reports", "SELECT everything", span.KindClient, 215, 30, queried("postgresql", "warehouse", longSQL())...)
	t.fail(q, strings.Repeat("canceling statement due to statement timeout; ", 40))
	t.event(q, 230, strings.Repeat("an event whose name is long ", 10), str("text", long))
}

// longSQL is 20 kB of it.
func longSQL() string {
	var b strings.Builder
	b.WriteString("SELECT o.id, o.placed, c.name\nFROM customer_order o\nJOIN customer c ON c.id = o.customer_id -- the one who pays\nWHERE o.state IN ('placed', 'paid')\n  AND o.sku IN (\n")
	for i := 0; b.Len() < 20_000; i++ {
		fmt.Fprintf(&b, "    'sku-%05d', -- %s\n", i*17, []string{"lamp", "rug", "sofa"}[i%3])
	}
	b.WriteString("    'sku-0'\n  )\nGROUP BY o.id, o.placed, c.name\nORDER BY o.placed DESC\nLIMIT 100")
	return b.String()
}

func roots(t *trace) {
	for i := range 30 {
		r := t.add(root, []string{"cron", "worker", "importer"}[i%3], fmt.Sprintf("job %d", i+1), span.KindInternal, 11*float64(i), 30+float64(i*7%40))
		if i%4 == 0 {
			t.add(r, "worker", "GET", span.KindClient, 11*float64(i)+2, 18, called("GET", "https://feeds.example/prices.csv", "feeds.example", 200)...)
		}
	}
}

// async is a short request whose work goes on long after its answer.
func async(t *trace) {
	r := t.add(root, "gateway", "POST /imports", span.KindServer, 0, 18, served("POST", "/imports", "/imports", 202)...)
	p := t.add(r, "gateway", "send imports", span.KindProducer, 6, 4, str("messaging.system", "kafka"), str("messaging.destination.name", "imports"))
	c := t.add(p, "importer", "process imports", span.KindConsumer, 240, 2600, str("messaging.system", "kafka"), str("messaging.destination.name", "imports"))
	for i := range 6 {
		at := 300 + 400*float64(i)
		b := t.add(c, "importer", fmt.Sprintf("batch %d", i+1), span.KindInternal, at, 380)
		t.add(b, "importer", "COPY product", span.KindClient, at+20, 300, queried("postgresql", "catalog", "COPY product FROM STDIN")...)
	}
	t.add(r, "gateway", "warm the cache", span.KindInternal, 12, 900)
}

// links has a batch that names three traces, one of which never arrived.
func links(t *trace) {
	var targets []span.Link
	for i := range 3 {
		other := newTrace(fmt.Sprintf("linked-%d", i+1), t.seed, t.start.Add(-4e9))
		other.add(root, "gateway", fmt.Sprintf("POST /events %d", i+1), span.KindServer, float64(i), 8, served("POST", "/events", "/events", 202)...)
		targets = append(targets, span.Link{TraceID: other.id, ID: other.spans[0].ID, State: "vendor=batch", Attrs: []span.Attr{str("reason", "batched"), num("position", i)}})
		if i < 2 {
			t.others[fmt.Sprintf("linked-%d", i+1)] = other.id.String()
			defer func() { t.spans = append(t.spans, other.spans...) }()
		}
	}
	r := t.add(root, "collector", "process events", span.KindConsumer, 0, 60, str("messaging.system", "kafka"), str("messaging.destination.name", "events"), num("messaging.batch.message_count", 3))
	t.spans[r].Links = targets
	n := t.add(r, "collector", "INSERT event", span.KindClient, 10, 40, queried("clickhouse", "events", "INSERT INTO event FORMAT Native")...)
	t.spans[n].Links = []span.Link{{TraceID: t.id, ID: t.spans[r].ID, Attrs: []span.Attr{str("reason", "the same trace")}}}
}

func logs(t *trace) {
	r := t.add(root, "orders", "POST /orders", span.KindServer, 0, 80, served("POST", "/orders", "/orders", 500)...)
	t.fail(r, "answered 500")
	q := t.add(r, "orders", "INSERT order", span.KindClient, 20, 30, queried("postgresql", "orders", "INSERT INTO customer_order (id) VALUES ($1)")...)
	t.log(r, 0.5, 1, "TRACE", span.StringValue("enter Place"))
	t.log(r, 1, 5, "DEBUG", span.StringValue("basket decoded"), num("items", 3))
	t.log(r, 2, 9, "INFO", span.StringValue("order placed"), str("order.id", "GQYYV2AI"), str("customer", "Ada"))
	t.log(q, 22, 13, "WARN", span.StringValue("slow query: INSERT order took 28 ms"))
	t.log(q, 49, 17, "ERROR", span.StringValue("insert order: ERROR: duplicate key value violates unique constraint \"customer_order_pkey\" (SQLSTATE 23505)"), str("sqlstate", "23505"))
	t.log(r, 60, 17, "ERROR", tableValue("msg", "cannot place the order", "customer", "Ada", "cause", "duplicate key"))
	t.log(r, 70, 21, "FATAL", span.StringValue("giving up\n"+goStack))
	t.log(-1, 75, 9, "", span.StringValue("a record that names the trace, and no span"))
	t.log(r, 79, 0, "", span.IntValue(42))
	for i := range 60 {
		t.log(r, 80+float64(i)/100, 9, "INFO", span.StringValue(fmt.Sprintf("line %d of many", i+1)), num("n", i+1))
	}
}

// values has attributes of every type, and texts that look like another one.
func values(t *trace) {
	r := t.add(root, "types", "every type", span.KindInternal, 0, 5,
		str("text", "hello"), str("text.empty", ""), str("text.number", "500"), str("text.truth", "true"), str("text.duration", "250ms"), str("text.lines", "one\ntwo\nthree"),
		num("int", 42), span.Attr{Key: "int.large", Value: span.IntValue(1<<62 + 1)}, num("int.negative", -7),
		span.Attr{Key: "float", Value: span.FloatValue(0.1)}, span.Attr{Key: "float.large", Value: span.FloatValue(1e300)},
		truth("yes", true), truth("no", false), span.Attr{Key: "bytes", Value: span.Value{Type: span.Bytes, Str: "\x00\x01\xfe\xff"}}, span.Attr{Key: "empty"},
		list("list", "a", "b", "c, d"), list("list.empty"), table("table", "k", "v", "nested.key", "{\"json\": true}"),
		str("json", `{"order":{"id":7,"lines":[{"sku":"mug","quantity":1}]}}`), str("url", "https://store.example/orders/7?tab=lines#top"),
		str("user id", "with a space"), str("", "no key"), str("name", "not the span's"), str("duration", "not the span's"), str("and", "a word of the language"))
	t.spans[r].DroppedAttrs, t.spans[r].DroppedEvents, t.spans[r].DroppedLinks = 3, 2, 1
	for i, quote := range []string{`double " quote`, `single ' quote`, "back ` tick", `back \ slash`, "new\nline", `all "'` + "`\\\n" + `at once`, `") or status = error or ("`, "a, b)", "# hash % percent & and + plus ? =", "50%", " leading and trailing "} {
		t.add(r, "quotes", "quote", span.KindInternal, float64(i)/4, 0.2, str("quoted", quote), str("key "+quote, "v"))
	}
}

// parallel fans out; its critical path goes through the slowest branch of each round.
func parallel(t *trace) {
	r := t.add(root, "gateway", "GET /overview", span.KindServer, 0, 310, served("GET", "/overview", "/overview", 200)...)
	for round := range 2 {
		at := 10 + 150*float64(round)
		for i, service := range []string{"catalog", "inventory", "accounts", "recommend", "shipping"} {
			ms := 30 + float64((i*47+round*31)%110)
			c := t.add(r, "gateway", "GET", span.KindClient, at, ms, called("GET", "http://"+service+":8080/summary", service, 200)...)
			s := t.add(c, service, "GET /summary", span.KindServer, at+1, ms-2, served("GET", "/summary", "/summary", 200)...)
			t.add(s, service, "SELECT summary", span.KindClient, at+3, ms-12, queried("postgresql", service, "SELECT * FROM summary")...)
		}
	}
	t.add(r, "gateway", "render", span.KindInternal, 300, 9)
}

// repeats asks once for each of 80 rows what could be asked once.
func repeats(t *trace) {
	r := t.add(root, "checkout", "GET /orders", span.KindServer, 0, 180, served("GET", "/orders", "/orders", 200)...)
	t.add(r, "checkout", "SELECT order", span.KindClient, 2, 6, queried("postgresql", "orders", "SELECT id FROM customer_order WHERE user_id = $1")...)
	for i := range 80 {
		t.add(r, "checkout", "SELECT line", span.KindClient, 10+2*float64(i), 1.8, queried("postgresql", "orders", "SELECT sku, quantity FROM order_line WHERE order_id = $1")...)
	}
}
