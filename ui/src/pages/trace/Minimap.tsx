import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { serviceColor } from "../../theme/service";
import { isDark } from "../../theme/theme";
import { precise } from "../../trace/ticks";
import { t } from "./messages";
import { paintHits, paintMinimap } from "./MinimapPaint";
import type { Opened, Zoom } from "./opened";
import s from "./Minimap.module.css";

const height = 52;

/** The whole trace, and a window over the time that the waterfall shows: its edges zoom, the middle moves it, a drag elsewhere makes a new one. */
export function Minimap({ opened }: { opened: Opened }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const trace = opened.trace.value;
  const all = trace.duration0;
  const zoom = opened.zoom.value;

  useEffect(() => {
    const el = box.current!;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (width > 0) paintMinimap(canvas.current!, trace, width, height);
  }, [trace, width]);
  useSignalEffect(() => {
    isDark.value;
    opened.trace.value.services.forEach(serviceColor); // they change when services become known
    const id = requestAnimationFrame(() => {
      const wide = box.current?.clientWidth ?? 0;
      if (wide > 0) paintMinimap(canvas.current!, opened.trace.peek(), wide, height);
    });
    return () => cancelAnimationFrame(id);
  });

  const hits = opened.found.value?.hits.rows;
  const dark = isDark.value;
  useEffect(() => {
    if (width > 0) paintHits(marks.current!, trace, hits, width, height);
  }, [trace, hits, width, dark]);

  const drag = useRef<{ what: "from" | "until" | "move" | "new"; x: number; zoom: Zoom } | undefined>(undefined);
  const time = (e: PointerEvent) => Math.min(all, Math.max(0, ((e.clientX - box.current!.getBoundingClientRect().left) / Math.max(1, width)) * all));
  const share = (at: number) => `${(100 * at) / all}%`;
  const down = (e: PointerEvent) => {
    if (e.button !== 0) return;
    const what = (e.target as HTMLElement).dataset.part as "from" | "until" | "move" | undefined;
    box.current!.setPointerCapture(e.pointerId);
    drag.current = { what: what === "move" && !opened.zoomed ? "new" : (what ?? "new"), x: time(e), zoom };
    if (what !== "from" && what !== "until") e.preventDefault();
  };
  const move = (e: PointerEvent) => {
    const d = drag.current;
    if (!d) return;
    const at = time(e);
    const least = all / 5000;
    if (d.what === "from") opened.zoomTo(Math.min(at, d.zoom.until - least), d.zoom.until);
    else if (d.what === "until") opened.zoomTo(d.zoom.from, Math.max(at, d.zoom.from + least));
    else if (d.what === "move") opened.zoomTo(d.zoom.from + at - d.x, d.zoom.until + at - d.x);
    else if (Math.abs(at - d.x) > (4 / Math.max(1, width)) * all) opened.zoomTo(Math.min(at, d.x), Math.max(at, d.x));
  };
  const handle = (part: "from" | "until") => (
    <div
      class={s.handle}
      data-part={part}
      style={{ left: share(zoom[part]) }}
      role="slider"
      tabIndex={0}
      aria-label={part === "from" ? t.windowFrom : t.windowUntil}
      aria-valuemin={0}
      aria-valuemax={all}
      aria-valuenow={Math.round(zoom[part])}
      aria-valuetext={precise(zoom[part], all / 1000)}
      onKeyDown={(e) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
        if (by === undefined) return;
        e.preventDefault();
        e.stopPropagation();
        const step = (by * (zoom.until - zoom.from)) / 20;
        if (part === "from") opened.zoomTo(Math.max(0, zoom.from + step), zoom.until);
        else opened.zoomTo(zoom.from, Math.min(all, zoom.until + step));
      }}
    />
  );
  return (
    <div ref={box} class={s.minimap} role="group" aria-label={t.minimap} onPointerDown={down} onPointerMove={move} onPointerUp={() => (drag.current = undefined)} onPointerCancel={() => (drag.current = undefined)} onDblClick={() => opened.resetZoom()}>
      <canvas ref={canvas} class={s.canvas} aria-hidden="true" />
      <canvas ref={marks} class={s.marks} aria-hidden="true" />
      <div class={s.shade} style={{ left: "0", width: share(zoom.from) }} />
      <div class={s.shade} style={{ left: share(zoom.until), right: "0" }} />
      <div class={s.window} data-part="move" data-zoomed={opened.zoomed ? "" : undefined} style={{ left: share(zoom.from), width: share(zoom.until - zoom.from) }} />
      {handle("from")}
      {handle("until")}
    </div>
  );
}
