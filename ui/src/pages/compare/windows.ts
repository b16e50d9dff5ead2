import type { Aggregate, Calls, Kind } from "../../api/types";
import { changes, type Change } from "../../calls/change";

/** One operation in both times. */
export interface Row {
  key: string;
  service: string;
  name: string;
  kind: Kind;
  before: Calls;
  now: Calls;
  changes: Change[];
}

const nothing: Calls = { count: 0, errors: 0, rate: 0 };

type Point = Aggregate["groups"][number]["total"];

// Percentiles of nothing are 0 in aggregates and absent in Calls.
function calls(p: Point | undefined): Calls {
  if (!p || p.count === 0) return nothing;
  const { count, errors, rate, p50, p90, p99 } = p;
  return { count, errors, rate, p50, p90, p99 };
}

/** Puts the operations of two times side by side; each has been asked for by service, name and kind. */
export function rows(before: Aggregate, now: Aggregate, seconds: number): Row[] {
  const all = new Map<string, { before?: Point; now?: Point; group: Aggregate["groups"][number] }>();
  for (const [which, answer] of [["now", now], ["before", before]] as const) {
    for (const group of answer.groups) {
      const key = JSON.stringify(group.key);
      const row = all.get(key) ?? { group };
      row[which] = group.total;
      all.set(key, row);
    }
  }
  const empty = before.groups.length === 0; // nothing is new where there is nothing to compare with
  return [...all].map(([key, r]) => {
    const [service, name, kind] = r.group.key;
    const b = calls(r.before);
    const n = calls(r.now);
    return { key, service: service ?? "", name: name ?? "", kind: (kind ?? "unspecified") as Kind, before: b, now: n, changes: empty ? [] : changes({ before: b, now: n, seconds }) };
  });
}

/** How much an operation changed, for sorting: the weightiest of its changes first, then the time that it takes in all. */
export function weight(r: Row): number {
  return r.changes.reduce((sum, c) => Math.max(sum, c.weight), 0);
}
