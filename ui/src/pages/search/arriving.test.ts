import { expect, test } from "vitest";
import { joinNewest, joinSlowest } from "./arriving";

const id = (r: { id: string }) => r.id;
const rows = (s: string) => [...s].map((c) => ({ id: c, durationNanos: c.charCodeAt(0) }));
const text = (list: { id: string }[]) => list.map(id).join("");

test.each([
  ["cba", "edc", "edcba", 2, true],
  ["cba", "cba", "cba", 0, true],
  ["", "ba", "ba", 2, true],
  ["cba", "", "cba", 0, true],
  ["cba", "zyx", "zyx", 3, false], // more came than one page holds: what lies between is not known
])("newest: %s and the page %s", (shown, page, want, added, whole) => {
  const j = joinNewest(rows(shown), rows(page), id);
  expect([text(j.rows), j.added, j.whole]).toEqual([want, added, whole]);
});

test("newest: what is shown is replaced by its newer state", () => {
  const j = joinNewest([{ id: "a", n: 1 }], [{ id: "b", n: 1 }, { id: "a", n: 2 }], id);
  expect(j.rows).toEqual([{ id: "b", n: 1 }, { id: "a", n: 2 }]);
});

test.each([
  ["zxa", "zyx", "zyxa", 1],
  ["zxa", "zxa", "zxa", 0],
])("slowest: %s and the page %s", (shown, page, want, added) => {
  const j = joinSlowest(rows(shown), rows(page), id);
  expect([text(j.rows), j.added]).toEqual([want, added]);
});
