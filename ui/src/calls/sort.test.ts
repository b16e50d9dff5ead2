import { expect, it } from "vitest";
import { clicked, readSort, sorted } from "./sort";

const columns = ["name", "rate", "p99"];

it("reads what is in the address", () => {
  expect(readSort(null, columns, "rate")).toEqual({ by: "rate", reversed: false });
  expect(readSort("-p99", columns, "rate")).toEqual({ by: "p99", reversed: true });
  expect(readSort("-no", columns, "rate")).toEqual({ by: "rate", reversed: false });
});

it("turns round with the second click", () => {
  expect(clicked({ by: "rate", reversed: false }, "p99", "rate")).toBe("p99");
  expect(clicked({ by: "p99", reversed: false }, "p99", "rate")).toBe("-p99");
  expect(clicked({ by: "p99", reversed: true }, "p99", "rate")).toBe("p99");
  expect(clicked({ by: "rate", reversed: true }, "rate", "rate")).toBe(null);
  expect(clicked({ by: "rate", reversed: false }, "rate", "rate")).toBe("-rate");
});

it("sorts names up, numbers down, nothing last", () => {
  const rows = [{ name: "b", p99: 2 }, { name: "c", p99: undefined }, { name: "a", p99: 2 }, { name: "d", p99: 5 }];
  const by = (sort: { by: string; reversed: boolean }) => sorted(rows, sort, (r) => (sort.by === "name" ? r.name : r.p99), (r) => r.name).map((r) => r.name).join("");
  expect(by({ by: "p99", reversed: false })).toBe("dabc");
  expect(by({ by: "p99", reversed: true })).toBe("abdc");
  expect(by({ by: "name", reversed: false })).toBe("abcd");
  expect(by({ by: "name", reversed: true })).toBe("dcba");
});
