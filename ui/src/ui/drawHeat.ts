import { axisTime, utc } from "../format";
import { token } from "../theme/theme";
import { durationTick, durationTicks, timeTicks, type Box, type Grid, type Scale } from "./heat";

type RGB = [number, number, number];

function rgb(color: string): RGB {
  const n = parseInt(color.slice(1), 16);
  return color.length === 7 && !Number.isNaN(n) ? [n >> 16, (n >> 8) & 255, n & 255] : [128, 128, 128];
}

/** The colours from few to many. */
function ramp(): string[] {
  const stops = [0, 1, 2, 3, 4].map((n) => rgb(token(`--heat-${n}`)));
  return Array.from({ length: 64 }, (_, i) => {
    const at = (i / 63) * 4;
    const n = Math.min(3, Math.floor(at));
    const mix = stops[n].map((v, k) => Math.round(v + (stops[n + 1][k] - v) * (at - n)));
    return `rgb(${mix.join()})`;
  });
}

export interface Look {
  grid: Grid | undefined;
  scale: Scale;
  from: number;
  to: number;
  errors: boolean; // colour by failed spans
  boxes: readonly Box[]; // chosen, or being dragged
  cell: Box | null; // under the pointer or the keyboard's cursor
}

/** Draws a heat map; the context is scaled to CSS pixels and empty. */
export function drawHeat(c: CanvasRenderingContext2D, { grid: g, scale: s, from, to, errors, boxes, cell }: Look): void {
  axes(c, s, from, to, g?.bounds ?? []);
  c.save();
  c.beginPath();
  c.rect(s.left, s.top, s.right - s.left, s.bottom - s.top);
  c.clip();
  // Where every span failed, marks would say nothing: how many there were does.
  if (g) cells(c, g, s, errors || (g.total > 0 && g.errors === g.total));
  if (cell) {
    const r = rect(s, cell);
    c.strokeStyle = token("--text");
    c.lineWidth = 1.5;
    c.strokeRect(r.x + 0.25, r.y + 0.25, r.w - 0.5, r.h - 0.5);
  }
  c.restore();
  for (const b of boxes) selection(c, s, b);
}

function rect(s: Scale, b: Box) {
  const x = Math.max(s.left, s.x(b.from));
  const y = Math.max(s.top, s.y(b.max));
  return { x, y, w: Math.min(s.right, s.x(b.to)) - x, h: Math.min(s.bottom, s.y(b.min)) - y };
}

function cells(c: CanvasRenderingContext2D, g: Grid, s: Scale, errors: boolean): void {
  const colors = ramp();
  const width = s.x(g.start + g.step) - s.x(g.start);
  const gap = width > 4 ? 1 : 0;
  const quiet = token("--surface-3");
  const red = token("--error-fill");
  const most = Math.log1p(errors ? g.mostErrors : g.most) || 1;
  for (const cell of g.cells.values()) {
    const x = s.x(g.start + cell.column * g.step);
    const top = s.y(g.bounds[cell.row + 1]);
    const bottom = s.y(g.bounds[cell.row]);
    const w = Math.max(1, width - gap);
    const h = Math.max(1, bottom - top - 1);
    if (errors) {
      c.fillStyle = cell.errors ? red : quiet;
      c.globalAlpha = cell.errors ? 0.35 + 0.65 * (Math.log1p(cell.errors) / most) : 0.7;
      c.fillRect(x, top, w, h);
      c.globalAlpha = 1;
      continue;
    }
    c.fillStyle = colors[Math.round((Math.log1p(cell.count) / most) * 63)];
    c.fillRect(x, top, w, h);
    if (cell.errors) {
      // As wide as their share, at least so that it can be seen.
      c.fillStyle = red;
      c.fillRect(x, top, Math.min(w, Math.max(2, w * (cell.errors / cell.count))), h);
    }
  }
}

function selection(c: CanvasRenderingContext2D, s: Scale, b: Box): void {
  const r = rect(s, b);
  if (r.w <= 0 || r.h <= 0) return;
  const accent = token("--accent");
  c.fillStyle = token("--surface");
  c.globalAlpha = 0.55; // what is not chosen steps back
  c.fillRect(s.left, s.top, s.right - s.left, r.y - s.top);
  c.fillRect(s.left, r.y + r.h, s.right - s.left, s.bottom - r.y - r.h);
  c.fillRect(s.left, r.y, r.x - s.left, r.h);
  c.fillRect(r.x + r.w, r.y, s.right - r.x - r.w, r.h);
  c.globalAlpha = 1;
  c.strokeStyle = accent;
  c.lineWidth = 2;
  c.strokeRect(r.x, r.y, r.w, r.h);
}

function axes(c: CanvasRenderingContext2D, s: Scale, from: number, to: number, bounds: readonly number[]): void {
  c.font = `11px ${token("--font")}`;
  c.fillStyle = token("--text-3");
  c.strokeStyle = token("--border");
  c.lineWidth = 1;
  c.textBaseline = "middle";
  c.textAlign = "right";
  for (const ns of durationTicks(bounds, s.bottom - s.top)) {
    const y = Math.round(s.y(ns)) + 0.5;
    c.beginPath();
    c.moveTo(s.left, y);
    c.lineTo(s.right, y);
    c.stroke();
    c.fillText(durationTick(ns), s.left - 8, Math.min(s.bottom - 5, Math.max(s.top + 5, y)));
  }
  c.textBaseline = "alphabetic";
  c.textAlign = "center";
  const wide = axisTime(from, to - from).length * 6.4 + 24;
  for (const at of timeTicks(from, to, (s.right - s.left) / wide, utc.value)) {
    const x = s.x(at);
    const half = wide / 2 - 12;
    c.fillText(axisTime(at, to - from), Math.min(s.right + 8 - half, Math.max(s.left + half - 40, x)), s.bottom + 16);
    c.beginPath();
    c.moveTo(Math.round(x) + 0.5, s.bottom);
    c.lineTo(Math.round(x) + 0.5, s.bottom + 4);
    c.stroke();
  }
  c.beginPath();
  c.moveTo(s.left, s.bottom + 0.5);
  c.lineTo(s.right, s.bottom + 0.5);
  c.stroke();
}
