import { describe, expect, test } from "vitest";
import { decode, expectedBytes } from "./columns";
import { covered } from "./cover";
import { findIds, findWords, nextHit, plainWords, words } from "./find";
import { merge } from "./merge";
import { encode, sampleId, shop } from "./sample";
import { Flag, Trace } from "./trace";

const whole = () => new Trace(decode(encode(shop, { path: [[0, 0, 10], [1, 10, 15], [2, 15, 20], [3, 20, 30], [0, 50, 60], [7, 70, 130]], events: [[3, 25], [0, 1]] })));

describe("the columns", () => {
  test("are laid over the answer", () => {
    const buffer = encode(shop);
    const c = decode(buffer);
    expect(c.rows).toBe(9);
    expect(c.start.buffer).toBe(buffer);
    expect([...c.parent]).toEqual([-1, 0, 1, 2, 2, 0, 5, 5, -1]);
    expect(c.summary).toMatchObject({ rootService: "web", rootName: "GET /cart", spanCount: 9, errorCount: 1 });
  });

  test("cut off anywhere are an error that says where", () => {
    const buffer = encode(shop);
    for (let n = 0; n < buffer.byteLength; n += 5) {
      // the last bytes may be padding, which nobody misses
      if (buffer.byteLength - n < 8) continue;
      expect(() => decode(buffer.slice(0, n)), `${n} bytes`).toThrow(/trace in columns: .*(cut off|header)/);
    }
  });

  test("of something else are an error", () => {
    expect(() => decode(new TextEncoder().encode('{"traceId":"1","spans":[]}').buffer)).toThrow("does not start with WEFTCOL1");
  });

  test("say early how long the answer is", () => {
    const bytes = new Uint8Array(encode(shop));
    expect(expectedBytes(bytes.subarray(0, 12))).toBe(0);
    expect(expectedBytes(bytes.subarray(0, bytes.length - 100))).toBe(bytes.length);
  });

  test("with a parent that is not above are an error", () => {
    const c = decode(encode(shop));
    c.parent[6] = 3;
    expect(() => new Trace(c)).toThrow("row 6 has row 3 as its parent");
    c.parent[6] = -7;
    expect(() => new Trace(c)).toThrow("row 6 has row -7 as its parent");
  });
});

test("a piece of the path without a length is as long as its span, and what children do not cover is a span's own time", () => {
  const spans = [
    { parent: -1, start: 0, duration: 100 },
    { parent: 0, start: 10, duration: 40 },
  ];
  const c = decode(encode(spans, { path: [[0, 0, 10], [1, 10, 50], [0, 50, 100]], covered: [40, 0], whole: true }));
  expect([...c.self]).toEqual([60, 40]);
  expect([...c.pathFrom]).toEqual([0, 10, 50]);
  expect([...c.pathUntil]).toEqual([10, 50, 100]);
});

