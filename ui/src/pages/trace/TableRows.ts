import { Flag, type Trace } from "../../trace/trace";
import { shares } from "./FlameTree";

/** Spans of one service, operation and kind. */
export interface Group {
  rows: number[];
  row: number; // the longest
  total: number;
  self: number;
  share: number; // of the trace's time, what ran side by side sharing it: 0 to 1
  errors: number;
}

export type GroupColumn = "service" | "operation" | "kind" | "spans" | "total" | "self" | "average" | "longest" | "share" | "errors";
export type RowColumn = "start" | "service" | "operation" | "kind" | "duration" | "self" | "path" | "status";

/** The groups of the rows that are shown; skip: per row 1 for those that are not. */
export function groups(trace: Trace, skip: Uint8Array | undefined): Group[] {
  const part = shares(trace);
  let all = 0;
  for (let r = 0; r < trace.count; r++) all += trace.self[r] * part[r];
  const found = new Map<number, Group>();
  for (let r = 0; r < trace.count; r++) {
    if (skip?.[r]) continue;
    const key = (trace.service[r] * trace.names.length + trace.name[r]) * 8 + trace.kind[r];
    let g = found.get(key);
    if (!g) found.set(key, (g = { rows: [], row: r, total: 0, self: 0, share: 0, errors: 0 }));
    g.rows.push(r);
    g.total += trace.duration[r];
    g.self += trace.self[r];
    if (all > 0) g.share += (trace.self[r] * part[r]) / all;
    if (trace.is(r, Flag.error)) g.errors++;
    if (trace.duration[r] > trace.duration[g.row]) g.row = r;
  }
  return [...found.values()];
}

/** Sorts groups: numbers downwards, texts upwards, or the other way round; the same by their total time. */
export function sortGroups(trace: Trace, list: Group[], by: GroupColumn, reversed: boolean): Group[] {
  const flip = reversed ? -1 : 1;
  const value = (g: Group): number | string => {
    switch (by) {
      case "service":
        return trace.serviceOf(g.row);
      case "operation":
        return trace.nameOf(g.row);
      case "kind":
        return trace.kind[g.row];
      case "spans":
        return g.rows.length;
      case "average":
        return g.total / g.rows.length;
      case "longest":
        return trace.duration[g.row];
      default:
        return g[by];
    }
  };
  const keyed = list.map((g) => ({ g, v: value(g) }));
  keyed.sort((a, b) => (typeof a.v === "string" ? flip * a.v.localeCompare(b.v as string) : flip * ((b.v as number) - a.v)) || b.g.total - a.g.total || a.g.row - b.g.row);
  return keyed.map((k) => k.g);
}

/** The rows that are shown, sorted; the same in the order of the waterfall. */
export function sortRows(trace: Trace, skip: Uint8Array | undefined, by: RowColumn, reversed: boolean): Int32Array {
  let n = 0;
  const rows = new Int32Array(trace.count);
  for (let r = 0; r < trace.count; r++) if (!skip?.[r]) rows[n++] = r;
  const list = rows.subarray(0, n);
  // A number per row that grows in the order asked for.
  const keys = new Float64Array(trace.count);
  const rank = (texts: readonly string[]): Int32Array => {
    const order = Array.from(texts.keys()).sort((a, b) => texts[a].localeCompare(texts[b]));
    const ranks = new Int32Array(texts.length);
    order.forEach((i, k) => (ranks[i] = k));
    return ranks;
  };
  const names = by === "operation" ? rank(trace.names) : undefined;
  const services = by === "service" ? rank(trace.services) : undefined;
  for (const r of list) {
    switch (by) {
      case "start":
        keys[r] = trace.start[r];
        break;
      case "duration":
        keys[r] = -trace.duration[r];
        break;
      case "self":
        keys[r] = -trace.self[r];
        break;
      case "path":
        keys[r] = -trace.path.time(r);
        break;
      case "kind":
        keys[r] = -trace.kind[r];
        break;
      case "status":
        keys[r] = trace.is(r, Flag.error) ? -1 : trace.is(r, Flag.ok) ? 1 : 0;
        break;
      case "operation":
        keys[r] = names![trace.name[r]];
        break;
      case "service":
        keys[r] = services![trace.service[r]];
    }
  }
  const flip = reversed ? -1 : 1;
  return list.sort((a, b) => flip * (keys[a] - keys[b]) || a - b);
}
