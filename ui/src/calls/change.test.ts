import { describe, expect, it } from "vitest";
import type { Calls } from "../api/types";
import { columns } from "./points";
import { changes, coveredBefore, errorEvidence, spread, stepEvidence } from "./change";

const ms = 1e6;

/** Calls with percentiles in milliseconds. */
function calls(count: number, errors = 0, [p50, p90, p99]: readonly number[] = [10, 20, 40]): Calls {
  return { count, errors, rate: count / 3600, p50: p50 * ms, p90: p90 * ms, p99: p99 * ms };
}

const none: Calls = { count: 0, errors: 0, rate: 0 };
const judge = (before: Calls, now: Calls, more = {}) => changes({ now, before, seconds: 3600, ...more });
const whats = (before: Calls, now: Calls, more = {}) => judge(before, now, more).map((c) => c.what);

describe("errors", () => {
  it("that rise are told with both shares", () => {
    expect(judge(calls(2000, 2), calls(2000, 84))).toMatchObject([{ what: "errors", before: 0.001, now: 0.042, worse: true }]);
  });
  it("that fall are told, with less weight", () => {
    const [rise] = judge(calls(2000, 2), calls(2000, 84));
    const [fall] = judge(calls(2000, 84), calls(2000, 2));
    expect(fall).toMatchObject({ what: "errors", worse: false });
    expect(fall.weight).toBeLessThan(rise.weight);
  });
  it("that are about as many are nothing", () => {
    expect(judge(calls(2000, 41), calls(1900, 51))).toEqual([]);
    expect(judge(calls(500, 8), calls(430, 7))).toEqual([]);
  });
  it("of few calls are chance", () => {
    expect(judge(calls(12, 0), calls(12, 2))).toEqual([]);
    expect(judge(calls(100, 0), calls(100, 2))).toEqual([]);
  });
  it("of few calls are none if all fail", () => {
    expect(whats(calls(500, 0), calls(8, 8))).toContain("errors");
  });
  it("that are certain but tiny are nothing", () => {
    expect(errorEvidence(calls(10_000_000, 15_000), calls(10_000_000, 10_000))).toBeGreaterThan(20);
    expect(judge(calls(10_000_000, 10_000), calls(10_000_000, 15_000))).toEqual([]);
  });
  it("weigh more the more calls fail", () => {
    const weight = (errors: number) => judge(calls(1000, 1), calls(1000, errors))[0].weight;
    expect(weight(500)).toBeGreaterThan(weight(100));
    expect(weight(100)).toBeGreaterThan(weight(30));
  });
});

describe("latency", () => {
  it("of the tail", () => {
    expect(judge(calls(2000, 0, [10, 30, 80]), calls(2000, 0, [10, 31, 410]))).toMatchObject([{ what: "p99", before: 80 * ms, now: 410 * ms, worse: true }]);
  });
  it("of all is told by the percentile that says most", () => {
    expect(whats(calls(2000, 0, [10, 20, 40]), calls(2000, 0, [40, 80, 160]))).toEqual(["p50"]);
  });
  it("of a tail of few calls is chance", () => {
    expect(judge(calls(90, 0, [10, 30, 80]), calls(90, 0, [10, 31, 410]))).toEqual([]);
  });
  it("of two kinds of calls is not told when one more or less is of the slow kind", () => {
    expect(judge(calls(1973, 0, [0.61, 2.3, 97]), calls(1806, 0, [0.61, 30, 105]))).toEqual([]);
    expect(whats(calls(1973, 0, [0.61, 2.3, 97]), calls(1806, 0, [1.4, 30, 105]))).not.toEqual([]);
  });
  it("of two kinds that are half of the calls each is not told, either", () => {
    expect(judge(calls(500, 0, [81, 241, 341]), calls(320, 0, [15.7, 231, 461]))).toEqual([]);
  });
  it("differences nobody notices are nothing", () => {
    expect(judge(calls(5000, 0, [0.02, 0.04, 0.08]), calls(5000, 0, [0.1, 0.2, 0.3]))).toEqual([]);
    expect(judge(calls(5000, 0, [100, 200, 400]), calls(5000, 0, [108, 214, 430]))).toEqual([]);
  });
  it("is no better when calls fail early", () => {
    expect(whats(calls(1000, 0, [50, 80, 120]), calls(1000, 600, [2, 60, 90]))).toEqual(["errors"]);
  });
  it("is less certain with a heavier tail and fewer calls", () => {
    expect(spread(calls(1000, 0, [10, 20, 400]), "p99")).toBeGreaterThan(spread(calls(1000, 0, [10, 20, 40]), "p99"));
    expect(spread(calls(400), "p99")).toBeGreaterThan(spread(calls(4000), "p99"));
    expect(spread(calls(100), "p99")).toBe(Infinity);
    expect(spread(none, "p50")).toBe(Infinity);
  });
});

describe("traffic", () => {
  it("that doubles or halves", () => {
    expect(judge(calls(1000), calls(3000))).toMatchObject([{ what: "traffic", before: 1000 / 3600, now: 3000 / 3600 }]);
    expect(whats(calls(3000), calls(1000))).toEqual(["traffic"]);
    expect(judge(calls(1000), calls(1400))).toEqual([]);
    expect(judge(calls(5), calls(15))).toEqual([]);
  });
  it("counts only the time that the store knows", () => {
    expect(judge(calls(500), calls(1000), { covered: 0.5 })).toEqual([]);
    expect(whats(calls(500), calls(1000), { covered: 1 })).toEqual(["traffic"]);
  });
});

