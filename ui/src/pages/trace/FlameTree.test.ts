import { describe, expect, test } from "vitest";
import { decode } from "../../trace/columns";
import { covered } from "../../trace/cover";
import { encode, shop, type SampleSpan } from "../../trace/sample";
import { Trace } from "../../trace/trace";
import { FlameLayout, FlameTree, shares, type Weight } from "./FlameTree";

/** A trace with the self times that the server would send. */
function traceOf(spans: readonly SampleSpan[], options?: Parameters<typeof encode>[1]): Trace {
  const trace = new Trace(decode(encode(spans, options)));
  for (let r = 0; r < trace.count; r++) {
    const c = covered(trace, r);
    let sum = 0;
    for (let i = 0; i < c.length; i += 2) sum += c[i + 1] - c[i];
    trace.self[r] = trace.duration[r] - sum;
  }
  return trace;
}

const node = (tree: FlameTree, ...names: string[]) => {
  let at = 0;
  for (const name of names) at = Array.from({ length: tree.count }, (_, k) => k).find((k) => k > 0 && tree.parent[k] === at && tree.trace.nameOf(tree.row[k]) === name)!;
  return at;
};

describe("the tree", () => {
  // Three equal calls in two loops, and one of the same name elsewhere.
  const loop: SampleSpan[] = [
    { parent: -1, start: 0, duration: 100, name: "root" },
    { parent: 0, start: 0, duration: 30, name: "page" },
    { parent: 1, start: 0, duration: 10, name: "query" },
    { parent: 1, start: 10, duration: 12, name: "query", flags: 1 },
    { parent: 0, start: 40, duration: 20, name: "page" },
    { parent: 4, start: 45, duration: 5, name: "query" },
    { parent: 0, start: 70, duration: 8, name: "query" },
    { parent: 0, start: 80, duration: 8, name: "query", service: "other" },
  ];

  test("puts together what has the same way from the root", () => {
    const tree = new FlameTree(traceOf(loop));
    expect(tree.count).toBe(6);
    const page = node(tree, "root", "page");
    const query = node(tree, "root", "page", "query");
    expect([tree.spans[page], tree.total[page], tree.self[page]]).toEqual([2, 50, 8 + 15]);
    expect([tree.spans[query], tree.total[query], tree.errors[query]]).toEqual([3, 27, 1]);
    expect(tree.longest[query]).toBe(3);
    expect(tree.way(query)).toEqual([1, page, query]);
    expect(tree.maxDepth).toBe(3);
    expect([tree.within(query, page), tree.within(page, query), tree.within(query, 0)]).toEqual([true, false, true]);
  });

  test("of several roots, and of nothing", () => {
    expect(new FlameTree(traceOf([{ parent: -1, start: 0, duration: 1, name: "a" }, { parent: -1, start: 1, duration: 1, name: "b" }])).count).toBe(3);
  });

  test("knows what was not sent", () => {
    const tree = new FlameTree(traceOf(loop, { sent: [0, 1, 4, 6, 7] }));
    expect(tree.folded[node(tree, "root", "page")]).toBe(3);
  });
});

