import { expect, test } from "vitest";
import { precise, ticks } from "./ticks";

const labels = (from: number, until: number, n: number) => ticks(from, until, n).map((t) => t.label);

test("ticks stand at round times and can be told apart", () => {
  expect(labels(0, 180e6, 6)).toEqual(["0", "50 ms", "100 ms", "150 ms"]);
  expect(labels(0, 1, 4)).toEqual(["0", "1 ns"]);
  expect(labels(12.3e6, 12.4e6, 5)).toEqual(["12.30 ms", "12.32 ms", "12.34 ms", "12.36 ms", "12.38 ms", "12.40 ms"]);
  expect(labels(0, 90e9, 4)).toEqual(["0", "30 s", "60 s", "90 s"]);
  expect(labels(0, 3 * 3600e9, 4)).toEqual(["0", "1 h", "2 h", "3 h"]);
  for (const width of [1, 7, 1e3, 4.2e5, 9e9, 3.3e12, 8e14]) {
    for (const from of [0, width * 3.3, -width]) {
      const l = labels(from, from + width, 8);
      expect(new Set(l).size).toBe(l.length);
      expect(l.length).toBeLessThanOrEqual(12);
    }
  }
  expect(ticks(5, 5, 4)).toEqual([]);
});

test("a time has the digits that a pixel is worth", () => {
  expect(precise(12_345_678, 1e6)).toBe("12 ms");
  expect(precise(12_345_678, 1e3)).toBe("12.346 ms");
  expect(precise(-500, 1)).toBe("−500 ns");
});
