import type { Trace } from "./trace";

const none = new Float64Array(0);

/** Where within a span children of it were running: pairs of from and until, ascending, not touching one another. */
export function covered(trace: Trace, row: number): Float64Array {
  const { start, duration, end } = trace;
  const from = start[row];
  const until = from + duration[row];
  const stop = end[row];
  if (stop === row + 1) return none;
  const list: number[] = [];
  let a = NaN;
  let b = NaN;
  for (let c = row + 1; c < stop; c = end[c]) {
    const x = Math.max(start[c], from);
    const y = Math.min(start[c] + duration[c], until);
    if (y <= x) continue;
    if (x <= b) {
      if (y > b) b = y;
      continue;
    }
    if (a < b) list.push(a, b);
    a = x;
    b = y;
  }
  if (a < b) list.push(a, b);
  return Float64Array.from(list);
}

/** covered, remembered for the rows that were asked for last. */
export class Covers {
  #known = new Map<number, Float64Array>();
  #held = 0;

  constructor(readonly trace: Trace) {}

  of(row: number): Float64Array {
    let c = this.#known.get(row);
    if (c) return c;
    if (this.#held > 1 << 20) {
      this.#known.clear();
      this.#held = 0;
    }
    c = covered(this.trace, row);
    this.#known.set(row, c);
    this.#held += c.length + 8;
    return c;
  }
}
