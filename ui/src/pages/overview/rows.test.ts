import { expect, it } from "vitest";
import type { Services } from "../../api/types";
import { confirm, overview, ranked, suspects } from "./rows";

const hour = 3600_000;
const to = 1_795_386_000_000;
const calls = (count: number, errors: number, p99 = 40e6) => ({ count, errors, rate: count / 3600, p50: 10e6, p90: 20e6, p99 });
const none = { count: 0, errors: 0, rate: 0 };
const answer = (services: Pick<Services["services"][number], "name" | "now" | "before">[]): Services => ({
  fromUnixNano: `${to - hour}000000`,
  toUnixNano: `${to}000000`,
  stepNanos: 600e9,
  more: false,
  services: services.map((s) => ({ ...s, of: "requests", spans: s.now.count, points: [0, 1, 2, 3, 4, 5].filter(() => s.now.count > 0).map((i) => ({ startUnixNano: `${to - hour + i * 600_000}000000`, values: { ...s.now, count: s.now.count / 6 } })) })),
});

it("ranks what changed in all services", () => {
  const o = overview(
    answer([
      { name: "calm", now: calls(6000, 6), before: calls(6000, 5) },
      { name: "slower", now: calls(6000, 6, 90e6), before: calls(6000, 5) },
      { name: "failing", now: calls(6000, 1200), before: calls(6000, 5) },
      { name: "fresh", now: calls(600, 0), before: none },
      { name: "away", now: none, before: calls(600, 0) },
    ]),
    undefined,
  );
  expect(ranked(o.rows).map((r) => `${r.rows[0].name} ${r.change.what}`)).toEqual(["failing errors", "away gone", "slower p99", "fresh new"]);
});

it("compares with nothing when there is nothing before", () => {
  const o = overview(answer([{ name: "fresh", now: calls(6000, 0), before: none }]), { oldestUnixNano: `${to - hour / 2}000000` });
  expect(o.covered).toBe(0);
  expect(ranked(o.rows)).toEqual([]);
});

it("takes into account how far back the store goes", () => {
  const services = answer([{ name: "steady", now: calls(6000, 0), before: calls(1500, 0) }]);
  expect(ranked(overview(services, { oldestUnixNano: `${to - hour * 1.25}000000` }).rows)).toEqual([]);
  expect(ranked(overview(services, { oldestUnixNano: `${to - hour * 9}000000` }).rows).map((r) => r.change.what)).toEqual(["traffic"]);
});

it("tells of many that are new at once", () => {
  const o = overview(answer([{ name: "steady", now: calls(6000, 0), before: calls(6000, 0) }, ...["c", "a", "b"].map((name) => ({ name, now: calls(600, 0), before: none }))]), undefined);
  const list = ranked(o.rows);
  expect(list).toHaveLength(1);
  expect(list[0].rows.map((r) => r.name)).toEqual(["a", "b", "c"]);
});

it("looks at the time before step by step", () => {
  const o = overview(answer([{ name: "jumpy", now: calls(6000, 0, 90e6), before: calls(6000, 0) }, { name: "calm", now: calls(6000, 0), before: calls(6000, 0) }]), undefined);
  expect(suspects(o).map((r) => r.name)).toEqual(["jumpy"]);
  const before = (p99: number) => {
    const points = [0, 1, 2, 3, 4, 5].map((i) => ({ startUnixNano: `${to - 2 * hour + i * 600_000}000000`, values: { ...calls(1000, 0, p99) } }));
    return [{ fromUnixNano: `${to - 2 * hour}000000`, toUnixNano: `${to - hour}000000`, stepNanos: 600e9, more: false, series: [{ service: "jumpy", total: calls(6000, 0), points }] }];
  };
  expect(ranked(confirm(o, before(90e6)).rows)).toEqual([]);
  expect(ranked(confirm(o, before(40e6)).rows).map((r) => r.change.what)).toEqual(["p99"]);
  expect(confirm(o, before(40e6)).rows[0].overBefore?.p99).toHaveLength(6);
});