describe("coming and going", () => {
  it("is told of what is called often enough", () => {
    expect(whats(none, calls(100))).toEqual(["new"]);
    expect(whats(calls(100), none)).toEqual(["gone"]);
    expect(whats(none, calls(3))).toEqual([]);
    expect(whats(calls(3), none)).toEqual([]);
  });
  it("is not told of what was called in one go", () => {
    const steps = (count: number[]) => ({ now: columns([], 60e9, 0, 600_000), before: { ...columns([], 60e9, 0, 600_000), count } });
    expect(whats(calls(100), none, { steps: steps([0, 0, 100, 0, 0, 0, 0, 0, 0, 0]) })).toEqual([]);
    expect(whats(calls(100), none, { steps: steps([10, 10, 20, 10, 0, 10, 10, 10, 10, 10]) })).toEqual(["gone"]);
  });
  it("is not told of what would hardly have been called in the part of the time before that is known", () => {
    expect(whats(none, calls(50), { covered: 0.5 })).toEqual(["new"]);
    expect(whats(none, calls(50), { covered: 0.15 })).toEqual([]);
  });
  it("is not known of a time without data", () => {
    expect(judge(none, calls(1000), { covered: 0 })).toEqual([]);
  });
  it("includes what fell silent", () => {
    expect(judge(calls(1000), calls(800), { silent: 1234 })).toMatchObject([{ what: "silent", since: 1234, worse: true }]);
  });
});

it("nothing is nothing", () => {
  expect(judge(none, none)).toEqual([]);
  expect(judge(calls(1000, 3), calls(1000, 3))).toEqual([]);
});

it("the most important comes first", () => {
  expect(whats(calls(1000, 0, [10, 20, 40]), calls(1000, 700, [30, 60, 120]))).toEqual(["errors", "p50"]);
});

it("coveredBefore", () => {
  expect(coveredBefore(1000, 2000, undefined)).toBe(1);
  expect(coveredBefore(1000, 2000, -5000)).toBe(1);
  expect(coveredBefore(1000, 2000, 500)).toBe(0.5);
  expect(coveredBefore(1000, 2000, 1500)).toBe(0);
});

describe("steps", () => {
  const flat = Array.from({ length: 30 }, (_, i) => 20 + (i % 3));
  const risen = flat.map((v, i) => (i < 26 ? v : v * 10));
  // One call of a hundred is slow: whether a step has one is chance.
  const noisy = (seed: number) => Array.from({ length: 30 }, (_, i) => (((i + seed) * 7919) % 10 < 6 ? 250 + (i % 5) : 20));

  it("show a rise also where it is a small part of the time", () => {
    expect(stepEvidence(flat.map((v) => v * 2), flat, true)).toBeGreaterThan(6);
    expect(stepEvidence(risen, flat, true)).toBeGreaterThan(2.5);
    expect(stepEvidence(risen, flat, false)).toBeLessThan(2.5);
    expect(stepEvidence(flat.map((v) => v / 2), flat, false)).toBeGreaterThan(6);
  });
  it("show no rise in what jumps to and fro", () => {
    expect(stepEvidence(noisy(0), noisy(5), true)).toBeLessThan(2.5);
    expect(stepEvidence(flat, flat, true)).toBeLessThan(2.5);
  });
  it("tell since when more fails", () => {
    const steps = (share: (number | null)[]) => ({ p50: flat, p90: flat, p99: flat, share, count: flat, times: flat.map((_, i) => i * 100 + 50), stepMs: 100 });
    const none = flat.map((_, i) => (i % 9 === 4 ? 0.01 : 0));
    const since = none.map((v, i) => (i === 19 ? null : i < 18 ? v : 0.1));
    expect(judge(calls(2000, 2), calls(2000, 84), { steps: { now: steps(since), before: steps(none) } })).toMatchObject([{ what: "errors", since: 1800 }]);
  });
  it("that are few say nothing", () => {
    expect(stepEvidence([1, 2, null, 3], flat, true)).toBeUndefined();
  });
  it("confirm a change of latency, or refute it", () => {
    const [now, before] = [calls(2000, 0, [10, 30, 252]), calls(2000, 0, [10, 29, 24])];
    const of = (p99: number[]) => ({ p50: flat, p90: flat, p99, share: flat.map(() => 0), count: flat, times: flat.map((_, i) => i * 100 + 50), stepMs: 100 });
    expect(whats(before, now)).toEqual(["p99"]);
    expect(judge(before, now, { steps: { now: of(risen), before: of(flat) } })).toMatchObject([{ what: "p99", since: 2600 }]);
    expect(judge(before, now, { steps: { now: of(flat.map((v) => v * 9)), before: of(flat) } })[0].since).toBeUndefined();
    expect(judge(before, now, { steps: { now: of(risen.map((v, i) => (i < 15 ? v * 5 : v * 20))), before: of(flat) } })[0].since).toBeUndefined();
    expect(whats(before, now, { steps: { now: of(noisy(0)), before: of(noisy(5)) } })).toEqual([]);
  });
});
