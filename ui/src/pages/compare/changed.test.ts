import { expect, test } from "vitest";
import type { Comparison } from "../../api/types";
import { changed } from "./changed";

type Span = Comparison["spans"][number];

const at = (durationNanos: number, status: "unset" | "error" = "unset") => ({ spanId: "0000000000000001", offsetNanos: 0, durationNanos, status });
const span = (name: string, depth: number, more: Partial<Span>): Span => ({ name, depth, service: "s", kind: "internal", slowerNanos: 0, slowerSelfNanos: 0, ...more });

const comparison = (spans: Span[]): Comparison => ({ a: { traceId: "a", durationNanos: 1000 }, b: { traceId: "b", durationNanos: 800 }, matched: 0, removed: 0, added: 0, operations: [], spans }) as unknown as Comparison;

test("what changed is kept with its ancestors, the rest is left out", () => {
  const rows = changed(
    comparison([
      span("root", 0, { a: at(1000), b: at(800) }),
      span("same", 1, { a: at(10), b: at(11), slowerSelfNanos: 1 }),
      span("parent", 1, { a: at(10), b: at(10) }),
      span("slower", 2, { a: at(10), b: at(40), slowerSelfNanos: 30 }),
      span("same too", 2, { a: at(10), b: at(10) }),
      span("new", 1, { b: at(1) }),
      span("fails now", 1, { a: at(5), b: at(5, "error") }),
      span("root 2", 0, { a: at(1), b: at(1) }),
    ]),
  );
  expect(rows.map((r) => r.name)).toEqual(["root", "parent", "slower", "new", "fails now"]);
});

test("nothing is left of two equal traces", () => {
  expect(changed(comparison([span("root", 0, { a: at(1000), b: at(1000) })]))).toEqual([]);
});
