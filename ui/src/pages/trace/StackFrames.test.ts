import { describe, expect, test } from "vitest";
import { parts, type Frame } from "./StackFrames";

const go = `goroutine 3187 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
example.com/store/orders.(*Service).Place.func1()
	/src/orders/place.go:48 +0x4f
panic({0x8f2a40?, 0xd3f5c0?})
	/usr/local/go/src/runtime/panic.go:787 +0x132
example.com/store/orders.(*Basket).Total(...)
	/src/orders/basket.go:71
example.com/store/orders.(*Service).Place(0xc0001b2000, {0x9e1a58, 0xc00041a0f0}, 0x0)
	/src/orders/place.go:61 +0x1d4
github.com/jackc/pgx/v5.(*Conn).Query(0x1)
	/root/go/pkg/mod/github.com/jackc/pgx/v5@v5.7.1/conn.go:712 +0x1
net/http.HandlerFunc.ServeHTTP(0xc00011d4e0?, {0x9df9b0?, 0xc0003d62a0?}, 0x47c0d6?)
	/usr/local/go/src/net/http/server.go:2294 +0x29
main.main()
	/src/main.go:9 +0x1
created by net/http.(*Server).Serve in goroutine 19
	/usr/local/go/src/net/http/server.go:3454 +0x485
`;

const all = (stack: string) => parts(stack).flatMap((p) => ("frames" in p ? p.frames : []));
const texts = (stack: string) => parts(stack).flatMap((p) => ("text" in p ? [p.text] : []));
const short = (f: Frame) => `${f.own ? "*" : " "} ${f.function} ${f.file.split("/").at(-1)}:${f.line}`;

describe("Go", () => {
  test("frames, and which are the user's own", () =>
    expect(all(go).map(short)).toEqual([
      "  runtime/debug.Stack stack.go:26",
      "* example.com/store/orders.(*Service).Place.func1 place.go:48",
      "  panic panic.go:787",
      "* example.com/store/orders.(*Basket).Total basket.go:71",
      "* example.com/store/orders.(*Service).Place place.go:61",
      "  github.com/jackc/pgx/v5.(*Conn).Query conn.go:712",
      "  net/http.HandlerFunc.ServeHTTP server.go:2294",
      "* main.main main.go:9",
      "  net/http.(*Server).Serve server.go:3454",
    ]));
  test("what is no frame stays", () => expect(texts(go)).toEqual(["goroutine 3187 [running]:"]));
  test("where a goroutine began", () => expect(all(go).at(-1)!.note).toBe("created by"));
  test("without paths of the machine (-trimpath), and of a module without a dot", () =>
    expect(all("shop/orders.Place(...)\n\tshop/orders/place.go:7 +0x1\nnet/http.Get(...)\n\tnet/http/client.go:3\ngithub.com/a/b.F[...]()\n\tgithub.com/a/b@v1.2.3/f.go:1").map(short)).toEqual([
      "* shop/orders.Place place.go:7",
      "  net/http.Get client.go:3",
      "  github.com/a/b.F[...] f.go:1",
    ]));
  test("as pkg/errors prints it, without arguments", () => expect(all("example.com/a.F\n\t/src/a.go:1\nruntime.goexit\n\t/usr/local/go/src/runtime/asm_amd64.s:1700").map(short)).toEqual(["* example.com/a.F a.go:1", "  runtime.goexit asm_amd64.s:1700"]));
  test("what weft wove in is not the user's", () => expect(all("weft/trace.(*Span).End(0x1)\n\tweft/trace/span.go:7")[0].own).toBe(false));
});

test("Java", () => {
  const stack = `java.net.SocketTimeoutException: timeout
	at org.elasticsearch.client.RestClient.performRequest(RestClient.java:300)
	at com.store.search.ProductIndex.query(ProductIndex.java:88)
	at java.base/java.lang.Thread.run(Thread.java:1583)
	at com.store.Native.call(Native Method)
Caused by: java.io.IOException
	... 9 more`;
  expect(all(stack).map(short)).toEqual(["  org.elasticsearch.client.RestClient.performRequest RestClient.java:300", "* com.store.search.ProductIndex.query ProductIndex.java:88", "  java.lang.Thread.run Thread.java:1583", "* com.store.Native.call Native Method:0"]);
  expect(texts(stack)).toEqual(["java.net.SocketTimeoutException: timeout", "Caused by: java.io.IOException", "\t... 9 more"]);
});

test("Python, with its source lines", () => {
  const stack = `Traceback (most recent call last):
  File "/app/recommend/server.py", line 64, in For
    return self.ranked(request, candidates[0])
                                ~~~~~~~~~~^^^
  File "/usr/lib/python3.12/site-packages/grpc/_server.py", line 31, in call
    pass
IndexError: list index out of range`;
  expect(all(stack).map((f) => `${short(f)} ${f.code}`)).toEqual(["* For server.py:64 return self.ranked(request, candidates[0])", "  call _server.py:31 pass"]);
  expect(texts(stack)).toEqual(["Traceback (most recent call last):", "IndexError: list index out of range"]);
});

test("JavaScript, .NET, Ruby", () => {
  expect(all("Error: x\n    at place (/app/src/orders.js:12:7)\n    at node:internal/process:95:5\n    at async run (file:///app/node_modules/a/b.js:1:2)").map(short)).toEqual(["* place orders.js:12", "   process:95", "  async run b.js:1"]);
  expect(all("   at Store.Orders.Place(Int32 id) in /src/Orders.cs:line 12\n   at System.IO.File.Open() in /_/File.cs:line 3").map(short)).toEqual(["* Store.Orders.Place(Int32 id) Orders.cs:12", "  System.IO.File.Open() File.cs:3"]);
  expect(all("app/models/order.rb:12:in `place'\n\tfrom /usr/local/bundle/gems/rack/x.rb:3:in `call'").map(short)).toEqual(["* place order.rb:12", "  call x.rb:3"]);
});

test.each(["", "no stack at all", "<script>window.broken=1</script>\n\tat x(y:1)", "\tat ".repeat(1000), "(".repeat(100_000), "a\n\t".repeat(50_000), "\u0000\n\u202e"])("any text is read: %#", (s) => {
  const seen = parts(s).flatMap((p) => ("frames" in p ? p.frames.map((f) => f.function) : [p.text]));
  expect(seen.length).toBeGreaterThan(0);
});
