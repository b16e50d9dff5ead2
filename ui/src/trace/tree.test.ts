import { describe, expect, test } from "vitest";
import { decode } from "./columns";
import { merge } from "./merge";
import { encode, shop, type SampleSpan } from "./sample";
import { Trace } from "./trace";
import { Tree } from "./tree";

const shown = (t: Tree) => [...t.visible.subarray(0, t.count)];

describe("the tree", () => {
  test("closes and opens a row", () => {
    const t = new Tree(new Trace(decode(encode(shop))));
    expect(shown(t)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    t.close(1);
    expect(shown(t)).toEqual([0, 1, 5, 6, 7, 8]);
    expect(t.position(5)).toBe(2);
    expect(t.position(3)).toBe(-1);
    expect(t.visible[t.nearest(3)]).toBe(1);
    t.close(0);
    expect(shown(t)).toEqual([0, 8]);
    t.open(0);
    expect(shown(t)).toEqual([0, 1, 5, 6, 7, 8]);
    t.close(3); // nothing is below
    t.reveal(4);
    expect(shown(t)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("closes by level, and all but what is to be kept", () => {
    const trace = new Trace(decode(encode(shop)));
    const t = new Tree(trace);
    t.closeFrom(1);
    expect(shown(t)).toEqual([0, 1, 5, 8]);
    t.closeFrom(0);
    expect(shown(t)).toEqual([0, 8]);
    t.closeBut(Uint8Array.from(trace.flags, (f) => f & 1));
    expect(shown(t)).toEqual([0, 1, 2, 3, 4, 5, 8]);
    t.openAll();
    expect(t.anyClosed).toBe(false);
  });

  test("stays as it was when more spans come in", () => {
    const trace = new Trace(decode(encode(shop, { sent: [0, 1, 2, 5, 6, 8] })));
    const t = new Tree(trace);
    t.close(t.trace.row(trace.spanId(3)));
    const m = merge(trace, decode(encode(shop, { under: 2 })))!;
    expect(shown(new Tree(m.trace, { tree: t, moved: (r) => m.moved[r] }))).toEqual([0, 1, 2, 3, 4, 5, 7]);
  });

  // Whatever is done, the rows are what they are when computed from nothing.
  test("after many random steps is what it should be", () => {
    let seed = 1;
    const random = (n: number) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
    const spans: SampleSpan[] = [{ parent: -1, start: 0, duration: 1 }];
    for (let i = 1; i < 400; i++) {
      let p = i - 1; // the row before or one above it, so that the order is top down
      for (let up = random(4); up > 0 && spans[p].parent >= 0; up--) p = spans[p].parent;
      spans.push({ parent: p, start: i, duration: 1 });
    }
    const trace = new Trace(decode(encode(spans)));
    const t = new Tree(trace);
    for (let i = 0; i < 2000; i++) {
      const row = random(400);
      if (random(7) === 0) t.reveal(row);
      else t.toggle(row);
      const want: number[] = [];
      for (let r = 0; r < trace.count; r++) {
        let visible = true;
        for (let p = trace.parent[r]; p >= 0; p = trace.parent[p]) if (t.closed[p]) visible = false;
        if (visible) want.push(r);
      }
      if (i % 50 === 0 || want.length !== t.count) expect(shown(t)).toEqual(want);
    }
  });
});
