import { serviceColor } from "../../theme/service";
import { token } from "../../theme/theme";
import type { FlameLayout, FlameTree } from "./FlameTree";
import { glyph } from "./WaterfallGlyphs";
import { Texts } from "./WaterfallTexts";

export const boxHeight = 22;
const least = 0.8; // boxes narrower than that many pixels are drawn together

/** A box that is in sight. */
interface Box {
  node: number;
  x: number;
  y: number;
  w: number;
}

/** What the picture depends on besides the tree. */
export interface Scene {
  layout: FlameLayout;
  top: number; // the node that is zoomed into, 0: all
  scroll: number; // pixels
  cursor: number; // node, -1: none
  hover: number;
  selected: number; // the node of the selected span, -1: none
  dimmed: Uint8Array | undefined; // per node: 1 for what stands back
  hits: Uint32Array | undefined; // per node: spans that were searched for
  focused: boolean;
}

/** Draws the boxes that are in sight, and tells which one is where. */
export class FlamePainter {
  #ctx: CanvasRenderingContext2D;
  #texts: Texts;
  #ratio = 1;
  #width = 0;
  #height = 0;
  #boxes: Box[] = [];
  #colors = { surface: "", border: "", strong: "", text: "", text2: "", accent: "", error: "", errorFill: "", services: [] as string[] };

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly tree: FlameTree,
  ) {
    this.#ctx = canvas.getContext("2d", { alpha: false })!;
    this.#texts = new Texts(this.#ctx, tree.trace);
    this.restyle();
  }

  restyle(): void {
    this.#colors = {
      surface: token("--surface"),
      border: token("--border"),
      strong: token("--border-strong"),
      text: token("--text"),
      text2: token("--text-2"),
      accent: token("--accent"),
      error: token("--error"),
      errorFill: token("--error-fill"),
      services: this.tree.trace.services.map(serviceColor),
    };
    this.#texts.restyle(token("--size-s"), token("--size-xs"), token("--font"));
  }

  resize(width: number, height: number): void {
    this.#ratio = Math.min(window.devicePixelRatio || 1, 3);
    this.#width = width;
    this.#height = height;
    this.canvas.width = Math.round(width * this.#ratio);
    this.canvas.height = Math.round(height * this.#ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
  }

  /** The node at a place, -1 if there is none. */
  at(x: number, y: number): number {
    for (const b of this.#boxes) if (x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + boxHeight) return b.node;
    return -1;
  }

  /** Where a node is drawn. */
  box(node: number): Readonly<Box> | undefined {
    return this.#boxes.find((b) => b.node === node);
  }

  draw(scene: Scene): void {
    const ctx = this.#ctx;
    const c = this.#colors;
    const { tree } = this;
    const { layout, top, scroll } = scene;
    const width = this.#width;
    this.#boxes = [];
    ctx.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    ctx.textBaseline = "middle";
    ctx.fillStyle = c.surface;
    ctx.fillRect(0, 0, width, this.#height);

    const y = (node: number) => (tree.depth[node] - 1) * boxHeight - scroll;
    for (const node of tree.way(top)) this.#box(scene, { node, x: 0, y: y(node), w: width }, node !== top);

    const scale = width / (layout.width[top] || 1);
    const origin = layout.left[top];
    const stack = [top];
    while (stack.length > 0) {
      const node = stack.pop()!;
      const below = tree.depth[node] * boxHeight - scroll;
      if (below > this.#height) continue;
      for (let i = layout.first[node]; i < layout.first[node + 1]; i++) {
        const child = layout.child[i];
        const x = (layout.left[child] - origin) * scale;
        const w = layout.width[child] * scale;
        if (w < least) {
          // The widest come first: the rest is narrower still, and is drawn as one.
          const last = layout.child[layout.first[node + 1] - 1];
          const rest = (layout.left[last] + layout.width[last] - origin) * scale - x;
          if (rest > 0.3) {
            ctx.globalAlpha = 0.5;
            ctx.fillStyle = c.strong;
            ctx.fillRect(x, below, Math.max(rest, 0.6), boxHeight - 1);
            ctx.globalAlpha = 1;
          }
          break;
        }
        if (below > -boxHeight) this.#box(scene, { node: child, x, y: below, w }, false);
        stack.push(child);
      }
    }
    for (const [node, color] of [
      [scene.selected, c.accent],
      [scene.focused ? scene.cursor : -1, c.text],
    ] as const) {
      const b = node > 0 ? this.box(node) : undefined;
      if (!b) continue;
      ctx.strokeStyle = color;
      ctx.lineWidth = 2;
      ctx.strokeRect(b.x + 1, b.y + 1, Math.max(1, b.w - 2), boxHeight - 3);
    }
  }

  #box(scene: Scene, box: Box, above: boolean): void {
    const { node, x, y, w } = box;
    if (y < -boxHeight || y > this.#height) return;
    this.#boxes.push(box);
    const ctx = this.#ctx;
    const c = this.#colors;
    const { tree } = this;
    const { trace } = tree;
    const row = tree.row[node];
    const color = c.services[trace.service[row]];
    const dim = scene.dimmed?.[node] === 1;
    const hit = (scene.hits?.[node] ?? 0) > 0;
    const gap = w > 3 ? 1 : 0;
    const h = boxHeight - 1;
    ctx.globalAlpha = dim ? 0.1 : above ? 0.14 : node === scene.hover ? 0.5 : hit ? 0.55 : 0.32;
    ctx.fillStyle = color;
    ctx.fillRect(x, y, Math.max(w - gap, 0.6), h);
    ctx.globalAlpha = dim ? 0.35 : 1;
    if (w > 6) ctx.fillRect(x, y, 3, h);
    const errors = tree.errors[node];
    if (errors > 0) {
      ctx.fillStyle = c.errorFill;
      ctx.fillRect(x, y + h - 2, Math.max(1, ((w - gap) * errors) / tree.spans[node]), 2);
    }
    if (w > 24) {
      let left = x + 8;
      const middle = y + h / 2 + 0.5;
      if (errors > 0 && w > 40) {
        glyph(ctx, "error", left, y + 5, 11, c.error);
        left += 15;
      }
      const texts = this.#texts;
      let right = x + w - 6;
      if (tree.spans[node] > 1 && w > 110) {
        texts.small();
        const label = `${tree.spans[node].toLocaleString("en")}×`;
        const room = texts.width(label);
        ctx.fillStyle = c.text2;
        ctx.fillText(label, right - room, middle);
        right -= room + 6;
      }
      // The service is named where it changes.
      const p = tree.parent[node];
      ctx.fillStyle = c.text;
      if ((p <= 0 || trace.service[tree.row[p]] !== trace.service[row]) && w > 120) {
        texts.strong();
        const label = texts.service(trace.service[row], (right - left) / 2);
        ctx.fillText(label, left, middle);
        left += texts.width(label) + 6;
      }
      texts.plain();
      if (right - left > 10) ctx.fillText(texts.name(trace.name[row], right - left), left, middle);
    }
    ctx.globalAlpha = 1;
  }
}
