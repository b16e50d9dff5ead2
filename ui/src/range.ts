import { computed, signal } from "@preact/signals";
import { place, setParams } from "./router";

/**
 * The time range that the pages show, from the parameters "from" and "to" of the address: relative to now ("-1h", no "to")
 * or two Unix times in milliseconds.
 */
export interface Range {
  from: string; // for requests
  to: string; // for requests; "" is now
  relative: boolean;
}

export const defaultRange = "-1h";

const relative = /^-(\d+)(s|m|h|d)$/;
const units = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 } as const;

/** The length of a relative time such as "-15m" in milliseconds; 0 if it is none. */
export function relativeMs(s: string): number {
  const m = relative.exec(s);
  return m ? Number(m[1]) * units[m[2] as keyof typeof units] : 0;
}

export function readRange(params: URLSearchParams, from = "from", to = "to"): Range {
  const f = params.get(from) ?? "";
  const t = params.get(to) ?? "";
  if (relativeMs(f)) return { from: f, to: "", relative: true };
  if (/^\d{12,14}$/.test(f) && /^\d{12,14}$/.test(t) && Number(t) > Number(f)) return { from: f, to: t, relative: false };
  return { from: defaultRange, to: "", relative: true };
}

export const range = computed(() => readRange(place.value.params));

/** The range in milliseconds, with a relative one taken at the moment of the call. */
export function bounds(r: Range, now = Date.now()): { from: number; to: number } {
  return r.relative ? { from: now - relativeMs(r.from), to: now } : { from: Number(r.from), to: Number(r.to) };
}

/** Shows another range: a relative one ("-15m"), or one of two points in time in milliseconds. */
export function setRange(r: string | { from: number; to: number }): void {
  if (typeof r === "string") setParams({ from: r === defaultRange ? null : r, to: null, cursor: null });
  else setParams({ from: Math.floor(r.from), to: Math.ceil(r.to), cursor: null });
}

/** The parameters that keep the range in links to other pages. */
export function rangeParams(r: Range = range.value): { from?: string; to?: string } {
  if (!r.relative) return { from: r.from, to: r.to };
  return r.from === defaultRange ? {} : { from: r.from };
}

/** Goes up whenever what is shown is to be loaded again: by the button, or every some seconds while live is on. */
export const refreshes = signal(0);

/** Whether pages with a relative range follow what comes in. */
export const live = signal(false);

export const liveSeconds = 5;

export function refresh(): void {
  refreshes.value++;
}

setInterval(() => {
  if (live.value && range.value.relative && document.visibilityState === "visible") refresh();
}, liveSeconds * 1000);
