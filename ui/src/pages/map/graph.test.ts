import { expect, test } from "vitest";
import { busiest, graphOf, neighbourhood } from "./graph";
import { layOut } from "./layout";
import type { Graph as Answer } from "../../api/types";

const calls = (count: number, errors: number, p99: number) => ({ count, errors, rate: count / 60, p99 });

const answer: Answer = {
  fromUnixNano: "0",
  toUnixNano: "60000000000",
  more: false,
  nodes: [
    { name: "web", type: "service" },
    { name: "orders", type: "service" },
    { name: "orders", type: "database", system: "postgresql" },
  ],
  edges: [
    { client: "web", server: "orders", serverType: "service", connection: "http", calls: calls(60, 6, 2e6) },
    { client: "orders", server: "orders", serverType: "database", connection: "database", system: "postgresql", calls: calls(120, 0, 1e6) },
    { client: "orders", server: "orders", serverType: "service", connection: "http", calls: calls(6, 0, 9e6) },
  ],
};

test("a service and a database of the same name are two nodes", () => {
  const g = graphOf(answer, []);
  expect(g.nodes.map((n) => n.id)).toEqual(["service:web", "service:orders", "database:orders"]);
  expect(g.edges.map((e) => [e.from, e.to])).toEqual([
    ["service:web", "service:orders"],
    ["service:orders", "database:orders"],
    ["service:orders", "service:orders"],
  ]);
});

test("a service is judged by the requests to it, what is no service by the calls to it", () => {
  const now = { count: 90, errors: 9, rate: 1.5, p99: 5e6 };
  const [web, orders, db] = graphOf(answer, [{ name: "web", of: "requests", now, before: now, spans: 180 }]).nodes;
  expect([web.count, web.errors, web.p99]).toEqual([90, 9, 5e6]);
  expect([orders.count, orders.errors, orders.p99]).toEqual([66, 6, 9e6]);
  expect([db.count, db.system]).toEqual([120, "postgresql"]);
});

test("the neighbourhood has the node, those beside it, and the edges of the node alone", () => {
  const g = neighbourhood(graphOf(answer, []), "service:web");
  expect(g.nodes.map((n) => n.id)).toEqual(["service:web", "service:orders"]);
  expect(g.edges).toHaveLength(1);
});

test("callers stand left of what they call, nothing overlaps, and every edge has a path", () => {
  const g = graphOf(answer, []);
  const l = layOut(g, () => 120);
  const [web, orders, db] = g.nodes.map((n) => l.nodes.get(n.id)!);
  expect(web.x + web.width).toBeLessThan(orders.x);
  expect(orders.x + orders.width).toBeLessThan(db.x);
  for (const e of g.edges) expect(l.edges.get(e.id)!.path).toMatch(/^M/);
  expect(l.width).toBeGreaterThan(db.x + db.width);
});

test("a large graph is laid out whole, and no two nodes overlap", () => {
  const edges = Array.from({ length: 300 }, (_, i) => ({ client: `s${i % 120}`, server: `s${(i * 13 + 5 * Math.floor(i / 120) + 1) % 120}`, serverType: "service" as const, connection: "http" as const, calls: calls(i * i, i % 5, i * 1e6) }));
  const g = graphOf({ ...answer, nodes: [], edges }, []);
  const l = layOut(g, (id) => 100 + (id.length % 7) * 20);
  const boxes = [...l.nodes.values()];
  expect(boxes).toHaveLength(g.nodes.length);
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1)) expect(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y).toBe(true);
  }
  expect(l.edges.size).toBe(g.edges.length);
});

test("of a large graph the busiest are shown, and what must be", () => {
  const edges = Array.from({ length: 50 }, (_, i) => ({ client: "root", server: `s${i}`, serverType: "service" as const, connection: "http" as const, calls: calls(i + 1, 0, 1e6) }));
  const g = graphOf({ ...answer, nodes: [], edges }, []);
  const b = busiest(g, 10, (n) => n.name === "s3");
  expect(b.nodes.map((n) => n.name).sort()).toEqual(["root", "s3", "s42", "s43", "s44", "s45", "s46", "s47", "s48", "s49"]);
  expect(b.edges).toHaveLength(9);
  expect(busiest(g, 100, () => false)).toBe(g);
});
