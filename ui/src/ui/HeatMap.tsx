import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { HeatMap as Data } from "../api/types";
import { count, duration, time, utc } from "../format";
import { lang } from "../i18n";
import { isDark } from "../theme/theme";
import { drawHeat } from "./drawHeat";
import { boxOf, columnAt, durationTick, grid, inside, rowAt, scale, type Box, type Grid } from "./heat";
import { t } from "./heatMessages";
import s from "./HeatMap.module.css";

interface Props {
  data: Data | undefined; // what /heatmap answered
  from: number; // the axis of time, in milliseconds
  to: number;
  label: string; // what the map shows, for screen readers
  box?: Box | null; // what is selected
  onSelect?: (box: Box | null) => void;
  onOpen?: (traceId: string) => void; // of an example of a cell
  errors?: boolean; // colour by failed spans
  height?: number;
}

interface Cell {
  column: number;
  row: number;
}

/** How many spans there were by time and duration. A part of it is selected by dragging or with the keyboard. */
export function HeatMap({ data, from, to, label, box = null, onSelect, onOpen, errors = false, height = 200 }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [pointed, setPointed] = useState<Cell | null>(null);
  const [anchor, setAnchor] = useState<Cell | null>(null); // the other corner, while a box is made
  const [keyed, setKeyed] = useState(false); // by the keyboard
  const pressed = useRef<{ x: number; y: number; cell: Cell } | null>(null);
  const help = useId();
  const g = useMemo(() => data && grid(data), [data]);
  const sc = useMemo(() => scale(width, height, from, to, g?.bounds ?? []), [width, height, from, to, g]);

  useLayoutEffect(() => {
    const el = frame.current!;
    setWidth(el.clientWidth);
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);

  const making = g && anchor && pointed ? boxOf(g, anchor, pointed) : null;
  const look = [isDark.value, lang.value, utc.value];
  useEffect(() => {
    const el = canvas.current!;
    const ratio = devicePixelRatio || 1;
    el.width = Math.round(width * ratio);
    el.height = Math.round(height * ratio);
    const c = el.getContext("2d");
    if (!c || !width) return;
    c.scale(ratio, ratio);
    const shown = making ?? box;
    drawHeat(c, { grid: g, scale: sc, from, to, errors, boxes: shown ? [shown] : [], cell: g?.rows && pointed && !anchor ? boxOf(g, pointed, pointed) : null });
  }, [g, sc, width, height, errors, box?.from, box?.to, box?.min, box?.max, pointed, anchor, ...look]);

  const cellAt = (e: PointerEvent): Cell | null => {
    const r = canvas.current!.getBoundingClientRect();
    const x = e.clientX - r.left;
    const y = e.clientY - r.top;
    if (!g?.rows || (!pressed.current && (x < sc.left || x > sc.right || y < sc.top || y > sc.bottom))) return null;
    return { column: columnAt(g, sc, x), row: rowAt(g, sc, y) };
  };
  const open = (c: Cell) => {
    const id = g?.cells.get(c.column * g.rows + c.row)?.exemplars[0];
    if (id) onOpen?.(id);
  };
  const stop = () => {
    pressed.current = null;
    setAnchor(null);
  };

  function onKeyDown(e: KeyboardEvent) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
    if (!g?.rows) return;
    if (step) {
      e.preventDefault();
      setKeyed(true);
      if (!pointed) return setPointed(fullest(g));
      if (e.shiftKey && onSelect) setAnchor(anchor ?? pointed);
      else setAnchor(null);
      setPointed({ column: Math.min(g.columns - 1, Math.max(0, pointed.column + step[0])), row: Math.min(g.rows - 1, Math.max(0, pointed.row + step[1])) });
    } else if (e.key === "Enter" && pointed && onSelect) {
      e.preventDefault();
      onSelect(boxOf(g, anchor ?? pointed, pointed));
      stop();
    } else if (e.key.toLowerCase() === "o" && pointed && !e.ctrlKey && !e.metaKey && !e.altKey) {
      e.preventDefault();
      e.stopPropagation();
      open(pointed);
    } else if (e.key === "Escape" && (anchor || box)) {
      e.preventDefault();
      if (anchor) stop();
      else onSelect?.(null);
    }
  }

  return (
    <div ref={frame} class={s.frame} style={{ height: `${height}px` }}>
      <div
        class={s.map}
        tabIndex={0}
        role="application"
        aria-label={`${label}. ${summary(g)}`}
        aria-describedby={help}
        onKeyDown={onKeyDown}
        onBlur={() => keyed && setPointed(null)}
        onPointerDown={(e) => {
          const cell = e.button === 0 ? cellAt(e) : null;
          if (!cell) return;
          pressed.current = { x: e.clientX, y: e.clientY, cell };
          e.currentTarget.setPointerCapture(e.pointerId);
        }}
        onPointerMove={(e) => {
          const cell = cellAt(e);
          setKeyed(false);
          if (cell?.column !== pointed?.column || cell?.row !== pointed?.row) setPointed(cell);
          const p = pressed.current;
          if (p && onSelect && !anchor && Math.hypot(e.clientX - p.x, e.clientY - p.y) > 4) setAnchor(p.cell);
        }}
        onPointerUp={(e) => {
          const cell = cellAt(e);
          const p = pressed.current;
          if (g && cell && anchor) onSelect?.(boxOf(g, anchor, cell));
          else if (p && cell) open(cell);
          stop();
        }}
        onPointerCancel={stop}
        onPointerLeave={() => !pressed.current && !keyed && setPointed(null)}
      >
        <canvas ref={canvas} class={[s.canvas, anchor && s.dragging].filter(Boolean).join(" ")} style={{ height: `${height}px` }} />
      </div>
      {g && g.total === 0 && <p class={s.empty}>{t.empty}</p>}
      {g && pointed && width > 0 && <Tip g={g} cell={pointed} making={making} x={sc.x(g.start + (pointed.column + 0.5) * g.step)} y={sc.y(g.bounds[pointed.row + 1] ?? 1)} width={width} height={height} opens={!!onOpen} selects={!!onSelect} />}
      <p id={help} class="hidden-text">
        {t.keys}
      </p>
      <p class="hidden-text" aria-live="polite">
        {keyed && g && pointed ? told(g, making ?? boxOf(g, pointed, pointed)) : ""}
      </p>
    </div>
  );
}

