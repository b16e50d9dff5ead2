// Small pictures for the canvas, on a grid of 16.
const paths = {
  right: "M6 4l4 4-4 4",
  left: "M10 4 6 8l4 4",
  down: "M4 6l4 4 4-4",
  error: "M8 2 14.8 14H1.2zM8 6.3v3.6M8 12v.1",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 5v3l2 1.5",
  broken: "M6 10 4.6 11.4a2.4 2.4 0 0 1-3.4-3.4L3.5 5.7M10 6l1.4-1.4a2.4 2.4 0 0 1 3.4 3.4L12.5 10.3M6 1.5l.8 2.3M1.8 2.8l1.8 1.6M10 14.5l-.8-2.3M14.2 13.2l-1.8-1.6",
} as const;

const made = new Map<string, Path2D>();

/** Draws a picture with its upper left corner at a point. */
export function glyph(ctx: CanvasRenderingContext2D, name: keyof typeof paths, x: number, y: number, size: number, color: string): void {
  let p = made.get(name);
  if (!p) made.set(name, (p = new Path2D(paths[name])));
  const scale = size / 16;
  ctx.translate(x, y);
  ctx.scale(scale, scale);
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.7;
  ctx.lineCap = "round";
  ctx.lineJoin = "round";
  ctx.stroke(p);
  ctx.scale(1 / scale, 1 / scale);
  ctx.translate(-x, -y);
}
