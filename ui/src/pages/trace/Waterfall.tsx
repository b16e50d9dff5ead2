import { useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { lang } from "../../i18n";
import { remembered } from "../../remembered";
import { serviceColor } from "../../theme/service";
import { isDark } from "../../theme/theme";
import { Divider } from "./Divider";
import { t } from "./messages";
import type { Opened } from "./opened";
import { treeKeys } from "./WaterfallKeys";
import { Painter, rowHeight } from "./WaterfallPaint";
import { Pointer } from "./WaterfallPointer";
import { Rows, rowId } from "./WaterfallRows";
import { Ruler } from "./WaterfallRuler";
import { Tip } from "./WaterfallTip";
import s from "./Waterfall.module.css";

// Browsers lay out elements up to some 17 million pixels; what is higher scrolls in proportion.
const highest = 15_000_000;

const treeShare = remembered<number>("weft.trace.names", 0.36, (v) => typeof v === "number" && v > 0.05 && v < 0.9);

/** The rows in sight, for those who cannot see the canvas. */
export interface Sight {
  first: number;
  last: number;
}

/** The spans of a trace as rows: names at the left, bars over time at the right. One canvas shows those in sight. */
export function Waterfall({ opened }: { opened: Opened }) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [sight, setSight] = useState<Sight>({ first: 0, last: 0 });
  const trace = opened.trace.value;
  const painter = useRef<Painter>(undefined as unknown as Painter);
  const frame = useRef(0);
  const settle = useRef(0);
  opened.folds.value;

  const tree = Math.round(Math.min(Math.max(size.width * treeShare.value, 90), Math.max(90, size.width - 120)));
  const height = opened.tree.count * rowHeight + 8;
  const spacer = Math.min(height, highest);

  // How far the rows are scrolled, and back, where the spacer is lower than the rows.
  const scale = useRef({ height: 0, spacer: 0 });
  scale.current = { height, spacer };
  const scrolled = () => {
    const el = scroller.current!;
    const { height, spacer } = scale.current;
    const room = spacer - el.clientHeight;
    if (spacer === height || room <= 0) return Math.round(el.scrollTop);
    return Math.round((el.scrollTop / room) * (height - el.clientHeight));
  };
  const scrollTo = (top: number) => {
    const el = scroller.current!;
    const { height, spacer } = scale.current;
    el.scrollTop = spacer === height ? top : (top / Math.max(1, height - el.clientHeight)) * (spacer - el.clientHeight);
  };

  const draw = () => {
    frame.current = 0;
    const p = painter.current;
    if (!p || !scroller.current) return;
    p.layout.top = scrolled();
    p.draw();
    clearTimeout(settle.current);
    settle.current = setTimeout(() => setSight({ first: p.first, last: p.last }), 80) as unknown as number;
  };
  const redraw = () => {
    if (!frame.current) frame.current = requestAnimationFrame(draw);
  };

  const pointer = useMemo(() => new Pointer(opened, () => painter.current, redraw), [opened]);

  useEffect(() => {
    const el = scroller.current!;
    const observer = new ResizeObserver(() => setSize({ width: el.clientWidth, height: el.clientHeight }));
    observer.observe(el);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
      clearTimeout(settle.current);
    };
  }, []);

  useEffect(() => {
    painter.current = new Painter(canvas.current!, opened, trace);
    painter.current.layout.tree = tree;
    if (size.width > 0) painter.current.resize(size.width, size.height);
    redraw();
  }, [trace]);

  useEffect(() => {
    if (size.width === 0) return;
    painter.current.layout.tree = tree;
    painter.current.resize(size.width, size.height);
    draw();
  }, [size.width, size.height, tree]);

  useSignalEffect(() => {
    isDark.value;
    lang.value;
    opened.trace.value.services.forEach(serviceColor); // they change when services become known
    // The theme's tokens hold once the attribute that selects them is set, which is an effect as well.
    const id = requestAnimationFrame(() => {
      painter.current?.restyle();
      redraw();
    });
    return () => cancelAnimationFrame(id);
  });

  useSignalEffect(() => {
    opened.zoom.value;
    opened.selected.value;
    opened.dim.value;
    opened.found.value;
    opened.folds.value;
    opened.unfolding.value;
    redraw();
  });

  // After the spacer has its height: brings the selected row into sight.
  const sights = opened.sights.value;
  useEffect(() => {
    const el = scroller.current!;
    const row = opened.selected.peek();
    if (row < 0 || sights === 0 || el.clientHeight === 0) return;
    const y = opened.tree.nearest(row) * rowHeight;
    const top = scrolled();
    // On a small screen the details cover the lower part.
    const cover = document.querySelector("[data-details]")?.getBoundingClientRect();
    const box = el.getBoundingClientRect();
    const seen = cover && cover.left < box.left + 1 ? Math.max(3 * rowHeight, Math.min(box.height, cover.top - box.top)) : box.height;
    const room = Math.min(2 * rowHeight, seen / 4);
    if (y < top - seen || y > top + 2 * seen) scrollTo(y - seen / 3);
    else if (y < top + room) scrollTo(y - room);
    else if (y + rowHeight > top + seen - room) scrollTo(y + rowHeight - seen + room);
    redraw();
  }, [sights, size.height > 0]);

  useEffect(() => pointer.attach(overlay.current!), [pointer]);

  // The keys work at once, as long as the focus is nowhere.
  const rows = useRef(1);
  useEffect(() => {
    const keys = (e: KeyboardEvent) => {
      const at = document.activeElement;
      if (e.defaultPrevented || (at && at !== document.body && at.id !== "main") || document.querySelector("dialog[open]")) return;
      treeKeys(e, opened, rows.current);
      if (e.defaultPrevented && e.key !== "Enter") scroller.current?.focus({ preventScroll: true });
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, [opened]);

  const selected = opened.selected.value;
  rows.current = Math.max(1, Math.floor(size.height / rowHeight) - 2);
  return (
    <div class={s.waterfall}>
      <Ruler opened={opened} tree={tree} width={size.width} pointer={pointer} />
      <div
        ref={scroller}
        class={s.scroller}
        role="tree"
        tabIndex={0}
        aria-label={t.spansOf}
        aria-activedescendant={selected >= 0 ? rowId(selected) : undefined}
        onScroll={() => {
          pointer.scrolled();
          redraw();
        }}
        onKeyDown={(e) => treeKeys(e, opened, rows.current)}
      >
        <div class={s.spacer} style={{ height: `${Math.max(spacer, 1)}px` }}>
          <div ref={overlay} class={s.sticky} style={{ height: `${size.height}px` }}>
            <canvas ref={canvas} class={s.canvas} aria-hidden="true" />
            <div ref={pointer.hover} class={s.hover} />
            <div ref={pointer.line} class={s.line} />
            <Rows opened={opened} sight={sight} painter={() => painter.current} />
            <Tip opened={opened} pointer={pointer} />
          </div>
        </div>
      </div>
      <Divider
        class={s.divider}
        at={tree}
        min={90}
        max={Math.max(90, size.width - 120)}
        label={t.columnWidth}
        onMove={(x) => {
          if (size.width > 0) treeShare.value = Math.min(0.85, Math.max(0.06, x / size.width));
        }}
      />
    </div>
  );
}
