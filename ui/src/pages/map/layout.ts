import { Graph as Drawing, layout } from "@dagrejs/dagre";
import type { Graph } from "./graph";

export interface Box {
  x: number; // of the left edge
  y: number; // of the top edge
  width: number;
  height: number;
}

interface Point {
  x: number;
  y: number;
}

/** Where everything is, in CSS pixels before any zoom. */
export interface Layout {
  width: number;
  height: number;
  nodes: Map<string, Box>;
  edges: Map<string, { path: string; x: number; y: number }>; // an SVG path, and its middle for a label
}

export const nodeHeight = 46;
const gap = 40; // between parts that have no connection, and around all

/**
 * Lays the graph out from left to right, callers before what they call. Parts without a connection to each other are laid
 * out by themselves and put beside and below each other, about as wide as a screen. widthOf: how wide a node's words are.
 */
export function layOut(g: Graph, widthOf: (id: string) => number): Layout {
  const parts = components(g).map((part) => layOutPart(part, widthOf));
  parts.sort((a, b) => b.height - a.height);
  const area = parts.reduce((sum, p) => sum + (p.width + gap) * (p.height + gap), 0);
  const wide = Math.max(...parts.map((p) => p.width), Math.sqrt(area * 1.7));
  const all: Layout = { width: 0, height: 0, nodes: new Map(), edges: new Map() };
  let x = gap;
  let y = gap;
  let rowHeight = 0;
  for (const p of parts) {
    if (x > gap && x + p.width > wide + gap) {
      x = gap;
      y += rowHeight + gap;
      rowHeight = 0;
    }
    place(p, x, y, g, all);
    x += p.width + gap;
    rowHeight = Math.max(rowHeight, p.height);
    all.width = Math.max(all.width, x);
  }
  all.height = y + rowHeight + gap;
  return all;
}

/** The parts of a graph between which there are no edges. */
function components(g: Graph): Graph[] {
  const part = new Map<string, string>(); // a union-find forest
  const find = (id: string): string => {
    let p = id;
    for (let up = part.get(p); up !== undefined && up !== p; up = part.get(p)) p = up;
    part.set(id, p);
    return p;
  };
  for (const e of g.edges) part.set(find(e.from), find(e.to));
  const parts = new Map<string, Graph>();
  for (const n of g.nodes) {
    const root = find(n.id);
    if (!parts.has(root)) parts.set(root, { nodes: [], edges: [] });
    parts.get(root)!.nodes.push(n);
  }
  for (const e of g.edges) parts.get(find(e.from))!.edges.push(e);
  return [...parts.values()];
}

interface Part {
  width: number;
  height: number;
  nodes: Map<string, Box>;
  bends: Map<string, Point[]>; // of edges, without their ends
}

function layOutPart(g: Graph, widthOf: (id: string) => number): Part {
  const d = new Drawing({ multigraph: true });
  d.setGraph({ rankdir: "LR", nodesep: 22, ranksep: 84, edgesep: 14 });
  d.setDefaultEdgeLabel(() => ({}));
  for (const n of g.nodes) d.setNode(n.id, { width: widthOf(n.id), height: nodeHeight });
  // Weights are whole numbers: the network simplex compares sums of them for equality.
  for (const e of g.edges) if (e.from !== e.to) d.setEdge(e.from, e.to, { weight: 1 + Math.round(Math.log10(1 + e.calls.count)) }, e.id);
  layout(d);
  const nodes = new Map<string, Box>();
  for (const n of g.nodes) {
    const { x, y, width, height } = d.node(n.id) as { x: number; y: number; width: number; height: number };
    nodes.set(n.id, { x: x - width / 2, y: y - height / 2, width, height });
  }
  const bends = new Map<string, Point[]>();
  for (const e of g.edges) if (e.from !== e.to) bends.set(e.id, (d.edge({ v: e.from, w: e.to, name: e.id }) as { points: Point[] }).points.slice(1, -1));
  const { width = 0, height = 0 } = d.graph() as { width?: number; height?: number };
  return { width, height, nodes, bends };
}

/** Puts a part where it belongs, and draws its edges. */
function place(p: Part, dx: number, dy: number, g: Graph, all: Layout): void {
  for (const [id, b] of p.nodes) all.nodes.set(id, { ...b, x: b.x + dx, y: b.y + dy });
  for (const e of g.edges) {
    const from = all.nodes.get(e.from)!;
    if (!p.nodes.has(e.from)) continue;
    if (e.from === e.to) {
      all.edges.set(e.id, loop(from));
      continue;
    }
    const to = all.nodes.get(e.to)!;
    const forward = from.x <= to.x;
    const start = { x: from.x + (forward ? from.width : 0), y: from.y + from.height / 2 };
    const end = { x: to.x + (forward ? 0 : to.width), y: to.y + to.height / 2 };
    // Of dagre's bends those that lie between the two sides.
    const inner = p.bends.get(e.id)!.map((b) => ({ x: b.x + dx, y: b.y + dy })).filter((b) => (forward ? b.x > start.x + 12 && b.x < end.x - 12 : b.x < start.x - 12 && b.x > end.x + 12));
    all.edges.set(e.id, curve([start, ...inner, end]));
  }
}

// A service that calls itself.
function loop(b: Box): { path: string; x: number; y: number } {
  const x = b.x + b.width / 2;
  return { path: `M${x - 14} ${b.y}c-6 -26 34 -26 28 -3`, x, y: b.y - 18 };
}

// Through the points, level at each of them.
function curve(p: readonly Point[]): { path: string; x: number; y: number } {
  let path = `M${p[0].x} ${p[0].y}`;
  for (let i = 1; i < p.length; i++) {
    const a = p[i - 1];
    const b = p[i];
    const bend = (b.x - a.x) / 2;
    path += `C${a.x + bend} ${a.y} ${b.x - bend} ${b.y} ${b.x} ${b.y}`;
  }
  const i = Math.floor((p.length - 1) / 2);
  return { path, x: (p[i].x + p[i + 1].x) / 2, y: (p[i].y + p[i + 1].y) / 2 };
}
