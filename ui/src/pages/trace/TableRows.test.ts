import { expect, test } from "vitest";
import { decode } from "../../trace/columns";
import { encode, shop } from "../../trace/sample";
import { Trace } from "../../trace/trace";
import { groups, sortGroups, sortRows } from "./TableRows";

const trace = new Trace(decode(encode(shop, { path: [[0, 0, 10], [3, 10, 40], [7, 40, 130]] })));
const names = (rows: Iterable<number>) => Array.from(rows, (r) => `${trace.serviceOf(r)} ${trace.nameOf(r)}`);

test("groups are by service, operation and kind", () => {
  const all = groups(trace, undefined);
  expect(all.map((g) => g.rows.length)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1]);
  expect(all.reduce((n, g) => n + g.share, 0)).toBeCloseTo(1, 9);
  const skip = new Uint8Array(trace.count).fill(1);
  skip[3] = 0;
  expect(groups(trace, skip)).toMatchObject([{ rows: [3], total: 10, errors: 1 }]);
});

test("groups are sorted, numbers downwards, texts upwards", () => {
  const all = groups(trace, undefined);
  const first = (by: Parameters<typeof sortGroups>[2], reversed = false) => names(sortGroups(trace, all, by, reversed).map((g) => g.row))[0];
  expect(first("total")).toBe("web GET /cart");
  expect(first("total", true)).toBe("cart late");
  expect(first("errors")).toBe("cart SELECT items");
  expect(first("operation")).toBe("web flush");
  expect(first("service", true)).toBe("web GET /cart");
  expect(sortGroups(trace, all, "kind", false)[0].row).toBe(1);
});

test("rows are sorted", () => {
  expect([...sortRows(trace, undefined, "start", false)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect([...sortRows(trace, undefined, "start", true)].slice(0, 2)).toEqual([8, 7]);
  expect([...sortRows(trace, undefined, "duration", false)].slice(0, 3)).toEqual([0, 7, 1]);
  expect(sortRows(trace, undefined, "status", false)[0]).toBe(3);
  expect(sortRows(trace, undefined, "path", false)[0]).toBe(7);
  expect(names(sortRows(trace, undefined, "operation", false)).slice(0, 2)).toEqual(["web flush", "web GET /cart"]);
  const skip = new Uint8Array(trace.count);
  skip[0] = skip[8] = 1;
  expect([...sortRows(trace, skip, "start", false)]).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
