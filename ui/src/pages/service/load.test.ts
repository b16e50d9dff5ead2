import { expect, it, vi } from "vitest";
import type { SeriesList } from "../../api/types";

vi.mock("../../api/client", () => ({ get: () => undefined }));
vi.mock("../../range", () => ({ live: { value: false }, refreshes: { value: 0 }, bounds: () => ({ from: 0, to: 1 }), relativeMs: (s: string) => (s === "-6h" ? 6 * 3600e3 : 0) }));

const { alongside, rangeBefore, red } = await import("./load");

const minute = 60_000;
const to = 1_795_386_000_000;
const list = (end: number, counts: number[]): SeriesList => ({
  fromUnixNano: `${end - counts.length * minute}000000`,
  toUnixNano: `${end}000000`,
  stepNanos: 60e9,
  more: false,
  series: counts.some((n) => n)
    ? [
        {
          total: { count: counts.reduce((a, b) => a + b, 0), errors: 0, rate: 1 },
          points: counts.map((count, i) => ({ startUnixNano: `${end - (counts.length - i) * minute}000000`, values: { count, errors: 0, rate: count / 60 } })),
        },
      ]
    : [],
});

it("the range before has the same length and ends where this one begins", () => {
  expect(rangeBefore({ from: "-6h", to: "", relative: true })).toEqual({ from: "-43200s", to: "-21600s" });
  expect(rangeBefore({ from: "5000", to: "7000", relative: false })).toEqual({ from: "3000", to: "5000" });
});

it("puts now and before together", () => {
  const r = red(list(to, [60, 120, 60]), list(to - 3 * minute, [30, 60, 90]), {});
  expect(r.now.count).toBe(240);
  expect(r.before.count).toBe(180);
  expect(r.over.rate).toEqual([1, 2, 1]);
  expect(alongside(r.over.times, r.overBefore, r.overBefore.rate, r.to - r.from)).toEqual([0.5, 1, 1.5]);
});

it("has no rate where the store does not reach back to", () => {
  const r = red(list(to, [60, 60, 60]), list(to - 3 * minute, [0, 30, 30]), { oldestUnixNano: `${to - 5 * minute + 1000}000000` });
  expect(r.rateBefore).toEqual([null, 0.5, 0.5]);
});

it("knows nothing of a time without calls", () => {
  const r = red(list(to, [60, 120, 60]), list(to - 3 * minute, [0, 0, 0]), { oldestUnixNano: `${to - 3 * minute}000000` });
  expect(r.before).toEqual({ count: 0, errors: 0, rate: 0 });
  expect(r.covered).toBe(0);
  expect(r.changes).toEqual([]);
});

it("has no value beside a time that is too far away", () => {
  const r = red(list(to, [60, 60, 60]), list(to - 3 * minute, [30, 30, 30]), {});
  expect(alongside([to + 5 * minute], r.overBefore, r.overBefore.rate, 3 * minute)).toEqual([null]);
  expect(alongside([to], { ...r.overBefore, times: [] }, [], 0)).toEqual([null]);
});
