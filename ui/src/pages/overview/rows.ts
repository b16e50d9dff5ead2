import type { Calls, SeriesList, Services, Stats } from "../../api/types";
import { changes, coveredBefore, type Change } from "../../calls/change";
import { columns, silentSince, type Columns } from "../../calls/points";

/** A service as the start page shows it. */
export interface Row {
  name: string;
  requests: boolean; // whether it is judged by the requests to it, or by all of its spans
  now: Calls;
  before: Calls;
  over: Columns;
  overBefore?: Columns; // of services that changed
  changes: Change[];
}

export interface Overview {
  rows: Row[];
  from: number; // milliseconds
  to: number;
  covered: number; // the part of the time before that the store knows
}

const toMs = (unixNano: string) => Number(BigInt(unixNano) / 1_000_000n);

/** Lays out an answer of the API, and judges what changed. */
export function overview(answer: Services, stats: Pick<Stats, "oldestUnixNano"> | undefined): Overview {
  const from = toMs(answer.fromUnixNano);
  const to = toMs(answer.toUnixNano);
  const nothingBefore = answer.services.every((s) => s.before.count === 0);
  const covered = nothingBefore ? 0 : coveredBefore(from, to, stats?.oldestUnixNano ? toMs(stats.oldestUnixNano) : undefined);
  const rows = answer.services.map((s) => {
    const over = columns(s.points ?? [], answer.stepNanos, from, to);
    const silent = silentSince(over, to)?.since;
    return { name: s.name, requests: s.of === "requests", now: s.now, before: s.before, over, changes: changes({ now: s.now, before: s.before, seconds: (to - from) / 1000, covered, silent }) };
  });
  return { rows, from, to, covered };
}

/** When a service was called first in the range, to a step. */
export function firstCall(r: Row): number | undefined {
  const i = r.over.count.findIndex((n) => n > 0);
  return i < 0 ? undefined : r.over.times[i];
}

const most = 40; // services whose changes are looked at closely

/** Those of the services whose changes are to be confirmed. */
export function suspects(o: Overview): Row[] {
  return o.rows
    .filter((r) => r.changes.length > 0)
    .sort((a, b) => b.changes[0].weight - a.changes[0].weight)
    .slice(0, most);
}

/** Judges services again by what they did in the time before, step by step: an answer of /series by service over that time. */
export function confirm(o: Overview, before: readonly SeriesList[]): Overview {
  const lists = new Map<string, Columns>();
  for (const list of before) {
    for (const s of list.series) lists.set(s.service ?? "", columns(s.points, list.stepNanos, toMs(list.fromUnixNano), toMs(list.toUnixNano)));
  }
  const rows = o.rows.map((r) => {
    const overBefore = lists.get(r.name);
    if (!overBefore) return r;
    const silent = silentSince(r.over, o.to)?.since;
    return { ...r, overBefore, changes: changes({ now: r.now, before: r.before, seconds: (o.to - o.from) / 1000, covered: o.covered, silent, steps: { now: r.over, before: overBefore } }) };
  });
  return { ...o, rows };
}

/** What is shown as one: a change of a service, or several services that came, or went. */
export type Item = { change: Change; rows: Row[] };

/** What changed in all services, the most important first. */
export function ranked(rows: readonly Row[]): Item[] {
  const all: Item[] = rows.flatMap((row) => row.changes.map((change) => ({ rows: [row], change })));
  all.sort((a, b) => b.change.weight - a.change.weight || a.rows[0].name.localeCompare(b.rows[0].name));
  // A dozen services that are new, as after a start of everything, are one piece of news.
  for (const what of ["new", "gone", "silent"] as const) {
    const same = all.filter((i) => i.change.what === what);
    if (same.length < 3) continue;
    all.splice(0, all.length, ...all.filter((i) => i.change.what !== what || i === same[0]));
    same[0].rows = same.flatMap((i) => i.rows);
  }
  return all;
}
