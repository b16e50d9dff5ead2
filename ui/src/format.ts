import { lang, locale } from "./i18n";
import { remembered } from "./remembered";

/** Whether points in time are shown in UTC; else in the browser's zone. */
export const utc = remembered<boolean>("weft.utc", false, (v) => typeof v === "boolean");

/** The zone that times are shown in, as it is called in a label. */
export function zone(): string {
  return utc.value ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A duration in nanoseconds with three significant digits: 850 ns, 12.3 µs, 4.56 ms, 1.20 s, 2 min 5 s, 3 h 20 min. */
export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined || Number.isNaN(ns)) return "–";
  const sign = ns < 0 ? "−" : "";
  const n = Math.abs(ns);
  if (n === 0) return "0";
  if (n < 999.5) return `${sign}${Math.round(n)} ns`;
  if (n < 999.5e3) return `${sign}${digits(n / 1e3)} µs`;
  if (n < 999.5e6) return `${sign}${digits(n / 1e6)} ms`;
  if (n < 59.95e9) return `${sign}${digits(n / 1e9)} s`;
  const s = Math.round(n / 1e9);
  if (s < 3600) return `${sign}${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ""}`;
  const m = Math.round(s / 60);
  if (m < 48 * 60) return `${sign}${Math.floor(m / 60)} h${m % 60 ? ` ${m % 60} min` : ""}`;
  return `${sign}${digits(m / 1440)} d`;
}

/** A duration in nanoseconds in the notation of the query language, without a loss of what matters: 250ms, 1.5s. */
export function queryDuration(ns: number): string {
  const unit = ns >= 1e9 ? (["s", 1e9] as const) : ns >= 1e6 ? (["ms", 1e6] as const) : ns >= 1e3 ? (["us", 1e3] as const) : (["ns", 1] as const);
  return `${Number((ns / unit[1]).toPrecision(6))}${unit[0]}`;
}

/** All digits of a duration, for a title: 1,234,567 ns. */
export function exactDuration(ns: number): string {
  return `${ns.toLocaleString(locale())} ns`;
}

function digits(n: number): string {
  return n < 9.995 ? n.toFixed(2) : n < 99.95 ? n.toFixed(1) : n.toFixed(0);
}

/** A number of things: 999, 12.3k, 4.56M. */
export function count(n: number): string {
  if (n < 10_000) return n.toLocaleString(locale());
  return n < 999_500 ? `${digits(n / 1e3)}k` : n < 999.5e6 ? `${digits(n / 1e6)}M` : `${digits(n / 1e9)}G`;
}

/** A rate per second: 0.02/s, 3.4/s, 12k/s. */
export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond === 0) return "0/s";
  if (perSecond < 0.0095) return `${Number((perSecond * 3600).toPrecision(2))}/${lang.value === "zh" ? "小时" : "h"}`;
  if (perSecond < 10) return `${Number(perSecond.toPrecision(2))}/s`;
  return `${perSecond < 10_000 ? Math.round(perSecond).toLocaleString(locale()) : count(perSecond)}/s`;
}

/** A share between 0 and 1: 0%, 0.02%, 3.4%, 100%. */
export function percent(share: number): string {
  const p = share * 100;
  if (p === 0) return "0%";
  if (p < 0.01) return "<0.01%";
  return `${p >= 99.95 ? (p >= 100 ? "100" : ">99.9") : p < 10 ? Number(p.toPrecision(2)) : Math.round(p)}%`;
}

/** Bytes: 512 B, 12.3 kB, 4.56 MB. */
export function bytes(n: number): string {
  return n < 1000 ? `${n} B` : n < 999_500 ? `${digits(n / 1e3)} kB` : n < 999.5e6 ? `${digits(n / 1e6)} MB` : `${digits(n / 1e9)} GB`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function intl(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + utc.value + JSON.stringify(options);
  let f = formats.get(key);
  if (!f) formats.set(key, (f = new Intl.DateTimeFormat(locale(), { ...options, timeZone: utc.value ? "UTC" : undefined, hourCycle: "h23" })));
  return f;
}

/** Unix nanoseconds, a string in answers, as milliseconds. */
export function ms(unixNano: string): number {
  return Number(BigInt(unixNano) / 1000n) / 1000;
}

/** A point in time, in milliseconds, to the second: 15:04:05 today, else with the date. */
export function time(at: number, now = Date.now()): string {
  const day = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
  const clock = intl({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
  if (intl(day).format(at) === intl(day).format(now)) return clock;
  return `${intl({ month: "short", day: "numeric" }).format(at)} ${clock}`;
}

/** A point in time in full, with milliseconds and zone, for titles and details. */
export function fullTime(at: number): string {
  return `${intl({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }).format(at)} ${zone()}`;
}

/** A point on an axis of the given width in time: with seconds, minutes or the date, as the width asks. */
export function axisTime(at: number, widthMs: number): string {
  if (widthMs <= 10 * 60e3) return intl({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(at);
  if (widthMs <= 36 * 3600e3) return intl({ hour: "2-digit", minute: "2-digit" }).format(at);
  return intl({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(at);
}

/** How long ago something was: 5 s ago, 3 min ago. */
export function ago(at: number, now = Date.now()): string {
  const s = Math.round((now - at) / 1000);
  const f = new Intl.RelativeTimeFormat(locale(), { style: "short" });
  if (Math.abs(s) < 60) return f.format(-s, "second");
  if (Math.abs(s) < 3600) return f.format(-Math.round(s / 60), "minute");
  if (Math.abs(s) < 48 * 3600) return f.format(-Math.round(s / 3600), "hour");
  return f.format(-Math.round(s / 86400), "day");
}

/** A trace's id as it is shown where there is little room; the whole id belongs into the title. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
