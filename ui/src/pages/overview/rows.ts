import type { Calls, Services, Stats } from "../../api/types";
import { changes, coveredBefore, type Change } from "../../calls/change";
import { columns, silentSince, type Columns } from "../../calls/points";

/** A service as the start page shows it. */
export interface Row {
  name: string;
  requests: boolean; // whether it is judged by the requests to it, or by all of its spans
  now: Calls;
  before: Calls;
  over: Columns;
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

/** What changed in all services, the most important first. */
export function ranked(rows: readonly Row[]): { row: Row; change: Change }[] {
  return rows.flatMap((row) => row.changes.map((change) => ({ row, change }))).sort((a, b) => b.change.weight - a.change.weight || a.row.name.localeCompare(b.row.name));
}
