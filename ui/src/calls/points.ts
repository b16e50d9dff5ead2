import type { Calls, Points } from "../api/types";

/** What was counted over time, in columns of the same length: a value for each step, whether there were calls or not. */
export interface Columns {
  times: number[]; // the middle of each step, in milliseconds
  count: number[];
  rate: number[]; // calls a second
  ok: number[]; // those that did not fail, a second
  errors: number[]; // those that did, a second
  share: (number | null)[]; // errors / count; null without calls
  p50: (number | null)[];
  p90: (number | null)[];
  p99: (number | null)[];
  stepMs: number;
}

const finest = 10_000; // milliseconds: the server counts by 10 seconds, and widens a range to whole ones

/**
 * Lays points, of which answers have only those with calls, out over the time from from to to (milliseconds). The first and
 * the last step are rarely whole: their rates are those of the part that lies in the range, so that a line does not seem to fall
 * at its ends, and of a step that hardly reaches into the range nothing is told.
 */
export function columns(points: Points, stepNanos: number, from: number, to: number): Columns {
  const step = stepNanos / 1e6;
  const c: Columns = { times: [], count: [], rate: [], ok: [], errors: [], share: [], p50: [], p90: [], p99: [], stepMs: step };
  if (!(step > 0) || !(to > from)) return c;
  const at = new Map<number, Calls>();
  for (const p of points) at.set(Number(BigInt(p.startUnixNano) / 1_000_000n), p.values);
  const first = Math.floor(from / step) * step;
  const begin = Math.floor(from / finest) * finest;
  for (let start = first; start < to; start += step) {
    const calls = at.get(Math.round(start));
    const inside = Math.min(start + step, to) - Math.max(start, begin);
    if (inside < step * 0.35 && to - from > step) continue;
    const seconds = inside / 1000;
    const n = calls?.count ?? 0;
    const failed = calls?.errors ?? 0;
    c.times.push(start + step / 2);
    c.count.push(n);
    c.rate.push(n / seconds);
    c.ok.push((n - failed) / seconds);
    c.errors.push(failed / seconds);
    c.share.push(n > 0 ? failed / n : null);
    c.p50.push(calls?.p50 ?? null);
    c.p90.push(calls?.p90 ?? null);
    c.p99.push(calls?.p99 ?? null);
  }
  return c;
}

/** A step for about n points in the range, in seconds, as the API takes it: what it counts by is 10 seconds. */
export function stepFor(widthMs: number, n: number): string {
  const nice = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const wanted = widthMs / 1000 / n;
  return `${nice.find((s) => s >= wanted * 0.99) ?? Math.ceil(wanted / 86400) * 86400}s`;
}

/** Since when nothing is called any more, in milliseconds, and how long it has been silent; undefined if that may be chance. */
export function silentSince(c: Columns, to: number): { since: number; forMs: number } | undefined {
  let last = c.count.length - 1;
  while (last >= 0 && c.count[last] === 0) last--;
  if (last < 0) return undefined;
  const since = c.times[last] + c.stepMs / 2;
  const forMs = to - since;
  if (forMs < Math.max(60_000, 2 * c.stepMs)) return undefined;
  let first = 0;
  while (c.count[first] === 0) first++;
  let longest = 0; // silence before, in steps
  let run = 0;
  let total = 0;
  for (let i = first; i <= last; i++) {
    run = c.count[i] === 0 ? run + 1 : 0;
    longest = Math.max(longest, run);
    total += c.count[i];
  }
  // So many calls would have come at the rate of the time with calls.
  const expected = (total / ((last - first + 1) * c.stepMs)) * forMs;
  return expected >= 15 && forMs >= 3 * longest * c.stepMs ? { since, forMs } : undefined;
}
