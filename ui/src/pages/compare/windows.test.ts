import { expect, test } from "vitest";
import type { Aggregate } from "../../api/types";
import { rows, weight } from "./windows";

const point = (count: number, errors: number, p50: number) => ({ count, errors, rate: count / 3600, p50, p90: p50 * 1.5, p99: p50 * 2, min: 1, max: p50 * 3, sum: count * p50, n: count });

function answer(groups: [string, string, string, ReturnType<typeof point>][]): Aggregate {
  return {
    fromUnixNano: "0", toUnixNano: "1", startUnixNano: "0", stepNanos: 1, source: "series", by: ["service", "name", "kind"],
    groups: groups.map(([service, name, kind, total]) => ({ key: [service, name, kind], total, points: [] })),
    partial: false, scannedSpans: 0, scannedBlocks: 0, elapsedNanos: 0,
  };
}

test("operations of both times are matched, and what is only in one of them is there", () => {
  const all = rows(answer([["a", "GET /", "server", point(1000, 0, 1e6)], ["a", "gone", "server", point(500, 0, 1e6)]]), answer([["a", "GET /", "server", point(1000, 0, 5e6)], ["a", "new", "server", point(500, 0, 1e6)]]), 3600);
  const by = Object.fromEntries(all.map((r) => [r.name, r]));
  expect(Object.keys(by).sort()).toEqual(["GET /", "gone", "new"]);
  expect(by["GET /"].changes[0].what).toBe("p50");
  expect(by.gone.changes[0].what).toBe("gone");
  expect(by.new.changes[0].what).toBe("new");
  expect(by.gone.now.p50).toBeUndefined();
  expect(weight(by["GET /"])).toBeGreaterThan(0);
});

test("nothing is new if there is nothing to compare with", () => {
  const [r] = rows(answer([]), answer([["a", "GET /", "server", point(1000, 3, 1e6)]]), 3600);
  expect(r.changes).toEqual([]);
  expect(weight(r)).toBe(0);
});
