import { count } from "../../format";
import { serviceColor } from "../../theme/service";
import { token } from "../../theme/theme";
import { Covers } from "../../trace/cover";
import { ticks } from "../../trace/ticks";
import { Flag, type Trace } from "../../trace/trace";
import type { Opened } from "./opened";
import { t } from "./messages";
import { glyph } from "./WaterfallGlyphs";
import { paintCovered, paintEvents, paintPath, Scale } from "./WaterfallMarks";
import { Texts } from "./WaterfallTexts";

export const rowHeight = 24;
const barTop = 6;
const barHeight = 11;
const pathTop = 19; // of the critical path's line, below the bar
const edge = 12; // free space before the time,
const after = 78; // and after it, for the duration of spans that last to the end
const treeLeft = 10;
const faint = 0.32; // what stands back

/** Where things are; all lengths are CSS pixels. */
export interface Layout {
  width: number;
  height: number;
  tree: number; // width of the column with the names
  top: number; // how much of the rows is above what is visible
}

interface Colors {
  surface: string;
  surface2: string;
  border: string;
  strong: string;
  text: string;
  text2: string;
  text3: string;
  accent: string;
  soft: string;
  error: string;
  errorFill: string;
  slow: string;
  font: string;
  services: string[];
}

/** Draws the rows of the waterfall that are in sight, and tells what is where. */
export class Painter {
  #ctx: CanvasRenderingContext2D;
  #ratio = 1;
  #colors!: Colors;
  #texts: Texts;
  #covers: Covers;
  #scale = new Scale();
  #knee: number; // the level that hardly a row is deeper than

