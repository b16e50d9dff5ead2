import type { Calls } from "../api/types";

/**
 * What is different now from the time before: only what is no chance, and large enough that somebody wants to know. weight ranks
 * changes, also those of different services; worse is undefined for what is neither good nor bad. since is when it began, in
 * milliseconds, where that was within the time and can be told.
 */
export type Change = { weight: number; worse?: boolean; since?: number } & (
  | { what: "errors"; before: number; now: number } // shares of the calls
  | { what: "p50" | "p90" | "p99"; before: number; now: number } // nanoseconds
  | { what: "traffic"; before: number; now: number } // calls a second
  | { what: "new"; now: number }
  | { what: "gone"; before: number }
  | { what: "silent"; before: number; since: number }
);

/** What changes judges. */
export interface Times {
  now: Calls;
  before: Calls;
  covered?: number; // the part of the time before that the store has data of, 0 to 1; 1 if it is not said
  seconds: number; // the length of either time
  silent?: number; // since when nothing was called, in milliseconds, if that is no chance
  steps?: { now: Steps; before: Steps }; // both times in steps; a change of latency has to show in them
}

/** What was counted in each step of a time: columns; null where there were no calls. */
export interface Steps extends Record<"share" | "p50" | "p90" | "p99", readonly (number | null)[]> {
  count: readonly number[];
  times: readonly number[]; // the middle of each
  stepMs: number;
}

const sure = 4; // standard deviations: one false alarm in some ten thousand comparisons
const fewest = 10; // calls that make somebody's absence, or presence, a fact

/** What changed, the most important first; empty if nothing did, or if there is nothing to compare with. */
export function changes(t: Times): Change[] {
  const { now, before, seconds, silent } = t;
  const covered = t.covered ?? 1;
  if (covered < 0.1) return [];
  const rateBefore = before.count / (seconds * covered);
  const rateNow = now.count / seconds;
  const out: Change[] = [];
  if (before.count === 0) return now.count * covered >= fewest ? [{ what: "new", now: rateNow, weight: 0.6 }] : [];
  if (now.count === 0) return rateBefore * seconds >= fewest && (!t.steps || often(t.steps.before)) ? [{ what: "gone", before: rateBefore, worse: true, weight: 4 }] : [];
  if (silent !== undefined) out.push({ what: "silent", before: rateNow, since: silent, worse: true, weight: 4 });
  const errors = errorChange(now, before);
  if (errors) out.push(errors);
  const latency = latencyChange(now, before, t.steps);
  // What fails early is quick: that is no improvement.
  if (latency && !(errors?.worse && !latency.worse)) out.push(latency);
  if (silent === undefined) {
    const traffic = trafficChange(now.count, before.count, covered, rateNow, rateBefore);
    if (traffic) out.push(traffic);
  }
  for (const c of out) {
    if (t.steps && (c.what === "errors" || c.what === "p50" || c.what === "p90" || c.what === "p99")) {
      c.since = began(t.steps.now, t.steps.before, c.what === "errors" ? "share" : c.what, c.now > c.before);
    }
  }
  return out.sort((a, b) => b.weight - a.weight);
}

/** Whether something was called again and again, and not just once. */
function often(s: Steps): boolean {
  return s.count.filter((n) => n > 0).length >= Math.min(4, s.count.length);
}

/** When a value changed that has been different since: the step from which on it differs most clearly from the time before. */
function began(now: Steps, before: Steps, what: "share" | "p50" | "p90" | "p99", up: boolean): number | undefined {
  const known = now[what].flatMap((v, i) => (v === null ? [] : [{ v, i }]));
  const most = segments(known.map((k) => k.v), before[what], up, true);
  // At its very beginning the time says nothing of when it began.
  if (!most || most.z < sureSteps || most.at < 2) return undefined;
  // Where it was different before that step, too, it only went on to change.
  const earlier = known.slice(0, most.at).map((k) => k.v);
  if ((stepEvidence(earlier, before[what], up) ?? 0) > 2) return undefined;
  return now.times[known[most.at].i] - now.stepMs / 2;
}

