import { serviceColor } from "../../theme/service";
import { token } from "../../theme/theme";
import { Flag, type Trace } from "../../trace/trace";

/** Up to how many rows each has a line of its own in the colour of its service; more become a density. */
const singleRows = 1500;

/** Draws the whole trace: rows from top to bottom, time from left to right, errors and the critical path above all else. */
export function paintMinimap(canvas: HTMLCanvasElement, trace: Trace, width: number, height: number): void {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  canvas.width = w;
  canvas.height = h;
  const ctx = canvas.getContext("2d", { alpha: false })!;
  ctx.fillStyle = token("--surface");
  ctx.fillRect(0, 0, w, h);
  if (trace.count === 0) return;
  if (trace.count <= singleRows) lines(ctx, trace, w, h, ratio);
  else density(ctx, trace, w, h, ratio);
}

function lines(ctx: CanvasRenderingContext2D, trace: Trace, w: number, h: number, ratio: number): void {
  const { start, duration, flags, path, duration0 } = trace;
  const colors = trace.services.map(serviceColor);
  const step = Math.min(h / trace.count, 8 * ratio);
  const thick = Math.max(1, step > 3 ? step * 0.62 : step);
  const line = (from: number, time: number, y: number, high: number, least: number) => ctx.fillRect((from / duration0) * w, Math.min(h - high, y), Math.max(least, (time / duration0) * w), high);
  for (let r = 0; r < trace.count; r++) {
    ctx.fillStyle = colors[trace.service[r]];
    line(start[r], duration[r], r * step, thick, 1);
  }
  ctx.fillStyle = token("--slow-fill");
  for (let i = 0; i < path.count; i++) {
    if (path.row[i] >= 0) line(path.from[i], path.until[i] - path.from[i], path.row[i] * step + (step > 4 ? step * 0.5 : 0), 1.5 * ratio, 1);
  }
  ctx.fillStyle = token("--error-fill");
  for (let r = 0; r < trace.count; r++) if (flags[r] & Flag.error) line(start[r], duration[r], r * step, Math.max(thick, 2 * ratio), 2 * ratio);
}

/** How many spans run in each pixel: their starts and ends are counted, and summed up along the lines. */
function density(ctx: CanvasRenderingContext2D, trace: Trace, w: number, h: number, ratio: number): void {
  const { start, duration, flags, path, count, duration0 } = trace;
  const changes = new Int32Array((w + 1) * h);
  const scale = w / duration0;
  for (let r = 0; r < count; r++) {
    const line = Math.min(h - 1, Math.floor((r / count) * h)) * (w + 1);
    const a = Math.min(w - 1, Math.max(0, Math.floor(start[r] * scale)));
    const b = Math.min(w, Math.max(a + 1, Math.ceil((start[r] + duration[r]) * scale)));
    changes[line + a]++;
    changes[line + b]--;
  }
  const image = ctx.createImageData(w, h);
  const pixels = new Uint32Array(image.data.buffer);
  const shades = ramp(token("--surface"), token("--heat-3"), 64);
  const most = Math.log2(1 + (2 * count) / h);
  pixels.fill(shades[0]);
  for (let y = 0; y < h; y++) {
    let n = 0;
    for (let x = 0; x < w; x++) {
      n += changes[y * (w + 1) + x];
      if (n > 0) pixels[y * w + x] = shades[Math.min(63, 14 + Math.floor((49 * Math.log2(1 + n)) / most))];
    }
  }
  const thick = Math.ceil(1.5 * ratio);
  const mark = (row: number, from: number, until: number, color: number, least: number) => {
    const a = Math.min(w - 1, Math.max(0, Math.floor(from * scale)));
    const b = Math.min(w, Math.max(a + least, Math.ceil(until * scale)));
    const y = Math.min(h - thick, Math.floor((row / count) * h));
    for (let k = 0; k < thick; k++) pixels.fill(color, (y + k) * w + a, (y + k) * w + b);
  };
  const amber = pixel(token("--slow-fill"));
  for (let i = 0; i < path.count; i++) if (path.row[i] >= 0) mark(path.row[i], path.from[i], path.until[i], amber, 1);
  const red = pixel(token("--error-fill"));
  for (let r = 0; r < count; r++) if (flags[r] & Flag.error) mark(r, start[r], start[r] + duration[r], red, 2);
  ctx.putImageData(image, 0, 0);
}

/** A hex colour as a pixel (ABGR, as typed arrays on all machines of today have them). */
function pixel(hex: string): number {
  const long = hex.length < 7 ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex; // #fff, as the built style sheet has it
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(long.slice(i, i + 2), 16));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Colours from one hex colour to another as pixels. */
function ramp(from: string, to: string, n: number): Uint32Array {
  const a = pixel(from);
  const b = pixel(to);
  const mix = (shift: number, i: number) => Math.round(((a >> shift) & 255) + ((((b >> shift) & 255) - ((a >> shift) & 255)) * i) / (n - 1)) << shift;
  return Uint32Array.from({ length: n }, (_, i) => ((255 << 24) | mix(16, i) | mix(8, i) | mix(0, i)) >>> 0);
}

/** Marks the rows that a search found, on a canvas of their own over the whole trace. */
export function paintHits(canvas: HTMLCanvasElement, trace: Trace, rows: Int32Array | undefined, width: number, height: number): void {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const w = (canvas.width = Math.max(1, Math.round(width * ratio)));
  const h = (canvas.height = Math.max(1, Math.round(height * ratio)));
  if (!rows || rows.length === 0) return;
  const ctx = canvas.getContext("2d")!;
  const { start, duration, count, duration0 } = trace;
  const step = count <= singleRows ? Math.min(h / count, 8 * ratio) : h / count;
  const size = (rows.length < 200 ? 4 : 3) * ratio;
  const marked = new Uint8Array(w * h); // what lies within a pixel is marked once
  ctx.fillStyle = token("--accent");
  ctx.strokeStyle = token("--surface");
  ctx.lineWidth = ratio;
  for (const r of rows) {
    const x = Math.min(w - 1, Math.max(0, Math.floor(((start[r] + duration[r] / 2) / duration0) * w)));
    const y = Math.min(h - 1, Math.floor((r + 0.5) * step));
    if (marked[y * w + x]) continue;
    marked[y * w + x] = 1;
    const left = Math.min(w - size, Math.max(0, x - size / 2));
    const top = Math.min(h - size, Math.max(0, y - size / 2));
    if (rows.length < 200) ctx.strokeRect(left, top, size, size); // apart from one another while there is room
    ctx.fillRect(left, top, size, size);
  }
}
