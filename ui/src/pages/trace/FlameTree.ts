import type { Trace } from "../../trace/trace";

/**
 * What the width of a node stands for. Each is a weight of every single span that a node's width is the sum of, over the
 * node's spans and all below them, so that children never are wider than their parent:
 *
 *   share  the span's own time; where spans ran side by side, they share the time in proportion to their durations, so that
 *          all together are as wide as the trace took
 *   self   the span's own time in full: all together are the work that was done, which may be longer than the trace
 *   path   the time that the end of the trace waited for the span itself
 *   count  1: how many spans there are
 */
export type Weight = "share" | "self" | "path" | "count";

/**
 * The spans of a trace, those with the same service and operation on the same way from the root put together. Nodes are
 * numbers from 0, parents before their children; 0 is above all roots.
 */
export class FlameTree {
  readonly count: number;
  readonly parent: Int32Array;
  readonly depth: Uint16Array; // 0 for node 0
  readonly row: Int32Array; // one of its spans, for service and name
  readonly longest: Int32Array; // the longest of its spans
  readonly spans: Uint32Array;
  readonly errors: Uint32Array;
  readonly total: Float64Array; // sum of the durations, nanoseconds
  readonly self: Float64Array;
  readonly folded: Uint32Array; // spans below it that were not sent
  readonly nodeOf: Int32Array; // of a row
  readonly maxDepth: number;

  constructor(readonly trace: Trace) {
    const n = trace.count;
    const operation = operations(trace);
    const nodeOf = new Int32Array(n);
    const nodes = new Map<number, number>();
    const kinds = operation.count;
    const parent: number[] = [-1];
    const row: number[] = [-1];
    const depth: number[] = [0];
    for (let r = 0; r < n; r++) {
      const p = trace.parent[r];
      const above = p < 0 ? 0 : nodeOf[p];
      const key = above * kinds + operation.of[r];
      let node = nodes.get(key);
      if (node === undefined) {
        node = parent.length;
        nodes.set(key, node);
        parent.push(above);
        row.push(r);
        depth.push(Math.min(depth[above] + 1, 65535));
      }
      nodeOf[r] = node;
    }
    const m = parent.length;
    this.count = m;
    this.parent = Int32Array.from(parent);
    this.row = Int32Array.from(row);
    this.longest = Int32Array.from(row);
    this.depth = Uint16Array.from(depth);
    this.nodeOf = nodeOf;
    this.spans = new Uint32Array(m);
    this.errors = new Uint32Array(m);
    this.total = new Float64Array(m);
    this.self = new Float64Array(m);
    this.folded = new Uint32Array(m);
    let deepest = 0;
    for (let r = 0; r < n; r++) {
      const k = nodeOf[r];
      this.spans[k]++;
      this.errors[k] += trace.flags[r] & 1;
      this.total[k] += trace.duration[r];
      this.self[k] += trace.self[r];
      this.folded[k] += trace.missing[r];
      if (trace.duration[r] > trace.duration[this.longest[k]]) this.longest[k] = r;
      if (this.depth[k] > deepest) deepest = this.depth[k];
    }
    this.maxDepth = deepest;
  }

  /** Whether a node is another one or below it. */
  within(node: number, top: number): boolean {
    while (node > top) node = this.parent[node];
    return node === top;
  }

  /** The nodes from the one below node 0 to the given one. */
  way(node: number): number[] {
    const out: number[] = [];
    for (let k = node; k > 0; k = this.parent[k]) out.push(k);
    return out.reverse();
  }
}

/** Where nodes lie: widths and left ends between 0 and 1, children from the left, the widest first. */
export class FlameLayout {
  readonly left: Float64Array;
  readonly width: Float64Array;
  /** The children of node k are child[first[k]] … child[first[k+1]-1]. */
  readonly first: Int32Array;
  readonly child: Int32Array;
  readonly sum: number; // what the whole width stands for, in nanoseconds or spans

  constructor(
    readonly tree: FlameTree,
    weight: Weight,
  ) {
    const { count: m, parent } = tree;
    const sums = weigh(tree, weight);
    for (let k = m - 1; k > 0; k--) sums[parent[k]] += sums[k];
    this.sum = sums[0];
    this.first = new Int32Array(m + 1);
    for (let k = 1; k < m; k++) this.first[parent[k] + 1]++;
    for (let k = 0; k < m; k++) this.first[k + 1] += this.first[k];
    this.child = new Int32Array(Math.max(0, m - 1));
    const next = this.first.slice();
    for (let k = 1; k < m; k++) this.child[next[parent[k]]++] = k;
    this.left = new Float64Array(m);
    this.width = sums;
    const all = this.sum > 0 ? this.sum : 1;
    for (let k = 0; k < m; k++) this.width[k] /= all;
    for (let k = 0; k < m; k++) {
      const children = this.child.subarray(this.first[k], this.first[k + 1]);
      if (children.length > 1) children.sort((a, b) => this.width[b] - this.width[a] || a - b);
      let x = this.left[k];
      for (const c of children) {
        this.left[c] = x;
        x += this.width[c];
      }
    }
  }
}

function weigh({ trace, nodeOf, count }: FlameTree, weight: Weight): Float64Array {
  const sums = new Float64Array(count);
  const part = weight === "share" ? shares(trace) : undefined;
  for (let r = 0; r < trace.count; r++) {
    switch (weight) {
      case "self":
        sums[nodeOf[r]] += trace.self[r];
        break;
      case "share":
        sums[nodeOf[r]] += trace.self[r] * part![r];
        break;
      case "path":
        sums[nodeOf[r]] += trace.path.time(r);
        break;
      case "count":
        sums[nodeOf[r]] += 1 + trace.missing[r];
    }
  }
  return sums;
}

/**
 * Per span the part of its time that is left to it when spans that ran side by side share theirs: that of its parent, times
 * the time in which any of its siblings or itself ran by the sum of their durations.
 */
export function shares(trace: Trace): Float64Array {
  const { start, duration, end, parent, count: n } = trace;
  const part = new Float64Array(n).fill(1);
  // The siblings from row `first` on, which are in the order of their start; stop is the row after the last of them.
  const among = (first: number, stop: number, above: number) => {
    let sum = 0;
    let ran = 0;
    let until = -Infinity;
    for (let c = first; c < stop; c = end[c]) {
      const b = start[c] + duration[c];
      sum += duration[c];
      if (b > until) {
        ran += b - Math.max(start[c], until);
        until = b;
      }
    }
    const f = sum > 0 ? (above * ran) / sum : above;
    for (let c = first; c < stop; c = end[c]) part[c] = f;
  };
  if (n > 0) among(0, n, 1);
  for (let r = 0; r < n; r++) if (end[r] > r + 1 && parent[r + 1] === r) among(r + 1, end[r], part[r]);
  return part;
}

/** Numbers for the pairs of service and name that there are. */
export function operations(trace: Trace): { of: Int32Array; count: number } {
  const of = new Int32Array(trace.count);
  const known = new Map<number, number>();
  for (let r = 0; r < trace.count; r++) {
    const key = trace.service[r] * trace.names.length + trace.name[r];
    let o = known.get(key);
    if (o === undefined) known.set(key, (o = known.size));
    of[r] = o;
  }
  return { of, count: known.size };
}
