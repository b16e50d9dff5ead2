import { signal } from "@preact/signals";
import { createRef } from "preact";
import { precise } from "../../trace/ticks";
import type { Opened } from "./opened";
import { rowHeight, type Painter } from "./WaterfallPaint";

/** What the pointer rests on. */
export interface Rest {
  row: number;
  x: number;
  y: number;
}

/**
 * What the mouse does over the rows. What follows the pointer (the row under it, the line with its time) are elements that
 * are moved, so that nothing is drawn or rendered anew for it.
 */
export class Pointer {
  readonly hover = createRef<HTMLDivElement>();
  readonly line = createRef<HTMLDivElement>();
  readonly label = createRef<HTMLDivElement>();
  /** The row that the pointer has been on for a moment. */
  readonly rest = signal<Rest | undefined>(undefined);

  #timer = 0;
  #row = -1;
  #pan: { x: number; from: number; until: number; moved: boolean } | undefined;
  #box: HTMLElement | undefined;

  constructor(
    readonly opened: Opened,
    readonly painter: () => Painter,
    readonly redraw: () => void,
  ) {}

  attach(box: HTMLElement): () => void {
    this.#box = box;
    const on = <K extends keyof HTMLElementEventMap>(name: K, f: (e: HTMLElementEventMap[K]) => void, o?: AddEventListenerOptions) => box.addEventListener(name, f, o);
    on("pointermove", this.#move);
    on("pointerleave", this.#leave);
    on("pointerdown", this.#down);
    on("pointerup", this.#up);
    on("pointercancel", this.#up);
    on("click", this.#click);
    on("dblclick", this.#double);
    on("wheel", this.#wheel, { passive: false });
    return () => {
      clearTimeout(this.#timer);
      for (const [name, f] of [["pointermove", this.#move], ["pointerleave", this.#leave], ["pointerdown", this.#down], ["pointerup", this.#up], ["pointercancel", this.#up], ["click", this.#click], ["dblclick", this.#double], ["wheel", this.#wheel]] as [string, EventListener][]) box.removeEventListener(name, f);
    };
  }

  /** Rows moved below the pointer. */
  scrolled(): void {
    this.#hide();
  }

  #hide(): void {
    if (this.#row < 0) return;
    clearTimeout(this.#timer);
    this.#row = -1;
    if (this.rest.peek()) this.rest.value = undefined;
    if (this.hover.current) this.hover.current.style.visibility = "hidden";
  }

  #point(e: MouseEvent): { x: number; y: number } {
    const box = this.#box!.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  }

  /** Shows the time at a point of the axis; undefined hides it. */
  showTime(x: number | undefined): void {
    const line = this.line.current;
    const label = this.label.current;
    if (!line || !label) return;
    const p = this.painter();
    const on = x !== undefined && x > p.layout.tree;
    line.style.visibility = label.style.visibility = on ? "visible" : "hidden";
    if (!on) return;
    line.style.transform = `translateX(${Math.round(x)}px)`;
    const { from, until } = this.opened.zoom.peek();
    label.textContent = precise(p.time(x), (until - from) / p.axis);
    const w = label.offsetWidth;
    label.style.transform = `translateX(${Math.round(Math.min(p.layout.width - w - 2, Math.max(p.layout.tree + 2, x - w / 2)))}px)`;
  }

  #move = (e: PointerEvent): void => {
    if (e.pointerType === "touch") return;
    const { x, y } = this.#point(e);
    const p = this.painter();
    if (this.#pan) {
      const dx = x - this.#pan.x;
      if (Math.abs(dx) > 3) this.#pan.moved = true;
      if (this.#pan.moved) {
        this.#box!.setPointerCapture(e.pointerId);
        const by = (-dx / p.axis) * (this.#pan.until - this.#pan.from);
        this.opened.zoomTo(this.#pan.from + by, this.#pan.until + by);
        this.#hide();
        return;
      }
    }
    this.showTime(x);
    const i = p.at(y);
    const row = i < 0 ? -1 : this.opened.tree.visible[i];
    this.#box!.style.cursor = i >= 0 && (this.#onStub(i, x) || this.#onArrow(row, x)) ? "pointer" : "default";
    if (row !== this.#row) {
      this.#row = row;
      const hover = this.hover.current!;
      hover.style.visibility = row < 0 ? "hidden" : "visible";
      if (row >= 0) hover.style.transform = `translateY(${i * rowHeight - p.layout.top}px)`;
      if (this.rest.peek()) this.rest.value = undefined;
    }
    clearTimeout(this.#timer);
    if (row >= 0 && !this.rest.peek()) this.#timer = setTimeout(() => (this.rest.value = { row, x, y: i * rowHeight - p.layout.top }), 450) as unknown as number;
  };

  #leave = (): void => {
    this.#hide();
    this.showTime(undefined);
  };

  #onStub(position: number, x: number): boolean {
    const p = this.painter();
    const k = 2 * (position - p.first);
    return p.stubs[k + 1] > 0 && x >= p.stubs[k] && x <= p.stubs[k + 1];
  }

  #onArrow(row: number, x: number): boolean {
    const { trace, layout } = this.painter();
    if (trace.size[row] === 1 || x > layout.tree) return false;
    const left = this.painter().left(row);
    return (x >= left - 6 && x <= left + 13) || (layout.tree > 180 && x > layout.tree - 44);
  }

  #down = (e: PointerEvent): void => {
    clearTimeout(this.#timer);
    if (this.rest.peek()) this.rest.value = undefined;
    if (e.button !== 0 || e.pointerType === "touch") return;
    const { x } = this.#point(e);
    if (x > this.painter().layout.tree && this.opened.zoomed) this.#pan = { x, ...this.opened.zoom.peek(), moved: false };
  };

  #panned = false;
  #details = 0;

  #up = (e: PointerEvent): void => {
    if (this.#pan?.moved && e.type === "pointerup") this.#move(e);
    this.#panned = this.#pan?.moved ?? false;
    this.#pan = undefined;
  };

  #click = (e: MouseEvent): void => {
    if (this.#panned) {
      this.#panned = false;
      return;
    }
    const { x, y } = this.#point(e);
    const i = this.painter().at(y);
    if (i < 0) return;
    const row = this.opened.tree.visible[i];
    if (this.#onStub(i, x)) void this.opened.unfold(row);
    else if (this.#onArrow(row, x)) this.opened.toggle(row);
    else {
      this.opened.select(row, { sight: false });
      // Opening the details moves what is below the pointer, so that a second click would miss.
      clearTimeout(this.#details);
      this.#details = setTimeout(() => (this.opened.details.value = true), this.opened.details.peek() ? 0 : 240) as unknown as number;
    }
  };

  #double = (e: MouseEvent): void => {
    const { x, y } = this.#point(e);
    const i = this.painter().at(y);
    if (i < 0 || x <= this.painter().layout.tree) return;
    clearTimeout(this.#details);
    this.opened.zoomToSpan(this.opened.tree.visible[i]);
  };

  #wheel = (e: WheelEvent): void => {
    const p = this.painter();
    const { from, until } = this.opened.zoom.peek();
    if (e.ctrlKey || e.metaKey) {
      e.preventDefault();
      const { x } = this.#point(e);
      if (x > p.layout.tree) this.opened.zoomBy(Math.exp(-e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.0025)), p.time(x));
      return;
    }
    const dx = e.shiftKey && e.deltaX === 0 ? e.deltaY : e.deltaX;
    if (Math.abs(dx) > Math.abs(e.shiftKey ? 0 : e.deltaY) && this.opened.zoomed) {
      e.preventDefault();
      const by = (dx / p.axis) * (until - from);
      this.opened.zoomTo(from + by, until + by);
    }
  };
}
