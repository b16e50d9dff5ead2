import { expect, it, vi } from "vitest";

vi.mock("../range", () => ({ rangeParams: () => ({ from: "-6h" }) }));
vi.mock("../router", () => ({ url: (path: string, q: object) => path + " " + JSON.stringify(q) }));
vi.mock("../format", () => ({ queryDuration: (ns: number) => `${ns / 1e6}ms` }));

const { peerURL, queryOf, searchURL, serviceURL } = await import("./links");

it("asks for the requests to a service", () => {
  expect(queryOf({ service: "checkout", requests: true })).toBe("service = checkout and kind in (server, consumer)");
  expect(queryOf({ service: "my shop" }, { failed: true })).toBe('service = "my shop" and status = error');
});

it("asks for one operation", () => {
  expect(queryOf({ service: "a", operation: "GET /x", kind: "server", requests: true }, { over: 80e6, and: "user.id exists" })).toBe(
    'service = a and name = "GET /x" and kind = server and duration > 80ms and user.id exists',
  );
});

it("keeps the range", () => {
  expect(searchURL({ service: "a" }, { slowest: true })).toContain('"order":"slowest","from":"-6h"');
  expect(serviceURL("")).toContain('"q":"service = \\"\\""');
  expect(serviceURL("a", "")).toContain("search");
  expect(serviceURL("a", "b", "client")).toBe('service {"name":"a","operation":"b","kind":"client","from":"-6h"}');
});

it("asks for calls to what is no service", () => {
  expect(peerURL("shop", "external", "api.example.com:8443")).toContain(
    "service = shop and (peer.service = api.example.com or server.address = api.example.com or net.peer.name = api.example.com or http.host = api.example.com:8443)",
  );
});