describe("the layout", () => {
  const weights: Weight[] = ["share", "self", "path", "count"];
  const parallel: SampleSpan[] = [
    { parent: -1, start: 0, duration: 100, name: "root" },
    { parent: 0, start: 10, duration: 60, name: "a" },
    { parent: 0, start: 10, duration: 60, name: "b" },
    { parent: 2, start: 20, duration: 40, name: "c" },
    { parent: 2, start: 20, duration: 40, name: "d" },
    { parent: 0, start: 10, duration: 30, name: "e" },
  ];

  test.each([
    ["side by side", parallel],
    ["one after the other, late and orphaned", shop],
    ["instant", [{ parent: -1, start: 0, duration: 0, name: "x" }, { parent: 0, start: 0, duration: 0, name: "y" }]],
  ] as [string, readonly SampleSpan[]][])("children lie within their parent, none over another: %s", (_, spans) => {
    const tree = new FlameTree(traceOf(spans, { path: [[0, 0, 10], [1, 10, 70], [0, 70, 100]] }));
    for (const w of weights) {
      const l = new FlameLayout(tree, w);
      for (let k = 0; k < tree.count; k++) {
        let x = l.left[k];
        for (let i = l.first[k]; i < l.first[k + 1]; i++) {
          expect(tree.parent[l.child[i]]).toBe(k);
          expect(l.left[l.child[i]]).toBeCloseTo(x, 9);
          x += l.width[l.child[i]];
          if (i > l.first[k]) expect(l.width[l.child[i - 1]]).toBeGreaterThanOrEqual(l.width[l.child[i]]);
        }
        expect(x).toBeLessThanOrEqual(l.left[k] + l.width[k] + 1e-9);
      }
    }
  });

  test("by time it is as wide as the trace, whatever ran side by side", () => {
    const tree = new FlameTree(traceOf(parallel));
    const l = new FlameLayout(tree, "share");
    expect(l.sum).toBeCloseTo(100, 4);
    // 60 ns for a, b and e together, which took 150 in all.
    expect(l.width[node(tree, "root", "a")]).toBeCloseTo(0.6 * (60 / 150), 6);
    expect(l.width[node(tree, "root", "e")]).toBeCloseTo(0.6 * (30 / 150), 6);
    expect(l.width[node(tree, "root", "b")]).toBeCloseTo(0.6 * (60 / 150), 6);
    expect(l.width[node(tree, "root", "b", "c")]).toBeCloseTo(0.24 * (20 / 60), 6);
  });

  test("by work it is the sum of all self times", () => {
    const tree = new FlameTree(traceOf(parallel));
    const l = new FlameLayout(tree, "self");
    expect(l.sum).toBe(40 + 60 + 20 + 40 + 40 + 30);
    expect(l.width[node(tree, "root", "b")]).toBeCloseTo(100 / 230, 9);
  });

  test("by the critical path it is the path", () => {
    const tree = new FlameTree(traceOf(parallel, { path: [[0, 0, 10], [1, 10, 70], [0, 70, 100]] }));
    const l = new FlameLayout(tree, "path");
    expect(l.sum).toBe(100);
    expect(l.width[node(tree, "root", "a")]).toBeCloseTo(0.6, 9);
    expect(l.width[node(tree, "root", "b")]).toBe(0);
  });

  test("by spans it counts those that were not sent", () => {
    const tree = new FlameTree(traceOf(parallel, { sent: [0, 1, 2, 5] }));
    expect(new FlameLayout(tree, "count").sum).toBe(6);
  });

  test("shares are parts of the whole", () => {
    for (const f of shares(traceOf(shop))) {
      expect(f).toBeGreaterThan(0);
      expect(f).toBeLessThanOrEqual(1);
    }
  });
});

test("a hundred thousand spans, each of another name, forty deep", () => {
  const n = 100_000;
  const trace = traceOf([{ parent: -1, start: 0, duration: n }]);
  const many = Object.assign(Object.create(Trace.prototype) as Trace, trace, {
    count: n,
    parent: Int32Array.from({ length: n }, (_, r) => (r === 0 ? -1 : r % 40 === 1 ? 0 : r - 1)),
    start: Float64Array.from({ length: n }, (_, r) => r),
    duration: new Float64Array(n).fill(1),
    self: new Float32Array(n).fill(1),
    service: new Uint8Array(n),
    name: Uint32Array.from({ length: n }, (_, r) => r),
    names: Array.from({ length: n }, (_, r) => String(r)),
    flags: new Uint8Array(n),
    size: new Uint32Array(n).fill(1),
    missing: new Uint32Array(n),
    end: Int32Array.from({ length: n }, (_, r) => (r === 0 ? n : Math.min(n, r + 40 - ((r - 1) % 40)))),
  });
  const tree = new FlameTree(many);
  expect(tree.count).toBe(n + 1);
  expect(tree.maxDepth).toBe(41);
  expect(new FlameLayout(tree, "self").sum).toBe(n);
});
