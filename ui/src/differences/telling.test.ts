import { expect, it } from "vitest";
import { telling } from "./telling";

const field = (field: string, score: number, counts: [selected: number, rest: number][]) => ({
  field,
  score,
  more: false,
  values: counts.map(([selected, rest], i) => ({ value: `${i}`, selected, rest, selectedShare: selected / 10, restShare: rest / 100, score })),
});

it("keeps what tells calls apart", () => {
  const version = field("service.version", 0.4, [[10, 20], [0, 80]]);
  const rare = field("user.tier", 0.1, [[1, 0], [9, 100]]);
  const all = [version, rare, field("status", 0.3, [[2, 0], [8, 100]]), field("duration", 1, [[1, 0]]), field("order.id", 0.2, [[1, 0], [1, 0], [0, 1]]), field("host.name", 0.001, [[5, 50], [5, 50]])];
  expect(telling(all, "status")).toEqual([version, rare]);
  expect(telling(all, "duration").map((f) => f.field)).toEqual(["service.version", "user.tier", "status"]);
});
