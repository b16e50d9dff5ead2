import type { Path } from "../../trace/path";
import type { Trace } from "../../trace/trace";

/** From times to pixels: one for all bars of a picture. */
export class Scale {
  zero = 0; // where the start of the trace is
  factor = 1; // pixels per nanosecond

  /** Lays a stretch of time over pixels. */
  set(from: number, until: number, left: number, width: number): void {
    this.factor = width / (until - from);
    this.zero = left - from * this.factor;
  }

  x(at: number): number {
    return this.zero + at * this.factor;
  }
}

/** Where children ran, within the bar from a to b: the bar is paler there, so that what stays in full colour is the span's own time. */
export function paintCovered(ctx: CanvasRenderingContext2D, list: Float64Array, scale: Scale, a: number, b: number, y: number, height: number): void {
  // The first piece that ends in sight.
  let lo = 0;
  let hi = list.length / 2;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (scale.x(list[2 * mid + 1]) < a) lo = mid + 1;
    else hi = mid;
  }
  // Pieces within one pixel of one another are drawn as one.
  let from = NaN;
  let until = NaN;
  for (let i = lo; i < list.length / 2; i++) {
    const x0 = Math.max(a, scale.x(list[2 * i]));
    if (x0 > b) break;
    const x1 = Math.min(b, scale.x(list[2 * i + 1]));
    if (x0 - until < 0.5) {
      until = Math.max(until, x1);
      continue;
    }
    if (until > from) ctx.fillRect(from, y, until - from, height);
    from = x0;
    until = x1;
  }
  if (until > from) ctx.fillRect(from, y, until - from, height);
}

const thick = 3;
const many = 200; // more pieces than that are put together per pixel first
let marks = new Uint8Array(0);

/** The pieces first to last (of path.byRow) of the critical path as a line, dashed where the span was waited for and not running. */
export function paintPath(ctx: CanvasRenderingContext2D, path: Path, first: number, last: number, scale: Scale, left: number, right: number, y: number): void {
  if (last - first < many) {
    for (let k = first; k < last; k++) {
      const i = path.byRow[k];
      // At whole pixels, so that there are no seams between pieces.
      const x0 = Math.max(Math.round(scale.x(path.from[i])), left);
      const x1 = Math.min(Math.round(scale.x(path.until[i])), right);
      if (x1 < x0) continue;
      if (!path.idle[i] || x1 - x0 < 8) ctx.fillRect(x0, y, Math.max(x1 - x0, 1), thick);
      else for (let x = x0; x < x1; x += 7) ctx.fillRect(x, y, Math.min(4, x1 - x), thick);
    }
    return;
  }
  if (marks.length < right) marks = new Uint8Array(right + 1);
  marks.fill(0);
  for (let k = first; k < last; k++) {
    const i = path.byRow[k];
    const x1 = Math.min(Math.ceil(scale.x(path.until[i])), right);
    for (let x = Math.max(Math.floor(scale.x(path.from[i])), left); x < x1; x++) marks[x] = 1;
  }
  for (let x = left; x < right; x++) {
    if (!marks[x]) continue;
    const x0 = x;
    while (x < right && marks[x]) x++;
    ctx.fillRect(x0, y, x - x0, thick);
  }
}

/** The events of a span as marks on its bar. */
export function paintEvents(ctx: CanvasRenderingContext2D, trace: Trace, row: number, scale: Scale, y: number, height: number): void {
  const { firstEvent, eventTime } = trace;
  let before = -2;
  for (let e = firstEvent[row]; e < firstEvent[row + 1]; e++) {
    const x = Math.round(scale.x(eventTime[e]));
    if (x - before < 2) continue;
    before = x;
    ctx.beginPath();
    ctx.moveTo(x - 3, y - 4);
    ctx.lineTo(x + 3, y - 4);
    ctx.lineTo(x, y + 1);
    ctx.fill();
    ctx.fillRect(x - 0.5, y, 1, height);
  }
}
