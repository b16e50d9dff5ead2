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
  if (trace.count <= singleRows) lines(ctx, trace, w, h);
  else density(ctx, trace, w, h);
  critical(ctx, trace, w, h, ratio);
  errors(ctx, trace, w, h, ratio);
}

function lines(ctx: CanvasRenderingContext2D, trace: Trace, w: number, h: number): void {
  const colors = trace.services.map(serviceColor);
  const step = Math.min(h / trace.count, 8);
  const thick = Math.max(1, step > 3 ? step * 0.62 : step);
  for (let r = 0; r < trace.count; r++) {
    const x = (trace.start[r] / trace.duration0) * w;
    const wide = Math.max(1, (trace.duration[r] / trace.duration0) * w);
    ctx.fillStyle = colors[trace.service[r]];
    ctx.fillRect(x, Math.min(h - 1, r * step), wide, thick);
  }
}

/** How many spans run in each pixel: their starts and ends are counted, and summed up along the lines. */
function density(ctx: CanvasRenderingContext2D, trace: Trace, w: number, h: number): void {
  const { start, duration, count, duration0 } = trace;
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
  ctx.putImageData(image, 0, 0);
}

/** Colours from one hex colour to another as pixels (ABGR, as typed arrays on all machines of today have them). */
function ramp(from: string, to: string, n: number): Uint32Array {
  const rgb = (hex: string) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const a = rgb(from);
  const b = rgb(to);
  return Uint32Array.from({ length: n }, (_, i) => {
    const [r, g, bl] = a.map((v, k) => Math.round(v + ((b[k] - v) * i) / (n - 1)));
    return ((255 << 24) | (bl << 16) | (g << 8) | r) >>> 0;
  });
}

function critical(ctx: CanvasRenderingContext2D, trace: Trace, w: number, h: number, ratio: number): void {
  const { path, count, duration0 } = trace;
  const step = Math.min(h / count, 8 * Number(count <= singleRows) || h / count);
  ctx.fillStyle = token("--slow-fill");
  for (let i = 0; i < path.count; i++) {
    if (path.row[i] < 0) continue;
    const x = (path.from[i] / duration0) * w;
    const wide = Math.max(1, ((path.until[i] - path.from[i]) / duration0) * w);
    const y = Math.min(h - 2 * ratio, path.row[i] * step + (step > 4 ? step * 0.5 : 0));
    ctx.fillRect(x, y, wide, Math.max(1.5 * ratio, 1));
  }
}

function errors(ctx: CanvasRenderingContext2D, trace: Trace, w: number, h: number, ratio: number): void {
  const { flags, start, duration, count, duration0 } = trace;
  const step = Math.min(h / count, 8 * Number(count <= singleRows) || h / count);
  ctx.fillStyle = token("--error-fill");
  const done = new Uint8Array(w * h); // many errors in one pixel are drawn once
  for (let r = 0; r < count; r++) {
    if (!(flags[r] & Flag.error)) continue;
    const x = Math.min(w - 1, Math.floor((start[r] / duration0) * w));
    const y = Math.min(h - 1, Math.floor(r * step));
    if (done[y * w + x]) continue;
    done[y * w + x] = 1;
    ctx.fillRect(x, Math.min(h - 2 * ratio, y), Math.max(2 * ratio, (duration[r] / duration0) * w), Math.max(2 * ratio, step * 0.62));
  }
}
