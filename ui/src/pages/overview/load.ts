import { get } from "../../api/client";
import type { SeriesList, Services, Stats } from "../../api/types";
import { stepFor } from "../../calls/points";
import { bounds, type Range } from "../../range";
import { confirm, overview, suspects, type Overview } from "./rows";

const points = 30; // of the small lines

export interface Loaded {
  stats: Stats;
  more: boolean; // services than are in the overview
  overview: Overview;
}

/** Loads what the start page shows: all services, and of those that seem to have changed what they did before. */
export async function load(r: Range, signal: AbortSignal): Promise<Loaded> {
  const { from, to } = bounds(r);
  const step = stepFor(to - from, points);
  const [services, stats] = await Promise.all([get<Services>("/services", { from: r.from, to: r.to, step }, signal), get<Stats>("/stats", {}, signal)]);
  const first = overview(services, stats);
  const changed = suspects(first);
  const before = (requests: boolean) => {
    const names = changed.filter((row) => row.requests === requests).map((row) => row.name);
    if (names.length === 0) return [];
    const question = { service: names, kind: requests ? ["server", "consumer"] : [], by: ["service"], step, limit: names.length };
    return [get<SeriesList>("/series", { ...question, from: String(Math.round(2 * first.from - first.to)), to: String(Math.round(first.from)) }, signal)];
  };
  return { stats, more: services.more, overview: confirm(first, await Promise.all([...before(true), ...before(false)])) };
}
