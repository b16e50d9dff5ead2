import { expect, it } from "vitest";
import { parts } from "./parts";

const route = { service: "checkout", route: "POST /orders", spans: 10, durationNanos: 1000, runningNanos: 200, runnableNanos: 0, waits: [{ reason: "chan.receive", spans: 4, nanos: 100 }, { reason: "db.pool", spans: 10, nanos: 500 }] };

it("are told by their length, with what is not accounted for", () => {
  expect(parts(route).map((p) => [p.name, p.share])).toEqual([["running", 0.2], ["db.pool", 0.5], ["chan.receive", 0.1], ["rest", 0.2]]);
});

it("may be longer than the requests", () => {
  const all = parts({ ...route, runningNanos: 1400, waits: [{ reason: "net", spans: 1, nanos: 600 }] });
  expect(all.map((p) => [p.name, p.share])).toEqual([["running", 0.7], ["net", 0.3]]);
});