  layout: Layout = { width: 0, height: 0, tree: 0, top: 0 };
  /** Left and right end of the stub for folded spans, two values for each row in sight from `first` on; 0: none. */
  stubs = new Float32Array(0);
  first = 0;
  last = 0; // position after the last row in sight

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly opened: Opened,
    readonly trace: Trace,
  ) {
    this.#ctx = canvas.getContext("2d", { alpha: false })!;
    this.#texts = new Texts(this.#ctx, trace);
    this.#covers = new Covers(trace);
    this.#knee = usualDepth(trace);
    this.restyle();
  }

  /** Takes on colours, fonts and words anew: the theme or the language is another one. */
  restyle(): void {
    const font = token("--font");
    this.#colors = {
      surface: token("--surface"),
      surface2: token("--surface-2"),
      border: token("--border"),
      strong: token("--border-strong"),
      text: token("--text"),
      text2: token("--text-2"),
      text3: token("--text-3"),
      accent: token("--accent"),
      soft: token("--accent-soft"),
      error: token("--error"),
      errorFill: token("--error-fill"),
      slow: token("--slow-fill"),
      font,
      services: this.trace.services.map(serviceColor),
    };
    this.#texts.restyle(token("--size-s"), token("--size-xs"), font);
  }

  resize(width: number, height: number): void {
    this.#ratio = Math.min(window.devicePixelRatio || 1, 3);
    this.layout.width = width;
    this.layout.height = height;
    this.canvas.width = Math.round(width * this.#ratio);
    this.canvas.height = Math.round(height * this.#ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const rows = Math.ceil(height / rowHeight) + 2;
    if (this.stubs.length < 2 * rows) this.stubs = new Float32Array(2 * rows);
  }

  /** Pixels from the left for a point in time. */
  x(at: number): number {
    const { from, until } = this.opened.zoom.peek();
    return this.layout.tree + edge + ((at - from) / (until - from)) * this.axis;
  }

  /** The point in time at pixels from the left. */
  time(x: number): number {
    const { from, until } = this.opened.zoom.peek();
    return from + ((x - this.layout.tree - edge) / this.axis) * (until - from);
  }

  /** How many pixels the time that is shown has. */
  get axis(): number {
    const room = this.layout.width - this.layout.tree;
    return Math.max(1, room - edge - (room > 290 ? after : edge));
  }

  /** The position among the visible rows at pixels from the top of what is in sight; -1 if there is none. */
  at(y: number): number {
    const i = Math.floor((y + this.layout.top) / rowHeight);
    return i >= 0 && i < this.opened.tree.count ? i : -1;
  }

  /** Pixels from the left where a row's names start, the arrow for opening it included. */
  left(row: number): number {
    return this.#level(this.trace.depth[row]);
  }

  /** How much a level is indented against the one above it. */
  get #indent(): number {
    return Math.max(3, Math.min(14, (this.layout.tree * 0.4) / Math.max(1, this.#knee)));
  }

  /** Where a level starts. A few rows that are far deeper than the rest do not press all others together: they share what room is left. */
  #level(depth: number): number {
    const indent = this.#indent;
    if (depth <= this.#knee) return treeLeft + Math.min(depth * indent, this.layout.tree * 0.6);
    const deeper = Math.min(indent, (this.layout.tree * 0.15) / Math.max(1, this.trace.maxDepth - this.#knee));
    return treeLeft + Math.min(this.#knee * indent + (depth - this.#knee) * deeper, this.layout.tree * 0.6);
  }

  draw(): void {
    const { width, height, tree, top } = this.layout;
    if (width === 0 || height === 0) return;
    const ctx = this.#ctx;
    const c = this.#colors;
    const { opened } = this;
    const rows = opened.tree;
    const dim = opened.dim.peek();
    const selected = opened.selected.peek();
    const { from, until } = opened.zoom.peek();
    this.#scale.set(from, until, tree + edge, this.axis);

    ctx.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    ctx.textBaseline = "middle";
    ctx.fillStyle = c.surface;
    ctx.fillRect(0, 0, width, height);
    this.first = Math.max(0, Math.floor(top / rowHeight));
    this.last = Math.min(rows.count, Math.ceil((top + height) / rowHeight));
    this.stubs.fill(0);

    const at = selected < 0 ? -1 : rows.position(selected);
    if (at >= this.first && at < this.last) {
      ctx.fillStyle = c.soft;
      ctx.fillRect(0, at * rowHeight - top, width, rowHeight);
      ctx.fillStyle = c.accent;
      ctx.fillRect(0, at * rowHeight - top, 3, rowHeight);
    }
    this.#grid();
    ctx.save();
    ctx.beginPath();
    ctx.rect(tree + 1, 0, width - tree - 1, height);
    ctx.clip();
    for (let i = this.first; i < this.last; i++) {
      ctx.globalAlpha = dim?.[rows.visible[i]] ? faint : 1;
      this.#bar(i, rows.visible[i], i * rowHeight - top);
    }
    ctx.restore();
    for (let i = this.first; i < this.last; i++) {
      ctx.globalAlpha = dim?.[rows.visible[i]] ? faint : 1;
      this.#name(rows.visible[i], i * rowHeight - top);
    }
    ctx.globalAlpha = 1;
    ctx.fillStyle = c.border;
    ctx.fillRect(tree, 0, 1, height);
  }

  #grid(): void {
    const { width, height, tree } = this.layout;
    const { from, until } = this.opened.zoom.peek();
    this.#ctx.fillStyle = this.#colors.surface2;
    const end = until + (width - tree - this.axis) * ((until - from) / this.axis);
    for (const tick of ticks(from, end, gridLines(width - tree))) this.#ctx.fillRect(Math.round(this.x(tick.at)), 0, 1, height);
  }

  #name(row: number, y: number): void {
    const { trace, opened } = this;
    const { tree } = this.layout;
    const ctx = this.#ctx;
    const c = this.#colors;
    const texts = this.#texts;
    const depth = trace.depth[row];
    const left = this.left(row);
    const middle = y + rowHeight / 2;

    if (this.#indent >= 5) {
      ctx.fillStyle = c.border;
      for (let d = Math.min(depth, this.#knee) - 1; d >= 0; d--) ctx.fillRect(Math.round(this.#level(d) + 5), y, 1, rowHeight);
    }
    const closed = opened.tree.closed[row] === 1;
    const opens = opened.tree.opens(row);
    let x = left;
    if (opens || trace.missing[row] > 0) glyph(ctx, closed || !opens ? "right" : "down", x - 1, middle - 6, 12, c.text2);
    x += 14;
    ctx.fillStyle = c.services[trace.service[row]];
    roundRect(ctx, x, y + 5, 4, rowHeight - 10, 2);
    x += 9;
    if (trace.is(row, Flag.error)) {
      glyph(ctx, "error", x, middle - 6.5, 13, c.error);
      x += 17;
    }
    if (trace.is(row, Flag.orphan)) {
      glyph(ctx, "broken", x, middle - 6.5, 13, c.text3);
      x += 17;
    }

    // How many spans are below, at the right end of the column.
    let right = tree - 8;
    if (trace.size[row] > 1 && tree > 180) {
      const label = count(trace.size[row] - 1);
      texts.small();
      const w = texts.width(label);
      const errors = closed ? trace.errors[trace.end[row]] - trace.errors[row + 1] : 0;
      ctx.fillStyle = errors > 0 ? c.error : c.text3;
      ctx.fillText(label, right - w, middle + 0.5);
      if (closed) {
        ctx.strokeStyle = errors > 0 ? c.error : c.strong;
        ctx.lineWidth = 1;
        strokeRound(ctx, Math.round(right - w - 5) + 0.5, y + 4.5, Math.round(w + 9), rowHeight - 9, 7);
        right -= w + 12;
      } else right -= w + 8;
    }

    const p = trace.parent[row];
    const room = right - x;
    if (opened.found.peek()?.hits.mask[row] && room > 10) {
      ctx.fillStyle = row === opened.selected.peek() ? c.surface : c.soft;
      roundRect(ctx, x - 3, y + 3, room + 4, rowHeight - 6, 4);
    }
    if ((p < 0 || trace.service[p] !== trace.service[row]) && tree > 150) {
      texts.strong();
      const label = texts.service(trace.service[row], Math.max(24, Math.min(room * 0.55, 180)));
      ctx.fillStyle = c.text;
      ctx.fillText(label, x, middle + 0.5);
      x += texts.width(label) + 7;
    }
    texts.plain();
    if (right - x > 12) {
      ctx.fillStyle = row === opened.selected.peek() ? c.text : c.text2;
      ctx.fillText(texts.name(trace.name[row], right - x), x, middle + 0.5);
    }
  }

  #bar(position: number, row: number, y: number): void {
    const { trace, opened } = this;
    const { tree, width } = this.layout;
    const ctx = this.#ctx;
    const c = this.#colors;
    const texts = this.#texts;
    const start = trace.start[row];
    const from = this.x(start);
    const until = this.x(start + trace.duration[row]);
    const min = tree + 1;
    const middle = y + rowHeight / 2;

    if (until < min || from > width) {
      // Out of sight: an arrow to where it is.
      glyph(ctx, until < min ? "left" : "right", until < min ? min + 1 : width - 13, middle - 6, 12, c.strong);
    } else {
      const a = Math.max(from, min - 4);
      const b = Math.max(Math.min(until, width + 4), a + 2);
      const color = c.services[trace.service[row]];
      ctx.fillStyle = color;
      if (b - a > 5) roundRect(ctx, a, y + barTop, b - a, barHeight, 2.5);
      else ctx.fillRect(a, y + barTop, b - a, barHeight);
      if (b - a > 5) {
        const alpha = ctx.globalAlpha;
        ctx.fillStyle = c.surface;
        ctx.globalAlpha = alpha * 0.62;
        paintCovered(ctx, this.#covers.of(row), this.#scale, a, b, y + barTop + 1, barHeight - 2);
        ctx.globalAlpha = alpha;
      }
      if (trace.is(row, Flag.error)) {
        ctx.fillStyle = c.errorFill;
        ctx.fillRect(a, y + barTop - 2, 3, barHeight + 4);
      }
      const { path, end } = trace;
      ctx.fillStyle = c.slow;
      // Of the span itself, and of all that is below if that is not shown.
      paintPath(ctx, path, path.first[row], path.first[opened.tree.closed[row] ? end[row] : row + 1], this.#scale, tree, width, y + pathTop);
      ctx.fillStyle = c.text;
      paintEvents(ctx, trace, row, this.#scale, y + barTop, barHeight);

      texts.small();
      const label = texts.duration(trace.duration[row]);
      const marks = (trace.is(row, Flag.error) ? 15 : 0) + (trace.is(row, Flag.clock) ? 15 : 0);
      const missing = trace.missing[row];
      const stub = missing > 0 ? t.hiddenSpans(missing < 100_000 ? missing.toLocaleString("en") : count(missing)) : "";
      const w = texts.width(label) + marks;
      const stubWidth = stub ? texts.width(stub) + 22 : 0;
      let x = b + 6;
      if (x + w + (stub ? stubWidth + 6 : 0) > width - 4) {
        if (a - 6 - w - (stub ? stubWidth + 6 : 0) > min) x = a - 6 - w - (stub ? stubWidth + 6 : 0);
        else {
          x = Math.min(b, width) - w - (stub ? stubWidth + 6 : 0) - 6;
          const alpha = ctx.globalAlpha;
          ctx.fillStyle = c.surface;
          ctx.globalAlpha = alpha * 0.88;
          roundRect(ctx, x - 4, y + barTop - 1, w + 8, barHeight + 2, 3);
          ctx.globalAlpha = alpha;
        }
      }
      if (trace.is(row, Flag.error)) {
        glyph(ctx, "error", x, middle - 6, 12, c.error);
        x += 15;
      }
      if (trace.is(row, Flag.clock)) {
        glyph(ctx, "clock", x, middle - 6, 12, c.text3);
        x += 15;
      }
      ctx.fillStyle = trace.is(row, Flag.error) ? c.error : c.text2;
      ctx.fillText(label, x, middle + 0.5);
      x += texts.width(label) + 6;
      if (stub) this.#stub(position, stub, x, stubWidth, y, opened.unfolding.peek().has(trace.spanId(row)));
    }
  }

  /** A dashed outline with the number of spans that opening would load. */
  #stub(position: number, label: string, x: number, w: number, y: number, loading: boolean): void {
    const ctx = this.#ctx;
    const c = this.#colors;
    ctx.fillStyle = c.surface;
    roundRect(ctx, x, y + 3.5, w, rowHeight - 7, 8);
    ctx.setLineDash([3, 2]);
    ctx.strokeStyle = loading ? c.strong : c.accent;
    ctx.lineWidth = 1;
    strokeRound(ctx, x, y + 3.5, w, rowHeight - 7, 8);
    ctx.setLineDash([]);
    glyph(ctx, loading ? "clock" : "down", x + 5, y + rowHeight / 2 - 5, 10, loading ? c.text3 : c.accent);
    ctx.fillStyle = loading ? c.text3 : c.accent;
    ctx.fillText(label, x + 17, y + rowHeight / 2 + 0.5);
    const i = 2 * (position - this.first);
    this.stubs[i] = x;
    this.stubs[i + 1] = x + w;
  }
}

/** The depth that 98 of 100 rows do not exceed. */
function usualDepth(trace: Trace): number {
  const rows = new Int32Array(trace.maxDepth + 1);
  for (let r = 0; r < trace.count; r++) rows[trace.depth[r]]++;
  let depth = 0;
  for (let sum = rows[0] ?? 0; sum < trace.count * 0.98; sum += rows[depth]) depth++;
  return depth;
}

/** About how many lines of the time axis a width has. */
export function gridLines(width: number): number {
  return Math.max(2, Math.round(width / 88));
}

function roundRect(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, r: number): void {
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, r);
  ctx.fill();
}

function strokeRound(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, r: number): void {
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, r);
  ctx.stroke();
}
