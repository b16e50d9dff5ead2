import { expect, test } from "vitest";
import type { HeatMap } from "../api/types";
import { boxOf, boxParam, columnAt, durationTick, durationTicks, grid, inside, logRange, readBox, rowAt, scale, timeTicks } from "./heat";

const data: HeatMap = {
  fromUnixNano: "1700000000000000000",
  toUnixNano: "1700000600000000000",
  startUnixNano: "1700000000000000000",
  stepNanos: 60e9,
  boundsNanos: [0, 1, 1000, 1e6, 1e9],
  cells: [
    { column: 0, row: 0, count: 5, errors: 0, exemplars: [] },
    { column: 3, row: 2, count: 7, errors: 2, exemplars: ["a"] },
    { column: 9, row: 3, count: 1, errors: 1, exemplars: ["b"] },
  ],
  partial: false,
  scannedSpans: 13,
  scannedBlocks: 1,
  elapsedNanos: 1,
};
const at = 1700000000000;

test("cells are found by their place on the screen", () => {
  const g = grid(data);
  expect([g.columns, g.rows, g.total, g.errors, g.most]).toEqual([10, 4, 13, 3, 7]);
  const s = scale(664, 222, at, at + 600e3, g.bounds);
  for (const c of data.cells) {
    const x = s.x(g.start + (c.column + 0.5) * g.step);
    const y = (s.y(g.bounds[c.row]) + s.y(g.bounds[c.row + 1])) / 2;
    expect([columnAt(g, s, x), rowAt(g, s, y)]).toEqual([c.column, c.row]);
    expect(y).toBeGreaterThan(s.top);
    expect(y).toBeLessThan(s.bottom);
  }
  // Beyond the edges is the cell at the edge: that is where a drag ends.
  expect([columnAt(g, s, -50), columnAt(g, s, 5000), rowAt(g, s, -50), rowAt(g, s, 5000)]).toEqual([0, 9, 3, 0]);
});

test("a box takes both corners in, in any order", () => {
  const g = grid(data);
  const b = boxOf(g, { column: 9, row: 3 }, { column: 3, row: 2 });
  expect(b).toEqual({ from: at + 180e3, to: at + 600e3, min: 1000, max: 1e9 });
  expect(inside(g, b)).toEqual({ count: 8, errors: 3 });
  expect(readBox(boxParam(b))).toEqual(b);
});

test.each(["", "1,2,3", "2,1,0,5", "1,2,5,5", "1,2,-1,5", "a,b,c,d", "1,2,3,Infinity"])("%j is no box", (s) => expect(readBox(s)).toBeNull());

test("labels", () => {
  expect(logRange([])).toEqual([6, 9]);
  expect(durationTicks([1000, 1e9], 160).map(durationTick)).toEqual(["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
  expect(durationTicks([1000, 1e9], 60).length).toBeLessThan(5);
  expect(durationTicks([0, 1], 160).every((ns) => ns >= 1)).toBe(true);
});

test("points of time for labels are round, and as many as fit", () => {
  expect(timeTicks(at, at + 3600e3, 10, true).every((x) => x % 600e3 === 0)).toBe(true);
  expect(timeTicks(at, at + 3600e3, 3, true).length).toBeLessThanOrEqual(4);
  expect([4, 5, 6]).toContain(timeTicks(at, at + 400 * 86400e3, 5, true).length);
});
