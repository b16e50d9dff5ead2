import { expect, test } from "vitest";
import { brief } from "./DetailsSummary";

test("a request that was served", () =>
  expect(brief({ "http.request.method": "GET", "http.route": "/orders/{id}", "url.path": "/orders/7", "url.query": "x=1", "http.response.status_code": 500, "http.response.body.size": 1234, "server.address": "me" }, true)).toMatchObject({
    protocol: "HTTP", call: "GET /orders/{id}", url: "/orders/7?x=1", result: "500", failed: true, received: 1234, peer: "",
  }));
test("a request that was sent, 404 being the caller's error alone", () => {
  expect(brief({ "http.request.method": "GET", "url.full": "http://a/b", "http.response.status_code": 404 }, false)).toMatchObject({ call: "GET http://a/b", result: "404", failed: true });
  expect(brief({ "http.request.method": "GET", "http.response.status_code": 404 }, true)).toMatchObject({ call: "GET", failed: false });
});
test("earlier conventions", () => expect(brief({ "http.method": "PUT", "http.target": "/x", "http.status_code": 200 }, true)).toMatchObject({ call: "PUT /x", result: "200", failed: false }));
test("a remote call", () => {
  expect(brief({ "rpc.system.name": "grpc", "rpc.method": "store.Accounts/Session", "rpc.response.status_code": 0, "server.address": "accounts" }, false)).toMatchObject({ protocol: "RPC", call: "store.Accounts/Session", result: "OK", failed: false, peer: "accounts" });
  expect(brief({ "rpc.system": "grpc", "rpc.service": "a.B", "rpc.method": "C", "rpc.grpc.status_code": 14 }, false)).toMatchObject({ call: "a.B/C", result: "UNAVAILABLE", failed: true });
});
test("a query", () =>
  expect(brief({ "db.system.name": "mysql", "db.namespace": "inventory", "db.query.summary": "SELECT stock", "server.address": "db", "server.port": 3306, "db.response.returned_rows": 3 }, false)).toMatchObject({
    protocol: "DB", system: "mysql", call: "SELECT stock", peer: "db:3306/inventory", count: 3,
  }));
test("a message", () => expect(brief({ "messaging.system": "kafka", "messaging.operation.type": "process", "messaging.destination.name": "orders", "messaging.batch.message_count": 3 }, true)).toMatchObject({ call: "process orders", count: 3 }));
test("none of these, and members that every object has", () => {
  expect(brief({}, true)).toBeUndefined();
  expect(brief(JSON.parse('{"__proto__":{"http.method":"GET"},"constructor":"x"}'), true)).toBeUndefined();
  expect(brief({ "http.request.method": { a: 1 } }, true)).toBeUndefined();
});