function fullest(g: Grid): Cell {
  let best: Cell = { column: g.columns - 1, row: 0 };
  let most = -1;
  for (const c of g.cells.values()) if (c.count > most) [best, most] = [c, c.count];
  return { column: best.column, row: best.row };
}

/** A number of spans, marked if it is estimated. */
function many(g: Grid, n: number): string {
  return g.estimated ? `≈ ${count(n)}` : count(n);
}

function summary(g: Grid | undefined): string {
  if (!g) return "";
  if (g.total === 0) return t.empty;
  const rows = Array.from({ length: g.rows }, () => 0);
  for (const c of g.cells.values()) rows[c.row] += c.count;
  const row = rows.indexOf(Math.max(...rows));
  return t.summary(many(g, g.total), many(g, g.errors), durationTick(g.bounds[row]), durationTick(g.bounds[row + 1]));
}

function told(g: Grid, b: Box): string {
  const n = inside(g, b);
  return [t.spans(many(g, n.count)), n.errors > 0 && t.errors(many(g, n.errors)), `${time(b.from)} – ${time(b.to)}`, `${duration(b.min)} – ${duration(b.max)}`].filter(Boolean).join(", ");
}

function Tip({ g, cell, making, x, y, width, height, opens, selects }: { g: Grid; cell: Cell; making: Box | null; x: number; y: number; width: number; height: number; opens: boolean; selects: boolean }) {
  const b = making ?? boxOf(g, cell, cell);
  const n = inside(g, b);
  const left = x > width / 2;
  const top = `${Math.max(0, Math.min(y - 10, height - 104))}px`; // all of it in the frame
  return (
    <div class={s.tip} style={left ? { right: `${width - x + 14}px`, top } : { left: `${x + 14}px`, top }}>
      <strong>{t.spans(many(g, n.count))}</strong>
      {n.errors > 0 && <span class={s.failed}>{t.errors(many(g, n.errors))}</span>}
      <span>
        {duration(b.min)} – {duration(b.max)}
      </span>
      <span>
        {time(b.from)} – {time(b.to)}
      </span>
      {!making && (
        <span class={s.hint}>
          {[opens && n.count > 0 && t.clickOpens, selects && t.dragSelects].filter(Boolean).join(" · ")}
        </span>
      )}
    </div>
  );
}