/** How sure it is that two shares of failures differ, in standard deviations: the signed root of the likelihood ratio. */
export function errorEvidence(now: Calls, before: Calls): number {
  const all = now.count + before.count;
  const failed = now.errors + before.errors;
  if (failed === 0 || failed === all || now.count === 0 || before.count === 0) return 0;
  let g = 0;
  for (const c of [now, before]) {
    for (const [seen, whole] of [[c.errors, failed], [c.count - c.errors, all - failed]]) {
      if (seen > 0) g += 2 * seen * Math.log((seen * all) / (c.count * whole));
    }
  }
  return Math.sqrt(Math.max(0, g)) * Math.sign(now.errors / now.count - before.errors / before.count);
}

function errorChange(now: Calls, before: Calls): Change | undefined {
  const n = now.errors / now.count;
  const b = before.errors / before.count;
  const evidence = errorEvidence(now, before);
  const size = Math.abs(n - b);
  const ratio = Math.max(n, b) / Math.max(Math.min(n, b), 1e-4);
  if (Math.abs(evidence) < sure || size < 0.002 || ratio < 1.5 || Math.max(now.errors, before.errors) < 3) return undefined;
  const weight = 10 * Math.sqrt(size) * (0.5 + 0.5 * Math.min(1, Math.log2(ratio) / 3));
  return { what: "errors", before: b, now: n, worse: n > b, weight: weigh(weight, evidence, n > b) };
}

const quantiles = [
  { what: "p50", ratio: 1.3, weight: 1.2 },
  { what: "p90", ratio: 1.4, weight: 1 },
  { what: "p99", ratio: 1.5, weight: 0.8 },
] as const;

const shortest = 500_000; // a difference in nanoseconds that a caller may notice

/** The percentile that changed most, if one did. */
function latencyChange(now: Calls, before: Calls, steps: Times["steps"]): Change | undefined {
  let most: Change | undefined;
  for (const q of quantiles) {
    const n = now[q.what];
    const b = before[q.what];
    if (!n || !b || Math.abs(n - b) < shortest || Math.max(n / b, b / n) < q.ratio) continue;
    const evidence = Math.log(n / b) / Math.hypot(spread(now, q.what), spread(before, q.what), 0.05);
    if (Math.abs(evidence) < sure) continue;
    const alone = q.what !== "p99" && !neighbours(now, before, q.what);
    if (alone && (q.what === "p90" || !steps)) continue;
    if (steps) {
      // What got worse in a part of the time is news; what got better, or is of one percentile alone, has to show in all of it.
      const shown = stepEvidence(steps.now[q.what], steps.before[q.what], n > b);
      if (shown === undefined ? n < b || alone : shown < (n < b || alone ? 4 : sureSteps)) continue;
    }
    const weight = weigh(Math.min(5, Math.abs(Math.log2(n / b))) * q.weight, evidence, n > b);
    if (!most || weight > most.weight) most = { what: q.what, before: b, now: n, worse: n > b, weight };
  }
  return most;
}

/**
 * Whether more of the distribution moved than one percentile. Where a tenth, or a half, of the calls is of a slow kind, the
 * percentile there falls into either kind by chance, while its neighbours stay.
 */
function neighbours(now: Calls, before: Calls, what: "p50" | "p90"): boolean {
  const up = now[what]! > before[what]!;
  const ratios = what === "p50" ? [now.p90! / before.p90!] : [now.p50! / before.p50!, now.p99! / before.p99!];
  return ratios.some((r) => (up ? r > 1.15 : r < 1 / 1.15));
}

/**
 * How uncertain a percentile is: the standard error of its logarithm. The median's from the width of the distribution, as if
 * it were log-normal; those of the tail from its slope, as if it fell like a power (Hill's estimator). Without enough calls
 * beyond it a percentile says nothing.
 */
