import { describe, expect, it } from "vitest";
import { columns, silentSince, stepFor } from "./points";

const minute = 60_000;
const t0 = 1_795_380_000_000 - (1_795_380_000_000 % minute);
const point = (m: number, count: number, errors = 0) => ({ startUnixNano: `${t0 + m * minute}000000`, values: { count, errors, rate: count / 60, p50: 10, p90: 20, p99: 30 } });

describe("columns", () => {
  it("have a value for every step", () => {
    const c = columns([point(0, 60), point(2, 120, 12)], 60e9, t0, t0 + 4 * minute);
    expect(c.count).toEqual([60, 0, 120, 0]);
    expect(c.rate).toEqual([1, 0, 2, 0]);
    expect(c.errors).toEqual([0, 0, 0.2, 0]);
    expect(c.share).toEqual([0, null, 0.1, null]);
    expect(c.p99).toEqual([30, null, 30, null]);
    expect(c.times[0]).toBe(t0 + minute / 2);
  });
  it("rate a first step by the part of it that is in the range", () => {
    const c = columns([point(0, 30), point(1, 60)], 60e9, t0 + 35_000, t0 + 2 * minute);
    expect(c.count).toEqual([30, 60]);
    expect(c.rate).toEqual([1, 1]);
  });
  it("leave out a first step that hardly reaches into the range", () => {
    const c = columns([point(0, 5), point(1, 60)], 60e9, t0 + 50_000, t0 + 2 * minute);
    expect(c.count).toEqual([60]);
    expect(c.times).toEqual([t0 + 1.5 * minute]);
  });
  it("rate a last step by the part of it that is over", () => {
    const c = columns([point(0, 60), point(1, 30)], 60e9, t0, t0 + 1.5 * minute);
    expect(c.rate).toEqual([1, 1]);
  });
  it("leave out a last step that has hardly begun", () => {
    expect(columns([point(0, 60), point(1, 1)], 60e9, t0, t0 + 1.1 * minute).count).toEqual([60]);
  });
  it("keep the only step", () => {
    expect(columns([point(0, 3)], 60e9, t0, t0 + 5_000).count).toEqual([3]);
  });
  it("of nothing are empty", () => {
    expect(columns([], 0, t0, t0 + minute).times).toEqual([]);
    expect(columns([], 60e9, t0, t0).times).toEqual([]);
  });
});

describe("stepFor", () => {
  it("is no finer than what is counted by", () => expect(stepFor(5 * minute, 60)).toBe("10s"));
  it("gives about so many points", () => {
    expect(stepFor(60 * minute, 30)).toBe("120s");
    expect(stepFor(24 * 60 * minute, 48)).toBe("1800s");
    expect(stepFor(365 * 24 * 60 * minute, 10)).toBe(`${37 * 86400}s`);
  });
});

describe("silentSince", () => {
  const of = (counts: number[]) => {
    const to = t0 + counts.length * minute;
    return silentSince(columns(counts.map((n, i) => point(i, n)).filter((p) => p.values.count > 0), 60e9, t0, to), to);
  };
  it("tells when the calls ended", () => {
    expect(of([20, 20, 20, 20, 20, 0, 0, 0])).toEqual({ since: t0 + 5 * minute, forMs: 3 * minute });
  });
  it("is not sure about what is called seldom", () => {
    expect(of([1, 0, 1, 1, 0, 1, 0, 0])).toBeUndefined();
  });
  it("knows those that pause", () => {
    expect(of([90, 0, 0, 0, 90, 0, 0, 0, 90, 0, 0, 0])).toBeUndefined();
  });
  it("says nothing of what goes on or never began", () => {
    expect(of([20, 20, 20])).toBeUndefined();
    expect(of([0, 0, 0])).toBeUndefined();
  });
});
