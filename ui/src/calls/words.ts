import { duration, percent, rate, time } from "../format";
import type { Change } from "./change";
import { t } from "./messages";

/** A change in words: what changed, from what, to what; from and to are "" where there is nothing to say. */
export function words(c: Change): { what: string; from: string; to: string } {
  switch (c.what) {
    case "errors":
      return { what: t.errors, from: percent(c.before), to: percent(c.now) };
    case "traffic":
      return { what: t.traffic, from: rate(c.before), to: rate(c.now) };
    case "new":
      return { what: t.isNew, from: "", to: rate(c.now) };
    case "gone":
      return { what: t.gone, from: rate(c.before), to: "" };
    case "silent":
      return { what: t.silent(time(c.since)), from: rate(c.before), to: "" };
    default:
      return { what: c.what, from: duration(c.before), to: duration(c.now) };
  }
}

/** A change as a mark of a few characters, for tables. */
export function mark(c: Change): string {
  switch (c.what) {
    case "new":
      return t.isNew;
    case "gone":
      return t.gone;
    case "silent":
      return t.silentMark;
    default:
      return `${c.what === "errors" ? t.errors : c.what === "traffic" ? t.traffic : c.what} ${arrow(c.now, c.before)}${times(c.now, c.before)}`;
  }
}

export function arrow(now: number, before: number): string {
  return now > before ? "↑" : "↓";
}

/** How many times as much, or as little: 5.1×; "" if one of them is nothing. */
export function times(now: number, before: number): string {
  const r = Math.max(now / before, before / now);
  if (!Number.isFinite(r)) return "";
  return r >= 99.5 ? "100×+" : `${r < 9.95 ? Number(r.toFixed(1)) : Math.round(r)}×`;
}

/** A length of time in whole units where they fit: 7 days, 6 hours. */
export function span(widthMs: number): string {
  const s = Math.round(widthMs / 1000);
  const tenth = (n: number) => Number(n.toFixed(1));
  return s >= 2 * 86400 && s % 3600 === 0 ? t.day(tenth(s / 86400)) : s >= 3600 ? t.hour(tenth(s / 3600)) : s >= 60 ? t.minute(Math.round(s / 60)) : t.second(s);
}

/** What the time before is called, by its length: "the hour before". */
export function timeBefore(widthMs: number): string {
  return t.span(span(widthMs));
}