export function spread(c: Calls, what: "p50" | "p90" | "p99"): number {
  const { count: n, p50, p90, p99 } = c;
  if (!p50 || !p90 || !p99) return Infinity;
  const beyond = n * (what === "p50" ? 0.5 : what === "p90" ? 0.1 : 0.01);
  if (beyond < (what === "p99" ? 3 : 5)) return Infinity;
  const sigma = Math.max(0.1, Math.log(p90 / p50) / 1.28);
  if (what === "p50") return (1.25 * sigma) / Math.sqrt(n);
  const slope = Math.max(0.1, Math.log(p99 / p90) / Math.LN10, what === "p90" ? sigma / 2 : 0);
  return slope / Math.sqrt(beyond);
}

const sureSteps = 2.5; // standard deviations

/**
 * How clearly a percentile rose (or fell) in some stretch of the time now, against all of the time before: the largest z of Mann
 * and Whitney's test. A percentile that jumps to and fro between quick and slow calls by chance does that in either time.
 * undefined: there are too few steps with calls to say; then it counts if it got slower.
 */
export function stepEvidence(now: readonly (number | null)[], before: readonly (number | null)[], up: boolean): number | undefined {
  return segments(now.filter((v) => v !== null), before, up, false)?.z;
}

/** The stretch of now that differs most from before, and by how much: any of some lengths, or those that last to the end. */
function segments(a: readonly number[], before: readonly (number | null)[], up: boolean, toEnd: boolean): { z: number; at: number } | undefined {
  const b = before.filter((v): v is number => v !== null).sort((x, y) => x - y);
  if (a.length < 6 || b.length < 6) return undefined;
  // For each value of now: how many of before it is above, those that are the same as a half.
  const above = a.map((v) => (below(b, v) + below(b, v, true)) / 2);
  const most = { z: -Infinity, at: 0 };
  for (let length = a.length; length >= 3; length = toEnd ? length - 1 : Math.floor(length / 2)) {
    const mean = (length * b.length) / 2;
    const deviation = Math.sqrt((length * b.length * (length + b.length + 1)) / 12);
    let u = 0;
    for (let i = toEnd ? a.length - length : 0; i < a.length; i++) {
      u += above[i] - (!toEnd && i >= length ? above[i - length] : 0);
      const z = ((u - mean) / deviation) * (up ? 1 : -1);
      if ((toEnd ? i === a.length - 1 : i >= length - 1) && z > most.z) Object.assign(most, { z, at: i - length + 1 });
    }
  }
  return most;
}

/** How many of the sorted values are less than v, or with same no greater. */
function below(values: readonly number[], v: number, same = false): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < v || (same && values[middle] === v)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function trafficChange(now: number, before: number, covered: number, rateNow: number, rateBefore: number): Change | undefined {
  const ratio = Math.max(rateNow / rateBefore, rateBefore / rateNow);
  if (ratio < 2 || Math.max(now, before / covered) < 50) return undefined;
  // Calls come in bursts: the deviation is taken as three times that of independent ones.
  const evidence = (now - before / covered) / (3 * Math.sqrt(now + before / covered ** 2));
  if (Math.abs(evidence) < sure) return undefined;
  return { what: "traffic", before: rateBefore, now: rateNow, weight: weigh(Math.min(4, Math.log2(ratio)) * 0.6, evidence, true) };
}

// What got better is told after what got worse, what is barely sure after what is certain.
function weigh(weight: number, evidence: number, worse: boolean): number {
  return weight * Math.min(1, Math.abs(evidence) / 8) * (worse ? 1 : 0.3);
}

/** The part of the time before from that the store has data of; oldest in milliseconds, undefined if that is not known. */
export function coveredBefore(from: number, to: number, oldest: number | undefined): number {
  if (oldest === undefined) return 1;
  return Math.min(1, Math.max(0, (from - oldest) / (to - from)));
}
