import { get } from "../../api/client";
import type { Calls, Graph, Kind, Operations, SeriesList, Stats } from "../../api/types";
import { changes, coveredBefore, type Change } from "../../calls/change";
import { columns, silentSince, stepFor, type Columns } from "../../calls/points";
import { bounds, live, refreshes, relativeMs, type Range } from "../../range";

/** Rate, errors and durations of some calls: now and in the time before, and over time. */
export interface Red {
  from: number; // milliseconds
  to: number;
  now: Calls;
  before: Calls;
  over: Columns;
  overBefore: Columns; // its times are those of the time before
  rateBefore: (number | null)[]; // null where the store does not reach back to
  changes: Change[];
  covered: number; // the part of the time before that the store knows
}

const none: Calls = { count: 0, errors: 0, rate: 0 };
const requests: Kind[] = ["server", "consumer"];

export const toMs = (unixNano: string) => Number(BigInt(unixNano) / 1_000_000n);

/** The range of the same length before a range, for requests. */
export function rangeBefore(r: Range): { from: string; to: string } {
  if (r.relative) {
    const seconds = relativeMs(r.from) / 1000;
    return { from: `-${2 * seconds}s`, to: `-${seconds}s` };
  }
  const width = Number(r.to) - Number(r.from);
  return { from: String(Number(r.from) - width), to: r.from };
}

/** Loads what was counted of a service, of some kinds of its spans, or of one operation. */
export async function loadRed(r: Range, which: { service: string; operation?: string; kinds: readonly Kind[] }, stats: Stats, signal: AbortSignal): Promise<Red> {
  const { from, to } = bounds(r);
  const question = { service: which.service, operation: which.operation, kind: which.kinds, step: stepFor(to - from, 90) };
  const [now, before] = await Promise.all([get<SeriesList>("/series", { ...question, from: r.from, to: r.to }, signal), get<SeriesList>("/series", { ...question, ...rangeBefore(r) }, signal)]);
  return red(now, before, stats);
}

/** Changes when what reads many spans is to be loaded again: seldom while the page is live, so that looking costs little. */
export function seldom(): number {
  return live.value ? Math.floor(refreshes.value / 6) : refreshes.value;
}

/** Puts the answers for a range and the range before together. */
export function red(nowAnswer: SeriesList, beforeAnswer: SeriesList, stats: Pick<Stats, "oldestUnixNano">): Red {
  const from = toMs(nowAnswer.fromUnixNano);
  const to = toMs(nowAnswer.toUnixNano);
  const now = nowAnswer.series[0]?.total ?? none;
  const before = beforeAnswer.series[0]?.total ?? none;
  const over = columns(nowAnswer.series[0]?.points ?? [], nowAnswer.stepNanos, from, to);
  const overBefore = columns(beforeAnswer.series[0]?.points ?? [], beforeAnswer.stepNanos, toMs(beforeAnswer.fromUnixNano), toMs(beforeAnswer.toUnixNano));
  const oldest = stats.oldestUnixNano ? toMs(stats.oldestUnixNano) : undefined;
  const covered = coveredBefore(from, to, oldest);
  const rateBefore = overBefore.rate.map((v, i) => (oldest !== undefined && overBefore.times[i] + overBefore.stepMs / 2 < oldest ? null : v));
  return { from, to, now, before, over, overBefore, rateBefore, covered, changes: changes({ now, before, covered, seconds: (to - from) / 1000, silent: silentSince(over, to)?.since, steps: { now: over, before: overBefore } }) };
}

export interface ServiceData {
  operations: Operations;
  judgedByRequests: boolean;
  red: Red;
  graph: Graph;
}

/** Loads what the page of a service shows. */
export async function loadService(r: Range, service: string, signal: AbortSignal): Promise<ServiceData> {
  const range = { from: r.from, to: r.to };
  const [operations, graph, stats] = await Promise.all([
    get<Operations>("/operations", { service, ...range }, signal),
    get<Graph>("/graph", { service, ...range }, signal),
    get<Stats>("/stats", {}, signal),
  ]);
  // As the server does for its list of services: what calls it, if anything does, is what it is judged by.
  const judgedByRequests = operations.operations.some((o) => requests.includes(o.kind) && o.now.count + o.before.count > 0);
  return { operations, graph, judgedByRequests, red: await loadRed(r, { service, kinds: judgedByRequests ? requests : [] }, stats, signal) };
}

/** Loads what was counted of one operation. */
export async function loadRoute(r: Range, service: string, operation: string, kind: Kind | undefined, signal: AbortSignal): Promise<Red> {
  const stats = await get<Stats>("/stats", {}, signal);
  return loadRed(r, { service, operation, kinds: kind ? [kind] : [] }, stats, signal);
}

/** The values of the time before at the times of now, for a line behind it: those of the nearest step. */
export function alongside(times: readonly number[], before: Columns, values: readonly (number | null)[], width: number): (number | null)[] {
  let i = 0;
  return times.map((at) => {
    const wanted = at - width;
    while (i + 1 < before.times.length && Math.abs(before.times[i + 1] - wanted) <= Math.abs(before.times[i] - wanted)) i++;
    return before.times.length > 0 && Math.abs(before.times[i] - wanted) <= before.stepMs ? values[i] : null;
  });
}