describe("a trace", () => {
  test("knows its tree", () => {
    const t = whole();
    expect([...t.end]).toEqual([8, 5, 5, 4, 5, 8, 7, 8, 9]);
    expect([...t.depth]).toEqual([0, 1, 2, 3, 3, 1, 2, 2, 0]);
    expect([...t.size]).toEqual([8, 4, 3, 1, 1, 3, 1, 1, 1]);
    expect([...t.missing]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(t.maxDepth).toBe(3);
    expect(t.errors[t.end[0]] - t.errors[0]).toBe(1);
    expect(t.is(8, Flag.orphan)).toBe(true);
  });

  test("finds spans by their ids", () => {
    const t = whole();
    shop.forEach((_, i) => expect(t.row(sampleId(i))).toBe(i));
    expect(t.row(sampleId(99))).toBe(-1);
    expect(t.row("nonsense")).toBe(-1);
    expect(t.spanId(3)).toBe("0000000000000004");
  });

  test("knows the critical path by row", () => {
    const t = whole();
    expect(t.path.time(0)).toBe(20);
    expect(t.path.time(3)).toBe(10);
    expect(t.path.has(6)).toBe(false);
    expect(t.path.first[t.end[1]] - t.path.first[1]).toBe(3); // pieces at and below row 1
  });

  test("knows the events by row", () => {
    const t = whole();
    expect(t.firstEvent[1] - t.firstEvent[0]).toBe(1);
    expect(t.eventTime[t.firstEvent[3]]).toBe(25);
  });

  test("counts what is hidden at the nearest row that was sent", () => {
    const t = new Trace(decode(encode(shop, { sent: [0, 1, 5, 8] })));
    expect([...t.size]).toEqual([8, 4, 3, 1]);
    expect([...t.missing]).toEqual([0, 3, 2, 0]);
    expect(t.hidden).toBe(5);
  });
});

describe("what is hidden", () => {
  const path: [number, number, number][] = [[0, 0, 10], [1, 10, 15], [2, 15, 20], [3, 20, 30], [0, 50, 60], [7, 70, 130]];

  test("comes in bit by bit, and the trace is the whole one in the end", () => {
    let t = new Trace(decode(encode(shop, { sent: [0, 1, 8], path })));
    expect(t.path.time(1)).toBe(5 + 5 + 10); // with what is hidden below
    const steps: [number, number[]][] = [
      [1, [1, 2]],
      [2, [2, 3, 4]],
      [0, [0, 5]],
      [5, [5, 6, 7]],
    ];
    for (const [under, sent] of steps) {
      const before = t;
      const m = merge(t, decode(encode(shop, { under, sent, path })));
      expect(m).toBeDefined();
      t = m!.trace;
      for (let r = 0; r < before.count; r++) expect(t.spanId(m!.moved[r])).toBe(before.spanId(r));
    }
    const want = whole();
    for (const column of ["parent", "end", "depth", "size", "missing", "start", "flags", "service"] as const) expect([...t[column]], column).toEqual([...want[column]]);
    expect(shop.map((_, r) => t.nameOf(r))).toEqual(shop.map((s) => s.name));
    expect([...t.path.row]).toEqual([...want.path.row]);
    expect([...t.path.from]).toEqual([...want.path.from]);
  });

  test("of a trace that has more spans by now is not put in", () => {
    const t = new Trace(decode(encode(shop, { sent: [0, 1] })));
    expect(merge(t, decode(encode([...shop, { parent: -1, start: 130, duration: 1 }], { under: 1 })))).toBeUndefined();
  });
});

describe("search", () => {
  test("by words looks in names and services", () => {
    const t = whole();
    expect([...findWords(t, words("cart")!).rows]).toEqual([0, 1, 2, 3, 4, 8]);
    expect([...findWords(t, words("CART select")!).rows]).toEqual([3, 4]);
    expect([...findWords(t, words("")!).rows]).toEqual([]);
  });

  test("leaves queries to the server", () => {
    for (const q of ["duration > 1ms", 'name = "x"', "a or b", "not x", "http.route exists", "(cart)"]) expect(words(q), q).toBeUndefined();
  });

  test("takes what is no query as words", () => {
    expect(plainWords("Close()")).toEqual(["close()"]);
    expect(plainWords("sign in")).toEqual(["sign", "in"]);
    expect(plainWords("duration >")).toBeUndefined();
  });

  test("by ids says which are hidden", () => {
    const t = new Trace(decode(encode(shop, { sent: [0, 1, 5] })));
    const { hits, hidden } = findIds(t, [sampleId(5), sampleId(3)]);
    expect([...hits.rows]).toEqual([2]);
    expect(hidden).toEqual([sampleId(3)]);
  });

  test("goes round the ends", () => {
    const rows = Int32Array.from([2, 5, 9]);
    expect([nextHit(rows, -1, 1), nextHit(rows, 2, 1), nextHit(rows, 9, 1), nextHit(rows, 2, -1), nextHit(rows, 7, -1)]).toEqual([2, 5, 2, 9, 5]);
    expect(nextHit(new Int32Array(0), 3, 1)).toBe(-1);
  });
});

test("children cover a span where they run, and not beyond it", () => {
  const t = whole();
  expect([...covered(t, 0)]).toEqual([10, 50, 60, 90]);
  expect([...covered(t, 2)]).toEqual([20, 30, 31, 41]);
  expect([...covered(t, 5)]).toEqual([62, 67, 70, 90]); // "flush" outlives "render"
  expect([...covered(t, 3)]).toEqual([]);
});
