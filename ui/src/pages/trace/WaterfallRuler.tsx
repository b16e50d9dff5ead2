import { useRef, useState } from "preact/hooks";
import { ticks } from "../../trace/ticks";
import { t } from "./messages";
import type { Opened } from "./opened";
import { gridLines } from "./WaterfallPaint";
import type { Pointer } from "./WaterfallPointer";
import s from "./Waterfall.module.css";

/** The time axis above the bars. Dragging over it zooms, a double click shows all again. */
export function Ruler({ opened, tree, width, pointer }: { opened: Opened; tree: number; width: number; pointer: Pointer }) {
  const { from } = opened.zoom.value;
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ a: number; b: number }>();
  const p = pointer.painter();
  if (p) {
    p.layout.tree = tree;
    p.layout.width = width;
  }
  const at = (e: MouseEvent) => Math.min(width, Math.max(tree, e.clientX - box.current!.getBoundingClientRect().left));
  return (
    <div ref={box} class={s.ruler}>
      <div class={s.heading} style={{ width: `${tree}px` }}>
        {t.operation}
      </div>
      <div
        class={s.axis}
        style={{ left: `${tree}px` }}
        onPointerDown={(e) => {
          if (e.button !== 0) return;
          e.currentTarget.setPointerCapture(e.pointerId);
          setDrag({ a: at(e), b: at(e) });
        }}
        onPointerMove={(e) => {
          pointer.showTime(at(e));
          if (drag) setDrag({ a: drag.a, b: at(e) });
        }}
        onPointerLeave={() => pointer.showTime(undefined)}
        onPointerUp={() => {
          setDrag(undefined);
          if (drag && Math.abs(drag.a - drag.b) > 4) {
            const painter = pointer.painter();
            opened.zoomTo(painter.time(Math.min(drag.a, drag.b)), painter.time(Math.max(drag.a, drag.b)));
          }
        }}
        onPointerCancel={() => setDrag(undefined)}
        onDblClick={() => opened.resetZoom()}
      >
        {p &&
          width > 0 &&
          ticks(from, p.time(width), gridLines(width - tree)).map((tick) => {
            const x = p.x(tick.at) - tree;
            return (
              <span key={tick.at} class={s.tick} style={{ left: `${x}px` }}>
                {x < width - tree - 8 * tick.label.length && tick.label}
              </span>
            );
          })}
        {drag && <div class={s.range} style={{ left: `${Math.min(drag.a, drag.b) - tree}px`, width: `${Math.abs(drag.a - drag.b)}px` }} />}
      </div>
      <div ref={pointer.label} class={s.time} />
    </div>
  );
}
