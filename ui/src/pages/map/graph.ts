import type { Calls, Graph as Answer, Services } from "../../api/types";

export type NodeType = Answer["nodes"][number]["type"];

/** A service, or what services call. Different types may share a name, so the id has both. */
export interface Node {
  id: string;
  name: string;
  type: NodeType;
  system: string;
  count: number; // of a service the requests to it, as the start page has them; of others the calls to it
  errors: number;
  rate: number | null;
  p99: number | undefined; // nanoseconds; of what is no service that of the slowest of the edges to it
}

export interface Edge {
  id: string;
  from: string; // ids of nodes
  to: string;
  connection: Answer["edges"][number]["connection"];
  system: string;
  calls: Calls;
}

export interface Graph {
  nodes: Node[];
  edges: Edge[];
}

export function nodeId(type: NodeType, name: string): string {
  return `${type}:${name}`;
}

/** Above this share of failed calls a node or an edge is shown as failing. */
export const failing = 0.01;

export function errorShare(c: { count: number; errors: number }): number {
  return c.count > 0 ? c.errors / c.count : 0;
}

/** The graph as the map shows it, edges between the same two nodes one by kind of connection. */
export function graphOf(a: Answer, services: Services["services"]): Graph {
  const nodes = new Map<string, Node>();
  const add = (type: NodeType, name: string, system = "") => {
    const id = nodeId(type, name);
    let n = nodes.get(id);
    if (!n) nodes.set(id, (n = { id, name, type, system, count: 0, errors: 0, rate: null, p99: undefined }));
    return n;
  };
  for (const n of a.nodes) add(n.type, n.name, n.system);
  const edges: Edge[] = [];
  for (const e of a.edges) {
    const from = add("service", e.client);
    const to = add(e.serverType, e.server, e.system);
    edges.push({ id: `${from.id}>${to.id}>${e.connection}`, from: from.id, to: to.id, connection: e.connection, system: e.system ?? "", calls: e.calls });
  }
  for (const e of edges) count(nodes.get(e.to)!, e);
  for (const s of services) {
    const n = nodes.get(nodeId("service", s.name));
    if (n) Object.assign(n, { count: s.now.count, errors: s.now.errors, rate: s.now.rate, p99: s.now.p99 });
  }
  return { nodes: [...nodes.values()], edges };
}

function count(n: Node, e: Edge): void {
  n.count += e.calls.count;
  n.errors += e.calls.errors;
  n.rate = (n.rate ?? 0) + (e.calls.rate ?? 0);
  if (e.calls.p99 !== undefined) n.p99 = Math.max(n.p99 ?? 0, e.calls.p99);
}

/** The part of the graph that is a node and those it has an edge with. */
export function neighbourhood(g: Graph, id: string): Graph {
  const edges = g.edges.filter((e) => e.from === id || e.to === id);
  const ids = new Set([id, ...edges.flatMap((e) => [e.from, e.to])]);
  return { nodes: g.nodes.filter((n) => ids.has(n.id)), edges };
}

/**
 * The part of a large graph that can be looked at: the nodes with the most calls, and whatever must be among them. What is left
 * out has no edges here.
 */
export function busiest(g: Graph, most: number, must: (n: Node) => boolean): Graph {
  if (g.nodes.length <= most) return g;
  const calls = new Map(g.nodes.map((n) => [n.id, 0]));
  for (const e of g.edges) for (const id of [e.from, e.to]) calls.set(id, calls.get(id)! + e.calls.count);
  const ids = new Set([...g.nodes].sort((a, b) => Number(must(b)) - Number(must(a)) || calls.get(b.id)! - calls.get(a.id)!).slice(0, most).map((n) => n.id));
  const edges = g.edges.filter((e) => ids.has(e.from) && ids.has(e.to));
  return { nodes: g.nodes.filter((n) => ids.has(n.id)), edges };
}
