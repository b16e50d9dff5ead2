import { duration } from "../../format";
import { t } from "./messages";
import type { Trace } from "../../trace/trace";

// Characters that would move or hide what stands beside them: controls, and overrides of the writing direction.
const unruly = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;

/** Texts as they fit, measured once: measuring is what costs most when rows are drawn. */
export class Texts {
  #fonts = { plain: "", strong: "", small: "" };
  #font: "plain" | "strong" | "small" = "plain";
  #widths = { plain: new Map<string, number>(), strong: new Map<string, number>(), small: new Map<string, number>() };
  #names: (string | undefined)[];
  #services: string[];
  #fitted = new Map<number, string>(); // by number of the name and width
  #fittedServices = new Map<number, string>();
  #durations = new Map<number, string>();

  constructor(
    readonly ctx: CanvasRenderingContext2D,
    readonly trace: Trace,
  ) {
    this.#names = new Array(trace.names.length);
    this.#services = [];
  }

  restyle(size: string, small: string, font: string): void {
    this.#fonts = { plain: `${size} ${font}`, strong: `600 ${size} ${font}`, small: `${small} ${font}` };
    this.#widths = { plain: new Map(), strong: new Map(), small: new Map() };
    this.#names.fill(undefined);
    this.#services = this.trace.services.map((s) => clean(s) || t.noService);
    this.#fitted.clear();
    this.#fittedServices.clear();
    this.#durations.clear();
    this.ctx.font = "";
    this.ctx.direction = "ltr";
  }

  plain(): void {
    this.#use("plain");
  }

  strong(): void {
    this.#use("strong");
  }

  small(): void {
    this.#use("small");
  }

  #use(font: "plain" | "strong" | "small"): void {
    this.#font = font;
    this.ctx.font = this.#fonts[font];
  }

  width(text: string): number {
    const known = this.#widths[this.#font];
    let w = known.get(text);
    if (w === undefined) {
      if (known.size > 20_000) known.clear();
      known.set(text, (w = this.ctx.measureText(text).width));
    }
    return w;
  }

  name(index: number, room: number): string {
    const key = index * 4096 + Math.min(4095, Math.floor(room));
    let s = this.#fitted.get(key);
    if (s === undefined) {
      if (this.#fitted.size > 20_000) this.#fitted.clear();
      const whole = (this.#names[index] ??= clean(this.trace.names[index]) || t.noName);
      this.#fitted.set(key, (s = this.#fit(whole, room)));
    }
    return s;
  }

  service(index: number, room: number): string {
    const key = index * 4096 + Math.min(4095, Math.floor(room));
    let s = this.#fittedServices.get(key);
    if (s === undefined) this.#fittedServices.set(key, (s = this.#fit(this.#services[index], room)));
    return s;
  }

  duration(ns: number): string {
    let s = this.#durations.get(ns);
    if (s === undefined) {
      if (this.#durations.size > 20_000) this.#durations.clear();
      this.#durations.set(ns, (s = duration(ns)));
    }
    return s;
  }

  #fit(text: string, room: number): string {
    if (text.length < 400 && this.width(text) <= room) return text;
    const dots = this.width("…");
    let lo = 0;
    let hi = Math.min(text.length, Math.ceil(room)); // no character is narrower than a pixel
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (this.ctx.measureText(text.slice(0, mid)).width + dots <= room) lo = mid;
      else hi = mid - 1;
    }
    if (lo === text.length) return text;
    if (lo > 0 && (text.charCodeAt(lo - 1) & 0xfc00) === 0xd800) lo--; // not half of a character
    return lo > 0 ? text.slice(0, lo).trimEnd() + "…" : "";
  }
}

/** A text of a program as one line that stays where it is. */
export function clean(text: string): string {
  return text.replace(unruly, " ").trim();
}
