import type { HeatMap } from "../api/types";

// Where things lie in a heat map: time to the right, durations upwards on a logarithmic scale.

/** A part of a heat map: time in milliseconds, durations in nanoseconds; the ends are not part of it. */
export interface Box {
  from: number;
  to: number;
  min: number;
  max: number;
}

/** A box as a parameter of the address. */
export function boxParam(b: Box | null): string | null {
  return b && [Math.floor(b.from), Math.ceil(b.to), Math.floor(b.min), Math.ceil(b.max)].join(",");
}

export function readBox(text: string | null): Box | null {
  const n = (text ?? "").split(",").map(Number);
  if (n.length !== 4 || !n.every(Number.isFinite)) return null;
  const [from, to, min, max] = n;
  return from < to && min < max && min >= 0 ? { from, to, min, max } : null;
}

/** The cells of an answer by column and row, and what stands around them. */
export interface Grid {
  start: number; // milliseconds
  step: number;
  columns: number;
  rows: number;
  bounds: readonly number[];
  cells: Map<number, HeatMap["cells"][number]>; // by column * rows + row
  most: number; // spans in one cell
  mostErrors: number;
  total: number;
  errors: number;
  estimated: boolean; // from a share of the spans, because there was no time for all
}

export function grid(data: HeatMap): Grid {
  const share = data.share || 1;
  const estimate = (n: number) => Math.round(n / share);
  const start = Number(BigInt(data.startUnixNano) / 1000n) / 1000;
  const end = Number(BigInt(data.toUnixNano) / 1000n) / 1000;
  const step = data.stepNanos / 1e6;
  const rows = Math.max(0, data.boundsNanos.length - 1);
  const g: Grid = { start, step, columns: Math.max(1, Math.ceil((end - start) / step - 1e-6)), rows, bounds: data.boundsNanos, cells: new Map(), most: 0, mostErrors: 0, total: 0, errors: 0, estimated: share < 1 };
  for (const found of data.cells) {
    const c = { ...found, count: estimate(found.count), errors: estimate(found.errors) };
    g.cells.set(c.column * rows + c.row, c);
    g.most = Math.max(g.most, c.count);
    g.mostErrors = Math.max(g.mostErrors, c.errors);
    g.total += c.count;
    g.errors += c.errors;
  }
  return g;
}

// A duration of zero has no logarithm; it lies a little below one nanosecond.
const log = (ns: number) => Math.log10(Math.max(ns, 0.6));

/** From where to where the axis of durations goes, as logarithms: to the next half of a decade, so that it seldom moves. */
export function logRange(bounds: readonly number[]): [number, number] {
  if (bounds.length < 2) return [6, 9]; // 1 ms to 1 s
  let low = Math.floor(log(bounds[0]) * 2) / 2;
  let high = Math.ceil(log(bounds[bounds.length - 1]) * 2 - 1e-9) / 2;
  while (high - low < 1.5) [low, high] = [low - 0.5, high + 0.5];
  return [low, high];
}

export interface Scale {
  x: (ms: number) => number;
  y: (ns: number) => number;
  time: (x: number) => number;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export function scale(width: number, height: number, from: number, to: number, bounds: readonly number[]): Scale {
  const s = { left: 54, top: 8, right: Math.max(55, width - 10), bottom: height - 22 };
  const [low, high] = logRange(bounds);
  const perMs = (s.right - s.left) / Math.max(1, to - from);
  return {
    ...s,
    x: (ms) => s.left + (ms - from) * perMs,
    y: (ns) => s.bottom - ((log(ns) - low) / (high - low)) * (s.bottom - s.top),
    time: (x) => from + (x - s.left) / perMs,
  };
}

export function columnAt(g: Grid, s: Scale, x: number): number {
  return Math.min(g.columns - 1, Math.max(0, Math.floor((s.time(x) - g.start) / g.step)));
}

export function rowAt(g: Grid, s: Scale, y: number): number {
  for (let row = 0; row < g.rows; row++) if (y > s.y(g.bounds[row + 1])) return row;
  return Math.max(0, g.rows - 1);
}

/** The box of the cells between two corners, both of them in it. */
export function boxOf(g: Grid, a: { column: number; row: number }, b: { column: number; row: number }): Box {
  return {
    from: g.start + Math.min(a.column, b.column) * g.step,
    to: g.start + (Math.max(a.column, b.column) + 1) * g.step,
    min: g.bounds[Math.min(a.row, b.row)],
    max: g.bounds[Math.max(a.row, b.row) + 1],
  };
}

/** The spans in a box, as far as the cells tell. */
export function inside(g: Grid, b: Box): { count: number; errors: number } {
  const sum = { count: 0, errors: 0 };
  for (const c of g.cells.values()) {
    const middle = g.start + (c.column + 0.5) * g.step;
    if (middle < b.from || middle >= b.to || g.bounds[c.row] < b.min || g.bounds[c.row + 1] > b.max) continue;
    sum.count += c.count;
    sum.errors += c.errors;
  }
  return sum;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const steps = [second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, 24 * hour, 48 * hour, 7 * 24 * hour];

/** Points of time for labels, at most so many, on whole minutes or hours of the browser's zone or UTC. */
export function timeTicks(from: number, to: number, most: number, utc: boolean): number[] {
  const longest = steps[steps.length - 1];
  const step = steps.find((s) => (to - from) / s <= Math.max(1, most)) ?? Math.ceil((to - from) / Math.max(1, most) / longest) * longest;
  const zone = utc ? 0 : new Date(from).getTimezoneOffset() * minute;
  const ticks: number[] = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) ticks.push(at);
  return ticks;
}

/** Durations for labels: powers of ten, all of them or as many as have room. */
export function durationTicks(bounds: readonly number[], height: number): number[] {
  const [low, high] = logRange(bounds);
  const every = Math.max(1, Math.ceil((high - low) / Math.max(1, height / 22)));
  const ticks: number[] = [];
  for (let e = Math.ceil(low); e <= high; e++) if (e >= 0 && e % every === 0) ticks.push(10 ** e);
  return ticks;
}

/** A power of ten as it is written at an axis: 100 µs, 10 s. */
export function durationTick(ns: number): string {
  const [n, unit] = ns >= 1e9 ? [ns / 1e9, "s"] : ns >= 1e6 ? [ns / 1e6, "ms"] : ns >= 1e3 ? [ns / 1e3, "µs"] : [ns, "ns"];
  return `${Number(n.toPrecision(3))} ${unit}`;
}

/** About how many columns a heat map of some width should be asked for, so that each can be hit with the pointer. */
export function heatColumns(width: number): number {
  return Math.min(240, Math.max(24, Math.round((width - 64) / 8 / 12) * 12));
}
